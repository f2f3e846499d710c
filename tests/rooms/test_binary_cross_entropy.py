"""Binary cross entropy of probabilities, and of logits with exact tails; their gradients."""

import math

import numpy as np
import pytest
from tests.rooms.helpers import INF, NAN, assert_near, assert_same, call, dtypes, reduced

from losses import (
    binary_cross_entropy,
    binary_cross_entropy_backward,
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
    binary_cross_entropy_with_logits_value_and_grad,
)

PROBS = np.array([[1, 2, 4], [7, 4, 6]]) / 8
TARGET = np.array([[0.0, 1.0, 0.5], [1.0, 0.25, 0.0]])
WEIGHT = np.array([1.0, 2.0, 4.0])
TAIL = math.exp(-80)  # 1 + TAIL is 1 even in float64

weights = pytest.mark.parametrize("weight", [1.0, WEIGHT], ids=str)


@dtypes
@weights
def test_a_loss_is_minus_an_expected_log_probability_and_the_mean_is_over_the_entries(
    weight, dtype
):
    losses = -weight * (TARGET * np.log(PROBS) + (1 - TARGET) * np.log(1 - PROBS))
    for reduction, expected, _ in reduced(losses, 6):
        options = {"weight": weight, "reduction": reduction}
        assert_near(binary_cross_entropy(PROBS.astype(dtype), TARGET, **options), expected)


@dtypes
@weights
def test_the_gradient_is_the_error_over_the_variance(weight, dtype):
    grad = weight * (PROBS - TARGET) / (PROBS * (1 - PROBS))
    for reduction, value, divisor in reduced(grad, 6):
        options = {"weight": weight, "reduction": reduction}
        grad_output = np.full_like(value, 5)
        found = binary_cross_entropy_backward(grad_output, PROBS.astype(dtype), TARGET, **options)
        assert_near(found, 5 * grad / divisor)


@dtypes
def test_the_logarithm_of_a_probability_is_at_least_minus_100(dtype):
    assert_same(
        binary_cross_entropy(np.array([0, 1, 0, 1], dtype), [1, 0, 0, 1], reduction="none"),
        np.array([100, 100, 0, 0], dtype),
    )
    assert binary_cross_entropy(1e-60, 1) == 100


@dtypes
def test_the_loss_of_a_small_probability_keeps_its_tail(dtype):
    assert_near(binary_cross_entropy(dtype(TAIL), 0), TAIL)


@dtypes
def test_the_variance_in_the_gradient_is_at_least_1e_minus_12(dtype):
    probs = np.array([0, 1, 0, 1, 1e-20, 1e-20], dtype)
    target = [1, 0, 0, 1, 0, 1]
    gradient = binary_cross_entropy_backward(np.ones(6), probs, target, reduction="none")
    assert_near(gradient, np.array([-1e12, 1e12, 0, 0, 1e-8, -1e12]))


@pytest.mark.parametrize("name", ["binary_cross_entropy", "binary_cross_entropy_backward"])
@pytest.mark.parametrize("argument", ["probs", "target"])
@pytest.mark.parametrize("outside", [-0.25, 1.5, INF, -INF, NAN])
def test_probabilities_and_targets_lie_between_0_and_1(name, argument, outside):
    array = PROBS.copy()
    array[1, 0] = array[1, 2] = outside
    with pytest.raises(ValueError, match=rf"\b{argument}\b") as error:
        call(name, **{argument: array})
    for word in (" 2 ", "(1, 0)", f" {outside}", "[0, 1]"):
        assert word in str(error.value)


@dtypes
@weights
@pytest.mark.parametrize("pos_weight", [1.0, np.array([3.0, 1.0, 0.5])], ids=str)
def test_of_logits_positives_count_pos_weight_times(pos_weight, weight, dtype):
    logits = np.log(PROBS / (1 - PROBS)).astype(dtype)
    positive, negative = weight * pos_weight * TARGET, weight * (1 - TARGET)
    losses = -positive * np.log(PROBS) - negative * np.log(1 - PROBS)
    grad = negative * PROBS - positive * (1 - PROBS)
    for reduction, expected, divisor in reduced(losses, 6):
        options = {"weight": weight, "pos_weight": pos_weight, "reduction": reduction}
        found = binary_cross_entropy_with_logits_value_and_grad(logits, TARGET, **options)
        # Logits of up to 2 are rounded, and multiplied by weights of up to 4.
        assert_near(found[0], expected, scale=8)
        assert_near(found[1], grad / divisor, scale=8)
        grad_output = np.full_like(expected, 5)
        backward = binary_cross_entropy_with_logits_backward(grad_output, logits, TARGET, **options)
        assert_near(backward, 5 * grad / divisor, scale=40)


@dtypes
def test_both_sides_keep_their_tails(dtype):
    logits, target = np.array([80, -80, 80, -80], dtype), [1, 0, 0, 1]
    loss, grad = binary_cross_entropy_with_logits_value_and_grad(
        logits, target, pos_weight=[2, 1, 1, 2], reduction="none"
    )
    assert_near(loss, np.array([2 * TAIL, TAIL, 80, 160]))
    assert_near(grad, np.array([-2 * TAIL, TAIL, 1, -2]))


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


def test_the_mean_of_seventy_thousand_entries_of_float16_is_that_of_one():
    logits = np.zeros(70_000, np.float16)
    expected = np.float16(math.log(2))
    assert_same(binary_cross_entropy_with_logits(logits, logits), expected)
    assert_same(binary_cross_entropy(logits + np.float16(0.5), logits), expected)


def test_a_wider_target_widens_the_computation():
    """In float32 1 - t would be 0."""
    x, t = np.array([50], np.float32), np.array([1 - 1e-10])
    small = 1 - t
    options = {"reduction": "none"}
    assert_near(binary_cross_entropy_with_logits(x, t, **options), 50 * small)
    grad = binary_cross_entropy_with_logits_backward([1.0], x, t, **options)
    assert_near(grad, small)
    loss, both = binary_cross_entropy_with_logits_value_and_grad(x, t, **options)
    assert_same((loss, both), (binary_cross_entropy_with_logits(x, t, **options), grad))
    probs = np.array([1], np.float32)
    assert_near(binary_cross_entropy(probs, t, **options), 100 * small)
    assert binary_cross_entropy_backward([1.0], probs, t, **options).dtype == np.float32
