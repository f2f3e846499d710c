"""Negative log-likelihood of a Gaussian."""

from __future__ import annotations

from functools import partial
from math import log, pi

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.public import public
from .._losses.domains import not_below_0
from .._losses.entry_problem import Entrywise
from .._losses.entrywise import backward_of_each, forward, value_and_grad_of_each
from .._losses.grads import GaussianGrads
from .._losses.options import Reduction, flag, number


def _shared(
    predictions: Array, variance: Array, target: Array, full: bool, eps: float
) -> tuple[Array, Array, Array, bool]:
    """Return r = y - t, v = max(variance, eps), r / (2 v), and `full`."""
    r, v = predictions - target, np.maximum(variance, eps)
    half = 0.5 * r
    half /= v
    return r, v, half, full


def _loss(r: Array, v: Array, half: Array, full: bool) -> Array:
    """Return (log v + r**2 / v) / 2, in which r (r / v) overflows only where r**2 / v does."""
    loss: Array = np.log(v)
    if full:
        loss += log(2 * pi)
    loss *= 0.5
    loss += r * half
    return loss


def _slope(_: Array, v: Array, half: Array, __: bool) -> tuple[Array, Array]:
    """Return r / v and (1 / v - (r / v)**2) / 2."""
    quotient = half + half
    along = 0.5 / v
    along -= quotient * half
    return quotient, along


GAUSSIAN_NLL = Entrywise(
    ("predictions", "variance", "target"),
    _shared,
    _loss,
    _slope,
    domains={"variance": not_below_0},
    options={"full": flag, "eps": partial(number, "(0, inf)")},
    produced=2,
    broadcast=("variance",),
)


@public
def gaussian_nll_loss(
    predictions: ArrayLike,
    target: ArrayLike,
    variance: ArrayLike,
    /,
    *,
    full: bool = False,
    eps: float = 1e-6,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Negative log-likelihood of targets under Gaussians of given means and variances.

    .. math::
        \ell = \frac{w}{2} \Big( \log v + \frac{(y - t)^2}{v} \; [\, + \log 2 \pi \,] \Big), \qquad
        v = \max(\text{variance}, \varepsilon), \qquad \text{mean} = \frac{\sum \ell}{\sum w}

    Parameters
    ----------
    predictions : array_like, any shape
        The means: real numbers. float16 is computed in float32; integers become float64.
    target : array_like, the shape of `predictions`
        Real numbers. A wider dtype than those of `predictions` and `variance` widens the
        computation.
    variance : array_like, a scalar or the shape of `predictions`, in which any size may be 1
        The variances: real numbers from 0 up. One of size 1 along an axis is that of all the
        entries along this axis.
    full : bool, default False
        Whether the loss has the constant term.
    eps : float, default 1e-6, in (0, inf)
        Smaller variances count as this one.
    weight : array_like, the shape of `predictions`, optional
        Weight of each entry. An entry of weight 0 is left out, whatever it holds, so a boolean mask
        may be the weight.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean (weighted, if there is a `weight`), the sum, or one loss per entry.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `predictions` for ``reduction='none'``
        In the widest dtype of `predictions` and `variance`. The mean of nothing is nan.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric, `full` no boolean or `eps` no number.
    ValueError
        If shapes do not fit, an entry of `variance` is below 0 where its weight is not 0, `eps` is
        not in (0, inf), or `reduction` is not one of the three.

    See Also
    --------
    gaussian_nll_loss_backward, gaussian_nll_loss_value_and_grad, mse_loss

    Notes
    -----
    The square is :math:`(y - t) \cdot (y - t) / v`, which neither overflows nor underflows before
    the term itself does. The error is at most 12 ulp of the sizes of the terms, :math:`\tfrac{1}{2}
    (\lvert \log v \rvert + (y - t)^2 / v)`, of which 8 are the logarithm's. A mean or sum adds half
    an ulp for float16 and float32, which are summed in float64.

    Half of `mse_loss`, but for a constant, where all variances are 1. A variance of shape (N,)
    beside predictions of shape (N, D) is an error: PyTorch takes it as (N, 1).

    References
    ----------
    D. A. Nix and A. S. Weigend, "Estimating the mean and variance of the target probability
    distribution", IEEE International Conference on Neural Networks (1994).

    Examples
    --------
    >>> import losses
    >>> losses.gaussian_nll_loss([1.5, 1.0], [0.0, 0.0], [0.5, 1.0], reduction="none").round(4)
    array([1.9034, 0.5   ])
    """
    arrays = (predictions, variance, target)
    return forward(GAUSSIAN_NLL, arrays, weight, reduction, full, eps)


@public
def gaussian_nll_loss_backward(
    grad_output: ArrayLike,
    predictions: ArrayLike,
    target: ArrayLike,
    variance: ArrayLike,
    /,
    *,
    full: bool = False,
    eps: float = 1e-6,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> GaussianGrads:
    r"""Gradients of `gaussian_nll_loss` with respect to the predictions and the variance.

    .. math::
        \frac{\partial}{\partial y} = g \, w \, \frac{y - t}{v}, \qquad
        \frac{\partial}{\partial v} = \frac{g \, w}{2} \Big( \frac{1}{v} -
        \Big( \frac{y - t}{v} \Big)^2 \Big),

    with :math:`g` divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `gaussian_nll_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    predictions, target, variance : array_like
        What `gaussian_nll_loss` was given.
    full, eps, weight, reduction : optional
        As in `gaussian_nll_loss`.

    Returns
    -------
    GaussianGrads
        The named tuple ``(predictions, variance)``, each gradient in the shape and dtype of its
        array: that of a variance for several entries is the sum over these.

    Raises
    ------
    TypeError, ValueError
        As in `gaussian_nll_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    gaussian_nll_loss, gaussian_nll_loss_value_and_grad

    Notes
    -----
    A variance below `eps` has the gradient of one that is `eps`. The derivative of the loss is 0
    there, but with it a variance of 0 would stay 0.

    The error is at most 5 ulp of the predictions' gradient; of the variance's 10 ulp of the sizes
    of its two terms. A sum of n of them is made in float64 or wider, which adds at most n / 2 eps
    of the sum of their sizes.

    Examples
    --------
    >>> import losses
    >>> grads = losses.gaussian_nll_loss_backward(1.0, [1.5, 1.0], [0.0, 0.0], [0.5, 1.0])
    >>> grads.predictions, grads.variance
    (array([1.5, 0.5]), array([-1.75,  0.  ]))
    """
    arrays = (predictions, variance, target)
    return GaussianGrads(
        *backward_of_each(GAUSSIAN_NLL, grad_output, arrays, weight, reduction, full, eps)
    )


@public
def gaussian_nll_loss_value_and_grad(
    predictions: ArrayLike,
    target: ArrayLike,
    variance: ArrayLike,
    /,
    *,
    full: bool = False,
    eps: float = 1e-6,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
) -> tuple[Floating, GaussianGrads]:
    r"""Negative log-likelihood of targets under Gaussians, and the gradients, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial y}, \;
        g \, \frac{\partial \ell}{\partial v} \Big), \quad
        \text{the gradients of } \textstyle\sum g \, \ell \text{ for 'none'}

    Parameters
    ----------
    predictions, target, variance : array_like
        As in `gaussian_nll_loss`.
    full, eps, weight, reduction : optional
        As in `gaussian_nll_loss`.
    grad_output : array_like, the shape of the loss, optional
        As in `gaussian_nll_loss_backward`; 1 by default. It multiplies the gradients and not the
        loss.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `gaussian_nll_loss` returns, bit for bit.
    grads : GaussianGrads
        What `gaussian_nll_loss_backward` returns, bit for bit.

    Raises
    ------
    TypeError, ValueError
        As in `gaussian_nll_loss_backward`.

    See Also
    --------
    gaussian_nll_loss, gaussian_nll_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> loss, grads = losses.gaussian_nll_loss_value_and_grad([1.5, 1.0], [0.0, 0.0], 1.0)
    >>> loss, grads.predictions, grads.variance
    (np.float64(0.8125), array([0.75, 0.5 ]), array(-0.3125))
    """
    arrays = (predictions, variance, target)
    loss, grads = value_and_grad_of_each(
        GAUSSIAN_NLL, arrays, weight, reduction, full, eps, grad_output=grad_output
    )
    return loss, GaussianGrads(*grads)
