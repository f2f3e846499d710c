"""Sums with twice the digits: a number and what its rounding left out.

The sum s of two numbers a and b and the error of its rounding, which is a number too, are a + b
exactly (Knuth's two-sum). The errors are added beside the sums, and only their own rounding is
lost. With the unit roundoff u and S the sum of the absolute values, the rests of n numbers added
in pairs are at most u S log2 n, so their rounding is at most (u log2 n)**2 S; a merge adds three
numbers of at most u S, and loses at most 6 u**2 S.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .checks import Array, wide_dtype


class Compensated(NamedTuple):
    """A sum, rounded, and the rest of it."""

    high: Any = 0.0
    low: Any = 0.0


def compensated(values: Array) -> Compensated:
    """Return the sum of all the entries of an array, added in pairs."""
    high = values.reshape(-1).astype(wide_dtype(values.dtype))
    low = np.zeros_like(high)
    with np.errstate(all="ignore"):  # infinities and nan are answers here
        while high.size > 1:
            if high.size % 2:
                high, low = np.append(high, high.dtype.type(0)), np.append(low, low.dtype.type(0))
            half = high.size // 2
            total, error = _two_sum(high[:half], high[half:])
            high, low = total, low[:half] + low[half:] + error
    return _rounded(high[0], low[0]) if high.size else Compensated()


def add(a: Compensated, b: Compensated) -> Compensated:
    """Return the sum of two sums."""
    with np.errstate(all="ignore"):
        high, error = _two_sum(a.high, b.high)
        return _rounded(high, a.low + b.low + error)


def _two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """Return the sum, rounded, and the error of its rounding."""
    total = np.add(a, b)
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)


def _rounded(high: Any, low: Any) -> Compensated:
    """Return the sum of the two, rounded, and the rest."""
    total = high + low
    # The errors of infinities are nan: such a sum has no rest.
    return Compensated(total, low - (total - high)) if np.isfinite(total) else Compensated(high)
