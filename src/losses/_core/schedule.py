"""The schedule: a kernel run over blocks, by one worker or by several, each in a thread."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from threading import Lock, Thread
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .blocks import Block
from .checks import whole_number

Kernel: TypeAlias = Callable[[Block], Any]


def run(new_kernel: Callable[[], Kernel], blocks: Sequence[Block], workers: int) -> list[Any]:
    """Return kernel(block) for each block; every worker has a kernel, and buffers, of its own."""
    workers = min(workers, len(blocks))
    if workers < 2:
        return _alone(new_kernel, blocks)
    results: list[Any] = [None] * len(blocks)
    job = _Job(new_kernel, blocks, results, deque(range(len(blocks))), deque(), set())
    # Plain threads take half the time of a pool, and a pool would not outlive the call either.
    threads = [Thread(target=_work, args=(job,)) for _ in range(workers - 1)]
    # A signal may raise at any instruction of the main thread:
    # - in start(), whose thread may come up all the same;
    # - in join(), which then takes a living thread for dead: so locks tell who is at work;
    # - before the first line of _end(): so there is a second call of _end().
    try:
        try:
            _start(threads)
            _share(job)
        finally:
            _end(job, threads)
    finally:
        _end(job, threads)
    if job.errors:
        raise job.errors.popleft()  # not kept in a variable: its traceback would keep the buffers
    return results


class _Job(NamedTuple):
    """What the workers of one call share."""

    new_kernel: Callable[[], Kernel]
    blocks: Sequence[Block]
    results: list[Any]
    waiting: deque[int]  # the blocks that no worker has taken yet
    errors: deque[BaseException]
    at_work: set[Any]  # a lock of each worker, held from before its first block to its end


def _start(threads: list[Thread]) -> None:
    """Start the threads, or as many as the system has: fewer workers do the same."""
    for thread in threads:
        try:
            thread.start()
        except RuntimeError:
            return


def _work(job: _Job) -> None:
    """Do a share of the work in a thread of its own, and hold a lock all the while."""
    lock = Lock()
    lock.acquire()
    job.at_work.add(lock)
    try:
        _share(job)
    finally:
        # Before the release: _end() may hold the lock, be interrupted and look for locks again.
        job.at_work.remove(lock)
        lock.release()


def _share(job: _Job) -> None:
    """Run a kernel on one waiting block after another, until no block waits."""
    try:
        with np.errstate(all="ignore"):
            kernel = job.new_kernel()
            while True:
                try:
                    i = job.waiting.popleft()
                except IndexError:
                    return
                job.results[i] = kernel(job.blocks[i])
    except BaseException as error:
        job.waiting.clear()  # so that no worker takes another block
        job.errors.append(error)


def _end(job: _Job, threads: list[Thread]) -> None:
    """Wait until no worker is at work, also if signals raise meanwhile."""
    while True:
        try:
            job.waiting.clear()  # a worker that begins later finds no block
            for lock in [*job.at_work]:
                lock.acquire()
            break
        except BaseException as interrupt:
            job.errors.append(interrupt)
    for thread in threads:
        with contextlib.suppress(RuntimeError):  # a thread that was never started
            thread.join()  # its work is done


# Infinities and nan are results, also of a task of Dask, which is within no public call.
@np.errstate(all="ignore")
def _alone(new_kernel: Callable[[], Kernel], blocks: Sequence[Block]) -> list[Any]:
    kernel = new_kernel() if blocks else None
    return [kernel(block) for block in blocks] if kernel else []


def worker_count(workers: object) -> int:
    """Return the number of workers: the default for None, one for each core for -1."""
    if workers is None:
        return _default.get()
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
    except AttributeError:  # pragma: no cover  # a system without processor affinity
        return os.cpu_count() or 1


class set_workers:  # noqa: N801  # a statement, read as a verb
    """Set the default number of workers, from now on or within a ``with`` statement.

    Workers are threads that share the work of a call. The default is 1 worker, and each context
    (thread or task) has a default of its own. The number changes only the time that a call takes:
    results have the same bits for every number of workers.

    Parameters
    ----------
    workers : int
        A positive number, or -1 for one worker on each core.

    Raises
    ------
    ValueError, TypeError
        If `workers` is neither.

    See Also
    --------
    cross_entropy, linear_cross_entropy : functions with an option `workers`, for a single call

    Notes
    -----
    ``set_workers(n)`` sets the default at once. ``with set_workers(n):`` sets it too, and restores
    the earlier default at the end, as ``torch.set_grad_enabled`` does. Call `set_workers` anew for
    each ``with``.

    Examples
    --------
    >>> import losses
    >>> with losses.set_workers(2):
    ...     losses.cross_entropy([[1.0, 2.0, 0.5]], [1]).round(2)
    np.float64(0.46)

    As a statement, it sets the default for all calls that follow:

    >>> losses.set_workers(1)
    set_workers(1)
    """

    def __init__(self, workers: int, /) -> None:
        self._count = worker_count(workers)
        self._token = _default.set(self._count)
        self._entered = False

    def __enter__(self) -> None:
        if self._entered or _default.get() != self._count:
            raise RuntimeError(
                f"set_workers: expected a new call for each `with`, got one made earlier; "
                f"write `with set_workers({self._count}):`"
            )
        self._entered = True

    def __exit__(self, *_: object) -> None:
        _default.reset(self._token)

    def __repr__(self) -> str:
        return f"set_workers({self._count})"


# The number, not the set_workers that set it: each holds the one before, so all would be kept.
_default: ContextVar[int] = ContextVar("losses_workers", default=1)
