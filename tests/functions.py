"""Every public function, and how the tests call it in any way: validly, and with faults.

Those of the table follow from its rows. Second derivatives, whose formulas are held against those
of first derivatives in laws/test_curvature.py, have the bits that they have for plain arrays. The
sums and states that merge are those of a cross entropy, and are held against its definition.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from tests import calls, definitions
from tests.calls import Arguments
from tests.domains import booleans, reals, shapes, weights
from tests.dtypes import is_floating
from tests.faults import NO_INTEGER, SHAPES, Fault, faults, of_arrays, one_of
from tests.intervals import Interval, anything, exactly, rounded, select, times
from tests.rows import Row, invoke
from tests.table import FUNCTIONS, binary_entropy

import losses

WIDE = np.dtype(np.longdouble)
CROSS_ENTROPY = FUNCTIONS["cross_entropy"][0]
BINARY = FUNCTIONS["binary_cross_entropy_with_logits"][0]


class Function(NamedTuple):
    """A public function, and how the tests call it in any way."""

    name: str
    # Valid calls: arguments by name, those before the slash first.
    calls: st.SearchStrategy[Arguments]
    # The faults that a valid call may have, by their kinds.
    faults: Callable[[Arguments], list[list[Fault]]]
    # What it may return, part by part, with its shape and dtype; the arguments are plain copies.
    expected: Callable[[Arguments], tuple[Interval, ...]]
    # A call with arguments by name. What it returns has parts if it is a tuple.
    invoke: Callable[[Arguments], Any]
    arrays: set[str]  # the arguments that are arrays

    def __repr__(self) -> str:
        return self.name


def of_table(name: str) -> Function:
    """Return a function of the table."""
    row, what = FUNCTIONS[name]

    def expected(arguments: Arguments) -> tuple[Interval, ...]:
        if what not in calls.SECOND:
            return definitions.expected(row, what, arguments)
        (dtype,) = definitions.result_dtypes(row, what, arguments)
        return (exactly(invoke(name, arguments), dtype),)

    return Function(
        name=name,
        calls=calls.calls(row, what),
        faults=lambda arguments: faults(row, what, arguments),
        expected=expected,
        invoke=lambda arguments: invoke(name, arguments),
        arrays=row.names_of_arrays(),
    )


# Gradients of targets


def by_target(row: Row, gradient: Callable[..., Interval]) -> Function:
    """Return the gradient of a loss with respect to a target of floating numbers."""
    name = f"{row.name}_target_backward"

    def expected(arguments: Arguments) -> tuple[Interval, ...]:
        given = {key: value for key, value in arguments.items() if key != "workers"}
        with np.errstate(all="ignore"):
            return (gradient(**given).to(definitions.result_dtype(arguments["target"])),)

    return Function(
        name=name,
        calls=with_grad_output(row),
        faults=lambda arguments: faults(row, "backward", arguments),
        expected=expected,
        invoke=lambda arguments: invoke(name, arguments),
        arrays=row.names_of_arrays(),
    )


@st.composite
def with_grad_output(draw: st.DrawFn, row: Row) -> Arguments:
    """Draw the arguments of a loss whose target is no label, after a grad_output."""
    labelled = row is CROSS_ENTROPY
    arguments = draw(
        row.draw(row.point("")).filter(lambda a: not labelled or is_floating(a["target"].dtype))
    )
    grad_output = draw(reals(calls.value_shape(row, arguments)))
    return draw(calls.in_some_forms(row, {"grad_output": grad_output, **arguments}))


def of_probabilities(
    grad_output, logits, target, weight, ignore_index, reduction, label_smoothing, softcap, z_loss,
    axis,
):  # fmt: skip
    """w (1 - eps) (-lp + z lse**2), times g."""
    axis = definitions.class_axis(axis, logits.ndim)
    row, mass, _, divisor = definitions.entropy(
        logits, target, weight, ignore_index, label_smoothing, softcap, axis
    )
    dtype = mass.dtype
    cost = row.log_sum[..., None] - row.shifted
    if z_loss:
        cost = cost + (float(z_loss) * row.whole_log_sum * row.whole_log_sum)[..., None]
    each = definitions.class_weight(weight, mass.low.shape[-1], dtype)
    share = each * (1 - exactly(float(label_smoothing), dtype))
    grad = definitions.upstream(grad_output, divisor, reduction, dtype)[..., None]
    gradient = times(grad, times(share, row.unless_broken(cost)))
    return definitions.back(gradient, axis, target.shape)


def binary_entropy_slope(x, _, pos_weight):
    """Return w+ softplus(-x) - softplus(x), the slope by the target."""
    return times(pos_weight, definitions.logistic(-x)[1]) - definitions.logistic(x)[1]


OF_BINARY = definitions.Entries(
    loss=binary_entropy,
    slopes=binary_entropy_slope,
    arrays=("logits", "target"),
    differentiated=("logits",),
    weight="a factor",
    factors=("pos_weight",),
)


def of_binary_target(grad_output, **arguments):
    """w (w+ softplus(-x) - softplus(x)), times g."""
    return OF_BINARY.gradient(grad_output, **arguments)[0]


# Sums


def numbers_of(sums: losses.LossSums) -> tuple[np.longdouble, ...]:
    """Return the numbers of sums; of what is not known, nan."""
    correct = np.nan if sums.correct is None else sums.correct
    found = (sums.sum, sums.mean, sums.counted, sums.ignored, sums.weighted, correct)
    return tuple(map(np.longdouble, found))


def expected_sums(arguments: Arguments) -> tuple[Interval, ...]:
    """Return what the sums of a cross entropy may be."""
    each, total, mean = (
        of_cross_entropy(arguments, "", reduction=name) for name in ("none", "sum", "mean")
    )
    logits, target, weight = (arguments[name] for name in ("logits", "target", "weight"))
    axis = definitions.class_axis(arguments["axis"], logits.ndim)
    x = definitions.last(definitions.numbers(logits), axis)
    counts, chosen = np.ones(x.shape[:-1], bool), np.ones(x.shape[:-1])
    correct: Any = np.nan
    if not is_floating(target.dtype):
        counts = definitions.that_count(target, x.shape[:-1], int(arguments["ignore_index"]))
        label = np.where(counts, target.reshape(counts.shape), 0).astype(int)
        correct = 0
        if x.shape[-1]:
            chosen = np.ones(x.shape[-1]) if weight is None else weight
            chosen = chosen.astype(definitions.computation_dtype(logits))[label]
            correct = np.sum(counts & (x.argmax(-1) == label) & ~each.is_nan)
    # Which class has the largest logit is not said of logits that a cap makes equal, nor which is
    # correct where a loss may be nan, nor how many of no probabilities are.
    unsure = np.any(each.nan & ~each.is_nan) or not counts.size
    if arguments["softcap"] is not None or unsure:
        correct = anything(WIDE)
    return numbers_within(total, mean, counts, counts & (chosen != 0), correct)


def numbers_within(
    total: Interval, mean: Interval, counts: np.ndarray, weighted: np.ndarray, correct: Any
) -> tuple[Interval, ...]:
    """Return what `numbers_of` may be: intervals and, of which samples count, their numbers."""
    numbers = counts.sum(), (~counts).sum(), weighted.sum()
    found = [total, mean, *(exactly(number, WIDE) for number in numbers)]
    found.append(correct if isinstance(correct, Interval) else exactly(correct, WIDE))
    return tuple(replace(each, dtype=WIDE) for each in found)


def but_its_reduction(arguments: Arguments) -> list[list[Fault]]:
    """Return the faults of a cross entropy without reduction, whose axis may be None."""
    kinds = faults(CROSS_ENTROPY, "", arguments)
    return [[fault for fault in kind if fault.names[0] != "reduction"] for kind in kinds]


def without_reduction(arguments: Arguments) -> tuple[Any, Any, Arguments]:
    """Return the logits, the target and the options of a call."""
    options = dict(arguments)
    options.pop("reduction")
    return options.pop("logits"), options.pop("target"), options


def sums_of_cross_entropy(arguments: Arguments) -> Any:
    logits, target, options = without_reduction(arguments)
    return numbers_of(losses.cross_entropy_sums(logits, target, **options))


def sums_of_an_evaluator(arguments: Arguments) -> Any:
    logits, target, options = without_reduction(arguments)
    evaluator = losses.Evaluator(**options)
    evaluator.update(logits, target)
    return numbers_of(evaluator.sums)


def sums_of_two_batches(arguments: Arguments) -> Any:
    """Return the sums of two parts of a batch, merged; those of an evaluator are the same."""
    logits, target, options = without_reduction(arguments)
    samples, cut = options.pop("samples"), options.pop("cut")
    logits, target = np.asarray(logits), np.asarray(target)
    behind = target.ndim < logits.ndim and samples > calls.class_axis(arguments)
    along = samples - behind  # labels have no class axis
    batches = [
        (part(logits, samples, *ends), part(target, along, *ends))
        for ends in ((0, cut), (cut, logits.shape[samples]))
    ]
    evaluator = losses.Evaluator(**options)
    for batch in batches:
        evaluator.update(*batch)
    merged = losses.merge_sums(*(losses.cross_entropy_sums(*batch, **options) for batch in batches))
    assert merged == evaluator.sums or np.isnan(merged.sum)
    return numbers_of(merged)


def part(array: np.ndarray, axis: int, first: int, stop: int) -> np.ndarray:
    """Return the part of an array from first to stop along an axis."""
    return array[(slice(None),) * axis + (slice(first, stop),)]


OF_CROSS_ENTROPY = calls.calls(CROSS_ENTROPY, "")


@st.composite
def cut_into_batches(draw: st.DrawFn) -> Arguments:
    """Draw a cross entropy, an axis of its samples, and where to cut it."""
    arguments = draw(OF_CROSS_ENTROPY.filter(lambda a: np.ndim(a["logits"]) > 1))
    shape = np.shape(arguments["logits"])
    of_classes = calls.class_axis(arguments)
    samples = draw(st.sampled_from([axis for axis in range(len(shape)) if axis != of_classes]))
    return {**arguments, "samples": samples, "cut": draw(st.integers(0, shape[samples]))}


@st.composite
def losses_to_sum(draw: st.DrawFn) -> Arguments:
    shape = draw(shapes)
    where = draw(st.none() | reals(shape, [np.dtype(bool)]))
    arguments = {"losses": draw(reals(shape)), "weight": draw(weights(shape)), "where": where}
    return {
        name: value if value is None or draw(booleans) else draw(calls.in_some_form(value))
        for name, value in arguments.items()
    }


def expected_sums_of_losses(arguments: Arguments) -> tuple[Interval, ...]:
    """Return what the sums of losses may be: each counts once, where it counts."""
    each, weight, where = arguments.values()
    counts = np.ones(each.shape, bool) if where is None else where
    wide = definitions.wide_dtype(definitions.result_dtype(each))
    with np.errstate(all="ignore"):
        total = select(counts, rounded(each, wide), 0).sum(None)
        divisor, weighted = exactly(counts.sum(), wide), counts
        if weight is not None:
            of_each = rounded(weight, definitions.wide_dtype(weight.dtype))
            divisor = select(counts, of_each, 0).sum(None)
            weighted = counts & (weight != 0)
        mean = total / divisor if weighted.any() else exactly(np.nan, wide)
    correct = np.nan if each.size else 0  # of no losses none is correct
    return numbers_within(total, mean, counts, weighted, correct)


def faults_of_sums(arguments: Arguments) -> list[list[Fault]]:
    plain = calls.as_arrays(arguments, arguments)
    shape = plain["losses"].shape
    given = [np.zeros(other) for other in SHAPES if other != shape]
    booleans_ = [np.zeros(other, bool) for other in SHAPES if other != shape]
    masks = [np.zeros(shape, "U1"), np.zeros(shape), np.ones(shape, int), 1, "x", {}, [None]]
    return [
        list(of_arrays(["losses", "weight"], "", plain)),
        [
            *one_of("weight", given, ValueError, "losses", "where"),
            *one_of("where", booleans_, ValueError, "losses", "weight"),
            *one_of("where", masks, TypeError),
        ],
    ]


# States of shards


@st.composite
def all_in_one_shard(draw: st.DrawFn, with_grad: bool) -> Arguments:
    """Draw the arguments of a shard that holds all the classes; of its gradient, with a state."""
    arguments = draw(OF_CROSS_ENTROPY.filter(lambda a: calls.class_count(plain(a))))
    arguments |= {"first_class": 0, "classes": calls.class_count(plain(arguments))}
    if not with_grad:
        return arguments
    samples = calls.class_shape(plain(arguments))
    grad_output = draw(reals(draw(st.sampled_from([samples, ()]))))
    state = state_of_a_shard(plain(arguments))
    return {"grad_output": grad_output, "state": state, **arguments}


def plain(arguments: Arguments) -> Arguments:
    return calls.as_arrays(CROSS_ENTROPY.names_of_arrays(), arguments)


def state_of_a_shard(arguments: Arguments) -> losses.ShardState:
    logits, target, options = without_reduction(arguments)
    return losses.cross_entropy_shard(logits, target, **options)


def of_cross_entropy(arguments: Arguments, what: str, **options: Any) -> Interval:
    """Return what the losses or the gradient of the call may be, before they are rounded."""
    others = ("workers", "samples", "cut", "first_class", "classes", "state", "cuts", "order")
    given = {key: value for key, value in arguments.items() if key not in others}
    formula = CROSS_ENTROPY.gradient if what else CROSS_ENTROPY.value
    with np.errstate(all="ignore"):
        return formula(**{**given, "reduction": "none", **options})


def expected_losses(arguments: Arguments) -> tuple[Interval, ...]:
    return (of_cross_entropy(arguments, ""),)


def expected_gradient(arguments: Arguments, **options: Any) -> tuple[Interval, ...]:
    dtype = definitions.result_dtype(arguments["logits"])
    with np.errstate(all="ignore"):
        return (of_cross_entropy(arguments, "backward", **options).to(dtype),)


def gradient_of_a_shard(arguments: Arguments) -> Any:
    logits, target, options = without_reduction(arguments)
    leading = options.pop("grad_output"), options.pop("state")
    return losses.cross_entropy_shard_backward(*leading, logits, target, **options)


def faults_of_shards(arguments: Arguments) -> list[list[Fault]]:
    """Return the faults of a cross entropy, and of the place of a shard and of its state.

    Where the samples are others than those of the state, this may be what an error names.
    """
    classes = arguments["classes"]
    kinds = [
        [replace(fault, names=(*fault.names, "state", "first_class", "classes")) for fault in kind]
        for kind in but_its_reduction(arguments)
    ]
    places = [
        *one_of("classes", [0, -1, classes - 1, -(2**70)], ValueError, "first_class"),
        *one_of("classes", [None, *NO_INTEGER], TypeError),
        *one_of("first_class", [-1, 1, 2**70], ValueError),
        *one_of("first_class", [None, *NO_INTEGER], TypeError),
    ]
    if "state" in arguments:
        others = [None, {}, 1.0, losses.LossSums(), np.zeros(2), [arguments["state"]]]
        places += one_of("state", others, TypeError)
    return [*kinds, places]


@st.composite
def cut_into_shards(draw: st.DrawFn) -> Arguments:
    """Draw a cross entropy, where its classes are cut, and the order in which parts are merged."""
    arguments = draw(OF_CROSS_ENTROPY.filter(lambda a: calls.class_count(plain(a))))
    classes = calls.class_count(plain(arguments))
    cuts = sorted(draw(st.lists(st.integers(0, classes), max_size=3)))
    order = draw(st.permutations(range(len(cuts) + 1)))
    return {**arguments, "cuts": cuts, "order": order}


def merged_shards(arguments: Arguments) -> Any:
    """Return the losses of merged states, and the gradient shard by shard."""
    shards = shards_of(arguments)
    states = [losses.cross_entropy_shard(*arrays, **options) for arrays, options in shards]
    state = losses.merge_shards(*(states[i] for i in arguments["order"]))
    gradients = [
        losses.cross_entropy_shard_backward(1.0, state, *arrays, **options)
        for arrays, options in shards
    ]
    return state.losses, np.concatenate(gradients, calls.class_axis(arguments))


def shards_of(arguments: Arguments) -> list[tuple[list[np.ndarray], Arguments]]:
    """Return the logits and the target of each shard, and its options."""
    *arrays, options = without_reduction(arguments)
    logits, target = map(np.asarray, arrays)
    cuts, _, weight = (options.pop(name) for name in ("cuts", "order", "weight"))
    axis = calls.class_axis(arguments)
    classes, shards = logits.shape[axis], []
    for first, stop in zip([0, *cuts], [*cuts, classes], strict=True):
        labels_or_part = part(target, axis, first, stop) if is_floating(target.dtype) else target
        place = {"first_class": first, "classes": classes}
        some = None if weight is None else np.asarray(weight)[first:stop]
        shards.append(
            (
                [part(logits, axis, first, stop), labels_or_part],
                {**options, **place, "weight": some},
            )
        )
    return shards


def expected_of_merged_shards(arguments: Arguments) -> tuple[Interval, ...]:
    ones = np.ones(calls.class_shape(arguments))
    return (*expected_losses(arguments), *expected_gradient(arguments, grad_output=ones))


def no_faults(_: Arguments) -> list[list[Fault]]:
    return []


ARRAYS = CROSS_ENTROPY.names_of_arrays()
OF_ANY_CALL = [
    *map(of_table, FUNCTIONS),
    by_target(CROSS_ENTROPY, of_probabilities),
    by_target(BINARY, of_binary_target),
    Function(
        "cross_entropy_sums",
        OF_CROSS_ENTROPY,
        but_its_reduction,
        expected_sums,
        sums_of_cross_entropy,
        ARRAYS,
    ),
    Function(
        "Evaluator",
        OF_CROSS_ENTROPY,
        but_its_reduction,
        expected_sums,
        sums_of_an_evaluator,
        ARRAYS,
    ),
    Function(
        "merge_sums",
        cut_into_batches(),
        no_faults,
        expected_sums,
        sums_of_two_batches,
        ARRAYS,
    ),
    Function(
        "loss_sums",
        losses_to_sum(),
        faults_of_sums,
        expected_sums_of_losses,
        lambda arguments: numbers_of(invoke("loss_sums", arguments)),
        {"losses", "weight", "where"},
    ),
    Function(
        "cross_entropy_shard",
        all_in_one_shard(with_grad=False),
        faults_of_shards,
        expected_losses,
        lambda arguments: state_of_a_shard(arguments).losses,
        ARRAYS,
    ),
    Function(
        "cross_entropy_shard_backward",
        all_in_one_shard(with_grad=True),
        faults_of_shards,
        expected_gradient,
        gradient_of_a_shard,
        ARRAYS,
    ),
    Function(
        "merge_shards",
        cut_into_shards(),
        no_faults,
        expected_of_merged_shards,
        merged_shards,
        ARRAYS,
    ),
]
