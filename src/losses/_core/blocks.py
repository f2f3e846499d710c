"""The schedule: cache-sized blocks of samples, on one thread or several."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from math import ceil, gcd, prod
from threading import Thread
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .checks import Array, whole_number

# Measured, see docs/speed.md: one thread is as fast on any block that fits the second-level cache;
# several threads want large ones, for they meet at the interpreter's lock after each call.
BLOCK_BYTES = 1024 * 1024
SHARES = 4  # few blocks are cut into a multiple of this, so that 2 or 4 workers end together

_default_workers: ContextVar[int] = ContextVar("losses_workers", default=1)


class Block(NamedTuple):
    """Some samples: where they lie in the array of samples, and which they are in C order."""

    at: tuple[int | slice, ...]
    start: int
    stop: int


Kernel: TypeAlias = Callable[[Block], Any]
Samples: TypeAlias = "slice | Array"  # some samples, by their position in C order


def blocks(shape: tuple[int, ...], entries: int, itemsize: int) -> list[Block]:
    """Cut the samples, each of so many entries, into blocks.

    The blocks depend on nothing but these arguments, so sums over blocks are the same bits for
    every memory layout and every number of workers.
    """
    return cut(shape, max(1, BLOCK_BYTES // (entries * itemsize)))


def cut(shape: tuple[int, ...], room: int) -> list[Block]:
    """Cut samples into blocks of at most so many, one after another in C order."""
    samples = prod(shape)
    if samples <= room:
        return [Block((), 0, samples)] if samples else []
    # Trailing dimensions that fit are taken whole, the one before them is sliced, and those
    # before that are walked index by index: each block is a basic slice of any array.
    sliced, inner = len(shape), 1
    while sliced and inner * shape[sliced - 1] <= room:
        sliced -= 1
        inner *= shape[sliced]
    size = shape[sliced - 1]
    share = SHARES // gcd(SHARES, prod(shape[: sliced - 1]))
    step = min(ceil(size / (share * ceil(size * inner / (share * room)))), room // inner)
    found = []
    for row, lead in enumerate(np.ndindex(shape[: sliced - 1])):
        for low in range(0, size, step):
            high = min(low + step, size)
            start, stop = (row * size + low) * inner, (row * size + high) * inner
            found.append(Block((*lead, slice(low, high)), start, stop))
    return found


def slices(start: int, stop: int, size: int) -> Iterator[slice]:
    """Cut a range into slices of at most some size."""
    size = max(1, size)
    for low in range(start, stop, size):
        yield slice(low, min(low + size, stop))


def position(shape: tuple[int, ...], samples: Samples) -> tuple[Any, ...]:
    """Return the index of some samples in an array of samples of a shape."""
    if len(shape) == 1:
        return (samples,)
    if isinstance(samples, slice):
        samples = np.arange(samples.start, samples.stop)
    return tuple(np.unravel_index(samples, shape))


def run(new_kernel: Callable[[], Kernel], blocks: Sequence[Block], workers: int) -> list[Any]:
    """Return kernel(block) for each block; every worker has a kernel, and buffers, of its own."""
    workers = min(workers, len(blocks))
    if workers < 2:
        # Infinities and nan are answers here, and underflow is the tail going to 0.
        with np.errstate(all="ignore"):
            kernel = new_kernel() if blocks else None
            return [kernel(block) for block in blocks] if kernel else []

    results: list[Any] = [None] * len(blocks)
    waiting, errors = deque(enumerate(blocks)), deque[BaseException]()

    def share() -> None:
        try:
            with np.errstate(all="ignore"):
                kernel = new_kernel()
                while True:
                    try:
                        i, block = waiting.popleft()
                    except IndexError:
                        return
                    results[i] = kernel(block)
        except BaseException as error:
            waiting.clear()  # so that no worker takes another block
            errors.append(error)

    # Half the time of a pool, which would not outlive the call either.
    others = [Thread(target=share) for _ in range(workers - 1)]
    try:
        for other in others:
            try:
                other.start()
            except RuntimeError:  # no more threads to be had: fewer workers do the same
                break
        share()
    finally:  # an interrupt may come anywhere: no worker outlives the call
        waiting.clear()
        for other in others:
            while other.is_alive():
                try:
                    other.join()
                except BaseException as interrupt:
                    errors.append(interrupt)
    if errors:
        raise errors.popleft()  # not kept here, or its traceback would keep the buffers
    return results


def worker_count(workers: object) -> int:
    """Return the number of workers: None is the current default, -1 one for each core."""
    if workers is None:
        return _default_workers.get()
    count = whole_number(workers=workers)
    if count == -1:
        return _cores()
    if count < 1:
        raise ValueError(
            f"workers: expected a positive count, or -1 for one on each core, got {count}"
        )
    return count


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # pragma: no cover  # only systems without processor affinity
        return os.cpu_count() or 1


@contextlib.contextmanager
def set_workers(workers: int, /) -> Iterator[None]:
    """Set the default number of workers within a ``with`` statement.

    The default is 1. It belongs to the current context (thread or task), and changes the time a
    call takes and nothing else: results have the same bits for every number of workers.

    Parameters
    ----------
    workers : int
        A positive count, or -1 for one worker on each core.

    Raises
    ------
    ValueError, TypeError
        If `workers` is not such a count.

    Notes
    -----
    The model is ``scipy.fft.set_workers``.

    Examples
    --------
    >>> import losses
    >>> with losses.set_workers(2):
    ...     losses.cross_entropy([[1.0, 2.0, 0.5]], [1]).round(2)
    np.float64(0.46)
    """
    token = _default_workers.set(worker_count(workers))
    try:
        yield
    finally:
        _default_workers.reset(token)
