"""Focal loss of logits and class indices."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._activations.exponentials import RANGES, at_labels, exponentials
from .._core.dtypes import Array, Floating
from .._core.entries import times
from .._core.panel import rows
from .._core.public import public
from .._losses.class_problem import Classwise, Problem, Slopes, labelled
from .._losses.classwise import backward, forward, value_and_grad
from .._losses.options import Reduction, number


class Parts(NamedTuple):
    """What the formulas share: with e = exp(x), S is the sum of e, and R that of the others."""

    e: Array  # its own entry of a target is not used
    at: Array  # the places of the targets in its memory
    total: Array  # S
    share: Array  # u = R / S
    own: Array  # p of the target
    entropy: Array  # ce = -log p
    gamma: float


def _shared(logits: Array, labels: Array, gamma: float) -> Parts:
    """Return the exponentials and their sums; the entropy has the bits of cross entropy."""
    e = rows(np.empty_like(logits))
    spare = e.with_values(np.empty_like(logits))
    sums = exponentials(rows(logits), e, spare)
    at, log_probs, (sure, _, rest, _) = at_labels(rows(logits), labels, e, sums)
    total = sums.total
    own = e.memory[at]
    others = total - own
    others[sure] = rest
    share = others / total
    own /= total
    own[sure] = 1 - share[sure]
    # 0 - x, not -x: a certain prediction costs 0, not -0.
    return Parts(e.values, at, total, share, own, 0 - log_probs, gamma)


def _loss(*shared: Any) -> Array:
    parts = Parts(*shared)
    return times(parts.share**parts.gamma, parts.entropy)


def _slope(*shared: Any) -> Slopes:
    """Return e, but -R at the target, and u**gamma (1 + gamma p_t ce / u) / S."""
    e, at, total, share, own, entropy, gamma = Parts(*shared)
    # ce / u is 1 where both are 0; p_t is 0 where ce is infinite.
    ratio = np.minimum(entropy, np.finfo(e.dtype).max) * own / share
    ratio[share == 0] = 1
    ratio *= gamma
    ratio += 1
    ratio *= share**gamma
    factor = ratio / total
    e.reshape(-1)[at] = 0 - share * total
    small = factor < RANGES[e.dtype.char].smallest
    if np.count_nonzero(small):  # it has lost digits which the product with a large e may have
        e[small] /= total[small, np.newaxis]
        factor[small] = ratio[small]
    return [(e, factor)]


FOCAL = Classwise(
    ("logits",), _shared, _loss, _slope, options={"gamma": partial(number, "[0, inf)")}
)


@public
def focal_loss(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    gamma: float = 2.0,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Floating:
    r"""Focal loss of logits and class indices: cross entropy that sure predictions count little in.

    .. math::
        \ell_i = -w_{t_i} (1 - p_{i,t_i})^\gamma \log p_{i,t_i}, \quad
        p = \operatorname{softmax}(\text{logits}), \qquad
        \text{mean} = \frac{\sum_i \ell_i}{\sum_i w_{t_i}};

    an ignored sample is in neither sum.

    Parameters
    ----------
    logits : array_like, shape (C,), (N, C) or (N, C, d1, ..., dk)
        Unnormalised log-probabilities. float16 is computed in float32; integers become float64.
    target : array_like of int, the shape of `logits` without the class axis
        Class indices in [0, C); for 1-D `logits` also of shape (1,).
    gamma : float, default 2.0, in [0, inf)
        How much less a good prediction counts. With 0 it is `cross_entropy`, bit for bit.
    weight : array_like, shape (C,), optional
        Weight of each class.
    ignore_index : int, default -100
        Samples with this target are not counted. It may be outside [0, C).
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean over the weights of the targets (or the samples that count), the sum, or one
        loss per sample.
    axis : int, optional
        The class axis; by default 1, or 0 for 1-D `logits`.

    Returns
    -------
    NumPy scalar, or ndarray without the class axis for ``reduction='none'``
        In the dtype of `logits`. Ignored samples cost exactly 0; the mean of nothing is nan.

    Raises
    ------
    IndexError
        If a target is neither in [0, C) nor `ignore_index`.
    TypeError
        If the target does not hold integers, an array is complex, masked or not numeric, or
        `gamma` is no number.
    ValueError
        If shapes do not fit, `weight` is not of shape (C,), `gamma` is negative, infinite or nan,
        or `reduction` is not one of the three.

    See Also
    --------
    focal_loss_backward, focal_loss_value_and_grad, cross_entropy, sigmoid_focal_loss

    Notes
    -----
    With the sum R of the other classes' exponentials, :math:`1 - p_t` is :math:`R / (R + e^{x_t})`:
    no difference of 1, so the loss keeps its digits for confident predictions. The error is at
    most :math:`27 + 14 \gamma` ulp in float32, or :math:`19 + 6 \gamma` in float64, and
    :math:`2 + 3 \gamma` times that of a sum. Where the largest logit is above 88, or 709 in
    float64, others lose digits as in `softmax`.

    References
    ----------
    T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollar, "Focal loss for dense object
    detection", ICCV (2017).

    Examples
    --------
    >>> import losses
    >>> losses.focal_loss([1.0, 2.0, 0.5], 1).round(4)
    np.float64(0.0641)
    >>> losses.focal_loss([80.0, 0.0, 0.0], 0)
    np.float64(4.703426158596216e-104)
    """
    return forward(_checked(logits, target, gamma, weight, ignore_index, reduction, axis))


@public
def focal_loss_backward(
    grad_output: ArrayLike,
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    gamma: float = 2.0,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Array:
    r"""Gradient of `focal_loss` with respect to the logits.

    .. math::
        \frac{\partial}{\partial x_{i,j}} = g_i \, w_{t_i} \, u_i^\gamma
        \Big( 1 - \gamma \frac{p_{i,t_i}}{u_i} \log p_{i,t_i} \Big)
        \big( p_{i,j} - [j = t_i] \big), \qquad u_i = 1 - p_{i,t_i},

    with :math:`g` divided by the sum of the weights (or the samples that count) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `focal_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per sample for ``'none'``.
    logits, target : array_like
        What `focal_loss` was given.
    gamma, weight, ignore_index, reduction, axis : optional
        As in `focal_loss`.

    Returns
    -------
    ndarray, the shape and dtype of `logits`
        Zeros for ignored samples. It is finite wherever the logits are.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `focal_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    focal_loss, focal_loss_value_and_grad

    Notes
    -----
    All terms have one sign, and :math:`u^{\gamma - 1}`, which is infinite for a sure prediction and
    a small :math:`\gamma`, does not occur. The error is at most :math:`79 + 14 \gamma` ulp in
    float32, or :math:`47 + 6 \gamma` in float64, and :math:`9 + 3 \gamma` times that of a sum, with
    the same exception.

    Examples
    --------
    >>> import losses
    >>> losses.focal_loss_backward(1.0, [1.0, 2.0, 0.5], 1).round(4)
    array([ 0.082 , -0.1318,  0.0498])
    >>> losses.focal_loss_backward(1.0, [80.0, 0.0, 0.0], 0, gamma=0.5)
    array([-3.25310757e-52,  1.62655378e-52,  1.62655378e-52])
    """
    problem = _checked(logits, target, gamma, weight, ignore_index, reduction, axis)
    return backward(problem, grad_output)


@public
def focal_loss_value_and_grad(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    gamma: float = 2.0,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    axis: int | None = None,
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Focal loss of logits and its gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial x} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial x} \Big) \text{ for 'none'}

    Parameters
    ----------
    logits, target : array_like
        As in `focal_loss`.
    gamma, weight, ignore_index, reduction, axis : optional
        As in `focal_loss`.
    grad_output : array_like, the shape of the loss, optional
        As in `focal_loss_backward`; 1 by default. It multiplies the gradient and not the loss.
    out : ndarray, the shape and dtype of `logits`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `logits` itself,
        which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `focal_loss` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `logits`
        What `focal_loss_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `focal_loss_backward`; also if `out` has the wrong shape or dtype, is read-only, or
        overlaps an input without being `logits`. If an argument is wrong, nothing is written.

    See Also
    --------
    focal_loss, focal_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> loss, grad_logits = losses.focal_loss_value_and_grad([[1.0, 2.0, 0.5]], [1])
    >>> loss.round(4), grad_logits.round(4)
    (np.float64(0.0641), array([[ 0.082 , -0.1318,  0.0498]]))
    """
    problem = _checked(logits, target, gamma, weight, ignore_index, reduction, axis)
    given = {"logits": logits, "target": target, "weight": weight}
    return value_and_grad(problem, grad_output, out, **given)


def _checked(
    logits: ArrayLike,
    target: ArrayLike,
    gamma: float,
    weight: ArrayLike | None,
    ignore_index: int,
    reduction: Reduction,
    axis: int | None,
) -> Problem:
    """Return the problem once every argument is right."""
    return labelled(FOCAL, logits, target, weight, ignore_index, reduction, axis, gamma)
