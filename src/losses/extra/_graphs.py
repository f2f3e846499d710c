"""Graphs of Dask: tasks chunk by chunk, and trees that merge what the tasks return."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

import dask.array as da
import numpy as np

from .._core.checks import real
from .._core.dtypes import Array, is_floating, stand_in
from ._tasks import Known

DaskArray: TypeAlias = Any  # dask.array.Array, which has no types
Chunk: TypeAlias = Any  # of an array of numbers, or one state or LossSums


def lazy(**argument: Any) -> DaskArray:
    """Return the one named argument as a Dask array whose chunks have known sizes."""
    ((name, value),) = argument.items()
    array = value if isinstance(value, da.Array) else da.asarray(real(**argument))
    if any(np.isnan(size) for sizes in array.chunks for size in sizes):
        raise ValueError(
            f"{name}: expected chunks of known sizes, got {array.chunks}; "
            f"{name}.compute_chunk_sizes() finds them"
        )
    return array


def like(**argument: DaskArray) -> Array:
    """Return a stand-in of the one named argument: its shape and dtype, in no memory."""
    ((name, array),) = argument.items()
    real(**{name: array._meta})  # refuses masked arrays
    return stand_in(array.shape, real(**{name: np.empty(0, array.dtype)}).dtype)


def lazy_floating(array: DaskArray) -> DaskArray:
    """Return a Dask array of floats: integers and booleans become float64."""
    return array if is_floating(array.dtype) else array.astype(np.float64)


def map_chunks(
    work: Callable[..., Chunk], known: Known, *arrays: DaskArray, dtype: Any = None
) -> DaskArray:
    """Return work(known, *chunks) for each chunk, of a dtype, by default that of the result."""
    meta = np.empty((0,) * arrays[0].ndim, dtype or known.dtype)
    return da.map_blocks(partial(work, known), *arrays, meta=meta)


def per_sample(work: Callable[..., Chunk], known: Known, *arrays: DaskArray) -> DaskArray:
    """Return work(known, *chunks) for each chunk: one entry for each sample."""
    chunks = list(arrays[0].chunks)
    chunks[known.axis] = (1,) * len(chunks[known.axis])
    meta = np.empty((0,) * len(chunks), known.dtype)
    return da.map_blocks(partial(work, known), *arrays, chunks=tuple(chunks), meta=meta)


def tree(
    states: DaskArray, merged: Callable[..., Chunk], last: Callable[..., Chunk], axis: int | None
) -> DaskArray:
    """Merge states along an axis, or along all of them to one number, as a tree."""
    ndim = 0 if axis is None else states.ndim
    return da.reduction(
        states,
        chunk=_as_it_is,
        combine=partial(_of_many, merged),
        aggregate=partial(_of_many, last),
        axis=tuple(range(states.ndim)) if axis is None else (axis,),
        keepdims=axis is not None,
        concatenate=False,
        name=merged.__name__,
        dtype=states.dtype,
        meta=np.empty((0,) * ndim, states.dtype),
    )


def _as_it_is(chunk: Chunk, **_: Any) -> Chunk:
    return chunk


def _of_many(merged: Callable[..., Chunk], chunks: list[Any], **_: Any) -> Chunk:
    return merged(*_flat(chunks))


def _flat(chunks: list[Any]) -> Iterator[Chunk]:
    """Yield the items of nested lists."""
    for one in chunks:
        if isinstance(one, list):
            yield from _flat(one)
        else:
            yield one
