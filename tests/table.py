"""The table of differentiable functions: what a test knows of a function is in its row.

A row puts its function and all its derivatives under every law. A loss entry by entry needs two
formulas, in intervals, and a few words.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from hypothesis import strategies as st
from tests import calls, cases, definitions
from tests.accuracy.budgets import EXP, LOG, LOG1P
from tests.cases import Call, Points
from tests.definitions import logistic
from tests.domains import (
    PROBS,
    REAL,
    SCORES,
    UNIT_INTERVAL,
    WEIGHT,
    Domain,
    Option,
)
from tests.intervals import Interval, times

import losses


@dataclass(frozen=True)
class Budget:
    """How many ulp of itself, or of another size, a loss or its gradient may be off."""

    loss: Callable[[Any], float]
    gradient: Callable[[Any], float]
    loss_size: str = ""  # a formula of tests/accuracy/exact.py, as is decimals of Row
    gradient_size: str = ""


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
    draw: Callable[
        [str], st.SearchStrategy[calls.Arguments]
    ]  # any call, from its first array's name
    value: Callable[..., Interval]
    gradient: Callable[..., Interval | tuple[Interval, ...]]
    decimals: str  # the formulas of tests/accuracy/exact.py: this, and with _backward
    example: calls.Arguments  # a valid call, with grad_output
    peer: str  # the function of another library to compare with, in full
    result: str = ""  # what the backward takes of what the function returned, for its first array
    options: dict[str, Option] | None = None  # of losses entry by entry: their own
    weight: str = ""  # of these: "in the mean", or "a factor"
    budget: Budget | None = None  # of these
    known: tuple[tuple[tuple[float, ...], dict[str, Any], float], ...] = ()  # of these: values

    def __repr__(self) -> str:
        return self.name

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        printer.text(repr(self))

    def point(self, what: str) -> str:
        """Return the name of the first array of the function or of a derivative."""
        return self.result if what == "backward" and self.result else self.differentiated[0]

    def function(self, what: str = "") -> str:
        """Return the name of the function or of a derivative."""
        return f"{self.name}_{what}" if what else self.name

    def names_of_arrays(self) -> set[str]:
        """Return the names of all arguments that are arrays."""
        return {"grad_output", *self.arrays, *self.array_options, *filter(None, [self.result])}

    def example_of(self, what: str) -> calls.Arguments:
        """Return the arguments of a valid call of the function or of a derivative."""
        arguments = {name: self.example[name] for name in self.example if name != "grad_output"}
        if what == "backward":
            if self.result:
                (first, *_), point = arguments, self.result
                arguments = {point: {"probs": PROBS, "log_probs": -PROBS}[point]} | {
                    name: value for name, value in arguments.items() if name != first
                }
            return {"grad_output": self.example["grad_output"], **arguments}
        return {"vector": WEIGHT + PROBS, **arguments} if what == "hvp" else arguments


@dataclass(frozen=True, repr=False)
class Case:
    """A function of the table as a function of one of its arrays."""

    row: Row
    points: Points

    @property
    def third(self) -> float:
        return self.points.third

    @property
    def calls(self) -> st.SearchStrategy[Call]:
        return self.points.calls

    def __repr__(self) -> str:
        return f"{self.row} {self.points.label}".rstrip()

    _repr_pretty_ = Row._repr_pretty_

    def has(self, what: str) -> bool:
        return what in self.row.derived

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
        found = self.invoke("backward", {**arguments, "grad_output": grad_output})
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
    options: dict[str, Option] | None = None,
    kinked: bool = False,
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
                cases.of_entries(arrays, factors, options, kinked, point),
                point,
                f"of {point}" if several else "",
            )
            for point in differentiated
        ),
        draw=lambda _: calls.of_entries(arrays, weight, factors, options),
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
        budget=budget,
        known=known,
    )


def roundings(number: float) -> Callable[[Any], float]:
    """Return so many roundings in any dtype."""
    return lambda _: number


# Losses entry by entry: the formulas, and above each budget the operations that it counts.


def squared_error(y, t):
    size = abs(y - t)
    return size * size


def clamped_entropy(p, t):
    yes = p.increasing(lambda end: np.maximum(np.log(end), -100))
    no = (-p).increasing(lambda end: np.maximum(np.log1p(end), -100))
    return -(t * yes + (1 - t) * no)


def clamped_entropy_slope(p, t):
    return (p - t) / (p * (1 - p)).increasing(lambda end: np.maximum(end, 1e-12))


def binary_entropy(x, t, pos_weight):
    yes, no = logistic(-x)[1], logistic(x)[1]
    return times(times(pos_weight, t), yes) + times(1 - t, no)


def binary_entropy_slope(x, t, pos_weight):
    return (1 - t) * logistic(x)[0] - pos_weight * t * logistic(-x)[0]


INTERIOR = UNIT_INTERVAL.within(0.125, 0.875)
RESIDUAL = {"predictions": REAL, "target": REAL}
CURVED = ("backward", "value_and_grad", "hvp", "hessian_diagonal")

ENTRYWISE = [
    # A square doubles the rounding of y - t and has one, and the weight another; its gradient
    # 2 w (y - t) g has those of the difference, of w and of g.
    entrywise(
        "mse_loss",
        squared_error,
        lambda y, t: 2 * (y - t),
        arrays=RESIDUAL,
        derived=CURVED,
        third=0,
        budget=Budget(roundings(4), roundings(3)),
        known=(((1, 3), {}, 4), ((-0.5, 1), {}, 2.25)),
        peer="torch.nn.functional.mse_loss",
    ),
    # A difference, and the weight. The gradient is w g, exact but for a product.
    entrywise(
        "l1_loss",
        lambda y, t: abs(y - t),
        lambda y, t: (y - t).monotone(np.sign),
        arrays=RESIDUAL,
        derived=("backward", "value_and_grad"),
        third=0,
        kinked=True,
        budget=Budget(roundings(2), roundings(1)),
        known=(((1, 3), {}, 2), ((-0.5, 1), {}, 1.5)),
        peer="torch.nn.functional.l1_loss",
    ),
    # -w [t log p + (1 - t) log1p(-p)]: a logarithm, two operations, a sum and a product.
    # w g (p - t) / max(p (1 - p), 1e-12): a difference each way, three products, a quotient.
    # The third derivative of log p is 2 / p^3: 1024 at 1/8, under weights of at most 2.
    entrywise(
        "binary_cross_entropy",
        clamped_entropy,
        clamped_entropy_slope,
        arrays={"probs": INTERIOR, "target": UNIT_INTERVAL},
        derived=("backward", "value_and_grad"),
        third=2048,
        weight="a factor",
        budget=Budget(lambda dtype: max(LOG[dtype], LOG1P[dtype]) + 4, roundings(6)),
        known=(((0.25, 1), {}, 1.38629436112), ((0.25, 0), {}, 0.287682072452)),
        peer="torch.nn.functional.binary_cross_entropy",
    ),
    # w [w+ t softplus(-x) + (1 - t) softplus(x)], of terms of one sign: softplus has EXP, LOG1P and
    # a sum; each term two operations; then a sum and a product.
    # w [(1 - t) s(x) - w+ t s(-x)], relative to its terms, of which t = 0 and t = 1 have one: s has
    # EXP and two; each term two operations; then a difference and two products.
    entrywise(
        "binary_cross_entropy_with_logits",
        binary_entropy,
        binary_entropy_slope,
        arrays={"logits": REAL, "target": UNIT_INTERVAL},
        derived=("backward", "value_and_grad", "hvp", "hessian_diagonal"),
        third=4,
        weight="a factor",
        factors=("pos_weight",),
        budget=Budget(
            lambda dtype: EXP[dtype] + LOG1P[dtype] + 5,
            lambda dtype: EXP[dtype] + 7,
            gradient_size="binary_cross_entropy_with_logits_backward_size",
        ),
        known=(((0.5, 1), {}, 0.474076984180), ((80, 1), {}, 1.80485138785e-35)),
        peer="torch.nn.functional.binary_cross_entropy_with_logits",
    ),
]


# Losses over classes, and activations. A third derivative along v is a third cumulant of v under
# softmax (at most 2 for entries in [-1, 1]; 6 with the factor that softmax itself brings), times
# weights of at most 2 and, for probabilities, the sum of up to 70 of them.


def activation(name: str, third: float, **columns: Any) -> Row:
    """Return the row of a function of arrays alone; columns are those that differ."""
    usual = {
        "arrays": {"x": None},
        "points": (Points(third, cases.along_axis(), "x"),),
        "draw": calls.along_axis,
        "example": {"grad_output": SCORES, "x": SCORES},
    }
    return Row(
        name=name,
        kind="activation",
        derived=("backward",),
        array_options=(),
        differentiated=("x",),
        value=getattr(definitions, name),
        gradient=getattr(definitions, f"{name}_backward"),
        decimals=name,
        **{**usual, **columns},
    )


def over_classes(name: str, first: str, **columns: Any) -> Row:
    """Return the row of a loss of labels; columns are those that differ."""
    usual = {
        "arrays": {first: None, "target": None},
        "array_options": ("weight",),
        "differentiated": (first,),
        "decimals": name,
        "example": {first: SCORES, "target": np.array([2, 0]), "weight": WEIGHT},
    }
    columns = {**usual, **columns}
    columns["example"] = {"grad_output": np.array(2.0), **columns["example"]}
    return Row(
        name=name,
        value=getattr(definitions, name),
        gradient=getattr(definitions, f"{name}_backward"),
        peer=f"torch.nn.functional.{name}",
        **columns,
    )


SINGLE = {"arrays": {"x": REAL}, "points": (Points(1, cases.single, "x"),), "draw": calls.single}
LAYER = {
    "inputs": SCORES,
    "linear_weight": np.array([[1.0, 0.0, 2.0], [-1.0, 1.0, 0.5], [0.25, -0.5, 1.0]]),
    "target": np.array([2, 0]),
    "linear_bias": WEIGHT,
    "weight": WEIGHT,
}

ROWS = [
    activation(
        "logsumexp",
        2,
        points=(Points(2, cases.over_axes(), "x"),),
        draw=lambda _: calls.over_axes(),
        example={"grad_output": WEIGHT[:2], "x": SCORES},
        peer="torch.logsumexp",
    ),
    activation("softmax", 6, result="probs", peer="torch.softmax"),
    activation("log_softmax", 2, result="log_probs", peer="torch.log_softmax"),
    activation("sigmoid", 1, **SINGLE, result="probs", peer="torch.sigmoid"),
    activation("log_sigmoid", 1, **SINGLE, peer="torch.nn.functional.logsigmoid"),
    over_classes(
        "nll_loss",
        "log_probs",
        kind="classwise",
        derived=("backward", "value_and_grad"),
        points=(Points(0, cases.labelled(), "log_probs"),),
        draw=partial(calls.labelled, smoothed=False),
        example={"log_probs": SCORES - 3, "target": np.array([2, 0]), "weight": WEIGHT},
    ),
    over_classes(
        "cross_entropy",
        "logits",
        kind="cross entropy",
        derived=("backward", "value_and_grad", "hvp", "hessian_diagonal"),
        points=(
            Points(4, cases.labelled("logits", smoothed=True), "logits", "of labels"),
            Points(280, cases.with_probabilities(), "logits", "of probabilities"),
        ),
        draw=partial(calls.labelled, smoothed=True),
    ),
    # A direction of the layer's arrays moves each logit by at most D = 3: 27 times as much.
    over_classes(
        "linear_cross_entropy",
        "inputs",
        kind="cross entropy",
        derived=("backward", "value_and_grad"),
        arrays=dict.fromkeys(["inputs", "linear_weight", "target"]),
        array_options=("linear_bias", "weight"),
        differentiated=calls.LAYER,
        points=tuple(
            Points(27 * 280, cases.through_a_layer(point), point, f"of {point}")
            for point in calls.LAYER
        ),
        draw=lambda _: calls.linear(),
        decimals="cross_entropy",
        example=LAYER,
    ),
    *ENTRYWISE,
]
CASES = [Case(row, points) for row in ROWS for points in row.points]

# Every function of the table and every derivative, by name: the row, and which derivative it is.
FUNCTIONS = {row.function(what): (row, what) for row in ROWS for what in ("", *row.derived)}
