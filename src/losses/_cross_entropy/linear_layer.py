"""The problem of a linear layer: its arguments, checked, and its logits, a chunk at a time.

A weight (C, d1, ..., D) is that of several heads: each index of d1, ... has a weight (C, D), and
labels or class probabilities of its own. All heads share the inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._core.blocks import Samples, blocks, one_axis, position
from .._core.checks import floating, real
from .._core.dtypes import (
    Array,
    cast,
    computation_dtype,
    is_floating,
    result_dtype,
    stand_in,
    widest_dtype,
)
from .._core.panel import Panel
from .._core.products import LinearMap
from .._losses.options import Options
from .._losses.targets import Target, target_for

# Of the logits in a chunk; and of copies for BLAS and of sums in a wide dtype, where needed.
MEMORY_BYTES = 52 * 1024 * 1024
COPIES_BYTES = 12 * 1024 * 1024


class LayerGrads(NamedTuple):
    """The gradients of the weight and the bias of some classes, or sums for these gradients."""

    weight: Array
    bias: Array | None

    def wide(self, dtype: np.dtype[Any]) -> LayerGrads:
        """Return arrays of a dtype for the sums: the gradients themselves if they have it."""

        def sums(array: Array) -> Array:
            return array if array.dtype == dtype else np.zeros(array.shape, dtype)

        return LayerGrads(sums(self.weight), None if self.bias is None else sums(self.bias))

    def take(self, sums: LayerGrads) -> None:
        """Round sums into the gradients, unless they are the same arrays."""
        for array, wide in zip(self, sums, strict=True):
            if array is not None and array is not wide:
                array[...] = wide

    def of(self, classes: slice) -> LayerGrads:
        """Return the gradients of some classes."""
        return LayerGrads(self.weight[classes], None if self.bias is None else self.bias[classes])

    def head(self, index: tuple[Any, ...]) -> LayerGrads:
        """Return the gradients of one head."""
        at = (slice(None), *index)
        return LayerGrads(self.weight[at], None if self.bias is None else self.bias[at])


class Gradients(NamedTuple):
    """Upstream gradient, of each loss or one for all, and zeroed output arrays."""

    losses: Array
    inputs: Array | None  # (N, D), or of a span of the samples; None if another pass makes it
    layer: LayerGrads | None  # None if another pass has made it
    fresh: bool = True  # whether the gradient of the inputs is written, not added

    def head(self, index: tuple[Any, ...], *, fresh: bool) -> Gradients:
        """Return the gradients of one head: those of the inputs are a sum over the heads."""
        if not index:
            return self
        losses = self.losses[(..., *index)] if self.losses.ndim else self.losses
        layer = None if self.layer is None else self.layer.head(index)
        return Gradients(losses, self.inputs, layer, fresh)


class LayerProblem(NamedTuple):
    """The arguments of linear_cross_entropy, checked: of all the heads, or of one."""

    layer: LinearMap
    bias: Array | None
    target: Target
    options: Options
    divisor: Any  # of the mean
    samples: tuple[int, ...]  # the shape of the samples, each of which has all the heads
    dtype: np.dtype[Any]  # of the loss
    span: slice  # the positions of the samples that are evaluated

    @property
    def size(self) -> int:
        """The number of samples."""
        return prod(self.samples)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.layer.weight)

    @property
    def heads(self) -> tuple[int, ...]:
        """The shape of the heads."""
        return self.layer.weight.shape[1:-1]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the losses."""
        return self.samples + self.heads

    @property
    def features(self) -> int:
        """The number of features."""
        return int(self.layer.weight.shape[-1])

    @property
    def narrow(self) -> bool:
        """Whether the gradient of the weight or bias is too narrow for sums over the samples."""
        arrays = (self.layer.weight, self.bias)
        return any(a is not None and a.dtype != self.layer.dtype for a in arrays)

    @property
    def summed_apart(self) -> bool:
        """Whether the gradient of the inputs is too narrow for its sum over several heads."""
        return prod(self.heads) > 1 and result_dtype(self.layer.inputs) != self.layer.dtype

    @property
    def room(self) -> int:
        """The most logits in a chunk; copies beside the logits leave less room for these.

        The number depends on the arguments alone, so that each function makes the same logits.
        """
        entry = self.layer.dtype.itemsize + self.target.copied_bytes
        copies = self.target.any_ignored or self.narrow or not self.layer.in_place
        return (MEMORY_BYTES - (COPIES_BYTES if copies else 0)) // entry

    def each_head(self) -> Iterator[tuple[tuple[Any, ...], LayerProblem]]:
        """Yield the index of each head, and its problem: views of the arrays of all the heads."""
        if not self.heads:
            yield (), self
            return
        for index in product(*map(range, self.heads)):
            at: tuple[Any, ...] = (slice(None), *index)
            layer = self.layer._replace(weight=self.layer.weight[at])
            bias = None if self.bias is None else self.bias[at]
            target = self.target.head(index).flat()
            yield index, self._replace(layer=layer, bias=bias, target=target)

    def counted(self, size: int) -> Iterator[Samples]:
        """Yield the positions of the samples of the span that count, at most `size` at a time."""
        return self.target.counted(size, self.span)

    def in_span(self, samples: Samples) -> Samples:
        """Return the positions of samples, counted from the start of the span."""
        start = self.span.start
        if isinstance(samples, slice):
            return slice(samples.start - start, samples.stop - start)
        return samples - start if start else samples

    def logits(self, samples: Samples, classes: slice, memory: Array) -> Array:
        """Return the logits of some samples and classes, without the bias."""
        logits = as_matrix(memory, sample_count(samples), classes)
        self.layer.forward(samples, classes, logits)
        return logits

    def add_bias(self, panel: Panel, classes: slice) -> None:
        """Add the bias to a panel of logits, while the panel is in the cache."""
        if self.bias is not None:
            values = panel.values
            values += panel.across_classes(cast(self.bias[classes], values.dtype))

    def zeros(self) -> tuple[Array, LayerGrads]:
        """Return zeros for the gradients of the inputs and of the layer."""
        inputs, weight = self.layer.inputs, self.layer.weight
        bias = None if self.bias is None else _zeros(self.bias.shape, self.bias)
        of_inputs = _zeros((*self.samples, self.features), inputs)
        return of_inputs, LayerGrads(_zeros(weight.shape, weight), bias)


def _zeros(shape: tuple[int, ...], like: Array) -> Array:
    return np.zeros(shape, result_dtype(like))


def layer_problem_for(
    inputs: ArrayLike,
    linear_weight: ArrayLike,
    target: ArrayLike,
    linear_bias: ArrayLike | None,
    options: Options,
) -> LayerProblem:
    """Check every argument; return the problem."""
    inputs, linear_weight = floating(inputs=inputs), floating(linear_weight=linear_weight)
    target = real(target=target)
    bias = None if linear_bias is None else floating(linear_bias=linear_bias)
    _check_shapes(inputs, linear_weight, bias, target)
    samples, (classes, *heads, _) = inputs.shape[:-1], linear_weight.shape
    dtype = widest_dtype(*(a for a in (inputs, linear_weight, bias) if a is not None))
    logits = stand_in((*samples, classes, *heads), dtype)
    name = "the logits of linear_weight" if heads else "inputs @ linear_weight.T"
    found = target_for(logits, len(samples), target, options, name)
    each = blocks((*samples, *heads), 1, 1)
    divisor = found.divisor(each if classes else [], options.reduction)
    layer = LinearMap(one_axis(inputs, 1), linear_weight, computation_dtype(logits))
    found = found if heads else found.flat()
    span = slice(0, prod(samples))
    return LayerProblem(layer, bias, found, options, divisor, samples, dtype, span)


def _check_shapes(inputs: Array, linear_weight: Array, bias: Array | None, target: Array) -> None:
    """Raise ValueError, which tells all the shapes, unless the shapes fit one another."""
    samples, classes, heads = inputs.shape[:-1], linear_weight.shape[:1], linear_weight.shape[1:-1]
    labels = samples + heads
    if (
        inputs.ndim == 0
        or linear_weight.ndim < 2
        or inputs.shape[-1] != linear_weight.shape[-1]
        or (bias is not None and bias.shape != classes + heads)
        or (
            target.shape not in (labels, samples + classes + heads)
            and not (labels == () and target.shape == (1,) and not is_floating(target.dtype))
        )
    ):
        added = "" if bias is None else f", linear_bias {bias.shape}"
        column = "; pass target[..., 0]" if target.shape == (*labels, 1) else ""
        d = ", d1, ..." if heads else ""
        raise ValueError(
            f"expected inputs (..., D), linear_weight (C{d}, D), linear_bias (C{d or ','}) and "
            f"target (...{d}) of class indices or (..., C{d}) of class probabilities, got inputs "
            f"{inputs.shape}, linear_weight {linear_weight.shape}{added}, target "
            f"{target.shape}{column}"
        )


def chosen_grads(grads: Array, samples: Samples, dtype: np.dtype[Any]) -> Array:
    """Return the gradients with respect to the losses of some samples, or the one for all."""
    return cast(grads[position(grads.shape, samples)] if grads.ndim else grads, dtype)


def as_matrix(memory: Array, samples: int, classes: slice) -> Array:
    """Return the beginning of some memory as a matrix, samples by classes."""
    count = classes.stop - classes.start
    return memory[: samples * count].reshape(samples, count)


def sample_count(samples: Samples) -> int:
    """Return how many samples there are."""
    return samples.stop - samples.start if isinstance(samples, slice) else samples.size
