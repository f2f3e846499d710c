"""Binary cross entropy of probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._core.checks import fits, floating, real, same_shape
from .._core.dtypes import Array, Floating, computation_dtype_with
from .._core.entries import elementwise, times
from .._core.public import public
from .._losses.domains import unit_interval
from .._losses.entrywise import pointwise_loss
from .._losses.options import Reduction, reduction_name
from .._losses.reduction import reduce_backward


@public
def binary_cross_entropy(
    probs: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Binary cross entropy of probabilities.

    .. math::
        \ell = -w \big[ t \max(\log p, -100) + (1 - t) \max(\log(1 - p), -100) \big]

    Parameters
    ----------
    probs : array_like, any shape
        Probabilities in [0, 1]. float16 is computed in float32; integers become float64.
    target : array_like, the shape of `probs`
        Targets in [0, 1], of any real dtype; where the weight is 0, any real number.
    weight : array_like, optional
        Weight of each entry, of a shape that broadcasts to that of `target`.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean over the entries (whatever their weights), the sum, or one loss per entry.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `probs` for ``reduction='none'``
        In the dtype of `probs`.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric.
    ValueError
        If shapes do not fit, an entry of `probs`, or one of `target` whose weight is not 0, is
        outside [0, 1] or nan, or `reduction` is not one of the three.

    See Also
    --------
    binary_cross_entropy_with_logits, binary_cross_entropy_backward

    Notes
    -----
    The logarithms are clamped at -100, so that p = 0 and p = 1 have finite losses. At most 6 ulp
    of the formula at the given `probs`; but a probability rounded to 1 has lost its tail, which
    `binary_cross_entropy_with_logits` keeps.

    Examples
    --------
    >>> import losses
    >>> losses.binary_cross_entropy([0.9, 0.2], [1, 0], reduction="none").round(4)
    array([0.1054, 0.2231])
    """
    probs, target, weight = _probabilities(probs, target, weight, reduction)
    return pointwise_loss(
        _clamped,
        probs,
        target,
        weight,
        reduction=reduction,
        divisor=probs.size,
        dtype=computation_dtype_with(target, probs),
    )


def _clamped(probs: Array, target: Array, weight: Array | None) -> Array:
    yes, no = np.maximum(np.log(probs), -100), np.maximum(np.log1p(-probs), -100)
    return 0 - times(weight, target * yes + (1 - target) * no)


@public
def binary_cross_entropy_backward(
    grad_output: ArrayLike,
    probs: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Gradient of `binary_cross_entropy` with respect to the probabilities.

    .. math:: \frac{\partial}{\partial p} = g \, w \, \frac{p - t}{\max(p (1 - p), 10^{-12})}

    Parameters
    ----------
    grad_output : array_like, the shape of what `binary_cross_entropy` returned
        The gradient with respect to that: a scalar, or one entry per loss for ``'none'``.
    probs, target : array_like
        What `binary_cross_entropy` was given.
    weight, reduction : optional
        As in `binary_cross_entropy`.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `probs`

    Raises
    ------
    TypeError, ValueError
        As `binary_cross_entropy`, and if `grad_output` has another shape than stated.

    See Also
    --------
    binary_cross_entropy, binary_cross_entropy_with_logits_backward

    Notes
    -----
    This is PyTorch's gradient, bounded near 0 and 1. It is not the derivative of the clamped
    loss, which is 0 where a logarithm is clamped. On logits nothing needs to be clamped: prefer
    `binary_cross_entropy_with_logits`. At most 6 ulp of the formula at the given `probs`.

    Examples
    --------
    >>> import losses
    >>> losses.binary_cross_entropy_backward(1.0, [0.5, 0.2], [1, 0])
    array([-1.   ,  0.625])
    """
    probs, target, weight = _probabilities(probs, target, weight, reduction)
    dtype = computation_dtype_with(target, probs)
    grads = reduce_backward(grad_output, reduction, probs.size, probs.shape, dtype)
    return elementwise(_bounded_slope, probs, target, weight, grads, dtype=dtype)


def _bounded_slope(probs: Array, target: Array, weight: Array | None, grads: Array) -> Array:
    slope = (probs - target) / np.maximum(probs * (1 - probs), 1e-12)
    gradient: Array = times(weight, slope) * grads
    return gradient


def _probabilities(
    probs: ArrayLike, target: ArrayLike, weight: ArrayLike | None, reduction: object
) -> tuple[Array, Array, Array | None]:
    """Return the arrays of binary_cross_entropy once every argument is right."""
    reduction_name(reduction)
    probs, target = floating(probs=probs), real(target=target)
    same_shape(probs=probs, target=target)
    weight = None if weight is None else fits(target, weight=weight)
    unit_interval(probs=probs)
    unit_interval(weight, target=target)
    return probs, target, weight
