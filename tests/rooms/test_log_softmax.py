"""log_softmax: the logarithm of softmax, right where softmax rounds to 0 or 1; its gradient."""

import math

import numpy as np
import pytest
from tests.rooms.helpers import INF, NAN, assert_near, assert_same, bad_rows, dtypes

from losses import log_softmax, log_softmax_backward


@pytest.mark.parametrize(
    ("logits", "published", "digits"),
    [
        ([1, 2, 0.5], [-1.46, -0.46, -1.96], 2),
        (
            [[10, 3, 1], [-1, 0, -4]],
            [[-0.0010, -7.0010, -9.0010], [-1.3266, -0.3266, -4.3266]],
            4,
        ),
    ],
)
def test_published_values(logits, published, digits):
    # Published numbers are right to half a unit of their last digit.
    np.testing.assert_allclose(log_softmax(logits), published, rtol=0, atol=0.5 * 10**-digits)


@pytest.mark.parametrize("shift", [1e8, -1e8, 1e30])
def test_a_shift_changes_nothing(shift):
    logits = np.full((1, 2), shift, np.float32)
    assert_near(log_softmax(logits), np.full((1, 2), -math.log(2)))


@dtypes
def test_a_gap_beyond_the_largest_number_is_minus_infinity(dtype):
    top = np.finfo(dtype).max
    np.testing.assert_array_equal(log_softmax(np.array([top, -top])), [0, -INF])


def test_float16_keeps_seventy_thousand_classes():
    expected = np.full(70_000, -math.log(70_000)).astype(np.float16)
    assert_same(log_softmax(np.zeros(70_000, np.float16)), expected)


def test_the_log_softmax_of_a_scalar_is_0_and_has_no_slope():
    assert_near(log_softmax(3.0), 0.0)
    assert_near(log_softmax_backward(5.0, 0.0), 0.0)


@bad_rows
def test_a_row_of_minus_infinities_or_with_inf_or_nan_is_nan_alone(bad):
    good = np.full(len(bad), -INF)
    good[1] = 0
    np.testing.assert_array_equal(log_softmax([bad, good]), [np.full(len(bad), NAN), good])


@dtypes
@pytest.mark.parametrize("x", [[3.0], [1000.0, 0.0], [0.0, -INF, -INF], [-2000.0, -INF]])
def test_the_log_probability_of_what_is_certain_is_0_and_not_minus_0(x, dtype):
    expected = np.array([0.0] + [-1000.0 if x[0] == 1000 else -INF] * (len(x) - 1), dtype)
    assert_same(log_softmax(np.array(x, dtype)), expected)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_gradient_of_log_probabilities_that_sum_to_more_than_one_is_the_formula(axis):
    """Where several classes have more than half."""
    grad_output = np.array([[1.0, 2.0, 0.0], [4.0, 8.0, 16.0]])
    log_probs = np.array([[0.0, 0.0, -INF], [-0.125, -INF, -0.25]])
    expected = grad_output - np.exp(log_probs) * grad_output.sum(1, keepdims=True)
    found = log_softmax_backward(
        *(np.moveaxis(a, -1, axis) for a in (grad_output, log_probs)), axis
    )
    assert_near(np.moveaxis(found, axis, -1), expected)
