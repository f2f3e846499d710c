"""Every Hessian is the derivative of its gradient: symmetric, and where the loss is convex not
negative in any direction."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.domains import between
from tests.layouts import same_bits
from tests.table import CASES

import losses

EPS = np.finfo(np.float64).eps
STEP = EPS ** (1 / 3)  # balances the difference's two errors, step**2 and eps / step
CURVED = [case for case in CASES if case.has("hessian_diagonal")]
curved = pytest.mark.parametrize("case", CURVED, ids=str)
multiplied = pytest.mark.parametrize("case", [c for c in CURVED if c.has("hvp")], ids=str)


def gradient(case, call):
    """Return the gradient of the loss, or of the sum of the losses."""
    return case.backward(np.ones_like(case.forward(call)), call)


def drawn(data, case):
    """Return a call whose loss is finite, and the largest entry of its Hessian, or more."""
    call = data.draw(case.calls)
    assume(np.isfinite(case.forward(call)).all())  # a mean over no sample is nan
    # By Gershgorin no entry is larger than twice the diagonal's largest: p (1 - p) + p (1 - p).
    return call, 2 * np.abs(case.hessian_diagonal(call)).max(initial=0)


def vectors(call):
    return between(call.first.shape, -1, 1)


@curved
@given(st.data())
def test_the_product_is_the_derivative_of_the_gradient_along_the_vector(case, data):
    """<u, H v>, with H v by central differences of the gradient."""
    call, largest = drawn(data, case)
    u, v = data.draw(vectors(call)), data.draw(vectors(call))
    ahead = gradient(case, call.at(call.first + STEP * v))
    behind = gradient(case, call.at(call.first - STEP * v))
    difference = np.sum(u * (ahead - behind)) / (2 * STEP)
    # A fourth derivative is a fourth cumulant of what the third is a third one of, and at most
    # four times its bound. Each entry of a gradient errs by some ulp of it, or of p V and v, and
    # moves with the rounding of x + h v.
    losses_ = np.size(case.forward(call.at(call.first, reduction="none")))
    terms = 1 if call.options["reduction"] == "mean" else losses_
    truncation = STEP**2 / 6 * 4 * case.third * terms
    size = case.third + np.abs(ahead) + np.abs(behind) + largest * (1 + np.abs(call.first))
    rounding = 16 * EPS / STEP * np.sum(np.abs(u) * size)
    assert abs(difference - np.sum(u * case.hvp(v, call))) <= truncation + rounding


@curved
@given(st.data())
def test_the_hessian_is_symmetric(case, data):
    """<u, H v> = <H u, v>, each a sum of as many products as there are entries."""
    call, largest = drawn(data, case)
    u, v = data.draw(vectors(call)), data.draw(vectors(call))
    left, right = np.sum(u * case.hvp(v, call)), np.sum(case.hvp(u, call) * v)
    assert abs(left - right) <= 64 * EPS * largest * u.size


@pytest.mark.parametrize("case", [c for c in CURVED if c.row.convex], ids=str)
@given(st.data())
def test_no_direction_has_negative_curvature(case, data):
    call, largest = drawn(data, case)
    v = data.draw(vectors(call))
    assert np.sum(v * case.hvp(v, call)) >= -64 * EPS * largest * v.size
    assert (case.hessian_diagonal(call) >= 0).all()


@curved
@given(st.data())
def test_the_diagonal_is_that_of_the_products_with_unit_vectors(case, data):
    call, _ = drawn(data, case)
    found, shape = case.hessian_diagonal(call), call.first.shape
    entry = data.draw(st.integers(0, max(0, call.first.size - 1)))
    assume(call.first.size)
    unit = np.zeros(shape)
    unit.reshape(-1)[entry] = 1
    own = np.reshape(case.hvp(unit, call), -1)[entry]
    # p (1 - p) once from the others' share, once as p (1 - sum p [c = k]), of at most 16 ulp of 1.
    assert abs(np.reshape(found, -1)[entry] - own) <= 16 * EPS * np.abs(own) + 64 * EPS * max(
        np.abs(own), np.max(np.abs(found))
    )


@curved
@given(st.data())
def test_the_product_is_linear_in_the_vector(case, data):
    """Doubling is exact in binary, so it passes through every rounding."""
    call, _ = drawn(data, case)
    v = data.draw(between(call.first.shape, 0.25, 1))
    np.testing.assert_array_equal(2 * case.hvp(v, call), case.hvp(2 * v, call))


@curved
@given(st.data())
def test_the_mean_has_the_hessian_of_the_sum_over_one_divisor_and_none_that_of_the_sum(case, data):
    call, _ = drawn(data, case)
    sums, singles = (call.at(call.first, reduction=name) for name in ("sum", "none"))
    v = data.draw(vectors(call))
    np.testing.assert_array_equal(case.hvp(v, sums), case.hvp(v, singles))
    np.testing.assert_array_equal(case.hessian_diagonal(sums), case.hessian_diagonal(singles))
    mean = call.at(call.first, reduction="mean")
    total, average = case.forward(sums), case.forward(mean)
    assume(np.isfinite(average) and average)
    # The quotient of the losses errs by 4 ulp, that of the Hessians by 2.
    np.testing.assert_allclose(
        case.hessian_diagonal(mean) * (total / average), case.hessian_diagonal(sums), rtol=16 * EPS
    )


@multiplied
@given(st.data())
def test_a_vector_of_another_shape_is_refused(case, data):
    call = data.draw(case.calls)
    for wrong in (np.ones((*call.first.shape, 1)), np.ones((7,) * (call.first.ndim + 1))):
        with pytest.raises(ValueError, match="vector"):
            case.hvp(wrong, call)


@pytest.mark.parametrize("classes", [3, 70])
def test_a_shift_of_all_the_logits_of_a_sample_has_no_curvature(classes):
    """H 1 = 0: exactly, since the vector is shifted to 0 at one class."""
    rng = np.random.default_rng(0)
    logits, target = 10 * rng.standard_normal((20, classes)), rng.integers(0, classes, 20)
    constant = np.broadcast_to(rng.standard_normal((20, 1)), logits.shape)
    assert not losses.cross_entropy_hvp(constant, logits, target).any()


@pytest.mark.parametrize("classes", [3, 70])
def test_a_sample_has_the_same_curvature_in_any_batch_and_with_any_number_of_workers(classes):
    rng = np.random.default_rng(0)
    logits, vector = rng.standard_normal((2, 9000, classes), np.float32)
    target = rng.integers(-1, classes, 9000)
    options = {"ignore_index": -1, "reduction": "sum", "label_smoothing": 0.1}
    for function in (
        lambda i, **more: losses.cross_entropy_hvp(vector[i], logits[i], target[i], **more),
        lambda i, **more: losses.cross_entropy_hessian_diagonal(logits[i], target[i], **more),
    ):
        whole = function(slice(None), **options)
        assert same_bits(whole, function(slice(None), **options, workers=3))
        assert same_bits(whole[4000:4003], function(slice(4000, 4003), **options))
        assert not whole[target == -1].any()


@pytest.mark.parametrize("classes", [3, 70])
@pytest.mark.parametrize("margin", [10.0, 80.0, 600.0])
def test_confident_predictions_keep_their_curvature(classes, margin):
    """p (1 - p) of the sure class is the others' share; with u = its unit vector so is H u."""
    logits = np.zeros((1, classes))
    logits[0, 1] = margin
    share = (classes - 1) * np.exp(-margin)
    p = 1 / (1 + share)
    found = losses.cross_entropy_hessian_diagonal(logits, [0])[0]
    np.testing.assert_allclose(found[1], p * p * share, rtol=8 * EPS)
    other = np.exp(-margin) * p
    np.testing.assert_allclose(found[0], other * (1 - other), rtol=8 * EPS)
    column = losses.cross_entropy_hvp(np.eye(classes)[[1]], logits, [0])[0]
    np.testing.assert_allclose(column[1], p * p * share, rtol=8 * EPS)
    np.testing.assert_allclose(column[0], -p * other, rtol=8 * EPS)
    binary = losses.binary_cross_entropy_with_logits_hessian_diagonal([margin, -margin], [0, 1])
    s = np.exp(-margin) / (1 + np.exp(-margin)) ** 2
    np.testing.assert_allclose(binary, s / 2, rtol=8 * EPS)


def test_special_logits_have_the_curvature_of_their_limits():
    logits = np.array([[-np.inf, 0.0, 0.0], [-np.inf] * 3, [np.inf, 0, 0], [np.nan, 0, 0]])
    target = [1, 0, 0, -100]
    vector = np.ones((4, 3)) * [1.0, 2.0, 3.0]
    found = losses.cross_entropy_hessian_diagonal(logits, target, reduction="sum")
    np.testing.assert_array_equal(found[0], [0, 0.25, 0.25])
    along = losses.cross_entropy_hvp(vector, logits, target, reduction="sum")
    np.testing.assert_array_equal(along[0], [0, -0.25, 0.25])
    for one in (found, along):
        assert np.isnan(one[1:3]).all()
        assert not one[3].any()
    binary = losses.binary_cross_entropy_with_logits_hessian_diagonal
    np.testing.assert_array_equal(binary([np.inf, -np.inf, 0.0], [0, 0, 0]), [0, 0, 1 / 12])


def test_a_mean_of_nothing_has_no_curvature_and_one_without_weights_an_undefined_one():
    for function in (
        lambda x, t, **options: losses.cross_entropy_hvp(x, x, t, **options),
        losses.cross_entropy_hessian_diagonal,
    ):
        assert not function(np.ones((2, 3)), [-100, -100]).any()
        assert function(np.ones((0, 3)), np.ones(0, int)).shape == (0, 3)
        assert function(np.ones((2, 0)), np.ones((2, 0))).shape == (2, 0)
        assert np.isnan(function(np.ones((1, 3)), [0], weight=[0.0, 1.0, 1.0])).all()


def test_the_mass_of_a_sample_is_what_counts_and_not_where_it_lies():
    logits, vector = np.random.default_rng(0).standard_normal((2, 4, 3))
    target = np.array([0, 1, 2, 1])
    one_hot = np.eye(3)[target]
    for options in ({}, {"weight": [0.5, 1.0, 2.0]}, {"label_smoothing": 0.3}):
        options = {**options, "reduction": "sum"}
        for labels, masses in [
            (
                losses.cross_entropy_hvp(vector, logits, target, **options),
                losses.cross_entropy_hvp(vector, logits, one_hot, **options),
            ),
            (
                losses.cross_entropy_hessian_diagonal(logits, target, **options),
                losses.cross_entropy_hessian_diagonal(logits, one_hot, **options),
            ),
        ]:
            np.testing.assert_allclose(labels, masses, rtol=8 * EPS, atol=8 * EPS)


def test_a_product_underflows_only_if_it_is_that_small_itself():
    """Small weights and the share of a mean come last."""
    one, narrow = [1], np.float32
    binary = losses.binary_cross_entropy_with_logits_hvp
    weight = {"weight": narrow(1e-20), "reduction": "sum"}
    found = binary(np.array([1e20], narrow), np.array([-60], narrow), one, **weight)
    np.testing.assert_allclose(found, np.exp(-60), rtol=1e-6)
    many = np.ones(1000, narrow)
    found = binary(1e6 * many, -80 * many, many)
    np.testing.assert_allclose(found, 1e3 * np.exp(-80), rtol=1e-6)
    squares = {"weight": 1e-30 * many, "reduction": "sum"}
    found = losses.mse_loss_hvp(1e30 * many, many, many, **squares)
    np.testing.assert_allclose(found, 2 * many, rtol=1e-6)


@pytest.mark.parametrize("size", [1.5e308, -1.5e308])
def test_a_large_vector_has_the_product_of_which_each_factor_is_in_range(size):
    """Twice the vector is not in range, nor its sum; twice its share of the mean is."""
    vector, zeros = np.full(4, size), np.zeros(4)
    np.testing.assert_array_equal(losses.mse_loss_hvp(vector, zeros, zeros), vector / 2)
    found = losses.binary_cross_entropy_with_logits_hvp(vector, zeros, zeros)
    np.testing.assert_array_equal(found, vector / 16)


@curved
@given(st.data())
def test_what_the_loss_refuses_its_second_derivatives_refuse_alike(case, data):
    call = data.draw(case.calls)
    wrongs = [("reduction", "average"), ("weight", [1j]), ("weight", np.ones((9, 9, 9, 9, 9)))]
    if case.row.name == "cross_entropy":
        wrongs += [("label_smoothing", 2), ("ignore_index", 0.5), ("axis", 9), ("workers", 0)]
    name, wrong = data.draw(st.sampled_from(wrongs))
    bad = call.at(call.first, **{name: wrong})
    with pytest.raises((TypeError, ValueError)) as expected:
        case.forward(bad)
    functions = [lambda: case.hessian_diagonal(bad)]
    if case.has("hvp"):
        functions.append(lambda: case.hvp(call.first, bad))
    for function in functions:
        with pytest.raises(expected.type) as found:
            function()
        assert str(found.value) == str(expected.value)


@multiplied
@given(st.data())
def test_a_vector_of_no_real_numbers_is_refused(case, data):
    call = data.draw(case.calls)
    for other in (call.first.astype(complex), np.ma.masked_array(call.first)):
        with pytest.raises(TypeError, match="vector"):
            case.hvp(other, call)
