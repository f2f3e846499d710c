"""The drivers of losses entry by entry: every function of a loss, from its formulas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core.blocks import Block
from .._core.checks import floating, real, vector_for
from .._core.dtypes import (
    Array,
    Floating,
    cast,
    result_dtype,
    scalar_or_array,
    widest_dtype,
)
from .._core.entries import block_entries, over_entries, over_parts
from .._core.out import gradient_array
from .entry_problem import Entrywise, Problem, Weights, check_entries
from .reduction import (
    loss_grads,
    losses_for,
    part,
    reduce,
    store_or_sum,
    sum_to,
    total,
)


def forward(
    loss: Entrywise,
    arrays: Sequence[ArrayLike | None],
    weight: ArrayLike | None,
    reduction: str,
    *options: Any,
) -> Floating:
    """Return the loss."""
    return _evaluate(check_entries(loss, arrays, weight, reduction, options))


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
    return _backward(check_entries(loss, arrays, weight, reduction, options), grad_output)


def target_backward(
    loss: Entrywise,
    slope: Callable[..., Array],
    grad_output: ArrayLike,
    arrays: Sequence[Any],
    weight: ArrayLike | None,
    reduction: str,
) -> Floating:
    """Return the gradient with respect to the target, whose derivative `slope` is."""
    place = loss.arrays.index("target")
    target = floating(target=arrays[place])
    arrays = [*arrays[:place], target, *arrays[place + 1 :]]
    problem = check_entries(loss, arrays, weight, reduction, ())
    problem = problem._replace(of=loss._replace(slope=slope), produced=[target])
    return _backward(problem, grad_output)[0]


def _backward(problem: Problem, grad_output: ArrayLike) -> list[Floating]:
    """Return the gradients with respect to the arrays of a problem that are produced."""
    grads = _grads(problem, real(grad_output=grad_output))  # None is no gradient here
    results = [_gradient(problem, array) for array in problem.produced]

    def kernel(block: Block) -> None:
        _write(problem, block, *problem.block(block), grads, results)

    over_entries(kernel, problem.shape, problem.dtype)
    return [scalar_or_array(result) for result in _own(problem, results)]


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
    problem = check_entries(loss, arrays, weight, reduction, options)
    if out is None:
        result = np.empty_like(problem.arrays[0], result_dtype(problem.arrays[0]))
    else:
        given = dict(zip(loss.arrays, arrays, strict=True))
        given |= {"weight": weight, "grad_output": grad_output}
        result = gradient_array(out, problem.arrays[0], **given)
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
    problem = check_entries(loss, arrays, weight, reduction, options)
    results = [_gradient(problem, array) for array in problem.produced]
    value = _evaluate(problem, _grads(problem, grad_output), results)
    return value, _own(problem, results)


def hessian_diagonal(
    loss: Entrywise,
    arrays: Sequence[ArrayLike | None],
    weight: ArrayLike | None,
    reduction: str,
    *options: Any,
) -> Floating:
    """Return the diagonal of the Hessian, whose other entries are 0."""
    return _curvature(check_entries(loss, arrays, weight, reduction, options), None)


def hvp(
    loss: Entrywise,
    vector: ArrayLike,
    arrays: Sequence[ArrayLike | None],
    weight: ArrayLike | None,
    reduction: str,
    *options: Any,
) -> Floating:
    """Return the Hessian times a vector."""
    problem = check_entries(loss, arrays, weight, reduction, options)
    return _curvature(problem, vector_for(vector, **{loss.arrays[0]: problem.arrays[0]}))


def _curvature(problem: Problem, vector: Array | None) -> Floating:
    """Return the diagonal of the Hessian, or its product with a vector if there is one."""
    grads, like, curvature = _grads(problem, None), problem.arrays[0], problem.of.curvature
    result = np.empty(like.shape, result_dtype(like))

    def kernel(block: Block) -> None:
        if callable(curvature):
            shared, weights = problem.block(block)
            *factors, number = curvature(*shared)
        else:
            weights, (*factors, number) = problem.weights(block), curvature
        # The vector comes first, small weights after it, and the number last: no product leaves
        # the range of the dtype early.
        if vector is not None:
            factors.insert(0, block_entries([vector], block, problem.dtype)[0].copy())
        entries, scale = result.reshape(-1)[block.start : block.stop], number * grads
        if not factors and weights.weight is None:
            entries[...] = scale
            return
        product, *others = factors or [np.ones(entries.shape, problem.dtype)]
        for factor in others:
            product *= factor
        product = weights.times(product)
        product *= scale
        entries[...] = weights.without_absent(product)

    over_entries(kernel, problem.shape, problem.dtype)
    return scalar_or_array(result)


def _grads(problem: Problem, grad_output: ArrayLike | None) -> Array:
    """Return the gradient with respect to each loss; 0-D if all losses share one."""
    reduction, divisor, dtype = problem.reduction, problem.divisor, problem.dtype
    return loss_grads(grad_output, reduction, divisor, problem.shape, dtype)


def _gradient(problem: Problem, array: Array) -> Array:
    """Return an array for a gradient: that of each entry, where an array broadcasts."""
    if array.shape != problem.shape:
        return np.empty(problem.shape, problem.dtype)
    return np.empty(array.shape, result_dtype(array))


def _own(problem: Problem, results: list[Array]) -> list[Array]:
    """Return the gradients in the shapes of their own arrays, over which they are summed."""
    return [
        result
        if result.shape == array.shape
        else cast(sum_to(result, array.shape), result_dtype(array))
        for array, result in zip(problem.produced, results, strict=True)
    ]


def _evaluate(
    problem: Problem, grads: Array | None = None, results: Sequence[Array] = ()
) -> Floating:
    """Return the loss; given the gradient of each loss, write those of the arrays."""
    dtype = widest_dtype(*problem.produced)
    losses = losses_for(problem.reduction, problem.shape, dtype)

    def kernel(block: Block) -> Any:
        shared, weights = problem.block(block)
        each = weights.times(problem.of.loss(*shared))
        if grads is not None:
            _write(problem, block, shared, weights, grads, results)
        if losses is None:
            return over_parts(total, each, block, problem.shape, problem.dtype)
        return [store_or_sum(losses, block, each)]

    found = over_entries(kernel, problem.shape, problem.dtype)
    sums = [part for block in found for part in block]
    return reduce(losses, sums, problem.reduction, problem.divisor, dtype)


def _write(
    problem: Problem,
    block: Block,
    shared: tuple[Any, ...],
    weights: Weights,
    grads: Array,
    results: Sequence[Array],
) -> None:
    """Write one block of the gradients."""
    grad = part(grads, block)
    slopes = problem.of.slope(*shared)
    for result, slope in zip(results, slopes if len(results) > 1 else (slopes,), strict=True):
        if weights.weight is not None:
            slope = weights.times(slope)
        if result.dtype == problem.dtype and result.flags.c_contiguous:
            gradient = result.reshape(-1)[block.start : block.stop]
            weights.without_absent(np.multiply(slope, grad, out=gradient))
        else:
            gradient = result[(*block.at, ...)]
            gradient[...] = weights.without_absent(slope * grad).reshape(gradient.shape)
