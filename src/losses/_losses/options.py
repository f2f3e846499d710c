"""The checks of options that losses share."""

from __future__ import annotations

from numbers import Real
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .._core.checks import axis_index, real
from .._core.dtypes import Array, is_floating

Reduction: TypeAlias = Literal["none", "mean", "sum"]


REDUCTIONS = ("none", "mean", "sum")


def reduction_name(reduction: object) -> None:
    """Raise ValueError unless reduction is one of the three."""
    if not (isinstance(reduction, str) and reduction in REDUCTIONS):
        raise ValueError(f"reduction: expected 'none', 'mean' or 'sum', got {reduction!r}")


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
