"""The drivers of losses of samples: every function of a loss, from its formulas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core.blocks import Block
from .._core.checks import real
from .._core.dtypes import Array, Floating, result_dtype, widest_dtype
from .._core.entries import times
from .._core.out import gradient_array
from .._core.panel import rows
from .._core.panels import set_buffer
from .._core.schedule import Kernel, run, worker_count
from .class_problem import Problem
from .reduction import loss_grads, losses_for, part, reduce, store_or_sum


def forward(problem: Problem) -> Floating:
    """Return the loss."""
    return _evaluate(problem)


def backward(problem: Problem, grad_output: ArrayLike) -> Array:
    """Return the gradient with respect to the one array that a model produces."""
    return backward_of_each(problem, grad_output)[0]


def backward_of_each(problem: Problem, grad_output: ArrayLike) -> list[Array]:
    """Return the gradients with respect to the arrays that a model produces."""
    return _gradients(problem, _grads(problem, real(grad_output=grad_output)))  # None is refused


def value_and_grad(
    problem: Problem, grad_output: ArrayLike | None, out: Array | None, **given: ArrayLike | None
) -> tuple[Floating, Array]:
    """Return the loss and its gradient, in one pass; `given` are the arguments as they came."""
    grads = _grads(problem, grad_output)
    if out is None:
        (result,) = _results(problem)
    else:
        result = gradient_array(out, problem.arrays[0], **given, grad_output=grad_output)
    value = _evaluate(problem, grads, [result], fresh=out is None)
    return value, result if out is None else out


def value_and_grad_of_each(
    problem: Problem, grad_output: ArrayLike | None
) -> tuple[Floating, list[Array]]:
    """Return the loss and its gradients, in one pass."""
    grads, results = _grads(problem, grad_output), _results(problem)
    return _evaluate(problem, grads, results), results


def hessian_diagonal(problem: Problem) -> Array:
    """Return the diagonal of the Hessian."""
    of = problem.of._replace(slope=problem.of.curvature)
    return _gradients(problem._replace(of=of), _grads(problem, None))[0]


def _gradients(problem: Problem, grads: Array) -> list[Array]:
    """Return the gradients, given the gradient of each loss."""
    results = _results(problem)

    def kernel(block: Block) -> None:
        _write(problem, block, problem.block(block), grads, results)

    if problem.size:  # rows of nothing have no gradient
        _run(problem, kernel)
    return results


def _run(problem: Problem, kernel: Kernel) -> list[Any]:
    """Run the kernel over the blocks."""

    def new_kernel() -> Kernel:
        set_buffer(problem.size, problem.dtype)
        return kernel

    return run(new_kernel, problem.blocks, worker_count(None))


def _grads(problem: Problem, grad_output: ArrayLike | None) -> Array:
    """Return the gradient with respect to each loss; 0-D if all losses share one."""
    reduction, divisor, dtype = problem.reduction, problem.divisor, problem.dtype
    return loss_grads(grad_output, reduction, divisor, problem.shape, dtype)


def _results(problem: Problem) -> list[Array]:
    """Return arrays for the gradients: of zeros, where few of them are put."""
    new: Callable[..., Array] = np.zeros if problem.of.put else np.empty
    return [new(array.shape, result_dtype(array)) for array in problem.produced]


def _evaluate(
    problem: Problem,
    grads: Array | None = None,
    results: Sequence[Array] = (),
    *,
    fresh: bool = True,
) -> Floating:
    """Return the loss; given the gradient of each loss, write those of the arrays.

    A result that is not fresh may be an array of the problem.
    """
    dtype = widest_dtype(*problem.produced)
    losses = losses_for(problem.reduction, problem.shape, dtype)

    def kernel(block: Block) -> Any:
        found = problem.block(block)
        shared, weight, absent = found
        each = problem.of.loss(*shared).reshape(-1).astype(problem.dtype, copy=False)
        each = times(weight, each)
        if absent is not None:
            each[absent] = 0
        if grads is not None:
            if problem.of.put and not fresh:
                problem.view(results[0], block)[...] = 0
            _write(problem, block, found, grads, results)
        return store_or_sum(losses, block, each)

    sums = _run(problem, kernel)
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
    scale = part(grads, block)
    if weight is not None:
        scale = scale * weight
    views = [problem.view(result, block) for result in results]
    if problem.of.put:
        scale = np.broadcast_to(scale, block.stop - block.start)
        scale = scale if absent is None else np.where(absent, 0, scale)
        problem.of.put(scale, views[0], *shared)
        return
    assert problem.of.slope is not None
    for view, (slope, factor) in zip(views, problem.of.slope(*shared), strict=True):
        here = view.flags.c_contiguous and view.dtype == problem.dtype
        gradient = view.reshape(slope.shape) if here else np.empty(slope.shape, problem.dtype)
        number = scale * factor
        np.multiply(slope, rows(slope).spread(number) if number.ndim else number, out=gradient)
        if absent is not None:
            gradient[absent] = 0
        if not here:
            view[...] = gradient.reshape(view.shape)
