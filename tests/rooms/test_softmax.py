"""softmax: positive numbers that sum to one along an axis, and its gradient."""

import math

import numpy as np
import pytest
from tests.rooms.helpers import INF, NAN, assert_near, assert_same, bad_rows, dtypes

from losses import softmax, softmax_backward

PROBS = np.array([[1, 2, 5], [4, 3, 1]]) / 8


@pytest.mark.parametrize(
    ("logits", "published", "digits"),
    [
        ([1, 2, 0.5], [0.23, 0.63, 0.14], 2),
        ([[10, 3, 1], [-1, 0, -4]], [[0.9990, 0.0009, 0.0001], [0.2654, 0.7214, 0.0132]], 4),
    ],
)
def test_published_values(logits, published, digits):
    # Published numbers are right to half a unit of their last digit.
    np.testing.assert_allclose(softmax(logits), published, rtol=0, atol=0.5 * 10**-digits)


@dtypes
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax_inverts_the_logarithm_of_what_sums_to_one_along_the_axis(axis, dtype):
    probs = np.moveaxis(PROBS, -1, axis)
    assert_near(softmax(np.log(probs).astype(dtype), axis), probs)


@pytest.mark.parametrize("shift", [1e8, -1e8, 1e30])
def test_a_shift_changes_nothing(shift):
    assert_same(softmax(np.full((1, 4), shift, np.float32)), np.full((1, 4), 0.25, np.float32))


@dtypes
def test_the_largest_finite_gap_is_certainty(dtype):
    top = np.finfo(dtype).max
    assert_same(softmax(np.array([top, -top])), np.array([1, 0], dtype))


def test_the_softmax_of_a_scalar_is_1_and_has_no_slope():
    assert_same(softmax(3.0), np.array(1.0))
    assert_same(softmax_backward(5.0, 1.0), np.array(0.0))


@bad_rows
def test_a_row_of_minus_infinities_or_with_inf_or_nan_is_nan_alone(bad):
    good = np.full(len(bad), -INF)
    good[1] = 0
    assert_same(softmax([bad, good]), np.array([np.full(len(bad), NAN), np.exp(good)]))


def test_the_gradient_is_p_times_the_deviation_of_g_from_its_mean_under_p():
    grad_output = np.array([[1.0, 0.0, 0.0], [0.0, 8.0, -8.0]])
    mean = np.array([[1 / 8], [2]])
    for axis in (-1, 0):
        arguments = (np.moveaxis(a, -1, axis) for a in (grad_output, PROBS))
        expected = np.moveaxis(PROBS * (grad_output - mean), -1, axis)
        assert_near(softmax_backward(*arguments, axis), expected)


@dtypes
@pytest.mark.parametrize("others", [1, 2, 99])
def test_the_gradient_of_a_confident_row_is_the_others_share(others, dtype):
    s = math.exp(-80)
    probs = np.full(others + 1, s, dtype)
    probs[0] = 1
    grad_output = np.eye(others + 1, dtype=dtype)[0]
    expected = np.array([others * s] + others * [-s])
    assert_near(softmax_backward(grad_output, probs), expected)
