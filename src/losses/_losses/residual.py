"""What the losses of a residual share: predictions and target, checked, subtracted, weighted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .._core.checks import floating, real, same_shape
from .._core.dtypes import Array, Floating, computation_dtype
from .._core.entries import elementwise
from .entrywise import pointwise_loss
from .options import reduction_name
from .reduction import reduce_backward, total

Formula: TypeAlias = Callable[[Array, Array | None], Array]


def residual_loss(
    loss: Formula,
    predictions: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None,
    reduction: str,
) -> Floating:
    """Return loss(predictions - target, weight), reduced."""
    predictions, target, weight, dtype, divisor = checked(predictions, target, weight, reduction)
    return pointwise_loss(
        lambda y, t, w: loss(y - t, w),
        predictions,
        target,
        weight,
        reduction=reduction,
        divisor=divisor,
        dtype=dtype,
    )


def residual_gradient(
    slope: Formula,
    grad_output: ArrayLike,
    predictions: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None,
    reduction: str,
) -> Floating:
    """Return slope(predictions - target, weight) times the gradient of each loss."""
    predictions, target, weight, dtype, divisor = checked(predictions, target, weight, reduction)
    grads = reduce_backward(grad_output, reduction, divisor, predictions.shape, dtype)
    return elementwise(
        lambda y, t, w, g: slope(y - t, w) * g, predictions, target, weight, grads, dtype=dtype
    )


def checked(
    predictions: ArrayLike, target: ArrayLike, weight: ArrayLike | None, reduction: object
) -> tuple[Array, Array, Array | None, np.dtype[Any], Any]:
    """Return the arrays, the computation's dtype (the wider one's) and the mean's divisor."""
    reduction_name(reduction)
    predictions, target = floating(predictions=predictions), real(target=target)
    same_shape(predictions=predictions, target=target)
    dtype = np.result_type(computation_dtype(predictions), target.dtype)
    if weight is None:
        return predictions, target, None, dtype, predictions.size
    weight = real(weight=weight)
    same_shape(weight=weight, predictions=predictions)
    with np.errstate(all="ignore"):
        return predictions, target, weight, np.result_type(dtype, weight.dtype), total(weight)
