"""Cross entropy of the classes in shards, each of which has a state; states of shards merge.

A state keeps the maximum m of its classes, and the sum q of exp(x - m) over all of them but the
largest: log sum exp(x) = m + log1p(q). Two states with m1 >= m2 merge to m = m1 and
q = q1 + (1 + q2) exp(m2 - m1). No term is negative, so q keeps its relative accuracy. The state of
all the classes and the logits of a shard give the gradient of the shard.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core.blocks import Block
from .._core.dtypes import Array
from .._core.entries import times
from .._core.panel import Panel, inner
from .._losses.mass import Mass, chosen
from .._losses.options import Options
from .kernels import Entries, gradient_at_labels, gradient_under_mass
from .softcap import capped, multiply_by_slope
from .z_loss import Penalty, penalty


class State(NamedTuple):
    """What some classes contribute to the loss of each sample."""

    maximum: Array
    top: Array  # the class of the maximum
    others: Array  # q, or nan where every logit is -inf: merge leaves such classes out
    label_logit: Array  # -inf if the label is another class
    label_mass: Array  # the mass at the label, 0 if the label is another class
    mass: Array  # the sum of the masses v that are spread over the classes
    other_mass: Array  # the same sum without the top class
    cost: Array  # the sum of v (x - m), or of v x where m is -inf

    def of(self, block: Block) -> State:
        """Return the state of one block of samples."""
        return State(*(field.reshape(-1)[block.start : block.stop] for field in self))

    def put(self, block: Block, state: State) -> None:
        """Write the state of one block of samples."""
        for whole, field in zip(self, state, strict=True):
            whole.reshape(-1)[block.start : block.stop] = field


def nothing(samples: tuple[int, ...], first: int, dtype: np.dtype[Any]) -> State:
    """Return the state of a shard without classes, which `first` says the place of."""
    arrays = {name: np.zeros(samples, dtype) for name in State._fields}
    arrays["top"] = np.full(samples, first)
    arrays["others"][...] = np.nan
    for name in ("maximum", "label_logit"):
        arrays[name][...] = -np.inf
    return State(**arrays)


def state_of(
    logits: Panel, mass: Mass, first: int, out: Panel, spare: Panel, cap: float | None = None
) -> State:
    """Return the state of a panel, whose classes begin at `first`.

    A label in another shard has no mass here. `out` and `spare` are memory to work in.
    """
    if cap is not None:
        logits = capped(logits, cap, spare)
    label_logit = np.full(logits.samples, -np.inf, logits.values.dtype)
    label_mass = np.zeros_like(label_logit)
    if mass.labels is not None:
        here, at = _here(mass.labels, first, logits)
        label_logit[here] = logits.memory[at]
        label_mass[here] = 1 if mass.at_label is None else chosen(mass.at_label, here)
    top = logits.largest()
    maxima = logits.memory[logits.at(top)]
    np.subtract(logits.values, logits.across(_finite(maxima)), out=spare.values)
    whole = other_mass = cost = np.zeros_like(maxima)
    if mass.spread is not None:
        np.copyto(out.values, out.across_classes(mass.spread.each))
        at = out.at(top)
        top_mass = out.memory[at]
        out.memory[at] = 0
        other_mass = out.add()
        whole = top_mass + other_mass
        cost = inner(spare, mass.spread.each, out.values)
    np.exp(spare.values, out=out.values)
    at = out.at(top)
    own, others = out.set_aside(np.arange(top.size), at)
    # Adding 0 * exp(x - m) of the largest brings nan where its logit is nan or +inf.
    others += 0 * own
    others[np.isneginf(maxima)] = np.nan
    return State(maxima, first + top, others, label_logit, label_mass, whole, other_mass, cost)


def merge(a: State, b: State) -> State:
    """Return the state of two sets of classes together."""
    # Equal maxima: the first class wins, so the order of merges does not matter.
    level = (a.maximum == b.maximum) & (a.top < b.top)
    first = (a.maximum > b.maximum) | level | np.isnan(a.maximum)
    maximum, smaller = np.where(first, (a.maximum, b.maximum), (b.maximum, a.maximum))
    q, fewer = np.where(first, (a.others, b.others), (b.others, a.others))
    more = np.where(np.isneginf(smaller), 0, (1 + fewer) * np.exp(smaller - maximum))
    reference = _finite(maximum)
    # The difference of huge maxima may overflow: times makes 0 of 0 * inf.
    costs = [s.cost + times(s.mass, _finite(s.maximum) - reference) for s in (a, b)]
    return State(
        maximum,
        np.where(first, a.top, b.top),
        q + more,
        np.maximum(a.label_logit, b.label_logit),
        a.label_mass + b.label_mass,
        a.mass + b.mass,
        np.where(first, a.other_mass + b.mass, b.other_mass + a.mass),
        costs[0] + costs[1],
    )


def loss_of(state: State, z_loss: float) -> Array:
    """Return each sample's loss from the state of all the classes."""
    log_sum = np.log1p(state.others)
    spread = state.mass * log_sum - state.cost
    loss: Array = times(state.label_mass, log_sum - (state.label_logit - state.maximum)) + spread
    if z_loss:
        loss += times(state.mass + state.label_mass, penalty_of(state, z_loss).cost)
    return loss


def penalty_of(state: State, z_loss: float) -> Penalty:
    """Return the penalty of each sample, from the state of all the classes."""
    return penalty(z_loss, state.maximum + np.log1p(state.others))


def gradient_of(
    logits: Panel,
    mass: Mass,
    first: int,
    state: State,
    options: Options,
    grads: Array,
    out: Panel,
    spare: Panel,
) -> None:
    """Write the gradient of a panel, whose classes begin at `first`, given the state of all."""
    given, cap = logits, options.softcap
    if cap is not None:
        logits = capped(given, cap, spare)
    _capped_gradient(logits, mass, first, state, options.z_loss, grads, out, spare)
    if cap is not None:
        multiply_by_slope(out, given, cap, spare, logits)


def _capped_gradient(
    logits: Panel,
    mass: Mass,
    first: int,
    state: State,
    z_loss: float,
    grads: Array,
    out: Panel,
    spare: Panel,
) -> None:
    """Write the gradient with respect to capped logits."""
    q = state.others
    np.subtract(logits.values, out.across(state.maximum), out=out.values)
    np.exp(out.values, out=out.values)
    mass_grads = (state.mass + state.label_mass) * grads
    label, other_mass = None, state.other_mass
    if mass.labels is not None:
        here, at = _here(mass.labels, first, out)
        if mass.spread is None and not z_loss:
            # e - S is (e - 1) - q: neither term is positive, so nothing cancels.
            gradient_at_labels(out, 1 + q, at, (out.memory[at] - 1) - q[here], mass_grads)
            return
        label = Entries(at, (state.label_mass * grads)[here])
        other_mass = other_mass + np.where(mass.labels == state.top, 0, state.label_mass)
    others = other_mass * grads
    if z_loss:
        mass_grads, more = penalty_of(state, z_loss).on(mass_grads)
        others = others + more
    here, at = _here(state.top, first, out)
    out.memory[at] = -q[here]
    top = Entries(at, others[here])
    each = None if mass.spread is None else mass.spread.each
    gradient_under_mass(out, 1 + q, mass_grads, each, label, top, grads, spare)


def softmax_of(logits: Panel, state: State, out: Panel) -> None:
    """Write the probabilities of a panel, given the state of all the classes."""
    np.subtract(logits.values, out.across(state.maximum), out=out.values)
    np.exp(out.values, out=out.values)
    out.divide(1 + state.others)


def log_softmax_of(logits: Panel, state: State, out: Panel) -> None:
    """Write the log-probabilities of a panel, given the state of all the classes."""
    np.subtract(logits.values, out.across(state.maximum), out=out.values)
    out.subtract(np.log1p(state.others))


def within(classes: Array, first: int, count: int) -> Array:
    """Return which classes are in [first, first + count)."""
    return (classes >= first) & (classes < first + count)


def _here(classes: Array, first: int, panel: Panel) -> tuple[Array, Array]:
    """Return which samples have their class in a panel, and the places of these classes."""
    here = within(classes, first, panel.classes)
    samples = np.flatnonzero(here)
    return here, panel.places(samples, classes[samples] - first)


def _finite(maxima: Array) -> Array:
    """Return the shift of the costs: the maximum, or 0 where every logit is -inf."""
    return np.where(np.isneginf(maxima), 0, maxima)
