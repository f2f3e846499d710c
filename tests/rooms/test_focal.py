"""The focal loss of class indices: its limits, and cross entropy."""

import numpy as np
import pytest
from tests.rooms.helpers import INF, NAN, assert_near, assert_same, bad_rows, dtypes

import losses

FUSED = losses.focal_loss_value_and_grad


@dtypes
@pytest.mark.parametrize("classes", [1, 3, 70])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_without_gamma_it_is_cross_entropy(dtype, classes, reduction):
    rng = np.random.default_rng(0)
    logits = (9 * rng.standard_normal((40, classes))).astype(dtype)
    target = rng.integers(-1, classes, 40)
    weight = rng.uniform(0.5, 2, classes).astype(dtype)
    options = {"ignore_index": -1, "weight": weight, "reduction": reduction}
    loss, gradient = FUSED(logits, target, gamma=0, **options)
    expected = losses.cross_entropy_value_and_grad(logits, target, **options)
    assert_same(loss, expected[0])
    assert_near(gradient, expected[1])


@pytest.mark.parametrize("gamma", [0.0, 0.25, 0.5, 1.0, 2.0, 5.0])
@dtypes
def test_the_gradient_is_finite_wherever_the_logits_are(dtype, gamma):
    largest = np.finfo(dtype).max
    gaps = np.array([0, 1e-30, 1, 20, 80, 104, 700, 745, 1e4, largest], dtype)
    for sign in (1, -1):
        logits = np.stack([sign * gaps, np.zeros_like(gaps)], axis=1)
        loss, gradient = FUSED(logits, np.zeros(len(gaps), int), gamma=gamma, reduction="none")
        assert np.isfinite(loss).all()
        assert np.isfinite(gradient).all()


def test_a_sure_prediction_has_a_gradient_with_a_small_gamma():
    """u^(gamma - 1) of u = e^-80 is e^40; (1 + gamma) u^(1 + gamma) is the slope."""
    _, gradient = FUSED([80.0, 0.0], 0, gamma=0.5)
    assert_near(gradient, 1.5 * np.exp(-120) * np.array([-1, 1]), ulps=512)


def test_infinite_logits_have_the_limits():
    logits = [[-INF, 1.0, 1.0], [5.0, -INF, -INF], [0.0, -INF, 0.0]]
    loss, gradient = FUSED(logits, [0, 0, 0], reduction="none")
    assert_near(loss, np.array([INF, 0, np.log(2) / 4]))
    np.testing.assert_array_equal(gradient[:2], [[-1, 0.5, 0.5], [0, 0, 0]])
    assert gradient[2, 1] == 0


@bad_rows
def test_a_row_without_a_softmax_is_nan_and_no_other_row(bad):
    logits = np.array([bad, [1.0, 2.0, 3.0] + [0.0] * (len(bad) - 3)])
    loss, gradient = FUSED(logits, [1, 1], reduction="none")
    assert np.isnan(loss).tolist() == [True, False]
    assert np.isnan(gradient).all(1).tolist() == [True, False]


def test_digits_stay_beside_a_large_sum():
    """In float32 exp(69) is 1e30, whose quotient with u^2 would be below the normal numbers."""
    logits = np.array([69, 46, 40], np.float32)
    _, narrow = FUSED(logits, 0, gamma=1.0)
    _, wide = FUSED(logits.astype(float), 0, gamma=1.0)
    np.testing.assert_allclose(narrow, wide, rtol=2e-5)


@pytest.mark.parametrize("gamma", [-0.5, NAN, INF])
def test_gamma_is_finite_and_not_negative(gamma):
    with pytest.raises(ValueError, match=r"gamma: expected a number in \[0, inf\)"):
        losses.focal_loss([1.0, 2.0], 0, gamma=gamma)
