"""The losses entry by entry, against their formulas in decimals, all over their domains.

A budget and what it counts stand in the row of tests/table.py; the counts of roundings are those
of `budgets`.
"""

from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pytest
from tests.accuracy import exact
from tests.accuracy.budgets import EXP, LOG1P, additions, assert_within
from tests.accuracy.parameters import in_both_precisions
from tests.domains import UNIT_INTERVAL, both_signs
from tests.rows import across, invoke
from tests.table import ENTRYWISE, LABELS

import losses

CURVED = [row for row in ENTRYWISE if row.budget.curvature]

# Between the labels too, where these losses have no second derivative.
BETWEEN = [
    replace(row, arrays={**row.arrays, "target": UNIT_INTERVAL})
    for row in ENTRYWISE
    if row.arrays["target"] is LABELS
]
every_loss = pytest.mark.parametrize("row", [*ENTRYWISE, *BETWEEN], ids=str)


def problems(row, dtype):
    """Yield arrays from everywhere in the domains, with each choice of the options."""
    arrays = across(row, dtype)
    for values in product(*(option.values for option in row.options.values())):
        options = dict(zip(row.options, values, strict=True))
        inside = [domain.given(options).holds(arrays[name]) for name, domain in row.arrays.items()]
        kept = np.logical_and.reduce(inside)
        yield {name: array[kept] for name, array in arrays.items()}, options


def decimals(row, name, arrays, options):
    """Return a formula at each entry."""
    given = [arrays[key] for key in row.arrays]
    weights = {key: arrays[key] for key in row.array_options}
    numbers = {key: real(option) for key, option in options.items()}
    formula = partial(getattr(exact, name), **numbers)
    return exact.each(formula, *given, **weights)


def real(option):
    """Return a number as a float, and anything else as it is."""
    return option if option is None or isinstance(option, bool) else float(option)


def size(row, name, arrays, options):
    """Return what the error of a formula is relative to, if not to the formula itself."""
    return decimals(row, name, arrays, options) if name else None


def columns(rows):
    """Return the first numbers of all rows, the second ones, and so on."""
    return list(zip(*rows, strict=True))


@every_loss
@in_both_precisions
def test_a_loss_and_its_gradient_have_a_rounding_for_each_operation(row, dtype):
    for arrays, options in problems(row, dtype):
        arguments = {**arrays, **options, "reduction": "none"}
        loss = invoke(row.name, arguments)
        exactly = decimals(row, row.decimals, arrays, options)
        scale = size(row, row.budget.loss_size, arrays, options)
        assert_within(row.budget.loss(dtype), loss, exactly, scale)
        ones = {"grad_output": np.ones_like(loss)}
        found = invoke(row.function("backward"), {**ones, **arguments})
        exactly = decimals(row, f"{row.decimals}_backward", arrays, options)
        scale = size(row, row.budget.gradient_size, arrays, options)
        budget = row.budget.gradient(dtype)
        if len(row.differentiated) == 1:
            assert_within(budget, found, exactly, scale)
            continue
        scales = scale or exactly
        for gradient, *each in zip(found, budget, *map(columns, (exactly, scales)), strict=True):
            assert_within(each[0], gradient, *each[1:])


@in_both_precisions
def test_the_gradient_of_a_binary_target_has_a_rounding_for_each_operation(dtype):
    """w [(w+ - 1) log1p(E) - (1 or w+) x]: w+ - 1, LOG1P, EXP, 2 products, a difference and w."""
    logits = both_signs(dtype)
    rng = np.random.default_rng(25)
    weight, pos_weight = rng.uniform(0.5, 4, (2, logits.size)).astype(dtype)
    name = "binary_cross_entropy_with_logits_target_backward"
    arrays = {"weight": weight, "pos_weight": pos_weight}
    found = losses.binary_cross_entropy_with_logits_target_backward(
        np.ones_like(logits), logits, np.full_like(logits, 0.5), **arrays, reduction="none"
    )
    exactly, size = (
        exact.each(getattr(exact, f"{name}{part}"), logits, **arrays) for part in ("", "_size")
    )
    assert_within(EXP[dtype] + LOG1P[dtype] + 5, found, exactly, size)


@pytest.mark.parametrize("row", CURVED, ids=str)
@in_both_precisions
def test_a_curvature_has_a_rounding_for_each_operation(row, dtype):
    for arrays, options in problems(row, dtype):
        name = row.function("hessian_diagonal")
        found = invoke(name, {**arrays, **options, "reduction": "none"})
        exactly = decimals(row, name, arrays, options)
        scale = size(row, row.budget.curvature_size, arrays, options)
        assert_within(row.budget.curvature(dtype), found, exactly, scale)


@every_loss
@in_both_precisions
def test_a_mean_adds_the_roundings_of_two_sums_and_a_quotient(row, dtype):
    """Relative to the mean of the sizes of the losses."""
    for arrays, options in problems(row, dtype):
        found = invoke(row.name, {**arrays, **options})
        exactly = decimals(row, row.decimals, arrays, options)
        scale = size(row, row.budget.loss_size, arrays, options) or exactly
        weights = arrays["weight"] if row.weight == "in the mean" else np.ones(len(exactly), dtype)
        divisor = sum(exact.decimals(weights))
        budget = row.budget.loss(dtype) + 2 * additions(len(exactly)) + 2
        assert_within(budget, found, sum(exactly) / divisor, sum(map(abs, scale)) / divisor)
