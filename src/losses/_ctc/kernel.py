"""What every function of CTC does: a block of samples at a time, loss and gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._activations.exponentials import LN2
from .._core.blocks import Block, cut
from .._core.checks import real
from .._core.dtypes import Array, Floating, cast, result_dtype
from .._core.out import gradient_array
from .._core.schedule import run, worker_count
from .._losses.reduction import loss_grads, reduce, total
from .lattice import Lattice, lattice
from .problem import Problem
from .recursion import WINDOW, Emissions, power_of_2, walk

# Measured: so many states of a block, 8 bytes each, stay in the first-level cache from frame to
# frame, and outweigh what a call of NumPy costs.
STATES = 4096


class Scores(NamedTuple):
    """What the scores of a loss mean: log-probabilities or logits."""

    # (frames, lattice, the last blank's columns excluded) -> probabilities, their logarithms, and
    # whether each frame of each sample holds nan or +inf.
    emissions: Callable[[Array, Lattice], tuple[Array, Array, Array]]
    # (way forth) -> the loss of each sample
    loss: Callable[[Forward], Array]
    # (frames, lattice, posteriors of the columns, scale of each sample's frames) -> the gradient
    gradient: Callable[[Array, Lattice, Array, Array], Array]


class Forward(NamedTuple):
    """The way forth of a block: the probability of each state after each frame."""

    frames: Array  # (T, n, C), as given
    input_lengths: Array  # (n,)
    lattice: Lattice
    emissions: Emissions
    wrong: Array  # (n,): which samples have nan
    values: Array  # (T + 1, 2 + n * W)
    exponents: list[Array]  # of each frame, (n, W)
    total: Array  # (n,): P, in [1, 2) or 0, times 2 to
    power: Array  # (n,): a whole number, 0 where P is 0


def loss_of(problem: Problem, scores: Scores) -> Floating:
    """Return the loss."""
    return _over_blocks(problem, scores)


def gradient_of(problem: Problem, scores: Scores, grad_output: ArrayLike) -> Array:
    """Return the gradient."""
    grads = _grads(problem, real(grad_output=grad_output))  # None is no gradient here
    result = gradient_array(None, problem.scores)
    _over_blocks(problem, scores, grads, result)
    return result


def loss_and_gradient_of(
    problem: Problem,
    scores: Scores,
    grad_output: ArrayLike | None,
    out: Array | None,
    **given: ArrayLike,
) -> tuple[Floating, Array]:
    """Return the loss and its gradient, in one pass; `given` are the arguments as they came."""
    grads = _grads(problem, grad_output)
    result = gradient_array(out, problem.scores, **given, grad_output=grad_output)
    loss = _over_blocks(problem, scores, grads, result)
    return loss, result if out is None else out


def _shape(problem: Problem) -> tuple[int, ...]:
    """Return the shape of the losses: that of the samples."""
    return problem.scores.shape[1:-1]


def _grads(problem: Problem, grad_output: ArrayLike | None) -> Array:
    """Return the gradient with respect to the loss of each sample."""
    lengths, reduction = problem.target_lengths, problem.reduction
    divisor = np.maximum(lengths, 1) * len(lengths)
    dtype = np.dtype(np.float64)
    found = loss_grads(grad_output, reduction, divisor, _shape(problem), dtype)
    return np.broadcast_to(found.reshape(-1) if found.ndim else found, lengths.shape)


def _over_blocks(
    problem: Problem, scores: Scores, grads: Array | None = None, result: Array | None = None
) -> Floating:
    """Return the loss; given the gradient of each loss, write that of the scores."""
    losses = np.zeros(len(problem.input_lengths))

    def kernel(block: Block) -> None:
        samples = slice(block.start, block.stop)
        way = _forth(problem, scores, samples)
        loss = scores.loss(way)
        loss[way.wrong] = np.nan
        if problem.zero_infinity:
            loss[np.isposinf(loss)] = 0
        losses[samples] = loss
        if grads is not None and result is not None:
            out = problem.by_sample(result)[:, samples]
            _write(scores, way, grads[samples], out)

    width = 2 * problem.labels.shape[1] + 2
    run(lambda: kernel, cut(losses.shape, max(1, STATES // width)), worker_count(None))
    return _reduced(problem, losses)


def _reduced(problem: Problem, losses: Array) -> Floating:
    """Return the losses, or their sum, or the mean of the losses of one label."""
    dtype = result_dtype(problem.scores)
    if problem.reduction == "none":
        return reduce(cast(losses, dtype).reshape(_shape(problem)), [], "none", 1, dtype)
    if problem.reduction == "mean":
        losses = losses / np.maximum(problem.target_lengths, 1)
    return reduce(None, [total(losses)], problem.reduction, len(losses), dtype)


def _forth(problem: Problem, scores: Scores, samples: slice) -> Forward:
    """Return the way forth of some samples."""
    states = lattice(problem, samples)
    frames, lengths = problem.frames[:, samples], problem.input_lengths[samples]
    emissions, wrong = _emissions(scores, frames, lengths, states)
    n, width = states.symbols.shape
    values = np.empty((len(frames) + 1, 2 + n * width))
    start = np.ones(n), np.zeros(n)
    steps = walk(states.forth, emissions, start, values, back=False)
    exponents = [step.after_exponents for step in steps]
    # In the frame that is added all that has come to an end is in the last state.
    last = np.arange(n), states.ends
    whole, power = np.frexp(values[-1, 2:].reshape(n, width)[last])
    power = np.where(whole > 0, power - 1 + exponents[-1][last], 0)
    return Forward(frames, lengths, states, emissions, wrong, values, exponents, 2 * whole, power)


def _emissions(
    scores: Scores, frames: Array, lengths: Array, states: Lattice
) -> tuple[Emissions, Array]:
    """Return what the frames emit, and which samples hold nan or +inf in a frame that counts."""
    steps, ends = len(frames), states.last_columns
    probs, logs = np.zeros((steps + 1, ends.stop)), np.full((steps + 1, ends.stop), -np.inf)
    classes = len(states.samples)
    probs[:steps, :classes], logs[:steps, :classes], found = scores.emissions(frames, states)
    over = np.arange(steps + 1)[:, np.newaxis] >= lengths
    wrong = np.logical_or.reduce(found & ~over[:-1], axis=0)
    absent = (over | wrong)[:, states.samples]
    # What is not there multiplies by nothing: behind its end a sample has one way, which stays.
    logs[:, :classes][absent] = 0
    powers = logs[:, :classes] / LN2
    low = np.minimum.reduce(powers, axis=1, initial=0)
    high = np.maximum.reduce(powers, axis=1, initial=0)
    blanks = states.column_of_class.reshape(states.symbols.shape)[:, 0]
    for array, never, always in ((probs, 0.0, 1.0), (logs, -np.inf, 0.0)):
        array[:, :classes][absent] = never
        array[:, ends] = np.where(over, always, array[:, blanks])
    return Emissions(probs, logs, low, high), wrong


def _posteriors(way: Forward) -> Iterator[tuple[slice, Array]]:
    """Yield the posteriors of the columns of classes, a few frames at a time, the last first."""
    states, steps = way.lattice, len(way.frames)
    n, width = states.symbols.shape
    columns = len(states.samples)
    start = np.where(way.total > 0, 1 / way.total, 0), -way.power
    memory = np.empty((2, 2 + n * width))
    found = np.zeros((WINDOW, columns))
    seen: tuple[Array, Array] | None = None
    half = rest = np.empty(n * width)
    for step in walk(states.back, way.emissions, start, memory, back=True):
        if step.frame == steps:  # the frame that was added
            continue
        exponents = way.exponents[step.frame], step.before_exponents
        if seen is None or exponents[0] is not seen[0] or exponents[1] is not seen[1]:
            seen = exponents
            powers = exponents[0].reshape(-1) + exponents[1].reshape(-1)[states.mirror]
            # Two factors, for the values may be as large as the power is small.
            half = np.floor(np.maximum(powers, -4096) / 2)
            half, rest = power_of_2(half), power_of_2(powers - half)
        posterior = step.before.take(states.mirror, mode="clip")
        posterior *= way.values[step.frame, 2:]
        posterior *= half
        posterior *= rest
        sums = np.bincount(states.column_of_class, posterior, columns + 1)
        # At most 1, also where logarithms are so large that exponents have lost digits.
        np.minimum(sums[:columns], 1, out=found[step.frame % WINDOW])
        if step.frame % WINDOW == 0:
            last = min(step.frame + WINDOW, steps)
            yield slice(step.frame, last), found[: last - step.frame]


def _write(scores: Scores, way: Forward, grads: Array, out: Array) -> None:
    """Write the gradient of a block of samples."""
    certain = (way.total > 0) | way.wrong
    for window, posteriors in _posteriors(way):
        frame = np.arange(window.start, window.stop)[:, np.newaxis]
        counts = (frame < way.input_lengths) & certain
        found = scores.gradient(way.frames[window], way.lattice, posteriors, grads)
        found[:, way.wrong] = np.nan
        out[window] = np.where(counts[..., np.newaxis], found, 0)


def minus_log(value: Array, power: Array) -> Array:
    """Return -log(value * 2**power), with the digits that it has where that is close to 1."""
    moderate = np.abs(power) < 1000
    whole = np.ldexp(value, np.where(moderate, power, 0).astype(np.int32))
    found: Array = 0 - (np.log(whole) + np.where(moderate, 0, power) * np.log(2))
    return found
