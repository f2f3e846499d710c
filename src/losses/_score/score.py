"""Cross entropy of logits in a file, piece by piece: the sums, and each loss as it comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._classification.cross_entropy_sums import LossSums, merge_sums, sums_of
from .._core.checks import Array
from .files import RefusedError
from .task import NaN, Piece, Task


class Scored(NamedTuple):
    """The sums over all samples, and how many losses are no finite numbers."""

    sums: LossSums
    nan_losses: int
    infinite_losses: int


def score(task: Task, write: Callable[[Array], object], advance: Callable[[int], object]) -> Scored:
    """Return what the samples sum to; each piece's losses are given to write.

    NaN in what counts is an error, at the end of the files, so that all of it is counted.
    """
    sums, nan_losses, infinite_losses = LossSums(), 0, 0
    found = NaN(), NaN()
    for piece in task.pieces():
        logits, target = task.logits.read(piece.logits), task.target.read(piece.target)
        losses = np.zeros([n for i, n in enumerate(logits.shape) if i != task.axis], task.dtype)
        sums = merge_sums(sums, sums_of(task.options.problem(logits, target), losses))
        wrong = np.isnan(losses)
        if wrong.any():  # and only then: the loss of a sample that counts and holds NaN is nan
            nan_losses += int(np.count_nonzero(wrong))
            found = _with(found, task, piece, (logits, target), wrong)
        infinite_losses += int(np.count_nonzero(np.isinf(losses)))
        write(losses)
        advance(losses.size)
        del logits, target  # before the next piece, which takes their memory
    _refuse(task.logits.path, "logits in samples that count", found[0])
    _refuse(task.target.path, "probabilities", found[1])
    return Scored(sums, nan_losses, infinite_losses)


def _with(
    found: tuple[NaN, NaN],
    task: Task,
    piece: Piece,
    parts: tuple[Array, Array],
    wrong: Array,
) -> tuple[NaN, NaN]:
    """Return the NaN found in logits and probabilities so far and in samples of a piece."""
    rows = np.expand_dims(wrong, task.axis)
    logits = found[0].and_in(parts[0], piece.logits, rows)
    return logits, found[1] if task.labelled else found[1].and_in(parts[1], piece.target, rows)


def _refuse(path: str, what: str, found: NaN) -> None:
    if found.number:
        raise RefusedError(path, f"NaN {what}: {found}")
