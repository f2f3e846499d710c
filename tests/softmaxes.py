"""The formulas of losses that take a softmax over classes, in intervals."""

from __future__ import annotations

import numpy as np
from tests.definitions import Softmax
from tests.intervals import Interval, select, times


def softmax_of(x: Interval) -> Softmax:
    """Return the softmax of numbers that may have been rounded to their dtype."""
    return Softmax(((x.low + x.high) / 2).astype(x.dtype), x.dtype)


def log_probs(row: Softmax) -> Interval:
    return row.shifted - row.log_sum[..., None]


def divergences(x: Interval, y: Interval) -> tuple[Softmax, Softmax, np.ndarray, Interval]:
    """Return both softmaxes, where y is -inf, and log q - log p, which is 0 there."""
    p, q, nothing = softmax_of(x), softmax_of(y), np.isneginf(y.low)
    return p, q, nothing, select(nothing, 0, log_probs(q) - log_probs(p))


def divergence_of_logits(x: Interval, y: Interval) -> Interval:
    p, q, _, apart = divergences(x, y)
    return select(p.broken | q.broken, np.nan, times(q.probs, apart).sum(-1))


def divergence_of_logits_slope(x: Interval, y: Interval) -> Interval:
    p, q, *_ = divergences(x, y)
    return select((p.broken | q.broken)[..., None], np.nan, p.probs - q.probs)


def divergence_of_logits_by_target(x: Interval, y: Interval) -> Interval:
    p, q, nothing, apart = divergences(x, y)
    loss = divergence_of_logits(x, y)[..., None]
    slope = select(nothing, 0, q.probs * (apart - loss))
    return select((p.broken | q.broken)[..., None], np.nan, slope)


def focal_parts(x, one_hot, gamma):
    """Return the softmax, u, the cross entropy, and u**gamma."""
    row = softmax_of(x)
    u = select(one_hot, 0, row.probs).sum(-1)
    entropy = select(one_hot, -log_probs(row), 0).sum(-1)
    return row, u, entropy, u.increasing(lambda end: np.maximum(end, 0) ** gamma)


def focal(x: Interval, one_hot: np.ndarray, gamma: float) -> Interval:
    row, _, entropy, power = focal_parts(x, one_hot, gamma)
    return select(row.broken, np.nan, times(power, entropy))


def focal_slope(x: Interval, one_hot: np.ndarray, gamma: float) -> Interval:
    row, u, entropy, power = focal_parts(x, one_hot, gamma)
    own = select(one_hot, row.probs, 0).sum(-1)
    ratio = select(u.is_zero, 1, times(own, entropy) / u)
    factor = power * (1 + gamma * ratio)
    slope = select(one_hot, -u[..., None], row.probs) * factor[..., None]
    return select(row.broken[..., None], np.nan, slope)
