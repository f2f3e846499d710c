"""The values of an array, looked at in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .dtypes import Array

# Values are looked at this many at a time, so that a check needs no memory of their number.
CHUNK = 1 << 16


def extremes(array: Array) -> tuple[Any, Any]:
    """Return the least and the largest entry of an array that has some, nan if one is nan.

    They are numbers that compare without a warning, which nan of bfloat16 does not.
    """
    array = distinct(array)
    if array.dtype.kind != "V":
        return np.minimum.reduce(array, axis=None), np.maximum.reduce(array, axis=None)
    with np.errstate(all="ignore"):
        return array.min().item(), array.max().item()


def distinct(array: Array) -> Array:
    """Return an array without the entries that broadcasting repeats."""
    if 0 not in array.strides:
        return array
    return array[tuple(slice(None if step else 1) for step in array.strides)]


def chunks(array: Array) -> Iterator[tuple[int, Array]]:
    """Yield the entries of an array in C order, a chunk at a time, and where each chunk begins."""
    for start in range(0, array.size, CHUNK):
        yield start, array.flat[start : start + CHUNK]


def found_in_chunks(found: Iterable[Array]) -> tuple[int, int]:
    """Return how many entries were found, given for each chunk which, and where the first lies."""
    number, first = 0, 0
    with np.errstate(all="ignore"):  # to compare a nan of bfloat16 would be a warning
        for turn, chunk in enumerate(found):
            first = first if number else turn * CHUNK + int(chunk.argmax())
            number += int(np.count_nonzero(chunk))
    return number, first


def value_at(array: Array, index: int) -> str:
    """Return the position of an entry, counted in C order, and its value, for a message."""
    position = tuple(int(i) for i in np.unravel_index(index, array.shape))
    return f"position {position}: {array[position]}"
