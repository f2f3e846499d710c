"""What holds for every function and any array: dtypes, layouts, purity, emptiness, reductions."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.calls import absent
from tests.domains import REAL
from tests.layouts import LAYOUTS, read_only, same_bits
from tests.rooms.helpers import parts
from tests.rows import invoke
from tests.table import CASES, ROWS

REDUCED = [case for case in CASES if case.row.kind != "activation"]
# BLAS adds in an order that depends on the layout: laws/test_linear.py has a bound for that.
# With weights of entries or of samples.
WEIGHTED = [case for case in CASES if case.row.weight in ("in the mean", "a factor")]
EXACT = [case for case in CASES if case.row.name != "linear_cross_entropy"]


def as_float32(array):
    """Return an array in float32, unless it holds labels."""
    return array.astype(np.float32) if array.dtype.kind == "f" else array


@pytest.mark.parametrize("case", CASES, ids=str)
@given(st.data())
def test_a_result_has_the_dtype_and_a_gradient_the_shape_of_the_differentiated_array(case, data):
    call = data.draw(case.calls)
    for dtype in (np.float16, np.float32, np.float64, np.longdouble):
        for order in "<>":
            at = call.at(call.first.astype(np.dtype(dtype).newbyteorder(order)))
            value, *derivatives = case.evaluate(at)
            assert np.asarray(value).dtype == dtype
            for found in derivatives:
                assert found.dtype == dtype
                assert np.shape(found) in (np.shape(value), call.first.shape)
            assert np.shape(derivatives[0]) == call.first.shape


@pytest.mark.parametrize("case", CASES, ids=str)
@given(st.data())
def test_float16_is_float32_rounded_once(case, data):
    # No array is float64: that would widen the computation, and its result would be rounded twice.
    call = data.draw(case.calls).map(as_float32)
    half = call.at(call.first.astype(np.float16))
    single = call.at(half.first.astype(np.float32))
    (found, *narrow), (wide, *exact) = map(case.evaluate, (half, single))
    found, wide = np.asarray(found), np.asarray(wide)
    if call.options.get("reduction", "none") == "none":
        assert same_bits(found, wide.astype(np.float16))
    elif np.isfinite(wide):
        # The sum is float64: a float32 of it may lie in the middle of two where it does not.
        assert abs(np.float64(found) - wide) <= np.float64(np.spacing(found)) / 2
    # A sum over heads has another order in a narrow dtype: laws/test_linear.py has its bound.
    heads = np.ndim(call.arguments.get("linear_weight")) > 2
    # From a result the two backwards start from different points.
    if not case.row.result and not heads:
        for found, wide in zip(narrow, exact, strict=True):
            # A value beside its gradient is the value, which test_gradient says; of one number a
            # gradient has the shape of a mean.
            reduced = call.options.get("reduction", "none") != "none" and not call.first.shape
            if np.shape(found) == call.first.shape and not reduced:
                assert same_bits(found, wide.astype(np.float16))


@pytest.mark.parametrize("case", WEIGHTED, ids=str)
@given(st.data())
def test_a_wider_array_widens_the_computation_and_not_the_result(case, data):
    call = data.draw(case.calls).map(np.float32)
    widening = [*case.row.arrays, *(["weight"] if case.row.weight == "in the mean" else [])]
    others = [name for name in widening if name not in {*case.row.differentiated, case.point}]
    name = data.draw(st.sampled_from(others))
    array = call.arguments[name]
    assume(array is not None)
    domain = case.row.arrays.get(name, REAL).given(call.arguments)
    inside = domain.holds(beyond := array + np.float64(2**-40)) & (not domain.only)
    wide = call.at(call.first, **{name: np.where(inside, beyond, array)})
    exact = case.evaluate(wide.map(np.float64))
    for found, expected in zip(case.evaluate(wide), exact, strict=True):
        assert same_bits(found, expected.astype(np.float32))


@pytest.mark.parametrize("case", WEIGHTED, ids=str)
@given(st.data())
def test_an_entry_of_weight_0_counts_0_whatever_it_holds(case, data):
    call = data.draw(case.calls)
    shape = np.shape(case.forward(call.at(call.first, reduction="none")))
    weight = data.draw(arrays(np.float64, shape, elements=st.sampled_from([0, 0.5, 1])))
    call = call.at(call.first, weight=weight)
    nothing = [np.inf, -np.inf, np.nan]
    holes = {name: absent(case.row, name, call.arguments) for name in case.row.arrays}
    other = {
        name: np.where(holes[name], data.draw(st.sampled_from(nothing)), call.arguments[name])
        for name in holes
    }
    expected, found = call, call.at(call.first, **other)
    upstream = np.full_like(case.forward(call), data.draw(st.sampled_from([1, np.inf])))
    assert np.array_equal(case.forward(found), case.forward(expected), equal_nan=True)
    gradient, right = (case.backward(upstream, each) for each in (found, expected))
    assert np.array_equal(gradient, right, equal_nan=True)
    if call.arguments["reduction"] != "mean" or weight.any():
        assert not gradient[holes[call.point]].any()


@pytest.mark.parametrize("case", EXACT, ids=str)
@given(st.data())
def test_the_bits_do_not_depend_on_the_memory_layout(case, data):
    call = data.draw(case.calls)
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    call = call.at(call.first.astype(dtype))
    other = call.map(data.draw(st.sampled_from(list(LAYOUTS.values()))))
    assert all(map(same_bits, case.evaluate(call), case.evaluate(other)))


@pytest.mark.parametrize("case", CASES, ids=str)
@given(st.data())
def test_inputs_are_never_modified(case, data):
    call = data.draw(case.calls)
    before = [array.copy() for array in call.arrays()]
    case.evaluate(call)
    assert all(map(np.array_equal, before, call.arrays()))
    case.evaluate(call.map(read_only))


@pytest.mark.parametrize("case", CASES, ids=str)
@given(st.data())
def test_strict_floating_point_errors_change_nothing(case, data):
    """Underflow is a tail going to 0; nothing inside may raise for it."""
    call = data.draw(case.calls)
    scaled = call.at(call.first * data.draw(st.sampled_from([1, 1e3])))
    domain = case.row.arrays.get(call.point)
    assume(domain is None or domain.given(call.arguments).holds(scaled.first).all())
    quiet = case.evaluate(scaled)
    with np.errstate(all="raise"):
        strict = case.evaluate(scaled)
    assert all(map(same_bits, quiet, strict))


@pytest.mark.parametrize("case", REDUCED, ids=str)
@given(st.data())
def test_the_sum_is_the_sum_of_the_losses(case, data):
    call = data.draw(case.calls)
    each = np.asarray(case.forward(call.at(call.first, reduction="none")))
    total = case.forward(call.at(call.first, reduction="sum"))
    # Adding n numbers in float64 in any order errs by at most n eps of their absolute sum.
    assert abs(total - each.sum()) <= 2 * each.size * np.finfo(float).eps * np.abs(each).sum()
    assert isinstance(total, np.floating)


@pytest.mark.parametrize("case", REDUCED, ids=str)
@given(st.data())
def test_the_gradient_of_the_sum_is_that_of_the_losses_with_ones(case, data):
    call = data.draw(case.calls)
    singles, summed = (call.at(call.first, reduction=name) for name in ("none", "sum"))
    each = case.backward(np.ones_like(case.forward(singles)), singles)
    assert same_bits(each, case.backward(1.0, summed))


@pytest.mark.parametrize("case", REDUCED, ids=str)
@given(st.data())
def test_the_mean_is_the_sum_over_one_divisor(case, data):
    """Value and gradient of the mean have the same factor to those of the sum."""
    call = data.draw(case.calls)
    total, gradient_of_total, *_ = case.evaluate(call.at(call.first, reduction="sum"))
    mean, gradient, *_ = case.evaluate(call.at(call.first, reduction="mean"))
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


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_no_samples_have_a_mean_of_nan_a_sum_of_0_and_no_gradient(row):
    names = [*row.arrays, *row.differentiated]
    empty = {name: row.example[name] for name in names}
    empty |= {name: empty[name][:0] for name in row.arrays if name != "linear_weight"}
    reductions = {"mean": np.nan, "sum": 0.0, "none": None} if row.kind != "activation" else {"": 0}
    for reduction, expected in reductions.items():
        arguments = {**empty, **({"reduction": reduction} if reduction else {})}
        value = invoke(row.name, arguments)
        if reduction in ("mean", "sum"):
            assert same_bits(value, np.float64(expected))
        else:
            assert value.size == 0
        if row.result:
            arguments = {row.result: value}
        upstream = {"grad_output": np.ones_like(value)}
        gradients = parts(invoke(row.function("backward"), {**arguments, **upstream}))
        for name, gradient in zip(row.differentiated, gradients, strict=True):
            assert same_bits(gradient, np.zeros_like(empty[name]))
