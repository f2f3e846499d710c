"""Negative log-likelihood of a Gaussian, of the logarithm of its variance."""

from __future__ import annotations

from math import log, pi

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.public import public
from .._losses.entry_problem import Entrywise
from .._losses.entrywise import backward_of_each, forward, value_and_grad_of_each
from .._losses.grads import LogVarianceGrads
from .._losses.options import Reduction, flag


def _shared(
    predictions: Array, log_variance: Array, target: Array, full: bool
) -> tuple[Array, Array, Array, bool]:
    """Return s, r exp(-s) and its product with r / 2, with r = y - t, and `full`."""
    r = predictions - target
    slope = np.exp(-log_variance)
    slope *= r
    square = 0.5 * r
    square *= slope
    far = np.abs(log_variance) > -np.log(np.finfo(r.dtype).smallest_normal)
    if far.any():  # exp(-s) leaves the normal numbers, but r exp(-s) may not
        log_variance = log_variance.copy()
        log_variance[far], slope[far], square[far] = _far(r[far], log_variance[far])
    return log_variance, slope, square, full


def _far(r: Array, s: Array) -> tuple[Array, Array, Array]:
    """Return s, r exp(-s) and r**2 exp(-s) / 2 by exp(-s / 4), which each product brings nearer."""
    fourth = np.exp(-0.25 * s)
    fourth[r == 0] = 1  # 0 * inf is 0
    z = r * fourth * fourth
    square = 0.5 * z * z
    # A variance of 0 costs inf, however much less its logarithm is: but for r = 0.
    return np.where(np.isinf(square), np.maximum(s, 0), s), z * fourth * fourth, square


def _loss(log_variance: Array, _: Array, square: Array, full: bool) -> Array:
    loss: Array = 0.5 * (log_variance + log(2 * pi)) if full else 0.5 * log_variance
    loss += square
    return loss


def _slope(_: Array, slope: Array, square: Array, __: bool) -> tuple[Array, Array]:
    """Return r exp(-s), and (1 - r**2 exp(-s)) / 2."""
    return slope.copy(), 0.5 - square


GAUSSIAN_NLL_WITH_LOG_VARIANCE = Entrywise(
    ("predictions", "log_variance", "target"),
    _shared,
    _loss,
    _slope,
    options={"full": flag},
    produced=2,
    broadcast=("log_variance",),
)


@public
def gaussian_nll_loss_with_log_variance(
    predictions: ArrayLike,
    target: ArrayLike,
    log_variance: ArrayLike,
    /,
    *,
    full: bool = False,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Negative log-likelihood of targets under Gaussians of given means and log-variances.

    .. math::
        \ell = \frac{w}{2} \big( s + (y - t)^2 e^{-s} \; [\, + \log 2 \pi \,] \big), \qquad
        \text{mean} = \frac{\sum \ell}{\sum w}

    Parameters
    ----------
    predictions : array_like, any shape
        The means: real numbers. float16 is computed in float32; integers become float64.
    target : array_like, the shape of `predictions`
        Real numbers. A wider dtype than those of `predictions` and `log_variance` widens the
        computation.
    log_variance : array_like, a scalar or the shape of `predictions`, in which any size may be 1
        The logarithms :math:`s` of the variances: real numbers. One of size 1 along an axis is
        that of all the entries along this axis.
    full : bool, default False
        Whether the loss has the constant term.
    weight : array_like, the shape of `predictions`, optional
        Weight of each entry. An entry of weight 0 is left out, whatever it holds, so a boolean mask
        may be the weight.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean (weighted, if there is a `weight`), the sum, or one loss per entry.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `predictions` for ``reduction='none'``
        In the widest dtype of `predictions` and `log_variance`. The mean of nothing is nan.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric, or `full` no boolean.
    ValueError
        If shapes do not fit, or `reduction` is not one of the three.

    See Also
    --------
    gaussian_nll_loss_with_log_variance_backward,
    gaussian_nll_loss_with_log_variance_value_and_grad, gaussian_nll_loss

    Notes
    -----
    A network that ends in the logarithm of a variance needs no clamp: every real number is one.
    The square is :math:`(y - t) \cdot (y - t) \, e^{-s}`, and by :math:`e^{-s/4}` where
    :math:`e^{-s}` leaves the normal numbers, so it neither overflows nor underflows before the term
    itself does. The error is at most 14 ulp, in float64 10, of the sizes of the terms,
    :math:`\tfrac{1}{2} (\lvert s \rvert + (y - t)^2 e^{-s})`; beyond these numbers 21 more of the
    second one. A mean or sum adds half an ulp for float16 and float32, which are summed in float64.

    At s = -inf, a variance of 0, it is -inf where y = t, else inf.

    References
    ----------
    D. A. Nix and A. S. Weigend, "Estimating the mean and variance of the target probability
    distribution", IEEE International Conference on Neural Networks (1994).

    Examples
    --------
    >>> import losses
    >>> losses.gaussian_nll_loss_with_log_variance([1.5, 1.0], [0.0, 0.0], 0.0,
    ...                                            reduction="none")
    array([1.125, 0.5  ])
    """
    arrays = (predictions, log_variance, target)
    return forward(GAUSSIAN_NLL_WITH_LOG_VARIANCE, arrays, weight, reduction, full)


@public
def gaussian_nll_loss_with_log_variance_backward(
    grad_output: ArrayLike,
    predictions: ArrayLike,
    target: ArrayLike,
    log_variance: ArrayLike,
    /,
    *,
    full: bool = False,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> LogVarianceGrads:
    r"""Gradients of `gaussian_nll_loss_with_log_variance` with respect to means and log-variances.

    .. math::
        \frac{\partial}{\partial y} = g \, w \, (y - t) \, e^{-s}, \qquad
        \frac{\partial}{\partial s} = \frac{g \, w}{2} \big( 1 - (y - t)^2 e^{-s} \big),

    with :math:`g` divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `gaussian_nll_loss_with_log_variance` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    predictions, target, log_variance : array_like
        What `gaussian_nll_loss_with_log_variance` was given.
    full, weight, reduction : optional
        As in `gaussian_nll_loss_with_log_variance`.

    Returns
    -------
    LogVarianceGrads
        The named tuple ``(predictions, log_variance)``, each gradient in the shape and dtype of
        its array: that of a variance for several entries is the sum over these.

    Raises
    ------
    TypeError, ValueError
        As in `gaussian_nll_loss_with_log_variance`; also if `grad_output` has another shape than
        stated.

    See Also
    --------
    gaussian_nll_loss_with_log_variance,
    gaussian_nll_loss_with_log_variance_value_and_grad

    Notes
    -----
    The error is at most 9 ulp of the predictions' gradient; of the other one 12 ulp, in float64 8,
    of the sizes of its two terms. Where :math:`e^{-s}` leaves the normal numbers it is 30 and 33. A
    sum of n of them is made in float64 or wider, which adds at most n / 2 eps of the sum of their
    sizes.

    Examples
    --------
    >>> import losses
    >>> zeros = [0.0, 0.0]
    >>> grads = losses.gaussian_nll_loss_with_log_variance_backward(1.0, [1.5, 1.0], zeros, zeros)
    >>> grads.predictions, grads.log_variance
    (array([0.75, 0.5 ]), array([-0.3125,  0.    ]))
    """
    arrays = (predictions, log_variance, target)
    return LogVarianceGrads(
        *backward_of_each(
            GAUSSIAN_NLL_WITH_LOG_VARIANCE, grad_output, arrays, weight, reduction, full
        )
    )


@public
def gaussian_nll_loss_with_log_variance_value_and_grad(
    predictions: ArrayLike,
    target: ArrayLike,
    log_variance: ArrayLike,
    /,
    *,
    full: bool = False,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
) -> tuple[Floating, LogVarianceGrads]:
    r"""Negative log-likelihood of targets under Gaussians, and the gradients, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial y}, \;
        g \, \frac{\partial \ell}{\partial s} \Big), \quad
        \text{the gradients of } \textstyle\sum g \, \ell \text{ for 'none'}

    Parameters
    ----------
    predictions, target, log_variance : array_like
        As in `gaussian_nll_loss_with_log_variance`.
    full, weight, reduction : optional
        As in `gaussian_nll_loss_with_log_variance`.
    grad_output : array_like, the shape of the loss, optional
        As in `gaussian_nll_loss_with_log_variance_backward`; 1 by default. It multiplies the
        gradients and not the loss.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `gaussian_nll_loss_with_log_variance` returns, bit for bit.
    grads : LogVarianceGrads
        What `gaussian_nll_loss_with_log_variance_backward` returns, bit for bit.

    Raises
    ------
    TypeError, ValueError
        As in `gaussian_nll_loss_with_log_variance_backward`.

    See Also
    --------
    gaussian_nll_loss_with_log_variance, gaussian_nll_loss_with_log_variance_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> y, t = [1.5, 1.0], [0.0, 0.0]
    >>> loss, grads = losses.gaussian_nll_loss_with_log_variance_value_and_grad(y, t, 0.0)
    >>> loss, grads.predictions, grads.log_variance
    (np.float64(0.8125), array([0.75, 0.5 ]), array(-0.3125))
    """
    arrays = (predictions, log_variance, target)
    loss, grads = value_and_grad_of_each(
        GAUSSIAN_NLL_WITH_LOG_VARIANCE, arrays, weight, reduction, full, grad_output=grad_output
    )
    return loss, LogVarianceGrads(*grads)
