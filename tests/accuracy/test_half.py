"""float16 is computed in float32 and rounded once, at the end.

So its error is at most half an ulp and the budget of float32, of which an ulp is 2^-13 of one of
float16.
"""

import numpy as np
from tests.accuracy import exact
from tests.accuracy.budgets import EXP, LOG1P, assert_within, roundings
from tests.accuracy.parameters import in_every_regime_of_half
from tests.accuracy.regimes import problems

import losses


def rounded_once(budget):
    """Return the budget in float16 of a computation with a budget in float32."""
    return 0.5 + budget / 2**13


@in_every_regime_of_half
def test_a_half_precision_row_is_rounded_once(regime):
    for logits, target in problems(regime, np.float16):
        loss, grad = losses.cross_entropy_value_and_grad(logits, target, reduction="none")
        log_probs, probs = losses.log_softmax(logits), losses.softmax(logits)
        for i, (x, t) in enumerate(zip(logits, target.tolist(), strict=True)):
            n = roundings(x, np.float32)
            shares = (
                n.exps + n.others + n.additions + n.sum + 5
            )  # the largest of any gradient's entry
            log_budget = rounded_once(n.log_probs + 1)
            assert_within(log_budget[t], loss[i], exact.cross_entropy(x, t))
            assert_within(log_budget, log_probs[i], exact.log_softmax(x))
            assert_within(rounded_once(shares), grad[i], exact.cross_entropy_backward(x, t))
            assert_within(rounded_once(shares), probs[i], exact.softmax(x))


def test_a_half_precision_entry_is_rounded_once():
    x = np.concatenate([-np.geomspace(1e-4, 20, 50), np.geomspace(1e-4, 20, 50)]).astype(np.float16)
    budget = rounded_once(EXP[np.float32] + LOG1P[np.float32] + 5)
    ones = np.ones_like(x)
    for got, formula in (
        (losses.sigmoid(x), exact.sigmoid),
        (losses.log_sigmoid(x), exact.log_sigmoid),
        (losses.binary_cross_entropy_with_logits(-x, ones, reduction="none"), exact.softplus),
    ):
        assert_within(budget, got, exact.each(formula, x))


def test_the_mean_of_70000_half_precision_losses_is_rounded_once():
    """Counts and sums outgrow float16 (65504) and its 11 bits; those of float32 have no need to."""
    x = np.tile(np.array([1, 2, 0.5], np.float16), (70_000, 1))
    got = losses.cross_entropy(x, np.ones(70_000, int))
    budget = rounded_once(roundings(x[0], np.float32).log_probs[1] + 1)
    assert_within(budget, got, exact.cross_entropy(x[0], 1))
