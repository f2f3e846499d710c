"""Any split of the samples or of the classes, merged in any order and nesting, is the whole."""

import copy
import json
import math
import pickle
import sys
import threading
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cases import labelled, with_probabilities
from tests.layouts import same_bits

import losses

calls = st.one_of(labelled("logits", smoothed=True), with_probabilities())
U = 2.0**-53


def merged(values, merge, rng):
    """Merge values in a random order and nesting."""
    values = list(values)
    rng.shuffle(values)
    while len(values) > 1:
        count = rng.randint(2, len(values))
        group, values = values[:count], values[count:]
        values.insert(rng.randint(0, len(values)), merge(*group))
    return values[0]


def parts(size, rng):
    """Cut range(size) into slices, of which some may be empty."""
    ends = sorted(rng.choices(range(size + 1), k=rng.randint(0, 4)))
    return [slice(low, high) for low, high in zip([0, *ends], [*ends, size], strict=True)]


def matrix(call):
    """Return a call of cross_entropy with its samples along one axis: scores, target, options."""
    options = {name: call.options[name] for name in call.options if name != "reduction"}
    axis, target = options.pop("axis"), call.target
    axis = min(1, call.first.ndim - 1) if axis is None else axis
    classes = call.first.shape[axis]
    scores = np.moveaxis(call.first, axis, -1).reshape(-1, classes)
    if target.shape == call.first.shape:
        target = np.moveaxis(target, axis, -1).reshape(-1, classes)
    else:
        target = target.reshape(-1)
    return scores, target, options


def exact(values):
    """Return the sum of numbers, exactly."""
    return sum(map(Fraction, np.ravel(values).tolist()), Fraction(0))


# ---- over samples --------------------------------------------------------------------------------


@given(calls, st.randoms(use_true_random=False))
def test_the_sums_of_any_batches_are_those_of_the_whole(call, rng):
    scores, target, options = matrix(call)
    order = rng.sample(range(len(scores)), len(scores))
    batches = [order[part] for part in parts(len(scores), rng)]
    sums = (losses.cross_entropy_sums(scores[i], target[i], **options) for i in batches)
    found = merged(sums, losses.merge_sums, rng)
    whole = losses.cross_entropy_sums(scores, target, **options)
    assert replace(found, total=whole.total, divisor=whole.divisor) == whole
    each = losses.cross_entropy(scores, target, **options, reduction="none")
    # Beside the rounding of the result, of at most 8 merges and 27 samples: see its Notes.
    total = exact(each)
    bound = Fraction(U) * abs(total) + (6 * 8 + 5**2) * Fraction(U) ** 2 * exact(np.abs(each))
    assert abs(Fraction(float(found.sum)) - total) <= bound
    np.testing.assert_allclose(found.mean, whole.mean, rtol=6 * U, equal_nan=True)
    mean = losses.cross_entropy(scores, target, **options)
    np.testing.assert_allclose(found.mean, mean, rtol=(len(scores) + 4) * 2 * U, equal_nan=True)


def test_a_merge_after_a_large_sum_loses_nothing():
    """A sum of doubles would stay at 2**53, whatever is added 1 at a time."""
    sums, one = losses.loss_sums([2.0**53]), losses.loss_sums([1.0])
    for _ in range(1000):
        sums = losses.merge_sums(sums, one)
    assert sums.sum == 2.0**53 + 1000
    assert sums.divisor.high == 1001


def test_a_batch_loses_nothing_beside_a_large_loss():
    each = np.ones(100_000)
    each[[3, 70_000]] = 2.0**70, -(2.0**70)
    assert losses.loss_sums(each).sum == 99_998


def test_a_billion_samples_lose_nothing():
    """Merged in pairs thirty times over, of a loss that is no multiple of a power of two."""
    sums = losses.loss_sums([0.1, 0.7, 1e-9])
    third = exact([0.1, 0.7, 1e-9])
    for _ in range(30):
        sums = losses.merge_sums(sums, sums, losses.loss_sums([0.1]))
        third = 2 * third + Fraction(0.1)
    assert sums.sum == float(third)
    assert sums.counted == 3 * 2**30 + 2**30 - 1


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_sums_are_float64_or_wider(dtype):
    sums = losses.cross_entropy_sums(np.array([[1.0, 2.0]], dtype), [1])
    wide = np.longdouble if dtype == np.longdouble else np.float64
    assert sums.mean.dtype == sums.sum.dtype == sums.perplexity.dtype == wide


def test_float16_is_summed_before_it_is_rounded():
    logits, target = np.array([[1.0, 2.0, 0.5]], np.float16), [1]
    narrow = losses.cross_entropy_sums(logits, target)
    assert narrow == losses.cross_entropy_sums(logits.astype(np.float32), target)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_an_infinite_or_undefined_loss_makes_the_sum_so_and_no_other(value):
    each = np.ones(1000)
    each[500] = value
    sums = losses.loss_sums(each)
    np.testing.assert_equal(float(sums.mean), value)
    np.testing.assert_equal(float(losses.merge_sums(losses.loss_sums([1.0]), sums).sum), value)
    np.testing.assert_equal(float(losses.loss_sums([np.inf, -np.inf]).sum), np.nan)


def test_what_does_not_count_counts_nowhere():
    logits = [[np.nan, 0.0], [3.0, 0.0], [0.0, 1.0], [2.0, 0.0]]
    sums = losses.cross_entropy_sums(logits, [-100, -100, 0, 1], weight=[2.0, 0.0])
    assert (sums.counted, sums.ignored, sums.weighted, sums.correct) == (2, 2, 1, 0)
    assert sums.divisor.high == 2
    assert sums.mean == losses.cross_entropy([[0.0, 1.0]], [0])


def test_the_mean_of_nothing_is_nan_and_its_sum_0():
    none = losses.LossSums()
    for sums in (
        none,
        losses.merge_sums(),
        losses.loss_sums([]),
        losses.cross_entropy_sums(np.ones((0, 3)), np.ones(0, int)),
        losses.cross_entropy_sums(np.ones((2, 3)), [-100, -100]),
        losses.cross_entropy_sums(np.ones((2, 3)), [0, 0], weight=[0.0, 1.0, 1.0]),
    ):
        assert sums.sum == 0
        assert math.isnan(sums.mean)
        assert math.isnan(sums.perplexity)
        assert math.isnan(sums.denominator)
    assert math.isnan(none.accuracy)


def test_without_a_class_each_sample_is_ignored_or_costs_nothing():
    logits = np.ones((2, 0))
    assert losses.cross_entropy_sums(logits, [-100, -100]) == losses.LossSums(ignored=2)
    sums = losses.cross_entropy_sums(logits, np.ones((2, 0)), label_smoothing=0.1)
    assert (sums.mean, sums.counted) == (losses.cross_entropy(logits, np.ones((2, 0))), 2)


def test_under_smoothing_weights_of_0_have_no_mean():
    weight = [0.0, 1.0, 1.0]
    sums = losses.cross_entropy_sums(np.ones((2, 3)), [0, 0], weight=weight, label_smoothing=0.1)
    assert sums.sum > 0
    assert math.isnan(sums.mean)


@pytest.mark.parametrize("classes", [3, 70])
def test_accuracy_is_that_of_argmax(classes):
    rng = np.random.default_rng(0)
    logits = rng.integers(0, 3, (500, classes)).astype(np.float32)  # with many ties
    target = rng.integers(0, classes, 500)
    target[:250] = logits[:250].argmax(1)
    sums = losses.cross_entropy_sums(logits, target)
    assert sums.correct == np.count_nonzero(logits.argmax(1) == target)
    logits[:, -1] = np.nan
    assert losses.cross_entropy_sums(logits, np.full(500, classes - 1)).correct == 0


def test_accuracy_is_unknown_where_no_class_is_named():
    known = losses.cross_entropy_sums([[1.0, 0.0]], [0])
    assert known.accuracy == 1
    for unknown in (losses.cross_entropy_sums([[1.0, 0.0]], [[1.0, 0.0]]), losses.loss_sums([1.0])):
        assert unknown.correct is None
        assert math.isnan(unknown.accuracy)
        assert losses.merge_sums(known, unknown).correct is None


def test_a_mean_or_perplexity_beyond_the_largest_number_is_infinite_without_a_warning():
    with np.errstate(all="raise"):
        assert losses.loss_sums([1e308], weight=[1e-10]).mean == np.inf
        assert losses.loss_sums([1e3]).perplexity == np.inf
        assert losses.loss_sums([-1e3]).perplexity == 0


def test_sums_of_any_loss_have_its_weights_in_the_divisor():
    sums = losses.loss_sums([[1.0, 4.0]], weight=[[0.5, 2.0]])
    assert sums.mean == 2
    many = np.arange(200_001.0)
    assert losses.loss_sums(many, weight=many).mean == 1
    assert losses.loss_sums(many, weight=many).weighted == 200_000


@given(labelled("logits", smoothed=True))
def test_ignored_samples_are_left_out_of_the_sums_of_a_loss(call):
    """A loss of 0 for each of them would count."""
    scores, target, options = matrix(call)
    each = losses.cross_entropy(scores, target, **options, reduction="none")
    counts = target != options["ignore_index"]
    expected = losses.cross_entropy_sums(scores, target, **options)
    weight = None
    if options["weight"] is not None:
        weight = np.asarray(options["weight"])[np.where(counts, target, 0)]
    holes = np.where(counts, each, np.nan)  # whatever an ignored one holds
    for some in (holes, holes.reshape(-1, 1)):
        rest = [None if one is None else one.reshape(some.shape) for one in (weight, counts)]
        found = losses.loss_sums(some, weight=rest[0], where=rest[1])
        assert (found.counted, found.ignored) == (expected.counted, expected.ignored)
        assert found.weighted == expected.weighted
        np.testing.assert_allclose(found.mean, expected.mean, rtol=2 * U, equal_nan=True)
    assert losses.loss_sums(each, where=np.ones(each.shape, bool)) == losses.loss_sums(each)


def test_samples_left_out_beyond_a_chunk_are_counted():
    many = np.arange(200_001.0)
    sums = losses.loss_sums(many, weight=many, where=many % 2 == 1)
    assert (sums.counted, sums.ignored, sums.weighted) == (100_000, 100_001, 100_000)
    assert sums.sum == sums.denominator == 100_000.0**2


# ---- states are values ---------------------------------------------------------------------------


@given(st.data())
def test_a_plus_merges(data):
    batches = [any_sums(data) for _ in range(data.draw(st.integers(1, 4)))]
    whole = losses.merge_sums(*batches)
    np.testing.assert_equal(as_numbers(sum(batches)), as_numbers(whole))
    np.testing.assert_equal(as_numbers(sum(batches, losses.LossSums())), as_numbers(whole))
    both = batches[0] + batches[-1]
    np.testing.assert_equal(
        as_numbers(both), as_numbers(losses.merge_sums(batches[0], batches[-1]))
    )


def test_a_plus_merges_shards():
    states = [shard(0, 2), shard(2, 3), shard(3, 6)]
    for whole in (states[0] + states[1] + states[2], sum(states)):
        assert whole.held == ((0, 6),)
        np.testing.assert_array_equal(whole.losses, losses.merge_shards(*states).losses)
    with pytest.raises(ValueError, match="class 0 is in two"):
        states[0] + states[0]


@pytest.mark.parametrize(
    "make", [lambda: losses.loss_sums([1.0]), lambda: shard(0, 2)], ids=["sums", "shards"]
)
def test_a_state_is_no_tuple(make):
    state, one = make(), (1,)
    for nonsense in (
        lambda: state + one,
        lambda: one + state,
        lambda: state + 0,
        lambda: 1 + state,
        lambda: 0.0 + state,
        lambda: np.zeros(2, int) + state,
        lambda: state * 2,
        lambda: state < state,
        lambda: state[0],
        lambda: [*state],
        lambda: len(state),
    ):
        with pytest.raises(TypeError):
            nonsense()
    with pytest.raises(AttributeError):
        state.weight = state.counted = 3


def test_a_state_says_what_it_stands_for_in_one_line():
    sums = losses.cross_entropy_sums([[1.0, 2.0, 0.5], [0.0, 0.0, 0.0]], [1, -100])
    line = "LossSums(mean=0.464369, counted=1, ignored=1, denominator=1)"
    assert repr(sums) == line
    assert repr(losses.LossSums()) == "LossSums(mean=nan, counted=0, ignored=0, denominator=nan)"
    evaluator = losses.Evaluator()
    evaluator.update([[1.0, 2.0, 0.5], [0.0, 0.0, 0.0]], [1, -100])
    assert repr(evaluator) == f"Evaluator({line})"
    assert repr(shard(0, 2) + shard(3, 6)) == "ShardState(5 of 6 classes, 2 samples)"


REALS = st.one_of(st.floats(), st.floats(1, 2), st.sampled_from([np.nan, np.inf, -np.inf, -0.0]))


def any_sums(data):
    """Return sums of any numbers, in float64 or longdouble."""
    dtype = data.draw(st.sampled_from([np.float64, np.longdouble]))
    each = np.array(data.draw(st.lists(REALS, max_size=3)), dtype)
    with np.errstate(all="ignore"):
        each /= dtype(data.draw(st.sampled_from([1, 3])))
    weight = np.ones(each.size) if data.draw(st.booleans()) else None
    where = np.arange(each.size) != 1 if data.draw(st.booleans()) else None
    return losses.loss_sums(each, weight=weight, where=where)


def as_numbers(sums):
    return [
        *(number for pair in (sums.total, sums.divisor) for number in pair),
        *(sums.counted, sums.ignored, sums.weighted, sums.correct),
    ]


@given(st.data())
def test_sums_survive_json_pickle_and_copies_to_the_bit(data):
    sums = any_sums(data)
    text = json.dumps(sums.to_dict(), allow_nan=False)
    for again in (
        losses.LossSums.from_dict(json.loads(text)),
        pickle.loads(pickle.dumps(sums)),
        copy.copy(sums),
        copy.deepcopy(sums),
    ):
        assert type(again) is losses.LossSums
        for one, two in zip(as_numbers(sums), as_numbers(again), strict=True):
            np.testing.assert_equal(one, two)
            assert one is two is None or np.signbit(one) == np.signbit(two)
        for one, two in ((sums.total, again.total), (sums.divisor, again.divisor)):
            assert np.asarray(one).dtype == np.asarray(two).dtype


def test_what_prints_numbers_does_not_change_what_is_saved():
    sums = losses.loss_sums([1 / 3])
    with np.printoptions(legacy="1.13", precision=2):
        saved = sums.to_dict()
    assert losses.LossSums.from_dict(saved) == sums


SAVED = losses.cross_entropy_sums([[1.0, 2.0, 0.5]], [1]).to_dict()


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"total": None}, ValueError, "total: expected a dict with dtype, high, low, got None"),
        ({"total": {"high": "1.0e+00"}}, ValueError, "total"),
        ({"divisor": {**SAVED["divisor"], "dtype": "float32"}}, ValueError, "divisor.*'float32'"),
        ({"divisor": {**SAVED["divisor"], "low": 0.0}}, ValueError, "divisor.*string, got 0.0"),
        ({"divisor": {**SAVED["divisor"], "low": "no"}}, ValueError, "divisor.*string, got 'no'"),
        ({"total": {**SAVED["total"], "high": "0." + "1" * 30}}, ValueError, "total.*reads as"),
        ({"counted": 1.5}, TypeError, "counted"),
        ({"counted": -1}, ValueError, "counted: expected 0 or more, got -1"),
        ({"ignored": True}, TypeError, "ignored"),
        ({"ignored": -1}, ValueError, "ignored: expected 0 or more, got -1"),
        ({"weighted": 2}, ValueError, "weighted: .*at most counted, 1, got 2"),
        ({"correct": 2}, ValueError, "correct: .*at most counted, 1, got 2"),
        ({"accuracy": 1.0}, ValueError, r"state: expected the keys total.*'accuracy'\]"),
    ],
)
def test_what_is_wrong_with_saved_sums_is_named(changes, error, words):
    with pytest.raises(error, match=words):
        losses.LossSums.from_dict({**SAVED, **changes})


def test_saved_sums_are_a_dict_with_every_key():
    with pytest.raises(TypeError, match="state: expected what to_dict returns, got list"):
        losses.LossSums.from_dict([SAVED])
    for name in SAVED:
        rest = {key: SAVED[key] for key in SAVED if key != name}
        with pytest.raises(ValueError, match=f"state: expected the keys .*{name}"):
            losses.LossSums.from_dict(rest)


@pytest.mark.parametrize("wrong", [list, tuple, iter, lambda states: (one for one in states)])
def test_a_list_of_states_is_an_error_that_says_to_unpack_it(wrong):
    with pytest.raises(TypeError, match=r"sums: expected LossSums.*merge_sums\(\*sums\)"):
        losses.merge_sums(wrong([losses.LossSums()] * 2))
    with pytest.raises(TypeError, match=r"expected a ShardState.*merge_shards\(\*states\)"):
        losses.merge_shards(wrong([shard(0, 2), shard(2, 6)]))
    for other in (0.5, "sums", {"sums": losses.LossSums()}, None):
        with pytest.raises(TypeError) as caught:
            losses.merge_sums(other)
        assert "unpack" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: losses.loss_sums([1.0], weight=[1.0, 2.0]), ValueError, "losses .*weight"),
        (lambda: losses.loss_sums([1.0], where=[True, True]), ValueError, "losses .*where"),
        (
            lambda: losses.loss_sums([1.0], where=[1]),
            TypeError,
            "where: expected booleans, got.*!= 0",
        ),
        (lambda: losses.loss_sums([1j]), TypeError, "losses"),
        (lambda: losses.loss_sums([1.0], weight=["a"]), TypeError, "weight"),
        (lambda: losses.merge_sums(0.5), TypeError, "sums: expected LossSums, got float"),
        (lambda: losses.cross_entropy_sums([[1.0]], [1]), IndexError, "target"),
        (lambda: losses.cross_entropy_sums([[1.0]], [0], axis=2), ValueError, "axis"),
    ],
)
def test_what_is_wrong_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


@given(calls, st.randoms(use_true_random=False))
def test_an_evaluator_reads_what_the_batches_so_far_have(call, rng):
    scores, target, options = matrix(call)
    evaluator, sums = losses.Evaluator(**options), losses.LossSums()
    for part in parts(len(scores), rng):
        evaluator.update(scores[part], target[part])
        batch = losses.cross_entropy_sums(scores[part], target[part], **options)
        sums = losses.merge_sums(sums, batch)
        assert evaluator.sums == sums
        read = [evaluator.loss, evaluator.perplexity, evaluator.count, evaluator.accuracy]
        np.testing.assert_equal(read, [sums.mean, sums.perplexity, sums.counted, sums.accuracy])


def test_an_evaluator_keeps_the_weights_it_was_given_and_refuses_options_at_once():
    weight = np.array([1.0, 2.0])
    evaluator = losses.Evaluator(weight=weight)
    weight[:] = 7
    evaluator.update([[1.0, 2.0]], [1])
    assert evaluator.sums.denominator == 2
    for option, wrong in [
        ("weight", ["a"]),
        ("ignore_index", 0.5),
        ("label_smoothing", 5),
        ("axis", "last"),
        ("workers", 0),
    ]:
        with pytest.raises((TypeError, ValueError), match=option):
            losses.Evaluator(**{option: wrong})


def test_an_evaluator_loses_no_batch_of_several_threads():
    evaluator = losses.Evaluator(ignore_index=0)
    rng = np.random.default_rng(0)
    batches = [(rng.standard_normal((50, 5)), rng.integers(0, 5, 50)) for _ in range(20)]

    def update():
        for batch in batches:
            evaluator.update(*batch)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=update) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    once = losses.merge_sums(*(losses.cross_entropy_sums(*one, ignore_index=0) for one in batches))
    assert evaluator.count == 8 * once.counted
    assert evaluator.sums.ignored == 8 * once.ignored
    np.testing.assert_allclose(evaluator.loss, once.mean, rtol=2 * U)


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_a_copy_of_an_evaluator_goes_its_own_way(again):
    evaluator = losses.Evaluator(weight=[1.0, 2.0])
    evaluator.update([[1.0, 2.0]], [1])
    other = again(evaluator)
    assert other.sums == evaluator.sums
    other.update([[1.0, 2.0]], [1])
    assert (evaluator.count, other.count) == (1, 2)
    assert other.sums.denominator == 4
    other.sums = evaluator.sums
    assert other.count == 1


def test_a_batch_that_is_refused_changes_nothing():
    evaluator = losses.Evaluator()
    evaluator.update([[1.0, 2.0]], [1])
    before = evaluator.sums
    with pytest.raises(IndexError, match="target"):
        evaluator.update([[1.0, 2.0]], [2])
    assert evaluator.sums == before
    assert evaluator.perplexity == np.exp(evaluator.loss)


# ---- over classes --------------------------------------------------------------------------------


def shards_of(scores, target, options, cuts):
    """Return the arguments of each shard, cut from scores with their classes last."""
    for part in cuts:
        own = {**options, "first_class": part.start, "classes": scores.shape[-1], "axis": -1}
        if options.get("weight") is not None:
            own["weight"] = options["weight"][part]
        labels = target.shape != scores.shape
        yield scores[..., part], target if labels else target[..., part], own


def states_of(shards):
    return [losses.cross_entropy_shard(x, t, **options) for x, t, options in shards]


def allowed(scores, merges):
    """Return how many eps the results of two ways may differ by, see cross_entropy_shard.

    Each errs by 4 + max(m - x) ulp, and by half an ulp for each addition of the sum; a merge
    adds 4.
    """
    finite = np.where(np.isfinite(scores), scores, 0)
    gap = np.ptp(finite.astype(np.float64), axis=-1, keepdims=True)
    return 2 * (6 + gap) + scores.shape[-1] + 4 * merges


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(calls, st.randoms(use_true_random=False), st.sampled_from([1, 20]))
def test_shards_of_the_classes_are_the_whole(dtype, call, rng, scale):
    scores, target, options = matrix(call)
    scores = (scores * scale).astype(dtype)
    cuts = parts(scores.shape[1], rng)
    shards = list(shards_of(scores, target, options, cuts))
    state = merged(states_of(shards), losses.merge_shards, rng)
    ulps = allowed(scores, len(cuts)) * np.finfo(dtype).eps
    each = losses.cross_entropy(scores, target, **options, reduction="none")
    assert state.losses.dtype == dtype
    assert (np.abs(state.losses - each) <= ulps[:, 0] * np.abs(each)).all()
    whole = losses.cross_entropy_sums(scores, target, **options)
    assert replace(state.sums, total=whole.total) == whole
    assert abs(state.sums.sum - whole.sum) <= (ulps[:, 0] * np.abs(each)).sum() * (1 + U)


def test_weights_and_ties_are_those_of_the_whole_in_any_shard():
    """Where Hypothesis seldom goes: a label in each shard, and logits that are often equal."""
    rng = np.random.default_rng(0)
    scores, target = rng.integers(0, 2, (200, 7)) * 1.0, rng.integers(0, 7, 200)
    options = {"weight": np.arange(7) + 1.0}
    cuts = [slice(0, 2), slice(2, 5), slice(5, 7)]
    states = states_of(shards_of(scores, target, options, cuts))
    whole = losses.cross_entropy_sums(scores, target, **options)
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        sums = losses.merge_shards(*(states[i] for i in order)).sums
        assert replace(sums, total=whole.total) == whole
        assert sums.correct == np.count_nonzero(scores.argmax(1) == target)


def one_hot(target, scores):
    """Return the masses of labels, of which those that are ignored do not matter."""
    classes = scores.shape[1]
    return np.eye(classes)[target.clip(0, classes - 1)]


@given(calls, st.randoms(use_true_random=False), st.sampled_from([1, 20]), st.booleans())
def test_the_gradient_of_each_shard_is_its_slice_of_the_whole(call, rng, scale, one_for_all):
    scores, target, options = matrix(call)
    scores = scores * scale
    cuts = parts(scores.shape[1], rng)
    shards = list(shards_of(scores, target, options, cuts))
    state = merged(states_of(shards), losses.merge_shards, rng)
    grads = np.full(len(scores), 0.7) if one_for_all else np.linspace(-1, 1, len(scores))
    backward = losses.cross_entropy_backward
    expected = backward(grads, scores, target, **options, reduction="none")
    given = 0.7 if one_for_all else grads
    found = [losses.cross_entropy_shard_backward(given, state, x, t, **own) for x, t, own in shards]
    found = np.concatenate(found, axis=1)
    # With a mass in every class the error is relative to the terms p V + v, see its Notes.
    size = np.abs(expected)
    if target.shape == scores.shape or options["label_smoothing"]:
        masses = state.state.mass + state.state.label_mass
        weight = 1 if options["weight"] is None else options["weight"]
        own = target if target.shape == scores.shape else one_hot(target, scores)
        terms = losses.softmax(scores) * masses[:, None] + weight * (own + 1)
        size = size + np.abs(grads)[:, None] * terms
    bound = allowed(scores, len(cuts)) * np.finfo(float).eps * size
    assert (np.abs(found - expected) <= bound).all()
    if target.ndim == 1:
        assert not found[target == options["ignore_index"]].any()


LARGEST = np.finfo(float).max
SPECIAL = st.sampled_from([0.0, 1.0, -np.inf, -np.inf, np.inf, np.nan, 1e300, LARGEST, -LARGEST])


@given(st.data(), st.randoms(use_true_random=False))
def test_special_logits_are_special_in_any_shard(data, rng):
    """Shards of nothing but -inf, without the target, of one class, with nan or +inf."""
    classes = data.draw(st.integers(1, 5))
    draw = [[data.draw(SPECIAL) for _ in range(classes)] for _ in range(3)]
    scores = np.array(draw)
    target = np.array([data.draw(st.integers(-1, classes - 1)) for _ in range(3)])
    if data.draw(st.booleans()):
        mass = st.sampled_from([0.0, 0.0, 0.5])
        target = np.array([[data.draw(mass) for _ in range(classes)] for _ in range(3)])
    options = {
        "ignore_index": -1,
        "label_smoothing": data.draw(st.sampled_from([0.0, 0.0, 0.1])),
        "weight": data.draw(st.sampled_from([None, np.arange(classes) * 1.0])),
    }
    if target.ndim == 2 or options["label_smoothing"]:
        # A difference that is too large, times a mass: infinite, or not if it came in two parts.
        scores[np.abs(scores) == LARGEST] /= 1e8
    shards = list(shards_of(scores, target, options, parts(classes, rng)))
    state = merged(states_of(shards), losses.merge_shards, rng)
    each = losses.cross_entropy(scores, target, **options, reduction="none")
    np.testing.assert_allclose(state.losses, each, rtol=1e-14)
    expected = losses.cross_entropy_backward(
        np.ones(3), scores, target, **options, reduction="none"
    )
    found = [losses.cross_entropy_shard_backward(1, state, x, t, **own) for x, t, own in shards]
    np.testing.assert_allclose(np.concatenate(found, axis=1), expected, rtol=1e-14, atol=1e-15)


@given(labelled("logits", smoothed=True), st.randoms(use_true_random=False))
def test_shards_have_any_axis_and_the_shape_of_the_samples(call, rng):
    options = {name: call.options[name] for name in call.options if name != "reduction"}
    axis = options["axis"]
    place = min(1, call.first.ndim - 1) if axis is None else axis % call.first.ndim
    states = []
    for part in parts(call.first.shape[place], rng):
        own = {**options, "first_class": part.start, "classes": call.first.shape[place]}
        if own["weight"] is not None:
            own["weight"] = own["weight"][part]
        here = call.first[(slice(None),) * place + (part,)]
        states.append(losses.cross_entropy_shard(here, call.target, **own))
    found = losses.merge_shards(*states).losses
    each = losses.cross_entropy(call.first, call.target, **options, reduction="none")
    assert np.shape(found) == np.shape(each)
    np.testing.assert_allclose(found, each, rtol=1e-13)


@pytest.mark.parametrize("target", [np.array([0]), np.array([[1.0, 0.0, 0.0]])])
def test_a_confident_prediction_keeps_its_tail_across_shards(target):
    logits = np.array([[80.0, 0.0, -1.0]])
    shards = list(shards_of(logits, target, {}, parts_of_one(3)))
    state = losses.merge_shards(*states_of(shards))
    expected = losses.cross_entropy(logits, target, reduction="none")
    np.testing.assert_allclose(state.losses, expected, rtol=1e-15)
    assert 2e-35 < state.losses[0] < 3e-35
    first = losses.cross_entropy_shard_backward(1.0, state, *shards[0][:2], **shards[0][2])
    np.testing.assert_allclose(first, -expected[None], rtol=1e-15)


def parts_of_one(classes):
    return [slice(c, c + 1) for c in range(classes)]


def test_float16_is_computed_in_float32_and_its_gradient_rounded_once():
    x, target = np.array([[1.0, 2.0, 0.5]], np.float16), np.array([1])
    (shard,) = shards_of(x, target, {}, [slice(0, 3)])
    (state,) = states_of([shard])
    assert state.losses.dtype == np.float32
    found = losses.cross_entropy_shard_backward(1.0, state, *shard[:2], **shard[2])
    expected = losses.cross_entropy_backward([1.0], x, target, reduction="none")
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, expected)


def test_the_gradient_of_a_shard_is_native_whatever_the_byte_order_of_its_logits():
    x, target = np.array([[1.0, 2.0, 0.5]]), np.array([1])
    options = {"first_class": 0, "classes": 3}
    native = losses.cross_entropy_shard(x, target, **options)
    state = losses.cross_entropy_shard(x.astype(">f8"), target, **options)
    for ours, theirs in zip(state.state, native.state, strict=True):
        assert same_bits(ours, theirs)
        assert ours.dtype.isnative
    found, expected = (
        losses.cross_entropy_shard_backward(1.0, state, y, target, **options)
        for y in (x.astype(">f8"), x)
    )
    assert same_bits(found, expected)
    assert found.dtype.isnative


def test_states_are_values_that_nothing_changes():
    state = shard(0, 6)
    whole = losses.merge_shards(shard(2, 6), shard(0, 2))
    for one in (state, whole, pickle.loads(pickle.dumps(whole))):
        np.testing.assert_array_equal(one.losses, state.losses)
    copies = copy.copy(whole), copy.deepcopy(whole), pickle.loads(pickle.dumps(whole))
    for one in (state, whole, *copies):
        for array in (one.label, one.weight, *one.state):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1


def test_workers_change_no_bit_of_a_state_or_a_gradient():
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((30_000, 20)), rng.integers(0, 40, 30_000)
    options = {"first_class": 10, "classes": 40}
    rest = [(x[:, :10], 0), (x[:, :10], 30)]
    others = [losses.cross_entropy_shard(y, target, first_class=c, classes=40) for y, c in rest]
    found = []
    for workers in (1, 3):
        state = losses.cross_entropy_shard(x, target, **options, workers=workers)
        whole = losses.merge_shards(state, *others)
        grad = losses.cross_entropy_shard_backward(
            1.0, whole, x, target, **options, workers=workers
        )
        found.append([*state.state, grad])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("first", [2, 5])
def test_an_empty_shard_beside_another_changes_nothing(first):
    """Not even where the other shard has ties, or nothing but -inf."""
    scores = np.array([[-np.inf] * 3, [1, 1, 0], [0, -np.inf, 2]])
    target, options = np.array([2, 3, 0]), {"classes": 5}
    some = losses.cross_entropy_shard(scores, target, first_class=2, **options)
    none = losses.cross_entropy_shard(scores[:, :0], target, first_class=first, **options)
    for found in (losses.merge_shards(some, none), losses.merge_shards(none, some)):
        assert found.held == some.held
        for ours, theirs in zip(found.state, some.state, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("weight", [1e308, 1e-308, -1e308])
def test_weights_beyond_the_dtype_of_the_computation_are_those_of_the_whole_in_any_shard(weight):
    scores, target = np.array([[0, 1, 2], [2, 0, 1]], np.float32), np.array([1, 2])
    options = {"weight": np.array([1, weight, 0.5])}
    with np.errstate(all="raise"):
        shards = list(shards_of(scores, target, options, [slice(0, 2), slice(2, 3)]))
        state = losses.merge_shards(*states_of(shards))
        found = [losses.cross_entropy_shard_backward(1, state, x, t, **own) for x, t, own in shards]
    each, grad = losses.cross_entropy_value_and_grad(scores, target, **options, reduction="none")
    np.testing.assert_allclose(state.losses, each, rtol=1e-6)  # 4 + 4 + 2 ulp
    np.testing.assert_allclose(np.concatenate(found, axis=1), grad, rtol=1e-6)


FITTING = {"logits": np.ones((2, 3)), "target": [0, 5], "first_class": 2, "classes": 6}


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"classes": 4}, ValueError, r"first_class: expected 3 classes within \[0, 4\)"),
        ({"first_class": -1}, ValueError, "first_class"),
        ({"first_class": 0.5}, TypeError, "^first_class: "),
        ({"classes": 6.5}, TypeError, "^classes: "),
        ({"classes": 0, "first_class": 0, "logits": np.ones((2, 0))}, ValueError, "classes"),
        ({"classes": 2**60}, ValueError, "classes: expected as many as an array may have"),
        ({"classes": 2**70}, ValueError, "classes: expected as many as an array may have"),
        ({"target": [0, 6]}, IndexError, r"outside \[0, 6\)"),
        ({"target": [0]}, ValueError, "target"),
        ({"target": np.ones((2, 6))}, ValueError, "target"),
        ({"target": np.ones((2, 3)), "ignore_index": 1}, ValueError, "ignore_index"),
        ({"weight": np.ones(6)}, ValueError, "weight"),
        ({"label_smoothing": 2}, ValueError, "label_smoothing"),
        ({"workers": 0}, ValueError, "workers"),
    ],
)
def test_what_is_wrong_with_a_shard_is_named(changes, error, words):
    arguments = {**FITTING, **changes}
    logits, target = arguments.pop("logits"), arguments.pop("target")
    with pytest.raises(error, match=words):
        losses.cross_entropy_shard(logits, target, **arguments)


def shard(first, stop, classes=6, target=(0, 5), samples=2, **options):
    x = np.ones((samples, stop - first))
    return losses.cross_entropy_shard(x, target, first_class=first, classes=classes, **options)


def test_shards_that_do_not_fit_one_another_are_refused():
    state = shard(0, 2)
    for other, words in [
        (shard(1, 4), "class 1 is in two"),
        (shard(2, 4, classes=5, target=(0, 4)), "one number of classes, got 6 and 5"),
        (shard(2, 4, target=(0, 4)), "one target"),
        (shard(2, 4, target=(0, 4, 1), samples=3), r"one shape, got \(2,\) and \(3,\)"),
    ]:
        with pytest.raises(ValueError, match=words):
            losses.merge_shards(state, other)
    mass = losses.cross_entropy_shard(np.ones((2, 4)), np.ones((2, 4)), first_class=2, classes=6)
    with pytest.raises(ValueError, match="one kind of target, got labels and mass"):
        losses.merge_shards(state, mass)
    for options in ({"label_smoothing": 0.1}, {"weight": np.ones(2)}):
        other = shard(2, 4, **options)
        with pytest.raises(
            ValueError, match=r"one label_smoothing|weights of all classes or of no"
        ):
            losses.merge_shards(state, other)
    with pytest.raises(TypeError, match="state: expected a ShardState, got tuple"):
        losses.merge_shards(state, ())
    with pytest.raises(ValueError, match="at least one"):
        losses.merge_shards()


def test_a_loss_of_some_of_the_classes_is_refused():
    state = losses.merge_shards(shard(1, 2), shard(3, 5))
    words = r"all 6 classes, but \[0, 1\) and \[2, 3\) and \[5, 6\) are not merged"
    for read in (
        lambda: state.losses,
        lambda: state.sums,
        lambda: losses.cross_entropy_shard_backward(
            1.0, state, np.ones((2, 1)), [0, 5], first_class=0, classes=6
        ),
    ):
        with pytest.raises(ValueError, match=words):
            read()
    assert losses.merge_shards(state, shard(0, 1), shard(2, 3), shard(5, 6)).held == ((0, 6),)


def test_the_gradient_wants_the_state_of_its_samples_and_one_number_or_one_each():
    state = shard(0, 6)
    arguments = {"first_class": 0, "classes": 6}
    backward = losses.cross_entropy_shard_backward
    with pytest.raises(ValueError, match="grad_output"):
        backward(np.ones(3), state, np.ones((2, 6)), [0, 5], **arguments)
    with pytest.raises(ValueError, match="one target"):
        backward(1.0, state, np.ones((2, 6)), [0, 4], **arguments)
    with pytest.raises(TypeError, match="state: expected a ShardState, got NoneType"):
        backward(1.0, None, np.ones((2, 6)), [0, 5], **arguments)
    for option in ({"label_smoothing": 0.1}, {"weight": np.ones(6)}):
        with pytest.raises(ValueError, match=r"label_smoothing|weights"):
            backward(1.0, state, np.ones((2, 6)), [0, 5], **arguments, **option)
    with pytest.raises(ValueError, match="one shape"):
        backward(1.0, state, np.ones((1, 6)), [0], **arguments)
