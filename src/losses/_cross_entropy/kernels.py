"""Losses of a panel of logits and their gradient, given the masses of its samples.

With e = exp(x) and S = sum(e), shifted or scaled where that is needed (see exponentials.py), the
log-probability of a class is x - log S and its probability is e / S. For a class with more than
half, both are made from the sum R of the other exponentials. The exponentials become the gradient
in place: (p V - v) g, with the mass v of a class, V of all classes, and g of the sample. A penalty
on log S makes another V of the factor of p (see z_loss.py); a cap goes before all of that, and its
slope comes after (see softcap.py).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._activations.exponentials import (
    HALF,
    Majority,
    above_half,
    exponentials,
    log_sums,
    logs,
    majority,
    multiply_by_share,
    subtract_log,
)
from .._core.dtypes import Array
from .._core.entries import times
from .._core.panel import Panel, inner
from .._losses.mass import Mass, ProbabilityMass, SmoothingMass, chosen
from .._losses.options import Options
from .softcap import capped, multiply_by_slope
from .z_loss import Penalty, penalty


def loss_kernel(
    logits: Panel, mass: Mass, options: Options, grads: Array | None, out: Panel, spare: Panel
) -> Array:
    """Return the loss of each sample of a panel.

    Given the gradients with respect to the losses, write the gradient of the logits to `out`.
    `spare`, and `out` without such gradients, are memory to work in.
    """
    given, cap, z_loss = logits, options.softcap, options.z_loss
    if cap is not None:
        logits = capped(given, cap, spare)
    if mass.spread is not None:
        loss = _under_mass(logits, mass, mass.spread, z_loss, grads, out, spare)
    else:
        assert mass.labels is not None
        loss = _at_labels(logits, mass.labels, mass.at_label, z_loss, grads, out, spare)
    if cap is not None and grads is not None:
        multiply_by_slope(out, given, cap, spare, logits)
    if mass.ignored is not None:
        loss[mass.ignored] = 0
        if grads is not None:
            out.clear(mass.ignored)
    return loss


def _at_labels(
    logits: Panel,
    labels: Array,
    weight: Array | None,
    z_loss: float,
    grads: Array | None,
    out: Panel,
    spare: Panel,
) -> Array:
    """Return each sample's loss at its label; write w (p - [label]) g."""
    sums = exponentials(logits, out, spare)
    extra = penalty(z_loss, log_sums(logits, out, sums)) if z_loss else None
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
    if extra is not None:
        log_probs -= extra.cost
    if grads is not None:
        mass_grads = grads if weight is None else grads * weight
        rest = out.memory[at]
        if extra is None:
            rest -= sums.total
        if sure.size:
            rest[sure] = 0 - most.others
        if extra is None:
            gradient_at_labels(out, sums.total, at, rest, mass_grads)
        else:
            out.memory[at] = rest
            label = Entries(at, mass_grads)
            _gradient_with_penalty(out, sums.total, label, sure, extra, spare)
    # 0 - x, not -x: a certain prediction costs 0, not -0.
    return times(weight, 0 - log_probs)


class Costs(NamedTuple):
    """The log-probabilities of a panel, in parts.

    `relative` holds x - s - high, and a log-probability is relative - low. For a class with more
    than half, `relative` holds 0, and the log-probability is in `most`.
    """

    relative: Panel
    low: Array
    total: Array
    most: Majority
    classes: Array  # that have more than half
    extra: Penalty | None

    def under(self, mass: Array, whole: Array, most_mass: Array) -> Array:
        """Return the sum of v (-log p) of each sample under a mass v.

        `whole` is the sum of v over the classes, except a class with more than half, whose mass is
        `most_mass`. Nothing cancels: no term is negative, except last digits in `low`.
        """
        # A finite sum: inf times a negative `low` is -inf, which makes nan of terms that are inf.
        whole = np.minimum(whole, np.finfo(whole.dtype).max)
        loss: Array = times(whole, self.low) + 0  # 0, not -0, where every term is 0
        loss -= inner(self.relative, mass, np.empty_like(self.relative.values))
        if self.most.samples.size:
            loss[self.most.samples] -= times(most_mass, self.most.log_probs)
        return loss


def _costs(logits: Panel, e: Panel, out: Panel, z_loss: float) -> Costs:
    """Write the exponentials to `e`; return the log-probabilities, whose panel is `out`."""
    sums = exponentials(logits, e, out)
    extra = penalty(z_loss, log_sums(logits, e, sums)) if z_loss else None
    high, low = logs(sums)
    subtract_log(logits, sums, high, out)
    samples, classes = above_half(out)
    if samples.size:
        out.memory[out.places(samples, classes)] = 0
    most = majority(e, samples, e.places(samples, classes))
    return Costs(out, low, sums.total, most, classes, extra)


def _under_mass(
    logits: Panel,
    mass: Mass,
    spread: SmoothingMass | ProbabilityMass,
    z_loss: float,
    grads: Array | None,
    out: Panel,
    spare: Panel,
) -> Array:
    """Return each sample's loss, the sum of v (-log p) under its masses v; write (p V - v) g."""
    costs = _costs(logits, out, spare, z_loss)
    loss, whole, beside = _loss_under_mass(costs, mass, spread)
    if costs.extra is not None:
        loss += times(whole, costs.extra.cost)
        whole, more = costs.extra.on(whole)
        beside = beside + more[costs.most.samples]
    if grads is not None:
        most, label = costs.most, None
        if mass.labels is not None and mass.at_label is not None:
            label = Entries(out.at(mass.labels), mass.at_label * grads)
        out.memory[most.places] = 0 - most.others
        top = Entries(most.places, beside * chosen(grads, most.samples))
        gradient_under_mass(out, costs.total, whole * grads, spread.each, label, top, grads, spare)
    return loss


def _loss_under_mass(
    costs: Costs, mass: Mass, spread: SmoothingMass | ProbabilityMass
) -> tuple[Array, Any, Array]:
    """Return each sample's loss, its V, and V - v of the classes that have more than half."""
    most, classes, relative = costs.most, costs.classes, costs.relative
    whole, others, most_mass = spread.beside(relative.samples, most.samples, classes)
    loss, beside = costs.under(spread.each, others, most_mass), others[most.samples]
    if mass.labels is not None and mass.at_label is not None:
        label_cost = costs.low - relative.memory[relative.at(mass.labels)]
        if most.samples.size:
            here = mass.labels[most.samples] == classes
            label_cost[most.samples[here]] = 0 - most.log_probs[here]
            beside += np.where(here, 0, chosen(mass.at_label, most.samples))
        loss += times(mass.at_label, label_cost)
        whole = whole + mass.at_label
    return loss, whole, beside


class Entries(NamedTuple):
    """Entries of a panel, at most one of each sample: their places in memory, and numbers."""

    places: Array
    numbers: Array


def gradient_at_labels(
    e: Panel, total: Array, places: Array, rest: Array, mass_grads: Array
) -> None:
    """Turn exponentials into the gradient V (p - [label]) g, in place.

    `total` is S, and `rest` is e - S of each label, where p - 1 is (e - S) / S. The caller makes
    `rest` so that it does not cancel. `mass_grads` is V g.
    """
    e.memory[places] = rest
    multiply_by_share(e, total, mass_grads)


def gradient_under_mass(
    e: Panel,
    total: Array,
    mass_grads: Array,
    each: Array | None,
    label: Entries | None,
    top: Entries,
    grads: Array,
    spare: Panel,
) -> None:
    """Turn exponentials into the gradient (p V - v) g, in place.

    `mass_grads` is V g, `each` the mass that is spread over the classes, if any is, and `label` has
    v g of the mass at the labels. For the classes at `top`, p V - v is (V - v) - (1 - p) V, two
    sums over the other classes: `top` has (V - v) g, and `e` holds e - S there, minus the other
    exponentials. With a penalty V is V' = V (1 + 2 z lse).
    """
    multiply_by_share(e, total, mass_grads)
    top_share = e.memory[top.places]
    if each is not None:
        _subtract_mass(e, each, grads, spare)
    if label is not None:
        e.memory[label.places] -= label.numbers
    e.memory[top.places] = top.numbers + top_share


def _gradient_with_penalty(
    e: Panel, total: Array, label: Entries, sure: Array, extra: Penalty, spare: Panel
) -> None:
    """Turn exponentials into the gradient (p V' - v) g of labels, of which some are `sure`.

    A sure label has more than half, and e - S in the place of e.
    """
    whole, more = extra.on(label.numbers)
    top = Entries(label.places[sure], more[sure])
    gradient_under_mass(e, total, whole, None, label, top, label.numbers, spare)


def _subtract_mass(out: Panel, mass: Array, grads: Array, spare: Panel) -> None:
    """Subtract v g from a panel; the spare panel is memory to work in."""
    wide = out.across_classes(mass)
    if mass.ndim == 2 or grads.ndim:
        wide = np.multiply(wide, out.across(grads), out=spare.values)
    else:
        wide = wide * grads
    np.subtract(out.values, wide, out=out.values)
