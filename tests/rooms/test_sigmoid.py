"""sigmoid and log_sigmoid: the logistic function and its logarithm, and their gradients."""

import math

import numpy as np
from tests.rooms.helpers import INF, NAN, assert_near, assert_same, dtypes

from losses import log_sigmoid, log_sigmoid_backward, sigmoid, sigmoid_backward

TAIL = math.exp(-80)  # 1 + TAIL is 1 even in float64


@dtypes
def test_sigmoid_turns_log_odds_into_probabilities(dtype):
    log_odds = np.log([1 / 3, 1, 3, 7]).astype(dtype)
    assert_near(sigmoid(log_odds), np.array([1 / 4, 1 / 2, 3 / 4, 7 / 8]))


@dtypes
def test_log_sigmoid_turns_log_odds_into_log_probabilities(dtype):
    log_odds = np.log([1 / 3, 1, 3, 7]).astype(dtype)
    assert_near(log_sigmoid(log_odds), np.log([1 / 4, 1 / 2, 3 / 4, 7 / 8]))


@dtypes
def test_both_tails_are_exponential(dtype):
    x = np.array([-80, 80], dtype)
    assert_near(sigmoid(x), np.array([TAIL, 1]))
    assert_near(log_sigmoid(x), np.array([-80, -TAIL]))


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


def test_the_gradient_of_sigmoid_is_p_times_1_minus_p():
    probs = np.array([0, 1 / 4, 1 / 2, 1])
    assert_near(sigmoid_backward([5.0, 16.0, 4.0, 5.0], probs), np.array([0.0, 3.0, 1.0, 0.0]))


@dtypes
def test_the_gradient_of_log_sigmoid_is_the_sigmoid_of_the_other_side(dtype):
    x = np.concatenate([np.log([1 / 3, 1, 3]), [-80, 80]]).astype(dtype)
    gradient = log_sigmoid_backward(np.array([4, 2, -4, 1, 1], dtype), x)
    assert_near(gradient, np.array([3, 1, -1, 1, TAIL]))
