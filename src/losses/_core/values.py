"""The entries of an array, read for a check, in memory that does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .dtypes import Array

CHUNK = 1 << 16  # a check reads this many entries at a time


def extremes(array: Array) -> tuple[Any, Any]:
    """Return the least and the largest entry of an array that is not empty: nan if one is nan.

    To compare the two gives no warning, as to compare nan of bfloat16 would.
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
    """Yield the entries of an array in C order, in chunks, each after the index of its first."""
    # Of a contiguous array a chunk is a view; to copy one takes longer than most checks.
    entries = array.reshape(-1) if array.flags.c_contiguous else array.flat
    for start in range(0, array.size, CHUNK):
        yield start, entries[start : start + CHUNK]


def found_in_chunks(found: Iterable[Array]) -> tuple[int, int]:
    """Return the number of entries that are True in all the chunks, and the index of the first."""
    number, first = 0, 0
    with np.errstate(all="ignore"):  # NumPy warns where a nan of bfloat16 is compared
        for turn, chunk in enumerate(found):
            first = first if number else turn * CHUNK + int(chunk.argmax())
            number += int(np.count_nonzero(chunk))
    return number, first


def value_at(array: Array, index: int) -> str:
    """Return the position and the value of an entry, given its index in C order, for a message."""
    position = tuple(int(i) for i in np.unravel_index(index, array.shape))
    return f"position {position}: {array[position]}"
