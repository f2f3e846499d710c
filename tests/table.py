"""The table of differentiable functions: what a test knows of a function is in its row.

A row puts its function and all its derivatives under every law. A loss entry by entry needs two
formulas, in intervals, and a few words.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from tests import calls, cases, definitions
from tests.accuracy.budgets import EXP, LOG, LOG1P
from tests.cases import Points
from tests.definitions import logistic
from tests.domains import PROBS, REAL, SCORES, SIGNS, UNIT_INTERVAL, VARIANCE, WEIGHT, Option
from tests.intervals import times
from tests.rows import Budget, Case, Row, entrywise


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


def gaussian(y, t, variance, full, eps):
    v = variance.increasing(lambda end: np.maximum(end, eps))
    constant = np.log(2 * np.pi) if full else 0
    return 0.5 * (v.increasing(np.log) + constant) + 0.5 * ((y - t) * ((y - t) / v))


def gaussian_slopes(y, t, variance, eps, **_):
    v = variance.increasing(lambda end: np.maximum(end, eps))
    slope = (y - t) / v
    return slope, 0.5 * (1 / v - slope * slope)


def ranking(first, second, t, margin):
    return (margin - t * (first - second)).monotone(lambda end: np.maximum(end, 0))


def ranking_slopes(first, second, t, margin):
    u = margin - t * (first - second)
    slope = t * u.monotone(lambda end: np.heaviside(end, 1))
    return -slope, slope


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
    # r (r / v) / 2 has r, twice, eps as a number of the dtype, a quotient and a product, log v has
    # LOG and eps; then two sums and the weight. The gradients w r / v have r, eps, a quotient and
    # the weight; w (1 / v - (r / v)^2) / 2 the first three of these, twice, a product, a difference
    # and the weight. Of small numbers 2 / v^3 + 6 r^2 / v^4 is at most 3472, at r = 6, v = 1 / 2,
    # and w / 2 at most 1.
    entrywise(
        "gaussian_nll_loss",
        gaussian,
        gaussian_slopes,
        arrays={"predictions": REAL, "target": REAL, "variance": VARIANCE},
        derived=("backward", "value_and_grad"),
        differentiated=("predictions", "variance"),
        broadcast=("variance",),
        options={
            "full": Option((False, True)),
            "eps": Option((1e-6, 0.25), (0.0, -1, np.nan, np.inf)),
        },
        third=3472,
        budget=Budget(
            lambda dtype: max(LOG[dtype] + 1, 5) + 3,
            lambda _: (4, 9),
            loss_size="gaussian_nll_loss_size",
            gradient_size="gaussian_nll_loss_backward_size",
        ),
        known=(
            ((1.5, 0, 0.5), {}, 1.90342640972),
            ((1.5, 0, 0.5), {"full": True}, 2.82236494292),
        ),
        peer="torch.nn.functional.gaussian_nll_loss",
    ),
    # Two differences, the margin as a number of the dtype, and the weight. The gradients are -w t g
    # and w t g, exact but for a product.
    entrywise(
        "margin_ranking_loss",
        ranking,
        ranking_slopes,
        arrays={"first": REAL, "second": REAL, "target": SIGNS},
        derived=("backward", "value_and_grad"),
        differentiated=("first", "second"),
        options={"margin": Option((0.0, 0.5, -0.25), (np.nan, np.inf, -np.inf))},
        third=0,
        kinked=True,
        budget=Budget(roundings(4), lambda _: (1, 1), loss_size="margin_ranking_loss_size"),
        known=(((0.2, 0.5, 1), {"margin": 0.1}, 0.4), ((0.2, 0.5, -1), {}, 0)),
        peer="torch.nn.functional.margin_ranking_loss",
    ),
]


# Losses over classes, and activations. A third derivative along v is a third cumulant of v under
# softmax (at most 2 for entries in [-1, 1]; 6 with the factor that softmax itself brings), times
# weights of at most 2 and, for probabilities, the sum of up to 70 of them.


def activation(
    name: str, third: float, result: dict[str, np.ndarray] | None = None, **columns: Any
) -> Row:
    """Return the row of a function of arrays alone; columns are those that differ.

    A result, with an example, is what the backward takes.
    """
    result = result or {}
    usual = {
        "arrays": {"x": None},
        "points": (Points(third, cases.along_axis(), "x"),),
        "draw": calls.along_axis,
        "example": {"grad_output": SCORES, "x": SCORES, **result},
        "result": next(iter(result), ""),
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
    activation("softmax", 6, {"probs": PROBS}, peer="torch.softmax"),
    activation("log_softmax", 2, {"log_probs": -PROBS}, peer="torch.log_softmax"),
    activation("sigmoid", 1, {"probs": PROBS}, **SINGLE, peer="torch.sigmoid"),
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
CASES = [Case(row, **vars(points)) for row in ROWS for points in row.points]

# Every function of the table and every derivative, by name: the row, and which derivative it is.
FUNCTIONS = {row.function(what): (row, what) for row in ROWS for what in ("", *row.derived)}
