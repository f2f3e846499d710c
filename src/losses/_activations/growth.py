"""What exp(x) - 1 has beyond x, without a difference of close numbers."""

from __future__ import annotations

import numpy as np

from .._core.dtypes import Array

# So many terms of the continued fraction have all the digits for |x| <= 1.
TERMS = {"f": 4, "d": 7, "g": 12}


def growth(x: Array) -> tuple[Array, Array]:
    """Return exp(x) - 1 and exp(x) - 1 - x, which is never negative, of contiguous numbers."""
    grown = np.expm1(x)
    near = np.abs(x) < 1
    number = np.count_nonzero(near)
    if number == x.size:
        return grown, _near(x)
    beyond = grown - x
    if number:
        (places,) = near.reshape(-1).nonzero()  # much faster than a mask
        beyond.reshape(-1)[places] = _near(x.reshape(-1)[places])
    return grown, beyond


def _near(x: Array) -> Array:
    """Return exp(x) - 1 - x for |x| < 1.

    With r = x coth(x / 2) - 2 = z / (6 + z / (10 + z / (14 + ...))), z = x^2, exp(x) - 1 is
    2 x / (2 + r - x), and exp(x) - 1 - x is x (x - r) / (2 + r - x).
    """
    square = x * x
    rest = np.zeros_like(x)
    for term in range(TERMS[x.dtype.char], 0, -1):
        rest += 4 * term + 2
        np.divide(square, rest, out=rest)
    found = x - rest
    np.subtract(2, found, out=rest)
    found *= x
    found /= rest
    return found
