"""Losses of a panel of logits and their gradient: at labels, or under a mass in every class.

With e = exp(x) and S = sum(e), shifted or scaled where that is needed (see exponentials.py), the
log-probability of a class is x - log S and its probability is e / S. Of the one class that may
have more than half, both are made from the sum R of the others' exponentials.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .._activations.exponentials import (
    HALF,
    exponentials,
    log_probabilities,
    logs,
    majority,
    multiply_by_share,
)
from .._core.blocks import Block
from .._core.checks import Array, cast, wide_dtype
from .._core.panels import Panel, Panels, inner
from .._core.pointwise import times
from .._core.targets import Labels

# losses(block, panels, grads, out, spare) of a panel, whose gradient it writes to out if grads,
# the gradients with respect to the losses, are given.
Losses: TypeAlias = Callable[[Block, Sequence[Panel], Array | None, Panel, Panel], Array]

# masses(block, panels) of a panel: the whole mass of each sample, 0 where it is ignored, and which
# samples are, or None.
Masses: TypeAlias = Callable[[Block, Sequence[Panel]], tuple[Array, Array | None]]


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
        block: Block, panels: Sequence[Panel], grads: Array | None, out: Panel, spare: Panel
    ) -> Array:
        classes, ignored, weight = labels.of(block)
        if smoothing:
            weight = share if weight is None else share * weight
            loss = at_labels_and_spread(panels[0], classes, weight, spread, grads, out, spare)
        else:
            loss = at_labels(panels[0], classes, weight, grads, out)
        if ignored is not None:
            loss[ignored] = 0
            if grads is not None:
                out.clear(ignored)
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


def smoothed(probs: Panel, weight: Array | None, share: Array, rest: Array) -> Array:
    """Return the mass of each class in a panel of probabilities, weighted."""
    mass: Array = probs.values * share
    mass += rest
    if weight is not None:
        mass *= probs.across_classes(weight)
    return mass


def losses_under_probabilities(plan: Panels, weight: Array | None, smoothing: float) -> Losses:
    """Return the kernel for class probabilities: the panels hold them and the logits."""
    mass_of = _mass_of(plan, weight, smoothing)

    def losses(
        _: Block, panels: Sequence[Panel], grads: Array | None, out: Panel, spare: Panel
    ) -> Array:
        probabilities, logits = panels
        return under_mass(logits, mass_of(probabilities), grads, out, spare)

    return losses


def _mass_of(plan: Panels, weight: Array | None, smoothing: float) -> Callable[[Panel], Array]:
    """Return the function that makes the mass of each class of a panel of probabilities."""
    if weight is None and not smoothing:
        return lambda probabilities: probabilities.values
    share, rest = shares(smoothing, plan.classes, plan.dtype)
    weights = None if weight is None else cast(weight, plan.dtype)
    return lambda probabilities: smoothed(probabilities, weights, share, rest)


def masses_of_labels(plan: Panels, labels: Labels, smoothing: float) -> Masses:
    """Return the function that sums the masses for class indices."""
    share, rest = shares(smoothing, plan.classes, plan.dtype)
    whole = spread_of(plan.classes, labels.weight, rest).whole if smoothing else 0

    def masses(block: Block, _: Sequence[Panel]) -> tuple[Array, Array | None]:
        _labels, ignored, weight = labels.of(block)
        size = block.stop - block.start
        mass = np.ones(size, plan.dtype) if weight is None else weight
        return share * mass + whole, ignored

    return masses


def masses_of_probabilities(plan: Panels, weight: Array | None, smoothing: float) -> Masses:
    """Return the function that sums the masses for class probabilities, the last panel but one."""
    mass_of = _mass_of(plan, weight, smoothing)

    def masses(_: Block, panels: Sequence[Panel]) -> tuple[Array, None]:
        return panels[-2].with_values(mass_of(panels[-2])).add(), None

    return masses


def probabilities(logits: Panel, out: Panel) -> tuple[Array, Array]:
    """Write the probabilities p of a panel; return the most probable classes and their 1 - p."""
    total = exponentials(logits, out).total
    top = out.largest()
    others = out.add_others(np.arange(top.size), top)
    out.divide(total)
    return top, others / total


def curvature_along(
    vector: Panel, logits: Panel, scale: Array, out: Panel, spare: Panel
) -> None:
    """Write scale (diag(p) - p p^T) v, for a scale of each sample.

    It is p_c (d_c - sum p_k d_k) for d = v - v_c* too: with the most probable class c* at 0 nothing
    is left of it in the sum, and its own entry is -p times what the others have.
    """
    top, _ = probabilities(logits, out)
    shift = vector.memory[vector.at(top)]
    np.subtract(vector.values, out.across(shift), out=spare.values)
    spare.subtract(inner(spare, out.values, np.empty_like(out.values)))
    np.multiply(out.values, spare.values, out=out.values)
    out.multiply(scale)


def curvature_diagonal(logits: Panel, scale: Array, out: Panel, spare: Panel) -> None:
    """Write scale p (1 - p), for a scale of each sample."""
    top, rest = probabilities(logits, out)
    # Only of the most probable class is 1 - p not exact to an ulp as a difference: the others have
    # half at most.
    places = out.at(top)
    top_probs = out.memory[places]
    np.subtract(1, out.values, out=spare.values)
    np.multiply(out.values, spare.values, out=out.values)
    out.memory[places] = top_probs * rest
    out.multiply(scale)


def at_labels(
    logits: Panel, labels: Array, weight: Array | None, grads: Array | None, out: Panel
) -> Array:
    """Return each sample's loss at its label; write its w (p - [label])."""
    sums = exponentials(logits, out)
    at = out.at(labels)
    log_probs = logits.memory[at if logits.step == out.step else logits.at(labels)]
    if sums.shift is not None:
        log_probs -= sums.shift
    for part in logs(sums):
        log_probs -= part
    (sure,) = (log_probs > HALF[log_probs.dtype.char]).nonzero()
    if sure.size:
        most = majority(out, sure, labels[sure])
        log_probs[sure] = most.log_probs
    if grads is not None:
        # p - 1 of the label is (e - S) / S, or -R / S.
        rest = out.memory[at]
        rest -= sums.total
        if sure.size:
            rest[sure] = 0 - most.others
        out.memory[at] = rest
        multiply_by_share(out, sums.total, grads if weight is None else grads * weight)
    # 0 - x, not -x: a certain prediction costs 0, not -0.
    return times(weight, 0 - log_probs)


def at_labels_and_spread(
    logits: Panel,
    labels: Array,
    weight: Array,
    spread: Spread,
    grads: Array | None,
    out: Panel,
    spare: Panel,
) -> Array:
    """As under_mass, for a mass in every class and a weight more at the label."""
    sums, most = log_probabilities(logits, out, spare)
    label_log_probs = spare.memory[spare.at(labels)]
    # Of log-probabilities, which are not above 0: nothing cancels. 0 S is nan in a sample of nan.
    loss: Array = 0 * sums.total - times(weight, label_log_probs)
    loss -= inner(spare, spread.mass, np.empty_like(spare.values))
    if grads is not None:
        places = out.places(most.samples, most.classes)
        out.memory[places] = 0 - most.others
        multiply_by_share(out, sums.total, (spread.whole + weight) * grads)
        rest = out.memory[places]
        np.multiply(out.across_classes(spread.mass), out.across(grads), out=spare.values)
        np.subtract(out.values, spare.values, out=out.values)
        out.memory[out.at(labels)] -= weight * grads
        label_weight = np.broadcast_to(weight, labels.shape)[most.samples]
        others = np.where(labels[most.samples] == most.classes, 0, label_weight)
        others = others + spread.others[most.classes]
        others *= np.broadcast_to(grads, labels.shape)[most.samples]
        out.memory[places] = others + rest
    return loss


def under_mass(
    logits: Panel, mass: Array, grads: Array | None, out: Panel, spare: Panel
) -> Array:
    """Return each sample's loss, the sum of v (-log p) under the mass v; write its p V - v."""
    sums, most = log_probabilities(logits, out, spare)
    # Of log-probabilities, which are not above 0: nothing cancels. 0 S is nan in a sample of nan.
    loss: Array = 0 * sums.total - inner(spare, mass, np.empty_like(spare.values))
    if grads is not None:
        # p V - v of the most probable class is (V - v) - (1 - p) V, each a sum of others.
        places = out.places(most.samples, most.classes)
        out.memory[places] = 0 - most.others
        multiply_by_share(out, sums.total, spare.with_values(mass).add() * grads)
        rest = out.memory[places]
        np.multiply(mass, out.across(grads), out=spare.values)
        np.subtract(out.values, spare.values, out=out.values)
        out.memory[places] = spare.add_others(most.samples, most.classes) + rest
    return loss
