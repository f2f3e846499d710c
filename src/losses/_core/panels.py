"""Panels: blocks of samples laid out so that NumPy reduces over the classes fast.

A panel is a 2-D array of samples and classes. Many classes lie along the last axis ("rows", one
contiguous row for each sample); few classes lie along the first ("columns"), since a reduction
over a short last axis costs ten times as much for each entry. Which of the two is decided by the
number of classes alone, so a sample's result has the same bits whatever layout its array has.

Arrays come here with the classes in front: ``np.moveaxis(x, axis, 0)``, a view.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .blocks import Block, Kernel, blocks, run, worker_count
from .checks import Array, axis_index, computation_dtype, result_dtype

FEW_BYTES = 512  # up to so many bytes of classes for each sample, columns are faster

# compute(block, panels, out, scratch) fills out from the panels of the inputs and may return
# something for each block. out may be the memory of the first panel.
Compute: TypeAlias = Callable[[Block, Sequence[Array], Array, Array], Any]


class Panels(NamedTuple):
    """The panels of an array: their class axis, the dtype of the computation, the blocks."""

    axis: int
    classes: int
    dtype: np.dtype[Any]
    blocks: list[Block]

    def run(
        self, compute: Compute, inputs: Sequence[Array], output: Array | None, workers: int
    ) -> list[Any]:
        """Run compute on every panel; return what it returned, block by block."""

        def new_kernel() -> Kernel:
            buffers = [self._buffer() for _ in inputs]
            scratch = self._buffer()

            def kernel(block: Block) -> Any:
                panels = [
                    self._read(array, block, buffer)
                    for array, buffer in zip(inputs, buffers, strict=True)
                ]
                out = self._place(output, block, buffers[0])
                result = compute(block, panels, out, self._empty(block, scratch))
                self._store(out, output, block)
                return result

            return kernel

        return run(new_kernel, self.blocks, workers)

    def _buffer(self) -> Array:
        samples = max(block.stop - block.start for block in self.blocks)
        return np.empty(samples * self.classes, self.dtype)

    def _empty(self, block: Block, buffer: Array) -> Array:
        samples = block.stop - block.start
        shape = (samples, self.classes) if self.axis else (self.classes, samples)
        return buffer[: samples * self.classes].reshape(shape)

    def _part(self, array: Array, block: Block) -> Array:
        part = array[(slice(None), *block.at)]
        return part.transpose(*range(1, part.ndim), 0) if self.axis else part

    def _in_place(self, part: Array) -> bool:
        return part.dtype == self.dtype and part.flags.c_contiguous

    def _read(self, array: Array, block: Block, buffer: Array) -> Array:
        part, panel = self._part(array, block), self._empty(block, buffer)
        if self._in_place(part):
            return part.reshape(panel.shape)
        np.copyto(panel.reshape(part.shape), part)
        return panel

    def _place(self, array: Array | None, block: Block, buffer: Array) -> Array:
        panel = self._empty(block, buffer)
        if array is not None and self._in_place(part := self._part(array, block)):
            return part.reshape(panel.shape)
        return panel

    def _store(self, panel: Array, array: Array | None, block: Block) -> None:
        if array is not None and not self._in_place(part := self._part(array, block)):
            np.copyto(part, panel.reshape(part.shape), casting="same_kind")


def panels(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Panels:
    """Plan the panels of an array of this shape, classes first, computed in this dtype."""
    classes, *samples = shape
    axis = int(classes * dtype.itemsize > FEW_BYTES)
    cut = blocks(tuple(samples), classes, dtype.itemsize) if classes else []
    return Panels(axis, classes, dtype, cut)


def transform(
    compute: Callable[[int, Sequence[Array], Array, Array], None], axis: int, *arrays: Array
) -> Array:
    """Run compute(axis, panels, out, scratch) over arrays of one shape; return what it wrote.

    The result has the first array's dtype. A 0-D array is taken as one class.
    """
    shape = arrays[0].shape
    axis = axis_index(axis, len(shape))
    arrays = tuple(np.atleast_1d(array) for array in arrays)
    plan = panels(np.moveaxis(arrays[0], axis, 0).shape, computation_dtype(arrays[0]))
    result = np.empty_like(arrays[0], result_dtype(arrays[0]))
    plan.run(
        lambda _, panels, out, scratch: compute(plan.axis, panels, out, scratch),
        [np.moveaxis(array, axis, 0) for array in arrays],
        np.moveaxis(result, axis, 0),
        worker_count(None),
    )
    return result.reshape(shape)


def add(panel: Array, axis: int) -> Array:
    """Return the sum over the classes, in an order that depends on their number alone."""
    sums: Array
    if axis == 0 and panel.shape[1] == 1:
        # In order, as for more columns: reduce would see one contiguous run and add in pairs.
        sums = np.add.accumulate(panel, axis=0)[-1]
    else:
        sums = np.add.reduce(panel, axis=axis)
    return sums


def across(per_sample: Array, axis: int) -> Array:
    """Return one number for each sample in a shape that broadcasts against the panel."""
    return per_sample[:, None] if axis else per_sample


def across_classes(per_class: Array, axis: int) -> Array:
    """Return one number for each class in a shape that broadcasts against the panel."""
    return per_class if axis else per_class[:, None]


def clear(panel: Array, samples: Array | None, axis: int) -> None:
    """Set the entries of some samples, given as a mask, to 0."""
    if samples is not None:
        panel[(samples, slice(None)) if axis else (slice(None), samples)] = 0


def entries(labels: Array, panel: Array, axis: int) -> Array:
    """Return the flat positions of one class of each sample."""
    stride, samples = panel.shape[1], np.arange(labels.size)
    positions: Array = samples * stride + labels if axis else labels * stride + samples
    return positions


def largest(panel: Array, axis: int) -> Array:
    """Return the flat position of each sample's largest class, the first of equals or nan."""
    return entries(panel.argmax(axis=axis), panel, axis)
