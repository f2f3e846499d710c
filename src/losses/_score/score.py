"""Cross entropy of logits in a file, chunk by chunk: the sums, and the losses of each chunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._core.dtypes import Array
from .._cross_entropy.problem import problem_for
from .._cross_entropy.sums import sums_of
from .._losses.sums import LossSums, merge_sums
from .._losses.target_checks import ImprobableError, improbable, improbable_message
from .files import RefusedError
from .task import Found, Task


class Scored(NamedTuple):
    """The sums over all samples, and the counts of losses that are nan or infinite."""

    sums: LossSums
    nan_losses: int
    infinite_losses: int


def score(task: Task, write: Callable[[Array], object], advance: Callable[[int], object]) -> Scored:
    """Return the sums over the samples; give write() the losses of each chunk.

    NaN logits in samples that count, and invalid class probabilities, are errors after the last
    chunk: the message has their number in the whole file.
    """
    sums, nan_losses, infinite_losses = LossSums(), 0, 0
    nan_logits, no_probabilities = Found(), Found()
    for chunk in task.chunks():
        logits, target = task.logits.read(chunk.logits), task.target.read(chunk.target)
        losses = np.zeros([n for i, n in enumerate(logits.shape) if i != task.axis], task.dtype)
        try:
            problem = problem_for(logits, target, task.options)
        except ImprobableError:
            no_probabilities = no_probabilities.and_in(improbable(target), chunk.target)
        except IndexError:  # all labels were valid when they were checked
            raise task.target.changed() from None
        else:
            sums = merge_sums(sums, sums_of(problem, losses))
        wrong = np.isnan(losses)
        if wrong.any():  # a sample that counts and holds NaN has a loss of nan: no other look
            nan_losses += int(np.count_nonzero(wrong))
            rows = np.expand_dims(wrong, task.axis)
            nan_logits = nan_logits.and_in(np.isnan(logits) & rows, chunk.logits)
        infinite_losses += int(np.count_nonzero(np.isinf(losses)))
        write(losses)
        advance(losses.size)
        del logits, target  # free their memory for the next chunk
    if no_probabilities.number:
        number, first = no_probabilities
        entry = task.target.read(tuple(slice(i, i + 1) for i in first)).item()
        value = f"position {first}: {entry}"
        raise RefusedError(task.target.path, improbable_message(number, value))
    if nan_logits.number:
        number, first = nan_logits
        what = f"NaN logits in samples that count: {number}, the first at position {first}"
        raise RefusedError(task.logits.path, what)
    return Scored(sums, nan_losses, infinite_losses)
