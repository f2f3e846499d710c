"""Every backward is the transpose of its forward's derivative."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.cases import CASES, reals
from tests.layouts import same_bits

import losses

EPS = np.finfo(np.float64).eps
STEP = EPS ** (1 / 3)  # balances the difference's two errors, step**2 and eps / step


@pytest.mark.parametrize("case", CASES, ids=str)
@given(st.data())
def test_the_backward_is_the_transpose_of_the_derivative(case, data):
    """<g, J v> = <J^T g, v>, with J v by central differences."""
    call = data.draw(case.calls)
    value = np.asarray(case.forward(call))
    assume(np.isfinite(value).all())  # a mean over no sample is nan
    v = data.draw(reals(call.first.shape, -1, 1))
    g = data.draw(reals(value.shape, -1, 1))
    ahead = case.forward(call.at(call.first + STEP * v))
    behind = case.forward(call.at(call.first - STEP * v))
    difference = np.sum(g * (ahead - behind)) / (2 * STEP)
    product = np.sum(case.backward(g[()], call) * v)
    # Truncation is step**2 / 6 of the third derivative, of each loss in a sum; each value has an
    # error of some ulp (of each loss in a sum), of which the difference makes eps / step.
    terms = 1
    if call.options.get("reduction") == "sum":
        terms = np.size(case.forward(call.at(call.first, reduction="none")))
    truncation = STEP**2 / 6 * case.third * terms * np.abs(g).sum()
    rounding = 16 * EPS / STEP * np.sum(np.abs(g) * (4 + np.abs(value)))
    assert abs(difference - product) <= truncation + rounding + 1e3 * EPS * np.abs(product)


@pytest.mark.parametrize("case", CASES, ids=str)
@given(st.data())
def test_the_gradient_has_the_shape_and_dtype_of_what_it_is_the_gradient_of(case, data):
    call = data.draw(case.calls)
    for dtype in (np.float16, np.float32, np.float64):
        narrow = call.at(call.first.astype(dtype))
        gradient = case.backward(np.ones_like(case.forward(narrow)), narrow)
        assert gradient.shape == call.first.shape
        assert gradient.dtype == dtype


@pytest.mark.parametrize("case", CASES, ids=str)
@given(st.data())
def test_the_backward_is_linear_in_the_upstream_gradient(case, data):
    """Doubling is exact in binary, so it passes through every rounding."""
    call = data.draw(case.calls)
    g = data.draw(reals(np.shape(case.forward(call)), 0.25, 1))[()]
    once, twice = case.backward(g, call), case.backward(2 * g, call)
    assert np.array_equal(2 * once, twice, equal_nan=True)


@pytest.mark.parametrize("name", ["cross_entropy", "binary_cross_entropy_with_logits"])
@given(st.data())
def test_value_and_grad_is_the_forward_and_the_backward_bit_for_bit(name, data):
    case = data.draw(st.sampled_from([case for case in CASES if case.name == name]))
    call = data.draw(case.calls)
    dtype = data.draw(st.sampled_from([np.float16, np.float32, np.float64]))
    call = call.at(call.first.astype(dtype))
    value = case.forward(call)
    both = getattr(losses, f"{name}_value_and_grad")
    loss, gradient = both(call.first, *call.rest, **call.options)
    assert np.array_equal(loss, value, equal_nan=True)
    expected = case.backward(np.ones_like(value), call)
    assert np.array_equal(gradient, expected, equal_nan=True)


# What the law above says of gradients of ones, of any.
OF_ANY_GRADIENT = [case for case in CASES if case.name.endswith("cross_entropy")]
OF_ANY_GRADIENT = [case for case in OF_ANY_GRADIENT if not case.name.startswith("binary")]


@pytest.mark.parametrize("case", OF_ANY_GRADIENT, ids=str)
@given(st.data())
def test_the_gradient_beside_a_value_is_the_backward_of_grad_output_and_the_value_is_the_same(
    case, data
):
    call = data.draw(case.calls)
    dtype = data.draw(st.sampled_from([np.float16, np.float32, np.float64]))
    call = call.at(call.first.astype(dtype))
    value = case.forward(call)
    grad_output = data.draw(reals(np.shape(value), -2, 2))
    loss, gradient = case.value_and_grad(call, grad_output=grad_output)
    assert same_bits(loss, value)
    assert same_bits(gradient, case.backward(grad_output, call))
