"""Logits on disk stream through in the memory of a few blocks, however many there are."""

import tracemalloc

import numpy as np
import pytest
from tests.layouts import same_bits

import losses
from losses._ctc import kernel

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
    np.abs(target, out=target)
    options = {"weight": np.ones(shape[1], np.float32), "label_smoothing": 0.1, "out": logits}
    losses.cross_entropy(logits, target)  # NumPy imports a module of its own at the first call
    _, extra = extra_memory(lambda: losses.cross_entropy_value_and_grad(logits, target, **options))
    assert extra < 4 * MIB


@pytest.mark.parametrize("shape", [(60_000, 10), (20, 21, 128, 128)])
def test_a_target_is_refused_in_a_few_blocks(shape):
    logits = np.zeros(shape, np.float32)
    target = np.broadcast_to(np.float32(0.5), shape).copy()
    target[-1] = -1
    weight = np.ones(shape[-1])

    def refused():
        for function in (losses.cross_entropy, losses.binary_cross_entropy_with_logits):
            with pytest.raises(ValueError, match="target"):
                function(logits, target, weight=weight if "binary" in function.__name__ else None)

    refused()
    _, extra = extra_memory(refused)
    assert extra < 4 * MIB


def test_a_single_class_takes_a_few_blocks():
    logits, target = np.zeros((600_000, 1), np.float32), np.zeros(600_000, int)
    target[::2] = -100
    options = {"weight": np.ones(1, np.float32), "label_smoothing": 0.1, "out": logits}
    losses.cross_entropy(logits, target)
    _, extra = extra_memory(lambda: losses.cross_entropy_value_and_grad(logits, target, **options))
    assert extra < 4 * MIB


@pytest.mark.parametrize("shape", [(60_000, 10), (3_000, 1_000), (20, 21, 128, 128)])
def test_second_derivatives_take_a_few_blocks_beside_their_results(shape):
    rng = np.random.default_rng(0)
    vector, logits = rng.standard_normal((2, *shape), np.float32)
    target, above = rng.integers(0, shape[1], (shape[0], *shape[2:])), logits > 0
    for function in (
        lambda: losses.cross_entropy_hvp(vector, logits, target, label_smoothing=0.1),
        lambda: losses.cross_entropy_hessian_diagonal(logits, target, softcap=5.0, z_loss=0.1),
        lambda: losses.cross_entropy_hvp(vector, logits, target, softcap=5.0),
        lambda: losses.binary_cross_entropy_with_logits_hvp(vector, logits, above),
        lambda: losses.mse_loss_hvp(vector, logits, logits),
    ):
        function()
        result, extra = extra_memory(function)
        assert extra - result.nbytes < 5 * MIB


LAYERS = {  # (N, D, C), and d1 of several heads; dtypes of inputs and weight; the kind of target
    "many classes": ((700, 16, 50_257), "ff", "labels"),
    "ignored samples": ((700, 16, 50_257), "ff", "ignored"),
    "classes in shards": ((40, 4, 700_000), "ff", "ignored"),
    "probabilities in shards": ((40, 4, 300_000), "ff", "probabilities"),
    "probabilities of images": ((40, 4, 40_000), "ff", "images"),
    "probabilities of many images": ((1_200, 4, 6_000), "ff", "wide images"),
    "float16": ((300, 64, 50_257), "ee", "labels"),
    "a narrow weight": ((300, 64, 50_257), "fe", "ignored"),
    "another byte order": ((300, 64, 50_257), ">f>f", "labels"),
    "many samples": ((300_000, 8, 10), "ff", "ignored"),
    "many features": ((3, 1_500_000, 3), "ee", "labels"),
    "many features of many samples": ((2_100, 20_000, 20), "ff", "ignored"),
    "a large weight of another byte order": ((20, 1_024, 20_000), ">f>f", "labels"),
    "heads of many classes": ((700, 16, 50_257, 2), "ff", "ignored"),
    "float16 of several heads": ((300, 64, 20_000, 3), "ee", "ignored"),
    "many features of several heads": ((40, 400_000, 3, 2), "ee", "labels"),
    "heads of probabilities": ((40, 4, 300_000, 2), "ff", "probabilities"),
    "heads of probabilities of images": ((40, 4, 40_000, 2), "ff", "images"),
}


@pytest.mark.parametrize(("shape", "dtypes", "kind"), LAYERS.values(), ids=LAYERS)
def test_a_layer_takes_64_mib_beside_its_arrays_and_their_gradients(shape, dtypes, kind):
    """One array of all the logits, or a sum of a narrow gradient, would take more than that."""
    samples, features, classes, *heads = shape
    first, second = dtypes[: len(dtypes) // 2], dtypes[len(dtypes) // 2 :]
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((samples, features), np.float32).astype(first)
    outputs = (classes, *heads)
    linear_weight = rng.standard_normal((*outputs, features), np.float32).astype(second)
    target = rng.integers(0, classes, (samples, *heads))
    if kind == "ignored":
        target[::2] = -100
    if "labels" not in kind and kind != "ignored":
        dtype = np.float64 if "wide" in kind else np.float32
        target = rng.random((samples, *outputs), dtype)
    if "images" in kind:  # samples along two axes that are not one
        inputs = inputs.reshape(2, -1, features).swapaxes(0, 1)
        target = target.reshape(2, -1, *outputs).swapaxes(0, 1)
    options = {
        "linear_bias": np.zeros(outputs, first),
        "weight": np.ones(classes),
        "label_smoothing": 0.1,
        "softcap": 5.0,
        "z_loss": 0.125,
    }
    both = losses.linear_cross_entropy_value_and_grad
    (_, grads), extra = extra_memory(lambda: both(inputs, linear_weight, target, **options))
    assert extra - sum(grad.nbytes for grad in grads) < 64 * MIB


@pytest.mark.parametrize("samples", [64, 512])
def test_ctc_takes_the_memory_of_the_states_of_a_block(samples):
    """In each frame 8 bytes for each state, and as many for what they emit, a few times over."""
    rng = np.random.default_rng(0)
    frames, classes, labels = 100, 8, 20
    scores = rng.standard_normal((frames, samples, classes), np.float32)
    target = rng.integers(1, classes, (samples, labels))
    lengths = np.full(samples, frames), np.full(samples, labels)
    for function in (losses.ctc_loss_value_and_grad, losses.ctc_loss_with_logits_value_and_grad):
        function(scores[:2, :1], target[:1], [2], [1])
        _, extra = extra_memory(lambda f=function: f(scores, target, *lengths, out=scores.copy()))
        assert extra - scores.nbytes < 3 * 8 * frames * kernel.STATES
