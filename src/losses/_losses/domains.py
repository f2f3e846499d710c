"""The domains of targets and probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.dtypes import Array
from .._core.values import chunks, extremes, found_in_chunks, value_at

# So far from [0, 1], two units of float16 at 1, a number may be a probability that was rounded.
ROUNDING = 2.0**-9


def unit_interval(weight: Array | None = None, /, **argument: Array) -> None:
    """Raise ValueError where an entry of the one named array is outside [0, 1] or nan.

    An entry of weight 0 may be anything; the weights are as many. So it is in each of the domains.
    """
    ((name, array),) = argument.items()
    # Of booleans there is nothing to see. The negations are for nan, which is in no interval.
    if array.dtype.kind == "b" or not array.size:
        return
    low, high = extremes(array)
    if low >= 0 and high <= 1:
        return
    advice = _unit_advice(name, low, high)
    _refuse(weight, lambda x: ~((x >= 0) & (x <= 1)), "outside [0, 1]", advice, **argument)


def not_negative(weight: Array | None = None, /, **argument: Array) -> None:
    """Raise ValueError where an entry of the one named array is below 0, infinite or nan."""
    (array,) = argument.values()
    if array.dtype.kind in "bu" or not array.size:
        return
    low, high = extremes(array)
    if low >= 0 and high < np.inf:
        return
    _refuse(weight, lambda x: ~((x >= 0) & (x < np.inf)), "outside [0, inf)", "", **argument)


def signs(weight: Array | None = None, /, **argument: Array) -> None:
    """Raise ValueError where an entry of the one named array is neither 1 nor -1."""
    advice = "; use 2 * target - 1 for 0/1 labels"
    _refuse(weight, lambda x: np.abs(x) != 1, "other than 1 and -1", advice, **argument)


def _refuse(
    weight: Array | None,
    outside: Callable[[Array], Array],
    what: str,
    advice: str,
    /,
    **argument: Array,
) -> None:
    """Raise ValueError where entries of the one named array are outside and not of weight 0."""
    ((name, array),) = argument.items()

    def wrong(start: int, chunk: Array) -> Array:
        found = outside(chunk)
        return found if weight is None else found & (weight.flat[start : start + chunk.size] != 0)

    number, first = found_in_chunks(wrong(start, chunk) for start, chunk in chunks(array))
    if number:
        raise ValueError(
            f"{name}: {number} entries {what}, the first at {value_at(array, first)}{advice}"
        )


def _unit_advice(name: str, low: Any, high: Any) -> str:
    """Return what entries from low to high probably are, and what to do about it."""
    if name == "probs":
        if not (-np.inf < low and high < np.inf):
            return ""
        if low >= -ROUNDING and high <= 1 + ROUNDING:
            return "; if that is rounding pass np.clip(probs, 0, 1)"
        return "; if these are logits call binary_cross_entropy_with_logits"
    if low >= 0 and high == 255:
        return "; of a mask of 0 and 255 pass target / 255"
    if low == -1 and high <= 1:
        return "; of labels -1 and 1 pass (target + 1) / 2"
    return ""


def not_below_0(weight: Array | None = None, /, **argument: Array) -> None:
    """Raise ValueError where an entry of the one named array is below 0; nan passes."""
    (array,) = argument.values()
    if array.dtype.kind in "bu" or not array.size or extremes(array)[0] >= 0:
        return
    _refuse(weight, lambda x: x < 0, "below 0", "", **argument)
