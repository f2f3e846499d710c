"""Panels: some samples with all their classes, as 2-D arrays on which NumPy is fast.

Many classes lie along the last axis ("rows", one contiguous row for each sample). Few classes may
lie along either axis: where an array holds each class together ("columns"), and where it holds
each sample together (rows), NumPy works on them where they are. A sum over the classes adds in an
order that depends on their number alone, so a sample's result has the same bits in every layout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from . import blocks as schedule
from .blocks import Block, cut, cut_block
from .checks import axis_index
from .dtypes import Array, computation_dtype, result_dtype
from .panel import FEW_BYTES, Panel
from .schedule import run, worker_count

SHORT_BYTES = 1024  # below here NumPy's buffer costs less than calls for single rows
KEPT = 1 << 18  # entries of an array whose plan is kept from call to call

# Of few classes a block is many calls on one number for each sample, after each of which workers
# meet at the interpreter's lock: with fewer blocks than these a worker costs more than it gives.
BLOCKS_EACH = 4
BUFFER_BYTES = 3 * 1024 * 1024  # of all the buffers of a worker

# compute(block, panels, out, spare) fills out, and may return arrays of one number for each sample.
# The panels are those of the inputs, none of which out shares memory with; spare is memory to work
# in.
Compute: TypeAlias = "Callable[[Block, Sequence[Panel], Panel, Panel], tuple[Array, ...] | None]"
# finish(block, *arrays) makes of these arrays what is kept of a block.
Finish: TypeAlias = Callable[..., Any]


class Panels(NamedTuple):
    """The panels of arrays of one shape: how they are cut, and how they lie.

    `axis` is the panels' class axis (1 for rows, 0 for columns), `order` the order of an array's
    axes that puts its classes there, `samples` the shape that remains without them.
    """

    axis: int
    order: tuple[int, ...]
    classes: int
    samples: tuple[int, ...]
    dtype: np.dtype[Any]
    blocks: Sequence[Block]
    room: int  # how many samples a block may have
    inner: int  # how many samples lie between two classes of an array in C order
    direct: bool  # whether each panel of such an array is 2-D where it lies
    whole: tuple[int, int] | None  # the shape of the one panel that a small array in C order is

    def run(
        self,
        compute: Compute,
        inputs: Sequence[Array],
        output: Array | None,
        workers: int,
        finish: Finish | None = None,
    ) -> list[Any]:
        """Run compute on every panel; return what finish makes of each block."""
        found = self._at_once(compute, inputs, output, finish) if self.whole else None
        if found is not None:
            return found

        if self.classes * self.dtype.itemsize <= FEW_BYTES:
            workers = min(workers, max(1, len(self.blocks) // BLOCKS_EACH))

        def worker() -> _Worker:
            return _Worker(self, compute, inputs, output, workers, finish)

        return run(worker, self.blocks, workers)

    @np.errstate(all="ignore")  # as in run of the blocks
    def _at_once(
        self,
        compute: Compute,
        inputs: Sequence[Array],
        output: Array | None,
        finish: Finish | None,
    ) -> list[Any] | None:
        """Do the same for arrays that are a panel each, without a schedule; None for any others."""
        assert self.whole
        self.set_buffer()
        step, panels = self.whole[1], []
        given = inputs if output is None else (*inputs, output)
        for array in given:
            flags = array.flags
            if not (flags.c_contiguous and flags.aligned and array.dtype == self.dtype):
                return None
            panels.append(Panel(array.reshape(self.whole), array.reshape(-1), step, self.axis))
        count = self.blocks[0].stop
        buffers = self.buffers(2, count)
        spare = self.own(buffers[0], count)
        if output is None:
            out = self.own(buffers[1], count)
        else:
            out = panels.pop()
            for array in inputs:
                if np.may_share_memory(output, array):
                    return None
        arrays = compute(self.blocks[0], panels, out, spare)
        return [arrays if finish is None or arrays is None else finish(self.blocks[0], *arrays)]

    def set_buffer(self) -> None:
        """Keep NumPy from its buffer, within an errstate, which restores it.

        NumPy copies a broadcast column into the buffer wherever two rows fit, which costs three
        times the arithmetic.
        """
        if self.axis and self.classes * self.dtype.itemsize >= SHORT_BYTES:
            np.setbufsize(min(8192, (2 * self.classes - 1) // 16 * 16))

    def buffers(self, number: int, samples: int) -> Array:
        """Return memory for some panels of so many samples.

        One allocation: malloc keeps one block, but returns several to the system. A gap follows
        each panel: NumPy 2.0 takes arrays that touch for ones that overlap.
        """
        return np.empty((number, samples * self.classes + 16), self.dtype)

    def memory(self, array: Array) -> tuple[Array, int] | None:
        """Return the memory of an array in one dimension, if the panels are parts of it as it is.

        Beside it, how many samples lie between two classes.
        """
        flags = array.flags
        if array.dtype == self.dtype and flags.aligned:
            if flags.c_contiguous and self.direct:
                return array.reshape(-1), self.inner
            view = array.transpose(self.order)
            if view.flags.c_contiguous:
                return view.reshape(-1), prod(self.samples)
        return None

    def part(self, array: Array, block: Block) -> Array:
        """Return the entries of a panel as they lie in an array, N-D, with the panel's axis."""
        view = array.transpose(self.order)
        if not block.at:
            return view
        return view[block.at if self.axis else (slice(None), *block.at)]

    def panel(self, memory: Array, inner: int, block: Block) -> Panel:
        """Return a panel that is a part of memory in one dimension."""
        count = block.stop - block.start
        if self.axis:
            if block.at:
                memory = memory[block.start * self.classes : block.stop * self.classes]
            return Panel(memory.reshape(count, self.classes), memory, self.classes, 1)
        lead, first = divmod(block.start, inner)
        values = memory.reshape(-1, self.classes, inner)[lead, :, first : first + count]
        return Panel(values, memory[lead * self.classes * inner + first :], inner, 0)

    def own(self, memory: Array, count: int) -> Panel:
        """Return a panel of so many samples at the beginning of a buffer."""
        part = memory[: count * self.classes]
        if self.axis:
            return Panel(part.reshape(count, self.classes), part, self.classes, 1)
        return Panel(part.reshape(self.classes, count), part, count, 0)


class _Worker:
    """A worker's kernel, with buffers of its own for what can not be worked on where it lies."""

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
            self.target = None  # an input that is overwritten is still to be read
        count = 2 - bool(self.target) + self.sources.count(None)
        room = plan.room if workers > 1 else -(-plan.room // 2)
        while room > 1 and count * room * plan.classes * plan.dtype.itemsize > BUFFER_BYTES:
            room = -(-room // 2)
        self.room = min(room, plan.blocks[0].stop)
        self.buffers = plan.buffers(count, self.room)

    def __call__(self, block: Block) -> Any:
        if block.stop - block.start <= self.room:
            found = self._work(block)
        else:
            parts = [self._work(part) for part in cut_block(block, self.plan.samples, self.room)]
            found = None
            if parts[0] is not None:
                found = tuple(map(np.concatenate, zip(*parts, strict=True)))
        return self.finish(block, *found) if self.finish and found is not None else found

    def _work(self, block: Block) -> tuple[Array, ...] | None:
        plan, count = self.plan, block.stop - block.start
        buffers = iter(self.buffers)
        spare, panels = plan.own(next(buffers), count), []
        for array, source in zip(self.inputs, self.sources, strict=True):
            if source:
                panels.append(plan.panel(*source, block))
                continue
            panel, part = plan.own(next(buffers), count), plan.part(array, block)
            np.copyto(panel.values.reshape(part.shape), part)
            panels.append(panel)
        if self.target:
            return self.compute(block, panels, plan.panel(*self.target, block), spare)
        out = plan.own(next(buffers), count)
        result = self.compute(block, panels, out, spare)
        if self.output is not None:
            part = plan.part(self.output, block)
            part[...] = out.values.reshape(part.shape)
        return result


def panels(array: Array, class_axis: int) -> Panels:
    """Plan the panels of an array, and of any other of its shape."""
    strides = array.strides
    rows = abs(strides[class_axis]) <= min(map(abs, strides))
    plan = _kept_plan if array.size <= KEPT else _plan
    return plan(array.shape, class_axis, computation_dtype(array), rows, schedule.BLOCK_BYTES)


def _plan(
    shape: tuple[int, ...], class_axis: int, dtype: np.dtype[Any], rows: bool, block_bytes: int
) -> Panels:
    classes, samples = shape[class_axis], shape[:class_axis] + shape[class_axis + 1 :]
    axis = int(rows or classes * dtype.itemsize > FEW_BYTES)
    kept = (*range(class_axis), *range(class_axis + 1, len(shape)))
    order = (*kept, class_axis) if axis else (class_axis, *kept)
    # Beside its classes a sample has a handful of numbers: label, weight, maximum, sum, loss.
    room = max(1, block_bytes // (max(8, classes + 4) * dtype.itemsize))
    blocks = cut(samples, room) if classes else []
    inner = prod(shape[class_axis + 1 :])
    # A block of columns has samples from one side of a class alone, or rows are the last axis.
    within = bool(blocks) and blocks[0].stop <= inner  # no block has more samples than the first
    direct = class_axis == len(shape) - 1 if axis else within
    size, whole = prod(samples), None
    if direct and 2 * size <= room and (axis or inner == size) and blocks:
        whole = (size, classes) if axis else (classes, size)
    return Panels(axis, order, classes, samples, dtype, blocks, room, inner, direct, whole)


_kept_plan = lru_cache(maxsize=256)(_plan)


def transform(
    compute: Callable[[Sequence[Panel], Panel, Panel], None], axis: int, *arrays: Array
) -> Array:
    """Run compute(panels, out, spare) over arrays of one shape; return what it wrote.

    The result has the first array's dtype. A 0-D array is taken as one class.
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
