"""The products of a linear map and of its backward, in bounded memory.

BLAS multiplies a matrix where it lies if it has the dtype of the computation and contiguous rows or
columns. Any other matrix is copied, one tile at a time, and so are samples that are no slice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .blocks import Samples, position, slices
from .dtypes import Array

TILE_BYTES = 4 * 1024 * 1024  # of a tile that is copied
PRODUCT_BYTES = 2 * 1024 * 1024  # of a product that is added to a sum: it stays in the cache


class LinearMap(NamedTuple):
    """The map inputs @ weight.T, from (..., D) to (..., C), computed in a dtype."""

    inputs: Array
    weight: Array
    dtype: np.dtype[Any]

    def forward(self, samples: Samples, classes: slice, out: Array) -> None:
        """Write the product for some samples and classes."""
        if not self.weight.shape[1]:
            out[...] = 0
        for features in self._features(out, self._in_place(samples)):
            inputs = self._inputs(samples, features)
            for some in self._classes(classes, features):
                product = out[:, some.start - classes.start : some.stop - classes.start]
                weight = self._weight(some, features)
                accumulate(product, inputs, weight.T, fresh=features.start == 0)

    def backward_inputs(
        self, grad: Array, samples: Samples, classes: slice, out: Array, *, fresh: bool
    ) -> None:
        """Write grad @ weight to some samples of out, which has the shape of inputs, or add it."""
        direct = isinstance(samples, slice) and out.dtype == self.dtype
        for features in self._features(grad, direct):
            shape = len(grad), features.stop - features.start
            here = out[samples, features] if direct else np.empty(shape, self.dtype)
            for some in self._classes(classes, features):
                columns = grad[:, some.start - classes.start : some.stop - classes.start]
                first = some.start == classes.start and (fresh or not direct)
                accumulate(here, columns, self._weight(some, features), fresh=first)
            if not direct and fresh:
                out[samples, features] = here
            elif not direct:
                out[samples, features] += here

    def backward_weight(self, grad: Array, samples: Samples, out: Array, *, fresh: bool) -> None:
        """Write grad.T @ inputs to out, the gradient of the weight of some classes, or add it."""
        for features in self._features(grad, self._in_place(samples)):
            inputs = self._inputs(samples, features)
            accumulate(out[:, features], grad.T, inputs, fresh=fresh)

    @property
    def in_place(self) -> bool:
        """Whether BLAS multiplies slices of the samples, and the weight, where they lie."""
        return self._in_place(slice(0)) and _usable(self.weight, self.dtype)

    def _in_place(self, samples: Samples) -> bool:
        usable = self.inputs.ndim == 2 and _usable(self.inputs, self.dtype)
        return usable and isinstance(samples, slice)

    def _features(self, per_sample: Array, in_place: bool) -> Iterator[slice]:
        """Cut the features so that the samples and a row of the weight are at most a tile each."""
        count = self.weight.shape[1]
        if in_place and _usable(self.weight, self.dtype):
            return slices(0, count, count)
        rows = 1 if in_place else max(1, len(per_sample))
        return slices(0, count, TILE_BYTES // (self.dtype.itemsize * rows))

    def _classes(self, classes: slice, features: slice) -> Iterator[slice]:
        """Cut the classes so that their weight is at most a tile, if it must be copied."""
        if _usable(self.weight, self.dtype):
            return iter([classes])
        room = TILE_BYTES // (self.dtype.itemsize * max(1, features.stop - features.start))
        return slices(classes.start, classes.stop, room)

    def _inputs(self, samples: Samples, features: slice) -> Array:
        found = self.inputs[(*position(self.inputs.shape[:-1], samples), features)]
        return _ready(found, self.dtype)

    def _weight(self, classes: slice, features: slice) -> Array:
        return _ready(self.weight[classes, features], self.dtype)


def accumulate(out: Array, a: Array, b: Array, *, fresh: bool) -> None:
    """Write a @ b to out or, in chunks that take little memory, add it to out."""
    if fresh:
        np.matmul(a, b, out=out)
        return
    height, width = out.shape
    across = min(width, PRODUCT_BYTES // out.itemsize)
    down = PRODUCT_BYTES // (out.itemsize * max(1, across))
    for columns in slices(0, width, across):
        for rows in slices(0, height, down):
            out[rows, columns] += np.matmul(a[rows], b[:, columns])


def _ready(array: Array, dtype: np.dtype[Any]) -> Array:
    return array if _usable(array, dtype) else np.ascontiguousarray(array, dtype)


def _usable(array: Array, dtype: np.dtype[Any]) -> bool:
    """Return whether BLAS multiplies a matrix where it lies."""
    if array.dtype != dtype or not array.flags.aligned:
        return False
    (height, width), (down, across), one = array.shape, array.strides, array.itemsize
    rows = across == one and down >= width * one and not down % one
    return rows or (down == one and across >= height * one and not across % one)
