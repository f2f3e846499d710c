"""Losses entry by entry: one driver makes every function of a loss from its formulas.

The formulas of a loss work on one block of each array, 1-D, in the dtype of the computation:

    shared(*arrays, *options)   what the others have in common, a tuple
    loss(*shared)               the loss
    slope(*shared)              its derivative with respect to what a model produces; a tuple of
                                them, where a model produces several arrays
    curvature(*shared)          factors of its second derivative, none of which is a weight

The driver has the rest: checks, dtypes, weights, reductions, blocks, workers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._core.blocks import Block
from .._core.checks import fits, floating, real, same_shape, vector_for
from .._core.dtypes import (
    Array,
    Floating,
    computation_dtype,
    is_floating,
    result_dtype,
    scalar_or_array,
    widest_dtype,
)
from .._core.entries import over_entries, pieces, times
from .._core.out import gradient_array
from .options import reduction_name
from .reduction import keep, losses_for, reduce, reduce_backward, total, unit_backward


class Entrywise(NamedTuple):
    """A loss entry by entry: its formulas, and what its arguments are."""

    arrays: tuple[str, ...]  # their names; what a model produces comes first
    shared: Callable[..., tuple[Any, ...]]
    loss: Callable[..., Array]
    slope: Callable[..., Any]
    curvature: Callable[..., tuple[Any, ...]] | None = None
    # check(weight, name=array) of arrays that may not hold every number, see domains.py.
    domains: Mapping[str, Callable[..., None]] = MappingProxyType({})
    produced: int = 1  # so many of the arrays are what a model produces
    # Whether weights broadcast, and do not count in the mean: torch's binary cross entropies.
    mean_of_entries: bool = False


def residual(predictions: Array, target: Array, *options: Any) -> tuple[Any, ...]:
    """Return what the losses of a residual share: it, and the options."""
    return (predictions - target, *options)


class Problem(NamedTuple):
    """The arguments of a loss, checked."""

    of: Entrywise
    arrays: list[Any]
    weight: Array | None
    options: tuple[Any, ...]
    reduction: str
    divisor: Any  # of the mean
    dtype: np.dtype[Any]  # of the computation

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the losses."""
        shape: tuple[int, ...] = self.arrays[0].shape
        return shape

    @property
    def produced(self) -> list[Array]:
        """The arrays that a model produces."""
        return self.arrays[: self.of.produced]

    def block(self, block: Block) -> tuple[tuple[Any, ...], Array | None, Array | None]:
        """Return what the formulas share of a block, its weights, and which of these are 0."""
        *arrays, weight = pieces([*self.arrays, self.weight], block, self.dtype)
        absent = None
        if weight is not None and np.count_nonzero(weight) < weight.size:
            absent = weight == 0
        return self.of.shared(*arrays, *self.options), weight, absent


def forward(
    loss: Entrywise,
    arrays: Sequence[ArrayLike | None],
    weight: ArrayLike | None,
    reduction: str,
    *options: Any,
) -> Floating:
    """Return the loss."""
    return _evaluate(_checked(loss, arrays, weight, reduction, options))


def backward(
    loss: Entrywise,
    grad_output: ArrayLike,
    arrays: Sequence[ArrayLike | None],
    weight: ArrayLike | None,
    reduction: str,
    *options: Any,
) -> Floating:
    """Return the gradient with respect to the one array that a model produces."""
    return backward_of_each(loss, grad_output, arrays, weight, reduction, *options)[0]


def backward_of_each(
    loss: Entrywise,
    grad_output: ArrayLike,
    arrays: Sequence[ArrayLike | None],
    weight: ArrayLike | None,
    reduction: str,
    *options: Any,
) -> list[Floating]:
    """Return the gradients with respect to the arrays that a model produces."""
    problem = _checked(loss, arrays, weight, reduction, options)
    grads = _grads(problem, grad_output)
    results = [np.empty(array.shape, result_dtype(array)) for array in problem.produced]

    def kernel(block: Block) -> None:
        _write(problem, block, problem.block(block), grads, results)

    over_entries(lambda: kernel, problem.shape, problem.dtype)
    return [scalar_or_array(result) for result in results]


def value_and_grad(
    loss: Entrywise,
    arrays: Sequence[ArrayLike | None],
    weight: ArrayLike | None,
    reduction: str,
    *options: Any,
    grad_output: ArrayLike | None,
    out: Array | None,
) -> tuple[Floating, Array]:
    """Return the loss and its gradient, in one pass."""
    problem = _checked(loss, arrays, weight, reduction, options)
    given = dict(zip(loss.arrays, arrays, strict=True))
    result = gradient_array(out, problem.arrays[0], **given, weight=weight, grad_output=grad_output)
    value = _evaluate(problem, _grads(problem, grad_output), [result])
    return value, result if out is None else out


def value_and_grad_of_each(
    loss: Entrywise,
    arrays: Sequence[ArrayLike | None],
    weight: ArrayLike | None,
    reduction: str,
    *options: Any,
    grad_output: ArrayLike | None,
) -> tuple[Floating, list[Array]]:
    """Return the loss and its gradients, in one pass."""
    problem = _checked(loss, arrays, weight, reduction, options)
    results = [np.empty_like(array, result_dtype(array)) for array in problem.produced]
    return _evaluate(problem, _grads(problem, grad_output), results), results


def hessian_diagonal(
    loss: Entrywise,
    arrays: Sequence[ArrayLike | None],
    weight: ArrayLike | None,
    reduction: str,
    *options: Any,
    vector: ArrayLike | None = None,
) -> Floating:
    """Return the diagonal of the Hessian, which is all of it, or its product with a vector."""
    problem = _checked(loss, arrays, weight, reduction, options)
    if vector is not None:
        vector = vector_for(vector, **{loss.arrays[0]: problem.arrays[0]})
    grads, like = _grads(problem, None), problem.arrays[0]
    result = np.empty(like.shape, result_dtype(like))
    curvature = loss.curvature
    assert curvature is not None

    def kernel(block: Block) -> None:
        shared, weight, absent = problem.block(block)
        grad, along = pieces([grads, vector], block, problem.dtype)
        product = np.ones(block.stop - block.start, problem.dtype) if along is None else along
        # The vector comes first, small weights after it, and numbers last: no product leaves the
        # range of the dtype early.
        factors = curvature(*shared)
        arrays = [factor for factor in factors if np.ndim(factor)]
        numbers = [factor for factor in factors if not np.ndim(factor)]
        weights = [grad] if weight is None else [weight, grad]
        for factor in (*arrays, *weights, *numbers):
            product = product * factor
        if absent is not None:
            product[absent] = 0
        result.reshape(-1)[block.start : block.stop] = product

    over_entries(lambda: kernel, problem.shape, problem.dtype)
    return scalar_or_array(result)


def _checked(
    loss: Entrywise,
    arrays: Sequence[ArrayLike | None],
    weight: ArrayLike | None,
    reduction: str,
    options: tuple[Any, ...],
) -> Problem:
    """Return the problem once every argument is right."""
    reduction_name(reduction)
    named: dict[str, Any] = {}
    for place, (name, array) in enumerate(zip(loss.arrays, arrays, strict=True)):
        if array is not None:
            named[name] = (floating if place < loss.produced else real)(**{name: array})
    target = named["target"]
    same_shape(**{name: a for name, a in named.items() if name != "pos_weight"})
    if "pos_weight" in named:
        named["pos_weight"] = fits(target, pos_weight=named["pos_weight"])
    if weight is not None and loss.mean_of_entries:
        weight = fits(target, weight=weight)
    elif weight is not None:
        weight = real(weight=weight)
        same_shape(weight=weight, **{loss.arrays[0]: named[loss.arrays[0]]})
    for name, check in loss.domains.items():
        check(weight, **{name: named[name]})
    divisor: Any = target.size
    if weight is not None and not loss.mean_of_entries:
        with np.errstate(all="ignore"):
            divisor = total(weight)
    dtype = _dtype(loss, named, weight)
    given = [named.get(name) for name in loss.arrays]
    return Problem(loss, given, weight, options, reduction, divisor, dtype)


def _dtype(loss: Entrywise, named: Mapping[str, Array], weight: Array | None) -> np.dtype[Any]:
    """Return the dtype of the computation.

    A target widens it, unless it holds integers of a small domain; so do weights that count in
    the mean.
    """
    target = named["target"]
    widening = [computation_dtype(named[name]) for name in loss.arrays[: loss.produced]]
    if is_floating(target.dtype) or "target" not in loss.domains:
        widening.append(target.dtype)
    if weight is not None and not loss.mean_of_entries:
        widening.append(weight.dtype)
    return np.result_type(*widening)


def _grads(problem: Problem, grad_output: ArrayLike | None) -> Array:
    """Return the gradient with respect to each loss, or the one for all."""
    reduction, divisor, dtype = problem.reduction, problem.divisor, problem.dtype
    if grad_output is None:
        return unit_backward(reduction, divisor, dtype)
    return reduce_backward(grad_output, reduction, divisor, problem.shape, dtype)


def _evaluate(
    problem: Problem, grads: Array | None = None, results: Sequence[Array] = ()
) -> Floating:
    """Return the loss; given the gradient of each loss, write those of the arrays."""
    dtype = widest_dtype(*problem.produced)
    losses = losses_for(problem.reduction, problem.shape, dtype)

    def kernel(block: Block) -> Any:
        shared, weight, absent = problem.block(block)
        each = times(weight, problem.of.loss(*shared))
        if absent is not None:
            each[absent] = 0
        if grads is not None:
            _write(problem, block, (shared, weight, absent), grads, results)
        return keep(losses, block, each)

    sums = over_entries(lambda: kernel, problem.shape, problem.dtype)
    return reduce(losses, sums, problem.reduction, problem.divisor, dtype)


def _write(
    problem: Problem,
    block: Block,
    found: tuple[tuple[Any, ...], Array | None, Array | None],
    grads: Array,
    results: Sequence[Array],
) -> None:
    """Write one block of the gradients."""
    shared, weight, absent = found
    (grad,) = pieces([grads], block, problem.dtype)
    slopes = problem.of.slope(*shared)
    for result, slope in zip(results, slopes if len(results) > 1 else (slopes,), strict=True):
        gradient = times(weight, slope) * grad
        if absent is not None:
            gradient[absent] = 0
        part = result[(*block.at, ...)]
        part[...] = gradient.reshape(part.shape)
