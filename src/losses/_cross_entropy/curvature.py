"""The curvature of cross entropy: H = V (diag(p) - p p^T) of each sample, whatever the target.

A penalty makes V' (diag(p) - p p^T) + 2 z V p p^T of it, see z_loss.py. Through a cap with slopes s
and second derivatives b, see softcap.py, it is diag(s) H diag(s) + diag(g b), where the gradient g
with respect to the capped logits depends on the target.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .._activations.exponentials import exponentials, log_sums
from .._core.blocks import Block
from .._core.dtypes import Array, result_dtype
from .._core.panel import Panel, inner
from .._losses.mass import Mass
from .._losses.options import Options
from .._losses.reduction import unit_backward
from .kernels import loss_kernel
from .problem import Problem
from .softcap import bend, capped, slope
from .z_loss import Penalty, penalty


def curvature(problem: Problem, write: Callable[..., None], vectors: Sequence[Array] = ()) -> Array:
    """Run write(logits, scale, z_loss, out, spare, *vectors) on every panel; return what it wrote.

    The scale is V g of each sample. Ignored samples are cleared.
    """
    plan, target, options = problem.plan, problem.target, problem.options
    grad = unit_backward(options.reduction, problem.divisor(), plan.dtype)
    result = np.empty_like(problem.logits, result_dtype(problem.logits))

    def compute(block: Block, panels: Sequence[Panel], out: Panel, spare: Panel) -> None:
        logits, *others = panels
        along, given = others[: len(vectors)], others[len(vectors) :]
        mass = target.mass(block, given)
        scale = mass.whole(logits) * grad
        if options.softcap is None:
            write(logits, scale, options.z_loss, out, spare, *along)
        else:
            _through_cap(write, logits, scale, mass, options, grad, out, spare, *along)
        if mass.ignored is not None:
            out.clear(mass.ignored)

    inputs = [problem.logits, *vectors, *target.inputs]
    plan.run(compute, inputs, result, options.workers)
    return result


def _through_cap(
    write: Callable[..., None],
    logits: Panel,
    scale: Array,
    mass: Mass,
    options: Options,
    grad: Array,
    out: Panel,
    spare: Panel,
    *along: Panel,
) -> None:
    """Write the curvature with respect to logits that are capped: s H s + g b."""
    cap, values = options.softcap, logits.values
    assert cap is not None
    given = capped(logits, cap, spare)
    first, grad_logits = (logits.with_values(np.empty_like(values)) for _ in range(2))
    slopes = slope(logits, cap, first, grad_logits)
    loss_kernel(given, mass, options._replace(softcap=None), grad, grad_logits, spare)
    bends = bend(logits, cap, slopes)
    bends *= grad_logits.values
    scaled = grad_logits  # which is read: its memory is free
    for vector in along:
        bends *= vector.values
        np.multiply(slopes, vector.values, out=scaled.values)
    write(given, scale, options.z_loss, out, spare, *(scaled for _ in along))
    np.multiply(out.values, slopes, out=out.values)
    if not along:
        np.multiply(out.values, slopes, out=out.values)
    np.add(out.values, bends, out=out.values)


def curvature_along(
    logits: Panel, scale: Array, z_loss: float, out: Panel, spare: Panel, vector: Panel
) -> None:
    """Write scale (diag(p) - p p^T) v, for a scale of each sample.

    That is p_c (d_c - sum p_k d_k), and a shift of d changes nothing. With d = v - v_c* the most
    probable class c* has d = 0: the sum is over the other classes, and nothing cancels at c*. With
    a penalty it is p_c ((1 + 2 z lse) (d_c - sum p_k d_k) + 2 z sum p_k v_k).
    """
    top, _, extra = _probabilities(logits, z_loss, out, spare)
    shift = vector.memory[vector.at(top)]
    np.subtract(vector.values, out.across(shift), out=spare.values)
    mean = inner(spare, out.values, np.empty_like(out.values))
    spare.subtract(mean)
    if extra is not None:
        spare.multiply(1 + extra.slope)
        spare.subtract(-extra.curvature * (shift + mean))
    np.multiply(out.values, spare.values, out=out.values)
    out.multiply(scale)


def curvature_diagonal(
    logits: Panel, scale: Array, z_loss: float, out: Panel, spare: Panel
) -> None:
    """Write scale p (1 - p), for a scale of each sample.

    With a penalty it is scale p ((1 + 2 z lse) (1 - p) + 2 z p).
    """
    top, rest, extra = _probabilities(logits, z_loss, out, spare)
    # 1 - p can cancel for the most probable class only: any other has p of at most a half.
    np.subtract(1, out.values, out=spare.values)
    spare.memory[spare.at(top)] = rest
    if extra is not None:
        spare.multiply(1 + extra.slope)
        np.add(spare.values, extra.curvature * out.values, out=spare.values)
    np.multiply(out.values, spare.values, out=out.values)
    out.multiply(scale)


def _probabilities(
    logits: Panel, z_loss: float, out: Panel, spare: Panel
) -> tuple[Array, Array, Penalty | None]:
    """Write the probabilities p of a panel.

    Return the most probable classes, their 1 - p, and the penalty, if there is one.
    """
    sums = exponentials(logits, out, spare)
    extra = penalty(z_loss, log_sums(logits, out, sums)) if z_loss else None
    top = out.largest()
    at = out.at(top)
    out.memory[at], others = out.set_aside(np.arange(top.size), at)
    out.divide(sums.total)
    return top, others / sums.total, extra
