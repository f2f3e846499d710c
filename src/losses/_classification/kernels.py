"""Losses of a panel of logits and their gradient: at labels, or under a mass in every class.

Both follow from the sum q of the exponentials other than the largest, with the maximum m at 0:
log sum exp(x) = m + log1p(q), and 1 - p of any class is (q + (1 - e)) / (1 + q), e = exp(x - m).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .._activations.logsumexp import exp_shifted, others, shift
from .._core.blocks import Block
from .._core.checks import Array, cast, wide_dtype
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

# masses(block, panels) of a panel: the whole mass of each sample, 0 where it is ignored, and which
# samples are, or None.
Masses: TypeAlias = Callable[[Block, Sequence[Array]], tuple[Array, Array | None]]


class Spread(NamedTuple):
    """A mass for each class, the sum of all, and the sum of all but each one."""

    mass: Array
    whole: Any
    others: Array


def losses_at_labels(plan: Panels, labels: Labels, smoothing: float) -> Losses:
    """Return the kernel for class indices: the panel holds the logits."""
    # Smoothing leaves a share of the mass at the label and spreads the rest.
    if smoothing:
        share, rest = shares(smoothing, plan.classes, plan.dtype)
        spread = spread_of(plan.classes, labels.weight, rest)

    def losses(
        block: Block, panels: Sequence[Array], grads: Array | None, out: Array, spare: Array
    ) -> Array:
        classes, ignored, weight = labels.of(block)
        if smoothing:
            weight = share if weight is None else share * weight
            loss = at_labels_and_spread(
                plan.axis, panels[0], classes, weight, spread, grads, out, spare
            )
        else:
            loss = at_labels(plan.axis, panels[0], classes, weight, grads, out, spare)
        if ignored is not None:
            loss[ignored] = 0
            if grads is not None:
                clear(out, ignored, plan.axis)
        return loss

    return losses


def shares(smoothing: float, classes: int, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Return what smoothing leaves to the target and what it gives to each class, eps / C."""
    with np.errstate(all="ignore"):
        epsilon = wide_dtype(dtype)(smoothing)
        share, rest = 1 - epsilon, epsilon / classes
        return np.asarray(share, dtype), np.asarray(rest, dtype)


def spread_of(classes: int, weight: Array | None, rest: Array) -> Spread:
    """Return what smoothing spreads over some classes, of these weights."""
    with np.errstate(all="ignore"):
        mass = evenly(classes, weight, rest)
        whole, most = np.add.reduce(mass), mass.argmax()
        others = whole - mass
        # Where one class has more than half the mass, the difference would cancel.
        rest = mass.copy()
        rest[most] = 0
        others[most] = np.add.reduce(rest)
        return Spread(mass, whole, others)


def evenly(classes: int, weight: Array | None, rest: Array) -> Array:
    """Return the mass that smoothing gives to each of some classes, of these weights."""
    mass = np.full(classes, rest)
    if weight is not None:
        mass *= cast(weight, rest.dtype)
    return mass


def smoothed(mass: Array, weight: Array | None, share: Array, rest: Array, axis: int) -> Array:
    """Return the mass of each class in a panel of probabilities, weighted."""
    mass = mass * share
    mass += rest
    if weight is not None:
        mass *= across_classes(weight, axis)
    return mass


def losses_under_probabilities(plan: Panels, weight: Array | None, smoothing: float) -> Losses:
    """Return the kernel for class probabilities: the panels hold them and the logits."""
    mass_of = _mass_of(plan, weight, smoothing)

    def losses(
        _: Block, panels: Sequence[Array], grads: Array | None, out: Array, spare: Array
    ) -> Array:
        probabilities, logits = panels
        return under_mass(plan.axis, logits, mass_of(probabilities), grads, out, spare)

    return losses


def _mass_of(plan: Panels, weight: Array | None, smoothing: float) -> Callable[[Array], Array]:
    """Return the function that makes the mass of each class of a panel of probabilities."""
    if weight is None and not smoothing:
        return lambda probabilities: probabilities
    share, rest = shares(smoothing, plan.classes, plan.dtype)
    weights = None if weight is None else cast(weight, plan.dtype)
    return lambda probabilities: smoothed(probabilities, weights, share, rest, plan.axis)


def masses_of_labels(plan: Panels, labels: Labels, smoothing: float) -> Masses:
    """Return the function that sums the masses for class indices."""
    share, rest = shares(smoothing, plan.classes, plan.dtype)
    whole = spread_of(plan.classes, labels.weight, rest).whole if smoothing else 0

    def masses(block: Block, _: Sequence[Array]) -> tuple[Array, Array | None]:
        _labels, ignored, weight = labels.of(block)
        size = block.stop - block.start
        mass = np.ones(size, plan.dtype) if weight is None else weight
        return share * mass + whole, ignored

    return masses


def masses_of_probabilities(plan: Panels, weight: Array | None, smoothing: float) -> Masses:
    """Return the function that sums the masses for class probabilities, the last panel but one."""
    mass_of = _mass_of(plan, weight, smoothing)

    def masses(_: Block, panels: Sequence[Array]) -> tuple[Array, None]:
        return add(mass_of(panels[-2]), plan.axis), None

    return masses


def probabilities(axis: int, logits: Array, out: Array, spare: Array) -> tuple[Array, Array]:
    """Write the probabilities p of a panel; return the largest's place and their 1 - p."""
    maxima, top = shift(logits, axis, spare)
    exps = exp_shifted(spare, maxima, out)
    q = others(exps, axis, top, spare)
    top = largest(exps, axis) if top is None else top
    out /= across(1 + q, axis)
    return top, q / (1 + q)


def curvature_along(
    axis: int, vector: Array, logits: Array, scale: Array, out: Array, spare: Array
) -> None:
    """Write scale (diag(p) - p p^T) v, for a scale of each sample.

    It is p_c (d_c - sum p_k d_k) for d = v - v_c* too: with the most probable class c* at 0 nothing
    is left of it in the sum, and its own entry is -p times what the others have.
    """
    top, _ = probabilities(axis, logits, out, spare)
    np.subtract(vector, across(vector.take(top), axis), out=spare)
    spare -= across(inner(spare, out, axis, np.empty_like(out)), axis)
    out *= spare
    out *= across(scale, axis)


def curvature_diagonal(axis: int, logits: Array, scale: Array, out: Array, spare: Array) -> None:
    """Write scale p (1 - p), for a scale of each sample."""
    top, rest = probabilities(axis, logits, out, spare)
    # Only of the largest class is 1 - p not exact to an ulp as a difference: the others have
    # half at most.
    top_probs = out.take(top)
    out *= np.subtract(1, out, out=spare)
    out.reshape(-1)[top] = top_probs * rest
    out *= across(scale, axis)


def at_labels(
    axis: int,
    logits: Array,
    labels: Array,
    weight: Array | None,
    grads: Array | None,
    out: Array,
    spare: Array,
) -> Array:
    """Return each sample's loss at its label; write its w (p - [label])."""
    at = entries(labels, out, axis)
    maxima, top = shift(logits, axis, spare)
    label_shifted = spare.take(at)
    exps = exp_shifted(spare, maxima, out)
    label_exps = exps.take(at)
    q = others(exps, axis, top, spare)
    loss = times(weight, np.log1p(q) - label_shifted)
    if grads is not None:
        if weight is not None:
            grads = grads * weight
        scale = grads / (1 + q)
        # p - 1 of the target is minus the others' share: both e - 1 and -q are at most 0.
        label_exps -= 1
        label_exps -= q
        label_exps *= scale
        out *= across(scale, axis)
        out.reshape(-1)[at] = label_exps
    return loss


def at_labels_and_spread(
    axis: int,
    logits: Array,
    labels: Array,
    weight: Array,
    spread: Spread,
    grads: Array | None,
    out: Array,
    spare: Array,
) -> Array:
    """As under_mass, for a mass in every class and a weight more at the label."""
    at = entries(labels, out, axis)
    maxima, top = shift(logits, axis, spare)
    label_shifted = spare.take(at)
    cost = inner(spare, spread.mass, axis, out)
    exps = exp_shifted(spare, maxima, out)
    q = others(exps, axis, top, spare)
    log_sum = np.log1p(q)
    loss: Array = times(weight, log_sum - label_shifted) + (spread.whole * log_sum - cost)
    if grads is not None:
        top = largest(exps, axis) if top is None else top
        class_of_top = top % len(spread.mass) if axis else top // top.size
        other_mass = spread.others[class_of_top] + np.where(at == top, 0, weight)
        scale = (spread.whole + weight) * grads / (1 + q)
        out *= across(scale, axis)
        out -= np.multiply(across_classes(spread.mass, axis), across(grads, axis), out=spare)
        flat = out.reshape(-1)
        flat[at] -= weight * grads
        flat[top] = other_mass * grads - q * scale
    return loss


def under_mass(
    axis: int, logits: Array, mass: Array, grads: Array | None, out: Array, spare: Array
) -> Array:
    """Return each sample's loss, the sum of v (-log p) under the mass v; write its p V - v.

    With V the whole mass, the loss is V log1p(q) - sum v (x - m).
    """
    maxima, top = shift(logits, axis, spare)
    cost = inner(spare, mass, axis, out)
    exps = exp_shifted(spare, maxima, out)
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
