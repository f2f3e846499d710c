"""CTC loss of logits, exact where the target is nearly certain."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._core.blocks import slices
from .._core.class_sums import add_classes
from .._core.dtypes import Array, Floating
from .._core.public import public
from .._losses.options import Reduction
from .complement import left_out
from .kernel import Forward, Scores, gradient_of, loss_and_gradient_of, loss_of, minus_log
from .lattice import Lattice
from .problem import checked

ENTRIES = 1 << 15  # so many logits, and their exponentials, stay in the second-level cache


def _exponentials(logits: Array) -> tuple[Array, Array, Array]:
    """Return x - max(x), the exponentials of that, and their sums."""
    x = np.ascontiguousarray(logits, np.float64)
    below = x - np.maximum.reduce(x, axis=-1, keepdims=True)
    e = np.exp(below)
    return below, e, add_classes(e.reshape(-1, e.shape[-1]), True).reshape(*e.shape[:-1], 1)


def _emissions(logits: Array, states: Lattice) -> tuple[Array, Array, Array]:
    frames, samples, classes = logits.shape
    probs, logs = np.empty((2, frames, len(states.samples)))
    wrong = np.empty((frames, samples), bool)
    for some in slices(0, frames, ENTRIES // (samples * classes)):
        below, e, total = _exponentials(logits[some])
        wrong[some] = np.isnan(total[..., 0])
        of_classes = total[:, states.samples, 0]
        probs[some] = e[:, states.samples, states.classes] / of_classes
        logs[some] = below[:, states.samples, states.classes] - np.log(of_classes)
    return probs, logs, wrong


def _loss(way: Forward) -> Array:
    loss = minus_log(way.total, way.power)
    for i in np.flatnonzero((loss < np.log(2)) & ~way.wrong):
        frames, states = way.input_lengths[i], slice(way.lattice.ends[i] + 1)
        probs = np.zeros((frames + 1, states.stop))
        probs[0, 0] = 1
        row = way.values[:frames, 2:].reshape(frames, *way.lattice.symbols.shape)[:, i, states]
        powers = np.array([way.exponents[t][i, states] for t in range(frames)]).reshape(row.shape)
        np.ldexp(row, np.clip(powers, -2200, 2200).astype(np.int32), out=probs[1:])
        _, e, total = _exponentials(way.frames[:frames, i])
        of_states = way.lattice.symbols[i, states], way.lattice.forth.skips[i, states]
        loss[i] = 0 - np.log1p(-left_out(e / total, probs, *of_states))
    return loss


def _gradient(logits: Array, states: Lattice, posteriors: Array, grads: Array) -> Array:
    """Return p - posterior; that of the largest class from the others, as a row adds to 0."""
    _, e, total = _exponentials(logits)
    found = e / total
    found[:, states.samples, states.classes] -= posteriors
    top = e.argmax(axis=-1)[..., np.newaxis]
    np.put_along_axis(found, top, 0, axis=-1)
    others = add_classes(found.reshape(-1, found.shape[-1]), True)
    np.put_along_axis(found, top, 0 - others.reshape(top.shape), axis=-1)
    found *= grads[:, np.newaxis]
    return found


LOGITS = Scores(_emissions, _loss, _gradient)


@public
def ctc_loss_with_logits(
    logits: ArrayLike,
    target: ArrayLike,
    input_lengths: ArrayLike,
    target_lengths: ArrayLike,
    /,
    *,
    blank: int = 0,
    zero_infinity: bool = False,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Connectionist temporal classification of logits, exact where a target is nearly certain.

    .. math::
        \ell_n = -\log P_n, \qquad
        P_n = \sum_{a \in A_n} \prod_{t < T_n} \mathrm{softmax}(x_{t, n})_{a_t},

    where :math:`A_n` is the set of alignments of the target. An alignment has a class for each
    frame. It spells the target if, after repeated classes are merged and then blanks are dropped,
    the labels of the target are left.


    Parameters
    ----------
    logits : array_like, shape (T, N, C) or (T, C)
        Logits of T frames, N samples and C classes.
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
        In the dtype of `logits`. The mean over no samples is nan and the sum 0.

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
    ctc_loss_with_logits_backward, ctc_loss_with_logits_value_and_grad, ctc_loss

    Notes
    -----
    Everything is as in `ctc_loss`, and the loss of a target that is nearly certain keeps its
    digits. If P > 1/2, the loss is computed as -log1p(-(1 - P)), where 1 - P is the probability of
    all that spells something else, a sum of positive terms. With g = \|log P\| + T log(2 S + 1),
    the relative error of this loss is at most (T + 4) (C / 4 + 5) + (g + max(x) - min(x)) / 2 + 70
    eps of float64. A larger loss has the error of `ctc_loss` plus T (C / 4 + 3) + g / 2 eps.

    References
    ----------
    .. [1] A. Graves, S. Fernandez, F. Gomez and J. Schmidhuber, "Connectionist temporal
       classification: labelling unsegmented sequence data with recurrent neural networks",
       ICML 2006.

    Examples
    --------
    >>> import losses, numpy as np
    >>> probs = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.5, 0.3, 0.2]]  # (T, C)
    >>> logits = np.log(probs)  # their softmax is probs
    >>> losses.ctc_loss_with_logits(logits, [1, 2], 3, 2, reduction="sum").round(4)
    np.float64(1.8018)
    """
    problem = checked(
        target, input_lengths, target_lengths, blank, zero_infinity, reduction, logits=logits
    )
    return loss_of(problem, LOGITS)


@public
def ctc_loss_with_logits_backward(
    grad_output: ArrayLike,
    logits: ArrayLike,
    target: ArrayLike,
    input_lengths: ArrayLike,
    target_lengths: ArrayLike,
    /,
    *,
    blank: int = 0,
    zero_infinity: bool = False,
    reduction: Reduction = "mean",
) -> Array:
    r"""Gradient of `ctc_loss_with_logits` with respect to the logits.

    .. math::
        \frac{\partial}{\partial x_{t,n,c}} = g_n \, (p_{t,n,c} - \gamma_{t,n,c}),

    where p is the softmax of the logits and :math:`\gamma_{t,n,c}` the posterior probability of
    class c in frame t, given that the sample spells its target. For the mean, :math:`g_n` is
    divided by N max(target_length, 1).


    Parameters
    ----------
    grad_output : array_like, the shape of what `ctc_loss_with_logits` returned
        The gradient with respect to the loss: a scalar, or one entry per sample for ``'none'``.
    logits : array_like, shape (T, N, C) or (T, C)
        Logits of T frames, N samples and C classes.
    target : array_like of int, shape (N, S), or (S,) for shape (T, C)
        The labels of each sample, of any integer dtype, in the first entries of its row. The other
        entries are not read. Or 1-D: the labels of all samples, one after another.
    input_lengths : array_like of int, shape (N,), or () or (1,) for shape (T, C)
        The number of frames of each sample, in [0, T]. Frames after these have a gradient of 0.
    target_lengths : array_like of int, the shape of `input_lengths`
        The number of labels of each sample.
    blank, zero_infinity, reduction : optional
        As in `ctc_loss_with_logits`.

    Returns
    -------
    ndarray, the shape and dtype of `logits`

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `ctc_loss_with_logits`; also if `grad_output` has another shape than stated.

    See Also
    --------
    ctc_loss_with_logits, ctc_loss_with_logits_value_and_grad

    Notes
    -----
    In each frame, the entry of the most probable class is computed as minus the sum of the other
    entries. So it keeps its digits even if that class is nearly certain. The error of each entry is
    at most (T + 1) (C / 2 + 10) + S / 2 + g eps of float64, with the g of `ctc_loss_with_logits`.

    Examples
    --------
    >>> import losses, numpy as np
    >>> probs = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.5, 0.3, 0.2]]  # (T, C)
    >>> logits = np.log(probs)  # their softmax is probs
    >>> losses.ctc_loss_with_logits_backward(1.0, logits, [1], 3, 1).round(3)
    array([[-0.048, -0.052,  0.1  ],
           [ 0.045, -0.345,  0.3  ],
           [-0.099, -0.101,  0.2  ]])
    """
    problem = checked(
        target, input_lengths, target_lengths, blank, zero_infinity, reduction, logits=logits
    )
    return gradient_of(problem, LOGITS, grad_output)


@public
def ctc_loss_with_logits_value_and_grad(
    logits: ArrayLike,
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
    r"""Loss and gradient of `ctc_loss_with_logits`, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial x} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial x} \Big)
        \text{ for 'none'}

    Parameters
    ----------
    logits, target, input_lengths, target_lengths : array_like
        As in `ctc_loss_with_logits`.
    blank, zero_infinity, reduction : optional
        As in `ctc_loss_with_logits`.
    grad_output : array_like, the shape of the loss, optional
        The gradient with respect to the loss, as in `ctc_loss_with_logits_backward`; 1 by default.
        It multiplies the gradient and not the loss.
    out : ndarray, the shape and dtype of `logits`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `logits` itself,
        which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `ctc_loss_with_logits` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `logits`
        What `ctc_loss_with_logits_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `ctc_loss_with_logits`; also if `grad_output` has another shape than the loss, or if
        `out` has the wrong shape or dtype, is read-only, or overlaps an input without being
        `logits`. If an argument is wrong, nothing is written.

    See Also
    --------
    ctc_loss_with_logits, ctc_loss_with_logits_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses, numpy as np
    >>> probs = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.5, 0.3, 0.2]]  # (T, C)
    >>> logits = np.log(probs)  # their softmax is probs
    >>> loss, gradient = losses.ctc_loss_with_logits_value_and_grad(logits, [1, 2], 3, 2)
    >>> loss.round(4), gradient.shape
    (np.float64(0.9009), (3, 3))
    """
    problem = checked(
        target, input_lengths, target_lengths, blank, zero_infinity, reduction, logits=logits
    )
    given = {
        "logits": logits,
        "target": target,
        "input_lengths": input_lengths,
        "target_lengths": target_lengths,
    }
    return loss_and_gradient_of(problem, LOGITS, grad_output, out, **given)
