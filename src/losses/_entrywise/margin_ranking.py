"""Hinge of the difference between two scores that have an order."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.public import public
from .._losses.domains import signs
from .._losses.entry_problem import Entrywise
from .._losses.entrywise import backward_of_each, forward, value_and_grad_of_each
from .._losses.grads import PairGrads
from .._losses.margins import step
from .._losses.options import Reduction, number


def _shared(first: Array, second: Array, target: Array, margin: float) -> tuple[Array, Array]:
    """Return u = margin - t (first - second), and t."""
    u = second - first
    u *= target
    u += margin
    return u, target


def _loss(u: Array, _: Array) -> Array:
    loss: Array = np.maximum(u, 0)
    return loss


def _slope(u: Array, target: Array) -> tuple[Array, Array]:
    """Return -t [u >= 0] and t [u >= 0], which are nan where u is."""
    slope = step(u)
    slope *= target
    return -slope, slope


MARGIN_RANKING = Entrywise(
    ("first", "second", "target"),
    _shared,
    _loss,
    _slope,
    domains={"target": signs},
    options={"margin": partial(number, "(-inf, inf)")},
    produced=2,
)


@public
def margin_ranking_loss(
    first: ArrayLike,
    second: ArrayLike,
    target: ArrayLike,
    /,
    *,
    margin: float = 0.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Hinge of the difference between two scores, of which the target says which is to be larger.

    .. math::
        \ell = w \max(0, \, u), \qquad u = m - t \, (x_1 - x_2), \qquad
        \text{mean} = \frac{\sum \ell}{\sum w}

    Parameters
    ----------
    first, second : array_like, of one shape
        The scores :math:`x_1` and :math:`x_2`: real numbers. float16 is computed in float32;
        integers become float64.
    target : array_like, the shape of `first`
        1 where the first score is to be larger, -1 where the second is; of any real dtype.
    margin : float, default 0.0
        The difference m from which a pair in the right order costs nothing.
    weight : array_like, the shape of `first`, optional
        Weight of each entry. An entry of weight 0 is left out, whatever it holds, so a boolean mask
        may be the weight.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean (weighted, if there is a `weight`), the sum, or one loss per entry.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `first` for ``reduction='none'``
        In the widest dtype of `first` and `second`. The mean of nothing is nan.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric, or `margin` no number.
    ValueError
        If shapes differ (nothing is broadcast), an entry of `target` is neither 1 nor -1 where its
        weight is not 0, `margin` is infinite or nan, or `reduction` is not one of the three.

    See Also
    --------
    margin_ranking_loss_backward, margin_ranking_loss_value_and_grad

    Notes
    -----
    Two differences, the margin in the dtype of the computation and the weight: at most 4 ulp of
    :math:`\lvert m \rvert + \lvert x_1 - x_2 \rvert`. A mean or sum adds half an ulp for float16
    and float32, which are summed in float64.

    In PyTorch shapes broadcast in silence, and a target of 0 in place of -1 costs the margin.

    References
    ----------
    R. Herbrich, T. Graepel and K. Obermayer, "Support vector learning for ordinal regression",
    International Conference on Artificial Neural Networks (1999).

    Examples
    --------
    >>> import losses
    >>> first, second = [0.25, 2.0, 1.0], [0.5, 0.5, 1.0]
    >>> losses.margin_ranking_loss(first, second, [1, 1, -1], margin=0.5, reduction="none")
    array([0.75, 0.  , 0.5 ])
    """
    arrays = (first, second, target)
    return forward(MARGIN_RANKING, arrays, weight, reduction, margin)


@public
def margin_ranking_loss_backward(
    grad_output: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    target: ArrayLike,
    /,
    *,
    margin: float = 0.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> PairGrads:
    r"""Gradients of `margin_ranking_loss` with respect to the two scores.

    .. math::
        \frac{\partial}{\partial x_1} = -g \, w \, t \, [u \ge 0], \qquad
        \frac{\partial}{\partial x_2} = g \, w \, t \, [u \ge 0],

    with :math:`g` divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `margin_ranking_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    first, second, target : array_like
        What `margin_ranking_loss` was given.
    margin, weight, reduction : optional
        As in `margin_ranking_loss`.

    Returns
    -------
    PairGrads
        The named tuple ``(first, second)``, each gradient in the shape and dtype of its array.

    Raises
    ------
    TypeError, ValueError
        As in `margin_ranking_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    margin_ranking_loss, margin_ranking_loss_value_and_grad

    Notes
    -----
    Exact but for a product with the weight and one with the gradient. At the kink, :math:`u = 0`,
    the slope is that of :math:`u > 0`, so that equal scores can part where the margin is 0.

    Examples
    --------
    >>> import losses
    >>> first, second = [0.25, 2.0, 1.0], [0.5, 0.5, 1.0]
    >>> losses.margin_ranking_loss_backward(3.0, first, second, [1, 1, -1], margin=0.5)
    PairGrads(first=array([-1., -0.,  1.]), second=array([ 1.,  0., -1.]))
    """
    arrays = (first, second, target)
    return PairGrads(
        *backward_of_each(MARGIN_RANKING, grad_output, arrays, weight, reduction, margin)
    )


@public
def margin_ranking_loss_value_and_grad(
    first: ArrayLike,
    second: ArrayLike,
    target: ArrayLike,
    /,
    *,
    margin: float = 0.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
) -> tuple[Floating, PairGrads]:
    r"""Hinge of the difference between two scores, and the gradients, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial x_1}, \;
        g \, \frac{\partial \ell}{\partial x_2} \Big), \quad
        \text{the gradients of } \textstyle\sum g \, \ell \text{ for 'none'}

    Parameters
    ----------
    first, second, target : array_like
        As in `margin_ranking_loss`.
    margin, weight, reduction : optional
        As in `margin_ranking_loss`.
    grad_output : array_like, the shape of the loss, optional
        As in `margin_ranking_loss_backward`; 1 by default. It multiplies the gradients and not the
        loss.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `margin_ranking_loss` returns, bit for bit.
    grads : PairGrads
        What `margin_ranking_loss_backward` returns, bit for bit.

    Raises
    ------
    TypeError, ValueError
        As in `margin_ranking_loss_backward`.

    See Also
    --------
    margin_ranking_loss, margin_ranking_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> first, second = [0.25, 2.0], [0.5, 0.5]
    >>> losses.margin_ranking_loss_value_and_grad(first, second, [1, 1], margin=0.5)
    (np.float64(0.375), PairGrads(first=array([-0.5, -0. ]), second=array([0.5, 0. ])))
    """
    arrays = (first, second, target)
    loss, grads = value_and_grad_of_each(
        MARGIN_RANKING, arrays, weight, reduction, margin, grad_output=grad_output
    )
    return loss, PairGrads(*grads)
