"""Sums of cross entropy over batches, which merge in any order, and the mean they give."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core.blocks import Block
from .._core.dtypes import Array
from .._core.panel import Panel
from .._core.public import public
from .._losses.options import class_options
from .._losses.sums import LossSums, loss_sums, merge_sums
from .kernels import loss_kernel
from .problem import Problem, problem_for
from .softcap import capped


@public
def cross_entropy_sums(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    axis: int | None = None,
    workers: int | None = None,
) -> LossSums:
    r"""Sums from which the mean of `cross_entropy` over many batches is computed, for one batch.

    .. math::
        \Big( \sum_i m_i \ell_i, \; \sum_i m_i w_{t_i}, \; \dots \Big), \qquad
        \text{mean} = \frac{\sum_i m_i \ell_i}{\sum_i m_i w_{t_i}},

    where `merge_sums` adds these sums over all the batches. The mean of the batches' means is
    another number if the batches differ in size, in weights or in ignored samples.

    Parameters
    ----------
    logits, target : array_like
        As in `cross_entropy`.
    weight, ignore_index, label_smoothing, softcap, z_loss, axis, workers : optional
        As in `cross_entropy`.

    Returns
    -------
    LossSums
        The sums of the losses that ``cross_entropy(..., reduction='none')`` returns, the penalty of
        `z_loss` included; losses of float16 are summed before they are rounded. With class
        probabilities every sample has a weight of 1.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `cross_entropy`.

    See Also
    --------
    merge_sums, Evaluator, cross_entropy, cross_entropy_shard

    Notes
    -----
    The rounding error of a sum is kept beside the sum and merged too. After k merges of n samples
    each (a batch is merged from blocks of up to 65,536), the error of a sum is half an ulp of the
    sum and ``6 k + log2(n)**2`` times :math:`2^{-106}` of the sum of the absolute values. So the
    mean over any batches, merged in any order, is within 2 ulp of the quotient of the exact sums,
    unless losses of both signs (from negative weights) cancel.

    References
    ----------
    T. Ogita, S. M. Rump and S. Oishi, "Accurate sum and dot product", SIAM Journal on Scientific
    Computing 26 (2005).

    Examples
    --------
    >>> import losses
    >>> sums = losses.cross_entropy_sums([[1.0, 2.0, 0.5], [0.0, 0.0, 0.0]], [1, -100])
    >>> sums.mean.round(2), sums.counted, sums.ignored, sums.correct
    (np.float64(0.46), 1, 1, 1)
    """
    options = class_options(
        weight, ignore_index, label_smoothing, axis, workers, softcap=softcap, z_loss=z_loss
    )
    return sums_of(problem_for(logits, target, options))


def sums_of(problem: Problem, losses: Array | None = None) -> LossSums:
    """Return the sums; given an array `losses`, write each sample's loss to it too."""
    logits, target, plan, options = problem
    if not plan.classes:  # nor any block: every sample is ignored, or has no probability
        size = prod(plan.samples)
        return LossSums(ignored=size) if target.labelled else loss_sums(np.zeros(size, plan.dtype))

    def compute(
        block: Block, panels: Sequence[Panel], out: Panel, spare: Panel
    ) -> tuple[Array, ...]:
        panel, *given = panels
        top = (_largest(panel, options.softcap, spare),) if target.labelled else ()
        return (loss_kernel(panel, target.mass(block, given), options, None, out, spare), *top)

    def finish(block: Block, each: Array, *top: Array) -> LossSums:
        if losses is not None:
            losses.reshape(-1)[block.start : block.stop] = each
        return target.sums(block, each, *top)

    inputs = [logits, *target.inputs]
    return merge_sums(*plan.run(compute, inputs, None, options.workers, finish))


def _largest(logits: Panel, cap: float | None, spare: Panel) -> Array:
    """Return the class of the largest logit of each sample: of equal ones under a cap, the first.

    So they are for a shard, which has the capped logits alone.
    """
    return (logits if cap is None else capped(logits, cap, spare)).largest()


class Evaluator:
    """Loss, perplexity and accuracy of `cross_entropy` over a stream of batches.

    Call `update` with each batch, and read the results at any time. The loss is the mean over all
    samples so far, not the mean of the means of batches.

    Parameters
    ----------
    weight, ignore_index, label_smoothing, softcap, z_loss, axis, workers : optional
        As in `cross_entropy`. They hold for every batch.

    Raises
    ------
    TypeError, ValueError
        If `cross_entropy` would refuse the value of an option.

    Attributes
    ----------
    sums : LossSums
        The sums over all the batches so far. You can save them, and merge them with the sums of
        another evaluator. Set them to go on where another evaluator stopped.

    Notes
    -----
    Several threads may update one evaluator at once. An evaluator can be pickled and copied.

    See Also
    --------
    cross_entropy_sums, merge_sums

    Examples
    --------
    >>> import losses
    >>> evaluator = losses.Evaluator(ignore_index=0)
    >>> evaluator.update([[1.0, 2.0, 0.5]], [1])
    >>> evaluator.update([[10.0, 3.0, 1.0], [-1.0, 0.0, -4.0]], [0, 2])
    >>> evaluator.loss.round(4), evaluator.perplexity.round(2), evaluator.count
    (np.float64(2.3955), np.float64(10.97), 2)
    >>> evaluator.accuracy
    0.5
    >>> evaluator
    Evaluator(LossSums(mean=2.39547, counted=2, ignored=1, denominator=2))
    """

    @public
    def __init__(
        self,
        /,
        *,
        weight: ArrayLike | None = None,
        ignore_index: int = -100,
        label_smoothing: float = 0.0,
        softcap: float | None = None,
        z_loss: float = 0.0,
        axis: int | None = None,
        workers: int | None = None,
    ) -> None:
        self.sums = LossSums()
        self._lock = Lock()
        options = class_options(
            weight, ignore_index, label_smoothing, axis, workers, softcap=softcap, z_loss=z_loss
        )
        self._options = options.with_own_weight()

    @public
    def update(self, logits: ArrayLike, target: ArrayLike, /) -> None:
        """Add a batch. A batch that `cross_entropy` refuses is an error, and changes nothing."""
        batch = sums_of(problem_for(logits, target, self._options))
        with self._lock:
            self.sums = merge_sums(self.sums, batch)

    def __repr__(self) -> str:
        return f"Evaluator({self.sums})"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=Lock())

    @property
    def loss(self) -> Any:
        """The mean loss so far; nan as long as no sample counts."""
        return self.sums.mean

    @property
    def perplexity(self) -> Any:
        """The exponential of the mean loss, which includes the penalty of `z_loss`."""
        return self.sums.perplexity

    @property
    def count(self) -> int:
        """The number of samples that count."""
        return self.sums.counted

    @property
    def accuracy(self) -> float:
        """The share of correct samples: those whose largest logit is at the label.

        Ignored samples do not count. With class probabilities it is nan.
        """
        return self.sums.accuracy
