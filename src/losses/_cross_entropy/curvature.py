"""The curvature of cross entropy: H = V (diag(p) - p p^T) of each sample, whatever the target."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .._activations.exponentials import exponentials
from .._core.blocks import Block
from .._core.dtypes import Array, result_dtype
from .._core.panel import Panel, inner
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


def curvature_along(logits: Panel, scale: Array, out: Panel, spare: Panel, vector: Panel) -> None:
    """Write scale (diag(p) - p p^T) v, for a scale of each sample.

    That is p_c (d_c - sum p_k d_k), and a shift of d changes nothing. With d = v - v_c* the most
    probable class c* has d = 0: the sum is over the other classes, and nothing cancels at c*.
    """
    top, _ = _probabilities(logits, out, spare)
    shift = vector.memory[vector.at(top)]
    np.subtract(vector.values, out.across(shift), out=spare.values)
    spare.subtract(inner(spare, out.values, np.empty_like(out.values)))
    np.multiply(out.values, spare.values, out=out.values)
    out.multiply(scale)


def curvature_diagonal(logits: Panel, scale: Array, out: Panel, spare: Panel) -> None:
    """Write scale p (1 - p), for a scale of each sample."""
    top, rest = _probabilities(logits, out, spare)
    # 1 - p can cancel for the most probable class only: any other has p of at most a half.
    places = out.at(top)
    top_probs = out.memory[places]
    np.subtract(1, out.values, out=spare.values)
    np.multiply(out.values, spare.values, out=out.values)
    out.memory[places] = top_probs * rest
    out.multiply(scale)


def _probabilities(logits: Panel, out: Panel, spare: Panel) -> tuple[Array, Array]:
    """Write the probabilities p of a panel; return the most probable classes and their 1 - p."""
    total = exponentials(logits, out, spare).total
    top = out.largest()
    at = out.at(top)
    out.memory[at], others = out.set_aside(np.arange(top.size), at)
    out.divide(total)
    return top, others / total
