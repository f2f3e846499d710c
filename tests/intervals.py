"""Intervals that hold whatever the steps of a formula may give in floating-point numbers.

An exact argument is an interval of one number. A step (a sum, a product, an exponential) gives the
interval of its exact results, widened by STEP roundings of the dtype of the computation, each a
relative error of u = eps / 2, and by as many of its smallest numbers; from the dtype's largest
number on, it may also be inf. So only the allowance for a step is chosen, and carried along:
where terms cancel, it is relative to the terms; where x - m is large, exp makes a large relative
error of its rounding; where a product of factors vanishes on the way, what it is divided by makes
it anything.

Zeros are exact: what has no weight stays out. The bounds are longdoubles, which numbers of double
range never leave in these formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from tests.dtypes import NARROW, end
from tests.dtypes import rounded as rounded_to

# NumPy allows its functions 8 roundings (see accuracy/budgets.py); another way to the same number,
# such as by log1p of the others' share, takes a few more.
STEP = 16


@dataclass(frozen=True)
class Interval:
    """Numbers from low to high, and nan where `nan`; where the bounds are nan, nothing but nan."""

    low: np.ndarray
    high: np.ndarray
    nan: np.ndarray
    dtype: np.dtype

    __array_ufunc__ = None  # so that array - interval is left to the interval

    @property
    def is_nan(self) -> np.ndarray:
        return np.isnan(self.low)

    @property
    def is_zero(self) -> np.ndarray:
        return (self.low == 0) & (self.high == 0) & ~self.nan

    @property
    def may_be_zero(self) -> np.ndarray:
        return (self.low <= 0) & (self.high >= 0)

    @property
    def may_be_infinite(self) -> np.ndarray:
        return np.isinf(self.low) | np.isinf(self.high)

    def contains(self, value: np.ndarray) -> np.ndarray:
        """Return whether each number lies in its interval."""
        wide = np.asarray(value).astype(np.longdouble)
        return np.where(np.isnan(wide), self.nan, (self.low <= wide) & (wide <= self.high))

    def to(self, dtype: np.dtype) -> Interval:
        """Return the interval after a step to another dtype."""
        return _step(self.low, self.high, self.nan, np.dtype(dtype))

    def map(self, change: Callable[[np.ndarray], np.ndarray]) -> Interval:
        """Return the interval with its arrays indexed, reshaped or moved about."""
        return Interval(change(self.low), change(self.high), change(self.nan), self.dtype)

    def __getitem__(self, key: Any) -> Interval:
        return self.map(lambda array: array[key])

    def increasing(self, function: Callable[[np.ndarray], np.ndarray]) -> Interval:
        """Return an increasing function of the interval."""
        return _step(function(self.low), function(self.high), self.nan, self.dtype)

    def monotone(self, function: Callable[[np.ndarray], np.ndarray]) -> Interval:
        """Return an increasing function that rounds nothing, such as a sign or a bound."""
        return replace(self, low=function(self.low), high=function(self.high))

    def __abs__(self) -> Interval:
        ends = np.abs([self.low, self.high])
        return replace(self, low=np.where(self.may_be_zero, 0, ends.min(0)), high=ends.max(0))

    def sum(self, axis: int | None) -> Interval:
        """Return the sum along an axis: n roundings of the sum of the sizes, in any order."""
        terms = self.low.size if axis is None else self.low.shape[axis]
        largest = end(self.dtype, "max")
        up, down = np.maximum(self.high, 0).sum(axis), np.minimum(self.low, 0).sum(axis)

        def bound(ends: np.ndarray, sign: int) -> np.ndarray:
            total, size = ends.sum(axis), np.abs(ends).sum(axis)
            slack = np.where(np.isfinite(size), terms * _unit(self.dtype) * size, 0)
            # Some order of the terms may overflow on the way.
            open_end = np.isnan(total) | (up > largest if sign > 0 else down < -largest)
            return np.where(open_end, sign * np.inf, total + sign * slack)

        only = self.is_nan.any(axis) | (
            np.isposinf(self.low).any(axis) & np.isneginf(self.high).any(axis)
        )
        low, high = (
            np.where(only, np.nan, bound(ends, sign))
            for ends, sign in ((self.low, -1), (self.high, 1))
        )
        nan = self.nan.any(axis) | ((up > largest) & (down < -largest))
        return _step(low, high, nan, self.dtype)

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low, self.nan, self.dtype)

    def __add__(self, other: Any) -> Interval:
        other = self._like(other)
        low, high = self.low + other.low, self.high + other.high
        opposite = (np.isposinf(self.high) & np.isneginf(other.low)) | (
            np.isneginf(self.low) & np.isposinf(other.high)
        )
        only = np.isnan(low) & np.isnan(high)
        low = np.where(np.isnan(low) & ~only, -np.inf, low)
        high = np.where(np.isnan(high) & ~only, np.inf, high)
        return _step(low, high, self.nan | other.nan | opposite, self.dtype)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Interval:
        return self + -self._like(other)

    def __rsub__(self, other: Any) -> Interval:
        return self._like(other) + -self

    def __mul__(self, other: Any) -> Interval:
        other = self._like(other)
        low, high = _extremes(np.multiply, self, other)
        lost = (self.may_be_zero & other.may_be_infinite) | (
            other.may_be_zero & self.may_be_infinite
        )
        return _step(low, high, self.nan | other.nan | lost, self.dtype)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Interval:
        other = self._like(other)
        low, high = _extremes(np.divide, self, other)
        open_end = other.may_be_zero & ~self.is_nan
        low, high = np.where(open_end, -np.inf, low), np.where(open_end, np.inf, high)
        lost = other.may_be_zero | (self.may_be_infinite & other.may_be_infinite)
        return _step(low, high, self.nan | other.nan | lost, self.dtype)

    def __rtruediv__(self, other: Any) -> Interval:
        return self._like(other) / self

    def _like(self, value: Any) -> Interval:
        return value if isinstance(value, Interval) else exactly(value, self.dtype)


def exactly(value: Any, dtype: np.dtype) -> Interval:
    """Return the interval of just these numbers."""
    wide = np.asarray(value).astype(np.longdouble)
    return Interval(wide, wide, np.isnan(wide), np.dtype(dtype))


def rounded(value: Any, dtype: np.dtype) -> Interval:
    """Return numbers after a step to a dtype."""
    return exactly(value, dtype).to(dtype)


def anything(dtype: np.dtype) -> Interval:
    """Return the interval of all numbers and nan."""
    bound = np.longdouble(np.inf)
    return Interval(np.asarray(-bound), np.asarray(bound), np.asarray(True), np.dtype(dtype))


def select(condition: np.ndarray, yes: Any, no: Any) -> Interval:
    """Return the interval `yes` where a condition holds, elsewhere `no`: no step."""
    one = yes if isinstance(yes, Interval) else no
    yes, no = one._like(yes), one._like(no)
    parts = [np.where(condition, getattr(yes, k), getattr(no, k)) for k in ("low", "high", "nan")]
    return Interval(*parts, one.dtype)


def union(one: Interval, other: Interval) -> Interval:
    """Return the interval of what either of two may be."""
    low, high = np.fmin(one.low, other.low), np.fmax(one.high, other.high)
    return Interval(low, high, one.nan | other.nan, one.dtype)


def times(weight: Interval, value: Interval) -> Interval:
    """Return the product in which 0 * inf is 0: what has no weight does not count."""
    product = weight * value  # whose bounds are 0 there already
    return replace(product, nan=np.where(weight.is_zero, value.nan, product.nan))


def _unit(dtype: np.dtype) -> np.longdouble:
    return end(dtype, "eps") / 2


def _step(low: np.ndarray, high: np.ndarray, nan: np.ndarray, dtype: np.dtype) -> Interval:
    """Return the interval of a step's exact results, widened."""
    exact, largest = (low == 0) & (high == 0), end(dtype, "max")
    smallest = end(dtype, "smallest_subnormal")

    def slack(bound: np.ndarray) -> np.ndarray:
        size = STEP * (_unit(dtype) * np.abs(bound) + smallest)
        return np.where(exact | ~np.isfinite(bound), 0, size)

    low, high = np.asarray(low - slack(low)), np.asarray(high + slack(high))
    low = np.where(low < -largest, -np.inf, low).astype(np.longdouble)
    high = np.where(high > largest, np.inf, high).astype(np.longdouble)
    if dtype in NARROW and np.isnan(rounded_to(np.inf, dtype)):  # a dtype without infinities
        nan = nan | np.isinf(low) | np.isinf(high)
    return Interval(low, high, np.asarray(nan | np.isnan(low)), np.dtype(dtype))


def _extremes(
    operation: Callable[..., np.ndarray], a: Interval, b: Interval
) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the largest result at the ends of two intervals; 0 * inf lies at 0."""
    ends = [operation(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    ends = np.where(np.isnan(ends), 0, ends)
    only = a.is_nan | b.is_nan
    return np.where(only, np.nan, ends.min(0)), np.where(only, np.nan, ends.max(0))
