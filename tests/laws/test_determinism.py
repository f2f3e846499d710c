"""Results are the same to the bit: composed or fused, alone or in a batch, on any threads."""

import contextvars
import gc
import threading
import weakref

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from tests.cases import CASES, class_counts, labelled, maybe
from tests.layouts import same_bits

import losses
from losses._core import blocks, schedule

float_dtypes = st.sampled_from([np.float32, np.float64])
# About the crossovers to rows, and from chains to pairs in sums of products and in plain ones.
COUNTS = [1, 2, 3, 10, 32, 33, 64, 65, 100, 200, 256, 257, 512, 513, 1000, 1025, 2049]


@st.composite
def any_logits(draw, dtype):
    """Draw a call of cross_entropy with any logits at all: huge, tiny, infinite, nan."""
    samples = draw(array_shapes(min_dims=0, max_dims=3, max_side=3))
    axis = draw(st.integers(0, len(samples)))
    classes = draw(class_counts)
    entries = st.one_of(
        st.floats(-100, 100, width=32),
        st.floats(width=32),
        st.sampled_from([-np.inf, np.inf, np.nan, 0.0, 80.0, 1e8]),
    )
    logits = draw(arrays(dtype, (*samples[:axis], classes, *samples[axis:]), elements=entries))
    labels = st.integers(-1, classes - 1)
    target = draw(arrays(np.int64, samples, elements=labels))
    weight = draw(maybe(arrays(dtype, classes, elements=st.floats(0, 4, width=32))))
    return logits, target, {"weight": weight, "ignore_index": -1, "axis": axis}


@given(st.data())
def test_cross_entropy_is_nll_of_log_softmax(data):
    logits, target, options = data.draw(float_dtypes.flatmap(any_logits))
    log_probs = losses.log_softmax(logits, options["axis"])
    for reduction in ("none", "mean", "sum"):
        fused = losses.cross_entropy(logits, target, reduction=reduction, **options)
        composed = losses.nll_loss(log_probs, target, reduction=reduction, **options)
        assert same_bits(fused, composed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", COUNTS)
def test_cross_entropy_is_nll_of_log_softmax_for_many_classes(classes, dtype):
    rng = np.random.default_rng(classes)
    logits = rng.standard_normal((40, classes)) * rng.choice([1, 10, 100], (40, 1))
    logits, target = logits.astype(dtype), rng.integers(0, classes, 40)
    fused = losses.cross_entropy(logits, target, reduction="none")
    composed = losses.nll_loss(losses.log_softmax(logits), target, reduction="none")
    assert same_bits(fused, composed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", COUNTS)
def test_a_sample_has_the_same_bits_alone_and_anywhere_in_any_batch(classes, dtype):
    rng = np.random.default_rng(classes)
    logits = (10 * rng.standard_normal((23, classes))).astype(dtype)
    target = rng.integers(0, classes, 23)
    options = {"reduction": "none", "label_smoothing": 0.1}
    for smoothed in ({"reduction": "none"}, options):
        loss, grad = losses.cross_entropy_value_and_grad(logits, target, **smoothed)
        for low, high in ((0, 1), (22, 23), (3, 5), (1, 18)):
            some = slice(low, high)
            part = losses.cross_entropy_value_and_grad(logits[some], target[some], **smoothed)
            assert same_bits(part[0], loss[some])
            assert same_bits(part[1], grad[some])
    for function in (losses.softmax, losses.log_softmax, losses.logsumexp):
        whole = function(logits)
        assert all(
            same_bits(function(row), result) for row, result in zip(logits, whole, strict=True)
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", COUNTS)
def test_the_class_axis_may_lie_anywhere_without_changing_a_bit(classes, dtype):
    rng = np.random.default_rng(classes)
    last = (10 * rng.standard_normal((3, 5, classes))).astype(dtype)
    target = rng.integers(0, classes, (3, 5))
    loss, grad = losses.cross_entropy_value_and_grad(last, target, axis=-1)
    for axis in (0, 1):
        for logits in (np.moveaxis(last, -1, axis), np.moveaxis(last, -1, axis).copy()):
            moved, moved_grad = losses.cross_entropy_value_and_grad(logits, target, axis=axis)
            assert same_bits(moved, loss)
            assert same_bits(np.moveaxis(moved_grad, axis, -1), grad)


@pytest.mark.parametrize("case", CASES, ids=str)
@given(st.data())
def test_a_call_repeated_returns_the_same_bits(case, data):
    call = data.draw(case.calls)
    value = case.forward(call)
    gradient = case.backward(np.ones_like(value), call)
    again = case.forward(call)
    assert same_bits(value, again)
    assert same_bits(gradient, case.backward(np.ones_like(again), call))


@pytest.mark.parametrize("case", CASES, ids=str)
@given(st.data())
def test_workers_change_the_time_and_nothing_else(case, data):
    call = data.draw(case.calls)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_BYTES", 64)  # so that a few numbers are several blocks
        results = []
        for workers in (1, 2, 3):
            with losses.set_workers(workers):
                value = case.forward(call)
                results.append((value, case.backward(np.ones_like(value), call)))
    for value, gradient in results[1:]:
        assert same_bits(value, results[0][0])
        assert same_bits(gradient, results[0][1])


@pytest.mark.parametrize("case", CASES, ids=str)
@given(st.data())
def test_the_size_of_the_blocks_changes_no_loss_and_no_gradient(case, data):
    call = data.draw(case.calls)
    assume("reduction" not in call.options or call.options["reduction"] == "none")
    value = case.forward(call)
    gradient = case.backward(np.ones_like(value), call)
    for size in (8, 64, 200):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(blocks, "BLOCK_BYTES", size)
            assert same_bits(value, case.forward(call))
            assert same_bits(gradient, case.backward(np.ones_like(value), call))


@given(labelled(), st.integers(1, 200))
def test_blocks_are_the_samples_in_order_each_once(call, size):
    shape = call.rest[0].shape
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_BYTES", size)
        cut = blocks.blocks(shape, entries=1, itemsize=1)
    order = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    found = [order[block.at].reshape(-1).tolist() for block in cut]
    assert [i for one in found for i in one] == list(range(order.size))
    assert found == [list(range(block.start, block.stop)) for block in cut]
    assert all(len(one) <= size for one in found)


class UnluckyError(Exception):
    """What a kernel raises."""


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_an_error_in_any_worker_reaches_the_caller_and_leaves_no_thread(workers):
    cut = blocks.blocks((1000,), entries=1 << 20, itemsize=8)
    before = threading.active_count()

    def kernel(block):
        if block.start == 501:
            raise UnluckyError(block.start)

    with pytest.raises(UnluckyError, match="501"):
        schedule.run(lambda: kernel, cut, workers)
    assert threading.active_count() == before


def test_a_failed_block_stops_the_other_workers():
    cut = blocks.blocks((1000,), entries=1 << 20, itemsize=8)
    done, failed = [], threading.Event()

    def kernel(block):
        if block.start == 0:
            failed.set()
            raise UnluckyError
        failed.wait()
        done.append(block)

    with pytest.raises(UnluckyError):
        schedule.run(lambda: kernel, cut, 2)
    assert len(done) < 500


@pytest.mark.parametrize("workers", [1, 2])
def test_no_worker_warns(workers, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 64)  # so that every sample is a block
    logits = np.full((8, 3), np.inf)  # inf - inf is an invalid operation
    with np.errstate(all="raise"):
        assert np.isnan(losses.cross_entropy(logits, np.zeros(8, int), workers=workers))


def test_where_no_thread_can_be_started_the_caller_does_the_work(monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(schedule.Thread, "start", refuse)
    cut = blocks.blocks((10,), entries=1 << 20, itemsize=8)
    assert schedule.run(lambda: lambda block: block.start, cut, 3) == list(range(10))


@pytest.mark.parametrize(("shape", "size"), [((2, 3, 2), 3), ((10, 6), 10), ((7,), 3)])
def test_no_block_is_larger_than_allowed(shape, size, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", size)
    cut = blocks.blocks(shape, entries=1, itemsize=1)
    assert all(block.stop - block.start <= size for block in cut)
    assert sum(block.stop - block.start for block in cut) == np.prod(shape)


def test_the_default_number_of_workers_is_scoped_and_checked():
    assert schedule.worker_count(None) == 1
    with losses.set_workers(3):
        assert schedule.worker_count(None) == 3
        with losses.set_workers(-1):
            assert schedule.worker_count(None) >= 1
        assert schedule.worker_count(None) == 3
    assert schedule.worker_count(None) == 1
    for wrong, error in ((0, ValueError), (-2, ValueError), (1.5, TypeError)):
        with pytest.raises(error, match="workers"), losses.set_workers(wrong):
            pass


def test_the_default_number_of_workers_is_set_at_once_by_a_statement_too():
    def within():
        losses.set_workers(3)
        assert schedule.worker_count(None) == 3
        with losses.set_workers(2):
            assert schedule.worker_count(None) == 2
            losses.set_workers(5)
            assert schedule.worker_count(None) == 5
        assert schedule.worker_count(None) == 3
        with pytest.raises(ValueError, match="workers"):
            losses.set_workers(0)
        assert schedule.worker_count(None) == 3

    contextvars.Context().run(within)
    assert schedule.worker_count(None) == 1  # it belongs to the context


def test_each_with_wants_a_default_of_its_own():
    def within():
        earlier = losses.set_workers(2)
        assert repr(earlier) == "set_workers(2)"
        with earlier, pytest.raises(RuntimeError, match=r"`with set_workers\(2\):`"), earlier:
            pass
        assert schedule.worker_count(None) == 1
        losses.set_workers(3)
        with pytest.raises(RuntimeError, match="made earlier"), earlier:
            pass
        with pytest.raises(RuntimeError, match="made earlier"):
            contextvars.Context().run(losses.set_workers(4).__enter__)

    contextvars.Context().run(within)


def test_a_default_that_is_set_again_and_again_takes_no_memory():
    def within():
        earlier = weakref.ref(losses.set_workers(2))
        losses.set_workers(3)
        gc.collect()
        assert earlier() is None

    contextvars.Context().run(within)


def test_the_default_number_of_workers_comes_back_after_an_error():
    with pytest.raises(UnluckyError), losses.set_workers(3):
        raise UnluckyError
    assert schedule.worker_count(None) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_call_leaves_numpys_settings_as_they_were(workers):
    before = np.getbufsize(), np.geterr()
    losses.cross_entropy(np.zeros((3000, 300)), np.zeros(3000, int), workers=workers)
    assert (np.getbufsize(), np.geterr()) == before
