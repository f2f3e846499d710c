"""Agreement with optax, in float64: each loss, and its gradient by JAX.

The points are ordinary ones. Each side rounds a result, or the terms of size 1 that it is made of,
fewer than ROUNDINGS times.
"""

import numpy as np
import pytest

import losses

optax = pytest.importorskip("optax")
jax = pytest.importorskip("jax")

ROUNDINGS = 32


def assert_close(got, wanted):
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
    assert np.all(np.abs(got - wanted) <= ROUNDINGS * np.finfo(float).eps * (1 + np.abs(wanted)))


def assert_agreement(name, theirs, *arrays, **options):
    """Assert that single losses, and the gradients of their sum, are those of optax."""
    with jax.enable_x64(True):
        wanted = theirs(*arrays)
        gradient = jax.grad(lambda x: theirs(x, *arrays[1:]).sum())(jax.numpy.asarray(arrays[0]))
    assert_close(getattr(losses, name)(*arrays, **options, reduction="none"), wanted)
    found = getattr(losses, f"{name}_backward")(1.0, *arrays, **options, reduction="sum")
    assert_close(found, gradient)


def normal(deviation=1.0):
    return np.random.default_rng(0).normal(0, deviation, (3, 5))


def test_log_cosh_loss_agrees():
    assert_agreement("log_cosh_loss", optax.log_cosh, normal(3), normal()[::-1])


@pytest.mark.parametrize("alpha", [None, 0.25])
@pytest.mark.parametrize("gamma", [2.0, 0.0, 0.5])
def test_the_focal_loss_agrees(alpha, gamma):
    """1 - p loses a factor of e^4 < 64 of its digits, to the power gamma; both round 32 times."""
    rng = np.random.default_rng(0)
    logits = rng.uniform(-4, 4, (5, 7)).astype(np.float32)
    target = rng.integers(0, 2, (5, 7)).astype(np.float32)
    options = {"alpha": alpha, "gamma": gamma}
    found = losses.sigmoid_focal_loss(logits, target, reduction="none", **options)
    expected = optax.losses.sigmoid_focal_loss(logits, target, **options)
    rtol = 64 * (1 + gamma) * 32 * np.finfo(np.float32).eps
    np.testing.assert_allclose(found, np.asarray(expected), rtol=rtol)


def signs():
    return np.random.default_rng(1).choice([-1.0, 1.0], (3, 5))


def test_hinge_loss_agrees():
    assert_agreement("hinge_loss", optax.hinge_loss, normal(), signs())


def test_squared_hinge_loss_is_the_square():
    def theirs(x, target):
        return optax.hinge_loss(x, target) ** 2

    assert_agreement("squared_hinge_loss", theirs, normal(), signs())


@pytest.mark.parametrize("log_target", [False, True])
def test_kl_div_agrees(log_target):
    log_probs, target = (losses.log_softmax(x) for x in (normal(2), normal()[::-1]))
    name = "kl_div_with_log_target" if log_target else "kl_div"
    theirs = optax.losses.kl_divergence_with_log_targets if log_target else optax.kl_divergence
    assert_agreement(name, theirs, log_probs, target if log_target else np.exp(target))


def test_kl_div_with_logits_agrees():
    def theirs(x, y):
        return optax.kl_divergence(jax.nn.log_softmax(x), jax.nn.softmax(y))

    assert_agreement("kl_div_with_logits", theirs, normal(2), normal()[::-1])


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.3, 0.7)])
@pytest.mark.parametrize("smooth", [1.0, 0.25])
def test_the_dice_loss_of_optax_is_a_tversky_loss(weights, smooth):
    """It is 1 - (T + s) / (T + W + s): a term of 1 more."""
    rng = np.random.default_rng(0)
    probs, target = (losses.softmax(9 * rng.random((2, 3, 4))) for _ in range(2))
    fp_weight, fn_weight = weights

    def theirs(x, t):
        options = {"alpha": fp_weight, "beta": fn_weight, "smooth": smooth, "reduction": "none"}
        return optax.losses.dice_loss(x, t, apply_softmax=False, **options)

    options = {"fp_weight": fp_weight, "fn_weight": fn_weight, "smooth": smooth}
    assert_agreement("tversky_loss", theirs, probs, target, axis=-1, **options)


def test_the_cosine_distance_agrees():
    first, second = normal(), normal()[::-1]
    with jax.enable_x64(True):
        wanted = optax.losses.cosine_distance(first, second, epsilon=0.0)
    found = losses.cosine_embedding_loss(first, second, [1, 1, 1], reduction="none")
    assert_close(found, wanted)


def test_the_triplet_loss_agrees():
    rng = np.random.default_rng(0)
    arrays = rng.standard_normal((3, 4, 5))
    with jax.enable_x64(True):
        wanted = optax.losses.triplet_margin_loss(*arrays, eps=0.0)
    assert_close(losses.triplet_margin_loss(*arrays, reduction="none"), wanted)
