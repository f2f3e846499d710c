"""What holds for every function and any array: dtypes, layouts, purity, emptiness, reductions."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.cases import CASES, Call, LinearCase
from tests.layouts import LAYOUTS, same_bits

REDUCED = [case for case in CASES if case.name.endswith(("loss", "entropy", "logits"))]
# BLAS adds in an order that depends on the layout: laws/test_linear.py has a bound for that.
EXACT = [case for case in CASES if not isinstance(case, LinearCase)]


def evaluate(case, call):
    """Return the value and the gradient of the call."""
    value = case.forward(call)
    return value, case.backward(np.ones_like(value), call)


@pytest.mark.parametrize("case", CASES, ids=str)
@given(st.data())
def test_a_result_has_the_first_arrays_dtype(case, data):
    call = data.draw(case.calls)
    for dtype in (np.float16, np.float32, np.float64, np.longdouble):
        assert np.asarray(case.forward(call.at(call.first.astype(dtype)))).dtype == dtype


@pytest.mark.parametrize("case", CASES, ids=str)
@given(st.data())
def test_float16_is_float32_rounded_once(case, data):
    call = data.draw(case.calls)
    half = call.at(call.first.astype(np.float16))
    single = call.at(half.first.astype(np.float32))
    found, wide = np.asarray(case.forward(half)), np.asarray(case.forward(single))
    if call.options.get("reduction", "none") == "none":
        assert same_bits(found, wide.astype(np.float16))
    elif np.isfinite(wide):
        # The sum is float64: a float32 of it may lie in the middle of two where it does not.
        assert abs(np.float64(found) - wide) <= np.float64(np.spacing(found)) / 2
    if not case.from_result:  # there the two backwards start from different points
        found, wide = evaluate(case, half)[1], evaluate(case, single)[1]
        assert same_bits(found, wide.astype(np.float16))


@pytest.mark.parametrize("case", EXACT, ids=str)
@given(st.data())
def test_the_bits_do_not_depend_on_the_memory_layout(case, data):
    call = data.draw(case.calls)
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    call = call.at(call.first.astype(dtype))
    value, gradient = evaluate(case, call)
    other = call.map(data.draw(st.sampled_from(list(LAYOUTS.values()))))
    other_value, other_gradient = evaluate(case, other)
    assert same_bits(value, other_value)
    assert same_bits(gradient, other_gradient)


@pytest.mark.parametrize("case", CASES, ids=str)
@given(st.data())
def test_inputs_are_never_modified(case, data):
    call = data.draw(case.calls)
    before = [array.copy() for array in call.arrays()]
    evaluate(case, call)
    assert all(map(np.array_equal, before, call.arrays()))


@pytest.mark.parametrize("case", CASES, ids=str)
@given(st.data())
def test_strict_floating_point_errors_change_nothing(case, data):
    """Underflow is a tail going to 0; nothing inside may raise for it."""
    call = data.draw(case.calls)
    scaled = call.at(call.first * data.draw(st.sampled_from([1, 1e3])))
    assume(case.name != "binary_cross_entropy" or (scaled.first <= 1).all())
    quiet = evaluate(case, scaled)
    with np.errstate(all="raise"):
        strict = evaluate(case, scaled)
    assert all(map(same_bits, quiet, strict))


@pytest.mark.parametrize("case", REDUCED, ids=str)
@given(st.data())
def test_the_sum_is_the_sum_of_the_losses(case, data):
    call = data.draw(case.calls)
    call.options["reduction"] = "none"
    each = np.asarray(case.forward(call))
    call.options["reduction"] = "sum"
    total = case.forward(call)
    # Adding n numbers in float64 in any order errs by at most n eps of their absolute sum.
    assert abs(total - each.sum()) <= 2 * each.size * np.finfo(float).eps * np.abs(each).sum()
    assert isinstance(total, np.floating)


@pytest.mark.parametrize("case", REDUCED, ids=str)
@given(st.data())
def test_the_gradient_of_the_sum_is_that_of_the_losses_with_ones(case, data):
    call = data.draw(case.calls)
    call.options["reduction"] = "none"
    ones = np.ones_like(case.forward(call))
    each = case.backward(ones, call)
    call.options["reduction"] = "sum"
    assert same_bits(each, case.backward(1.0, call))


@pytest.mark.parametrize("case", REDUCED, ids=str)
@given(st.data())
def test_the_mean_is_the_sum_over_one_divisor(case, data):
    """Value and gradient of the mean have the same factor to those of the sum."""
    call = data.draw(case.calls)
    call.options["reduction"] = "sum"
    total, gradient_of_total = evaluate(case, call)
    call.options["reduction"] = "mean"
    mean, gradient = evaluate(case, call)
    assert isinstance(mean, np.floating)
    assume(np.isfinite(mean))
    # Products of three numbers, each rounded: 4 eps; where a gradient is a difference, of its
    # terms, which the third derivative's bound bounds too.
    eps = np.finfo(float).eps
    np.testing.assert_allclose(
        gradient * total,
        gradient_of_total * mean,
        rtol=4 * eps,
        atol=4 * eps * case.third * abs(mean),
    )


LAYER = [np.zeros((0, 3)), np.zeros((2, 3)), np.zeros(2), np.zeros(0, int)]
NO_SAMPLES = {
    "logsumexp": [],
    "softmax": [],
    "log_softmax": [],
    "sigmoid": [],
    "log_sigmoid": [],
    "nll_loss": [np.zeros(0, int)],
    "cross_entropy": [np.zeros(0, int)],
    "linear_cross_entropy": LAYER,
    "binary_cross_entropy": [np.zeros((0, 3))],
    "binary_cross_entropy_with_logits": [np.zeros((0, 3))],
    "mse_loss": [np.zeros((0, 3))],
    "l1_loss": [np.zeros((0, 3))],
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_samples_have_a_mean_of_nan_a_sum_of_0_and_no_gradient(case):
    for reduction, expected in {"mean": np.nan, "sum": 0.0, "none": None}.items():
        options = {"reduction": reduction} if case in REDUCED else {}
        first = LAYER[case.place] if isinstance(case, LinearCase) else np.zeros((0, 3))
        call = Call(first, tuple(NO_SAMPLES[case.name]), options)
        value, gradient = evaluate(case, call)
        assert same_bits(gradient, first)
        if case in REDUCED and expected is not None:
            assert same_bits(value, np.float64(expected))
        else:
            assert value.size == 0
