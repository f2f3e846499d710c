"""The Tweedie losses where a formula of their terms would cancel: means near the target."""

from functools import partial

import numpy as np
import pytest
from tests.accuracy import exact
from tests.accuracy.budgets import assert_within
from tests.accuracy.parameters import in_both_precisions
from tests.rows import invoke
from tests.table import FUNCTIONS

# Between the terms and their series the way changes where M |d| is 1, and M is 1, 2 or 4.
RATIOS = np.concatenate([1e-7 * 2.0 ** np.arange(23), [np.exp(1 / m) - 1 for m in (1, 2, 4)]])
RATIOS = np.concatenate([1 + RATIOS, 1 / (1 + RATIOS), [1]])
NEAR = [1.0, 1 + 2**-20, 1.25, 1.5, 2 - 2**-20, 2.0, 3.0, 5.0]
near = pytest.mark.parametrize("power", NEAR)


def sides(target, dtype):
    """Return means on both sides of each of some targets, and these."""
    target = np.repeat(np.array(target, dtype), len(RATIOS))
    return (target * np.tile(RATIOS, len(target) // len(RATIOS))).astype(dtype), target


def decimals(name, first, target, power):
    """Return a formula at each entry."""
    return exact.each(partial(getattr(exact, name), power=power), first, target)


@near
@in_both_precisions
def test_a_loss_keeps_its_digits_however_near_the_mean_is(power, dtype):
    predictions, target = sides([0.1, 1, 30], dtype)
    arguments = {"predictions": predictions, "target": target, "power": power}
    row, _ = FUNCTIONS["tweedie_loss"]
    for name, budget in (("", row.budget.loss), ("_backward", row.budget.gradient)):
        ones = {"grad_output": np.ones_like(target)} if name else {}
        found = invoke(f"tweedie_loss{name}", {**ones, **arguments, "reduction": "none"})
        exactly = decimals(f"tweedie_loss{name}", predictions, target, power)
        scale = None if name else decimals("tweedie_loss_size", predictions, target, power)
        assert_within(budget(dtype), found, exactly, scale)


@near
@in_both_precisions
def test_the_loss_of_a_log_mean_has_the_digits_that_its_exponential_leaves(power, dtype):
    mean, target = sides([0.1, 1, 30], dtype)
    log_mean = np.log(mean)
    name = "tweedie_loss_with_log_mean"
    row, _ = FUNCTIONS[name]
    arguments = {"log_mean": log_mean, "target": target, "power": power, "reduction": "none"}
    exactly, scale = (decimals(f"{name}{size}", log_mean, target, power) for size in ("", "_size"))
    assert_within(row.budget.loss(dtype), invoke(name, arguments), exactly, scale)


@in_both_precisions
def test_digits_are_kept_from_one_end_of_the_numbers_to_the_other(dtype):
    """Quotients of which are no normal numbers, but the losses are."""
    end = {np.float32: 2.0**100, np.float64: 2.0**900}[dtype]
    predictions = np.array([end, 1 / end, end, 1 / end], dtype)
    target = np.array([1 / end, end, end * 1.5, 1.5 / end], dtype)
    row, _ = FUNCTIONS["tweedie_loss"]
    for power in (1.0, 1.25, 2.0):
        arguments = {"predictions": predictions, "target": target, "power": power}
        exactly, scale = (
            decimals(f"tweedie_loss{size}", predictions, target, power) for size in ("", "_size")
        )
        found = invoke("tweedie_loss", {**arguments, "reduction": "none"})
        held = np.array([abs(number) < float(np.finfo(dtype).max) for number in exactly])
        exactly, scale = (
            [n for n, kept in zip(a, held, strict=True) if kept] for a in (exactly, scale)
        )
        assert np.isinf(found[~held]).all()
        assert_within(row.budget.loss(dtype), found[held], exactly, scale)
