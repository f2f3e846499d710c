"""Logits and targets in files: checked against each other and the options, and cut into chunks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .._core.blocks import cut
from .._core.checks import floating, real
from .._core.dtypes import Array, result_dtype, stand_in
from .._cross_entropy.problem import problem_for
from .._losses.options import Options, class_axis, class_options
from .._losses.target_checks import Outside, all_inside, outside
from .files import RefusedError, Stored

CHUNK_BYTES = 1 << 25  # of the files, in memory at a time

# An option of cross_entropy in an error message, as in "pass axis=1".
OPTION = re.compile(rf"\b({'|'.join(Options._fields)})=")


class Chunk(NamedTuple):
    """Some samples: the index of the first, and their slices of the logits and of the target."""

    start: int
    logits: tuple[slice, ...]
    target: tuple[slice, ...]


class Task(NamedTuple):
    """Logits and targets that fit each other and the options."""

    logits: Stored
    target: Stored
    options: Options
    axis: int  # of the classes, counted from the front
    samples: tuple[int, ...]
    labelled: bool  # the target holds class indices, not probabilities
    dtype: np.dtype[Any]  # of the losses

    @property
    def nbytes(self) -> int:
        """The size of both arrays."""
        return self.logits.like.nbytes + self.target.like.nbytes

    def chunks(self) -> Iterator[Chunk]:
        """Yield the samples chunk by chunk, in C order."""
        for block in cut(self.samples, max(1, CHUNK_BYTES // self._sample_bytes())):
            at = tuple(i if isinstance(i, slice) else slice(i, i + 1) for i in block.at)
            at += (slice(None),) * (len(self.samples) - len(at))
            logits = (*at[: self.axis], slice(None), *at[self.axis :])
            yield Chunk(block.start, logits, at if self.labelled else logits)

    def _sample_bytes(self) -> int:
        logits, target = self.logits.like, self.target.like
        entry = max(logits.itemsize, self.dtype.itemsize)  # integers become floats
        if not self.labelled:
            entry += target.itemsize
        # Beside its logits a sample has a handful of numbers: label, weight, loss.
        size: int = max(8, logits.shape[self.axis] + 4) * entry
        return size


class Found(NamedTuple):
    """Count of wrong entries of an array, and the position of the first in C order."""

    number: int = 0
    first: tuple[int, ...] = ()

    def and_in(self, wrong: Array, where: tuple[slice, ...]) -> Found:
        """Add the wrong entries of a chunk, given a mask, to those found so far."""
        if not wrong.any():
            return self
        local = np.unravel_index(np.argmax(wrong), wrong.shape)
        first = tuple(int(i) + (at.start or 0) for i, at in zip(local, where, strict=True))
        # If the class axis is the first, a later chunk may have an earlier position.
        first = min(self.first, first) if self.number else first
        return Found(self.number + int(np.count_nonzero(wrong)), first)


def prepare(logits: Stored, target: Stored, weight: Stored | None = None, **options: Any) -> Task:
    """Check every argument, without reading the logits; return the task."""
    try:
        like = None if weight is None else weight.like
        task = _fitting(logits, target, class_options(like, **options))
        if weight is not None:
            task = task._replace(options=task.options._replace(weight=_weights(weight)))
        if task.labelled:
            _check_labels(task)
    except (IndexError, TypeError, ValueError) as error:
        name, _, what = str(error).partition(": ")
        file = {"logits": logits, "target": target, "weight": weight}.get(name)
        what = OPTION.sub(lambda option: f"{_flag(option[1])} ", what)
        raise RefusedError(file.path if file else _flag(name), what) from None
    return task


def _flag(option: str) -> str:
    """Return the name of an option of cross_entropy on the command line."""
    return f"--{option.replace('_', '-')}"


def _fitting(logits: Stored, target: Stored, options: Options) -> Task:
    """Check shapes, dtypes and options; return the task."""
    scores, given = real(logits=logits.like), real(target=target.like)
    # Stand-ins in no memory: floating() would copy integers, all of them at once.
    like = stand_in(scores.shape, floating(logits=np.empty(0, scores.dtype)).dtype)
    # Without classes every label is invalid, and the target, which is small then, is read.
    problem = problem_for(like, given if scores.size else target.read(), options)
    axis, samples = class_axis(options.axis, scores, "logits"), problem.plan.samples
    labelled = problem.target.labelled
    return Task(logits, target, options, axis, samples, labelled, result_dtype(like))


def _weights(weight: Stored) -> Array:
    """Read the weights of the classes; raise ValueError if one is NaN."""
    weights = weight.read()
    found = Found().and_in(np.isnan(weights), (slice(None),))
    if found.number:
        raise ValueError(
            f"weight: NaN weights: {found.number}, the first at position {found.first}"
        )
    return weights


def _check_labels(task: Task) -> None:
    """Raise IndexError, with the number in the whole file, if labels are out of range."""
    classes, ignore = task.logits.like.shape[task.axis], task.options.ignore_index
    count, first, label = 0, 0, np.empty((), task.target.like.dtype)
    for chunk in task.chunks():
        labels = task.target.read(chunk.target)
        found = outside(labels, classes, ignore)
        if found.number and not count:
            first, label = chunk.start + found.first, labels.reshape(-1)[found.first]
        count += found.number
    # The message shows the first invalid label alone: an array of that label stands for the file.
    target = np.broadcast_to(label, task.target.like.shape)
    all_inside(Outside(count, first), target, classes, ignore)
