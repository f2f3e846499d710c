"""The exponentials of logits and their sums: what softmax and cross entropy are made of.

A sample needs no shift if the sum S of its exponentials is moderate, low <= S <= high (see Range).
Then no exponential that counts has lost digits, and the log-probability of a class is x - log S,
without the rounding of x - max(x). Any other sample is shifted by s, or scaled by a power of two:

    S = sum(exp(x - s)) 2**-k,    log sum(exp(x)) = s + k log 2 + log S.

The choice depends on the sample alone, so the bits of a sample do not depend on the batch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core.dtypes import Array
from .._core.panel import Panel

LARGE = 4096  # in a panel of at most so many entries looking ahead costs more than it saves
SEEN = 64  # so many logits of a panel's first sample show whether exp is slow
# Above this log-probability p exceeds 1/2 by more than any rounding: at most one class is there.
HALF = {char: np.array(-0.69, char) for char in "fdg"}
# log 2 in two parts. The first has so few digits that its product with any exponent is exact. The
# rest is a string, because float64 would cut its digits.
LN2 = 0.69314718036912381649017333984375
LN2_REST = "1.90821492927058781614426568075500134360255e-10"


class Range(NamedTuple):
    """The moderate sums of a dtype, and the power of two that scales a larger sum.

    `low` is near 1, so that an exponential e has all its digits where e / S has. `high` leaves
    room: 1 / S is a normal number, and so is g / S unless g is tiny.
    """

    low: Any
    high: Any
    power: int  # 2**-power makes a sum of finite exponentials moderate
    largest: float  # a logit whose exponential is finite
    smallest: Any  # the smallest normal number
    tiny: float  # from here up g / S is a normal number for each moderate S


def _range(dtype: np.dtype[Any]) -> Range:
    info = np.finfo(dtype)
    high, one = info.maxexp * 25 // 32, dtype.type(1)
    low = one / 4
    return Range(
        low=low,
        high=np.ldexp(one, high),
        power=info.maxexp // 2,
        largest=float(np.floor(np.log(info.max))),
        smallest=info.smallest_normal,
        tiny=2.0 ** max(high + 2 - info.maxexp, -1000),
    )


RANGES = {char: _range(np.dtype(char)) for char in "fdg"}


class Sums(NamedTuple):
    """The sums S, shifts s and powers k of samples; s or k is None if it is 0 for all of them."""

    total: Array
    shift: Array | None
    power: Array | None


def exponentials(x: Panel, e: Panel, spare: Panel) -> Sums:
    """Write exp(x - s) 2**-k to e; return their sums. The spare panel is memory to work in."""
    limits, values, shift = RANGES[x.values.dtype.char], x.values, None
    if values.size > LARGE:
        first = values[0] if x.rows else values[:, 0]
        if _is_slow(first[:SEEN], limits):
            np.copyto(spare.values, values)
            np.copyto(spare.values, 0, where=np.abs(values) < limits.smallest)
            values = spare.values
        elif (shift := _shift_ahead(x, first, limits)) is not None:
            values = np.subtract(values, x.spread(shift), out=spare.values)
    np.exp(values, out=e.values)
    total = e.add()
    if np.minimum.reduce(total) >= limits.low and np.maximum.reduce(total) <= limits.high:
        return Sums(total, shift, None)
    return _again(x, e, total, shift, limits)


def _is_slow(some: Array, limits: Range) -> bool:
    """Return whether any of these logits is subnormal.

    exp is 1 there, as at 0, but takes many times as long.
    """
    size = np.abs(some)
    return bool(np.count_nonzero((size > 0) & (size < limits.smallest)))


def _shift_ahead(x: Panel, first: Array, limits: Range) -> Array | None:
    """Return the shift of each sample if the first one needs a shift, as others then may well do.

    It is 0 where the maximum leaves open whether the sum is moderate: the sum itself decides there.
    """
    classes = x.classes
    low = float(np.log(limits.low / classes)) - 1
    if low <= np.maximum.reduce(first) <= limits.largest:
        return None
    maxima = x.maxima()
    near = (maxima >= low) & (maxima <= limits.largest)
    shift = np.rint(maxima, out=maxima)
    shift[near] = 0
    return shift


def _again(x: Panel, e: Panel, total: Array, shift: Array | None, limits: Range) -> Sums:
    """Shift or scale the samples whose sums are not moderate, and sum them once more."""
    wrong = np.flatnonzero(~((total >= limits.low) & (total <= limits.high)))
    some = x.some(wrong)
    maxima = some.maxima()
    # A sample whose maximum m is large, but has a finite exponential, is scaled by a power of two,
    # which is exact. Any other is shifted by a whole number: x - s is exact if m < 0.
    scaled = (maxima >= 0) & (maxima <= limits.largest)
    shifts, powers = np.where(scaled, 0, np.rint(maxima)), np.where(scaled, limits.power, 0)
    some.subtract(shifts)
    np.exp(some.values, out=some.values)
    some.multiply(np.ldexp(x.values.dtype.type(1), -powers))
    total[wrong] = some.add()
    e.put(wrong, some)
    shift = np.zeros_like(total) if shift is None else shift
    shift[wrong] = shifts
    power = None
    if scaled.any():
        power = np.zeros(total.shape, powers.dtype)
        power[wrong] = powers
    return Sums(total, shift, power)


def logs(sums: Sums) -> tuple[Array, Array]:
    """Return k log 2 + log S in two parts: `high`, rounded, and `low`, the rest.

    x - s - high is exact where the two are close, so (x - s - high) - low keeps its digits.
    """
    total, _, power = sums
    if total.dtype.char == "f":
        log = np.log(total, dtype=np.float64)
        if power is not None:
            log += power * np.log(2)
        high = log.astype(total.dtype)
        log -= high
        return high, log.astype(total.dtype)
    low, exponent = np.frexp(total)
    np.log(low, out=low)
    if power is not None:
        exponent += power
    whole = exponent.astype(total.dtype)
    low += whole * total.dtype.type(LN2_REST)
    whole *= total.dtype.type(LN2)
    high = whole + low
    whole -= high
    low += whole
    return high, low


def log_probabilities(x: Panel, e: Panel, sums: Sums, out: Panel) -> None:
    """Write x - log sum(exp(x)) to out, given the exponentials and their sums.

    The exponential of a class with more than half becomes 0.
    """
    high, low = logs(sums)
    subtract_log(x, sums, high, out)
    out.subtract(low)
    samples, classes = above_half(out)
    if samples.size:
        most = majority(e, samples, e.places(samples, classes))
        out.memory[out.places(samples, classes)] = most.log_probs


def subtract_log(x: Panel, sums: Sums, high: Array, out: Panel) -> None:
    """Write x - s - high to out."""
    values = x.values
    if sums.shift is not None:
        values = np.subtract(values, x.spread(sums.shift), out=out.values)
    np.subtract(values, x.spread(high), out=out.values)


def above_half(log_probs: Panel) -> tuple[Array, Array]:
    """Return the samples with a class of more than half the probability, and that class of each."""
    found = log_probs.values > HALF[log_probs.values.dtype.char]
    if found.size <= LARGE:
        first, second = found.nonzero()
    else:  # much faster than nonzero in two dimensions
        first, second = np.divmod(found.reshape(-1).nonzero()[0], found.shape[1])
    return (first, second) if log_probs.rows else (second, first)


class Majority(NamedTuple):
    """The samples with a class of more than half the probability, and that class of each.

    With the sum R of the other exponentials its log-probability is -log1p(R / e), and 1 - p is
    R / S: no subtraction, so both keep their digits when p rounds to 1.
    """

    samples: Array
    places: Array  # the places of these classes in the memory of the exponentials
    others: Array  # R
    log_probs: Array


def majority(e: Panel, samples: Array, places: Array) -> Majority:
    """Return the Majority of some samples, given the places of the classes, and set these to 0."""
    if not samples.size:
        none = np.empty(0, e.values.dtype)
        return Majority(samples, places, none, none)
    own, others = e.set_aside(samples, places)
    return Majority(samples, places, others, 0 - np.log1p(others / own))


def log_sums(x: Panel, e: Panel, sums: Sums) -> Array:
    """Return log sum(exp(x)) of each sample, given the exponentials and their sums."""
    high, low = logs(sums)
    found = high + low
    if sums.shift is not None:
        # Where the maximum is infinite, +inf or that of nothing but -inf, it is the result.
        found = np.where(np.isinf(sums.shift), sums.shift, sums.shift + high + low)
    # Near 0, log S has lost digits. The sum of the others has them if one class has more than half.
    near = np.flatnonzero((found > -0.7) & (found < 0.7))
    if near.size:
        some = e.some(near)
        classes = some.largest()
        most = majority(some, np.arange(near.size), some.at(classes))
        more = most.log_probs > HALF[found.dtype.char]
        near, classes = near[more], classes[more]
        found[near] = x.memory[x.places(near, classes)] - most.log_probs[more]
    return found


class AtLabels(NamedTuple):
    """What one class of each sample has."""

    places: Array  # the places of these classes in the memory of the exponentials
    log_probs: Array
    most: Majority  # of those with more than half


def at_labels(logits: Panel, labels: Array, e: Panel, sums: Sums) -> AtLabels:
    """Return AtLabels, given the exponentials; write 0 for a label that has more than half."""
    at = e.at(labels)
    log_probs = logits.memory[at if logits.step == e.step else logits.at(labels)]
    if sums.shift is not None:
        log_probs -= sums.shift
    for part in logs(sums):
        log_probs -= part
    (sure,) = (log_probs > HALF[log_probs.dtype.char]).nonzero()
    most = majority(e, sure, at[sure])
    if sure.size:
        log_probs[sure] = most.log_probs
    return AtLabels(at, log_probs, most)


def multiply_by_share(e: Panel, total: Array, grads: Array) -> None:
    """Multiply the exponentials by g / S in place."""
    limits = RANGES[total.dtype.char]
    scale = grads / total
    again = None
    if grads.ndim or not limits.tiny <= abs(float(grads)) <= limits.high:
        # g / S loses its digits if g is tiny, and overflows if g is huge and S < 1. To multiply by
        # 1 / S and then by g does neither.
        size = np.abs(scale)
        if not (np.minimum.reduce(size) >= limits.smallest and np.maximum.reduce(size) < np.inf):
            wrong = (size < limits.smallest) & (grads != 0) | np.isinf(size) & np.isfinite(grads)
            if wrong.any():
                again = np.where(wrong, grads, 1)
                scale = np.where(wrong, 1 / total, scale)
    e.multiply(scale)
    if again is not None:
        e.multiply(again)
