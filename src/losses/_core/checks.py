"""Every argument check. Each message names the argument, what came and what was expected."""

from __future__ import annotations

import operator
from numbers import Real
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.exceptions import AxisError, TooHardError
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[Any]
Floating: TypeAlias = "NDArray[np.floating[Any]] | np.floating[Any]"
Reduction: TypeAlias = Literal["none", "mean", "sum"]

REDUCTIONS = ("none", "mean", "sum")

# So far from [0, 1], two units of float16 at 1, a number may be a probability that was rounded.
ROUNDING = 2.0**-9


def real(**argument: ArrayLike) -> Array:
    """Return the one named argument as an array of real numbers, of any real dtype."""
    ((name, value),) = argument.items()
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name}: expected a plain array, got a masked array, whose mask would be lost; "
            f"pass {name}.filled(...)"
        )
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name}: expected an array of real numbers, but {error}") from None
    except (TypeError, RuntimeError) as error:  # of a device, or of what records gradients
        kind, remedy = type(value), ""
        if kind.__module__.partition(".")[0] == "torch":
            remedy = f"; pass {name}.detach().cpu().numpy()"
        raise TypeError(
            f"{name}: expected what NumPy makes an array of, got {kind.__name__}: "
            f"{str(error).partition(chr(10))[0].rstrip('.')}{remedy}"
        ) from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: expected real numbers, got {_no_numbers(name, array)}")
    return array


def _no_numbers(name: str, array: Array) -> str:
    """Return what an array of no real numbers is, and how to make numbers of it."""
    came = f"dtype {array.dtype}"
    first = next(iter(array.flat), None)
    if array.dtype.kind == "O" and not array.ndim:
        what = f"{type(first).__name__}, of which NumPy makes no array"
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
    what = f"{came}, as of a pandas frame with missing entries or columns of several kinds"
    labels = ", or labels by .to_numpy(int)" if name == "target" else ""
    return f"{what}; pass {name}.to_numpy(float), of an array {name}.astype(float){labels}"


def floating(**argument: ArrayLike) -> Array:
    """Return the one named argument as a floating array: integers and booleans become float64."""
    array = real(**argument)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def result_dtype(array: Array) -> np.dtype[Any]:
    """Return the dtype of the result: the array's own, in native byte order."""
    return array.dtype if array.dtype.isnative else array.dtype.newbyteorder("=")


def computation_dtype(array: Array) -> np.dtype[Any]:
    """Return the dtype of the computation: float32 for float16, else that of the result."""
    return result_dtype(array) if array.itemsize > 2 else np.dtype(np.float32)


def computation_dtype_with(target: Array, scores: Array) -> np.dtype[Any]:
    """Return the wider dtype of scores and a floating target t, or 1 - t would be lost."""
    dtype = computation_dtype(scores)
    return np.result_type(dtype, target.dtype) if target.dtype.kind == "f" else dtype


def wide_dtype(dtype: np.dtype[Any]) -> type[np.floating[Any]]:
    """Return the dtype of sums and of what they divide: float64, or wider."""
    return np.longdouble if dtype.itemsize > 8 else np.float64


def cast(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return the array in a dtype, in which an entry out of its range is 0 or inf."""
    if array.dtype == dtype:
        return array
    with np.errstate(all="ignore"):
        return array.astype(dtype)


def stand_in(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array of a shape and dtype in no memory, for checks that read no entry."""
    return np.broadcast_to(np.zeros((), dtype), shape)


def vector_for(vector: ArrayLike, **like: Array) -> Array:
    """Return what a Hessian is to be multiplied by, of the shape of the one named array."""
    array = real(vector=vector)
    same_shape(vector=array, **like)
    return array


def same_shape(**arrays: Array) -> None:
    """Raise ValueError unless all the named arrays have one shape."""
    if len({array.shape for array in arrays.values()}) > 1:
        came = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"expected equal shapes, got {came}")


def fits(like: Array, **argument: ArrayLike) -> Array:
    """Return the one named argument broadcast to the target's shape, which it may not enlarge."""
    (name,), array = argument, real(**argument)
    try:
        return np.broadcast_to(array, like.shape)
    except ValueError:
        raise ValueError(
            f"{name}: expected a shape that broadcasts to the target's {like.shape}, "
            f"got {array.shape}"
        ) from None


def unit_interval(**argument: Array) -> None:
    """Raise ValueError where an entry of the one named array is outside [0, 1] or nan."""
    ((name, array),) = argument.items()
    # The negation is for nan, which is neither inside nor outside.
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        outside = ~((array >= 0) & (array <= 1))
        position = first(outside)
        raise ValueError(
            f"{name}: {np.count_nonzero(outside)} entries outside [0, 1], "
            f"the first at position {position}: {array[position]}{_probably(name, array[outside])}"
        )


def _probably(name: str, outside: Array) -> str:
    """Return what entries outside [0, 1] probably are, and what to do about it."""
    if name != "probs" or not (np.abs(outside - 0.5) < np.inf).all():
        return ""
    if (np.abs(outside - 0.5) <= 0.5 + ROUNDING).all():
        return "; if that is rounding pass np.clip(probs, 0, 1)"
    return "; if these are logits call binary_cross_entropy_with_logits"


def first(where: Array) -> tuple[int, ...]:
    """Return the position of the first True."""
    return tuple(int(i) for i in np.unravel_index(np.argmax(where), where.shape))


def reduction_name(reduction: object) -> None:
    """Raise ValueError unless reduction is one of the three."""
    if not (isinstance(reduction, str) and reduction in REDUCTIONS):
        raise ValueError(f"reduction: expected 'none', 'mean' or 'sum', got {reduction!r}")


def upstream(grad_output: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Return grad_output as an array, of just the shape that the forward function returned."""
    array = real(grad_output=grad_output)
    if array.shape != shape:
        raise ValueError(
            f"grad_output: expected the shape of what the function returned, {shape}, "
            f"got {array.shape}"
        )
    return array


def whole_number(**argument: object) -> int:
    """Return the one named argument as an int."""
    ((name, value),) = argument.items()
    try:
        if isinstance(value, bool | np.bool_):  # before NumPy 2.3 a warning, not an error
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


def class_axis(axis: object, logits: Array, name: str) -> int:
    """Return the class axis: the one named, else 1, or 0 for 1-D logits."""
    if logits.ndim == 0:
        raise ValueError(f"{name}: expected at least one dimension, the classes, got a scalar")
    if axis is None:
        return min(1, logits.ndim - 1)
    return axis_index(axis, logits.ndim)


def class_weight(weight: ArrayLike | None, classes: int) -> Array | None:
    """Return the weight of each class, or None; it is cast where it is used."""
    if weight is None:
        return None
    array = real(weight=weight)
    if array.shape != (classes,):
        raise ValueError(
            f"weight: expected one entry for each of the {classes} classes, shape ({classes},), "
            f"got shape {array.shape}"
        )
    return array


def smoothing(label_smoothing: object) -> float:
    """Return label_smoothing as a float in [0, 1]."""
    if isinstance(label_smoothing, bool) or not isinstance(label_smoothing, (float, Real)):
        raise TypeError(f"label_smoothing: expected a number, got {label_smoothing!r}")
    value = float(label_smoothing)
    if not 0 <= value <= 1:
        raise ValueError(f"label_smoothing: expected a number in [0, 1], got {value}")
    return value


def gradient_array(out: object, logits: Array, /, **given: ArrayLike | None) -> Array:
    """Return the array that receives the gradient of logits: a new one, or out once checked.

    The inputs, logits among them, are as given: out may be no part of integers made floats either.
    """
    dtype = result_dtype(logits)
    if out is None:
        return np.empty_like(logits, dtype)
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(f"out: expected a NumPy array, got {type(out).__name__}")
    if out.shape != logits.shape or result_dtype(out) != dtype:
        raise ValueError(
            f"out: expected shape {logits.shape} and dtype {dtype}, got {out.shape} and {out.dtype}"
        )
    if not out.flags.writeable:
        raise ValueError("out: expected a writable array, got a read-only one")
    if not _separate(out):
        raise ValueError(
            f"out: expected memory of its own for every entry, got a broadcast array or "
            f"overlapping windows, with shape {out.shape} and strides {out.strides}"
        )
    for name, value in given.items():
        if value is None or isinstance(value, (list, tuple, Real)):
            continue
        array = np.asarray(value)  # the caller's memory, if it gave an array or a buffer
        if _overlap(out, array):
            if name == "logits" and _same_memory(out, array):
                continue
            raise ValueError(f"out: expected logits itself or separate memory, got part of {name}")
    return out


def _separate(array: Array) -> bool:
    """Return whether each step goes beyond all that smaller steps reach: no entries overlap."""
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
    try:
        return np.shares_memory(a, b, max_work=1000)  # type: ignore[arg-type]  # any is allowed
    except TooHardError:  # undecided within the work allowed: treated as an overlap
        return True
