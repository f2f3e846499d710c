"""softmax: positive numbers that sum to one along an axis, and its gradient."""

import numpy as np
import pytest
from tests.rooms.helpers import INF, NAN, assert_same, bad_rows, dtypes

from losses import softmax, softmax_backward


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
