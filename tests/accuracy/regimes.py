"""The regimes in which results must stay within their budgets, and peers are compared with them."""

import numpy as np

# Few classes and many: both of the layouts in which NumPy reduces over them.
SIZES = [(8, 3), (4, 10), (2, 40), (1, 150)]  # rows and classes


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


REGIMES = {
    "normal logits": lambda logits, _: logits,
    "spread of 10": lambda logits, _: 10 * logits,
    "spread of 30": lambda logits, _: 30 * logits,
    "confident by 10": leading(10),
    "confident by 30": leading(30),
    "confident by 80": leading(80),
    "confident by 300": leading(300),
    "wrong by 30": leading(-30),
    "offset of 1e4": lambda logits, _: logits + 1e4,
    "offset of -1e4": lambda logits, _: logits - 1e4,
    "offset of 1e8": lambda logits, _: logits + 1e8,
    "ties and near-ties": lambda logits, _: np.round(logits) / 1024,
    "an impossible class": with_an_impossible_class,
}
IN_HALF = [name for name in REGIMES if name != "offset of 1e8"]  # which float16 does not reach


def draw(regime, rows, classes, dtype, rng):
    """Return logits (N, C) and targets (N,) of a regime."""
    logits = rng.standard_normal((rows, classes))
    target = rng.integers(0, classes, rows)
    return REGIMES[regime](logits, target).astype(dtype), target


def problems(regime, dtype):
    """Return logits (N, C) and targets (N,) of a regime, of each size."""
    rng = np.random.default_rng(20)
    return [draw(regime, rows, classes, dtype, rng) for rows, classes in SIZES]
