"""Formulas that work entry by entry, run over blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .blocks import Block, blocks
from .dtypes import Array, Floating, computation_dtype, result_dtype, scalar_or_array
from .schedule import Kernel, run, worker_count

ARRAYS = 8  # of which a block has room in the cache: the handful that a formula makes


def times(weight: Array | None, value: Array) -> Array:
    """Return the product in which 0 * inf is 0: an entry of weight 0 costs nothing."""
    if weight is None:
        return value
    product: Array = np.multiply(weight, value)
    wrong = np.isnan(product)
    if np.count_nonzero(wrong):  # faster than any()
        wrong &= (weight == 0) & ~np.isnan(value) | (value == 0) & np.isinf(weight)
        product[wrong] = 0
    return product


def block_entries(arrays: Sequence[Array | None], block: Block, dtype: np.dtype[Any]) -> list[Any]:
    """Return a block of each array, 1-D and contiguous: so results do not depend on the layout.

    A 0-D array is one number for all blocks.
    """
    return [
        None
        if array is None
        else np.ascontiguousarray(
            array[block.at] if block.at and array.ndim else array, dtype
        ).reshape(-1)
        for array in arrays
    ]


def over_entries(kernel: Kernel, shape: tuple[int, ...], dtype: np.dtype[Any]) -> list[Any]:
    """Run the kernel over blocks, small enough for the handful of arrays that a formula makes."""
    found = blocks(shape, ARRAYS, dtype.itemsize)
    if len(found) == 1:  # no schedule, which takes a small array more time than its formula
        return [kernel(found[0])]
    return run(lambda: kernel, found, worker_count(None))


def elementwise(
    formula: Callable[..., Array], *arrays: Array | None, dtype: np.dtype[Any] | None = None
) -> Floating:
    """Return formula(*arrays), entry by entry, in the first array's dtype.

    The computation is in `dtype`, by default that of a computation with the first array.
    """
    x = arrays[0]
    assert x is not None
    dtype = dtype or computation_dtype(x)
    result = np.empty(x.shape, result_dtype(x))

    def kernel(block: Block) -> None:
        result.reshape(-1)[block.start : block.stop] = formula(*block_entries(arrays, block, dtype))

    over_entries(kernel, x.shape, dtype)
    return scalar_or_array(result)
