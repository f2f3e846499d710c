"""The losses of samples, against their formulas in decimals, all over their domains.

A budget and what it counts stand in the row of tests/table.py; the counts of roundings are those
of `budgets`.
"""

from itertools import product

import numpy as np
import pytest
from tests.accuracy import exact
from tests.accuracy.budgets import LOG, additions, assert_within
from tests.accuracy.parameters import in_both_precisions
from tests.rows import SAMPLES, invoke, rows_across
from tests.table import CLASSWISE

every_loss = pytest.mark.parametrize("row", CLASSWISE, ids=str)
# Few classes and many: both of the orders in which they are added.
sizes = pytest.mark.parametrize("size", [1, 3, 70])


def problems(row, dtype, size):
    """Yield rows from everywhere in the domains, with each choice of the options."""
    arrays = rows_across(row, dtype, size)
    if row.weight == "of classes":
        arrays["weight"] = np.linspace(0.5, 2, size).astype(dtype)
    for values in product(*(option.values for option in row.options.values())):
        yield arrays, dict(zip(row.options, values, strict=True))


def called(row, what, arguments):
    """Return what a function gives for rows: for those of positions, of one class each."""
    if row.holds != "positions":
        return invoke(row.function(what), arguments)
    wide = {key: value[:, np.newaxis] for key, value in arguments.items() if np.ndim(value)}
    found = invoke(row.function(what), {**arguments, **wide})
    return found if not np.ndim(found) else found[:, 0]


def decimals(row, name, arrays, options, **more):
    """Return a formula of each sample, given its name."""
    options = {
        key: value if value is bool(value) else float(value) for key, value in options.items()
    }
    found = []
    for sample in range(SAMPLES):
        given = [arrays[key][sample] for key in row.arrays]
        weight = arrays["weight"]
        weight = weight if row.weight == "of classes" else weight[sample]
        found.append(getattr(exact, name)(*map(plain, given), weight=weight, **options, **more))
    return found


def plain(value):
    """Return a label as an int."""
    return int(value) if isinstance(value, np.integer) else value


def assert_rows_within(budget, found, exactly, scale):
    """Assert that all the entries of rows are within a budget."""
    flat = [entry for row in exactly for entry in row]
    scales = None if scale is None else [entry for row in scale for entry in row]
    assert_within(budget, found.reshape(-1), flat, scales)


def size_of(row, name, arrays, options, dtype):
    """Return what the error of a formula is relative to, if not to the formula itself."""
    unit = float(np.finfo(dtype).eps) / 2
    return decimals(row, name, arrays, options, unit_roundoff=unit) if name else None


@every_loss
@sizes
@in_both_precisions
def test_a_loss_and_its_gradient_have_a_rounding_for_each_operation(row, dtype, size):
    for arrays, options in problems(row, dtype, size):
        arguments = {**arrays, **options, "reduction": "none"}
        loss = called(row, "", arguments)
        scale = size_of(row, row.budget.loss_size, arrays, options, dtype)
        exactly = decimals(row, row.decimals, arrays, options)
        assert_within(row.budget.loss(dtype, size, **options), loss, exactly, scale)
        ones = {"grad_output": np.ones_like(loss)}
        found = called(row, "backward", {**ones, **arguments})
        exactly = decimals(row, f"{row.decimals}_backward", arrays, options)
        scale = size_of(row, row.budget.gradient_size, arrays, options, dtype)
        several = len(row.differentiated) > 1
        for place, gradient in enumerate(found if several else [found]):
            own, scales = (
                [each[place] for each in one] if several and one else one
                for one in (exactly, scale)
            )
            assert_rows_within(row.budget.gradient(dtype, size, **options), gradient, own, scales)


@every_loss
@sizes
@in_both_precisions
def test_a_mean_adds_the_roundings_of_two_sums_and_a_quotient(row, dtype, size):
    """Relative to the mean of the sizes of the losses."""
    for arrays, options in problems(row, dtype, size):
        found = called(row, "", {**arrays, **options})
        exactly = decimals(row, row.decimals, arrays, options)
        scale = size_of(row, row.budget.loss_size, arrays, options, dtype) or exactly
        weights = arrays["weight"]
        if row.weight == "of classes":
            labels = row.arrays["target"] is None
            weights = weights[arrays["target"]] if labels else np.ones(SAMPLES, dtype)
        divisor = sum(exact.decimals(weights))
        budget = row.budget.loss(dtype, size, **options) + 2 * additions(SAMPLES) + 2
        assert_within(budget, found, sum(exactly) / divisor, sum(map(abs, scale)) / divisor)


# kl_div: a logarithm, two sums and a product. kl_div_with_logits: fewer than the loss.
BY_TARGET = {
    "kl_div": lambda dtype, _: LOG[dtype] + 3,
    "kl_div_with_logits": lambda dtype, size: WITH_LOGITS.budget.loss(dtype, size),
}
(WITH_LOGITS,) = (row for row in CLASSWISE if row.name == "kl_div_with_logits")


@pytest.mark.parametrize("row", [r for r in CLASSWISE if "target_backward" in r.derived], ids=str)
@sizes
@in_both_precisions
def test_the_gradient_by_a_target_has_a_rounding_for_each_operation(row, dtype, size):
    """Of the sizes of its terms."""
    for arrays, options in problems(row, dtype, size):
        ones = {"grad_output": np.ones(SAMPLES, dtype)}
        found = invoke(f"{row.name}_target_backward", {**ones, **arrays, "reduction": "none"})
        exactly, scale = (
            decimals(row, f"{row.name}_target_backward{end}", arrays, options, **more)
            for end, more in (("", {}), ("_size", {"unit_roundoff": np.finfo(dtype).eps / 2}))
        )
        assert_rows_within(BY_TARGET[row.name](dtype, size), found, exactly, scale)
