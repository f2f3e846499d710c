"""sigmoid and log_sigmoid: the logistic function and its logarithm, and their gradients."""

import numpy as np
from tests.rooms.helpers import INF, NAN, assert_same, dtypes

from losses import log_sigmoid, log_sigmoid_backward, sigmoid


def test_infinities_are_limits_and_nan_is_nan():
    x = np.array([-INF, INF, NAN])
    np.testing.assert_array_equal(sigmoid(x), [0, 1, NAN])
    np.testing.assert_array_equal(log_sigmoid(x), [-INF, 0, NAN])
    assert_same(log_sigmoid_backward([1.0, 1.0, 1.0], x), np.array([1, 0, NAN]))


@dtypes
def test_the_largest_finite_numbers_do_not_overflow(dtype):
    top = np.finfo(dtype).max
    assert_same(sigmoid(np.array([-top, top])), np.array([0, 1], dtype))
    np.testing.assert_array_equal(log_sigmoid(np.array([-top, top])), [-top, 0])
