"""The same bits: composed or fused, alone or in any batch, in any layout, on any workers."""

import numpy as np
import pytest
from tests.layouts import LAYOUTS, same_bits, unaligned
from tests.rooms.helpers import CALLS, INF, LOSSES, NAN, assert_same, call, dtypes, evaluate, takes

import losses
from losses._core import blocks, panels, schedule

classes = pytest.mark.parametrize("classes", [1, 2, 3, 10, 100, 200, 1000])
reductions = pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
layouts = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())

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
    return [{}, {"weight": weight}, {"weight": weight, "label_smoothing": 0.1}]


def one_hot(labels, classes, axis=-1):
    """Return labels as probabilities, all 0 for an ignored one."""
    return np.moveaxis((np.arange(classes) == labels[..., None]).astype(float), -1, axis)


@dtypes
@classes
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_cross_entropy_is_nll_of_log_softmax(axis, classes, dtype):
    logits, labels = problem(classes, dtype)
    logits = np.moveaxis(logits.reshape(2, 7, classes), -1, axis)
    labels = labels.reshape(2, 7)
    for layout in (np.copy, np.asarray, *LAYOUTS.values()):
        x = layout(logits)
        for weight in (None, np.linspace(-1, 2, classes)):
            options = {"weight": weight, "axis": axis, "reduction": "none"}
            composed = losses.nll_loss(losses.log_softmax(x, axis), labels, **options)
            assert_same(losses.cross_entropy(x, labels, **options), composed)


@dtypes
@classes
@reductions
def test_value_and_grad_is_the_value_and_the_gradient(reduction, classes, dtype):
    logits, labels = problem(classes, dtype)
    for layout in (np.asarray, *LAYOUTS.values()):
        x = layout(logits)
        for target in (labels, one_hot(labels, classes)):
            for some in all_options(classes):
                options = {"reduction": reduction, **some}
                value = losses.cross_entropy(x, target, **options)
                gradient = losses.cross_entropy_backward(np.ones_like(value), x, target, **options)
                both = losses.cross_entropy_value_and_grad(x, target, **options)
                assert_same(both, (value, gradient))


@dtypes
@reductions
def test_the_binary_value_and_grad_is_the_value_and_the_gradient(reduction, dtype):
    name = "binary_cross_entropy_with_logits"
    logits, _ = problem(10, dtype)
    target = np.linspace(0, 1, logits.size).reshape(logits.shape)
    for layout in (np.asarray, *LAYOUTS.values()):
        for weight in (None, np.linspace(0, 2, 10)):
            arguments = {
                "logits": layout(logits),
                "target": target,
                "weight": weight,
                "pos_weight": weight,
                "reduction": reduction,
            }
            value = call(name, **arguments)
            gradient = call(f"{name}_backward", grad_output=np.ones_like(value), **arguments)
            assert_same(call(f"{name}_value_and_grad", **arguments), (value, gradient))


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
def test_a_sample_alone_is_the_sample_in_any_batch_at_any_position(classes, dtype):
    logits, labels = problem(classes, dtype)
    whole = of_samples(logits, labels)
    for part in (*range(ROWS), *PARTS):
        assert_same(of_samples(logits[part], labels[part]), tuple(of[part] for of in whole))


@dtypes
@classes
@layouts
def test_the_layout_of_the_logits_changes_no_bit_of_a_sample(layout, classes, dtype):
    logits, labels = problem(classes, dtype)
    assert_same(of_samples(layout(logits), layout(labels)), of_samples(logits, labels))


@dtypes
@classes
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_place_of_the_class_axis_changes_no_bit_of_a_sample(axis, classes, dtype):
    logits, labels = problem(classes, dtype)
    whole = tuple(of.reshape(2, 7, *of.shape[1:]) for of in of_samples(logits, labels))
    moved = np.moveaxis(logits.reshape(2, 7, classes), -1, axis)
    for same in (moved, moved.copy()):
        assert_same(of_samples(same, labels.reshape(2, 7), axis), whole)


def of_entries(x, target):
    """Return all that belongs to the entries of pairs."""
    probs, none = losses.sigmoid(x), {"reduction": "none"}
    ones = np.ones_like(x)
    return (
        probs,
        losses.sigmoid_backward(ones, probs),
        losses.log_sigmoid(x),
        losses.log_sigmoid_backward(ones, x),
        losses.binary_cross_entropy(probs, target, **none),
        losses.binary_cross_entropy_backward(ones, probs, target, **none),
        *losses.binary_cross_entropy_with_logits_value_and_grad(x, target, **none),
        losses.mse_loss(x, target, **none),
        losses.mse_loss_backward(ones, x, target, **none),
        losses.l1_loss(x, target, **none),
        losses.l1_loss_backward(ones, x, target, **none),
    )


@dtypes
def test_an_entry_alone_is_the_entry_in_any_batch_in_any_layout(dtype):
    rng = np.random.default_rng(0)
    x = np.array([*(10 * rng.standard_normal(67)), 80, -80, INF, -INF], dtype)
    target = rng.random(x.size).astype(dtype)
    whole = of_entries(x, target)
    for part in (*range(x.size), *PARTS):
        assert_same(of_entries(x[part], target[part]), tuple(of[part] for of in whole))
    for layout in LAYOUTS.values():
        assert_same(of_entries(layout(x), layout(target)), whole)


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


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in takes("axis")])
def test_the_default_of_workers_changes_no_bit_of_a_sum_over_entries(name):
    x, target = np.random.default_rng(2).random((2, 100_000))
    sums = []
    for workers in (1, 2, 3):
        with losses.set_workers(workers):
            sums.append(evaluate(name, x, target, reduction="sum"))
    assert_same(sums[1], sums[0])
    assert_same(sums[2], sums[0])


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
