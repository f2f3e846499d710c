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


def test_poisson_nll_loss_with_log_factorials_differs_by_a_constant_from_half_the_deviance():
    log_rate, _ = normal()
    target = np.arange(1.0, 21.0)
    found = losses.poisson_nll_loss(log_rate, target, full=True, reduction="none")
    found -= losses.poisson_nll_loss(np.log(target), target, full=True, reduction="none")
    theirs = own.HalfPoissonLoss()
    wanted = theirs.loss(target, log_rate) + theirs.constant_to_optimal_zero(target)
    # Terms of up to 20 log 20.
    np.testing.assert_allclose(found, wanted, rtol=0, atol=ROUNDINGS * np.spacing(64.0))
