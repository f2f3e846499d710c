"""What the rooms share: one valid call of every function, common parameters, two comparisons."""

import inspect

import numpy as np
import pytest
from tests.rows import invoke
from tests.table import FUNCTIONS

import losses

INF, NAN = np.inf, np.nan

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])

# Rows of 3 and of 300 scores that have no probabilities.
bad_rows = pytest.mark.parametrize(
    "bad",
    [
        row + row[-1:] * more
        for more in (0, 297)
        for row in ([-INF] * 3, [INF, 0, 0], [0, 0, INF], [INF] * 3, [NAN, 0, 0], [0, NAN, 9])
    ],
)

# A result passes through some three of exp, log, log1p and a division, and the sum of a short
# row; NumPy's err by up to 2 ulp each.
FEW = 8

# The arguments of one valid call of every public function, by name.
CALLS = {name: row.example_of(what) for name, (row, what) in FUNCTIONS.items()}


def call(name, /, **changes):
    """Return what a function gives for its arguments in the table, some of them changed."""
    return invoke(name, CALLS[name] | changes)


def evaluate(name, first, target, **options):
    """Return f(first, target), without any weights unless the options have them.

    Other arrays, and the vector that a Hessian is multiplied by, are ones.
    """
    row, _ = FUNCTIONS[name]
    others = dict.fromkeys(row.array_options)
    if row.kind == "entrywise":
        others |= {other: np.ones(np.shape(first)) for other in row.arrays}
    if "vector" in CALLS[name]:
        others["vector"] = np.ones(np.shape(first))
    return call(name, **{**others, point(name): first, "target": target, **options})


def takes(*options):
    """Return the names of the functions of one array that take all these options."""
    return [
        name
        for name, (row, _) in FUNCTIONS.items()
        if len(row.differentiated) == 1
        and set(options) <= inspect.signature(getattr(losses, name)).parameters.keys()
    ]


def point(name):
    """Return the name of the array at which a function is evaluated or differentiated."""
    row, what = FUNCTIONS[name]
    return row.point(what)


def differentiated(name):
    """Return the names of the arrays that decide the dtype of a result."""
    row, what = FUNCTIONS[name]
    return row.differentiated if len(row.differentiated) > 1 else [row.point(what)]


def parts(result):
    """Return a result as a flat tuple: the value, the gradients, or both; None is no part."""
    if isinstance(result, tuple):
        return tuple(part for each in result for part in parts(each))
    return () if result is None else (result,)


def assert_same(actual, expected):
    """Assert equal shapes, dtypes and bits, of each part: nan is nan, and -0 is not 0."""
    for found, value in zip(parts(actual), parts(expected), strict=True):
        np.testing.assert_array_equal(found, value, strict=True)
        number = ~np.isnan(value)
        np.testing.assert_array_equal(np.signbit(found)[number], np.signbit(value)[number])


def assert_near(actual, expected, ulps=FEW, scale=0.0):
    """Assert equal shapes and errors of some ulp, of the number or of the scale if given.

    A scale is for differences, whose terms are rounded before they cancel.
    """
    assert np.shape(actual) == np.shape(expected)
    tolerance = ulps * np.finfo(actual.dtype).eps
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance * scale)


def reduced(losses, weights):
    """Return each reduction, what it makes of losses, and what it divides them by."""
    total = np.sum(losses)
    return [("none", losses, 1), ("sum", total, 1), ("mean", total / weights, weights)]
