"""The state of some classes of a cross entropy: a value that merges with that of other classes."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import reduce
from typing import Any

import numpy as np

from .._core.checks import unpacked
from .._core.dtypes import Array, Floating, scalar_or_array
from .._core.public import public
from .._losses.sums import LossSums, loss_sums, sums_at_labels
from .states import State, loss_of, merge


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
        smoothing, and the sum of mass times logit. The logits are the capped ones.
    softcap : float or None
        The cap of the logits.
    z_loss : float
        What multiplies the penalty on the logarithm of the sum of exponentials.

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
    softcap: float | None = None
    z_loss: float = 0.0

    __array_ufunc__ = None  # array + state is an error, and not an array of objects

    def __post_init__(self) -> None:
        for array in (self.label, self.weight, *self.state):
            if array is not None:
                array.flags.writeable = False

    def __reduce__(self) -> tuple[type[ShardState], tuple[Any, ...]]:
        return ShardState, tuple(getattr(self, field.name) for field in fields(self))

    def __add__(self, other: object) -> ShardState:
        return _both(self, other) if isinstance(other, ShardState) else NotImplemented

    def __radd__(self, other: object) -> ShardState:
        # sum() starts from the integer 0.
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
            each = loss_of(State(*map(np.atleast_1d, self.state)), self.z_loss)
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
        kinds of target, `label_smoothing`, `softcap`, `z_loss` or having weights differ.

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
        check_type(one, unpacked(one, "merge_shards(*states)"))
    if not states:
        raise ValueError("states: expected at least one ShardState, got none")
    return reduce(_both, states)


def check_type(state: object, how: str = "") -> None:
    """Raise TypeError unless `state` is a ShardState; `how` says what to do instead."""
    if not isinstance(state, ShardState):
        raise TypeError(f"state: expected a ShardState, got {type(state).__name__}{how}")


def check_same(a: ShardState, b: ShardState) -> None:
    """Raise ValueError unless two states are of one problem: samples, classes, options, target."""
    for name, came in (
        ("samples of one shape", [one.state.maximum.shape for one in (a, b)]),
        ("one number of classes", [one.classes for one in (a, b)]),
        ("one label_smoothing", [one.label_smoothing for one in (a, b)]),
        ("one softcap", [one.softcap for one in (a, b)]),
        ("one z_loss", [one.z_loss for one in (a, b)]),
        ("weights of all classes or of none", [one.weighted for one in (a, b)]),
        ("one kind of target", ["labels" if one.label is not None else "mass" for one in (a, b)]),
    ):
        if came[0] != came[1]:
            raise ValueError(f"state: expected {name}, got {came[0]} and {came[1]}")
    if a.label is not None and (a.label != b.label).any():
        raise ValueError("state: expected one target, got different class indices")


def _both(a: ShardState, b: ShardState) -> ShardState:
    check_same(a, b)
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
