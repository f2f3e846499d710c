"""Losses entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.blocks import Block
from .._core.dtypes import Array, Floating, result_dtype
from .._core.entries import over_entries, pieces
from .reduction import losses_for, reduce, store_or_sum


def pointwise_loss(
    formula: Callable[..., Array],
    *arrays: Array | None,
    reduction: str,
    divisor: Any,
    dtype: np.dtype[Any],
) -> Floating:
    """Return the losses formula(*arrays), entry by entry and reduced, computed in `dtype`."""
    x = arrays[0]
    assert x is not None
    losses = losses_for(reduction, x.shape, result_dtype(x))

    def kernel(block: Block) -> Any:
        return store_or_sum(losses, block, formula(*pieces(arrays, block, dtype)))

    sums = over_entries(lambda: kernel, x.shape, dtype)
    return reduce(losses, sums, reduction, divisor, result_dtype(x))
