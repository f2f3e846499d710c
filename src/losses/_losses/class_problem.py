"""A loss of samples, each with classes or features: its formulas, and the problem of arguments.

The formulas work on one block of samples. Each array comes in rows, 2-D and contiguous, one row for
each sample, in the dtype of the computation, and is not written:

    shared(*arrays, target, *options)   what the others have in common, a tuple
    loss(*shared)                       the loss of each sample, without weights
    slope(*shared)                      its derivatives with respect to what a model produces: for
                                        each array rows and a factor, a number for all or for each
                                        sample, whose product is the derivative
    curvature(*shared)                  the diagonal of its second derivative, in the same form

`target` has one number for each sample, where a loss has such a target. A loss that reads and
writes one class of each sample has no slope: its arrays come as they lie, the classes last.

    put(scale, out, *shared)            to out, which holds zeros: scale times the gradient

The drivers in classwise.py have the rest: weights, absent samples, reductions, blocks, workers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .._core.blocks import Block, blocks
from .._core.checks import floating, real, same_shape
from .._core.dtypes import Array
from .._core.entries import block_entries
from .._core.panels import panels
from .entry_problem import UNWEIGHTED, dtype_of_all, weights_of
from .options import chosen, class_axis, class_options, reduction_name, row_axes, wide_enough
from .reduction import total
from .targets import Labels, labels_for

ARRAYS = 8  # of the size of a block, that formulas make


Slopes: TypeAlias = Sequence[tuple[Array, Any]]


class Classwise(NamedTuple):
    """A loss of samples: its formulas, and what its arguments are."""

    arrays: tuple[str, ...]  # the names of those in rows; what a model produces comes first
    shared: Callable[..., tuple[Any, ...]]
    loss: Callable[..., Array]
    slope: Callable[..., Slopes] | None = None
    curvature: Callable[..., Slopes] | None = None
    put: Callable[..., None] | None = None
    # check(weight, name=array) of arrays that may not hold every number, see domains.py.
    domains: Mapping[str, Callable[..., None]] = MappingProxyType({})
    # check(name=value) of each option, in order: it returns what the formulas take.
    options: Mapping[str, Callable[..., Any]] = MappingProxyType({})
    produced: int = 1  # so many of the arrays are what a model produces
    holds: str = "classes"  # what a row holds


class Samples(NamedTuple):
    """The target and the weight of each sample, where a loss has them: as `Labels` has."""

    target: Array | None
    weight: Array | None
    size: int  # the number of samples
    dtype: np.dtype[Any]  # of the computation

    def of(self, block: Block) -> tuple[Array | None, Array | None, Array | None]:
        """Return the target of a block, a mask of the samples of weight 0, and the weights.

        The mask is None where every weight is above 0 and finite.
        """
        target, weight = block_entries([self.target, self.weight], block, self.dtype)
        weights = UNWEIGHTED if weight is None else weights_of(weight)
        return target, weights.absent, weights.weight

    def divisor(self, _: Sequence[Block], reduction: str) -> Any:
        """Return what the mean divides by: the sum of the weights, or the number of samples."""
        if reduction != "mean" or self.weight is None:
            return self.size
        return total(np.ascontiguousarray(self.weight), self.dtype)


class Problem(NamedTuple):
    """The arguments of a loss, checked."""

    of: Classwise
    arrays: list[Array]
    axes: tuple[int, ...]  # of a row
    samples: Labels | Samples
    blocks: Sequence[Block]
    dtype: np.dtype[Any]  # of the computation
    options: Sequence[Any]
    reduction: str
    divisor: Any  # of the mean

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the losses."""
        return without(self.axes, self.arrays[0])

    @property
    def size(self) -> int:
        """The number of entries in a row."""
        return prod(self.arrays[0].shape[axis] for axis in self.axes)

    @property
    def produced(self) -> list[Array]:
        """The arrays that a model produces."""
        return self.arrays[: self.of.produced]

    def block(self, block: Block) -> tuple[tuple[Any, ...], Array | None, Array | None]:
        """Return what the formulas share of a block, its weights, and which samples are absent."""
        target, absent, weight = self.samples.of(block)
        read = self.view if self.of.put else self.rows
        given = [read(array, block) for array in self.arrays]
        if target is not None:
            given.append(target)
        return self.of.shared(*given, *self.options), weight, absent

    def view(self, array: Array, block: Block) -> Array:
        """Return the entries of a block where they lie in an array, the axes of a row last."""
        last = tuple(range(array.ndim - len(self.axes), array.ndim))
        if self.axes != last:
            array = np.moveaxis(array, self.axes, last)
        return array[block.at] if block.at else array

    def rows(self, array: Array, block: Block) -> Array:
        """Return a block of an array in rows, aligned: so that results do not depend on memory."""
        found = np.ascontiguousarray(self.view(array, block), self.dtype)
        found = found.reshape(block.stop - block.start, self.size)
        return found if found.flags.aligned else found.copy()


def without(axes: tuple[int, ...], array: Array) -> tuple[int, ...]:
    """Return the shape of an array without some axes."""
    return tuple(size for axis, size in enumerate(array.shape) if axis not in axes)


def labelled(
    loss: Classwise,
    scores: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None,
    ignore_index: int,
    reduction: Any,
    axis: int | None,
    *options: Any,
) -> Problem:
    """Return the problem of a loss of class indices, once every argument is right."""
    of_classes = class_options(weight, ignore_index, axis=axis, reduction=reduction)
    given = chosen(loss.options, options)
    (name,) = loss.arrays
    scores, target = floating(**{name: scores}), real(target=target)
    place = class_axis(of_classes.axis, scores, name)
    labels = labels_for(scores, place, target, of_classes, name)
    dtype = wide_enough(labels.dtype, given)
    if loss.put or not scores.shape[place]:
        cut = panels(scores, place).blocks  # as cross entropy, whose sums have the same bits
    else:
        labels = labels._replace(dtype=dtype)
        cut = row_blocks(scores, (place,), dtype)
    divisor = labels.divisor(cut, reduction)
    return Problem(loss, [scores], (place,), labels, cut, dtype, given, reduction, divisor)


def row_blocks(array: Array, axes: tuple[int, ...], dtype: np.dtype[Any]) -> Sequence[Block]:
    """Return blocks small enough for the handful of arrays that formulas make."""
    entries = ARRAYS * max(1, prod(array.shape[axis] for axis in axes))
    return blocks(without(axes, array), entries, dtype.itemsize)


def sampled(
    loss: Classwise,
    arrays: Sequence[ArrayLike],
    reduction: str,
    axis: int | None,
    *options: Any,
    target: ArrayLike | None = None,
    weight: ArrayLike | None = None,
) -> Problem:
    """Return the problem of a loss of arrays of one shape, once every argument is right.

    The target and the weight have a number for each sample.
    """
    reduction_name(reduction)
    given = chosen(loss.options, options)
    checked, names = dict[str, Array](), loss.arrays[: loss.produced]
    for name, array in zip(loss.arrays, arrays, strict=True):
        check = floating if name in names else real
        checked[name] = check(**{name: array})
    same_shape(**checked)
    rows = [*checked.values()]
    axes = row_axes(axis, rows[0], loss.arrays[0], loss.holds)
    shape = without(axes, rows[0])
    known, weights = None, None
    if target is not None:
        checked["target"] = known = for_each_sample(shape, target=target)
    if weight is not None:
        weights = for_each_sample(shape, weight=weight)
    for name, domain in loss.domains.items():
        seen = weights
        if name in loss.arrays and weights is not None:
            seen = np.broadcast_to(np.expand_dims(weights, axes), rows[0].shape)
        domain(seen, **{name: checked[name]})
    others = {name: array for name, array in checked.items() if name not in names}
    dtype = dtype_of_all(rows[: loss.produced], others, loss.domains, weights)
    dtype = wide_enough(dtype, given)
    samples = Samples(known, weights, prod(shape), dtype)
    cut = row_blocks(rows[0], axes, dtype)
    divisor = samples.divisor(cut, reduction)
    return Problem(loss, rows, axes, samples, cut, dtype, given, reduction, divisor)


def for_each_sample(shape: tuple[int, ...], **argument: ArrayLike) -> Array:
    """Return the one named argument as an array, once it has an entry for each sample."""
    ((name, _),), array = argument.items(), real(**argument)
    if array.shape != shape:
        advice = f"; pass {name}[..., 0]" if array.shape == (*shape, 1) else ""
        raise ValueError(
            f"{name}: expected one entry for each sample, shape {shape}, got shape {array.shape}"
            f"{advice}"
        )
    return array
