"""Sums with twice the digits: a number and what its rounding left out.

The rounded sum of two numbers a and b, and the error of the rounding, are two numbers that add up
to a + b exactly (Knuth's two-sum). The errors are added beside the sums, and only the rounding of
the errors' own sums is lost. With the unit roundoff u and the sum S of the absolute values, the
errors of n numbers added in pairs are at most u S log2 n, so what is lost is at most
(u log2 n)**2 S; a merge adds three numbers of at most u S, and loses at most 6 u**2 S.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from .dtypes import Array, wide_dtype


class Compensated(NamedTuple):
    """A rounded sum, and what its rounding left out."""

    high: Any = 0.0
    low: Any = 0.0


def written(number: Compensated) -> dict[str, str]:
    """Return a sum as strings for JSON, nan and inf too, that `read` turns into the same sum."""
    dtype = np.result_type(*map(np.asarray, number))
    parts = {"high": number.high, "low": number.low}
    return {"dtype": "float64" if dtype.char == "d" else "longdouble"} | {
        name: _text(part) for name, part in parts.items()
    }


def read(written: object, name: str) -> Compensated:
    """Return the sum that `written` turned into these strings; messages call them `name`."""
    keys = ("dtype", "high", "low")
    if not isinstance(written, Mapping) or set(written) != set(keys):
        raise ValueError(f"{name}: expected a dict with {', '.join(keys)}, got {written!r}")
    if written["dtype"] not in ("float64", "longdouble"):
        raise ValueError(f"{name}: expected dtype float64 or longdouble, got {written['dtype']!r}")
    return Compensated(*(_number(written[key], written["dtype"], name) for key in keys[1:]))


def _text(number: Any) -> str:
    return np.format_float_scientific(number, trim="0")  # as few digits as identify the number


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
    """Return the rounded sum of two numbers, and the error of the rounding."""
    total = np.add(a, b)
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)


def _rounded(high: Any, low: Any) -> Compensated:
    """Return the rounded sum of two numbers, and the rest."""
    total = high + low
    # The error of an infinite sum is nan: such a sum has no rest.
    return Compensated(total, low - (total - high)) if np.isfinite(total) else Compensated(high)
