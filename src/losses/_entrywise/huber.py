"""Huber loss of predictions."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.public import public
from .._losses.entry_problem import Entrywise
from .._losses.entrywise import backward, forward, hessian_diagonal, value_and_grad
from .._losses.options import Reduction, number


def _shared(predictions: Array, target: Array, delta: float) -> tuple[Array, Array, float]:
    """Return the residual, and what of it is within delta."""
    r = predictions - target
    # The largest number in place of inf, or inf - inf would be nan at an infinite residual.
    end = min(delta, np.finfo(r.dtype).max)
    return r, r.clip(-end, end), delta


def _loss(r: Array, inner: Array, _: float) -> Array:
    """Return c (r - c / 2) with c = r within delta: r**2 / 2 up to delta, linear beyond."""
    loss: Array = 0.5 * inner
    np.subtract(r, loss, out=loss)
    loss *= inner
    return loss


def _slope(r: Array, inner: Array, delta: float) -> Array:
    return r if delta == np.inf else inner


def _curvature(r: Array, _: Array, delta: float) -> tuple[Array, int]:
    size = np.abs(r)
    # At the bend 1; under an infinite delta there is none, not even at an infinite residual.
    return np.heaviside(size if delta == np.inf else delta - size, 1), 1


HUBER = Entrywise(
    ("predictions", "target"),
    _shared,
    _loss,
    _slope,
    _curvature,
    options={"delta": partial(number, "(0, inf]")},
)


@public
def huber_loss(
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    delta: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Huber loss of predictions.

    .. math::
        \ell = w \begin{cases}
            \tfrac{1}{2} (y - t)^2 & \lvert y - t \rvert \le \delta \\
            \delta \big( \lvert y - t \rvert - \tfrac{1}{2} \delta \big) & \text{beyond}
        \end{cases}, \qquad \text{mean} = \frac{\sum \ell}{\sum w}

    Parameters
    ----------
    predictions : array_like, any shape
        Real numbers. float16 is computed in float32; integers become float64.
    target : array_like, the shape of `predictions`
        Real numbers. A wider dtype than that of `predictions` widens the computation.
    delta : float, default 1.0, in (0, inf]
        The residual up to which the loss is a square. With inf it is half of `mse_loss`.
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
        If shapes differ (nothing is broadcast), `delta` is not in (0, inf], or `reduction`
        is not one of the three.

    See Also
    --------
    huber_loss_backward, huber_loss_value_and_grad, huber_loss_hessian_diagonal, smooth_l1_loss,
    mse_loss, l1_loss

    Notes
    -----
    With :math:`r = y - t` and :math:`c = \min(\lvert r \rvert, \delta)` both cases are :math:`c
    (\lvert r \rvert - c / 2)`, in which the difference is at least half of either: at most 4
    ulp. A mean or sum adds half an ulp for float16 and float32, which are summed in float64. It
    is `delta` times `smooth_l1_loss` with ``beta=delta``.

    References
    ----------
    P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics
    35 (1964).

    Examples
    --------
    >>> import losses
    >>> losses.huber_loss([2.0, 0.5], [0.0, 0.0], delta=1.5, reduction="none")
    array([1.875, 0.125])
    """
    return forward(HUBER, (predictions, target), weight, reduction, delta)


@public
def huber_loss_backward(
    grad_output: ArrayLike,
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    delta: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Gradient of `huber_loss` with respect to the predictions.

    .. math:: \frac{\partial}{\partial y} = g \, w \, \min(\max(y - t, -\delta), \delta),

    with :math:`g` divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `huber_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    predictions, target : array_like
        What `huber_loss` was given.
    delta, weight, reduction : optional
        As in `huber_loss`.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `predictions`

    Raises
    ------
    TypeError, ValueError
        As in `huber_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    huber_loss, huber_loss_value_and_grad, huber_loss_hessian_diagonal

    Notes
    -----
    At most 2 ulp: a difference and two products.

    Examples
    --------
    >>> import losses
    >>> losses.huber_loss_backward(2.0, [2.0, 0.5], [0.0, 0.0], delta=1.5)
    array([1.5, 0.5])
    """
    return backward(HUBER, grad_output, (predictions, target), weight, reduction, delta)


@public
def huber_loss_value_and_grad(
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    delta: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Huber loss of predictions, and the gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial y} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial y} \Big) \text{ for 'none'}

    Parameters
    ----------
    predictions, target : array_like
        As in `huber_loss`.
    delta, weight, reduction : optional
        As in `huber_loss`.
    grad_output : array_like, the shape of the loss, optional
        As in `huber_loss_backward`; 1 by default. It multiplies the gradient and not the loss.
    out : ndarray, the shape and dtype of `predictions`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `predictions`
        itself, which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `huber_loss` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `predictions`
        What `huber_loss_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    TypeError, ValueError
        As in `huber_loss_backward`; also if `out` has the wrong shape or dtype, is read-only, or
        overlaps an input without being `predictions`. If an argument is wrong, nothing is written.

    See Also
    --------
    huber_loss, huber_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> losses.huber_loss_value_and_grad([2.0, 0.5], [0.0, 0.0], delta=1.5)
    (np.float64(1.0), array([0.75, 0.25]))
    """
    return value_and_grad(
        HUBER, (predictions, target), weight, reduction, delta, grad_output=grad_output, out=out
    )


@public
def huber_loss_hessian_diagonal(
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    delta: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Diagonal of the Hessian of `huber_loss`, whose other entries are 0.

    .. math:: \frac{\partial^2}{\partial y^2} = w \, [\lvert y - t \rvert \le \delta],

    divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    predictions, target : array_like
        As in `huber_loss`.
    delta, weight, reduction : optional
        As in `huber_loss`. For ``'none'`` it is the Hessian of the sum of the losses.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `predictions`

    Raises
    ------
    TypeError, ValueError
        As in `huber_loss`.

    See Also
    --------
    huber_loss, huber_loss_backward

    Notes
    -----
    Exact but for the weight and a division. At the kink it is that of the square.

    Examples
    --------
    >>> import losses
    >>> losses.huber_loss_hessian_diagonal([2.0, 0.5], [0.0, 0.0], reduction="sum")
    array([0., 1.])
    """
    return hessian_diagonal(HUBER, (predictions, target), weight, reduction, delta)
