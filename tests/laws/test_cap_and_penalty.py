"""`softcap` is a function of the logits before a loss, and `z_loss` adds one term to it.

What any call with them returns is in test_any_call, in every layout and batch in test_determinism.
"""

import copy
import itertools
import pickle

import dask
import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cases import labelled, with_probabilities
from tests.domains import between
from tests.layouts import same_bits
from tests.rooms.helpers import INF, NAN

import losses
from losses.extra import dask as lazy

EPS = np.finfo(float).eps
STEP = EPS ** (1 / 3)  # balances the difference's two errors, step**2 and eps / step
CAPS, FACTORS = (None, 2.0, 30.0), (0.0, 0.125, -0.125)
OPTIONS = [
    {"softcap": cap, "z_loss": factor}
    for cap, factor in itertools.product(CAPS, FACTORS)
    if cap or factor
]
every_option = pytest.mark.parametrize("options", OPTIONS, ids=str)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
few_and_many = pytest.mark.parametrize("classes", [3, 70])


def drawn(data):
    """Return a call with a sum of losses, its options among these, and what bounds its terms.

    Of n samples with masses of at most V in all, the logits being at most 3 in size.
    """
    call = data.draw(st.one_of(labelled("logits", smoothed=True), with_probabilities()))
    options = data.draw(st.sampled_from(OPTIONS))
    call = call.at(call.first, reduction="sum", **options)
    probable = call.target.shape == call.first.shape
    return call, call.target.size * (140.0 if probable else 2.0)


def value_of(call, first):
    return losses.cross_entropy(first, call.target, **call.options)


def gradient_of(call, first):
    return losses.cross_entropy_backward(1.0, first, call.target, **call.options)


def product_of(call, vector):
    return losses.cross_entropy_hvp(vector, call.first, call.target, **call.options)


@given(st.data())
def test_the_gradient_is_the_derivative(data):
    """Along v by central differences, which err by step**2 / 6 of a third derivative.

    With c from 2 up y has derivatives of at most 1, 0.39 and 0.5. The loss has at most 2 V, V and
    2 V, and the penalty z V times 2 L, 2 + 2 L and 6 + 4 L where |lse| < L = 7.3: so the third
    derivative of both is at most 12 V. Each term is at most 10 V, and has fewer than 12 roundings.
    """
    call, mass = drawn(data)
    v = data.draw(between(call.first.shape, -1, 1))
    ahead, behind = (value_of(call, call.first + step * v) for step in (STEP, -STEP))
    difference = (ahead - behind) / (2 * STEP)
    bound = mass * (12 * STEP**2 / 6 + 120 * EPS / STEP)
    assert abs(difference - np.sum(gradient_of(call, call.first) * v)) <= bound


@given(st.data())
def test_the_product_with_the_hessian_is_the_derivative_of_the_gradient(data):
    """A fourth derivative is at most four times the bound of the third."""
    call, mass = drawn(data)
    u, v = (data.draw(between(call.first.shape, -1, 1)) for _ in "uv")
    ahead, behind = (gradient_of(call, call.first + step * v) for step in (STEP, -STEP))
    difference = np.sum(u * (ahead - behind)) / (2 * STEP)
    bound = mass * (48 * STEP**2 / 6 + 120 * EPS / STEP)
    assert abs(difference - np.sum(u * product_of(call, v))) <= bound
    # It is symmetric, of terms of at most 3 V.
    other = np.sum(v * product_of(call, u))
    assert abs(other - np.sum(u * product_of(call, v))) <= 3 * mass * 64 * EPS


@given(st.data())
def test_the_diagonal_is_that_of_the_products_with_unit_vectors(data):
    """Either has an error of fewer than 32 roundings of terms of at most 3 V."""
    call, mass = drawn(data)
    diagonal = losses.cross_entropy_hessian_diagonal(call.first, call.target, **call.options)
    for place in range(min(call.first.size, 5)):
        unit = np.zeros(call.first.shape)
        unit.flat[place] = 1
        own = np.ravel(product_of(call, unit))[place]
        assert abs(np.ravel(diagonal)[place] - own) <= 3 * mass * 32 * EPS


def problem(classes, dtype, size=40):
    """Return ordinary logits, labels, some of them ignored, and probabilities."""
    rng = np.random.default_rng(classes)
    logits = (10 * rng.standard_normal((size, classes))).astype(dtype)
    labels, probs = rng.integers(-1, classes, size), rng.random((size, classes)).astype(dtype)
    return logits, labels, probs


@dtypes
@few_and_many
def test_a_cap_is_a_function_of_the_logits_and_its_slope_multiplies_the_gradient(classes, dtype):
    """The same formulas, so the same bits."""
    logits, labels, probs = problem(classes, dtype)
    cap = dtype(7)
    e = np.exp(-2 * np.abs(logits / cap))
    slope = 4 * (e / (1 + e) ** 2)
    given = {"ignore_index": -1, "reduction": "none", "z_loss": 0.25}
    for target in (labels, probs):
        found = losses.cross_entropy_value_and_grad(logits, target, softcap=7, **given)
        capped = cap * np.tanh(logits / cap)
        loss, grad = losses.cross_entropy_value_and_grad(capped, target, **given)
        assert same_bits(found[0], loss)
        assert same_bits(found[1], grad * slope)


@dtypes
@few_and_many
@pytest.mark.parametrize("power", [0.51, 0.9, 1.0, None])
def test_a_cap_far_above_the_logits_changes_no_bit(classes, dtype, power):
    """However large it is: 1e308 is more than any float32."""
    cap = 1e308 if power is None else float(np.finfo(dtype).max) ** power
    logits, labels, probs = problem(classes, dtype)
    logits[0, 0] = 1e-30
    logits[labels > 0, 0] = -INF
    for target in (labels, probs):
        plain = losses.cross_entropy(logits, target, ignore_index=-1, reduction="none")
        given = {"ignore_index": -1, "reduction": "none", "softcap": cap}
        assert same_bits(losses.cross_entropy(logits, target, **given), plain)
    vast = losses.cross_entropy_value_and_grad(logits, labels, ignore_index=-1, softcap=1e300)
    plain = losses.cross_entropy_value_and_grad(logits, labels, ignore_index=-1)
    assert all(map(same_bits, vast, plain))


@pytest.mark.parametrize("cap", [1e-3, 1e-40, 1e-300, 5e-324])
@dtypes
def test_a_cap_far_below_the_logits_leaves_nothing_of_them(cap, dtype):
    """Losses are log C to within 2 c; the slope is 0, and 1 at a logit of 0."""
    loss, grad = losses.cross_entropy_value_and_grad(dtype([0, 900, -900, 900]), 1, softcap=cap)
    assert abs(loss - np.log(4)) <= 2 * cap + 4 * np.finfo(dtype).eps
    assert abs(grad[0] - 0.25) <= cap
    assert not grad[1:].any()


@every_option
@few_and_many
def test_a_masked_class_stays_masked_and_what_is_broken_is_nan_alone(classes, options):
    logits, _, _ = problem(classes, np.float64, 5)
    logits[:, 0] = [-INF, INF, NAN, 0, 0]
    logits[3] = -INF
    target = np.ones(5, int)
    both = losses.cross_entropy_value_and_grad
    loss, grad = both(logits, target, reduction="none", **options)
    rest = both(logits[:, 1:], target - 1, reduction="none", **options)
    assert same_bits(loss[[0]], rest[0][[0]]) or classes == 70  # another order of the sum
    np.testing.assert_allclose(loss[0], rest[0][0], rtol=16 * EPS)
    assert grad[0, 0] == 0
    assert np.isnan(loss[1:4]).all()
    assert np.isnan(grad[1:4]).all()
    assert np.isfinite(loss[4])
    diagonal = losses.cross_entropy_hessian_diagonal(logits, target, reduction="sum", **options)
    assert diagonal[0, 0] == 0
    assert np.isnan(diagonal[1:4]).all()
    assert np.isfinite(diagonal[[0, 4]]).all()
    impossible = both(logits[:1], [0], **options)
    assert impossible[0] == INF
    assert np.isfinite(impossible[1]).all()


@every_option
def test_an_ignored_sample_adds_nothing_and_has_no_gradient(options):
    logits, _, _ = problem(3, np.float64, 2)
    logits[1] = NAN
    loss, grad = losses.cross_entropy_value_and_grad(logits, [1, -100], **options)
    assert loss == losses.cross_entropy(logits[:1], [1], **options)
    assert not grad[1].any()
    assert not losses.cross_entropy_hessian_diagonal(logits, [1, -100], **options)[1].any()
    state = losses.cross_entropy_shard(logits, [1, -100], first_class=0, classes=3, **options)
    assert state.losses[1] == 0


@pytest.mark.parametrize("weight", [None, np.array([0.5, 2.0, 0.0])], ids=["plain", "weighted"])
@pytest.mark.parametrize("smoothing", [0.0, 0.25])
@pytest.mark.parametrize("kind", ["labels", "probabilities"])
def test_the_penalty_is_of_the_mass_of_the_sample(kind, weight, smoothing):
    """Smoothing, weights and probabilities are in it; V is what -lp - lse**2 z has in common."""
    logits, labels, probs = problem(3, np.float64, 6)
    labels = np.abs(labels)
    q = np.eye(3)[labels] if kind == "labels" else probs
    w = np.ones(3) if weight is None else weight
    mass = (w * ((1 - smoothing) * q + smoothing / 3)).sum(1)
    target = labels if kind == "labels" else probs
    given = {"weight": weight, "label_smoothing": smoothing, "reduction": "none"}
    plain, more = (
        losses.cross_entropy(logits, target, z_loss=factor, **given) for factor in (0.0, 0.25)
    )
    penalty = 0.25 * mass * losses.logsumexp(logits) ** 2
    np.testing.assert_allclose(more, plain + penalty, rtol=16 * EPS)
    if kind == "labels":
        given["reduction"] = "mean"
        mean = losses.cross_entropy(logits, target, z_loss=0.25, **given)
        np.testing.assert_allclose(mean, more.sum() / w[labels].sum(), rtol=16 * EPS)


def test_a_weight_of_0_has_no_penalty_however_large():
    logits = np.array([[1e30, 0]], np.float32)
    found = losses.cross_entropy_value_and_grad(
        logits, [0], weight=[0.0, 1.0], z_loss=1e10, reduction="sum"
    )
    assert not any(map(np.any, found))


@pytest.mark.parametrize("factor", [1e39, -1e39])
def test_a_factor_that_is_no_float32_is_its_largest_number(factor):
    logits = np.zeros((1, 1), np.float32)  # lse is 0, and so is the penalty
    loss, grad = losses.cross_entropy_value_and_grad(logits, [0], z_loss=factor)
    assert (loss, grad[0, 0]) == (0, 0)


@every_option
@pytest.mark.parametrize("shape", [(40_000, 10), (3_000, 300), (30, 5, 40, 40)], ids=str)
def test_workers_and_memory_change_no_bit(shape, options):
    rng = np.random.default_rng(1)
    logits, vector = rng.standard_normal((2, *shape), np.float32)
    target = rng.integers(-1, shape[1], (shape[0], *shape[2:]))
    given = {"ignore_index": -1, "label_smoothing": 0.1, **options}
    for some in (given, {**given, "label_smoothing": 0.0}):
        loss, grad = losses.cross_entropy_value_and_grad(logits, target, **some)
        assert loss == losses.cross_entropy(logits, target, **some)
        assert same_bits(grad, losses.cross_entropy_backward(1.0, logits, target, **some))
        diagonal = losses.cross_entropy_hessian_diagonal(logits, target, **some)
        product = losses.cross_entropy_hvp(vector, logits, target, **some)
        strange, other = (np.asfortranarray(array) for array in (logits, vector))
        for workers in (2, 3):
            some["workers"] = workers
            out = strange.copy(order="K")
            again = losses.cross_entropy_value_and_grad(out, target, out=out, **some)
            assert loss == again[0]
            assert same_bits(grad, again[1])
            found = losses.cross_entropy_hessian_diagonal(strange, target, **some)
            assert same_bits(found, diagonal)
            assert same_bits(losses.cross_entropy_hvp(other, strange, target, **some), product)


def assert_near(found, expected, plain):
    """Assert that losses are near, relative to their terms: of no penalty, and the penalty."""
    terms = np.abs(plain) + np.abs(expected - plain)
    assert (np.abs(found - expected) <= 1e-13 * terms).all()


def shards_of(logits, target, weight, cuts, options):
    """Yield the arguments of each shard of the classes."""
    classes = logits.shape[1]
    for first, stop in itertools.pairwise([0, *cuts, classes]):
        own = {**options, "first_class": first, "classes": classes}
        own["weight"] = None if weight is None else weight[first:stop]
        here = target if target.ndim == 1 else target[:, first:stop]
        yield logits[:, first:stop], here, own


@every_option
@pytest.mark.parametrize("cuts", [(), (1,), (10, 30, 31)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_shards_have_the_loss_and_the_gradient_of_the_whole(cuts, smoothing, options):
    """Of terms p V' - v with V' up to 70 (1 + |lse| / 4), of some dozens of ulp."""
    logits, labels, probs = problem(70, np.float64)
    logits[:3] = [[80], [-80], [0]] * (np.arange(70) == 2)
    given = {"ignore_index": -1, "label_smoothing": smoothing, **options}
    for target, weight in itertools.product((labels, probs), (None, np.linspace(0, 2, 70))):
        whole = {**given, "weight": weight, "reduction": "none"}
        loss, grad = losses.cross_entropy_value_and_grad(logits, target, **whole)
        shards = list(shards_of(logits, target, weight, cuts, given))
        states = [losses.cross_entropy_shard(x, t, **own) for x, t, own in shards]
        state = pickle.loads(pickle.dumps(losses.merge_shards(*states[::-1])))
        plain = losses.cross_entropy(logits, target, **{**whole, "z_loss": 0.0})
        assert_near(state.losses, loss, plain)
        backward = losses.cross_entropy_shard_backward
        found = [backward(1.0, state, x, t, **own) for x, t, own in shards]
        np.testing.assert_allclose(np.hstack(found), grad, rtol=1e-13, atol=1e-11)
        sums = losses.cross_entropy_sums(logits, target, weight=weight, **given)
        np.testing.assert_allclose(sums.sum, loss.sum(), rtol=1e-13)
        np.testing.assert_allclose(state.sums.mean, sums.mean, rtol=1e-13)
        assert state.sums.correct == sums.correct


def test_a_confident_prediction_keeps_its_tail_across_shards():
    """The label's gradient is -(1 - p) + 2 z p lse, both of about exp(-80)."""
    logits = np.array([[0.0, -80.0]])
    shards = list(shards_of(logits, np.array([0]), None, (1,), {"z_loss": 0.25}))
    states = [losses.cross_entropy_shard(x, t, **own) for x, t, own in shards]
    state = losses.merge_shards(*states)
    found = losses.cross_entropy_shard_backward(1.0, state, *shards[0][:2], **shards[0][2])
    np.testing.assert_allclose(found, -np.exp(-80) / 2, rtol=8 * EPS)
    whole = losses.cross_entropy_backward(1.0, logits, [0], z_loss=0.25)
    np.testing.assert_allclose(found, whole[:, :1], rtol=8 * EPS)


def test_logits_that_a_cap_makes_equal_are_one_prediction_the_first_of_them():
    logits = np.array([[200.0, 300.0, 0.0], [0.0, 1.0, 2.0]])
    for label, correct in (([0, 2], 2), ([1, 2], 1)):
        sums = losses.cross_entropy_sums(logits, label, softcap=5.0)
        states = [
            losses.cross_entropy_shard(x, t, **own)
            for x, t, own in shards_of(logits, np.array(label), None, (1,), {"softcap": 5.0})
        ]
        assert sums.correct == losses.merge_shards(*states).sums.correct == correct


def test_shards_of_another_cap_or_penalty_do_not_merge():
    logits, target = np.ones((2, 2)), [0, 3]
    plain = losses.cross_entropy_shard(logits, target, first_class=0, classes=4)
    for name in ("softcap", "z_loss"):
        own = {"first_class": 2, "classes": 4, name: 0.5}
        other = losses.cross_entropy_shard(logits, target, **own)
        with pytest.raises(ValueError, match=f"state: expected one {name}, got (None|0.0) and 0.5"):
            losses.merge_shards(plain, other)
        both = losses.merge_shards(
            other, losses.cross_entropy_shard(logits, target, **{**own, "first_class": 0})
        )
        with pytest.raises(ValueError, match=f"one {name}, got (None|0.0) and 0.5"):
            losses.cross_entropy_shard_backward(1.0, both, logits, target, first_class=0, classes=4)


@every_option
def test_an_evaluator_has_the_options_for_every_batch(options):
    logits, labels, _ = problem(5, np.float64)
    evaluator = losses.Evaluator(ignore_index=-1, **options)
    evaluator.update(logits[:7], labels[:7])
    again = copy.deepcopy(evaluator)
    again.update(logits[7:], labels[7:])
    mean = losses.cross_entropy(logits, labels, ignore_index=-1, **options)
    np.testing.assert_allclose(again.loss, mean, rtol=8 * EPS)


@every_option
@pytest.mark.parametrize("chunks", [(15, 24), (40, 10), (10, 70)])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_dask_has_the_loss_and_the_gradient_of_numpy(reduction, chunks, options):
    """Of terms as those over shards."""
    logits, labels, probs = problem(70, np.float64)
    given = {"ignore_index": -1, "reduction": reduction, "label_smoothing": 0.1, **options}
    for target in (labels, probs):
        array = da.from_array(logits, chunks=chunks)
        lazily = lazy.cross_entropy_value_and_grad(array, target, **given)
        alone = lazy.cross_entropy(array, target, **given)
        loss, grad, other = dask.compute(*lazily, alone, scheduler="synchronous")
        expected = losses.cross_entropy_value_and_grad(logits, target, **given)
        np.testing.assert_array_equal(loss, other)
        plain = losses.cross_entropy(logits, target, **{**given, "z_loss": 0.0})
        assert_near(loss, expected[0], plain)
        np.testing.assert_allclose(grad, expected[1], rtol=1e-13, atol=1e-11)
        if chunks[1] == 70 and reduction == "none":
            assert same_bits(loss, expected[0])
            assert same_bits(grad, expected[1])
