"""Panels: how arrays of one shape are cut into panels, and a computation on each of them.

The panels of an array are views of its memory where the array has their layout, and copies else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from . import blocks as blocks_module
from .blocks import Block, cut, cut_block
from .checks import axis_index
from .class_sums import FEW_BYTES
from .dtypes import Array, computation_dtype, result_dtype
from .panel import Panel
from .schedule import run, worker_count

SHORT_BYTES = 1024  # for shorter rows NumPy's buffer costs less than a call for each row
KEPT = 1 << 18  # the plan of an array of at most so many entries is kept for the next call

# With few classes most NumPy calls are on one number for each sample, and workers compete for
# the interpreter's lock after each call: with fewer blocks a worker costs more than it gives.
BLOCKS_EACH = 4
BUFFER_BYTES = 3 * 1024 * 1024  # for all the buffers of one worker

# compute(block, panels, out, spare) writes to out, and may return arrays of one number for each
# sample. The panels hold the inputs, and share no memory with out; spare is memory to work in.
Compute: TypeAlias = "Callable[[Block, Sequence[Panel], Panel, Panel], tuple[Array, ...] | None]"
# finish(block, *arrays) turns these arrays into what run returns for the block.
Finish: TypeAlias = Callable[..., Any]


class Panels(NamedTuple):
    """The plan of the panels of every array of one shape.

    `order` is the order of an array's axes in which its classes come last, for rows, or first, for
    columns. `samples` is the shape of the array without its classes.
    """

    rows: bool  # the layout of the panels: rows, or columns
    order: tuple[int, ...]
    classes: int
    samples: tuple[int, ...]
    dtype: np.dtype[Any]
    blocks: Sequence[Block]
    room: int  # the largest number of samples of a block
    inner: int  # the number of samples between two classes of an array in C order
    direct: bool  # whether each panel of an array in C order is 2-D where it lies
    whole: tuple[int, int] | None  # the shape of the one panel that a small array in C order is

    def run(
        self,
        compute: Compute,
        inputs: Sequence[Array],
        output: Array | None,
        workers: int,
        finish: Finish | None = None,
    ) -> list[Any]:
        """Run compute on the panels of each block; return what finish returns for each block."""
        found = self._at_once(compute, inputs, output, finish) if self.whole else None
        if found is not None:
            return found

        if self.classes * self.dtype.itemsize <= FEW_BYTES:
            workers = min(workers, max(1, len(self.blocks) // BLOCKS_EACH))

        def worker() -> _Worker:
            return _Worker(self, compute, inputs, output, workers, finish)

        return run(worker, self.blocks, workers)

    @np.errstate(all="ignore")  # as the schedule does
    def _at_once(
        self,
        compute: Compute,
        inputs: Sequence[Array],
        output: Array | None,
        finish: Finish | None,
    ) -> list[Any] | None:
        """Do as `run` if each array is one panel, without a schedule; else return None."""
        assert self.whole
        self.set_buffer()
        step, panels = self.whole[1], []
        given = inputs if output is None else (*inputs, output)
        for array in given:
            flags = array.flags
            if not (flags.c_contiguous and flags.aligned and array.dtype == self.dtype):
                return None
            panels.append(Panel(array.reshape(self.whole), array.reshape(-1), step, self.rows))
        count = self.blocks[0].stop
        buffers = self.buffers(2, count)
        spare = self.panel_in(buffers[0], count)
        if output is None:
            out = self.panel_in(buffers[1], count)
        else:
            out = panels.pop()
            for array in inputs:
                if np.may_share_memory(output, array):
                    return None
        arrays = compute(self.blocks[0], panels, out, spare)
        return [arrays if finish is None or arrays is None else finish(self.blocks[0], *arrays)]

    def set_buffer(self) -> None:
        """Make NumPy's buffer too small for two rows, if the panels have rows."""
        if self.rows:
            set_buffer(self.classes, self.dtype)

    def buffers(self, number: int, samples: int) -> Array:
        """Return one buffer for each of some panels of so many samples.

        One allocation: malloc keeps one block of memory, but returns several to the system. A gap
        follows each buffer, because NumPy 2.0 takes arrays that touch for arrays that overlap.
        """
        return np.empty((number, samples * self.classes + 16), self.dtype)

    def memory(self, array: Array) -> tuple[Array, int] | None:
        """Return the memory of an array in one dimension, or None if its panels must be copies.

        Beside the memory, return the number of samples between two classes.
        """
        flags = array.flags
        if array.dtype == self.dtype and flags.aligned:
            if flags.c_contiguous and self.direct:
                return array.reshape(-1), self.inner
            view = array.transpose(self.order)
            if view.flags.c_contiguous:
                return view.reshape(-1), prod(self.samples)
        return None

    def view(self, array: Array, block: Block) -> Array:
        """Return the view of a block of an array: N-D, classes last in rows or first in columns."""
        view = array.transpose(self.order)
        if not block.at:
            return view
        return view[block.at if self.rows else (slice(None), *block.at)]

    def panel(self, memory: Array, inner: int, block: Block) -> Panel:
        """Return the panel of a block, as a view of memory in one dimension."""
        count = block.stop - block.start
        if self.rows:
            if block.at:
                memory = memory[block.start * self.classes : block.stop * self.classes]
            return Panel(memory.reshape(count, self.classes), memory, self.classes, self.rows)
        lead, first = divmod(block.start, inner)
        values = memory.reshape(-1, self.classes, inner)[lead, :, first : first + count]
        return Panel(values, memory[lead * self.classes * inner + first :], inner, self.rows)

    def panel_in(self, buffer: Array, count: int) -> Panel:
        """Return a panel of so many samples at the beginning of a buffer."""
        memory = buffer[: count * self.classes]
        if self.rows:
            return Panel(memory.reshape(count, self.classes), memory, self.classes, self.rows)
        return Panel(memory.reshape(self.classes, count), memory, count, self.rows)


def set_buffer(classes: int, dtype: np.dtype[Any]) -> None:
    """Make NumPy's buffer too small for two rows; the errstate of the call restores its size.

    NumPy copies a broadcast column into a buffer that holds two rows, which takes three times
    as long as the arithmetic.
    """
    if classes * dtype.itemsize >= SHORT_BYTES:
        np.setbufsize(min(8192, (2 * classes - 1) // 16 * 16))


class _Worker:
    """The kernel of one worker, with buffers of its own for the panels that are copies."""

    def __init__(
        self,
        plan: Panels,
        compute: Compute,
        inputs: Sequence[Array],
        output: Array | None,
        workers: int,
        finish: Finish | None,
    ) -> None:
        plan.set_buffer()
        self.plan, self.compute, self.finish = plan, compute, finish
        self.inputs, self.output = inputs, output
        self.sources = [plan.memory(array) for array in inputs]
        self.target = None if output is None else plan.memory(output)
        if self.target and any(np.may_share_memory(output, array) for array in inputs):
            self.target = None  # the output goes to a buffer until the inputs have been read
        count = 2 - bool(self.target) + self.sources.count(None)
        room = plan.room if workers > 1 else -(-plan.room // 2)  # see BLOCK_BYTES
        while room > 1 and count * room * plan.classes * plan.dtype.itemsize > BUFFER_BYTES:
            room = -(-room // 2)
        self.room = min(room, plan.blocks[0].stop)
        self.buffers = plan.buffers(count, self.room)

    def __call__(self, block: Block) -> Any:
        if block.stop - block.start <= self.room:
            found = self._work(block)
        else:
            small = cut_block(block, self.plan.samples, self.room)
            each = [self._work(one) for one in small]
            found = None
            if each[0] is not None:
                found = tuple(map(np.concatenate, zip(*each, strict=True)))
        return self.finish(block, *found) if self.finish and found is not None else found

    def _work(self, block: Block) -> tuple[Array, ...] | None:
        plan, count = self.plan, block.stop - block.start
        buffers = iter(self.buffers)
        spare, panels = plan.panel_in(next(buffers), count), []
        for array, source in zip(self.inputs, self.sources, strict=True):
            if source:
                panels.append(plan.panel(*source, block))
                continue
            panel, view = plan.panel_in(next(buffers), count), plan.view(array, block)
            np.copyto(panel.values.reshape(view.shape), view)
            panels.append(panel)
        if self.target:
            return self.compute(block, panels, plan.panel(*self.target, block), spare)
        out = plan.panel_in(next(buffers), count)
        result = self.compute(block, panels, out, spare)
        if self.output is not None:
            view = plan.view(self.output, block)
            view[...] = out.values.reshape(view.shape)
        return result


def panels(array: Array, class_axis: int) -> Panels:
    """Return the plan of the panels of an array, which serves every array of its shape."""
    strides = array.strides
    rows = abs(strides[class_axis]) <= min(map(abs, strides))
    plan = _kept_plan if array.size <= KEPT else _plan
    return plan(array.shape, class_axis, computation_dtype(array), rows, blocks_module.BLOCK_BYTES)


def _plan(
    shape: tuple[int, ...], class_axis: int, dtype: np.dtype[Any], rows: bool, block_bytes: int
) -> Panels:
    classes, samples = shape[class_axis], shape[:class_axis] + shape[class_axis + 1 :]
    rows = rows or classes * dtype.itemsize > FEW_BYTES
    kept = (*range(class_axis), *range(class_axis + 1, len(shape)))
    order = (*kept, class_axis) if rows else (class_axis, *kept)
    # Beside its classes a sample has a handful of numbers: label, weight, maximum, sum, loss.
    room = max(1, block_bytes // (max(8, classes + 4) * dtype.itemsize))
    blocks = cut(samples, room) if classes else []
    inner = prod(shape[class_axis + 1 :])
    # Rows lie along the last axis; the samples of a block in columns lie within one class.
    within = bool(blocks) and blocks[0].stop <= inner  # no block has more samples than the first
    direct = class_axis == len(shape) - 1 if rows else within
    size, whole = prod(samples), None
    if direct and 2 * size <= room and (rows or inner == size) and blocks:
        whole = (size, classes) if rows else (classes, size)
    return Panels(rows, order, classes, samples, dtype, blocks, room, inner, direct, whole)


_kept_plan = lru_cache(maxsize=256)(_plan)


def transform(
    compute: Callable[[Sequence[Panel], Panel, Panel], None], axis: int, *arrays: Array
) -> Array:
    """Run compute(panels, out, spare) on arrays of one shape; return what it writes to out.

    The result has the dtype of the first array. A 0-D array is one class.
    """
    shape = arrays[0].shape
    axis = axis_index(axis, len(shape))
    inputs = [np.atleast_1d(array) for array in arrays]
    plan = panels(inputs[0], axis)
    result = np.empty_like(inputs[0], result_dtype(inputs[0]))
    plan.run(
        lambda _, panels, out, spare: compute(panels, out, spare),
        inputs,
        result,
        worker_count(None),
    )
    return result.reshape(shape)
