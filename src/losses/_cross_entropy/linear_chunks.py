"""The loops of linear_cross_entropy over chunks of logits: one chunk is in memory at a time.

A chunk holds some samples with all their classes, if enough samples fit, and becomes its own
gradient. If they do not, a chunk holds some samples and a shard of the classes. Then a first pass
merges the states of the shards, and a second pass makes the same logits again, which the state of
all the classes turns into the gradient.

The heads of a layer follow one another. A gradient of the inputs that is narrower than the
computation is summed over the heads in another pass, some samples at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from math import prod
from typing import Any

import numpy as np

from .._core.blocks import Block, Samples, slices
from .._core.dtypes import Array
from .._core.panel import Panel
from .._core.panels import Finish, panels
from .._core.products import LinearMap
from .._losses.mass import Mass
from .._losses.reduction import part, store_or_sum, total
from .kernels import loss_kernel
from .linear_layer import (
    Gradients,
    LayerGrads,
    LayerProblem,
    chosen_grads,
    sample_count,
)
from .states import State, gradient_of, loss_of, merge, state_of

WORK_ROWS = 6  # the kernel's memory beside the logits, in rows of all the classes
# Measured, see docs/speed.md: if fewer samples than these fit, it is faster to cut the classes and
# to make the logits twice.
FEW_SAMPLES = 96
SHARD_SAMPLES = 256
# With few classes a chunk has the samples whose inputs take INPUTS_BYTES, within these bounds.
INPUTS_BYTES = 4 * 1024 * 1024
MANY_SAMPLES, MOST_SAMPLES = 1024, 1 << 16
SUM_BYTES = 8 * 1024 * 1024  # of sums that are wider than their gradient
KEPT_SAMPLES = 1 << 17  # up to here states are kept for a third pass; more are made again


def evaluate(problem: LayerProblem, losses: Array | None, grads: Gradients | None) -> list[Any]:
    """Write the losses and the gradients, where there are arrays; else return sums of losses."""
    if not (problem.size and problem.classes and prod(problem.heads)):
        return []  # the zeros in all these arrays are the results
    if grads is None or not problem.summed_apart:
        return _by_heads(problem, losses, grads)
    sums = _by_heads(problem, losses, grads._replace(inputs=None))
    _sum_over_heads(problem, grads)
    return sums


def _sum_over_heads(problem: LayerProblem, grads: Gradients) -> None:
    """Sum a narrow gradient of the inputs in a wide dtype, over all heads, some samples each."""
    assert grads.inputs is not None
    dtype = problem.layer.dtype
    size = SUM_BYTES // (dtype.itemsize * max(1, problem.features))
    for span in slices(0, problem.size, size):
        wide = np.zeros((sample_count(span), problem.features), dtype)
        to = grads._replace(inputs=wide, layer=None)
        _by_heads(problem._replace(span=span), None, to)
        grads.inputs[span] = wide


def _by_heads(problem: LayerProblem, losses: Array | None, grads: Gradients | None) -> list[Any]:
    """Evaluate one head after the other."""
    sums: list[Any] = []
    each = None if losses is None else losses.reshape(problem.size, -1).T
    for place, (index, head) in enumerate(problem.each_head()):
        losses_here = None if each is None else each[place]
        grads_here = None if grads is None else grads.head(index, fresh=not place)
        sums += _of_one(head, losses_here, grads_here)
    return sums


def _of_one(problem: LayerProblem, losses: Array | None, grads: Gradients | None) -> list[Any]:
    """Evaluate one head, of which a chunk has all the classes or some."""
    size = _rows(problem)
    if size:
        return _by_rows(problem, size, losses, grads)
    return _by_shards(problem, losses, grads)


def _rows(problem: LayerProblem) -> int:
    """Return how many samples a chunk has with all their classes; 0 is too few."""
    rows = problem.room // max(1, problem.classes) - WORK_ROWS
    itemsize = problem.layer.dtype.itemsize
    too_wide = problem.narrow and problem.layer.weight.size * itemsize > SUM_BYTES
    if too_wide or rows < min(problem.size, FEW_SAMPLES):
        return 0
    enough = max(MANY_SAMPLES, INPUTS_BYTES // (itemsize * max(1, problem.features)))
    return min(rows, problem.size, enough, MOST_SAMPLES)


def _by_rows(
    problem: LayerProblem, size: int, losses: Array | None, grads: Gradients | None
) -> list[Any]:
    """Evaluate chunks of `size` samples with all their classes."""
    layer, classes = problem.layer, slice(0, problem.classes)
    memory = np.empty(size * problem.classes, layer.dtype)
    to = None if grads is None else grads.inputs
    of_layer = None if grads is None else grads.layer
    wide = None if of_layer is None else of_layer.wide(layer.dtype)
    sums: list[Any] = []
    for turn, samples in enumerate(problem.counted(size)):
        logits = problem.logits(samples, classes, memory)
        sums += _losses_of_rows(problem, samples, logits, losses, grads)
        if grads and to is not None:
            where = problem.in_span(samples)
            layer.backward_inputs(logits, where, classes, to, fresh=grads.fresh)
        if wide:
            _add(layer, logits, samples, wide, fresh=not turn)
    if of_layer and wide:
        of_layer.take(wide)
    return sums


def _losses_of_rows(
    problem: LayerProblem,
    samples: Samples,
    logits: Array,
    losses: Array | None,
    grads: Gradients | None,
) -> list[Any]:
    """Write the losses of a chunk, or return their sums; turn the logits into their gradient."""
    dtype = problem.layer.dtype
    of_losses = None if grads is None else chosen_grads(grads.losses, samples, dtype)
    each = None if losses is None else np.empty(len(logits), dtype)

    def work(block: Block, panel: Panel, mass: Mass, out: Panel, spare: Panel) -> tuple[Array]:
        grad = None if of_losses is None else part(of_losses, block)
        return (loss_kernel(panel, mass, problem.options, grad, out, spare),)

    in_place, finish = grads is not None, partial(store_or_sum, each)
    classes = slice(0, problem.classes)
    sums = _over_panels(problem, samples, classes, logits, work, finish, in_place=in_place)
    if losses is None:
        return sums
    losses[samples] = each
    return []


def _over_panels(
    problem: LayerProblem,
    samples: Samples,
    classes: slice,
    logits: Array,
    work: Callable[[Block, Panel, Mass, Panel, Panel], Any],
    finish: Finish | None = None,
    *,
    in_place: bool,
) -> list[Any]:
    """Run work(block, panel, mass, out, spare) on the logits of a chunk, once the bias is added."""
    target = problem.target.chunk(samples, classes)

    def compute(block: Block, views: Sequence[Panel], out: Panel, spare: Panel) -> Any:
        panel, *given = views
        problem.add_bias(panel, classes)
        return work(block, panel, target.mass(block, given), out, spare)

    plan, output = panels(logits, 1), logits if in_place else None
    inputs = [logits, *target.inputs]
    return plan.run(compute, inputs, output, problem.options.workers, finish)


def _by_shards(problem: LayerProblem, losses: Array | None, grads: Gradients | None) -> list[Any]:
    """Evaluate chunks of some samples, shard by shard of their classes."""
    layer, dtype = problem.layer, problem.layer.dtype
    feature_bytes = dtype.itemsize * max(1, problem.features)
    count = min(SHARD_SAMPLES, problem.size)
    if layer.inputs.dtype != dtype:
        count = max(1, min(count, SUM_BYTES // feature_bytes))
    size = max(1, problem.room // max(count, FEW_SAMPLES))
    shards = list(slices(0, problem.classes, size))
    memory = np.empty(count * min(size, problem.classes), dtype)
    again = None if grads is None or not problem.narrow else grads.layer
    states: list[State] = []
    sums: list[Any] = []
    for turn, samples in enumerate(problem.counted(count)):
        state = _state(problem, samples, shards, memory)
        each = loss_of(state, problem.options.z_loss)
        if losses is None:
            sums.append(total(each))
        else:
            losses[samples] = each
        if grads is None:
            continue
        _add_gradients(problem, samples, state, shards, grads, memory, fresh=not turn)
        if again and problem.size <= KEPT_SAMPLES:
            states.append(state)
    if grads and again:
        _by_shards_wide(problem, count, shards, states, grads.losses, again, memory)
    return sums


def _add_gradients(
    problem: LayerProblem,
    samples: Samples,
    state: State,
    shards: Sequence[slice],
    grads: Gradients,
    memory: Array,
    *,
    fresh: bool,
) -> None:
    """Write the gradient of some inputs; add to those of the layer, unless these are narrow."""
    layer, dtype = problem.layer, problem.layer.dtype
    to, where = grads.inputs, problem.in_span(samples)
    of_layer = None if problem.narrow else grads.layer
    if to is None and of_layer is None:  # other passes make both
        return
    if to is not None and to.dtype != dtype and len(shards) > 1:
        count = sample_count(samples)  # the sum over the shards is rounded once
        to, where = np.empty((count, problem.features), dtype), slice(0, count)
    for classes in shards:
        grad_logits = _gradient(problem, samples, state, grads.losses, classes, memory)
        if to is not None:
            first = grads.fresh and not classes.start
            layer.backward_inputs(grad_logits, where, classes, to, fresh=first)
        if of_layer:
            _add(layer, grad_logits, samples, of_layer.of(classes), fresh=fresh)
    if grads.inputs is not None and to is not grads.inputs:
        grads.inputs[samples] = to


def _by_shards_wide(
    problem: LayerProblem,
    count: int,
    shards: Sequence[slice],
    states: Sequence[State],
    grads: Array,
    of_layer: LayerGrads,
    memory: Array,
) -> None:
    """Sum narrow gradients of the layer in a wide dtype, over all samples, a few classes each."""
    layer, dtype = problem.layer, problem.layer.dtype
    size = SUM_BYTES // (dtype.itemsize * max(1, problem.features))
    for classes in slices(0, problem.classes, min(shards[0].stop, size)):
        narrow = of_layer.of(classes)
        wide = narrow.wide(dtype)
        for turn, samples in enumerate(problem.counted(count)):
            state = states[turn] if states else _state(problem, samples, shards, memory)
            grad_logits = _gradient(problem, samples, state, grads, classes, memory)
            _add(layer, grad_logits, samples, wide, fresh=not turn)
        narrow.take(wide)


def _state(
    problem: LayerProblem, samples: Samples, shards: Sequence[slice], memory: Array
) -> State:
    """Return the state of some samples and all the classes."""

    def of(classes: slice) -> State:
        def work(_: Block, panel: Panel, mass: Mass, out: Panel, spare: Panel) -> State:
            return state_of(panel, mass, classes.start, out, spare, problem.options.softcap)

        logits = problem.logits(samples, classes, memory)
        found = _over_panels(problem, samples, classes, logits, work, in_place=False)
        return State(*map(np.concatenate, zip(*found, strict=True)))

    return reduce(merge, map(of, shards))


def _gradient(
    problem: LayerProblem,
    samples: Samples,
    state: State,
    grads: Array,
    classes: slice,
    memory: Array,
) -> Array:
    """Return the gradient of the logits of some samples and classes, made in `memory`."""
    grads = chosen_grads(grads, samples, problem.layer.dtype)
    logits = problem.logits(samples, classes, memory)

    def work(block: Block, panel: Panel, mass: Mass, out: Panel, spare: Panel) -> None:
        here = state.of(block)
        grad, options = part(grads, block), problem.options
        gradient_of(panel, mass, classes.start, here, options, grad, out, spare)

    _over_panels(problem, samples, classes, logits, work, in_place=True)
    return logits


def _add(
    layer: LinearMap, grad_logits: Array, samples: Samples, to: LayerGrads, *, fresh: bool
) -> None:
    """Add the contribution of some samples to the gradients of the layer."""
    layer.backward_weight(grad_logits, samples, to.weight, fresh=fresh)
    if to.bias is not None:
        np.add(to.bias, np.add.reduce(grad_logits, axis=0), out=to.bias)
