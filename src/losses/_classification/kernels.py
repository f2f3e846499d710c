"""Losses of a panel of logits and their gradient: at labels, or under a mass in every class.

Both follow from the sum q of the exponentials other than the largest, with the maximum m at 0:
log sum exp(x) = m + log1p(q), and 1 - p of any class is (q + (1 - e)) / (1 + q), e = exp(x - m).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from .._activations.logsumexp import others, shift
from .._core.blocks import Block
from .._core.checks import Array
from .._core.panels import (
    Panels,
    across,
    across_classes,
    add,
    clear,
    entries,
    inner,
    largest,
)
from .._core.pointwise import times
from .._core.targets import Labels

# losses(block, panels, grads, out, spare) of a panel, whose gradient it writes to out if grads,
# the gradients with respect to the losses, are given.
Losses: TypeAlias = Callable[[Block, Sequence[Array], Array | None, Array, Array], Array]


def losses_at_labels(plan: Panels, labels: Labels, smoothing: float) -> Losses:
    """Return the kernel for class indices: the panel holds the logits."""
    # Smoothing leaves a share of the mass at the label and gives a base to every class.
    share = base = None
    if smoothing:
        share = np.asarray(1 - smoothing, plan.dtype)
        base = np.full(plan.classes, smoothing / plan.classes, plan.dtype)
        if labels.weight is not None:
            base *= labels.weight

    def losses(
        block: Block, panels: Sequence[Array], grads: Array | None, out: Array, spare: Array
    ) -> Array:
        classes, ignored, weight = labels.of(block)
        if share is not None:
            weight = share if weight is None else share * weight
        loss = at_labels(plan.axis, panels[0], classes, weight, base, grads, out, spare)
        if ignored is not None:
            loss[ignored] = 0
            clear(out, ignored, plan.axis)
        return loss

    return losses


def losses_under_probabilities(plan: Panels, weight: Array | None, smoothing: float) -> Losses:
    """Return the kernel for class probabilities: the panels hold them and the logits."""
    axis = plan.axis

    def losses(
        _: Block, panels: Sequence[Array], grads: Array | None, out: Array, spare: Array
    ) -> Array:
        mass, logits = panels
        if smoothing:
            mass = mass * (1 - smoothing) + smoothing / plan.classes
        if weight is not None:
            mass = mass * across_classes(weight, axis)
        return under_mass(axis, logits, mass, grads, out, spare)

    return losses


def at_labels(
    axis: int,
    logits: Array,
    labels: Array,
    weight: Array | None,
    base: Array | None,
    grads: Array | None,
    out: Array,
    spare: Array,
) -> Array:
    """Return each sample's loss for a mass a at its label; write its a (p - [label]).

    A base mass b of each class, of the sum B, adds the sum of b (-log p) = B log1p(q) -
    sum b (x - m) to the loss, and B p - b to the gradient.
    """
    at = entries(labels, out, axis)
    _, top = shift(logits, axis, spare)
    label_shifted = spare.take(at)
    cost = None if base is None else inner(spare, base, axis, out)
    exps = np.exp(spare, out=out)
    label_exps = exps.take(at)
    q = others(exps, axis, top, spare)
    log_sum = np.log1p(q)
    loss = times(weight, log_sum - label_shifted)
    base_sum: Any = 0
    if base is not None:
        base_sum = np.add.reduce(base)
        loss += base_sum * log_sum - cost
    if grads is not None:
        scale = grads / (1 + q)
        # p - 1 of the label is minus the others' share: both e - 1 and -q are at most 0.
        label_grads = label_exps - 1
        label_grads -= q
        if weight is not None:
            label_grads *= weight
        if base is not None:
            label_grads += base_sum * label_exps
        label_grads *= scale
        out *= across(scale if weight is None else scale * (weight + base_sum), axis)
        if base is not None:
            label_grads -= base[labels] * grads
            out -= np.multiply(across_classes(base, axis), across(grads, axis), out=spare)
        out.reshape(-1)[at] = label_grads
    return loss


def under_mass(
    axis: int, logits: Array, mass: Array, grads: Array | None, out: Array, spare: Array
) -> Array:
    """Return each sample's loss, the sum of v (-log p) under the mass v; write its p V - v.

    With V the whole mass, the loss is V log1p(q) - sum v (x - m).
    """
    _, top = shift(logits, axis, spare)
    cost = inner(spare, mass, axis, out)
    exps = np.exp(spare, out=out)
    q = others(exps, axis, top, spare)
    whole_mass = add(mass, axis)
    loss: Array = whole_mass * np.log1p(q) - cost
    if grads is not None:
        top = largest(exps, axis) if top is None else top
        scale = whole_mass * grads / (1 + q)
        out *= across(scale, axis)
        np.multiply(mass, across(grads, axis), out=spare)
        spare.reshape(-1)[top] = 0
        out -= spare
        # p V - v of the largest class is (V - v) - (1 - p) V, each a sum over the others.
        out.reshape(-1)[top] = add(spare, axis) - q * scale
    return loss
