"""The sigmoids over the whole range of logits, against the formulas in decimals.

The counts of roundings are those of `budgets`; a test names the rest. The exponential is that of
-|x|, an exact number, so that no gap brings a rounding.
"""

import numpy as np
from tests.accuracy import exact
from tests.accuracy.budgets import EXP, LOG1P, assert_within
from tests.accuracy.parameters import in_both_precisions
from tests.domains import both_signs, to_both_ends

import losses


@in_both_precisions
def test_sigmoid_keeps_its_relative_accuracy_on_both_sides(dtype):
    """1 / (1 + e) or e / (1 + e): EXP, a sum and a quotient."""
    x = both_signs(dtype)
    assert_within(EXP[dtype] + 2, losses.sigmoid(x), exact.each(exact.sigmoid, x))


@in_both_precisions
def test_the_gradient_of_sigmoid_is_three_operations_on_its_result(dtype):
    s = to_both_ends(dtype)
    g = np.linspace(0.5, 1, s.size, dtype=dtype)
    exactly = exact.each(exact.sigmoid_backward, g, s)
    assert_within(3, losses.sigmoid_backward(g, s), exactly)


@in_both_precisions
def test_log_sigmoid_keeps_its_relative_accuracy_on_both_sides(dtype):
    """min(x, 0) - log1p(e), two terms of one sign."""
    x = both_signs(dtype)
    budget = EXP[dtype] + LOG1P[dtype] + 1
    assert_within(budget, losses.log_sigmoid(x), exact.each(exact.log_sigmoid, x))


@in_both_precisions
def test_the_gradient_of_log_sigmoid_is_the_sigmoid_of_the_other_sign(dtype):
    """As sigmoid, and a product."""
    x = both_signs(dtype)
    g = np.linspace(0.5, 1, x.size, dtype=dtype)
    exactly = exact.each(exact.log_sigmoid_backward, g, x)
    assert_within(EXP[dtype] + 3, losses.log_sigmoid_backward(g, x), exactly)
