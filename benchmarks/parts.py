"""What the parts cost: NumPy's own operations on a block in cache, and the size of the blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median

import numpy as np

ROUNDS = 31
KIB = 1024


def seconds(call: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median time of a call, after one that is not counted."""
    call()
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return median(found)


def operations(classes: int, dtype: str = "float32") -> Iterator[tuple[str, float]]:
    """Each operation of the kernels on a block of 512 KiB: what it is, nanoseconds per logit."""
    samples = 512 * KIB // (classes * np.dtype(dtype).itemsize)
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((samples, classes)).astype(dtype)
    columns, out_rows = np.ascontiguousarray(rows.T), np.empty_like(rows)
    out = np.empty_like(columns)
    per_sample, flat = rows.max(axis=1), rows.reshape(-1)
    at = np.arange(samples) * classes + rng.integers(0, classes, samples)

    def compensated(x: np.ndarray, largest: np.ndarray, spare: np.ndarray) -> None:
        """Find what rounding takes from x - largest, and multiply its exponential into one."""
        shifted = x - largest
        lost = shifted - x
        np.subtract(shifted, lost, out=spare)
        np.subtract(x, spare, out=spare)
        lost += largest
        spare -= lost
        spare *= shifted  # in place of the exponential: the time is the same
        shifted += spare

    either = {
        "exp": lambda: np.exp(rows, out=out_rows),
        "read the labels' entries": lambda: flat.take(at),
        "write the labels' entries": lambda: out_rows.reshape(-1).__setitem__(at, per_sample),
        "log1p of each sample": lambda: np.log1p(np.abs(per_sample)),
        "sum of each sample in float64": lambda: np.add.reduce(per_sample, dtype=np.float64),
    }
    by_rows = {
        "rows: largest, argmax": lambda: rows.argmax(axis=1),
        "rows: largest, maximum": lambda: np.maximum.reduce(rows, axis=1),
        "rows: subtract the largest": lambda: np.subtract(rows, per_sample[:, None], out=out_rows),
        "rows: compensate the difference": lambda: compensated(rows, per_sample[:, None], out_rows),
        "rows: sum, einsum": lambda: np.einsum("ij->i", rows),
        "rows: sum, add.reduce": lambda: np.add.reduce(rows, axis=1),
        "rows: multiply": lambda: np.multiply(rows, per_sample[:, None], out=out_rows),
    }
    by_columns = {
        "columns: copy in": lambda: np.copyto(out, rows.T),
        "columns: largest": lambda: np.maximum.reduce(columns, axis=0),
        "columns: subtract the largest": lambda: np.subtract(columns, per_sample, out=out),
        "columns: compensate the difference": lambda: compensated(columns, per_sample, out),
        "columns: floor": lambda: np.floor(columns, out=out),
        "columns: sum": lambda: np.add.reduce(columns, axis=0),
        "columns: multiply": lambda: np.multiply(columns, per_sample, out=out),
        "columns: copy back": lambda: np.copyto(out_rows, columns.T),
    }
    with np.errstate(all="ignore"):
        for name, call in (either | by_columns).items():
            yield name, seconds(call) / rows.size * 1e9
        for name, call in by_rows.items():
            if classes >= 256 and not any(kind in name for kind in ("largest, ", "sum")):
                np.setbufsize((2 * classes - 1) // 16 * 16)
            yield name, seconds(call) / rows.size * 1e9


def block_sizes(shape: tuple[int, int]) -> Iterator[tuple[int, list[float]]]:
    """Block sizes in KiB, and nanoseconds per logit with 1 and 2 workers."""
    import losses
    from losses._core import blocks

    rng = np.random.default_rng(0)
    logits = rng.standard_normal(shape, np.float32)
    target, out = rng.integers(0, shape[1], shape[0]), np.empty_like(logits)
    before = blocks.BLOCK_BYTES
    try:
        for size in (128, 256, 512, 1024, 2048):
            blocks.BLOCK_BYTES = size * KIB
            found = [
                seconds(
                    lambda workers=workers: losses.cross_entropy_value_and_grad(
                        logits, target, out=out, workers=workers
                    ),
                    rounds=11,
                )
                for workers in (1, 2)
            ]
            yield size, [one / logits.size * 1e9 for one in found]
    finally:
        blocks.BLOCK_BYTES = before


def report() -> Iterator[str]:
    """The lines of ``python -m benchmarks parts``."""
    counts = (10, 100, 1000)
    yield "NumPy's operations on a block of 512 KiB of float32, nanoseconds per logit"
    yield f"{'classes':<36}" + "".join(f"{count:>8}" for count in counts)
    for rows in zip(*(list(operations(count)) for count in counts), strict=True):
        yield f"{rows[0][0]:<36}" + "".join(f"{figure:8.2f}" for _, figure in rows)
    yield ""
    yield "cross_entropy_value_and_grad by the size of its blocks, nanoseconds per logit"
    for shape in [(60000, 10), (20000, 100), (8192, 1000)]:
        for size, (one, two) in block_sizes(shape):
            what = f"{shape[0]} x {shape[1]}, blocks of {size} KiB"
            yield f"{what:<40} 1 worker {one:6.2f}   2 workers {two:6.2f}"
