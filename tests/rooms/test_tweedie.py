"""tweedie_loss and tweedie_loss_with_log_mean: powers, domains, and the ends of the numbers."""

import numpy as np
import pytest
from tests.rooms.helpers import INF, NAN, assert_near, assert_same

import losses

MEANS, TARGET = np.array([0.5, 1.0, 4.0]), np.array([2.0, 1.0, 3.0])
powers = pytest.mark.parametrize("power", [1.0, 1.25, 1.5, 2.0, 2.5, 3.0])


def of_means(predictions, target, power, **options):
    """Return the losses of means and their gradients."""
    options = {"power": power, "reduction": "none", **options}
    return losses.tweedie_loss_value_and_grad(np.array(predictions), np.array(target), **options)


def of_logs(log_mean, target, power):
    """Return the losses of log-means, their gradients and their second derivatives."""
    arrays, options = (np.array(log_mean), np.array(target)), {"power": power, "reduction": "none"}
    pair = losses.tweedie_loss_with_log_mean_value_and_grad(*arrays, **options)
    return *pair, losses.tweedie_loss_with_log_mean_hessian_diagonal(*arrays, **options)


def test_power_0_is_half_the_square_of_any_numbers():
    r = np.array([-3.0, 0.0, 1e200, -INF, 1e-200])
    loss, gradient = of_means(r, np.zeros(5), 0)
    np.testing.assert_array_equal(loss, [4.5, 0, INF, INF, 0])
    np.testing.assert_array_equal(gradient, r)
    assert losses.tweedie_loss([-1.0], [-3.0], power=0) == 2


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0, 3.0, 5.0])
def test_a_mean_at_the_target_costs_0_and_so_does_its_gradient_even_where_a_power_overflows(power):
    numbers = np.array([1e-300, 1e-3, 1.0, 3.0, 1e300])
    for found in of_means(numbers, numbers, power):
        np.testing.assert_array_equal(found, np.zeros(5))


@powers
def test_log_means_have_the_losses_of_their_exponentials_and_the_chain_rules_gradients(power):
    loss, gradient, curvature = of_logs(np.log(MEANS), TARGET, power)
    expected, slope = of_means(MEANS, TARGET, power)
    # Of terms of less than 32.
    assert_near(loss, expected, 32, scale=32)
    assert_near(gradient, slope * MEANS, 32, scale=32)
    second = MEANS ** (1 - power) * ((2 - power) * MEANS + (power - 1) * TARGET)
    assert_near(curvature, second, 32, scale=32)


@pytest.mark.parametrize(
    ("pole", "step"), [(1, 2.0**-52), (1, 2.0**-30), *((2, e) for e in (2.0**-51, -(2.0**-30)))]
)
def test_nothing_is_lost_near_the_powers_1_and_2(pole, step):
    """The derivative with respect to the power is less than 8 for these numbers."""
    bound = 8 * abs(step) + 64 * np.spacing(4.0)
    for function, first in ((of_means, MEANS), (of_logs, np.log(MEANS))):
        near, at = (function(first, TARGET, power) for power in (pole + step, pole))
        for found, expected in zip(near, at, strict=True):
            np.testing.assert_allclose(found, expected, rtol=0, atol=bound)


@pytest.mark.parametrize("power", [1.0, 1.5, 1.75])
def test_a_target_of_0_has_the_mean_alone(power):
    means = np.array([1e-300, 0.25, 1.0, 4.0, INF])
    loss, gradient = of_means(means, np.zeros(5), power)
    assert_near(loss, means ** (2 - power) / (2 - power), 8)
    assert_near(gradient, means ** (1 - power), 8)
    loss, gradient, curvature = of_logs([-INF, -800.0, 0.0, INF], np.zeros(4), power)
    first = np.exp((2 - power) * np.array([-INF, -800.0, 0.0, INF]))
    assert_near(loss, first / (2 - power), 8)
    assert_near(gradient, first, 8)
    assert_near(curvature, first * (2 - power), 8)


@powers
def test_the_limits_of_log_means(power):
    """Towards -inf the loss grows without end; towards inf it has a limit for powers above 2."""
    loss, gradient, curvature = of_logs([-INF, INF, -1e6, 1e6, NAN], 2 * np.ones(5), power)
    top = 2 ** (2 - power) / ((power - 1) * (power - 2)) if power > 2 else INF
    low, turn = (1998.0, -2.0) if power == 1 else (INF, -INF)
    assert loss[0] == INF
    assert gradient[0] == turn
    assert curvature[0] == (0 if power == 1 else INF)
    assert loss[1] == pytest.approx(top, rel=1e-15)
    assert gradient[1] == {True: INF, False: 0.0}[power < 2] + (power == 2)
    assert np.isnan([loss[4], gradient[4], curvature[4]]).all()
    assert not np.isnan([loss[:4], gradient[:4], curvature[:4]]).any()
    assert loss[2] >= low


@powers
def test_the_limits_of_means(power):
    loss, gradient = of_means([INF, NAN, 1e-320], [2.0, 2.0, 2.0], power)
    top = 2 ** (2 - power) / ((power - 1) * (power - 2)) if power > 2 else INF
    assert loss[0] == pytest.approx(top, rel=1e-15)
    assert gradient[0] == (power == 1)
    assert np.isnan([loss[1], gradient[1]]).all()
    assert not np.isnan([loss[2], gradient[2]]).any()


def test_one_term_overflows_only_where_the_loss_does():
    """In float32, of which 1e39 is none."""
    mean, target = np.float32(1e-28), np.float32(1e-20)  # mean**-1.5 is 1e42
    loss, gradient = of_means(mean, target, 2.5)
    assert loss == pytest.approx(1e22 / 1.5, rel=1e-4)
    assert gradient == -INF  # -1e50
    loss, gradient, _ = of_logs(np.float32(150), np.float32(1), 1.5)  # of which exp is 1e65
    assert loss == pytest.approx(2 * np.exp(75.0), rel=1e-5)
    assert gradient == pytest.approx(np.exp(75.0), rel=1e-5)


@pytest.mark.parametrize("power", [0.5, 1e-300, np.float32(0.25)])
def test_a_power_between_0_and_1_is_that_of_no_distribution(power):
    with pytest.raises(ValueError, match=r"^power: .* or 0, got .*; no Tweedie distribution has"):
        losses.tweedie_loss(MEANS, TARGET, power=power)


@pytest.mark.parametrize(
    ("power", "target", "message"),
    [
        (
            1.5,
            [0.0, -1.0, NAN],
            r"2 entries outside \[0, inf\), the first at position \(1,\): -1.0",
        ),
        (2, [0.0, 1.0, INF], r"2 entries outside \(0, inf\), the first at position \(0,\): 0.0"),
        (3.0, [1, 0, 1], r"1 entries outside \(0, inf\), the first at position \(1,\): 0"),
        (2, [True, True, False], r"1 entries outside \(0, inf\), .* \(2,\): False"),
    ],
)
def test_the_domain_of_the_target_depends_on_the_power(power, target, message):
    for function in (losses.tweedie_loss, losses.tweedie_loss_with_log_mean):
        with pytest.raises(ValueError, match=f"^target: {message}"):
            function(np.ones(3), target, power=power)


def test_means_are_above_0_and_the_message_says_where_they_are_not():
    message = r"^predictions: 2 entries not above 0, the first at position \(1,\): 0.0"
    with pytest.raises(ValueError, match=message):
        losses.tweedie_loss([NAN, 0.0, -1.0], np.ones(3))
    found = losses.tweedie_loss([1.0, 0.0, -1.0], [1.0, -1.0, NAN], weight=[1, 0, 0])
    assert found == 0
    assert losses.tweedie_loss([1.0, 5.0], [1.0, 0.0], power=2, weight=[1, 0]) == 0


def test_integer_targets_do_not_widen_the_computation():
    means = np.float32([0.3, 1.7])
    found = losses.tweedie_loss(means, np.array([0, 3]), reduction="none")
    assert_same(found, losses.tweedie_loss(means, np.float32([0, 3]), reduction="none"))
    assert losses.tweedie_loss(np.float32([1, 2]), [0, 0]).dtype == np.float32


def test_longdoubles_have_all_their_digits():
    """Power 3 has the closed form (y - t)^2 / (2 t y^2)."""
    mean, target = np.arange(101, 140, dtype=np.longdouble) / 100, np.longdouble(1)
    found = losses.tweedie_loss(mean, np.full_like(mean, target), power=3, reduction="none")
    r = mean - target
    assert_near(found, r * r / (2 * mean * mean), 28)


@pytest.mark.parametrize("power", [0, 1, 2])
def test_no_amounts_have_no_mean(power):
    assert np.isnan(losses.tweedie_loss([], [], power=power))
