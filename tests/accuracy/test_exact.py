"""The formulas in decimals have the values that are known in closed form."""

from decimal import MAX_EMAX, MIN_EMIN, Decimal, localcontext
from math import inf

import numpy as np
import pytest
from tests.accuracy import exact

E_80 = Decimal(-80).exp()


def agree(got, known):
    """Return whether two decimals have 25 digits in common."""
    return abs(got - known) <= abs(known) * Decimal("1e-25")


def test_equal_logits_share_equally_and_cost_log_of_their_number():
    assert agree(exact.logsumexp([1e8] * 4), Decimal(100_000_000) + Decimal(4).ln())
    assert all(agree(p, Decimal("0.25")) for p in exact.softmax([-1e8] * 4))
    assert agree(exact.cross_entropy([1e8, 1e8], 0), Decimal(2).ln())


def test_the_tail_of_a_confident_prediction_is_its_series():
    """log(1 + q) = q - q^2 / 2 + ... and 1 - p = q - q^2 + ... at q = exp(-80)."""
    assert agree(exact.cross_entropy([80.0, 0.0], 0), E_80 - E_80**2 / 2)
    assert agree(exact.cross_entropy_backward([80.0, 0.0], 0)[0], -(E_80 - E_80**2))
    assert agree(exact.softplus(-80.0), E_80 - E_80**2 / 2)
    assert agree(exact.softmax_backward([1.0, 0.0], [80.0, 0.0])[0], E_80 - 2 * E_80**2)


def test_a_smoothed_index_is_a_smoothed_one_hot_target():
    x, options = [1.0, -2.0, 0.5], {"weight": [1.0, 2.0, 4.0], "label_smoothing": 0.25}
    known = [Decimal(n) / 12 for n in (1, 20, 4)]  # w (1 - 0.25) [c = 1] + w 0.25 / 3
    assert all(map(agree, exact.mass(3, 1, **options), known))
    one_hot = [0.0, 1.0, 0.0]
    assert exact.cross_entropy(x, 1, **options) == exact.cross_entropy(x, one_hot, **options)


def test_a_factorial_is_a_product_and_that_of_a_half_is_known():
    for t, known in [(0, 1), (1, 1), (7, 5040), (20, 2432902008176640000)]:
        assert abs(exact.log_factorial(Decimal(t)) - Decimal(known).ln()) < Decimal("1e-25")
    pi = Decimal("3.14159265358979323846264338327950288419716939937511")
    assert agree(exact.log_factorial(Decimal("0.5")), pi.ln() / 2 - Decimal(2).ln())


@pytest.mark.parametrize("digits", [60, 110, 460])
def test_a_power_of_the_exponential_of_a_part_is_the_exponential(digits):
    with localcontext(prec=digits, Emax=MAX_EMAX, Emin=MIN_EMIN):
        for x in map(Decimal, (0.0, 1e-30, 0.1, -1.0, 80.5, -745.25, 1e4, -1e8, -inf)):
            assert abs(exact.exp(x, digits) - x.exp()) <= x.exp() * Decimal(10) ** (1 - digits)


def test_zero_times_infinity_counts_nothing():
    x = [0.0, -inf, 0.0]
    assert agree(exact.cross_entropy(x, [0.5, 0.0, 0.5]), Decimal(2).ln())
    assert agree(
        exact.cross_entropy(x, 0, weight=[1.0, 0.0, 1.0], label_smoothing=0.5),
        Decimal(2).ln() * 5 / 6,
    )
    assert exact.cross_entropy(x, 1) == inf
    assert exact.cross_entropy_backward(x, 1)[1] == -1
    assert exact.binary_cross_entropy_with_logits(-inf, 0.0) == 0


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_an_ulp_is_the_distance_to_the_next_number(dtype):
    info = np.finfo(dtype)
    for number in (1.0, 1.5, float(info.max) / 2, float(info.smallest_normal), 0.0):
        above = np.nextafter(dtype(number), dtype(np.inf))
        assert exact.ulp_error(above, Decimal(number), dtype) == 1
    assert exact.ulp_error(dtype(0), Decimal(0), dtype) == 0
    assert exact.ulp_error(dtype(inf), Decimal(inf), dtype) == 0
    assert exact.ulp_error(dtype(inf), Decimal(1), dtype) == inf
    assert exact.ulp_error(dtype("nan"), Decimal(1), dtype) == inf
