"""Blocks: samples, cut so that a worker's arrays fit the cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, gcd, prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .dtypes import Array

# Measured, see docs/speed.md. Several threads are fastest on large blocks, because they compete for
# the interpreter's lock after each call. One thread is fastest on halves of blocks, which fit the
# second-level cache.
BLOCK_BYTES = 3 * 1024 * 1024 // 2
SHARES = 2  # the number of a few blocks is a multiple of this, so that two workers end together


class Block(NamedTuple):
    """Some samples: their index in the array of samples, and their range in C order."""

    at: tuple[int | slice, ...]
    start: int
    stop: int


class Blocks(Sequence[Block]):
    """The samples of a shape, in blocks of at most `room` samples, each made when it is indexed.

    The trailing dimensions that fit a block stay whole, the dimension before them is sliced, and
    every index of the dimensions before that has blocks of its own. So the index of each block is
    a basic one, and selects a view of any array.
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
        """Return the number of blocks."""
        return prod(self._lead) * self._in_row

    def __getitem__(self, index: Any) -> Any:
        """Return one block."""
        row, place = divmod(range(len(self))[index], self._in_row)
        low = place * self._step
        high = min(low + self._step, self._size)
        start, stop = ((row * self._size + end) * self._inner for end in (low, high))
        lead = map(int, np.unravel_index(row, self._lead)) if self._lead else ()
        return Block((*lead, slice(low, high)), start, stop)


Samples: TypeAlias = "slice | Array"  # some samples, by their positions in C order


def blocks(shape: tuple[int, ...], entries: int, itemsize: int) -> Sequence[Block]:
    """Cut samples of `entries` entries each into blocks.

    The blocks depend on the arguments alone, so sums over blocks have the same bits for every
    memory layout and every number of workers.
    """
    return cut(shape, room(entries, itemsize))


def room(entries: int, itemsize: int) -> int:
    """Return how many samples of `entries` entries each a block has at most."""
    return max(1, BLOCK_BYTES // (entries * itemsize))


def cut(shape: tuple[int, ...], room: int) -> Sequence[Block]:
    """Cut samples into blocks of at most `room` samples, in C order."""
    samples = prod(shape)
    if samples <= room:
        return [Block((), 0, samples)] if samples else []
    return Blocks(shape, room)


def cut_block(block: Block, shape: tuple[int, ...], room: int) -> list[Block]:
    """Cut one block of samples of a shape into blocks of at most `room` samples."""
    *lead, sliced = block.at or (slice(0, shape[0]),)
    assert isinstance(sliced, slice)
    first, size = sliced.start, sliced.stop - sliced.start

    def among_all(at: tuple[int | slice, ...]) -> tuple[int | slice, ...]:
        """Return the index among all the samples, from that within the block."""
        inner, *rest = at
        if isinstance(inner, slice):
            return (*lead, slice(inner.start + first, inner.stop + first), *rest)
        return (*lead, inner + first, *rest)

    return [
        Block(among_all(small.at), block.start + small.start, block.start + small.stop)
        for small in cut((size, *shape[len(lead) + 1 :]), room)
    ]


def slices(start: int, stop: int, size: int) -> Iterator[slice]:
    """Cut a range into slices of at most `size` numbers."""
    size = max(1, size)
    for low in range(start, stop, size):
        yield slice(low, min(low + size, stop))


def position(shape: tuple[int, ...], samples: Samples) -> tuple[Any, ...]:
    """Return the index that selects some samples from an array of samples of a shape."""
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
