"""The arguments of CTC, checked before anything is computed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._core.checks import floating, real, whole_number
from .._core.dtypes import Array
from .._core.values import value_at
from .._losses.options import Reduction, flag, reduction_name


class Problem(NamedTuple):
    """The arguments, once they are right: T frames of N samples with C classes."""

    scores: Array  # as given: (T, N, C), or (T, C) of one sample
    labels: Array  # (N, S): the labels of each sample, and blanks behind them
    input_lengths: Array  # (N,), int64
    target_lengths: Array  # (N,), int64
    blank: int
    zero_infinity: bool
    reduction: Reduction

    @property
    def frames(self) -> Array:
        """The scores with an axis of samples."""
        return self.by_sample(self.scores)

    def by_sample(self, array: Array) -> Array:
        """Return an array of the shape of the scores with an axis of samples."""
        return array if array.ndim == 3 else array[:, np.newaxis]


def checked(
    target: ArrayLike,
    input_lengths: ArrayLike,
    target_lengths: ArrayLike,
    blank: object,
    zero_infinity: object,
    reduction: Reduction,
    **named: ArrayLike,
) -> Problem:
    """Return the problem of the scores, which keep their name in messages, and their target."""
    ((name, _),) = named.items()
    reduction_name(reduction)
    omitted = flag(zero_infinity=zero_infinity)
    scores = floating(**named)
    if scores.ndim not in (2, 3):
        raise ValueError(
            f"{name}: expected shape (T, N, C), or (T, C) of one sample, got {scores.shape}"
        )
    empty = whole_number(blank=blank)
    if not 0 <= empty < scores.shape[-1]:
        raise ValueError(
            f"blank: expected a class in [0, {scores.shape[-1]}), got {empty}; "
            f"{name} has shape {scores.shape}"
        )
    labels = _integers(target=target)
    of_inputs = _lengths(scores, scores.shape[0], "T", input_lengths=input_lengths)
    if scores.ndim == 2 or labels.ndim == 2:
        rows = _rows(scores, labels, name)
        size = rows.shape[1]
        of_targets = _lengths(scores, size, "S", target_lengths=target_lengths)
        starts = np.arange(len(rows)) * size
    else:
        if labels.ndim != 1:
            raise ValueError(
                f"target: expected shape (N, S), or 1-D with the labels of all samples one after "
                f"another, got {labels.shape}"
            )
        of_targets = _lengths(scores, labels.size, "the labels", target_lengths=target_lengths)
        starts = _starts(labels, of_targets)
    found = _labels(labels, starts, of_targets, scores.shape[-1], empty)
    return Problem(scores, found, of_inputs, of_targets, empty, omitted, reduction)


def _integers(**argument: ArrayLike) -> Array:
    """Return the one named argument as an array of integers; an empty list may be one."""
    ((name, _),), array = argument.items(), real(**argument)
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(
            f"{name}: expected integers, got dtype {array.dtype}; pass {name}.astype(int)"
        )
    return array


def _lengths(scores: Array, most: int, meaning: str, /, **argument: ArrayLike) -> Array:
    """Return the one named argument as a length in [0, most] for each sample."""
    ((name, _),), array = argument.items(), _integers(**argument)
    shapes = [scores.shape[1:2]] if scores.ndim == 3 else [(), (1,)]
    if array.shape not in shapes:
        raise ValueError(
            f"{name}: expected one length for each sample, shape {' or '.join(map(str, shapes))}, "
            f"got {array.shape}"
        )
    wrong = (array < 0) | (array > most)
    if wrong.any():
        raise ValueError(
            f"{name}: expected lengths from 0 to {most}, {meaning}, got {wrong.sum()} others, "
            f"the first at {value_at(array, int(wrong.argmax()))}"
        )
    return array.reshape(-1).astype(np.int64)


def _rows(scores: Array, target: Array, name: str) -> Array:
    """Return a target with one row of labels for each sample, once its shape fits."""
    if scores.ndim == 2 and target.ndim == 1:
        return target[np.newaxis]
    if scores.ndim == 2 or target.shape[0] != scores.shape[1]:
        expected = "(S,)" if scores.ndim == 2 else f"({scores.shape[1]}, S), or 1-D,"
        raise ValueError(
            f"target: expected shape {expected} for {name} of shape {scores.shape}, "
            f"got {target.shape}"
        )
    return target


def _starts(target: Array, lengths: Array) -> Array:
    """Return where the labels of each sample start in a 1-D target that has those of all."""
    if lengths.sum() != target.size:
        raise ValueError(
            f"target: expected as many labels as target_lengths sums to, {lengths.sum()}, "
            f"got {target.size}"
        )
    return np.cumsum(lengths) - lengths


def _labels(target: Array, starts: Array, lengths: Array, classes: int, blank: int) -> Array:
    """Return the labels of each sample in a row, and blanks behind them, once they are right.

    What lies behind the last label of a sample is not read.
    """
    places = np.arange(lengths.max(initial=0))
    inside = places < lengths[:, np.newaxis]
    where = (starts[:, np.newaxis] + places)[inside]
    # A copy of the labels that count alone: the others may be anything.
    labels = target.reshape(-1)[where] if where.size else np.empty(0, np.int64)
    _refuse(
        (labels < 0) | (labels >= classes), target, where, IndexError, f"outside [0, {classes})"
    )
    _refuse(labels == blank, target, where, ValueError, f"equal to blank={blank}")
    found = np.full(inside.shape, blank, np.int64)
    found[inside] = labels
    return found


def _refuse(wrong: Any, target: Array, where: Array, error: type[Exception], what: str) -> None:
    """Raise an error if a label is wrong, with the position of the first."""
    if wrong.any():
        raise error(
            f"target: {wrong.sum()} labels {what}, the first at "
            f"{value_at(target, int(where[wrong.argmax()]))}; target_lengths says how many labels "
            f"of a sample count"
        )
