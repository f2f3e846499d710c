"""Budgets: how many ulp a result may be off, counted in roundings.

A rounding is a relative error of at most u = eps / 2. An ulp of v is more than u |v|, so that a
relative error of n roundings is less than n ulp. Roundings add up along a computation, to first
order; a sum of terms of one sign has the mean of its terms' roundings, weighted by the terms, and
those of the additions; a function f multiplies its argument's by |x f'(x) / f(x)|, at most 1 for
log1p of x >= 0, expm1 of x <= 0 and x / (1 + x) of x >= 0.

Results below the normal numbers have an ulp of the smallest subnormal, which each operation on
them may be off by: the count covers that too.
"""

from math import log2
from typing import NamedTuple

import numpy as np
from tests.accuracy.exact import ulp_error

# The largest errors in ulp that NumPy allows its own functions (the files umath-validation-set-*
# of its tests). An ulp of v is at most 2 u |v|: two roundings.
EXP = {np.float32: 2 * 3, np.float64: 2 * 1}
LOG = {np.float32: 2 * 4, np.float64: 2 * 1}
LOG1P = {np.float32: 2 * 2, np.float64: 2 * 1}
EXPM1 = {np.float32: 2 * 3, np.float64: 2 * 1}


def additions(terms):
    """Return the roundings of a sum: NumPy adds chains of at most 128 terms, then in pairs."""
    return min(terms, 128) + log2(max(terms / 128, 1))


class Roundings(NamedTuple):
    """The roundings of what a row's softmax is made of; m is its largest logit.

    The shifted logits x - m have one rounding: an error of gap * u, with gap = m - x, which exp
    turns into a relative error of gap roundings. So exp(x - m) has gap + EXP, one for each class.

    q sums exp(x - m) over the classes other than the largest: the mean of their gaps, weighted
    by their exponentials, and EXP, and the additions. The sum over all classes, and 1 + q before
    it is rounded, have no more than q: the largest class adds an exact 1.

    L = log1p(q) has those of q and LOG1P.
    """

    exps: np.ndarray
    q: float
    log_sum: float
    sum: float


def roundings(x, dtype=None):
    """Return the roundings of a row of logits computed in a dtype, by default its own."""
    dtype = dtype or x.dtype.type
    gaps = x.max() - x.astype(np.float64)
    gaps[np.isinf(gaps)] = 0  # exp(-inf) is an exact 0
    exps = np.where(np.isinf(x), 0, np.exp(-gaps))
    exps[x.argmax()] = 0
    gap = weighted_mean(gaps, exps)
    q = gap + EXP[dtype] + additions(x.size)
    return Roundings(gaps + EXP[dtype], q, q + LOG1P[dtype], additions(x.size))


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
