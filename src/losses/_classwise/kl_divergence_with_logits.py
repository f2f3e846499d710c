"""Kullback-Leibler divergence of logits from logits, as of a student from its teacher."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._activations.curvature import curvature_along, curvature_diagonal
from .._activations.exponentials import RANGES, exponentials, log_probabilities
from .._activations.growth import growth
from .._core.checks import vector_for
from .._core.dtypes import Array, Floating
from .._core.panel import dots, rows
from .._core.public import public
from .._losses.class_problem import Classwise, Problem, Slopes, sampled
from .._losses.classwise import backward, forward, hessian_diagonal, value_and_grad
from .._losses.options import Reduction
from .kl_divergence_with_log_target import KL_WITH_LOG_TARGET


class Far(NamedTuple):
    """Samples whose exp(eta) overflow, or which hold an infinity or nan, and their losses."""

    samples: Array
    losses: Array


class Gaps(NamedTuple):
    """What the formulas share.

    With q and p, the softmax of the target's logits and of the logits, eta is log(p / q) less the
    mean of it under q, so that p is q exp(eta) / (1 + S), and the divergence log(1 + S).
    """

    target: Array  # q
    eta: Array
    grown: Array  # q (exp(eta) - 1), but of far samples p - q
    total: Array  # S, the sum of q (exp(eta) - 1 - eta), but of far samples 0
    far: Far | None


def _shared(logits: Array, target_logits: Array) -> Gaps:
    if not logits.size:
        none = np.zeros_like(logits)
        return Gaps(none, none, none, np.zeros(len(logits), logits.dtype), None)
    target, masked = _softmax(target_logits), None
    top = rows(target).at(rows(target).largest())
    eta = _difference(logits, target_logits, top)
    faint = target < RANGES[target.dtype.char].smallest
    if np.count_nonzero(faint):
        masked = faint & (target_logits == -np.inf)
        eta[masked] = 0  # what the target has not counts nothing
    mean = dots(target, eta)
    rows(eta).subtract(mean)
    grown, beyond = growth(eta)
    total = dots(target, beyond)
    grown *= target
    gaps = Gaps(target, eta, grown, total, None)
    if masked is not None:
        _mend(gaps, beyond, masked | faint & (eta > 1), logits, top, mean)
    (far,) = (~np.isfinite(total)).nonzero()
    return gaps._replace(far=_apart(gaps, far, logits, target_logits)) if far.size else gaps


def _mend(gaps: Gaps, beyond: Array, where: Array, logits: Array, top: Array, mean: Array) -> None:
    """Make q exp(eta) from the logits where q is below the normal numbers, and eta not small."""
    samples, classes = where.nonzero()
    if not samples.size:
        return
    target, eta, grown, total, _ = gaps
    q, own = target[where], top[samples]
    share = logits[where] - logits.reshape(-1)[own] - mean[samples]
    np.exp(share, out=share)
    share *= target.reshape(-1)[own]
    grown[where] = share - q
    some, place = np.unique(samples, return_inverse=True)
    terms = target[some] * beyond[some]
    terms[place, classes] = np.maximum(share - q * (1 + eta[where]), 0)  # of a few digits each
    total[some] = rows(terms).add()


def _apart(gaps: Gaps, samples: Array, logits: Array, target_logits: Array) -> Far:
    """Write q, eta and p - q of some samples from their log-probabilities; return their losses."""
    target, x = gaps.target[samples], logits[samples]
    log_probs, log_target = _log_softmax(x), _log_softmax(target_logits[samples])
    losses = KL_WITH_LOG_TARGET.loss(log_probs, log_target, target)
    eta, plain = gaps.eta[samples], log_probs - log_target
    plain += losses[:, np.newaxis]
    np.copyto(eta, plain, where=~np.isfinite(eta))
    eta[(log_probs == -np.inf) & (log_target > -np.inf)] = -np.inf  # where the loss is infinite
    nothing = (log_target == -np.inf) & ~np.isnan(log_probs)
    nothing |= (target == 0) & np.isfinite(losses)[:, np.newaxis]
    eta[nothing] = 0
    gaps.grown[samples] = _softmax(x) - target
    gaps.total[samples] = 0
    # A probability that underflows beside an infinite eta is more than nothing.
    target[np.isinf(eta) & (target == 0)] = np.finfo(target.dtype).smallest_subnormal
    gaps.target[samples], gaps.eta[samples] = target, eta
    return Far(samples, losses)


def _softmax(x: Array) -> Array:
    e = rows(np.empty_like(x))
    e.divide(exponentials(rows(x), e, e.with_values(np.empty_like(x))).total)
    return e.values


def _log_softmax(x: Array) -> Array:
    found = rows(np.empty_like(x))
    e = found.with_values(np.empty_like(x))
    log_probabilities(rows(x), e, exponentials(rows(x), e, found), found)
    return found.values


def _difference(a: Array, b: Array, top: Array) -> Array:
    """Return a - b less the same at one place of each row, as if a - b were not rounded."""
    difference = a - b
    # What a - b leaves out, exactly (Knuth).
    part = difference - a
    rest = difference - part
    np.subtract(a, rest, out=rest)
    part += b
    rest -= part
    for each in (difference, rest):
        rows(each).subtract(each.reshape(-1)[top])
    difference += rest
    return difference


def _loss(*shared: Any) -> Array:
    gaps = Gaps(*shared)
    losses = np.log1p(gaps.total)
    if gaps.far is not None:
        losses[gaps.far.samples] = gaps.far.losses
    return losses


def _slope(target: Array, _: Array, grown: Array, total: Array, __: Far | None) -> Slopes:
    """Return q (exp(eta) - 1 - S) and 1 / (1 + S), whose product is p - q."""
    slope = target * rows(target).spread(total)
    return [(np.subtract(grown, slope, out=slope), 1 / (1 + total))]


def _slope_by_target(target: Array, eta: Array, *_: Any) -> Slopes:
    return [(target * eta, -1)]


def _shared_by_target(target_logits: Array, logits: Array) -> Gaps:
    return _shared(logits, target_logits)


def _logits_and(*arrays: Array) -> tuple[Array, ...]:
    return arrays


def _curvature(logits: Array, *vector: Array) -> Slopes:
    """Return (diag(p) - p p^T) v, given a vector v, or else the diagonal of the matrix."""
    out, ones = rows(np.empty_like(logits)), np.ones(len(logits), logits.dtype)
    spare = out.with_values(np.empty_like(logits))
    write = curvature_along if vector else curvature_diagonal
    write(rows(logits), ones, None, out, spare, *map(rows, vector))
    return [(out.values, 1)]


KL_WITH_LOGITS = Classwise(("logits", "target_logits"), _shared, _loss, _slope)
KL_BY_TARGET_LOGITS = Classwise(
    ("target_logits", "logits"), _shared_by_target, _loss, _slope_by_target
)
CURVATURE = Classwise(("logits", "vector"), _logits_and, _loss, curvature=_curvature)


@public
def kl_div_with_logits(
    logits: ArrayLike,
    target_logits: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Floating:
    r"""Kullback-Leibler divergence of a student's logits from those of a teacher.

    .. math::
        \ell_i = w_i \sum_c q_{i,c} \log \frac{q_{i,c}}{p_{i,c}}, \qquad
        p = \operatorname{softmax}(\text{logits}), \quad
        q = \operatorname{softmax}(\text{target\_logits}), \qquad
        \text{mean} = \frac{\sum_i \ell_i}{\sum_i w_i}

    The loss keeps its digits even if student and teacher nearly agree, as they do at the end of a
    training. A class whose logit in the target is -inf has no term of its own; what the student
    gives it is missing from the other classes.

    Parameters
    ----------
    logits : array_like, shape (C,), (N, C) or (N, C, d1, ..., dk)
        Unnormalised log-probabilities of the student. float16 is computed in float32; integers
        become float64.
    target_logits : array_like, the shape of `logits`
        The logits of the teacher. If their dtype is wider than that of `logits`, the computation
        is too.
    weight : array_like, the shape of the losses, optional
        Weight of each sample. A sample of weight 0 is left out, whatever it holds, so a boolean
        mask may be the weight.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean over the samples (weighted, if there is a `weight`), the sum, or one loss per
        sample.
    axis : int, optional
        The class axis; by default 1, or 0 for 1-D `logits`.

    Returns
    -------
    NumPy scalar, or ndarray without the class axis for ``reduction='none'``
        In the dtype of `logits`; never negative. The loss of a sample is inf if a logit is -inf and
        the same logit of the target is not. It is nan if either array holds nan or +inf in this
        sample, or only -inf. The mean of no samples is nan.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric.
    ValueError
        If shapes differ, `weight` has another shape than the losses, or `reduction` is not one of
        the three.

    See Also
    --------
    kl_div_with_logits_backward, kl_div_with_logits_value_and_grad,
    kl_div_with_logits_target_backward, kl_div_with_logits_hvp, kl_div_with_log_target,
    cross_entropy

    Notes
    -----
    For a temperature T, divide both arrays by T, multiply the loss by T\ :sup:`2`, and multiply the
    gradients by T to get those of the student's own logits: see the example of the gallery.

    Let d be the differences of the logits, minus the difference at the teacher's most probable
    class, and let :math:`\eta = d - \sum_c q_c d_c`. Then the loss is :math:`\log(1 + S)` with
    :math:`S = \sum_c q_c (e^{\eta_c} - 1 - \eta_c)`, a sum in which no term is negative. The error
    is at most 35 ulp in float32, or 16 in float64, plus five times that of a sum (see `softmax`),
    measured in ulp of

    .. math::
        \ell + \frac{S D + R}{1 + S}, \qquad D = \sum_c q_c \lvert d_c \rvert, \quad
        R = \sum_c q_c \Big( \frac{\lvert e^{\eta_c} - 1 \rvert (\lvert d_c \rvert
        + \lvert \eta_c \rvert)}{4} + \gamma_c \frac{e^{\eta_c} - 1 - \eta_c}{2} \Big),

    where :math:`\gamma` is the gap between a teacher's logit and the largest one, if either is
    beyond 87 (708 in float64), and 0 otherwise. Near the teacher this expression is at most
    :math:`2 + \sqrt C` times the loss, however small the loss is. If the loss is above 69, the
    expression may be larger by the entropy of q. PyTorch and optax subtract the logarithms of two
    softmaxes, which cancel: their errors grow as the loss goes to 0, until it is negative.

    References
    ----------
    G. Hinton, O. Vinyals and J. Dean, "Distilling the knowledge in a neural network",
    arXiv:1503.02531 (2015).

    Examples
    --------
    >>> import losses
    >>> losses.kl_div_with_logits([1.0, 2.0, 3.0], [1.0, 2.0, 3.001])
    np.float64(1.1132317164329395e-07)
    >>> losses.kl_div_with_logits([0.0, 40.0], [0.0, 41.0])
    np.float64(1.1225898766216117e-18)
    """
    return forward(_checked(logits, target_logits, weight, reduction, axis))


@public
def kl_div_with_logits_backward(
    grad_output: ArrayLike,
    logits: ArrayLike,
    target_logits: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Array:
    r"""Gradient of `kl_div_with_logits` with respect to the student's logits.

    .. math::
        \frac{\partial}{\partial x_{i,c}} = g_i \, w_i \, (p_{i,c} - q_{i,c})
        = g_i \, w_i \, q_{i,c} \, \frac{e^{\eta_{i,c}} - 1 - S_i}{1 + S_i},

    with :math:`g` divided by :math:`\sum w` (or the number of samples) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `kl_div_with_logits` returned
        The gradient with respect to the loss: a scalar, or one entry per sample for ``'none'``.
    logits, target_logits : array_like
        What `kl_div_with_logits` was given.
    weight, reduction, axis : optional
        As in `kl_div_with_logits`.

    Returns
    -------
    ndarray, the shape and dtype of `logits`

    Raises
    ------
    TypeError, ValueError
        As in `kl_div_with_logits`; also if `grad_output` has another shape than stated.

    See Also
    --------
    kl_div_with_logits, kl_div_with_logits_value_and_grad, kl_div_with_logits_target_backward

    Notes
    -----
    With the letters of `kl_div_with_logits`, the error is at most 39 ulp in float32, or 20 in
    float64, plus that of the same sums, measured in ulp of

    .. math::
        q_c \frac{(\lvert e^{\eta_c} - 1 \rvert + S)(1 + \gamma_c / 2) + e^{\eta_c} (D + (\lvert d_c
        \rvert + \lvert \eta_c \rvert) / 4)}{1 + S} + (p_c + q_c) \frac{S (1 + D) + R}{1 + S}.

    So the gradient keeps the digits of the difference, even if the two probabilities nearly agree.

    Examples
    --------
    >>> import losses
    >>> losses.kl_div_with_logits_backward(1.0, [0.0, 40.0], [0.0, 41.0])
    array([ 2.68547207e-18, -2.68547207e-18])
    """
    return backward(_checked(logits, target_logits, weight, reduction, axis), grad_output)


@public
def kl_div_with_logits_value_and_grad(
    logits: ArrayLike,
    target_logits: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Kullback-Leibler divergence of logits from logits and its gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial x} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial x} \Big) \text{ for 'none'}

    Parameters
    ----------
    logits, target_logits : array_like
        As in `kl_div_with_logits`.
    weight, reduction, axis : optional
        As in `kl_div_with_logits`.
    grad_output : array_like, the shape of the loss, optional
        As in `kl_div_with_logits_backward`; 1 by default. It multiplies the gradient and not the
        loss.
    out : ndarray, the shape and dtype of `logits`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `logits`
        itself, which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `kl_div_with_logits` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `logits`
        What `kl_div_with_logits_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    TypeError, ValueError
        As in `kl_div_with_logits_backward`; also if `out` has the wrong shape or dtype, is
        read-only, or overlaps an input without being `logits`. If an argument is wrong, nothing is
        written.

    See Also
    --------
    kl_div_with_logits, kl_div_with_logits_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> losses.kl_div_with_logits_value_and_grad([0.0, 40.0], [0.0, 41.0])
    (np.float64(1.1225898766216117e-18), array([ 2.68547207e-18, -2.68547207e-18]))
    """
    problem = _checked(logits, target_logits, weight, reduction, axis)
    given = {"logits": logits, "target_logits": target_logits, "weight": weight}
    return value_and_grad(problem, grad_output, out, **given)


@public
def kl_div_with_logits_target_backward(
    grad_output: ArrayLike,
    logits: ArrayLike,
    target_logits: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Array:
    r"""Gradient of `kl_div_with_logits` with respect to the logits of a teacher that learns too.

    .. math::
        \frac{\partial}{\partial y_{i,c}}
        = g_i \, w_i \, q_{i,c} \Big( \log \frac{q_{i,c}}{p_{i,c}} - \ell_i \Big)
        = -g_i \, w_i \, q_{i,c} \, \eta_{i,c},

    with :math:`g` divided by :math:`\sum w` (or the number of samples) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `kl_div_with_logits` returned
        The gradient with respect to the loss: a scalar, or one entry per sample for ``'none'``.
    logits, target_logits : array_like
        What `kl_div_with_logits` was given.
    weight, reduction, axis : optional
        As in `kl_div_with_logits`.

    Returns
    -------
    ndarray, the shape and dtype of `target_logits`
        If the loss of a sample is inf, the gradient is inf at the classes that make it inf, 0 at
        classes whose target logit is -inf, and -inf at the others.

    Raises
    ------
    TypeError, ValueError
        As in `kl_div_with_logits`; also if `grad_output` has another shape than stated.

    See Also
    --------
    kl_div_with_logits, kl_div_with_logits_backward

    Notes
    -----
    With the letters of `kl_div_with_logits`, the error is at most as many ulp as there, but of
    :math:`q_c (\lvert \eta_c \rvert + \lvert d_c \rvert + D)`. A subnormal q has fewer digits, and
    only these are right.

    Examples
    --------
    >>> import losses
    >>> losses.kl_div_with_logits_target_backward(1.0, [0.0, 40.0], [0.0, 41.0])
    array([-1.56288219e-18,  1.56288219e-18])
    """
    problem = _checked(logits, target_logits, weight, reduction, axis, KL_BY_TARGET_LOGITS)
    return backward(problem, grad_output)


@public
def kl_div_with_logits_hvp(
    vector: ArrayLike,
    logits: ArrayLike,
    target_logits: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Array:
    r"""Hessian of `kl_div_with_logits` with respect to the student's logits, times a vector.

    .. math:: (H u)_{i,c} = w_i \, p_{i,c} \Big( u_{i,c} - \sum_k p_{i,k} u_{i,k} \Big),

    divided by what the mean divides by. It does not depend on the teacher.

    Parameters
    ----------
    vector : array_like, the shape of `logits`
        The vector: finite numbers, which are rounded to the dtype of the computation.
    logits, target_logits : array_like
        As in `kl_div_with_logits`.
    weight, reduction, axis : optional
        As in `kl_div_with_logits`. For ``'none'`` it is the Hessian of the sum of the losses, as
        for ``'sum'``.

    Returns
    -------
    ndarray, the shape and dtype of `logits`
        Zeros for samples of weight 0.

    Raises
    ------
    TypeError, ValueError
        As in `kl_div_with_logits`; also if `vector` has another shape than `logits`.

    See Also
    --------
    kl_div_with_logits_hessian_diagonal, kl_div_with_logits_backward, cross_entropy_hvp

    Notes
    -----
    The Hessian is that of `cross_entropy` with a mass of 1, with the same error.

    Examples
    --------
    >>> import losses
    >>> losses.kl_div_with_logits_hvp([1.0, 0.0, 0.0], [1.0, 2.0, 0.5], [1.0, 2.0, 3.0]).round(3)
    array([ 0.178, -0.145, -0.032])
    """
    problem = _checked(logits, target_logits, weight, reduction, axis)
    arrays = [*problem.produced, vector_for(vector, logits=problem.arrays[0])]
    return hessian_diagonal(problem._replace(of=CURVATURE, arrays=arrays))


@public
def kl_div_with_logits_hessian_diagonal(
    logits: ArrayLike,
    target_logits: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Array:
    r"""Diagonal of the Hessian of `kl_div_with_logits` with respect to the student's logits.

    .. math:: H_{(i,c),(i,c)} = w_i \, p_{i,c} (1 - p_{i,c}),

    divided by what the mean divides by.

    Parameters
    ----------
    logits, target_logits : array_like
        As in `kl_div_with_logits`.
    weight, reduction, axis : optional
        As in `kl_div_with_logits_hvp`.

    Returns
    -------
    ndarray, the shape and dtype of `logits`
        Zeros for samples of weight 0.

    Raises
    ------
    TypeError, ValueError
        As in `kl_div_with_logits`.

    See Also
    --------
    kl_div_with_logits_hvp, kl_div_with_logits_value_and_grad, cross_entropy_hessian_diagonal

    Notes
    -----
    The error is that of `cross_entropy_hessian_diagonal`.

    Examples
    --------
    >>> import losses
    >>> losses.kl_div_with_logits_hessian_diagonal([1.0, 2.0, 0.5], [1.0, 2.0, 3.0]).round(3)
    array([0.178, 0.233, 0.121])
    """
    problem = _checked(logits, target_logits, weight, reduction, axis)
    return hessian_diagonal(problem._replace(of=CURVATURE, arrays=problem.produced))


def _checked(
    logits: ArrayLike,
    target_logits: ArrayLike,
    weight: ArrayLike | None,
    reduction: Reduction,
    axis: int | None,
    loss: Classwise = KL_WITH_LOGITS,
) -> Problem:
    """Return the problem once every argument is right."""
    given = {"logits": logits, "target_logits": target_logits}
    return sampled(loss, [given[name] for name in loss.arrays], reduction, axis, weight=weight)
