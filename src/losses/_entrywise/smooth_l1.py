"""Smooth L1 loss of predictions."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.public import public
from .._losses.entry_problem import Entrywise
from .._losses.entrywise import backward, forward, hessian_diagonal, value_and_grad
from .._losses.options import Reduction, number


def _shared(predictions: Array, target: Array, beta: float) -> tuple[Array, Array, Any]:
    """Return the residual r, c = r / beta within -1 and 1, and beta as the dtype has it."""
    r, beta = predictions - target, predictions.dtype.type(beta)
    slope: Array = (r / beta).clip(-1, 1) if beta else np.sign(r)
    return r, slope, beta


def _loss(r: Array, slope: Array, beta: Any) -> Array:
    """Return c (r - beta c / 2): a square up to beta, linear beyond.

    No product leaves the range on the way, as the square of a small or a large residual would.
    """
    loss: Array = (0.5 * beta) * slope
    np.subtract(r, loss, out=loss)
    loss *= slope
    return loss


def _slope(_: Array, slope: Array, __: Any) -> Array:
    return slope


def _curvature(r: Array, _: Array, beta: Any) -> tuple[Array, int]:
    inside = np.heaviside(beta - np.abs(r), 0)
    return inside / beta if beta else inside, 1


SMOOTH_L1 = Entrywise(
    ("predictions", "target"),
    _shared,
    _loss,
    _slope,
    _curvature,
    options={"beta": partial(number, "[0, inf)")},
)


@public
def smooth_l1_loss(
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    beta: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Smooth L1 loss of predictions.

    .. math::
        \ell = w \begin{cases}
            \tfrac{1}{2} (y - t)^2 / \beta & \lvert y - t \rvert < \beta \\
            \lvert y - t \rvert - \tfrac{1}{2} \beta & \text{beyond}
        \end{cases}, \qquad \text{mean} = \frac{\sum \ell}{\sum w}

    Parameters
    ----------
    predictions : array_like, any shape
        Real numbers. float16 is computed in float32; integers become float64.
    target : array_like, the shape of `predictions`
        Real numbers. A wider dtype than that of `predictions` widens the computation.
    beta : float, default 1.0, in [0, inf)
        The residual up to which the loss is a square. With 0 it is `l1_loss`.
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
        If an array is complex, masked or not numeric, or an option no number.
    ValueError
        If shapes differ (nothing is broadcast), `beta` is not in [0, inf), or `reduction`
        is not one of the three.

    See Also
    --------
    smooth_l1_loss_backward, smooth_l1_loss_value_and_grad, smooth_l1_loss_hessian_diagonal,
    huber_loss, mse_loss, l1_loss

    Notes
    -----
    With :math:`r = y - t` and :math:`c = \min(\lvert r \rvert, \beta)` both cases are :math:`(c
    / \beta) (\lvert r \rvert - c / 2)`. Nothing cancels, and no square of the residual
    overflows or underflows on the way: at most 5 ulp. A mean or sum adds half an ulp for
    float16 and float32, which are summed in float64. It is `huber_loss` with ``delta=beta``,
    divided by `beta`.

    References
    ----------
    R. Girshick, "Fast R-CNN", arXiv:1504.08083 (2015).

    Examples
    --------
    >>> import losses
    >>> losses.smooth_l1_loss([0.25, 2.0], [0.0, 0.0], beta=0.5, reduction="none")
    array([0.0625, 1.75  ])
    """
    return forward(SMOOTH_L1, (predictions, target), weight, reduction, beta)


@public
def smooth_l1_loss_backward(
    grad_output: ArrayLike,
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    beta: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Gradient of `smooth_l1_loss` with respect to the predictions.

    .. math::
        \frac{\partial}{\partial y} = g \, w \, \min\big(\max\big((y - t) / \beta, -1\big), 1\big),

    with :math:`g` divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `smooth_l1_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    predictions, target : array_like
        What `smooth_l1_loss` was given.
    beta, weight, reduction : optional
        As in `smooth_l1_loss`.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `predictions`

    Raises
    ------
    TypeError, ValueError
        As in `smooth_l1_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    smooth_l1_loss, smooth_l1_loss_value_and_grad, smooth_l1_loss_hessian_diagonal

    Notes
    -----
    At most 3 ulp: a difference, a quotient and two products. With ``beta=0`` it is the sign of
    the residual, 0 at 0.

    Examples
    --------
    >>> import losses
    >>> losses.smooth_l1_loss_backward(2.0, [0.25, 2.0], [0.0, 0.0], beta=0.5)
    array([0.5, 1. ])
    """
    return backward(SMOOTH_L1, grad_output, (predictions, target), weight, reduction, beta)


@public
def smooth_l1_loss_value_and_grad(
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    beta: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Smooth L1 loss of predictions, and the gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial y} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial y} \Big) \text{ for 'none'}

    Parameters
    ----------
    predictions, target : array_like
        As in `smooth_l1_loss`.
    beta, weight, reduction : optional
        As in `smooth_l1_loss`.
    grad_output : array_like, the shape of the loss, optional
        As in `smooth_l1_loss_backward`; 1 by default. It multiplies the gradient and not the loss.
    out : ndarray, the shape and dtype of `predictions`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `predictions`
        itself, which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `smooth_l1_loss` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `predictions`
        What `smooth_l1_loss_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    TypeError, ValueError
        As in `smooth_l1_loss_backward`; also if `out` has the wrong shape or dtype, is read-only,
        or overlaps an input without being `predictions`. If an argument is wrong, nothing is
        written.

    See Also
    --------
    smooth_l1_loss, smooth_l1_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> losses.smooth_l1_loss_value_and_grad([0.25, 2.0], [0.0, 0.0], beta=0.5)
    (np.float64(0.90625), array([0.25, 0.5 ]))
    """
    return value_and_grad(
        SMOOTH_L1, (predictions, target), weight, reduction, beta, grad_output=grad_output, out=out
    )


@public
def smooth_l1_loss_hessian_diagonal(
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    beta: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Diagonal of the Hessian of `smooth_l1_loss`, whose other entries are 0.

    .. math::
        \frac{\partial^2}{\partial y^2} = \frac{w}{\beta} \, [\lvert y - t \rvert < \beta],

    divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    predictions, target : array_like
        As in `smooth_l1_loss`.
    beta, weight, reduction : optional
        As in `smooth_l1_loss`. For ``'none'`` it is the Hessian of the sum of the losses.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `predictions`

    Raises
    ------
    TypeError, ValueError
        As in `smooth_l1_loss`.

    See Also
    --------
    smooth_l1_loss, smooth_l1_loss_backward

    Notes
    -----
    At most 2 ulp: two quotients and a product. At the kink, and with ``beta=0``, it is 0.

    Examples
    --------
    >>> import losses
    >>> losses.smooth_l1_loss_hessian_diagonal([0.25, 2.0], [0.0, 0.0], beta=0.5, reduction="sum")
    array([2., 0.])
    """
    return hessian_diagonal(SMOOTH_L1, (predictions, target), weight, reduction, beta)
