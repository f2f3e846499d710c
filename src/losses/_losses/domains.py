"""The domains of targets and probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.dtypes import Array
from .._core.values import chunks, extremes, found_in_chunks, value_at

# A number at most this far from [0, 1] may be a rounded probability: two spacings of float16 at 1.
ROUNDING = 2.0**-9


def unit_interval(weight: Array | None = None, /, **argument: Array) -> None:
    """Raise ValueError where an entry of the one named array is outside [0, 1] or nan.

    An entry of weight 0 may be anything, here and in every other domain. The weights have the shape
    of the array.
    """
    ((name, array),) = argument.items()
    if array.dtype.kind == "b" or not array.size:  # of booleans there is nothing to see
        return
    low, high = extremes(array)
    if not (low >= 0 and high <= 1):
        advice = _unit_advice(name, low, high)
        _refuse(lambda x: (x >= 0) & (x <= 1), weight, "outside [0, 1]", advice, **argument)


def not_negative(weight: Array | None = None, advice: str = "", /, **argument: Array) -> None:
    """Raise ValueError where an entry of the one named array is below 0, infinite or nan."""
    (array,) = argument.values()
    if array.dtype.kind in "bu" or not array.size:
        return
    low, high = extremes(array)
    if not (low >= 0 and high < np.inf):
        _refuse(lambda x: (x >= 0) & (x < np.inf), weight, "outside [0, inf)", advice, **argument)


def class_probabilities(weight: Array | None = None, /, **argument: Array) -> None:
    """Raise ValueError where an entry of the one named array is below 0, infinite or nan."""
    not_negative(weight, "; logits want a softmax first", **argument)


def positive(weight: Array | None = None, /, **argument: Array) -> None:
    """Raise ValueError where an entry of the one named array is not above 0, infinite or nan."""
    (array,) = argument.values()
    if not array.size:
        return
    low, high = extremes(array)
    if not (low > 0 and high < np.inf):
        _refuse(lambda x: (x > 0) & (x < np.inf), weight, "outside (0, inf)", **argument)


def above_0(weight: Array | None = None, /, **argument: Array) -> None:
    """Raise ValueError where an entry of the one named array is not above 0; nan and inf pass."""
    (array,) = argument.values()
    if array.size and not extremes(array)[0] > 0:
        _refuse(lambda x: ~(x <= 0), weight, "not above 0", **argument)


def not_below_0(weight: Array | None = None, /, **argument: Array) -> None:
    """Raise ValueError where an entry of the one named array is below 0; nan and inf pass."""
    (array,) = argument.values()
    if array.dtype.kind in "bu" or not array.size or extremes(array)[0] >= 0:
        return
    _refuse(lambda x: ~(x < 0), weight, "below 0", **argument)


def signs(weight: Array | None = None, /, **argument: Array) -> None:
    """Raise ValueError where an entry of the one named array is neither -1 nor 1."""
    advice = "; use 2 * target - 1 for 0/1 labels"
    _refuse(lambda x: (x == 1) | (x == -1), weight, "other than -1 and 1", advice, **argument)


def labels_0_1(weight: Array | None = None, /, **argument: Array) -> None:
    """Raise ValueError where an entry of the one named array is neither 0 nor 1."""
    advice = "; only the loss and its gradient take numbers between"
    _refuse(lambda x: (x == 0) | (x == 1), weight, "other than 0 and 1", advice, **argument)


def _refuse(
    right: Callable[[Array], Any],
    weight: Array | None,
    what: str,
    advice: str = "",
    /,
    **argument: Array,
) -> None:
    """Raise ValueError if entries of the one named array are not right, and not of weight 0."""
    ((name, array),) = argument.items()

    def wrong(start: int, chunk: Array) -> Array:
        found: Array = ~right(chunk)
        if weight is not None and found.any():
            found &= weight.flat[start : start + chunk.size] != 0
        return found

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
