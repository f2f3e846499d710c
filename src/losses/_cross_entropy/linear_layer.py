"""A linear layer, the targets of its outputs, and the chunks of logits that it makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .._core.blocks import Samples, position, slices
from .._core.dtypes import Array, cast
from .._core.panel import Panel
from .._core.products import LinearMap
from .._losses.targets import Labels

# The logits, and the copies and sums of what BLAS or the gradients' dtypes need, if any.
MEMORY_BYTES = 52 * 1024 * 1024
COPIES_BYTES = 12 * 1024 * 1024


class LayerGrads(NamedTuple):
    """The gradients, or sums for them, of some classes' weight and bias."""

    weight: Array
    bias: Array | None

    def wide(self, dtype: np.dtype[Any]) -> LayerGrads:
        """Return where the sums are made: in a dtype, in place if that is theirs."""

        def sums(array: Array) -> Array:
            return array if array.dtype == dtype else np.zeros(array.shape, dtype)

        return LayerGrads(sums(self.weight), None if self.bias is None else sums(self.bias))

    def take(self, sums: LayerGrads) -> None:
        """Take the sums, rounded, if they were made elsewhere."""
        for array, wide in zip(self, sums, strict=True):
            if array is not None and array is not wide:
                array[...] = wide

    def of(self, classes: slice) -> LayerGrads:
        """Return those of some classes."""
        return LayerGrads(self.weight[classes], None if self.bias is None else self.bias[classes])


class Gradients(NamedTuple):
    """The gradient of each loss, or one for all, and where those that follow go, zeros at first."""

    losses: Array
    inputs: Array  # (N, D)
    layer: LayerGrads


class Problem(NamedTuple):
    """A linear layer, the targets of its outputs, and what these count."""

    layer: LinearMap
    bias: Array | None
    target: Labels | Array  # class indices, or probabilities (..., C)
    weight: Array | None
    smoothing: float
    workers: int

    @property
    def size(self) -> int:
        """The number of samples."""
        return prod(self.layer.inputs.shape[:-1])

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.layer.weight)

    @property
    def features(self) -> int:
        """The number of features."""
        return int(self.layer.weight.shape[1])

    @property
    def narrow(self) -> bool:
        """Whether a sum over the samples loses digits in the dtype of its gradient."""
        arrays = (self.layer.weight, self.bias)
        return any(a is not None and a.dtype != self.layer.dtype for a in arrays)

    @property
    def room(self) -> int:
        """How many logits a chunk may have, with what must be copied beside them.

        It depends on the arguments alone, so that each function makes the same logits.
        """
        ignored, entry = False, self.layer.dtype.itemsize
        if isinstance(self.target, Labels):
            ignored = self.target.any_ignored
        elif self.target.ndim > 2:
            entry += self.target.itemsize
        copies = ignored or self.narrow or not self.layer.in_place
        return (MEMORY_BYTES - (COPIES_BYTES if copies else 0)) // entry

    def samples(self, size: int) -> Iterator[Samples]:
        """Yield the samples that count, so many at a time."""
        if isinstance(self.target, Labels):
            return self.target.counted(size)
        return slices(0, self.size, size)

    def probabilities(self, samples: Samples, classes: slice) -> list[Array]:
        """Return those of some samples and classes, if that is what the target holds."""
        if isinstance(self.target, Labels):
            return []
        return [self.target[(*position(self.target.shape[:-1], samples), classes)]]

    def logits(self, samples: Samples, classes: slice, memory: Array) -> Array:
        """Return the logits of some samples and classes, without the bias."""
        logits = as_matrix(memory, sample_count(samples), classes)
        self.layer.forward(samples, classes, logits)
        return logits

    def add_bias(self, panel: Panel, classes: slice) -> None:
        """Add the bias to a panel of logits, which is in the cache then."""
        if self.bias is not None:
            values = panel.values
            values += panel.across_classes(cast(self.bias[classes], values.dtype))


# ---- all the classes of some samples -------------------------------------------------------------


# ---- some classes of some samples ----------------------------------------------------------------


# ---- for both ------------------------------------------------------------------------------------


def chosen_grads(grads: Array, samples: Samples, dtype: np.dtype[Any]) -> Array:
    """Return the gradients of the losses of some samples, or the one for all."""
    return cast(grads[position(grads.shape, samples)] if grads.ndim else grads, dtype)


def as_matrix(memory: Array, samples: int, classes: slice) -> Array:
    """Return the beginning of some memory as samples by classes."""
    count = classes.stop - classes.start
    return memory[: samples * count].reshape(samples, count)


def sample_count(samples: Samples) -> int:
    return samples.stop - samples.start if isinstance(samples, slice) else samples.size
