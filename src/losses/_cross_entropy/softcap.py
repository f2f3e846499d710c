"""The cap of logits, y = c tanh(x / c), and its derivatives.

With E = exp(-2 |x| / c) the slope is 4 E / (1 + E)**2, where 1 - tanh**2 would cancel. A logit of
-inf is exempt: a class that is masked stays masked. So is +inf, which makes its sample nan.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.dtypes import Array, within
from .._core.panel import Panel


def capped(logits: Panel, cap: float, spare: Panel) -> Panel:
    """Return the capped logits in memory of their own; the spare panel is memory to work in."""
    values, limits = logits.values, np.finfo(logits.values.dtype)
    scale = _scale(cap, values.dtype)
    ratio = np.divide(values, scale, out=spare.values)
    found = np.tanh(ratio)
    found *= scale
    kept = np.isinf(values)
    if scale > np.sqrt(limits.max):
        # Some x / c are subnormal, but then c tanh(x / c) is x: it differs by x (x / c)**2 / 3.
        kept |= np.abs(ratio) < np.sqrt(limits.eps) / 2
    if kept.any():
        np.copyto(found, values, where=kept)
    return logits.with_values(found)


def multiply_by_slope(out: Panel, logits: Panel, cap: float, spare: Panel, work: Panel) -> None:
    """Multiply by dy/dx in place; the spare and the work panel are memory to work in."""
    np.multiply(out.values, slope(logits, cap, spare, work), out=out.values)


def slope(logits: Panel, cap: float, spare: Panel, work: Panel) -> Array:
    """Return dy/dx in the spare panel; the work panel is memory to work in."""
    values = logits.values
    e: Array = np.divide(values, _scale(cap, values.dtype), out=spare.values)
    np.abs(e, out=e)
    e *= -2
    np.exp(e, out=e)
    square = np.add(e, 1, out=work.values)
    square *= square
    e /= square
    e *= 4
    return e


def bend(logits: Panel, cap: float, slopes: Array) -> Array:
    """Return the second derivative of y, -2 / c tanh(x / c) dy/dx."""
    scale = _scale(cap, logits.values.dtype)
    found: Array = logits.values / scale
    np.tanh(found, out=found)
    found *= slopes
    found *= -2 / scale
    return found


def _scale(cap: float, dtype: np.dtype[Any]) -> Any:
    """Return the cap as a normal number of a dtype, so that x / c is nan for no infinite x."""
    return max(within(cap, dtype), np.finfo(dtype).smallest_normal)
