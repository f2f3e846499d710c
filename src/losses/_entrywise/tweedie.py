"""Half the unit deviance of Tweedie distributions, given their means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.entries import times
from .._core.public import public
from .._losses.domains import above_0, not_negative, positive
from .._losses.entry_problem import Entrywise
from .._losses.entrywise import backward, forward, value_and_grad
from .._losses.options import Reduction, number


def half_deviance(
    mean: Array, target: Array, first: Array, second: Array, log_mean: Array | None, power: float
) -> Array:
    """Return t**a (phi(a, d) - phi(a - 1, d)), with a = 2 - p, d = log(mean / t).

    phi(u, d) is (exp(u d) - 1) / u, or d for u = 0. With the sign of d it is the larger of 1 and
    exp(u d), times `_falling`, so that rounding d costs nothing, however far from 0 it is. `first`
    is mean**a and `second` t mean**(a - 1): in place of exp(u d), times t**a.
    """
    a = 2 - power
    scale = target**a
    gap = _size_of_log_ratio(mean, target, log_mean)
    loss = np.maximum(first, scale) * _falling(abs(a), gap)
    loss -= np.maximum(second, scale) * _falling(power - 1, gap)
    np.abs(loss, out=loss)
    np.copyto(loss, np.inf, where=np.isnan(loss) & ~np.isnan(gap))  # inf - inf
    near = np.flatnonzero(gap * _widest(a) < 1)
    if near.size:
        d = np.copysign(gap, mean - target)[near]
        loss[near] = times(d * d * _series(a, d), scale[near])  # 0, whatever t**a is, at d = 0
    if a > 0:
        np.copyto(loss, first / a, where=target == 0)
    return loss


def _size_of_log_ratio(mean: Array, target: Array, log_mean: Array | None) -> Array:
    """Return |log(mean / t)|, from the smaller and the difference: so it keeps its digits."""
    low = np.minimum(mean, target)
    size = np.maximum(mean, target)
    size -= low
    size /= low
    size = np.log1p(size)
    lost = ((mean < np.finfo(mean.dtype).smallest_normal) | ~(size < np.inf)) & (target > 0)
    if lost.any():  # the mean or the quotient left the normal numbers
        logs = np.log(mean[lost]) if log_mean is None else log_mean[lost]
        size[lost] = np.abs(logs - np.log(target[lost]))
    return size


def _falling(rate: float, gap: Array) -> Array:
    """Return (1 - exp(-u s)) / u, which is s for u = 0."""
    if rate == 0:
        return gap
    found: Array = np.expm1(-rate * gap)
    found /= -rate
    return found


def _widest(a: float) -> float:
    """Return the size M of the numbers whose powers the series of `_series` has."""
    return max(1.0, abs(a), abs(a - 1))


def _series(a: float, d: Array) -> Array:
    """Return (phi(a, d) - phi(a - 1, d)) / d**2 for M |d| < 1, by its series in M d."""
    x = _widest(a) * d
    found = np.zeros_like(d)
    for coefficient in _coefficients(a, d.dtype):
        found *= x
        found += coefficient
    return found


@lru_cache(maxsize=8)
def _coefficients(a: float, dtype: np.dtype[Any]) -> tuple[Any, ...]:
    """Return (a**(n - 1) - (a - 1)**(n - 1)) / (M**(n - 2) n!) for n = 2, 3, ..., the last first.

    The numerators, over M**(n - 2), begin with 1, and the next one is a / M times this one and
    ((a - 1) / M)**(n - 1); none is above n - 1.
    """
    widest, one = _widest(a), np.longdouble(1)
    up, down, numerator, factorial = one * a / widest, one * (a - 1) / widest, one, one
    found, n = list[Any](), 1
    while not found or (n - 1) / factorial > np.finfo(dtype).eps / 16:
        n += 1
        factorial *= n
        found.append(dtype.type(numerator / factorial))
        numerator = up * numerator + down ** (n - 1)
    return tuple(reversed(found))


def target_domain(power: float) -> Callable[..., None]:
    """Return the check of a target, which may be 0 below a power of 2."""
    return not_negative if power < 2 else positive


def _domains(power: float) -> Mapping[str, Callable[..., None]]:
    return {"predictions": above_0, "target": target_domain(power)} if power else {}


def _power(**option: object) -> float:
    """Return the power, once it is 0 or from 1 up."""
    found = number("[0, inf)", **option)
    if 0 < found < 1:
        raise ValueError(
            f"power: expected a number in [1, inf), or 0, got {found}; no Tweedie distribution has "
            f"a power between"
        )
    return found


def _shared(mean: Array, target: Array, power: float) -> tuple[Array, Array, Array, float]:
    """Return the means, the target, mean**(1 - p), and the power p."""
    return mean, target, mean ** (1 - power), power


def _loss(mean: Array, target: Array, inverse: Array, power: float) -> Array:
    if power == 0:
        r = mean - target
        return r * (0.5 * r)
    first = mean ** (2 - power)
    # Neither product overflows or is lost before the term itself.
    second = target * inverse if power < 2 else target / mean * first
    return half_deviance(mean, target, first, second, None, power)


def _slope(mean: Array, target: Array, inverse: Array, power: float) -> Array:
    """Return (mean - t) / mean * mean**(1 - p), which is (mean - t) / mean**p."""
    slope = mean - target
    if power == 0:
        return slope
    slope /= mean
    np.copyto(slope, 1, where=np.isinf(mean))
    return times(slope, inverse)


TWEEDIE = Entrywise(
    ("predictions", "target"),
    _shared,
    _loss,
    _slope,
    domains_under=_domains,
    options={"power": _power},
)


@public
def tweedie_loss(
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    power: float = 1.5,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Half the unit deviance of a Tweedie distribution, of means.

    .. math::
        \ell = w \int_t^y \frac{x - t}{x^p} \, dx
        = w \Big( \frac{y^{2 - p} - t^{2 - p}}{2 - p} -
        t \, \frac{y^{1 - p} - t^{1 - p}}{1 - p} \Big), \qquad
        \text{mean} = \frac{\sum \ell}{\sum w}

    Power 1 is that of Poisson, :math:`y - t - t \log (y / t)`, power 2 that of gamma,
    :math:`\log (y / t) + t / y - 1`, and power 3 that of the inverse Gaussian distribution; between
    1 and 2 amounts are 0 or above, such as the cost of claims. Power 0 is the square
    :math:`\tfrac{1}{2} (y - t)^2`.

    Parameters
    ----------
    predictions : array_like, any shape
        Means :math:`y`: numbers above 0. float16 is computed in float32; integers become float64.
    target : array_like, the shape of `predictions`
        Numbers from 0 up, of any real dtype; from power 2 on numbers above 0.
    power : float, default 1.5, 0 or in [1, inf)
        The power :math:`p` of the mean that is the variance. With 0 predictions and target may be
        any numbers.
    weight : array_like, the shape of `predictions`, optional
        Weight of each entry. An entry of weight 0 is left out, whatever it holds, so a boolean mask
        may be the weight.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean (weighted, if there is a `weight`), the sum, or one loss per entry.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `predictions` for ``reduction='none'``
        In the dtype of `predictions`: from 0 up, and 0 where y = t. The mean of nothing is nan.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric, or an option no number.
    ValueError
        If shapes differ (nothing is broadcast), an entry of `predictions` or of `target` is
        outside its domain where its weight is not 0, `power` is not 0 or in [1, inf), or
        `reduction` is not one of the three.

    See Also
    --------
    tweedie_loss_backward, tweedie_loss_value_and_grad, tweedie_loss_with_log_mean,
    poisson_nll_loss, mse_loss

    Notes
    -----
    With :math:`d = \log (y / t)`, :math:`a = 2 - p` and :math:`\varphi_u = (e^{u d} - 1) / u` it
    is :math:`t^a (\varphi_a - \varphi_{a - 1})`, which has no pole at the powers 1 and 2. Let M be
    the largest of 1, :math:`\lvert a \rvert` and :math:`p - 1`. For :math:`M \lvert d \rvert < 1`
    its series in d is at most 34 ulp off, in float64 28, however near y and t are. Beyond, the
    error is at most 27 ulp, in float64 21, of the sum of the two terms, which is less than 5 M
    times the loss. Where 1 - p and 2 - p are no numbers of the dtype, their rounding adds an ulp
    for each unit of :math:`\log y` and :math:`\log t`.

    Twice the mean is scikit-learn's `mean_tweedie_deviance`, but for the digits that are lost there
    where y is near t or the power near 1 or 2.

    References
    ----------
    B. Jorgensen, "Exponential dispersion models", Journal of the Royal Statistical Society B 49
    (1987).

    Examples
    --------
    >>> import losses
    >>> losses.tweedie_loss([1.0, 2.0, 3.0], [0.0, 2.0, 5.0], reduction="none").round(4)
    array([2.    , 0.    , 0.2933])
    >>> losses.tweedie_loss(1.999999999, 2.0, power=1)
    np.float64(2.5000004145352056e-19)
    """
    return forward(TWEEDIE, (predictions, target), weight, reduction, power)


@public
def tweedie_loss_backward(
    grad_output: ArrayLike,
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    power: float = 1.5,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Gradient of `tweedie_loss` with respect to the predictions.

    .. math:: \frac{\partial}{\partial y} = g \, w \, \frac{y - t}{y^p},

    with :math:`g` divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `tweedie_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    predictions, target : array_like
        What `tweedie_loss` was given.
    power, weight, reduction : optional
        As in `tweedie_loss`.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `predictions`

    Raises
    ------
    TypeError, ValueError
        As in `tweedie_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    tweedie_loss, tweedie_loss_value_and_grad

    Notes
    -----
    :math:`(y - t) / y \cdot y^{1 - p}`: at most 12 ulp, of which 8 are the power's, and what the
    rounding of 1 - p adds (see `tweedie_loss`).

    Examples
    --------
    >>> import losses
    >>> losses.tweedie_loss_backward(1.0, [1.0, 4.0], [0.0, 2.0], reduction="sum")
    array([1.  , 0.25])
    """
    return backward(TWEEDIE, grad_output, (predictions, target), weight, reduction, power)


@public
def tweedie_loss_value_and_grad(
    predictions: ArrayLike,
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
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial y} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial y} \Big) \text{ for 'none'}

    Parameters
    ----------
    predictions, target : array_like
        As in `tweedie_loss`.
    power, weight, reduction : optional
        As in `tweedie_loss`.
    grad_output : array_like, the shape of the loss, optional
        As in `tweedie_loss_backward`; 1 by default. It multiplies the gradient and not the loss.
    out : ndarray, the shape and dtype of `predictions`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `predictions`
        itself, which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `tweedie_loss` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `predictions`
        What `tweedie_loss_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    TypeError, ValueError
        As in `tweedie_loss_backward`; also if `out` has the wrong shape or dtype, is read-only, or
        overlaps an input without being `predictions`. If an argument is wrong, nothing is written.

    See Also
    --------
    tweedie_loss, tweedie_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> losses.tweedie_loss_value_and_grad([1.0, 4.0], [0.0, 4.0])
    (np.float64(1.0), array([0.5, 0. ]))
    """
    return value_and_grad(
        TWEEDIE, (predictions, target), weight, reduction, power, grad_output=grad_output, out=out
    )
