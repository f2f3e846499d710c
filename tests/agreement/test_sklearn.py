"""Agreement with scikit-learn, in float64: losses, their gradients and their curvatures.

Each side rounds a result, or the terms of size 1 that it is made of, fewer than ROUNDINGS times.
"""

import numpy as np
import pytest

import losses

metrics = pytest.importorskip("sklearn.metrics")
own = pytest.importorskip("sklearn._loss.loss")  # the losses of its boosting

ROUNDINGS = 32


def assert_close(got, wanted):
    precision = ROUNDINGS * np.finfo(float).eps
    np.testing.assert_allclose(got, wanted, rtol=precision, atol=precision, strict=True)


def normal():
    return np.random.default_rng(0).normal(0, 3, (2, 20))


@pytest.mark.parametrize("quantile", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_quantile_loss_agrees(quantile):
    predictions, target = normal()
    weight = np.linspace(0.5, 2, predictions.size)
    options = {"quantile": quantile, "weight": weight}
    found = losses.quantile_loss(predictions, target, **options)
    assert_close(
        found,
        np.float64(
            metrics.mean_pinball_loss(target, predictions, sample_weight=weight, alpha=quantile)
        ),
    )
    if 0 < quantile < 1:
        theirs = own.PinballLoss(quantile=quantile)
        wanted = theirs.gradient(target, predictions, sample_weight=weight)
        found = losses.quantile_loss_backward(1.0, predictions, target, **options, reduction="sum")
        assert_close(found, wanted)


def test_poisson_nll_loss_agrees():
    log_rate, weight = normal()
    weight, target = weight**2, np.arange(20.0)
    theirs = own.HalfPoissonLoss()
    given = {"raw_prediction": log_rate, "sample_weight": weight}
    options = {"weight": weight, "reduction": "sum"}
    found = losses.poisson_nll_loss(log_rate, target, weight=weight, reduction="none")
    assert_close(found, theirs.loss(target, **given))
    gradient, hessian = theirs.gradient_hessian(target, **given)
    assert_close(losses.poisson_nll_loss_backward(1.0, log_rate, target, **options), gradient)
    assert_close(losses.poisson_nll_loss_hessian_diagonal(log_rate, target, **options), hessian)


HALVES = {
    1.0: own.HalfPoissonLoss(),
    2.0: own.HalfGammaLoss(),
    **{power: own.HalfTweedieLoss(power=power) for power in (1.25, 1.5, 1.75, 3.0)},
}


@pytest.mark.parametrize("power", HALVES)
def test_tweedie_loss_with_log_mean_agrees_but_for_a_constant(power):
    log_mean, weight = np.random.default_rng(0).normal(0, 1, (2, 20))
    target, weight, theirs = np.linspace(0.5, 5, 20), weight**2, HALVES[power]
    given = {"raw_prediction": log_mean, "sample_weight": weight}
    options = {"power": power, "weight": weight, "reduction": "none"}
    found = losses.tweedie_loss_with_log_mean(log_mean, target, **options)
    constant = theirs.constant_to_optimal_zero(target, sample_weight=weight)
    # The terms of each are less than 1024 here, for power 3 and log_mean -2.5.
    precision = ROUNDINGS * np.spacing(1024.0)
    np.testing.assert_allclose(found, theirs.loss(target, **given) + constant, 0, precision)
    options["reduction"] = "sum"
    backward = losses.tweedie_loss_with_log_mean_backward(1.0, log_mean, target, **options)
    diagonal = losses.tweedie_loss_with_log_mean_hessian_diagonal(log_mean, target, **options)
    gradient, hessian = theirs.gradient_hessian(target, **given)
    np.testing.assert_allclose(backward, gradient, 0, precision)
    np.testing.assert_allclose(diagonal, hessian, 0, precision)


@pytest.mark.parametrize("power", [0.0, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0])
def test_twice_the_mean_tweedie_loss_is_the_mean_tweedie_deviance(power):
    predictions, target, weight = np.random.default_rng(0).uniform(0.25, 4, (3, 20))
    if power < 2:
        target[::3] = 0
    found = 2 * losses.tweedie_loss(predictions, target, power=power, weight=weight)
    options = {"sample_weight": weight, "power": power}
    wanted = metrics.mean_tweedie_deviance(target, predictions, **options)
    # The terms are less than 64 each, for power 3 and a prediction of 1 / 4.
    assert abs(found - wanted) <= ROUNDINGS * np.spacing(64.0)


def test_poisson_nll_loss_with_log_factorials_differs_by_a_constant_from_half_the_deviance():
    log_rate, _ = normal()
    target = np.arange(1.0, 21.0)
    found = losses.poisson_nll_loss(log_rate, target, full=True, reduction="none")
    found -= losses.poisson_nll_loss(np.log(target), target, full=True, reduction="none")
    theirs = own.HalfPoissonLoss()
    wanted = theirs.loss(target, log_rate) + theirs.constant_to_optimal_zero(target)
    # Terms of up to 20 log 20.
    np.testing.assert_allclose(found, wanted, rtol=0, atol=ROUNDINGS * np.spacing(64.0))
