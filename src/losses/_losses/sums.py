"""Sums over the samples of batches, which merge to those of all the batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core.checks import boolean, floating, real, same_shape, unpacked, whole_number
from .._core.compensated import Compensated, add, compensated, read, written
from .._core.dtypes import Array
from .._core.public import public
from .._core.values import chunks

COUNTS = ("counted", "ignored", "weighted", "correct")


NOTHING = Compensated()


@dataclass(frozen=True, repr=False)
class LossSums:
    """The sums that the mean of a loss over some samples is made of.

    ``LossSums()`` is that of no samples: merging it changes nothing. ``a + b`` is
    ``merge_sums(a, b)``, and ``sum(...)`` merges several.

    Parameters
    ----------
    total : Compensated
        The sum of the losses: a number `high`, in float64 or wider, and what its rounding left
        out, `low`.
    divisor : Compensated
        What the mean divides by: the sum of the weights of the samples that count.
    counted : int
        How many samples count.
    ignored : int
        How many do not, for their target is `ignore_index`.
    weighted : int
        How many of those that count have a weight other than 0. If there are none, the mean is nan.
    correct : int or None
        How many of those that count have their largest logit, the first of equal ones, at the
        target, and a loss that is not nan; None if that is not known, as for class probabilities.

    See Also
    --------
    cross_entropy_sums, loss_sums, merge_sums, Evaluator

    Examples
    --------
    >>> import losses
    >>> sums = losses.LossSums()
    >>> for logits, target in [([[2.0, 0.0], [0.0, 1.0]], [0, 0]), ([[3.0, 0.0]], [0])]:
    ...     sums = losses.merge_sums(sums, losses.cross_entropy_sums(logits, target))
    >>> sums.mean.round(4), sums.accuracy
    (np.float64(0.4963), 0.6666666666666666)
    >>> sums
    LossSums(mean=0.496259, counted=3, ignored=0, denominator=3)
    """

    total: Compensated = NOTHING
    divisor: Compensated = NOTHING
    counted: int = 0
    ignored: int = 0
    weighted: int = 0
    correct: int | None = 0

    __array_ufunc__ = None  # an array has nothing to add to it

    def __add__(self, other: object) -> LossSums:
        return _both(self, other) if isinstance(other, LossSums) else NotImplemented

    def __radd__(self, other: object) -> LossSums:
        # sum() begins with the integer 0.
        return self if type(other) is int and other == 0 else NotImplemented

    def __repr__(self) -> str:
        return (
            f"LossSums(mean={self.mean:.6g}, counted={self.counted}, ignored={self.ignored}, "
            f"denominator={self.denominator:.6g})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds and `from_dict` makes the same sums of, to the bit.

        The counts are integers. Each of the two sums is a dict of strings: its `dtype` (float64 or
        longdouble), and `high` and `low` in as many decimal digits as tell them from any other
        number, or as nan, inf and -inf, for which JSON has no numbers.

        Examples
        --------
        >>> import json, losses
        >>> text = json.dumps(losses.loss_sums([1.0, 2.5]).to_dict())
        >>> losses.LossSums.from_dict(json.loads(text))
        LossSums(mean=1.75, counted=2, ignored=0, denominator=2)
        """
        counts = {name: getattr(self, name) for name in COUNTS}
        return {"total": written(self.total), "divisor": written(self.divisor), **counts}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any], /) -> LossSums:
        """Return the sums that `to_dict` wrote; ValueError or TypeError if it did not."""
        if not isinstance(state, Mapping):
            raise TypeError(f"state: expected what to_dict returns, got {type(state).__name__}")
        if set(state) != {"total", "divisor", *COUNTS}:
            raise ValueError(
                f"state: expected the keys total, divisor, {', '.join(COUNTS)}, got {[*state]}"
            )
        total, divisor = (read(state[name], name) for name in ("total", "divisor"))
        counts: dict[str, Any] = {name: state[name] for name in COUNTS}
        for name, count in counts.items():
            if name == "correct" and count is None:
                continue
            most = counts["ignored" if name == "ignored" else "counted"]
            if not 0 <= whole_number(**{name: count}) <= most:
                limit = "" if most == count else f" and at most counted, {most}"
                raise ValueError(f"{name}: expected 0 or more{limit}, got {count}")
        return cls(total, divisor, **counts)

    @property
    def sum(self) -> Any:
        """The sum of the losses, in float64 or wider."""
        return np.asarray(self.total.high)[()]

    @property
    def denominator(self) -> Any:
        """The sum of the weights, of which the gradient of the mean is a part; nan if all are 0."""
        return np.asarray(self.divisor.high if self.weighted else np.nan)[()]

    @property
    def mean(self) -> Any:
        """The sum of the losses over that of the weights; nan where no sample has a weight."""
        with np.errstate(all="ignore"):
            return self.sum / self.denominator

    @property
    def perplexity(self) -> Any:
        """The exponential of the mean: among so many equal classes a guess costs as much."""
        with np.errstate(all="ignore"):
            return np.exp(self.mean)

    @property
    def accuracy(self) -> float:
        """The share of samples with the largest logit at the target; nan where it is unknown."""
        known = self.correct is not None and self.counted
        return (self.correct or 0) / self.counted if known else float("nan")


@public
def loss_sums(
    losses: ArrayLike, /, *, weight: ArrayLike | None = None, where: ArrayLike | None = None
) -> LossSums:
    r"""Sums that the mean of any loss is made of, from the losses of single samples or entries.

    .. math:: \Big( \sum_i m_i \ell_i, \; \sum_i m_i w_i, \; \dots \Big)

    Parameters
    ----------
    losses : array_like, any shape
        What a loss returned with ``reduction='none'``, with its weights in it.
    weight : array_like, the shape of `losses`, optional
        What each loss counts in the divisor of the mean; 1 by default.
    where : array_like of bool, the shape of `losses`, optional
        Which losses count, as in the reductions of NumPy; all by default. The others are ignored,
        whatever they hold. A loss with ``reduction='none'`` is 0 where its target is ignored, and
        would count here: pass ``where=target != ignore_index``.

    Returns
    -------
    LossSums
        What is correct is not known.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric, or `where` is not boolean.
    ValueError
        If the shapes differ.

    See Also
    --------
    merge_sums, cross_entropy_sums

    Notes
    -----
    The error is that of `cross_entropy_sums`.

    Examples
    --------
    >>> import losses
    >>> batches = [([1.0, 2.0], [0.0, 2.5]), ([3.0], [1.0])]
    >>> each = [losses.mse_loss(x, t, reduction="none") for x, t in batches]
    >>> losses.merge_sums(*map(losses.loss_sums, each)).mean
    np.float64(1.75)
    """
    each = floating(losses=losses)
    given = {"losses": each}
    if weight is not None:
        given["weight"] = real(weight=weight)
    if where is not None:
        given["where"] = boolean(where=where)
    same_shape(**given)
    sums = []
    for found in zip(*map(chunks, given.values()), strict=True):
        part = {name: chunk for name, (_, chunk) in zip(given, found, strict=True)}
        ignored = 0
        if where is not None:
            counts = part.pop("where")
            ignored = counts.size - int(np.count_nonzero(counts))
            part = {name: array[counts] for name, array in part.items()}
        loss, weights = part["losses"], part.get("weight")
        size = loss.size
        divisor = Compensated(float(size)) if weights is None else compensated(weights)
        weighted = size if weights is None else int(np.count_nonzero(weights))
        sums.append(LossSums(compensated(loss), divisor, size, ignored, weighted, None))
    return merge_sums(*sums)


@public
def merge_sums(*sums: LossSums) -> LossSums:
    r"""Sums over the samples of several batches together.

    .. math:: \Big( \sum_b S_b, \; \sum_b D_b, \; \dots \Big)

    Parameters
    ----------
    *sums : LossSums
        Those of the batches; a list of them is unpacked, ``merge_sums(*batches)``. Of none the
        result is that of no samples.

    Returns
    -------
    LossSums
        What is correct is known if it is for all of them.

    Raises
    ------
    TypeError
        If an argument is no LossSums.

    See Also
    --------
    cross_entropy_sums, loss_sums, Evaluator

    Notes
    -----
    Neither the order nor the nesting matters, but for the last bit of a sum: see the bound of
    `cross_entropy_sums`. The counts are exact.

    Examples
    --------
    >>> import losses
    >>> monday = losses.cross_entropy_sums([[1.0, 2.0, 0.5]], [1])
    >>> tuesday = losses.cross_entropy_sums([[10.0, 3.0, 1.0], [-1.0, 0.0, -4.0]], [1, 2])
    >>> losses.merge_sums(monday, tuesday).mean.round(4)
    np.float64(3.9307)
    """
    for one in sums:
        if not isinstance(one, LossSums):
            raise TypeError(
                f"sums: expected LossSums, got {type(one).__name__}"
                f"{unpacked(one, 'merge_sums(*sums)')}"
            )
    return reduce(_both, sums, LossSums())


def _both(a: LossSums, b: LossSums) -> LossSums:
    known = a.correct is not None and b.correct is not None
    return LossSums(
        add(a.total, b.total),
        add(a.divisor, b.divisor),
        a.counted + b.counted,
        a.ignored + b.ignored,
        a.weighted + b.weighted,
        (a.correct or 0) + (b.correct or 0) if known else None,
    )


def sums_at_labels(losses: Array, counts: Array, found: Array, ignored: Array | None) -> LossSums:
    """Return the sums of samples, given which have their largest logit at the label."""
    none, correct = 0, found & ~np.isnan(losses)
    if ignored is not None:
        none = int(np.count_nonzero(ignored))
        correct &= ~ignored
    return LossSums(
        compensated(losses),
        compensated(counts),
        losses.size - none,
        none,
        int(np.count_nonzero(counts)),
        int(np.count_nonzero(correct)),
    )
