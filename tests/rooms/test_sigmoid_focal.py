"""Special values of the focal loss of logits, and where it is no convex one."""

import numpy as np
import pytest
from tests.rooms.helpers import dtypes

import losses

INF, NAN = np.inf, np.nan


@dtypes
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_an_infinite_logit_costs_0_or_inf_with_the_slope_0_or_alpha(dtype, gamma):
    logits = np.array([INF, -INF, INF, -INF, NAN], dtype)
    target = [1, 1, 0, 0, 1]
    options = {"gamma": gamma, "reduction": "none"}
    loss, slope = losses.sigmoid_focal_loss_value_and_grad(logits, target, **options)
    np.testing.assert_array_equal(loss, [0, INF, INF, 0, NAN])
    np.testing.assert_array_equal(slope, [0, -0.25, 0.75, 0, NAN])
    options = {"gamma": gamma, "reduction": "sum"}
    curvature = losses.sigmoid_focal_loss_hessian_diagonal(logits, target, **options)
    np.testing.assert_array_equal(curvature, [0, 0, 0, 0, NAN])


def test_between_the_labels_an_infinite_logit_costs_inf_with_a_slope():
    both = losses.sigmoid_focal_loss_value_and_grad(
        [INF, -INF], [0.75, 0.75], alpha=None, gamma=1.0, reduction="none"
    )
    np.testing.assert_array_equal(both[0], [INF, INF])
    np.testing.assert_array_equal(both[1], [0.25 * 0.25, -0.75 * 0.75])


def test_what_alpha_gives_no_weight_costs_0():
    options = {"alpha": 0.0, "reduction": "none"}
    both = losses.sigmoid_focal_loss_value_and_grad([-INF, -3.0, 3.0], [1, 1, 1], **options)
    np.testing.assert_array_equal(both, np.zeros((2, 3)))


@dtypes
@pytest.mark.parametrize("size", [90.0, 100.0, 120.0, 720.0, 740.0, 800.0])
def test_a_sure_prediction_has_a_finite_slope_for_every_gamma(dtype, size):
    """-(1 + gamma) E^(1 + gamma), where E may be a subnormal number or 0.

    E and the gradient err by the smallest of these; see tests/table.py for their roundings.
    """
    for gamma in (0.0, 0.5, 2.0):
        options = {"alpha": None, "gamma": gamma, "reduction": "none"}
        slope = losses.sigmoid_focal_loss_backward([1.0], np.array([size], dtype), [1], **options)
        info = np.finfo(slope.dtype)
        expected = -(1 + gamma) * np.exp(-size * (1 + np.longdouble(gamma)))
        assert abs(slope[0] - expected) <= 8 * info.smallest_subnormal - 38 * info.eps * expected


def test_known_slopes():
    """To as many digits as are known."""
    backward = losses.sigmoid_focal_loss_backward
    found = [
        backward(1.0, [2.0], [1], alpha=None)[0],
        backward(1.0, [80.0], [1], alpha=None, gamma=0.5)[0],
    ]
    np.testing.assert_allclose(found, [-0.00487094019539, -1.15014721106e-52], rtol=5e-12)


def test_the_digits_of_a_sure_prediction_are_all_there_in_float32():
    loss = losses.sigmoid_focal_loss(np.float32([20.0]), [1], alpha=None)
    np.testing.assert_allclose(loss, 8.75651076269652e-27, rtol=34 * np.finfo(np.float32).eps)


def test_gamma_0_weighs_the_binary_cross_entropy():
    logits, target = np.linspace(-30, 30, 13), np.linspace(0, 1, 13)
    focal = losses.sigmoid_focal_loss_value_and_grad(logits, target, alpha=None, gamma=0.0)
    entropy = losses.binary_cross_entropy_with_logits_value_and_grad(logits, target)
    for part, expected in zip(focal, entropy, strict=True):
        # The roundings of both.
        np.testing.assert_allclose(part, expected, rtol=32 * np.finfo(float).eps)


def test_the_second_derivative_is_of_labels_and_below_0_far_off():
    curvature = losses.sigmoid_focal_loss_hessian_diagonal
    assert curvature([-4.0], [1]) < 0
    for wrong in (0.5, NAN, -1.0):
        with pytest.raises(ValueError, match=r"1 entries other than 0 and 1.*position \(1,\)"):
            curvature([1.0, 1.0], [1, wrong])
    assert curvature([1.0, 1.0], [1, 0.5], weight=[1, 0])[1] == 0
    for reduction in ("none", "sum"):
        found = curvature([1.0, -2.0], [1, 0], reduction=reduction)
        np.testing.assert_array_equal(found, curvature([1.0, -2.0], [True, False], reduction="sum"))
