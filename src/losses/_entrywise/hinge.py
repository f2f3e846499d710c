"""Hinge loss of logits, for targets 1 and -1."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.public import public
from .._losses.domains import signs
from .._losses.entry_problem import Entrywise
from .._losses.entrywise import backward, forward, value_and_grad
from .._losses.margins import shortfall, step
from .._losses.options import Reduction, number


def _loss(_target: Array, short: Array) -> Array:
    return np.maximum(short, 0)


def _slope(target: Array, short: Array) -> Array:
    slope = step(short)
    slope *= -target
    return slope


HINGE = Entrywise(
    ("logits", "target"),
    shortfall,
    _loss,
    _slope,
    domains={"target": signs},
    options={"margin": partial(number, "(-inf, inf)")},
)


@public
def hinge_loss(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Hinge loss of logits, for targets 1 and -1.

    .. math:: \ell = w \max(0, \; m - t x), \qquad \text{mean} = \frac{\sum \ell}{\sum w}

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
    hinge_loss_backward, hinge_loss_value_and_grad, squared_hinge_loss, soft_margin_loss

    Notes
    -----
    A difference and a product: at most 2 ulp for a `margin` m that the dtype of the computation
    holds. At x = ±inf the loss is 0 or inf. It is optax's ``hinge_loss``, which has no other
    margin than 1. PyTorch has no such loss for two classes.

    References
    ----------
    C. Cortes and V. Vapnik, "Support-vector networks", Machine Learning 20 (1995).

    Examples
    --------
    >>> import losses
    >>> losses.hinge_loss([0.25, 0.25, 2.0], [1, -1, 1], reduction="none")
    array([0.75, 1.25, 0.  ])
    """
    return forward(HINGE, (logits, target), weight, reduction, margin)


@public
def hinge_loss_backward(
    grad_output: ArrayLike,
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Gradient of `hinge_loss` with respect to the logits.

    .. math:: \frac{\partial}{\partial x} = -g \, w \, t \, [t x \le m],

    with :math:`g` divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `hinge_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    logits, target : array_like
        What `hinge_loss` was given.
    margin, weight, reduction : optional
        As in `hinge_loss`.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `logits`

    Raises
    ------
    TypeError, ValueError
        As in `hinge_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    hinge_loss, hinge_loss_value_and_grad

    Notes
    -----
    At most 1 ulp: a product. At the kink, t x = m, it is -t w, so that logits which are alike
    can part.

    Examples
    --------
    >>> import losses
    >>> losses.hinge_loss_backward(3.0, [0.25, 0.25, 1.0], [1, -1, 1])
    array([-1.,  1., -1.])
    """
    return backward(HINGE, grad_output, (logits, target), weight, reduction, margin)


@public
def hinge_loss_value_and_grad(
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
    r"""Hinge loss of logits, for targets 1 and -1, and the gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial x} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial x} \Big) \text{ for 'none'}

    Parameters
    ----------
    logits, target : array_like
        As in `hinge_loss`.
    margin, weight, reduction : optional
        As in `hinge_loss`.
    grad_output : array_like, the shape of the loss, optional
        As in `hinge_loss_backward`; 1 by default. It multiplies the gradient and not the loss.
    out : ndarray, the shape and dtype of `logits`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `logits`
        itself, which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `hinge_loss` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `logits`
        What `hinge_loss_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    TypeError, ValueError
        As in `hinge_loss_backward`; also if `out` has the wrong shape or dtype, is read-only, or
        overlaps an input without being `logits`. If an argument is wrong, nothing is written.

    See Also
    --------
    hinge_loss, hinge_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> losses.hinge_loss_value_and_grad([0.25, 0.25], [1, -1])
    (np.float64(1.0), array([-0.5,  0.5]))
    """
    return value_and_grad(
        HINGE, (logits, target), weight, reduction, margin, grad_output=grad_output, out=out
    )
