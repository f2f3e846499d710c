"""bfloat16 and float8 of ml_dtypes are floating dtypes: computed in float32, rounded once.

They are recognised by what they hold, for the library does not import ml_dtypes.
"""

import subprocess
import sys

import dask
import dask.array as da
import ml_dtypes
import numpy as np
import pytest
from tests.dtypes import BFLOAT16, FLOAT8, NARROW, rounded, same_narrow
from tests.rooms.helpers import CALLS, assert_same, call, differentiated, parts

import losses
from losses import __main__ as command_line
from losses._cross_entropy import linear_layer
from losses.extra import dask as lazy

rng = np.random.default_rng(0)
narrow = pytest.mark.parametrize("dtype", NARROW, ids=str)


def assert_rounded(found, wide, dtype):
    """Assert that all the parts are those of float32, rounded once."""
    for part, other in zip(parts(found), parts(wide), strict=True):
        assert same_narrow(part, rounded(other, dtype))


@narrow
@pytest.mark.parametrize("name", CALLS)
def test_every_array_of_a_call_may_be_narrow(name, dtype):
    """All its floating arrays are, and so is the result: it is that of the same float32 numbers."""
    arrays = {key: array for key, array in CALLS[name].items() if array.dtype.kind == "f"}
    half = {argument: rounded(array, dtype) for argument, array in arrays.items()}
    single = {argument: array.astype(np.float32) for argument, array in half.items()}
    assert_rounded(call(name, **half), call(name, **single), dtype)
    first = {one: half[one] for one in differentiated(name)}
    wide = {one: single[one] for one in differentiated(name)}
    others = {k: half[k].astype(np.float32) for k in half if k not in first}
    assert_rounded(call(name, **first, **others), call(name, **wide, **others), dtype)


@narrow
@pytest.mark.parametrize("shape", [(700, 3), (5, 300), (4, 3, 70)], ids=str)
@pytest.mark.parametrize("kind", ["labels", "probabilities"])
def test_panels_of_every_kind_are_rounded_once(dtype, shape, kind):
    logits = rounded(3 * rng.standard_normal(shape), dtype)
    target = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    if kind == "probabilities":
        target = rounded(rng.uniform(0, 1, shape), dtype)
    wide = logits.astype(np.float32)
    for reduction in ("none", "mean", "sum"):
        for workers in (1, 2):
            options = {"reduction": reduction, "workers": workers, "label_smoothing": 0.25}
            out = np.full_like(logits, 7)
            found = losses.cross_entropy_value_and_grad(logits, target, **options, out=out)
            assert found[1] is out
            expected = losses.cross_entropy_value_and_grad(wide, target, **options)
            assert_rounded(found, expected, dtype)
    assert losses.cross_entropy_sums(logits, target) == losses.cross_entropy_sums(wide, target)
    for function in (losses.softmax, losses.log_softmax, losses.logsumexp):
        assert_rounded(function(logits), function(wide), dtype)


@narrow
def test_a_mean_of_many_is_summed_in_more_than_its_dtype(dtype):
    """Counts and sums of float8 end at 448 or less, those of bfloat16 lose samples from 256 on."""
    x = np.zeros((5000, 2), dtype)
    mean, sums = losses.cross_entropy(x, np.zeros(5000, int)), losses.loss_sums(x[:, 0])
    assert same_narrow(mean, rounded(np.log(2), dtype))
    assert (sums.sum, sums.counted) == (0, 5000)
    ones = np.ones(5000, dtype)
    assert same_narrow(losses.mse_loss(ones, 0 * ones, weight=ones), rounded(1, dtype))


@narrow
def test_shards_and_layers_are_computed_in_float32(dtype, monkeypatch):
    logits, target = rounded(rng.standard_normal((4, 6)), dtype), np.array([5, 0, 2, 3])
    wide = logits.astype(np.float32)
    both = []
    for x in (logits, wide):
        halves = [
            (x[:, :3], {"first_class": 0, "classes": 6}),
            (x[:, 3:], {"first_class": 3, "classes": 6}),
        ]
        state = losses.merge_shards(
            *(losses.cross_entropy_shard(part, target, **given) for part, given in halves)
        )
        grads = [
            losses.cross_entropy_shard_backward(1.0, state, part, target, **given)
            for part, given in halves
        ]
        both.append((state, grads))
    assert both[0][0].losses.dtype == np.float32
    np.testing.assert_array_equal(both[0][0].losses, both[1][0].losses)
    assert_rounded(tuple(both[0][1]), tuple(both[1][1]), dtype)
    for memory in (linear_layer.MEMORY_BYTES, 0):  # rows of all the classes, or some of these
        monkeypatch.setattr(linear_layer, "MEMORY_BYTES", memory)
        monkeypatch.setattr(linear_layer, "COPIES_BYTES", 0)
        layer = logits[:, :3], rounded(rng.standard_normal((6, 3)), dtype)
        single = [array.astype(np.float32) for array in layer]
        found = losses.linear_cross_entropy_value_and_grad(*layer, target)
        assert_rounded(found, losses.linear_cross_entropy_value_and_grad(*single, target), dtype)


@pytest.mark.parametrize(
    "pair",
    [(BFLOAT16, np.float16), (BFLOAT16, FLOAT8[0]), (BFLOAT16, np.float32), tuple(FLOAT8[:2])],
    ids=str,
)
def test_a_layer_of_unlike_narrow_dtypes_has_a_loss_in_float32(pair):
    inputs, weight = (np.ones((2, 2), dtype) for dtype in pair)
    loss, grads = losses.linear_cross_entropy_value_and_grad(inputs, weight, [0, 1])
    assert loss.dtype == np.float32
    assert (grads.inputs.dtype, grads.linear_weight.dtype) == tuple(map(np.dtype, pair))


@narrow
def test_dask_arrays_may_be_narrow(dtype):
    x, target = rounded(rng.standard_normal((4, 6)), dtype), np.array([5, 0, 2, 3])
    for chunks in ((2, 6), (2, 3)):
        chunked = da.from_array(x, chunks=chunks)
        loss, grad = lazy.cross_entropy_value_and_grad(chunked, target)
        assert loss.dtype == grad.dtype == dtype
        found = dask.compute(loss, grad, lazy.softmax(chunked), scheduler="synchronous")
        loss, grad = losses.cross_entropy_value_and_grad(x, target)
        for part, expected in zip(found, (loss, grad, losses.softmax(x)), strict=True):
            assert part.dtype == dtype
            # The bits of float32 may differ after a merge, and a number near the middle round
            # another way: by one place of at most 11 digits.
            assert_close(part, expected)
    log_probs = rounded(losses.log_softmax(x.astype(np.float32)), dtype)
    (found,) = dask.compute(lazy.nll_loss(da.from_array(log_probs, chunks=(2, 3)), target))
    assert_close(found, losses.nll_loss(log_probs, target))


def assert_close(found, expected):
    place = float(ml_dtypes.finfo(found.dtype).eps)
    smallest = float(ml_dtypes.finfo(found.dtype).smallest_subnormal)
    found, expected = (np.asarray(each).astype(float) for each in (found, expected))
    np.testing.assert_allclose(found, expected, rtol=place, atol=smallest)


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
@narrow
def test_narrow_floats_are_no_labels(name, dtype):
    with pytest.raises(TypeError, match=rf"target.*{dtype.name}"):
        call(name, target=np.zeros(2, dtype))


@narrow
def test_a_narrow_number_may_be_an_option(dtype):
    found, expected = (
        call("cross_entropy", label_smoothing=each) for each in (dtype.type(0.25), 0.25)
    )
    assert found == expected


OTHERS = {
    ml_dtypes.int4: r"array.astype\(np.int8\)",
    ml_dtypes.uint4: r"array.astype\(np.int8\)",
    ml_dtypes.float8_e8m0fnu: r"array.astype\(np.float32\)",  # which has neither 0 nor signs
    ml_dtypes.float4_e2m1fn: r"array.astype\(np.float32\)",  # which has no nan
    "V2": r"untyped bytes.*array.view\(ml_dtypes.bfloat16\)",
    "V1": r"untyped bytes.*array.view\(ml_dtypes.float8_e4m3fn\)",
    "V8": "V8$",
}


@pytest.mark.parametrize("dtype", OTHERS, ids=str)
def test_what_is_no_floating_dtype_is_an_error_that_says_what_to_do(dtype):
    for name in ("softmax", "mse_loss", "cross_entropy"):
        for argument in (name for name in CALLS[name] if name not in ("target", "weight")):
            with pytest.raises(TypeError, match=rf"{argument}: expected real.*{OTHERS[dtype]}"):
                call(name, **{argument: np.zeros((2, 3), dtype)})


def test_a_file_of_bfloat16_has_untyped_bytes_and_the_command_says_so(tmp_path, capsys):
    np.save(tmp_path / "logits.npy", np.zeros((2, 3), BFLOAT16))
    np.save(tmp_path / "target.npy", np.zeros(2, int))
    files = [str(tmp_path / f"{name}.npy") for name in ("logits", "target")]
    assert command_line.main(["score", *files]) == 2
    line = capsys.readouterr().err
    assert "logits.npy: expected real numbers" in line
    assert "array.view(ml_dtypes.bfloat16)" in line


def test_nothing_imports_ml_dtypes():
    script = "import sys, losses; losses.softmax([1.0]); sys.exit('ml_dtypes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


@narrow
def test_a_narrow_target_of_nan_is_an_error_and_no_warning(dtype):
    target = np.array([[0, 1], [np.nan, 1]]).astype(dtype)
    scores = np.zeros(target.shape)
    for name in ("binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy"):
        with pytest.raises(ValueError, match=r"target: 1 .*position \(1, 0\): nan"):
            getattr(losses, name)(scores, target)
    with pytest.raises(ValueError, match=r"probs: 1 .*position \(1, 0\): nan"):
        losses.binary_cross_entropy(target, scores)


@narrow
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_grad_output_may_have_the_other_order_of_bytes(dtype, reduction):
    grad = np.asarray(rounded(0.125, dtype))
    swapped = grad.astype(dtype.newbyteorder()) if dtype.itemsize > 1 else grad
    arrays = np.ones((2, 3)), np.zeros((2, 3))
    found = losses.mse_loss_backward(swapped, *arrays, reduction=reduction)
    assert_same(found, losses.mse_loss_backward(0.125, *arrays, reduction=reduction))
