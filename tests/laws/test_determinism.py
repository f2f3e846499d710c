"""Results are the same to the bit: composed or fused, alone or in any batch, in any layout, on any
threads.
"""

import contextvars
import gc
import threading
import weakref

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from tests.cases import Call, class_counts, labelled
from tests.domains import REAL, maybe
from tests.layouts import LAYOUTS, same_bits, unaligned
from tests.rooms.helpers import CALLS, INF, NAN, assert_same, call, dtypes, takes
from tests.rows import across, invoke
from tests.table import CASES, FORMULAS

import losses
from losses._core import blocks, entries, panels, schedule

reductions = pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
OF_ENTRIES = [case for case in CASES if all(case.row.arrays.values())]
float_dtypes = st.sampled_from([np.float32, np.float64])
# About the crossovers to rows, and from chains to pairs in sums of products and in plain ones.
classes = pytest.mark.parametrize(
    "classes", [1, 2, 3, 10, 32, 33, 64, 65, 100, 200, 256, 257, 512, 513, 1000, 1025, 2049]
)


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
def test_cross_entropy_is_nll_of_log_softmax_of_any_logits(data):
    logits, target, options = data.draw(float_dtypes.flatmap(any_logits))
    logits = data.draw(st.sampled_from([np.asarray, *LAYOUTS.values()]))(logits)
    log_probs = losses.log_softmax(logits, options["axis"])
    for reduction in ("none", "mean", "sum"):
        fused = losses.cross_entropy(logits, target, reduction=reduction, **options)
        composed = losses.nll_loss(log_probs, target, reduction=reduction, **options)
        assert same_bits(fused, composed)


ROWS = 14
PARTS = [slice(0, 1), slice(13, 14), slice(3, 5), slice(1, 13), slice(None, None, 3)]


def problem(classes, dtype):
    """Return ordinary and extreme logits, and labels, the last of them ignored."""
    rng = np.random.default_rng(classes)
    logits = 10 * rng.standard_normal((ROWS, classes))
    labels = rng.integers(0, classes, ROWS)
    logits[0] += 1e4
    logits[1, labels[1]] += 80
    logits[2, labels[2]] -= 80
    logits[3, labels[3]] = -INF
    logits[4, 0] = -INF
    logits[5, 0] = INF
    logits[6] = NAN
    labels[-1] = -100
    return logits.astype(dtype), labels


def all_options(classes):
    """Return the options that lead through different formulas."""
    weight = np.linspace(0, 2, classes)
    options = [{}, {"weight": weight}, {"weight": weight, "label_smoothing": 0.1}]
    return [*options, {"softcap": 30.0, "z_loss": 0.125}, {**options[-1], "z_loss": -0.125}]


def one_hot(labels, classes, axis=-1):
    """Return labels as probabilities, all 0 for an ignored one."""
    return np.moveaxis((np.arange(classes) == labels[..., None]).astype(float), -1, axis)


@dtypes
@classes
def test_cross_entropy_is_nll_of_log_softmax(classes, dtype):
    logits, labels = problem(classes, dtype)
    for axis, shape in [(1, logits.shape), (0, (2, 7, classes)), (1, (2, 7, classes))]:
        x, target = np.moveaxis(logits.reshape(shape), -1, axis), labels.reshape(shape[:-1])
        for weight in (None, np.linspace(-1, 2, classes)):
            options = {"weight": weight, "axis": axis, "reduction": "none"}
            composed = losses.nll_loss(losses.log_softmax(x, axis), target, **options)
            assert_same(losses.cross_entropy(x, target, **options), composed)


def of_samples(logits, labels, axis=-1):
    """Return all that belongs to samples: their losses, and their gradients, classes last."""
    classes = logits.shape[axis]
    scalars = [losses.logsumexp(logits, axis)]
    rows = [losses.softmax(logits, axis), losses.log_softmax(logits, axis)]
    for target in (labels, one_hot(labels, classes, axis)):
        for options in all_options(classes):
            loss, grad = losses.cross_entropy_value_and_grad(
                logits, target, reduction="none", axis=axis, **options
            )
            scalars.append(loss)
            rows.append(grad)
    return (*scalars, *(np.moveaxis(row, axis, -1) for row in rows))


@dtypes
@classes
def test_a_sample_alone_is_the_sample_in_any_batch_at_any_position_in_any_layout(classes, dtype):
    logits, labels = problem(classes, dtype)
    whole = of_samples(logits, labels)
    for part in (*range(ROWS), *PARTS):
        assert_same(of_samples(logits[part], labels[part]), tuple(of[part] for of in whole))
    for layout in LAYOUTS.values():
        assert_same(of_samples(layout(logits), layout(labels)), whole)


@dtypes
@classes
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_place_of_the_class_axis_changes_no_bit_of_a_sample(axis, classes, dtype):
    logits, labels = problem(classes, dtype)
    whole = tuple(of.reshape(2, 7, *of.shape[1:]) for of in of_samples(logits, labels))
    moved = np.moveaxis(logits.reshape(2, 7, classes), -1, axis)
    for same in (moved, moved.copy()):
        assert_same(of_samples(same, labels.reshape(2, 7), axis), whole)


@dtypes
@pytest.mark.parametrize("case", OF_ENTRIES, ids=str)
def test_an_entry_alone_is_the_entry_in_any_batch_in_any_layout(case, dtype):
    arguments = across(case.row, dtype)
    first = case.row.point("")
    if case.row.arrays[first] is REAL:
        arguments[first][-2], arguments[first][-1] = INF, -INF
    options = {"reduction": "none"} if case.row in FORMULAS else {}
    call = Call({**arguments, **options}, case.point)
    whole = case.evaluate(call)
    singles = range(len(call.first))
    if case.row.holds == "positions":  # which have samples at any rate
        singles = [slice(single, single + 1) for single in singles]
    for part in (*singles, *PARTS):
        alone = case.evaluate(call.map(lambda array, part=part: array[part]))
        assert_same(alone, tuple(of[part] for of in whole))
    for layout in LAYOUTS.values():
        assert_same(case.evaluate(call.map(layout)), whole)


@pytest.mark.parametrize("shape", [(400, 1000), (40_000, 10), (2, 10, 200, 100)], ids=str)
@reductions
@pytest.mark.parametrize("name", takes("workers"))
def test_workers_change_no_bit(name, reduction, shape):
    rng = np.random.default_rng(1)
    logits = rng.standard_normal(shape, np.float32)
    target = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    arguments = {"logits": logits, "target": target, "weight": None, "reduction": reduction}
    if name.endswith("backward"):
        arguments["grad_output"] = np.ones(target.shape if reduction == "none" else ())
    if name.endswith("hvp"):
        arguments["vector"] = logits[::-1]
    expected = call(name, **arguments)
    for workers in (1, 2, 3, -1):
        assert_same(call(name, workers=workers, **arguments), expected)


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("parts", [1, 2, entries.PARTS, 2 * entries.PARTS])
def test_a_sum_over_entries_has_the_same_bits_at_the_edges_of_parts_and_blocks(parts, more):
    size = parts * blocks.room(entries.ARRAYS, 8) + more
    predictions = np.sin(np.arange(size))
    each = losses.mse_loss(predictions, np.zeros(size), reduction="none")
    sums = []
    for workers in (1, 2):
        with losses.set_workers(workers):
            sums.append(losses.mse_loss(predictions, np.zeros(size), reduction="sum"))
    assert sums[0] == sums[1]
    # Sums in pairs: of each part, and of the parts.
    np.testing.assert_allclose(sums[0], each.sum(), rtol=64 * np.finfo(float).eps)


@pytest.mark.parametrize("row", FORMULAS, ids=str)
def test_the_default_of_workers_changes_no_bit_of_a_sum_over_entries(row):
    numbers = across(row, np.float64)
    arrays = {
        name: np.resize(numbers[name], (100_000, *numbers[name].shape[1:])) for name in row.arrays
    }
    sums = []
    for workers in (1, 2, 3):
        with losses.set_workers(workers):
            sums.append(invoke(row.name, {**arrays, "reduction": "sum"}))
    assert sums == sums[:1] * 3


@pytest.mark.parametrize("name", takes("workers"))
@pytest.mark.parametrize(
    ("workers", "error"), [(0, ValueError), (-2, ValueError), (1.5, TypeError), ("2", TypeError)]
)
def test_workers_is_a_positive_count_or_minus_1(name, workers, error):
    with pytest.raises(error, match=rf"workers.*{workers}"):
        call(name, workers=workers)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", [3, 1000, 10_000])
def test_unaligned_memory_changes_no_bit(classes, dtype):
    """NumPy reads unaligned rows in pieces of its buffer, and would add them so."""
    rng = np.random.default_rng(classes)
    logits = rng.standard_normal((4, classes)).astype(dtype)
    probs = rng.random((4, classes)).astype(dtype)
    for target in (np.array([2, 0, 1, 2]), probs):
        expected = losses.cross_entropy_value_and_grad(logits, target)
        out = unaligned(logits)
        found = losses.cross_entropy_value_and_grad(unaligned(logits), unaligned(target), out=out)
        assert all(map(same_bits, found, expected))


def test_a_sum_of_negative_zeros_is_the_same_alone_and_in_a_batch():
    grad_output, probs = np.full((2, 2), -0.0), np.full((2, 2), 0.5)
    whole = losses.softmax_backward(grad_output, probs)
    assert_same(losses.softmax_backward(grad_output[:1], probs[:1]), whole[:1])


@pytest.mark.parametrize("classes", [10, 100])
@pytest.mark.parametrize("largest", [0.0, 1e-39])
def test_a_largest_logit_below_the_normal_numbers_changes_no_bit(classes, largest):
    """Of many samples; then the differences that are as small count as 0."""
    logits = -np.abs(np.random.default_rng(3).standard_normal((600, classes), np.float32))
    logits[np.arange(600), np.arange(600) % classes] = largest
    logits[:, -1] = largest / 2
    whole = losses.log_softmax(logits)
    assert all(map(same_bits, map(losses.log_softmax, logits), whole))


@pytest.mark.parametrize("weight", [[1.0, -1.0], [INF, 1.0]])
@pytest.mark.parametrize("label_smoothing", [0.0, 1.0])
def test_a_difference_below_the_normal_numbers_counts_the_same_in_any_batch(
    weight, label_smoothing
):
    """Where the weights leave nothing else of the loss."""
    logits, probs = np.tile([0.0, 1e-310], (5000, 1)), np.full((5000, 2), 0.5)
    options = {"weight": weight, "label_smoothing": label_smoothing, "reduction": "none"}
    for target in (probs, np.zeros(5000, int)):
        loss, grad = losses.cross_entropy_value_and_grad(logits, target, **options)
        alone = losses.cross_entropy_value_and_grad(logits[:1], target[:1], **options)
        assert same_bits(alone[0], loss[:1])
        assert same_bits(alone[1], grad[:1])


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_a_sum_has_every_block(number, monkeypatch):
    logits, target = np.arange(3.0 * number).reshape(number, 3), np.zeros(number, int)
    each = losses.cross_entropy(logits, target, reduction="none")
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1)  # a sample each
    monkeypatch.setattr(panels, "BLOCKS_EACH", 1)
    assert_same(losses.cross_entropy(logits, target, reduction="sum"), each.sum())


@dtypes
@classes
def test_logits_below_the_normal_numbers_are_as_good_as_0_in_small_and_in_large_batches(
    classes, dtype
):
    tiny = np.finfo(dtype).smallest_subnormal
    for rows in (2, 2 + 5000 // classes):
        logits = np.full((rows, classes), tiny, dtype)
        logits[1] = 0
        for function in (losses.softmax, losses.log_softmax):
            assert_same(function(logits), function(np.zeros_like(logits)))
        labels = np.arange(rows) % classes
        found = losses.cross_entropy_value_and_grad(logits, labels)
        assert_same(found, losses.cross_entropy_value_and_grad(np.zeros_like(logits), labels))


@pytest.mark.parametrize("name", CALLS)
def test_every_function_shares_its_blocks_among_the_workers(name, monkeypatch):
    """Nothing in a result tells whether `set_workers` was heard."""
    started, thread = [], schedule.Thread

    def counted(**options):
        started.append(options)
        return thread(**options)

    monkeypatch.setattr(schedule, "Thread", counted)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1)  # a sample each
    monkeypatch.setattr(panels, "BLOCKS_EACH", 1)
    for workers in (1, 2):
        with losses.set_workers(workers):
            call(name)
        assert bool(started) == (workers > 1)


@pytest.mark.parametrize("case", CASES, ids=str)
@given(st.data())
def test_workers_change_the_time_and_nothing_else(case, data):
    call = data.draw(case.calls)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_BYTES", 64)  # so that a few numbers are several blocks
        results = []
        for workers in (1, 2, 3):
            with losses.set_workers(workers):
                results.append(case.evaluate(call))
    for found in results[1:]:
        assert all(map(same_bits, found, results[0]))


@pytest.mark.parametrize("case", CASES, ids=str)
@given(st.data())
def test_the_size_of_the_blocks_changes_no_loss_and_no_gradient(case, data):
    call = data.draw(case.calls)
    assume(call.options.get("reduction", "none") == "none")
    whole = case.evaluate(call)
    for size in (8, 64, 200):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(blocks, "BLOCK_BYTES", size)
            assert all(map(same_bits, whole, case.evaluate(call)))


@settings(max_examples=200)
@given(labelled(), st.integers(1, 200))
def test_blocks_are_the_samples_in_order_each_once(call, size):
    shape = call.target.shape
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
