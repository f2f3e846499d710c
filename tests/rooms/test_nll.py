"""nll_loss: weighted means of minus the log-probabilities of labels, and their gradient.

Log-probabilities are their own log_softmax, so cross_entropy has the same losses there.
"""

import math

import numpy as np
import pytest
from tests.rooms.helpers import INF, NAN, assert_near, assert_same, dtypes, evaluate, reduced

from losses import nll_loss, nll_loss_backward

PROBS = np.array([[1, 2, 5], [4, 3, 1], [1, 1, 6]]) / 8
LOG_PROBS = np.log(PROBS)
LABELS = np.array([2, 0, 1])
WEIGHT = np.array([1.0, 2.0, 4.0])
LOSS = -np.log([5 / 8, 4 / 8, 1 / 8])  # of the labels
SEEN = np.array([4.0, 1.0, 2.0])  # their weights

both = pytest.mark.parametrize("name", ["nll_loss", "cross_entropy"])
both_backwards = pytest.mark.parametrize("name", ["nll_loss_backward", "cross_entropy_backward"])


@both
@dtypes
def test_the_weight_of_its_class_multiplies_a_loss_and_the_mean_divides_by_those_seen(name, dtype):
    for reduction, value, _ in reduced(SEEN * LOSS, SEEN.sum()):
        options = {"weight": WEIGHT, "reduction": reduction}
        assert_near(evaluate(name, LOG_PROBS.astype(dtype), LABELS, **options), value)


@both
def test_weights_may_be_negative(name):
    found = evaluate(name, LOG_PROBS, LABELS, weight=-WEIGHT, reduction="none")
    assert_same(found, -evaluate(name, LOG_PROBS, LABELS, weight=WEIGHT, reduction="none"))


@both
@pytest.mark.parametrize("garbage", [NAN, INF, -INF])
@pytest.mark.parametrize("ignore_index", [-100, -1, 1, 3])
def test_an_ignored_row_has_loss_0_and_is_never_read(name, ignore_index, garbage):
    log_probs, target = LOG_PROBS.copy(), LABELS.copy()
    log_probs[2], target[2] = garbage, ignore_index
    seen = SEEN * [1, 1, 0]
    for reduction, value, _ in reduced(seen * LOSS, seen.sum()):
        options = {"weight": WEIGHT, "ignore_index": ignore_index, "reduction": reduction}
        found = evaluate(name, log_probs, target, **options)
        assert_near(found, value)
        assert not np.signbit(found).any()


@both
def test_an_ignored_class_still_counts_among_the_others(name):
    whole = evaluate(name, LOG_PROBS, LABELS, reduction="none")
    found = evaluate(name, LOG_PROBS, LABELS, reduction="none", ignore_index=1)
    assert_same(found, np.array([*whole[:2], 0]))


@both_backwards
@pytest.mark.parametrize("garbage", [0, NAN, INF, -INF])
def test_an_ignored_row_gets_no_gradient(name, garbage):
    log_probs, target = LOG_PROBS.copy(), LABELS.copy()
    log_probs[2], target[2] = garbage, -100
    gradient = evaluate(name, log_probs, target, weight=WEIGHT)
    without = evaluate(name, log_probs[:2], target[:2], weight=WEIGHT)
    assert_same(gradient, np.vstack([without, np.zeros(3)]))


nothing_seen = pytest.mark.parametrize(
    ("scores", "target"),
    [
        (np.array([[1.0, 2.0], [NAN, INF]]), [-100, -100]),
        (np.array([1.0, NAN]), -100),
        (np.zeros((2, 0)), [-100, -100]),
        (np.zeros((0, 3)), np.zeros(0, int)),
        (np.zeros((2, 3, 0)), np.zeros((2, 0), int)),
    ],
    ids=["all ignored", "one row, ignored", "no classes", "no rows", "no pixels"],
)
weighted = pytest.mark.parametrize("weighted", [False, True])


def ones_for(scores):
    """Return a weight of 1 for each class."""
    return np.ones(scores.shape[min(1, scores.ndim - 1)])


@both
@nothing_seen
@weighted
def test_where_nothing_is_seen_the_mean_is_nan_and_the_sum_is_0(name, weighted, scores, target):
    weight = ones_for(scores) if weighted else None
    for reduction, value in {"mean": NAN, "sum": 0.0, "none": np.zeros(np.shape(target))}.items():
        found = evaluate(name, scores, target, weight=weight, reduction=reduction)
        assert_same(found, np.asarray(value))


@both_backwards
@nothing_seen
@weighted
def test_where_nothing_is_seen_the_gradient_is_0(name, weighted, scores, target):
    weight = ones_for(scores) if weighted else None
    for reduction in ("mean", "sum", "none"):
        grad_output = np.ones(np.shape(target) if reduction == "none" else ())
        options = {"weight": weight, "reduction": reduction, "grad_output": grad_output}
        assert_same(evaluate(name, scores, target, **options), np.zeros_like(scores))


@both
def test_where_every_weight_seen_is_0_the_mean_and_its_gradient_are_nan(name):
    target, weight = [2, 0, -100], [0, 1, 0]
    assert np.isnan(evaluate(name, LOG_PROBS, target, weight=weight))
    gradient = evaluate(f"{name}_backward", LOG_PROBS, target, weight=weight)
    assert np.isnan(gradient[[0, 1], [2, 0]]).all()
    assert_same(gradient[2], np.zeros(3))


@both
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_a_weight_of_0_at_an_infinite_loss_counts_0(name, reduction):
    log_probs = np.array([[0, -INF], [math.log(1 / 4), math.log(3 / 4)]])
    options = {"weight": [1, 0], "reduction": reduction}
    loss = evaluate(name, log_probs, [1, 0], **options)
    expected = math.log(4)
    assert_near(loss, [0, expected] if reduction == "none" else expected)
    assert not np.signbit(loss).any()


@both
def test_the_weight_of_the_only_row_cancels_from_its_mean(name):
    for scores, target in ((LOG_PROBS[0], 1), (LOG_PROBS[:1], [1])):
        for function in (name, f"{name}_backward"):
            found = evaluate(function, scores, target, weight=WEIGHT)
            assert_near(found, evaluate(function, scores, target))


@both
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, None])
def test_the_class_axis_is_1_unless_it_is_named(name, axis):
    options = {"weight": WEIGHT, "reduction": "none"}
    scores = np.moveaxis(np.tile(LOG_PROBS, (4, 2, 1)), -1, 1 if axis is None else axis)
    target = np.tile(LABELS, (4, 2))
    expected = np.tile(evaluate(name, LOG_PROBS, LABELS, **options), (4, 2))
    assert_same(evaluate(name, scores, target, axis=axis, **options), expected)
    name = f"{name}_backward"
    row = evaluate(name, LOG_PROBS, LABELS, grad_output=np.ones(3), **options)
    gradient = evaluate(name, scores, target, axis=axis, grad_output=np.ones((4, 6)), **options)
    assert_same(np.moveaxis(gradient, 1 if axis is None else axis, -1), np.tile(row, (4, 2, 1)))


def test_a_loss_is_linear_and_never_minus_0():
    found = nll_loss([[-0.0, 1.0], [0.0, 1.0], [3.0, 1.0]], [0, 0, 0], reduction="none")
    assert_same(found, np.array([0.0, 0.0, -3.0]))


@pytest.mark.parametrize(
    ("reduction", "grad_output", "divisor"),
    [("none", [2, 3, 5], 1), ("sum", 7, 1), ("mean", 7, SEEN.sum())],
)
def test_the_gradient_is_minus_the_share_of_the_weight_at_the_label(
    reduction, grad_output, divisor
):
    options = {"weight": WEIGHT, "reduction": reduction}
    gradient = nll_loss_backward(grad_output, LOG_PROBS, LABELS, **options)
    expected = -np.eye(3)[LABELS] * (SEEN * grad_output / divisor)[:, None]
    assert_near(gradient, expected)


@pytest.mark.parametrize("garbage", [NAN, INF, -INF])
def test_the_gradient_of_a_linear_function_is_the_same_everywhere(garbage):
    anywhere = np.full((3, 3), garbage)
    found = nll_loss_backward(1.0, anywhere, LABELS)
    assert_same(found, nll_loss_backward(1.0, LOG_PROBS, LABELS))


@both_backwards
def test_a_share_of_the_mean_is_one_over_the_sum_of_the_weights_whatever_its_dtype(name):
    """Of float32, 6e38 is beyond the largest number and 2**24 + 1 between two."""
    scores = np.array([[0, -INF], [-INF, 0]], np.float32)
    for weight in ([3e38, 3e38], [1.0, 2.0**24]):
        found = evaluate(name, scores, [1, 0], weight=weight, grad_output=1.0)
        narrow = np.array(weight, np.float32)
        share = np.float32(1 / narrow.sum(dtype=np.float64))
        assert_same(found[[0, 1], [1, 0]], -share * narrow[::-1])


@both
def test_weights_seen_may_sum_beyond_the_largest_number(name):
    for dtype, large in ((np.float16, 60_000), (np.float32, 3e38)):
        scores = np.log(np.full((8, 2), 0.5)).astype(dtype)
        mean = evaluate(name, scores, [0, 1] * 4, weight=[large, large])
        assert_near(mean, math.log(2), ulps=2)
