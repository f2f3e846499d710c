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

    An entry of weight 0 may be anything; the weights are as many.
    """
    ((name, array),) = argument.items()
    if array.dtype.kind == "b" or not array.size:  # of booleans there is nothing to see
        return
    low, high = extremes(array)
    if low >= 0 and high <= 1:
        return
    number, first = _wrong(lambda chunk: (chunk >= 0) & (chunk <= 1), weight, array)
    if number:
        raise ValueError(
            f"{name}: {number} entries outside [0, 1], the first at {value_at(array, first)}"
            f"{_unit_advice(name, low, high)}"
        )


def signs(weight: Array | None = None, /, **argument: Array) -> None:
    """Raise ValueError where an entry of the one named array is neither -1 nor 1.

    An entry of weight 0 may be anything; the weights are as many.
    """
    _one_of(-1, 1, f"use 2 * {next(iter(argument))} - 1 for 0/1 labels", weight, argument)


def labels_0_1(weight: Array | None = None, /, **argument: Array) -> None:
    """Raise ValueError where an entry of the one named array is neither 0 nor 1, as signs does."""
    _one_of(0, 1, "only the loss and its gradient take numbers between", weight, argument)


def _one_of(
    low: int, high: int, advice: str, weight: Array | None, argument: dict[str, Array]
) -> None:
    ((name, array),) = argument.items()
    number, first = _wrong(lambda chunk: (chunk == low) | (chunk == high), weight, array)
    if number:
        raise ValueError(
            f"{name}: {number} entries other than {low} and {high}, the first at "
            f"{value_at(array, first)}; {advice}"
        )


def _wrong(right: Callable[[Array], Any], weight: Array | None, array: Array) -> tuple[int, int]:
    """Return the number of wrong entries whose weight is not 0, and the index of the first."""

    def wrong(start: int, chunk: Array) -> Array:
        found: Array = ~right(chunk)
        if weight is not None and found.any():
            found &= weight.flat[start : start + chunk.size] != 0
        return found

    return found_in_chunks(wrong(start, chunk) for start, chunk in chunks(array))


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
