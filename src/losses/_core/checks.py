"""Checks of arguments. Each message names the argument, what came and what was expected.

The check of `out` is in `out.py`.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.exceptions import AxisError
from numpy.typing import ArrayLike

from .dtypes import Array, is_floating

ADDRESSABLE = 1 << 47  # bytes that a process can address: a larger array is a broadcast one


def real(**argument: ArrayLike) -> Array:
    """Return the one named argument as an array of real numbers, of any real dtype."""
    ((name, value),) = argument.items()
    array = value if type(value) is np.ndarray else _as_array(name, value)
    if array.dtype.kind not in "fiub" and not is_floating(array.dtype):
        raise TypeError(f"{name}: expected real numbers, got {_no_numbers(name, array)}")
    if array.nbytes > ADDRESSABLE:
        raise ValueError(
            f"{name}: expected an array that memory can hold, got a broadcast array of shape "
            f"{array.shape}, whose {array.nbytes} bytes would all be computed with"
        )
    return array


def _as_array(name: str, value: ArrayLike) -> Array:
    """Return a value that is no plain NumPy array yet as one."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name}: expected a plain array, got a masked array, whose mask would be lost; "
            f"pass {name}.filled(...)"
        )
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name}: expected an array of real numbers, but {error}") from None
    except (TypeError, RuntimeError) as error:  # of a tensor on a device or with gradients
        kind, remedy = type(value), ""
        if kind.__module__.partition(".")[0] == "torch":
            remedy = f"; pass {name}.detach().cpu().numpy()"
        raise TypeError(
            f"{name}: expected what NumPy can make an array of, got {kind.__name__}: "
            f"{str(error).partition(chr(10))[0].rstrip('.')}{remedy}"
        ) from None


def _no_numbers(name: str, array: Array) -> str:
    """Return what an array without real numbers is, and how to make numbers of it."""
    came = f"dtype {array.dtype}{_advice(array.dtype)}"
    first = next(iter(array.flat), None)
    if array.dtype.kind == "O" and not array.ndim:
        what = f"{type(first).__name__}, which NumPy cannot make an array of"
        return f"{what}; pass {name}.toarray()" if hasattr(first, "toarray") else what
    if array.dtype.kind in "Mm":
        return f"{came}; divide a time by its unit, as by np.timedelta64(1, 's')"
    if array.dtype.kind in "SUT" or isinstance(first, (str, bytes)):
        if name == "target":
            encoded = "as np.unique(target, return_inverse=True)[1] does"
            return f"{came}, of strings; encode the labels as integers, {encoded}"
        return f"{came}, of strings; pass numbers, as {name}.astype(float) makes of '1.5'"
    if array.dtype.kind != "O":
        return came
    what = f"{came}, as of a pandas frame with missing entries or columns of mixed kinds"
    labels = ", or labels as .to_numpy(int)" if name == "target" else ""
    return f"{what}; pass {name}.to_numpy(float), or {name}.astype(float) of an array{labels}"


def _advice(dtype: np.dtype[Any]) -> str:
    """Return what to do about an array that holds no real numbers."""
    if dtype in (np.dtype("V1"), np.dtype("V2")):
        kind = "bfloat16" if dtype.itemsize == 2 else "float8_e4m3fn"
        return (
            f", untyped bytes; if np.save wrote them from {kind}, "
            f"array.view(ml_dtypes.{kind}) has the numbers"
        )
    if dtype.kind == "V" and dtype.type is not np.void:  # of ml_dtypes, but with no real numbers
        wide = [name for name in ("int8", "float32") if np.can_cast(dtype, name)]
        return f"; array.astype(np.{wide[0]}) has the numbers" if wide else ""
    return ""


def floating(**argument: ArrayLike) -> Array:
    """Return the one named argument as a floating array: integers and booleans become float64."""
    array = real(**argument)
    return array if is_floating(array.dtype) else array.astype(np.float64)


def boolean(**argument: ArrayLike) -> Array:
    """Return the one named argument as an array of booleans."""
    ((name, _),), array = argument.items(), real(**argument)
    if array.dtype.kind != "b" and array.size:
        raise TypeError(f"{name}: expected booleans, got dtype {array.dtype}; pass {name} != 0")
    return array


def vector_for(vector: ArrayLike, **like: Array) -> Array:
    """Return the vector that a Hessian multiplies, once it has the shape of the named array."""
    array = real(vector=vector)
    same_shape(vector=array, **like)
    return array


def same_shape(**arrays: Array) -> None:
    """Raise ValueError unless all the named arrays have one shape."""
    if len({array.shape for array in arrays.values()}) > 1:
        came = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"expected equal shapes, got {came}")


def spreads(**arrays: Array) -> None:
    """Raise ValueError unless the second named array broadcasts to the first.

    It is 0-D, or has as many dimensions, each of the same size or 1.
    """
    (first, like), (name, array) = arrays.items()
    shape, own = like.shape, array.shape
    pairs = zip(own, shape, strict=False)
    if own and (len(own) != len(shape) or any(size not in (1, wide) for size, wide in pairs)):
        advice = f"; pass {name}[..., np.newaxis]" if own == shape[:-1] else ""
        raise ValueError(
            f"{name}: expected a scalar, or the shape of {first}, {shape}, in which any size may "
            f"be 1, got {own}{advice}"
        )


def fits(like: Array, **argument: ArrayLike) -> Array:
    """Return the one named argument broadcast to the target's shape."""
    (name,), array = argument, real(**argument)
    try:
        return np.broadcast_to(array, like.shape)
    except ValueError:
        raise ValueError(
            f"{name}: expected a shape that broadcasts to the target's {like.shape}, "
            f"got {array.shape}"
        ) from None


def check_grad_output(grad_output: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Return grad_output as an array, once it has the shape that the forward function returned."""
    array = real(grad_output=grad_output)
    if array.shape != shape:
        raise ValueError(
            f"grad_output: expected the shape of what the function returned, {shape}, "
            f"got {array.shape}"
        )
    return array


def unpacked(value: object, how: str) -> str:
    """Return the advice for a list that came instead of one of its elements, else nothing."""
    several = isinstance(value, Iterable) and not isinstance(value, str | Mapping)
    return f"; unpack it, as in {how}" if several else ""


def whole_number(**argument: object) -> int:
    """Return the one named argument as an int."""
    ((name, value),) = argument.items()
    try:
        if isinstance(value, bool | np.bool_):  # before NumPy 2.3 operator.index only warns
            raise TypeError
        return operator.index(value)  # type: ignore[arg-type]  # its TypeError is the check
    except TypeError:
        raise TypeError(f"{name}: expected an integer, got {value!r}") from None


def axis_index(axis: object, ndim: int) -> int:
    """Return axis counted from the front; a 0-D array has one axis, as in NumPy's reductions."""
    index = whole_number(axis=axis)
    ndim = max(ndim, 1)
    if not -ndim <= index < ndim:
        raise AxisError(index, ndim, "axis")
    return index % ndim
