"""A panel: some samples with all their classes, a 2-D array on which NumPy is fast.

Many classes lie in rows: one contiguous row for each sample. Few classes lie in rows or in columns,
one contiguous row for each class, as they do in the array that the panel is taken from: NumPy works
on either where it lies. Results have the same bits in both layouts, see `class_sums.py`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .class_sums import FEW_BYTES, LONG_BYTES, add_classes
from .dtypes import Array

# Measured:
SMALL = 4096  # entries of a panel: up to here what saves time in larger ones costs more
REPEATED = 16  # for fewer classes than these, repeating a number is faster than broadcasting it


class Panel(NamedTuple):
    """Some samples with all their classes, and where their entries lie in memory.

    `values` has shape (samples, classes) in rows, and (classes, samples) in columns. `memory` is
    1-D and begins with the first entry of `values`. `step` leads from one sample to the next in
    rows, and from one class to the next in columns.
    """

    values: Array
    memory: Array
    step: int
    rows: bool

    @property
    def samples(self) -> int:
        """The number of samples."""
        return int(self.values.shape[0 if self.rows else 1])

    @property
    def classes(self) -> int:
        """The number of classes."""
        return int(self.values.shape[1 if self.rows else 0])

    def at(self, classes: Array) -> Array:
        """Return the place in the memory of one class of each sample."""
        if self.rows:
            places = np.arange(0, classes.size * self.step, self.step)
            places += classes
            return places
        return self.places(np.arange(classes.size), classes)

    def places(self, samples: Array, classes: Array) -> Array:
        """Return the place in the memory of one class of each of some samples."""
        if self.rows:
            samples, classes = classes, samples
        places = classes * self.step
        places += samples
        return places

    def across(self, per_sample: Array) -> Array:
        """Return a number for each sample, or one for all, in a shape that broadcasts."""
        return per_sample[:, None] if self.rows and per_sample.ndim else per_sample

    def across_classes(self, per_class: Array) -> Array:
        """Return a number for each class, for each entry, or one for all, so that it broadcasts."""
        return per_class if self.rows or per_class.ndim != 1 else per_class[:, None]

    def multiply(self, per_sample: Array) -> None:
        """Multiply by numbers, one for each sample, in place."""
        np.multiply(self.values, self.spread(per_sample), out=self.values)

    def subtract(self, per_sample: Array) -> None:
        """Subtract numbers, one for each sample, in place."""
        np.subtract(self.values, self.spread(per_sample), out=self.values)

    def divide(self, per_sample: Array) -> None:
        """Divide by numbers, one for each sample, in place."""
        np.divide(self.values, self.spread(per_sample), out=self.values)

    def spread(self, per_sample: Array) -> Array:
        """Return what `across` does, repeated for each class where that is faster."""
        values = self.values
        if self.rows and self.step < REPEATED and values.size > SMALL:
            return per_sample.repeat(self.step).reshape(values.shape)
        return self.across(per_sample)

    def with_values(self, values: Array) -> Panel:
        """Return a contiguous panel of other values, in this layout."""
        values = np.ascontiguousarray(values)
        return Panel(values, values.reshape(-1), values.shape[1], self.rows)

    def add(self) -> Array:
        """Return the sum over the classes of each sample."""
        return add_classes(self.values, self.rows)

    def set_aside(self, samples: Array, places: Array) -> tuple[Array, Array]:
        """Set one entry of each of some samples to 0, given its place in the memory.

        Return these entries, and the sums over the other classes.
        """
        entries = self.memory[places]
        self.memory[places] = 0
        few = self.values.size > SMALL and samples.size * 8 < self.samples
        return entries, self.some(samples).add() if few else self.add()[samples]

    def largest(self) -> Array:
        """Return the class of the largest entry of each sample: the first of ties, or of nan."""
        found: Array
        if self._fast_along_rows:
            found = self.values.argmax(axis=1)
        else:
            # Faster than argmax: the first of equal maxima, by ranking the classes in reverse.
            values = self._columns()
            last, maxima = len(values) - 1, np.maximum.reduce(values, axis=0)
            ranks = (values == maxima).view(np.uint8)
            ranks *= np.arange(last, -1, -1, dtype=np.uint8)[:, None]
            found = last - np.maximum.reduce(ranks, axis=0).astype(np.intp)
            (wrong,) = np.isnan(maxima).nonzero()
            if wrong.size:  # nan equals nothing: argmax finds it
                found[wrong] = values[:, wrong].argmax(axis=0)
        return found

    def maxima(self) -> Array:
        """Return the largest entry of each sample."""
        found: Array
        if self._fast_along_rows:
            found = self.memory[self.at(self.largest())]  # faster than np.maximum.reduce
        else:
            found = np.maximum.reduce(self._columns(), axis=0)
        return found

    def _columns(self) -> Array:
        """Return the values in columns: of rows, a copy."""
        return self.values.T.copy() if self.rows else self.values

    @property
    def _fast_along_rows(self) -> bool:
        """Whether the panel has rows so long that NumPy is fast along each."""
        return self.rows and self.step * self.values.itemsize > FEW_BYTES

    def some(self, samples: Array) -> Panel:
        """Return a copy of some samples."""
        return self.with_values(self.values[self._index(samples)])

    def put(self, samples: Array, panel: Panel) -> None:
        """Overwrite some samples, given by their positions."""
        self.values[self._index(samples)] = panel.values

    def clear(self, samples: Array) -> None:
        """Set the entries of some samples, given as a mask, to 0."""
        self.values[self._index(samples)] = 0

    def _index(self, samples: Array) -> Any:
        """Return the index that selects some samples from the values."""
        return samples if self.rows else (slice(None), samples)


def rows(values: Array) -> Panel:
    """Return the panel of rows that follow one another in memory."""
    return Panel(values, values.reshape(-1), values.shape[1], rows=True)


def dots(a: Array, b: Array) -> Array:
    """Return the sum of the products of each row of one array and that of another."""
    found: Array
    if FEW_BYTES < a.shape[1] * a.itemsize <= LONG_BYTES // 4:  # as in inner
        found = np.einsum("ij,ij->i", a, b)
    else:
        found = rows(a * b).add()
    return found


def inner(panel: Panel, mass: Array, spare: Array) -> Array:
    """Return the sum over the classes of a panel times a mass, in which 0 * inf is 0.

    The mass is one number for all classes, one for each class, or one for each entry.
    """
    values, rows, classes = panel.values, panel.rows, panel.classes
    wide = panel.across_classes(mass)
    sums: Array
    if not mass.ndim:
        sums = mass * panel.add()
    elif FEW_BYTES < classes * values.itemsize <= LONG_BYTES // 4:
        # einsum adds products in a quarter as many chains as numbers, each four times as long.
        sums = np.einsum("ij,j->i" if mass.ndim == 1 else "ij,ij->i", values, mass)
    else:
        sums = add_classes(np.multiply(values, wide, out=spare), rows)
    # 0 * inf is nan. A mass for all classes is multiplied by a sum, which may overflow before that.
    wrong = np.isnan(sums) if mass.ndim else ~np.isfinite(sums)
    if np.count_nonzero(wrong):
        np.multiply(values, wide, out=spare)
        np.copyto(spare, 0, where=wide == 0)
        sums[wrong] = add_classes(spare, rows)[wrong]
    return sums
