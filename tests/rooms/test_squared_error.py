"""mse_loss: the mean, weighted or not, of squared residuals, and its gradient."""

import numpy as np
import pytest
from tests.rooms.helpers import INF, assert_near, assert_same, dtypes, reduced

from losses import mse_loss, mse_loss_backward

TARGET = np.array([[2.0, 2.0, 2.0], [1.0, 0.5, -3.0]])
RESIDUAL = np.array([[-1.0, 3.0, 0.0], [-4.0, -0.5, 5.0]])
WEIGHT = np.array([[1.0, 2.0, 3.0], [0.0, 4.0, 0.5]])

weights = pytest.mark.parametrize(
    ("weight", "total"), [(None, 6), (WEIGHT, WEIGHT.sum())], ids=["unweighted", "weighted"]
)


@dtypes
@weights
def test_the_mean_of_squares_divides_by_the_weights_or_else_by_the_entries(weight, total, dtype):
    predictions = (TARGET + RESIDUAL).astype(dtype)
    squares = RESIDUAL**2 if weight is None else weight * RESIDUAL**2
    for reduction, value, _ in reduced(squares, total):
        options = {"weight": weight, "reduction": reduction}
        assert_near(mse_loss(predictions, TARGET, **options), value)


@dtypes
@weights
def test_the_gradient_is_twice_the_residual(weight, total, dtype):
    predictions = (TARGET + RESIDUAL).astype(dtype)
    slopes = 2 * RESIDUAL if weight is None else 2 * weight * RESIDUAL
    for reduction, value, divisor in reduced(slopes, total):
        options = {"weight": weight, "reduction": reduction}
        gradient = mse_loss_backward(np.full_like(value, 5), predictions, TARGET, **options)
        assert_near(gradient, 5 * slopes / divisor)


def test_a_wider_target_widens_the_computation_but_not_the_result():
    predictions, target = np.float32([1, 1]), np.array([1 + 2**-40, 1 - 2**-40])
    assert_same(mse_loss(predictions, target), np.float32(2**-80))
    gradient = mse_loss_backward(1.0, predictions, target)
    assert_same(gradient, np.float32([-(2**-40), 2**-40]))


@dtypes
def test_a_square_beyond_the_largest_number_is_infinite(dtype):
    top = np.finfo(dtype).max
    found = mse_loss(np.array([top, 0], dtype), [0, 0], reduction="none")
    assert_same(found, np.array([INF, 0], dtype))


def test_the_mean_of_seventy_thousand_entries_of_float16_is_that_of_one():
    ones = np.ones(70_000, np.float16)
    assert_same(mse_loss(ones, 0 * ones), np.float16(1))
    assert_same(mse_loss(ones, 0 * ones, weight=ones * 9), np.float16(1))


def test_weights_beyond_the_range_of_the_predictions_keep_their_proportions():
    predictions = np.array([1, 2], np.float32)
    for size in (1e-46, 1e39):
        weight = [size, 3 * size]
        loss = mse_loss(predictions, np.zeros(2, np.float32), weight=weight)
        assert_near(loss, (1 + 3 * 4) / 4)
