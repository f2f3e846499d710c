"""CTC loss of log-probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.public import public
from .._losses.options import Reduction
from .kernel import Forward, Scores, gradient_of, loss_and_gradient_of, loss_of, minus_log
from .lattice import Lattice
from .problem import checked
from .recursion import LARGEST


def _emissions(log_probs: Array, states: Lattice) -> tuple[Array, Array, Array]:
    logs = log_probs[:, states.samples, states.classes].astype(np.float64)
    most = np.maximum.reduce(log_probs, axis=-1).astype(np.float64)
    return np.exp(logs), logs, ~(most <= LARGEST)


def _loss(way: Forward) -> Array:
    return minus_log(way.total, way.power)


def _gradient(log_probs: Array, states: Lattice, posteriors: Array, grads: Array) -> Array:
    found = np.zeros(log_probs.shape)
    found[:, states.samples, states.classes] = 0 - posteriors * grads[states.samples]
    return found


LOG_PROBS = Scores(_emissions, _loss, _gradient)


@public
def ctc_loss(
    log_probs: ArrayLike,
    target: ArrayLike,
    input_lengths: ArrayLike,
    target_lengths: ArrayLike,
    /,
    *,
    blank: int = 0,
    zero_infinity: bool = False,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Connectionist temporal classification: minus the log-probability of sequences of labels.

    .. math::
        \ell_n = -\log P_n, \qquad
        P_n = \sum_{a \in A_n} \prod_{t < T_n} \exp \mathrm{lp}_{t, n, a_t},

    where :math:`A_n` is the set of alignments of the target. An alignment has a class for each
    frame. It spells the target if, after repeated classes are merged and then blanks are dropped,
    the labels of the target are left.


    Parameters
    ----------
    log_probs : array_like, shape (T, N, C) or (T, C)
        Log-probabilities of T frames, N samples and C classes.
    target : array_like of int, shape (N, S), or (S,) for shape (T, C)
        The labels of each sample, of any integer dtype, in the first entries of its row. The other
        entries are not read. Or 1-D: the labels of all samples, one after another.
    input_lengths : array_like of int, shape (N,), or () or (1,) for shape (T, C)
        The number of frames of each sample, in [0, T]. Frames after these have no effect.
    target_lengths : array_like of int, the shape of `input_lengths`
        The number of labels of each sample.
    blank : int, default 0
        The class that spells nothing.
    zero_infinity : bool, default False
        Whether the loss of a sample that cannot spell its target is 0 instead of inf. The mean
        still counts such a sample.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean: each loss is divided by ``max(target_length, 1)``, and the mean over the samples
        is taken of these, as in PyTorch. Or the sum, or one loss per sample.

    Returns
    -------
    NumPy scalar, or ndarray of shape (N,) for ``reduction='none'``
        In the dtype of `log_probs`. The mean over no samples is nan and the sum 0.

    Raises
    ------
    IndexError
        If a label is not in [0, C).
    TypeError
        If an array is complex, masked or not numeric, or target or lengths do not hold integers.
    ValueError
        If a label is `blank`, a length is out of range, shapes do not fit, or an option has a value
        that is not stated above.

    See Also
    --------
    ctc_loss_backward, ctc_loss_value_and_grad, ctc_loss_with_logits, log_softmax

    Notes
    -----
    The recursion runs over all samples of a block at once, in float64. Each number has an exponent
    of its own, so no state underflows. The error of the loss is at most 3 T + 2 \|log P\| + 2 eps
    of float64, and the loss is rounded once. The memory is O(N T S) at most: about 100 KB a frame
    for each worker, or what one sample of more than 4096 states needs.

    The gradient is the true derivative. PyTorch adds exp(lp) to it, which gives the gradient of the
    logits. `log_softmax_backward` of either gradient is the same.

    A sample cannot spell its target if it has fewer frames than labels (and blanks between equal
    labels), or if log-probabilities of -inf rule it out. Then the loss is inf and the gradient 0.
    NaN, +inf or more than 1e300 in a frame that counts makes the loss of its sample nan, and the
    gradient in the frames of the sample.

    References
    ----------
    .. [1] A. Graves, S. Fernandez, F. Gomez and J. Schmidhuber, "Connectionist temporal
       classification: labelling unsegmented sequence data with recurrent neural networks",
       ICML 2006.

    Examples
    --------
    >>> import losses, numpy as np
    >>> probs = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.5, 0.3, 0.2]]  # (T, C)
    >>> log_probs = np.log(probs)
    >>> losses.ctc_loss(log_probs, [1, 2], 3, 2, reduction="sum").round(4)
    np.float64(1.8018)
    """
    problem = checked(
        target, input_lengths, target_lengths, blank, zero_infinity, reduction, log_probs=log_probs
    )
    return loss_of(problem, LOG_PROBS)


@public
def ctc_loss_backward(
    grad_output: ArrayLike,
    log_probs: ArrayLike,
    target: ArrayLike,
    input_lengths: ArrayLike,
    target_lengths: ArrayLike,
    /,
    *,
    blank: int = 0,
    zero_infinity: bool = False,
    reduction: Reduction = "mean",
) -> Array:
    r"""Gradient of `ctc_loss` with respect to the log-probabilities.

    .. math::
        \frac{\partial}{\partial\, \mathrm{lp}_{t,n,c}} = -g_n \, \gamma_{t,n,c},

    where :math:`\gamma_{t,n,c}` is the posterior probability of class c in frame t, given that
    the sample spells its target. For the mean, :math:`g_n` is divided by N max(target_length, 1).


    Parameters
    ----------
    grad_output : array_like, the shape of what `ctc_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per sample for ``'none'``.
    log_probs : array_like, shape (T, N, C) or (T, C)
        Log-probabilities of T frames, N samples and C classes.
    target : array_like of int, shape (N, S), or (S,) for shape (T, C)
        The labels of each sample, of any integer dtype, in the first entries of its row. The other
        entries are not read. Or 1-D: the labels of all samples, one after another.
    input_lengths : array_like of int, shape (N,), or () or (1,) for shape (T, C)
        The number of frames of each sample, in [0, T]. Frames after these have a gradient of 0.
    target_lengths : array_like of int, the shape of `input_lengths`
        The number of labels of each sample.
    blank, zero_infinity, reduction : optional
        As in `ctc_loss`.

    Returns
    -------
    ndarray, the shape and dtype of `log_probs`

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `ctc_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    ctc_loss, ctc_loss_value_and_grad

    Notes
    -----
    The posteriors have a relative error of at most 5 T + S / 2 + 5 eps of float64, and are rounded
    once. Log-probabilities beyond -1e6 add a rounding of their size. The posteriors of a frame add
    to 1. The gradient is exactly 0 in the frames after a sample, and in a sample that cannot spell
    its target.

    Examples
    --------
    >>> import losses, numpy as np
    >>> probs = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.5, 0.3, 0.2]]  # (T, C)
    >>> log_probs = np.log(probs)
    >>> losses.ctc_loss_backward(1.0, log_probs, [1], 3, 1).round(3)
    array([[-0.648, -0.352,  0.   ],
           [-0.155, -0.845,  0.   ],
           [-0.599, -0.401,  0.   ]])
    """
    problem = checked(
        target, input_lengths, target_lengths, blank, zero_infinity, reduction, log_probs=log_probs
    )
    return gradient_of(problem, LOG_PROBS, grad_output)


@public
def ctc_loss_value_and_grad(
    log_probs: ArrayLike,
    target: ArrayLike,
    input_lengths: ArrayLike,
    target_lengths: ArrayLike,
    /,
    *,
    blank: int = 0,
    zero_infinity: bool = False,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Loss and gradient of `ctc_loss`, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial x} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial x} \Big)
        \text{ for 'none'}

    Parameters
    ----------
    log_probs, target, input_lengths, target_lengths : array_like
        As in `ctc_loss`.
    blank, zero_infinity, reduction : optional
        As in `ctc_loss`.
    grad_output : array_like, the shape of the loss, optional
        The gradient with respect to the loss, as in `ctc_loss_backward`; 1 by default. It
        multiplies the gradient and not the loss.
    out : ndarray, the shape and dtype of `log_probs`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `log_probs` itself,
        which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `ctc_loss` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `log_probs`
        What `ctc_loss_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `ctc_loss`; also if `grad_output` has another shape than the loss, or if `out` has
        the wrong shape or dtype, is read-only, or overlaps an input without being `log_probs`.
        If an argument is wrong, nothing is written.

    See Also
    --------
    ctc_loss, ctc_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses, numpy as np
    >>> probs = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.5, 0.3, 0.2]]  # (T, C)
    >>> log_probs = np.log(probs)
    >>> loss, gradient = losses.ctc_loss_value_and_grad(log_probs, [1, 2], 3, 2)
    >>> loss.round(4), gradient.shape
    (np.float64(0.9009), (3, 3))
    """
    problem = checked(
        target, input_lengths, target_lengths, blank, zero_infinity, reduction, log_probs=log_probs
    )
    given = {
        "log_probs": log_probs,
        "target": target,
        "input_lengths": input_lengths,
        "target_lengths": target_lengths,
    }
    return loss_and_gradient_of(problem, LOG_PROBS, grad_output, out, **given)
