"""A confident prediction: the loss keeps its digits where the textbook's formula gives 0."""

from __future__ import annotations

import math

import numpy as np

from .. import cross_entropy

LOGITS = np.array([80.0, 0.0])
TARGET = 0
# cross_entropy errs by at most about 8 units in the last place, each at most eps of the loss.
BOUND = 8 * float(np.finfo(LOGITS.dtype).eps)


def loss() -> float:
    """Return the loss of the logits (80, 0) with target 0."""
    return float(cross_entropy(LOGITS, TARGET))


def error(loss: float) -> float:
    """Return the relative error of a loss of these logits."""
    exact = math.log1p(math.exp(-80.0))
    return abs(loss - exact) / exact


def textbook() -> float:
    """Return what the formula -log(softmax) makes of the same logits: 1 + exp(-80) rounds to 1."""
    exponentials = np.exp(LOGITS)
    return 0.0 - float(np.log(exponentials[TARGET] / exponentials.sum()))
