"""Lengths of rows, which neither overflow nor underflow on the way."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .dtypes import Array
from .panel import dots, rows


class Lengths(NamedTuple):
    """The lengths of rows: their norms times their sizes.

    A row whose powers might leave the range of the numbers is divided by its largest entry.
    """

    scaled: Array  # the rows, some of them divided
    norm: Array  # of the rows as they are here
    size: Array | None  # what the rows were divided by; None is 1

    @property
    def each(self) -> Array:
        """The length of each row."""
        return self.norm if self.size is None else self.norm * self.size


def lengths(x: Array, p: float) -> Lengths:
    """Return the p-norm of each row."""
    if p == 1:
        return Lengths(x, rows(np.abs(x)).add(), None)
    total, wrong = np.empty(len(x), x.dtype), np.ones(len(x), bool)
    if p == 2:
        total = dots(x, x)
        info: Any = np.finfo(x.dtype)
        # The squares that underflow are less than a rounding of such a sum, and the square of the
        # sum of two such vectors is finite.
        wrong = ~((total >= info.smallest_normal / info.eps**2) & (total <= info.max / 8))
        if not np.count_nonzero(wrong):
            return Lengths(x, np.sqrt(total), None)
    some, size, scaled = x[wrong], np.ones(len(x), x.dtype), x.copy()
    largest = np.abs(some).max(axis=1, initial=0)
    largest[largest == 0] = 1
    size[wrong] = largest
    some /= largest[:, np.newaxis]
    scaled[wrong] = some
    some = np.abs(some) ** p
    total[wrong] = np.where(np.isinf(largest), 1, rows(some).add())  # else inf / inf
    return Lengths(scaled, np.sqrt(total) if p == 2 else total ** (x.dtype.type(1) / p), size)
