"""Logarithm of the hyperbolic cosine of a residual."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._activations.sigmoid import exp_minus_abs, sigmoid_product
from .._core.dtypes import Array, Floating
from .._core.public import public
from .._losses.entry_problem import Entrywise, residual
from .._losses.entrywise import backward, forward, hessian_diagonal, value_and_grad
from .._losses.options import Reduction

# From here on log cosh r = |r| - log 2 + log1p(exp(-2 |r|)) grows as |r| does, but for exp(-80).
FAR = 40


def _loss(r: Array) -> Array:
    """Return log1p(2 sinh(c / 2)**2) + (|r| - c) with c = min(|r|, FAR)."""
    size = np.abs(r)
    near = np.minimum(size, FAR)
    size -= near
    near *= 0.5
    np.sinh(near, out=near)
    near *= near
    near *= 2
    size += np.log1p(near, out=near)
    return size


def _slope(r: Array) -> Array:
    return np.tanh(r)


def _curvature(r: Array) -> tuple[Array, int]:
    """Return 4 E / (1 + E)**2 with E = exp(-2 |r|), which keeps the tail that 1 - tanh**2 loses."""
    return sigmoid_product(exp_minus_abs(2 * r)), 4


LOG_COSH = Entrywise(("predictions", "target"), residual, _loss, _slope, _curvature)


@public
def log_cosh_loss(
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Logarithm of the hyperbolic cosine of a residual.

    .. math:: \ell = w \log \cosh(y - t), \qquad \text{mean} = \frac{\sum \ell}{\sum w}

    A smooth loss between two others: :math:`\tfrac{1}{2} (y - t)^2` for small residuals,
    :math:`\lvert y - t \rvert - \log 2` for large ones.

    Parameters
    ----------
    predictions : array_like, any shape
        Real numbers. float16 is computed in float32; integers become float64.
    target : array_like, the shape of `predictions`
        Real numbers. A wider dtype than that of `predictions` widens the computation.
    weight : array_like, the shape of `predictions`, optional
        Weight of each entry. An entry of weight 0 is left out, whatever it holds, so a boolean mask
        may be the weight.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean (weighted, if there is a `weight`), the sum, or one loss per entry.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `predictions` for ``reduction='none'``
        In the dtype of `predictions`. The mean of nothing is nan.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric.
    ValueError
        If shapes differ (nothing is broadcast), or `reduction` is not one of the three.

    See Also
    --------
    log_cosh_loss_backward, log_cosh_loss_value_and_grad, log_cosh_loss_hessian_diagonal,
    mse_loss, l1_loss

    Notes
    -----
    With :math:`r = y - t` the loss is :math:`\operatorname{log1p}(2 \sinh^2(r / 2))`, in which
    nothing cancels; beyond :math:`\lvert r \rvert = 40`, where it grows as :math:`\lvert r
    \rvert` does, nothing overflows. The error is at most 16 ulp in float32 and 10 in float64.
    The usual :math:`r + \operatorname{softplus}(-2 r) - \log 2` cancels: at :math:`r = 10^{-4}`
    in float32 it may give 0 for 5e-9. PyTorch has no such loss; optax calls it ``log_cosh``,
    Keras ``LogCosh``.

    Examples
    --------
    >>> import losses
    >>> losses.log_cosh_loss([1.0, 1e-4, 100.0], [0.0, 0.0, 0.0], reduction="none")
    array([4.33780830e-01, 4.99999999e-09, 9.93068528e+01])
    """
    return forward(LOG_COSH, (predictions, target), weight, reduction)


@public
def log_cosh_loss_backward(
    grad_output: ArrayLike,
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Gradient of `log_cosh_loss` with respect to the predictions.

    .. math:: \frac{\partial}{\partial y} = g \, w \tanh(y - t),

    with :math:`g` divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `log_cosh_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    predictions, target : array_like
        What `log_cosh_loss` was given.
    weight, reduction : optional
        As in `log_cosh_loss`.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `predictions`

    Raises
    ------
    TypeError, ValueError
        As in `log_cosh_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    log_cosh_loss, log_cosh_loss_value_and_grad, log_cosh_loss_hessian_diagonal

    Notes
    -----
    At most 6 ulp: a difference, a hyperbolic tangent and a product.

    Examples
    --------
    >>> import losses
    >>> losses.log_cosh_loss_backward(2.0, [0.0, 40.0], [0.0, 0.0])
    array([0., 1.])
    """
    return backward(LOG_COSH, grad_output, (predictions, target), weight, reduction)


@public
def log_cosh_loss_value_and_grad(
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Logarithm of the hyperbolic cosine of a residual, and the gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial y} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial y} \Big) \text{ for 'none'}

    Parameters
    ----------
    predictions, target : array_like
        As in `log_cosh_loss`.
    weight, reduction : optional
        As in `log_cosh_loss`.
    grad_output : array_like, the shape of the loss, optional
        As in `log_cosh_loss_backward`; 1 by default. It multiplies the gradient and not the loss.
    out : ndarray, the shape and dtype of `predictions`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `predictions`
        itself, which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `log_cosh_loss` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `predictions`
        What `log_cosh_loss_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    TypeError, ValueError
        As in `log_cosh_loss_backward`; also if `out` has the wrong shape or dtype, is read-only, or
        overlaps an input without being `predictions`. If an argument is wrong, nothing is written.

    See Also
    --------
    log_cosh_loss, log_cosh_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> loss, gradient = losses.log_cosh_loss_value_and_grad([1.0, -1.0], [0.0, 0.0])
    >>> loss.round(4), gradient.round(4)
    (np.float64(0.4338), array([ 0.3808, -0.3808]))
    """
    return value_and_grad(
        LOG_COSH, (predictions, target), weight, reduction, grad_output=grad_output, out=out
    )


@public
def log_cosh_loss_hessian_diagonal(
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Diagonal of the Hessian of `log_cosh_loss`, whose other entries are 0.

    .. math:: \frac{\partial^2}{\partial y^2} = \frac{w}{\cosh^2(y - t)},

    divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    predictions, target : array_like
        As in `log_cosh_loss`.
    weight, reduction : optional
        As in `log_cosh_loss`. For ``'none'`` it is the Hessian of the sum of the losses.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `predictions`

    Raises
    ------
    TypeError, ValueError
        As in `log_cosh_loss`.

    See Also
    --------
    log_cosh_loss, log_cosh_loss_backward

    Notes
    -----
    With :math:`E = e^{-2 \lvert y - t \rvert}` it is :math:`4 E / (1 + E)^2`, in which nothing
    cancels: at most 11 ulp, and as much more as :math:`2 \lvert y - t \rvert` times the error
    of the difference, wherever :math:`E` is a normal number.

    Examples
    --------
    >>> import losses
    >>> losses.log_cosh_loss_hessian_diagonal([0.0, 40.0], [0.0, 0.0], reduction="sum")
    array([1.00000000e+00, 7.21940555e-35])
    """
    return hessian_diagonal(LOG_COSH, (predictions, target), weight, reduction)
