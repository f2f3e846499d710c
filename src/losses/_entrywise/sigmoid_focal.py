"""Focal loss of logits."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._activations.sigmoid import exp_minus_abs, log1p_small
from .._core.dtypes import Array, Floating
from .._core.entries import times
from .._core.public import public
from .._losses.domains import labels_0_1, unit_interval
from .._losses.entry_problem import Entrywise
from .._losses.entrywise import backward, forward, hessian_diagonal, value_and_grad
from .._losses.options import Reduction, number


class Parts(NamedTuple):
    """What the formulas share; E is exp(-|x|), s is [x >= 0]."""

    near: Array  # s - t, whose size is what the target has on the other side of x
    far: Array  # t - (1 - s), the rest, with the same sign
    small: Array  # E
    share: Array  # u (1 + E) = |near| + |far| E
    entropy: Array
    scale: Array  # alpha_t u**gamma
    gamma: float


def _shared(logits: Array, target: Array, alpha: float | None, gamma: float) -> Parts:
    """Return sums without cancellation: each has terms of one sign."""
    small = exp_minus_abs(logits)
    above = (logits >= 0).astype(logits.dtype)
    near = above - target
    np.subtract(1, above, out=above)
    far = np.subtract(target, above, out=above)
    other_side = np.abs(near)
    share = np.abs(far)
    share *= small
    share += other_side
    entropy = times(other_side, np.abs(logits))
    entropy += log1p_small(small)
    scale = share / (1 + small)
    scale **= gamma
    if alpha is not None:
        scale *= alpha * target + (1 - alpha) * (1 - target)
    return Parts(near, far, small, share, entropy, scale, gamma)


def _loss(*shared: Any) -> Array:
    parts = Parts(*shared)
    return times(parts.scale, parts.entropy)


def _slope(*shared: Any) -> Array:
    """Return alpha_t u**gamma [gamma (1 - 2 t) E / share ce + near - far E] / (1 + E)."""
    near, far, small, share, entropy, scale, gamma = shared
    info = np.finfo(small.dtype)
    # E / share is at most 1; the bounds are for 0 / 0 and 0 * inf where x is so large that E is 0.
    slope: Array = small / np.maximum(share, info.smallest_subnormal)
    slope *= np.minimum(entropy, info.max)
    slope *= near - far  # 1 - 2 t
    slope *= gamma
    slope += near
    slope -= far * small
    slope /= 1 + small
    slope *= scale
    return slope


def _curvature(*shared: Any) -> tuple[Any, ...]:
    """Return p [(1 + 2 gamma) u + gamma ce (gamma p - u)], alpha_t u**gamma, and 1."""
    near, far, small, share, entropy, scale, gamma = shared
    p = np.abs(near)
    p *= small
    p += np.abs(far)
    p /= 1 + small
    u = share / (1 + small)
    curvature = gamma * p - u
    curvature *= p  # before ce, for 0 * inf
    curvature *= np.minimum(entropy, np.finfo(small.dtype).max)
    curvature *= gamma
    u *= p
    u *= 1 + 2 * gamma
    curvature += u
    return curvature, scale, 1


def _alpha(*, alpha: object) -> float | None:
    return None if alpha is None else number("[0, 1]", alpha=alpha)


SIGMOID_FOCAL = Entrywise(
    ("logits", "target"),
    _shared,
    _loss,
    _slope,
    _curvature,
    domains={"target": unit_interval},
    options={"alpha": _alpha, "gamma": partial(number, "[0, inf)")},
)
OF_LABELS = SIGMOID_FOCAL._replace(domains={"target": labels_0_1})


@public
def sigmoid_focal_loss(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Focal loss of logits, each of a class by itself.

    .. math::
        \ell = w \, \alpha_t \, u^\gamma \, c, \qquad \text{mean} = \frac{\sum \ell}{\sum w},

    with the binary cross entropy :math:`c = t \log(1 + e^{-x}) + (1 - t) \log(1 + e^x)`, the
    share :math:`u = t \, \sigma(-x) + (1 - t) \, \sigma(x)` of the wrong class and
    :math:`\alpha_t = \alpha t + (1 - \alpha)(1 - t)`. Labels that are predicted well count
    little, so that many easy ones do not drown the few hard ones, as in detection.

    Parameters
    ----------
    logits : array_like, any shape
        Real numbers. float16 is computed in float32; integers become float64.
    target : array_like, the shape of `logits`
        Targets in [0, 1], of any real dtype.
    alpha : float or None, default 0.25, in [0, 1]
        The weight of targets of 1; those of 0 have ``1 - alpha``. None: both have 1, as
        torchvision's -1 means.
    gamma : float, default 2.0, in [0, inf)
        How much less a good prediction counts. With 0 it is a weighted
        `binary_cross_entropy_with_logits`.
    weight : array_like, the shape of `logits`, optional
        Weight of each entry. An entry of weight 0 is left out, whatever it holds, so a boolean mask
        may be the weight.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean (weighted, if there is a `weight`), the sum, or one loss per entry.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `logits` for ``reduction='none'``
        In the dtype of `logits`. The mean of nothing is nan.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric, or an option no number.
    ValueError
        If shapes differ (nothing is broadcast), an entry of `target` is outside [0, 1] or
        nan where its weight is not 0, an option is not in its interval, or `reduction` is
        not one of the three.

    See Also
    --------
    sigmoid_focal_loss_backward, sigmoid_focal_loss_value_and_grad,
    sigmoid_focal_loss_hessian_diagonal, binary_cross_entropy_with_logits

    Notes
    -----
    Every sum has terms of one sign, and :math:`1 - p` is the other class's :math:`\sigma`: the
    error is at most :math:`28 + 11 \gamma` ulp, mostly that of NumPy's exponential and power,
    at any logit for which :math:`e^{-|x|}` and :math:`u^\gamma` are normal numbers. A mean or
    sum adds half an ulp for float16 and float32, which are summed in float64. At x = ±inf the
    loss is 0 or inf; what has no weight, also by `alpha`, counts nothing. To divide by the
    number of positive targets, take reduction='sum'. Targets between 0 and 1 follow the
    formulas.

    References
    ----------
    T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollár, "Focal loss for dense object
    detection", arXiv:1708.02002 (2017).

    Examples
    --------
    >>> import losses
    >>> losses.sigmoid_focal_loss([2.0, 2.0, 40.0], [1, 0, 1], alpha=None, reduction="none")
    array([1.80356284e-03, 1.65007818e+00, 7.66764807e-53])
    """
    return forward(SIGMOID_FOCAL, (logits, target), weight, reduction, alpha, gamma)


@public
def sigmoid_focal_loss_backward(
    grad_output: ArrayLike,
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Gradient of `sigmoid_focal_loss` with respect to the logits.

    .. math::
        \frac{\partial}{\partial x} = g \, w \, \alpha_t \, u^\gamma \big[
        \gamma (1 - 2t) \, \rho \, c + (1 - t) \, \sigma(x) - t \, \sigma(-x) \big],
        \qquad \rho = \frac{\sigma(x) \, \sigma(-x)}{u},

    with :math:`g` divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `sigmoid_focal_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    logits, target : array_like
        What `sigmoid_focal_loss` was given.
    alpha, gamma, weight, reduction : optional
        As in `sigmoid_focal_loss`.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `logits`

    Raises
    ------
    TypeError, ValueError
        As in `sigmoid_focal_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    sigmoid_focal_loss, sigmoid_focal_loss_value_and_grad, sigmoid_focal_loss_hessian_diagonal

    Notes
    -----
    Nothing cancels for targets of 0 and 1, and no power :math:`u^{\gamma - 1}` is taken, which
    would be inf at a sure prediction for :math:`\gamma < 1`: the error is at most :math:`54 +
    11 \gamma` ulp, of the sum of the sizes of the terms for a target between. At x = ±inf it is
    0 or :math:`\mp \alpha_t`.

    Examples
    --------
    >>> import losses
    >>> losses.sigmoid_focal_loss_backward(3.0, [2.0, 2.0, 40.0], [1, 0, 1], alpha=None)
    array([-4.87094020e-03,  1.07671373e+00, -2.30029442e-52])
    """
    return backward(SIGMOID_FOCAL, grad_output, (logits, target), weight, reduction, alpha, gamma)


@public
def sigmoid_focal_loss_value_and_grad(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Focal loss of logits, each of a class by itself, and the gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial x} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial x} \Big) \text{ for 'none'}

    Parameters
    ----------
    logits, target : array_like
        As in `sigmoid_focal_loss`.
    alpha, gamma, weight, reduction : optional
        As in `sigmoid_focal_loss`.
    grad_output : array_like, the shape of the loss, optional
        As in `sigmoid_focal_loss_backward`; 1 by default. It multiplies the gradient and not the
        loss.
    out : ndarray, the shape and dtype of `logits`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `logits`
        itself, which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `sigmoid_focal_loss` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `logits`
        What `sigmoid_focal_loss_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    TypeError, ValueError
        As in `sigmoid_focal_loss_backward`; also if `out` has the wrong shape or dtype, is
        read-only, or overlaps an input without being `logits`. If an argument is wrong, nothing is
        written.

    See Also
    --------
    sigmoid_focal_loss, sigmoid_focal_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> losses.sigmoid_focal_loss_value_and_grad([0.0, 2.0], [1, 1], alpha=None, gamma=0.0)[1]
    array([-0.25      , -0.05960146])
    """
    return value_and_grad(
        SIGMOID_FOCAL,
        (logits, target),
        weight,
        reduction,
        alpha,
        gamma,
        grad_output=grad_output,
        out=out,
    )


@public
def sigmoid_focal_loss_hessian_diagonal(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Diagonal of the Hessian of `sigmoid_focal_loss`, whose other entries are 0.

    .. math::
        \frac{\partial^2}{\partial x^2} = w \, \alpha_t \, p \, u^\gamma \big[
        (1 + 2 \gamma) \, u + \gamma \, c \, (\gamma p - u) \big], \qquad p = 1 - u,

    divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    logits, target : array_like
        As in `sigmoid_focal_loss`.
    alpha, gamma, weight, reduction : optional
        As in `sigmoid_focal_loss`. For ``'none'`` it is the Hessian of the sum of the losses.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `logits`

    Raises
    ------
    TypeError, ValueError
        As in `sigmoid_focal_loss`; also if an entry of `target` is neither 0 nor 1 where its weight
        is not 0.

    See Also
    --------
    sigmoid_focal_loss, sigmoid_focal_loss_backward

    Notes
    -----
    For targets of 0 and 1 alone. It is below 0 where a prediction is far off: the loss is not
    convex. Of the sizes of its two terms the error is at most :math:`43 + 8 \gamma` ulp.

    Examples
    --------
    >>> import losses
    >>> losses.sigmoid_focal_loss_hessian_diagonal([0.0, -4.0], [1, 1], reduction="sum")
    array([ 0.09978585, -0.01167581])
    """
    return hessian_diagonal(OF_LABELS, (logits, target), weight, reduction, alpha, gamma)
