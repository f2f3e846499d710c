"""The tasks of Dask graphs: functions of one chunk of each array, in NumPy.

In `block_info` Dask tells a task where its chunk lies in the whole array. A task of its own checks
each chunk of the target, once; the other tasks trust it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .._classwise.nll import nll_loss
from .._core.blocks import Block
from .._core.dtypes import Array, cast, computation_dtype, is_floating, stand_in
from .._core.panel import Panel
from .._core.panels import panels
from .._cross_entropy.problem import Problem, evaluate
from .._cross_entropy.shard_problem import ShardProblem, known_shard, shard_gradient, shard_state
from .._cross_entropy.shard_state import ShardState
from .._cross_entropy.states import State, merge, nothing, state_of, within
from .._losses.mass import Mass
from .._losses.options import Options
from .._losses.reduction import reduce_backward
from .._losses.sums import LossSums, loss_sums, merge_sums
from .._losses.target_checks import ImprobableError, check_probabilities
from .._losses.targets import known_labels, known_probabilities, marked_labels


class Known(NamedTuple):
    """What every task knows."""

    axis: int  # of the classes
    classes: int  # in all chunks
    dtype: np.dtype[Any]  # of the result
    name: str  # of the scores, in messages
    options: Options

    @property
    def wide(self) -> np.dtype[Any]:
        """The dtype of the computation."""
        return computation_dtype(np.empty(0, self.dtype))


def state_of_scores(known: Known, scores: Array, block_info: Any = None) -> State:
    """Return the state of a chunk for softmax: without a target there is no mass."""
    plan, first = panels(scores, known.axis), _place(block_info)[known.axis]
    found = nothing((prod(plan.samples),), first, plan.dtype)

    def compute(block: Block, views: Any, out: Panel, spare: Panel) -> None:
        found.put(block, state_of(views[0], Mass(), first, out, spare))

    plan.run(compute, [scores], None, 1)
    return found


def merge_states(*states: State) -> State:
    with np.errstate(all="ignore"):  # infinities and nan are answers here
        return reduce(merge, states)


def of_state(write: Callable[..., None], known: Known, scores: Array, state: State) -> Array:
    """Return the probabilities of a chunk, or their logarithms, given the state of all classes."""
    plan = panels(scores, known.axis)
    result = np.empty_like(scores, known.dtype)

    def compute(block: Block, views: Any, out: Panel, _: Panel) -> None:
        write(views[0], state.of(block), out)

    plan.run(compute, [scores], result, 1)
    return result


def target_of_chunk(known: Known, target: Array, block_info: Any = None) -> Array:
    """Check a chunk of the target; return it, with labels of -1 for ignored samples."""
    axis = known.axis
    with _located(axis, block_info):
        if is_floating(target.dtype):
            check_probabilities(target, known.options.ignore_index)
            return target
        labels = target.squeeze(axis)
        shape = (*labels.shape[:axis], known.classes, *labels.shape[axis:])
        scores = stand_in(shape, known.dtype)
        return np.expand_dims(marked_labels(scores, axis, labels, known.options, known.name), axis)


def nll_of_chunk(known: Known, log_probs: Array, target: Array, block_info: Any = None) -> Array:
    """Return the loss of each sample whose label is a class of this chunk, and 0 for others."""
    axis, first = known.axis, _place(block_info)[known.axis]
    label = target.squeeze(axis)
    here = within(label, first, log_probs.shape[axis])
    loss = nll_loss(
        _wide(log_probs),
        np.where(here, label - first, -1),
        weight=_of_classes(known.options, first, log_probs.shape[axis]).weight,
        ignore_index=-1,
        reduction="none",
        axis=axis,
    )
    return np.expand_dims(loss, axis)


def added(*losses: Array) -> Array:
    return reduce(np.add, losses)


def losses_of_chunk(known: Known, logits: Array, target: Array) -> Array:
    return np.expand_dims(evaluate(_problem(known, logits, target), None), known.axis)


def both_of_chunk(known: Known, logits: Array, target: Array, grads: Array) -> tuple[Array, Array]:
    """Return the losses and the gradient of a chunk with all the classes, in one pass."""
    problem = _problem(known, logits, target)
    grad_logits = np.empty_like(problem.logits)
    losses = evaluate(problem, None, _per_sample(known, grads), grad_logits)
    return np.expand_dims(losses, known.axis), cast(grad_logits, known.dtype)


def first(_: Known, both: tuple[Array, Array]) -> Array:
    return both[0]


def second(_: Known, both: tuple[Array, Array]) -> Array:
    return both[1]


def state_of_chunk(
    known: Known, logits: Array, target: Array, block_info: Any = None
) -> ShardState:
    return shard_state(_shard(known, logits, target, block_info))


def losses_of_state(known: Known, state: ShardState) -> Array:
    return np.expand_dims(state.losses, known.axis)


def gradient_of_chunk(
    known: Known,
    logits: Array,
    target: Array,
    state: ShardState,
    grads: Array,
    block_info: Any = None,
) -> Array:
    shard = _shard(known, logits, target, block_info)
    return cast(shard_gradient(shard, state, _per_sample(known, grads)), known.dtype)


def weights_of_chunk(known: Known, label: Array) -> Array:
    """Return what each sample adds to the divisor of the mean, with a class axis."""
    if known.options.weight is None:
        return (label >= 0).astype(known.wide)
    # The weight of label -1 is the last one, 0.
    of_label: Array = np.append(cast(known.options.weight, known.wide), known.wide.type(0))[label]
    return of_label


def sums_of(_: Known, losses: Array, weight: Array | None = None) -> LossSums:
    return loss_sums(losses, weight=weight)


def mean_of(known: Known, *sums: LossSums) -> Any:
    return cast(np.asarray(merge_sums(*sums).mean), known.dtype)[()]


def total_of(known: Known, *sums: LossSums) -> Any:
    return cast(np.asarray(merge_sums(*sums).sum), known.dtype)[()]


def divisor_of(*sums: LossSums) -> Any:
    """Return the divisor of the mean: nan where no sample has a weight."""
    return merge_sums(*sums).denominator


def share_of(known: Known, grad_output: Array, divisor: Any) -> Array:
    """Return the gradient with respect to each loss, given that with respect to the mean."""
    with np.errstate(all="ignore"):  # a mean of nothing divides by 0
        return reduce_backward(grad_output, "mean", divisor, (), known.wide)


def rounded(known: Known, losses: Array) -> Array:
    return cast(losses, known.dtype)


# ---- what they share ----------------------------------------------------------------------------


def _place(block_info: Any) -> tuple[int, ...]:
    """Return where a chunk of the first array begins."""
    return tuple(first for first, _ in block_info[0]["array-location"])


@contextmanager
def _located(axis: int, block_info: Any) -> Iterator[None]:
    """Add to an error about labels or class probabilities where the chunk begins."""
    try:
        yield
    except (IndexError, ImprobableError) as error:
        place = _place(block_info)
        if isinstance(error, IndexError):
            place = (*place[:axis], *place[axis + 1 :])
        raise type(error)(f"{error}; counted from {place}, where its chunk begins") from None


def _wide(array: Array) -> Array:
    """Return a chunk in the dtype of the computation, so that results alone are rounded."""
    return cast(array, computation_dtype(array))


def _per_sample(known: Known, grads: Array) -> Array:
    """Return the gradients with respect to the losses of a chunk, or the one for all."""
    grads = cast(np.asarray(grads), known.wide)
    return grads.squeeze(known.axis) if grads.ndim else grads


def _problem(known: Known, logits: Array, target: Array) -> Problem:
    """Return the problem of a chunk with all the classes: one loss for each sample."""
    wide, axis, classes = _wide(logits), known.axis, known.classes
    options = known.options._replace(ignore_index=-1, reduction="none")
    if is_floating(target.dtype):
        probabilities = known_probabilities(target, axis, options, classes, wide.dtype)
        return Problem(wide, probabilities, panels(wide, axis), options)
    label = target.squeeze(axis)
    labels = known_labels(label, bool((label < 0).any()), options, classes, wide.dtype)
    return Problem(wide, labels, panels(wide, axis), options)


def _shard(known: Known, logits: Array, target: Array, block_info: Any) -> ShardProblem:
    """Return the problem of a chunk with some of the classes."""
    axis, first = known.axis, _place(block_info)[known.axis]
    options = _of_classes(known.options, first, logits.shape[axis])
    target = target if is_floating(target.dtype) else target.squeeze(axis)
    return known_shard(_wide(logits), axis, target, first, known.classes, options)


def _of_classes(options: Options, first: int, count: int) -> Options:
    """Return the options with the weights of some of the classes."""
    weight = options.weight
    return options._replace(weight=None if weight is None else weight[first : first + count])
