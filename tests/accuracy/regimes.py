"""The regimes in which results must stay within their budgets.

In REGIMES peers are compared with them, too. BORDERS sit where the kernel changes its way: at the
sums that need a shift or a power of two, on both sides, and at the class with more than half.
"""

import numpy as np

from losses._activations.exponentials import RANGES

# Few classes and many: both of the layouts in which NumPy reduces over them.
SIZES = [(8, 3), (4, 10), (2, 40), (1, 150)]  # rows and classes
AT_BORDERS = [(8, 3), (1, 80)]


def leading(gap):
    """Return the regime in which the target's logit is the largest of the others' and a gap."""

    def regime(logits, target):
        others = np.where(np.arange(logits.shape[1]) == target[:, None], -np.inf, logits)
        return np.where(np.isinf(others), others.max(1, keepdims=True) + gap, logits)

    return regime


def with_an_impossible_class(logits, target):
    """Return logits of which one, not the target's, is -inf."""
    rows = np.arange(target.size)
    logits[rows, (target + 1) % logits.shape[1]] = -np.inf
    return logits


def with_sums_near(border):
    """Return the regime in which sums of exponentials are just below and just above a border."""

    def regime(logits, _):
        total = np.log(np.exp(logits).sum(1, keepdims=True))
        sides = np.where(np.arange(len(logits)) % 2, 1e-3, -1e-3)
        return logits - total + np.log(np.float64(border)) + sides[:, None]

    return regime


def sums_beyond(largest):
    """Return the regime in which exponentials are finite and their sum is not."""
    return lambda logits, _: largest - np.abs(logits) / 64


def near_half(logits, target):
    """Return logits with which the target has half, but for very little, or a bit more."""
    rows = np.arange(target.size)
    logits[rows, target] = -np.inf
    others = np.log(np.exp(logits).sum(1))
    more = np.log(np.exp(-0.69) / (1 - np.exp(-0.69)))  # above a log-probability of -0.69
    lead = np.resize([1e-6, -1e-6, 0, more + 1e-4, more - 1e-4, 1e-3, -1e-3, 1e-2], rows.size)
    logits[rows, target] = others + lead
    return logits


def with_two_halves(logits, target):
    """Return logits of which two are the same, and the others far less."""
    rows = np.arange(target.size)
    pair = logits[rows, target]
    logits -= 200
    logits[rows, target] = logits[rows, (target + 1) % logits.shape[1]] = pair
    return logits


def side_by_side(largest):
    """Return the regime in which one sample needs a shift or a power of two, the next does not."""
    offsets = [0, -1000, largest + 12, -5, largest - 4, 1e4, 0, -1e4]
    return lambda logits, _: logits + np.resize(offsets, len(logits))[:, None]


REGIMES = {
    "normal logits": lambda logits, _: logits,
    "spread of 10": lambda logits, _: 10 * logits,
    "spread of 30": lambda logits, _: 30 * logits,
    "spread of 300": lambda logits, _: 300 * logits,
    "confident by 10": leading(10),
    "confident by 30": leading(30),
    "confident by 80": leading(80),
    "confident by 300": leading(300),
    "wrong by 30": leading(-30),
    "offset of 100": lambda logits, _: logits + 100,
    "offset of -100": lambda logits, _: logits - 100,
    "offset of 1e4": lambda logits, _: logits + 1e4,
    "offset of -1e4": lambda logits, _: logits - 1e4,
    "offset of 1e8": lambda logits, _: logits + 1e8,
    "ties and near-ties": lambda logits, _: np.round(logits) / 1024,
    "an impossible class": with_an_impossible_class,
}
IN_HALF = [name for name in REGIMES if name != "offset of 1e8"]  # which float16 does not reach


def borders(dtype):
    """Return the regimes on the borders of the moderate sums of a dtype."""
    limits = RANGES[np.dtype(dtype).char]
    return {
        "sums near the lowest": with_sums_near(limits.low),
        "far apart below 0": lambda logits, _: -3 - 20 * np.abs(logits),
        "sums near the highest": with_sums_near(limits.high),
        "sums beyond the largest number": sums_beyond(limits.largest),
        "maxima near the largest": lambda logits, _: logits + limits.largest,
        "samples side by side": side_by_side(limits.largest),
        "near a half": near_half,
        "two halves": with_two_halves,
        "the same logits of 100": lambda logits, _: np.full_like(logits, 100),
        "offset of -1000": lambda logits, _: logits - 1000,
        "wrong by 300": leading(-300),
        "subnormal logits": lambda logits, _: logits * float(limits.smallest) / 64,
    }


BORDERS = list(borders(np.float64))


def draw(regime, rows, classes, dtype, rng):
    """Return logits (N, C) and targets (N,) of a regime."""
    logits = rng.standard_normal((rows, classes))
    target = rng.integers(0, classes, rows)
    make = REGIMES[regime] if regime in REGIMES else borders(dtype)[regime]
    return make(logits, target).astype(dtype), target


def problems(regime, dtype):
    """Return logits (N, C) and targets (N,) of a regime, of each size."""
    rng = np.random.default_rng(20)
    sizes = SIZES if regime in REGIMES else AT_BORDERS
    return [draw(regime, rows, classes, dtype, rng) for rows, classes in sizes]
