"""Kullback-Leibler divergence of log-probabilities from log-probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.panel import rows
from .._core.public import public
from .._losses.class_problem import Classwise, Problem, Slopes, sampled
from .._losses.classwise import backward, forward, value_and_grad
from .._losses.options import Reduction


def _shared(log_probs: Array, log_target: Array) -> tuple[Array, Array, Array]:
    """Return the arrays, and the probabilities of the target."""
    return log_probs, log_target, np.exp(log_target)


def _loss(log_probs: Array, log_target: Array, target: Array) -> Array:
    """Return the sums of exp(lq) (lq - lp), in which lq = -inf counts nothing."""
    terms = np.maximum(log_target, np.finfo(target.dtype).min)  # 0 * inf is nan
    terms -= log_probs
    terms *= target
    sums = rows(terms).add()
    wrong = np.isnan(sums)
    if np.count_nonzero(wrong):
        some, lp, nothing = terms[wrong], log_probs[wrong], log_target[wrong] == -np.inf
        # Beside lp = -inf, a probability that underflows is more than 0.
        lost = (target[wrong] == 0) & np.isinf(lp)
        some[lost] = np.where(nothing, 0, -lp)[lost]
        sums[wrong] = rows(some).add()
    return sums


def _slope(_: Array, __: Array, target: Array) -> Slopes:
    return [(target, -1)]


KL_WITH_LOG_TARGET = Classwise(("log_probs", "log_target"), _shared, _loss, _slope)


@public
def kl_div_with_log_target(
    log_probs: ArrayLike,
    log_target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Floating:
    r"""Kullback-Leibler divergence of log-probabilities from a target of log-probabilities.

    .. math::
        \ell_i = w_i \sum_c e^{\mathrm{lq}_{i,c}} \big( \mathrm{lq}_{i,c} - \mathrm{lp}_{i,c} \big),
        \qquad \text{mean} = \frac{\sum_i \ell_i}{\sum_i w_i}

    A class whose log-probability in the target is -inf adds 0 to the loss.

    Parameters
    ----------
    log_probs : array_like, shape (C,), (N, C) or (N, C, d1, ..., dk)
        Log-probabilities, as from `log_softmax`. float16 is computed in float32; integers
        become float64.
    log_target : array_like, the shape of `log_probs`
        The log-probabilities lq of the target, such as those of a teacher. If their dtype is wider
        than that of `log_probs`, the computation is too.
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
        If shapes differ, `weight` has another shape than the losses, or `reduction` is not one of
        the three.

    See Also
    --------
    kl_div_with_log_target_backward, kl_div_with_log_target_value_and_grad, kl_div,
    cross_entropy, log_softmax

    Notes
    -----
    The error is measured in ulp of :math:`\sum_c e^{\mathrm{lq}_c} (\lvert \mathrm{lq}_c \rvert +
    \lvert \mathrm{lp}_c \rvert)`. It is at most 9 ulp in float32, or 5 in float64, plus that of the
    sum. The former is that of an exponential, a difference and two products. The latter is up to
    half an ulp for each addition of a chain, and the longest chain has 128. Near
    :math:`\mathrm{lq} = \mathrm{lp}` the terms cancel; there `kl_div_with_logits` keeps its digits.

    In PyTorch this is ``kl_div(..., log_target=True)``. The mean divides by the number of samples,
    as ``reduction='batchmean'`` of PyTorch does. A class with -inf in both arrays adds 0 here; in
    PyTorch it makes the loss nan.

    References
    ----------
    S. Kullback and R. A. Leibler, "On information and sufficiency", Annals of Mathematical
    Statistics 22 (1951).

    Examples
    --------
    >>> import losses
    >>> import numpy as np
    >>> log_probs, log_target = np.log([0.5, 0.25, 0.25]), np.log([0.2, 0.3, 0.5])
    >>> losses.kl_div_with_log_target(log_probs, log_target).round(4)
    np.float64(0.218)
    """
    return forward(_checked(log_probs, log_target, weight, reduction, axis))


@public
def kl_div_with_log_target_backward(
    grad_output: ArrayLike,
    log_probs: ArrayLike,
    log_target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Array:
    r"""Gradient of `kl_div_with_log_target` with respect to the log-probabilities.

    .. math::
        \frac{\partial}{\partial\, \mathrm{lp}_{i,c}} = -g_i \, w_i \, e^{\mathrm{lq}_{i,c}},

    with :math:`g` divided by :math:`\sum w` (or the number of samples) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `kl_div_with_log_target` returned
        The gradient with respect to the loss: a scalar, or one entry per sample for ``'none'``.
    log_probs, log_target : array_like
        What `kl_div_with_log_target` was given.
    weight, reduction, axis : optional
        As in `kl_div_with_log_target`.

    Returns
    -------
    ndarray, the shape and dtype of `log_probs`

    Raises
    ------
    TypeError, ValueError
        As in `kl_div_with_log_target`; also if `grad_output` has another shape than stated.

    See Also
    --------
    kl_div_with_log_target, kl_div_with_log_target_value_and_grad

    Notes
    -----
    The error is at most 9 ulp in float32, or 5 in float64: an exponential, a division and two
    products.

    Examples
    --------
    >>> import losses
    >>> import numpy as np
    >>> log_probs, log_target = np.log([0.5, 0.25, 0.25]), np.log([0.2, 0.3, 0.5])
    >>> losses.kl_div_with_log_target_backward(1.0, log_probs, log_target).round(4)
    array([-0.2, -0.3, -0.5])
    """
    problem = _checked(log_probs, log_target, weight, reduction, axis)
    return backward(problem, grad_output)


@public
def kl_div_with_log_target_value_and_grad(
    log_probs: ArrayLike,
    log_target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Kullback-Leibler divergence from log-probabilities and its gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial \mathrm{lp}} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial \mathrm{lp}} \Big) \text{ for 'none'}

    Parameters
    ----------
    log_probs, log_target : array_like
        As in `kl_div_with_log_target`.
    weight, reduction, axis : optional
        As in `kl_div_with_log_target`.
    grad_output : array_like, the shape of the loss, optional
        As in `kl_div_with_log_target_backward`; 1 by default. It multiplies the gradient and not
        the loss.
    out : ndarray, the shape and dtype of `log_probs`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `log_probs`
        itself, which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `kl_div_with_log_target` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `log_probs`
        What `kl_div_with_log_target_backward` returns, bit for bit. It is `out`, if `out` was
        given.

    Raises
    ------
    TypeError, ValueError
        As in `kl_div_with_log_target_backward`; also if `out` has the wrong shape or dtype, is
        read-only, or overlaps an input without being `log_probs`. If an argument is wrong, nothing
        is written.

    See Also
    --------
    kl_div_with_log_target, kl_div_with_log_target_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> import numpy as np
    >>> log_probs, log_target = np.log([0.5, 0.25, 0.25]), np.log([0.2, 0.3, 0.5])
    >>> loss, gradient = losses.kl_div_with_log_target_value_and_grad(log_probs, log_target)
    >>> loss.round(4), gradient.round(4)
    (np.float64(0.218), array([-0.2, -0.3, -0.5]))
    """
    problem = _checked(log_probs, log_target, weight, reduction, axis)
    given = {"log_probs": log_probs, "log_target": log_target, "weight": weight}
    return value_and_grad(problem, grad_output, out, **given)


def _checked(
    log_probs: ArrayLike,
    log_target: ArrayLike,
    weight: ArrayLike | None,
    reduction: Reduction,
    axis: int | None,
) -> Problem:
    """Return the problem once every argument is right."""
    arrays = (log_probs, log_target)
    return sampled(KL_WITH_LOG_TARGET, arrays, reduction, axis, weight=weight)
