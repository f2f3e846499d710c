"""mse_loss and l1_loss, against the formulas in decimals: a rounding for each operation."""

import numpy as np
import pytest
from tests.accuracy import exact
from tests.accuracy.budgets import additions, assert_within
from tests.accuracy.parameters import in_both_precisions

import losses


def problem(dtype):
    """Return predictions, targets from very near to far from them, and weights."""
    rng = np.random.default_rng(27)
    predictions = rng.standard_normal(64)
    target = predictions + rng.standard_normal(64) * np.geomspace(1e-7, 1e7, 64)
    return tuple(a.astype(dtype) for a in (predictions, target, rng.uniform(0.5, 1, 64)))


# A square doubles the rounding of y - t and has one, and the weight another; its gradient
# 2 w (y - t) g those of the difference, of w and of g. The gradient of |y - t| is w g, exact here.
@pytest.mark.parametrize(
    ("name", "budget"),
    [("mse_loss", 4), ("mse_loss_backward", 3), ("l1_loss", 2), ("l1_loss_backward", 1)],
)
@in_both_precisions
def test_a_residual_and_its_loss_have_a_rounding_for_each_operation(dtype, name, budget):
    predictions, target, weight = problem(dtype)
    upstream = [np.ones_like(predictions)] if name.endswith("_backward") else []
    got = getattr(losses, name)(*upstream, predictions, target, weight=weight, reduction="none")
    exactly = exact.each(getattr(exact, name), predictions, target, weight=weight)
    assert_within(budget, got, exactly)


@pytest.mark.parametrize(("name", "budget"), [("mse_loss", 4), ("l1_loss", 2)])
@in_both_precisions
def test_a_weighted_mean_adds_the_roundings_of_two_sums_and_a_quotient(dtype, name, budget):
    predictions, target, weight = problem(dtype)
    got = getattr(losses, name)(predictions, target, weight=weight)
    exactly = exact.each(getattr(exact, name), predictions, target, weight=weight)
    mean = sum(exactly) / sum(exact.decimals(weight))
    assert_within(budget + 2 * additions(weight.size) + 2, got, mean)
