"""Losses of a panel of logits and their gradient: at labels, or under a mass in every class.

Both follow from the sum q of the exponentials other than the largest, with the maximum m at 0:
log sum exp(x) = m + log1p(q), and 1 - p of any class is (q + (1 - e)) / (1 + q), e = exp(x - m).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from .._activations.logsumexp import others, shift
from .._core.blocks import Block
from .._core.checks import Array
from .._core.panels import Panels, Two, across, across_classes, add, clear, entries, largest
from .._core.pointwise import times
from .._core.targets import Labels

# losses(block, panels, grads, out, spare) of a panel, whose gradient it writes to out if grads,
# the gradients with respect to the losses, are given.
Losses: TypeAlias = Callable[[Block, Sequence[Array], Array | None, Array, Two], Array]


def losses_at_labels(plan: Panels, labels: Labels, smoothing: float) -> Losses:
    """Return the kernel for class indices: the first panel holds the logits."""
    axis = plan.axis

    def losses(
        block: Block, panels: Sequence[Array], grads: Array | None, out: Array, spare: Two
    ) -> Array:
        classes, ignored, weight = labels.of(block)
        at = entries(classes, out, axis)
        if smoothing:
            mass = spare[1]
            mass[...] = smoothing / plan.classes
            if labels.weight is not None:
                mass *= across_classes(labels.weight, axis)
            mass.reshape(-1)[at] += (1 - smoothing) * (1 if weight is None else weight)
            loss = under_mass(axis, panels[0], mass, grads, out, spare)
        else:
            loss = at_labels(axis, panels[0], at, weight, grads, out, spare)
        if ignored is not None:
            loss[ignored] = 0
            clear(out, ignored, axis)
        return loss

    return losses


def losses_under_probabilities(plan: Panels, weight: Array | None, smoothing: float) -> Losses:
    """Return the kernel for class probabilities: the second panel holds them."""
    axis = plan.axis

    def losses(
        _: Block, panels: Sequence[Array], grads: Array | None, out: Array, spare: Two
    ) -> Array:
        mass = np.multiply(panels[1], 1 - smoothing, out=spare[1])
        if smoothing:
            mass += smoothing / plan.classes
        if weight is not None:
            mass *= across_classes(weight, axis)
        return under_mass(axis, panels[0], mass, grads, out, spare)

    return losses


def negative_log_likelihood(log_probs: Array, weight: Array | None) -> Array:
    """Return the loss of each sample from the log-probability of its label.

    0 - x, not -x: a certain prediction costs 0, not -0.
    """
    loss: Array = 0 - times(weight, log_probs)
    return loss


def at_labels(
    axis: int,
    logits: Array,
    labels: Array,
    weight: Array | None,
    grads: Array | None,
    out: Array,
    spare: Two,
) -> Array:
    """Return each sample's loss at its label, a flat position; write its w (p - [label])."""
    scratch = spare[0]
    _, top = shift(logits, axis, scratch)
    shifted = scratch.reshape(-1)[labels]
    np.exp(scratch, out=out)
    q = others(out, axis, top, scratch)
    loss = negative_log_likelihood(shifted - np.log1p(q), weight)
    if grads is not None:
        if weight is not None:
            grads = grads * weight
        flat, whole = out.reshape(-1), 1 + q
        # p - 1 of the target is minus the others' share: both e - 1 and -q are at most 0.
        rest = (flat[labels] - 1 - q) / whole
        out *= across(grads / whole, axis)
        rest *= grads
        flat[labels] = rest
    return loss


def under_mass(
    axis: int, logits: Array, mass: Array, grads: Array | None, out: Array, spare: Two
) -> Array:
    """Return each sample's loss, the sum of v (-log p) under the mass v; write its p V - v.

    With V the whole mass, the loss is V log1p(q) - sum v (x - m). `mass`, which is the second
    spare panel, is overwritten.
    """
    scratch = spare[0]
    _, top = shift(logits, axis, scratch)
    cost = add(np.multiply(scratch, mass, out=out), axis)
    if np.isnan(cost).any():
        out[mass == 0] = 0  # 0 * inf is 0 here; a sample that holds nan keeps it in q
        cost = add(out, axis)
    np.exp(scratch, out=out)
    q = others(out, axis, top, scratch)
    flat, flat_mass = out.reshape(-1), mass.reshape(-1)
    top = largest(out, axis) if top is None else top
    top_mass = flat_mass[top]
    flat_mass[top] = 0
    other_mass = add(mass, axis)
    mass_sum = other_mass + top_mass
    loss: Array = mass_sum * np.log1p(q) - cost
    if grads is not None:
        out *= across(mass_sum * grads / (1 + q), axis)
        out -= np.multiply(mass, across(grads, axis), out=mass)
        # p V - v of the largest class is (V - v) - (1 - p) V, each a sum over the others.
        flat[top] = (other_mass - mass_sum * (q / (1 + q))) * grads
    return loss
