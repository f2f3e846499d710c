"""Dtypes: those of results, of computations and of sums, and arrays in a dtype."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Floating: TypeAlias = "NDArray[np.floating[Any]] | np.floating[Any]"


def is_floating(dtype: np.dtype[Any]) -> bool:
    """Return whether a dtype is a real floating one: NumPy's, bfloat16 or a float8."""
    return dtype.kind == "f" or (dtype.kind == "V" and _holds_floats(dtype))


@cache
def _holds_floats(dtype: np.dtype[Any]) -> bool:
    """Return whether a dtype that NumPy calls void is a narrow floating one of ml_dtypes.

    It is if float32 holds all its numbers, and if it has 0, fractions, both signs and nan. Integers
    of 4 bits have no fractions, float8_e8m0fnu has no 0, and float4 and float6 have no nan.
    """
    if not np.can_cast(dtype, np.float32):
        return False
    probe = np.array([0, 0.5, -0.5, np.nan], np.float32)
    with np.errstate(all="ignore"):
        return np.array_equal(probe, probe.astype(dtype).astype(np.float32), equal_nan=True)


def result_dtype(array: Array) -> np.dtype[Any]:
    """Return the dtype of the result: the array's own, in native byte order."""
    return array.dtype if array.dtype.isnative else array.dtype.newbyteorder("=")


def computation_dtype(array: Array) -> np.dtype[Any]:
    """Return the dtype of the computation: float32 for narrower ones, else that of the result."""
    return result_dtype(array) if array.itemsize > 2 else np.dtype(np.float32)


def widest_dtype(*arrays: Array) -> np.dtype[Any]:
    """Return a dtype that holds the numbers of all the arrays: float32 for unlike narrow dtypes."""
    if len(arrays) == 1:  # nearly always: this saves a small call the rest
        return result_dtype(arrays[0])
    try:
        return np.result_type(*map(result_dtype, arrays))
    except TypeError:  # as of bfloat16 and float16, for which NumPy knows none
        return np.result_type(*map(computation_dtype, arrays))


def wide_dtype(dtype: np.dtype[Any]) -> type[np.floating[Any]]:
    """Return the dtype of sums and of divisors: float64, or longdouble for longdouble."""
    return np.longdouble if dtype.itemsize > 8 else np.float64


def cast(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return the array in a dtype. An entry out of the range of the dtype becomes 0 or inf."""
    if array.dtype == dtype:
        return array
    with np.errstate(all="ignore"):
        return array.astype(dtype)


def within(number: float, dtype: np.dtype[Any]) -> Any:
    """Return a finite number in a dtype: one out of the range of the dtype becomes an end of it."""
    limits = np.finfo(dtype)
    return dtype.type(max(limits.min, min(number, limits.max)))


def stand_in(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array of a shape and dtype that takes no memory, for checks that read no entry."""
    return np.broadcast_to(np.zeros((), dtype), shape)


def scalar_or_array(array: Array) -> Floating:
    """Return a 0-D array as a NumPy scalar, as NumPy's own functions do."""
    result: Floating = array if array.ndim else array[()]
    return result
