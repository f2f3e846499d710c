"""Faults: what makes a call one that must be refused, with which errors, and of which arguments.

Each fault changes an argument (or two that may not share memory) to something that is wrong
whatever the other arguments are, so that a call with several faults is refused for one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import strategies as st
from tests.calls import (
    LAYER,
    WEIGHTS,
    Arguments,
    absent,
    as_arrays,
    class_count,
    class_shape,
    first_name,
    value_shape,
)
from tests.dtypes import is_floating
from tests.layouts import read_only

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Fault:
    """Arguments that are wrong, the errors that may say so, and which arguments they may name."""

    changes: st.SearchStrategy[Arguments]
    errors: tuple[type[Exception], ...]
    names: tuple[str, ...]


def one_of(
    argument: str, values: Iterable[Any], error: type[Exception], *names: str
) -> Iterator[Fault]:
    """Yield the fault of an argument that is one of some values, if there are any."""
    if values := list(values):
        places = st.integers(0, len(values) - 1)  # for not every value can be hashed
        changes = places.map(lambda place: {argument: values[place]})
        yield Fault(changes, (error,), (argument, *names))


def faults(row: Any, what: str, arguments: Arguments) -> list[list[Fault]]:
    """Return the faults that a valid call of a function or derivative may have, by their kinds."""
    names = row.names_of_arrays()
    plain = as_arrays(names, arguments)
    arrays = [name for name in plain if name in names]
    kinds = [of_arrays(arrays, what, plain), of_shapes(row, plain), of_options(row, plain)]
    if "ignore_index" in plain:
        kinds.append(of_targets(plain))
    kinds.append(of_domains(row, plain))
    if "out" in plain:
        kinds.append(of_out(plain))
    return [found for kind in kinds if (found := list(kind))]


# Arrays

NO_NUMBERS = ["F", "D", "O", "U3", "S3", "M8[s]", "m8[s]", "V8", [("a", "f8")]]
NO_ARRAYS = [1j, "x", b"x", {}, {1.0}, object(), Decimal(1), [None], [[1.0], ["x"]], ...]
RAGGED = [[[1.0], [1.0, 2.0]], [np.zeros(2), np.zeros(3)], [1.0, [2.0]], [[], [1]]]


def of_arrays(names: list[str], what: str, arguments: Arguments) -> Iterator[Fault]:
    """Yield what no array of numbers is."""
    optional = [*WEIGHTS, "linear_bias", *(["grad_output"] if what == "value_and_grad" else [])]
    for argument in names:
        value = arguments[argument]
        shape = () if value is None else value.shape
        no_numbers = [np.zeros(shape, dtype) for dtype in NO_NUMBERS]
        nothing = [] if argument in optional else [None]
        masked = [np.ma.array(np.ones(shape), mask=mask) for mask in (False, True)]
        wrong = [*no_numbers, *NO_ARRAYS, *nothing, *masked, np.ma.masked]
        yield from one_of(argument, wrong, TypeError)
        yield from one_of(argument, RAGGED, ValueError)


SHAPES: list[Shape] = [
    *[(), (0,), (1,), (2,), (3,), (4,), (7,)],
    *[(1, 1), (2, 1), (1, 3), (3, 2), (0, 3), (2, 2, 2)],
]


def of_shapes(row: Any, arguments: Arguments) -> Iterator[Fault]:
    """Yield arrays of shapes that do not fit."""
    first = first_name(arguments)
    shape = arguments[first].shape
    near = [(*shape, 1), (1, *shape), shape[:-1], shape[1:], shape[::-1], (*shape, 2)]

    def but(*allowed: Shape, dtype: Any = float) -> list[np.ndarray]:
        return [np.zeros(other, dtype) for other in [*near, *SHAPES] if other not in allowed]

    if "grad_output" in arguments:
        yield from one_of("grad_output", but(value_shape(row, arguments)), ValueError)
    if "vector" in arguments:
        yield from one_of("vector", but(shape), ValueError)
    if "linear_weight" in arguments:
        yield from of_layers(arguments)
        yield from one_of("weight", but((class_count(arguments),)), ValueError)
    elif "ignore_index" in arguments:
        samples = class_shape(arguments)
        fitting = [samples, (1,)] if len(shape) == 1 else [samples]
        yield from one_of("target", but(*fitting, dtype=int), ValueError)
        yield from one_of("weight", but((class_count(arguments),)), ValueError)
        yield from one_of(first, [1.0, 2, np.float32(1), np.zeros(())], ValueError)
    elif row.holds:
        samples = class_shape(arguments)
        for other in (name for name in row.arrays if name != first):
            right = samples if other in row.per_sample else shape
            yield from one_of(other, but(right), ValueError, *row.arrays)
        right = samples if row.weight == "in the mean" else (class_count(arguments),)
        yield from one_of("weight", but(right), ValueError)
        yield from one_of(first, [1.0, 2, np.float32(1), np.zeros(())], ValueError, *row.arrays)
    elif row.kind == "entrywise":
        for other in (name for name in row.arrays if name != first):
            fitting = [shape]
            if other in row.broadcast:
                fitting = [own for own in [*near, *SHAPES] if spreads(own, shape)]
            yield from one_of(other, but(*fitting), ValueError, *row.arrays)
        for weight in row.array_options:
            fitting = [shape]
            if row.weight == "a factor":
                fitting = [other for other in [*near, *SHAPES] if broadcasts(other, shape)]
            yield from one_of(weight, but(*fitting), ValueError, *row.arrays)


def of_layers(arguments: Arguments) -> Iterator[Fault]:
    """Yield arrays of a layer and targets of which one does not fit the others, which stay."""
    layer = {key: arguments[key] for key in (*LAYER, "target")}
    outputs, logits = arguments["linear_weight"].shape[:-1], scores_shape(arguments)
    for argument, value in layer.items():
        shape = outputs if value is None else value.shape
        near = [(*shape, 1), (1, *shape), shape[:-1], shape[1:], shape[::-1], (*shape, 2)]
        near += [(*shape[:-1], *(side + 1 for side in shape[-1:]))]
        near += [(*(side + 1 for side in shape[:1]), *shape[1:])]
        dtype = value.dtype if argument == "target" else float
        shapes = {key: None if each is None else each.shape for key, each in layer.items()}
        wrong = [
            other for other in [*near, *SHAPES] if not makes_a_layer({**shapes, argument: other})
        ]
        for fault in one_of(argument, [np.zeros(other, dtype) for other in wrong], ValueError):
            yield replace(fault, changes=fault.changes.map(lambda changes: {**layer, **changes}))
    if logits != (1,):
        yield from one_of("target", [np.zeros(logits, int)], ValueError)


def makes_a_layer(shapes: dict[str, Shape | None]) -> bool:
    """Return whether arrays of some shapes are a layer, with the target of its outputs."""
    inputs, weight, bias, target = shapes.values()
    if not inputs or len(weight) < 2 or inputs[-1] != weight[-1]:
        return False
    samples, outputs = inputs[:-1], weight[:-1]
    labels = samples + outputs[1:]
    targets = [labels, samples + outputs, *([] if labels else [(1,)])]
    return target in targets and bias in (None, outputs)


def broadcasts(shape: Shape, target: Shape) -> bool:
    """Return whether a shape broadcasts to another without enlarging it."""
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False


def spreads(shape: Shape, target: Shape) -> bool:
    """Return whether a shape broadcasts to another along axes of its own."""
    return not shape or (len(shape) == len(target) and broadcasts(shape, target))


# Options

REDUCTIONS = ["avg", "MEAN", "mean ", "", b"mean", None, 0, True, ["mean"], np.array("mean")]
SMOOTHINGS = [-0.1, 1.5, np.nan, np.inf, -1e-300, 2, np.float32(-1), -(2**70)]
CAPS = [0, 0.0, -1.0, np.nan, np.inf, -np.inf, 10**400, np.float32(-2)]
PENALTIES = [np.nan, np.inf, -np.inf, 10**400]
NO_NUMBER = [True, "0.1", [0.1], 0.1j, np.zeros(1), Decimal("0.1"), b"1", {}]
NO_INTEGER = [1.5, 1.0, np.float64(1), np.True_, *NO_NUMBER]


def of_options(row: Any, arguments: Arguments) -> Iterator[Fault]:
    """Yield options of a wrong type or out of their range."""
    for name, option in row.options.items():
        yield from one_of(name, option.outside, ValueError)
        if not isinstance(option.values[0], bool):
            no_number = [None, *NO_NUMBER]
            others = [wrong for wrong in no_number if not any(wrong is v for v in option.values)]
            yield from one_of(name, others, TypeError)
    options = {
        "reduction": (REDUCTIONS, []),
        "label_smoothing": (SMOOTHINGS, [None, np.True_, *NO_NUMBER]),
        "softcap": (CAPS, [np.True_, *NO_NUMBER]),
        "z_loss": (PENALTIES, [None, np.True_, *NO_NUMBER]),
        "ignore_index": ([], [None, *NO_INTEGER]),
        "workers": ([0, -2, -(2**70), np.int64(0)], NO_INTEGER),
    }
    for option, (values, others) in options.items():
        if option in arguments:
            yield from one_of(option, values, ValueError)
            yield from one_of(option, others, TypeError)
    if "axis" in arguments:
        several = "keepdims" in arguments
        optional = several or "reduction" in arguments
        ndim = max(arguments[first_name(arguments)].ndim, 1)
        beyond = [ndim, -ndim - 1, 99, -99, 2**40, -(2**70), np.int64(ndim)]
        twice = [(0, 0), (0, -ndim), (ndim,), (0, ndim)] if several else []
        yield from one_of("axis", [*beyond, *twice], ValueError)
        others = [("x",), (0.5,), *([] if several else [(0,)]), *([] if optional else [None])]
        yield from one_of("axis", [*NO_INTEGER, *others], TypeError)
    yield from one_of("dim", [1], TypeError)  # which no function has


# Targets


def of_targets(arguments: Arguments) -> Iterator[Fault]:
    """Yield labels that are none, and what may not be ignored."""
    shape, target = scores_shape(arguments), arguments["target"]
    if is_floating(target.dtype):
        yield from one_of("ignore_index", [0, 1, 2**70, np.int8(3)], ValueError)
        if target.size:
            wrong = [-0.5, np.nan, np.inf, -np.inf, -1e-30]
            changes = with_an_entry("target", target, wrong, range(target.size))
            yield Fault(changes, (ValueError,), ("target",))
        return
    mistaken = [np.zeros(target.shape, dtype) for dtype in (bool, "e", "f", "d", "g")]
    if target.ndim != len(shape):
        yield from one_of("target", mistaken, TypeError)
    elif target.shape != shape:  # of one row, whose single label has an axis
        yield Fault(
            st.sampled_from(mistaken).map(lambda value: {"target": value}),
            (TypeError, ValueError),
            ("target",),
        )
    elif "label_smoothing" not in arguments:  # nor class probabilities
        yield from one_of("target", mistaken[1:], TypeError)
    if target.size:
        changes = with_a_wrong_label(target, class_count(arguments), int(arguments["ignore_index"]))
        yield Fault(changes, (IndexError,), ("target",))


def scores_shape(arguments: Arguments) -> Shape:
    """Return the shape of the scores of a loss over classes, be they an argument or not."""
    if "linear_weight" in arguments:
        return arguments["inputs"].shape[:-1] + arguments["linear_weight"].shape[:-1]
    return arguments[first_name(arguments)].shape


@st.composite
def with_a_wrong_label(
    draw: st.DrawFn, target: np.ndarray, classes: int, ignore_index: int
) -> Arguments:
    """Draw the target with a label that is no class, nor ignored."""
    wrong = [-1, -2, classes, classes + 1, 127, -128, 255, 2**31, -(2**63), 2**63 - 1, 2**64 - 1]
    wrong = [label for label in wrong if not 0 <= label < classes and label != ignore_index]
    label = draw(st.sampled_from(wrong))
    held = np.iinfo(target.dtype)
    if not held.min <= label <= held.max:
        ignored = target == ignore_index
        target = target.astype(np.int64 if label < 2**63 else np.uint64)
        target[ignored] = label  # for an unsigned dtype may not hold what is ignored
    target = target.copy()
    target.flat[draw(st.integers(0, target.size - 1))] = label
    return {"target": target}


def of_domains(row: Any, arguments: Arguments) -> Iterator[Fault]:
    """Yield numbers outside of their domain."""
    for name, domain in row.arrays.items():
        domain = domain and domain.given(arguments)
        if not (domain and domain.outside):
            continue
        # An entry of weight 0 may be anything.
        if places := np.flatnonzero(~absent(row, name, arguments)).tolist():
            changes = with_an_entry(name, arguments[name], domain.outside, places)
            yield Fault(changes, (ValueError,), (name,))


@st.composite
def with_an_entry(
    draw: st.DrawFn,
    name: str,
    array: np.ndarray,
    values: Sequence[float],
    places: Sequence[int],
) -> Arguments:
    """Draw an array with an entry that is one of some values, in one of some places."""
    wrong = array.astype(np.result_type(array, np.float32))
    place = draw(st.sampled_from(places))
    wrong.flat[place] = draw(st.sampled_from(values))
    return {name: wrong}


# out


def of_out(arguments: Arguments) -> Iterator[Fault]:
    """Yield what cannot receive the gradient of the first array."""
    name = first_name(arguments)
    first = arguments[name]
    dtype = first.dtype if is_floating(first.dtype) else np.dtype(np.float64)
    dtype = dtype.newbyteorder("=")
    fresh = np.full(first.shape, 7, dtype)
    other = np.float32 if dtype.itemsize != 4 else np.float64
    wrong = [fresh.astype(another) for another in (other, int, complex, object, bool)]
    wrong += [fresh[np.newaxis], fresh[..., np.newaxis], read_only(fresh)]

    def with_strides(*strides: int) -> np.ndarray:
        memory = fresh.reshape(-1).view(np.uint8)  # as a buffer no array of bfloat16 is
        return np.ndarray(fresh.shape, dtype, memory, 0, strides)

    if fresh.size > 1:  # one number for all entries
        wrong.append(with_strides(*(0,) * fresh.ndim))
    if sum(side > 1 for side in fresh.shape) > 1 and fresh.size:  # windows, each one entry later
        wrong.append(with_strides(*(fresh.itemsize,) * fresh.ndim))
    yield from one_of("out", wrong, ValueError)
    objects = [
        fresh.tolist(),
        7.0,
        "out",
        memoryview(np.zeros(fresh.shape)),
        dtype,
        np.ma.array(fresh),
    ]
    yield from one_of("out", objects, TypeError)
    for argument, value in arguments.items():
        if argument != "out" and isinstance(value, np.ndarray) and value.size and fresh.size:
            start = int(argument == name)  # for out may be this array itself
            if start < fresh.nbytes:
                yield Fault(sharing(argument, value, fresh, start), (ValueError,), ("out",))


@st.composite
def sharing(
    draw: st.DrawFn, argument: str, value: np.ndarray, out: np.ndarray, first: int
) -> Arguments:
    """Draw out and an argument, with its numbers, that lies partly or wholly in out's memory."""
    start = draw(st.integers(first, out.nbytes - 1))
    memory = np.zeros(max(out.nbytes, start + value.nbytes), np.uint8)
    shared = memory[start : start + value.nbytes].view(value.dtype).reshape(value.shape)
    shared[...] = value
    return {"out": memory[: out.nbytes].view(out.dtype).reshape(out.shape), argument: shared}
