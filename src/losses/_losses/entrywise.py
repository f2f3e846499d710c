"""Losses entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.blocks import Block
from .._core.dtypes import Array, Floating, result_dtype
from .._core.entries import block_entries, over_entries
from .reduction import keep, losses_for, reduce


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
        return keep(losses, block, formula(*block_entries(arrays, block, dtype)))

    sums = over_entries(lambda: kernel, x.shape, dtype)
    return reduce(losses, sums, reduction, divisor, result_dtype(x))
