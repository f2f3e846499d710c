"""An entry of weight 0 is absent: its loss and its gradient are 0, whatever it holds."""

import numpy as np
import pytest
from tests.rooms.helpers import assert_same

import losses

NAN, INF = np.nan, np.inf
LOSSES = {
    "mse_loss": ([1.0, 2.0, -0.5, 3.0], [1.5, 0.0, 1.0, 3.0]),
    "l1_loss": ([1.0, 2.0, -0.5, 3.0], [1.5, 0.0, 1.0, 3.0]),
    "binary_cross_entropy": ([0.25, 0.5, 1.0, 0.75], [1.0, 0.0, 0.25, 0.5]),
    "binary_cross_entropy_with_logits": ([0.5, -2.0, 90.0, 3.0], [1.0, 0.0, 0.25, 0.5]),
}
CURVED = ["mse_loss", "binary_cross_entropy_with_logits"]
WEIGHTS = [[1, 0, 1, 0], [True, False, True, False], [0.5, 0.0, 2.0, -0.0]]
STRANGE = [NAN, INF, -INF, 2.0, -1.0, 255.0]

every_loss = pytest.mark.parametrize("name", LOSSES)
weights = pytest.mark.parametrize("weight", WEIGHTS, ids=str)


def with_strangers(name, weight):
    """Yield the arrays of a loss with strange numbers where the weight is 0."""
    x, target = map(np.array, LOSSES[name])
    for stranger in STRANGE:
        holes = np.asarray(weight) == 0
        yield np.where(holes, stranger, x), target
        yield x, np.where(holes, stranger, target)
        yield np.where(holes, stranger, x), np.where(holes, stranger, target)


def kept(name, weight):
    """Return the arrays and the weights of the entries whose weight is not 0."""
    there = np.asarray(weight) != 0
    return [np.array(array)[there] for array in (*LOSSES[name], weight)]


@every_loss
@weights
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_the_loss_is_that_of_the_entries_whose_weight_is_not_0(name, weight, reduction):
    loss = getattr(losses, name)
    x, target, some = kept(name, weight)
    expected = loss(x, target, weight=some, reduction=reduction)
    if reduction == "none":
        expected = np.array([expected[0], 0, expected[1], 0])
    if reduction == "mean" and name.startswith("binary"):
        expected = expected / 2  # which divides by the number of entries, absent ones too
    for arrays in with_strangers(name, weight):
        assert_same(loss(*arrays, weight=weight, reduction=reduction), expected)


@every_loss
@weights
@pytest.mark.parametrize("grad", [1.0, INF, NAN])
def test_the_gradient_of_an_entry_of_weight_0_is_0(name, weight, grad):
    backward = getattr(losses, f"{name}_backward")
    x, target, some = kept(name, weight)
    expected = backward([grad, grad], x, target, weight=some, reduction="none")
    for arrays in with_strangers(name, weight):
        gradient = backward([grad] * 4, *arrays, weight=weight, reduction="none")
        np.testing.assert_array_equal(gradient, [expected[0], 0, expected[1], 0])


@pytest.mark.parametrize("name", CURVED)
@weights
def test_the_curvature_of_an_entry_of_weight_0_is_0(name, weight):
    diagonal, product = (getattr(losses, f"{name}_{s}") for s in ("hessian_diagonal", "hvp"))
    x, target, some = kept(name, weight)
    expected = diagonal(x, target, weight=some, reduction="sum")
    for arrays in with_strangers(name, weight):
        found = diagonal(*arrays, weight=weight, reduction="sum")
        np.testing.assert_array_equal(found, [expected[0], 0, expected[1], 0])
        assert_same(product(np.ones(4), *arrays, weight=weight, reduction="sum"), found)


@every_loss
def test_where_every_entry_is_absent_the_mean_of_weights_is_nan_and_the_gradient_is_0(name):
    x, target = LOSSES[name]
    mean = getattr(losses, name)(x, target, weight=np.zeros(4))
    assert mean == 0 if name.startswith("binary") else np.isnan(mean)
    gradient = getattr(losses, f"{name}_backward")(1.0, x, target, weight=np.zeros(4))
    np.testing.assert_array_equal(gradient, np.zeros(4))


@pytest.mark.parametrize("name", CURVED)
def test_where_every_entry_is_absent_the_curvature_of_the_mean_is_0(name):
    """Its divisor is 0, so the share of each entry in the mean is infinite."""
    x, target = LOSSES[name]
    diagonal, product = (getattr(losses, f"{name}_{s}") for s in ("hessian_diagonal", "hvp"))
    absent = np.zeros(4)
    np.testing.assert_array_equal(diagonal(x, target, weight=absent), absent)
    np.testing.assert_array_equal(product(np.ones(4), x, target, weight=absent), absent)


def test_a_mask_that_broadcasts_leaves_out_a_column():
    logits, target = np.zeros((2, 3)), np.array([[NAN, 1.0, 0.0], [7.0, 0.0, 1.0]])
    mask = [False, True, True]
    loss = losses.binary_cross_entropy_with_logits(logits, target, weight=mask, reduction="none")
    np.testing.assert_array_equal(loss == 0, [[True, False, False]] * 2)


def test_known_values_of_masked_losses():
    assert losses.mse_loss([1, 2], [1.5, NAN], weight=[1, 0]) == 0.25
    gradient = losses.mse_loss_backward(1.0, [1, 2], [1.5, NAN], weight=[1, 0])
    np.testing.assert_array_equal(gradient, [-1, 0])
    binary = losses.binary_cross_entropy_with_logits
    found = binary([0.5, 0.5], [1, NAN], weight=[1, 0], reduction="sum")
    assert found == pytest.approx(0.47407698418, abs=5e-12)  # as many digits as are known
