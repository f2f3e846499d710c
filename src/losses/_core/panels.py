"""Panels: blocks of samples laid out so that NumPy reduces over the classes fast.

A panel is a 2-D array of samples and classes. Many classes lie along the last axis ("rows", one
contiguous row for each sample); few classes lie along the first ("columns"), since a reduction
over a short last axis costs ten times as much for each entry. Which of the two is decided by the
number of classes alone, so a sample's result has the same bits whatever layout its array has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .blocks import Block, Kernel, blocks, run, worker_count
from .checks import Array, axis_index, computation_dtype, result_dtype

# Bytes of classes for each sample, measured:
FEW_BYTES = 256  # up to here columns are faster than rows
SHORT_BYTES = 1024  # below here NumPy's buffer costs less than calls for single rows
LONG_BYTES = 8192  # up to here einsum adds a row in chains of at most 128 terms

# compute(block, panels, out, spare) fills out from the panels of the inputs and may return
# something for each block. out may be the memory of the last panel; spare is memory to work in,
# for fresh memory costs a page fault for each 4 KiB.
Compute: TypeAlias = Callable[[Block, Sequence[Array], Array, Array], Any]


class Panels(NamedTuple):
    """The panels of arrays of one shape.

    `axis` is the panels' class axis (1 for rows, 0 for columns), `order` the order of an array's
    axes that puts its classes there, `samples` the shape that remains without them.
    """

    axis: int
    order: tuple[int, ...]
    classes: int
    samples: tuple[int, ...]
    dtype: np.dtype[Any]
    blocks: Sequence[Block]

    def run(
        self, compute: Compute, inputs: Sequence[Array], output: Array | None, workers: int
    ) -> list[Any]:
        """Run compute on every panel; return what it returned, block by block."""
        views = [array.transpose(self.order) for array in inputs]
        target = None if output is None else output.transpose(self.order)

        def new_kernel() -> Kernel:
            if self.axis and self.classes * self.dtype.itemsize >= SHORT_BYTES:
                # Within run's errstate, which restores it. NumPy copies a broadcast column into
                # its buffer wherever two rows fit, which costs three times the arithmetic.
                np.setbufsize(min(8192, (2 * self.classes - 1) // 16 * 16))
            # Columns may lie anywhere, as long as the samples of each class follow one another.
            copied = [not self._usable(view, None if self.axis else 1) for view in views]
            direct = target is not None and self._usable(target, None)
            largest = self.blocks[0].stop
            # One piece, which the allocator keeps from call to call; of several it gives some back.
            # A gap follows each panel: NumPy 2.0 takes arrays that touch for ones that overlap.
            memory = np.empty((2 + sum(copied[:-1]), largest * self.classes + 16), self.dtype)

            def kernel(block: Block) -> Any:
                count = block.stop - block.start
                shape = (count, self.classes) if self.axis else (self.classes, count)
                spare, own, *others = memory[:, : count * self.classes].reshape(-1, *shape)
                buffers = [own, *others]  # for the inputs from the last, own also for the output
                panels = []
                for view, copy in zip(views, copied, strict=True):
                    part = self._part(view, block)
                    if copy:
                        buffer = buffers.pop()
                        np.copyto(buffer.reshape(part.shape), part)
                    panels.append(buffer if copy else part.reshape(shape))
                if target is None:
                    return compute(block, panels, own, spare)
                part = self._part(target, block)
                if direct:
                    return compute(block, panels, part.reshape(shape), spare)
                result = compute(block, panels, own, spare)
                part[...] = own.reshape(part.shape)
                return result

            return kernel

        return run(new_kernel, self.blocks, workers)

    def part(self, array: Array, block: Block) -> Array:
        """Return the entries of a panel as they lie in an array, N-D, with the panel's axis."""
        return self._part(array.transpose(self.order), block)

    def _part(self, view: Array, block: Block) -> Array:
        if not block.at:
            return view
        return view[block.at if self.axis else (slice(None), *block.at)]

    def _usable(self, view: Array, classes: int | None) -> bool:
        """Return whether NumPy works on the first so many classes where they lie, in any block."""
        # No block has more samples than the first: if those lie together, so do all others.
        together = self._part(view, self.blocks[0])[:classes].flags.c_contiguous
        return together and view.flags.aligned and view.dtype == self.dtype


def panels(array: Array, class_axis: int) -> Panels:
    """Plan the panels of an array, and of any other of its shape."""
    shape, dtype = array.shape, computation_dtype(array)
    classes, samples = shape[class_axis], shape[:class_axis] + shape[class_axis + 1 :]
    axis = _axis(classes, dtype)
    kept = (*range(class_axis), *range(class_axis + 1, array.ndim))
    order = (*kept, class_axis) if axis else (class_axis, *kept)
    # Beside its classes a sample has a handful of numbers: label, weight, maximum, sum, loss.
    cut = blocks(samples, max(8, classes + 4), dtype.itemsize) if classes else []
    return Panels(axis, order, classes, samples, dtype, cut)


def matrix(memory: Array, samples: int, classes: int) -> Array:
    """Return memory as samples by classes, of which the panels are views."""
    if _axis(classes, memory.dtype):
        return memory[: samples * classes].reshape(samples, classes)
    return memory[: samples * classes].reshape(classes, samples).T


def _axis(classes: int, dtype: np.dtype[Any]) -> int:
    return int(classes * dtype.itemsize > FEW_BYTES)


def transform(
    compute: Callable[[int, Sequence[Array], Array, Array], None], axis: int, *arrays: Array
) -> Array:
    """Run compute(axis, panels, out, spare) over arrays of one shape; return what it wrote.

    The result has the first array's dtype. A 0-D array is taken as one class.
    """
    shape = arrays[0].shape
    axis = axis_index(axis, len(shape))
    inputs = [np.atleast_1d(array) for array in arrays]
    plan = panels(inputs[0], axis)
    result = np.empty_like(inputs[0], result_dtype(inputs[0]))
    plan.run(
        lambda _, panels, out, spare: compute(plan.axis, panels, out, spare),
        inputs,
        result,
        worker_count(None),
    )
    return result.reshape(shape)


def add(panel: Array, axis: int) -> Array:
    """Return the sum over the classes, in an order that depends on their number alone."""
    sums: Array
    if axis == 0 and panel.shape[1] == 1:
        # In order, as for more columns: reduce would see one contiguous run and add in pairs.
        # + 0, because reduce begins at 0: a sum of negative zeros is 0.
        sums = np.add.accumulate(panel, axis=0)[-1] + 0
    elif axis == 1 and panel.shape[1] * panel.itemsize <= LONG_BYTES:
        # Twice as fast as reduce, in chains of at most 128 terms; reduce adds longer rows in pairs.
        sums = np.einsum("ij->i", panel)
    else:
        sums = np.add.reduce(panel, axis=axis)
    return sums


def inner(panel: Array, mass: Array, axis: int, spare: Array) -> Array:
    """Return the sum over the classes of a panel times a mass, in which 0 * inf is 0.

    The mass is one number for each class, or a panel.
    """
    wide = across_classes(mass, axis)
    sums: Array
    if axis and panel.shape[1] * panel.itemsize <= LONG_BYTES // 4:
        # einsum adds products in a quarter as many chains as entries.
        sums = np.einsum("ij,j->i" if mass.ndim == 1 else "ij,ij->i", panel, mass)
    else:
        sums = add(np.multiply(panel, wide, out=spare), axis)
    wrong = np.isnan(sums)
    if wrong.any():
        np.multiply(panel, wide, out=spare)
        np.copyto(spare, 0, where=wide == 0)
        sums[wrong] = add(spare, axis)[wrong]
    return sums


def across(per_sample: Array, axis: int) -> Array:
    """Return numbers, one for each sample or for all, in a shape to broadcast over the panel."""
    return per_sample[:, None] if axis and per_sample.ndim else per_sample


def across_classes(per_class: Array, axis: int) -> Array:
    """Return numbers, one for each class or a panel, in a shape to broadcast over the panel."""
    return per_class if axis or per_class.ndim > 1 else per_class[:, None]


def clear(panel: Array, samples: Array, axis: int) -> None:
    """Set the entries of some samples, given as a mask, to 0."""
    panel[(samples, slice(None)) if axis else (slice(None), samples)] = 0


def entries(labels: Array, panel: Array, axis: int) -> Array:
    """Return the flat positions of one class of each sample."""
    samples, stride = np.arange(labels.size), panel.shape[1]
    if axis:
        samples *= stride
        samples += labels
    else:
        samples += labels * stride
    return samples


def largest(panel: Array, axis: int) -> Array:
    """Return the flat position of each sample's largest class, the first of them."""
    if axis:
        return entries(panel.argmax(axis=1), panel, axis)
    # Columns are few, and argmax takes ten times as long: C - 1 less the largest C - 1 - c with
    # x_c = max x.
    last = len(panel) - 1
    found = (panel == np.maximum.reduce(panel, axis=0)).view(np.uint8)
    found *= np.arange(last, -1, -1, dtype=np.uint8)[:, None]
    return entries(last - np.maximum.reduce(found, axis=0).astype(np.intp), panel, axis)
