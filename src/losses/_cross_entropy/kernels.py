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
    Majority,
    above_half,
    exponentials,
    logs,
    majority,
    multiply_by_share,
    subtract_log,
)
from .._core.blocks import Block
from .._core.dtypes import Array, cast, wide_dtype
from .._core.entries import times
from .._core.panel import Panel, inner
from .._core.panels import Panels
from .._losses.targets import Labels

# losses(block, panels, grads, out, spare) of a panel, whose gradient it writes to out if grads,
# the gradients with respect to the losses, are given.
Losses: TypeAlias = Callable[[Block, Sequence[Panel], Array | None, Panel, Panel], Array]

# masses(block, panels) of a panel: the whole mass of each sample, and which samples are ignored, or
# None. Such a sample has a mass too.
Masses: TypeAlias = Callable[[Block, Sequence[Panel]], tuple[Array, Array | None]]


class Spread(NamedTuple):
    """A mass for each class, or one for all; the sum over all, and over all but each one."""

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
            loss = at_labels(panels[0], classes, weight, grads, out, spare)
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
        mass = evenly(weight, rest)
        if not mass.ndim:
            return Spread(mass, classes * mass, np.full(classes, (classes - 1) * mass))
        whole, most = np.add.reduce(mass), mass.argmax()
        others = whole - mass
        # Where one class has more than half the mass, the difference would cancel.
        rest = mass.copy()
        rest[most] = 0
        others[most] = np.add.reduce(rest)
        return Spread(mass, whole, others)


def evenly(weight: Array | None, rest: Array) -> Array:
    """Return the mass that smoothing gives to each class, or one for all if they weigh the same."""
    return rest if weight is None else rest * cast(weight, rest.dtype)


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


def probabilities(logits: Panel, out: Panel, spare: Panel) -> tuple[Array, Array]:
    """Write the probabilities p of a panel; return the most probable classes and their 1 - p."""
    total = exponentials(logits, out, spare).total
    top = out.largest()
    at = out.at(top)
    out.memory[at], others = out.set_aside(np.arange(top.size), at)
    out.divide(total)
    return top, others / total


def curvature_along(vector: Panel, logits: Panel, scale: Array, out: Panel, spare: Panel) -> None:
    """Write scale (diag(p) - p p^T) v, for a scale of each sample.

    It is p_c (d_c - sum p_k d_k) for d = v - v_c* too: with the most probable class c* at 0 nothing
    is left of it in the sum, and its own entry is -p times what the others have.
    """
    top, _ = probabilities(logits, out, spare)
    shift = vector.memory[vector.at(top)]
    np.subtract(vector.values, out.across(shift), out=spare.values)
    spare.subtract(inner(spare, out.values, np.empty_like(out.values)))
    np.multiply(out.values, spare.values, out=out.values)
    out.multiply(scale)


def curvature_diagonal(logits: Panel, scale: Array, out: Panel, spare: Panel) -> None:
    """Write scale p (1 - p), for a scale of each sample."""
    top, rest = probabilities(logits, out, spare)
    # Only of the most probable class is 1 - p not exact to an ulp as a difference: the others have
    # half at most.
    places = out.at(top)
    top_probs = out.memory[places]
    np.subtract(1, out.values, out=spare.values)
    np.multiply(out.values, spare.values, out=out.values)
    out.memory[places] = top_probs * rest
    out.multiply(scale)


def at_labels(
    logits: Panel,
    labels: Array,
    weight: Array | None,
    grads: Array | None,
    out: Panel,
    spare: Panel,
) -> Array:
    """Return each sample's loss at its label; write its w (p - [label])."""
    sums = exponentials(logits, out, spare)
    at = out.at(labels)
    log_probs = logits.memory[at if logits.step == out.step else logits.at(labels)]
    if sums.shift is not None:
        log_probs -= sums.shift
    for part in logs(sums):
        log_probs -= part
    (sure,) = (log_probs > HALF[log_probs.dtype.char]).nonzero()
    if sure.size:
        most = majority(out, sure, at[sure])
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


class Costs(NamedTuple):
    """The log-probabilities of a panel, for a mass in every class.

    `relative` holds x - s - high, but 0 for a class with more than half. A log-probability is that
    less `low`, or for such a class what `most` has.
    """

    relative: Panel
    low: Array
    total: Array
    most: Majority
    classes: Array  # that have more than half

    def under(self, mass: Array, whole: Array, most_mass: Array) -> Array:
        """Return the sum of v (-log p) of each sample under a mass v.

        `whole` is the sum of v over the classes but the most probable one, of which the mass is
        `most_mass`, where it has more than half. No term is below 0, but for the last digits in
        `low`: nothing cancels.
        """
        # An infinite mass times `low`, which may be below 0, and terms that are inf make nan.
        whole = np.minimum(whole, np.finfo(whole.dtype).max)
        loss: Array = times(whole, self.low) + 0  # where all is 0 the loss is 0, not -0
        loss -= inner(self.relative, mass, np.empty_like(self.relative.values))
        if self.most.samples.size:
            loss[self.most.samples] -= times(most_mass, self.most.log_probs)
        return loss


def costs_of(logits: Panel, e: Panel, out: Panel) -> Costs:
    """Write the exponentials to e; return the log-probabilities, whose panel is out."""
    sums = exponentials(logits, e, out)
    high, low = logs(sums)
    subtract_log(logits, sums, high, out)
    samples, classes = above_half(out)
    if samples.size:
        out.memory[out.places(samples, classes)] = 0
    most = majority(e, samples, e.places(samples, classes))
    return Costs(out, low, sums.total, most, classes)


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
    costs = costs_of(logits, out, spare)
    most, classes = costs.most, costs.classes
    label_cost = costs.low - spare.memory[spare.at(labels)]
    whole, most_mass = np.full_like(costs.low, spread.whole), spread.mass
    if most.samples.size:
        here = labels[most.samples] == classes
        label_cost[most.samples[here]] = 0 - most.log_probs[here]
        whole[most.samples] = spread.others[classes]
        most_mass = of(spread.mass, classes)
    loss = costs.under(spread.mass, whole, most_mass) + times(weight, label_cost)
    if grads is not None:
        out.memory[most.places] = 0 - most.others
        multiply_by_share(out, costs.total, (spread.whole + weight) * grads)
        rest = out.memory[most.places]
        subtract_mass(out, spread.mass, grads, spare)
        out.memory[out.at(labels)] -= weight * grads
        if most.samples.size:
            # p V - v of the most probable class is (V - v) - (1 - p) V, each a sum of others.
            others = whole[most.samples] + np.where(here, 0, of(weight, most.samples))
            out.memory[most.places] = others * of(grads, most.samples) + rest
    return loss


def under_mass(logits: Panel, mass: Array, grads: Array | None, out: Panel, spare: Panel) -> Array:
    """Return each sample's loss, the sum of v (-log p) under the mass v; write its p V - v."""
    costs = costs_of(logits, out, spare)
    most = costs.most
    masses = spare.with_values(mass)
    whole = most_mass = masses.add()
    others = whole
    if most.samples.size:
        some = masses.some(most.samples)  # a copy: the masses may be the caller's
        every, places = np.arange(most.samples.size), some.at(costs.classes)
        most_mass, rest = some.set_aside(every, places)
        others = whole.copy()
        others[most.samples] = rest
    loss = costs.under(mass, others, most_mass)
    if grads is not None:
        out.memory[most.places] = 0 - most.others
        multiply_by_share(out, costs.total, whole * grads)
        rest = out.memory[most.places]
        subtract_mass(out, mass, grads, spare)
        if most.samples.size:
            # p V - v of the most probable class is (V - v) - (1 - p) V, each a sum of others.
            out.memory[most.places] = others[most.samples] * of(grads, most.samples) + rest
    return loss


def of(numbers: Array, chosen: Array) -> Array:
    """Return the chosen ones of some numbers, or the one for all."""
    found: Array = numbers[chosen] if numbers.ndim else numbers
    return found


def subtract_mass(out: Panel, mass: Array, grads: Array, spare: Panel) -> None:
    """Subtract v g."""
    wide = out.across_classes(mass)
    if mass.ndim == 2 or grads.ndim:
        wide = np.multiply(wide, out.across(grads), out=spare.values)
    else:
        wide = wide * grads
    np.subtract(out.values, wide, out=out.values)
