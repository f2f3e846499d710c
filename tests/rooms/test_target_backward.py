"""The gradients of targets: of class probabilities, and of the targets of binary cross entropy."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.domains import between
from tests.layouts import LAYOUTS, same_bits
from tests.rooms.helpers import INF, NAN, assert_near, assert_same
from tests.rows import invoke
from tests.table import CASES

import losses

EPS = np.finfo(float).eps
OF_TARGETS = {"binary_cross_entropy_with_logits", "cross_entropy"}
TARGETS = [case for case in CASES if case.row.name in OF_TARGETS and "labels" not in case.label]
LOGITS = np.array([[1.0, 2.0, 0.5], [-1.0, 0.0, -4.0]])
PROBS = np.array([[0.25, 0.5, 0.25], [0.0, 1.0, 0.5]])

every_target = pytest.mark.parametrize("case", TARGETS, ids=str)


def gradient(case, call, grad_output):
    """Return the gradient with respect to the target of a call."""
    name = case.row.function("target_backward")
    return invoke(name, {"grad_output": grad_output, **call.arguments})


@every_target
@given(st.data())
def test_a_loss_is_affine_in_its_target_and_the_gradient_says_how(case, data):
    """f(t + h) - f(t) = <gradient, h>, for any t and t + h."""
    call = data.draw(case.calls)
    value = np.asarray(case.forward(call))
    assume(np.isfinite(value).all())
    other = data.draw(between(call.target.shape, 0, 1))
    g = data.draw(between(value.shape, -1, 1))
    moved = case.forward(call.at(call.first, target=other))
    product = np.sum(gradient(case, call, g[()]) * (other - call.target))
    # Each loss is a sum of terms whose sizes the two losses bound (weights and positive weights are
    # at least 0), and in a gradient each is at most 8 * 2 * 2.
    size = np.sum(np.abs(g) * (np.abs(value) + np.abs(moved))) + 32 * call.target.size
    assert abs(np.sum(g * (moved - value)) - product) <= (64 + call.target.size) * EPS * size


@every_target
@given(st.data())
def test_a_gradient_has_the_shape_and_dtype_of_its_target_in_any_layout(case, data):
    call = data.draw(case.calls)
    g = np.ones_like(case.forward(call))
    for dtype in (np.float16, np.float32, np.float64):
        narrow = call.at(call.first.astype(np.float32), target=call.target.astype(dtype))
        found = gradient(case, narrow, g)
        assert (found.shape, found.dtype) == (call.target.shape, dtype)
        other = narrow.map(data.draw(st.sampled_from(list(LAYOUTS.values()))))
        assert same_bits(found, gradient(case, other, g))


def test_the_gradient_of_probabilities_is_that_of_log_softmax_to_the_bit():
    rng = np.random.default_rng(0)
    for shape, axis in (((9000, 3), 1), ((50, 300), 1), ((4, 5, 3), -1)):
        logits = 30 * rng.standard_normal(shape)
        options = {"axis": axis, "reduction": "none"}
        ones, probs = np.ones_like(logits[..., 0]), np.full(shape, 0.5)
        if axis == -1:
            ones = np.ones(shape[:-1])
        found = losses.cross_entropy_target_backward(ones, logits, probs, **options)
        assert_same(found, 0 - losses.log_softmax(logits, axis=axis))
        more = losses.cross_entropy_target_backward(ones, logits, probs, **options, workers=3)
        assert_same(found, more)
        with losses.set_workers(2):
            assert_same(found, losses.cross_entropy_target_backward(ones, logits, probs, **options))


@pytest.mark.parametrize("options", [{"softcap": 1.5}, {"z_loss": 0.25}])
def test_a_cap_and_a_penalty_are_in_the_gradient_of_probabilities(options):
    """The loss of a unit probability, for the loss is linear in the probabilities."""
    options = {**options, "weight": [0.5, 1, 2], "label_smoothing": 0.1, "reduction": "none"}
    found = losses.cross_entropy_target_backward(np.ones(2), LOGITS, PROBS, **options)
    nothing = losses.cross_entropy(LOGITS, np.zeros((2, 3)), **options)
    each = [losses.cross_entropy(LOGITS, np.eye(3)[[c, c]], **options) for c in range(3)]
    expected = np.stack(each, axis=1) - nothing[:, np.newaxis]
    # Each side has some ten roundings of terms, of which the largest is below 16.
    np.testing.assert_allclose(found, expected, rtol=0, atol=32 * 16 * EPS)


def test_the_gradient_of_a_binary_target_is_minus_the_logit():
    logits = np.array([0.0, 3.0, -800.0, INF, -INF, NAN])
    backward = losses.binary_cross_entropy_with_logits_target_backward
    found = backward(1.0, logits, np.zeros(6), reduction="sum")
    assert_same(found, 0 - logits)
    # A positive weight w+ multiplies softplus(-x) alone.
    found = backward(1.0, logits[:5], np.zeros(5), pos_weight=3.0, reduction="sum")
    softplus = np.log1p(np.exp(-3.0))
    expected = [2 * np.log(2), 2 * softplus - 3, 2400, -INF, INF]
    assert_near(found, np.array(expected))
    found = backward(1.0, logits[:5], np.zeros(5), pos_weight=0.0, reduction="sum")
    assert_near(found, np.array([-np.log(2), -3 - softplus, 0, -INF, 0]))


def test_an_absent_binary_target_has_the_gradient_0():
    backward = losses.binary_cross_entropy_with_logits_target_backward
    found = backward([INF, 2.0], [INF, 1.0], [7.0, 0.0], weight=[0, 1], reduction="none")
    assert_same(found, np.array([0.0, -2.0]))


def test_integer_and_boolean_targets_have_gradients_of_float64():
    for target in ([1, 0, 1], [True, False, True]):
        backward = losses.binary_cross_entropy_with_logits_target_backward
        logits = np.float32([1, 2, 3])
        found = backward(1.0, logits, target)
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, backward(1.0, logits, np.zeros(3)))


def test_a_weight_or_a_gradient_of_0_is_0_at_an_impossible_class():
    logits = np.array([[-INF, 0.0, 0.0], [-INF, 0.0, 0.0], [NAN, 0.0, 0.0]])
    probs, log_2 = np.full((3, 3), 0.25), np.log(2)
    backward = losses.cross_entropy_target_backward
    found = backward([1.0, 0.0, 1.0], logits, probs, reduction="none")
    assert_near(found, np.array([[INF, log_2, log_2], [0, 0, 0], [NAN] * 3]))
    found = backward(1.0, logits[:2], probs[:2], weight=[0, 1, 2], reduction="sum")
    assert_near(found, np.array([[0, log_2, 2 * log_2]] * 2))
    found = backward(1.0, logits[:2], probs[:2], label_smoothing=1.0)
    np.testing.assert_array_equal(found, np.zeros((2, 3)))
    found = backward(1.0, logits[:2], probs[:2], label_smoothing=0.5)
    assert_near(found, np.array([[INF, log_2 / 4, log_2 / 4]] * 2))


def test_class_indices_have_no_gradient():
    for target in ([1, 2], [-100, 0]):
        with pytest.raises(
            TypeError, match=r"^target: expected class probabilities, .* no gradient"
        ):
            losses.cross_entropy_target_backward(1.0, LOGITS, target)


@pytest.mark.parametrize(
    ("changes", "error", "name"),
    [
        ({"target": PROBS[:, :2]}, ValueError, "target"),
        ({"target": -PROBS}, ValueError, "target"),
        ({"ignore_index": 1}, ValueError, "ignore_index"),
        ({"grad_output": [1.0, 1.0]}, ValueError, "grad_output"),
        ({"grad_output": None}, TypeError, "grad_output"),
        ({"weight": [1.0]}, ValueError, "weight"),
        ({"label_smoothing": 2}, ValueError, "label_smoothing"),
        ({"reduction": "avg"}, ValueError, "reduction"),
    ],
)
def test_what_is_wrong_is_refused_as_in_the_loss(changes, error, name):
    arguments = {"grad_output": 1.0, "logits": LOGITS, "target": PROBS}
    with pytest.raises(error, match=rf"^{name}: "):
        invoke("cross_entropy_target_backward", {**arguments, **changes})
    if name in ("ignore_index", "label_smoothing"):
        return
    if name == "weight":
        changes = {"weight": np.ones(2)}
    with pytest.raises(error, match=rf"{name}"):
        invoke("binary_cross_entropy_with_logits_target_backward", {**arguments, **changes})


def test_no_samples_have_no_gradient():
    for name in OF_TARGETS:
        arguments = {"grad_output": 1.0, "logits": LOGITS[:0], "target": PROBS[:0]}
        assert_same(invoke(f"{name}_target_backward", arguments), PROBS[:0])
