"""Special values of binary cross entropy, of probabilities and of logits, and their gradients."""

import numpy as np
from tests.rooms.helpers import INF, NAN, assert_near, assert_same, dtypes

from losses import (
    binary_cross_entropy,
    binary_cross_entropy_backward,
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_value_and_grad,
)


@dtypes
def test_the_logarithm_of_a_probability_is_at_least_minus_100(dtype):
    assert_same(
        binary_cross_entropy(np.array([0, 1, 0, 1], dtype), [1, 0, 0, 1], reduction="none"),
        np.array([100, 100, 0, 0], dtype),
    )
    assert binary_cross_entropy(1e-60, 1) == 100


@dtypes
def test_the_variance_in_the_gradient_is_at_least_1e_minus_12(dtype):
    probs = np.array([0, 1, 0, 1, 1e-20, 1e-20], dtype)
    target = [1, 0, 0, 1, 0, 1]
    gradient = binary_cross_entropy_backward(np.ones(6), probs, target, reduction="none")
    assert_near(gradient, np.array([-1e12, 1e12, 0, 0, 1e-8, -1e12]))


@dtypes
def test_infinite_logits_have_the_loss_and_the_gradient_of_the_limit(dtype):
    logits = np.array([INF, -INF, INF, -INF, INF, -INF, NAN], dtype)
    target = [1, 0, 0, 1, 0.5, 0.5, 0]
    loss, grad = binary_cross_entropy_with_logits_value_and_grad(logits, target, reduction="none")
    assert_same(loss, np.array([0, 0, INF, INF, INF, INF, NAN], dtype))
    np.testing.assert_array_equal(grad, [0, 0, 1, -1, 0.5, -0.5, NAN])


@dtypes
def test_the_largest_finite_logits_do_not_overflow(dtype):
    top = np.finfo(dtype).max
    logits, target = np.array([top, -top, top, -top]), [1, 0, 0, 1]
    found = binary_cross_entropy_with_logits(logits, target, reduction="none")
    assert_same(found, np.array([0, 0, top, top], dtype))


@dtypes
def test_a_pos_weight_of_0_at_an_infinite_loss_counts_0(dtype):
    found = binary_cross_entropy_with_logits_value_and_grad(
        np.array([-INF], dtype), [1], pos_weight=0, reduction="none"
    )
    assert all(part == 0 for part in found)
