"""Losses of one number per sample, over the classes of each, and the drivers of their functions.

The formulas work on one block of samples, whose classes are the last axis:

    shared(*arrays, target, *options)   what the others have in common, a tuple
    loss(*shared)                       the loss of each sample, without weights
    write(scale, out, *shared)          to out, which holds zeros: scale times the gradient

`target` and `scale` have one number for each sample. The driver has the rest: dtypes, weights,
samples that are absent, reductions, blocks, workers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._core.blocks import Block
from .._core.checks import real
from .._core.dtypes import Array, Floating, result_dtype
from .._core.entries import times
from .._core.out import gradient_array
from .._core.panels import Panels, panels
from .._core.schedule import run, worker_count
from .reduction import loss_grads, losses_for, part, reduce, store_or_sum
from .targets import Labels


class Classwise(NamedTuple):
    """A loss over classes: its formulas."""

    shared: Callable[..., tuple[Any, ...]]
    loss: Callable[..., Array]
    write: Callable[..., None]


class Problem(NamedTuple):
    """The arguments of a loss, once they are right."""

    of: Classwise
    scores: Array  # what a model produces
    target: Labels
    plan: Panels
    reduction: str

    @property
    def divisor(self) -> Any:
        """What the mean divides by."""
        return self.target.divisor(self.plan.blocks, self.reduction)

    def view(self, array: Array, block: Block) -> Array:
        """Return the entries of a block where they lie in an array, the classes last."""
        found = self.plan.view(array, block)
        return found if self.plan.rows else np.moveaxis(found, 0, -1)

    def block(self, block: Block) -> tuple[tuple[Any, ...], Array | None, Array | None]:
        """Return what the formulas share of a block, its weights, and which samples are absent."""
        target, absent, weight = self.target.of(block)
        return self.of.shared(self.view(self.scores, block), target), weight, absent


def problem(loss: Classwise, scores: Array, target: Labels, axis: int, reduction: str) -> Problem:
    """Return the problem of arguments that have been checked."""
    return Problem(loss, scores, target, panels(scores, axis), reduction)


def forward(problem: Problem) -> Floating:
    """Return the loss."""
    return _evaluate(problem)


def backward(problem: Problem, grad_output: ArrayLike) -> Array:
    """Return the gradient."""
    grads = _grads(problem, real(grad_output=grad_output))  # None is no gradient here
    result = np.zeros(problem.scores.shape, result_dtype(problem.scores))

    def kernel(block: Block) -> None:
        _write(problem, block, problem.block(block), grads, result)

    run(lambda: kernel, problem.plan.blocks, worker_count(None))
    return result


def value_and_grad(
    problem: Problem, grad_output: ArrayLike | None, out: Array | None, **given: ArrayLike | None
) -> tuple[Floating, Array]:
    """Return the loss and its gradient, in one pass; `given` are the arguments as they came."""
    grads = _grads(problem, grad_output)
    if out is None:
        result = np.zeros(problem.scores.shape, result_dtype(problem.scores))
    else:
        result = gradient_array(out, problem.scores, **given, grad_output=grad_output)
    value = _evaluate(problem, grads, result, fresh=out is None)
    return value, result if out is None else out


def _grads(problem: Problem, grad_output: ArrayLike | None) -> Array:
    """Return the gradient with respect to each loss; 0-D if all losses share one."""
    plan, reduction, divisor = problem.plan, problem.reduction, problem.divisor
    return loss_grads(grad_output, reduction, divisor, plan.samples, plan.dtype)


def _evaluate(
    problem: Problem,
    grads: Array | None = None,
    result: Array | None = None,
    *,
    fresh: bool = True,
) -> Floating:
    """Return the loss; given the gradient of each loss, write that of the scores.

    A result given by the caller is cleared block by block, after the block's scores were read: the
    two may be one array.
    """
    plan, dtype = problem.plan, result_dtype(problem.scores)
    losses = losses_for(problem.reduction, plan.samples, dtype)

    def kernel(block: Block) -> Any:
        found = problem.block(block)
        shared, weight, absent = found
        each = times(weight, problem.of.loss(*shared).reshape(-1).astype(plan.dtype, copy=False))
        if absent is not None:
            each[absent] = 0
        if grads is not None and result is not None:
            if not fresh:
                problem.view(result, block)[...] = 0
            _write(problem, block, found, grads, result)
        return store_or_sum(losses, block, each)

    sums = run(lambda: kernel, plan.blocks, worker_count(None))
    return reduce(losses, sums, problem.reduction, problem.divisor, dtype)


def _write(
    problem: Problem,
    block: Block,
    found: tuple[tuple[Any, ...], Array | None, Array | None],
    grads: Array,
    result: Array,
) -> None:
    """Write one block of the gradient."""
    shared, weight, absent = found
    scale = np.broadcast_to(part(grads, block), block.stop - block.start)
    if weight is not None:
        scale = scale * weight
    if absent is not None:
        scale = np.where(absent, 0, scale)
    problem.of.write(scale, problem.view(result, block), *shared)
