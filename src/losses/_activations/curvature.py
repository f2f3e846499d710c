"""The second derivative of logsumexp at a panel of logits: diag(p) - p p^T of each sample."""

from __future__ import annotations

import numpy as np

from .._core.dtypes import Array
from .._core.panel import Panel, inner
from .exponentials import exponentials


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
