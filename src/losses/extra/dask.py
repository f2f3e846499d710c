"""Losses of Dask arrays, lazily: in chunks of samples, of classes, or of both.

Each task has one chunk of the logits. Chunks of the same samples exchange states (see
`losses.cross_entropy_shard`), and chunks of other samples sums (`losses.merge_sums`). Both are
merged along trees. This module needs ``pip install losses[dask]``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
from numpy.typing import ArrayLike

from .._activations.log_softmax import log_softmax as _log_softmax
from .._activations.softmax import softmax as _softmax
from .._core.checks import axis_index, check_grad_output
from .._core.dtypes import Array, result_dtype
from .._core.public import public
from .._cross_entropy.shard_state import merge_shards
from .._cross_entropy.states import log_softmax_of, softmax_of
from .._losses.options import Reduction, check_class_weight, class_axis, class_options
from .._losses.sums import merge_sums
from .._losses.target_checks import is_probabilities, label_shape, not_a_class
from . import _tasks as tasks
from ._graphs import DaskArray, lazy, lazy_floating, like, map_chunks, per_sample, tree
from ._tasks import Known

__all__ = ["cross_entropy", "cross_entropy_value_and_grad", "log_softmax", "nll_loss", "softmax"]


@public
def softmax(x: DaskArray, /, axis: int = -1) -> DaskArray:
    r"""Softmax along an axis of a Dask array, as `losses.softmax`.

    .. math:: \operatorname{softmax}(x)_c = \frac{e^{x_c}}{\sum_k e^{x_k}}

    Parameters
    ----------
    x : dask.array.Array, or what makes one
        Real numbers, in any chunks of known size.
    axis : int, default -1
        The axis of the classes.

    Returns
    -------
    dask.array.Array, the shape, chunks and dtype of `x`

    Raises
    ------
    TypeError, ValueError
        At once, as `losses.softmax`, and ValueError if the size of a chunk is not known.

    See Also
    --------
    log_softmax, losses.softmax

    Notes
    -----
    The same bits as from `losses.softmax` if the classes are one chunk, else a merge adds up to
    4 ulp.

    Examples
    --------
    >>> import dask.array as da
    >>> from losses.extra.dask import softmax
    >>> softmax(da.from_array([[1.0, 2.0, 0.5]], chunks=(1, 2))).compute().round(2)
    array([[0.23, 0.63, 0.14]])
    """
    return _along_axis(x, axis, _softmax, softmax_of)


@public
def log_softmax(x: DaskArray, /, axis: int = -1) -> DaskArray:
    r"""Logarithm of softmax along an axis of a Dask array, as `losses.log_softmax`.

    .. math:: \operatorname{log\,softmax}(x)_c = x_c - \log \sum_k e^{x_k}

    Parameters
    ----------
    x : dask.array.Array, or what makes one
        Real numbers, in any chunks of known size.
    axis : int, default -1
        The axis of the classes.

    Returns
    -------
    dask.array.Array, the shape, chunks and dtype of `x`

    Raises
    ------
    TypeError, ValueError
        At once, as `losses.log_softmax`, and ValueError if the size of a chunk is not known.

    See Also
    --------
    softmax, nll_loss, losses.log_softmax

    Notes
    -----
    The same bits as from `losses.log_softmax` if the classes are one chunk, else a merge adds up to
    4 ulp.

    Examples
    --------
    >>> import dask.array as da
    >>> from losses.extra.dask import log_softmax
    >>> log_softmax(da.from_array([[1.0, 2.0, 0.5]], chunks=(1, 2))).compute().round(2)
    array([[-1.46, -0.46, -1.96]])
    """
    return _along_axis(x, axis, _log_softmax, log_softmax_of)


@public
def nll_loss(
    log_probs: DaskArray,
    target: DaskArray,
    /,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> DaskArray:
    r"""Negative log-likelihood loss of Dask arrays, as `losses.nll_loss`.

    .. math::
        \ell_i = -w_{t_i} \mathrm{lp}_{i, t_i}, \qquad
        \text{mean} = \frac{\sum_i m_i \ell_i}{\sum_i m_i w_{t_i}}

    Parameters
    ----------
    log_probs : dask.array.Array, shape (C,), (N, C) or (N, C, d1, ..., dk)
        Log-probabilities, in any chunks of known size.
    target : dask.array.Array of int, the shape of `log_probs` without the class axis
        Class indices; they are cut as the samples of `log_probs` are.
    weight, ignore_index, reduction, axis : optional
        As in `losses.nll_loss`. `weight` is no Dask array, for every task has it.

    Returns
    -------
    dask.array.Array, 0-D, or of the shape of `target` for ``reduction='none'``
        In the dtype of `log_probs`.

    Raises
    ------
    TypeError, ValueError
        At once, as `losses.nll_loss`, and ValueError if the size of a chunk is not known.
    IndexError
        When computed, if a class index is neither in [0, C) nor `ignore_index`.

    See Also
    --------
    log_softmax, cross_entropy, losses.nll_loss

    Notes
    -----
    The losses have the same bits as from `losses.nll_loss`, those of float16 before they are
    rounded; the mean and the sum are rounded once.

    Examples
    --------
    >>> import dask.array as da
    >>> from losses.extra.dask import log_softmax, nll_loss
    >>> log_probs = log_softmax(da.from_array([[10.0, 3.0, 1.0], [-1.0, 0.0, -4.0]], chunks=(1, 2)))
    >>> nll_loss(log_probs, [1, 2], reduction="none").compute().round(4)
    array([7.001 , 4.3266])
    """
    options = (weight, ignore_index, 0.0, axis, None, reduction)
    problem = _lazy_problem("log_probs", log_probs, target, *options)
    losses = per_sample(tasks.nll_of_chunk, problem.known, problem.scores, problem.target)
    # Each label is in one chunk of the classes: the other chunks add 0.
    return _reduced(problem, tree(losses, tasks.added, tasks.added, problem.known.axis))


@public
def cross_entropy(
    logits: DaskArray,
    target: DaskArray,
    /,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    axis: int | None = None,
    workers: int | None = None,
) -> DaskArray:
    r"""Cross entropy of Dask arrays, as `losses.cross_entropy`.

    .. math:: \ell_i = -\sum_c v_{i,c} \, \operatorname{log\,softmax}(x_i)_c

    Parameters
    ----------
    logits : dask.array.Array, shape (C,), (N, C) or (N, C, d1, ..., dk)
        Unnormalised log-probabilities, in any chunks of known size.
    target : dask.array.Array
        Class indices or class probabilities, as in `losses.cross_entropy`; they are cut as the
        logits are.
    weight, ignore_index, reduction, label_smoothing, softcap, z_loss, axis : optional
        As in `losses.cross_entropy`. `weight` is no Dask array, for every task has it.
    workers : int, optional
        How many threads share the work of each task, by default that of `losses.set_workers` now,
        else 1; Dask runs tasks side by side.

    Returns
    -------
    dask.array.Array, 0-D, or one loss per sample for ``reduction='none'``
        In the dtype of `logits`.

    Raises
    ------
    TypeError, ValueError
        At once, as `losses.cross_entropy`, and ValueError if the size of a chunk is not known.
    IndexError, ValueError
        When computed, if a class index is neither in [0, C) nor `ignore_index`, or a class
        probability is negative, nan or infinite.

    See Also
    --------
    cross_entropy_value_and_grad, losses.cross_entropy, losses.cross_entropy_shard

    Notes
    -----
    The losses have the same bits as from `losses.cross_entropy` if the classes are one chunk;
    else a merge adds up to 4 ulp. Mean and sum are those of `losses.cross_entropy_sums`.

    Examples
    --------
    >>> import dask.array as da
    >>> from losses.extra.dask import cross_entropy
    >>> logits = da.from_array([[10.0, 3.0, 1.0], [-1.0, 0.0, -4.0]], chunks=(1, 2))
    >>> cross_entropy(logits, [1, 2]).compute().round(4)
    np.float64(5.6638)
    """
    options = (weight, ignore_index, label_smoothing, axis, workers, reduction, softcap, z_loss)
    problem = _lazy_problem("logits", logits, target, *options)
    if problem.whole:
        each = per_sample(tasks.losses_of_chunk, problem.known, problem.scores, problem.target)
    else:
        each = per_sample(tasks.losses_of_state, problem.known, _merged(problem))
    return _reduced(problem, each)


@public
def cross_entropy_value_and_grad(
    logits: DaskArray,
    target: DaskArray,
    /,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    axis: int | None = None,
    workers: int | None = None,
    grad_output: DaskArray | None = None,
) -> tuple[DaskArray, DaskArray]:
    r"""Cross entropy of Dask arrays and its gradient with respect to the logits.

    .. math:: \big( \ell, \; \partial \ell / \partial x \big)

    Parameters
    ----------
    logits, target : dask.array.Array
        As in `cross_entropy`.
    weight, ignore_index, reduction, label_smoothing, softcap, z_loss, axis, workers : optional
        As in `cross_entropy`.
    grad_output : dask.array.Array, the shape of the loss, optional
        The gradient with respect to the loss, by default 1, as in
        `losses.cross_entropy_value_and_grad`; it is cut as the logits are.

    Returns
    -------
    loss : dask.array.Array
        As from `cross_entropy`.
    grad_logits : dask.array.Array, the shape, chunks and dtype of `logits`
        The gradient of the loss, or of its sum for ``reduction='none'``, times `grad_output`.

    Raises
    ------
    IndexError, TypeError, ValueError
        As `cross_entropy`, and at once if `grad_output` has another shape than stated.

    See Also
    --------
    cross_entropy, losses.cross_entropy_value_and_grad

    Notes
    -----
    Compute both together, ``dask.compute(loss, grad_logits)``, and each chunk is read once. The
    gradient is larger than any memory where the logits are: store it, as with
    ``dask.array.store``. If the classes are one chunk it has the same bits as from
    `losses.cross_entropy_value_and_grad`, but for the mean under weights, of which the sum may
    have another last bit; else see `losses.cross_entropy_shard_backward`.

    Examples
    --------
    >>> import dask
    >>> import dask.array as da
    >>> from losses.extra.dask import cross_entropy_value_and_grad
    >>> logits = da.from_array([[1.0, 2.0, 0.5]], chunks=(1, 2))
    >>> loss, grad_logits = dask.compute(*cross_entropy_value_and_grad(logits, [1]))
    >>> loss.round(2), grad_logits.round(2)
    (np.float64(0.46), array([[ 0.23, -0.37,  0.14]]))
    """
    options = (weight, ignore_index, label_smoothing, axis, workers, reduction, softcap, z_loss)
    problem = _lazy_problem("logits", logits, target, *options)
    known, grads = problem.known, _loss_grads(problem, grad_output)
    if problem.whole:
        both = map_chunks(tasks.both_of_chunk, known, problem.scores, problem.target, grads)
        each, grad = per_sample(tasks.first, known, both), map_chunks(tasks.second, known, both)
    else:
        state = _merged(problem)
        each = per_sample(tasks.losses_of_state, known, state)
        grad = map_chunks(
            tasks.gradient_of_chunk, known, problem.scores, problem.target, state, grads
        )
    return _reduced(problem, each), grad[0] if problem.single else grad


# ---- the arguments -------------------------------------------------------------------------------


class LazyProblem(NamedTuple):
    """The arguments, checked as far as that needs no entry of an array."""

    scores: DaskArray
    target: DaskArray  # checked by a task, and cut as the scores; labels have a class axis of 1
    labelled: bool
    samples: tuple[int, ...]  # the shape of the losses
    known: Known

    @property
    def whole(self) -> bool:
        """Whether the classes are one chunk."""
        return bool(self.scores.numblocks[self.known.axis] == 1)

    @property
    def single(self) -> bool:
        """Whether the scores are those of one sample, without an axis of samples."""
        return not self.samples


def _lazy_problem(
    name: str, scores: DaskArray, target: DaskArray, weight: ArrayLike | None, *options: Any
) -> LazyProblem:
    """Check what can be checked at once; `options` are the others of class_options."""
    if isinstance(weight, da.Array):
        raise TypeError(
            "weight: expected an array in memory, which every task has, got a Dask array"
        )
    chosen = class_options(weight, *options).with_own_weight()
    scores, target = lazy(**{name: scores}), lazy(target=target)
    scores_like, target_like = like(**{name: scores}), like(target=target)
    axis = class_axis(chosen.axis, scores_like, name)
    labelled = name == "log_probs" or not is_probabilities(target_like, scores_like)
    if labelled:
        label_shape(scores_like, axis, target_like, name)
    else:
        not_a_class(chosen.ignore_index)
    classes = scores_like.shape[axis]
    check_class_weight(chosen.weight, classes)
    scores = lazy_floating(scores)
    samples = scores.shape[:axis] + scores.shape[axis + 1 :]
    if scores.ndim == 1:
        scores, axis = scores[None], 1
        target = target.reshape(1) if labelled else target[None]
    known = Known(axis, classes, result_dtype(scores), name, chosen)
    target = _with_class_axis(target, scores, axis) if labelled else target.rechunk(scores.chunks)
    dtype = np.dtype(np.intp) if labelled else target.dtype
    target = map_chunks(tasks.target_of_chunk, known, target, dtype=dtype)
    return LazyProblem(scores, target, labelled, samples, known)


def _with_class_axis(array: DaskArray, scores: DaskArray, axis: int) -> DaskArray:
    """Return numbers of the samples with a class axis of length 1, cut as the scores are."""
    chunks = (*scores.chunks[:axis], (1,), *scores.chunks[axis + 1 :])
    return array[(*(slice(None),) * axis, None)].rechunk(chunks)


# ---- graphs --------------------------------------------------------------------------------------


def _along_axis(
    x: DaskArray, axis: int, whole: Callable[..., Array], of_state: Callable[..., None]
) -> DaskArray:
    """Return softmax or its logarithm, from whole classes or from the state of all chunks."""
    x = lazy(x=x)
    place = axis_index(axis, like(x=x).ndim)
    x = lazy_floating(x)
    dtype = result_dtype(x)
    if not x.ndim or x.numblocks[place] == 1:
        return da.map_blocks(partial(whole, axis=axis), x, meta=np.empty((0,) * x.ndim, dtype))
    known = Known(place, x.shape[place], dtype, "x", class_options())
    states = per_sample(tasks.state_of_scores, known, x)
    state = tree(states, tasks.merge_states, tasks.merge_states, place)
    return map_chunks(partial(tasks.of_state, of_state), known, x, state)


def _merged(problem: LazyProblem) -> DaskArray:
    """Return the state of all the classes for each chunk of samples."""
    states = per_sample(tasks.state_of_chunk, problem.known, problem.scores, problem.target)
    return tree(states, merge_shards, merge_shards, problem.known.axis)


def _reduced(problem: LazyProblem, losses: DaskArray) -> DaskArray:
    """Return the losses, or their mean or sum, in the dtype of the result."""
    known, reduction = problem.known, problem.known.options.reduction
    if reduction == "none":
        each = da.squeeze(map_chunks(tasks.rounded, known, losses), known.axis)
        return each[0] if problem.single else each
    weights = (
        [map_chunks(tasks.weights_of_chunk, known, problem.target)] if problem.labelled else []
    )
    last = partial(tasks.mean_of if reduction == "mean" else tasks.total_of, known)
    return tree(map_chunks(tasks.sums_of, known, losses, *weights), merge_sums, last, None)


def _loss_grads(problem: LazyProblem, grad_output: DaskArray | None) -> DaskArray:
    """Return the gradient with respect to each loss: one number, or one for each sample."""
    known, reduction = problem.known, problem.known.options.reduction
    given = da.ones(()) if grad_output is None else lazy(grad_output=grad_output)
    if grad_output is not None:
        shape = problem.samples if reduction == "none" else ()
        check_grad_output(like(grad_output=given), shape)
    if reduction == "mean":
        return map_chunks(tasks.share_of, known, given, _divisor(problem), dtype=known.wide)
    return _with_class_axis(given, problem.scores, known.axis) if given.ndim else given


def _divisor(problem: LazyProblem) -> DaskArray:
    """Return what the mean divides by."""
    if not problem.labelled:
        return da.full((), float(prod(problem.samples)))
    weights = map_chunks(tasks.weights_of_chunk, problem.known, problem.target)
    sums = map_chunks(tasks.sums_of, problem.known, weights, weights)
    return tree(sums, merge_sums, tasks.divisor_of, None)
