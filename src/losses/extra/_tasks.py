"""What each task of a Dask graph computes: of one chunk of an array, in NumPy.

A chunk of the first array says in its `block_info` where it lies in the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .._classwise.nll import nll_loss
from .._core.blocks import Block
from .._core.dtypes import Array, cast, computation_dtype, is_floating, stand_in
from .._core.panel import Panel
from .._core.panels import panels
from .._cross_entropy.cross_entropy import Problem, checked, evaluate
from .._cross_entropy.shards import ShardState, cross_entropy_shard, cross_entropy_shard_backward
from .._cross_entropy.states import Shard, State, merge, nothing, state_of, within
from .._losses.reduction import unit_backward
from .._losses.sums import LossSums, loss_sums, merge_sums
from .._losses.targets import ImprobableError, labels_for


class Options(NamedTuple):
    """What every task knows."""

    axis: int
    classes: int
    dtype: np.dtype[Any]  # of the result
    weight: Array | None
    ignore_index: int
    label_smoothing: float
    workers: int
    name: str  # of the scores, in messages


def state_of_scores(options: Options, scores: Array, block_info: Any = None) -> State:
    """Return the state of some classes for softmax: no target asks anything of them."""
    plan = panels(scores, options.axis)
    shard = Shard(_place(block_info)[options.axis], None, None, None)
    found = nothing((prod(plan.samples),), shard.first, plan.dtype)

    def compute(block: Block, views: Any, out: Panel, spare: Panel) -> None:
        found.put(block, state_of(views[0], shard, out, spare))

    plan.run(compute, [scores], None, 1)
    return found


def merge_states(*states: State) -> State:
    with np.errstate(all="ignore"):  # infinities and nan are answers here
        return reduce(merge, states)


def of_state(write: Callable[..., None], options: Options, scores: Array, state: State) -> Array:
    """Return the probabilities of some classes, or their logarithms."""
    plan = panels(scores, options.axis)
    result = np.empty_like(scores, options.dtype)

    def compute(block: Block, views: Any, out: Panel, _: Panel) -> None:
        write(views[0], state.of(block), out)

    plan.run(compute, [scores], result, 1)
    return result


def nll_of_chunk(
    options: Options, log_probs: Array, target: Array, block_info: Any = None
) -> Array:
    """Return the loss of each sample whose label is one of these classes, else 0."""
    first, axis = _place(block_info)[options.axis], options.axis
    with _located(options, block_info):
        label = _label(options, target)
    here = within(label, first, log_probs.shape[axis])
    weight = _weight(options, first, log_probs)
    loss = nll_loss(
        _wide(log_probs),
        np.where(here, label - first, -1),
        weight=weight,
        ignore_index=-1,
        reduction="none",
        axis=axis,
    )
    return np.expand_dims(loss, axis)


def added(*parts: Array) -> Array:
    return reduce(np.add, parts)


def losses_of_chunk(
    options: Options, logits: Array, target: Array, block_info: Any = None
) -> Array:
    problem = _problem(options, logits, target, block_info)
    return np.expand_dims(evaluate(problem, "none", None), options.axis)


def both_of_chunk(
    options: Options, logits: Array, target: Array, divisor: Any, block_info: Any = None
) -> tuple[Array, Array]:
    """Return the losses and the gradient of whole classes, in one pass."""
    problem = _problem(options, logits, target, block_info)
    dtype = problem.plan.dtype
    grad = np.empty_like(logits, dtype)
    losses = evaluate(problem, "none", None, unit_backward("mean", divisor, dtype), grad)
    return np.expand_dims(losses, options.axis), cast(grad, options.dtype)


def first(_: Options, both: tuple[Array, Array]) -> Array:
    return both[0]


def second(_: Options, both: tuple[Array, Array]) -> Array:
    return both[1]


def state_of_chunk(
    options: Options, logits: Array, target: Array, block_info: Any = None
) -> ShardState:
    target, given = _arguments(options, logits, target, block_info)
    with _located(options, block_info):
        return cross_entropy_shard(_wide(logits), target, **given)


def losses_of_state(options: Options, state: ShardState) -> Array:
    return np.expand_dims(state.losses, options.axis)


def gradient_of_chunk(
    options: Options,
    logits: Array,
    target: Array,
    state: ShardState,
    divisor: Any,
    block_info: Any = None,
) -> Array:
    target, given = _arguments(options, logits, target, block_info)
    wide = _wide(logits)
    grad = unit_backward("mean", divisor, wide.dtype)
    return cast(cross_entropy_shard_backward(grad, state, wide, target, **given), options.dtype)


def weights_of_chunk(options: Options, target: Array, block_info: Any = None) -> Array:
    """Return what each sample counts in the mean, with the class axis."""
    with _located(options, block_info):
        label = np.expand_dims(_label(options, target), options.axis)
    dtype = computation_dtype(np.empty(0, options.dtype))
    if options.weight is None:
        return (label >= 0).astype(dtype)
    # The last one, 0, is that of label -1.
    of_label: Array = np.append(cast(options.weight, dtype), dtype.type(0))[label]
    return of_label


def sums_of(_: Options, losses: Array, weight: Array | None = None) -> LossSums:
    return loss_sums(losses, weight=weight)


def mean_of(options: Options, *sums: LossSums) -> Any:
    return cast(np.asarray(merge_sums(*sums).mean), options.dtype)[()]


def total_of(options: Options, *sums: LossSums) -> Any:
    return cast(np.asarray(merge_sums(*sums).sum), options.dtype)[()]


def divisor_of(*sums: LossSums) -> Any:
    """Return the divisor of the mean: nan where no sample has a weight."""
    return merge_sums(*sums).denominator


def rounded(options: Options, losses: Array) -> Array:
    return cast(losses, options.dtype)


# ---- what they share ----------------------------------------------------------------------------


def _place(block_info: Any) -> tuple[int, ...]:
    """Return where a chunk of the first array begins."""
    return tuple(first for first, _ in block_info[0]["array-location"])


@contextmanager
def _located(options: Options, block_info: Any) -> Iterator[None]:
    """Say of a label out of range, or of what is no class probability, which chunk it is in."""
    try:
        yield
    except (IndexError, ImprobableError) as error:
        place = _place(block_info)
        if isinstance(error, IndexError):
            place = (*place[: options.axis], *place[options.axis + 1 :])
        raise type(error)(f"{error}; counted from {place}, where its chunk begins") from None


def _wide(array: Array) -> Array:
    """Return a chunk in the dtype of the computation, so that only results are rounded."""
    return cast(array, computation_dtype(array))


def _label(options: Options, target: Array) -> Array:
    """Return the labels of a chunk, checked, without the class axis, -1 where ignored."""
    target = target.squeeze(options.axis)
    shape = (*target.shape[: options.axis], options.classes, *target.shape[options.axis :])
    scores = stand_in(shape, options.dtype)
    labels_for(scores, options.axis, target, None, options.ignore_index, options.name)
    return np.where(target == options.ignore_index, -1, target.astype(np.intp))


def _target(options: Options, target: Array) -> Array:
    """Return the target of a chunk as cross_entropy takes it."""
    return target if is_floating(target.dtype) else target.squeeze(options.axis)


def _problem(options: Options, logits: Array, target: Array, block_info: Any) -> Problem:
    """Return the cross entropy of a chunk of whole classes."""
    with _located(options, block_info):
        return checked(
            _wide(logits),
            _target(options, target),
            options.weight,
            options.ignore_index,
            options.label_smoothing,
            options.axis,
            options.workers,
        )


def _arguments(
    options: Options, scores: Array, target: Array, block_info: Any
) -> tuple[Array, dict[str, Any]]:
    """Return the target of a chunk of some classes, and the options of its cross entropy."""
    first = _place(block_info)[options.axis]
    return _target(options, target), {
        "first_class": first,
        "classes": options.classes,
        "weight": _weight(options, first, scores),
        "ignore_index": options.ignore_index,
        "label_smoothing": options.label_smoothing,
        "axis": options.axis,
        "workers": options.workers,
    }


def _weight(options: Options, first: int, scores: Array) -> Array | None:
    """Return the weights of the classes of a chunk."""
    stop = first + scores.shape[options.axis]
    return None if options.weight is None else options.weight[first:stop]
