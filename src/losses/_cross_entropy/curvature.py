"""The curvature of cross entropy: H = V (diag(p) - p p^T) of each sample, whatever the target.

A penalty makes V' (diag(p) - p p^T) + 2 z V p p^T of it, see z_loss.py. Through a cap with slopes s
and second derivatives b, see softcap.py, it is diag(s) H diag(s) + diag(g b), where the gradient g
with respect to the capped logits depends on the target.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .._core.blocks import Block
from .._core.dtypes import Array, result_dtype
from .._core.panel import Panel
from .._losses.mass import Mass
from .._losses.options import Options
from .._losses.reduction import unit_backward
from .kernels import loss_kernel
from .problem import Problem
from .softcap import bend, capped, slope
from .z_loss import penalty


def curvature(problem: Problem, write: Callable[..., None], vectors: Sequence[Array] = ()) -> Array:
    """Run write(logits, scale, added, out, spare, *vectors) on every panel; return what it wrote.

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
            write(logits, scale, _added(options), out, spare, *along)
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
    write(given, scale, _added(options), out, spare, *(scaled for _ in along))
    np.multiply(out.values, slopes, out=out.values)
    if not along:
        np.multiply(out.values, slopes, out=out.values)
    np.add(out.values, bends, out=out.values)


def _added(options: Options) -> Callable[[Array], Any] | None:
    """Return the function that gives the penalty on a logsumexp, if there is one."""
    return partial(penalty, options.z_loss) if options.z_loss else None
