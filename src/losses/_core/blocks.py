"""The schedule: cache-sized blocks of samples, on one thread or several."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from math import ceil, gcd, prod
from threading import Lock, Thread
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .checks import whole_number
from .dtypes import Array

# Measured, see docs/speed.md: several threads want large blocks, for they meet at the interpreter's
# lock after each call. One thread is fastest on halves, which fit the second-level cache.
BLOCK_BYTES = 3 * 1024 * 1024 // 2
SHARES = 2  # few blocks are cut into a multiple of this, so that two workers end together


class Block(NamedTuple):
    """Some samples: where they lie in the array of samples, and which they are in C order."""

    at: tuple[int | slice, ...]
    start: int
    stop: int


class Blocks(Sequence[Block]):
    """Samples of a shape in blocks of at most so many, each made when it is asked for.

    Trailing dimensions that fit are taken whole, the one before them is sliced, and those before
    that are walked index by index: each block is a basic slice of any array.
    """

    def __init__(self, shape: tuple[int, ...], room: int) -> None:
        sliced, inner = len(shape), 1
        while sliced and inner * shape[sliced - 1] <= room:
            sliced -= 1
            inner *= shape[sliced]
        self._lead, self._size, self._inner = shape[: sliced - 1], shape[sliced - 1], inner
        share = SHARES // gcd(SHARES, prod(self._lead))
        steps = share * ceil(self._size * inner / (share * room))
        self._step = min(ceil(self._size / steps), room // inner)
        self._in_row = ceil(self._size / self._step)

    def __len__(self) -> int:
        """Return how many there are."""
        return prod(self._lead) * self._in_row

    def __getitem__(self, index: Any) -> Any:
        """Return one of them."""
        row, place = divmod(range(len(self))[index], self._in_row)
        low = place * self._step
        high = min(low + self._step, self._size)
        start, stop = ((row * self._size + end) * self._inner for end in (low, high))
        lead = map(int, np.unravel_index(row, self._lead))
        return Block((*lead, slice(low, high)), start, stop)


Kernel: TypeAlias = Callable[[Block], Any]
Samples: TypeAlias = "slice | Array"  # some samples, by their position in C order


def blocks(shape: tuple[int, ...], entries: int, itemsize: int) -> Sequence[Block]:
    """Cut the samples, each of so many entries, into blocks.

    The blocks depend on nothing but these arguments, so sums over blocks are the same bits for
    every memory layout and every number of workers.
    """
    return cut(shape, max(1, BLOCK_BYTES // (entries * itemsize)))


def cut(shape: tuple[int, ...], room: int) -> Sequence[Block]:
    """Cut samples into blocks of at most so many, one after another in C order."""
    samples = prod(shape)
    if samples <= room:
        return [Block((), 0, samples)] if samples else []
    return Blocks(shape, room)


def cut_block(block: Block, shape: tuple[int, ...], room: int) -> list[Block]:
    """Cut a block of samples of a shape into blocks of at most so many."""
    *lead, whole = block.at or (slice(0, shape[0]),)
    assert isinstance(whole, slice)
    first, size = whole.start, whole.stop - whole.start

    def place(at: tuple[int | slice, ...]) -> tuple[int | slice, ...]:
        inner, *rest = at
        if isinstance(inner, slice):
            return (*lead, slice(inner.start + first, inner.stop + first), *rest)
        return (*lead, inner + first, *rest)

    return [
        Block(place(part.at), block.start + part.start, block.start + part.stop)
        for part in cut((size, *shape[len(lead) + 1 :]), room)
    ]


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


def one_axis(array: Array, kept: int) -> Array:
    """Return an array with all axes but the last `kept` as one, unless that would be a copy."""
    if array.ndim <= kept or array.flags.c_contiguous:
        merged = array.ndim - kept
        return array.reshape(prod(array.shape[:merged]), *array.shape[merged:])
    return array


def run(new_kernel: Callable[[], Kernel], blocks: Sequence[Block], workers: int) -> list[Any]:
    """Return kernel(block) for each block; every worker has a kernel, and buffers, of its own."""
    workers = min(workers, len(blocks))
    if workers < 2:
        return _alone(new_kernel, blocks)

    results: list[Any] = [None] * len(blocks)
    waiting, errors = deque(range(len(blocks))), deque[BaseException]()
    at_work = set[Any]()  # a lock of each worker, held from before its first block to its end

    def share() -> None:
        try:
            with np.errstate(all="ignore"):
                kernel = new_kernel()
                while True:
                    try:
                        i = waiting.popleft()
                    except IndexError:
                        return
                    results[i] = kernel(blocks[i])
        except BaseException as error:
            waiting.clear()  # so that no worker takes another block
            errors.append(error)

    def work() -> None:
        lock = Lock()
        lock.acquire()
        at_work.add(lock)
        try:
            share()
        finally:
            at_work.remove(lock)  # first: nobody who has the lock comes back for it
            lock.release()

    def end() -> None:
        """Wait until no worker works, whatever comes meanwhile."""
        while True:
            try:
                waiting.clear()  # who begins later than this finds nothing to do
                for lock in [*at_work]:
                    lock.acquire()
                break
            except BaseException as interrupt:
                errors.append(interrupt)
        for other in others:
            with contextlib.suppress(RuntimeError):  # of one that was never started
                other.join()  # its work is done

    # Half the time of a pool, which would not outlive the call either.
    others = [Thread(target=work) for _ in range(workers - 1)]
    # Signals raise wherever the main thread is: in start(), whose thread may come up all the same;
    # in join(), which then takes a thread for dead that is not, so that locks tell; and before the
    # first line of end(), so that there is a second one.
    try:
        try:
            for other in others:
                try:
                    other.start()
                except RuntimeError:  # no more threads to be had: fewer workers do the same
                    break
            share()
        finally:
            end()
    finally:
        end()
    if errors:
        raise errors.popleft()  # not kept here, or its traceback would keep the buffers
    return results


# Infinities and nan are answers here, and underflow is the tail going to 0.
@np.errstate(all="ignore")
def _alone(new_kernel: Callable[[], Kernel], blocks: Sequence[Block]) -> list[Any]:
    kernel = new_kernel() if blocks else None
    return [kernel(block) for block in blocks] if kernel else []


def worker_count(workers: object) -> int:
    """Return the number of workers: None is the current default, -1 one for each core."""
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
    except AttributeError:  # pragma: no cover  # only systems without processor affinity
        return os.cpu_count() or 1


class set_workers:  # noqa: N801  # a statement, read as a verb
    """Set the default number of workers, for good or within a ``with`` statement.

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

    See Also
    --------
    cross_entropy, linear_cross_entropy : functions with `workers`, for a single call

    Notes
    -----
    ``set_workers(n)`` sets the default at once, and ``with set_workers(n):`` brings back, at its
    end, what it was before, as ``torch.set_grad_enabled`` does. Each ``with`` wants its own call.

    Examples
    --------
    >>> import losses
    >>> with losses.set_workers(2):
    ...     losses.cross_entropy([[1.0, 2.0, 0.5]], [1]).round(2)
    np.float64(0.46)

    As a statement, from here on:

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
                f"set_workers: expected a call for each `with`, got one that was made earlier; "
                f"write `with set_workers({self._count}):`"
            )
        self._entered = True

    def __exit__(self, *_: object) -> None:
        _default.reset(self._token)

    def __repr__(self) -> str:
        return f"set_workers({self._count})"


# A number, not what set it: that knows what was before, and so would keep all that ever were.
_default: ContextVar[int] = ContextVar("losses_workers", default=1)
