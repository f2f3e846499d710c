"""l1_loss: the mean, weighted or not, of absolute residuals, and its gradient."""

import numpy as np
import pytest
from tests.rooms.helpers import INF, assert_near, assert_same, dtypes, reduced

from losses import l1_loss, l1_loss_backward

TARGET = np.array([[2.0, 2.0, 2.0], [1.0, 0.5, -3.0]])
RESIDUAL = np.array([[-1.0, 3.0, 0.0], [-4.0, -0.5, 5.0]])
SIGN = np.array([[-1, 1, 0], [-1, -1, 1]])
WEIGHT = np.array([[1.0, 2.0, 3.0], [0.0, 4.0, 0.5]])

weights = pytest.mark.parametrize(
    ("weight", "total"), [(None, 6), (WEIGHT, WEIGHT.sum())], ids=["unweighted", "weighted"]
)


@dtypes
@weights
def test_the_mean_of_sizes_divides_by_the_weights_or_else_by_the_entries(weight, total, dtype):
    predictions = (TARGET + RESIDUAL).astype(dtype)
    sizes = SIGN * RESIDUAL if weight is None else weight * SIGN * RESIDUAL
    for reduction, value, _ in reduced(sizes, total):
        options = {"weight": weight, "reduction": reduction}
        assert_near(l1_loss(predictions, TARGET, **options), value)


@dtypes
@weights
def test_the_gradient_is_the_sign_of_the_residual_and_0_at_0(weight, total, dtype):
    predictions = (TARGET + RESIDUAL).astype(dtype)
    slopes = SIGN if weight is None else weight * SIGN
    for reduction, value, divisor in reduced(slopes, total):
        options = {"weight": weight, "reduction": reduction}
        gradient = l1_loss_backward(np.full(np.shape(value), 5), predictions, TARGET, **options)
        assert_near(gradient, 5 * slopes / divisor)


def test_a_wider_target_widens_the_computation_but_not_the_result():
    predictions, target = np.float32([1, 1]), np.array([1 + 2**-40, 1 - 2**-40])
    assert_same(l1_loss(predictions, target), np.float32(2**-40))
    gradient = l1_loss_backward(1.0, predictions, target)
    assert_same(gradient, np.float32([-0.5, 0.5]))


@dtypes
def test_an_infinite_residual_has_a_slope_of_1(dtype):
    predictions = np.array([INF, -INF], dtype)
    assert l1_loss(predictions, [0, 0]) == INF
    assert_same(l1_loss_backward(1.0, predictions, [0, 0]), np.array([0.5, -0.5], dtype))


def test_the_mean_of_seventy_thousand_entries_of_float16_is_that_of_one():
    ones = np.ones(70_000, np.float16)
    assert_same(l1_loss(ones, 0 * ones), np.float16(1))
    assert_same(l1_loss(ones, 0 * ones, weight=ones * 9), np.float16(1))
