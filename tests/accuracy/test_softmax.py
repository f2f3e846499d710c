"""logsumexp, log_softmax, softmax and their gradients, against the formulas in decimals.

The counts of roundings are those of `budgets`: e = exp(x - m), q the sum of the others' e, and
L = log1p(q) have `n.exps`, `n.q` and `n.log_sum`.
"""

import numpy as np
import pytest
from tests.accuracy import exact
from tests.accuracy.budgets import EXP, EXPM1, assert_within, roundings, weighted_mean
from tests.accuracy.parameters import in_both_precisions, in_every_regime
from tests.accuracy.regimes import problems

import losses


def rows(regime, dtype):
    """Return the rows of every size in a regime."""
    return [logits for logits, _ in problems(regime, dtype)]


@in_every_regime
@in_both_precisions
def test_logsumexp_is_the_maximum_plus_log1p_of_the_others(regime, dtype):
    """m + L, relative to the larger of |m| and L; the sum is at most twice that, so 2 more.

    With the maximum at 0, that is relative to the result.
    """
    for logits in rows(regime, dtype):
        maxima = logits.max(1, keepdims=True)
        for x in (*logits, *(logits - maxima)):
            m, total = float(x.max()), exact.logsumexp(x)
            scale = max(abs(m), float(total) - m)
            assert_within(roundings(x).log_sum + 2, losses.logsumexp(x), total, scale)


@in_every_regime
@in_both_precisions
def test_log_softmax_keeps_its_relative_accuracy_at_every_class(regime, dtype):
    """(x - m) - L has two terms of one sign, with 1 and `n.log_sum`, and one rounding."""
    for logits in rows(regime, dtype):
        for x, got in zip(logits, losses.log_softmax(logits), strict=True):
            assert_within(roundings(x).log_sum + 1, got, exact.log_softmax(x))


@in_every_regime
@in_both_precisions
def test_softmax_keeps_its_relative_accuracy_at_every_class(regime, dtype):
    """A quotient of e and the sum."""
    for logits in rows(regime, dtype):
        for x, got in zip(logits, losses.softmax(logits), strict=True):
            n = roundings(x)
            assert_within(n.exps + n.q + 1, got, exact.softmax(x))


@in_every_regime
@in_both_precisions
def test_the_gradient_of_logsumexp_is_softmax(regime, dtype):
    """As softmax, and a product with grad_output."""
    for logits in rows(regime, dtype):
        grad_output = np.linspace(0.5, 1, len(logits), dtype=dtype)
        grads = losses.logsumexp_backward(grad_output, logits)
        for g, x, got in zip(grad_output, logits, grads, strict=True):
            n = roundings(x)
            assert_within(n.exps + n.q + 2, got, exact.logsumexp_backward(g, x))


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
    """p_c (h_c - sum_k h_k p_k), where h = g - g_m is 0 at the largest class.

    Relative to p_c (|h_c| + sum_k |h_k| p_k): each p has the roundings of softmax; the inner sum
    has those, one of h, one of the product and the additions; then a difference and a product.
    For a g that is one-hot at the largest class that is relative to the result.
    """
    for logits in rows(regime, dtype):
        grad_output = upstream(logits, kind)
        grads = losses.softmax_backward(grad_output, losses.softmax(logits))
        for g, x, got in zip(grad_output, logits, grads, strict=True):
            n = roundings(x)
            p = np.array(exact.softmax(x), np.float64)
            h = np.abs(g.astype(np.float64) - g[x.argmax()])
            n_p = n.exps + n.q + 1
            inner = weighted_mean(n_p, h * p) + 2 + n.sum
            assert_within(n_p + inner + 2, got, exact.softmax_backward(g, x), scale=p * (h + h @ p))


@in_both_directions
@in_every_regime
@in_both_precisions
def test_the_gradient_of_the_largest_log_prob_is_the_others_share(kind, regime, dtype):
    """g_c - p_c sum_k g_k; at the largest class g_m (1 - p_m) - p_m sum_{k != m} g_k.

    Relative to |g_c| + p_c sum_k |g_k|; at the largest class to the terms of its own form.
    A log-probability x - m - L has an error of gap u from the shift, L `n.log_sum` u from L and
    (gap + L) u from the difference, and exp turns their sum into roundings of p. In 1 - p_m =
    -expm1(lp_m) the roundings of lp_m, `n.log_sum` + 1, do not grow.
    """
    for logits in rows(regime, dtype):
        grad_output = upstream(logits, kind)
        grads = losses.log_softmax_backward(grad_output, losses.log_softmax(logits))
        for g, x, got in zip(grad_output, logits, grads, strict=True):
            n, top, size = roundings(x), x.argmax(), np.abs(g.astype(np.float64))
            p, log_sum = np.array(exact.softmax(x), np.float64), -float(exact.log_softmax(x)[top])
            gaps = n.exps - EXP[dtype]
            n_p = 2 * gaps + (n.log_sum + 1) * log_sum + EXP[dtype]
            budget = n_p + n.sum + 3
            budget[top] = max(n_p[top] + n.sum, n.log_sum + 1 + EXPM1[dtype]) + 2
            scale = size + p * size.sum()
            scale[top] = -size[top] * np.expm1(-log_sum) + p[top] * (size.sum() - size[top])
            assert_within(budget, got, exact.log_softmax_backward(g, x), scale)


def test_two_logits_of_1e8_have_log_probabilities_of_minus_log_2():
    x = np.array([1e8, 1e8], np.float32)
    assert_within(1, losses.log_softmax(x), exact.log_softmax(x))
