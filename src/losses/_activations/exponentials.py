"""The exponentials of logits and their sums: what softmax and cross entropy are made of.

exp needs no shift where the sum S of a sample's exponentials is moderate, low <= S <= high (see
Range). There no exponential that counts has lost digits, and the log-probability of a class is
x - log S without the rounding of x - max(x). Any other sample is shifted, or scaled by a power of
two:

    S = sum(exp(x - s)) 2**-k,    log sum(exp(x)) = s + k log 2 + log S.

The choice depends on the sample alone, so its bits do not depend on the batch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core.dtypes import Array
from .._core.panel import Panel

LARGE = 4096  # entries of a panel: for fewer it costs more to look ahead
SEEN = 64  # classes of its first sample that tell whether exp is slow
# Above, p is more than 1/2 by more than any rounding: that is true of one class at most.
HALF = {char: np.array(-0.69, char) for char in "fdg"}
# log 2 in two parts: the first has so few digits that its product with any exponent is exact.
LN2 = 0.69314718036912381649017333984375
LN2_REST = "1.90821492927058781614426568075500134360255e-10"  # text: a float64 would cut it


class Range(NamedTuple):
    """The moderate sums of a dtype, and what a larger one is scaled by.

    The lowest are near 1, so that e has its digits where e / S has. The highest leave room: 1 / S
    is a normal number, and so is g / S unless g is tiny.
    """

    low: Any
    high: Any
    power: int  # 2**-power makes a sum of finite exponentials moderate
    largest: float  # exp of it is finite
    smallest: Any  # the smallest normal number
    tiny: float  # from here up a quotient by a moderate sum is a normal number


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
    """The sums S of exponentials, one for each sample; s and k are None where all are 0."""

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
    """Return whether some logits are below the normal numbers, and not 0.

    Of such a logit exp is 1, as of 0, but takes many times as long.
    """
    size = np.abs(some)
    return bool(np.count_nonzero((size > 0) & (size < limits.smallest)))


def _shift_ahead(x: Panel, first: Array, limits: Range) -> Array | None:
    """Return the shifts if the first sample has one, for then the others may well have one too.

    Only where the maximum leaves no doubt about the sum: other samples wait for theirs.
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
    """Work once more on the samples whose sums are not moderate."""
    wrong = np.flatnonzero(~((total >= limits.low) & (total <= limits.high)))
    some = x.some(wrong)
    maxima = some.maxima()
    # A large maximum with a finite exponential is scaled by a power of two, which is exact. To
    # any other a whole number is the shift: x - s is exact if m < 0.
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
    """Return k log 2 + log S, rounded, and the rest of it.

    x - high is exact where it would cancel, so (x - s - high) - low keeps its digits.
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


def log_probabilities(x: Panel, e: Panel, out: Panel) -> None:
    """Write x - log sum(exp(x)) to out and the exponentials to e."""
    sums = exponentials(x, e, out)
    high, low = logs(sums)
    subtract_log(x, sums, high, out)
    out.subtract(low)
    samples, classes = above_half(out)
    if samples.size:
        most = majority(e, samples, e.places(samples, classes))
        out.memory[out.places(samples, classes)] = most.log_probs


def subtract_log(x: Panel, sums: Sums, high: Array, out: Panel) -> None:
    """Write x - s - high."""
    values = x.values
    if sums.shift is not None:
        values = np.subtract(values, x.spread(sums.shift), out=out.values)
    np.subtract(values, x.spread(high), out=out.values)


def above_half(log_probs: Panel) -> tuple[Array, Array]:
    """Return the samples of which a class has more than half, and this class of each."""
    found = log_probs.values > HALF[log_probs.values.dtype.char]
    if found.size <= LARGE:
        first, second = found.nonzero()
    else:  # which takes much longer than this
        first, second = np.divmod(found.reshape(-1).nonzero()[0], found.shape[1])
    return (first, second) if log_probs.rows else (second, first)


class Majority(NamedTuple):
    """The samples of which one class has more than half, and this class.

    With the sum R of the others' exponentials its log-probability is -log1p(R / e), and 1 - p is
    R / S: no subtraction, so both keep their digits when p rounds to 1.
    """

    samples: Array
    places: Array  # of these classes in the memory of the exponentials
    others: Array  # R
    log_probs: Array


def majority(e: Panel, samples: Array, places: Array) -> Majority:
    """Return what is known of some samples of which a class has more than half.

    In the panel its exponential is 0 then.
    """
    if not samples.size:
        none = np.empty(0, e.values.dtype)
        return Majority(samples, places, none, none)
    own, others = e.set_aside(samples, places)
    return Majority(samples, places, others, 0 - np.log1p(others / own))


def multiply_by_share(e: Panel, total: Array, grads: Array) -> None:
    """Multiply the exponentials by g / S in place."""
    limits = RANGES[total.dtype.char]
    scale = grads / total
    again = None
    if grads.ndim or not limits.tiny <= abs(float(grads)) <= limits.high:
        # g / S loses its digits if g is tiny, and overflows if g is huge and S < 1: 1 / S and g,
        # one after the other, do neither.
        size = np.abs(scale)
        if not (np.minimum.reduce(size) >= limits.smallest and np.maximum.reduce(size) < np.inf):
            wrong = (size < limits.smallest) & (grads != 0) | np.isinf(size) & np.isfinite(grads)
            if wrong.any():
                again = np.where(wrong, grads, 1)
                scale = np.where(wrong, 1 / total, scale)
    e.multiply(scale)
    if again is not None:
        e.multiply(again)
