"""Binary cross entropy, of probabilities and of logits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._activations.sigmoid import logistic, softplus
from .._core.blocks import Block
from .._core.checks import (
    Array,
    Floating,
    Reduction,
    computation_dtype,
    fits,
    floating,
    gradient_array,
    real,
    reduction_name,
    result_dtype,
    same_shape,
    unit_interval,
)
from .._core.pointwise import elementwise, over_entries, pieces, pointwise_loss, times
from .._core.reduction import keep, losses_for, reduce, reduce_backward


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
        Targets in [0, 1], of any real dtype.
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
        If shapes do not fit, an entry of `probs` or `target` is outside [0, 1] or nan, or
        `reduction` is not one of the three.

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
        dtype=computation_dtype(probs),
    )


def _clamped(probs: Array, target: Array, weight: Array | None) -> Array:
    yes, no = np.maximum(np.log(probs), -100), np.maximum(np.log1p(-probs), -100)
    return 0 - times(weight, target * yes + (1 - target) * no)


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
    dtype = computation_dtype(probs)
    grads = reduce_backward(grad_output, reduction, probs.size, probs.shape, dtype)
    return elementwise(_bounded_slope, probs, target, weight, grads)


def _bounded_slope(probs: Array, target: Array, weight: Array | None, grads: Array) -> Array:
    slope = (probs - target) / np.maximum(probs * (1 - probs), 1e-12)
    gradient: Array = times(weight, slope) * grads
    return gradient


def binary_cross_entropy_with_logits(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Binary cross entropy of logits.

    .. math::
        \ell = w \big[ w_+ t \operatorname{softplus}(-x) + (1 - t) \operatorname{softplus}(x)
        \big], \qquad \operatorname{softplus}(x) = \log(1 + e^x)

    Parameters
    ----------
    logits : array_like, any shape
        Real numbers. float16 is computed in float32; integers become float64.
    target : array_like, the shape of `logits`
        Targets in [0, 1], of any real dtype.
    weight : array_like, optional
        Weight of each entry, of a shape that broadcasts to that of `target`.
    pos_weight : array_like, optional
        Weight :math:`w_+` of the positive part, of a shape that broadcasts to that of `target`.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean over the entries (whatever their weights), the sum, or one loss per entry.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `logits` for ``reduction='none'``
        In the dtype of `logits`.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric.
    ValueError
        If shapes do not fit, or `reduction` is not one of the three.

    See Also
    --------
    binary_cross_entropy_with_logits_value_and_grad, binary_cross_entropy_with_logits_backward,
    log_sigmoid, cross_entropy

    Notes
    -----
    :math:`\max(x, 0) + \log(1 + e^{-|x|})` for softplus: for targets in [0, 1] and weights from
    0 up no term cancels another, and the error is at most 8 ulp at any logit. At x = ±inf the
    loss is 0 or inf; a term of weight 0 counts nothing.

    Examples
    --------
    >>> import losses
    >>> losses.binary_cross_entropy_with_logits([0.0, 80.0], [1, 1], reduction="none")
    array([6.93147181e-01, 1.80485139e-35])
    """
    logits, *others = _logits(logits, target, weight, pos_weight, reduction)
    return pointwise_loss(
        _loss,
        logits,
        *others,
        reduction=reduction,
        divisor=logits.size,
        dtype=computation_dtype(logits),
    )


def _loss(logits: Array, target: Array, weight: Array | None, pos_weight: Array | None) -> Array:
    positive = times(pos_weight, times(target, softplus(-logits)))
    return times(weight, positive + times(1 - target, softplus(logits)))


def binary_cross_entropy_with_logits_backward(
    grad_output: ArrayLike,
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Gradient of `binary_cross_entropy_with_logits` with respect to the logits.

    .. math::
        \frac{\partial}{\partial x} =
        g \, w \big[ (1 - t) \, \sigma(x) - w_+ t \, \sigma(-x) \big]

    Parameters
    ----------
    grad_output : array_like, the shape of what `binary_cross_entropy_with_logits` returned
        The gradient with respect to that: a scalar, or one entry per loss for ``'none'``.
    logits, target : array_like
        What `binary_cross_entropy_with_logits` was given.
    weight, pos_weight, reduction : optional
        As in `binary_cross_entropy_with_logits`.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `logits`

    Raises
    ------
    TypeError, ValueError
        As `binary_cross_entropy_with_logits`, and if `grad_output` has another shape than stated.

    See Also
    --------
    binary_cross_entropy_with_logits, binary_cross_entropy_with_logits_value_and_grad

    Notes
    -----
    :math:`1 - \sigma(x)` is computed as :math:`\sigma(-x)`: at most 8 ulp for a target of 0 or
    1, and of the larger of the two terms for one between.

    Examples
    --------
    >>> import losses
    >>> losses.binary_cross_entropy_with_logits_backward([1.0, 1.0], [0.0, 80.0], [1, 1],
    ...                                                  reduction="none")
    array([-5.00000000e-01, -1.80485139e-35])
    """
    logits, *others = _logits(logits, target, weight, pos_weight, reduction)
    dtype = computation_dtype(logits)
    grads = reduce_backward(grad_output, reduction, logits.size, logits.shape, dtype)
    return elementwise(_slope, logits, *others, grads)


def _slope(
    logits: Array, target: Array, weight: Array | None, pos_weight: Array | None, grads: Array
) -> Array:
    positive = target * logistic(-logits)
    if pos_weight is not None:
        positive *= pos_weight
    slope: Array = (1 - target) * logistic(logits) - positive
    if weight is not None:
        slope *= weight
    slope *= grads
    return slope


def binary_cross_entropy_with_logits_value_and_grad(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Binary cross entropy of logits and its gradient, in one pass.

    .. math::
        \big( \ell, \; \partial \ell / \partial x \big), \quad \text{or} \quad
        \Big( \ell, \; \partial \sum \ell / \partial x \Big) \text{ for 'none'}

    Parameters
    ----------
    logits, target : array_like
        As in `binary_cross_entropy_with_logits`.
    weight, pos_weight, reduction : optional
        As in `binary_cross_entropy_with_logits`.
    out : ndarray, the shape and dtype of `logits`, optional
        Receives the gradient. It may be `logits` itself, which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        As from `binary_cross_entropy_with_logits`, bit for bit.
    grad_logits : ndarray, the shape and dtype of `logits`
        As from `binary_cross_entropy_with_logits_backward` with a `grad_output` of ones, bit for
        bit; it is `out` where that was given.

    Raises
    ------
    TypeError, ValueError
        As `binary_cross_entropy_with_logits`, and if `out` has the wrong shape or dtype, is
        read-only, or overlaps an input without being `logits`; nothing is written then.

    See Also
    --------
    binary_cross_entropy_with_logits, binary_cross_entropy_with_logits_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> logits, target = [0.0, 80.0], [1, 1]
    >>> losses.binary_cross_entropy_with_logits_value_and_grad(logits, target)[1]
    array([-2.50000000e-01, -9.02425694e-36])
    """
    logits, *others = _logits(logits, target, weight, pos_weight, reduction)
    dtype = computation_dtype(logits)
    # The gradient of single losses is that of their sum.
    upstream_of = "sum" if reduction == "none" else reduction
    grads = reduce_backward(1.0, upstream_of, logits.size, logits.shape, dtype)
    inputs = {"target": others[0], "weight": others[1], "pos_weight": others[2]}
    given = {name: array for name, array in inputs.items() if array is not None}
    grad_logits = gradient_array(out, result_dtype(logits), logits, **given)
    losses = losses_for(reduction, logits.shape, result_dtype(logits))

    def kernel(block: Block) -> Any:
        parts = pieces([logits, *others, grads], block, dtype)
        loss, slope = _loss(*parts[:-1]), _slope(*parts)
        grad_logits[block.at] = slope.reshape(grad_logits[block.at].shape)
        return keep(losses, block, loss)

    sums = over_entries(lambda: kernel, logits.shape, dtype)
    return reduce(losses, sums, reduction, logits.size, result_dtype(logits)), grad_logits


def _probabilities(
    probs: ArrayLike, target: ArrayLike, weight: ArrayLike | None, reduction: object
) -> tuple[Array, Array, Array | None]:
    """Return the arrays of binary_cross_entropy once every argument is right."""
    reduction_name(reduction)
    probs, target = floating(probs=probs), real(target=target)
    same_shape(probs=probs, target=target)
    unit_interval(probs=probs)
    unit_interval(target=target)
    return probs, target, None if weight is None else fits(target, weight=weight)


def _logits(
    logits: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None,
    pos_weight: ArrayLike | None,
    reduction: object,
) -> tuple[Array, Array, Array | None, Array | None]:
    """Return the arrays of binary_cross_entropy_with_logits once every argument is right."""
    reduction_name(reduction)
    logits, target = floating(logits=logits), real(target=target)
    same_shape(logits=logits, target=target)
    weight = None if weight is None else fits(target, weight=weight)
    pos_weight = None if pos_weight is None else fits(target, pos_weight=pos_weight)
    return logits, target, weight, pos_weight
