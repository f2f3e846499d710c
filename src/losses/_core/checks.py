"""Every argument check. Each message names the argument, what came and what was expected."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from numbers import Real
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.exceptions import AxisError, TooHardError
from numpy.lib.array_utils import byte_bounds
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[Any]
Floating: TypeAlias = "NDArray[np.floating[Any]] | np.floating[Any]"
Reduction: TypeAlias = Literal["none", "mean", "sum"]

REDUCTIONS = ("none", "mean", "sum")

# So far from [0, 1], two units of float16 at 1, a number may be a probability that was rounded.
ROUNDING = 2.0**-9
# Values are looked at this many at a time, so that a check needs no memory of their number.
CHUNK = 1 << 16
ADDRESSABLE = 1 << 47  # bytes that a process has addresses for: more are a broadcast array


def is_floating(dtype: np.dtype[Any]) -> bool:
    """Return whether a dtype is a real floating one: NumPy's, bfloat16 or a float8."""
    return dtype.kind == "f" or (dtype.kind == "V" and _holds_floats(dtype))


@cache
def _holds_floats(dtype: np.dtype[Any]) -> bool:
    """Return whether a dtype that NumPy calls void is a narrow floating one, as of ml_dtypes.

    It is one if float32 has all its numbers and it has 0, fractions, both signs and nan. Integers
    of 4 bits have no fractions, float8_e8m0fnu has no 0, and float4 and float6 have no nan.
    """
    if not np.can_cast(dtype, np.float32):
        return False
    probe = np.array([0, 0.5, -0.5, np.nan], np.float32)
    with np.errstate(all="ignore"):
        return np.array_equal(probe, probe.astype(dtype).astype(np.float32), equal_nan=True)


def real(**argument: ArrayLike) -> Array:
    """Return the one named argument as an array of real numbers, of any real dtype."""
    ((name, value),) = argument.items()
    array = value if type(value) is np.ndarray else _as_array(name, value)
    if array.dtype.kind not in "fiub" and not is_floating(array.dtype):
        raise TypeError(f"{name}: expected real numbers, got {_no_numbers(name, array)}")
    if array.nbytes > ADDRESSABLE:
        raise ValueError(
            f"{name}: expected an array that a memory may hold, got a broadcast one of shape "
            f"{array.shape}, {array.nbytes} bytes, each of which would be worked on"
        )
    return array


def _as_array(name: str, value: ArrayLike) -> Array:
    """Return an array of what is none yet, or is one of another kind."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name}: expected a plain array, got a masked array, whose mask would be lost; "
            f"pass {name}.filled(...)"
        )
    try:
        return np.asarray(value)
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


def _no_numbers(name: str, array: Array) -> str:
    """Return what an array of no real numbers is, and how to make numbers of it."""
    came = f"dtype {array.dtype}{_advice(array.dtype)}"
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


def _advice(dtype: np.dtype[Any]) -> str:
    """Return what to do about an array that holds no real numbers."""
    if dtype in (np.dtype("V1"), np.dtype("V2")):
        kind = "bfloat16" if dtype.itemsize == 2 else "float8_e4m3fn"
        return (
            f", untyped bytes; where np.save left them of {kind}, "
            f"array.view(ml_dtypes.{kind}) has their numbers"
        )
    if dtype.kind == "V" and dtype.type is not np.void:  # of ml_dtypes, and none of the above
        wide = [name for name in ("int8", "float32") if np.can_cast(dtype, name)]
        return f"; array.astype(np.{wide[0]}) has its numbers" if wide else ""
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


def result_dtype(array: Array) -> np.dtype[Any]:
    """Return the dtype of the result: the array's own, in native byte order."""
    return array.dtype if array.dtype.isnative else array.dtype.newbyteorder("=")


def computation_dtype(array: Array) -> np.dtype[Any]:
    """Return the dtype of the computation: float32 for narrower ones, else that of the result."""
    return result_dtype(array) if array.itemsize > 2 else np.dtype(np.float32)


def computation_dtype_with(target: Array, scores: Array) -> np.dtype[Any]:
    """Return the wider dtype of scores and a floating target t, or 1 - t would be lost."""
    dtype = computation_dtype(scores)
    return np.result_type(dtype, target.dtype) if is_floating(target.dtype) else dtype


def widest_dtype(*arrays: Array) -> np.dtype[Any]:
    """Return the dtype that holds the numbers of all the arrays: float32 for unlike narrow ones."""
    try:
        return np.result_type(*map(result_dtype, arrays))
    except TypeError:  # NumPy knows no other that holds both bfloat16 and float16
        return np.result_type(*map(computation_dtype, arrays))


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


def unit_interval(weight: Array | None = None, /, **argument: Array) -> None:
    """Raise ValueError where an entry of the one named array is outside [0, 1] or nan.

    An entry of weight 0 may be anything; the weights are as many.
    """
    ((name, array),) = argument.items()
    # Of booleans there is nothing to see. The negations are for nan, which is in no interval.
    if array.dtype.kind == "b" or not array.size:
        return
    low, high = extremes(array)
    if low >= 0 and high <= 1:
        return

    def outside(start: int, chunk: Array) -> Array:
        wrong: Array = ~((chunk >= 0) & (chunk <= 1))
        return wrong if weight is None else wrong & (weight.flat[start : start + CHUNK] != 0)

    number, first = found_in_chunks(outside(start, chunk) for start, chunk in chunks(array))
    if number:
        raise ValueError(
            f"{name}: {number} entries outside [0, 1], the first at {value_at(array, first)}"
            f"{_unit_advice(name, low, high)}"
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


def unpacked(value: object, how: str) -> str:
    """Return what a message adds where a list came instead of one of the things that it holds."""
    several = isinstance(value, Iterable) and not isinstance(value, str | Mapping)
    return f"; unpack what holds several: {how}" if several else ""


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
    if isinstance(label_smoothing, np.generic) and is_floating(label_smoothing.dtype):
        label_smoothing = label_smoothing.item()  # a number of bfloat16 is no Real
    if isinstance(label_smoothing, bool) or not isinstance(label_smoothing, (float, Real)):
        raise TypeError(f"label_smoothing: expected a number, got {label_smoothing!r}")
    number: Any = label_smoothing
    if not 0 <= number <= 1:
        raise ValueError(f"label_smoothing: expected a number in [0, 1], got {number}")
    return float(number)


def gradient_array(out: object, logits: Array, /, **given: ArrayLike | None) -> Array:
    """Return the array that receives the gradient of logits: a new one, or out once checked.

    It is a plain array, a view of what out may be a subclass of. The inputs, logits among them, are
    as given: out may be no part of integers made floats either.
    """
    dtype = result_dtype(logits)
    if out is None:
        return np.empty_like(logits, dtype)
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(f"out: expected a NumPy array, got {type(out).__name__}")
    out = np.asarray(out)
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
    in_a_file = _in_a_file(out, written=True) is not None
    for name, value in given.items():
        if value is None or isinstance(value, (list, tuple, float, int)):
            continue
        array = np.asarray(value)  # the caller's memory, if it gave an array or a buffer
        if _overlap(out, array):
            if name == "logits" and _same_memory(out, array):
                continue
            raise ValueError(f"out: expected logits itself or separate memory, got part of {name}")
        if in_a_file and _overlap_in_a_file(out, array):
            raise ValueError(
                f"out: expected logits itself or separate memory, got part of the file of {name}, "
                f"mapped once more; map the file once, and pass that map or slices of it"
            )
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
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=1000)  # type: ignore[arg-type]  # any is allowed
    except TooHardError:  # undecided within the work allowed: treated as an overlap
        return True


def _overlap_in_a_file(out: Array, array: Array) -> bool:
    """Return whether two memory maps of one file may have bytes of it in common."""
    one, other = _in_a_file(out, written=True), _in_a_file(array, written=False)
    if one is None or other is None or one[0] != other[0]:
        return False
    return one[1] < other[2] and other[1] < one[2]


def _in_a_file(array: Array, *, written: bool) -> tuple[str, int, int] | None:
    """Return the file that an array is mapped from, and from which byte of it up to which.

    It is None too where the array is to be written, but not the file.
    """
    mapped: Any = array
    while isinstance(mapped.base, np.ndarray):  # to the map that the array is a view of
        mapped = mapped.base
    if not isinstance(mapped, np.memmap) or mapped.filename is None or not array.size:
        return None
    if written and mapped.mode == "c":  # a copy on write, which reads the file until then
        return None
    low, high = byte_bounds(array)
    before = mapped.offset - byte_bounds(mapped)[0]
    return os.path.realpath(mapped.filename), before + low, before + high
