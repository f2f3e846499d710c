"""One panel: some samples with all their classes, and sums over the classes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .dtypes import Array

# Bytes of classes for each sample, measured:
FEW_BYTES = 256  # up to here even and odd classes are added in order, which serves both layouts
LONG_BYTES = 8192  # up to here einsum adds a row in chains of at most 128 terms
TALL = 6  # times as many samples as classes: up to here a copy in columns saves calls
SMALL = 4096  # entries of a panel: up to here what saves time in larger ones costs more
REPEATED = 16  # repeating a number for fewer classes than these is faster than broadcasting


class Panel(NamedTuple):
    """Some samples with all their classes, and where their entries lie in memory.

    `values` has shape (samples, classes) if `axis`, that of the classes, is 1, else
    (classes, samples). `memory` is 1-D and begins with the first entry of `values`; `step` leads
    from a sample to the next, or from a class to the next if the axis is 0.
    """

    values: Array
    memory: Array
    step: int
    axis: int

    @property
    def samples(self) -> int:
        """The number of samples."""
        return int(self.values.shape[1 - self.axis])

    def at(self, classes: Array) -> Array:
        """Return where one class of each sample lies in the memory."""
        if self.axis:
            places = np.arange(0, classes.size * self.step, self.step)
            places += classes
            return places
        return self.places(np.arange(classes.size), classes)

    def places(self, samples: Array, classes: Array) -> Array:
        """Return where a class of each of some samples lies in the memory."""
        if self.axis:
            samples, classes = classes, samples
        places = classes * self.step
        places += samples
        return places

    def across(self, per_sample: Array) -> Array:
        """Return numbers, one for each sample or for all, in a shape that broadcasts."""
        return per_sample[:, None] if self.axis and per_sample.ndim else per_sample

    def across_classes(self, per_class: Array) -> Array:
        """Return numbers, one for each class, a panel's or one for all, to be broadcast."""
        return per_class if self.axis or per_class.ndim != 1 else per_class[:, None]

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
        """Return numbers, one for each sample, for each of its classes."""
        values = self.values
        if self.axis and self.step < REPEATED and values.size > SMALL:
            return per_sample.repeat(self.step).reshape(values.shape)
        return self.across(per_sample)

    def with_values(self, values: Array) -> Panel:
        """Return other values, of as many samples and classes, that lie together."""
        values = np.ascontiguousarray(values)
        return Panel(values, values.reshape(-1), values.shape[1], self.axis)

    def add(self) -> Array:
        """Return the sum over the classes of each sample."""
        return _add(self.values, self.axis)

    def set_aside(self, samples: Array, places: Array) -> tuple[Array, Array]:
        """Return an entry of each of some samples, and the sum over its other classes.

        The entries, at these places in the memory, are 0 then.
        """
        entries = self.memory[places]
        self.memory[places] = 0
        few = self.values.size > SMALL and samples.size * 8 < self.samples
        return entries, self.some(samples).add() if few else self.add()[samples]

    def largest(self) -> Array:
        """Return the largest class of each sample, the first of equal ones, or of nan."""
        found: Array
        if self._long:
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
        if self._long:
            found = self.memory[self.at(self.largest())]  # faster than the maximum itself
        else:
            found = np.maximum.reduce(self._columns(), axis=0)
        return found

    def _columns(self) -> Array:
        """Return the values with the classes first, a copy of those of rows."""
        return self.values.T.copy() if self.axis else self.values

    @property
    def _long(self) -> bool:
        """Whether NumPy is fast along the rows of the panel."""
        return bool(self.axis) and self.step * self.values.itemsize > FEW_BYTES

    def some(self, samples: Array) -> Panel:
        """Return a copy of some samples."""
        values = self.values[samples] if self.axis else self.values[:, samples]
        values = np.ascontiguousarray(values)
        return Panel(values, values.reshape(-1), values.shape[1], self.axis)

    def put(self, samples: Array, panel: Panel) -> None:
        """Write some samples, given by their positions."""
        self.values[(samples,) if self.axis else (slice(None), samples)] = panel.values

    def clear(self, samples: Array) -> None:
        """Set the entries of some samples, given as a mask, to 0."""
        self.values[(samples,) if self.axis else (slice(None), samples)] = 0


def _add(values: Array, axis: int) -> Array:
    """Return the sum over the classes, in an order that depends on their number alone.

    Few classes are the even ones in order plus the odd ones in order.
    """
    classes, samples = values.shape[axis], values.shape[1 - axis]
    sums: Array
    if classes * values.itemsize > FEW_BYTES:  # in rows
        if classes * values.itemsize <= LONG_BYTES:
            # Twice as fast as reduce, which adds longer rows in pairs.
            sums = np.einsum("ij->i", values)
        else:
            sums = np.add.reduce(values, axis=1)
    elif classes == 1:
        sums = values.reshape(-1) + 0  # a sum of nothing but -0 is 0
    elif samples <= TALL * classes:
        # Copied, so that an even class and the odd one after it are one row.
        pairs = values.T.copy() if axis else values.copy()
        both = np.add.reduce(pairs[: classes // 2 * 2].reshape(classes // 2, 2 * samples), axis=0)
        sums = both[:samples]
        if classes % 2:
            sums += pairs[-1]
        sums = sums + both[samples:]
    elif axis == 0:
        sums = np.add.reduce(values[0::2], axis=0)
        sums += np.add.reduce(values[1::2], axis=0)
    else:
        # A complex number is an even class and the odd one that follows it.
        numbers = values[:, : classes // 2 * 2].view(values.dtype.char.upper()).T
        found = numbers[0].copy()
        for number in numbers[1:]:
            found += number
        if classes % 2:
            found.real += values[:, -1]
        sums = found.real + found.imag
        sums += 0  # as reduce begins: a sum of nothing but -0 is 0
    return sums


def inner(panel: Panel, mass: Array, spare: Array) -> Array:
    """Return the sum over the classes of a panel times a mass, in which 0 * inf is 0.

    The mass is one number for all classes or for each, or a panel's values.
    """
    values, axis = panel.values, panel.axis
    few = values.shape[axis] * values.itemsize <= FEW_BYTES
    wide = panel.across_classes(mass)
    sums: Array
    if not mass.ndim:
        sums = mass * panel.add()
    elif not few and values.shape[1] * values.itemsize <= LONG_BYTES // 4:
        # einsum adds products in a quarter as many chains as numbers, each four times as long.
        sums = np.einsum("ij,j->i" if mass.ndim == 1 else "ij,ij->i", values, mass)
    else:
        sums = _add(np.multiply(values, wide, out=spare), axis)
    # 0 * inf is nan, and the sum that one mass for all multiplies may overflow before that.
    wrong = np.isnan(sums) if mass.ndim else ~np.isfinite(sums)
    if np.count_nonzero(wrong):
        np.multiply(values, wide, out=spare)
        np.copyto(spare, 0, where=wide == 0)
        sums[wrong] = _add(spare, axis)[wrong]
    return sums
