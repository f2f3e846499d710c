"""Losses entry by entry where a formula by itself would give nan, and at kinks."""

import math

import numpy as np
import pytest
from tests.domains import SIGNS
from tests.rooms.helpers import INF, NAN, assert_same
from tests.rows import invoke
from tests.table import ENTRYWISE, FUNCTIONS

import losses


def both(name, first, target, **options):
    """Return single losses, and the gradient of their sum."""
    first = np.array(first, float)
    return getattr(losses, f"{name}_value_and_grad")(first, target, **options, reduction="none")


@pytest.mark.parametrize(
    ("quantile", "expected", "slopes"),
    [
        (0.0, [0, 0, INF], [0, 0, 1]),
        (0.25, [INF, 0, INF], [-0.25, 0, 0.75]),
        (1.0, [INF, 0, 0], [-1, 0, 0]),
    ],
)
def test_a_quantile_loss_of_an_infinite_residual_is_infinite_unless_that_side_counts_nothing(
    quantile, expected, slopes
):
    found = both("quantile_loss", [-INF, 0, INF, NAN], np.zeros(4), quantile=quantile)
    for part, known in zip(found, (expected, slopes), strict=True):
        np.testing.assert_array_equal(part, [*known, NAN])


@pytest.mark.parametrize("quantile", [0.0, 0.25, 1.0])
def test_no_quantile_loss_is_minus_0(quantile):
    zeros = np.array([0.0, -0.0])
    assert_same(
        losses.quantile_loss(zeros, zeros[::-1], quantile=quantile, reduction="none"), np.zeros(2)
    )


def test_a_poisson_loss_of_infinite_rates_is_infinite_and_of_rates_of_0_for_counts_of_0_alone_0():
    log_rate, target = [-INF, -INF, INF, INF, 800.0, NAN], [0.0, 3.0, 0.0, 3.0, 1e306, 0.0]
    loss, gradient = both("poisson_nll_loss", log_rate, target)
    np.testing.assert_array_equal(loss, [0, INF, INF, INF, INF, NAN])
    np.testing.assert_array_equal(gradient, [0, -3, INF, INF, INF, NAN])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_the_logarithm_of_a_factorial_is_that_of_the_product(dtype):
    """Of 0! and 1! it is 0. In float32 it is rounded once, after a computation in float64."""
    target = np.arange(13).astype(dtype)
    options = {"full": True, "reduction": "none"}
    found = losses.poisson_nll_loss(np.zeros(13, dtype), target, **options) - 1
    factorials = [math.factorial(n) for n in range(13)]
    np.testing.assert_array_equal(found[:2], 0)
    # A few roundings of numbers below 32 in float64, and in the dtype that of log t! and of a sum.
    wide = np.longdouble if dtype is np.longdouble else np.float64
    exact = np.log(np.array(factorials, wide))
    assert np.all(np.abs(found - exact) <= 12 * np.spacing(wide(31)) + np.spacing(1 + found))
    assert losses.poisson_nll_loss(-INF, dtype(0), **options) == 0


@pytest.mark.parametrize("full", [0, 1.0, None, "no", np.array(True)], ids=str)
def test_full_is_true_or_false(full):
    with pytest.raises(TypeError, match=r"^full: expected True or False, got "):
        losses.poisson_nll_loss(0.0, 1.0, full=full)
    assert losses.poisson_nll_loss(0.0, 3.0, full=np.True_) > losses.poisson_nll_loss(0.0, 3.0)


def test_counts_of_weight_0_may_be_anything_and_others_not():
    target = np.array([1.0, -1.0, NAN, 2.0])
    with pytest.raises(ValueError, match=r"^target: 1 entries outside \[0, inf\), .*\(1,\): -1"):
        losses.poisson_nll_loss(np.zeros(4), target, weight=[1, 1, 0, 1])
    found = losses.poisson_nll_loss(np.zeros(4), target, weight=[1, 0, 0, 1], reduction="none")
    np.testing.assert_array_equal(found, [1, 0, 0, 1])


OF_SIGNS = [row.name for row in ENTRYWISE if SIGNS in row.arrays.values()]
of_signs = pytest.mark.parametrize("name", OF_SIGNS)


@of_signs
@pytest.mark.parametrize("wrong", [0, 2, -1.5, NAN, INF, False], ids=str)
def test_a_target_that_is_not_1_or_minus_1_is_an_error_that_says_what_to_do(name, wrong):
    target = np.array([True if wrong is False else 1, wrong])
    arguments = {key: np.ones(2) for key in FUNCTIONS[name][0].arrays}
    message = rf"^target: 1 entries other than -1 and 1, the first at position \(1,\): {wrong}"
    with pytest.raises(ValueError, match=message) as error:
        invoke(name, {**arguments, "target": target})
    assert str(error.value).endswith("; use 2 * target - 1 for 0/1 labels")


def test_an_infinite_logit_has_the_loss_and_the_slope_of_the_limit():
    logits, target = [INF, -INF, INF, -INF, NAN], [1, 1, -1, -1, 1]
    for name, slopes in [
        ("soft_margin_loss", [0, -1, 1, 0, NAN]),
        ("hinge_loss", [0, -1, 1, 0, NAN]),
        ("squared_hinge_loss", [0, -INF, INF, 0, NAN]),
    ]:
        loss, gradient = both(name, logits, target)
        np.testing.assert_array_equal(loss, [0, INF, INF, 0, NAN])
        np.testing.assert_array_equal(gradient, slopes)


def test_at_a_kink_there_is_the_slope_of_the_side_that_costs():
    """The logits of a tie at margin 0 can part; a square has there its curvature."""
    for margin in (0.0, 0.5, -1.0):
        for target in (1.0, -1.0):
            at = np.array([target * margin])
            loss, gradient = both("hinge_loss", at, [target], margin=margin)
            assert loss == 0
            assert gradient == -target
            squared = losses.squared_hinge_loss_hessian_diagonal
            assert squared(at, [target], margin=margin, reduction="sum") == 2


def test_the_curvature_of_nan_is_nan_and_beyond_the_margin_0():
    squared = losses.squared_hinge_loss_hessian_diagonal
    found = squared([NAN, 3.0, -INF, 0.0], [1, 1, 1, 1], reduction="sum")
    np.testing.assert_array_equal(found, [NAN, 0, 2, 2])
