"""Squared hinge loss of logits, for targets 1 and -1."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.public import public
from .._losses.domains import signs
from .._losses.entry_problem import Entrywise
from .._losses.entrywise import backward, forward, hessian_diagonal, value_and_grad
from .._losses.margins import shortfall, step
from .._losses.options import Reduction, number


def _loss(_target: Array, short: Array) -> Array:
    loss = np.maximum(short, 0)
    loss *= loss
    return loss


def _slope(target: Array, short: Array) -> Array:
    slope = np.maximum(short, 0)
    slope *= -2 * target
    return slope


def _curvature(_target: Array, short: Array) -> tuple[Array, int]:
    return step(short), 2


SQUARED_HINGE = Entrywise(
    ("logits", "target"),
    shortfall,
    _loss,
    _slope,
    _curvature,
    domains={"target": signs},
    options={"margin": partial(number, "(-inf, inf)")},
)


@public
def squared_hinge_loss(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Squared hinge loss of logits, for targets 1 and -1.

    .. math:: \ell = w \max(0, \; m - t x)^2, \qquad \text{mean} = \frac{\sum \ell}{\sum w}

    Parameters
    ----------
    logits : array_like, any shape
        Real numbers. float16 is computed in float32; integers become float64.
    target : array_like, the shape of `logits`
        1 or -1, of any real dtype.
    margin : float, default 1.0
        The product t x from which on the loss is 0. Any finite number.
    weight : array_like, the shape of `logits`, optional
        Weight of each entry. An entry of weight 0 is left out, whatever it holds, so a boolean mask
        may be the weight.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean (weighted, if there is a `weight`), the sum, or one loss per entry.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `logits` for ``reduction='none'``
        In the dtype of `logits`. The mean of nothing is nan.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric, or an option no number.
    ValueError
        If shapes differ (nothing is broadcast), an entry of `target` is not 1 or -1 where
        its weight is not 0, `margin` is not finite, or `reduction` is not one of the three.

    See Also
    --------
    squared_hinge_loss_backward, squared_hinge_loss_value_and_grad,
    squared_hinge_loss_hessian_diagonal, hinge_loss, soft_margin_loss

    Notes
    -----
    A difference, which the square doubles, and two products: at most 4 ulp for a `margin` m
    that the dtype of the computation holds. At x = ±inf the loss is 0 or inf. Keras calls it
    ``SquaredHinge``; PyTorch has no such loss.

    References
    ----------
    Y. Tang, "Deep learning using linear support vector machines", arXiv:1306.0239 (2013).

    Examples
    --------
    >>> import losses
    >>> losses.squared_hinge_loss([0.25, 0.25, 2.0], [1, -1, 1], reduction="none")
    array([0.5625, 1.5625, 0.    ])
    """
    return forward(SQUARED_HINGE, (logits, target), weight, reduction, margin)


@public
def squared_hinge_loss_backward(
    grad_output: ArrayLike,
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Gradient of `squared_hinge_loss` with respect to the logits.

    .. math:: \frac{\partial}{\partial x} = -2 g \, w \, t \, \max(0, \; m - t x),

    with :math:`g` divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `squared_hinge_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    logits, target : array_like
        What `squared_hinge_loss` was given.
    margin, weight, reduction : optional
        As in `squared_hinge_loss`.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `logits`

    Raises
    ------
    TypeError, ValueError
        As in `squared_hinge_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    squared_hinge_loss, squared_hinge_loss_value_and_grad, squared_hinge_loss_hessian_diagonal

    Notes
    -----
    At most 2 ulp: a difference and a product.

    Examples
    --------
    >>> import losses
    >>> losses.squared_hinge_loss_backward(3.0, [0.25, 0.25, 2.0], [1, -1, -1])
    array([-1.5,  2.5,  6. ])
    """
    return backward(SQUARED_HINGE, grad_output, (logits, target), weight, reduction, margin)


@public
def squared_hinge_loss_value_and_grad(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Squared hinge loss of logits, for targets 1 and -1, and the gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial x} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial x} \Big) \text{ for 'none'}

    Parameters
    ----------
    logits, target : array_like
        As in `squared_hinge_loss`.
    margin, weight, reduction : optional
        As in `squared_hinge_loss`.
    grad_output : array_like, the shape of the loss, optional
        As in `squared_hinge_loss_backward`; 1 by default. It multiplies the gradient and not the
        loss.
    out : ndarray, the shape and dtype of `logits`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `logits`
        itself, which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `squared_hinge_loss` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `logits`
        What `squared_hinge_loss_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    TypeError, ValueError
        As in `squared_hinge_loss_backward`; also if `out` has the wrong shape or dtype, is
        read-only, or overlaps an input without being `logits`. If an argument is wrong, nothing is
        written.

    See Also
    --------
    squared_hinge_loss, squared_hinge_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> losses.squared_hinge_loss_value_and_grad([0.5, 0.5], [1, -1])
    (np.float64(1.25), array([-0.5,  1.5]))
    """
    return value_and_grad(
        SQUARED_HINGE, (logits, target), weight, reduction, margin, grad_output=grad_output, out=out
    )


@public
def squared_hinge_loss_hessian_diagonal(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Diagonal of the Hessian of `squared_hinge_loss`, whose other entries are 0.

    .. math:: \frac{\partial^2}{\partial x^2} = 2 w \, [t x \le m],

    divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    logits, target : array_like
        As in `squared_hinge_loss`.
    margin, weight, reduction : optional
        As in `squared_hinge_loss`. For ``'none'`` it is the Hessian of the sum of the losses.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `logits`

    Raises
    ------
    TypeError, ValueError
        As in `squared_hinge_loss`.

    See Also
    --------
    squared_hinge_loss, squared_hinge_loss_backward

    Notes
    -----
    At most 1 ulp: a product. At the kink, t x = m, it is that of the square.

    Examples
    --------
    >>> import losses
    >>> losses.squared_hinge_loss_hessian_diagonal([0.25, 2.0], [1, 1], reduction="sum")
    array([2., 0.])
    """
    return hessian_diagonal(SQUARED_HINGE, (logits, target), weight, reduction, margin)
