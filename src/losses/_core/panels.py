"""Panels: blocks of samples laid out so that NumPy reduces over the classes fast.

A panel is a 2-D array of samples and classes. Many classes lie along the last axis ("rows", one
contiguous row for each sample); few classes lie along the first ("columns"), since a reduction
over a short last axis costs ten times as much for each entry. Which of the two is decided by the
number of classes alone, so a sample's result has the same bits whatever layout its array has.

Arrays come here with the classes in front, see `classes_first`.
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


def classes_first(array: Array, axis: int) -> Array:
    """Return a view of the array with the class axis, counted from the front, first."""
    return array.transpose(axis, *range(axis), *range(axis + 1, array.ndim))


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
            size = max(block.stop - block.start for block in self.blocks) * self.classes
            scratch, *buffers = (np.empty(size, self.dtype) for _ in range(1 + len(inputs)))

            def kernel(block: Block) -> Any:
                samples = block.stop - block.start
                shape = (samples, self.classes) if self.axis else (self.classes, samples)
                size = samples * self.classes
                spare = buffers[0][:size].reshape(shape)
                panels = [
                    self._read(self._part(array, block), buffer[:size].reshape(shape))
                    for array, buffer in zip(inputs, buffers, strict=True)
                ]
                part = spare if output is None else self._part(output, block)
                out = part.reshape(shape) if self._usable(part) else spare
                result = compute(block, panels, out, scratch[:size].reshape(shape))
                if out is spare and part is not spare:
                    np.copyto(part, spare.reshape(part.shape), casting="same_kind")
                return result

            return kernel

        return run(new_kernel, self.blocks, workers)

    def _part(self, array: Array, block: Block) -> Array:
        """Return the entries of a panel as they lie in an array, N-D."""
        part = array[(slice(None), *block.at)]
        return part.transpose(*range(1, part.ndim), 0) if self.axis else part

    def _usable(self, part: Array) -> bool:
        """Return whether a panel can lie where the array's own entries do."""
        return part.flags.c_contiguous and part.dtype == self.dtype

    def _read(self, part: Array, buffer: Array) -> Array:
        if self._usable(part):
            return part.reshape(buffer.shape)
        np.copyto(buffer.reshape(part.shape), part)
        return buffer


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
    inputs = [classes_first(np.atleast_1d(array), axis) for array in arrays]
    plan = panels(inputs[0].shape, computation_dtype(arrays[0]))
    result = np.empty_like(np.atleast_1d(arrays[0]), result_dtype(arrays[0]))
    plan.run(
        lambda _, panels, out, scratch: compute(plan.axis, panels, out, scratch),
        inputs,
        classes_first(result, axis),
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
    """Return numbers, one for each sample or for all, in a shape to broadcast over the panel."""
    return per_sample[:, None] if axis and per_sample.ndim else per_sample


def across_classes(per_class: Array, axis: int) -> Array:
    """Return one number for each class in a shape to broadcast over the panel."""
    return per_class if axis else per_class[:, None]


def clear(panel: Array, samples: Array, axis: int) -> None:
    """Set the entries of some samples, given as a mask, to 0."""
    panel[(samples, slice(None)) if axis else (slice(None), samples)] = 0


def entries(labels: Array, panel: Array, axis: int) -> Array:
    """Return the flat positions of one class of each sample."""
    stride, samples = panel.shape[1], np.arange(labels.size)
    positions: Array = samples * stride + labels if axis else labels * stride + samples
    return positions


def largest(panel: Array, axis: int) -> Array:
    """Return the flat position of each sample's largest class, the first of equals or nan."""
    return entries(panel.argmax(axis=axis), panel, axis)
