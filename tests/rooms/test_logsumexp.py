"""logsumexp: the logarithm of a sum of exponentials, over any axes, and its gradient."""

import math

import numpy as np
import pytest
from tests.rooms.helpers import FEW, INF, NAN, assert_near, assert_same, dtypes

from losses import logsumexp, logsumexp_backward

AXES = [0, 1, 2, -1, (0, 2), (2, 0), (-1, 1), (0, 1, 2), None, ()]


@dtypes
@pytest.mark.parametrize("shift", [1000.0, -1000.0, 1e8, -1e8])
def test_a_shift_of_the_terms_is_a_shift_of_the_result(shift, dtype):
    # log 2 is added to the shift once.
    assert_near(logsumexp(np.full(2, shift, dtype)), shift + math.log(2), ulps=1)


@dtypes
def test_the_largest_finite_terms_do_not_overflow(dtype):
    top = np.finfo(dtype).max
    assert_same(logsumexp(np.array([[top, top], [top, -top]])), np.array([top, top]))


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([0, -INF], 0),
        ([-INF, -INF], -INF),
        ([INF, 0], INF),
        ([INF, -INF], INF),
        ([INF, INF], INF),
        ([INF, NAN], NAN),
        ([0, NAN], NAN),
        ([NAN, 0], NAN),
    ],
)
@pytest.mark.parametrize("more", [0, 298])
def test_infinities_and_nan_are_the_limits_of_their_own_row(more, x, expected):
    rows = [x + [-INF] * more, [0] + [-INF] * (more + 1)]
    assert_same(logsumexp(rows), np.array([expected, 0.0]))


@pytest.mark.parametrize(
    ("shape", "axis"), [((2, 0), -1), ((0,), 0), ((0, 3), 0), ((0, 3), None), ((2, 0, 3), (0, 1))]
)
def test_the_logsumexp_of_no_terms_is_minus_infinity(shape, axis):
    x = np.zeros(shape)
    np.testing.assert_array_equal(logsumexp(x, axis), np.full_like(x.sum(axis), -INF))
    assert logsumexp_backward(logsumexp(x, axis), x, axis).shape == shape


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES)
def test_axis_and_keepdims_mean_what_they_mean_to_numpy(axis, keepdims):
    x = np.linspace(1, 2, 24).reshape(2, 3, 4)
    expected = np.log(np.exp(x).sum(axis, keepdims=keepdims))
    # exp, log and the sum of up to 24 terms err by FEW ulp on either side.
    assert_near(logsumexp(x, axis, keepdims=keepdims), expected, ulps=2 * FEW)


def test_a_scalar_is_its_own_logsumexp():
    assert logsumexp(3.0) == logsumexp(3.0, None) == logsumexp(3.0, ()) == 3.0


@pytest.mark.parametrize("axis", [(0, 0), (0, -3), (1, 2, 1)])
def test_an_axis_is_summed_over_once(axis):
    x = np.zeros((2, 3, 4))
    with pytest.raises(ValueError, match="axis"):
        logsumexp(x, axis)
    with pytest.raises(ValueError, match="axis"):
        logsumexp_backward(0.0, x, axis)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES)
def test_the_gradient_over_any_axes_is_the_exponential_of_the_gap_to_the_result(axis, keepdims):
    x = np.linspace(1, 2, 24).reshape(2, 3, 4)
    value = logsumexp(x, axis, keepdims=keepdims)
    grad_output = 1 + np.arange(value.size).reshape(value.shape)
    kept = np.shape(logsumexp(x, axis, keepdims=True))
    expected = np.reshape(grad_output, kept) * np.exp(x - np.reshape(value, kept))
    gradient = logsumexp_backward(grad_output, x, axis, keepdims=keepdims)
    # The value, of up to 5, errs by FEW of its own ulp, which exp makes relative.
    assert_near(gradient, expected, ulps=5 * FEW)


def test_the_gradient_over_axes_that_lie_apart_has_the_axes_of_its_argument():
    """Of four axes, 0, 3, 1, 2 is an order that is not its own inverse."""
    x = np.linspace(1, 2, 120).reshape(2, 3, 4, 5)
    grad_output = np.arange(12.0).reshape(3, 4)
    rows = np.moveaxis(x, 0, 2).reshape(3, 4, 10)
    expected = np.moveaxis(logsumexp_backward(grad_output, rows).reshape(3, 4, 2, 5), 2, 0)
    assert_same(logsumexp_backward(grad_output, x, (0, 3)), expected)


@dtypes
@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([0, INF], [0, 1]),
        ([INF, -INF, 5], [1, 0, 0]),
        ([INF, 0, INF], [NAN, 0, NAN]),
        ([INF, NAN], [NAN, NAN]),
        ([-INF, -INF], [NAN, NAN]),
    ],
)
@pytest.mark.parametrize("more", [0, 298])
def test_the_gradient_at_an_infinite_term_is_its_limit_if_there_is_one(dtype, more, x, expected):
    rows = np.array([x + [-INF] * more, [0] + [-INF] * (len(x) + more - 1)], dtype)
    rest = NAN if np.isnan(expected).all() else 0
    first = np.array(expected + [rest] * more, dtype)
    found = logsumexp_backward(dtype([2, 3]), rows)
    np.testing.assert_array_equal(found, [2 * first, [3] + [0] * (rows.shape[1] - 1)])
    assert_same(logsumexp_backward(dtype([2, 3]), rows.T, 0).T, found)
