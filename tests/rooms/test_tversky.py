"""The Tversky loss: empty regions, axes, and the losses of other names that it is."""

import numpy as np
import pytest
from tests.rooms.helpers import NAN, assert_near, assert_same

import losses

FUSED = losses.tversky_loss_value_and_grad


def masks(*shape):
    rng = np.random.default_rng(0)
    return rng.random(shape), rng.integers(0, 2, shape)


def test_an_empty_region_that_is_predicted_to_be_empty_costs_nothing():
    for smooth in (0.0, 1.0):
        loss, gradient = FUSED(np.zeros((2, 3, 4)), np.zeros((2, 3, 4)), smooth=smooth)
        assert loss == 0
        assert np.isfinite(gradient).all()
    nothing = np.zeros((2, 3, 4))
    for grad_output in (1.0, 1e300):
        found = losses.tversky_loss_backward(grad_output, nothing, nothing, smooth=0)
        assert_same(found, nothing)
    assert losses.tversky_loss(np.ones((1, 1, 0)), np.ones((1, 1, 0)), smooth=0) == 0


def test_a_region_that_is_missed_costs_1():
    assert losses.tversky_loss([[[0.0, 0.0]]], [[[1, 0]]], smooth=0) == 1
    assert losses.tversky_loss([[[1.0, 0.0]]], [[[0, 0]]], smooth=0) == 1


def test_with_halves_it_is_1_less_the_dice_score_and_with_ones_1_less_the_jaccard_index():
    probs, target = masks(2, 3, 50)
    probs = probs.round()
    both = (probs * target).sum(2)
    each = {"reduction": "none", "smooth": 0}
    dice = 1 - 2 * both / (probs.sum(2) + target.sum(2))
    assert_near(losses.tversky_loss(probs, target, **each), dice, scale=1)
    jaccard = 1 - both / np.maximum(probs, target).sum(2)
    found = losses.tversky_loss(probs, target, fp_weight=1, fn_weight=1, **each)
    assert_near(found, jaccard, scale=1)


def test_a_mask_that_nearly_agrees_keeps_its_digits():
    probs, target = np.ones((1, 1, 4)), np.ones((1, 1, 4))
    probs[..., 0] -= 2.0**-50
    assert_near(losses.tversky_loss(probs, target, smooth=0), 2.0**-51 / 4)


@pytest.mark.parametrize("axis", [1, 2, 3, -1])
def test_the_positions_have_all_axes_but_those_of_samples_and_classes(axis):
    probs, target = masks(2, 3, 4, 5)
    value, gradient = FUSED(probs, target, reduction="none")
    moved = (np.moveaxis(array, 1, axis) for array in (probs, target))
    found = FUSED(*moved, axis=axis, reduction="none")
    assert_same(found[0], value)
    assert_same(np.moveaxis(found[1], axis, 1), gradient)
    flat = FUSED(probs.reshape(2, 3, 20), target.reshape(2, 3, 20), reduction="none")
    assert_same(flat, (value, gradient.reshape(2, 3, 20)))


def test_the_gradient_goes_to_an_out_of_any_strides():
    probs, target = masks(2, 3, 4, 5)
    expected = FUSED(probs, target)[1]
    out = np.empty((2, 3, 4, 10))[..., ::2]
    assert FUSED(probs, target, out=out)[1] is out
    assert_same(out, expected)


def test_without_positions_each_entry_is_a_region():
    probs, target = masks(2, 3)
    found = losses.tversky_loss(probs, target, reduction="none")
    assert_same(found, losses.tversky_loss(probs[..., None], target[..., None], reduction="none"))


def test_a_class_of_weight_0_is_absent_and_nan_stays_in_its_region():
    probs, target = masks(2, 3, 4)
    probs[0, 1, 2] = NAN
    loss, gradient = FUSED(probs, target, reduction="none")
    assert np.isnan(loss).tolist() == [[False, True, False], [False] * 3]
    assert np.isnan(gradient).any(2).tolist() == np.isnan(loss).tolist()
    weight = np.array([[1, 0, 1], [2, 1, 1]])
    loss, gradient = FUSED(probs, target, weight=weight)
    assert np.isfinite(loss)
    assert not gradient[0, 1].any()


def test_samples_and_classes_have_an_axis_each():
    with pytest.raises(ValueError, match=r"probs: expected at least two dimensions.*\(3,\)"):
        losses.tversky_loss([0.5, 0.5, 0.5], [1, 0, 1])
    for axis in (0, -3):
        with pytest.raises(ValueError, match=f"axis: expected the axis of the classes, got {axis}"):
            losses.tversky_loss(np.ones((2, 3, 4)), np.ones((2, 3, 4)), axis=axis)
    with pytest.raises(ValueError, match=r"weight.*\(2, 3\).*got shape \(2,\)"):
        losses.tversky_loss(np.ones((2, 3, 4)), np.ones((2, 3, 4)), weight=[1, 1])


def test_a_mask_of_0_and_255_is_told_to_be_divided():
    with pytest.raises(ValueError, match=r"target: 1 entries outside.*target / 255"):
        losses.tversky_loss([[[0.5, 0.5]]], [[[255, 0]]])
