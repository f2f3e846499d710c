"""Losses of Dask arrays, lazily: in chunks of samples, of classes, or of both.

Each task has one chunk of the logits. Between classes in several chunks go states of the samples
(see `losses.cross_entropy_shard`), between samples in several chunks go sums
(`losses.merge_sums`), both merged along trees. It needs ``pip install losses[dask]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import dask.array as da
import numpy as np
from numpy.typing import ArrayLike

from .._activations.log_softmax import log_softmax as _log_softmax
from .._activations.softmax import softmax as _softmax
from .._core.checks import axis_index, real, whole_number
from .._core.dtypes import Array, is_floating, result_dtype, stand_in
from .._core.public import public
from .._core.schedule import worker_count
from .._cross_entropy.shards import merge_shards
from .._cross_entropy.states import log_softmax_of, softmax_of
from .._losses.options import Reduction, class_axis, class_weight, reduction_name, smoothing
from .._losses.sums import merge_sums
from .._losses.targets import is_probabilities, label_shape, not_a_class
from . import _tasks as tasks
from ._tasks import Options

__all__ = ["cross_entropy", "cross_entropy_value_and_grad", "log_softmax", "nll_loss", "softmax"]

DaskArray: TypeAlias = Any  # dask.array.Array, which has no types
Chunk: TypeAlias = Any  # of an array; or, of states and sums, one of these


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
    reduction_name(reduction)
    call = _checked("log_probs", log_probs, target, weight, ignore_index, axis)
    parts = _per_sample(tasks.nll_of_chunk, call.options, call.scores, call.target)
    # All but one chunk of classes give 0.
    return _reduced(call, _tree(parts, tasks.added, tasks.added, call.options.axis), reduction)


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
    weight, ignore_index, reduction, label_smoothing, axis : optional
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
    reduction_name(reduction)
    call = _checked("logits", logits, target, weight, ignore_index, axis, label_smoothing, workers)
    if call.whole:
        each = _per_sample(tasks.losses_of_chunk, call.options, call.scores, call.target)
    else:
        each = _per_sample(tasks.losses_of_state, call.options, _merged(call))
    return _reduced(call, each, reduction)


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
    axis: int | None = None,
    workers: int | None = None,
) -> tuple[DaskArray, DaskArray]:
    r"""Cross entropy of Dask arrays and its gradient with respect to the logits.

    .. math:: \big( \ell, \; \partial \ell / \partial x \big)

    Parameters
    ----------
    logits, target : dask.array.Array
        As in `cross_entropy`.
    weight, ignore_index, reduction, label_smoothing, axis, workers : optional
        As in `cross_entropy`.

    Returns
    -------
    loss : dask.array.Array
        As from `cross_entropy`.
    grad_logits : dask.array.Array, the shape, chunks and dtype of `logits`
        The gradient of the loss, or of its sum for ``reduction='none'``.

    Raises
    ------
    IndexError, TypeError, ValueError
        As `cross_entropy`.

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
    reduction_name(reduction)
    call = _checked("logits", logits, target, weight, ignore_index, axis, label_smoothing, workers)
    options, divisor = call.options, _divisor(call, reduction)
    if call.whole:
        both = _map(tasks.both_of_chunk, options, call.scores, call.target, divisor)
        each, grad = _per_sample(tasks.first, options, both), _map(tasks.second, options, both)
    else:
        state = _merged(call)
        each = _per_sample(tasks.losses_of_state, options, state)
        grad = _map(tasks.gradient_of_chunk, options, call.scores, call.target, state, divisor)
    return _reduced(call, each, reduction), grad[0] if call.single else grad


# ---- the arguments -------------------------------------------------------------------------------


class _Call(NamedTuple):
    """The arguments, checked as far as they are known before anything is computed."""

    scores: DaskArray
    target: DaskArray  # cut as the scores; labels have a class axis of length 1
    labels: bool
    single: bool  # whether the scores came without a dimension of samples, as one
    options: Options

    @property
    def whole(self) -> bool:
        """Whether the classes are one chunk."""
        return bool(self.scores.numblocks[self.options.axis] == 1)


def _checked(
    name: str,
    scores: DaskArray,
    target: DaskArray,
    weight: ArrayLike | None,
    ignore_index: int,
    axis: int | None,
    label_smoothing: float = 0.0,
    workers: int | None = None,
) -> _Call:
    epsilon, threads = smoothing(label_smoothing), worker_count(workers)
    scores, target = _known(**{name: scores}), _known(target=target)
    like, target_like = _like(**{name: scores}), _like(target=target)
    axis = class_axis(axis, like, name)
    ignore = whole_number(ignore_index=ignore_index)
    labels = name == "log_probs" or not is_probabilities(target_like, like)
    if labels:
        label_shape(like, axis, target_like, name)
    else:
        not_a_class(ignore)
    if isinstance(weight, da.Array):
        raise TypeError(
            "weight: expected an array in memory, which every task has, got a Dask array"
        )
    weights = class_weight(weight, like.shape[axis])
    weights = None if weights is None else weights.copy()  # the caller may change it, the graph not
    scores = _floating(scores)
    single = like.ndim == 1
    if single:
        scores, axis = scores[None], 1
        target = target.reshape(1) if labels else target[None]
    chunks = list(scores.chunks)
    if labels:
        target, chunks[axis] = target[(*(slice(None),) * axis, None)], (1,)
    classes, dtype = scores.shape[axis], result_dtype(scores)
    options = Options(axis, classes, dtype, weights, ignore, epsilon, threads, name)
    return _Call(scores, target.rechunk(tuple(chunks)), labels, single, options)


def _known(**argument: DaskArray) -> DaskArray:
    """Return the one named argument as a Dask array whose chunks have known sizes."""
    ((name, value),) = argument.items()
    array = value if isinstance(value, da.Array) else da.asarray(real(**argument))
    if any(np.isnan(size) for sizes in array.chunks for size in sizes):
        raise ValueError(
            f"{name}: expected chunks of known sizes, got {array.chunks}; "
            f"{name}.compute_chunk_sizes() finds them"
        )
    return array


def _like(**argument: DaskArray) -> Array:
    """Return an array of the shape and dtype of the one named argument, in no memory."""
    ((name, array),) = argument.items()
    real(**{name: array._meta})  # a masked array tells here that it is one
    return stand_in(array.shape, real(**{name: np.empty(0, array.dtype)}).dtype)


def _floating(array: DaskArray) -> DaskArray:
    return array if is_floating(array.dtype) else array.astype(np.float64)


# ---- graphs --------------------------------------------------------------------------------------


def _map(work: Callable[..., Chunk], options: Options, *arrays: DaskArray) -> DaskArray:
    """Return work(options, *chunks), chunk by chunk."""
    meta = np.empty((0,) * arrays[0].ndim, options.dtype)
    return da.map_blocks(partial(work, options), *arrays, meta=meta)


def _per_sample(work: Callable[..., Chunk], options: Options, *arrays: DaskArray) -> DaskArray:
    """Return work(options, *chunks), of which each has one class."""
    chunks = list(arrays[0].chunks)
    chunks[options.axis] = (1,) * len(chunks[options.axis])
    meta = np.empty((0,) * len(chunks), options.dtype)
    return da.map_blocks(partial(work, options), *arrays, chunks=tuple(chunks), meta=meta)


def _tree(
    states: DaskArray, merged: Callable[..., Chunk], last: Callable[..., Chunk], axis: int | None
) -> DaskArray:
    """Merge states along an axis, or along all of them to one number, as a tree."""
    ndim = 0 if axis is None else states.ndim
    return da.reduction(
        states,
        chunk=_as_it_is,
        combine=partial(_of_many, merged),
        aggregate=partial(_of_many, last),
        axis=tuple(range(states.ndim)) if axis is None else (axis,),
        keepdims=axis is not None,
        concatenate=False,
        name=merged.__name__,
        dtype=states.dtype,
        meta=np.empty((0,) * ndim, states.dtype),
    )


def _as_it_is(chunk: Chunk, **_: Any) -> Chunk:
    return chunk


def _of_many(merged: Callable[..., Chunk], parts: list[Any], **_: Any) -> Chunk:
    return merged(*_flat(parts))


def _flat(parts: list[Any]) -> Iterator[Chunk]:
    for one in parts:
        if isinstance(one, list):
            yield from _flat(one)
        else:
            yield one


def _along_axis(
    x: DaskArray, axis: int, whole: Callable[..., Array], of_state: Callable[..., None]
) -> DaskArray:
    """Return softmax or its logarithm, of whole chunks or given the state of all the classes."""
    x = _known(x=x)
    place = axis_index(axis, _like(x=x).ndim)
    x = _floating(x)
    dtype = result_dtype(x)
    if not x.ndim or x.numblocks[place] == 1:
        return da.map_blocks(partial(whole, axis=axis), x, meta=np.empty((0,) * x.ndim, dtype))
    options = Options(place, x.shape[place], dtype, None, -1, 0.0, 1, "x")
    states = _per_sample(tasks.state_of_scores, options, x)
    state = _tree(states, tasks.merge_states, tasks.merge_states, place)
    return _map(partial(tasks.of_state, of_state), options, x, state)


def _merged(call: _Call) -> DaskArray:
    """Return the state of all the classes of each chunk of samples."""
    states = _per_sample(tasks.state_of_chunk, call.options, call.scores, call.target)
    return _tree(states, merge_shards, merge_shards, call.options.axis)


def _reduced(call: _Call, losses: DaskArray, reduction: Reduction) -> DaskArray:
    """Return the losses, or their mean or sum, in the dtype of the result."""
    if reduction == "none":
        each = da.squeeze(_map(tasks.rounded, call.options, losses), call.options.axis)
        return each[0] if call.single else each
    weights = [_map(tasks.weights_of_chunk, call.options, call.target)] if call.labels else []
    last = partial(tasks.mean_of if reduction == "mean" else tasks.total_of, call.options)
    return _tree(_map(tasks.sums_of, call.options, losses, *weights), merge_sums, last, None)


def _divisor(call: _Call, reduction: Reduction) -> DaskArray:
    """Return what the gradient is divided by."""
    if reduction != "mean":
        return da.ones(())
    if not call.labels:
        return da.full((), float(call.target.size // max(1, call.options.classes)))
    weights = _map(tasks.weights_of_chunk, call.options, call.target)
    sums = _map(tasks.sums_of, call.options, weights, weights)
    return _tree(sums, merge_sums, tasks.divisor_of, None)
