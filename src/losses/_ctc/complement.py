"""The probability of all that does not spell the target, without a difference from 1.

Frame by frame the class that is drawn says where an alignment goes on: from a state to itself,
to the next, or to the one after a blank; or it leaves the target for ever. So

    1 - P = sum over frames and states of x_s q_s + the x_s of states that are no end,

where x_s is the probability of state s before a frame, and q_s that of the classes that leave it.
Where the j most probable classes all lead on, q is what is left beside them less those that lead
on among what is left. The next class leaves, so q is at least as much as each one subtracted:
little cancels. All terms of 1 - P are positive.
"""

from __future__ import annotations

import numpy as np

from .._core.class_sums import add_classes
from .._core.dtypes import Array

LEADING = 3  # at most so many classes lead on from a state


def left_out(probs: Array, states: Array, symbols: Array, skips: Array) -> float:
    """Return 1 - P of one sample.

    Its frames have the class probabilities `probs`, (T, C); `states` are the probabilities of the
    states before each frame, and after the last, (T + 1, L).
    """
    ways = _ways(symbols, skips)
    onward = [probs[:, np.maximum(way, 0)] * (way >= 0) for way in ways]
    rest, remaining = probs.copy(), np.ones(states[:-1].shape)
    all_lead_on = np.ones(remaining.shape, bool)
    for _ in range(LEADING):
        top = rest.argmax(axis=1)
        np.put_along_axis(rest, top[:, np.newaxis], 0, axis=1)
        found = [all_lead_on & (way == top[:, np.newaxis]) for way in ways]
        all_lead_on = found[0] | found[1] | found[2]
        for prob, here in zip(onward, found, strict=True):
            prob[here] = 0
        np.copyto(remaining, add_classes(rest, True)[:, np.newaxis], where=all_lead_on)
    remaining -= onward[0] + onward[1] + onward[2]
    leaving = np.add.reduce((states[:-1] * np.maximum(remaining, 0)).reshape(-1))
    return float(leaving + np.add.reduce(states[-1, :-2]))


def _ways(symbols: Array, skips: Array) -> tuple[Array, Array, Array]:
    """Return the class that leads from each state to itself, the next, the one after, or -1."""
    one, two = np.full_like(symbols, -1), np.full_like(symbols, -1)
    one[:-1] = symbols[1:]
    two[:-2] = np.where(skips[2:] > 0, symbols[2:], -1)
    return symbols, one, two
