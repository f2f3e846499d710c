"""The curvature of cross entropy: H = V (diag(p) - p p^T) of each sample, whatever the target."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .._core.blocks import Block
from .._core.dtypes import Array, result_dtype
from .._core.panel import Panel
from .._losses.reduction import unit_backward
from .problem import Problem


def curvature(problem: Problem, write: Callable[..., None], vectors: Sequence[Array] = ()) -> Array:
    """Run write(logits, scale, out, spare, *vectors) on every panel; return what it wrote.

    The scale is V g of each sample. Ignored samples are cleared.
    """
    plan, target, options = problem.plan, problem.target, problem.options
    grad = unit_backward(options.reduction, problem.divisor(), plan.dtype)
    result = np.empty_like(problem.logits, result_dtype(problem.logits))

    def compute(block: Block, panels: Sequence[Panel], out: Panel, spare: Panel) -> None:
        logits, *others = panels
        along, given = others[: len(vectors)], others[len(vectors) :]
        mass = target.mass(block, given)
        write(logits, mass.whole(logits) * grad, out, spare, *along)
        if mass.ignored is not None:
            out.clear(mass.ignored)

    inputs = [problem.logits, *vectors, *target.inputs]
    plan.run(compute, inputs, result, options.workers)
    return result
