"""Binary cross entropy of logits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._activations.sigmoid import exp_minus_abs, log1p_small, sigmoid_product
from .._core.dtypes import Array, Floating
from .._core.entries import times
from .._core.public import public
from .._losses.domains import unit_interval
from .._losses.entry_problem import Entrywise
from .._losses.entrywise import (
    backward,
    forward,
    hessian_diagonal,
    hvp,
    target_backward,
    value_and_grad,
)
from .._losses.options import Reduction


def _shared(
    logits: Array, target: Array, pos_weight: Array | None
) -> tuple[Array, Array, Array | None, Array]:
    return logits, target, pos_weight, exp_minus_abs(logits)


def _loss(logits: Array, target: Array, pos_weight: Array | None, small: Array) -> Array:
    """Return the losses; `small` is exp(-|x|).

    With A = 1 - t, B = w+ t and s = [x >= 0], A softplus(x) + B softplus(-x) is
    (A s - B (1 - s)) x + (A + B) log1p(exp(-|x|)), in which no term is below 0.
    """
    loss = _side(_above(logits), target, pos_weight)
    loss *= logits
    tail = log1p_small(small)
    if pos_weight is not None:
        tail *= _whole(target, pos_weight)
    loss += tail
    if np.isnan(np.minimum.reduce(loss, initial=np.inf)):  # 0 * inf, or nan in the logits
        wrong = np.isnan(loss) & ~np.isnan(logits)
        loss[wrong] = _loss_with_infinities(
            logits[wrong], target[wrong], None if pos_weight is None else pos_weight[wrong]
        )
    return loss


def _loss_with_infinities(logits: Array, target: Array, pos_weight: Array | None) -> Array:
    tail = log1p_small(exp_minus_abs(logits))
    positive = times(pos_weight, times(target, np.maximum(-logits, 0) + tail))
    return positive + times(1 - target, np.maximum(logits, 0) + tail)


def _slope(logits: Array, target: Array, pos_weight: Array | None, small: Array) -> Array:
    """Return the slopes.

    With the names of _loss, A sigmoid(x) - B sigmoid(-x) is
    (A s - B (1 - s) + (A (1 - s) - B s) exp(-|x|)) / (1 + exp(-|x|)).
    """
    above = _above(logits)
    far = _side(1 - above, target, pos_weight)
    far *= small
    slope = _side(above, target, pos_weight)
    slope += far
    slope /= 1 + small
    return slope


def _target_slope(logits: Array, _: Array, pos_weight: Array | None, small: Array) -> Array:
    """Return w+ softplus(-x) - softplus(x).

    That is (w+ - 1) log1p(exp(-|x|)) - x for x from 0 up, and with w+ x in the place of x below.
    """
    if pos_weight is None:
        return 0 - logits  # 0, not -0, at 0
    slope = (pos_weight - 1) * log1p_small(small)
    slope -= np.where(logits < 0, times(pos_weight, logits), logits)
    return slope


def _whole(target: Array, pos_weight: Array) -> Array:
    """Return A + B, see _loss."""
    whole: Array = (1 - target) + pos_weight * target
    return whole


def _above(logits: Array) -> Array:
    """Return s = [x >= 0]."""
    return (logits >= 0).astype(logits.dtype)


def _side(above: Array, target: Array, pos_weight: Array | None) -> Array:
    """Return A s - B (1 - s), see _loss."""
    if pos_weight is None:
        return above - target
    side: Array = (1 - target) * above - pos_weight * target * (1 - above)
    return side


def _curvature(_: Array, target: Array, pos_weight: Array | None, small: Array) -> tuple[Any, ...]:
    """Return sigmoid(x) sigmoid(-x), A + B with the names of _loss, and 1."""
    both = sigmoid_product(small)
    return (both, 1) if pos_weight is None else (both, _whole(target, pos_weight), 1)


BINARY_WITH_LOGITS = Entrywise(
    ("logits", "target", "pos_weight"),
    _shared,
    _loss,
    _slope,
    _curvature,
    domains={"target": unit_interval},
    mean_of_entries=True,
)


@public
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
        Weight of each entry, of a shape that broadcasts to that of `target`. An entry of weight 0
        is left out, whatever it holds, so a boolean mask may be the weight.
    pos_weight : array_like, optional
        Weight :math:`w_+` of the positive part, of a shape that broadcasts to that of `target`.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean (the sum divided by the number of entries, whatever their weights), the sum, or
        one loss per entry.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `logits` for ``reduction='none'``
        In the dtype of `logits`.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric.
    ValueError
        If shapes do not fit, an entry of `target` with a weight other than 0 is outside [0, 1] or
        nan, or `reduction` is not one of the three.

    See Also
    --------
    binary_cross_entropy_with_logits_value_and_grad, binary_cross_entropy_with_logits_backward,
    log_sigmoid, cross_entropy

    Notes
    -----
    softplus is computed as :math:`\max(x, 0) + \log(1 + e^{-|x|})`. For targets in [0, 1] and
    weights from 0 up no term cancels another. The error is at most 8 ulp at any logit for which
    :math:`e^{-|x|}` is a normal number (:math:`|x|` up to 87 in float32, 708 in float64). At larger
    :math:`|x|` the error of this exponential is about the smallest subnormal number, and that of
    the loss is the same times the weights. At x = ±inf the loss is 0 or inf. A term of weight 0
    adds 0.

    Examples
    --------
    >>> import losses
    >>> losses.binary_cross_entropy_with_logits([0.0, 80.0], [1, 1], reduction="none")
    array([6.93147181e-01, 1.80485139e-35])
    """
    return forward(BINARY_WITH_LOGITS, (logits, target, pos_weight), weight, reduction)


@public
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
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
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
        As in `binary_cross_entropy_with_logits`; also if `grad_output` has another shape than
        stated.

    See Also
    --------
    binary_cross_entropy_with_logits, binary_cross_entropy_with_logits_value_and_grad

    Notes
    -----
    :math:`1 - \sigma(x)` is computed as :math:`\sigma(-x)`. The error is at most 8 ulp for a target
    of 0 or 1. For a target between 0 and 1 it is at most 8 ulp of the larger of the two terms. If
    :math:`e^{-|x|}` is below the normal numbers, its error is about the smallest subnormal number,
    and that of the gradient is the same times the weights and `grad_output`.

    Examples
    --------
    >>> import losses
    >>> losses.binary_cross_entropy_with_logits_backward([1.0, 1.0], [0.0, 80.0], [1, 1],
    ...                                                  reduction="none")
    array([-5.00000000e-01, -1.80485139e-35])
    """
    arrays = (logits, target, pos_weight)
    return backward(BINARY_WITH_LOGITS, grad_output, arrays, weight, reduction)


@public
def binary_cross_entropy_with_logits_value_and_grad(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Binary cross entropy of logits and its gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial x} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial x} \Big) \text{ for 'none'}

    Parameters
    ----------
    logits, target : array_like
        As in `binary_cross_entropy_with_logits`.
    weight, pos_weight, reduction : optional
        As in `binary_cross_entropy_with_logits`.
    grad_output : array_like, the shape of the loss, optional
        The gradient with respect to the loss, as in `binary_cross_entropy_with_logits_backward`; 1
        by default. It multiplies the gradient and not the loss.
    out : ndarray, the shape and dtype of `logits`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `logits` itself,
        which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `binary_cross_entropy_with_logits` returns, bit for bit.
    grad_logits : ndarray, the shape and dtype of `logits`
        What `binary_cross_entropy_with_logits_backward` returns, bit for bit. It is `out`, if `out`
        was given.

    Raises
    ------
    TypeError, ValueError
        As in `binary_cross_entropy_with_logits`; also if `grad_output` has another shape than the
        loss, or if `out` has the wrong shape or dtype, is read-only, or overlaps an input without
        being `logits`. If an argument is wrong, nothing is written.

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
    arrays = (logits, target, pos_weight)
    return value_and_grad(
        BINARY_WITH_LOGITS, arrays, weight, reduction, grad_output=grad_output, out=out
    )


@public
def binary_cross_entropy_with_logits_hvp(
    vector: ArrayLike,
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Hessian of `binary_cross_entropy_with_logits` with respect to the logits, times a vector.

    .. math::
        (H u) = w \big[ (1 - t) + w_+ t \big] \, \sigma(x) \, \sigma(-x) \, u,

    divided by the number of entries for the mean. The Hessian is diagonal.

    Parameters
    ----------
    vector : array_like, the shape of `logits`
        The vector: finite numbers, which are rounded to the dtype of the computation.
    logits, target : array_like
        As in `binary_cross_entropy_with_logits`.
    weight, pos_weight, reduction : optional
        As in `binary_cross_entropy_with_logits`. For ``'none'`` it is the Hessian of the sum of the
        losses.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `logits`

    Raises
    ------
    TypeError, ValueError
        As in `binary_cross_entropy_with_logits`; also if `vector` has another shape than `logits`.

    See Also
    --------
    binary_cross_entropy_with_logits_hessian_diagonal, binary_cross_entropy_with_logits_backward

    Notes
    -----
    The error is that of the diagonal plus half an ulp, if :math:`\sigma(x) \, \sigma(-x)` is a
    normal number. A subnormal number has fewer digits, and only these are right.

    Examples
    --------
    >>> import losses
    >>> losses.binary_cross_entropy_with_logits_hvp([1.0, 2.0], [0.0, 80.0], [1, 1])
    array([1.25000000e-01, 1.80485139e-35])
    """
    arrays = (logits, target, pos_weight)
    return hvp(BINARY_WITH_LOGITS, vector, arrays, weight, reduction)


@public
def binary_cross_entropy_with_logits_hessian_diagonal(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Diagonal of the Hessian of `binary_cross_entropy_with_logits`, whose other entries are 0.

    .. math::
        \frac{\partial^2}{\partial x^2} =
        w \big[ (1 - t) + w_+ t \big] \, \sigma(x) \, \sigma(-x),

    divided by the number of entries for the mean.

    Parameters
    ----------
    logits, target : array_like
        As in `binary_cross_entropy_with_logits`.
    weight, pos_weight, reduction : optional
        As in `binary_cross_entropy_with_logits`. For ``'none'`` it is the Hessian of the sum of the
        losses, as for ``'sum'``; gradient boosting needs this one.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `logits`

    Raises
    ------
    TypeError, ValueError
        As in `binary_cross_entropy_with_logits`.

    See Also
    --------
    binary_cross_entropy_with_logits_hvp, binary_cross_entropy_with_logits_value_and_grad

    Notes
    -----
    In :math:`\sigma(x) \, \sigma(-x) = e^{-|x|} / (1 + e^{-|x|})^2` no terms cancel. For targets in
    [0, 1] and weights from 0 up, the error is at most 8 ulp at any logit for which
    :math:`e^{-|x|}` is a normal number. A subnormal number has fewer digits, and only these are
    right.

    Examples
    --------
    >>> import losses
    >>> losses.binary_cross_entropy_with_logits_hessian_diagonal([0.0, 80.0], [1, 1])
    array([1.25000000e-01, 9.02425694e-36])
    """
    return hessian_diagonal(BINARY_WITH_LOGITS, (logits, target, pos_weight), weight, reduction)


@public
def binary_cross_entropy_with_logits_target_backward(
    grad_output: ArrayLike,
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Gradient of `binary_cross_entropy_with_logits` with respect to the target.

    .. math::
        \frac{\partial}{\partial t} =
        g \, w \big[ w_+ \operatorname{softplus}(-x) - \operatorname{softplus}(x) \big]

    Use it if a model produces the target: a teacher that learns too, or labels that are learned.

    Parameters
    ----------
    grad_output : array_like, the shape of what `binary_cross_entropy_with_logits` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    logits, target : array_like
        What `binary_cross_entropy_with_logits` was given.
    weight, pos_weight, reduction : optional
        As in `binary_cross_entropy_with_logits`.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `target`
        float64 for targets that are integers or booleans. It does not depend on the target.

    Raises
    ------
    TypeError, ValueError
        As in `binary_cross_entropy_with_logits`; also if `grad_output` has another shape than
        stated.

    See Also
    --------
    binary_cross_entropy_with_logits, binary_cross_entropy_with_logits_backward

    Notes
    -----
    Without `pos_weight` the gradient is -x times `weight` and `grad_output`, and only these
    products are rounded. With `pos_weight` the error is at most 8 ulp of the sum of the absolute
    values of the two terms.

    Examples
    --------
    >>> import losses
    >>> losses.binary_cross_entropy_with_logits_target_backward(1.0, [0.5, -2.0], [1.0, 0.25])
    array([-0.25,  1.  ])
    """
    arrays = (logits, target, pos_weight)
    return target_backward(
        BINARY_WITH_LOGITS, _target_slope, grad_output, arrays, weight, reduction
    )
