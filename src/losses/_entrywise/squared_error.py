"""Squared error of predictions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._core.checks import vector_for
from .._core.dtypes import Array, Floating
from .._core.entries import elementwise, times
from .._core.public import public
from .._losses.options import Reduction
from .._losses.reduction import unit_backward
from .._losses.residual import checked, residual_gradient, residual_loss


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
        Real numbers. A wider dtype than that of `predictions` widens the computation.
    weight : array_like, the shape of `predictions`, optional
        Weight of each entry.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean over the weights (or the number of entries), the sum, or one loss per entry.

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
    mse_loss_backward, l1_loss

    Notes
    -----
    At most 4 ulp: a difference, squared and weighted. A mean or sum adds half an ulp for
    float16 and float32, which are summed in float64.

    Examples
    --------
    >>> import losses
    >>> losses.mse_loss([1.0, 2.0, 4.0], [1.0, 1.0, 1.0])
    np.float64(3.3333333333333335)
    """
    return residual_loss(_squared, predictions, target, weight, reduction)


def _squared(residual: Array, weight: Array | None) -> Array:
    return times(weight, residual * residual)


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
        The gradient with respect to that: a scalar, or one entry per loss for ``'none'``.
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
        As `mse_loss`, and if `grad_output` has another shape than stated.

    See Also
    --------
    mse_loss, l1_loss_backward

    Notes
    -----
    At most 3 ulp: a difference and two products.

    Examples
    --------
    >>> import losses
    >>> losses.mse_loss_backward(3.0, [1.0, 2.0, 4.0], [1.0, 1.0, 1.0])
    array([0., 2., 6.])
    """
    return residual_gradient(_twice, grad_output, predictions, target, weight, reduction)


def _twice(residual: Array, weight: Array | None) -> Array:
    return times(weight, 2 * residual)


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
        What the Hessian is multiplied by: finite numbers, rounded to the dtype of the computation.
    predictions, target : array_like
        As in `mse_loss`.
    weight, reduction : optional
        As in `mse_loss`; ``'none'`` has the Hessian of the sum of the losses.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `predictions`

    Raises
    ------
    TypeError, ValueError
        As `mse_loss`, and if `vector` has another shape than `predictions`.

    See Also
    --------
    mse_loss_hessian_diagonal, mse_loss_backward

    Notes
    -----
    At most 3 ulp: a division and two products.

    Examples
    --------
    >>> import losses
    >>> losses.mse_loss_hvp([1.0, -1.0], [1.0, 2.0], [0.0, 0.0])
    array([ 1., -1.])
    """
    predictions, target, weight, dtype, divisor = checked(predictions, target, weight, reduction)
    vector = vector_for(vector, predictions=predictions)
    grads = unit_backward(reduction, divisor, dtype)
    return elementwise(_curvature, predictions, weight, grads, vector, dtype=dtype)


@public
def mse_loss_hessian_diagonal(
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Diagonal of the Hessian of `mse_loss`, which is all of it.

    .. math:: \frac{\partial^2}{\partial y^2} = 2 \, w,

    divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    predictions, target : array_like
        As in `mse_loss`.
    weight, reduction : optional
        As in `mse_loss`; ``'none'`` has the Hessian of the sum of the losses.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `predictions`
        The same wherever the predictions are.

    Raises
    ------
    TypeError, ValueError
        As `mse_loss`.

    See Also
    --------
    mse_loss_hvp, mse_loss_backward

    Notes
    -----
    At most 2 ulp: a division and a product.

    Examples
    --------
    >>> import losses
    >>> losses.mse_loss_hessian_diagonal([1.0, 2.0], [0.0, 0.0], weight=[3.0, 1.0])
    array([1.5, 0.5])
    """
    predictions, target, weight, dtype, divisor = checked(predictions, target, weight, reduction)
    grads = unit_backward(reduction, divisor, dtype)
    return elementwise(_curvature, predictions, weight, grads, dtype=dtype)


def _curvature(
    predictions: Array, weight: Array | None, grads: Array, vector: Array | None = None
) -> Array:
    """Return w, times a vector if there is one, and times twice the share of each loss at last."""
    curvature = np.ones_like(predictions) if vector is None else vector.copy()
    if weight is not None:
        curvature *= weight
    curvature *= 2 * grads
    return curvature
