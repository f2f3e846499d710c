"""Arrays in .npy files: mapped and read piece by piece, or written whole or not at all."""

from __future__ import annotations

import contextlib
import mmap
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .._core.checks import Array

# Of a mapped file each page that was read counts as memory until it is dropped.
ROOM = 34 << 20  # bytes of pages between two drops, a few more than a piece has
AROUND = 1 << 16  # a page that is read brings in those around it, Linux: 64 KiB

NPY, ZIP = b"\x93NUMPY", b"PK"  # how files begin


class RefusedError(Exception):
    """A file or an argument that is not as it must be: its name, and what is wrong."""

    def __str__(self) -> str:
        """Return both in one line."""
        return " ".join(": ".join(map(str, self.args)).splitlines())


class Mapped(NamedTuple):
    """An array in a file, of which only what is worked on is in memory."""

    path: str
    array: Array
    memory: Any  # the mmap

    def read(self, index: tuple[slice, ...]) -> Array:
        """Return a part: a view, or a copy if its entries are scattered over too many pages."""
        part = self.array[index]
        if pages(part) <= ROOM:
            return part
        copy = np.empty_like(part)
        self._copy(part, copy)
        return copy

    def _copy(self, part: Array, copy: Array) -> None:
        if pages(part) <= ROOM or part.size == 1:
            np.copyto(copy, part)
            self.drop()
            return
        axis = max(range(part.ndim), key=lambda i: (part.shape[i] > 1, part.strides[i]))
        lead, half = (slice(None),) * axis, part.shape[axis] // 2
        for side in (slice(half), slice(half, None)):
            self._copy(part[*lead, side], copy[*lead, side])

    def drop(self) -> None:
        """Give the pages back; one that is read again comes from the file."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self.memory.madvise(mmap.MADV_DONTNEED)


def pages(part: Array) -> int:
    """Return the bytes of the pages that reading a part brings in, at most."""
    run, runs, extent = part.itemsize, 1, part.itemsize
    for step, size in sorted(zip(part.strides, part.shape, strict=True)):
        if step == run:
            run *= size
        elif size > 1:
            runs *= size
        extent += step * (size - 1)
    return min(runs * (run + 2 * AROUND), extent + 2 * AROUND)


def open_mapped(path: str) -> Mapped:
    """Return the array in a .npy file; Python objects, which need pickle, are refused."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise RefusedError(path, "expected a .npy file, got what is not a regular file")
        with open(path, "rb") as file:
            start = file.read(len(NPY))
    except OSError as error:
        raise RefusedError(path, error.strerror) from None
    if start != NPY:
        kind = "a ZIP archive (.npz holds several arrays)" if start[:2] == ZIP else "another format"
        raise RefusedError(path, f"expected a .npy file, got {kind}")
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # whatever NumPy raises at a header, the file is what is wrong
        if "Python objects" in str(error):
            raise RefusedError(path, "refused, for it holds pickled Python objects") from None
        wrong = "it is shorter than its header says" if "mmap" in str(error) else "a broken header"
        raise RefusedError(path, f"cannot be read as a .npy file: {wrong}") from None
    return Mapped(path, np.asarray(array), array.base)


def may_write(path: str, inputs: list[str]) -> None:
    """Refuse a path at which there can be no new file, or at which there is an input."""
    if not os.path.basename(path):
        raise RefusedError(path or "--out", "is no name of a file")
    if not os.path.isdir(os.path.dirname(os.path.realpath(path))):
        raise RefusedError(path, "its directory does not exist")
    if os.path.exists(path) and not os.path.isfile(path):
        raise RefusedError(path, "exists, and is no regular file")
    for other in inputs:
        if os.path.exists(path) and os.path.samefile(path, other):
            raise RefusedError(path, f"is an input, {other}, and would be overwritten")


@contextlib.contextmanager
def whole_file(
    path: str, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> Iterator[Callable[[Array], object]]:
    """Yield a function that appends entries to a .npy file, which takes its name once whole."""
    real = os.path.realpath(path)  # what a symbolic link leads to is replaced, not the link
    folder = os.path.dirname(real)
    temporary = os.path.join(folder, f".{secrets.token_hex(8)}.tmp")
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    try:
        with open(temporary, "xb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            yield lambda entries: file.write(entries.tobytes())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, real)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise RefusedError(path, error.strerror) from None
        raise
