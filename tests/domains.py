"""What the arrays and options of a function may hold: small numbers, any, and none that it may not.

The domain of an argument says how a test draws it: small numbers for finite differences, anything
that must be accepted, what must be refused, and numbers across it for the accuracy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from math import ceil, floor
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays, from_dtype
from tests.dtypes import BFLOAT16, FLOAT8, NARROW, end, is_floating, rounded

Shape = tuple[int, ...]

FLOATS = [*(np.dtype(code) for code in "efdg"), BFLOAT16, *FLOAT8[:2]]
INTEGERS = [np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)]
REALS = [*FLOATS, *FLOATS, *INTEGERS, np.dtype(bool)]

sides = st.sampled_from([2, 3] * 6 + [1, 1, 0])


def shapes_of(dimensions: list[int]) -> st.SearchStrategy[Shape]:
    """Draw a shape of so many dimensions."""
    return st.sampled_from(dimensions).flatmap(lambda n: st.tuples(*[sides] * n))


shapes = shapes_of([1, 2, 2, 3, 0])
reductions = st.sampled_from(["none", "mean", "sum"])
booleans = st.sampled_from([False, True])
usual_weights = st.sampled_from([0, 1, 0.5, 0, 1.125, 2])

# A strategy is validated at its first use, so that each is made once (`cache`). Of those that are
# made of other strategies many are used once: they may be forgotten.
made_once = lru_cache(1000)

SPECIAL = [np.nan, np.inf, -np.inf, np.inf, -np.inf, 0.0, -0.0, 1.0, 80.0, -80.0, 700.0, 1e4]


@cache
def entries(dtype: np.dtype, wild: bool) -> st.SearchStrategy[Any]:
    """Draw numbers of a dtype: eighths from -3 to 3, or anything."""
    if dtype.kind == "b":
        return booleans
    if dtype.kind in "iu":
        small = st.integers(-3 if dtype.kind == "i" else 0, 3)
        return from_dtype(dtype) if wild else small
    small = st.integers(-24, 24).map(lambda n: n / 8)
    if not wild:
        return small
    # A longdouble in the range of float64, which the bounds of intervals do not leave.
    limits = dtype if dtype.itemsize < 8 else np.float64
    names = ("max", "smallest_normal", "smallest_subnormal", "eps")
    largest, normal, subnormal, eps = (float(end(limits, name)) for name in names)
    special = st.sampled_from([*SPECIAL, largest, -largest, normal, -subnormal, eps])
    return st.one_of(small, special, st.floats(width=width(dtype)))


DIFFERENT = 12
seeds = st.integers(0, 2**32 - 1)


def width(dtype: np.dtype) -> int:
    """Return the bits of the numbers to draw, which are rounded to dtypes that NumPy has not."""
    return 32 if dtype in NARROW[1:] else min(8 * dtype.itemsize, 64)


@made_once
def filled(
    dtype: np.dtype, shape: Shape, elements: st.SearchStrategy[Any]
) -> st.SearchStrategy[np.ndarray]:
    """Draw arrays, small ones entry by entry, and large ones of so many different numbers."""
    if dtype in NARROW[1:]:
        return filled(np.dtype(np.float32), shape, elements).map(lambda x: rounded(x, dtype))
    size = int(np.prod(shape))
    if size <= DIFFERENT:
        return arrays(dtype, shape, elements=elements, fill=st.nothing())
    numbers = arrays(dtype, DIFFERENT, elements=elements, fill=st.nothing())
    return st.builds(
        lambda few, seed: np.random.default_rng(seed).choice(few, shape), numbers, seeds
    )


@st.composite
def reals(draw: st.DrawFn, shape: Shape, dtypes: list[np.dtype] = REALS) -> np.ndarray:
    """Draw real numbers of any dtype."""
    dtype = draw(st.sampled_from(dtypes))
    wild = draw(st.sampled_from([False, False, True]))
    return draw(filled(dtype, shape, entries(dtype, wild)))


@st.composite
def unit_interval(draw: st.DrawFn, shape: Shape, dtypes: list[np.dtype] = REALS) -> np.ndarray:
    """Draw numbers in [0, 1] of any dtype."""
    dtype = draw(st.sampled_from(dtypes))
    if not is_floating(dtype):
        return draw(filled(dtype, shape, st.integers(0, 1)))
    eighths = st.integers(0, 8).map(lambda n: n / 8)
    anywhere = st.floats(0, 1, width=width(dtype))
    elements = eighths if draw(booleans) else st.one_of(eighths, anywhere)
    return draw(filled(dtype, shape, elements))


@cache
@st.composite
def weights(draw: st.DrawFn, shape: Shape) -> np.ndarray | None:
    """Draw weights, among them 0 and sometimes anything, or None."""
    kind = draw(st.sampled_from(["none", "some", "some", "real"]))
    if kind == "none":
        return None
    if kind == "real":
        return draw(reals(shape))
    dtype = draw(st.sampled_from(FLOATS))
    return draw(filled(dtype, shape, usual_weights))


@cache
@st.composite
def narrower(draw: st.DrawFn, shape: Shape) -> Shape:
    """Draw a shape that broadcasts to another."""
    kept = shape[draw(st.integers(0, len(shape))) :]
    return tuple(draw(st.sampled_from([size, size, 1])) for size in kept)


@cache
@st.composite
def broadcasting(draw: st.DrawFn, shape: Shape) -> Shape:
    """Draw a shape that broadcasts to another along axes of its own: scalar, or 1 for any size."""
    if draw(st.sampled_from([True, False, False, False])):
        return ()
    return tuple(draw(st.sampled_from([size, size, 1])) for size in shape)


# Small numbers


@cache
def between(shape: Any, low: float, high: float) -> st.SearchStrategy[np.ndarray]:
    """Draw float64 arrays of a shape with entries in an interval, 0 or 1e-38 and up in size."""
    entries = st.floats(low, high, width=32, allow_subnormal=False)
    return arrays(np.float64, shape, elements=entries)


@cache
def lattice(shape: Any, low: float, high: float, more: float) -> st.SearchStrategy[np.ndarray]:
    """Draw eighths in an interval, and so much more."""
    numbers = st.integers(ceil(8 * low), floor(8 * high) - (more > 0))
    return arrays(np.float64, shape, elements=numbers.map(lambda n: n / 8 + more))


@made_once
def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw None or a value."""
    return st.one_of(st.none(), strategy)


# Domains

SCORES = np.array([[1.0, -2.0, 0.0], [0.0, 3.0, -1.0]])
PROBS = np.array([[0.25, 0.5, 0.875], [0.625, 0.75, 0.125]])
WEIGHT = np.array([2.0, 0.5, 3.0])

# So far exp(-|x|) and its products with moderate weights are normal numbers.
LARGEST = {np.float32: 80, np.float64: 700}


def both_signs(dtype: Any) -> np.ndarray:
    """Return numbers of sizes from 1e-8 to the largest, of both signs, and 0."""
    sizes = np.geomspace(1e-8, LARGEST[dtype], 30)
    return np.concatenate([-sizes, [0], sizes]).astype(dtype)


def to_both_ends(dtype: Any) -> np.ndarray:
    """Return numbers towards 0 and towards 1, and both."""
    small = np.geomspace(1e-30, 0.5, 30)
    return np.concatenate([[0], small, 1 - small, [1]]).astype(dtype)


def positive(dtype: Any) -> np.ndarray:
    """Return numbers from 1e-8 to 1e8."""
    return np.geomspace(1e-8, 1e8, 60).astype(dtype)


@dataclass(frozen=True, eq=False)
class Domain:
    """Where the entries of an array may lie."""

    holds: Callable[[np.ndarray], Any]  # whether each entry lies in it
    small: tuple[float, float]  # an interval in which derivatives are moderate
    across: Callable[[Any], np.ndarray]  # numbers of a dtype all over it
    beside: tuple[float, ...]  # a few for each number of another array; none: numbers near those
    examples: tuple[np.ndarray, ...]  # of shape (2, 3), for the first array, the second, ...
    only: tuple[float, ...] = ()  # the numbers in it, if they are few
    anywhere: Callable[..., st.SearchStrategy[np.ndarray]] | None = None  # if not as below
    under: Callable[[dict[str, Any]], Domain] | None = None  # the domain that options make of it
    outside: tuple[float, ...] = field(init=False)  # what must be refused

    def __post_init__(self) -> None:
        """Find what lies outside."""
        numbers = [-0.5, 1.5, np.nan, np.inf, -np.inf, -1e-30, 2.0, 0.0]
        outside = tuple(number for number in numbers if not self.holds(np.array(number)))
        object.__setattr__(self, "outside", outside)

    def given(self, options: dict[str, Any]) -> Domain:
        """Return the domain under some options."""
        return self.under(options) if self.under else self

    def within(self, low: float, high: float) -> Domain:
        """Return the same domain, whose small numbers lie in another interval."""
        return replace(self, small=(low, high))

    def draw_small(self, shape: Any, kinked: bool, first: bool) -> st.SearchStrategy[np.ndarray]:
        """Draw small numbers of float64.

        Of a loss with kinks they are eighths, and those of the first array lie between these: so
        no difference, sum or product with 1 and -1 is nearer than 1/16 to a kink at an eighth.
        """
        if self.only:
            return arrays(np.float64, shape, elements=st.sampled_from(self.only))
        return lattice(shape, *self.small, first / 16) if kinked else between(shape, *self.small)

    def draw(self, shape: Shape) -> st.SearchStrategy[np.ndarray]:
        """Draw any numbers of any dtype."""
        if self.anywhere:
            return self.anywhere(shape)
        if self.only:
            dtypes = st.sampled_from([dtype for dtype in REALS if dtype.kind not in "ub"])
            return dtypes.flatmap(lambda dtype: filled(dtype, shape, st.sampled_from(self.only)))
        return reals(shape).map(self.kept)

    def kept(self, array: np.ndarray) -> np.ndarray:
        """Return numbers with 1 in place of those outside."""
        array = array.copy()
        with np.errstate(invalid="ignore"):
            array[~self.holds(array)] = 1
        return array


def everywhere(array: np.ndarray) -> np.ndarray:
    return np.ones(array.shape, bool)


SIGN_EXAMPLE = np.array([[1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]])
REAL = Domain(everywhere, (-3, 3), both_signs, (), (SCORES, PROBS, 1 - PROBS), anywhere=reals)
UNIT_INTERVAL = Domain(
    lambda x: (x >= 0) & (x <= 1),
    (0, 1),
    to_both_ends,
    (0, 0.3, 1),
    (PROBS, 1 - PROBS, PROBS),
    anywhere=unit_interval,
)
SIGNS = Domain(
    lambda x: (x == 1) | (x == -1), (-1, 1), both_signs, (-1, 1), (SIGN_EXAMPLE,) * 3, (-1, 1)
)
LOGARITHM = Domain(
    everywhere, (-3, 0), lambda dtype: -np.abs(both_signs(dtype)), (), (-PROBS,) * 3, anywhere=reals
)
NOT_NEGATIVE = Domain(
    lambda x: (x >= 0) & np.isfinite(x), (0, 3), positive, (0, 0.5, 1, 7), (PROBS,) * 3
)
POSITIVE = Domain(
    lambda x: (x > 0) & np.isfinite(x), (0.5, 3), positive, (0.1, 1, 30), (PROBS,) * 3
)

# Where a variance is below 0, which it may not be.
VARIANCE = Domain(lambda x: ~(x < 0), (0.5, 3), positive, (0, 1e-7, 0.1, 1, 30, 1e6), (PROBS,) * 3)


# Logarithms of variances: any numbers, and of such sizes that neither term of a loss is lost.
LOG_VARIANCE = replace(REAL, beside=(-30, -1e-3, 0, 0.7, 5, 60))


# Means and targets of Tweedie distributions: any numbers where the power is 0.
ABOVE_0 = Domain(lambda x: ~(x <= 0), (0.5, 3), positive, (0.1, 1, 30), (1 - PROBS,) * 3)
MEAN = replace(ABOVE_0, under=lambda options: ABOVE_0 if options["power"] else REAL)
AMOUNT = replace(
    NOT_NEGATIVE,
    under=lambda options: (
        (NOT_NEGATIVE if options["power"] < 2 else POSITIVE) if options["power"] else REAL
    ),
)
# Logarithms of means, whose exponentials have a square.
LOG_MEAN = replace(REAL, across=lambda dtype: both_signs(dtype) * dtype(0.4))


@dataclass(frozen=True)
class Option:
    """Values of an option that is no array, the default first, and those that must be refused."""

    values: tuple[Any, ...]
    outside: tuple[Any, ...] = ()
