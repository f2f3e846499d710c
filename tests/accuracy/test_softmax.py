"""logsumexp, log_softmax, softmax and their gradients, against the formulas in decimals.

The counts of roundings are those of `budgets`: e = exp(x - s) has `n.exps`, the sum S `n.sum`, the
sum of all but the largest `n.others`, and a log-probability `n.log_probs`.
"""

import numpy as np
import pytest
from tests.accuracy import exact
from tests.accuracy.budgets import (
    EXP,
    EXPM1,
    LOG_OF_SUM,
    additions,
    assert_within,
    roundings,
    weighted_mean,
)
from tests.accuracy.parameters import in_both_precisions, in_every_regime
from tests.accuracy.regimes import problems

import losses


def rows(regime, dtype):
    """Return the rows of every size in a regime."""
    return [logits for logits, _ in problems(regime, dtype)]


@in_every_regime
@in_both_precisions
def test_logsumexp_is_the_maximum_plus_log1p_of_the_others(regime, dtype):
    """s + high + low, with an error of n.sum + LOG_OF_SUM u, relative to the larger of |m| and L.

    Here m is the maximum and m + L the result. If |m + L| or L is HALF or more, one of |m| and L is
    half of it or more: that doubles the count. Else one class has more than half, and x - log p is
    relative to its terms |m| and L. The result is at most the sum of both, so two more for each of
    two additions.
    """
    for logits in rows(regime, dtype):
        maxima = logits.max(1, keepdims=True)
        for x in (*logits, *(logits - maxima)):
            m, total, n = float(x.max()), exact.logsumexp(x), roundings(x)
            scale = max(abs(m), float(total) - m)
            budget = max(2 / 0.69 * (n.sum + LOG_OF_SUM[dtype]), n.log_probs[x.argmax()]) + 4
            assert_within(budget, losses.logsumexp(x), total, scale)


@in_every_regime
@in_both_precisions
def test_log_softmax_keeps_its_relative_accuracy_at_every_class(regime, dtype):
    """As counted in `budgets`."""
    for logits in rows(regime, dtype):
        for x, got in zip(logits, losses.log_softmax(logits), strict=True):
            assert_within(roundings(x).log_probs, got, exact.log_softmax(x))


@in_every_regime
@in_both_precisions
def test_softmax_keeps_its_relative_accuracy_at_every_class(regime, dtype):
    """A quotient of e and the sum."""
    for logits in rows(regime, dtype):
        for x, got in zip(logits, losses.softmax(logits), strict=True):
            n = roundings(x)
            assert_within(n.exps + n.sum + 1, got, exact.softmax(x))


@in_every_regime
@in_both_precisions
def test_the_gradient_of_logsumexp_is_softmax(regime, dtype):
    """As softmax, and a product with grad_output."""
    for logits in rows(regime, dtype):
        grad_output = np.linspace(0.5, 1, len(logits), dtype=dtype)
        grads = losses.logsumexp_backward(grad_output, logits)
        for g, x, got in zip(grad_output, logits, grads, strict=True):
            n = roundings(x)
            assert_within(n.exps + n.sum + 2, got, exact.logsumexp_backward(g, x))


def upstream(logits, kind):
    """Return a grad_output: one-hot at each row's largest logit, or anything."""
    if kind == "one-hot":
        columns = np.arange(logits.shape[1])
        return (columns == logits.argmax(1)[:, None]).astype(logits.dtype)
    rng = np.random.default_rng(8)
    return rng.uniform(-1, 1, logits.shape).astype(logits.dtype)


in_both_directions = pytest.mark.parametrize("kind", ["one-hot", "any direction"])


@in_both_directions
@in_every_regime
@in_both_precisions
def test_the_gradient_of_softmax_is_a_sum_over_the_other_classes(kind, regime, dtype):
    """p_c (h_c - sum_k h_k p_k), where h = g, or h = g - g_m if class m has more than half.

    Relative to p_c (|h_c| + sum_k |h_k| p_k): each p has the roundings of softmax; the inner sum
    has those, one of h, one of the product and the additions; then a difference and a product.
    For a g that is one-hot at a class with more than half that is relative to the result.
    """
    for logits in rows(regime, dtype):
        grad_output = upstream(logits, kind)
        grads = losses.softmax_backward(grad_output, losses.softmax(logits))
        for g, x, got in zip(grad_output, logits, grads, strict=True):
            n = roundings(x)
            p = np.array(exact.softmax(x), np.float64)
            h = np.abs(g.astype(np.float64) - (g[x.argmax()] if p.max() > 0.5 else 0))
            n_p = n.exps + n.sum + 1
            inner = weighted_mean(n_p, h * p) + 2 + additions(x.size)
            assert_within(n_p + inner + 2, got, exact.softmax_backward(g, x), scale=p * (h + h @ p))


@in_both_directions
@in_every_regime
@in_both_precisions
def test_the_gradient_of_the_largest_log_prob_is_the_others_share(kind, regime, dtype):
    """g_c - p_c sum_k g_k; at a class m with more than half g_m (1 - p_m) - p_m sum_{k != m} g_k.

    Relative to |g_c| + p_c sum_k |g_k|; at class m to the terms of its own form. A log-probability
    has `n.log_probs`, a relative error, which exp turns into |log p| times as many roundings of p,
    and EXP: of what log_softmax returned, a float, p is not known better. In 1 - p_m = -expm1 of it
    the roundings do not grow. Then the additions, two sums and two products.
    """
    for logits in rows(regime, dtype):
        grad_output = upstream(logits, kind)
        grads = losses.log_softmax_backward(grad_output, losses.log_softmax(logits))
        for g, x, got in zip(grad_output, logits, grads, strict=True):
            n, size = roundings(x), np.abs(g.astype(np.float64))
            log_p = np.maximum(np.array(exact.log_softmax(x), np.float64), -1e4)  # exp is 0 there
            p = np.exp(log_p)
            n_p = n.log_probs * -log_p + EXP[dtype]
            budget = n_p + additions(x.size) + 4
            scale = size + p * size.sum()
            if n.top >= 0:
                own = n.log_probs[n.top] + EXPM1[dtype]
                budget[n.top] = max(n_p[n.top] + additions(x.size), own) + 3
                others = size.sum() - size[n.top]
                scale[n.top] = -size[n.top] * np.expm1(log_p[n.top]) + p[n.top] * others
            assert_within(budget, got, exact.log_softmax_backward(g, x), scale)


def test_two_logits_of_1e8_have_log_probabilities_of_minus_log_2():
    x = np.array([1e8, 1e8], np.float32)
    assert_within(1, losses.log_softmax(x), exact.log_softmax(x))
