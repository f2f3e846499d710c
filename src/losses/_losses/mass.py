"""The mass of a class in a sample: the factor of -log p in the sample's loss.

A class index is a mass at one class, the label. Label smoothing leaves a share of the mass at the
label and spreads the rest over all classes. Class probabilities are a mass in each class.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core.dtypes import Array, cast, wide_dtype
from .._core.panel import Panel


class SmoothingMass(NamedTuple):
    """The mass that smoothing gives to each class, the same in every sample.

    `each` is a number for each class, or one number for all. `whole` is the sum over the classes.
    For each class, `others` is the sum over the other classes.
    """

    each: Array
    whole: Any
    others: Array

    def of(self, classes: slice) -> SmoothingMass:
        """Return the mass of some classes; `whole` and `others` still sum over all classes."""
        each = self.each[classes] if self.each.ndim else self.each
        return SmoothingMass(each, self.whole, self.others[classes])

    def total(self) -> Any:
        """Return the sum over the classes."""
        return self.whole

    def beside(self, count: int, samples: Array, classes: Array) -> tuple[Any, Array, Array]:
        """Set one class aside in each of some samples, of `count` in all.

        Return the sum V over the classes; V in each sample, or V - v where a class v is set aside;
        and these v.
        """
        others = np.full(count, self.whole, self.each.dtype)
        if samples.size:
            others[samples] = self.others[classes]
        return self.whole, others, chosen(self.each, classes)


class ProbabilityMass(NamedTuple):
    """The mass of each class of each sample, as class probabilities give it."""

    panel: Panel

    @property
    def each(self) -> Array:
        """The mass of each class of each sample, with the classes along the panel's axis."""
        return self.panel.values

    def total(self) -> Array:
        """Return the sum over the classes of each sample."""
        return self.panel.add()

    def beside(self, _: int, samples: Array, classes: Array) -> tuple[Array, Array, Array]:
        """Set one class aside in each of some samples; return V, V or V - v, and v."""
        whole = others = own = self.panel.add()
        if samples.size:
            some = self.panel.some(samples)  # a copy: the panel may be the caller's memory
            own, rest = some.set_aside(np.arange(samples.size), some.at(classes))
            others = whole.copy()
            others[samples] = rest
        return whole, others, own


class Mass(NamedTuple):
    """The masses of some samples: `at_label` at the class `labels`, plus `spread` in each class.

    Without `labels`, or without `spread`, there is no such mass. An `at_label` of None is 1.
    Ignored samples have masses too, which nobody is to use.
    """

    labels: Array | None = None
    at_label: Array | None = None
    spread: SmoothingMass | ProbabilityMass | None = None
    ignored: Array | None = None

    def whole(self, panel: Panel) -> Array:
        """Return the sum over the classes for each sample of a panel."""
        found = np.zeros(panel.samples, panel.values.dtype)
        if self.labels is not None:
            found += 1 if self.at_label is None else self.at_label
        if self.spread is not None:
            found += self.spread.total()
        return found


def shares(smoothing: float, classes: int, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Return what smoothing leaves at the target, 1 - eps, and gives to each class, eps / C."""
    with np.errstate(all="ignore"):
        epsilon = wide_dtype(dtype)(smoothing if classes else 0)  # nothing is spread over no class
        share, rest = 1 - epsilon, epsilon / max(classes, 1)
        return np.asarray(share, dtype), np.asarray(rest, dtype)


def smoothing_mass(classes: int, weight: Array | None, rest: Array) -> SmoothingMass:
    """Return what smoothing gives to classes, and its sums over them; `rest` is eps / C."""
    with np.errstate(all="ignore"):
        if weight is None:
            return SmoothingMass(rest, classes * rest, np.full(classes, (classes - 1) * rest))
        each = rest * cast(weight, rest.dtype)
        whole, others = np.add.reduce(each), each
        if classes:
            most, others = each.argmax(), whole - each
            # For a class with more than half of the mass, whole - each would cancel.
            without = each.copy()
            without[most] = 0
            others[most] = np.add.reduce(without)
        return SmoothingMass(each, whole, others)


def smoothed(probs: Panel, weight: Array | None, share: Array, rest: Array) -> Panel:
    """Return the masses of a panel of probabilities, smoothed and weighted."""
    mass: Array = probs.values * share
    mass += rest
    if weight is not None:
        mass *= probs.across_classes(weight)
    return probs.with_values(mass)


def chosen(numbers: Array, which: Array) -> Array:
    """Return some entries of an array, or the one number for all."""
    found: Array = numbers[which] if numbers.ndim else numbers
    return found
