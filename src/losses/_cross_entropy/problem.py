"""A problem of cross entropy: its arguments, checked, and their way to the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from numpy.typing import ArrayLike

from .._core.blocks import Block
from .._core.checks import floating, real
from .._core.dtypes import Array, Floating, result_dtype
from .._core.panel import Panel
from .._core.panels import Panels, panels
from .._losses.options import Options, class_axis
from .._losses.reduction import (
    loss_grads,
    losses_for,
    part,
    reduce,
    store_or_sum,
)
from .._losses.targets import Target, target_for
from .kernels import loss_kernel


class Problem(NamedTuple):
    """The arguments of cross_entropy, checked."""

    logits: Array
    target: Target
    plan: Panels
    options: Options

    def divisor(self) -> Any:
        """Return what the mean divides by."""
        return self.target.divisor(self.plan.blocks, self.options.reduction)

    def loss_grads(self, divisor: Any, grad_output: ArrayLike | None) -> Array:
        """Return the gradient with respect to each loss; None stands for a grad_output of ones."""
        plan, reduction = self.plan, self.options.reduction
        return loss_grads(grad_output, reduction, divisor, plan.samples, plan.dtype)


def problem_for(logits: ArrayLike, target: ArrayLike, options: Options) -> Problem:
    """Check every argument; return the problem."""
    logits, target = floating(logits=logits), real(target=target)
    axis = class_axis(options.axis, logits, "logits")
    return Problem(logits, target_for(logits, axis, target, options), panels(logits, axis), options)


def evaluate(
    problem: Problem, divisor: Any, grads: Array | None = None, grad_logits: Array | None = None
) -> Floating:
    """Return the loss; given the gradients with respect to each, write that of the logits."""
    logits, target, plan, options = problem
    dtype = result_dtype(logits)
    losses = losses_for(options.reduction, plan.samples, dtype)

    def compute(block: Block, panels: Sequence[Panel], out: Panel, spare: Panel) -> tuple[Array]:
        panel, *given = panels
        grad = None if grads is None else part(grads, block)
        return (loss_kernel(panel, target.mass(block, given), options, grad, out, spare),)

    finish = partial(store_or_sum, losses)
    sums = plan.run(compute, [logits, *target.inputs], grad_logits, options.workers, finish)
    return reduce(losses, sums, options.reduction, divisor, dtype)
