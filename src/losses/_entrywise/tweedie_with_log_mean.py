"""Half the unit deviance of Tweedie distributions, given the logarithms of their means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.entries import times
from .._core.public import public
from .._losses.entry_problem import Entrywise
from .._losses.entrywise import backward, forward, hessian_diagonal, value_and_grad
from .._losses.options import Reduction, number
from .tweedie import half_deviance, target_domain


def _shared(
    log_mean: Array, target: Array, power: float
) -> tuple[Array, Array, Array, Array, float]:
    """Return x, t, exp((2 - p) x), t exp((1 - p) x), and the power p."""
    first, second = _exp(2 - power, log_mean), times(target, _exp(1 - power, log_mean))
    np.copyto(first, 0, where=np.isinf(first) & np.isinf(second))  # the second one is far larger
    return log_mean, target, first, second, power


def _exp(rate: float, x: Array) -> Array:
    """Return exp(u x), which is 1 for u = 0, at infinite x too."""
    found: Array = np.exp(rate * x) if rate else np.ones_like(x)
    return found


def _loss(log_mean: Array, target: Array, first: Array, second: Array, power: float) -> Array:
    return half_deviance(np.exp(log_mean), target, first, second, log_mean, power)


def _slope(_log_mean: Array, _target: Array, first: Array, second: Array, _power: float) -> Array:
    return first - second


def _curvature(
    _log_mean: Array, _target: Array, first: Array, second: Array, power: float
) -> tuple[Array, int]:
    return (2 - power) * first + (power - 1) * second, 1


def _domains(power: float) -> Mapping[str, Callable[..., None]]:
    return {"target": target_domain(power)}


TWEEDIE_WITH_LOG_MEAN = Entrywise(
    ("log_mean", "target"),
    _shared,
    _loss,
    _slope,
    _curvature,
    domains_under=_domains,
    options={"power": partial(number, "[1, inf)")},
)


@public
def tweedie_loss_with_log_mean(
    log_mean: ArrayLike,
    target: ArrayLike,
    /,
    *,
    power: float = 1.5,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Half the unit deviance of a Tweedie distribution, of the logarithms of means.

    .. math::
        \ell = w \Big( \frac{e^{(2 - p) x} - t^{2 - p}}{2 - p} -
        t \, \frac{e^{(1 - p) x} - t^{1 - p}}{1 - p} \Big), \qquad
        \text{mean} = \frac{\sum \ell}{\sum w}

    It is `tweedie_loss` of :math:`y = e^x`: Poisson for power 1, gamma for power 2, and for amounts
    that may be 0, such as the cost of claims, between.

    Parameters
    ----------
    log_mean : array_like, any shape
        Logarithms :math:`x` of the means, which a model produces: real numbers. float16 is
        computed in float32; integers become float64.
    target : array_like, the shape of `log_mean`
        Numbers from 0 up, of any real dtype; from power 2 on numbers above 0.
    power : float, default 1.5, in [1, inf)
        The power :math:`p` of the mean that is the variance.
    weight : array_like, the shape of `log_mean`, optional
        Weight of each entry. An entry of weight 0 is left out, whatever it holds, so a boolean mask
        may be the weight.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean (weighted, if there is a `weight`), the sum, or one loss per entry.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `log_mean` for ``reduction='none'``
        In the dtype of `log_mean`: from 0 up. The mean of nothing is nan.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric, or an option no number.
    ValueError
        If shapes differ (nothing is broadcast), an entry of `target` is outside its domain where
        its weight is not 0, `power` is not in [1, inf), or `reduction` is not one of the three.

    See Also
    --------
    tweedie_loss_with_log_mean_backward, tweedie_loss_with_log_mean_value_and_grad,
    tweedie_loss_with_log_mean_hessian_diagonal, tweedie_loss, poisson_nll_loss

    Notes
    -----
    The exponential of x is as if the mean had some ulp more or less, 6 in float32 and 2 in float64:
    so many are added to the bounds of `tweedie_loss`, of :math:`2 t^{2 - p} \min(1, \lvert x - \log
    t \rvert)`. The exponentials of :math:`(2 - p) x` and :math:`(1 - p) x` have as many, and an ulp
    for each unit of these; they may be finite where :math:`e^x` is not. A term that is infinite
    makes the loss infinite.

    It differs from scikit-learn's `HalfTweedieLoss`, whose gradient and curvature it has, by a
    constant, without which the loss is not 0 at its minimum; and for power 1 from
    `poisson_nll_loss`.

    References
    ----------
    B. Jorgensen, "Exponential dispersion models", Journal of the Royal Statistical Society B 49
    (1987).

    Examples
    --------
    >>> import losses
    >>> losses.tweedie_loss_with_log_mean([0.5, 0.5], [2.0, 0.0], reduction="none").round(4)
    array([0.0264, 2.5681])
    """
    return forward(TWEEDIE_WITH_LOG_MEAN, (log_mean, target), weight, reduction, power)


@public
def tweedie_loss_with_log_mean_backward(
    grad_output: ArrayLike,
    log_mean: ArrayLike,
    target: ArrayLike,
    /,
    *,
    power: float = 1.5,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Gradient of `tweedie_loss_with_log_mean` with respect to the log-means.

    .. math:: \frac{\partial}{\partial x} = g \, w \, e^{(1 - p) x} (e^x - t),

    with :math:`g` divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `tweedie_loss_with_log_mean` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    log_mean, target : array_like
        What `tweedie_loss_with_log_mean` was given.
    power, weight, reduction : optional
        As in `tweedie_loss_with_log_mean`.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `log_mean`

    Raises
    ------
    TypeError, ValueError
        As in `tweedie_loss_with_log_mean`; also if `grad_output` has another shape than stated.

    See Also
    --------
    tweedie_loss_with_log_mean, tweedie_loss_with_log_mean_value_and_grad,
    tweedie_loss_with_log_mean_hessian_diagonal

    Notes
    -----
    :math:`e^{(2 - p) x} - t \, e^{(1 - p) x}`: at most 9 ulp, in float64 5, and one for each unit
    of the two exponents, of the sum of both terms.

    Examples
    --------
    >>> import losses
    >>> losses.tweedie_loss_with_log_mean_backward(2.0, [0.0, 0.0], [3, 1])
    array([-2.,  0.])
    """
    return backward(
        TWEEDIE_WITH_LOG_MEAN, grad_output, (log_mean, target), weight, reduction, power
    )


@public
def tweedie_loss_with_log_mean_value_and_grad(
    log_mean: ArrayLike,
    target: ArrayLike,
    /,
    *,
    power: float = 1.5,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Half the unit deviance of a Tweedie distribution, and the gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial x} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial x} \Big) \text{ for 'none'}

    Parameters
    ----------
    log_mean, target : array_like
        As in `tweedie_loss_with_log_mean`.
    power, weight, reduction : optional
        As in `tweedie_loss_with_log_mean`.
    grad_output : array_like, the shape of the loss, optional
        As in `tweedie_loss_with_log_mean_backward`; 1 by default. It multiplies the gradient and
        not the loss.
    out : ndarray, the shape and dtype of `log_mean`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `log_mean`
        itself, which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `tweedie_loss_with_log_mean` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `log_mean`
        What `tweedie_loss_with_log_mean_backward` returns, bit for bit. It is `out`, if `out` was
        given.

    Raises
    ------
    TypeError, ValueError
        As in `tweedie_loss_with_log_mean_backward`; also if `out` has the wrong shape or dtype, is
        read-only, or overlaps an input without being `log_mean`. If an argument is wrong, nothing
        is written.

    See Also
    --------
    tweedie_loss_with_log_mean, tweedie_loss_with_log_mean_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> losses.tweedie_loss_with_log_mean_value_and_grad([0.0, 0.0], [4, 1])
    (np.float64(1.0), array([-1.5,  0. ]))
    """
    return value_and_grad(
        TWEEDIE_WITH_LOG_MEAN,
        (log_mean, target),
        weight,
        reduction,
        power,
        grad_output=grad_output,
        out=out,
    )


@public
def tweedie_loss_with_log_mean_hessian_diagonal(
    log_mean: ArrayLike,
    target: ArrayLike,
    /,
    *,
    power: float = 1.5,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Diagonal of the Hessian of `tweedie_loss_with_log_mean`, whose other entries are 0.

    .. math::
        \frac{\partial^2}{\partial x^2} = w \, e^{(1 - p) x} \big( (2 - p) e^x + (p - 1) t \big),

    divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    log_mean, target : array_like
        As in `tweedie_loss_with_log_mean`.
    power, weight, reduction : optional
        As in `tweedie_loss_with_log_mean`. For ``'none'`` it is the Hessian of the sum of the
        losses.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `log_mean`

    Raises
    ------
    TypeError, ValueError
        As in `tweedie_loss_with_log_mean`.

    See Also
    --------
    tweedie_loss_with_log_mean, tweedie_loss_with_log_mean_backward

    Notes
    -----
    At most 10 ulp, in float64 6, and one for each unit of the exponents, of the sizes of the two
    terms. For powers up to 2 neither is below 0, and the loss is convex; beyond, it is not.

    Examples
    --------
    >>> import losses
    >>> losses.tweedie_loss_with_log_mean_hessian_diagonal([0.0, 0.0], [3, 1], reduction="sum")
    array([2., 1.])
    """
    return hessian_diagonal(TWEEDIE_WITH_LOG_MEAN, (log_mean, target), weight, reduction, power)
