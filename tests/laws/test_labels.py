"""Labels mean the same in every integer dtype, for any number of classes.

A dtype of few bits has more classes than numbers, or ends among them: there a sum, a comparison or
a view of its bits may go wrong. So each dtype meets class counts on both sides of 2**(bits - 1) and
of 2**bits, in every function that takes labels.
"""

import json

import dask
import dask.array as da
import numpy as np
import pytest
from tests.rooms.helpers import assert_same, takes

import losses
from losses import __main__ as command_line
from losses._cross_entropy import linear_layer
from losses._losses.sums import COUNTS as COUNTED
from losses.extra import dask as lazy

rng = np.random.default_rng(0)
NARROW = [np.dtype(f"{kind}{size}") for size in (1, 2) for kind in "iu"]
WIDE = [np.dtype(f"{kind}{size}") for size in (4, 8) for kind in "iu"]
AROUND = {
    dtype: [2**power + more for power in (bits - 1, bits) for more in (-1, 0, 1)]
    for dtype in NARROW
    for bits in [8 * dtype.itemsize]
}
COUNTS = [(dtype, count) for dtype, counts in AROUND.items() for count in counts]
COUNTS += [(dtype, count) for dtype in WIDE for count in (2, 300, 65_537)]


def of_array(name):
    """Return the function of logits and labels of that name."""
    function = getattr(losses, name)

    def call(logits, target, **options):
        given = (np.float64(2),) if name.endswith("_backward") else ()
        if name.endswith("_hvp"):
            given = (np.cos(logits),)
        return function(*given, logits, target, **options)

    return call


def evaluator(logits, target, **options):
    found = losses.Evaluator(**options)
    found.update(logits, target)
    return numbers(found.sums)


def numbers(sums):
    counts = (getattr(sums, name) for name in COUNTED)
    return tuple(np.float64(part) for part in (*sums.total, *sums.divisor, *counts))


def sums(logits, target, **options):
    return numbers(losses.cross_entropy_sums(logits, target, **options))


def shards(logits, target, **options):
    """Return the losses of all the classes and the gradients, from two shards of them."""
    classes = logits.shape[1]
    weight = options.pop("weight", None)
    cuts = [slice(0, classes // 2), slice(classes // 2, classes)]
    given = [
        {
            "first_class": cut.start,
            "classes": classes,
            "weight": None if weight is None else weight[cut],
            **options,
        }
        for cut in cuts
    ]
    states = [
        losses.cross_entropy_shard(logits[:, cut], target, **each)
        for cut, each in zip(cuts, given, strict=True)
    ]
    state = losses.merge_shards(*states)
    gradients = [
        losses.cross_entropy_shard_backward(1.0, state, logits[:, cut], target, **each)
        for cut, each in zip(cuts, given, strict=True)
    ]
    return state.losses, *numbers(state.sums), *gradients


def linear(logits, target, **options):
    """Return the loss and the gradients of a layer of one feature, with rows and with shards."""
    inputs, weight = logits[:, :1], logits[0][:, np.newaxis]
    found = []
    for memory in (linear_layer.MEMORY_BYTES, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(linear_layer, "MEMORY_BYTES", memory)
            patch.setattr(linear_layer, "COPIES_BYTES", 0)
            # Without memory a chunk has a single class.
            if memory or len(weight) < 1000:
                both = losses.linear_cross_entropy_value_and_grad(inputs, weight, target, **options)
                found.append(both)
    loss = losses.linear_cross_entropy(inputs, weight, target, **options)
    grads = losses.linear_cross_entropy_backward(1.0, inputs, weight, target, **options)
    return (*found, loss, grads)


def lazily(logits, target, **options):
    """Return what Dask arrays have, of which each chunk holds some samples and classes."""
    chunked = da.from_array(logits, chunks=(2, -(-logits.shape[1] // 2)))
    labels = da.from_array(target, chunks=2)
    found = [
        lazy.nll_loss(chunked, labels, **options),
        lazy.cross_entropy(chunked.rechunk({1: -1}), labels, **options),
        *lazy.cross_entropy_value_and_grad(chunked, labels, **options),
    ]
    return dask.compute(*found, scheduler="synchronous")


FUNCTIONS = {
    **{name: of_array(name) for name in takes("ignore_index")},
    "cross_entropy_sums": sums,
    "Evaluator": evaluator,
    "shards": shards,
    "linear_cross_entropy": linear,
    "Dask": lazily,
}

of_every_function = pytest.mark.parametrize("name", FUNCTIONS)
of_every_dtype = pytest.mark.parametrize(("dtype", "classes"), COUNTS, ids=str)


def edges(dtype, classes):
    """Return class indices that a dtype holds, at the ends of the classes and of the dtype."""
    held = int(np.iinfo(dtype).max)
    found = {0, 1, classes // 2, classes - 1, held // 2, held // 2 + 1, held}
    return sorted(label for label in found if label <= min(held, classes - 1))


@of_every_function
@of_every_dtype
def test_labels_of_every_dtype_are_those_of_int64(name, dtype, classes):
    labels = edges(dtype, classes)
    held = np.iinfo(dtype)
    ignores = [-100, -1, labels[-1], 2**15 + 1]
    if classes > 1000:  # which take long: each dtype meets half of them at every second count
        ignores = ignores[classes % 2 :: 2]
    for ignore in ignores:
        some = [*labels, ignore] if held.min <= ignore <= held.max else labels
        logits = rng.standard_normal((len(some), classes)).astype(np.float32)
        options = {"ignore_index": ignore, "weight": 1 + np.arange(classes) % 7}
        found, expected = (
            FUNCTIONS[name](logits, np.array(some, each), **options) for each in (dtype, np.int64)
        )
        assert_same(found, expected)


@of_every_function
@of_every_dtype
def test_a_label_out_of_range_is_an_error_in_every_dtype(name, dtype, classes):
    held = np.iinfo(dtype)
    wrong = {-1, -100, -128, classes, 255, held.min, held.max} - {-3}
    for label in wrong:
        if 0 <= label < classes or not held.min <= label <= held.max:
            continue
        target = np.array([0, label, 1], dtype)
        logits = np.zeros((3, classes), np.float32)
        with pytest.raises(IndexError, match=rf"\btarget\b.*\(1,\): {label}\b"):
            FUNCTIONS[name](logits, target, ignore_index=-3)


@of_every_dtype
def test_a_label_out_of_range_leaves_out_as_it_was(dtype, classes):
    if dtype.kind == "u" and classes > np.iinfo(dtype).max:
        return  # for every number of the dtype is a class
    label = -1 if dtype.kind == "i" else classes
    out = np.full((2, classes), 7.0)
    with pytest.raises(IndexError, match="target"):
        losses.cross_entropy_value_and_grad(
            np.zeros((2, classes)), np.array([label, 0], dtype), out=out
        )
    assert (out == 7).all()


@of_every_dtype
def test_labels_in_files_are_those_of_int64(dtype, classes, tmp_path, capsys):
    labels = [*edges(dtype, classes), *([-1] if dtype.kind == "i" else [])]
    np.save(tmp_path / "logits.npy", rng.standard_normal((len(labels), classes)).astype("f4"))
    found = []
    for each in (dtype, np.int64):
        np.save(tmp_path / "target.npy", np.array(labels, each))
        files = [str(tmp_path / f"{name}.npy") for name in ("logits", "target")]
        assert command_line.main(["score", *files, "--ignore-index", "-1", "--json"]) == 0
        printed = json.loads(capsys.readouterr().out)
        found.append({key: printed[key] for key in printed if not key.endswith("_per_second")})
    assert found[0] == found[1]
    assert found[0]["samples_ignored"] == labels.count(-1)
    if dtype.kind == "i":
        assert command_line.main(["score", *files]) == 2
        assert "labels outside" in capsys.readouterr().err
