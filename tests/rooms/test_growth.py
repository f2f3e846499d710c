"""exp(x) - 1 - x without a difference of close numbers, in every dtype of a computation."""

from decimal import Decimal

import numpy as np
import pytest
from tests.accuracy import exact
from tests.accuracy.budgets import EXPM1

from losses._activations.growth import TERMS, growth


def decimal(number):
    """Return a number of any dtype as the decimal that it exactly is."""
    high = float(number)
    return Decimal(high) + Decimal(float(number - type(number)(high)))


@exact.plainly
def rest(x):
    return x.exp() - 1 - x


@pytest.mark.parametrize("code", TERMS)
def test_it_has_seven_roundings_below_1_and_those_of_expm1_above(code):
    """From 1 on expm1(x) is at most 2.4 times the rest, and the difference rounds."""
    dtype = np.dtype(code)
    sizes = np.concatenate([np.geomspace(1e-8, 0.999, 40), np.geomspace(1, 60, 20)]).astype(dtype)
    beyond = 2.4 * EXPM1.get(dtype.type, EXPM1[np.float64]) + 1
    for x in np.concatenate([sizes, -sizes]):
        # An array of one number below 1 takes one way, and one of two numbers the other.
        for found in (growth(np.array([x]))[1][0], growth(np.array([x, dtype.type(2)]))[1][0]):
            wanted = rest(decimal(x))
            allowed = (7 if abs(x) < 1 else beyond) * float(np.finfo(dtype).eps) / 2
            assert abs(decimal(found) / wanted - 1) <= allowed
            assert found >= 0
