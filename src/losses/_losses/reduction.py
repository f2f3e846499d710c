"""The reductions none, mean and sum of a loss and, beside them, their backward."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core.blocks import Block
from .._core.checks import check_grad_output
from .._core.dtypes import Array, Floating, cast, scalar_or_array, wide_dtype


def total(array: Array, dtype: np.dtype[Any] | None = None) -> Any:
    """Return the sum in float64, or in longdouble if a dtype, that of the array or another, is.

    float32 has 29 bits to spare there.
    """
    return np.add.reduce(array, axis=None, dtype=wide_dtype(dtype or array.dtype))


def sum_to(array: Array, shape: tuple[int, ...]) -> Array:
    """Return the sums over the entries that one entry of a shape is broadcast to, as `total`."""
    kept = shape or (1,) * array.ndim
    axes = tuple(i for i, size in enumerate(kept) if size != array.shape[i])
    dtype = wide_dtype(array.dtype)
    sums: Array = np.add.reduce(array, axis=axes, dtype=dtype, keepdims=True)
    return sums.reshape(shape)


def losses_for(reduction: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array | None:
    """Return the array of losses that ``none`` fills; mean and sum need no such memory."""
    return np.zeros(shape, dtype) if reduction == "none" else None


def store_or_sum(losses: Array | None, block: Block, loss: Array) -> Any:
    """Store the losses of one block; where there is no array for them, return their sum."""
    if losses is None:
        return total(loss)
    losses.reshape(-1)[block.start : block.stop] = loss
    return None


def reduce(
    losses: Array | None, sums: list[Any], reduction: str, divisor: Any, dtype: np.dtype[Any]
) -> Floating:
    """Return the losses, or the blocks' sums brought together and, for the mean, divided."""
    if losses is not None:
        return scalar_or_array(losses)
    result = sums[0] if len(sums) == 1 else total(np.asarray(sums))
    if reduction == "mean":
        result = result / divisor
    rounded: Floating = dtype.type(result)
    return rounded


def reduce_backward(
    grad_output: ArrayLike,
    reduction: str,
    divisor: Any,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> Array:
    """Return the gradient with respect to each loss: an array for none, else one for all, 0-D."""
    grad = check_grad_output(grad_output, shape if reduction == "none" else ())
    return _share(grad, divisor, dtype) if reduction == "mean" else cast(grad, dtype)


def loss_grads(
    grad_output: ArrayLike | None,
    reduction: str,
    divisor: Any,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> Array:
    """Return reduce_backward of grad_output, or of ones where it is None."""
    if grad_output is None:
        return unit_backward(reduction, divisor, dtype)
    return reduce_backward(grad_output, reduction, divisor, shape, dtype)


def unit_backward(reduction: str, divisor: Any, dtype: np.dtype[Any]) -> Array:
    """Return reduce_backward of 1: for none, that of the sum of the losses."""
    if reduction != "mean":
        return np.ones((), dtype)
    return _unit_share(divisor, dtype) if type(divisor) is int else _share(1, divisor, dtype)


def _share(grad: Any, divisor: Any, dtype: np.dtype[Any]) -> Array:
    """Return what each loss receives of the gradient with respect to their mean."""
    # A cast, for a dtype called with a scalar of bfloat16 ignores the order of its bytes.
    return np.asarray(np.asarray(grad).astype(wide_dtype(dtype)) / divisor, dtype)


@lru_cache(maxsize=256)
def _unit_share(count: int, dtype: np.dtype[Any]) -> Array:
    share = _share(1, count, dtype)
    share.flags.writeable = False
    return share


def part(grads: Array, block: Block) -> Array:
    """Return one block of what reduce_backward returned."""
    return grads[block.at].reshape(-1) if grads.ndim else grads
