"""The states of samples: the blanks and labels that their alignments go through.

The states of a sample are blank, l_1, blank, l_2, ..., l_S, blank. They lie in a row, and behind
them at least one more state that emits nothing, so that rows follow one another in one 1-D array.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._core.dtypes import Array
from .problem import Problem


class Way(NamedTuple):
    """The states in one order: from the first to the last, or back."""

    columns: Array  # (n * W,): the column of the emissions that each state reads
    skips: Array  # (n, W): 1 where the state may follow the second one before, else 0


class Lattice(NamedTuple):
    """The states of n samples in rows of W, and the columns of their emissions.

    The first columns are the distinct classes of each sample, then comes one that is never emitted,
    then one for the last blank of each sample.
    """

    samples: Array  # of the distinct classes: which sample has
    classes: Array  # which class
    symbols: Array  # (n, W): the class of each state
    ends: Array  # (n,): the last state of each sample
    column_of_class: Array  # (n * W,)
    mirror: Array  # (n * W,): where each state lies if the states of each sample are reversed
    forth: Way
    back: Way

    @property
    def last_columns(self) -> slice:
        """The columns of the last blank of each sample."""
        return slice(len(self.samples) + 1, len(self.samples) + 1 + len(self.ends))


def lattice(problem: Problem, block: slice) -> Lattice:
    """Return the states of a block of samples."""
    labels, ends = problem.labels[block], 2 * problem.target_lengths[block]
    n, width, classes = len(ends), 2 * labels.shape[1] + 2, problem.scores.shape[-1]
    symbols = np.full((n, width), problem.blank)
    symbols[:, 1:-1:2] = labels
    row, state = np.arange(n)[:, np.newaxis], np.arange(width)
    inside = state <= ends[:, np.newaxis]
    keys = np.where(inside, row * classes + symbols, n * classes)
    distinct, found = np.unique(keys, return_inverse=True)
    column_of_class = found.reshape(n, width)
    columns = column_of_class.copy()
    columns[row[:, 0], ends] = len(distinct) + row[:, 0]
    mirror = row * width + np.where(inside, ends[:, np.newaxis] - state, state)
    return Lattice(
        *np.divmod(distinct[:-1], classes),
        symbols,
        ends,
        column_of_class.reshape(-1),
        mirror.reshape(-1),
        Way(columns.reshape(-1), skips(symbols, problem.blank)),
        Way(
            columns.reshape(-1)[mirror.reshape(-1)],
            skips(symbols.reshape(-1)[mirror], problem.blank),
        ),
    )


def skips(symbols: Array, blank: int) -> Array:
    """Return 1 where the blank before a label may be left out: between two labels that differ."""
    found = np.zeros(symbols.shape)
    found[:, 2:] = (symbols[:, 2:] != blank) & (symbols[:, 2:] != symbols[:, :-2])
    return found
