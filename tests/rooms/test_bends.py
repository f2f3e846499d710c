"""The losses whose slope bends: what they are at the bend, and at sizes where a square is not."""

import numpy as np
import pytest

import losses


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_the_huber_loss_is_still_a_square_at_the_bend_and_smooth_l1_loss_no_longer(sign):
    r, zero = np.array([0.5 * sign]), np.zeros(1)
    assert losses.huber_loss_hessian_diagonal(r, zero, delta=0.5) == 1
    assert losses.smooth_l1_loss_hessian_diagonal(r, zero, beta=0.5) == 0
    for name, option in (("huber_loss", {"delta": 0.5}), ("smooth_l1_loss", {"beta": 0.5})):
        curvature = getattr(losses, f"{name}_hessian_diagonal")
        inside = 1 if name == "huber_loss" else 2
        np.testing.assert_array_equal(curvature(r / 2, zero, **option), [inside])
        np.testing.assert_array_equal(curvature(2 * r, zero, **option), [0])
        assert np.isnan(curvature([np.nan], zero, **option))


def test_smooth_l1_loss_of_beta_0_is_l1_loss():
    r, zeros = np.array([-2.0, 0.0, 3.0, np.inf, np.nan]), np.zeros(5)
    found = losses.smooth_l1_loss_value_and_grad(r, zeros, beta=0.0, reduction="none")
    for part, expected in zip(
        found, losses.l1_loss_value_and_grad(r, zeros, reduction="none"), strict=True
    ):
        np.testing.assert_array_equal(part, expected)
    curvature = losses.smooth_l1_loss_hessian_diagonal(r, zeros, beta=0.0, reduction="sum")
    np.testing.assert_array_equal(curvature, [0, 0, 0, 0, np.nan])


@pytest.mark.parametrize(
    ("residual", "beta", "loss"),
    [(1e25, 1e26, 5e23), (1e-25, 1e-20, 5e-31), (1e10, 1e300, 0), (np.inf, 1e300, np.inf)],
)
def test_smooth_l1_loss_squares_no_residual(residual, beta, loss):
    """In float32, where the squares are inf and 0; within 5 roundings and those of the numbers."""
    found = losses.smooth_l1_loss(np.float32([residual]), np.float32([0]), beta=beta)
    np.testing.assert_allclose(found, loss, rtol=8 * np.finfo(np.float32).eps)


def test_an_infinite_residual_costs_inf_under_every_delta_and_has_the_slope_delta():
    for dtype in (np.float32, np.float64, np.longdouble):
        r, zeros = np.array([-np.inf, np.inf], dtype), np.zeros(2)
        for delta in (0.5, 1e30, np.inf):
            options = {"delta": delta, "reduction": "none"}
            loss, slope = losses.huber_loss_value_and_grad(r, zeros, **options)
            np.testing.assert_array_equal(loss, [np.inf, np.inf])
            np.testing.assert_array_equal(slope, [-dtype(delta), dtype(delta)])


def test_the_huber_loss_is_delta_times_smooth_l1_loss():
    r, zeros = np.linspace(-3, 3, 49), np.zeros(49)
    huber = losses.huber_loss(r, zeros, delta=0.75, reduction="none")
    smooth = losses.smooth_l1_loss(r, zeros, beta=0.75, reduction="none")
    # Five roundings each, and that of the product.
    np.testing.assert_allclose(huber, 0.75 * smooth, rtol=11 * np.finfo(float).eps / 2)


def test_under_an_infinite_delta_there_is_no_bend():
    r, zeros = [np.inf, 1.0, np.nan], np.zeros(3)
    found = losses.huber_loss_hessian_diagonal(r, zeros, delta=np.inf, reduction="sum")
    np.testing.assert_array_equal(found, [1, 1, np.nan])


def test_an_infinite_weight_of_no_curvature_counts_0():
    weight = [np.inf, np.inf]
    found = losses.huber_loss_hessian_diagonal([5.0, 0.0], [0, 0], weight=weight, reduction="sum")
    np.testing.assert_array_equal(found, [0, np.inf])


def test_a_huge_integer_is_an_infinite_option():
    assert losses.huber_loss([2.0], [0.0], delta=10**400) == 2
    for wrong in (10**400, -(10**400)):
        with pytest.raises(ValueError, match="beta"):
            losses.smooth_l1_loss([2.0], [0.0], beta=wrong)
