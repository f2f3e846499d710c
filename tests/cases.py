"""The table of differentiable functions: a function that is a row here is under every law.

A row names a function, bounds its third derivative along a direction of entries in [-1, 1] (for
the error of central differences), and draws calls: the differentiated array, the other arrays and
the options.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import losses


@dataclass(frozen=True)
class Call:
    """One call: the differentiated array, what follows it, and the options."""

    first: np.ndarray
    rest: tuple[Any, ...]
    options: dict[str, Any]

    def arrays(self) -> list[np.ndarray]:
        """Return every array of the call."""
        values = (self.first, *self.rest, *self.options.values())
        return [value for value in values if isinstance(value, np.ndarray)]

    def map(self, change: Callable[[np.ndarray], np.ndarray]) -> Call:
        """Return the call with each of its arrays changed."""

        def each(value: Any) -> Any:
            return change(value) if isinstance(value, np.ndarray) else value

        options = {name: each(value) for name, value in self.options.items()}
        return Call(each(self.first), tuple(map(each, self.rest)), options)

    def at(self, first: np.ndarray, **options: Any) -> Call:
        """Return the call at another point, or with other options."""
        return Call(first, self.rest, {**self.options, **options})


@dataclass(frozen=True)
class Case:
    """A differentiable function."""

    name: str
    third: float
    calls: st.SearchStrategy[Call]
    from_result: bool = False  # the backward takes what the function returned, not what it got

    def __str__(self) -> str:
        return self.name

    def forward(self, call: Call) -> Any:
        """Return f(call)."""
        return getattr(losses, self.name)(call.first, *call.rest, **call.options)

    def backward(self, grad_output: Any, call: Call) -> Any:
        """Return the gradient of <grad_output, f> at the call."""
        point = self.forward(call) if self.from_result else call.first
        backward = getattr(losses, f"{self.name}_backward")
        return backward(grad_output, point, *call.rest, **call.options)

    def value_and_grad(self, call: Call, **options: Any) -> Any:
        """Return the value and the gradient in one pass."""
        both = getattr(losses, f"{self.name}_value_and_grad")
        return both(call.first, *call.rest, **call.options, **options)


@dataclass(frozen=True)
class LinearCase(Case):
    """linear_cross_entropy as a function of one array of its layer, the others in its dtype.

    The rest of a call is (inputs, linear_weight, linear_bias, target), in which the place of the
    differentiated array does not count.
    """

    place: int = 0

    def __str__(self) -> str:
        return f"{self.name} of {('inputs', 'linear_weight', 'linear_bias')[self.place]}"

    def arguments(self, call: Call) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arrays and the options of the function."""
        dtype = call.first.dtype.newbyteorder("=")
        layer = [
            value if value is None or value.dtype == dtype else value.astype(dtype)
            for value in call.rest[:3]
        ]
        layer[self.place] = call.first
        inputs, linear_weight, linear_bias = layer
        return (inputs, linear_weight, call.rest[3]), {**call.options, "linear_bias": linear_bias}

    def forward(self, call: Call) -> Any:
        """Return f(call)."""
        arrays, options = self.arguments(call)
        return losses.linear_cross_entropy(*arrays, **options)

    def backward(self, grad_output: Any, call: Call) -> Any:
        """Return the gradient of <grad_output, f> at the call."""
        arrays, options = self.arguments(call)
        return losses.linear_cross_entropy_backward(grad_output, *arrays, **options)[self.place]

    def value_and_grad(self, call: Call, **options: Any) -> Any:
        """Return the value and the gradient in one pass."""
        arrays, others = self.arguments(call)
        value, grads = losses.linear_cross_entropy_value_and_grad(*arrays, **others, **options)
        return value, grads[self.place]


def reals(shape: Any, low: float, high: float) -> st.SearchStrategy[np.ndarray]:
    """Draw float64 arrays of a shape with entries in an interval, 0 or 1e-38 and up in size."""
    entries = st.floats(low, high, width=32, allow_subnormal=False)
    return arrays(np.float64, shape, elements=entries)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw None or a value."""
    return st.one_of(st.none(), strategy)


reductions = st.sampled_from(["none", "mean", "sum"])
shapes = array_shapes(min_dims=0, max_dims=3, max_side=4)
# One class and few, laid out in columns; 70, laid out in rows.
class_counts = st.sampled_from([1, 2, 3, 5, 70])


@st.composite
def scores(draw: st.DrawFn) -> tuple[np.ndarray, int | None, int]:
    """Draw scores, the `axis` argument (None for the usual rule) and the class axis it names."""
    samples = draw(array_shapes(min_dims=0, max_dims=3, max_side=3))
    usual = min(1, len(samples))
    axis = draw(maybe(st.integers(-len(samples) - 1, len(samples))))
    place = usual if axis is None else axis % (len(samples) + 1)
    classes = draw(class_counts)
    x = draw(reals((*samples[:place], classes, *samples[place:]), -3, 3))
    return x, axis, place


@st.composite
def along_axis(draw: st.DrawFn) -> Call:
    """Draw a call f(x, axis)."""
    x, _, place = draw(scores())
    return Call(x, (place,), {})


@st.composite
def over_axes(draw: st.DrawFn) -> Call:
    """Draw a call f(x, axes, keepdims)."""
    x = draw(reals(shapes, -3, 3))
    axes = st.one_of(st.integers(-max(x.ndim, 1), max(x.ndim, 1) - 1), st.none())
    if x.ndim:
        some = st.sets(st.integers(0, x.ndim - 1)).map(tuple)
        axes = st.one_of(axes, some)
    return Call(x, (draw(axes),), {"keepdims": draw(st.booleans())})


@st.composite
def labelled(draw: st.DrawFn, smoothed: bool = False) -> Call:
    """Draw a call f(scores, class indices) under every option."""
    x, axis, place = draw(scores())
    classes = x.shape[place]
    ignore_index = draw(st.sampled_from([-100, -1, 0, classes - 1, classes]))
    labels = st.one_of(st.integers(0, classes - 1), st.just(ignore_index))
    target = draw(arrays(np.int64, x.shape[:place] + x.shape[place + 1 :], elements=labels))
    options = {
        "weight": draw(maybe(reals(classes, 0.125, 2))),
        "ignore_index": ignore_index,
        "reduction": draw(reductions),
        "axis": axis,
    }
    if smoothed:
        options["label_smoothing"] = draw(st.sampled_from([0.0, 0.0, 0.1, 1.0]))
    return Call(x, (target,), options)


@st.composite
def with_probabilities(draw: st.DrawFn) -> Call:
    """Draw a call of cross_entropy with class probabilities."""
    x, axis, place = draw(scores())
    options = {
        "weight": draw(maybe(reals(x.shape[place], 0.125, 2))),
        "reduction": draw(reductions),
        "label_smoothing": draw(st.sampled_from([0.0, 0.1, 1.0])),
        "axis": axis,
    }
    return Call(x, (draw(reals(x.shape, 0, 1)),), options)


@st.composite
def through_a_layer(draw: st.DrawFn, place: int) -> Call:
    """Draw a call of linear_cross_entropy as a function of the array in a place."""
    samples = draw(array_shapes(min_dims=0, max_dims=3, max_side=3))
    features, classes = draw(st.integers(1, 3)), draw(class_counts)
    # Numbers of every dtype, for all the arrays of a layer have one.
    shapes = ((*samples, features), (classes, features), (classes,))
    numbers = (draw(reals(shape, -1, 1)).astype(np.float16) for shape in shapes)
    inputs, linear_weight, linear_bias = (array.astype(float) for array in numbers)
    options = {
        "weight": draw(maybe(reals(classes, 0.125, 2))),
        "reduction": draw(reductions),
        "label_smoothing": draw(st.sampled_from([0.0, 0.1, 1.0])),
    }
    if draw(st.booleans()):
        target = draw(reals((*samples, classes), 0, 1))
    else:
        options["ignore_index"] = -1
        target = draw(arrays(np.int64, samples, elements=st.integers(-1, classes - 1)))
    layer = (
        inputs,
        linear_weight,
        linear_bias if place == 2 else draw(maybe(st.just(linear_bias))),
    )
    return Call(layer[place], (*layer, target), options)


@st.composite
def paired(
    draw: st.DrawFn, interval: tuple[float, float], weights: tuple[str, ...], away: bool = False
) -> Call:
    """Draw a call f(x, target): targets in [0, 1], or anywhere away from x."""
    x = draw(reals(shapes, *interval))
    target = draw(reals(x.shape, 0.125, 3) if away else reals(x.shape, 0, 1))
    target = np.asarray(x + target if away else target)
    options = {name: draw(maybe(reals(x.shape, 0.125, 2))) for name in weights}
    return Call(x, (target,), {**options, "reduction": draw(reductions)})


elementwise = reals(shapes, -3, 3).map(lambda x: Call(x, (), {}))

# A third derivative along v is a third cumulant of v under softmax (at most 2 for entries in
# [-1, 1]; 6 with the factor that softmax itself brings), times weights of at most 2 and, for
# probabilities, the sum of up to 70 of them.
CASES = [
    Case("logsumexp", 2, over_axes()),
    Case("softmax", 6, along_axis(), from_result=True),
    Case("log_softmax", 2, along_axis(), from_result=True),
    Case("sigmoid", 1, elementwise, from_result=True),
    Case("log_sigmoid", 1, elementwise),
    Case("nll_loss", 0, labelled()),
    Case("cross_entropy", 4, labelled(smoothed=True)),
    Case("cross_entropy", 280, with_probabilities()),
    # A direction of the layer's arrays moves each logit by at most D = 3: 27 times as much.
    *(
        LinearCase("linear_cross_entropy", 27 * 280, through_a_layer(place), place=place)
        for place in range(3)
    ),
    # The third derivative of log p is 2 / p^3: 1024 at 1/8, under weights of at most 2.
    Case("binary_cross_entropy", 2048, paired((0.125, 0.875), ("weight",))),
    Case("binary_cross_entropy_with_logits", 4, paired((-3, 3), ("weight", "pos_weight"))),
    Case("mse_loss", 0, paired((-3, 3), ("weight",))),
    # Away from the target, where the absolute value has no derivative.
    Case("l1_loss", 0, paired((-3, 3), ("weight",), away=True)),
]
