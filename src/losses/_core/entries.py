"""Formulas that work entry by entry, run over blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .blocks import Block, cut, cut_block, room
from .dtypes import Array, Floating, computation_dtype, result_dtype, scalar_or_array
from .schedule import Kernel, run, worker_count

ARRAYS = 8  # of which a part has room in the cache: the handful that a formula makes
PARTS = 4  # of a block


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
    """Run the kernel over blocks; return what it returns for each, in order.

    One worker takes the parts of each block, which fit its cache. Several take whole blocks, for
    they meet at the interpreter's lock after each call.
    """
    size = room(ARRAYS, dtype.itemsize)
    found: Sequence[Block] = cut(shape, PARTS * size)
    if len(found) == 1 and found[0].stop <= size:
        return [kernel(found[0])]  # no schedule, which takes a small array more than its formula
    workers = worker_count(None)
    if workers == 1 or len(found) == 1:
        found = [part for block in found for part in cut_block(block, shape, size)]
    return run(lambda: kernel, found, workers)


def over_parts(
    function: Callable[[Array], Any],
    entries: Array,
    block: Block,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> list[Any]:
    """Return a function of the entries of each part of a block.

    So sums have the same bits for any number of workers.
    """
    size = room(ARRAYS, dtype.itemsize)
    if entries.size <= size:
        return [function(entries)]
    start = block.start
    return [
        function(entries[part.start - start : part.stop - start])
        for part in cut_block(block, shape, size)
    ]


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
