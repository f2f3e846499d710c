"""Kullback-Leibler divergence of log-probabilities from probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.panel import rows
from .._core.public import public
from .._losses.class_problem import Classwise, Problem, Slopes, sampled
from .._losses.classwise import backward, forward, value_and_grad
from .._losses.domains import class_probabilities
from .._losses.options import Reduction


def _shared(log_probs: Array, target: Array) -> tuple[Array, Array]:
    return log_probs, target


def _loss(log_probs: Array, target: Array) -> Array:
    """Return the sums of q (log q - lp), in which q = 0 counts nothing."""
    terms = np.maximum(target, np.finfo(target.dtype).smallest_subnormal)  # 0 has no logarithm
    np.log(terms, out=terms)
    terms -= log_probs
    terms *= target
    sums = rows(terms).add()
    wrong = np.isnan(sums)
    if np.count_nonzero(wrong):  # 0 * inf
        some = terms[wrong]
        some[(target[wrong] == 0) & ~np.isnan(log_probs[wrong])] = 0
        sums[wrong] = rows(some).add()
    return sums


def _slope(_: Array, target: Array) -> Slopes:
    return [(target, -1)]


def _shared_by_target(target: Array, log_probs: Array) -> tuple[Array, Array]:
    return log_probs, target


def _slope_by_target(log_probs: Array, target: Array) -> Slopes:
    """Return log q - lp + 1, which is -inf at q = 0."""
    slope = np.log(target)
    slope -= log_probs
    slope += 1
    wrong = np.isnan(slope)
    if np.count_nonzero(wrong):  # inf - inf
        slope[(target == 0) & ~np.isnan(log_probs)] = -np.inf
    return [(slope, 1)]


PROBABILITIES = {"target": class_probabilities}
KL = Classwise(("log_probs", "target"), _shared, _loss, _slope, domains=PROBABILITIES)
KL_BY_TARGET = Classwise(
    ("target", "log_probs"), _shared_by_target, _loss, _slope_by_target, domains=PROBABILITIES
)


@public
def kl_div(
    log_probs: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Floating:
    r"""Kullback-Leibler divergence of log-probabilities from a target of probabilities.

    .. math::
        \ell_i = w_i \sum_c q_{i,c} \big( \log q_{i,c} - \mathrm{lp}_{i,c} \big),
        \qquad \text{mean} = \frac{\sum_i \ell_i}{\sum_i w_i}

    A class of probability 0 adds 0 to the loss, even if its log-probability is -inf.

    Parameters
    ----------
    log_probs : array_like, shape (C,), (N, C) or (N, C, d1, ..., dk)
        Log-probabilities, as from `log_softmax`. float16 is computed in float32; integers
        become float64.
    target : array_like, the shape of `log_probs`
        The probabilities q, finite and not negative; they need not sum to one. If their dtype is
        wider than that of `log_probs`, the computation is too.
    weight : array_like, the shape of the losses, optional
        Weight of each sample. A sample of weight 0 is left out, whatever it holds, so a boolean
        mask may be the weight.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean over the samples (weighted, if there is a `weight`), the sum, or one loss per
        sample.
    axis : int, optional
        The class axis; by default 1, or 0 for 1-D `log_probs`.

    Returns
    -------
    NumPy scalar, or ndarray without the class axis for ``reduction='none'``
        In the dtype of `log_probs`. The mean of no samples is nan.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric.
    ValueError
        If shapes differ, an entry of the target is negative, nan or infinite, `weight` has another
        shape than the losses, or `reduction` is not one of the three.

    See Also
    --------
    kl_div_backward, kl_div_value_and_grad, kl_div_target_backward, kl_div_with_log_target,
    cross_entropy

    Notes
    -----
    The error is measured in ulp of :math:`\sum_c q_c (\lvert \log q_c \rvert + \lvert \mathrm{lp}_c
    \rvert)`. It is at most 11 ulp in float32, or 5 in float64, plus that of the sum. The former is
    that of a logarithm, a difference and two products. The latter is up to half an ulp for each
    addition of a chain, and the longest chain has 128. Near :math:`q = e^\mathrm{lp}` the terms
    cancel; there `kl_div_with_logits` keeps its digits.

    The mean divides by the number of samples, as ``reduction='batchmean'`` of PyTorch does. The
    'mean' of PyTorch divides by the number of entries. A probability of 0 at a log-probability of
    -inf adds 0 here; in PyTorch it makes the loss nan.

    References
    ----------
    S. Kullback and R. A. Leibler, "On information and sufficiency", Annals of Mathematical
    Statistics 22 (1951).

    Examples
    --------
    >>> import losses
    >>> import numpy as np
    >>> log_probs = losses.log_softmax([[np.log(2), 0, 0], [0, 0, -np.inf]])
    >>> losses.kl_div(log_probs, [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]], reduction="none").round(4)
    array([0.218 , 0.6931])
    """
    return forward(_checked(log_probs, target, weight, reduction, axis))


@public
def kl_div_backward(
    grad_output: ArrayLike,
    log_probs: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Array:
    r"""Gradient of `kl_div` with respect to the log-probabilities.

    .. math:: \frac{\partial}{\partial\, \mathrm{lp}_{i,c}} = -g_i \, w_i \, q_{i,c},

    with :math:`g` divided by :math:`\sum w` (or the number of samples) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `kl_div` returned
        The gradient with respect to the loss: a scalar, or one entry per sample for ``'none'``.
    log_probs, target : array_like
        What `kl_div` was given.
    weight, reduction, axis : optional
        As in `kl_div`.

    Returns
    -------
    ndarray, the shape and dtype of `log_probs`

    Raises
    ------
    TypeError, ValueError
        As in `kl_div`; also if `grad_output` has another shape than stated.

    See Also
    --------
    kl_div, kl_div_value_and_grad, kl_div_target_backward

    Notes
    -----
    The error is at most 3 ulp: a division and two products.

    Examples
    --------
    >>> import losses
    >>> import numpy as np
    >>> log_probs = losses.log_softmax([[np.log(2), 0, 0], [0, 0, np.log(2)]])
    >>> losses.kl_div_backward(1.0, log_probs, [[0.25, 0.25, 0.5], [0.5, 0.25, 0.25]])
    array([[-0.125, -0.125, -0.25 ],
           [-0.25 , -0.125, -0.125]])
    """
    problem = _checked(log_probs, target, weight, reduction, axis)
    return backward(problem, grad_output)


@public
def kl_div_value_and_grad(
    log_probs: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Kullback-Leibler divergence from probabilities and its gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial \mathrm{lp}} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial \mathrm{lp}} \Big) \text{ for 'none'}

    Parameters
    ----------
    log_probs, target : array_like
        As in `kl_div`.
    weight, reduction, axis : optional
        As in `kl_div`.
    grad_output : array_like, the shape of the loss, optional
        As in `kl_div_backward`; 1 by default. It multiplies the gradient and not the loss.
    out : ndarray, the shape and dtype of `log_probs`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `log_probs`
        itself, which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `kl_div` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `log_probs`
        What `kl_div_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    TypeError, ValueError
        As in `kl_div_backward`; also if `out` has the wrong shape or dtype, is read-only, or
        overlaps an input without being `log_probs`. If an argument is wrong, nothing is written.

    See Also
    --------
    kl_div, kl_div_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> import numpy as np
    >>> log_probs = losses.log_softmax([[np.log(2), 0, 0], [0, 0, -np.inf]])
    >>> target = [[0.25, 0.25, 0.5], [1.0, 0.0, 0.0]]
    >>> loss, gradient = losses.kl_div_value_and_grad(log_probs, target)
    >>> loss.round(4), gradient[0]
    (np.float64(0.4332), array([-0.125, -0.125, -0.25 ]))
    """
    problem = _checked(log_probs, target, weight, reduction, axis)
    given = {"log_probs": log_probs, "target": target, "weight": weight}
    return value_and_grad(problem, grad_output, out, **given)


@public
def kl_div_target_backward(
    grad_output: ArrayLike,
    log_probs: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Array:
    r"""Gradient of `kl_div` with respect to the target, for a teacher that learns too.

    .. math::
        \frac{\partial}{\partial q_{i,c}} =
        g_i \, w_i \big( \log q_{i,c} - \mathrm{lp}_{i,c} + 1 \big),

    with :math:`g` divided by :math:`\sum w` (or the number of samples) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `kl_div` returned
        The gradient with respect to the loss: a scalar, or one entry per sample for ``'none'``.
    log_probs, target : array_like
        What `kl_div` was given.
    weight, reduction, axis : optional
        As in `kl_div`.

    Returns
    -------
    ndarray, the shape and dtype of `target`
        It is -inf at a probability of 0.

    Raises
    ------
    TypeError, ValueError
        As in `kl_div`; also if `grad_output` has another shape than stated.

    See Also
    --------
    kl_div, kl_div_backward

    Notes
    -----
    The error is at most 13 ulp in float32, or 7 in float64, of
    :math:`\lvert \log q \rvert + \lvert \mathrm{lp} \rvert + 1`. It is that of a logarithm, two
    sums, a division and two products.

    Examples
    --------
    >>> import losses
    >>> losses.kl_div_target_backward(1.0, [0.0, -1.0], [1.0, 0.0])
    array([  1., -inf])
    """
    return backward(_checked(log_probs, target, weight, reduction, axis, KL_BY_TARGET), grad_output)


def _checked(
    log_probs: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None,
    reduction: Reduction,
    axis: int | None,
    loss: Classwise = KL,
) -> Problem:
    """Return the problem once every argument is right."""
    given = {"log_probs": log_probs, "target": target}
    return sampled(loss, [given[name] for name in loss.arrays], reduction, axis, weight=weight)
