"""Panels: sums in one order in every layout, the others' sums, the largest class, and pieces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from tests.rooms.helpers import INF, NAN, assert_near, assert_same

import losses
from losses._core import blocks
from losses._core.class_sums import FEW_BYTES, LONG_BYTES, TALL
from losses._core.panel import Panel, inner

in_every_precision = pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
axes = pytest.mark.parametrize("axis", [0, 1])


def panel_of(rows, axis):
    """Return a panel of rows of classes that lie as they do in an array, with more beside it."""
    if axis:
        memory = rows.copy().reshape(-1)
        return Panel(memory.reshape(rows.shape), memory, rows.shape[1], rows=True)
    whole = np.full((rows.shape[1], len(rows) + 3), 7, rows.dtype)
    whole[:, 1:-2] = rows.T
    return Panel(whole[:, 1:-2], whole.reshape(-1)[1:], len(rows) + 3, rows=False)


def rows_of(panel):
    """Return a row of classes for each sample."""
    return panel.values if panel.rows else panel.values.T


def drawn(samples, classes, dtype):
    """Return rows of numbers of many sizes; of some a sum shows its order, or its first number."""
    rng = np.random.default_rng(samples * classes)
    rows = rng.standard_normal((samples, classes)) * 2.0 ** rng.integers(-9, 9, (samples, classes))
    rows[2::5] = -0.0
    rows[3::5, -1] = INF
    rows[4::5, 0] = NAN
    return rows.astype(dtype)


def in_two_orders(rows):
    """Return the even classes in order plus the odd ones in order."""
    even, odd = np.zeros((2, len(rows)), rows.dtype)
    for c in range(rows.shape[1]):
        (odd if c % 2 else even)[:] += rows[:, c]
    return even + odd


@in_every_precision
@axes
def test_a_sum_adds_its_classes_in_an_order_of_their_number_alone(axis, dtype):
    """Few classes are added in two orders, in whichever way; each row of many as it is alone."""
    few = FEW_BYTES // np.dtype(dtype).itemsize
    for classes in (1, 2, 3, 4, 9, few // 2, few - 1, few):
        for samples in (1, 2, 3, classes, TALL * classes, TALL * classes + 1, 20 * classes):
            rows = drawn(samples, classes, dtype)
            assert_same(panel_of(rows, axis).add(), in_two_orders(rows))


@in_every_precision
def test_a_row_of_many_classes_is_added_as_it_is_alone(dtype):
    few, long = (size // np.dtype(dtype).itemsize for size in (FEW_BYTES, LONG_BYTES))
    for classes in (few + 1, few + 2, 2 * few, long - 1, long, long + 1):
        rows = drawn(7, classes, dtype)
        alone = [panel_of(row[None], 1).add() for row in rows]
        assert_same(panel_of(rows, 1).add(), np.concatenate(alone))
        # n additions, in any order, of terms of one sign.
        rows = np.abs(rows[3:5])
        assert_near(panel_of(rows, 1).add(), rows.sum(axis=1), ulps=classes)


@in_every_precision
@axes
@pytest.mark.parametrize("samples", [1, 10, 3000])
def test_what_is_set_aside_is_0_and_the_others_sum_is_that_with_a_0(samples, axis, dtype):
    """Of few samples among many by a copy."""
    for classes in (1, 2, 5, 70):
        if classes * np.dtype(dtype).itemsize > FEW_BYTES and not axis:
            continue
        rows = drawn(samples, classes, dtype)
        for step in (1, 2, 9, samples):
            some = np.arange(samples)[::step]
            own = some % classes
            others = rows.copy()
            others[some, own] = 0
            panel = panel_of(rows, axis)
            found = panel.set_aside(some, panel.places(some, own))
            assert_same(found, (rows[some, own], panel_of(others[some], axis).add()))
            assert_same(rows_of(panel), others)


@in_every_precision
@axes
def test_the_largest_class_is_the_first_of_equal_ones_or_of_nan(axis, dtype):
    for classes in (1, 2, 3, 10, 16, 32, 64, 65, 300):
        if classes * np.dtype(dtype).itemsize > FEW_BYTES and not axis:
            continue
        rng = np.random.default_rng(classes)
        rows = rng.integers(0, 3, (40, classes)).astype(dtype)  # with many ties
        rows[3], rows[4] = -INF, INF
        rows[5, rng.integers(classes, size=2)] = NAN
        rows[6, -1] = NAN
        panel = panel_of(rows, axis)
        assert_same(panel.largest(), rows.argmax(axis=1))
        assert_same(panel.maxima(), rows.max(axis=1))


@in_every_precision
@axes
@pytest.mark.parametrize("samples", [1, 4, 900])
def test_samples_are_taken_out_and_put_back_with_a_memory_of_their_own(samples, axis, dtype):
    """Whose places are those of their entries, and which no other panel shares."""
    rows = np.arange(samples * 5).reshape(samples, 5).astype(dtype)
    for some in (np.arange(samples)[::2], np.arange(samples)[::-1], np.arange(0)):
        panel = panel_of(rows, axis)
        taken, classes = panel.some(some), some % 5
        assert_same(rows_of(taken), rows[some])
        own = np.arange(some.size)
        assert_same(taken.memory[taken.at(classes)], rows[some, classes])
        assert_same(taken.memory[taken.places(own, classes)], rows[some, classes])
        taken.memory[taken.at(classes)] = -1
        assert_same(rows_of(panel), rows)
        panel.put(some, taken)
        expected = rows.copy()
        expected[some, classes] = -1
        assert_same(rows_of(panel), expected)


@in_every_precision
@axes
def test_a_sum_of_products_leaves_out_what_has_a_mass_of_0(axis, dtype):
    """Even inf and nan: of one mass for all classes, one for each, and one for each entry."""
    for classes in (1, 3, 16, 17, 65, 600, 2100):
        if classes * np.dtype(dtype).itemsize > FEW_BYTES and not axis:
            continue
        rows = -np.abs(np.random.default_rng(classes).standard_normal((9, classes))).astype(dtype)
        rows[1, 0] = rows[2, -1] = -INF
        rows[3, 0] = NAN
        each = np.arange(classes, dtype=dtype) % 3
        panel = panel_of(rows, axis)
        spread = np.broadcast_to(each, rows.shape).copy()
        masses = [dtype(0), dtype(0.5), each, spread if axis else spread.T.copy()]
        for mass in map(np.asarray, masses):
            full = np.broadcast_to(mass if axis or mass.ndim < 2 else mass.T, rows.shape)
            with np.errstate(all="ignore"):
                products = np.where(full == 0, 0, rows * full)
                found = inner(panel, mass, np.empty_like(panel.values))
                # The products and their additions.
                assert_near(found, products.sum(axis=1), ulps=classes + 1)
                for i in range(9):
                    of_one = mass if mass.ndim < 2 else mass.take([i], axis=1 - axis)
                    one = panel_of(rows[i : i + 1], axis)
                    alone = inner(one, of_one, np.empty_like(one.values))
                    assert_same(found[i : i + 1], alone)


@in_every_precision
@axes
def test_a_sum_of_products_overflows_only_where_the_products_do(axis, dtype):
    """One mass for all classes, one for each, and one for each entry."""
    huge = np.finfo(dtype).max / 2
    for classes in (3, 4, 16, 65, 600):
        if classes * np.dtype(dtype).itemsize > FEW_BYTES and not axis:
            continue
        rows = np.full((5, classes), -huge, dtype)
        rows[1], rows[2, 0], rows[3, 0] = -1, -INF, NAN
        panel, share = panel_of(rows, axis), dtype(0.5) ** 11
        total = -huge * share * classes
        expected = np.array([total, -share * classes, -INF, NAN, total], dtype)
        masses = [np.asarray(share), np.full(classes, share), np.full_like(panel.values, share)]
        for mass in masses:
            with np.errstate(all="ignore"):
                found = inner(panel, mass, np.empty_like(panel.values))
            # The products, by a power of two, are exact, and each addition is a rounding.
            assert_near(found, expected, ulps=classes)


@given(array_shapes(min_dims=1, max_dims=4, max_side=6), st.integers(1, 40), st.integers(1, 20))
def test_pieces_are_the_samples_of_a_block_in_order_each_once(shape, room, smaller):
    order = np.arange(np.prod(shape)).reshape(shape)
    for block in blocks.cut(shape, room):
        if block.stop - block.start <= smaller:
            continue  # it is taken whole
        found = blocks.cut_block(block, shape, smaller)
        samples = [order[piece.at].reshape(-1).tolist() for piece in found]
        assert samples == [list(range(piece.start, piece.stop)) for piece in found]
        assert [i for some in samples for i in some] == list(range(block.start, block.stop))
        assert all(len(some) <= smaller for some in samples)


# Shapes whose blocks end in the middle of a leading axis, of rows and of images.
SHAPES = [(50, 3), (7, 5, 3), (3, 4, 3, 3), (2, 3, 40), (3, 3, 5, 7), (5, 3, 2, 2), (4, 70, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("axis", [1, -1])
@pytest.mark.parametrize("size", [64, 512, 2048])
def test_one_worker_and_several_have_the_same_bits_in_blocks_of_any_size(
    size, axis, shape, monkeypatch
):
    """One works on halves of blocks; a mean adds the blocks' sums all the same."""
    rng = np.random.default_rng(5)
    logits = 10 * rng.standard_normal(shape)
    classes = shape[axis]
    target = rng.integers(0, classes, np.delete(shape, axis))
    probs = rng.random(shape)
    alone = losses.cross_entropy_value_and_grad(logits, target, axis=axis, reduction="none")
    monkeypatch.setattr(blocks, "BLOCK_BYTES", size)
    for reduction in ("none", "mean", "sum"):
        for labels in (target, probs):
            options = {"axis": axis, "reduction": reduction}
            one, *more = (
                losses.cross_entropy_value_and_grad(logits, labels, workers=workers, **options)
                for workers in (1, 2, 3)
            )
            for several in more:
                assert_same(several, one)
            assert_same(losses.cross_entropy(logits, labels, **options), one[0])
            if labels is target and reduction == "none":
                assert_same(one, alone)
