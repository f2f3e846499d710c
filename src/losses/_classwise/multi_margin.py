"""Hinge loss of logits and class indices."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.panel import rows
from .._core.public import public
from .._losses.class_problem import Classwise, Problem, Slopes, labelled
from .._losses.classwise import backward, forward, value_and_grad
from .._losses.margins import step
from .._losses.options import Reduction, number


def _shared(logits: Array, labels: Array, p: int, margin: float) -> tuple[Array, Any, int]:
    """Return u = margin + (x_j - x_t), -inf at j = t, and the place of the target in it."""
    at = (np.arange(labels.size), labels)
    own = logits[at]
    u = logits - rows(logits).spread(own)
    u += margin
    u[at] = np.minimum(own, -np.inf)  # nan stays nan
    return u, at, p


def _loss(u: Array, _: Any, p: int) -> Array:
    hinges = np.maximum(u, 0)
    if p == 2:
        hinges *= hinges
    sums = rows(hinges).add()
    sums /= u.shape[1]
    return sums


def _slope(u: Array, at: Any, p: int) -> Slopes:
    """Return max(u, 0)**(p - 1) [u >= 0], less their sum at the target, and p / C."""
    if p == 2:
        slope: Array = np.maximum(u, 0)
    else:
        slope = step(u.reshape(-1)).reshape(u.shape)
    slope[at] = 0 - rows(slope).add()
    return [(slope, u.dtype.type(p) / u.shape[1])]


def _power(**option: object) -> int:
    """Return the one named option, once it is 1 or 2."""
    ((name, value),) = option.items()
    power = number("(-inf, inf)", **option)
    if power not in (1, 2):
        raise ValueError(f"{name}: expected 1 or 2, got {value}")
    return int(power)


MULTI_MARGIN = Classwise(
    ("logits",),
    _shared,
    _loss,
    _slope,
    options={"p": _power, "margin": partial(number, "(-inf, inf)")},
)


@public
def multi_margin_loss(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    p: int = 1,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Floating:
    r"""Hinge loss of logits and class indices: by how much other classes come too near.

    .. math::
        \ell_i = \frac{w_{t_i}}{C} \sum_{j \ne t_i} \max(0, \, m + x_{i,j} - x_{i,t_i})^p, \qquad
        \text{mean} = \frac{\sum_i \ell_i}{\sum_i w_{t_i}},

    with the margin :math:`m`; an ignored sample is in neither sum.

    Parameters
    ----------
    logits : array_like, shape (C,), (N, C) or (N, C, d1, ..., dk)
        Real numbers. float16 is computed in float32; integers become float64.
    target : array_like of int, the shape of `logits` without the class axis
        Class indices in [0, C), of any integer dtype. For 1-D `logits` also shape (1,).
    p : 1 or 2, default 1
        The power of each hinge.
    margin : float, default 1.0
        By so much the logit of the target must be larger than any other to cost nothing.
    weight : array_like, shape (C,), optional
        Weight of each class.
    ignore_index : int, default -100
        Samples with this target are not counted. It may be outside [0, C).
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean over the weights of the samples that count, the sum, or one loss per
        sample.
    axis : int, optional
        The class axis; by default 1, or 0 for 1-D `logits`.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `target` for ``reduction='none'``
        In the dtype of `logits`. With no sample that counts the mean is nan and the sum 0.

    Raises
    ------
    IndexError
        If a target is neither in [0, C) nor `ignore_index`.
    TypeError
        If an array is complex, masked or not numeric, the target is not of integers, or an option
        is no number.
    ValueError
        If shapes do not fit, `p` is neither 1 nor 2, `margin` is not finite, or `reduction` is not
        one of the three.

    See Also
    --------
    multi_margin_loss_backward, multi_margin_loss_value_and_grad, cross_entropy, nll_loss,
    hinge_loss

    Notes
    -----
    The error is at most 3 + p ulp plus that of the sum, of :math:`\frac{p}{C} \sum_j \max(0,
    u_j)^{p-1} (\lvert x_j - x_t \rvert + \lvert u_j \rvert)` with :math:`u_j = m + (x_j -
    x_t)`: two sums, a power, a quotient and a product for each class; up to half an ulp for
    each addition of a chain, and the longest chain has 128.

    The mean divides by the weights of the samples that count, as that of `cross_entropy`:
    PyTorch divides by their number, and counts nan as no loss. At a hinge of exactly 0 the
    slope is that beyond it, so that logits which tie at a margin of 0 move apart: the slope
    there is 0 in PyTorch.

    References
    ----------
    J. Weston and C. Watkins, "Support vector machines for multi-class pattern recognition",
    ESANN (1999).

    Examples
    --------
    >>> import losses
    >>> logits = [[1.0, 2.0, 0.5], [3.0, 0.0, 0.0]]
    >>> losses.multi_margin_loss(logits, [0, 0], reduction="none").round(4)
    array([0.8333, 0.    ])
    """
    return forward(_checked(logits, target, p, margin, weight, ignore_index, reduction, axis))


@public
def multi_margin_loss_backward(
    grad_output: ArrayLike,
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    p: int = 1,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Array:
    r"""Gradient of `multi_margin_loss` with respect to the logits.

    .. math::
        \frac{\partial}{\partial x_{i,j}} =
        \frac{p \, g_i \, w_{t_i}}{C} \max(0, u_{i,j})^{p-1} [u_{i,j} \ge 0], \qquad
        \frac{\partial}{\partial x_{i,t_i}} = -\sum_{j \ne t_i} \frac{\partial}{\partial x_{i,j}},

    with :math:`u_{i,j} = m + (x_{i,j} - x_{i,t_i})`, and :math:`g` divided by :math:`\sum
    w_{t_i}` for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `multi_margin_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per sample for ``'none'``.
    logits, target : array_like
        What `multi_margin_loss` was given.
    p, margin, weight, ignore_index, reduction, axis : optional
        As in `multi_margin_loss`.

    Returns
    -------
    ndarray, the shape and dtype of `logits`

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `multi_margin_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    multi_margin_loss, multi_margin_loss_value_and_grad

    Notes
    -----
    At most 6 ulp of :math:`\frac{p}{C} (\lvert x_j - x_t \rvert + \lvert u_j \rvert)^{p-1}`:
    two sums, a quotient, a division and two products. At the target the sum has an error more.

    Examples
    --------
    >>> import losses
    >>> losses.multi_margin_loss_backward(3.0, [1.0, 2.0, 0.5], 0)
    array([-2.,  1.,  1.])
    """
    problem = _checked(logits, target, p, margin, weight, ignore_index, reduction, axis)
    return backward(problem, grad_output)


@public
def multi_margin_loss_value_and_grad(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    p: int = 1,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    axis: int | None = None,
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Multi-class hinge loss and its gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial x} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial x} \Big) \text{ for 'none'}

    Parameters
    ----------
    logits, target : array_like
        As in `multi_margin_loss`.
    p, margin, weight, ignore_index, reduction, axis : optional
        As in `multi_margin_loss`.
    grad_output : array_like, the shape of the loss, optional
        As in `multi_margin_loss_backward`; 1 by default. It multiplies the gradient and not the
        loss.
    out : ndarray, the shape and dtype of `logits`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `logits`
        itself, which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `multi_margin_loss` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `logits`
        What `multi_margin_loss_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `multi_margin_loss_backward`; also if `out` has the wrong shape or dtype, is
        read-only, or overlaps an input without being `logits`. If an argument is wrong, nothing is
        written.

    See Also
    --------
    multi_margin_loss, multi_margin_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> losses.multi_margin_loss_value_and_grad([1.0, 2.0, 0.5], 0, grad_output=3.0)
    (np.float64(0.8333333333333334), array([-2.,  1.,  1.]))
    """
    problem = _checked(logits, target, p, margin, weight, ignore_index, reduction, axis)
    given = {"logits": logits, "target": target, "weight": weight}
    return value_and_grad(problem, grad_output, out, **given)


def _checked(
    logits: ArrayLike,
    target: ArrayLike,
    p: int,
    margin: float,
    weight: ArrayLike | None,
    ignore_index: int,
    reduction: Reduction,
    axis: int | None,
) -> Problem:
    """Return the problem once every argument is right."""
    return labelled(MULTI_MARGIN, logits, target, weight, ignore_index, reduction, axis, p, margin)
