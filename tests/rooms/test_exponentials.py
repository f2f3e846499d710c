"""The exponentials of logits: when they are shifted or scaled, and that nothing is lost by it."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from tests.accuracy import exact
from tests.rooms.helpers import INF, NAN, assert_near, assert_same, dtypes
from tests.rooms.test_panels import axes, in_every_precision, panel_of, rows_of

import losses
from losses._activations.exponentials import HALF, LARGE, RANGES, Sums, exponentials, logs


def limits(dtype):
    """Return the moderate range of a dtype, and the largest number with a finite exponential."""
    found = RANGES[np.dtype(dtype).char]
    return found.low, found.high, found.power, found.largest


def rows_about_the_borders(classes, dtype):
    """Return rows on both sides of every border, one after the other, and special ones."""
    low, high, _, largest = limits(dtype)
    tops = [0, 1, -1, 30, -30, NAN, INF, -INF, np.finfo(dtype).max, np.finfo(dtype).min]
    for border in (np.log(low), np.log(low / classes), np.log(low / classes) - 1, np.log(high)):
        for gap in (0, 0.01, 0.3, 0.7, 1, 1.5):
            tops += [border - gap, border + gap]
    for border in (
        np.log(low),
        np.log(high),
        np.log(low / classes),
        np.log(low / classes) - 1,
        largest,
    ):
        border = dtype(border)
        tops += [np.nextafter(border, dtype(-INF)), border, np.nextafter(border, dtype(INF))]
    tops += [largest + 1, -largest, -largest - 20]
    gaps = np.random.default_rng(classes).exponential(3, (2, len(tops), classes))
    gaps[0], gaps[1, :, :-1] = 0, gaps[1, :, :-1] + 2  # equal logits, and one far ahead
    gaps[1, :, -1] = 0
    rows = (np.asarray(tops, dtype)[:, None] - gaps.astype(dtype)).reshape(-1, classes)
    rows[np.isnan(rows)] = 0  # inf - inf
    rows[5] = NAN
    rows[5 + len(tops), 0] = NAN
    rows[6], rows[6 + len(tops), 0] = INF, INF
    return rows


def exponentials_of(rows, axis):
    """Return the exponentials, and the sum, shift and power of each sample."""
    x, e, spare = (panel_of(rows, axis) for _ in range(3))
    with np.errstate(all="ignore"):
        total, shift, power = exponentials(x, e, spare)
    shift = np.zeros_like(total) if shift is None else shift + 0
    power = np.zeros(total.shape, int) if power is None else power
    return rows_of(e), total, shift, power


def as_defined(row, dtype):
    """Return the shift and the power of one sample."""
    low, high, power, largest = limits(dtype)
    with np.errstate(all="ignore"):
        total = panel_of(np.exp(row)[None], 1).add()[0]
    if low <= total <= high:
        return 0, 0
    if 0 <= row.max() <= largest:
        return 0, power
    return np.rint(row.max()) + 0, 0


@in_every_precision
@axes
@pytest.mark.parametrize("classes", [1, 2, 10, 16])
def test_a_sum_becomes_moderate_in_a_way_that_depends_on_the_sample_alone(classes, axis, dtype):
    """In small panels and in large ones, which look ahead, whichever sample is the first."""
    rows = rows_about_the_borders(classes, dtype)
    alone = [exponentials_of(row[None], axis) for row in rows]
    expected = tuple(map(np.concatenate, zip(*alone, strict=True)))
    shifts, powers = zip(*(as_defined(row, dtype) for row in rows), strict=True)
    assert_same(expected[2], np.array(shifts, dtype))
    assert_same(expected[3], np.array(powers))
    low, high, *_ = limits(dtype)
    moderate = (low <= expected[1]) & (expected[1] <= high)
    assert_same(moderate, np.isfinite(rows.max(axis=1)))
    assert_same(exponentials_of(rows, axis), expected)
    often = np.tile(np.arange(len(rows)), 1 + LARGE // rows.size)
    assert often.size * classes > LARGE
    for first in range(0, len(rows), 3):
        some = np.concatenate([[first], often])
        found = exponentials_of(rows[some], axis)
        assert_same(found, tuple(of[some] for of in expected))


@in_every_precision
def test_the_logarithm_of_a_sum_is_two_numbers_that_keep_its_digits(dtype):
    """Of the moderate sums, and of scaled ones: the error is of log 2, not of the logarithm.

    In float32 it is that of a float64 that is cut in two, 48 bits.
    """
    low, high, power, _ = limits(dtype)
    rng = np.random.default_rng(9)
    exponents = rng.uniform(np.log2(low), np.log2(high), 300).astype(dtype)
    total = np.concatenate([np.exp2(exponents), [low, 1 - low / 2, 1, 1 + low, 2, high]])
    total = total.astype(dtype)
    eps = float(np.finfo(dtype).eps)
    for powers in (None, np.where(np.arange(total.size) % 2, power, 0)):
        found = exact_sum(*logs(Sums(total, None, powers)))
        for i, (one, entry) in enumerate(zip(total, found, strict=True)):
            with localcontext(prec=60):
                scale = 0 if powers is None else int(powers[i])
                numerator, denominator = one.as_integer_ratio()
                log = (Decimal(numerator) / denominator).ln() + scale * Decimal(2).ln()
                # Half an ulp of low, below half an ulp of high; and the errors of log, below 1,
                # and of LN2_REST, which is cut, times an exponent.
                bound = abs(log) * Decimal(2.0**-47) if dtype is np.float32 else Decimal(2 * eps)
                assert abs(entry - log) <= bound


def exact_sum(high, low):
    """Return the sums of two arrays as decimals."""
    with localcontext(prec=60):
        return [
            sum(Decimal(n) / d for n, d in (a.as_integer_ratio(), b.as_integer_ratio()))
            for a, b in zip(high, low, strict=True)
        ]


# Logits on both sides of each border of the moderate range of sums, from log(1/4) to log(2**100)
# or log(2**800), and of finite exponentials; whole numbers, so that a gap is exact.
TOPS = {
    np.float32: [-200, -104, -50, -3, -2, -1, 0, 10, 63, 68, 69, 70, 87, 88, 89, 90, 1000],
    np.float64: [-800, -745, -50, -3, -2, -1, 0, 10, 300, 553, 554, 555, 708, 709, 710, 711, 9000],
}
GAPS = [0, 1, 4, 20, 43, 80]


def wide_softmax(gap):
    """Return softmax and its logarithm of (0, -gap), with digits to spare."""
    with localcontext(prec=400):
        p = exact.softmax([Decimal(0), Decimal(-gap)])
        return p, [x.ln() for x in p]


@dtypes
@pytest.mark.parametrize("gap", GAPS)
def test_a_whole_number_more_in_every_logit_changes_no_more_than_roundings(gap, dtype):
    """Tiny probabilities keep their digits too, on both sides of every border."""
    x = np.array([[top, top - gap] for top in TOPS[dtype]], dtype)
    p, log_p = (np.array(of, float).astype(dtype) for of in wide_softmax(gap))
    assert_near(losses.softmax(x), np.tile(p, (len(x), 1)))
    assert_near(losses.log_softmax(x), np.tile(log_p, (len(x), 1)))
    assert_near(losses.logsumexp(x), (x[:, 0] - log_p[0]).astype(dtype))
    for label in (0, 1):
        loss, grad = losses.cross_entropy_value_and_grad(
            x, np.full(len(x), label), reduction="none"
        )
        assert_near(loss, np.tile(-log_p[label], len(x)))
        sign = np.array([-1, 1]) if label == 0 else np.array([1, -1])
        assert_near(grad, np.tile(sign * p[1 - label], (len(x), 1)))
    for target, other in ((0.25, 0.75), (1.0, 0.0)):
        loss = losses.cross_entropy(x, np.tile(np.array([target, other], dtype), (len(x), 1)))
        assert_near(loss, dtype(-(target * log_p[0] + other * log_p[1])))
    loss = losses.cross_entropy(x, np.zeros(len(x), int), label_smoothing=0.5)
    assert_near(loss, dtype(-(0.75 * log_p[0] + 0.25 * log_p[1])))


@dtypes
@pytest.mark.parametrize("gap", GAPS)
def test_a_gradient_upstream_of_any_size_keeps_its_digits(gap, dtype):
    """From the smallest number to the largest, one for all samples or one for each."""
    info = np.finfo(dtype)
    x = np.array([[top, top - gap] for top in TOPS[dtype]], dtype)
    labels = np.arange(len(x)) % 2
    p, _ = wide_softmax(gap)
    steps = [0, 20, 26, 27, 60, 100, 126, 140, 149, 220, 222, 223, 500, 1000, 1022, 1060, 1074]
    sizes = [dtype(2) ** -n for n in steps if n <= -info.minexp + info.nmant]
    sizes += [info.max / 2, info.max / 4, info.max / 8]
    every = [(size, np.full(len(x), size)) for size in sizes]
    every += [(None, np.resize([*sizes, 0, *-np.array(sizes[::-1])], len(x)))]
    for size, each in every:
        each = each.astype(dtype)
        found = [losses.logsumexp_backward(each, x)]
        found.append(losses.cross_entropy_backward(each, x, labels, reduction="none"))
        if size is not None:
            found.append(losses.cross_entropy_backward(size, x, labels, reduction="sum"))
        for i, grads in enumerate(found):
            for g, label, got in zip(each, labels, grads, strict=True):
                share = p if not i else [p[1 - label] * (-1 if c == label else 1) for c in (0, 1)]
                with localcontext(prec=60):
                    for one, entry in zip(share, got, strict=True):
                        right = Decimal(float(g)) * one
                        # 8 ulp, or a rounding of each of three products below the normal numbers.
                        bound = 8 * abs(right) * Decimal(float(info.eps))
                        bound += 2 * Decimal(float(info.smallest_subnormal))
                        assert abs(Decimal(float(entry)) - right) <= bound


@dtypes
def test_a_tiny_gradient_of_another_sample_changes_no_bit(dtype):
    info = np.finfo(dtype)
    rng = np.random.default_rng(4)
    x = rng.uniform(0, 60, (30, 3)).astype(dtype)
    grads = rng.standard_normal(30).astype(dtype)
    grads[::3] *= info.smallest_normal
    grads[1::9] = 0
    labels = rng.integers(0, 3, 30)
    whole = losses.logsumexp_backward(grads, x)
    at_labels = losses.cross_entropy_backward(grads, x, labels, reduction="none")
    for i in range(30):
        g, one, label = (of[i : i + 1] for of in (grads, x, labels))
        assert_same(losses.logsumexp_backward(g, one), whole[i : i + 1])
        alone = losses.cross_entropy_backward(g, one, label, reduction="none")
        assert_same(alone, at_labels[i : i + 1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_of_two_classes_with_about_half_each_at_most_one_has_more(dtype):
    """Ties, and p on both sides of 1/2 and of what counts as more; the identity too."""
    threshold = HALF[np.dtype(dtype).char]
    # log p = -log1p(exp(-d)) is the threshold at d.
    border = dtype(-np.log(np.expm1(-threshold)))
    steps = np.arange(-200, 201)
    gaps = [0.0, np.finfo(dtype).eps, 1e-3, -1e-3, 0.1, 0.3, 0.5, 1.0]
    d = np.concatenate([border + steps * np.spacing(border), np.array(gaps, dtype)])
    x = np.stack([d, np.zeros_like(d)], 1)
    log_p = -np.log1p(np.exp(-x @ np.array([[1, -1], [-1, 1]], dtype)))
    found = losses.log_softmax(x)
    assert_near(found, log_p)
    target = np.zeros(len(d), int)
    loss, grad = losses.cross_entropy_value_and_grad(x, target, reduction="none")
    assert_same(loss, 0 - found[:, 0])
    p = np.exp(log_p[:, 1])
    assert_near(grad, np.stack([-p, p], 1))
    half = np.full_like(x, 0.5)
    loss, grad = losses.cross_entropy_value_and_grad(x, half, reduction="none")
    assert_near(loss, -log_p.mean(1))
    # A difference of two halves.
    assert_near(grad, np.exp(log_p) - half, scale=1)
    options = {"reduction": "none", "label_smoothing": 0.5}
    assert_near(losses.cross_entropy(x, target, **options), -log_p @ np.array([0.75, 0.25], dtype))


@dtypes
@pytest.mark.parametrize("samples", [3, 3000])
def test_a_mass_of_nothing_costs_0_and_hides_no_nan(samples, dtype):
    """Whether the mass is one of probabilities or of smoothed labels without weight."""
    x = np.random.default_rng(2).standard_normal((samples, 3)).astype(dtype)
    with_nan = x.copy()
    with_nan[1, 0] = with_nan[-1, 2] = NAN
    smoothed = {"weight": np.zeros(3), "label_smoothing": 0.5}
    for logits in (x, with_nan):
        expected = np.where(np.isnan(logits).any(1), NAN, 0).astype(dtype)
        for target, options in ((np.zeros_like(x), {}), (np.zeros(samples, int), smoothed)):
            loss = losses.cross_entropy(logits, target, reduction="none", **options)
            assert_same(loss, expected)


@dtypes
def test_what_smoothing_leaves_to_a_sure_class_costs_its_tail(dtype):
    """Where no other class weighs anything."""
    x = np.array([[100, 20], [83, 3], [0, -80], [300, 220]], dtype)
    options = {"weight": np.array([1.0, 0.0]), "label_smoothing": 0.5, "reduction": "none"}
    tail = np.exp(dtype(-80))
    loss, grad = losses.cross_entropy_value_and_grad(x, np.zeros(4, int), **options)
    # The label's share 1/2 and half of what is spread, each of weight 1.
    assert_near(loss, np.full(4, 0.75 * tail, dtype))
    assert_near(grad, np.tile(np.array([-0.75, 0.75], dtype) * tail, (4, 1)))
