"""The loops of linear_cross_entropy over chunks of logits, of which there is one at a time.

A chunk holds some samples with all their classes, if enough of these fit, and becomes its own
gradient. Of more classes than that a chunk holds some: a first pass merges their states, and a
second one makes the same logits again and, from the state of all the classes, their gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any, NamedTuple

import numpy as np

from .._core.blocks import Block, Samples, slices
from .._core.dtypes import Array, cast
from .._core.panel import Panel
from .._core.panels import panels
from .._core.products import LinearMap
from .._losses.reduction import part, store_or_sum, total
from .._losses.targets import Labels
from .kernels import evenly, losses_at_labels, losses_under_probabilities, shares, smoothed
from .linear_layer import Gradients, LayerGrads, Problem, as_matrix, chosen_grads, sample_count
from .states import Shard, State, gradient_of, loss_of, merge, state_of

WORK_ROWS = 6  # what the kernel takes beside the logits, in rows of all the classes
# Measured, see docs/speed.md: with fewer samples in that memory it is faster to cut the classes
# and to make the logits twice.
FEW_SAMPLES = 96
SHARD_SAMPLES = 256
# Of few classes as many samples as have inputs of so many bytes, within these bounds.
INPUTS_BYTES = 4 * 1024 * 1024
MANY_SAMPLES, MOST_SAMPLES = 1024, 1 << 16
SUM_BYTES = 8 * 1024 * 1024  # of sums in a wider dtype than that of their gradient
KEPT_SAMPLES = 1 << 17  # whose states wait for a third pass, rather than be made again


def evaluate(problem: Problem, losses: Array | None, grads: Gradients | None) -> list[Any]:
    """Fill the losses, if there is an array for them, and the gradients; return sums of losses."""
    if not (problem.size and problem.classes):  # nothing to add to the zeros that all these are
        return []
    with np.errstate(all="ignore"):  # infinities and nan are answers here
        size = _rows(problem)
        if size:
            return _by_rows(problem, size, losses, grads)
        return _by_shards(problem, losses, grads)


def _rows(problem: Problem) -> int:
    """Return how many samples a chunk has with all their classes, or 0 if these are too many."""
    rows = problem.room // max(1, problem.classes) - WORK_ROWS
    itemsize = problem.layer.dtype.itemsize
    too_wide = problem.narrow and problem.layer.weight.size * itemsize > SUM_BYTES
    if too_wide or rows < min(problem.size, FEW_SAMPLES):
        return 0
    enough = max(MANY_SAMPLES, INPUTS_BYTES // (itemsize * max(1, problem.features)))
    return min(rows, problem.size, enough, MOST_SAMPLES)


def _by_rows(
    problem: Problem, size: int, losses: Array | None, grads: Gradients | None
) -> list[Any]:
    layer, classes = problem.layer, slice(0, problem.classes)
    memory = np.empty(size * problem.classes, layer.dtype)
    wide = None if grads is None else grads.layer.wide(layer.dtype)
    sums: list[Any] = []
    for turn, samples in enumerate(problem.samples(size)):
        logits = problem.logits(samples, classes, memory)
        sums += _losses_of_rows(problem, samples, logits, losses, grads)
        if grads and wide:
            layer.backward_inputs(logits, samples, classes, grads.inputs, fresh=True)
            _add(layer, logits, samples, wide, fresh=not turn)
    if grads and wide:
        grads.layer.take(wide)
    return sums


def _losses_of_rows(
    problem: Problem, samples: Samples, logits: Array, losses: Array | None, grads: Gradients | None
) -> list[Any]:
    """Return the sums of losses of a chunk, which becomes its gradient if grads are given.

    There are none if the losses are kept one by one.
    """
    plan, classes = panels(logits, 1), slice(0, problem.classes)
    given = [*problem.probabilities(samples, classes), logits]
    if isinstance(problem.target, Labels):
        losses_of = losses_at_labels(plan, problem.target.some(samples), problem.smoothing)
    else:
        losses_of = losses_under_probabilities(plan, problem.weight, problem.smoothing)
    chosen = None if grads is None else chosen_grads(grads.losses, samples, plan.dtype)
    each = None if losses is None else np.empty(len(logits), plan.dtype)

    def compute(block: Block, views: Sequence[Panel], out: Panel, spare: Panel) -> tuple[Array]:
        problem.add_bias(views[-1], classes)
        grad = None if chosen is None else part(chosen, block)
        return (losses_of(block, views, grad, out, spare),)

    to = None if grads is None else logits
    sums = plan.run(compute, given, to, problem.workers, partial(store_or_sum, each))
    if losses is None:
        return sums
    losses[samples] = each
    return []


class _Labelled(NamedTuple):
    """Some samples, their labels and the weights of these, or None if they have probabilities."""

    samples: Samples
    size: int
    labels: Array | None
    weight: Array | None


def _by_shards(problem: Problem, losses: Array | None, grads: Gradients | None) -> list[Any]:
    layer, dtype = problem.layer, problem.layer.dtype
    feature_bytes = dtype.itemsize * max(1, problem.features)
    count = min(SHARD_SAMPLES, problem.size)
    if layer.inputs.dtype != dtype:
        count = max(1, min(count, SUM_BYTES // feature_bytes))
    size = max(1, problem.room // max(count, FEW_SAMPLES))
    shards = list(slices(0, problem.classes, size))
    memory = np.empty(count * min(size, problem.classes), dtype)
    states: list[State] = []
    sums: list[Any] = []
    for turn, samples in enumerate(problem.samples(count)):
        some = _labelled(problem, samples)
        state = _state(problem, some, shards, memory)
        each = loss_of(state)
        if losses is None:
            sums.append(total(each))
        else:
            losses[samples] = each
        if grads is None:
            continue
        to, where = grads.inputs, samples
        if to.dtype != dtype and len(shards) > 1:  # a sum over the shards, rounded once
            to, where = np.empty((some.size, problem.features), dtype), slice(0, some.size)
        for classes in shards:
            grad_logits = _gradient(problem, some, state, grads.losses, classes, memory)
            layer.backward_inputs(grad_logits, where, classes, to, fresh=not classes.start)
            if not problem.narrow:
                _add(layer, grad_logits, samples, grads.layer.of(classes), fresh=not turn)
        if to is not grads.inputs:
            grads.inputs[samples] = to
        if problem.narrow and problem.size <= KEPT_SAMPLES:
            states.append(state)
    if problem.narrow and grads is not None:
        _by_shards_wide(problem, count, shards, states, grads, memory)
    return sums


def _by_shards_wide(
    problem: Problem,
    count: int,
    shards: Sequence[slice],
    states: Sequence[State],
    grads: Gradients,
    memory: Array,
) -> None:
    """Sum the gradients of the layer over all the samples in a wider dtype, a few classes each."""
    layer, dtype = problem.layer, problem.layer.dtype
    size = SUM_BYTES // (dtype.itemsize * max(1, problem.features))
    for classes in slices(0, problem.classes, min(shards[0].stop, size)):
        narrow = grads.layer.of(classes)
        wide = narrow.wide(dtype)
        for turn, samples in enumerate(problem.samples(count)):
            some = _labelled(problem, samples)
            state = states[turn] if states else _state(problem, some, shards, memory)
            grad_logits = _gradient(problem, some, state, grads.losses, classes, memory)
            _add(layer, grad_logits, samples, wide, fresh=not turn)
        narrow.take(wide)


def _labelled(problem: Problem, samples: Samples) -> _Labelled:
    size, target = sample_count(samples), problem.target
    if not isinstance(target, Labels):
        return _Labelled(samples, size, None, None)
    labels, _, weight = target.some(samples).of(Block((), 0, size))
    if problem.smoothing:
        share, _ = shares(problem.smoothing, problem.classes, problem.layer.dtype)
        weight = np.full(size, share) if weight is None else share * weight
    return _Labelled(samples, size, labels, weight)


def _state(problem: Problem, some: _Labelled, shards: Sequence[slice], memory: Array) -> State:
    """Return the state of some samples after all their classes."""

    def of_panel(panel: Panel, shard: Shard, _: Block, out: Panel, spare: Panel) -> State:
        return state_of(panel, shard, out, spare)

    def of(classes: slice) -> State:
        found = _over_panels(problem, some, classes, memory, of_panel, in_place=False)
        return State(*map(np.concatenate, zip(*found, strict=True)))

    return reduce(merge, map(of, shards))


def _gradient(
    problem: Problem, some: _Labelled, state: State, grads: Array, classes: slice, memory: Array
) -> Array:
    """Return the gradient of the logits of some samples and classes, in the memory given."""
    grads = chosen_grads(grads, some.samples, problem.layer.dtype)

    def of_panel(panel: Panel, shard: Shard, block: Block, out: Panel, spare: Panel) -> None:
        gradient_of(panel, shard, state.of(block), part(grads, block), out, spare)

    _over_panels(problem, some, classes, memory, of_panel, in_place=True)
    return as_matrix(memory, some.size, classes)


def _over_panels(
    problem: Problem,
    some: _Labelled,
    classes: slice,
    memory: Array,
    of_panel: Callable[[Panel, Shard, Block, Panel, Panel], Any],
    *,
    in_place: bool,
) -> list[Any]:
    """Make the logits of some samples and classes and work on them, panel by panel."""
    logits = problem.logits(some.samples, classes, memory)
    plan = panels(logits, 1)
    weight = None if problem.weight is None else cast(problem.weight[classes], plan.dtype)
    share, rest = shares(problem.smoothing, problem.classes, plan.dtype)
    spread = evenly(weight, rest) if problem.smoothing else None

    def compute(block: Block, views: Sequence[Panel], out: Panel, spare: Panel) -> Any:
        problem.add_bias(views[-1], classes)
        labels, label_weight, mass = some.labels, some.weight, spread
        if labels is None:
            mass = smoothed(views[0], weight, share, rest)
        else:
            labels = labels[block.start : block.stop]
        if label_weight is not None:
            label_weight = label_weight[block.start : block.stop]
        shard = Shard(classes.start, labels, label_weight, mass)
        return of_panel(views[-1], shard, block, out, spare)

    given = [*problem.probabilities(some.samples, classes), logits]
    return plan.run(compute, given, logits if in_place else None, problem.workers)


def _add(
    layer: LinearMap, grad_logits: Array, samples: Samples, to: LayerGrads, *, fresh: bool
) -> None:
    """Add what some samples give to the gradients of the layer."""
    layer.backward_weight(grad_logits, samples, to.weight, fresh=fresh)
    if to.bias is not None:
        np.add(to.bias, np.add.reduce(grad_logits, axis=0), out=to.bias)
