"""A loss entry by entry: its formulas, and the problem that arguments make of it.

The formulas work on one block of each array, 1-D, in the dtype of the computation, and return
arrays of their own:

    shared(*arrays, *options)   the values that the others use, as a tuple
    loss(*shared)               the loss
    slope(*shared)              its derivative with respect to what a model produces; a tuple of
                                them, where a model produces several arrays. It is asked for last,
                                and may be one of the shared values
    curvature(*shared)          its second derivative as factors: arrays, then one number; a tuple,
                                and no function, where it is a number

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
from .options import chosen, reduction_name, wide_enough
from .reduction import sum_to, total


class Entrywise(NamedTuple):
    """A loss entry by entry: its formulas, and what its arguments are."""

    arrays: tuple[str, ...]  # their names; what a model produces comes first
    shared: Callable[..., tuple[Any, ...]]
    loss: Callable[..., Array]
    slope: Callable[..., Any]
    curvature: Callable[..., tuple[Any, ...]] | tuple[float, ...] = ()
    # check(weight, name=array) of arrays that may not hold every number, see domains.py.
    domains: Mapping[str, Callable[..., None]] = MappingProxyType({})
    # check(name=value) of each option, in order: it returns what the formulas take.
    options: Mapping[str, Callable[..., Any]] = MappingProxyType({})
    # The domains as a function of the options, where they depend on these.
    domains_under: Callable[..., Mapping[str, Callable[..., None]]] | None = None
    produced: int = 1  # how many of the arrays a model produces: the first ones
    broadcast: tuple[str, ...] = ()  # those of them, but the first, that broadcast to the first
    # Whether weights broadcast, and the mean divides by the number of entries: of the binary cross
    # entropies it does, as in torch.
    mean_of_entries: bool = False


def residual(predictions: Array, target: Array, *options: Any) -> tuple[Any, ...]:
    """Return the residual, and the options."""
    return (predictions - target, *options)


class Weights(NamedTuple):
    """The weights of a block, and which are 0: these entries are absent, whatever they hold."""

    weight: Array | None
    absent: Array | None  # None where every weight is above 0 and finite

    def times(self, value: Array) -> Array:
        """Multiply by the weights, in place: 0 * inf is 0, and so is an absent entry."""
        if self.weight is None:
            return value
        if self.absent is None:
            value *= self.weight
            return value
        return self.without_absent(times(self.weight, value))

    def without_absent(self, value: Array) -> Array:
        """Set absent entries to 0, in place."""
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
        return self.of.shared(*arrays, *self.options), self.weights(block)

    def weights(self, block: Block) -> Weights:
        """Return the weights of a block."""
        if self.weight is None:
            return UNWEIGHTED
        return weights_of(*block_entries([self.weight], block, self.dtype))


def check_entries(
    loss: Entrywise,
    arrays: Sequence[ArrayLike | None],
    weight: ArrayLike | None,
    reduction: str,
    options: tuple[Any, ...],
) -> Problem:
    """Check every argument; return the problem."""
    reduction_name(reduction)
    given = chosen(loss.options, options)
    if loss.domains_under:
        loss = loss._replace(domains=loss.domains_under(*given))
    checked = _check_arrays(loss, arrays)
    target = checked[loss.arrays.index("target")]
    if weight is not None:
        weight = _check_weight(loss, weight, checked[0])
    for name, check in loss.domains.items():
        array = checked[loss.arrays.index(name)]
        check(_seen(weight, array), **{name: array})
    produced = checked[: loss.produced]
    widening = None if loss.mean_of_entries else weight
    dtype = dtype_of_all(produced, {"target": target}, loss.domains, widening)
    dtype = wide_enough(dtype, given)
    divisor: Any = target.size
    if weight is not None and reduction == "mean" and not loss.mean_of_entries:
        divisor = total(weight, dtype)
    for name in loss.broadcast:
        place = loss.arrays.index(name)
        checked[place] = np.broadcast_to(checked[place], target.shape)
    return Problem(loss, checked, produced, weight, given, reduction, divisor, dtype)


def _check_arrays(loss: Entrywise, arrays: Sequence[Any]) -> list[Any]:
    """Return the arrays: real, of one shape up to the target, and broadcast to it beyond."""
    names, checked = loss.arrays, list[Any]()
    place = names.index("target")
    for name, array in zip(names, arrays, strict=True):
        if len(checked) > place:
            checked.append(None if array is None else fits(checked[place], **{name: array}))
            continue
        checked.append((floating if len(checked) < loss.produced else real)(**{name: array}))
    shape = checked[0].shape
    for array in checked[1 : place + 1]:
        if array.shape != shape:
            _check_shapes(loss, dict(zip(names[: place + 1], checked, strict=False)))
    return checked


def _check_shapes(loss: Entrywise, arrays: dict[str, Array]) -> None:
    """Raise ValueError unless the arrays have one shape, but for those that broadcast to it."""
    first = loss.arrays[0]
    for name in loss.broadcast:
        spreads(**{first: arrays[first], name: arrays.pop(name)})
    same_shape(**arrays)


def _check_weight(loss: Entrywise, weight: ArrayLike, first: Array) -> Array:
    """Return the weights: as many as entries, or broadcast to them if the mean ignores them."""
    if loss.mean_of_entries:
        return fits(first, weight=weight)
    weight = real(weight=weight)
    if weight.shape != first.shape:
        same_shape(weight=weight, **{loss.arrays[0]: first})
    return weight


def _seen(weight: Array | None, array: Array) -> Any:
    """Return weights of the shape of an array, which are 0 where none of its own is above 0."""
    if weight is None or weight.shape == array.shape:
        return weight
    return sum_to(weight != 0, array.shape)


def dtype_of_all(
    produced: Sequence[Array],
    others: Mapping[str, Array],
    domains: Mapping[str, Any],
    weight: Array | None,
) -> np.dtype[Any]:
    """Return the dtype of the computation.

    The other arrays, by name, widen it, unless they hold integers of a small domain; so do weights
    that count in the mean.
    """
    dtype = computation_dtype(produced[0])
    for array in produced[1:]:
        dtype = np.result_type(dtype, computation_dtype(array))
    for name, array in others.items():
        if array.dtype != dtype and (is_floating(array.dtype) or name not in domains):
            dtype = np.result_type(dtype, array.dtype)
    return dtype if weight is None else np.result_type(dtype, weight.dtype)
