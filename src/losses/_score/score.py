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
    """The sums over all samples, and how many losses are nan or infinite."""

    sums: LossSums
    nan_losses: int
    infinite_losses: int


def score(task: Task, write: Callable[[Array], object], advance: Callable[[int], object]) -> Scored:
    """Return the sums over all samples; call `write` with the losses of each chunk.

    NaN in samples that count, and numbers that are no class probabilities, are errors at the end of
    the files, so that the message counts all of them.
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
        except IndexError:  # the labels were classes when all of them were checked
            raise task.target.changed() from None
        else:
            sums = merge_sums(sums, sums_of(problem, losses))
        wrong = np.isnan(losses)
        if wrong.any():  # NaN in the logits of a sample that counts makes its loss nan
            nan_losses += int(np.count_nonzero(wrong))
            rows = np.expand_dims(wrong, task.axis)
            nan_logits = nan_logits.and_in(np.isnan(logits) & rows, chunk.logits)
        infinite_losses += int(np.count_nonzero(np.isinf(losses)))
        write(losses)
        advance(losses.size)
        del logits, target  # so that the next chunk takes their memory
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
