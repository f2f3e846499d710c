"""Losses of samples, each with classes or features: limits, kinks, absent samples, messages."""

import numpy as np
import pytest
from tests.rooms.helpers import INF, NAN

import losses

KL, KL_FUSED = losses.kl_div, losses.kl_div_value_and_grad
COSINE = losses.cosine_embedding_loss_value_and_grad
TRIPLET = losses.triplet_margin_loss_value_and_grad
MARGIN = losses.multi_margin_loss_value_and_grad
LABELS = losses.multilabel_soft_margin_loss_value_and_grad


# ---- divergences ---------------------------------------------------------------------------------


def test_a_probability_of_0_counts_nothing_beside_any_log_probability_but_nan():
    log_probs = [[-INF, 0.0], [0.0, -INF], [NAN, 0.0]]
    loss, gradient = KL_FUSED(log_probs, [[0.0, 1.0]] * 3, reduction="none")
    np.testing.assert_array_equal(loss, [0, INF, NAN])
    np.testing.assert_array_equal(gradient, [[0, -1]] * 3)


def test_a_log_probability_of_minus_infinity_in_the_target_counts_nothing():
    log_probs, log_target = [[-INF, 0.0], [0.0, -INF], [NAN, 0.0]], [[-INF, 0.0]] * 3
    found = losses.kl_div_with_log_target(log_probs, log_target, reduction="none")
    np.testing.assert_array_equal(found, [0, INF, NAN])


def test_a_target_that_underflows_beside_minus_infinity_is_more_than_nothing():
    assert losses.kl_div_with_log_target([-INF, 0.0], [-1e4, 0.0]) == INF


def test_the_mean_of_divergences_divides_by_the_samples():
    log_probs, target = np.log([[0.5, 0.5], [0.25, 0.75]]), [[0.25, 0.75], [0.5, 0.5]]
    each = KL(log_probs, target, reduction="none")
    assert each.shape == (2,)
    assert KL(log_probs, target) == each.sum() / 2
    weighted = KL(log_probs, target, weight=[1, 3])
    np.testing.assert_allclose(weighted, (each[0] + 3 * each[1]) / 4, 4 * np.finfo(float).eps)


def test_the_gradient_by_a_target_of_0_is_minus_infinity():
    backward = losses.kl_div_target_backward
    found = backward(1.0, [-INF, NAN, -1.0], [0.0, 0.0, np.exp(-1)], reduction="sum")
    np.testing.assert_array_equal(found[:2], [-INF, NAN])
    np.testing.assert_allclose(found[2], 1, 4 * np.finfo(float).eps)


@pytest.mark.parametrize("wrong", [-0.5, NAN, INF])
def test_a_target_that_holds_no_probabilities_is_an_error_that_names_softmax(wrong):
    target = [[0.5, 0.5], [wrong, 0.5]]
    with pytest.raises(ValueError, match=rf"target.*\(1, 0\): {wrong}.*softmax"):
        KL(np.zeros((2, 2)), target)
    assert np.isfinite(KL(np.zeros((2, 2)), target, weight=[1, 0]))


# ---- labels --------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1, 2])
def test_a_class_at_the_margin_costs_nothing_and_is_driven_away_where_p_is_1(p):
    loss, gradient = MARGIN([[1.0, 0.0, -5.0]], [0], p=p)
    assert loss == 0
    np.testing.assert_array_equal(gradient, [[-1 / 3, 1 / 3, 0]] if p == 1 else [[0, 0, 0]])


def test_a_row_with_nan_is_nan_and_no_other_row():
    logits = [[NAN, 0.0, 1.0], [0.0, NAN, 1.0], [3.0, 0.0, 1.0]]
    loss, gradient = MARGIN(logits, [0, 0, 0], reduction="none")
    np.testing.assert_array_equal(loss, [NAN, NAN, 0])
    assert np.isnan(gradient[:2]).any(1).all()
    np.testing.assert_array_equal(gradient[2], [0, 0, 0])
    assert np.isnan(losses.multi_margin_loss([NAN], 0))  # whose one class has no other beside it


def test_an_ignored_sample_is_not_read_and_the_mean_divides_by_the_class_weights():
    logits = [[1.0, 2.0, 0.5], [NAN, NAN, NAN], [1.0, 2.0, 0.5]]
    weight = [1.0, 2.0, 4.0]
    loss, gradient = MARGIN(logits, [0, -1, 2], ignore_index=-1, weight=weight)
    each = [losses.multi_margin_loss(logits[0], label) for label in (0, 2)]
    np.testing.assert_allclose(loss, (each[0] + 4 * each[1]) / 5, 4 * np.finfo(float).eps)
    assert not gradient[1].any()


def test_a_power_other_than_1_and_2_is_an_error():
    with pytest.raises(ValueError, match="p: expected 1 or 2, got 3"):
        losses.multi_margin_loss([1.0, 2.0], 0, p=3)


def test_an_infinite_logit_on_the_right_side_costs_nothing():
    logits, target = [[INF, -INF], [-INF, 0.0], [NAN, 0.0]], [[1, 0]] * 3
    loss, gradient = LABELS(logits, target, reduction="none")
    np.testing.assert_array_equal(loss, [0, INF, NAN])
    np.testing.assert_array_equal(gradient, [[0, 0], [-0.5, 0.25], [NAN, 0.25]])


def test_the_weight_of_a_class_does_not_count_in_the_mean():
    logits, target = [[1.0, -2.0]], [[1.0, 0.0]]
    one, other = (
        losses.multilabel_soft_margin_loss(logits, target, weight=w) for w in ([1, 0], [2, 2])
    )
    assert one < other


# ---- vectors -------------------------------------------------------------------------------------


def test_a_vector_of_zeros_has_a_cosine_of_0_and_no_gradient():
    loss, grads = COSINE([[0.0, 0.0]] * 2, [[1.0, 2.0]] * 2, [1, -1], margin=-0.5, reduction="none")
    np.testing.assert_array_equal(loss, [1, 0.5])
    assert not np.any(grads)


@pytest.mark.parametrize("size", [1e20, 1e-20, 1e30, 1e-30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_length_of_a_vector_does_not_count(size, dtype):
    first, second = np.array([[1, 2, 3]], dtype), np.array([[3, 2, 1]], dtype)
    expected = losses.cosine_embedding_loss(first, second, [1])
    found, grads = COSINE(first * dtype(size), second * dtype(size), [1])
    np.testing.assert_allclose(found, expected, 16 * np.finfo(dtype).eps)
    usual = losses.cosine_embedding_loss_backward(1.0, first, second, [1]).first
    np.testing.assert_allclose(grads.first * dtype(size), usual, 16 * np.finfo(dtype).eps)


def test_a_long_vector_of_float16_has_a_length():
    ones = np.full((1, 3000), 100, np.float16)
    assert losses.cosine_embedding_loss(ones, ones, [1]) == 0


def test_a_cosine_at_the_margin_costs_nothing_and_is_driven_away():
    loss, grads = COSINE([1.0, 0.0], [0.0, 2.0], -1)
    assert loss == 0
    np.testing.assert_array_equal(grads.first, [0, 1])
    np.testing.assert_array_equal(grads.second, [0.5, 0])


def test_labels_of_0_and_1_are_no_signs_of_pairs():
    with pytest.raises(ValueError, match=r"target.*\(1,\): 0.*2 \* target - 1"):
        losses.cosine_embedding_loss(np.ones((2, 3)), np.ones((2, 3)), [1, 0])


def test_points_that_coincide_have_no_gradient_and_cost_the_margin():
    for p in (1, 2.0, 3.5):
        loss, grads = TRIPLET([1.0, 2.0], [1.0, 2.0], [1.0, 2.0], p=p)
        assert loss == 1
        assert not np.any(grads)


@pytest.mark.parametrize("p", [1, 2.0, 3.5])
@pytest.mark.parametrize("size", [1e20, 1e-25])
def test_a_distance_neither_overflows_nor_underflows(p, size):
    anchor, positive, negative = np.float32([[0, 0], [3, 4], [0, 5]]) * np.float32(size)
    expected = losses.triplet_margin_loss_backward(1.0, [0, 0], [3, 4], [0, 5], margin=0.0, p=p)
    loss, grads = TRIPLET(anchor, positive, negative, margin=0.0, p=p)
    assert np.isfinite(loss)
    # The distance of some points whose powers are beyond the range is that of points within it.
    for found, wanted in zip(grads, expected, strict=True):
        np.testing.assert_allclose(found, wanted, 64 * np.finfo(np.float32).eps)


def test_a_distance_is_the_same_from_either_side():
    """Nothing is added to a difference."""
    found = losses.triplet_margin_loss([0.0, 0.0], [3.0, 4.0], [-3.0, -4.0])
    assert found == 1


def test_a_swap_takes_the_nearer_of_two_distances_and_the_anchor_s_of_equal_ones():
    anchor, positive, negative = [0.0, 0.0], [4.0, 0.0], [2.0, 0.0]
    loss, grads = TRIPLET(anchor, positive, negative, swap=True)
    assert loss == 3
    np.testing.assert_array_equal(grads.positive, [1, 0])
    np.testing.assert_array_equal(grads.negative, [-1, 0])
    nearer, grads = TRIPLET(anchor, [3.0, 0.0], negative, swap=True)
    assert nearer == 3
    np.testing.assert_array_equal(grads.negative, [1, 0])


def test_a_triplet_at_the_margin_of_0_is_driven_apart():
    loss, grads = TRIPLET([0.0], [1.0], [-1.0], margin=0.0)
    assert loss == 0
    np.testing.assert_array_equal([*grads], [[-2], [1], [1]])


def test_each_gradient_has_the_dtype_of_its_own_array_and_the_loss_the_widest():
    loss, grads = TRIPLET(np.ones(2, "e"), np.zeros(2, "f"), np.ones(2, "e"))
    assert [part.dtype.char for part in (loss, *grads)] == ["f", "e", "f", "e"]


def test_a_weight_has_one_number_for_each_sample():
    with pytest.raises(
        ValueError, match=r"weight.*each sample.*\(2,\).*got shape \(2, 1\).*\[..., 0\]"
    ):
        losses.triplet_margin_loss(*np.ones((3, 2, 3)), weight=np.ones((2, 1)))
