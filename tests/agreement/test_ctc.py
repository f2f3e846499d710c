"""Agreement of CTC with PyTorch and with optax, in values and in gradients.

Points are ordinary. A side that works in logarithms rounds, in each frame, a logarithm of at most
|log P| a few times, and adds exponentials of such: an error of ROUNDINGS (1 + |log P|) eps a frame.
"""

import numpy as np
import pytest

import losses

FRAMES, SAMPLES, CLASSES, LABELS = 24, 6, 7, 5
ROUNDINGS = 16
EPS = np.finfo(float).eps


def batch(scale, shortest=0):
    """Return logits, a target, and the lengths of frames and labels."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((FRAMES, SAMPLES, CLASSES)) * scale
    target = rng.integers(1, CLASSES, (SAMPLES, LABELS))
    of_targets = rng.integers(shortest, LABELS + 1, SAMPLES)
    return x, target, rng.integers(2 * LABELS, FRAMES + 1, SAMPLES), of_targets


def assert_close(got, wanted, size):
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
    assert (np.abs(got - wanted) <= ROUNDINGS * FRAMES * (1 + size) * EPS).all()


@pytest.mark.parametrize("scale", [1.0, 5.0])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("blank", [0, 6])
def test_torch(scale, reduction, blank):
    """Its gradient is that through a log_softmax, and so is ours after log_softmax_backward."""
    torch = pytest.importorskip("torch")
    x, target, *lengths = batch(scale)
    target = np.where(target == blank, 1, target)
    options = {"blank": blank, "reduction": reduction}
    logits = torch.tensor(x, requires_grad=True)
    arrays = map(torch.tensor, (target, *lengths))
    wanted = torch.nn.functional.ctc_loss(logits.log_softmax(-1), *arrays, **options)
    wanted.sum().backward()
    size = np.abs(wanted.detach().numpy()).max() * SAMPLES * LABELS
    log_probs, ones = losses.log_softmax(x), np.ones(wanted.shape)
    assert_close(losses.ctc_loss(log_probs, target, *lengths, **options), wanted.detach(), size)
    found = losses.ctc_loss_backward(ones, log_probs, target, *lengths, **options)
    assert_close(losses.log_softmax_backward(found, log_probs), logits.grad, size)
    loss, grad = losses.ctc_loss_with_logits_value_and_grad(x, target, *lengths, **options)
    assert_close(loss, wanted.detach(), size)
    assert_close(grad, logits.grad, size)


def test_torch_with_labels_one_after_another_and_targets_that_cannot_be_spelt():
    torch = pytest.importorskip("torch")
    x, target, of_inputs, of_targets = batch(1.0, shortest=1)
    of_inputs[0] = of_targets[0] - 1
    joined = np.concatenate([row[:size] for row, size in zip(target, of_targets, strict=True)])
    log_probs = losses.log_softmax(x)
    for omitted in (False, True):
        options = {"reduction": "none", "zero_infinity": omitted}
        wanted = torch.nn.functional.ctc_loss(
            *map(torch.tensor, (log_probs, joined, of_inputs, of_targets)), **options
        ).numpy()
        found = losses.ctc_loss(log_probs, joined, of_inputs, of_targets, **options)
        assert found[0] == wanted[0] == (0 if omitted else np.inf)
        assert_close(found[1:], wanted[1:], wanted[1:].max())


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_optax(scale):
    """It replaces log 0 by -1e5, and so adds far less than a rounding."""
    optax, jax = pytest.importorskip("optax"), pytest.importorskip("jax")
    x, target, of_inputs, of_targets = batch(scale, shortest=1)

    def theirs(logits):
        return optax.ctc_loss(
            logits.swapaxes(0, 1),
            (np.arange(FRAMES) >= of_inputs[:, np.newaxis]).astype(float),
            target,
            (np.arange(LABELS) >= of_targets[:, np.newaxis]).astype(float),
        )

    with jax.enable_x64(True):
        wanted = np.asarray(theirs(jax.numpy.asarray(x)))
        slopes = jax.grad(lambda logits: theirs(logits).sum())(jax.numpy.asarray(x))
    arguments = x, target, of_inputs, of_targets
    loss, grad = losses.ctc_loss_with_logits_value_and_grad(*arguments, reduction="none")
    assert_close(loss, wanted, wanted.max())
    assert_close(grad, slopes, wanted.max())
