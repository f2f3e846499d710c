"""The problem of a shard: its arguments, checked, its state and its gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._core.blocks import Block
from .._core.checks import floating, real, whole_number
from .._core.dtypes import Array, cast, result_dtype, stand_in
from .._core.panel import Panel
from .._core.panels import Panels, panels
from .._losses.mass import Mass, SmoothingMass, shares, smoothing_mass
from .._losses.options import Options, check_class_weight, class_axis
from .._losses.reduction import part
from .._losses.target_checks import check_probabilities, is_probabilities
from .._losses.targets import Probabilities, known_probabilities, marked_labels
from .shard_state import ShardState
from .states import State, gradient_of, nothing, state_of, within


class ShardLabels(NamedTuple):
    """Class indices of all classes, with the weights of labels that are classes of the shard."""

    label: Array  # -1 where a sample is ignored
    weight: Array  # 0 where the label is no class of the shard
    share: Array  # what smoothing leaves at the label
    smoothing: SmoothingMass | None  # of the classes of the shard

    @property
    def inputs(self) -> tuple[Array, ...]:
        """The arrays whose panels `mass` takes: none."""
        return ()

    def mass(self, block: Block, _: Sequence[Panel]) -> Mass:
        """Return the masses of one block."""
        label, weight = (
            array.reshape(-1)[block.start : block.stop] for array in (self.label, self.weight)
        )
        return Mass(label, self.share * weight, self.smoothing, label < 0)


class ShardProblem(NamedTuple):
    """The arguments of cross_entropy_shard, checked."""

    logits: Array
    target: ShardLabels | Probabilities
    plan: Panels
    first: int  # of its classes
    classes: int  # of all shards together
    options: Options

    def as_state(self, state: State) -> ShardState:
        """Return a state as that of the shard; its arrays become read-only."""
        stop = self.first + self.plan.classes
        held = ((self.first, stop),) if self.plan.classes else ()
        label = weight = None
        if isinstance(self.target, ShardLabels):
            label, weight = self.target.label, self.target.weight
        options = self.options
        return ShardState(
            self.classes,
            held,
            options.label_smoothing,
            options.weight is not None,
            label,
            weight,
            state,
            options.softcap,
            options.z_loss,
        )


def shard_for(
    logits: ArrayLike, target: ArrayLike, first_class: int, classes: int, options: Options
) -> ShardProblem:
    """Check every argument; return the problem of the shard."""
    logits, target = floating(logits=logits), real(target=target)
    axis = class_axis(options.axis, logits, "logits")
    first, count = whole_number(first_class=first_class), whole_number(classes=classes)
    held = logits.shape[axis]
    if count < 1:
        raise ValueError(f"classes: expected the number of all classes, 1 or more, got {count}")
    if not 0 <= first <= first + held <= count:
        raise ValueError(
            f"first_class: expected {held} classes within [0, {count}), got those from {first} on"
        )
    check_class_weight(options.weight, held)
    if is_probabilities(target, logits):
        check_probabilities(target, options.ignore_index)
        return known_shard(logits, axis, target, first, count, options)
    shape = (*logits.shape[:axis], count, *logits.shape[axis + 1 :])
    try:
        whole = stand_in(shape, logits.dtype)
    except ValueError:
        what = f"as many as an array may have, got {count}"
        raise ValueError(f"classes: expected {what}") from None
    label = marked_labels(whole, axis, target, options, "logits of all classes")
    return known_shard(logits, axis, label, first, count, options)


def known_shard(
    logits: Array, axis: int, target: Array, first: int, classes: int, options: Options
) -> ShardProblem:
    """Return the problem of a shard, given arguments that have been checked.

    The target holds class probabilities, or labels with -1 for ignored samples.
    """
    plan = panels(logits, axis)
    found: ShardLabels | Probabilities
    if target.shape == logits.shape:
        found = known_probabilities(target, axis, options, classes, plan.dtype)
    else:
        share, rest = shares(options.label_smoothing, classes, plan.dtype)
        smoothing = None
        if options.label_smoothing:
            smoothing = smoothing_mass(plan.classes, options.weight, rest)
        weight = _label_weights(target, first, options.weight, plan)
        found = ShardLabels(target, weight, share, smoothing)
    return ShardProblem(logits, found, plan, first, classes, options)


def _label_weights(label: Array, first: int, weight: Array | None, plan: Panels) -> Array:
    """Return the weight of each label that is a class of the shard, and 0 for other labels."""
    here = within(label, first, plan.classes)
    if weight is None:
        return np.asarray(here, plan.dtype)
    found = np.zeros(label.shape, plan.dtype)
    found[here] = cast(weight[label[here] - first], plan.dtype)
    return found


def shard_state(shard: ShardProblem) -> ShardState:
    """Return the state of a shard."""
    found = nothing(shard.plan.samples, shard.first, shard.plan.dtype)

    def compute(block: Block, panels: Sequence[Panel], out: Panel, spare: Panel) -> None:
        panel, *given = panels
        mass = shard.target.mass(block, given)
        found.put(block, state_of(panel, mass, shard.first, out, spare, shard.options.softcap))

    inputs = [shard.logits, *shard.target.inputs]
    shard.plan.run(compute, inputs, None, shard.options.workers)
    if isinstance(shard.target, ShardLabels):
        # Zero ignored samples, so that no nan survives a merge.
        for array in found:
            array[shard.target.label < 0] = 0
    return shard.as_state(found)


def shard_gradient(shard: ShardProblem, state: ShardState, grads: Array) -> Array:
    """Return the gradient of a shard, given the state of all the classes.

    `grads` is the gradient with respect to each loss, or one number for all.
    """
    result = np.empty_like(shard.logits, result_dtype(shard.logits))

    def compute(block: Block, panels: Sequence[Panel], out: Panel, spare: Panel) -> None:
        panel, *given = panels
        mass, here = shard.target.mass(block, given), state.state.of(block)
        grad, options = part(grads, block), shard.options
        gradient_of(panel, mass, shard.first, here, options, grad, out, spare)
        if mass.ignored is not None:
            out.clear(mass.ignored)

    inputs = [shard.logits, *shard.target.inputs]
    shard.plan.run(compute, inputs, result, shard.options.workers)
    return result
