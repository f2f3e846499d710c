"""What a row of the table is: a function, its derivatives, and all that the tests know of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from hypothesis import strategies as st
from tests import calls, cases, definitions
from tests.cases import Call, Points
from tests.domains import PROBS, REAL, WEIGHT, Domain, Option
from tests.intervals import Interval

import losses


@dataclass(frozen=True)
class Budget:
    """How many ulp of itself, or of another size, a loss or a derivative may be off."""

    loss: Callable[[Any], float]
    gradient: Callable[[Any], float | tuple[float, ...]]  # of several gradients one for each
    loss_size: str = ""  # a formula of tests/accuracy/exact.py, as is decimals of Row
    gradient_size: str = ""
    curvature: Callable[[Any], float] | None = None
    curvature_size: str = ""


@dataclass(frozen=True, repr=False)
class Row:
    """A function, the derivatives that it has, and what the tests know of them."""

    name: str
    kind: str  # activation, entrywise, classwise or cross entropy
    derived: tuple[str, ...]  # of backward, value_and_grad, hvp and hessian_diagonal
    arrays: dict[str, Domain | None]  # those before the slash; scores and labels have no domain
    array_options: tuple[str, ...]  # those after the star
    differentiated: tuple[str, ...]  # each has a gradient: several come as a tuple
    points: tuple[Points, ...]  # small calls of the function
    # Any call of the function, or of its backward, from the name of the first array.
    draw: Callable[[str], st.SearchStrategy[calls.Arguments]]
    value: Callable[..., Interval]
    gradient: Callable[..., Interval | tuple[Interval, ...]]
    decimals: str  # the formulas of tests/accuracy/exact.py: this, and with _backward
    example: calls.Arguments  # a valid call, with grad_output and the result
    peer: str  # the function of another library to compare with, in full
    result: str = ""  # what the backward takes of what the function returned, for its first array
    options: dict[str, Option] = field(default_factory=dict)  # the function's own, no arrays
    # classes, features or positions, which are a row of each array: of a sample or its class
    holds: str = ""
    per_sample: tuple[str, ...] = ()  # the arrays with one number for each sample
    # The gradient of an array that no model produces, by the name of the derivative.
    others: dict[str, Callable[..., Interval]] = field(default_factory=dict)
    # Of losses made of formulas: "in the mean" or "a factor", as in Entries, or "of classes".
    weight: str = ""
    broadcast: tuple[str, ...] = ()  # of these: the differentiated arrays that do
    budget: Budget | None = None  # of these
    known: tuple[tuple[tuple[float, ...], dict[str, Any], float], ...] = ()  # of these: values
    convex: bool = True

    def __repr__(self) -> str:
        return self.name

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        printer.text(repr(self))

    def point(self, what: str) -> str:
        """Return the name of the first array of the function or of a derivative."""
        if what in self.others:
            return definitions.array_of(what, self.arrays)
        return self.result if what == "backward" and self.result else self.differentiated[0]

    def function(self, what: str = "") -> str:
        """Return the name of the function or of a derivative."""
        return f"{self.name}_{what}" if what else self.name

    def names_of_arrays(self) -> set[str]:
        """Return the names of all arguments that are arrays."""
        return {
            "grad_output",
            "vector",
            *self.arrays,
            *self.array_options,
            *filter(None, [self.result]),
        }

    def example_of(self, what: str) -> calls.Arguments:
        """Return the arguments of a valid call of the function or of a derivative."""
        leading = {}
        if what.endswith("backward"):
            leading = {"grad_output": self.example["grad_output"]}
        if what == "hvp":
            leading = {"vector": WEIGHT + PROBS}
        point = self.point(what)
        left_out = {"grad_output", point, self.result}
        left_out |= {self.differentiated[0]} if self.result else set()
        names = [point, *(name for name in self.example if name not in left_out)]
        return {**leading, **{name: self.example[name] for name in names}}


@dataclass(frozen=True, repr=False)
class Case:
    """A function of the table as a function of one of its arrays."""

    row: Row
    third: float  # as in Points, and so are the others
    calls: st.SearchStrategy[Call]
    point: str
    label: str

    def __repr__(self) -> str:
        return f"{self.row} {self.label}".rstrip()

    _repr_pretty_ = Row._repr_pretty_

    def has(self, what: str) -> bool:
        return what in self.row.derived and self.point in self.row.differentiated

    def arguments(self, call: Call) -> calls.Arguments:
        """Return the arguments of a call, all that are differentiated in one dtype."""
        dtype = call.first.dtype.newbyteorder("=")
        others = {
            name: call.arguments[name].astype(dtype)
            for name in self.row.differentiated
            if name != call.point
            and call.arguments[name] is not None
            and call.arguments[name].dtype != dtype
        }
        return {**call.arguments, **others}

    def forward(self, call: Call) -> Any:
        """Return f(call)."""
        return invoke(self.row.name, self.arguments(call))

    def backward(self, grad_output: Any, call: Call) -> Any:
        """Return the gradient of <grad_output, f> at the call."""
        arguments = self.arguments(call)
        if self.row.result:
            arguments[self.row.result] = self.forward(call)
        what = "backward"
        if call.point not in self.row.differentiated:
            (what,) = (name for name in self.row.others if self.row.point(name) == call.point)
        found = self.invoke(what, {**arguments, "grad_output": grad_output})
        return self.part(call, found)

    def value_and_grad(self, call: Call) -> tuple[Any, Any]:
        """Return f(call) and the gradient of its sum."""
        value, found = self.invoke("value_and_grad", self.arguments(call))
        return value, self.part(call, found)

    def hvp(self, vector: np.ndarray, call: Call) -> Any:
        """Return the Hessian of the loss, or of the sum of the losses, times a vector."""
        if not self.has("hvp"):
            return self.hessian_diagonal(call) * vector
        return self.invoke("hvp", {**self.arguments(call), "vector": vector})

    def hessian_diagonal(self, call: Call) -> Any:
        """Return the diagonal of that Hessian."""
        return self.invoke("hessian_diagonal", self.arguments(call))

    def invoke(self, what: str, arguments: calls.Arguments) -> Any:
        """Return what a derivative gives for the arguments that it has among these."""
        name = self.row.function(what)
        known = inspect.signature(getattr(losses, name)).parameters
        return invoke(name, {key: arguments[key] for key in arguments if key in known})

    def part(self, call: Call, gradients: Any) -> Any:
        """Return the gradient of the differentiated array."""
        several = len(self.row.differentiated) > 1
        return gradients[self.row.differentiated.index(call.point)] if several else gradients

    def evaluate(self, call: Call) -> tuple[Any, ...]:
        """Return the value, the gradient of its sum, and whatever else the function has."""
        value = self.forward(call)
        found = [value, self.backward(np.ones_like(value), call)]
        if self.has("value_and_grad"):
            found += self.value_and_grad(call)
        if self.has("hvp"):
            found.append(self.hvp(call.first, call))
        if self.has("hessian_diagonal"):
            found.append(self.hessian_diagonal(call))
        return tuple(found)


@cache
def before_slash(name: str) -> list[str]:
    """Return the names of the arrays that a public function takes by position."""
    parameters = inspect.signature(getattr(losses, name)).parameters.values()
    return [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]


def invoke(name: str, arguments: calls.Arguments) -> Any:
    """Return what a public function gives for arguments by name."""
    options = dict(arguments)
    arrays = [options.pop(array) for array in before_slash(name)]
    return getattr(losses, name)(*arrays, **options)


def across(row: Row, dtype: Any) -> calls.Arguments:
    """Return arrays with numbers from everywhere in their domains, and weights, for each entry."""
    if row.holds:
        found = rows_across(row, dtype, 3)
        of_one_class = np.s_[:, np.newaxis] if row.holds == "positions" else ...
        return {name: array[of_one_class] for name, array in found.items()}
    rng = np.random.default_rng(25)
    (first, domain), *others = row.arrays.items()
    found = {first: domain.across(dtype)}
    for name, domain in others:
        size = len(found[first])
        if domain.beside:
            found = {key: np.tile(array, len(domain.beside)) for key, array in found.items()}
            found[name] = np.repeat(domain.beside, size)
        else:
            away = rng.standard_normal(size) * np.geomspace(1e-7, 1e7, size)
            away[::7] = 0
            found[name] = found[first] + away
    for name in row.array_options:
        found[name] = rng.uniform(0.5, 1, len(found[first]))
    return {name: array.astype(dtype) for name, array in found.items()}


SAMPLES = 24


def rows_across(row: Row, dtype: Any, size: int) -> calls.Arguments:
    """Return rows of some size, with numbers from everywhere in their domains, and weights.

    Where one array has the domain of another before it, each sample is as near to that as 1e-7, or
    as far away as 1e7, or the same; and features are very large or very small in some samples.
    """
    rng = np.random.default_rng(26)
    found: calls.Arguments = {}
    for name, domain in row.arrays.items():
        shape = (SAMPLES,) if name in row.per_sample else (SAMPLES, size)
        if domain is None:
            found[name] = rng.integers(0, size, SAMPLES)
            continue
        numbers = domain.beside if domain.only else domain.across(dtype)
        array = rng.permutation(np.resize(numbers, shape).reshape(-1)).reshape(shape)
        if domain in list(row.arrays.values())[: len(found)]:
            away = rng.standard_normal(shape) * np.geomspace(1e-7, 1e7, SAMPLES)[:, np.newaxis]
            away[::7] = 0
            array = next(iter(found.values())) + away
        found[name] = array
    if row.holds == "features":
        far = float(np.finfo(dtype).max) ** 0.75  # whose square is no number
        scale = np.resize([1, 1, 1, far, 1 / far], SAMPLES)[:, np.newaxis]
        found |= {name: found[name] * scale for name in row.arrays if name not in row.per_sample}
    if row.weight == "in the mean":
        found["weight"] = rng.uniform(0.5, 1, SAMPLES)
    numbers = [name for name in found if name == "weight" or row.arrays[name]]
    return {**found, **{name: found[name].astype(dtype) for name in numbers}}


def entrywise(
    name: str,
    loss: Callable[..., Interval],
    slopes: Callable[..., Interval | tuple[Interval, ...]],
    *,
    arrays: dict[str, Domain],
    derived: tuple[str, ...],
    third: float,
    budget: Budget,
    known: tuple[tuple[tuple[float, ...], dict[str, Any], float], ...],
    peer: str,
    differentiated: tuple[str, ...] = (),
    broadcast: tuple[str, ...] = (),
    options: dict[str, Option] | None = None,
    kinked: bool = False,
    convex: bool = True,
    weight: str = "in the mean",
    factors: tuple[str, ...] = (),
) -> Row:
    """Return the row of a loss entry by entry.

    `loss` and `slopes` are formulas of intervals: of the arrays and then, by name, the options.
    The slopes are one for each differentiated array, which is the first unless named. `third`
    bounds the third derivative for small numbers and weights up to 2; a `kinked` loss has a jump in
    a derivative where a sum, a difference or a product with 1 or -1 is some eighth. `known` are
    numbers, options and the loss to twelve digits.
    """
    differentiated = differentiated or (next(iter(arrays)),)
    options = options or {}
    definition = definitions.Entries(loss, slopes, tuple(arrays), differentiated, weight, factors)
    example = {key: domain.examples[place] for place, (key, domain) in enumerate(arrays.items())}
    example["weight"] = 1 + PROBS if weight == "in the mean" else WEIGHT
    several = len(differentiated) > 1
    return Row(
        name=name,
        kind="entrywise",
        derived=derived,
        arrays=dict(arrays),
        array_options=("weight", *factors),
        differentiated=differentiated,
        points=tuple(
            Points(
                third,
                cases.of_entries(
                    arrays, factors, options, kinked, differentiated, broadcast, point
                ),
                point,
                f"of {point}" if several else "",
            )
            for point in differentiated
        ),
        draw=lambda _: calls.of_entries(arrays, weight, factors, options, broadcast),
        value=definition.value,
        gradient=definition.gradient,
        decimals=name,
        example={
            "grad_output": np.array(2.0),
            **example,
            **dict.fromkeys(factors, 1 / WEIGHT),
        },
        peer=peer,
        options=options,
        weight=weight,
        broadcast=broadcast,
        budget=budget,
        known=known,
        convex=convex,
    )


def classwise(
    name: str,
    loss: Callable[..., Interval],
    slopes: Callable[..., Interval | tuple[Interval, ...]],
    *,
    arrays: dict[str, Domain | None],
    derived: tuple[str, ...],
    third: dict[str, float],
    budget: Budget,
    known: tuple[tuple[tuple[Any, ...], dict[str, Any], float], ...],
    peer: str,
    small: dict[str, Callable[..., st.SearchStrategy[np.ndarray]]] | None = None,
    per_sample: tuple[str, ...] = (),
    differentiated: tuple[str, ...] = (),
    options: dict[str, Option] | None = None,
    holds: str = "classes",
    weight: str = "in the mean",
    others: dict[str, Callable[..., Interval]] | None = None,
) -> Row:
    """Return the row of a loss of samples, each a row of every array that is not `per_sample`.

    `loss` and `slopes` are formulas of intervals, the rows along the last axis: of the arrays and
    then, by name, the options. A target without a domain has class indices, which the formulas take
    as one-hot rows. `third` bounds the third derivative by each array that is differentiated, for
    small numbers (those of `small`, where its domain says too little) and weights up to 2. `others`
    are formulas as the slopes, of arrays that no model produces. The functions of a budget take a
    dtype and the size of a row.
    """
    differentiated = differentiated or (next(iter(arrays)),)
    options, labels = options or {}, arrays.get("target", REAL) is None
    of = definitions.Rows(loss, slopes, tuple(arrays), differentiated, weight, labels, holds)
    example: calls.Arguments = {
        key: domain.examples[place] for place, (key, domain) in enumerate(arrays.items()) if domain
    }
    example |= {key: example[key][:, 0] for key in per_sample}
    example |= {"target": np.array([2, 0])} if labels else {}
    example["weight"] = WEIGHT
    if weight == "in the mean":
        example["weight"] = 1 + PROBS if holds == "positions" else 1 + PROBS[:, 0]
    draw = calls.of_rows(arrays, per_sample, labels, weight, options, holds)
    several = len(third) > 1

    def points(point: str) -> Points:
        drawn = cases.of_rows(
            arrays, small or {}, per_sample, labels, weight, options, holds, point
        )
        return Points(third[point], drawn, point, f"of {point}" if several else "")

    return Row(
        name=name,
        kind="classwise",
        derived=derived,
        arrays=arrays,
        array_options=("weight",),
        differentiated=differentiated,
        points=tuple(map(points, third)),
        draw=lambda _: draw,
        value=of.value,
        gradient=of.gradient,
        decimals=name,
        example={"grad_output": np.array(2.0), **example},
        peer=peer,
        options=options,
        weight=weight,
        holds=holds,
        per_sample=per_sample,
        others={key: of.by(key, formula) for key, formula in (others or {}).items()},
        budget=budget,
        known=known,
    )
