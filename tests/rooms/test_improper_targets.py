"""Targets that cannot be targets: no number comes of them, and nothing is written."""

import dask
import dask.array as da
import numpy as np
import pytest
from tests.domains import SIGNS, UNIT_INTERVAL
from tests.rooms.helpers import assert_same
from tests.table import FUNCTIONS

import losses
from losses import __main__ as command_line
from losses._core import values
from losses._losses.domains import unit_interval
from losses.extra import dask as lazy

BINARY, SIGNED = (
    [
        name
        for name, (row, _) in FUNCTIONS.items()
        if row.kind == "entrywise" and row.arrays["target"] is domain and len(row.arrays) == 2
    ]
    for domain in (UNIT_INTERVAL, SIGNS)
)
X = np.array([[1.0, -2.0, 0.0], [0.0, 3.0, -1.0]])
P = np.array([[0.25, 0.5, 0.25], [0.0, 1.0, 2.0]])  # values above 1 are fine
binary = pytest.mark.parametrize("name", BINARY)
signed = pytest.mark.parametrize("name", SIGNED)


def of_target(name, target, **options):
    """Call a binary loss, or a derivative of it, at a target."""
    target = np.asarray(target)
    first = [np.full(target.shape, 0.5)]
    if name.endswith("_backward"):
        first.insert(0, np.ones(target.shape) if options.get("reduction") == "none" else 1.0)
    if name.endswith("_hvp"):
        first.insert(0, np.ones(target.shape))
    return getattr(losses, name)(*first, target, **options)


@binary
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, -1e-30, 1.0000001, 255.0])
@pytest.mark.parametrize("shape", [(7,), (2, 3, 4), ()], ids=str)
def test_a_binary_target_outside_the_unit_interval_is_an_error(name, wrong, shape):
    target = np.full(shape, 0.5)
    place = tuple(side - 1 for side in shape)
    target[place] = wrong
    for array in (target, target.T.copy().T, np.repeat(target, 2, 0)[::2] if shape else target):
        with pytest.raises(ValueError, match=r"target: 1 entries outside \[0, 1\]") as error:
            of_target(name, array)
        assert f"position {place}: {wrong}" in str(error.value)


@binary
@pytest.mark.parametrize(
    ("target", "advice"),
    [
        (np.array([0, 255], np.uint8), "target / 255"),
        (np.array([0.0, 255.0]), "target / 255"),
        (np.array([-1, 1], np.int8), r"\(target \+ 1\) / 2"),
        (np.array([-1.0, 0.0, 1.0]), r"\(target \+ 1\) / 2"),
        (np.array([0.0, 2.0]), "2.0$"),
        (np.array([-3.0, 1.0]), "-3.0$"),
        (np.array([-1.0, 255.0]), "-1.0$"),
    ],
    ids=str,
)
def test_masks_and_signs_are_told_what_to_do(name, target, advice):
    with pytest.raises(ValueError, match=advice):
        of_target(name, target)


@binary
def test_an_entry_of_weight_0_may_have_any_target(name):
    target = np.array([0.25, 255.0, 1.0])
    weight = np.array([2.0, 0.0, 3.0])
    assert_same(
        of_target(name, target, weight=weight),
        of_target(name, np.array([0.25, 1.0, 1.0]), weight=weight),
    )
    for broadcast in (2.0, [2.0]):
        with pytest.raises(ValueError, match=r"position \(1,\): 255.0"):
            of_target(name, target, weight=broadcast)
    with pytest.raises(ValueError, match=r"1 entries.*position \(2,\): -1.0"):
        of_target(name, [0.25, 255.0, -1.0], weight=weight)


@binary
@pytest.mark.parametrize("place", [0, 1, 5, 6, 7, 12])
def test_the_first_of_several_is_found_in_whatever_chunk_it_is(name, place, monkeypatch):
    monkeypatch.setattr(values, "CHUNK", 6)
    target = np.zeros((13,))
    target[place], target[12] = -7, 9
    count = 1 if place == 12 else 2
    weight = np.where(np.arange(13) == 3, 0.0, 1.0)
    target[3] = np.nan
    value = target[place]
    with pytest.raises(ValueError, match=rf"{count} entries.*\({place},\): {value}"):
        of_target(name, target, weight=weight)


@signed
@pytest.mark.parametrize("wrong", [0.0, np.nan, np.inf, -np.inf, 0.5, 1.0000001, -1.5])
@pytest.mark.parametrize("shape", [(7,), (2, 3, 4), ()], ids=str)
def test_a_sign_that_is_none_is_an_error_that_says_what_to_do(name, wrong, shape):
    target = np.where(np.arange(np.prod(shape, dtype=int)) % 2, 1.0, -1.0).reshape(shape)
    place = tuple(side - 1 for side in shape)
    target[place] = wrong
    for array in (target, target.T.copy().T, np.repeat(target, 2, 0)[::2] if shape else target):
        with pytest.raises(ValueError, match="target: 1 entries other than -1 and 1") as error:
            of_target(name, array)
        assert f"position {place}: {wrong}; use 2 * target - 1 for 0/1 labels" in str(error.value)


@signed
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16])
def test_signs_of_any_dtype_are_signs_and_labels_0_and_1_are_not(name, dtype):
    labels = np.array([1, 0, 1, 0]).astype(dtype)
    assert_same(of_target(name, labels[::2]), of_target(name, np.ones(2)))
    with pytest.raises(ValueError, match=r"2 entries.*position \(1,\): (0|False)"):
        of_target(name, labels)


@signed
def test_an_entry_of_weight_0_may_have_any_sign(name):
    weight = np.array([2.0, 0.0, 3.0])
    assert_same(
        of_target(name, [1.0, 0.0, -1.0], weight=weight),
        of_target(name, [1.0, 1.0, -1.0], weight=weight),
    )
    with pytest.raises(ValueError, match=r"1 entries.*position \(2,\): 0.0"):
        of_target(name, [1.0, np.nan, 0.0], weight=weight)


@signed
@pytest.mark.parametrize("place", [0, 1, 5, 6, 7, 12])
def test_the_first_of_several_signs_is_found_in_whatever_chunk_it_is(name, place, monkeypatch):
    monkeypatch.setattr(values, "CHUNK", 6)
    target = np.ones(13)
    target[place], target[12], target[3] = -7, 9, np.nan
    weight = np.where(np.arange(13) == 3, 0.0, 1.0)
    count, value = (1 if place == 12 else 2), target[place]
    for array in (target, np.repeat(target, 2)[::2]):
        with pytest.raises(ValueError, match=rf"{count} entries.*\({place},\): {value}"):
            of_target(name, array, weight=weight)


def class_functions():
    """Yield every function of class probabilities, as one of logits and of these."""
    options = {"first_class": 0, "classes": 3}

    def sharded(x, t):
        state = losses.cross_entropy_shard(x, P, **options)
        return losses.cross_entropy_shard_backward(1.0, state, x, t, **options)

    yield "cross_entropy", losses.cross_entropy
    yield "backward", lambda x, t: losses.cross_entropy_backward(1.0, x, t)
    yield "value_and_grad", losses.cross_entropy_value_and_grad
    yield "hvp", lambda x, t: losses.cross_entropy_hvp(x, x, t)
    yield "hessian_diagonal", losses.cross_entropy_hessian_diagonal
    yield "sums", losses.cross_entropy_sums
    yield "Evaluator", lambda x, t: losses.Evaluator().update(x, t)
    yield "shard", lambda x, t: losses.cross_entropy_shard(x, t, **options)
    yield "shard_backward", sharded
    yield "linear", lambda x, t: losses.linear_cross_entropy(x, np.eye(3), t)
    yield "linear_backward", lambda x, t: losses.linear_cross_entropy_backward(1.0, x, np.eye(3), t)
    yield "linear_both", lambda x, t: losses.linear_cross_entropy_value_and_grad(x, np.eye(3), t)


of_classes = pytest.mark.parametrize(
    "function", [pytest.param(function, id=name) for name, function in class_functions()]
)


@of_classes
@pytest.mark.parametrize("wrong", [-1e-30, -2.0, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_class_probabilities_that_are_none_are_an_error(function, wrong, dtype):
    target = P.astype(dtype)
    function(X, target)
    target[1, 0] = wrong
    wrongs = [target, np.asfortranarray(target), np.repeat(target, 2, -1)[:, ::2]]
    for array in wrongs:
        with pytest.raises(ValueError, match="target: 1 class probabilities") as error:
            function(X, array)
        assert f"position (1, 0): {target[1, 0]}; logits want a softmax first" in str(error.value)


@of_classes
def test_logits_are_no_class_probabilities(function):
    with pytest.raises(ValueError, match=r"2 class prob.*\(0, 1\): -2.0; logits want a softmax"):
        function(X, X)


@of_classes
@pytest.mark.parametrize("place", [(0, 0), (1, 0), (1, 2)])
def test_the_first_probability_is_found_in_whatever_chunk_it_is(function, place, monkeypatch):
    monkeypatch.setattr(values, "CHUNK", 2)
    target = P.copy()
    target[place] = target[1, 2] = np.nan
    count = 1 if place == (1, 2) else 2
    with pytest.raises(ValueError) as error:  # noqa: PT011  # what it says is the test
        function(X, target)
    assert f"target: {count} class probabilities" in str(error.value)
    assert f"position {place}: nan" in str(error.value)


def test_nothing_is_written_before_a_target_is_refused():
    out = np.full((2, 3), 7.0)
    with pytest.raises(ValueError, match="softmax"):
        losses.cross_entropy_value_and_grad(X, X, out=out)
    with pytest.raises(ValueError, match="outside"):
        losses.binary_cross_entropy_with_logits_value_and_grad(X, X, out=out)
    assert (out == 7).all()


@pytest.mark.parametrize("chunks", [(2, 4), (2, 2)], ids=["whole classes", "some classes"])
def test_dask_says_from_where_a_probability_is_counted(chunks):
    target = np.full((4, 4), 0.25)
    target[3, 2] = -0.5
    first = chunks[1] if chunks[1] < 4 else 0
    said = rf"position \(1, {2 - first}\): -0.5.*counted from \(2, {first}\)"
    for array in (target, da.from_array(target, chunks=(1, 1))):
        lazily = lazy.cross_entropy(da.zeros((4, 4), chunks=chunks), array)
        with pytest.raises(ValueError, match=said):
            lazily.compute(scheduler="synchronous")
        _, grad = lazy.cross_entropy_value_and_grad(da.zeros((4, 4), chunks=chunks), array)
        with pytest.raises(ValueError, match=said):
            dask.compute(grad, scheduler="synchronous")


def test_the_same_file_twice_has_no_loss(tmp_path, capsys):
    path = str(tmp_path / "x.npy")
    np.save(path, X)
    out = tmp_path / "losses.npy"
    assert command_line.main(["score", path, path, "--out", str(out)]) == 2
    line = capsys.readouterr().err
    assert f"{path}: 2 class probabilities that are negative" in line
    assert "the first at position (0, 1): -2.0; logits want a softmax first" in line
    assert not out.exists()


SIZE = 2**60


@pytest.mark.parametrize(
    "attempt",
    [
        lambda x, _: losses.softmax(x),
        lambda x, _: losses.logsumexp(x),
        lambda x, _: losses.sigmoid(x),
        lambda x, _: losses.mse_loss(x, x),
        lambda x, _: losses.binary_cross_entropy(x, x),
        lambda x, _: losses.binary_cross_entropy_with_logits(x, x),
        lambda x, t: losses.cross_entropy(x.reshape(SIZE, 1), t),
        lambda x, _: losses.cross_entropy(x.reshape(SIZE, 1), x.reshape(SIZE, 1)),
        lambda x, t: losses.nll_loss(x.reshape(SIZE, 1), t),
        lambda x, t: losses.cross_entropy_sums(x.reshape(SIZE, 1), t),
        lambda x, t: losses.cross_entropy_shard(x.reshape(SIZE, 1), t, first_class=0, classes=1),
        lambda x, t: losses.linear_cross_entropy(x.reshape(SIZE, 1), np.ones((2, 1)), t),
        lambda x, _: losses.loss_sums(x),
    ],
)
def test_a_broadcast_input_that_no_memory_holds_is_an_error(attempt):
    scores = np.broadcast_to(np.float32(0), SIZE)
    labels = np.broadcast_to(np.int8(0), SIZE)
    with pytest.raises(ValueError, match=rf"expected an array that memory can hold.*{SIZE}"):
        attempt(scores, labels)


def test_the_repeated_entries_of_a_broadcast_array_are_one():
    assert values.distinct(np.broadcast_to(np.ones((3, 1)), (3, 4))).shape == (3, 1)
    assert values.distinct(np.broadcast_to(np.ones(3), (4, 3))[::2]).shape == (1, 3)
    assert values.distinct(np.empty((3, 0))).size == 0


def test_a_broadcast_target_is_checked_where_it_lies():
    """Of 2**45 entries there is one to look at: to read each would take days."""
    target = np.broadcast_to(np.float32(-1), 2**45)
    assert values.extremes(target) == (-1, -1)
    unit_interval(target=np.broadcast_to(np.float32(1), 2**45))
