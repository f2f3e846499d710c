"""Cross entropy of classes in shards: a first pass gives states that merge, a second the gradient.

No shard needs the logits of another. What they exchange is one state for each sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._core.blocks import Block, worker_count
from .._core.checks import check_grad_output, floating, real, unpacked, whole_number
from .._core.dtypes import Array, Floating, cast, result_dtype, scalar_or_array, stand_in
from .._core.panel import Panel
from .._core.panels import Panels, panels
from .._core.public import public
from .._losses.options import class_axis, class_weight, smoothing
from .._losses.reduction import part
from .._losses.sums import LossSums, loss_sums, sums_at_labels
from .._losses.targets import Labels, check_probabilities, is_probabilities, labels_for
from .kernels import evenly, shares, smoothed
from .states import Shard, State, gradient_of, loss_of, merge, nothing, state_of, within


@dataclass(frozen=True, repr=False, eq=False)
class ShardState:
    """What some of the classes contribute to the cross entropy of each sample.

    `cross_entropy_shard` makes it, `merge_shards` merges those of different classes, in any order
    and nesting; ``a + b`` is ``merge_shards(a, b)``, and ``sum(...)`` merges several. Arrays have
    the shape of the samples and are read-only, in a copy and after pickling too.

    Parameters
    ----------
    classes : int
        The number of all classes.
    held : tuple of (int, int)
        The ranges of classes in this state, [first, stop), in order and apart.
    label_smoothing : float
        The share that is spread over all classes.
    weighted : bool
        Whether classes have weights.
    label : ndarray of int or None
        The class index of each sample, -1 where it is ignored; None with class probabilities.
    weight : ndarray or None
        The class weight of each sample's label, 0 if this is not a class held; None with class
        probabilities.
    state : State
        The running maximum and its class, the sum of the other classes' exponentials relative to
        it, and what the target needs: the label's logit and weight, the mass of probabilities or
        smoothing, and the sum of mass times logit.

    See Also
    --------
    cross_entropy_shard, merge_shards, cross_entropy_shard_backward

    Examples
    --------
    >>> import losses
    >>> state = losses.cross_entropy_shard([[0.5]], [1], first_class=2, classes=3)
    >>> state, state.held
    (ShardState(1 of 3 classes, 1 samples), ((2, 3),))
    """

    classes: int
    held: tuple[tuple[int, int], ...]
    label_smoothing: float
    weighted: bool
    label: Array | None
    weight: Array | None
    state: State

    __array_ufunc__ = None  # an array has nothing to add to it

    def __post_init__(self) -> None:
        for array in (self.label, self.weight, *self.state):
            if array is not None:
                array.flags.writeable = False

    def __reduce__(self) -> tuple[type[ShardState], tuple[Any, ...]]:
        return ShardState, tuple(getattr(self, field.name) for field in fields(self))

    def __add__(self, other: object) -> ShardState:
        return _both(self, other) if isinstance(other, ShardState) else NotImplemented

    def __radd__(self, other: object) -> ShardState:
        # sum() begins with the integer 0.
        return self if type(other) is int and other == 0 else NotImplemented

    def __repr__(self) -> str:
        held = sum(stop - first for first, stop in self.held)
        samples = self.state.maximum.size
        return f"ShardState({held} of {self.classes} classes, {samples} samples)"

    @property
    def losses(self) -> Floating:
        """The loss of each sample, once every class is held; ValueError before."""
        self.check_whole()
        with np.errstate(all="ignore"):
            each = loss_of(State(*map(np.atleast_1d, self.state)))
        return scalar_or_array(each.reshape(self.state.maximum.shape))

    @property
    def sums(self) -> LossSums:
        """The sums over the samples, from which their mean follows; ValueError before it is whole.

        Those of different samples are merged by `merge_sums`.
        """
        each = np.asarray(self.losses)
        if self.label is None or self.weight is None:
            return loss_sums(each)
        return sums_at_labels(each, self.weight, self.label == self.state.top, self.label < 0)

    def check_whole(self) -> None:
        """Raise ValueError unless every class is held."""
        ends = [0, *(end for pair in self.held for end in pair), self.classes]
        gaps = [pair for pair in zip(ends[::2], ends[1::2], strict=True) if pair[0] < pair[1]]
        if gaps:
            raise ValueError(
                f"state: expected all {self.classes} classes, but "
                f"{' and '.join(f'[{first}, {stop})' for first, stop in gaps)} are not merged"
            )


@public
def cross_entropy_shard(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    first_class: int,
    classes: int,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    axis: int | None = None,
    workers: int | None = None,
) -> ShardState:
    r"""State of the cross entropy of some of the classes, to be merged with that of the others.

    With the maximum :math:`m` over the classes :math:`c` of the shard, the largest one
    :math:`c^*`, and the mass :math:`v_{i,c}` that multiplies :math:`-\mathrm{lp}_{i,c}` in the
    loss, each sample has

    .. math::
        \Big( m_i, \; q_i = \sum_{c \ne c^*} e^{x_{i,c} - m_i}, \;
        \sum_c v_{i,c}, \; \sum_c v_{i,c} (x_{i,c} - m_i) \Big).

    Parameters
    ----------
    logits : array_like, shape (C',), (N, C') or (N, C', d1, ..., dk)
        The logits of the shard's C' classes. float16 is computed in float32; integers become
        float64.
    target : array_like
        The class indices in [0, C) of all the classes, as in `cross_entropy`, or the probabilities
        of the shard's classes, in the shape of `logits`.
    first_class : int
        The index of the shard's first class.
    classes : int
        The number C of all classes.
    weight : array_like, shape (C',), optional
        Weight of each of the shard's classes. All shards have weights, or none has.
    ignore_index, label_smoothing, axis, workers : optional
        As in `cross_entropy`, and the same for every shard. What smoothing spreads, it spreads
        over all C classes.

    Returns
    -------
    ShardState
        In the dtype of the computation. The loss is ``merge_shards(...).losses``, its mean
        ``merge_shards(...).sums.mean``.

    Raises
    ------
    IndexError
        If a class index is neither in [0, C) nor `ignore_index`.
    TypeError
        As `cross_entropy`.
    ValueError
        As `cross_entropy`, and if the shard's classes are not within [0, C).

    See Also
    --------
    merge_shards, cross_entropy_shard_backward, cross_entropy, cross_entropy_sums

    Notes
    -----
    A merge adds a few roundings to q, a sum of what is not negative, and each exponential is
    shifted once more: the shifts add up to :math:`m - x`. So the loss from k merges one after
    another is within ``4 + 4 k + max(m - x)`` ulp, where all the masses have one sign. That of
    `cross_entropy` is within about 8 ulp, for it shifts only where it must.

    References
    ----------
    M. Milakov and N. Gimelshein, "Online normalizer calculation for softmax" (2018),
    arXiv:1805.02867: the running maximum and sum.

    Examples
    --------
    >>> import losses
    >>> left = losses.cross_entropy_shard([[1.0, 2.0]], [1], first_class=0, classes=3)
    >>> right = losses.cross_entropy_shard([[0.5]], [1], first_class=2, classes=3)
    >>> losses.merge_shards(left, right).losses.round(2)
    array([0.46])
    """
    call = _checked(
        logits, target, first_class, classes, weight, ignore_index, label_smoothing, axis, workers
    )
    found = nothing(call.plan.samples, call.first, call.plan.dtype)

    def compute(shard: Shard, block: Block, panel: Panel, out: Panel, spare: Panel) -> None:
        found.put(block, state_of(panel, shard, out, spare))

    label, label_weight = _labels(call)
    _over_panels(call, label, label_weight, compute, None)
    if label is not None:
        # Whatever their logits are: a loss of 0 under no mass, and finite after any merge.
        for array in found:
            array[label < 0] = 0
    return _state(call, label, label_weight, found)


@public
def merge_shards(*states: ShardState) -> ShardState:
    r"""State of the classes of several shards together.

    .. math::
        m = \max(m_1, m_2), \qquad q = q_1 + (1 + q_2) \, e^{m_2 - m_1}
        \quad \text{for } m_1 \ge m_2

    Parameters
    ----------
    *states : ShardState
        Those of different classes of the same samples, one or more, in any order; a list of them is
        unpacked, ``merge_shards(*states)``.

    Returns
    -------
    ShardState

    Raises
    ------
    TypeError
        If an argument is no ShardState.
    ValueError
        If there is none, if two hold the same class, or if their samples, numbers of classes,
        kinds of target, `label_smoothing` or having weights differ.

    See Also
    --------
    cross_entropy_shard, cross_entropy_shard_backward, merge_sums

    Notes
    -----
    Of equal maxima the first class is kept, so neither the order nor the nesting matters but for
    the rounding, see `cross_entropy_shard`.

    Examples
    --------
    >>> import losses
    >>> left = losses.cross_entropy_shard([1.0, 2.0], 1, first_class=0, classes=3)
    >>> right = losses.cross_entropy_shard([0.5], 1, first_class=2, classes=3)
    >>> losses.merge_shards(right, left).sums.mean.round(2)
    np.float64(0.46)
    """
    for one in states:
        _check_type(one, unpacked(one, "merge_shards(*states)"))
    if not states:
        raise ValueError("states: expected at least one ShardState, got none")
    return reduce(_both, states)


@public
def cross_entropy_shard_backward(
    grad_output: ArrayLike,
    state: ShardState,
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    first_class: int,
    classes: int,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    axis: int | None = None,
    workers: int | None = None,
) -> Array:
    r"""Gradient of the cross entropy of all classes with respect to the logits of some.

    .. math::
        \frac{\partial}{\partial x_{i,c}} =
        g_i \, m_i \Big( p_{i,c} \sum_k v_{i,k} - v_{i,c} \Big), \qquad
        p_{i,c} = \frac{e^{x_{i,c} - m_i}}{1 + q_i}

    Parameters
    ----------
    grad_output : array_like, scalar or one entry per sample
        The gradient with respect to each sample's loss. For the mean over all the samples it is
        one over that of all their sums, ``1 / sums.denominator``; for their sum it is 1.
    state : ShardState
        The state of all the classes, merged.
    logits, target : array_like
        What `cross_entropy_shard` was given for this shard.
    first_class, classes, weight, ignore_index, label_smoothing, axis, workers : optional
        As `cross_entropy_shard` had them.

    Returns
    -------
    ndarray, the shape and dtype of `logits`
        The shard's slice of the gradient of `cross_entropy`. Zeros for ignored samples.

    Raises
    ------
    IndexError, TypeError, ValueError
        As `cross_entropy_shard`, and if `grad_output` has another shape than stated, or `state`
        does not hold all the classes of these samples.

    See Also
    --------
    cross_entropy_shard, merge_shards, cross_entropy_backward

    Notes
    -----
    The error is that of `cross_entropy_backward`, with that of q after the merges.

    Examples
    --------
    >>> import losses
    >>> shards = [([[1.0, 2.0]], 0), ([[0.5]], 2)]
    >>> states = [
    ...     losses.cross_entropy_shard(x, [1], first_class=c, classes=3) for x, c in shards
    ... ]
    >>> state = losses.merge_shards(*states)
    >>> for x, c in shards:
    ...     losses.cross_entropy_shard_backward(
    ...         1.0, state, x, [1], first_class=c, classes=3
    ...     ).round(2)
    array([[ 0.23, -0.37]])
    array([[0.14]])
    """
    call = _checked(
        logits, target, first_class, classes, weight, ignore_index, label_smoothing, axis, workers
    )
    plan, labels = call.plan, _labels(call)
    _check_type(state)
    _check_same(_state(call, *labels, nothing(plan.samples, call.first, plan.dtype)), state)
    state.check_whole()
    shape = real(grad_output=grad_output).shape and plan.samples
    grads = cast(check_grad_output(grad_output, shape), plan.dtype)
    result = np.empty_like(call.logits, result_dtype(call.logits))

    def compute(shard: Shard, block: Block, panel: Panel, out: Panel, spare: Panel) -> None:
        here = state.state.of(block)
        gradient_of(panel, shard, here, part(grads, block), out, spare)
        if shard.labels is not None:
            out.clear(shard.labels < 0)

    _over_panels(call, *labels, compute, result)
    return result


class _Call(NamedTuple):
    """The arguments, checked."""

    logits: Array
    target: Array
    plan: Panels
    first: int
    classes: int
    labels: Labels | None
    weight: Array | None  # of the shard's classes
    smoothing: float
    workers: int


def _checked(
    logits: ArrayLike,
    target: ArrayLike,
    first_class: int,
    classes: int,
    weight: ArrayLike | None,
    ignore_index: int,
    label_smoothing: float,
    axis: int | None,
    workers: int | None,
) -> _Call:
    epsilon, threads = smoothing(label_smoothing), worker_count(workers)
    logits, target = floating(logits=logits), real(target=target)
    axis = class_axis(axis, logits, "logits")
    plan = panels(logits, axis)
    first, count = whole_number(first_class=first_class), whole_number(classes=classes)
    if count < 1:
        raise ValueError(f"classes: expected the number of all classes, 1 or more, got {count}")
    if not 0 <= first <= first + plan.classes <= count:
        raise ValueError(
            f"first_class: expected {plan.classes} classes within [0, {count}), got those from "
            f"{first} on"
        )
    weight = class_weight(weight, plan.classes)
    labels = None
    if is_probabilities(target, logits):
        check_probabilities(target, ignore_index)
    else:
        shape = (*logits.shape[:axis], count, *logits.shape[axis + 1 :])
        try:
            whole = stand_in(shape, logits.dtype)
        except ValueError:
            what = f"as many as an array may have, got {count}"
            raise ValueError(f"classes: expected {what}") from None
        labels = labels_for(whole, axis, target, None, ignore_index, "logits of all classes")
    return _Call(logits, target, plan, first, count, labels, weight, epsilon, threads)


def _labels(call: _Call) -> tuple[Array | None, Array | None]:
    """Return the label of each sample, -1 where it is ignored, and its weight in the shard."""
    if call.labels is None:
        return None, None
    label = call.labels.target.astype(np.intp)
    label[call.labels.target == call.labels.ignore_index] = -1
    return label, np.asarray(_label_weights(call, label))


def _state(call: _Call, label: Array | None, weight: Array | None, state: State) -> ShardState:
    """Return the state of the shard, whose arrays are not to be written any more."""
    stop = call.first + call.plan.classes
    held = ((call.first, stop),) if call.plan.classes else ()
    weighted = call.weight is not None
    return ShardState(call.classes, held, call.smoothing, weighted, label, weight, state)


def _label_weights(call: _Call, label: Array) -> Array:
    """Return the weight of each label that is one of the shard's classes, else 0."""
    here = within(label, call.first, call.plan.classes)
    if call.weight is None:
        return here.astype(call.plan.dtype)
    weight = np.zeros(label.shape, call.plan.dtype)
    with np.errstate(all="ignore"):
        weight[here] = call.weight[label[here] - call.first]
    return weight


def _over_panels(
    call: _Call,
    label: Array | None,
    label_weight: Array | None,
    work: Callable[[Shard, Block, Panel, Panel, Panel], None],
    output: Array | None,
) -> None:
    """Work on the shard, panel by panel."""
    plan, weight = call.plan, call.weight
    weight = None if weight is None else cast(weight, plan.dtype)
    share, rest = shares(call.smoothing, call.classes, plan.dtype)
    spread = evenly(weight, rest) if call.smoothing else None

    def compute(block: Block, views: Sequence[Panel], out: Panel, spare: Panel) -> None:
        if label is None or label_weight is None:
            mass = smoothed(views[0], weight, share, rest)
            shard = Shard(call.first, None, None, mass)
        else:
            labels, weights = (
                array.reshape(-1)[block.start : block.stop] for array in (label, label_weight)
            )
            shard = Shard(call.first, labels, share * weights, spread)
        work(shard, block, views[-1], out, spare)

    given = [call.logits] if call.labels is not None else [call.target, call.logits]
    plan.run(compute, given, output, call.workers)


def _both(a: ShardState, b: ShardState) -> ShardState:
    _check_same(a, b)
    held: list[tuple[int, int]] = []
    for first, stop in sorted(a.held + b.held):
        if held and first < held[-1][1]:
            raise ValueError(f"states: expected different classes, but class {first} is in two")
        if held and first == held[-1][1]:
            first = held.pop()[0]
        held.append((first, stop))
    weight = None if a.weight is None or b.weight is None else np.asarray(a.weight + b.weight)
    with np.errstate(all="ignore"):  # infinities and nan are answers here
        together = merge(*(State(*map(np.atleast_1d, one.state)) for one in (a, b)))
    shape = a.state.maximum.shape
    state = State(*(field.reshape(shape) for field in together))
    return replace(a, held=tuple(held), weight=weight, state=state)


def _check_type(state: object, how: str = "") -> None:
    if not isinstance(state, ShardState):
        raise TypeError(f"state: expected a ShardState, got {type(state).__name__}{how}")


def _check_same(a: ShardState, b: ShardState) -> None:
    """Raise ValueError unless both are of the same samples and of as many classes in all."""
    for name, came in (
        ("samples of one shape", [one.state.maximum.shape for one in (a, b)]),
        ("one number of classes", [one.classes for one in (a, b)]),
        ("one label_smoothing", [one.label_smoothing for one in (a, b)]),
        ("weights of all classes or of none", [one.weighted for one in (a, b)]),
        ("one kind of target", ["labels" if one.label is not None else "mass" for one in (a, b)]),
    ):
        if came[0] != came[1]:
            raise ValueError(f"state: expected {name}, got {came[0]} and {came[1]}")
    if a.label is not None and (a.label != b.label).any():
        raise ValueError("state: expected one target, got different class indices")
