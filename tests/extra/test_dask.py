"""Losses of Dask arrays: what NumPy arrays give, for any chunks, on threads and on processes."""

import itertools

import dask
import dask.array as da
import numpy as np
import pytest
from dask import distributed
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cases import along_axis, labelled, with_probabilities

import losses
from losses._core import blocks, schedule
from losses._losses import targets
from losses.extra import dask as lazy

# A graph takes ten times as long as what it computes here.
few = settings(max_examples=settings().max_examples // 2)
THREADS = {"scheduler": "threads", "num_workers": 2}


@st.composite
def chunked(draw, array, whole=None):
    """Draw a Dask array of an array, in one chunk along one axis if that is given."""
    chunks = []
    for axis, size in enumerate(array.shape):
        ends = draw(st.lists(st.integers(0, size), max_size=3))  # a chunk may be empty
        ends = [0, *(() if axis == whole else sorted(ends)), size]
        chunks.append(tuple(np.diff(ends).tolist()))
    return da.from_array(array, chunks=tuple(chunks))


def computed(*arrays):
    return dask.compute(*arrays, **THREADS)


def class_axis(call):
    axis = call.options["axis"]
    return min(1, call.first.ndim - 1) if axis is None else axis % call.first.ndim


def ulps(call, axis, chunks):
    """Return how many eps apart results may be, see cross_entropy_shard, of few merges."""
    return 2 * (6 + np.ptp(call.first)) + call.first.shape[axis] + 4 * chunks


def assert_near(found, expected, ulps, size=0.0):
    """Assert a shape, a dtype, and a difference relative to the result and what it is made of."""
    assert np.shape(found) == np.shape(expected)
    assert found.dtype == expected.dtype
    eps = np.finfo(expected.dtype).eps
    wide = np.abs(np.float64(expected))
    assert (np.abs(np.float64(found) - expected) <= ulps * eps * (wide + size)).all()


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@few
@given(st.data())
def test_a_function_along_an_axis_is_that_of_numpy(name, data):
    call = data.draw(along_axis())
    axis = call.options["axis"]
    x = data.draw(chunked(call.first))
    lazily = getattr(lazy, name)(x, axis)
    assert lazily.chunks == x.chunks
    (found,) = computed(lazily)
    expected = getattr(losses, name)(call.first, axis)
    assert lazily.dtype == found.dtype
    if x.numblocks[axis] == 1:
        np.testing.assert_array_equal(found, expected)
    assert_near(found, expected, ulps(call, axis, 4))


@few
@given(st.data())
def test_nll_loss_is_that_of_numpy(data):
    call = data.draw(labelled())
    log_probs, target = data.draw(chunked(call.first)), call.target
    if data.draw(st.booleans()):
        target = data.draw(chunked(target))
    lazily = lazy.nll_loss(log_probs, target, **call.options)
    (found,) = computed(lazily)
    expected = losses.nll_loss(call.first, call.target, **call.options)
    if call.options["reduction"] == "none":
        np.testing.assert_array_equal(found, expected)
    if np.isnan(expected).any():
        assert np.isnan(found)
        return
    # Losses of both signs may cancel in the sum; each is at most 3 times 2.
    samples = call.target.size
    assert_near(found, expected, samples, 6 * samples)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@few
@given(st.data())
def test_cross_entropy_and_its_gradient_are_those_of_numpy(dtype, data):
    call = data.draw(st.one_of(labelled("logits", smoothed=True), with_probabilities()))
    call = call.at(call.first.astype(dtype))
    axis, target = class_axis(call), call.target
    whole = data.draw(st.sampled_from([None, axis]))
    logits = data.draw(chunked(call.first, whole))
    if data.draw(st.booleans()):
        target = data.draw(chunked(target))
    loss, grad = lazy.cross_entropy_value_and_grad(logits, target, **call.options)
    alone = lazy.cross_entropy(logits, target, **call.options)
    assert grad.chunks == logits.chunks
    assert (loss.shape, loss.dtype, grad.dtype) == (alone.shape, dtype, dtype)
    found_loss, found_grad, found_alone = computed(loss, grad, alone)
    np.testing.assert_array_equal(found_loss, found_alone)
    both = losses.cross_entropy_value_and_grad
    expected_loss, expected_grad = both(call.first, call.target, **call.options)
    if logits.numblocks[axis] == 1:
        np.testing.assert_array_equal(found_grad, expected_grad)
        if call.options["reduction"] == "none":
            np.testing.assert_array_equal(found_loss, expected_loss)
    if np.isnan(expected_loss).any():  # the mean of no sample, or of none with a weight
        assert np.isnan(found_loss)
        np.testing.assert_array_equal(np.isnan(found_grad), np.isnan(expected_grad))
        return
    budget = ulps(call, axis, 4)
    assert_near(found_loss, expected_loss, budget + call.first.size)
    # With a mass in every class the gradient is a difference of terms of at most 70 times 2.
    masses = call.target.shape == call.first.shape or call.options.get("label_smoothing")
    size = (140.0 if masses else 0.0) + np.finfo(dtype).smallest_subnormal
    assert_near(found_grad, expected_grad, budget, size)


GRID = [
    *itertools.product(
        ("labels", "probabilities"),
        (None, np.linspace(0, 2, 30)),
        (0.0, 0.1),
        ("none", "mean", "sum"),
        ((4, 7), (12, 10), (5, 30)),
    )
]


@pytest.mark.parametrize(("kind", "weight", "smoothing", "reduction", "chunks"), GRID)
def test_every_option_is_that_of_numpy(kind, weight, smoothing, reduction, chunks):
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((12, 30))
    target = rng.random((12, 30)) if kind == "probabilities" else rng.integers(-1, 30, 12)
    options = {"weight": weight, "label_smoothing": smoothing, "reduction": reduction}
    options["ignore_index"] = -1
    lazily = lazy.cross_entropy_value_and_grad(
        da.from_array(logits, chunks=chunks), target, **options
    )
    expected = losses.cross_entropy_value_and_grad(logits, target, **options)
    # A dozen ulp, as in cross_entropy_shard, of terms p V - v with V up to 31.
    for found, right in zip(computed(*lazily), expected, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-14, atol=31e-15)


@pytest.mark.parametrize("chunks", [(4, 7), (12, 10), (5, 30)])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_grad_output_multiplies_the_gradient_and_not_the_loss(dtype, reduction, chunks):
    rng = np.random.default_rng(0)
    logits, target = rng.standard_normal((12, 30)).astype(dtype), rng.integers(-1, 30, 12)
    options = {"ignore_index": -1, "reduction": reduction}
    grad_output = rng.standard_normal(12) if reduction == "none" else np.float64(-3.7)
    lazily = da.from_array(logits, chunks=chunks)
    for grads in (grad_output, da.from_array(np.asarray(grad_output), chunks=5)):
        both = lazy.cross_entropy_value_and_grad(lazily, target, grad_output=grads, **options)
        loss, grad = computed(*both)
        alone, expected = (
            lazy.cross_entropy(lazily, target, **options).compute(),
            losses.cross_entropy_backward(grad_output, logits, target, **options),
        )
        np.testing.assert_array_equal(loss, alone)
        if chunks[1] == 30:
            np.testing.assert_array_equal(grad, expected)
        # A dozen ulp, as in every option, and where float16 rounds another number, one of its own.
        rtol = 1e-14 + (np.finfo(dtype).eps if dtype == np.float16 else 0)
        np.testing.assert_allclose(grad, expected, rtol=rtol, atol=31e-15)
        assert grad.dtype == dtype


@pytest.mark.parametrize("shape", [(4, 3), (3,)])
@pytest.mark.parametrize(("reduction", "wrong"), [("none", (2,)), ("mean", (4,)), ("sum", (1,))])
def test_grad_output_of_another_shape_is_refused_at_once(shape, reduction, wrong):
    logits, target = da.ones(shape, chunks=2), np.zeros(shape[:-1], int)
    with pytest.raises(ValueError, match=r"^grad_output: expected the shape"):
        lazy.cross_entropy_value_and_grad(
            logits, target, reduction=reduction, grad_output=da.ones(wrong)
        )


@pytest.mark.parametrize("chunks", [(4, 7), (5, 30)])
def test_the_labels_of_a_chunk_are_checked_once(monkeypatch, chunks):
    checked, outside = [], targets.outside

    def counted(labels, *others):
        checked.append(labels.size)
        return outside(labels, *others)

    monkeypatch.setattr(targets, "outside", counted)
    logits, target = da.ones((12, 30), chunks=chunks), np.arange(12)
    lazily = lazy.cross_entropy_value_and_grad(logits, target, weight=np.ones(30))
    dask.compute(*lazily, scheduler="sync")
    assert sorted(checked) == sorted(logits.chunks[0])


@pytest.mark.parametrize("chunks", [(100, 2), (100, 1)])
def test_losses_of_float16_are_summed_before_they_are_rounded(chunks):
    """A loss of log 2, in float16, is 0.6934: a thousand of them would be 693.5, and not 693."""
    logits, target = da.zeros((1000, 2), dtype=np.float16, chunks=chunks), np.zeros(1000, int)
    log_probs, weight = da.full((1000, 2), -1, dtype=np.float16, chunks=chunks), np.log([2.0, 2.0])
    sums = [
        lazy.cross_entropy(logits, target, reduction="sum"),
        lazy.nll_loss(log_probs, target, weight=weight, reduction="sum"),
    ]
    assert computed(*sums) == (693, 693)


@pytest.mark.parametrize("chunks", [(1, 3), (2, 1)])
@pytest.mark.parametrize("size", [1e308, 1e-308])
def test_weights_are_those_of_the_dtype_of_the_computation(size, chunks):
    logits, target = np.array([[0, 1, 2], [2, 0, 1]], np.float32), np.array([1, 2])
    weight = np.full(3, size)
    found = computed(
        *lazy.cross_entropy_value_and_grad(da.from_array(logits, chunks), target, weight=weight)
    )
    expected = losses.cross_entropy_value_and_grad(logits, target, weight=weight)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)  # inf, 0 and nan


@pytest.mark.parametrize("chunks", [(1, 3), (1, 1), (1, (2, 1))])
def test_a_confident_prediction_keeps_its_tails_in_any_chunks(chunks):
    """Of a log-probability, a loss and a gradient: 1 + q is 1 there."""
    logits, target = np.array([[80.0, 0.0, -1.0], [-40.0, 0.0, -60.0]]), np.array([0, 1])
    lazily = da.from_array(logits, chunks)
    both = lazy.cross_entropy_value_and_grad(lazily, target, reduction="none")
    found = computed(lazy.log_softmax(lazily), *both)
    both = losses.cross_entropy_value_and_grad(logits, target, reduction="none")
    for ours, theirs in zip(found, (losses.log_softmax(logits), *both), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)  # as in every option
    assert -3e-35 < found[0][0, 0] < -2e-35


@pytest.mark.parametrize("chunks", [(50, 3), (50, 2)])
def test_workers_are_those_of_the_call_or_of_set_workers_when_it_was_made(monkeypatch, chunks):
    started, thread = [], schedule.Thread

    def counted(**options):
        started.append(options)
        return thread(**options)

    monkeypatch.setattr(schedule, "Thread", counted)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 64)
    logits, target = da.ones((50, 3), chunks=chunks), np.zeros(50, int)
    with losses.set_workers(2):
        later = lazy.cross_entropy_value_and_grad(logits, target)
    ways = [(2, lazy.cross_entropy_value_and_grad(logits, target, workers=2)), (2, later)]
    ways += [(1, lazy.cross_entropy_value_and_grad(logits, target))]
    for workers, lazily in ways:
        started.clear()
        dask.compute(*lazily, scheduler="sync")
        assert bool(started) == (workers > 1)


# ---- what the graph is like ----------------------------------------------------------------------

ONE = np.ones(())
SHAPE, CHUNKS = (48, 600), (12, 60)


def made_in_chunks(shape=SHAPE, chunks=CHUNKS):
    """Return logits of which no task has more than one chunk."""

    def chunk(block_info=None):
        (rows, columns) = block_info[None]["array-location"]
        i, k = np.arange(*rows)[:, None], np.arange(*columns)
        return np.cos(3 * i + 7 * k).astype(np.float32)

    chunks = da.core.normalize_chunks(chunks, shape)
    return da.map_blocks(chunk, chunks=chunks, dtype=np.float32)


TARGET = np.arange(SHAPE[0]) * 11 % SHAPE[1]
LAZILY = {
    "softmax": lambda x: [lazy.softmax(x)],
    "log_softmax": lambda x: [lazy.log_softmax(x)],
    "nll_loss": lambda x: [lazy.nll_loss(x, TARGET)],
    "cross_entropy": lambda x: [lazy.cross_entropy(x, TARGET)],
    "one loss each": lambda x: [lazy.cross_entropy(x, TARGET, reduction="none")],
    "value and gradient": lambda x: lazy.cross_entropy_value_and_grad(x, TARGET),
    "of probabilities": lambda x: lazy.cross_entropy_value_and_grad(
        x, abs(made_in_chunks()), weight=np.ones(SHAPE[1])
    ),
}


def size(result):
    """Return the bytes of the arrays in what a task returned."""
    if isinstance(result, tuple | list):
        return sum(map(size, result))
    return result.nbytes if isinstance(result, np.ndarray) else 0


class Sizes(dask.callbacks.Callback):
    """The largest result of any task."""

    largest = 0

    def _posttask(self, _key, result, *_):
        self.largest = max(self.largest, size(result))


@pytest.mark.parametrize("make", LAZILY.values(), ids=LAZILY)
def test_no_task_holds_more_than_a_chunk_or_the_states_of_its_samples(make):
    lazily = [
        da.store(a, np.empty(a.shape), compute=False) if a.ndim else a
        for a in make(made_in_chunks())
    ]
    with Sizes() as sizes:
        dask.compute(*lazily, scheduler="sync", optimize_graph=False)
    chunk, state = 4 * CHUNKS[0] * CHUNKS[1], 80 * CHUNKS[0]
    assert chunk <= sizes.largest <= chunk + state < 4 * SHAPE[0] * SHAPE[1] / 10


def dependencies(lazily):
    """Return what each task of a graph needs."""
    return lazily.__dask_graph__().get_all_dependencies().values()


@pytest.mark.parametrize("make", LAZILY.values(), ids=LAZILY)
def test_no_task_takes_two_chunks_of_the_logits(make):
    logits = made_in_chunks()
    chunks = set(dask.core.flatten(logits.__dask_keys__()))
    needed = [chunks & keys for lazily in make(logits) for keys in dependencies(lazily)]
    assert chunks == set().union(*needed)
    assert max(map(len, needed)) == 1


def test_states_and_sums_are_merged_along_trees():
    logits = made_in_chunks((64, 64), (1, 1))
    assert max(map(len, dependencies(lazy.cross_entropy(logits, np.arange(64))))) <= 4


def test_nothing_is_computed_before_it_is_asked_for():
    def fail(_):
        raise RuntimeError("computed")

    logits = made_in_chunks().map_blocks(fail, meta=np.empty((0, 0), np.float32))
    (loss, _) = lazy.cross_entropy_value_and_grad(logits, TARGET)
    with pytest.raises(RuntimeError, match="computed"):
        loss.compute(scheduler="sync")


def test_each_chunk_is_read_once_for_value_and_gradient():
    read = []

    def reading(block, block_id=None):
        read.append(block_id)
        return block

    for chunks in (CHUNKS, (12, 600)):
        read.clear()
        logits = made_in_chunks(SHAPE, chunks).map_blocks(reading, dtype=np.float32, meta=ONE)
        dask.compute(*lazy.cross_entropy_value_and_grad(logits, TARGET), scheduler="sync")
        assert len(read) == len(set(read)) == logits.npartitions


# ---- arguments -----------------------------------------------------------------------------------


def test_what_is_no_dask_array_becomes_one():
    logits, target = [[1, 2, 0], [0, 0, 3]], [1, 0]
    expected = losses.cross_entropy(logits, target)
    assert lazy.cross_entropy(logits, target).compute() == expected
    assert lazy.cross_entropy(da.from_array(logits, chunks=(2, 1)), target).dtype == np.float64
    assert lazy.softmax(da.ones((), chunks=())).compute() == 1


def test_scores_without_samples_are_one():
    logits = da.from_array(np.array([1.0, 2.0, 0.5]), chunks=2)
    for reduction in ("none", "mean"):
        loss, grad = lazy.cross_entropy_value_and_grad(logits, 1, reduction=reduction)
        assert loss.shape == ()
        assert grad.chunks == ((2, 1),)
        np.testing.assert_allclose(loss, losses.cross_entropy([1.0, 2.0, 0.5], 1), rtol=1e-15)
    probabilities = np.array([0.5, 0.5, 0.0])
    found = lazy.cross_entropy(logits, probabilities)
    np.testing.assert_allclose(found, losses.cross_entropy([1.0, 2.0, 0.5], probabilities))


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"target": [0]}, ValueError, r"target: expected shape \(4,\)"),
        ({"target": np.zeros(4)}, TypeError, "target: expected integer class indices"),
        ({"target": np.zeros((4, 5))}, ValueError, "target: expected class probabilities"),
        ({"target": np.zeros((4, 6), int)}, ValueError, "one-hot"),
        ({"target": np.zeros((4, 6)), "ignore_index": 2}, ValueError, "ignore_index"),
        ({"ignore_index": 0.5}, TypeError, "ignore_index"),
        ({"weight": np.ones(5)}, ValueError, "weight"),
        ({"axis": 2}, ValueError, "axis"),
        ({"reduction": "average"}, ValueError, "reduction"),
        ({"label_smoothing": 1.5}, ValueError, "label_smoothing"),
        ({"workers": 0}, ValueError, "workers"),
        ({"logits": da.ones((4, 6), dtype=complex)}, TypeError, "logits"),
        ({"logits": da.ones(())}, ValueError, "logits"),
    ],
)
def test_what_shapes_and_options_tell_is_an_error_at_once(changes, error, words):
    arguments = {"logits": da.ones((4, 6), chunks=3), "target": [0, 1, 2, 3], **changes}
    logits, target = arguments.pop("logits"), arguments.pop("target")
    for function in (lazy.cross_entropy, lazy.cross_entropy_value_and_grad):
        with pytest.raises(error, match=words):
            function(logits, target, **arguments)


def test_the_other_functions_name_their_own_arguments():
    with pytest.raises(ValueError, match=r"axis 2 is out of bounds"):
        lazy.softmax(da.ones((2, 3)), 2)
    with pytest.raises(TypeError, match="x: expected real numbers"):
        lazy.log_softmax(da.ones((2, 3), dtype=complex))
    with pytest.raises(ValueError, match="log_probs of shape"):
        lazy.nll_loss(da.ones((2, 3)), [0])
    with pytest.raises(ValueError, match="reduction"):
        lazy.nll_loss(da.ones((2, 3)), [0, 1], reduction="average")


def test_special_logits_are_special_in_any_chunks():
    largest = np.finfo(float).max
    values = [0.0, 1.0, -np.inf, np.inf, np.nan, 1e300, largest, -largest]
    x = np.array([*itertools.product(values, repeat=3)])
    target = np.arange(len(x)) % 4 - 1
    options = {"ignore_index": -1, "reduction": "none"}
    for chunks in ((100, 1), (512, (1, 2)), (512, (2, 0, 1))):
        lazily = da.from_array(x, chunks=chunks)
        loss, grad = computed(*lazy.cross_entropy_value_and_grad(lazily, target, **options))
        expected = losses.cross_entropy_value_and_grad(x, target, **options)
        np.testing.assert_allclose(loss, expected[0], rtol=1e-14)
        np.testing.assert_allclose(grad, expected[1], rtol=1e-14, atol=1e-15)
        for name in ("softmax", "log_softmax"):
            (found,) = computed(getattr(lazy, name)(lazily))
            np.testing.assert_allclose(found, getattr(losses, name)(x), rtol=1e-14)


def test_a_mask_is_not_lost_and_a_weight_is_no_dask_array():
    masked = da.from_array(np.ma.masked_array(np.ones((2, 4)), mask=np.eye(2, 4)), chunks=(2, 2))
    for function in (lazy.softmax, lazy.log_softmax, lambda x: lazy.cross_entropy(x, [0, 1])):
        with pytest.raises(TypeError, match=r"^(x|logits): .*masked array"):
            function(masked)
    with pytest.raises(TypeError, match=r"weight: .*Dask array"):
        lazy.cross_entropy(da.ones((2, 4)), [0, 1], weight=da.ones(4))


@pytest.mark.parametrize("function", [lazy.softmax, lambda x: lazy.cross_entropy(x, [0, 1])])
def test_chunks_of_unknown_size_are_an_error_that_says_what_to_do(function):
    x = da.ones((4, 3), chunks=2)
    with pytest.raises(ValueError, match=r"known sizes, got .*nan.*compute_chunk_sizes"):
        function(x[da.ones(4, chunks=2) > 0])


@pytest.mark.parametrize("chunks", [(3, 4), (3, 2)])
@pytest.mark.parametrize("name", ["nll_loss", "cross_entropy"])
def test_a_label_outside_the_classes_says_which_chunk_it_is_in(name, chunks):
    target = [0, 1, 2, 3, 4, -100]
    function = getattr(lazy, name)
    for reduction in ("none", "mean"):
        lazily = function(da.ones((6, 4), chunks=chunks), target, reduction=reduction)
        words = r"1 of 3 labels outside \[0, 4\), .*\(1,\): 4; .*counted from \(3,\)"
        with pytest.raises(IndexError, match=words):
            lazily.compute(scheduler="sync")


def test_no_classes_and_no_samples():
    for shape, target in (((0, 3), np.empty(0, int)), ((2, 0), np.full(2, -100))):
        logits = da.ones(shape, chunks=2)
        loss, grad = computed(*lazy.cross_entropy_value_and_grad(logits, target))
        assert np.isnan(loss)
        assert grad.shape == shape
        assert (
            lazy.cross_entropy(logits, target, reduction="sum", weight=np.ones(shape[1])).compute()
            == 0
        )
    assert lazy.softmax(da.ones((2, 0))).compute().shape == (2, 0)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("shape", [(4, 0), (0, 3), (0, 0), (2, 3, 0), (4, 3)])
def test_probabilities_of_no_classes_or_samples_are_those_of_numpy(shape, reduction):
    logits = da.ones(shape, chunks=2)
    found = computed(
        *lazy.cross_entropy_value_and_grad(logits, np.ones(shape), reduction=reduction, axis=-1)
    )
    expected = losses.cross_entropy_value_and_grad(
        np.ones(shape), np.ones(shape), reduction=reduction, axis=-1
    )
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)  # as in every option
        assert ours.shape == theirs.shape


# ---- processes -----------------------------------------------------------------------------------


def test_a_worker_that_is_killed_changes_no_result(tmp_path):
    """A process of a real cluster dies, with what it holds, at its fourth chunk of logits."""
    marker = str(tmp_path / "killed")

    def fragile(block):
        import os
        import signal

        count = os.environ["CHUNKS"] = os.environ.get("CHUNKS", "") + "I"
        if count == "IIII":
            try:
                os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return block
            os.kill(os.getpid(), signal.SIGKILL)
        return block

    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((400, 300)), rng.integers(-1, 300, 400)
    logits = da.from_array(x, chunks=(100, 100)).map_blocks(fragile, meta=np.empty((0, 0)))
    options = {"ignore_index": -1, "label_smoothing": 0.1}
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
    ):
        loss, grad = dask.compute(*lazy.cross_entropy_value_and_grad(logits, target, **options))
        probabilities = abs(x)
        others = [
            lazy.softmax(logits),
            lazy.log_softmax(logits),
            lazy.nll_loss(logits, target, ignore_index=-1),
            lazy.cross_entropy(logits, probabilities),
        ]
        others = dask.compute(*others)
    assert (tmp_path / "killed").exists()
    expected_loss, expected_grad = losses.cross_entropy_value_and_grad(x, target, **options)
    # At most (4 + 4 k + max(m - x)) ulp with k = 2 and 300 additions, of terms of at most 1 / 400.
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-13)
    np.testing.assert_allclose(grad, expected_grad, rtol=1e-13, atol=1e-13 / 400)
    expected = [
        losses.softmax(x),
        losses.log_softmax(x),
        losses.nll_loss(x, target, ignore_index=-1),
        losses.cross_entropy(x, probabilities),
    ]
    for found, right in zip(others, expected, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-13)


@pytest.mark.parametrize("chunks", [4, 2])
def test_a_graph_does_not_change_with_the_arrays_it_was_made_of(chunks):
    arrays = {
        "logits": np.array([[1.0, 2.0, 0.5]] * 4),
        "target": np.array([0, 1, 2, 1]),
        "probs": np.full((4, 3), 0.25),
        "weight": np.array([1.0, 2.0, 3.0]),
        "ignore_index": np.array(2),
    }
    kept = {name: array.copy() for name, array in arrays.items()}

    def graphs(logits, target, probs, weight, ignore_index):
        cut = da.from_array(logits, chunks=(chunks, 3))
        return [
            lazy.cross_entropy(cut, target, weight=weight, ignore_index=ignore_index),
            lazy.cross_entropy(cut, probs, weight=weight),
            lazy.cross_entropy_value_and_grad(cut, target, weight=weight)[1],
            lazy.cross_entropy_value_and_grad(
                cut, target, reduction="none", grad_output=logits[:, 0]
            )[1],
            lazy.nll_loss(cut, target, weight=weight),
            lazy.log_softmax(cut),
        ]

    made = graphs(**arrays)
    for array in arrays.values():
        array[...] = 0
    for found, expected in zip(dask.compute(*made), dask.compute(*graphs(**kept)), strict=True):
        np.testing.assert_array_equal(found, expected)
