"""CTC: what it is, its special values, its messages, and that a sample is on its own."""

from decimal import Decimal
from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.accuracy import exact
from tests.dtypes import BFLOAT16
from tests.layouts import LAYOUTS
from tests.rooms.helpers import INF, NAN, assert_near, assert_same

import losses
from losses._ctc import kernel, recursion

PROBS = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.5, 0.3, 0.2]])
LOG_PROBS = np.log(PROBS)
NAMES = {"ctc_loss": "log_probs", "ctc_loss_with_logits": "logits"}
EPS = np.finfo(float).eps

both = pytest.mark.parametrize("name", NAMES)


def value(name, *arguments, **options):
    return getattr(losses, name)(*arguments, **options)


def gradient(name, *arguments, grad_output=1.0, **options):
    return getattr(losses, f"{name}_backward")(grad_output, *arguments, **options)


def fused(name, *arguments, **options):
    return getattr(losses, f"{name}_value_and_grad")(*arguments, **options)


def batch(seed=0, frames=13, samples=7, classes=5, labels=4, scale=2.0):
    """Return scores and a target of samples of every length."""
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((frames, samples, classes)) * scale
    target = rng.integers(1, classes, (samples, labels))
    of_targets = rng.integers(0, labels + 1, samples)
    of_inputs = rng.integers(2 * labels - 1, frames + 1, samples)
    return losses.log_softmax(scores), target, of_inputs, of_targets


# ---- what it is


def spelt(classes, blank=0):
    """Return what a sequence of classes spells."""
    return [label for label, _ in groupby(classes) if label != blank]


@pytest.mark.parametrize("target", [[], [1], [2], [1, 2], [1, 1], [2, 1, 2], [1, 1, 2]], ids=str)
def test_the_probability_is_that_of_all_sequences_that_spell_the_target(target):
    probs = [[Decimal(p) for p in row] for row in np.vstack([PROBS, PROBS[:1]]).tolist()]
    ways = [way for way in product(range(3), repeat=4) if spelt(way) == target]
    chances = {way: np.prod([row[k] for row, k in zip(probs, way, strict=True)]) for way in ways}
    total, posteriors = exact.alignments(probs, target, 0)
    assert abs(total - sum(chances.values())) < Decimal("1e-25")
    for t, k in product(range(4), range(3)):
        through = sum(chance for way, chance in chances.items() if way[t] == k)
        assert abs(posteriors[t][k] * (total or 1) - through) < Decimal("1e-25")


@both
@pytest.mark.parametrize(
    ("target", "known"),
    [([1], 0.853315932713), ([1, 2], 1.80180980508), ([], 2.81341071676)],
    ids=str,
)
def test_known_values(name, target, known):
    loss = value(name, LOG_PROBS, target, 3, len(target), reduction="sum")
    assert loss == pytest.approx(known, rel=1e-11, abs=0)


def test_a_target_that_is_nearly_certain_keeps_its_digits():
    loss = losses.ctc_loss_with_logits([[0.0, 17.0], [0.0, 17.0]], [1], 2, 1)
    assert loss == pytest.approx(1.71390828963e-15, rel=1e-11, abs=0)
    loss = losses.ctc_loss_with_logits([[0.0, 200.0], [0.0, 200.0]], [1], 2, 1)
    # Two frames that are not certain: blank in both is what spells something else.
    assert loss == pytest.approx(np.exp(-400), rel=1e-11, abs=0)


def test_what_may_come_next_costs_nothing_where_two_classes_share_a_frame():
    """A frame at the border of a label is the label or the blank, and either spells it."""
    x = np.array([[0.0, 90.0, 0.0], [0.5, 0.0, -80.0], [90.0, 0.0, 0.0]])
    loss = losses.ctc_loss_with_logits(x, [1], 3, 1)
    known = float(exact.ctc_loss_with_logits(x, [1]))
    assert known < 1e-35
    assert loss == pytest.approx(known, rel=1e-14, abs=0)


@given(
    arrays(float, (4, 3), elements=st.floats(-3, 3)),
    arrays(float, (4, 3), elements=st.floats(-1, 1)),
    st.sampled_from([[], [1], [1, 2], [2, 2], [1, 2, 1]]),
    st.sampled_from(list(NAMES)),
)
def test_the_backward_is_the_derivative(x, v, target, name):
    """Central differences, as for every function in laws/test_gradient.py.

    The loss is minus a logarithm of a sum of exponentials of numbers, one for each alignment, that
    move by at most T = 4; its third derivative is that of a cumulant, at most 2 T (2 T)**2. Of
    logits each log-probability has as much, of numbers that move by 1: 8 T more.
    """
    step, third = EPS ** (1 / 3), 8 * 4**3 + 8 * 4
    losses_there = [
        value(name, x + sign * step * v, target, 4, len(target), reduction="sum")
        for sign in (1, -1)
    ]
    difference = (losses_there[0] - losses_there[1]) / (2 * step)
    slope = np.sum(gradient(name, x, target, 4, len(target), reduction="sum") * v)
    rounding = EPS / step * (4 * 6 + 3 * abs(losses_there[0]) + 3)
    assert abs(difference - slope) <= step**2 / 6 * third + rounding + 1e3 * EPS * abs(slope)


def test_logits_are_those_of_a_log_softmax():
    """Each side is right within 6 ulp for each frame and 2 for each unit of the loss."""
    log_probs, *others = batch(scale=6.0)
    loss, grad = fused("ctc_loss_with_logits", log_probs, *others, reduction="none")
    other, through = fused("ctc_loss", log_probs, *others, reduction="none")
    allowed = 2 * EPS * (13 * 6 + 2 * 13 * np.abs(loss))
    assert (np.abs(loss - other) <= allowed).all()
    difference = np.abs(grad - losses.log_softmax_backward(through, log_probs))
    assert (difference <= allowed[:, np.newaxis]).all()


# ---- reductions


@both
def test_a_mean_is_that_of_the_loss_of_a_label(name):
    scores, *others = batch()
    lengths = np.maximum(others[-1], 1)
    each = value(name, scores, *others, reduction="none")
    assert value(name, scores, *others) == np.sum(each / lengths) / 7
    assert value(name, scores, *others, reduction="sum") == np.sum(each)
    ones = gradient(name, scores, *others, grad_output=np.ones(7), reduction="none")
    assert_same(gradient(name, scores, *others, reduction="sum"), ones)
    shares = 1 / (lengths * 7)
    some = gradient(name, scores, *others, grad_output=shares, reduction="none")
    assert_same(gradient(name, scores, *others), some)


@both
def test_value_and_grad_is_the_two_bit_for_bit(name):
    scores, *others = batch()
    g = np.linspace(-1, 2, 7)
    for reduction, upstream in (("none", g), ("mean", 0.3), ("sum", 2.0)):
        loss, grad = fused(name, scores, *others, reduction=reduction, grad_output=upstream)
        assert_same(loss, value(name, scores, *others, reduction=reduction))
        alone = gradient(name, scores, *others, reduction=reduction, grad_output=upstream)
        assert_same(grad, alone)
    assert_same(fused(name, scores, *others)[1], fused(name, scores, *others, grad_output=1.0)[1])


@both
def test_no_samples_have_a_mean_of_nan_and_a_sum_of_0(name):
    none = np.empty((5, 0, 3)), np.empty((0, 2), int), np.empty(0, int), np.empty(0, int)
    assert np.isnan(value(name, *none))
    assert value(name, *none, reduction="sum") == 0
    assert value(name, *none, reduction="none").shape == (0,)
    assert gradient(name, *none).shape == (5, 0, 3)


# ---- special values


@both
def test_an_empty_target_is_all_blank(name):
    scores = LOG_PROBS[:, np.newaxis].repeat(2, axis=1)
    loss = value(name, scores, np.zeros((2, 0), int), [3, 2], [0, 0], reduction="none")
    known = -np.cumsum(LOG_PROBS[:, 0])[[2, 1]]
    np.testing.assert_allclose(loss, known, rtol=8 * EPS)
    assert value(name, LOG_PROBS, [], 3, 0, reduction="sum") == loss[0]


@both
def test_no_frames_spell_nothing(name):
    scores = np.zeros((0, 2, 3))
    loss, grad = fused(name, scores, [[1], [1]], [0, 0], [0, 1], reduction="none")
    assert_same(loss, np.array([0.0, INF]))
    assert grad.shape == (0, 2, 3)
    scores = np.zeros((4, 2, 3))
    loss, grad = fused(name, scores, [[1], [1]], [0, 0], [0, 1], reduction="none")
    assert_same(loss, np.array([0.0, INF]))
    assert_same(grad, np.zeros((4, 2, 3)))


@both
@pytest.mark.parametrize(
    ("target", "frames"), [([1, 2], 1), ([1, 1], 2), ([1, 1, 2, 2], 5), ([2], 0)], ids=str
)
def test_a_target_that_cannot_be_spelt_costs_inf_and_has_no_gradient(name, target, frames):
    scores = np.stack([np.vstack([LOG_PROBS] * 2)] * 2, axis=1)
    rows = np.zeros((2, 4), int)
    rows[0, : len(target)], rows[1, 0] = target, 1
    arguments = scores, rows, [frames, 6], [len(target), 1]
    loss, grad = fused(name, *arguments, reduction="none", grad_output=[INF, 1.0])
    assert loss[0] == INF
    assert np.isfinite(loss[1])
    assert_same(grad[:, 0], np.zeros((6, 3)))
    assert_same(grad[:, 1], gradient(name, scores[:, 1], [1], 6, 1, reduction="none"))
    assert np.isfinite(grad).all()
    quiet, same = fused(name, *arguments, reduction="none", zero_infinity=True)
    assert_same(quiet, np.array([0.0, loss[1]]))
    assert_same(same[:, 1], grad[:, 1])
    assert value(name, *arguments, zero_infinity=True) == loss[1] / 2
    # One more frame, and it can be spelt.
    enough = value(name, scores, rows, [frames + 1, 6], [len(target), 1], reduction="none")
    assert np.isfinite(enough).all()


@both
def test_a_class_that_is_impossible_makes_no_nan(name):
    scores = LOG_PROBS.copy()
    scores[:, 2] = -INF
    loss, grad = fused(name, scores, [1], 3, 1)
    assert np.isfinite(loss)
    assert np.isfinite(grad).all()
    assert_same(grad[:, 2], np.zeros(3))
    loss, grad = fused(name, scores, [2], 3, 1, reduction="sum")
    assert loss == INF
    assert_same(grad, np.zeros((3, 3)))


def test_log_probabilities_of_minus_infinity_alone_spell_nothing():
    loss, grad = losses.ctc_loss_value_and_grad(np.full((3, 3), -INF), [1], 3, 1)
    assert loss == INF
    assert_same(grad, np.zeros((3, 3)))
    loss, grad = losses.ctc_loss_with_logits_value_and_grad(np.full((3, 3), -INF), [1], 3, 1)
    assert np.isnan(loss)
    assert np.isnan(grad).all()


@both
@pytest.mark.parametrize("bad", [NAN, INF])
@pytest.mark.parametrize("k", [0, 1, 4])
def test_nan_in_a_frame_that_counts_is_that_of_its_sample(name, bad, k):
    scores, target, of_inputs, of_targets = batch()
    of_inputs[:] = 11
    clean = fused(name, scores, target, of_inputs, of_targets, reduction="none")
    scores[10, 3, k] = bad
    scores[11:, 5, k] = bad
    loss, grad = fused(name, scores, target, of_inputs, of_targets, reduction="none")
    assert np.isnan(loss[3])
    assert np.isnan(grad[:11, 3]).all()
    assert_same(grad[11:], np.zeros((2, 7, 5)))
    rest = np.arange(7) != 3
    assert_same(loss[rest], clean[0][rest])
    assert_same(grad[:, rest], clean[1][:, rest])


@both
def test_the_gradient_behind_a_sample_is_exactly_0(name):
    scores, target, of_inputs, of_targets = batch()
    grad = gradient(name, scores, target, of_inputs, of_targets, grad_output=-1.0)
    behind = np.arange(13)[:, np.newaxis] >= of_inputs
    assert_same(grad[behind], np.zeros((behind.sum(), 5)))
    assert np.any(grad[~behind], axis=-1).all()


def test_a_gradient_of_log_probabilities_adds_to_minus_1_and_has_no_minus_0():
    """The posteriors of a frame are within 6 T + 6 ulp of their sizes, which add to 1."""
    scores, target, of_inputs, of_targets = batch()
    grad = gradient("ctc_loss", scores, target, of_inputs, of_targets, reduction="sum")
    counts = np.arange(13)[:, np.newaxis] < of_inputs
    assert (np.abs(grad.sum(-1) + counts) <= (6 * 13 + 6) * EPS).all()
    assert not np.signbit(grad[grad == 0]).any()


def test_what_is_larger_than_1_has_a_loss_too():
    """Log-probabilities need not be normalised: P is at most what it is."""
    for offset in (300.0, 2000.0, 1e6):
        loss, grad = losses.ctc_loss_value_and_grad(LOG_PROBS + offset, [1, 2], 3, 2)
        assert loss == pytest.approx(1.80180980508 / 2 - 1.5 * offset, rel=1e-11, abs=0)
        usual = losses.ctc_loss_backward(1.0, LOG_PROBS, [1, 2], 3, 2)
        np.testing.assert_allclose(grad, usual, atol=1e-9)


def test_the_largest_numbers_make_no_nan():
    for size in (1e15, -1e15, 1e300, -1e300, -1.7e308):
        loss, grad = losses.ctc_loss_value_and_grad(np.full((4, 3), size), [1], 4, 1)
        assert not np.isnan(loss)
        assert np.isfinite(grad).all()


# ---- a sample is on its own


def evaluated(name, scores, target, of_inputs, of_targets, **options):
    return fused(name, scores, target, of_inputs, of_targets, reduction="none", **options)


@both
@pytest.mark.parametrize("scale", [1.0, 30.0, 400.0])
def test_a_sample_has_the_same_bits_alone_and_behind_any_padding(name, scale, monkeypatch):
    monkeypatch.setattr(kernel, "STATES", 24)
    scores, target, of_inputs, of_targets = batch(frames=30, scale=scale)
    loss, grad = evaluated(name, scores, target, of_inputs, of_targets)
    for i, (frames, labels) in enumerate(zip(of_inputs, of_targets, strict=True)):
        row = target[i, :labels]
        alone = fused(name, scores[:frames, i], row, frames, labels, reduction="none")
        assert_same(alone, (loss[i], grad[:frames, i]))
        padded = np.full(9, -7)
        padded[:labels] = row
        more = np.pad(scores[:frames, i], ((0, 5), (0, 0)), constant_values=NAN)
        found = fused(name, more, padded, [frames], [labels], reduction="none")
        assert_same((found[0], found[1][:frames]), alone)
    order = np.random.default_rng(1).permutation(7)
    moved = evaluated(name, scores[:, order], target[order], of_inputs[order], of_targets[order])
    assert_same(moved, (loss[order], grad[:, order]))


@both
@pytest.mark.parametrize("workers", [2, 3])
def test_workers_share_the_samples_and_change_no_bit(name, workers, monkeypatch):
    arguments = batch(samples=23)
    alone = evaluated(name, *arguments)
    monkeypatch.setattr(kernel, "STATES", 24)
    with losses.set_workers(workers):
        assert_same(evaluated(name, *arguments), alone)
        assert_same(fused(name, *arguments), fused(name, *arguments))


@both
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_has_the_same_bits(name, layout):
    arguments = batch()
    changed = [LAYOUTS[layout](array) for array in arguments]
    assert_same(evaluated(name, *changed), evaluated(name, *arguments))


@both
def test_labels_one_after_another_are_those_in_rows(name):
    scores, target, of_inputs, of_targets = batch()
    joined = np.concatenate([row[:size] for row, size in zip(target, of_targets, strict=True)])
    for dtype in (np.int64, np.uint8, np.int16):
        found = evaluated(name, scores, joined.astype(dtype), of_inputs, of_targets.astype(dtype))
        assert_same(found, evaluated(name, scores, target, of_inputs, of_targets))


@both
def test_one_sample_needs_no_axis_of_samples(name):
    found = [
        fused(name, LOG_PROBS, [1, 2], frames, labels, reduction="none")
        for frames, labels in ((3, 2), ([3], [2]), (np.uint8(3), np.array([2])))
    ]
    loss, grad = fused(name, LOG_PROBS[:, np.newaxis], [[1, 2]], [3], [2], reduction="none")
    for each in found:
        assert_same(each, (loss[0], grad[:, 0]))
        assert isinstance(each[0], np.float64)


@both
@pytest.mark.parametrize("classes", [128, 129, 256, 300])
def test_labels_of_8_bits_are_classes_however_many_there_are(name, classes):
    scores = losses.log_softmax(np.random.default_rng(2).standard_normal((6, 1, classes)))
    target = np.array([[127, 1]])
    for dtype in (np.int8, np.uint8):
        narrow = evaluated(name, scores, target.astype(dtype), [6], [2])
        assert_same(narrow, evaluated(name, scores, target, [6], [2]))


@both
@pytest.mark.parametrize("dtype", [np.float16, BFLOAT16, np.float32, np.longdouble])
def test_results_have_the_dtype_of_the_scores_and_are_computed_in_float64(name, dtype):
    scores, *others = batch()
    narrow = scores.astype(dtype)
    loss, grad = evaluated(name, narrow, *others)
    wide = evaluated(name, narrow.astype(np.float64), *others)
    assert loss.dtype == grad.dtype == dtype
    assert np.array_equal(loss, wide[0].astype(dtype))
    assert np.array_equal(grad, wide[1].astype(dtype))


@both
def test_another_class_may_be_the_blank(name):
    scores, target, of_inputs, of_targets = batch()
    order = [1, 2, 3, 4, 0]
    moved = evaluated(name, scores[..., order], target - 1, of_inputs, of_targets, blank=4)
    loss, grad = evaluated(name, scores, target, of_inputs, of_targets)
    np.testing.assert_allclose(moved[0], loss, rtol=100 * EPS)
    np.testing.assert_allclose(moved[1], grad[..., order], atol=100 * EPS)


@both
@pytest.mark.parametrize("scale", [1.0, 10.0, 100.0, 3000.0])
def test_no_choice_of_exponents_changes_a_bit(name, scale, monkeypatch):
    arguments = batch(frames=60, labels=9, scale=scale)
    arguments[0][:, 2, 1] = -INF
    usual = evaluated(name, *arguments)
    for window, slope, depth, extent in ((3, 30.0, 290.0, 400.0), (8, 5, 60, 60), (8, 0, 0, -1)):
        with monkeypatch.context() as patch:
            patch.setattr(recursion, "WINDOW", window)
            patch.setattr(kernel, "WINDOW", window)
            patch.setattr(recursion, "SLOPE", slope)
            patch.setattr(recursion, "DEPTH", depth)
            patch.setattr(recursion, "RANGE", extent)
            assert_same(evaluated(name, *arguments), usual)


@pytest.mark.parametrize("frame", [0, 7, 8, 12, 23])
def test_the_only_way_counts_however_improbable_it_is_beside_dead_ends(frame):
    """As many labels as frames leave one way, and the blank is certain: all others lead nowhere.

    One frame makes it hopeless, and the frames around that are ordinary. The posteriors are 1.
    """
    log_probs, target = np.zeros((24, 3)), np.resize([1, 2], 24)
    log_probs[frame, 1:] = -2000.0
    loss, grad = losses.ctc_loss_value_and_grad(log_probs, target, 24, 24, reduction="sum")
    assert loss == pytest.approx(2000, rel=1e-14)
    np.testing.assert_allclose(grad[np.arange(24), target], -1, rtol=6 * 24 * EPS)


def test_frames_share_exponents_where_scores_are_ordinary(monkeypatch):
    def refuse(*_):
        raise AssertionError("a frame had exponents of its own")

    monkeypatch.setattr(recursion, "_apart", refuse)
    losses.ctc_loss_value_and_grad(*batch(frames=200, labels=30))


@both
def test_out_receives_the_gradient_and_may_be_the_scores(name):
    arguments = batch()
    loss, grad = fused(name, *arguments)
    out = np.full_like(arguments[0], NAN)
    found = fused(name, *arguments, out=out)
    assert found[1] is out
    assert_same(found, (loss, grad))
    scores = arguments[0].copy()
    assert_same(fused(name, scores, *arguments[1:], out=scores), (loss, grad))
    for wrong in (np.zeros((13, 7, 4)), arguments[0].astype("f"), [0.0]):
        with pytest.raises((ValueError, TypeError), match=r"^out: "):
            fused(name, *arguments, out=wrong)
    with pytest.raises(ValueError, match=f"^out: expected {NAMES[name]} itself or separate"):
        fused(name, scores[:-1], arguments[1], arguments[2] - 1, arguments[3], out=scores[1:])


@both
def test_nothing_that_is_passed_is_written(name):
    arguments = batch()
    copies = [array.copy() for array in arguments]
    for array in arguments:
        array.flags.writeable = False
    fused(name, *arguments)
    for array, copy in zip(arguments, copies, strict=True):
        assert_same(array, copy)


# ---- messages

SCORES = np.zeros((4, 2, 5))
ROWS = np.array([[1, 2, 3], [4, 1, 9]])


@both
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"target": ROWS.clip(max=6), "target_lengths": [3, 3]},
            IndexError,
            "target: 1 labels outside [0, 5), the first at position (1, 2): 6; target_lengths says "
            "how many labels of a sample count",
        ),
        (
            {"target": [[1, -1, 3], [4, 1, 9]]},
            IndexError,
            "target: 1 labels outside [0, 5), the first at position (0, 1): -1; ",
        ),
        (
            {"target": np.array([[1, 200, 3], [4, 1, 9]], np.uint8)},
            IndexError,
            "target: 1 labels outside [0, 5), the first at position (0, 1): 200; ",
        ),
        (
            {"target": [[1, 0, 3], [4, 0, 9]]},
            ValueError,
            "target: 2 labels equal to blank=0, the first at position (0, 1): 0; ",
        ),
        (
            {"target": [1, 2, 4, 4, 3], "target_lengths": [2, 3], "blank": 4},
            ValueError,
            "target: 2 labels equal to blank=4, the first at position (2,): 4; ",
        ),
        (
            {"target": [1, 2, 3]},
            ValueError,
            "target: expected as many labels as target_lengths sums to, 4, got 3",
        ),
        (
            {"target": [1, 2, 3], "target_lengths": [1, 1]},
            ValueError,
            "target: expected as many labels as target_lengths sums to, 2, got 3",
        ),
        ({"target": ROWS[0:1]}, ValueError, "target: expected shape (2, S), or 1-D, for {name} of"),
        ({"target": ROWS[0, 0]}, ValueError, "target: expected shape (N, S), or 1-D with the"),
        ({"target": ROWS.astype(float)}, TypeError, "target: expected integers, got dtype float64"),
        ({"target": ROWS > 1}, TypeError, "target: expected integers, got dtype bool"),
        (
            {"input_lengths": [4, 5]},
            ValueError,
            "input_lengths: expected lengths from 0 to 4, T, got 1 others, the first at position "
            "(1,): 5",
        ),
        ({"input_lengths": [-1, 4]}, ValueError, "input_lengths: expected lengths from 0 to 4, T,"),
        (
            {"input_lengths": 4},
            ValueError,
            "input_lengths: expected one length for each sample, shape (2,), got ()",
        ),
        ({"input_lengths": [4.0, 4.0]}, TypeError, "input_lengths: expected integers, got dtype"),
        (
            {"target_lengths": [4, 2]},
            ValueError,
            "target_lengths: expected lengths from 0 to 3, S, got 1 others, the first at position "
            "(0,): 4",
        ),
        ({"target_lengths": [-2, 2]}, ValueError, "target_lengths: expected lengths from 0 to 3"),
        (
            {"target": [1, 2], "target_lengths": [3, -1]},
            ValueError,
            "target_lengths: expected lengths from 0 to 2, the labels, got 2 others",
        ),
        ({"target_lengths": [2]}, ValueError, "target_lengths: expected one length for each"),
        (
            {"scores": np.zeros(5)},
            ValueError,
            "{name}: expected shape (T, N, C), or (T, C) of one sample, got (5,)",
        ),
        ({"scores": np.zeros((4, 2, 5), complex)}, TypeError, "{name}: expected real numbers"),
        (
            {"scores": np.zeros((4, 5))},
            ValueError,
            "input_lengths: expected one length for each sample, shape () or (1,), got (2,)",
        ),
        (
            {"scores": np.zeros((4, 5)), "input_lengths": 4},
            ValueError,
            "target: expected shape (S,) for {name} of shape (4, 5), got (2, 3)",
        ),
        ({"scores": np.zeros((4, 2, 0))}, ValueError, "blank: expected a class in [0, 0), got 0"),
        ({"blank": 5}, ValueError, "blank: expected a class in [0, 5), got 5; {name} has shape"),
        ({"blank": -1}, ValueError, "blank: expected a class in [0, 5), got -1"),
        ({"blank": 0.0}, TypeError, "blank: expected an integer, got 0.0"),
        ({"zero_infinity": 1}, TypeError, "zero_infinity: expected True or False, got 1"),
        ({"reduction": "batchmean"}, ValueError, "reduction: expected 'none', 'mean' or 'sum'"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named_with_its_place_and_value(name, change, error, message):
    arguments = {
        "scores": SCORES,
        "target": ROWS,
        "input_lengths": [4, 4],
        "target_lengths": [2, 2],
        **change,
    }
    order = ("scores", "target", "input_lengths", "target_lengths")
    leading = [arguments.pop(key) for key in order]
    for what in (value, gradient, fused):
        with pytest.raises(error) as raised:
            what(name, *leading, **arguments)
        assert str(raised.value).startswith(message.format(name=NAMES[name]))


@both
def test_labels_behind_the_last_one_are_not_read(name):
    scores, target, of_inputs, of_targets = batch()
    clean = evaluated(name, scores, target, of_inputs, of_targets)
    for i, size in enumerate(of_targets):
        target[i, size:] = [0, -100, 77, 5][: 4 - size]
    assert_same(evaluated(name, scores, target, of_inputs, of_targets), clean)


@both
def test_an_upstream_gradient_has_the_shape_of_the_loss(name):
    arguments = batch()
    for reduction, wrong in (("mean", np.ones(7)), ("none", 1.0), ("none", np.ones(6))):
        with pytest.raises(ValueError, match="grad_output: expected the shape of what"):
            gradient(name, *arguments, grad_output=wrong, reduction=reduction)


def test_the_gradient_of_a_target_that_is_nearly_certain_keeps_its_digits():
    """In two frames of logits (0, 17) a blank in both is what spells something else.

    So P = 1 - b^2 with b = s(-17): the posterior of a blank is b (1 - b) / P, and p - posterior is
    b (1 - (1 - b) / P) = b^2 / (1 + b). The label has minus that, which no difference from 1 has.
    The difference of b and b (1 - b) / P keeps all but eps / b of its size.
    """
    b = losses.sigmoid(-17.0)
    grad = losses.ctc_loss_with_logits_backward(1.0, [[0.0, 17.0], [0.0, 17.0]], [1], 2, 1)
    assert_same(grad[:, 1], -grad[:, 0])
    np.testing.assert_allclose(grad[:, 0], b**2 / (1 + b), rtol=8 * EPS / b)


# ---- any call at all

FLOATING = [np.float16, np.float32, np.float64, BFLOAT16]
WILD = [NAN, INF, -INF, -INF, 0.0, -745.0, -1e4, 80.0, -6e4]
ARRAYS = ("scores", "target", "input_lengths", "target_lengths")


@st.composite
def any_calls(draw):
    """Draw a call that must be answered: any numbers, lengths and layouts."""
    frames, samples, classes = (draw(st.integers(low, 4)) for low in (0, 0, 1))
    numbers = st.floats(-3, 3, width=16)
    if draw(st.booleans()):
        numbers = st.one_of(numbers, st.sampled_from(WILD))
    dtype = draw(st.sampled_from(FLOATING))
    scores = draw(arrays(np.float32, (frames, samples, classes), elements=numbers)).astype(dtype)
    blank = draw(st.integers(0, classes - 1))
    width = draw(st.integers(0, 3))
    most = width if classes > 1 else 0
    of_targets = draw(arrays(np.int8, samples, elements=st.integers(0, most)))
    others = [k for k in range(classes) if k != blank]
    target = np.full((samples, width), -7, np.int16)
    for row, size in zip(target, of_targets, strict=True):
        row[:size] = draw(arrays(np.int16, int(size), elements=st.sampled_from(others or [0])))
    of_inputs = draw(arrays(np.uint8, samples, elements=st.integers(0, frames)))
    change = draw(st.sampled_from([np.array, *LAYOUTS.values()]))
    return {
        "scores": change(scores),
        "target": change(target),
        "input_lengths": change(of_inputs),
        "target_lengths": change(of_targets),
        "blank": blank,
        "zero_infinity": draw(st.booleans()),
    }


def exactly(name, x, target, blank):
    """Return the loss and the gradient of one sample by the formulas in decimals."""
    loss = getattr(exact, name)(x, target, blank)
    grad = getattr(exact, f"{name}_backward")(x, target, blank)
    return float(loss), np.array(grad, float).reshape(x.shape)


@both
@given(st.data())
def test_any_call_is_answered_right(name, data):
    """Each sample against decimals: within 6 + 2 |log P| ulp of 1 a frame, then rounded once."""
    arguments = data.draw(any_calls())
    kept = {key: np.array(arguments[key]) for key in ARRAYS}
    options = {key: arguments[key] for key in ("blank", "zero_infinity")}
    loss, grad = fused(name, *(arguments[key] for key in ARRAYS), **options, reduction="none")
    for key in ARRAYS:
        assert np.array_equal(kept[key], arguments[key], equal_nan=key == "scores")
    scores = kept["scores"].astype(float)
    assert grad.shape == scores.shape
    assert loss.dtype == grad.dtype == kept["scores"].dtype.newbyteorder("=")
    assert not np.any(grad[np.arange(len(scores))[:, np.newaxis] >= kept["input_lengths"]])
    # The sizes of half an ulp of the dtypes, and of the least numbers of float16.
    precise = {2: 2.0**-8, 4: 2.0**-24, 8: EPS / 2}[grad.dtype.itemsize]
    for i, (frames, size) in enumerate(
        zip(kept["input_lengths"], kept["target_lengths"], strict=True)
    ):
        x, target = scores[:frames, i], kept["target"][i, :size].tolist()
        impossible = name == "ctc_loss_with_logits" and (x == -INF).all(axis=1).any()
        if np.isnan(x).any() or (x == INF).any() or impossible:
            assert np.isnan(loss[i])
            assert np.isnan(grad[:frames, i].astype(float)).all()
            continue
        known, slopes = exactly(name, x, target, options["blank"])
        if known == INF:
            assert loss[i] == (0 if options["zero_infinity"] else INF)
            assert not np.any(grad[:, i])
            continue
        error = max(frames, 1) * (6 + 2 * abs(known)) * EPS
        top = 65504 if grad.dtype == np.float16 else INF
        if abs(known) < top:
            assert abs(float(loss[i]) - known) <= error + precise * (abs(known) + 1e-4)
        off = np.abs(grad[:frames, i].astype(float) - slopes)
        assert (off <= error + precise * (np.abs(slopes) + 1e-4)).all()


@both
@given(st.data())
def test_what_is_wrong_with_any_call_is_named_and_nothing_is_written(name, data):
    arguments = data.draw(any_calls())
    scores, target, of_inputs, of_targets = (np.array(arguments[key]) for key in ARRAYS)
    bad = {
        "input_lengths": [of_inputs[..., np.newaxis], "text"],
        "target_lengths": [of_targets[..., np.newaxis], of_targets[:0, np.newaxis]],
        "target": [target.astype(complex), target[np.newaxis], np.append(target.ravel(), 1)],
        "scores": [scores[0] if scores.size else 3.0, scores.astype(complex)],
        "blank": [scores.shape[-1], -1, 0.5],
        "zero_infinity": [None, 1],
    }
    if len(of_inputs):
        bad["input_lengths"].append(of_inputs.astype(float))
        bad["input_lengths"].append(of_inputs.astype(int) + len(scores) + 1)
        bad["target_lengths"].append(of_targets.astype(int) - 4)
    if of_targets.any():
        wrong = np.where(target == -7, -7, arguments["blank"])
        bad["target"] += [wrong, np.where(target == -7, -7, scores.shape[-1])]
    key = data.draw(st.sampled_from(list(bad)))
    changed = {**arguments, key: data.draw(st.sampled_from(bad[key]))}
    out = np.full(scores.shape, 7, scores.dtype)
    with pytest.raises((ValueError, TypeError, IndexError)) as error:
        fused(
            name,
            *(changed.pop(key) for key in ARRAYS),
            **changed,
            out=out,
        )
    if key != "scores":  # of which the others' shapes follow
        assert str(error.value).startswith(key)
    assert (out == 7).all()


@pytest.mark.parametrize("log_prob", [-1e9, -1e12, -1e299, -1e305, 1e6, 1e12, 1e299])
def test_one_frame_of_one_class_costs_its_log_probability_however_large(log_prob):
    assert_near(losses.ctc_loss([[log_prob]], [], 1, 0), -log_prob, 3)


@pytest.mark.parametrize("log_prob", [1.001e300, np.float64(INF), np.float16(INF)])
def test_what_is_larger_than_any_sum_makes_nan(log_prob):
    loss, gradient = losses.ctc_loss_value_and_grad(np.array([[log_prob]]), [], 1, 0)
    assert np.isnan([loss, *gradient[0]]).all()
