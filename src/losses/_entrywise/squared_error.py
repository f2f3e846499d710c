"""Squared error of predictions."""

from __future__ import annotations

from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.public import public
from .._losses.entry_problem import Entrywise, residual
from .._losses.entrywise import backward, forward, hessian_diagonal, hvp, value_and_grad
from .._losses.options import Reduction


def _loss(r: Array) -> Array:
    return r * r


def _slope(r: Array) -> Array:
    return 2 * r


MSE = Entrywise(("predictions", "target"), residual, _loss, _slope, curvature=(2,))


@public
def mse_loss(
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Squared error of predictions.

    .. math::
        \ell = w \, (y - t)^2, \qquad \text{mean} = \frac{\sum \ell}{\sum w}

    Parameters
    ----------
    predictions : array_like, any shape
        Real numbers. float16 is computed in float32; integers become float64.
    target : array_like, the shape of `predictions`
        Real numbers. If its dtype is wider than that of `predictions`, the computation is too.
    weight : array_like, the shape of `predictions`, optional
        Weight of each entry. An entry of weight 0 is left out, whatever it holds, so a boolean
        mask may be the weight.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean (weighted, if there is a `weight`), the sum, or one loss per entry.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `predictions` for ``reduction='none'``
        In the dtype of `predictions`. The mean of no entries is nan.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric.
    ValueError
        If shapes differ (nothing is broadcast), or `reduction` is not one of the three.

    See Also
    --------
    mse_loss_backward, mse_loss_value_and_grad, l1_loss

    Notes
    -----
    The error of a loss is at most 4 ulp: a difference is squared and weighted. A mean or sum adds
    half an ulp for float16 and float32, which are summed in float64.

    Examples
    --------
    >>> import losses
    >>> losses.mse_loss([1.0, 2.0, 4.0], [1.0, 1.0, 1.0])
    np.float64(3.3333333333333335)
    """
    return forward(MSE, (predictions, target), weight, reduction)


@public
def mse_loss_backward(
    grad_output: ArrayLike,
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Gradient of `mse_loss` with respect to the predictions.

    .. math:: \frac{\partial}{\partial y} = 2 g \, w \, (y - t),

    with :math:`g` divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `mse_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    predictions, target : array_like
        What `mse_loss` was given.
    weight, reduction : optional
        As in `mse_loss`.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `predictions`

    Raises
    ------
    TypeError, ValueError
        As in `mse_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    mse_loss, l1_loss_backward

    Notes
    -----
    The error is at most 3 ulp: a difference and two products.

    Examples
    --------
    >>> import losses
    >>> losses.mse_loss_backward(3.0, [1.0, 2.0, 4.0], [1.0, 1.0, 1.0])
    array([0., 2., 6.])
    """
    return backward(MSE, grad_output, (predictions, target), weight, reduction)


@public
def mse_loss_value_and_grad(
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Squared error of predictions and its gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial y} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial y} \Big) \text{ for 'none'}

    Parameters
    ----------
    predictions, target : array_like
        As in `mse_loss`.
    weight, reduction : optional
        As in `mse_loss`.
    grad_output : array_like, the shape of the loss, optional
        The gradient with respect to the loss, as in `mse_loss_backward`; 1 by default. It
        multiplies the gradient and not the loss.
    out : ndarray, the shape and dtype of `predictions`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `predictions` itself,
        which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `mse_loss` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `predictions`
        What `mse_loss_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    TypeError, ValueError
        As in `mse_loss`; also if `grad_output` has another shape than the loss, or if `out` has
        the wrong shape or dtype, is read-only, or overlaps an input without being `predictions`.
        If an argument is wrong, nothing is written.

    See Also
    --------
    mse_loss, mse_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> loss, gradient = losses.mse_loss_value_and_grad([1.0, 2.0, 4.0], [1.0, 1.0, 1.0])
    >>> loss, gradient.round(3)
    (np.float64(3.3333333333333335), array([0.   , 0.667, 2.   ]))
    """
    return value_and_grad(
        MSE, (predictions, target), weight, reduction, grad_output=grad_output, out=out
    )


@public
def mse_loss_hvp(
    vector: ArrayLike,
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Hessian of `mse_loss` with respect to the predictions, times a vector.

    .. math:: (H u) = 2 \, w \, u,

    divided by :math:`\sum w` (or the number of entries) for the mean: the Hessian is diagonal.

    Parameters
    ----------
    vector : array_like, the shape of `predictions`
        The vector: finite numbers, which are rounded to the dtype of the computation.
    predictions, target : array_like
        As in `mse_loss`.
    weight, reduction : optional
        As in `mse_loss`. For ``'none'`` it is the Hessian of the sum of the losses.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `predictions`

    Raises
    ------
    TypeError, ValueError
        As in `mse_loss`; also if `vector` has another shape than `predictions`.

    See Also
    --------
    mse_loss_hessian_diagonal, mse_loss_backward

    Notes
    -----
    The error is at most 3 ulp: a division and two products.

    Examples
    --------
    >>> import losses
    >>> losses.mse_loss_hvp([1.0, -1.0], [1.0, 2.0], [0.0, 0.0])
    array([ 1., -1.])
    """
    return hvp(MSE, vector, (predictions, target), weight, reduction)


@public
def mse_loss_hessian_diagonal(
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Diagonal of the Hessian of `mse_loss`, whose other entries are 0.

    .. math:: \frac{\partial^2}{\partial y^2} = 2 \, w,

    divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    predictions, target : array_like
        As in `mse_loss`.
    weight, reduction : optional
        As in `mse_loss`. For ``'none'`` it is the Hessian of the sum of the losses.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `predictions`
        It does not depend on the predictions.

    Raises
    ------
    TypeError, ValueError
        As in `mse_loss`.

    See Also
    --------
    mse_loss_hvp, mse_loss_backward

    Notes
    -----
    The error is at most 2 ulp: a division and a product.

    Examples
    --------
    >>> import losses
    >>> losses.mse_loss_hessian_diagonal([1.0, 2.0], [0.0, 0.0], weight=[3.0, 1.0])
    array([1.5, 0.5])
    """
    return hessian_diagonal(MSE, (predictions, target), weight, reduction)
