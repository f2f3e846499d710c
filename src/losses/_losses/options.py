"""The options that losses share, and their checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from numbers import Real
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .._core.checks import axis_index, real, whole_number
from .._core.dtypes import Array, is_floating
from .._core.schedule import worker_count

Reduction: TypeAlias = Literal["none", "mean", "sum"]


REDUCTIONS = ("none", "mean", "sum")


class Options(NamedTuple):
    """The options of a loss over classes, as far as they can be checked without its arrays.

    Where a loss lacks an option, the option has its default.
    """

    weight: Array | None
    ignore_index: int
    label_smoothing: float
    axis: int | None  # as given: class_axis counts it from the front
    workers: int
    reduction: Reduction
    softcap: float | None
    z_loss: float

    def with_own_weight(self) -> Options:
        """Return the options with a copy of the weight: the caller may change the original."""
        return self if self.weight is None else self._replace(weight=self.weight.copy())


def class_options(
    weight: ArrayLike | None = None,
    ignore_index: object = -100,
    label_smoothing: object = 0.0,
    axis: object = None,
    workers: object = None,
    reduction: Reduction = "none",
    softcap: object = None,
    z_loss: object = 0.0,
) -> Options:
    """Check each option of a loss over classes by itself; return them all."""
    reduction_name(reduction)
    return Options(
        None if weight is None else real(weight=weight),
        # Ints nearly always come: this saves a small call the full check.
        ignore_index if type(ignore_index) is int else whole_number(ignore_index=ignore_index),
        smoothing(label_smoothing),
        None if axis is None else whole_number(axis=axis),
        worker_count(workers),
        reduction,
        None if softcap is None else number("(0, inf)", softcap=softcap),
        finite(z_loss),
    )


def reduction_name(reduction: object) -> None:
    """Raise ValueError unless reduction is one of the three."""
    if not (isinstance(reduction, str) and reduction in REDUCTIONS):
        raise ValueError(f"reduction: expected 'none', 'mean' or 'sum', got {reduction!r}")


def class_axis(axis: object, logits: Array, name: str, holds: str = "classes") -> int:
    """Return the axis that holds the classes: the one named, else 1, or 0 for 1-D logits."""
    if logits.ndim == 0:
        raise ValueError(f"{name}: expected at least one dimension, the {holds}, got a scalar")
    if axis is None:
        return min(1, logits.ndim - 1)
    return axis_index(axis, logits.ndim)


def row_axes(axis: object, array: Array, name: str, holds: str) -> tuple[int, ...]:
    """Return the axes of what belongs together: of the classes, the features or the positions.

    The positions have all axes but the first, of the samples, and that of the classes.
    """
    if holds != "positions":
        return (class_axis(axis, array, name, holds),)
    if array.ndim < 2:
        raise ValueError(
            f"{name}: expected at least two dimensions, samples and classes, got shape "
            f"{array.shape}"
        )
    classes = class_axis(axis, array, name)
    if not classes:
        raise ValueError(f"axis: expected the axis of the classes, got {axis}, of the samples")
    return tuple(place for place in range(1, array.ndim) if place != classes)


def check_class_weight(weight: Array | None, classes: int) -> None:
    """Raise ValueError unless there is a weight for each class, or none."""
    if weight is not None and weight.shape != (classes,):
        raise ValueError(
            f"weight: expected one entry for each of the {classes} classes, shape ({classes},), "
            f"got shape {weight.shape}"
        )


def smoothing(label_smoothing: object) -> float:
    """Return label_smoothing as a float in [0, 1]."""
    if type(label_smoothing) is float and 0 <= label_smoothing <= 1:
        return label_smoothing  # nearly always: this saves a small call the full check
    return number("[0, 1]", label_smoothing=label_smoothing)


def finite(z_loss: object) -> float:
    """Return z_loss as a finite float."""
    if type(z_loss) is float and isfinite(z_loss):
        return z_loss  # nearly always: this saves a small call the full check
    return number("(-inf, inf)", z_loss=z_loss)


def chosen(checks: Mapping[str, Callable[..., Any]], options: Sequence[Any]) -> Sequence[Any]:
    """Return what the checks make of the options of a loss, which come in the same order."""
    if not options:
        return options
    pairs = zip(checks.items(), options, strict=True)
    return [check(**{name: value}) for (name, check), value in pairs]


def number(interval: str, /, **option: object) -> float:
    """Return the one named option as a float, once it lies in an interval such as "(0, inf]"."""
    ((name, value),) = option.items()
    if isinstance(value, np.generic) and is_floating(value.dtype):
        value = value.item()  # bfloat16 scalars are not of type Real
    if isinstance(value, bool) or not isinstance(value, (float, Real)):
        raise TypeError(f"{name}: expected a number, got {value!r}")
    given: Any = value
    low, high = map(float, interval[1:-1].split(","))
    try:
        found = float(given)
    except OverflowError:  # of a huge integer
        found = np.inf if given > 0 else -np.inf
    above = low <= found if interval[0] == "[" else low < found
    below = found <= high if interval[-1] == "]" else found < high
    if not (above and below):
        raise ValueError(f"{name}: expected a number in {interval}, got {value}")
    return found


def flag(**option: object) -> bool:
    """Return the one named option, once it is True or False."""
    ((name, value),) = option.items()
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: expected True or False, got {value!r}")
    return bool(value)


def complement(share: float, dtype: np.dtype[Any]) -> Any:
    """Return 1 - share in a dtype, rounded once: not the difference from a rounded share."""
    return dtype.type(1 - np.longdouble(share))


def wide_enough(dtype: np.dtype[Any], options: Sequence[Any]) -> np.dtype[Any]:
    """Return a dtype of computations, wider if an option is no normal number of it."""
    for option in options:
        if isinstance(option, float) and not _holds(dtype, option):
            dtype = np.result_type(dtype, np.float64)
    return dtype


def _holds(dtype: np.dtype[Any], option: float) -> bool:
    """Return whether an option keeps its digits in a dtype."""
    info, size = np.finfo(dtype), abs(option)
    return size in (0, np.inf) or bool(info.smallest_normal <= size <= info.max)
