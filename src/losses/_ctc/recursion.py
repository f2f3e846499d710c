"""The recursion over time, in floating-point numbers whose exponents know no end.

A number is a float64 `value` times 2 to a whole `exponent`. Let x_s be the probability of all the
ways that end in state s. A frame with the probabilities y_s makes of them

    before_s = x_s + x_{s-1} + (x_{s-2} where a skip is allowed),    after_s = before_s y_s.

All terms are positive, so each frame adds a few roundings to the relative error of each state,
however small the state is beside others. Powers of two change no digit: the same numbers come
of any choice of exponents that lets no value that counts leave the range of float64. So eight
frames share exponents where it is certain that none will, which is nearly always; else each frame
has its own.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np

from .._activations.exponentials import LN2, LN2_REST
from .._core.dtypes import Array
from .lattice import Way

WINDOW = 8  # frames that share exponents
# Exponents that are shared fall by at most SLOPE from a state to the next, and a value starts at
# most DEPTH below its exponent. The frames of a window multiply by 2**-RANGE at least and 2**RANGE
# at most, and none by 0. So a value is 0 or at least 2**-(DEPTH + RANGE), for the way that stays in
# its state is one of its terms; what is lost of other terms is less than 2**-1022. The product of
# a value of the way forth and one of the way back, which have gone WINDOW + 1 steps of one or two
# states between them, is at least 2**-(2 DEPTH + RANGE), or 2**-980, and at most
# 2**(RANGE + 2 (WINDOW + 1) (SLOPE + 1) + 2), or 2**960.
SLOPE, DEPTH, RANGE = 30.0, 290.0, 400.0
NORMAL = 700.0  # the exponential of a logarithm up to this size is a normal number
LARGEST = 1e300  # a logarithm of which sums and differences are finite


class Emissions(NamedTuple):
    """The probabilities of the columns of a lattice in each frame, and their logarithms.

    A last frame is added in which, as behind the end of each sample, the last blank is certain.
    `low` and `high` are the powers of two by which each frame multiplies at least and at most.
    """

    probs: Array  # (T + 1, columns)
    logs: Array  # the same
    low: Array  # (T + 1,)
    high: Array  # (T + 1,)


class Step(NamedTuple):
    """What one frame does: the states before and after the multiplication by its probabilities."""

    frame: int
    before: Array  # (n * W,)
    before_exponents: Array  # (n, W)
    after: Array  # (n * W,)
    after_exponents: Array  # (n, W)


State: TypeAlias = "tuple[Array, Array]"  # values (2 + n * W,), of which two are 0, and exponents


def walk(
    way: Way, emissions: Emissions, start: tuple[Array, Array], memory: Array, *, back: bool
) -> Iterator[Step]:
    """Yield what each frame does, in the order of time or back.

    All the probability starts in the first state of each row: `start` has its values and
    exponents. `memory` has rows of the size of a state's values, and receives those after frame t
    in row t, counted modulo its length.
    """
    values: Array = np.zeros(memory.shape[1])
    exponents = np.zeros(way.skips.shape)
    values[2:].reshape(way.skips.shape)[:, 0] = start[0]
    exponents[:, 0] = start[1]
    frames = len(emissions.probs)
    starts = range(0, frames, WINDOW)
    for first in reversed(starts) if back else starts:
        window = range(first, min(first + WINDOW, frames))
        state = normalised(values, exponents)
        least = emissions.low[first : first + WINDOW].sum()
        most = emissions.high[first : first + WINDOW].sum()
        moderate = least >= -RANGE and most <= RANGE
        shared = shared_exponents(state[1]) if moderate else None
        order = window[::-1] if back else window
        if shared is None:
            values, exponents = yield from _apart(way, emissions, order, state, memory)
        else:
            values, exponents = yield from _together(way, emissions, order, state, shared, memory)


def _together(
    way: Way, emissions: Emissions, frames: range, state: State, exponents: Array, memory: Array
) -> Generator[Step, None, State]:
    """Yield what frames do that share exponents; return the state after them."""
    values, own = state
    one, two = np.zeros(exponents.shape), np.zeros(exponents.shape)
    one[:, 1:] = power_of_2(exponents[:, :-1] - exponents[:, 1:])
    two[:, 2:] = power_of_2(exponents[:, :-2] - exponents[:, 2:]) * way.skips[:, 2:]
    steps: tuple[Array, Array] = one.reshape(-1), two.reshape(-1)
    values[2:] *= power_of_2(own - exponents).reshape(-1)
    before, spare = np.empty(one.size), np.empty(one.size)
    for frame in frames:
        np.multiply(values[1:-1], steps[0], out=before)
        before += np.multiply(values[:-2], steps[1], out=spare)
        before += values[2:]
        values = memory[frame % len(memory)]
        emissions.probs[frame].take(way.columns, out=spare, mode="clip")
        values[:2] = 0
        np.multiply(before, spare, out=values[2:])
        yield Step(frame, before, exponents, values[2:], exponents)
    return values, exponents


def _apart(
    way: Way, emissions: Emissions, frames: range, state: State, memory: Array
) -> Generator[Step, None, State]:
    """Yield what frames do of which each has exponents of its own; return the state after them."""
    values, exponents = state
    for frame in frames:
        one, two = np.full_like(exponents, -np.inf), np.full_like(exponents, -np.inf)
        one[:, 1:] = exponents[:, :-1]
        two[:, 2:] = np.where(way.skips[:, 2:] > 0, exponents[:, :-2], -np.inf)
        top = np.maximum(np.maximum(one, two), exponents)
        top[top == -np.inf] = 0
        before = values[1:-1] * power_of_2(one - top).reshape(-1)
        before += values[:-2] * power_of_2(two - top).reshape(-1)
        before += values[2:] * power_of_2(exponents - top).reshape(-1)
        probs, powers = _split(emissions.probs[frame], emissions.logs[frame])
        after = np.zeros_like(values)
        np.multiply(before, probs[way.columns], out=after[2:])
        values, exponents = normalised(after, top + powers[way.columns].reshape(top.shape))
        memory[frame % len(memory)] = values
        yield Step(frame, before, top, values[2:], exponents)
    return values, exponents


def _split(probs: Array, logs: Array) -> tuple[Array, Array]:
    """Return probabilities as normal numbers, or 0, times 2 to a power."""
    far = (np.abs(logs) > NORMAL) & (logs > -np.inf)
    powers = np.where(far, np.floor(logs / np.log(2)), 0)
    # In [0, log 2), but for the rounding of logarithms that have no digits left there.
    rest = np.clip(logs - powers * LN2 - powers * float(LN2_REST), -1, 1)
    return np.where(far, np.exp(rest), np.where(logs > -np.inf, probs, 0)), powers


def power_of_2(exponents: Array) -> Array:
    """Return 2 to whole numbers, at most 1023; 0 where they are less than -1022."""
    bits = np.minimum(np.maximum(exponents, -1023), 1023).astype(np.int64)
    bits += 1023
    bits <<= 52
    return bits.view(np.float64)


def normalised(values: Array, exponents: Array) -> State:
    """Return the same numbers with values in [1, 2) or 0, of which the exponent is -inf."""
    powers = ((values.view(np.int64) >> 52) - 1023).astype(np.float64)
    found = exponents + powers[2:].reshape(exponents.shape)
    found[values[2:].reshape(exponents.shape) == 0] = -np.inf
    return values * power_of_2(-powers), found


def shared_exponents(exponents: Array) -> Array | None:
    """Return exponents that fall by at most SLOPE from a state to the next, each at least its own.

    It is None if they lie more than DEPTH above some of their own. Those of a row of zeros are 0.
    """
    ramp = SLOPE * np.arange(exponents.shape[1])
    found: Array = np.maximum.accumulate(exponents + ramp, axis=1) - ramp
    found[np.isneginf(found)] = 0
    deepest = np.minimum.reduce(
        exponents - found, axis=None, where=exponents > -np.inf, initial=0.0
    )
    return found if deepest >= -DEPTH else None
