"""Arrays in .npy files: read a chunk at a time, or written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from io import BytesIO, FileIO
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .._core.dtypes import Array, stand_in

# Entries within so many bytes of one another are read by one call, with the bytes between them:
# faster than one call for each.
NEAR = 1 << 18

NPY, ZIP = b"\x93NUMPY", b"PK"  # the first bytes of files
HEADER = 1 << 14  # bytes; NumPy refuses longer headers
HEADERS = {  # by version of the format; 3.0 is 2.0 with names of fields in UTF-8
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    (3, 0): np.lib.format.read_array_header_2_0,
}


class RefusedError(Exception):
    """A file or an argument is wrong: its name, and what is wrong."""

    def __str__(self) -> str:
        """Return the name and what is wrong."""
        return ": ".join(map(str, self.args))


class Stored(NamedTuple):
    """An array in an open file, of which slices are read.

    The file is not mapped: if a mapped file becomes shorter, reading it kills the process.
    """

    path: str
    file: FileIO
    state: tuple[int, int]  # of the file when it was opened
    offset: int  # in bytes, of the first entry
    fortran: bool  # whether the entries are in Fortran's order
    like: Array  # a stand-in: the shape and dtype, in no memory

    def read(self, index: tuple[slice, ...] = ()) -> Array:
        """Return slices of the array; an axis without a slice is read whole."""
        index += (slice(None),) * (self.like.ndim - len(index))
        if self.fortran:  # the transposed array is in C order
            transposed = self._replace(fortran=False, like=self.like.T)
            return transposed.read(index[::-1]).T
        dtype, sizes = self.like.dtype, self.like.shape
        steps = [dtype.itemsize * prod(sizes[i + 1 :]) for i in range(len(sizes))]
        starts = [at.indices(size)[0] for at, size in zip(index, sizes, strict=True)]
        part = np.empty(self.like[index].shape, dtype)
        if part.size:
            at = sum(start * step for start, step in zip(starts, steps, strict=True))
            self._fill(part, self.offset + at, steps)
        return part

    def _fill(self, part: Array, at: int, steps: list[int]) -> None:
        """Fill an array from entries that start at a byte, `steps` bytes apart along each axis."""
        extent = sum(step * (n - 1) for step, n in zip(steps, part.shape, strict=True))
        extent += part.itemsize
        if extent == part.nbytes:
            self._read_into(part, at)
        elif extent <= NEAR:
            around = np.empty(extent, np.uint8)
            self._read_into(around, at)
            part[...] = np.ndarray(part.shape, part.dtype, around.data, 0, steps)
        elif steps[0] > NEAR // 2:
            for i, row in enumerate(part):
                self._fill(row, at + i * steps[0], steps[1:])
        else:
            rows = NEAR // steps[0]
            for i in range(0, len(part), rows):
                self._fill(part[i : i + rows], at + i * steps[0], steps)

    def _read_into(self, array: Array, at: int) -> None:
        """Read a contiguous array from a byte of the file on."""
        memory = array.reshape(-1).view(np.uint8).data
        try:
            self.file.seek(at)
            while memory:
                count = self.file.readinto(memory)
                if not count:
                    raise self.changed()
                memory = memory[count:]
        except OSError as error:
            raise RefusedError(self.path, error.strerror) from None

    def check_unchanged(self) -> None:
        """Refuse a file that has changed since it was opened."""
        if _state(self.file) != self.state:
            raise self.changed()

    def changed(self) -> RefusedError:
        """Return the error for a file that has changed."""
        return RefusedError(self.path, "was changed while it was read")


def _state(file: FileIO) -> tuple[int, int]:
    """Return a file's size and the time of its last change."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


@contextlib.contextmanager
def stored(path: str) -> Iterator[Stored]:
    """Yield the array in a .npy file; Python objects, which need pickle, are refused."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for a writer
            raise RefusedError(path, "expected a .npy file, got what is not a regular file")
        file = FileIO(path)
    except OSError as error:
        raise RefusedError(path, error.strerror) from None
    with file:
        yield _stored(path, file)


def _stored(path: str, file: FileIO) -> Stored:
    state = _state(file)
    try:
        start = BytesIO(file.read(HEADER))
    except OSError as error:
        raise RefusedError(path, error.strerror) from None
    if start.getvalue()[: len(NPY)] != NPY:
        zipped = start.getvalue()[: len(ZIP)] == ZIP
        kind = "a ZIP archive (.npz holds several arrays)" if zipped else "another format"
        raise RefusedError(path, f"expected a .npy file, got {kind}")
    try:
        shape, fortran, dtype = HEADERS[np.lib.format.read_magic(start)](start)
        like = stand_in(shape, dtype)
    except MemoryError:
        raise
    except Exception:  # whatever NumPy raises, the header is broken
        raise RefusedError(path, "cannot be read as a .npy file: a broken header") from None
    if dtype.hasobject:
        raise RefusedError(path, "refused, for it holds pickled Python objects")
    if start.tell() + like.nbytes > state[0]:
        what = "it is shorter than its header says"
        raise RefusedError(path, f"cannot be read as a .npy file: {what}")
    return Stored(path, file, state, start.tell(), fortran, like)


@contextlib.contextmanager
def unchanged(files: list[Stored]) -> Iterator[None]:
    """Refuse files that change within the ``with`` statement, before any error this causes."""
    try:
        yield
    except Exception:
        for file in files:
            file.check_unchanged()
        raise
    for file in files:
        file.check_unchanged()


def may_write(path: str, inputs: list[str]) -> None:
    """Refuse a path where no file can be made, or which is an input."""
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
    """Yield a function that appends entries to a .npy file; it is renamed to `path` once whole."""
    real = os.path.realpath(path)  # replace the target of a symbolic link, not the link
    folder = os.path.dirname(real)
    temporary = os.path.join(folder, f".{secrets.token_hex(8)}.tmp")
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    try:
        with open(temporary, "xb") as file:
            _permissions(real, temporary)
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


def _permissions(of: str, to: str) -> None:
    """Give a file the owner, group and permissions of another file, if that exists."""
    with contextlib.suppress(OSError):
        status = os.stat(of)
        with contextlib.suppress(OSError, AttributeError):  # forbidden, or unknown to this system
            os.chown(to, status.st_uid, status.st_gid)
        os.chmod(to, stat.S_IMODE(status.st_mode))
