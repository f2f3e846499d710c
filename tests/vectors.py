"""The formulas of losses of vectors, in intervals, and small vectors away from their kinks.

Lengths are scaled by a number near the largest entry, so that no power leaves the range.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st
from tests.domains import between
from tests.intervals import Interval, exactly, rounded, select, union


def at_least_0(x: Interval) -> Interval:
    return x.monotone(lambda end: np.maximum(end, 0))


def step(x: Interval) -> Interval:
    """Return [x >= 0]."""
    return x.monotone(lambda end: np.heaviside(end, 1))


@dataclass(frozen=True)
class Length:
    """The p-norm of rows: norm times scale, of rows divided by the scale."""

    rows: Interval
    norm: Interval  # 1 where a row is 0
    scale: Interval
    zero: np.ndarray

    @property
    def each(self) -> Interval:
        return select(self.zero, 0, self.norm * self.scale)


def length(rows: Interval, p: float) -> Length:
    scale = np.abs(rows.low).max(-1, initial=0)
    scale = exactly(np.where((scale == 0) | np.isinf(scale), 1, scale), rows.dtype)
    found = rows / scale[..., None]
    sizes = abs(found)
    powers = sizes if p == 1 else sizes.increasing(lambda end: end**p)
    total = powers.sum(-1)
    zero = rows.is_zero.all(-1)
    norm = (
        total if p == 1 else at_least_0(total).increasing(lambda end: end ** (1 / np.longdouble(p)))
    )
    return Length(found, select(zero, 1, norm), scale, zero)


def cosines(first, second):
    """Return the unit vectors, in float64 at least, their cosine, and where it is one of zeros."""
    wide = np.result_type(first.dtype, np.float64)
    a, b = (length(exactly(x.low, wide), 2) for x in (first, second))
    u, v = (x.rows / x.norm[..., None] for x in (a, b))
    cosine = (u * v).sum(-1)
    return (a, u), (b, v), cosine, (a.zero | b.zero) & ~cosine.is_nan


def cosine_embedding(first, second, target, margin):
    (_, u), (_, v), cosine, zero = cosines(first, second)
    apart = u - v
    near = select(zero, 1, (apart * apart).sum(-1) / 2)
    near = replace(near, nan=near.nan | cosine.nan)  # beside zeros inf may be nan
    return select(target.low > 0, near, at_least_0(cosine - margin)).to(first.dtype)


def cosine_embedding_slopes(first, second, target, margin):
    (a, u), (b, v), cosine, zero = cosines(first, second)
    side = select(target.low > 0, -1, step(cosine - margin))
    side, cosine = select(zero, 0, side)[..., None], cosine[..., None]

    def towards(own, x, y):
        return (side * (y - cosine * x) / (own.norm * own.scale)[..., None]).to(first.dtype)

    return towards(a, u, v), towards(b, v, u)


def direction(of: Length, p: float) -> Interval:
    """Return the gradient of a length, 0 where it is 0."""
    if p == 1:
        return of.rows.monotone(np.sign)
    share = abs(of.rows) / of.norm[..., None]
    slope = of.rows.monotone(np.sign) * at_least_0(share).increasing(lambda end: end ** (p - 1))
    return select(of.rows.is_zero, 0, slope)


def either(sure: np.ndarray, maybe: np.ndarray, yes: Interval, no: Interval) -> Interval:
    """Return `yes` where a condition surely holds, `no` where it surely does not, else both."""
    return select(sure, yes, select(maybe, union(yes, no), no))


def comparison(anchor, positive, negative, p, swap):
    """Return the lengths that are compared, and whether they are surely or maybe swapped."""
    near, far = length(anchor - positive, p), length(anchor - negative, p)
    if not swap:
        nowhere = np.zeros(near.zero.shape, bool)
        return near, far, far, nowhere, nowhere
    across = length(positive - negative, p)
    one, other = across.each, far.each
    return near, far, across, one.high < other.low, ~(one.low >= other.high)


def excess(near, far, across, margin):
    """Return u, by how much the negative is too near."""
    one, other = far.each, across.each
    least = replace(
        one,
        low=np.minimum(one.low, other.low),
        high=np.minimum(one.high, other.high),
        nan=one.nan | other.nan,
    )
    return (near.each - least) + margin


def triplet_margin(anchor, positive, negative, margin, p, swap):
    near, far, across, *_ = comparison(anchor, positive, negative, p, swap)
    return at_least_0(excess(near, far, across, margin))


def triplet_margin_slopes(anchor, positive, negative, margin, p, swap):
    near, far, across, sure, maybe = comparison(anchor, positive, negative, p, swap)
    u = excess(near, far, across, margin)
    never, counts = (u.high < 0)[..., None], step(u)[..., None]
    up, down, other = (direction(of, p) for of in (near, far, across))
    sure, maybe = sure[..., None], maybe[..., None]

    def counted(swapped, usual):
        return select(never, 0, counts * either(sure, maybe, swapped, usual))

    return counted(up, up - down), counted(-up - other, -up), counted(other, down)


def overlap(p, t, fp_weight, fn_weight, smooth):
    """Return the slope of W, the hits, W, and both."""
    fp, fn = (rounded(weight, p.dtype) for weight in (fp_weight, fn_weight))
    hits = (p * t).sum(-1) + smooth
    wrong = fp * (p * (1 - t)).sum(-1) + fn * ((1 - p) * t).sum(-1)
    return fp * (1 - t) - fn * t, hits, wrong, hits + wrong


def unless_nothing(whole: Interval, value: Interval) -> Interval:
    """Return numbers, 0 where the whole is, and also 0 where it may be."""
    found = select(whole.is_zero, 0, value)
    zero = whole.may_be_zero & ~whole.is_zero
    low = np.where(zero, np.fmin(found.low, 0), found.low)
    return replace(found, low=low, high=np.where(zero, np.fmax(found.high, 0), found.high))


def tversky(p, t, **options):
    _, _, wrong, whole = overlap(p, t, **options)
    return unless_nothing(whole, wrong / whole)


def tversky_slope(p, t, **options):
    slope, hits, wrong, whole = (
        each if each.low.ndim == p.low.ndim else each[..., None]
        for each in overlap(p, t, **options)
    )
    return unless_nothing(whole, (slope * (hits / whole) - t * (wrong / whole)) / whole)


# Small vectors.


def within(low, high):
    """Return the strategy of numbers of an interval, for a shape."""
    return lambda shape: between(shape, low, high)


def on_one_side_of_0(shape):
    """Draw numbers that are all above 0, or all below."""
    return st.sampled_from([1, -1]).flatmap(
        lambda sign: between(shape, 0.5, 2).map(lambda x: sign * x)
    )


def away_from_0_and_3(shape):
    """Draw numbers that are, all of them, nearer to 0, nearer to 3, or far from both."""
    intervals = st.sampled_from([(1, 1.125), (1.875, 2), (10, 11)])
    return intervals.flatmap(lambda ends: between(shape, *ends))
