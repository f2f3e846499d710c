"""The same numbers in other memory layouts, and what it is to be the same."""

import numpy as np


def same_bits(a, b):
    """Return whether two results have equal entries, nan for nan, in one dtype."""
    return np.array_equal(a, b, equal_nan=True) and np.asarray(a).dtype == np.asarray(b).dtype


def strided(array):
    """Return the same numbers with others between them."""
    return np.repeat(array, 2, axis=-1)[..., ::2] if array.ndim else array


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def unaligned(array):
    """Return the same numbers one byte after an address that suits them."""
    memory = np.zeros(array.nbytes + 1, np.uint8)
    copy = memory[1:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


LAYOUTS = {
    "Fortran order": lambda array: array.copy(order="F"),
    "byte-swapped": lambda array: array.astype(array.dtype.newbyteorder()),
    "strided": strided,
    "reversed": lambda array: np.flip(np.flip(array).copy()),
    "read-only": read_only,
    "unaligned": unaligned,
}
