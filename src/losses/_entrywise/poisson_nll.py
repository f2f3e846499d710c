"""Poisson negative log-likelihood of counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating, wide_dtype
from .._core.public import public
from .._losses.domains import not_negative
from .._losses.entry_problem import Entrywise
from .._losses.entrywise import backward, forward, hessian_diagonal, value_and_grad
from .._losses.options import Reduction, flag

HALF_LOG_2_PI = np.longdouble("0.91893853320467274178032973640562")
# Of Stirling's series, log z! = (z + 1/2) log z - z + HALF_LOG_2_PI + sum_k S_k / z**(2 k - 1), the
# last S_k first.
STIRLING = (
    *(-3617 / 122400, 1 / 156, -691 / 360360, 1 / 1188),
    *(-1 / 1680, 1 / 1260, -1 / 360, 1 / 12),
)


def _shared(log_rate: Array, target: Array, full: bool) -> tuple[Array, Array, Array, bool]:
    return log_rate, target, np.exp(log_rate), full


def _loss(log_rate: Array, target: Array, rate: Array, full: bool) -> Array:
    loss: Array = target * log_rate
    np.subtract(rate, loss, out=loss)
    wrong = np.isnan(loss)  # 0 * inf is 0, and a rate of inf is more than any t x
    if wrong.any():
        np.copyto(loss, rate, where=wrong)
    if full:
        loss += log_factorial(target)
    return loss


def _slope(_log_rate: Array, target: Array, rate: Array, _full: bool) -> Array:
    return rate - target


def _curvature(_log_rate: Array, _target: Array, rate: Array, _full: bool) -> tuple[Array, int]:
    return rate, 1


def log_factorial(t: Array) -> Array:
    """Return log t! of numbers from 0 up, from that of z - 1 with z = t + 10, in float64 or wider.

    It is less by the logarithm of (t + 1) ... (t + 9), of which z**9 is left to the first term. The
    share of z**2 that (t + i) (t + 10 - i) has is t / z + i (10 - i) / z**2.
    """
    t = t.astype(wide_dtype(t.dtype))
    z = t + 10
    first, square = t / z, 1 / (z * z)
    share = first + 5 / z
    for other in (9, 16, 21, 24):
        share *= first + other * square
    series = np.zeros_like(z)
    for coefficient in STIRLING:
        series *= square
        series += coefficient
    found: Array = ((t + 0.5) * np.log(z) - z) + (series / z + HALF_LOG_2_PI.astype(z.dtype))
    found -= np.log(share)
    found *= (t != 0) & (t != 1)  # 0! and 1! are exactly 1
    return found


POISSON = Entrywise(
    ("log_rate", "target"),
    _shared,
    _loss,
    _slope,
    _curvature,
    domains={"target": not_negative},
    options={"full": flag},
)


@public
def poisson_nll_loss(
    log_rate: ArrayLike,
    target: ArrayLike,
    /,
    *,
    full: bool = False,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Poisson negative log-likelihood of counts.

    .. math::
        \ell = w \big( e^x - t x \, [{} + \log t!] \big), \qquad
        \text{mean} = \frac{\sum \ell}{\sum w}

    Parameters
    ----------
    log_rate : array_like, any shape
        Logarithms of the rates, which a model produces: real numbers. float16 is computed
        in float32; integers become float64.
    target : array_like, the shape of `log_rate`
        Counts: numbers from 0 up, of any real dtype, not only whole ones.
    full : bool, default False
        Whether to add :math:`\log t!`, which does not depend on the rates. It is computed
        in float64 or wider.
    weight : array_like, the shape of `log_rate`, optional
        Weight of each entry. An entry of weight 0 is left out, whatever it holds, so a boolean mask
        may be the weight.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean (weighted, if there is a `weight`), the sum, or one loss per entry.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `log_rate` for ``reduction='none'``
        In the dtype of `log_rate`. The mean of nothing is nan.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric, or an option no number.
    ValueError
        If shapes differ (nothing is broadcast), an entry of `target` is below 0, infinite
        or nan where its weight is not 0, or `reduction` is not one of the three.

    See Also
    --------
    poisson_nll_loss_backward, poisson_nll_loss_value_and_grad,
    poisson_nll_loss_hessian_diagonal, mse_loss, cross_entropy

    Notes
    -----
    The error is at most 8 ulp of :math:`e^x + \lvert t x \rvert` in float32 and 4 in float64;
    where `full` adds :math:`\log t!`, that of Stirling's series too: less than 1e-14 for t up
    to 10, and 1e-15 of it beyond. A rate of 0, at x = -inf, costs 0 for t = 0 and else inf; a
    rate that is infinite costs inf.

    It is PyTorch's loss with ``log_input=True``, its default. There ``full=True`` adds
    Stirling's approximation without a correction, which misses :math:`\log t!` by 0.04 at t =
    2; here it is exact. Of rates pass the logarithms.

    References
    ----------
    J. Stirling, "Methodus differentialis" (1730); F. W. J. Olver et al., eds., "NIST Handbook
    of Mathematical Functions" (2010), equation 5.11.1.

    Examples
    --------
    >>> import losses
    >>> losses.poisson_nll_loss([0.5, 0.0], [3, 1], reduction="none")
    array([0.14872127, 1.        ])
    >>> losses.poisson_nll_loss([0.5, 0.0], [3, 1], full=True, reduction="none")
    array([1.94048074, 1.        ])
    """
    return forward(POISSON, (log_rate, target), weight, reduction, full)


@public
def poisson_nll_loss_backward(
    grad_output: ArrayLike,
    log_rate: ArrayLike,
    target: ArrayLike,
    /,
    *,
    full: bool = False,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Gradient of `poisson_nll_loss` with respect to the logarithms of the rates.

    .. math:: \frac{\partial}{\partial x} = g \, w \, (e^x - t),

    with :math:`g` divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `poisson_nll_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    log_rate, target : array_like
        What `poisson_nll_loss` was given.
    full, weight, reduction : optional
        As in `poisson_nll_loss`.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `log_rate`

    Raises
    ------
    TypeError, ValueError
        As in `poisson_nll_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    poisson_nll_loss, poisson_nll_loss_value_and_grad, poisson_nll_loss_hessian_diagonal

    Notes
    -----
    At most 8 ulp of :math:`\max(e^x, t)` in float32, and 4 in float64.

    Examples
    --------
    >>> import losses
    >>> losses.poisson_nll_loss_backward(2.0, [0.0, 0.0], [3, 1])
    array([-2.,  0.])
    """
    return backward(POISSON, grad_output, (log_rate, target), weight, reduction, full)


@public
def poisson_nll_loss_value_and_grad(
    log_rate: ArrayLike,
    target: ArrayLike,
    /,
    *,
    full: bool = False,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Poisson negative log-likelihood of counts, and the gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial x} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial x} \Big) \text{ for 'none'}

    Parameters
    ----------
    log_rate, target : array_like
        As in `poisson_nll_loss`.
    full, weight, reduction : optional
        As in `poisson_nll_loss`.
    grad_output : array_like, the shape of the loss, optional
        As in `poisson_nll_loss_backward`; 1 by default. It multiplies the gradient and not the
        loss.
    out : ndarray, the shape and dtype of `log_rate`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `log_rate`
        itself, which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `poisson_nll_loss` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `log_rate`
        What `poisson_nll_loss_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    TypeError, ValueError
        As in `poisson_nll_loss_backward`; also if `out` has the wrong shape or dtype, is read-only,
        or overlaps an input without being `log_rate`. If an argument is wrong, nothing is written.

    See Also
    --------
    poisson_nll_loss, poisson_nll_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> losses.poisson_nll_loss_value_and_grad([0.0, 0.0], [3, 1])
    (np.float64(1.0), array([-1.,  0.]))
    """
    return value_and_grad(
        POISSON, (log_rate, target), weight, reduction, full, grad_output=grad_output, out=out
    )


@public
def poisson_nll_loss_hessian_diagonal(
    log_rate: ArrayLike,
    target: ArrayLike,
    /,
    *,
    full: bool = False,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Diagonal of the Hessian of `poisson_nll_loss`, whose other entries are 0.

    .. math:: \frac{\partial^2}{\partial x^2} = w \, e^x,

    divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    log_rate, target : array_like
        As in `poisson_nll_loss`.
    full, weight, reduction : optional
        As in `poisson_nll_loss`. For ``'none'`` it is the Hessian of the sum of the losses.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `log_rate`

    Raises
    ------
    TypeError, ValueError
        As in `poisson_nll_loss`.

    See Also
    --------
    poisson_nll_loss, poisson_nll_loss_backward

    Notes
    -----
    At most 7 ulp in float32 and 3 in float64: an exponential and a product.

    Examples
    --------
    >>> import losses
    >>> losses.poisson_nll_loss_hessian_diagonal([0.0, 1.0], [3, 1], reduction="sum")
    array([1.        , 2.71828183])
    """
    return hessian_diagonal(POISSON, (log_rate, target), weight, reduction, full)
