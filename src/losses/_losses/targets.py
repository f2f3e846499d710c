"""Targets of a loss over classes: class indices and class probabilities, behind one interface.

Both have the arrays whose panels a kernel needs beside the logits (`inputs`), the masses of a
block (`mass`), what a mean divides by (`divisor`), the sums of a block's losses (`sums`), the
samples that count (`counted`), and what a loop over chunks needs: one head of several (`head`),
one axis of samples (`flat`), some samples and classes (`chunk`), and the bytes that the copy of an
entry takes (`copied_bytes`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .._core.blocks import Block, Samples, one_axis, position, slices
from .._core.dtypes import Array, cast, computation_dtype
from .._core.panel import Panel
from .._core.values import CHUNK
from .mass import Mass, ProbabilityMass, SmoothingMass, shares, smoothed, smoothing_mass
from .options import Options, check_class_weight
from .reduction import total
from .sums import LossSums, loss_sums, sums_at_labels
from .target_checks import (
    all_inside,
    check_probabilities,
    is_probabilities,
    label_shape,
    outside,
)


class Labels(NamedTuple):
    """Class indices, one for each sample, known to be in range or ignored."""

    target: Array
    ignore_index: int
    any_ignored: bool
    weight: Array | None
    dtype: np.dtype[Any]  # of the computation
    share: Array | None = None  # what smoothing leaves at the label; None is all of it
    smoothing: SmoothingMass | None = None

    @property
    def labelled(self) -> bool:
        """Whether the target holds class indices."""
        return True

    @property
    def inputs(self) -> tuple[Array, ...]:
        """The arrays whose panels `mass` takes: none."""
        return ()

    @property
    def copied_bytes(self) -> int:
        """The bytes that `chunk` copies for each logit: none."""
        return 0

    def of(self, block: Block) -> tuple[Array, Array | None, Array | None]:
        """Return the labels of one block, a mask of the ignored samples, and the weights.

        The mask is None if no sample is ignored, and the weights are None if all are 1. An ignored
        sample gets label 0 and the weight of that class.
        """
        labels = self.target[block.at].reshape(-1)
        ignored = None
        if self.any_ignored:
            ignored = labels == self.ignore_index
            labels = np.where(ignored, 0, labels)
        labels = labels.astype(np.intp, copy=False)
        weight = None if self.weight is None else self.weight[labels].astype(self.dtype, copy=False)
        return labels, ignored, weight

    def mass(self, block: Block, _: Sequence[Panel]) -> Mass:
        """Return the masses of one block."""
        labels, ignored, weight = self.of(block)
        if self.share is not None:
            weight = self.share if weight is None else self.share * weight
        return Mass(labels, weight, self.smoothing, ignored)

    def divisor(self, blocks: Sequence[Block], reduction: str) -> Any:
        """Return what the mean divides by: the sum of the weights of the samples that count."""
        if reduction != "mean":
            return None
        if self.weight is None and not self.any_ignored:
            return self.target.size
        sums, seen = [], False
        for block in blocks:
            weight = counts(*self.of(block))
            seen = seen or bool(weight.any())
            sums.append(total(weight))
        # If every weight is 0 the mean is nan: with smoothing the sum of the losses is not 0.
        return total(np.asarray(sums)) if seen else np.nan

    def sums(self, block: Block, losses: Array, top: Array) -> LossSums:
        """Return the sums of one block's losses, given the class of each sample's largest logit."""
        labels, ignored, weight = self.of(block)
        return sums_at_labels(losses, counts(labels, ignored, weight), labels == top, ignored)

    def counted(self, size: int, span: slice) -> Iterator[Samples]:
        """Yield the positions of a span that are not ignored, at most `size` at a time."""
        if not self.any_ignored:
            yield from slices(span.start, span.stop, size)
            return
        waiting = np.empty(0, np.intp)
        for chunk in slices(span.start, span.stop, CHUNK):
            found = np.flatnonzero(self.target.flat[chunk] != self.ignore_index)
            waiting = np.concatenate([waiting, found + chunk.start])
            while waiting.size >= size or (waiting.size and chunk.stop == span.stop):
                some, waiting = waiting[:size], waiting[size:]
                together = some[-1] - some[0] == some.size - 1
                yield slice(int(some[0]), int(some[-1]) + 1) if together else some

    def head(self, index: tuple[Any, ...]) -> Labels:
        """Return the labels of one head, whose index comes last."""
        return self._replace(target=self.target[(..., *index)])

    def flat(self) -> Labels:
        """Return the labels with one axis of samples, unless that would be a copy."""
        return self._replace(target=one_axis(self.target, 0))

    def chunk(self, samples: Samples, classes: slice) -> Labels:
        """Return the target of a chunk of samples, none of them ignored, and of classes.

        Smoothing has the masses of these classes. Labels and their weights are of all classes.
        """
        target = self.target[position(self.target.shape, samples)]
        smoothing = None if self.smoothing is None else self.smoothing.of(classes)
        return self._replace(target=target, any_ignored=False, smoothing=smoothing)


class Probabilities(NamedTuple):
    """Class probabilities, one for each logit, known to be finite and not negative."""

    target: Array
    weight: Array | None  # in the dtype of the computation
    share: Array | None  # what smoothing leaves of a probability; None: neither that nor weights
    rest: Array | None  # what smoothing gives to each class
    size: int  # the number of samples

    @property
    def labelled(self) -> bool:
        """Whether the target holds class indices."""
        return False

    @property
    def any_ignored(self) -> bool:
        """Whether any sample is ignored."""
        return False

    @property
    def inputs(self) -> tuple[Array, ...]:
        """The arrays whose panels `mass` takes: the probabilities."""
        return (self.target,)

    @property
    def copied_bytes(self) -> int:
        """The bytes that `chunk` copies for each logit: it must copy several axes of samples."""
        return self.target.itemsize if self.target.ndim > 2 else 0

    def mass(self, _: Block, panels: Sequence[Panel]) -> Mass:
        """Return the masses of one block, given the panel of its probabilities."""
        (panel,) = panels
        if self.share is not None and self.rest is not None:
            panel = smoothed(panel, self.weight, self.share, self.rest)
        return Mass(spread=ProbabilityMass(panel))

    def divisor(self, _: Sequence[Block], reduction: str) -> int | None:
        """Return what the mean divides by: the number of samples."""
        return self.size if reduction == "mean" else None

    def sums(self, _: Block, losses: Array) -> LossSums:
        """Return the sums of one block's losses."""
        return loss_sums(losses)

    def counted(self, size: int, span: slice) -> Iterator[Samples]:
        """Yield the positions of a span, at most `size` at a time."""
        return slices(span.start, span.stop, size)

    def head(self, index: tuple[Any, ...]) -> Probabilities:
        """Return the probabilities of one head, whose index comes last, after the classes."""
        target = self.target[(..., *index)]
        return self._replace(target=target, size=prod(target.shape[:-1]))

    def flat(self) -> Probabilities:
        """Return the probabilities with one axis of samples, unless that would be a copy."""
        return self._replace(target=one_axis(self.target, 1))

    def chunk(self, samples: Samples, classes: slice) -> Probabilities:
        """Return the target of a chunk of samples and of classes, whose axis is the last."""
        target = self.target[(*position(self.target.shape[:-1], samples), classes)]
        weight = None if self.weight is None else self.weight[classes]
        return self._replace(target=target, weight=weight, size=len(target))


Target: TypeAlias = Labels | Probabilities


def target_for(
    scores: Array, axis: int, target: Array, options: Options, name: str = "logits"
) -> Target:
    """Return the labels or the class probabilities of scores (called `name`), checked."""
    if not is_probabilities(target, scores):
        return labels_for(scores, axis, target, options, name)
    classes = scores.shape[axis]
    check_class_weight(options.weight, classes)
    check_probabilities(target, options.ignore_index)
    return known_probabilities(target, axis, options, classes, computation_dtype(scores))


def labels_for(scores: Array, axis: int, target: Array, options: Options, name: str) -> Labels:
    """Return the labels of scores (called `name` in messages), checked."""
    samples, classes = label_shape(scores, axis, target, name), scores.shape[axis]
    check_class_weight(options.weight, classes)
    target = target if target.shape == samples else target.reshape(samples)
    found = outside(target, classes, options.ignore_index)
    all_inside(found, target, classes, options.ignore_index)
    return known_labels(target, found.any_ignored, options, classes, computation_dtype(scores))


def marked_labels(scores: Array, axis: int, target: Array, options: Options, name: str) -> Array:
    """Return the labels of scores, checked, in a new array, with -1 for ignored samples.

    The weight of the options is ignored: it may be that of some of the classes.
    """
    alone = options._replace(weight=None, label_smoothing=0.0)
    labels = labels_for(scores, axis, target, alone, name)
    marked = labels.target.astype(np.intp)
    if labels.any_ignored:
        marked[labels.target == labels.ignore_index] = -1
    return marked


def known_labels(
    target: Array, any_ignored: bool, options: Options, classes: int, dtype: np.dtype[Any]
) -> Labels:
    """Return labels that have been checked, with what the options add to them."""
    share = smoothing = None
    if options.label_smoothing and classes:
        share, rest = shares(options.label_smoothing, classes, dtype)
        smoothing = smoothing_mass(classes, options.weight, rest)
    ignore, weight = options.ignore_index, options.weight
    return Labels(target, ignore, any_ignored, weight, dtype, share, smoothing)


def known_probabilities(
    target: Array, axis: int, options: Options, classes: int, dtype: np.dtype[Any]
) -> Probabilities:
    """Return probabilities that have been checked, with what the options add to them.

    The target may hold some of the classes: `classes` is the number of all of them.
    """
    size = prod(target.shape[:axis] + target.shape[axis + 1 :])
    if options.weight is None and not options.label_smoothing:
        return Probabilities(target, None, None, None, size)
    share, rest = shares(options.label_smoothing, classes, dtype)
    weight = None if options.weight is None else cast(options.weight, dtype)
    return Probabilities(target, weight, share, rest, size)


def counts(labels: Array, ignored: Array | None, weight: Array | None) -> Array:
    """Return what each sample adds to the divisor of the mean: its weight, 0 if ignored."""
    weight = np.ones(labels.size) if weight is None else weight
    return weight if ignored is None else np.where(ignored, 0, weight)
