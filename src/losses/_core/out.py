"""The check of `out`, an array that receives a gradient."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.exceptions import TooHardError
from numpy.lib.array_utils import byte_bounds
from numpy.typing import ArrayLike

from .dtypes import Array, result_dtype


def gradient_array(out: object, like: Array, /, **given: ArrayLike | None) -> Array:
    """Return the array that receives the gradient of `like`: a new one, or out once checked.

    The result is a plain array, also if out is of a subclass. `given` are the arguments as they
    came, that of `like` first: out may be this one, but no other memory of theirs.
    """
    dtype = result_dtype(like)
    if out is None:
        return np.empty_like(like, dtype)
    itself = next(iter(given))
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(f"out: expected a NumPy array, got {type(out).__name__}")
    out = np.asarray(out)
    if out.shape != like.shape or result_dtype(out) != dtype:
        raise ValueError(
            f"out: expected shape {like.shape} and dtype {dtype}, got {out.shape} and {out.dtype}"
        )
    if not out.flags.writeable:
        raise ValueError("out: expected a writable array, got a read-only one")
    if not _separate(out):
        raise ValueError(
            f"out: expected memory of its own for every entry, got a broadcast array or "
            f"overlapping windows: shape {out.shape}, strides {out.strides}"
        )
    in_a_file = _in_a_file(out, written=True) is not None
    for name, value in given.items():
        if value is None or isinstance(value, (list, tuple, float, int)):
            continue
        array = np.asarray(value)  # the caller's memory, if it gave an array or a buffer
        if _overlap(out, array):
            if name == itself and _same_memory(out, array):
                continue
            raise ValueError(
                f"out: expected {itself} itself or separate memory, got part of {name}"
            )
        if in_a_file and _overlap_in_a_file(out, array):
            raise ValueError(
                f"out: expected {itself} itself or separate memory, got a second map of the file "
                f"of {name}; map the file once, and pass that map or slices of it"
            )
    return out


def _separate(array: Array) -> bool:
    """Return whether no entries overlap: each stride exceeds what all smaller strides span."""
    if array.flags.forc:
        return True
    reach = array.itemsize
    for step, size in sorted(zip(map(abs, array.strides), array.shape, strict=True)):
        if size > 1 and step < reach:
            return False
        reach += step * (size - 1)
    return True


def _same_memory(a: Array, b: Array) -> bool:
    return a.ctypes.data == b.ctypes.data and a.strides == b.strides and a.dtype == b.dtype


def _overlap(a: Array, b: Array) -> bool:
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=1000)  # type: ignore[arg-type]  # any is allowed
    except TooHardError:  # undecided within the work allowed: treated as an overlap
        return True


def _overlap_in_a_file(out: Array, array: Array) -> bool:
    """Return whether the two are memory maps of one file that may share bytes of it."""
    one, other = _in_a_file(out, written=True), _in_a_file(array, written=False)
    if one is None or other is None or one[0] != other[0]:
        return False
    return one[1] < other[2] and other[1] < one[2]


def _in_a_file(array: Array, *, written: bool) -> tuple[str, int, int] | None:
    """Return the file that an array is mapped from, and the range of its bytes, or None.

    It is None too if the array is to be written, and writing it leaves the file alone.
    """
    mapped: Any = array
    while isinstance(mapped.base, np.ndarray):  # as far as the map that the array is a view of
        mapped = mapped.base
    if not isinstance(mapped, np.memmap) or mapped.filename is None or not array.size:
        return None
    if written and mapped.mode == "c":  # copy on write: only reading it reads the file
        return None
    low, high = byte_bounds(array)
    before = mapped.offset - byte_bounds(mapped)[0]
    return os.path.realpath(mapped.filename), before + low, before + high
