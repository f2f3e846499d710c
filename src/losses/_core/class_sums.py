"""Sums over the classes of a panel, in an order that depends on the number of classes alone.

So a sample's sum has the same bits in every layout and in every batch. Few classes are added as the
even ones in order plus the odd ones in order, which NumPy does fast in rows and in columns. Many
classes lie in rows, and each row is added as it is alone.
"""

from __future__ import annotations

import numpy as np

from .dtypes import Array

# Bytes of the classes of one sample, measured:
FEW_BYTES = 256  # up to here classes are few
LONG_BYTES = 8192  # up to here einsum adds a row, in chains of at most 128 terms
TALL = 6  # times as many samples as classes: up to here a copy in columns saves calls


def add_classes(values: Array, rows: bool) -> Array:
    """Return the sum over the classes: over the second axis of rows, over the first of columns."""
    samples, classes = values.shape if rows else values.shape[::-1]
    sums: Array
    if classes * values.itemsize > FEW_BYTES:  # in rows
        if classes * values.itemsize <= LONG_BYTES:
            # Twice as fast as reduce, which adds longer rows in pairs.
            sums = np.einsum("ij->i", values)
        else:
            sums = np.add.reduce(values, axis=1)
    elif classes < 2:
        # A sum of nothing but -0 is 0.
        sums = values.reshape(-1) + 0 if classes else np.zeros(samples, values.dtype)
    elif samples <= TALL * classes:
        # A copy in columns, in which an even class and the odd one after it make one row.
        pairs = values.T.copy() if rows else values.copy()
        both = np.add.reduce(pairs[: classes // 2 * 2].reshape(classes // 2, 2 * samples), axis=0)
        sums = both[:samples]
        if classes % 2:
            sums += pairs[-1]
        sums = sums + both[samples:]
    elif not rows:
        sums = np.add.reduce(values[0::2], axis=0)
        sums += np.add.reduce(values[1::2], axis=0)
    else:
        # A complex number is an even class and the odd one after it.
        numbers = values[:, : classes // 2 * 2].view(values.dtype.char.upper()).T
        found = numbers[0].copy()
        for number in numbers[1:]:
            found += number
        if classes % 2:
            found.real += values[:, -1]
        sums = found.real + found.imag
        sums += 0  # as reduce begins: a sum of nothing but -0 is 0
    return sums
