"""The binary functions over the whole range of logits, against the formulas in decimals.

The counts of roundings are those of `budgets`; a test names the rest. The exponential is that of
-|x|, an exact number, so that no gap brings a rounding.
"""

import numpy as np
from tests.accuracy import exact
from tests.accuracy.budgets import EXP, LOG, LOG1P, assert_within
from tests.accuracy.parameters import in_both_precisions

import losses

# So far exp(-|x|) and its products with the weights below are normal numbers.
LARGEST = {np.float32: 80, np.float64: 700}


def logits(dtype):
    """Return logits of sizes from 1e-8 to the largest, of both signs, and 0."""
    sizes = np.geomspace(1e-8, LARGEST[dtype], 30)
    return np.concatenate([-sizes, [0], sizes]).astype(dtype)


def probs(dtype):
    """Return probabilities towards 0 and towards 1, and both."""
    small = np.geomspace(1e-30, 0.5, 30)
    return np.concatenate([[0], small, 1 - small, [1]]).astype(dtype)


def paired(entries, *names):
    """Return each entry with a target of 0, of 0.3 and of 1, and weights by name."""
    target = np.repeat(np.array([0, 0.3, 1], entries.dtype), entries.size)
    rng = np.random.default_rng(25)
    options = {name: rng.uniform(0.5, 1, target.size).astype(target.dtype) for name in names}
    return np.tile(entries, 3), target, options


@in_both_precisions
def test_sigmoid_keeps_its_relative_accuracy_on_both_sides(dtype):
    """1 / (1 + e) or e / (1 + e): EXP, a sum and a quotient."""
    x = logits(dtype)
    assert_within(EXP[dtype] + 2, losses.sigmoid(x), exact.each(exact.sigmoid, x))


@in_both_precisions
def test_the_gradient_of_sigmoid_is_three_operations_on_its_result(dtype):
    s = probs(dtype)
    g = np.linspace(0.5, 1, s.size, dtype=dtype)
    exactly = exact.each(exact.sigmoid_backward, g, s)
    assert_within(3, losses.sigmoid_backward(g, s), exactly)


@in_both_precisions
def test_log_sigmoid_keeps_its_relative_accuracy_on_both_sides(dtype):
    """min(x, 0) - log1p(e), two terms of one sign."""
    x = logits(dtype)
    budget = EXP[dtype] + LOG1P[dtype] + 1
    assert_within(budget, losses.log_sigmoid(x), exact.each(exact.log_sigmoid, x))


@in_both_precisions
def test_the_gradient_of_log_sigmoid_is_the_sigmoid_of_the_other_sign(dtype):
    """As sigmoid, and a product."""
    x = logits(dtype)
    g = np.linspace(0.5, 1, x.size, dtype=dtype)
    exactly = exact.each(exact.log_sigmoid_backward, g, x)
    assert_within(EXP[dtype] + 3, losses.log_sigmoid_backward(g, x), exactly)


@in_both_precisions
def test_the_loss_of_logits_keeps_its_relative_accuracy_on_both_sides(dtype):
    """w [w+ t softplus(-x) + (1 - t) softplus(x)]: every term has one sign.

    softplus has EXP, LOG1P and a sum; each term two operations; then a sum and a product.
    """
    x, t, options = paired(logits(dtype), "weight", "pos_weight")
    got = losses.binary_cross_entropy_with_logits(x, t, reduction="none", **options)
    exactly = exact.each(exact.binary_cross_entropy_with_logits, x, t, **options)
    assert_within(EXP[dtype] + LOG1P[dtype] + 5, got, exactly)


@in_both_precisions
def test_the_gradient_of_logits_keeps_its_relative_accuracy_on_both_sides(dtype):
    """w [(1 - t) s(x) - w+ t s(-x)]: relative to its terms, of which t = 0 and t = 1 have one.

    s has EXP and two; each term two operations; then a difference and two products.
    """
    x, t, options = paired(logits(dtype), "weight", "pos_weight")
    _, got = losses.binary_cross_entropy_with_logits_value_and_grad(
        x, t, reduction="none", **options
    )
    formula = exact.binary_cross_entropy_with_logits_backward
    negative, positive = (
        np.array(exact.each(formula, x, np.full_like(x, end), **options), np.float64)
        for end in (0, 1)
    )
    scale = (1 - t) * negative - t * positive
    assert_within(EXP[dtype] + 7, got, exact.each(formula, x, t, **options), scale)


@in_both_precisions
def test_the_loss_of_probabilities_has_the_accuracy_of_its_logarithms(dtype):
    """-w [t log p + (1 - t) log1p(-p)]: a logarithm, two operations, a sum and a product."""
    p, t, options = paired(probs(dtype), "weight")
    got = losses.binary_cross_entropy(p, t, reduction="none", **options)
    exactly = exact.each(exact.binary_cross_entropy, p, t, **options)
    assert_within(max(LOG[dtype], LOG1P[dtype]) + 4, got, exactly)


@in_both_precisions
def test_the_gradient_of_probabilities_is_six_operations(dtype):
    """w g (p - t) / max(p (1 - p), 1e-12): a difference each way, three products, a quotient."""
    p, t, options = paired(probs(dtype), "weight")
    g = np.ones_like(p)
    got = losses.binary_cross_entropy_backward(g, p, t, reduction="none", **options)
    exactly = exact.each(exact.binary_cross_entropy_backward, p, t, **options)
    assert_within(6, got, exactly)
