"""The checks of targets over classes: class indices and class probabilities."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core.dtypes import Array, is_floating
from .._core.values import chunks, distinct, extremes, found_in_chunks, value_at

# For each integer dtype the unsigned dtype of the same size, and the largest number of its own.
UNSIGNED = {
    np.dtype(f"{kind}{size}"): (np.dtype(f"u{size}"), int(np.iinfo(f"{kind}{size}").max))
    for kind in "iu"
    for size in (1, 2, 4, 8)
}


def is_probabilities(target: Array, logits: Array) -> bool:
    """Return whether a target holds class probabilities rather than class indices."""
    if not is_floating(target.dtype) or target.ndim != logits.ndim:
        return False
    if target.shape != logits.shape:
        raise ValueError(
            f"target: expected class probabilities of the shape of logits, {logits.shape}, "
            f"got {target.shape}"
        )
    return True


def not_a_class(ignore_index: int) -> None:
    """Raise ValueError if ignore_index names a class where the target holds probabilities."""
    if ignore_index >= 0:
        raise ValueError(
            f"ignore_index: expected a negative number with class probabilities, of which none "
            f"can be ignored, got {ignore_index}"
        )


class ImprobableError(ValueError):
    """Class probabilities that are negative, nan or infinite."""


def check_probabilities(target: Array, ignore_index: int) -> None:
    """Raise ValueError if ignore_index names a class, or an entry is no probability."""
    not_a_class(ignore_index)
    if not target.size:
        return
    low, high = extremes(target)
    if low >= 0 and np.isfinite(high):
        return
    number, first = found_in_chunks(improbable(chunk) for _, chunk in chunks(target))
    raise ImprobableError(f"target: {improbable_message(number, value_at(target, first))}")


def improbable(target: Array) -> Array:
    """Return which class probabilities are negative, nan or infinite."""
    wrong: Array = ~((target >= 0) & np.isfinite(target))
    return wrong


def improbable_message(number: int, first: str) -> str:
    """Return the message about invalid class probabilities: how many, and the first."""
    return (
        f"{number} class probabilities that are negative, nan or infinite, the first at {first}; "
        f"logits want a softmax first"
    )


def label_shape(scores: Array, axis: int, target: Array, name: str) -> tuple[int, ...]:
    """Return the shape of the labels of scores; raise unless the target's shape and dtype fit."""
    samples = scores.shape[:axis] + scores.shape[axis + 1 :]
    if target.dtype.kind == "b" and target.shape == scores.shape:
        raise ValueError(_wrong_shape(target, scores, samples, name))
    if target.dtype.kind not in "iu":
        missing = ""
        if is_floating(target.dtype):  # whether nan is there is unknown: entries are not read
            missing = ", missing ones (nan) by np.nan_to_num(target, nan=ignore_index).astype(int)"
        raise TypeError(
            f"target: expected integer class indices of shape {samples} for {name} of shape "
            f"{scores.shape}, got dtype {target.dtype} and shape {target.shape}; class indices "
            f"held as floats become integers by target.astype(int){missing}, and class "
            f"probabilities, to a cross entropy, have the shape of the logits"
        )
    if target.shape != samples and not (scores.ndim == 1 and target.shape == (1,)):
        raise ValueError(_wrong_shape(target, scores, samples, name))
    return samples


def _wrong_shape(target: Array, scores: Array, samples: tuple[int, ...], name: str) -> str:
    if target.shape == scores.shape:
        binary = ""
        if scores.ndim == 1 and name == "logits":
            binary = "; of a label 0 or 1 for each logit call binary_cross_entropy_with_logits"
        return (
            f"target: expected class indices of shape {samples} for {name} of shape "
            f"{scores.shape}, got {target.dtype} of shape {target.shape}; of a one-hot target pass "
            f"the argmax over the classes, or, to a cross entropy, class probabilities of a "
            f"floating dtype{binary}"
        )
    message = (
        f"target: expected shape {samples} for {name} of shape {scores.shape}, got {target.shape}"
    )
    for axis in range(1, scores.ndim):
        kept = (*scores.shape[:axis], 1, *scores.shape[axis + 1 :])
        if target.shape == kept and scores.shape[:axis] + scores.shape[axis + 1 :] == samples:
            return f"{message}; pass target[{':, ' * axis}0]"
    fitting = [
        axis - scores.ndim if axis == scores.ndim - 1 else axis
        for axis in range(scores.ndim)
        if target.shape == scores.shape[:axis] + scores.shape[axis + 1 :]
    ]
    return f"{message}; with axis={fitting[-1]} it would fit" if fitting else message


class Outside(NamedTuple):
    """Count of invalid labels, index of the first in C order, whether any is ignored."""

    number: int = 0
    first: int = 0
    any_ignored: bool = False


def outside(target: Array, classes: int, ignore: int) -> Outside:
    """Find the invalid labels: neither classes nor ignored."""
    if not target.size:
        return Outside()
    if target.dtype not in UNSIGNED or 0 <= ignore < classes:
        return _outside_each(target, classes, ignore)
    # Read as unsigned, a negative label is larger than the largest number of its dtype, so one
    # comparison finds negative labels and large ones. The limit is needed: -1 of int8 is 255, which
    # would be one of 300 classes.
    unsigned, largest = UNSIGNED[target.dtype]
    in_range = np.maximum.reduce(distinct(target).view(unsigned), None) <= min(classes - 1, largest)
    return Outside() if in_range else _outside_each(target, classes, ignore)


def _outside_each(target: Array, classes: int, ignore: int) -> Outside:
    ignored = False

    def wrong(labels: Array) -> Array:
        nonlocal ignored
        skipped = labels == ignore
        ignored = ignored or bool(skipped.any())
        outside: Array = ((labels < 0) | (labels >= classes)) & ~skipped
        return outside

    number, first = found_in_chunks(wrong(labels) for _, labels in chunks(target))
    return Outside(number, first, ignored)


def all_inside(found: Outside, target: Array, classes: int, ignore: int) -> None:
    """Raise IndexError if any label is invalid."""
    if found.number:
        raise IndexError(
            f"target: {found.number} of {target.size} labels outside [0, {classes}), the first at "
            f"{value_at(target, found.first)}; only {ignore} is ignored"
            f"{_padding(target.flat[found.first], ignore)}"
        )


def _padding(label: Any, ignore: int) -> str:
    """Return the advice about an invalid label that looks like padding."""
    value, bits = int(label), 8 * label.itemsize
    if (value - ignore) % 2**bits == 0:
        return f"; as {label.dtype} it wraps to {value}: pass ignore_index={value}"
    if value in (-1, 255):
        return f"; pass ignore_index={value} if it marks padding"
    return ""
