"""Logits on disk stream through in the memory of a few blocks, however many there are."""

import tracemalloc

import numpy as np
import pytest
from tests.layouts import same_bits

import losses

MIB = 1 << 20
SHAPES = {
    "many classes": (6_000, 1_000),
    "a row is a block": (40, 150_000),
    "few classes": (500_000, 10),
    "two classes": (2_000_000, 2),
    "images": (4, 21, 256, 256),
}


def extra_memory(function):
    """Return what a function returns and the peak of what it allocated, in bytes."""
    tracemalloc.start()
    try:
        result = function()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def on_disk(request, tmp_path):
    """Return logits in a file, opened for reading, and labels."""
    rng = np.random.default_rng(0)
    logits = rng.standard_normal(request.param, np.float32)
    np.save(tmp_path / "logits.npy", logits)
    target = rng.integers(0, logits.shape[1], (logits.shape[0], *logits.shape[2:]))
    return np.load(tmp_path / "logits.npy", mmap_mode="r"), target


@pytest.mark.parametrize("workers", [1, 2])
def test_the_loss_of_logits_on_disk_takes_a_few_blocks(on_disk, workers):
    logits, target = on_disk
    loss, extra = extra_memory(lambda: losses.cross_entropy(logits, target, workers=workers))
    assert same_bits(loss, losses.cross_entropy(np.array(logits), target))
    assert extra < 4 * MIB * workers < logits.nbytes


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_the_gradient_streams_to_disk_in_a_few_blocks(on_disk, workers, label_smoothing, tmp_path):
    logits, target = on_disk
    options = {"label_smoothing": label_smoothing, "workers": workers}
    path = tmp_path / "gradient.npy"
    out = np.lib.format.open_memmap(path, "w+", logits.dtype, logits.shape)
    (loss, grad), extra = extra_memory(
        lambda: losses.cross_entropy_value_and_grad(logits, target, out=out, **options)
    )
    expected = losses.cross_entropy_value_and_grad(np.array(logits), target, **options)
    assert grad is out
    out.flush()
    assert same_bits(loss, expected[0])
    assert same_bits(np.load(path), expected[1])
    assert extra < 4 * MIB * workers


@pytest.mark.parametrize("shape", [(60_000, 10), (3_000, 1_000), (20, 21, 128, 128)])
def test_probabilities_smoothed_and_weighted_take_a_few_blocks(shape):
    rng = np.random.default_rng(0)
    logits, target = rng.standard_normal((2, *shape), np.float32)
    options = {"weight": np.ones(shape[1], np.float32), "label_smoothing": 0.1, "out": logits}
    losses.cross_entropy(logits, target)  # NumPy imports a module of its own at the first call
    _, extra = extra_memory(lambda: losses.cross_entropy_value_and_grad(logits, target, **options))
    assert extra < 4 * MIB


def test_a_single_class_takes_a_few_blocks():
    logits, target = np.zeros((600_000, 1), np.float32), np.zeros(600_000, int)
    target[::2] = -100
    options = {"weight": np.ones(1, np.float32), "label_smoothing": 0.1, "out": logits}
    losses.cross_entropy(logits, target)
    _, extra = extra_memory(lambda: losses.cross_entropy_value_and_grad(logits, target, **options))
    assert extra < 4 * MIB
