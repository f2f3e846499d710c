"""Losses entry by entry where a formula by itself would give nan, and at kinks."""

import numpy as np
import pytest
from tests.rooms.helpers import INF, NAN, assert_same

import losses


def both(name, first, target, **options):
    """Return single losses, and the gradient of their sum."""
    first = np.array(first, float)
    return getattr(losses, f"{name}_value_and_grad")(first, target, **options, reduction="none")


@pytest.mark.parametrize(
    ("quantile", "expected", "slopes"),
    [
        (0.0, [0, 0, INF], [0, 0, 1]),
        (0.25, [INF, 0, INF], [-0.25, 0, 0.75]),
        (1.0, [INF, 0, 0], [-1, 0, 0]),
    ],
)
def test_a_quantile_loss_of_an_infinite_residual_is_infinite_unless_that_side_counts_nothing(
    quantile, expected, slopes
):
    found = both("quantile_loss", [-INF, 0, INF, NAN], np.zeros(4), quantile=quantile)
    for part, known in zip(found, (expected, slopes), strict=True):
        np.testing.assert_array_equal(part, [*known, NAN])


@pytest.mark.parametrize("quantile", [0.0, 0.25, 1.0])
def test_no_quantile_loss_is_minus_0(quantile):
    zeros = np.array([0.0, -0.0])
    assert_same(
        losses.quantile_loss(zeros, zeros[::-1], quantile=quantile, reduction="none"), np.zeros(2)
    )
