"""Logits and targets in files: checked against each other and the options, and cut into pieces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .._classification.cross_entropy import Problem, checked
from .._core.blocks import cut
from .._core.checks import Array, class_axis, floating, real, result_dtype, stand_in
from .._core.targets import Outside, all_inside, outside
from .files import Mapped, RefusedError

PIECE = 1 << 25  # bytes of the files that are worked on at a time


class Options(NamedTuple):
    """The options of cross_entropy, in its order."""

    weight: Mapped | None = None
    ignore_index: int = -100
    label_smoothing: float = 0.0
    axis: int | None = None
    workers: int | None = None

    def problem(self, logits: Array, target: Array) -> Problem:
        """Return the problem of some samples, checked."""
        return checked(logits, target, self.weight and self.weight.array, *self[1:])


class Piece(NamedTuple):
    """Some samples: the first in C order, and where they lie in the logits and in the target."""

    start: int
    logits: tuple[slice, ...]
    target: tuple[slice, ...]


class Task(NamedTuple):
    """Logits and targets that fit each other and the options."""

    logits: Mapped
    target: Mapped
    options: Options
    axis: int  # of the classes, counted from the front
    samples: tuple[int, ...]
    labelled: bool  # the target holds class indices, not probabilities
    dtype: np.dtype[Any]  # of the losses

    @property
    def nbytes(self) -> int:
        """The size of both arrays."""
        return self.logits.array.nbytes + self.target.array.nbytes

    def pieces(self) -> Iterator[Piece]:
        """Yield the samples piece by piece, in C order."""
        for block in cut(self.samples, max(1, PIECE // self._sample_bytes())):
            at = tuple(i if isinstance(i, slice) else slice(i, i + 1) for i in block.at)
            at += (slice(None),) * (len(self.samples) - len(at))
            logits = (*at[: self.axis], slice(None), *at[self.axis :])
            yield Piece(block.start, logits, at if self.labelled else logits)

    def _sample_bytes(self) -> int:
        logits, target = self.logits.array, self.target.array
        entry = max(logits.itemsize, self.dtype.itemsize)  # integers become floats
        if not self.labelled:
            entry += target.itemsize
        # Beside its classes a sample has a handful of numbers: label, weight, loss.
        size: int = max(8, logits.shape[self.axis] + 4) * entry
        return size


class Found(NamedTuple):
    """How many wrong entries an array has, and the position of the first in C order."""

    number: int = 0
    first: tuple[int, ...] = ()

    def and_in(self, wrong: Array, where: tuple[slice, ...]) -> Found:
        """Return those found so far and in a part of the array, given which are wrong there."""
        if not wrong.any():
            return self
        local = np.unravel_index(np.argmax(wrong), wrong.shape)
        first = tuple(int(i) + (at.start or 0) for i, at in zip(local, where, strict=True))
        # Where the classes come before the samples a later piece may have the earlier position.
        first = min(self.first, first) if self.number else first
        return Found(self.number + int(np.count_nonzero(wrong)), first)


def prepare(logits: Mapped, target: Mapped, options: Options) -> Task:
    """Return the task once every argument is right; of the logits nothing is read."""
    try:
        task = _fitting(logits, target, options)
        _check_weight(options.weight)
        if task.labelled:
            _check_labels(task)
    except (IndexError, TypeError, ValueError) as error:
        name, _, what = str(error).partition(": ")
        files = {"logits": logits, "target": target, "weight": options.weight}
        file = files.get(name)
        raise RefusedError(file.path if file else f"--{name.replace('_', '-')}", what) from None
    return task


def _fitting(logits: Mapped, target: Mapped, options: Options) -> Task:
    """Return the task if shapes, dtypes and options are right."""
    scores, given = real(logits=logits.array), real(target=target.array)
    # For the shapes alone: of the files all would be read at once, and integers made floats.
    like = stand_in(scores.shape, floating(logits=np.empty(0, scores.dtype)).dtype)
    # Of no classes no label is right; then there is little to read.
    problem = options.problem(like, stand_in(given.shape, given.dtype) if scores.size else given)
    labelled, samples = problem.labels is not None, problem.plan.samples
    axis = class_axis(options.axis, scores, "logits")
    return Task(logits, target, options, axis, samples, labelled, result_dtype(like))


def _check_weight(weight: Mapped | None) -> None:
    if weight is not None:
        found = Found().and_in(np.isnan(weight.array), (slice(None),))
        if found.number:
            raise ValueError(
                f"weight: NaN weights: {found.number}, the first at position {found.first}"
            )


def _check_labels(task: Task) -> None:
    """Raise IndexError, about the whole of the file, where labels are out of range."""
    classes, ignore = task.logits.array.shape[task.axis], task.options.ignore_index
    count, first = 0, 0
    for piece in task.pieces():
        found = outside(task.target.read(piece.target), classes, ignore)
        task.target.drop()
        first = first if count else piece.start + found.first
        count += found.number
    all_inside(Outside(count, first), task.target.array, classes, ignore)
