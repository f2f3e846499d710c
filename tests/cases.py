"""Calls of small numbers, near which a function has derivatives: what the laws are tried on.

With them comes a bound of the third derivative along a direction of entries in [-1, 1], for the
error of central differences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from tests.domains import Domain, Option, between, broadcasting, maybe, reductions


@dataclass(frozen=True)
class Call:
    """One call: its arguments by name, and the name of the array that is differentiated."""

    arguments: dict[str, Any]
    point: str

    @property
    def first(self) -> np.ndarray:
        return self.arguments[self.point]

    @property
    def target(self) -> np.ndarray:
        return self.arguments["target"]

    @property
    def options(self) -> dict[str, Any]:
        """Return all arguments but the differentiated array and the target."""
        names = (self.point, "target")
        return {name: value for name, value in self.arguments.items() if name not in names}

    def arrays(self) -> list[np.ndarray]:
        """Return every array of the call."""
        return [value for value in self.arguments.values() if isinstance(value, np.ndarray)]

    def map(self, change: Callable[[np.ndarray], np.ndarray]) -> Call:
        """Return the call with each of its arrays changed."""
        changed = {
            name: change(value) if isinstance(value, np.ndarray) else value
            for name, value in self.arguments.items()
        }
        return replace(self, arguments=changed)

    def at(self, first: np.ndarray, /, **options: Any) -> Call:
        """Return the call at another point, or with other options."""
        return replace(self, arguments={**self.arguments, self.point: first, **options})


@dataclass(frozen=True)
class Points:
    """Calls of a function, and a bound of its third derivative there."""

    third: float
    calls: st.SearchStrategy[Call]
    point: str  # the array that is differentiated
    label: str = ""  # what tells them from the other calls of the function


shapes = array_shapes(min_dims=0, max_dims=3, max_side=4)
sample_shapes = array_shapes(min_dims=0, max_dims=3, max_side=3)
# One class and few, laid out in columns; 70, laid out in rows.
class_counts = st.sampled_from([1, 2, 3, 5, 70])
head_shapes = st.sampled_from([(), (), (), (1,), (2,), (3, 1), (2, 2)])  # none is a layer of one


@st.composite
def scores(draw: st.DrawFn) -> tuple[np.ndarray, int | None, int]:
    """Draw scores, the `axis` argument (None for the usual rule) and the class axis it names."""
    samples = draw(sample_shapes)
    usual = min(1, len(samples))
    axis = draw(maybe(st.integers(-len(samples) - 1, len(samples))))
    place = usual if axis is None else axis % (len(samples) + 1)
    classes = draw(class_counts)
    x = draw(between((*samples[:place], classes, *samples[place:]), -3, 3))
    return x, axis, place


@st.composite
def along_axis(draw: st.DrawFn) -> Call:
    """Draw a call f(x, axis)."""
    x, _, place = draw(scores())
    return Call({"x": x, "axis": place}, "x")


@st.composite
def over_axes(draw: st.DrawFn) -> Call:
    """Draw a call f(x, axes, keepdims)."""
    x = draw(between(shapes, -3, 3))
    axes = st.one_of(st.integers(-max(x.ndim, 1), max(x.ndim, 1) - 1), st.none())
    if x.ndim:
        some = st.sets(st.integers(0, x.ndim - 1)).map(tuple)
        axes = st.one_of(axes, some)
    return Call({"x": x, "axis": draw(axes), "keepdims": draw(st.booleans())}, "x")


@st.composite
def labelled(draw: st.DrawFn, first: str = "log_probs", smoothed: bool = False) -> Call:
    """Draw a call f(scores, class indices) under every option."""
    x, axis, place = draw(scores())
    classes = x.shape[place]
    ignore_index = draw(st.sampled_from([-100, -1, 0, classes - 1, classes]))
    labels = st.one_of(st.integers(0, classes - 1), st.just(ignore_index))
    target = draw(arrays(np.int64, x.shape[:place] + x.shape[place + 1 :], elements=labels))
    options = {
        "weight": draw(maybe(between(classes, 0.125, 2))),
        "ignore_index": ignore_index,
        "reduction": draw(reductions),
        "axis": axis,
    }
    if smoothed:
        options["label_smoothing"] = draw(st.sampled_from([0.0, 0.0, 0.1, 1.0]))
    return Call({first: x, "target": target, **options}, first)


@st.composite
def with_probabilities(draw: st.DrawFn) -> Call:
    """Draw a call of cross_entropy with class probabilities."""
    x, axis, place = draw(scores())
    options = {
        "weight": draw(maybe(between(x.shape[place], 0.125, 2))),
        "reduction": draw(reductions),
        "label_smoothing": draw(st.sampled_from([0.0, 0.1, 1.0])),
        "axis": axis,
    }
    return Call({"logits": x, "target": draw(between(x.shape, 0, 1)), **options}, "logits")


@st.composite
def through_a_layer(draw: st.DrawFn, point: str) -> Call:
    """Draw a call of linear_cross_entropy as a function of one of the layer's arrays."""
    samples = draw(sample_shapes)
    features, classes = draw(st.integers(1, 3)), draw(class_counts)
    # BLAS adds numbers that lie apart, the one feature of a head, in another order than a copy.
    heads = draw(head_shapes) if features > 1 else ()
    # Numbers of every dtype, for all the arrays of a layer have one.
    shapes = ((*samples, features), (classes, *heads, features), (classes, *heads))
    numbers = (draw(between(shape, -1, 1)).astype(np.float16) for shape in shapes)
    inputs, linear_weight, linear_bias = (array.astype(float) for array in numbers)
    if point != "linear_bias":
        linear_bias = draw(maybe(st.just(linear_bias)))
    options = {
        "weight": draw(maybe(between(classes, 0.125, 2))),
        "reduction": draw(reductions),
        "label_smoothing": draw(st.sampled_from([0.0, 0.1, 1.0])),
    }
    if draw(st.booleans()):
        target = draw(between((*samples, classes, *heads), 0, 1))
    else:
        options["ignore_index"] = -1
        labels = st.integers(-1, classes - 1)
        target = draw(arrays(np.int64, (*samples, *heads), elements=labels))
    layer = {"inputs": inputs, "linear_weight": linear_weight, "linear_bias": linear_bias}
    return Call({**layer, "target": target, **options}, point)


@st.composite
def of_entries(
    draw: st.DrawFn,
    arrays: dict[str, Domain],
    factors: tuple[str, ...],
    options: dict[str, Option],
    kinked: bool,
    differentiated: tuple[str, ...],
    broadcast: tuple[str, ...],
    point: str,
) -> Call:
    """Draw a call of a loss entry by entry, as a function of one of its arrays."""
    shape = draw(shapes)
    values = {name: draw(st.sampled_from(option.values)) for name, option in options.items()}
    arguments = {}
    for place, (name, domain) in enumerate(arrays.items()):
        own = draw(broadcasting(shape)) if name in broadcast else shape
        arguments[name] = draw(domain.given(values).draw_small(own, kinked, first=not place))
        if name in differentiated and len(differentiated) > 1:
            # Numbers of every dtype, for all that are differentiated have one.
            arguments[name] = arguments[name].astype(np.float16).astype(float)
    for name in ("weight", *factors):
        arguments[name] = draw(maybe(between(shape, 0.125, 2)))
    return Call({**arguments, **values, "reduction": draw(reductions)}, point)


@st.composite
def of_rows(
    draw: st.DrawFn,
    domains: dict[str, Domain | None],
    small: dict[str, Callable[..., st.SearchStrategy[np.ndarray]]],
    per_sample: tuple[str, ...],
    labels: bool,
    weight: str,
    options: dict[str, Option],
    holds: str,
    point: str,
) -> Call:
    """Draw a call of a loss of samples, as a function of one of its arrays."""
    x, axis, place = draw(scores())
    if holds == "features":
        x, place = np.moveaxis(x, place, -1), x.ndim - 1
    if holds == "positions":  # on one of three axes, another is that of the classes
        axis, place = draw(st.sampled_from([(None, 2), (1, 2), (-2, 2), (2, 1), (-1, 1)]))
        sides = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
        x = np.empty((*sides[:place], draw(class_counts), *sides[place:]))
    shape, samples = x.shape, x.shape[:place] + x.shape[place + 1 :]
    arguments: dict[str, Any] = {}
    for name, domain in domains.items():
        if domain:
            own = samples if name in per_sample else shape
            numbers = small[name](own) if name in small else domain.draw_small(own, False, False)
            # Numbers of every dtype, for all that are differentiated have one.
            arguments[name] = draw(numbers).astype(np.float16).astype(float)
    if labels:
        classes = st.integers(0, shape[place] - 1)
        arguments["ignore_index"] = draw(st.sampled_from([-100, -1, 0]))
        ignored = st.just(arguments["ignore_index"])
        arguments["target"] = draw(arrays(np.int64, samples, elements=classes | ignored))
    sizes = samples if weight == "in the mean" else shape[place]
    arguments["weight"] = draw(maybe(between(sizes, 0.125, 2)))
    values = {name: draw(st.sampled_from(option.values)) for name, option in options.items()}
    if holds != "features":
        values["axis"] = axis
    return Call({**arguments, **values, "reduction": draw(reductions)}, point)


# Calls of a function of single entries.
single = between(shapes, -3, 3).map(lambda x: Call({"x": x}, "x"))
