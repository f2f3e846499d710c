"""Budgets: how many ulp a result may be off, counted in roundings.

A rounding is a relative error of at most u = eps / 2. An ulp of v is more than u |v|, so that a
relative error of n roundings is less than n ulp. Roundings add up along a computation, to first
order; a sum of terms of one sign has the mean of its terms' roundings, weighted by the terms, and
those of the additions; a function f multiplies its argument's by |x f'(x) / f(x)|, at most 1 for
log1p of x >= 0, expm1 of x <= 0 and x / (1 + x) of x >= 0.

Results below the normal numbers have an ulp of the smallest subnormal, which each operation on
them may be off by: the count covers that too.
"""

from math import log, log2
from typing import NamedTuple

import numpy as np
from tests.accuracy.exact import ulp_error

# The largest errors in ulp that NumPy allows its own functions (the files umath-validation-set-*
# of its tests). An ulp of v is at most 2 u |v|: two roundings.
EXP = {np.float32: 2 * 3, np.float64: 2 * 1}
LOG = {np.float32: 2 * 4, np.float64: 2 * 1}
LOG1P = {np.float32: 2 * 2, np.float64: 2 * 1}
POWER = 2 * 4  # in both
EXPM1 = {np.float32: 2 * 3, np.float64: 2 * 1}
SINH = {np.float32: 2 * 2, np.float64: 2 * 1}
TANH = {np.float32: 2 * 2, np.float64: 2 * 2}

# The error of log S = high + low as a multiple of u. In float32 it is made in float64. In float64
# it is log f + k log 2 with 1/2 <= f < 1: LOG of log f, and the addition to it of what k log 2 has
# beyond its first digits, both of numbers up to log 2; all else is exact.
LOG_OF_SUM = {np.float32: 2**-20, np.float64: (LOG[np.float64] + 1) * log(2)}

LARGEST = {np.float32: 88, np.float64: 709}  # up to here a maximum needs no shift that rounds
HALF = 0.69  # a class has "more than half" if its log-probability is above -HALF


def additions(terms):
    """Return the roundings of a sum: NumPy adds chains of at most 128 terms, then in pairs."""
    return min(terms, 128) + log2(max(terms / 128, 1))


def additions_of_classes(classes, dtype):
    """Return the roundings of a sum over classes, in the orders of losses._core.class_sums.

    Up to 256 bytes the even classes in order and the odd ones, and both. Up to 8192 bytes einsum:
    vectors of at least 16 bytes, four of them added in pairs, in a chain; then a vector's numbers.
    Beyond, NumPy's pairwise sum.
    """
    size = classes * np.dtype(dtype).itemsize
    if size <= 256:
        return (classes + 1) // 2
    return size / 64 + 5 if size <= 8192 else additions(classes)


def of_length(size, dtype, p):
    """Return the roundings of the p-norm of a difference of rows.

    The difference has one; a square two, which a sum has, and the root halves; the sum its
    additions. Scaled rows have two quotients and products more. Other powers multiply the roundings
    of what they are taken of by p, or by 1 / p, and have POWER.
    """
    chain = additions_of_classes(size, dtype)
    if p == 1:
        return 1 + chain
    return 5 + chain / p if p == 2 else 5 + POWER * (1 + 1 / p) + chain / p


class Roundings(NamedTuple):
    """The roundings of what a row's softmax is made of.

    exp(x - s), with a shift s that is 0 or exact, has EXP: the difference x - s has none. Above a
    maximum of 88 (709) the shift is s = rint(m), and x - s is exact for x >= s / 2 (Sterbenz).
    Below it has one rounding, an error of |x - s| u, which exp turns into |x - s| roundings.

    S, the sum, has EXP, the mean of the |x - s| (weighted) and the additions. So has R, the sum
    of all classes but the largest.

    `log_probs` are those of x - s - high - low at each class: S makes an absolute error of as many
    u as it has roundings, log S LOG_OF_SUM more, and the result is at most -HALF. The differences
    x - s and x - s - high are exact wherever they are much less than what they are made of; each
    has a rounding, as has the last. The class with more than half has log1p(R / e): R, EXP, a
    quotient and LOG1P.
    """

    exps: np.ndarray
    others: float
    sum: float
    additions: float
    log_probs: np.ndarray
    top: int  # the class that has more than half, or -1


def roundings(x, dtype=None):
    """Return the roundings of a row of logits computed in a dtype, by default its own."""
    dtype = dtype or x.dtype.type
    x = x.astype(np.float64)
    gaps = np.zeros(x.size)
    if x.max() > LARGEST[dtype]:
        shift = np.rint(x.max())
        gaps = np.where((x < shift / 2) & np.isfinite(x), shift - x, 0)
    weights = np.exp(x - x.max())
    log_probs = x - x.max() - np.log(weights.sum())  # a few digits do
    chain = additions_of_classes(x.size, dtype)
    in_sum = weighted_mean(gaps, weights) + EXP[dtype] + chain
    most = x.argmax()
    weights[most] = 0
    others = weighted_mean(gaps, weights) + EXP[dtype] + chain
    counts = (in_sum + LOG_OF_SUM[dtype]) / np.maximum(-log_probs, HALF) + 3
    top = most if log_probs[most] > -HALF else -1
    if top >= 0:
        counts[top] = others + EXP[dtype] + 1 + LOG1P[dtype]
    return Roundings(gaps + EXP[dtype], others, in_sum, chain, counts, top)


def weighted_mean(values, weights):
    """Return the weighted mean, 0 where nothing has weight."""
    return values @ weights / weights.sum() if weights.any() else 0.0


def assert_within(budget, got, exact, scale=None):
    """Assert that results are within a budget of ulp, at the exact results or at given scales."""
    got, exact = np.atleast_1d(got), np.atleast_1d(exact)
    scales = [None] * got.size if scale is None else np.atleast_1d(scale)
    pairs = zip(got, exact, scales, strict=True)
    errors = np.array([ulp_error(g, e, got.dtype, s) for g, e, s in pairs])
    over = errors / budget
    worst = over.argmax()
    assert over[worst] <= 1, (
        f"{errors[worst]:.3g} ulp, {over[worst]:.3g} times the budget, at {worst}: "
        f"got {got[worst]!r}, exactly {exact[worst]:.20g}"
    )
