"""A loss entry by entry: its formulas, and the problem that arguments make of it.

The formulas work on one block of each array, 1-D, in the dtype of the computation, and return
arrays of their own:

    shared(*arrays, *options)   what the others have in common, a tuple
    loss(*shared)               the loss
    slope(*shared)              its derivative with respect to what a model produces; a tuple of
                                them, where a model produces several arrays
    curvature(*shared)          factors of its second derivative, the last of which is a number

The drivers in entrywise.py have the rest: dtypes, weights, reductions, blocks, workers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._core.blocks import Block
from .._core.checks import fits, floating, real, same_shape, spreads
from .._core.dtypes import Array, computation_dtype, is_floating
from .._core.entries import block_entries, times
from .options import reduction_name
from .reduction import sum_to, total


class Entrywise(NamedTuple):
    """A loss entry by entry: its formulas, and what its arguments are."""

    arrays: tuple[str, ...]  # their names; what a model produces comes first
    shared: Callable[..., tuple[Any, ...]]
    loss: Callable[..., Array]
    slope: Callable[..., Any]
    curvature: Callable[..., tuple[Any, ...]] | None = None
    # check(weight, name=array) of arrays that may not hold every number, see domains.py.
    domains: Mapping[str, Callable[..., None]] = MappingProxyType({})
    # check(name=value) of each option, in order: it returns what the formulas take.
    options: Mapping[str, Callable[..., Any]] = MappingProxyType({})
    produced: int = 1  # so many of the arrays are what a model produces
    broadcast: tuple[str, ...] = ()  # those of them, but the first, that broadcast to the first
    # Whether weights broadcast, and do not count in the mean: torch's binary cross entropies.
    mean_of_entries: bool = False


def residual(predictions: Array, target: Array, *options: Any) -> tuple[Any, ...]:
    """Return what the losses of a residual share: it, and the options."""
    return (predictions - target, *options)


class Weights(NamedTuple):
    """The weights of a block, and which are 0: these entries are absent, whatever they hold."""

    weight: Array | None
    absent: Array | None  # None where every weight is above 0 and finite

    def times(self, value: Array) -> Array:
        """Return the product, in place, in which 0 * inf is 0, as is an entry that is absent."""
        if self.weight is None:
            return value
        if self.absent is None:
            value *= self.weight
            return value
        return self.without_absent(times(self.weight, value))

    def without_absent(self, value: Array) -> Array:
        """Return the value, in place: 0 where an entry is absent."""
        if self.absent is not None:
            value[self.absent] = 0
        return value


UNWEIGHTED = Weights(None, None)


def weights_of(weight: Array) -> Weights:
    """Return the weights of a block."""
    plain = np.minimum.reduce(weight) > 0 and np.maximum.reduce(weight) < np.inf
    return Weights(weight, None if plain else weight == 0)


class Problem(NamedTuple):
    """The arguments of a loss, checked."""

    of: Entrywise
    arrays: list[Any]  # of one shape
    produced: list[Array]  # those that a model produces, in shapes of their own
    weight: Array | None
    options: Sequence[Any]
    reduction: str
    divisor: Any  # of the mean
    dtype: np.dtype[Any]  # of the computation

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the losses."""
        return self.produced[0].shape

    def block(self, block: Block) -> tuple[tuple[Any, ...], Weights]:
        """Return what the formulas share of a block, and its weights."""
        arrays = block_entries(self.arrays, block, self.dtype)
        shared = self.of.shared(*arrays, *self.options)
        if self.weight is None:
            return shared, UNWEIGHTED
        return shared, weights_of(*block_entries([self.weight], block, self.dtype))


def check_entries(
    loss: Entrywise,
    arrays: Sequence[ArrayLike | None],
    weight: ArrayLike | None,
    reduction: str,
    options: tuple[Any, ...],
) -> Problem:
    """Return the problem once every argument is right."""
    reduction_name(reduction)
    chosen = [
        check(**{name: value})
        for (name, check), value in zip(loss.options.items(), options, strict=True)
    ]
    names, checked = loss.arrays, list[Any]()
    place = names.index("target")
    given: Any
    for name, given in zip(names, arrays, strict=True):
        if given is not None or len(checked) <= place:
            given = (floating if len(checked) < loss.produced else real)(**{name: given})
        checked.append(given)
    target, shape = checked[place], checked[0].shape
    for array in checked[1 : place + 1]:
        if array.shape != shape:
            _check_shapes(loss, dict(zip(names[: place + 1], checked, strict=False)))
    for later in range(place + 1, len(names)):
        if checked[later] is not None:
            checked[later] = fits(target, **{names[later]: checked[later]})
    divisor: Any = target.size
    if weight is not None and loss.mean_of_entries:
        weight = fits(target, weight=weight)
    elif weight is not None:
        weight = real(weight=weight)
        if weight.shape != shape:
            same_shape(weight=weight, **{names[0]: checked[0]})
        if reduction == "mean":
            divisor = total(weight)
    for name, check in loss.domains.items():
        array = checked[names.index(name)]
        check(_seen(weight, array), **{name: array})
    dtype = _dtype(loss, checked, target, weight, chosen)
    produced = checked[: loss.produced]
    for name in loss.broadcast:
        own = names.index(name)
        checked[own] = np.broadcast_to(checked[own], shape)
    return Problem(loss, checked, produced, weight, chosen, reduction, divisor, dtype)


def _check_shapes(loss: Entrywise, arrays: dict[str, Array]) -> None:
    """Raise ValueError unless the arrays have one shape, but for those that broadcast to it."""
    first = loss.arrays[0]
    for name in loss.broadcast:
        spreads(**{first: arrays[first], name: arrays.pop(name)})
    same_shape(**arrays)


def _seen(weight: ArrayLike | None, array: Array) -> Any:
    """Return weights of the shape of an array, which are 0 where none of its own is above 0."""
    if not isinstance(weight, np.ndarray) or weight.shape == array.shape:
        return weight
    return sum_to(weight != 0, array.shape)


def _dtype(
    loss: Entrywise,
    arrays: Sequence[Array],
    target: Array,
    weight: Array | None,
    options: Sequence[Any],
) -> np.dtype[Any]:
    """Return the dtype of the computation.

    A target widens it, unless it holds integers of a small domain; so do weights that count in
    the mean, and options that are no normal numbers of it.
    """
    dtype = computation_dtype(arrays[0])
    for array in arrays[1 : loss.produced]:
        dtype = np.result_type(dtype, computation_dtype(array))
    if target.dtype != dtype and (is_floating(target.dtype) or "target" not in loss.domains):
        dtype = np.result_type(dtype, target.dtype)
    if weight is not None and not loss.mean_of_entries:
        dtype = np.result_type(dtype, weight.dtype)
    for option in options:
        if isinstance(option, float) and not _holds(dtype, option):
            dtype = np.result_type(dtype, np.float64)
    return dtype


def _holds(dtype: np.dtype[Any], option: float) -> bool:
    """Return whether an option keeps its digits in a dtype."""
    info, size = np.finfo(dtype), abs(option)
    return size in (0, np.inf) or bool(info.smallest_normal <= size <= info.max)
