"""margin_ranking_loss at its kink and at the ends of the numbers."""

import numpy as np
import pytest
from tests.rooms.helpers import INF, NAN

import losses

FUSED = losses.margin_ranking_loss_value_and_grad


@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_a_pair_at_the_margin_costs_nothing_and_is_driven_apart(margin):
    loss, grads = FUSED([margin, 1.0], [0.0, 1.0 + margin], [1, -1], margin=margin, reduction="sum")
    assert loss == 0
    np.testing.assert_array_equal(grads.first, [-1, 1])
    np.testing.assert_array_equal(grads.second, [1, -1])


def test_where_the_difference_is_nan_the_loss_and_both_gradients_are_and_nowhere_else():
    first, second = [INF, INF, NAN, 0.0, -INF, INF], [INF, 0.0, 0.0, NAN, 0.0, 0.0]
    loss, grads = FUSED(first, second, [1, -1, 1, 1, 1, 1], reduction="none")
    np.testing.assert_array_equal(loss, [NAN, INF, NAN, NAN, INF, 0])
    np.testing.assert_array_equal(grads.second, [NAN, -1, NAN, NAN, 1, 0])
    np.testing.assert_array_equal(grads.first, -grads.second)


def test_each_gradient_has_the_dtype_of_its_own_array_and_the_loss_the_widest():
    loss, grads = FUSED(np.ones(2, "e"), np.zeros(2, "f"), [1, -1])
    assert [part.dtype.char for part in (loss, *grads)] == ["f", "e", "f"]
