"""Absolute error of predictions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.public import public
from .._losses.entry_problem import Entrywise, residual
from .._losses.entrywise import backward, forward, value_and_grad
from .._losses.options import Reduction


def _loss(r: Array) -> Array:
    return np.abs(r)


def _slope(r: Array) -> Array:
    return np.sign(r)


L1 = Entrywise(("predictions", "target"), residual, _loss, _slope)


@public
def l1_loss(
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Absolute error of predictions.

    .. math::
        \ell = w \, \lvert y - t \rvert, \qquad \text{mean} = \frac{\sum \ell}{\sum w}

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
    l1_loss_backward, l1_loss_value_and_grad, mse_loss

    Notes
    -----
    At most 1.5 ulp: a difference, weighted. A mean or sum adds half an ulp for
    float16 and float32, which are summed in float64.

    Examples
    --------
    >>> import losses
    >>> losses.l1_loss([1.0, 2.0, 4.0], [1.0, 1.0, 1.0])
    np.float64(1.3333333333333333)
    """
    return forward(L1, (predictions, target), weight, reduction)


@public
def l1_loss_backward(
    grad_output: ArrayLike,
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Gradient of `l1_loss` with respect to the predictions.

    .. math::
        \frac{\partial}{\partial y} = g \, w \, \operatorname{sign}(y - t), \qquad
        \operatorname{sign}(0) = 0,

    with :math:`g` divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `l1_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    predictions, target : array_like
        What `l1_loss` was given.
    weight, reduction : optional
        As in `l1_loss`.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `predictions`

    Raises
    ------
    TypeError, ValueError
        As in `l1_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    l1_loss, mse_loss_backward

    Notes
    -----
    At most 2 ulp: two products. At a residual of 0 the gradient is 0.

    Examples
    --------
    >>> import losses
    >>> losses.l1_loss_backward(3.0, [1.0, 2.0, 4.0], [1.0, 1.0, 1.0])
    array([0., 1., 1.])
    """
    return backward(L1, grad_output, (predictions, target), weight, reduction)


@public
def l1_loss_value_and_grad(
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Absolute error of predictions and its gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial y} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial y} \Big) \text{ for 'none'}

    Parameters
    ----------
    predictions, target : array_like
        As in `l1_loss`.
    weight, reduction : optional
        As in `l1_loss`.
    grad_output : array_like, the shape of the loss, optional
        The gradient with respect to the loss, as in `l1_loss_backward`; 1 by default. It multiplies
        the gradient and not the loss.
    out : ndarray, the shape and dtype of `predictions`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `predictions` itself,
        which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `l1_loss` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `predictions`
        What `l1_loss_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    TypeError, ValueError
        As in `l1_loss`; also if `grad_output` has another shape than the loss, or if `out` has the
        wrong shape or dtype, is read-only, or overlaps an input without being `predictions`. If an
        argument is wrong, nothing is written.

    See Also
    --------
    l1_loss, l1_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> losses.l1_loss_value_and_grad([1.0, 2.0, 4.0], [1.0, 1.0, 1.0], reduction="sum")
    (np.float64(4.0), array([0., 1., 1.]))
    """
    return value_and_grad(
        L1, (predictions, target), weight, reduction, grad_output=grad_output, out=out
    )
