"""gaussian_nll_loss, and of log-variances: the ends of their range, and of several entries."""

import numpy as np
import pytest
from tests.rooms.helpers import INF, NAN, assert_near, assert_same

import losses

Y, T = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.5]]), np.zeros((2, 3))
SHARED = [0.5, [[0.5]], [[0.5], [2.0]], [[0.5, 1.0, 2.0]]]  # of eighths: their quotients are exact


def test_a_variance_below_eps_has_the_loss_and_the_gradient_of_eps():
    """So a variance of 0 can leave 0, where the derivative of the loss is 0."""
    low, at = (
        losses.gaussian_nll_loss_value_and_grad(Y, T, np.full((2, 3), variance), eps=0.5)
        for variance in (0.0, 0.5)
    )
    assert_same(low, at)
    assert low[1].variance.all()


@pytest.mark.parametrize("variance", SHARED, ids=str)
@pytest.mark.parametrize("weight", [None, [[1, 0, 2], [0.5, 1, 0]]], ids=str)
def test_a_shared_variance_is_that_of_all_its_entries_and_has_the_sum_of_their_gradients(
    variance, weight
):
    whole = np.broadcast_to(variance, Y.shape)
    options = {"weight": weight, "reduction": "sum"}
    loss, grads = losses.gaussian_nll_loss_value_and_grad(Y, T, variance, **options)
    expected, each = losses.gaussian_nll_loss_value_and_grad(Y, T, whole, **options)
    assert_same((loss, grads.predictions), (expected, each.predictions))
    total = np.zeros(np.shape(variance))
    for at, own in np.ndenumerate(each.variance):
        place = tuple(i % size for i, size in zip(at, total.shape, strict=False))
        total[place] += own
    assert_same(grads.variance, total)
    backward = losses.gaussian_nll_loss_backward(1.0, Y, T, variance, **options)
    assert_same((*backward,), (*grads,))


def test_a_row_has_the_same_gradient_of_its_variance_in_any_batch():
    """Of float32 and float64, in rows that fit a block and rows that do not."""
    rng = np.random.default_rng(0)
    for dtype, size in ((np.float32, 1000), (np.float64, 100_000)):
        y, t = rng.standard_normal((2, 5, size)).astype(dtype)
        variance = rng.uniform(0.5, 2, (5, 1)).astype(dtype)
        function = losses.gaussian_nll_loss_backward
        together = function(1.0, y, t, variance, reduction="sum").variance
        alone = [
            function(1.0, y[i:][:1], t[i:][:1], variance[i:][:1], reduction="sum") for i in range(5)
        ]
        assert_same(together, np.concatenate([grads.variance for grads in alone]))


@pytest.mark.parametrize(
    ("shape", "own"), [((2, 3), (2,)), ((2, 3), (3,)), ((2, 3), (1, 2)), ((3,), (1, 3)), ((), (1,))]
)
def test_a_variance_of_another_shape_is_an_error_that_says_what_is_expected(shape, own):
    with pytest.raises(ValueError, match=r"^variance: expected a scalar, or the shape of") as error:
        losses.gaussian_nll_loss(np.ones(shape), np.ones(shape), np.ones(own))
    assert str(error.value).count(f"predictions, {shape}, in which any size may be 1, got {own}")
    assert ("pass variance[..., np.newaxis]" in str(error.value)) == (own == (2,))


@pytest.mark.parametrize(
    ("variance", "weight", "place"),
    [
        ([[1.0], [-2.0]], None, r"1 entries below 0, the first at position \(1, 0\): -2.0"),
        ([[1.0], [-2.0]], [[1, 1, 1], [0, 0, 1]], r"position \(1, 0\): -2.0"),
        (-1.0, None, r"1 entries below 0, the first at position \(\): -1.0"),
        ([[1.0, -INF, -1.0]], [[0, 0, 0], [0, 1, 0]], r"1 entries .* \(0, 1\): -inf"),
    ],
)
def test_a_shared_variance_below_0_is_an_error_with_its_own_position(variance, weight, place):
    with pytest.raises(ValueError, match=f"^variance: .*{place}"):
        losses.gaussian_nll_loss(Y, T, variance, weight=weight)


def test_a_variance_of_which_every_entry_is_absent_may_be_anything():
    weight = [[1, 1, 1], [0, 0, 0]]
    loss, grads = losses.gaussian_nll_loss_value_and_grad(Y, T, [[1.0], [-NAN]], weight=weight)
    assert_same(loss, losses.gaussian_nll_loss(Y[:1], T[:1], 1.0))
    assert grads.variance[1] == 0
    assert np.isfinite(losses.gaussian_nll_loss(Y, T, [[1.0], [-3.0]], weight=weight))


def test_the_ends_of_the_numbers():
    """(log v + r^2 / v) / 2 at infinities, and where r^2 or the quotient's square overflows."""
    r, v = np.array([INF, -INF, 1.0, INF, NAN, 1.0]), np.array([1.0, 1.0, INF, INF, 1.0, NAN])
    options = {"reduction": "none"}
    loss, grads = losses.gaussian_nll_loss_value_and_grad(r, np.zeros(6), v, **options)
    np.testing.assert_array_equal(loss, [INF, INF, INF, NAN, NAN, NAN])
    np.testing.assert_array_equal(grads.predictions, [INF, -INF, 0, NAN, NAN, NAN])
    np.testing.assert_array_equal(grads.variance, [-INF, -INF, 0, NAN, NAN, NAN])
    large, variance = np.float32(1e20), np.float32(1e30)
    loss, grads = losses.gaussian_nll_loss_value_and_grad(large, np.float32(0), variance)
    assert loss == np.float32(5e9)
    assert_near(grads.variance, np.float32(-5e-21), 9)  # as many as its budget has


def test_an_eps_below_the_numbers_of_the_predictions_is_kept():
    zero = np.zeros(1, np.float32)
    loss, grads = losses.gaussian_nll_loss_value_and_grad(zero, zero, zero, eps=1e-50)
    assert_same(loss, np.float32(np.log(1e-50) / 2))
    assert_same(grads.predictions, zero)


@pytest.mark.parametrize("full", [0, 1, None, "True", np.ones(1, bool)])
def test_full_is_true_or_false(full):
    with pytest.raises(TypeError, match=r"^full: expected True or False, got "):
        losses.gaussian_nll_loss(Y, T, 1.0, full=full)


def test_a_variance_that_is_wider_than_the_predictions_widens_the_computation():
    predictions, target, variance = np.float32([1.3]), np.float32([0.25]), np.array([0.7])
    found = losses.gaussian_nll_loss_backward(1.0, predictions, target, variance).variance
    wide = losses.gaussian_nll_loss_backward(1.0, predictions.astype(float), target, variance)
    assert_same(found, wide.variance)


def test_the_gradient_of_a_shared_variance_is_summed_in_float64():
    grads, zeros = np.float32([2.0**25, 2, -(2.0**25)]), np.zeros(3, np.float32)
    options = {"reduction": "none"}
    found = losses.gaussian_nll_loss_backward(grads, zeros, zeros, np.float32([1]), **options)
    assert_same(found.variance, np.float32([1]))  # each entry adds half of its grad_output


def test_each_gradient_has_the_dtype_of_its_own_array_and_the_loss_the_widest():
    for first, second, widest in (
        ("e", "f", "f"),
        ("f", "e", "f"),
        ("f", "d", "d"),
        ("e", "e", "e"),
    ):
        y, variance = Y.astype(first), np.ones((2, 1), second)
        loss, grads = losses.gaussian_nll_loss_value_and_grad(y, T.astype("e"), variance)
        assert [part.dtype.char for part in (loss, *grads)] == [widest, first, second]


# Of log-variances


def of_logs(r, s, dtype=float, **options):
    """Return the losses of residuals and their gradients."""
    r, s = np.broadcast_arrays(np.asarray(r, dtype), np.asarray(s, dtype))
    function = losses.gaussian_nll_loss_with_log_variance_value_and_grad
    loss, grads = function(r, np.zeros_like(r), s, **{"reduction": "none", **options})
    return loss, *grads


def test_a_log_variance_has_the_loss_of_its_variance_and_the_chain_rules_gradient():
    r, s = Y - T, np.array([[0.0, 1.0, -2.0]])
    for full in (False, True):
        loss, slope, of_log = of_logs(r, s, full=full)
        variance = np.broadcast_to(np.exp(s), r.shape)
        expected, grads = losses.gaussian_nll_loss_value_and_grad(
            r, T, variance, full=full, reduction="none"
        )
        # Each side has fewer than 16 roundings of terms of at most 9 e^2 < 67.
        for ours, theirs in zip(
            (loss, slope, of_log), (expected, grads[0], grads[1] * variance), strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=32 * np.spacing(67.0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_log_variance_whose_exponential_no_number_holds_has_a_loss_if_it_is_one(dtype):
    """r exp(-s / 2) is 1 or so, and its square has no more than 34 roundings."""
    size, eps = {np.float32: 160.0, np.float64: 1400.0}[dtype], np.finfo(dtype).eps
    for s in (size, -size):
        r = np.exp(dtype(s / 2))
        square = (np.float64(r) * np.exp(-s / 2)) ** 2
        loss, slope, of_log = of_logs(r, s, dtype)
        assert abs(loss - (s + square) / 2) <= 34 * eps + np.spacing(dtype(size))
        assert abs(of_log - (1 - square) / 2) <= 34 * eps
        np.testing.assert_allclose(slope, square / np.float64(r), rtol=34 * eps, atol=0)


def test_a_variance_of_0_costs_inf_but_at_its_mean():
    r, s = [0.0, 1.0, -1e-300, 0.0, 0.0, 1.0], [-INF, -INF, -INF, -1e4, INF, INF]
    loss, slope, of_log = of_logs(r, s)
    np.testing.assert_array_equal(loss, [-INF, INF, INF, -5e3, INF, INF])
    np.testing.assert_array_equal(slope, [0, INF, -INF, 0, 0, 0])
    np.testing.assert_array_equal(of_log, [0.5, -INF, -INF, 0.5, 0.5, 0.5])


def test_infinite_residuals_cost_inf_and_nan_is_nan_alone():
    r, s = [INF, -INF, INF, NAN, 1.0, NAN], [0.0, 2.0, INF, 0.0, NAN, -INF]
    loss, slope, of_log = of_logs(r, s)
    np.testing.assert_array_equal(loss, [INF, INF, NAN, NAN, NAN, NAN])
    np.testing.assert_array_equal(slope, [INF, -INF, NAN, NAN, NAN, NAN])
    np.testing.assert_array_equal(of_log, [-INF, -INF, NAN, NAN, NAN, NAN])


def test_one_entry_far_away_changes_no_bit_of_the_others():
    r, s = np.linspace(-3, 3, 7), np.linspace(-2, 2, 7)
    alone, beside = of_logs(r, s), of_logs([*r, 1.0], [*s, -1e3])
    assert_same(alone, tuple(part[:-1] for part in beside))


def test_a_loss_of_log_variances_refuses_a_shape_that_does_not_spread():
    with pytest.raises(ValueError, match=r"^log_variance: expected a scalar, or the shape of"):
        losses.gaussian_nll_loss_with_log_variance(Y, T, np.zeros(2))
