"""Special values of the hinge embedding loss."""

import numpy as np

import losses

INF, NAN = np.inf, np.nan


def test_a_pair_apart_costs_what_its_distance_lacks_and_at_the_margin_is_still_pushed():
    distances = [0.5, 1.0, 1.25, INF, -INF, NAN]
    both = losses.hinge_embedding_loss_value_and_grad(distances, -np.ones(6), reduction="none")
    np.testing.assert_array_equal(both[0], [0.5, 0, 0, 0, INF, NAN])
    np.testing.assert_array_equal(both[1], [-1, -1, 0, 0, -1, NAN])
    assert not np.signbit(both[1][2])


def test_a_pair_together_costs_its_distance_whose_gradient_is_1_for_a_nan_too():
    distances = [0.5, 1.0, -1.25, INF, -INF, NAN]
    both = losses.hinge_embedding_loss_value_and_grad(distances, np.ones(6), reduction="none")
    np.testing.assert_array_equal(both[0], distances)
    np.testing.assert_array_equal(both[1], np.ones(6))


def test_a_margin_moves_the_loss_of_pairs_apart_alone():
    loss = losses.hinge_embedding_loss([0.5, 0.5], [1, -1], margin=3.0, reduction="none")
    np.testing.assert_array_equal(loss, [0.5, 2.5])
