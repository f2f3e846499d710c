"""Class targets and class weights: what nll_loss and cross_entropy take, and what they refuse."""

import numpy as np
import pytest
from tests.rooms.helpers import CALLS, INF, assert_same, call, evaluate, parts, point, takes
from tests.table import FUNCTIONS

from losses._core import blocks

LABELLED = takes("ignore_index")
SMOOTHED = takes("label_smoothing")
VALUES = [name for name, (_, what) in FUNCTIONS.items() if not what]
INTEGERS = [np.dtype(code) for code in np.typecodes["AllInteger"]]

labelled = pytest.mark.parametrize("name", LABELLED)
smoothed = pytest.mark.parametrize("name", SMOOTHED)


def call_with(name, shape, target, **options):
    """Call a function of scores of a shape, all 0, and a target."""
    return evaluate(name, np.zeros(shape), target, **options)


@labelled
@pytest.mark.parametrize("dtype", [bool, np.float16, np.float32, np.float64])
def test_booleans_and_floats_are_no_labels(name, dtype):
    missing = dtype is not bool  # of which there is none among booleans
    with pytest.raises(TypeError, match=r"\btarget\b.*" + np.dtype(dtype).name) as error:
        call(name, target=CALLS[name]["target"].astype(dtype))
    assert ("nan=ignore_index" in str(error.value)) == missing


@labelled
@pytest.mark.parametrize(
    ("shape", "target", "expected"),
    [
        ((2, 3), (4,), (2,)),
        ((2, 3), (2, 1), (2,)),
        ((2, 3), (1,), (2,)),
        ((2, 3), (), (2,)),
        ((2, 3, 4), (2,), (2, 4)),
        ((2, 3, 4, 5), (2, 5, 4), (2, 4, 5)),
        ((3,), (2,), ()),
        ((3,), (1, 1), ()),
        ((3,), (0,), ()),
    ],
    ids=str,
)
def test_a_target_of_another_shape_is_an_error_that_names_both_and_the_expected_one(
    name, shape, target, expected
):
    with pytest.raises(ValueError, match=r"\btarget\b") as error:
        call_with(name, shape, np.zeros(target, int))
    for word in (point(name), str(shape), str(target), str(expected)):
        assert word in str(error.value)
    assert "axis=" not in str(error.value)


@labelled
@pytest.mark.parametrize(
    ("shape", "axis", "target", "fitting"),
    [
        ((2, 3, 3), 0, (2, 3), -1),  # as -2 does: the last one is likelier
        ((2, 5, 3), None, (2, 5), -1),
        ((2, 4, 5, 3), None, (2, 4, 5), -1),
        ((2, 5, 3), -1, (2, 3), 1),
        ((2, 3), None, (3,), 0),
    ],
    ids=str,
)
def test_a_target_that_fits_another_class_axis_is_an_error_that_names_the_axis(
    name, shape, axis, target, fitting
):
    with pytest.raises(ValueError, match=f"axis={fitting}"):
        call_with(name, shape, np.zeros(target, int), axis=axis)
    call_with(name, shape, np.zeros(target, int), axis=fitting)


@labelled
@pytest.mark.parametrize("target", [1, [1], np.array(1), np.uint8([1])])
def test_one_dimensional_scores_take_one_label_with_or_without_an_axis(name, target):
    results = call_with(name, (3,), target)
    assert_same(results, call_with(name, (3,), 1))
    assert np.shape(parts(results)[-1]) == (() if name in VALUES else (3,))


@smoothed
def test_beside_a_single_class_an_integer_is_its_label_and_a_float_its_probability(name):
    for target in ([0], [1.0]):
        assert all(result == 0 for result in parts(call_with(name, (1,), target)))
    with pytest.raises(IndexError, match=r"\[0, 1\)"):
        call_with(name, (1,), [1])


@labelled
def test_scores_without_a_class_axis_are_an_error(name):
    with pytest.raises(ValueError, match=rf"\b{point(name)}\b"):
        call_with(name, (), 0)


@smoothed
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4)])
def test_an_integer_one_hot_target_is_an_error_that_says_so(name, shape):
    with pytest.raises(ValueError, match="one-hot"):
        call_with(name, shape, np.zeros(shape, int))


@smoothed
def test_class_probabilities_leave_no_class_to_ignore(name):
    probs = np.full((2, 3), 1 / 3)
    for ignore_index in (0, 1):
        with pytest.raises(ValueError, match=rf"ignore_index.*{ignore_index}"):
            call_with(name, (2, 3), probs, ignore_index=ignore_index)
    assert_same(call_with(name, (2, 3), probs, ignore_index=-1), call_with(name, (2, 3), probs))


@labelled
@pytest.mark.parametrize(
    ("target", "count", "position", "label"),
    [
        ([0, 3], 1, "(1,)", "3"),
        ([-1, 0], 1, "(0,)", "-1"),
        ([-3, 7], 2, "(0,)", "-3"),
        ([[0, 1], [2, 9]], 1, "(1, 1)", "9"),
        (np.uint64([0, 2**64 - 1]), 1, "(1,)", str(2**64 - 1)),
        (np.int64([-(2**63), 0]), 1, "(0,)", str(-(2**63))),
        (np.uint64([0, 2**32]), 1, "(1,)", str(2**32)),
    ],
    ids=str,
)
def test_a_label_outside_the_classes_never_wraps(name, target, count, position, label):
    shape = (2, 3, 2)[: np.ndim(target) + 1]
    with pytest.raises(IndexError, match=r"\btarget\b") as error:
        call_with(name, shape, target)
    for word in (f" {count} ", position, f" {label}", "[0, 3)"):
        assert word in str(error.value)


@labelled
def test_a_label_outside_the_only_row_is_at_the_position_of_a_scalar(name):
    with pytest.raises(IndexError, match=r"\(\).* 3\b"):
        call_with(name, (3,), 3)


@labelled
@pytest.mark.parametrize("ignore_index", [-1, 1, 3, 200, -(2**40)])
def test_ignore_index_may_lie_anywhere_and_nothing_else_may(name, ignore_index):
    call_with(name, (2, 3), [ignore_index, 0], ignore_index=ignore_index)
    with pytest.raises(IndexError, match=r"\(1,\).*-2"):
        call_with(name, (2, 3), [ignore_index, -2], ignore_index=ignore_index)


@labelled
@pytest.mark.parametrize(
    ("target", "ignore_index"),
    [(np.uint8([156, 0]), -100), (np.uint8([156, 0]), 412), (np.array([156, 0]), 2**64 + 156)],
    ids=["below uint8", "above uint8", "above int64"],
)
def test_an_ignore_index_that_the_dtype_of_the_labels_cannot_hold_ignores_none(
    name, target, ignore_index
):
    found = call_with(name, (2, 200), target, ignore_index=ignore_index)
    assert_same(found, call_with(name, (2, 200), target))


@labelled
@pytest.mark.parametrize("shape", [(), (1,), (2,), (4,), (1, 3), (3, 1), (2, 3)], ids=str)
def test_weight_has_one_entry_per_class(name, shape):
    with pytest.raises(ValueError, match=r"\bweight\b") as error:
        call(name, weight=np.ones(shape))
    assert str(shape) in str(error.value)
    assert "3" in str(error.value)


@labelled
def test_weight_is_cast_to_the_dtype_of_the_computation(name):
    third = np.array([1 / 3, 1 / 7, 1 / 11])  # not float32 numbers
    arguments = {point(name): CALLS[name][point(name)].astype(np.float32)}
    wide, narrow = (call(name, weight=w, **arguments) for w in (third, third.astype(np.float32)))
    assert_same(wide, narrow)


@smoothed
@pytest.mark.parametrize("label_smoothing", [-0.1, -1e-30, 1.1, INF, np.nan, 10**400])
def test_label_smoothing_lies_between_0_and_1(name, label_smoothing):
    with pytest.raises(ValueError, match=f"label_smoothing.*{label_smoothing}"):
        call(name, label_smoothing=label_smoothing)


@pytest.mark.parametrize("name", sorted({*LABELLED} - {*SMOOTHED}))
def test_only_cross_entropy_takes_class_probabilities(name):
    with pytest.raises(TypeError, match=r"\btarget\b"):
        call_with(name, (2, 3), np.full((2, 3), 1 / 3))


def test_labels_are_counted_over_the_whole_of_a_long_target():
    target = np.zeros(200_000, np.int64)
    target[[70_000, 150_000, 199_999]] = 7, -2, 9
    with pytest.raises(IndexError, match=r"3 of 200000 .*\(70000,\): 7"):
        call("nll_loss", log_probs=np.zeros((200_000, 2), np.float16), target=target, weight=None)


@labelled
@pytest.mark.parametrize("place", [0, 65_535, 65_536, 149_999])
def test_one_ignored_sample_is_found_anywhere_among_many(name, place):
    target = np.zeros(150_000, np.int64)
    target[place] = -100
    found = call_with(name, (150_000, 2), target, reduction="sum")
    assert_same(found, call_with(name, (150_000, 2), target, reduction="sum", weight=np.ones(2)))
    seen = call_with(name, (149_999, 2), np.zeros(149_999, int), reduction="sum")
    for ours, theirs in zip(parts(found), parts(seen), strict=True):
        # A sum of n equal numbers, in any order, errs by at most n eps of it.
        theirs = np.insert(theirs, place, 0, axis=0) if ours.ndim else theirs
        np.testing.assert_allclose(ours, theirs, rtol=150_000 * np.finfo(float).eps)


@labelled
@pytest.mark.parametrize("absent", ["ignored", "of weight 0"])
@pytest.mark.parametrize("place", [0, 1, 6, 11])
def test_the_mean_is_that_of_the_only_sample_that_counts_in_any_block(
    monkeypatch, name, absent, place
):
    scores = np.log(np.arange(1.0, 37.0).reshape(12, 3))
    target = np.full(12, -100 if absent == "ignored" else 0)
    target[place] = 1
    options = {"weight": np.array([0.0, 3.0, 1.0])}
    alone = parts(evaluate(name, scores[place : place + 1], target[place : place + 1], **options))
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 256)  # four samples, or fewer
    for found, one in zip(parts(evaluate(name, scores, target, **options)), alone, strict=True):
        expected = np.insert(np.zeros((11, 3)), place, one, axis=0) if one.ndim else one
        np.testing.assert_array_equal(found, expected)


@smoothed
@pytest.mark.parametrize("shape", [(2, 4), (3, 3), (3, 2)], ids=str)
def test_probabilities_of_another_shape_are_an_error_that_names_both(name, shape):
    with pytest.raises(ValueError, match=r"\btarget\b") as error:
        call_with(name, (2, 3), np.zeros(shape))
    assert str(shape) in str(error.value)
    assert "(2, 3)" in str(error.value)


@labelled
def test_a_boolean_one_hot_target_is_pointed_to_the_argmax(name):
    with pytest.raises(ValueError, match=r"\btarget\b.*argmax"):
        call_with(name, (2, 3), np.eye(3, dtype=bool)[:2])


@labelled
@pytest.mark.parametrize(
    ("shape", "axis", "target", "remedy"),
    [
        ((2, 3), None, (2, 1), "target[:, 0]"),
        ((2, 3, 4, 5), None, (2, 1, 4, 5), "target[:, 0]"),
        ((2, 4, 3), -1, (2, 4, 1), "target[:, :, 0]"),
    ],
)
def test_labels_with_an_axis_too_many_are_told_how_to_lose_it(name, shape, axis, target, remedy):
    with pytest.raises(ValueError, match=r"\btarget\b") as error:
        call_with(name, shape, np.zeros(target, int), axis=axis)
    assert str(error.value).endswith(f"; pass {remedy}")


@labelled
def test_one_label_of_0_or_1_for_each_logit_is_a_binary_target(name):
    target = np.array([0, 1, 1, 0])
    for shape, labels in [((4,), target), ((2, 4), np.stack([target, target]))]:
        with pytest.raises(ValueError, match="one-hot") as error:
            call_with(name, shape, labels)
        binary = "call binary_cross_entropy_with_logits" in str(error.value)
        assert binary == (len(shape) == 1 and point(name) == "logits")


@labelled
@pytest.mark.parametrize(
    ("target", "ignore_index", "says"),
    [
        (np.int64([-1]), -100, "; pass ignore_index=-1 if it marks padding"),
        (np.int8([-1]), -100, "; pass ignore_index=-1 if it marks padding"),
        (np.uint8([255]), -100, "; pass ignore_index=255 if it marks padding"),
        (np.int64([255]), -1, "; pass ignore_index=255 if it marks padding"),
        (np.uint8([156]), -100, "; as uint8 it wraps to 156: pass ignore_index=156"),
        (np.uint8([255]), -1, "; as uint8 it wraps to 255: pass ignore_index=255"),
        (np.int8([-1]), 255, "; as int8 it wraps to -1: pass ignore_index=-1"),
        (np.int8([-56]), 200, "; as int8 it wraps to -56: pass ignore_index=-56"),
        (np.uint16([65436]), -100, "; as uint16 it wraps to 65436: pass ignore_index=65436"),
        (np.int64([156]), -100, ""),
        (np.int64([7]), -100, ""),
        (np.int64([-100]), -1, ""),
    ],
    ids=str,
)
def test_a_label_that_looks_like_padding_is_told_how_to_be_ignored(
    name, target, ignore_index, says
):
    for labels in (target, target.astype(target.dtype.newbyteorder())):
        with pytest.raises(IndexError, match=r"\btarget\b") as error:
            call_with(name, (1, 3), labels, ignore_index=ignore_index)
        assert str(error.value).endswith(f"; only {ignore_index} is ignored{says}")
