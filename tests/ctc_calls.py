"""Any call of the CTC functions: how it is drawn, what it may return, what may be wrong with it.

The definition has no recursion. It goes through all the ways in which the frames of a sample may
draw their classes, and asks of each what it spells. Nothing here is taken from the library, and
where the semantics say nothing (infinite upstream gradients) anything is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from itertools import groupby, product
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from tests.calls import Arguments, as_arrays, first_name, in_some_form, out_for
from tests.definitions import Softmax, count, reduced, result_dtype, upstream
from tests.domains import FLOATS, INTEGERS, booleans, reals, reductions
from tests.dtypes import NARROW, end, is_floating, rounded
from tests.faults import NO_INTEGER, REDUCTIONS, SHAPES, Fault, of_arrays, of_out, one_of
from tests.functions import Function
from tests.intervals import STEP, Interval, anything, exactly, select, union
from tests.rows import invoke

Shape = tuple[int, ...]

F64 = np.dtype(np.float64)
LENGTHS = ("input_lengths", "target_lengths")


# Calls


@st.composite
def scores(draw: st.DrawFn, shape: Shape) -> np.ndarray:
    """Draw scores, small or anything, some with all that makes a sample nan replaced."""
    x = draw(reals(shape))
    if not is_floating(x.dtype):
        return x
    # Far apart, so that a target may be nearly certain or nearly impossible; in float64's range.
    scale = draw(st.sampled_from([1, 1, 1, 4, 16, 128])) if x.dtype.itemsize <= 8 else 1
    with np.errstate(all="ignore"):
        x = x * x.dtype.type(scale)
        wrong = np.isnan(x) | (x == np.inf)
    if draw(booleans):
        x[wrong] = draw(st.sampled_from([-np.inf, -np.inf, -1.0, 8.0]))
    return x


@st.composite
def whole_numbers(draw: st.DrawFn, numbers: list[int] | np.ndarray, shape: Shape) -> np.ndarray:
    """Draw an array of any integer dtype with these numbers, which are small."""
    dtype = draw(st.sampled_from(INTEGERS))
    return np.array(numbers, np.int64).astype(dtype).reshape(shape)


@st.composite
def targets(draw: st.DrawFn, lengths: list[int], classes: int, blank: int, single: bool) -> Any:
    """Draw labels: in rows with anything behind them, or those of all samples one after another."""
    labels = st.sampled_from([label for label in range(classes) if label != blank] or [blank])
    rows = [draw(st.lists(labels, min_size=size, max_size=size)) for size in lengths]
    if single or draw(booleans):
        width = max(lengths, default=0) + draw(st.sampled_from([0, 0, 1, 2]))
        behind = st.sampled_from([blank, 0, classes, 100])
        shape = (width,) if single else (len(rows), width)
        rows = [row + [draw(behind) for _ in range(width - len(row))] for row in rows]
    else:
        shape = (sum(lengths),)
    numbers = [label for row in rows for label in row]
    if shape == (0,) and draw(booleans):
        return []
    return draw(whole_numbers(numbers, shape))


@st.composite
def calls(draw: st.DrawFn, first: str, what: str) -> Arguments:
    """Draw the arguments of a call that a function of CTC, or its derivative, must answer."""
    frames = draw(st.sampled_from([3, 4, 5, 2, 3, 4, 5, 1, 0]))
    single = draw(st.sampled_from([False, False, True]))
    samples = 1 if single else draw(st.sampled_from([2, 3, 1, 2, 3, 0]))
    classes = draw(st.sampled_from([2, 3, 4, 2, 3, 4, 1]))
    blank = draw(st.sampled_from([0, 0, *range(classes)]))
    reduction = draw(reductions)
    # All frames, and so few labels that they can spell them; or any.
    all_frames = draw(booleans)
    sizes = range(min((frames + 1) // 2 if all_frames else 3, 3) + 1) if classes > 1 else [0]
    target_lengths = [draw(st.sampled_from(sizes[::-1])) for _ in range(samples)]
    some = st.sampled_from([frames] if all_frames else range(frames + 1))
    input_lengths = [draw(some) for _ in range(samples)]
    target = draw(targets(target_lengths, classes, blank, single))
    of_lengths = draw(st.sampled_from([(), (1,)])) if single else (samples,)
    arguments = {
        first: draw(scores((frames, classes) if single else (frames, samples, classes))),
        "target": target,
        "input_lengths": draw(whole_numbers(input_lengths, of_lengths)),
        "target_lengths": draw(whole_numbers(target_lengths, of_lengths)),
    }
    value_shape = () if single or reduction != "none" else (samples,)
    if what == "backward":
        arguments = {"grad_output": draw(reals(value_shape)), **arguments}
    if what == "value_and_grad":
        arguments["grad_output"] = draw(st.none() | reals(value_shape))
    arguments = {name: draw(in_another_form(name, value)) for name, value in arguments.items()}
    if what == "value_and_grad":
        arguments["out"] = draw(out_for(arguments))
    return {
        **arguments,
        "blank": draw(st.sampled_from([blank, blank, np.int8(blank), np.uint64(blank)])),
        "zero_infinity": draw(st.sampled_from([False, True, np.False_, np.True_])),
        "reduction": reduction,
    }


@st.composite
def in_another_form(draw: st.DrawFn, name: str, value: Any) -> Any:
    """Draw an argument as it is or, if it is an array, sometimes as another object."""
    if not isinstance(value, np.ndarray) or draw(st.sampled_from([True, True, False])):
        return value
    form = draw(in_some_form(value))
    # Labels and their numbers belong together: a form that repeats some would change them.
    same = name not in ("target", "target_lengths") or np.array_equal(form, value)
    return form if same else value


# Definition: all ways in which frames draw classes, and what each spells


@cache
def all_ways(frames: int, classes: int) -> np.ndarray:
    """Return all sequences with a class for each frame, in rows."""
    ways = list(product(range(classes), repeat=frames))
    return np.array(ways, int).reshape(len(ways), frames)


@cache
def spelling(frames: int, classes: int, target: tuple[int, ...], blank: int) -> np.ndarray:
    """Return which of all ways spell a target, once equal neighbours are one and blanks none."""

    def spelt(way: list[int]) -> tuple[int, ...]:
        return tuple(label for label, _ in groupby(way) if label != blank)

    return np.array([spelt(way) == target for way in all_ways(frames, classes).tolist()], bool)


# Powers of two with up to 20 bits have an exact logarithm in float64 (in two parts), so that the
# product of frames keeps its digits. Beyond this size each logarithm is rounded.
EXACT = 7e5
# From here on nothing is said: the exponents of such numbers have lost all digits.
FAR = 1e8


class Ways(NamedTuple):
    """Ways that frames may go, and the logarithm of the probability of each."""

    classes: np.ndarray  # (ways, T)
    logs: Interval  # (ways,)

    def probabilities(self, top: Any) -> Interval:
        """Return the probability of each way, divided by exp(top); a step for each frame."""
        found = self.logs.monotone(lambda log: log - top).increasing(np.exp)
        for _ in range(self.classes.shape[1]):
            found = found.to(F64)
        return found.monotone(lambda prob: np.maximum(prob, 0))


def ways(logs: Interval, which: np.ndarray) -> Ways:
    """Return some of all ways, those without an impossible class."""
    frames, classes = logs.low.shape
    chosen = all_ways(frames, classes)[which]
    along = logs[np.arange(frames), chosen]
    low, high = along.low.sum(-1), along.high.sum(-1)
    sizes = np.abs(along.high)
    inexact = np.where(sizes > EXACT, STEP * end(F64, "eps") / 2, 0)
    # Twice as many additions: of the frames, and of the top.
    slack = (sizes * (inexact + 2 * frames * np.finfo(np.longdouble).eps)).sum(-1)
    slack = np.where(np.isfinite(slack), slack, 0)
    possible = high > -np.inf
    whole = Interval(low - slack, high + slack, np.zeros(low.shape, bool), F64)
    return Ways(chosen[possible], whole[possible])


def added(terms: Interval) -> Interval:
    """Return the sum along the first axis, in an order that adds no step."""
    return Interval(terms.low.sum(0), terms.high.sum(0), terms.nan.any(0), terms.dtype)


class Sample(NamedTuple):
    """The loss of a sample, and its slopes at the scores of the frames that count."""

    loss: Interval
    slopes: Interval | None  # None: 0, whatever the upstream gradient is


IMPOSSIBLE = Sample(exactly(np.inf, F64), None)
BROKEN = Sample(exactly(np.nan, F64), exactly(np.nan, F64))
UNKNOWN = Sample(anything(F64), anything(F64))


def posteriors(spelt: Ways, probs: Interval, classes: int) -> Interval:
    """Return how probable each class is in each frame, given that the target is spelt."""
    here = spelt.classes[..., np.newaxis] == np.arange(classes)
    through = added(select(here, probs[:, np.newaxis, np.newaxis], 0))
    return (through / added(probs)).monotone(lambda share: np.clip(share, 0, 1))


def of_log_probs(x: np.ndarray, target: tuple[int, ...], blank: int) -> Sample:
    """Return the sample of the log-probabilities of its frames, in float64."""
    if np.isnan(x).any() or (x == np.inf).any():
        return BROKEN
    spelt = ways(exactly(x, F64), spelling(*x.shape, target, blank))
    if not len(spelt.classes):
        return IMPOSSIBLE
    top = spelt.logs.high.max()
    if top < -FAR or (x > FAR).any():
        return UNKNOWN
    probs = spelt.probabilities(top)
    loss = -(added(probs).increasing(np.log) + top)
    return Sample(loss, -posteriors(spelt, probs, x.shape[-1]))


def of_logits(x: np.ndarray, target: tuple[int, ...], blank: int) -> Sample:
    """Return the sample of the logits of its frames, in float64.

    If the target has more than half of the probability, the loss has the digits of the rest. The
    slope at the largest logit of a frame is minus the sum of the others.
    """
    row = Softmax(x, F64)
    if row.broken.any():
        return BROKEN
    logs, which = row.shifted - row.log_sum[..., np.newaxis], spelling(*x.shape, target, blank)
    spelt = ways(logs, which)
    if not len(spelt.classes):
        return IMPOSSIBLE
    top = spelt.logs.high.max()
    if top < -FAR:
        return UNKNOWN
    probs = spelt.probabilities(top)
    loss = -(added(probs).increasing(np.log) + top)
    if loss.low < np.log(2):
        rest = added(ways(logs, ~which).probabilities(0))
        near = -(-rest).increasing(np.log1p)
        loss = near if loss.high < np.log(2) else union(near, loss)
    slopes = row.probs - posteriors(spelt, probs, x.shape[-1])
    others = select(row.largest, 0, slopes).sum(-1)[..., np.newaxis]
    return Sample(loss, select(row.largest, -others, slopes))


def expected(first: str, what: str, arguments: Arguments) -> tuple[Interval, ...]:
    """Return what a function of CTC, or its derivative, may return for a valid call."""
    with np.errstate(all="ignore"):
        return _expected(first, what, arguments)


def _expected(first: str, what: str, arguments: Arguments) -> tuple[Interval, ...]:
    given, reduction = arguments[first], arguments["reduction"]
    input_lengths, lengths = (arguments[name].reshape(-1).astype(int) for name in LENGTHS)
    samples = len(lengths)
    x = given.astype(F64).reshape(len(given), samples, given.shape[-1])
    losses, gradient = zeros((samples,)), zeros(x.shape)
    value_shape = given.shape[1:-1] if reduction == "none" else ()
    grad_output = arguments.get("grad_output")
    if grad_output is None:
        grad_output = np.ones(value_shape)
    lengths_or_1 = np.maximum(lengths, 1)
    g = upstream(grad_output, exactly(lengths_or_1 * samples, F64), reduction, F64)
    g = g.map(lambda array: np.broadcast_to(array, (samples,)))
    of_sample = {"log_probs": of_log_probs, "logits": of_logits}[first]
    for i, target in enumerate(rows_of(arguments["target"], lengths, given.ndim)):
        frames = slice(0, input_lengths[i])
        found = of_sample(x[frames, i], target, int(arguments["blank"]))
        if found is IMPOSSIBLE and arguments["zero_infinity"]:
            found = Sample(exactly(0, F64), None)
        put(losses, i, found.loss)
        if found.slopes is not None:
            put(gradient, (frames, i), product_of(g[i], found.slopes))
    if reduction == "mean":
        losses = losses / exactly(lengths_or_1, F64)
    value = reduced(losses, count(samples, F64), reduction)
    value = value.map(lambda array: array.reshape(value_shape))
    gradient = gradient.map(lambda array: array.reshape(given.shape))
    parts = {"": (value,), "backward": (gradient,)}.get(what, (value, gradient))
    return tuple(rounded_once(part, result_dtype(given)) for part in parts)


def rows_of(target: np.ndarray, lengths: np.ndarray, ndim: int) -> list[tuple[int, ...]]:
    """Return the labels of each sample."""
    if ndim == 2:
        rows = [target]
    elif target.ndim == 2:
        rows = list(target)
    else:
        ends = np.cumsum(lengths)
        rows = [target[end - size :] for end, size in zip(ends, lengths, strict=True)]
    return [tuple(row[:size].tolist()) for row, size in zip(rows, lengths, strict=True)]


def zeros(shape: Shape) -> Interval:
    """Return an interval of zeros, to be filled."""
    low, high = np.zeros(shape, np.longdouble), np.zeros(shape, np.longdouble)
    return Interval(low, high, np.zeros(shape, bool), F64)


def put(whole: Interval, at: Any, part: Interval) -> None:
    """Fill a part of an interval."""
    for name in ("low", "high", "nan"):
        getattr(whole, name)[at] = getattr(part, name)


def product_of(g: Interval, slopes: Interval) -> Interval:
    """Return the gradient; where a slope is 0 it is 0, or nan if g is no finite number."""
    found = select(slopes.is_zero, 0, g * slopes)
    return replace(found, nan=found.nan | (slopes.is_zero & g.nan))


def rounded_once(found: Interval, dtype: np.dtype) -> Interval:
    """Return what numbers of float64 in an interval may be once they are rounded to a dtype."""
    if dtype.itemsize >= 8:
        return replace(found, dtype=dtype)
    low, high = rounded(found.low, F64), rounded(found.high, F64)
    if dtype in NARROW[1:]:  # which ml_dtypes casts by way of float32, or not
        with np.errstate(all="ignore"):
            low = np.nextafter(rounded(low, np.float32), np.float32(-np.inf))
            high = np.nextafter(rounded(high, np.float32), np.float32(np.inf))
    low, high = (rounded(ends, dtype).astype(np.longdouble) for ends in (low, high))
    # A dtype without infinities has nan instead.
    lost = ~found.is_nan & (np.isnan(low) | np.isnan(high))
    low, high = np.where(lost, -np.inf, low), np.where(lost, np.inf, high)
    return Interval(low, high, found.nan | lost, dtype)


# Faults


def faults(first: str, what: str, arguments: Arguments) -> list[list[Fault]]:
    """Return the faults that a valid call may have, by their kinds."""
    names = arrays_of(first, what)
    plain = as_arrays(names, arguments)
    kinds = [
        of_arrays([name for name in plain if name in names], what, plain),
        of_shapes(plain),
        of_integers(plain),
        of_labels(plain),
        of_options(plain),
    ]
    if what == "value_and_grad":
        kinds.append(of_out(plain))
    return [found for kind in kinds if (found := list(kind))]


def others_near(shape: Shape) -> list[Shape]:
    """Return shapes, some of them near to one."""
    near = [(*shape, 1), (1, *shape), shape[:-1], shape[1:], shape[::-1], (*shape, 2)]
    return [*near, *SHAPES]


def with_others(
    argument: str, values: list[Any], error: type[Exception], held: Arguments
) -> Iterator[Fault]:
    """Yield the fault of an argument that does not fit others, which stay as they are."""
    for fault in one_of(argument, values, error, *held):
        yield replace(fault, changes=fault.changes.map(lambda changes: {**held, **changes}))


def held(arguments: Arguments, *names: str) -> Arguments:
    """Return some of the arguments."""
    return {name: arguments[name] for name in names}


def of_shapes(arguments: Arguments) -> Iterator[Fault]:
    """Yield arrays of shapes that do not fit."""
    first = first_name(arguments)
    shape, target = arguments[first].shape, arguments["target"]
    samples, classes = shape[1:-1], shape[-1]
    scalars = [1.0, 2, np.float32(1)]
    several = [np.zeros(other) for other in others_near(shape) if len(other) not in (2, 3)]
    yield from one_of(first, [*scalars, *several], ValueError)
    yield from one_of(first, [np.zeros((*shape[:-1], 0))], ValueError, "blank")
    if samples:
        fixed = held(arguments, "target", *LENGTHS)
        more = [np.zeros((shape[0], samples[0] + n, classes)) for n in (1, 3)]
        yield from with_others(first, more, ValueError, fixed)
    fitting = [samples] if samples else [(), (1,)]
    for name in LENGTHS:
        wrong = [other for other in others_near(fitting[-1]) if other not in fitting]
        yield from one_of(name, [np.zeros(other, int) for other in wrong], ValueError)
    # Neither rows of the samples nor the labels of all, whatever their lengths.
    wrong = [
        other
        for other in others_near(target.shape)
        if not (len(other) == 1 or (samples and len(other) == 2 and other[0] == samples[0]))
    ]
    yield from one_of("target", [np.zeros(other, int) for other in wrong], ValueError)
    if samples and target.ndim == 1:
        sizes = [target.size + n for n in (-1, 1, 2) if target.size + n >= 0]
        longer = [np.full(size, other_class(arguments)) for size in sizes]
        yield from with_others("target", longer, ValueError, held(arguments, "target_lengths"))
    if "grad_output" in arguments:
        right = samples if arguments["reduction"] == "none" else ()
        wrong = [np.zeros(other) for other in others_near(samples) if other != right]
        yield from one_of("grad_output", wrong, ValueError)


def other_class(arguments: Arguments) -> int:
    """Return a class that is not the blank, if there is one."""
    return int(arguments["blank"] == 0 and arguments[first_name(arguments)].shape[-1] > 1)


def of_integers(arguments: Arguments) -> Iterator[Fault]:
    """Yield labels and lengths that are no integers, and lengths out of range."""
    first = first_name(arguments)
    target, of_targets = arguments["target"], arguments["target_lengths"]
    for name in ("target", *LENGTHS):
        if arguments[name].size:
            dtypes = [np.dtype(bool), *FLOATS]
            yield from one_of(name, [arguments[name].astype(each) for each in dtypes], TypeError)
    if not of_targets.size:
        return
    frames = len(arguments[first])
    labels = target.size if target.ndim == 1 else target.shape[1]
    for name, most in (("input_lengths", frames), ("target_lengths", labels)):
        outside = [-1, -(2**63), most + 1, most + 100, 2**62, 2**64 - 1]
        wrong = [with_an_entry(arguments[name], 0, length) for length in outside]
        wrong += [with_an_entry(arguments[name], -1, length) for length in outside]
        # The labels stay, for the more there are, the longer a target may be.
        kept = held(arguments, "target") if name == "target_lengths" else {}
        yield from with_others(name, wrong, ValueError, kept)
    if arguments[first].ndim == 3 and target.ndim == 1:
        lengths = [of_targets.astype(int) + 1]
        lengths += [np.zeros(of_targets.shape, int)] if of_targets.any() else []
        yield from with_others("target_lengths", lengths, ValueError, held(arguments, "target"))


def with_an_entry(array: np.ndarray, place: int, number: int) -> np.ndarray:
    """Return whole numbers, one of them replaced."""
    found = array.astype(np.uint64 if number >= 2**63 else np.int64)
    found.flat[place] = number
    return found


def of_labels(arguments: Arguments) -> Iterator[Fault]:
    """Yield labels that are no class, or the blank, among those that count."""
    first, target, lengths = (
        arguments[name] for name in (first_name(arguments), "target", "target_lengths")
    )
    classes, blank = first.shape[-1], int(arguments["blank"])
    kept = held(arguments, "target_lengths")
    if target.ndim == 1:
        places = list(range(lengths.sum(dtype=int)))
    else:
        rows = enumerate(lengths.tolist())
        places = [i * target.shape[1] + k for i, size in rows for k in range(size)]
    outside = [-1, -2, classes, classes + 1, 255, -(2**63), 2**63 - 1, 2**64 - 1]
    ends = sorted({places[0], places[-1]}) if places else []
    wrong = [with_an_entry(target, place, label) for place in ends for label in outside]
    yield from with_others("target", wrong, IndexError, kept)
    blanks = [with_an_entry(target, place, blank) for place in ends]
    yield from with_others("target", blanks, ValueError, {**kept, "blank": blank})
    labels = [int(target.flat[place]) for place in places]
    yield from with_others("blank", labels, ValueError, {**kept, "target": target})


def of_options(arguments: Arguments) -> Iterator[Fault]:
    """Yield options of a wrong type or out of their range."""
    classes = arguments[first_name(arguments)].shape[-1]
    outside = [-1, classes, classes + 1, 99, -(2**70), 2**70, np.int8(-1), np.int64(classes)]
    yield from one_of("blank", outside, ValueError)
    yield from one_of("blank", [None, *NO_INTEGER], TypeError)
    no_flags = [None, 0, 1, 1.0, "True", b"", [True], {}, np.int8(1), np.array(True), np.zeros(1)]
    yield from one_of("zero_infinity", no_flags, TypeError)
    yield from one_of("reduction", REDUCTIONS, ValueError)
    yield from one_of("dim", [1], TypeError)  # which no function has


# The functions


def arrays_of(first: str, what: str) -> frozenset[str]:
    """Return the names of the arguments that are arrays."""
    return frozenset({first, "target", *LENGTHS, *(["grad_output"] if what else [])})


def function(name: str, first: str, what: str) -> Function:
    """Return a function of CTC, or a derivative of it."""
    whole = f"{name}_{what}" if what else name
    call: Callable[[Arguments], Any] = partial(invoke, whole)
    return Function(
        whole,
        calls(first, what),
        partial(faults, first, what),
        partial(expected, first, what),
        call,
        arrays_of(first, what),
    )


CTC = [
    function(name, first, what)
    for name, first in (("ctc_loss", "log_probs"), ("ctc_loss_with_logits", "logits"))
    for what in ("", "backward", "value_and_grad")
]
