"""The divergence of logits: near agreement, limits, and what the teacher has not."""

import numpy as np
import pytest
from tests.rooms.helpers import INF, NAN, assert_near, assert_same, dtypes

import losses

KL, FUSED = losses.kl_div_with_logits, losses.kl_div_with_logits_value_and_grad
BY_TARGET = losses.kl_div_with_logits_target_backward


def test_known_values_near_the_teacher():
    narrow = np.array([[1, 2, 3], [1, 2, 3.001]], np.float32)
    assert f"{KL(*narrow):.4e}" == "1.1131e-07"
    sure = np.array([[0, 40], [0, 41]], np.float32)
    assert f"{KL(*sure):.5e}" == "1.12259e-18"


@dtypes
def test_it_is_never_negative_and_0_where_the_two_agree_but_for_a_shift(dtype):
    rng = np.random.default_rng(0)
    teacher = (16 * rng.standard_normal((50, 7))).round().astype(dtype) / 8
    # Eighths, so that the sum is exact.
    loss, gradient = FUSED(teacher + dtype(100), teacher, reduction="none")
    assert not loss.any()
    assert not gradient.any()
    near = np.nextafter(teacher, dtype(INF))
    assert (KL(near, teacher, reduction="none") >= 0).all()


@dtypes
def test_a_shift_of_either_array_changes_no_more_than_roundings(dtype):
    """Beside logits of about 1 a shift of 1000 is exact for 2^-10 in float32."""
    rng = np.random.default_rng(0)
    student, teacher = (np.round(rng.standard_normal((2, 9, 5)) * 1024) / 1024).astype(dtype)
    expected = FUSED(student, teacher, reduction="none")
    for x, y in ((student + 1000, teacher), (student, teacher - 1000)):
        for found, value in zip(FUSED(x, y, reduction="none"), expected, strict=True):
            assert_near(found, value, ulps=64, scale=np.abs(value).max())


def test_the_difference_of_logits_has_all_its_digits():
    """Of 2 and 1/2 + 2^-53 it has one more than a number of float64 holds."""
    student = np.array([2.0, 2.0, 2.0])
    teacher = np.array([0.5, 0.5 + 2.0**-53, 0.5])
    # Where d = (0, -h, 0) the loss is h^2 / 9 of q = 1/3: h^2 (1/3 - 1/9) / 2.
    np.testing.assert_allclose(KL(student, teacher), 2.0**-106 / 9, rtol=1e-14)


def test_what_the_teacher_has_not_counts_nothing_but_what_the_student_wastes_on_it():
    assert KL([0.0, 0.0], [0.0, -INF]) == pytest.approx(np.log(2), rel=1e-15)
    near = 1 + 2.0**-30
    loss, gradient = FUSED([1.0, 2.0, -INF], [near, 2.0, -INF])
    assert_near(loss, KL([1.0, 2.0], [near, 2.0]))
    assert gradient[2] == 0
    found = BY_TARGET(1.0, [0.0, 0.0, 5.0], [0.0, 1.0, -INF])
    assert found[2] == 0


def test_what_only_the_teacher_has_costs_infinity():
    loss, gradient = FUSED([0.0, -INF, 3.0], [0.0, 2.0, -INF])
    assert loss == INF
    q = losses.softmax([0.0, 2.0])
    assert_near(gradient, losses.softmax([0.0, -INF, 3.0]) - [*q, 0])
    found = BY_TARGET(1.0, [0.0, -INF, 3.0], [0.0, 2.0, -INF])
    np.testing.assert_array_equal(found, [-INF, INF, 0])
    # Also where its probability underflows, and where it is the largest.
    np.testing.assert_array_equal(BY_TARGET(1.0, [-INF, 1, 2], [-3e3, 0, 0]), [INF, -INF, -INF])
    np.testing.assert_array_equal(BY_TARGET(1.0, [-INF, 1, 2], [9.0, 0, 0]), [INF, -INF, -INF])


@pytest.mark.parametrize("bad", [[INF, 0.0, 1.0], [NAN, 0.0, 1.0], [-INF] * 3])
def test_a_row_without_a_softmax_is_nan_and_no_other_row(bad):
    good = [1.0, 2.0, 3.0]
    for x, y in (([bad, good], [good, bad[::-1]]), ([good, bad], [good, good])):
        found = [*FUSED(x, y, reduction="none"), BY_TARGET(np.ones(2), x, y, reduction="none")]
        alone = [KL(*pair) for pair in zip(x, y, strict=True)]
        np.testing.assert_array_equal(found[0], alone)
        for rows in found:
            np.testing.assert_array_equal(np.isnan(rows).reshape(2, -1).all(1), np.isnan(alone))


def test_nan_where_the_teacher_has_nothing_is_nan_all_the_same():
    for hole in (NAN, INF):
        loss, gradient = FUSED([1.0, hole, 2.0], [1.0, -INF, 2.0])
        assert np.isnan([loss, *gradient]).all()


@dtypes
def test_a_student_that_is_sure_of_what_the_teacher_all_but_excludes_costs_the_gap(dtype):
    """The teacher's probability is below the normal numbers, or 0; the student's is 1."""
    for gap in (100.0, 300.0, 1e4):
        loss, gradient = FUSED(np.array([gap, 0], dtype), np.array([0, gap], dtype))
        np.testing.assert_allclose(loss, gap, rtol=4 * np.finfo(dtype).eps)
        np.testing.assert_array_equal(gradient, [1, -1])


def test_a_probability_that_underflows_counts_by_what_the_student_has():
    """q = e^-120 is 0 in float32, but p of the same class is e^-40, with 80 roundings and more."""
    teacher = np.array([0, -120], np.float32)
    loss, gradient = FUSED(np.array([0, -40], np.float32), teacher)
    np.testing.assert_allclose([loss, gradient[1]], np.exp(-40), rtol=1e-5)


def test_the_last_digits_above_0_make_no_divergence_negative():
    """q is of one or two of the smallest numbers, and e^eta from 2.5 to 4."""
    teacher = np.zeros((400, 2), np.float32)
    teacher[:, 1] = np.linspace(-104, -101, 400)
    student = teacher + np.float32([0, 1.01])
    assert (KL(student, teacher, reduction="none") >= 0).all()


def test_samples_of_weight_0_are_absent():
    x, y = np.ones((2, 3)), np.array([[1.0, 2.0, 3.0], [NAN, INF, 0.0]])
    loss, gradient = FUSED(x, y, weight=[2, 0])
    assert loss == KL(x[0], y[0])
    assert not gradient[1].any()


@pytest.mark.parametrize("classes", [3, 70])
def test_the_curvature_is_that_of_cross_entropy_whatever_the_teacher(classes):
    rng = np.random.default_rng(0)
    logits, teacher, vector = 5 * rng.standard_normal((3, 9, classes))
    labels = rng.integers(0, classes, 9)
    assert_same(
        losses.kl_div_with_logits_hvp(vector, logits, teacher),
        losses.cross_entropy_hvp(vector, logits, labels),
    )
    assert_same(
        losses.kl_div_with_logits_hessian_diagonal(logits, teacher),
        losses.cross_entropy_hessian_diagonal(logits, labels),
    )


def test_logits_without_classes_cost_nothing():
    loss, gradient = FUSED(np.ones((2, 0)), np.ones((2, 0)), reduction="none")
    np.testing.assert_array_equal(loss, [0, 0])
    assert gradient.shape == (2, 0)


def test_a_difference_beyond_the_dtype_is_a_loss_and_moves_nothing_of_0():
    loss, gradient = FUSED([1e308, 1.0], [-1e308, 3.0])
    assert loss == 1e308
    np.testing.assert_array_equal(gradient, [1, -1])
    assert not BY_TARGET(1.0, [1e308, 1.0], [-1e308, 3.0]).any()


@pytest.mark.parametrize("name", ["kl_div_with_logits_hvp", "kl_div_with_logits_hessian_diagonal"])
def test_samples_of_no_classes_have_no_curvature(name):
    nothing = np.zeros((0, 2, 3))
    arrays = [nothing] * (3 if name.endswith("hvp") else 2)
    assert_same(getattr(losses, name)(*arrays, axis=0), nothing)
