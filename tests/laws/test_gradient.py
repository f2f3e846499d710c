"""Every backward is the transpose of its forward's derivative."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.calls import calls
from tests.domains import between
from tests.linear import WAYS, going
from tests.rooms.helpers import assert_same, parts
from tests.rows import invoke
from tests.table import CASES, ROWS

FUSED = [row for row in ROWS if "value_and_grad" in row.derived]
EPS = np.finfo(np.float64).eps
STEP = EPS ** (1 / 3)  # balances the difference's two errors, step**2 and eps / step


@pytest.mark.parametrize("case", CASES, ids=str)
@given(st.data())
def test_the_backward_is_the_transpose_of_the_derivative(case, data):
    """<g, J v> = <J^T g, v>, with J v by central differences."""
    call = data.draw(case.calls)
    value = np.asarray(case.forward(call))
    assume(np.isfinite(value).all())  # a mean over no sample is nan
    v = data.draw(between(call.first.shape, -1, 1))
    g = data.draw(between(value.shape, -1, 1))
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
    g = data.draw(between(np.shape(case.forward(call)), 0.25, 1))[()]
    once, twice = case.backward(g, call), case.backward(2 * g, call)
    assert np.array_equal(2 * once, twice, equal_nan=True)


@pytest.mark.parametrize("row", FUSED, ids=str)
@given(st.data())
def test_value_and_grad_is_the_forward_and_the_backward_bit_for_bit(row, data):
    arguments = data.draw(calls(row, "value_and_grad"))
    given = {name: arguments[name] for name in arguments if name not in ("out", "grad_output")}
    # Of no classes nothing is cut, for all of them always fit.
    cut = np.size(arguments.get("linear_weight", 1)) > 0
    with going(data.draw(st.sampled_from(list(WAYS) if cut else ["as it is"]))):
        # First, for out may be what they are computed from.
        value = invoke(row.function(), given)
        grad_output = arguments.get("grad_output")
        if grad_output is None:
            grad_output = np.ones(np.shape(value))
        gradient = invoke(row.function("backward"), {"grad_output": grad_output, **given})
        both = invoke(row.function("value_and_grad"), arguments)
    for found, expected in zip(parts(both), parts((value, gradient)), strict=True):
        assert found.dtype.newbyteorder("=") == expected.dtype
        assert_same(found.astype(np.longdouble), expected.astype(np.longdouble))
