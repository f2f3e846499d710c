"""The Hessians' diagonals, and their products with a vector, against the formulas in decimals."""

from decimal import Decimal

import numpy as np
import pytest
from tests.accuracy import exact
from tests.accuracy.budgets import (
    EXP,
    LOG1P,
    POWER,
    additions,
    assert_within,
    roundings,
    weighted_mean,
)
from tests.accuracy.parameters import in_both_precisions, in_every_regime
from tests.accuracy.regimes import problems
from tests.domains import both_signs

import losses


@exact.exactly
def diagonal(x, weight=1):
    return [weight * p * (1 - p) for p in exact.softmax(x)]


@exact.exactly
def product(u, x):
    p = exact.softmax(x)
    inner = exact.dot(p, u)
    return [p_c * (u_c - inner) for p_c, u_c in zip(p, u, strict=True)]


@in_every_regime
@in_both_precisions
def test_every_entry_of_the_diagonal_keeps_its_relative_accuracy(regime, dtype):
    """p is e / S: `n.exps`, `n.sum` and one. Of a class other than the largest 1 - p errs by as
    much again at most, and one; of the largest it is R / S: `n.others`, `n.sum` and one. Then two
    products, one of them with the mass, which is a rounded quotient for none of these.
    """
    for logits, target in problems(regime, dtype):
        found = losses.cross_entropy_hessian_diagonal(logits, target, reduction="none")
        for x, row in zip(logits, found, strict=True):
            n = roundings(x)
            assert_within(2 * (n.exps + n.sum + 1) + n.others + 3, row, diagonal(x))


@in_every_regime
@in_both_precisions
def test_a_column_of_the_hessian_keeps_its_relative_accuracy(regime, dtype):
    """Times the unit vector of the largest class: -p_c p_m off the diagonal, which needs sum p d
    = 1 - p_m as a sum over the others, each p with `n.exps`, `n.sum` and one, and the additions.
    """
    for logits, target in problems(regime, dtype):
        top = logits.argmax(axis=1)
        unit = np.zeros_like(logits)
        unit[np.arange(len(top)), top] = 1
        found = losses.cross_entropy_hvp(unit, logits, target, reduction="none")
        for x, u, row in zip(logits, unit, found, strict=True):
            n = roundings(x)
            # d_c - sum p d = -1 + (1 - p_m) is -p_m, which may be as small as 1 / C.
            p, sums = n.exps + n.sum + 1, n.exps.max() + n.sum + 1 + additions(x.size)
            budget = np.where(u == 1, p + sums + 3, p + len(x) * sums + 3)
            assert_within(budget, row, product(u, x))


@pytest.mark.parametrize("x", [0.0, 1e-20, 0.5, 3.0, 20.0, 80.0])
@in_both_precisions
def test_the_binary_diagonal_keeps_its_relative_accuracy(dtype, x):
    """e / (1 + e)^2: the exponential, a sum, a square and a quotient."""
    for logit in (dtype(x), dtype(-x)):
        found = losses.binary_cross_entropy_with_logits_hessian_diagonal(
            np.array([logit]), [1], reduction="none"
        )
        assert_within(EXP[dtype] + 4, found[0], diagonal(np.array([logit, dtype(0)]))[0])


@exact.exactly
def focal_terms(x, target, gamma):
    """Return the two terms of the focal loss's second derivative at a label."""
    p, u = exact.softmax([x, Decimal(0)])[:: 1 if target else -1]
    entropy, scale = -p.ln(), p * u**gamma
    return scale * ((1 + 2 * gamma) * u - gamma * entropy * u), scale * gamma**2 * entropy * p


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.5, 2.0])
@pytest.mark.parametrize("target", [0, 1])
@in_both_precisions
def test_the_curvature_of_the_focal_loss_is_accurate_relative_to_its_terms(dtype, target, gamma):
    """p and u: E, 1 + E and a quotient. ce: E, a sum and LOG1P. gamma p - u: a product and a
    difference. p, ce and gamma: three products. 1 + 2 gamma, and two products: fewer. Their sum,
    u^gamma, and two products.
    """
    logits = both_signs(dtype)
    arguments = {"alpha": None, "gamma": gamma, "reduction": "sum"}
    found = losses.sigmoid_focal_loss_hessian_diagonal(
        logits, np.full(len(logits), target), **arguments
    )
    terms = [focal_terms(x, target, gamma) for x in logits]
    share = EXP[dtype] + 2
    bracket = 2 * share + EXP[dtype] + 1 + LOG1P[dtype] + 5
    budget = bracket + 1 + gamma * share + POWER + 2
    sizes = [sum(map(abs, pair)) for pair in terms]
    assert_within(budget, found, [sum(pair) for pair in terms], sizes)


@in_every_regime
@in_both_precisions
def test_a_product_with_any_vector_is_within_its_bound(regime, dtype):
    """p_c (d_c - sum p d) errs, relative to p_c (|d_c| + sum p |d|), by the roundings of its parts:
    `n.exps`, `n.sum` and one for each p, twice, one for each d, and the additions; then a
    difference and three products.
    """
    rng = np.random.default_rng(0)
    for logits, target in problems(regime, dtype):
        vectors = rng.standard_normal(logits.shape).astype(dtype)
        found = losses.cross_entropy_hvp(vectors, logits, target, reduction="none")
        for x, u, row in zip(logits, vectors, found, strict=True):
            n, p = roundings(x), losses.softmax(x.astype(np.float64))
            d = np.abs(u.astype(np.float64) - u[x.argmax()])
            scale = p * (d + p @ d)
            inner = weighted_mean(n.exps, p * d) + n.sum + additions(x.size) + 3
            count = n.exps + n.sum + inner + 5
            assert_within(count, row, product(u, x), scale.astype(dtype))
