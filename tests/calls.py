"""Calls of every public function with any arguments that it must accept.

Values are small, or anything at all: nan, infinities, the ends of the dtypes. Any argument may
come as another object that holds the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st
from tests.domains import (
    FLOATS,
    INTEGERS,
    REALS,
    Domain,
    Option,
    booleans,
    broadcasting,
    entries,
    filled,
    narrower,
    reals,
    reductions,
    shapes,
    shapes_of,
    unit_interval,
    weights,
)
from tests.dtypes import NARROW, is_floating
from tests.layouts import LAYOUTS

Arguments = dict[str, Any]

LEADING = ("grad_output", "state", "vector")  # what a derivative is multiplied by comes first
SECOND = ("hvp", "hessian_diagonal")
LAYER = ("inputs", "linear_weight", "linear_bias")
WEIGHTS = ("weight", "pos_weight")
# Few classes are laid out in columns, 70 in rows; about as many as a label of 8 bits has numbers.
MANY = [127, 128, 129, 255, 256, 257]
row_sizes = st.sampled_from([2, 3, 5] * 5 + [70, 1, 0])
class_counts = st.sampled_from([2, 3, 5] * 5 + [70, 70, 70, 1, 0, *MANY])


@st.composite
def scores(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """Draw scores and their class axis."""
    samples = draw(shapes_of([1, 1, 2, 2, 0]))
    axis = draw(st.integers(0, len(samples)))
    x = draw(reals((*samples[:axis], draw(class_counts), *samples[axis:])))
    return x, axis


def ways_to_name(axis: int, ndim: int, usual: int) -> st.SearchStrategy[Any]:
    """Draw a name of an axis, among them None for the usual one."""
    names = [axis, axis - ndim, np.int8(axis), np.uint64(axis)]
    return st.sampled_from([None, None, *names] if axis == usual else names)


@st.composite
def labels(draw: st.DrawFn, samples: tuple[int, ...], classes: int) -> tuple[np.ndarray, Any]:
    """Draw class indices, some of them ignored, and ignore_index."""
    dtype = draw(st.sampled_from(INTEGERS))
    ignore = draw(st.sampled_from([-100, -100, -1, 0, classes - 1, classes, 2**64, -(2**70)]))
    held = np.iinfo(dtype)
    if not classes and not held.min <= ignore <= held.max:
        dtype, ignore = np.dtype(np.int64), -100  # for there is nothing else to hold
        held = np.iinfo(dtype)
    numbers = range(min(classes, int(held.max) + 1))
    counted = st.sampled_from(numbers) | st.just(numbers[-1]) if classes else st.nothing()
    ignored = st.just(ignore) if held.min <= ignore <= held.max else st.nothing()
    target = draw(filled(dtype, samples, counted | ignored))
    if abs(ignore) < 128 and draw(booleans):
        ignore = np.int16(ignore)
    return target, ignore


@st.composite
def labelled(draw: st.DrawFn, first: str, smoothed: bool) -> Arguments:
    """Draw the arguments of nll_loss or, with smoothing, of cross_entropy."""
    x, axis = draw(scores())
    return {
        first: x,
        **draw(targets_of(x.shape, axis, smoothed)),
        "axis": draw(ways_to_name(axis, x.ndim, min(1, x.ndim - 1))),
    }


@st.composite
def targets_of(draw: st.DrawFn, shape: tuple[int, ...], axis: int, smoothed: bool) -> Arguments:
    """Draw the targets of scores of a shape, and the options of a loss over their classes."""
    samples, classes = shape[:axis] + shape[axis + 1 :], shape[axis]
    if smoothed and draw(booleans):
        anything = reals(shape, FLOATS).map(probable)
        target = draw(st.one_of(anything, unit_interval(shape, FLOATS)))
        ignore = draw(st.sampled_from([-100, -1, np.int8(-1), -(2**70)]))
    else:
        target, ignore = draw(labels(samples, classes))
        if len(shape) == 1 and draw(booleans):
            target = target.reshape(1)
    arguments = {
        "target": target,
        "weight": draw(weights((classes,))),
        "ignore_index": ignore,
        "reduction": draw(reductions),
    }
    if smoothed:
        smoothing = [0.0, 0.0, 0, 0.1, np.float32(0.25), 1, 1.0, 1e-300]
        arguments["label_smoothing"] = draw(st.sampled_from(smoothing))
        caps = [None, None, None, 30.0, 2, np.float32(0.5), 1e-30, 1e30]
        arguments["softcap"] = draw(st.sampled_from(caps))
        arguments["z_loss"] = draw(st.sampled_from([0.0, 0.0, 0, 0.125, np.float32(-0.5), 1e-3]))
        arguments["workers"] = draw(st.sampled_from([None, None, 1, 2, -1, np.int8(2)]))
    return arguments


def probable(array: np.ndarray) -> np.ndarray:
    """Return numbers that class probabilities may be: finite, and not negative."""
    return np.where(np.isfinite(array), np.abs(array), np.zeros_like(array))


@st.composite
def linear(draw: st.DrawFn) -> Arguments:
    """Draw the arguments of linear_cross_entropy, of a layer whose outputs are exact.

    Sums of three products of eighths are, in every dtype and order.
    """
    # Of seven samples those that count lie apart, and in several chunks.
    samples = draw(st.one_of(shapes_of([1, 2, 2, 0]), st.just((7,))))
    classes, features = draw(class_counts), draw(st.sampled_from([1, 2, 3] * 4 + [0]))
    heads = draw(st.sampled_from([()] * 6 + [(1,), (2,), (2,), (2, 2), (0,), (2, 0)]))
    outputs = (classes, *heads)
    inputs, weight = draw(eighths((*samples, features))), draw(eighths((*outputs, features)))
    options = draw(targets_of((*samples, *outputs), len(samples), smoothed=True))
    target = options["target"]
    if is_floating(inputs.dtype) and not is_floating(target.dtype) and draw(booleans):
        ignored = (target == options["ignore_index"]).reshape((*samples, *heads))
        ignored = ignored.all(tuple(range(len(samples), ignored.ndim)))  # by every head
        inputs[ignored] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))  # which none reads
    bias = draw(
        st.sampled_from([[], [-np.inf], [-np.inf, np.inf, np.nan]]).flatmap(
            lambda others: eighths(outputs, others)
        )
        | st.none()
    )
    # The target after the bias, whose numbers may be labels (see `overlapping`).
    return {"inputs": inputs, "linear_weight": weight, "linear_bias": bias, **options}


@st.composite
def eighths(draw: st.DrawFn, shape: tuple[int, ...], others: Sequence[float] = ()) -> np.ndarray:
    """Draw small numbers of any dtype, and a few others if it has them."""
    dtype = draw(st.sampled_from(REALS))
    elements = entries(dtype, wild=False)
    if others and is_floating(dtype):
        elements = st.one_of(elements, elements, st.sampled_from(others))
    return draw(filled(dtype, shape, elements))


@st.composite
def along_axis(draw: st.DrawFn, first: str) -> Arguments:
    """Draw the arguments of softmax and log_softmax, or of their gradients, which take results."""
    x = draw(reals(draw(shapes)))
    axis = draw(st.integers(0, max(x.ndim - 1, 0)))
    if first == "probs" and draw(st.sampled_from([True, True, True, False])):
        x = distribution(x, axis)
    ways = ways_to_name(axis, max(x.ndim, 1), max(x.ndim - 1, 0))
    return {first: x, "axis": draw(ways.map(lambda axis: -1 if axis is None else axis))}


def distribution(x: np.ndarray, axis: int) -> np.ndarray:
    """Return the softmax of numbers where it is one, in their dtype if that is floating."""
    with np.errstate(all="ignore"):
        wide = np.nan_to_num(x.astype(np.longdouble), posinf=1e4, neginf=-1e4)
        if not x.size:
            return x
        exps = np.exp(wide - (wide.max(axis, keepdims=True) if x.ndim else wide))
        probs = exps / (exps.sum(axis, keepdims=True) if x.ndim else exps)
        return probs.astype(x.dtype if is_floating(x.dtype) else np.float64)


@st.composite
def over_axes(draw: st.DrawFn) -> Arguments:
    """Draw the arguments of logsumexp."""
    x = draw(reals(draw(shapes)))
    ndim = max(x.ndim, 1)
    single = st.integers(-ndim, ndim - 1)
    several = st.sets(st.integers(0, ndim - 1)).flatmap(
        lambda axes: st.tuples(*(st.sampled_from([i, i - ndim]) for i in axes))
    )
    axis = draw(st.one_of(st.none(), single, several, single.map(np.int64)))
    return {"x": x, "axis": axis, "keepdims": draw(booleans)}


def single(first: str) -> st.SearchStrategy[Arguments]:
    """Draw the argument of a function of single entries, or of its gradient."""
    return shapes.flatmap(reals).map(lambda x: {first: x})


@st.composite
def of_entries(
    draw: st.DrawFn,
    arrays: dict[str, Domain],
    weight: str,
    factors: tuple[str, ...],
    options: dict[str, Option],
    broadcast: tuple[str, ...],
) -> Arguments:
    """Draw the arguments of a loss entry by entry; what is a factor alone may broadcast."""
    shape = draw(shapes)
    values = {name: draw(st.sampled_from(option.values)) for name, option in options.items()}
    arguments: Arguments = {}
    for name, domain in arrays.items():
        own = draw(broadcasting(shape)) if name in broadcast else shape
        arguments[name] = draw(domain.given(values).draw(own))
    for name in ("weight", *factors):
        wide = name == "weight" and weight == "in the mean"
        arguments[name] = draw(weights(shape if wide else draw(narrower(shape))))
    return {**arguments, **values, "reduction": draw(reductions)}


@st.composite
def of_rows(
    draw: st.DrawFn,
    arrays: dict[str, Domain | None],
    per_sample: tuple[str, ...],
    labelled: bool,
    weight: str,
    options: dict[str, Option],
    holds: str,
) -> Arguments:
    """Draw the arguments of a loss of samples, each of which is a row of every array."""
    samples = draw(shapes_of([2] if holds == "positions" else [1, 1, 2, 2, 0]))
    axis = len(samples)
    if holds != "features":
        axis = draw(st.integers(int(holds == "positions"), len(samples)))
    shape = (*samples[:axis], draw(row_sizes), *samples[axis:])
    domains = {name: domain for name, domain in arrays.items() if domain}
    arguments: Arguments = {
        name: draw(domain.draw(samples if name in per_sample else shape))
        for name, domain in domains.items()
    }
    if labelled:
        arguments |= draw(targets_of(shape, axis, smoothed=False))
    else:
        arguments["weight"] = draw(weights(samples if weight == "in the mean" else (shape[axis],)))
    values = {name: draw(st.sampled_from(option.values)) for name, option in options.items()}
    if holds == "positions":
        axis = 3 - axis
    if holds != "features":
        values["axis"] = draw(ways_to_name(axis, len(shape), min(1, len(shape) - 1)))
    return {**arguments, **values, "reduction": draw(reductions)}


def may_be_absent(row: Any, arguments: Arguments) -> bool:
    """Return whether an entry or a sample of weight 0 is absent."""
    return row.weight in ("in the mean", "a factor") and arguments["weight"] is not None


def absent(row: Any, name: str, arguments: Arguments) -> np.ndarray:
    """Return which entries of an array are absent, for their weight is 0."""
    shape = np.shape(arguments[name])
    if not may_be_absent(row, arguments):
        return np.zeros(shape, bool)
    found = np.asarray(arguments["weight"]) == 0
    if row.holds:
        if name not in row.per_sample:
            found = np.expand_dims(found, class_axis(arguments))
        return np.broadcast_to(found, shape)
    return everywhere(np.broadcast_to(found, arguments[first_name(arguments)].shape), shape)


def with_anything_absent(row: Any, arguments: Arguments) -> Arguments:
    """Return the arguments with what no domain holds where the weight is 0."""
    found = dict(arguments)
    for name in row.arrays:
        found[name] = arguments[name].copy()
        strange = np.nan if is_floating(found[name].dtype) else 7
        found[name][absent(row, name, arguments)] = strange
    return found


def everywhere(condition: np.ndarray, shape: Any) -> np.ndarray:
    """Return whether a condition holds for all that an entry of a shape is broadcast to."""
    kept = shape or (1,) * condition.ndim
    axes = tuple(i for i, size in enumerate(kept) if size != condition.shape[i])
    return condition.all(axes, keepdims=True).reshape(shape)


def as_arrays(names: Collection[str], arguments: Arguments) -> Arguments:
    """Return the arguments with copies of what they hold, as arrays where they are named."""
    return {
        name: np.array(value) if name in names and value is not None else value
        for name, value in arguments.items()
    }


def first_name(arguments: Arguments) -> str:
    """Return the name of the array at which a function is evaluated or differentiated."""
    return next(name for name in arguments if name not in LEADING)


def value_shape(row: Any, arguments: Arguments) -> tuple[int, ...]:
    """Return the shape of the value of a function, for its arguments."""
    first = arguments[first_name(arguments)]
    if "keepdims" in arguments:
        axis, keepdims = arguments["axis"], arguments["keepdims"]
        return np.ones(first.shape).sum(axis, keepdims=keepdims).shape if first.ndim else ()
    if arguments.get("reduction", "none") != "none":
        return ()
    return class_shape(arguments) if "ignore_index" in arguments or row.holds else first.shape


def class_axis(arguments: Arguments) -> int:
    """Return the axis of the classes, of the features or the positions, counted from the front."""
    axis, ndim = arguments.get("axis", -1), np.ndim(arguments[first_name(arguments)])
    axis = min(1, ndim - 1) if axis is None else int(axis) % ndim
    return 3 - axis if "fp_weight" in arguments else axis  # positions are on the third axis


def class_count(arguments: Arguments) -> int:
    """Return the number of classes of a loss over classes."""
    if "linear_weight" in arguments:
        return len(arguments["linear_weight"])
    return arguments[first_name(arguments)].shape[class_axis(arguments)]


def class_shape(arguments: Arguments) -> tuple[int, ...]:
    """Return the shape of the samples of a loss over classes."""
    if "linear_weight" in arguments:
        return arguments["inputs"].shape[:-1] + arguments["linear_weight"].shape[1:-1]
    axis, shape = class_axis(arguments), arguments[first_name(arguments)].shape
    return shape[:axis] + shape[axis + 1 :]


# Other objects that hold the same numbers


class Subclass(np.ndarray):
    """An array of another type."""


class Convertible:
    """Something that is no array but becomes one."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.array, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        return f"Convertible({self.array!r})"


def broadcast(array: np.ndarray) -> np.ndarray:
    """Return the first of the numbers along the first axis, again and again."""
    return np.broadcast_to(array[:1], array.shape) if array.ndim else array


FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    **LAYOUTS,
    "broadcast": broadcast,
    "list": np.ndarray.tolist,
    "scalar": lambda array: array if array.ndim else array[()],
    "subclass": lambda array: array.view(Subclass),
    "records": lambda array: array.view(np.recarray),
    "matrix": lambda array: array.view(np.matrix) if array.ndim == 2 else array,
    "memoryview": lambda array: (
        array if array.dtype.newbyteorder("=") in NARROW[1:] else memoryview(array)
    ),
    "convertible": Convertible,
}


@st.composite
def in_some_form(draw: st.DrawFn, array: np.ndarray) -> Any:
    """Draw an object with the numbers of an array, or (broadcast) some of them."""
    form = FORMS[draw(st.sampled_from(list(FORMS)))](array)
    same = np.asarray(form)
    # An empty list has lost its dtype and shape, and big integers may become floats.
    return form if (same.shape, same.dtype.kind) == (array.shape, array.dtype.kind) else array


@st.composite
def overlapping(draw: st.DrawFn, row: Any, arguments: Arguments) -> Arguments:
    """Draw the arguments with two arrays that share memory, if two have one shape and dtype."""
    found = [key for key, value in arguments.items() if isinstance(value, np.ndarray)]
    for first, second in pairwise(found):
        a, b = arguments[first], arguments[second]
        if b.size and (a.shape, a.dtype) == (b.shape, b.dtype) and draw(booleans):
            # Numbers that are good for both, the first's one entry later or not.
            later = draw(st.integers(0, 1))
            good = good_for_both(row, arguments, first, second)
            if good is None:
                continue
            memory = np.append(good, good.flat[0])
            return {
                **arguments,
                first: memory[later : later + b.size].reshape(b.shape),
                second: memory[: b.size].reshape(b.shape),
            }
    return arguments


def good_for_both(row: Any, arguments: Arguments, first: str, second: str) -> np.ndarray | None:
    """Return the numbers of one of two arrays that may be those of the other, if there are any.

    A weight may be anything; of losses over classes a target has the narrowest range, but the
    products of a layer's arrays must be exact, so their numbers are made probabilities.
    """
    a, b = arguments[first], arguments[second]
    domains = [
        row.arrays[name].given(arguments) for name in (first, second) if row.arrays.get(name)
    ]
    if first in LAYER and second == "target" and is_floating(b.dtype):
        return probable(a)
    for numbers in (a, b) if second in WEIGHTS else (b, a):
        if all(domain.holds(numbers).all() for domain in domains):
            return numbers
    return None


@st.composite
def out_for(draw: st.DrawFn, arguments: Arguments) -> Any:
    """Draw what may receive the gradient of the first array: this itself, another, or None."""
    name = first_name(arguments)
    first = arguments[name]
    plain = np.asarray(first)
    floating = is_floating(plain.dtype)
    dtype = plain.dtype.newbyteorder("=") if floating else np.dtype(np.float64)
    kind = draw(st.sampled_from(["none", "itself", "itself", "fresh", *LAYOUTS]))
    if kind == "none":
        return None
    if kind == "itself" and floating and isinstance(first, np.ndarray) and first.flags.writeable:
        others = [value for key, value in arguments.items() if key != name]
        if not any(np.shares_memory(first, memory_of(value)) for value in others):
            return first
    fresh = np.full(plain.shape, 7, dtype)
    if kind in LAYOUTS and kind != "read-only":
        fresh = np.asarray(LAYOUTS[kind](fresh))  # for flip makes a scalar of a 0-D array
    return fresh.view(Subclass) if draw(booleans) else fresh


def memory_of(value: Any) -> np.ndarray:
    """Return the memory that an argument lies in, as an array."""
    if isinstance(value, Convertible):
        return value.array
    return np.asarray(value) if isinstance(value, np.ndarray | memoryview) else np.empty(0)


@st.composite
def in_some_forms(draw: st.DrawFn, row: Any, arguments: Arguments) -> Arguments:
    """Draw the arguments as other objects with the same numbers, or in memory that they share."""
    if draw(st.sampled_from([False, False, True])):
        arguments = draw(overlapping(row, arguments))
    return {
        name: draw(in_some_form(value))
        if isinstance(value, np.ndarray) and draw(st.sampled_from([False, False, True]))
        else value
        for name, value in arguments.items()
    }


@st.composite
def calls(draw: st.DrawFn, row: Any, what: str) -> Arguments:
    """Draw the arguments of a call that a function of the table, or its derivative, must answer."""
    arguments = draw(row.draw(row.point(what)))
    if what.endswith("backward"):
        arguments = {"grad_output": draw(reals(value_shape(row, arguments))), **arguments}
    if what in SECOND:  # which take labels and no numbers between
        for name, domain in row.arrays.items():
            if domain and domain.only:
                array = arguments[name].copy()
                array[~np.any([array == number for number in domain.only], axis=0)] = 1
                arguments[name] = array
    if what == "hvp":
        arguments = {"vector": draw(reals(arguments[row.point(what)].shape)), **arguments}
    if what == "value_and_grad":
        arguments["grad_output"] = draw(st.none() | reals(value_shape(row, arguments)))
    if may_be_absent(row, arguments) and draw(booleans):
        arguments = with_anything_absent(row, arguments)
    else:
        arguments = draw(in_some_forms(row, arguments))
    if what == "value_and_grad" and len(row.differentiated) == 1:
        arguments["out"] = draw(out_for(arguments))
    return arguments
