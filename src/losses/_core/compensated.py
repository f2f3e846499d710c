"""Sums with twice the digits: a number and what its rounding left out.

The sum s of two numbers a and b and the error of its rounding, which is a number too, are a + b
exactly (Knuth's two-sum). The errors are added beside the sums, and only their own rounding is
lost. With the unit roundoff u and S the sum of the absolute values, the rests of n numbers added
in pairs are at most u S log2 n, so their rounding is at most (u log2 n)**2 S; a merge adds three
numbers of at most u S, and loses at most 6 u**2 S.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from .dtypes import Array, wide_dtype


class Compensated(NamedTuple):
    """A sum, rounded, and the rest of it."""

    high: Any = 0.0
    low: Any = 0.0


def written(number: Compensated) -> dict[str, str]:
    """Return a sum as strings that JSON holds, nan and inf too, and that read back as the same."""
    dtype = np.result_type(*map(np.asarray, number))
    parts = {"high": number.high, "low": number.low}
    return {"dtype": "float64" if dtype.char == "d" else "longdouble"} | {
        name: _text(part) for name, part in parts.items()
    }


def read(written: object, name: str) -> Compensated:
    """Return a sum from what `written` made of it, which messages call `name`."""
    keys = ("dtype", "high", "low")
    if not isinstance(written, Mapping) or set(written) != set(keys):
        raise ValueError(f"{name}: expected a dict with {', '.join(keys)}, got {written!r}")
    if written["dtype"] not in ("float64", "longdouble"):
        raise ValueError(f"{name}: expected dtype float64 or longdouble, got {written['dtype']!r}")
    return Compensated(*(_number(written[key], written["dtype"], name) for key in keys[1:]))


def _text(number: Any) -> str:
    return np.format_float_scientific(number, trim="0")  # as many digits as tell it from others


def _number(text: object, dtype: str, name: str) -> Any:
    try:
        if not isinstance(text, str):
            raise ValueError
        number = np.dtype(dtype).type(text)
    except ValueError:
        raise ValueError(f"{name}: expected a number as a string, got {text!r}") from None
    if _text(number) != text:
        raise ValueError(
            f"{name}: expected a number as to_dict writes it, got {text!r}, which reads as "
            f"{_text(number)} in this machine's {dtype}"
        )
    return number


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
