"""The second derivative of logsumexp at a panel of logits: diag(p) - p p^T of each sample.

A function of the logsumexp that is added to it, with the derivatives `slope` and `curvature`, makes
(1 + slope) (diag(p) - p p^T) + curvature p p^T of that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from .._core.dtypes import Array
from .._core.panel import Panel, inner
from .exponentials import exponentials, log_sums

Added: TypeAlias = Callable[[Array], Any]  # gives, for the logsumexp, the two derivatives


def curvature_along(
    logits: Panel, scale: Array, added: Added | None, out: Panel, spare: Panel, vector: Panel
) -> None:
    """Write scale (diag(p) - p p^T) v, for a scale of each sample.

    That is p_c (d_c - sum p_k d_k), and a shift of d changes nothing. With d = v - v_c* the most
    probable class c* has d = 0: the sum is over the other classes, and nothing cancels at c*. With
    a function added it is p_c ((1 + slope) (d_c - sum p_k d_k) + curvature sum p_k v_k).
    """
    top, _, extra = _probabilities(logits, added, out, spare)
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
    logits: Panel, scale: Array, added: Added | None, out: Panel, spare: Panel
) -> None:
    """Write scale p (1 - p), for a scale of each sample.

    With a function added it is scale p ((1 + slope) (1 - p) + curvature p).
    """
    top, rest, extra = _probabilities(logits, added, out, spare)
    # 1 - p can cancel for the most probable class only: any other has p of at most a half.
    np.subtract(1, out.values, out=spare.values)
    spare.memory[spare.at(top)] = rest
    if extra is not None:
        spare.multiply(1 + extra.slope)
        np.add(spare.values, extra.curvature * out.values, out=spare.values)
    np.multiply(out.values, spare.values, out=out.values)
    out.multiply(scale)


def _probabilities(
    logits: Panel, added: Added | None, out: Panel, spare: Panel
) -> tuple[Array, Array, Any]:
    """Write the probabilities p of a panel.

    Return the most probable classes, their 1 - p, and the derivatives of what is added or None.
    """
    sums = exponentials(logits, out, spare)
    extra = added(log_sums(logits, out, sums)) if added else None
    top = out.largest()
    at = out.at(top)
    out.memory[at], others = out.set_aside(np.arange(top.size), at)
    out.divide(sums.total)
    return top, others / sums.total, extra
