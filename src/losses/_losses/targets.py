"""Targets of a classification: class indices, class probabilities, ignored samples, smoothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._core.blocks import Block, Samples, position, slices
from .._core.checks import whole_number
from .._core.dtypes import Array, computation_dtype, is_floating
from .._core.values import CHUNK, chunks, distinct, extremes, found_in_chunks, value_at
from .options import class_weight
from .reduction import total

# The unsigned dtype of the same bits, and the largest number of the dtype itself.
UNSIGNED = {
    np.dtype(f"{kind}{size}"): (f"u{size}", int(np.iinfo(f"{kind}{size}").max))
    for kind in "iu"
    for size in (1, 2, 4, 8)
}


class Labels(NamedTuple):
    """Class indices, one for each sample, known to be in range or ignored."""

    target: Array
    ignore_index: int
    any_ignored: bool
    weight: Array | None
    dtype: np.dtype[Any]  # of the computation

    def of(self, block: Block) -> tuple[Array, Array | None, Array | None]:
        """Return one block's labels, which samples are ignored (or None) and their weights.

        An ignored sample has label 0, and a weight like any other sample of that class.
        """
        labels = self.target[block.at].reshape(-1)
        ignored = None
        if self.any_ignored:
            ignored = labels == self.ignore_index
            labels = np.where(ignored, 0, labels)
        labels = labels.astype(np.intp, copy=False)
        weight = None if self.weight is None else self.weight[labels].astype(self.dtype, copy=False)
        return labels, ignored, weight

    def counted(self, size: int) -> Iterator[Samples]:
        """Yield the samples that are not ignored, so many at a time, by their position."""
        if not self.any_ignored:
            yield from slices(0, self.target.size, size)
            return
        waiting = np.empty(0, np.intp)
        for chunk in slices(0, self.target.size, CHUNK):
            found = np.flatnonzero(self.target.flat[chunk] != self.ignore_index)
            waiting = np.concatenate([waiting, found + chunk.start])
            while waiting.size >= size or (waiting.size and chunk.stop == self.target.size):
                some, waiting = waiting[:size], waiting[size:]
                together = some[-1] - some[0] == some.size - 1
                yield slice(int(some[0]), int(some[-1]) + 1) if together else some

    def some(self, samples: Samples) -> Labels:
        """Return the labels of some samples, none of them ignored."""
        chosen = self.target[position(self.target.shape, samples)]
        return self._replace(target=chosen, any_ignored=False)

    def divisor(self, blocks: Sequence[Block], reduction: str) -> Any:
        """Return what the mean divides by: the weights of the samples that count, summed."""
        if reduction != "mean":
            return None
        if self.weight is None and not self.any_ignored:
            return self.target.size
        sums, seen = [], False
        with np.errstate(all="ignore"):
            for block in blocks:
                weight = counts(*self.of(block))
                seen = seen or bool(weight.any())
                sums.append(total(weight))
            # Where every weight is 0 the mean is nan, also under smoothing, whose sum is not 0.
            return total(np.asarray(sums)) if seen else np.nan


def counts(labels: Array, ignored: Array | None, weight: Array | None) -> Array:
    """Return what each sample counts in the mean: its weight, 0 if it is ignored."""
    weight = np.ones(labels.size) if weight is None else weight
    return weight if ignored is None else np.where(ignored, 0, weight)


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


def not_a_class(ignore_index: object) -> None:
    """Raise ValueError if ignore_index names a class where the target holds probabilities."""
    if whole_number(ignore_index=ignore_index) >= 0:
        raise ValueError(
            f"ignore_index: expected a negative number with class probabilities, of which none "
            f"can be ignored, got {ignore_index}"
        )


class ImprobableError(ValueError):
    """Class probabilities that are negative, nan or infinite."""


def check_probabilities(target: Array, ignore_index: object) -> None:
    """Raise ValueError if ignore_index names a class, or where probabilities are none."""
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
    """Return what is wrong with so many class probabilities, of which the first is told."""
    return (
        f"{number} class probabilities that are negative, nan or infinite, the first at {first}; "
        f"logits want a softmax first"
    )


def labels_for(
    scores: Array,
    axis: int,
    target: Array,
    weight: ArrayLike | None,
    ignore_index: object,
    name: str,
) -> Labels:
    """Return the labels of scores (called `name` in messages), checked, with their weights."""
    ignore = whole_number(ignore_index=ignore_index)
    samples, classes = label_shape(scores, axis, target, name), scores.shape[axis]
    weights = class_weight(weight, classes)
    target = target if target.shape == samples else target.reshape(samples)
    found = outside(target, classes, ignore)
    all_inside(found, target, classes, ignore)
    return Labels(target, ignore, found.any_ignored, weights, computation_dtype(scores))


def label_shape(scores: Array, axis: int, target: Array, name: str) -> tuple[int, ...]:
    """Return the shape of the labels of scores, once the target's shape and dtype are right."""
    samples = scores.shape[:axis] + scores.shape[axis + 1 :]
    if target.dtype.kind == "b" and target.shape == scores.shape:
        raise ValueError(_wrong_shape(target, scores, samples, name))
    if target.dtype.kind not in "iu":
        missing = ""
        if is_floating(target.dtype):  # nan may be there unread: in a file, in Dask's chunks
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
    """How many labels are out of range, where the first lies in C order, if any is ignored."""

    number: int = 0
    first: int = 0
    any_ignored: bool = False


def outside(target: Array, classes: int, ignore: int) -> Outside:
    """Return which labels are neither classes nor ignored."""
    if not target.size:
        return Outside()
    if target.dtype not in UNSIGNED or 0 <= ignore < classes:
        return _outside_each(target, classes, ignore)
    # As an unsigned number a negative label is larger than any that its dtype holds, though not
    # larger than any class: int8 has -1 as 255, where there may be 300 classes.
    unsigned, largest = UNSIGNED[target.dtype]
    found = int(np.maximum.reduce(distinct(target).view(unsigned), axis=None))
    in_range = found <= min(classes - 1, largest)
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
    """Raise IndexError where a label was found out of range."""
    if found.number:
        raise IndexError(
            f"target: {found.number} of {target.size} labels outside [0, {classes}), the first at "
            f"{value_at(target, found.first)}; only {ignore} is ignored"
            f"{_padding(target.flat[found.first], ignore)}"
        )


def _padding(label: Any, ignore: int) -> str:
    """Return which label marks padding, if one that is out of range looks like that."""
    value, bits = int(label), 8 * label.itemsize
    if (value - ignore) % 2**bits == 0:
        return f"; as {label.dtype} it wraps to {value}: pass ignore_index={value}"
    if value in (-1, 255):
        return f"; pass ignore_index={value} if it marks padding"
    return ""
