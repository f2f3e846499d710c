"""Students and teachers that differ by little or by much: kl_div_with_logits within its budget."""

import numpy as np
import pytest
from tests.accuracy import exact
from tests.accuracy.budgets import assert_within
from tests.accuracy.parameters import in_both_precisions
from tests.table import CLASSWISE

import losses

(ROW,) = (row for row in CLASSWISE if row.name == "kl_div_with_logits")


def pairs(dtype, classes, difference, offset):
    """Return logits of students and teachers; a teacher is sure, less sure, or hardly at all."""
    rng = np.random.default_rng(0)
    teacher = rng.standard_normal((6, classes)) * [[0.1], [1], [3], [10], [20], [40]]
    noise = difference * rng.standard_normal(teacher.shape)
    teacher = teacher.astype(dtype)
    return (teacher + offset + noise).astype(dtype), teacher


@pytest.mark.parametrize("difference", [1e-8, 1e-6, 1e-4, 1e-2, 1, 10, 100])
@pytest.mark.parametrize("offset", [0, 3.3])
@pytest.mark.parametrize("classes", [2, 10, 70])
@in_both_precisions
def test_students_near_and_far_are_within_the_budget(dtype, classes, difference, offset):
    students, teachers = pairs(dtype, classes, difference, offset)
    found, gradients = losses.kl_div_with_logits_value_and_grad(
        students, teachers, reduction="none"
    )
    unit = {"unit_roundoff": float(np.finfo(dtype).eps) / 2}
    for loss, gradient, x, y in zip(found, gradients, students, teachers, strict=True):
        size = exact.kl_div_with_logits_size(x, y, **unit)
        assert_within(ROW.budget.loss(dtype, classes), loss, exact.kl_div_with_logits(x, y), size)
        sizes = exact.kl_div_with_logits_backward_size(x, y, **unit)
        wanted = exact.kl_div_with_logits_backward(x, y)
        assert_within(ROW.budget.gradient(dtype, classes), gradient, wanted, sizes)


@pytest.mark.parametrize("difference", [1e-8, 1e-6, 1e-4, 1e-2])
@pytest.mark.parametrize("classes", [2, 10, 70])
@in_both_precisions
def test_near_the_teacher_the_size_of_the_error_is_a_few_times_the_loss(dtype, classes, difference):
    """The sum of q |e^eta - 1| (|d| + |eta|) is at most 1 + q_top^(-1/2) times that of q eta^2, by
    Cauchy and Schwarz, and that is twice the loss; 5 % are for what is not to first order.
    """
    unit = {"unit_roundoff": float(np.finfo(dtype).eps) / 2}
    for x, y in zip(*pairs(dtype, classes, difference, 0), strict=True):
        loss, size = exact.kl_div_with_logits(x, y), exact.kl_div_with_logits_size(x, y, **unit)
        root = max(exact.softmax(y)).sqrt()
        assert float(size) <= 1.05 * float(loss * (1 + (1 + 1 / root) / 2))
