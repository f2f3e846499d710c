"""cross_entropy: scores against labels or class probabilities, smoothed or not; its gradient.

What it shares with nll_loss (weights, ignored labels, means over nothing) is tested there.
"""

import math

import numpy as np
import pytest
from tests.rooms.helpers import (
    INF,
    NAN,
    assert_near,
    assert_same,
    bad_rows,
    dtypes,
    reduced,
)

from losses import (
    cross_entropy,
    cross_entropy_backward,
    cross_entropy_shard,
    cross_entropy_value_and_grad,
)

PROBS = np.array([[1, 2, 5], [4, 3, 1], [1, 1, 6]]) / 8
# Any shift of a row of log-probabilities gives the same softmax.
LOGITS = np.log(PROBS) + np.array([[1], [-1], [0]])
LABELS = np.array([2, 0, 1])
WEIGHT = np.array([1.0, 2.0, 4.0])
MIXED = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.5, 1.0, 0.75]])  # the last sums to 2.25

smoothings = pytest.mark.parametrize("label_smoothing", [0, 0.1, 0.5, 1])
weights = pytest.mark.parametrize("weight", [np.ones(3), WEIGHT, np.array([0, 1, -0.5])], ids=str)
splits = pytest.mark.parametrize("times", [1, 100])
targets = pytest.mark.parametrize("target", [LABELS, MIXED], ids=["labels", "probabilities"])


@pytest.mark.parametrize(
    ("logits", "target", "published", "digits"),
    [([1, 2, 0.5], 1, 0.46, 2), ([[10, 3, 1], [-1, 0, -4]], [1, 2], 5.6638, 4)],
)
def test_published_values(logits, target, published, digits):
    # Published numbers are right to half a unit of their last digit.
    assert abs(cross_entropy(logits, target) - published) <= 0.5 * 10**-digits


def split(probs, times):
    """Return probabilities of so many times the classes."""
    return np.repeat(probs / times, times, axis=-1)


def assert_formula(target, q, weights, dtype, **options):
    """Assert that losses are -sum w q' log p, gradients p sum(w q') - w q', and their means."""
    smoothing = options["label_smoothing"]
    cost = options["weight"] * ((1 - smoothing) * q + smoothing / q.shape[-1])
    probs = split(PROBS, q.shape[-1] // 3)
    loss = -np.sum(cost * np.log(probs), -1)
    grad = probs * cost.sum(-1, keepdims=True) - cost
    logits = np.log(probs).astype(dtype)
    for reduction, value, divisor in reduced(loss, weights):
        found = cross_entropy_value_and_grad(logits, target, reduction=reduction, **options)
        # Terms of up to 64 may cancel: w log p, divided by 1/2.
        assert_near(found[0], value, scale=64)
        assert_near(found[1], grad / divisor, scale=64)


@dtypes
@weights
@smoothings
@splits
def test_smoothed_labels_are_probabilities_averaged_over_the_weights_of_the_labels(
    times, label_smoothing, weight, dtype
):
    options = {"weight": np.repeat(weight, times), "label_smoothing": label_smoothing}
    q = np.eye(3 * times)[LABELS * times]
    assert_formula(LABELS * times, q, weight[LABELS].sum(), dtype, **options)


@dtypes
@weights
@smoothings
@splits
def test_class_probabilities_are_averaged_over_the_samples_whatever_the_weights(
    times, label_smoothing, weight, dtype
):
    options = {"weight": np.repeat(weight, times), "label_smoothing": label_smoothing}
    q = split(MIXED, times)
    assert_formula(q, q, 3, dtype, **options)


def test_class_probabilities_of_images_are_averaged_over_every_pixel():
    images = [np.tile(rows, (2, 5, 1, 1)) for rows in (LOGITS, MIXED)]
    expected = cross_entropy(LOGITS, MIXED)
    assert_near(cross_entropy(*images, axis=-1), expected)
    assert_near(cross_entropy(*(np.moveaxis(image, -1, 1) for image in images)), expected)


@targets
def test_one_row_without_a_batch_is_a_batch_of_one(target):
    row, batch = (
        cross_entropy_value_and_grad(LOGITS[at], target[at], weight=WEIGHT) for at in (0, [0])
    )
    assert_same(row, (batch[0], batch[1][0]))


@dtypes
@pytest.mark.parametrize("classes", [4, 41, 701])
def test_smoothing_costs_a_share_of_numbers_whose_sum_is_out_of_range(classes, dtype):
    """Of shards of the classes too."""
    logits = np.full((1, classes), -np.finfo(dtype).max / 4, dtype)
    logits[0, 2] = np.finfo(dtype).max / 4
    gap = logits[0, 2] - logits[0, 0]
    # Of an eighth that is spread over the classes, all but one cost the gap.
    expected = np.array([gap / 8 * (1 - dtype(1) / classes)])
    options = {"label_smoothing": 0.125}
    loss, _ = cross_entropy_value_and_grad(logits, [2], reduction="none", **options)
    shard = cross_entropy_shard(logits, [2], first_class=0, classes=classes, **options)
    for found in (loss, shard.losses):
        assert_near(found, expected, ulps=classes)  # a rounding for each addition


@dtypes
def test_masses_that_are_infinite_together_cost_inf(dtype):
    """Whatever the sign of what log S leaves out: a fourth of the range for each of 8 classes."""
    logits = np.random.default_rng(3).standard_normal((50, 8)).astype(dtype)
    weight = np.full(8, np.finfo(dtype).max / 4)
    for spread in (1, 40):
        target = np.ones_like(logits)
        loss = cross_entropy(spread * logits, target, weight=weight, reduction="none")
        assert_same(loss, np.full(50, INF, dtype))


@smoothings
def test_an_ignored_row_is_not_smoothed_either(label_smoothing):
    logits, target, seen = LOGITS.copy(), LABELS.copy(), [0, 2]
    logits[1], target[1] = NAN, -100
    options = {"weight": WEIGHT, "label_smoothing": label_smoothing}
    loss, grad = cross_entropy_value_and_grad(logits, target, **options)
    alone, grad_alone = cross_entropy_value_and_grad(LOGITS[seen], LABELS[seen], **options)
    assert_near(loss, alone)
    assert_near(grad[seen], grad_alone)
    assert (grad[1] == 0).all()
    assert cross_entropy(logits, target, reduction="none", **options)[1] == 0


def test_where_every_weight_seen_is_0_the_smoothed_mean_and_its_gradient_are_nan_too():
    options = {"weight": [0, 1, 0], "label_smoothing": 0.1}
    loss, grad = cross_entropy_value_and_grad(LOGITS, [2, 0, -100], **options)
    assert np.isnan(loss)
    assert np.isnan(grad[:2]).all()
    assert (grad[2] == 0).all()


@smoothings
def test_samples_cost_nothing_where_there_is_no_class(label_smoothing):
    options = {"label_smoothing": label_smoothing}
    for target in (np.full(2, -100), np.zeros((2, 0))):
        loss, grad = cross_entropy_value_and_grad(
            np.zeros((2, 0)), target, reduction="none", **options
        )
        assert_same((loss, grad), (np.zeros(2), np.zeros((2, 0))))


@pytest.mark.parametrize("target", [0, [1.0, 0.0]], ids=["label", "probabilities"])
def test_label_smoothing_is_as_exact_as_the_logits(target):
    """Of two equal classes the gradient is half of what the label has more than the other."""
    epsilon = np.longdouble(0.1)
    options = {"label_smoothing": 0.1}
    gradient = cross_entropy_backward(1, np.zeros(2, np.longdouble), target, **options)
    half = (1 - epsilon) / 2
    assert_near(gradient, np.array([-half, half]))


@pytest.mark.parametrize(("reduction", "grad_output"), [("none", [2, 3, 5]), ("mean", 7)])
@targets
def test_the_upstream_gradient_multiplies_the_gradient(target, reduction, grad_output):
    options = {"weight": WEIGHT, "label_smoothing": 0.1, "reduction": reduction}
    gradient = cross_entropy_backward(grad_output, LOGITS, target, **options)
    unit = cross_entropy_value_and_grad(LOGITS, target, **options)[1]
    # A difference p V - v, in which V is at most the sum of the weights.
    scale = np.max(grad_output) * np.sum(WEIGHT)
    assert_near(gradient, unit * np.reshape(grad_output, (-1, 1)), scale=scale)


@pytest.mark.parametrize("shift", [1e8, -1e8, 1e30])
@pytest.mark.parametrize("target", [[0], [[1.0, 0.0]]], ids=["label", "probabilities"])
def test_a_shift_changes_nothing(target, shift):
    loss, grad = cross_entropy_value_and_grad(np.full((1, 2), shift, np.float32), target)
    assert_near(loss, math.log(2))
    assert_near(grad, [[-0.5, 0.5]])


@dtypes
def test_the_largest_finite_gap_is_an_infinite_one(dtype):
    top = np.finfo(dtype).max
    loss, grad = cross_entropy_value_and_grad(
        np.array([[top, -top], [-top, top]]), [0, 0], reduction="none"
    )
    assert_same(loss, np.array([0, INF], dtype))
    np.testing.assert_array_equal(grad, [[0, 0], [-1, 1]])


@bad_rows
@smoothings
@pytest.mark.parametrize("kind", ["labels", "probabilities"])
def test_a_row_of_minus_infinities_or_with_inf_or_nan_is_nan_alone(kind, label_smoothing, bad):
    logits = np.log(split(PROBS, len(bad) // 3))
    target = LABELS if kind == "labels" else split(MIXED, len(bad) // 3)
    options = {"label_smoothing": label_smoothing, "reduction": "none"}
    loss, grad = cross_entropy_value_and_grad(logits, target, **options)
    logits[1], loss[1], grad[1] = bad, NAN, NAN
    assert_same(cross_entropy_value_and_grad(logits, target, **options), (loss, grad))


@pytest.mark.parametrize("bad", [INF, -INF, NAN])
@pytest.mark.parametrize("target", [0, [1.0]], ids=["label", "probabilities"])
def test_a_single_class_hides_no_infinity_or_nan(target, bad):
    loss, grad = cross_entropy_value_and_grad([bad], target)
    assert np.isnan(loss)
    assert np.isnan(grad).all()


# Logits with odds of 1 to 0 to 3, the target, the options, the loss and the gradient.
IMPOSSIBLE = {
    "off the label": (0, {}, math.log(4), [-0.75, 0, 0.75]),
    "at the label": (1, {}, INF, [0.25, -1, 0.75]),
    "at a label of weight 0": (1, {"weight": [1, 0, 1]}, 0, [0, 0, 0]),
    "smoothed": (0, {"label_smoothing": 0.75}, INF, [-0.25, -0.25, 0.5]),
    "smoothed with weight 0": (
        0,
        {"label_smoothing": 0.75, "weight": [1, 0, 1]},
        math.log(4) / 2 + math.log(4 / 3) / 4,
        [0.75 / 4 - 0.5, 0, 0.75 * 0.75 - 0.25],
    ),
    "at a probability of 0": ([1.0, 0.0, 0.0], {}, math.log(4), [-0.75, 0, 0.75]),
    "at a probability": ([0.5, 0.5, 0.0], {}, INF, [-0.25, -0.5, 0.75]),
    "at a probability of weight 0": (
        [0.5, 0.5, 0.0],
        {"weight": [1, 0, 1]},
        math.log(4) / 2,
        [-0.375, 0, 0.375],
    ),
}


@dtypes
@pytest.mark.parametrize(
    ("target", "options", "loss", "grad"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys()
)
def test_an_impossible_class_costs_infinity_unless_it_counts_0(target, options, loss, grad, dtype):
    logits = np.array([0, -INF, math.log(3)], dtype)
    found = cross_entropy_value_and_grad(logits, target, reduction="sum", **options)
    assert_near(found[0], loss)
    assert_near(found[1], np.array(grad))


def test_the_mean_of_seventy_thousand_rows_of_float16_is_that_of_one():
    logits = np.zeros((70_000, 2), np.float16)
    target = np.zeros(70_000, int)
    loss, grad = cross_entropy_value_and_grad(logits, target)
    assert_same(loss, np.float16(math.log(2)))
    assert_same(grad, np.tile(np.float16([-0.5 / 70_000, 0.5 / 70_000]), (70_000, 1)))
    assert_same(cross_entropy(logits, target, weight=[9.0, 1.0]), np.float16(math.log(2)))


def test_a_sum_beyond_the_largest_float16_is_infinite():
    logits = np.zeros((70_000, 4), np.float16)
    assert_same(cross_entropy(logits, np.zeros(70_000, int), reduction="sum"), np.float16(INF))


def test_longdouble_is_computed_in_longdouble():
    third = np.longdouble(1) / 3
    loss, grad = cross_entropy_value_and_grad(np.zeros((3, 2), np.longdouble), [0, 0, 1])
    assert_near(loss, np.log(np.longdouble(2)))
    assert_near(grad, np.array([[-third, third], [-third, third], [third, -third]]) / 2)


def test_beside_a_weight_of_0_at_an_impossible_class_a_negative_weight_still_counts():
    """-sum w log p / C, of which the impossible class has nothing."""
    logits, weight = np.array([0, -np.inf, 1.0]), np.array([-0.5, 0, 1.0])
    log_probs = logits[[0, 2]] - np.log1p(np.e)
    found = cross_entropy(logits, 0, weight=weight, label_smoothing=1.0, reduction="sum")
    assert_near(found, np.array((0.5 * log_probs[0] - log_probs[1]) / 3))
