"""Agreement with optax, in its float32, at ordinary points."""

import numpy as np
import pytest

import losses

optax = pytest.importorskip("optax")


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
