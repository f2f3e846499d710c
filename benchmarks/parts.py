"""What the parts cost: NumPy's own operations on a block in cache, and the size of the blocks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from .results import about, publish, saving, write

ROUNDS, BLOCK_ROUNDS = 31, 11
KIB = 1024
CLASSES = (10, 100, 1000)
SHAPES = [(60000, 10), (20000, 100), (8192, 1000)]


def seconds(call: Callable[[], object], rounds: int) -> float:
    """The median time of a call, after one that is not counted."""
    call()
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return median(found)


def operations(classes: int, rounds: int) -> Iterator[tuple[str, float]]:
    """Each operation of the kernels on a block of 512 KiB: what it is, nanoseconds per logit."""
    samples = 512 * KIB // (classes * 4)
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((samples, classes)).astype(np.float32)
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
            yield name, seconds(call, rounds) / rows.size * 1e9
        for name, call in by_rows.items():
            if classes >= 256 and not any(kind in name for kind in ("largest, ", "sum")):
                np.setbufsize((2 * classes - 1) // 16 * 16)
            yield name, seconds(call, rounds) / rows.size * 1e9


def block_sizes(shape: tuple[int, int], rounds: int) -> Iterator[tuple[int, list[float]]]:
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
                    rounds,
                )
                for workers in (1, 2)
            ]
            yield size, [one / logits.size * 1e9 for one in found]
    finally:
        blocks.BLOCK_BYTES = before


def problems() -> dict[str, Any]:
    """The names that --problems matches: the number of classes, or the shape, of each."""
    found: dict[str, Any] = {f"operations/{classes}": classes for classes in CLASSES}
    return found | {f"blocks/{shape[0]}x{shape[1]}": shape for shape in SHAPES}


def report(chosen: Collection[str], whole: bool, rounds: int | None, name: str | None) -> Path:
    """Measure the chosen problems; print and save the nanoseconds per logit."""
    cells: list[dict[str, Any]] = []
    results = {"about": about(), "cells": cells}
    with saving("parts", name) as path:
        for problem, size in problems().items():
            if problem not in chosen:
                continue
            print(f"measuring {problem}", flush=True)
            found: Iterator[tuple[Any, Any]] = (
                operations(size, rounds or ROUNDS)
                if problem.startswith("operations")
                else block_sizes(size, rounds or BLOCK_ROUNDS)
            )
            for what, nanoseconds in found:
                cells.append({"problem": problem, "what": what, "nanoseconds": nanoseconds})
                write(path, results)
        print("\n".join(["", *lines(results)]))
    return publish(path, "parts") if whole else path


def load(path: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return results


def lines(results: dict[str, Any]) -> Iterator[str]:
    """The operations, a column for each number of classes, and the block sizes."""
    of: dict[str, dict[Any, Any]] = {}
    for cell in results["cells"]:
        of.setdefault(cell["problem"], {})[cell["what"]] = cell["nanoseconds"]
    counts = [classes for classes in CLASSES if f"operations/{classes}" in of]
    if counts:
        columns = [of[f"operations/{classes}"] for classes in counts]
        yield "NumPy's operations on a block of 512 KiB of float32, nanoseconds per logit"
        yield f"{'classes':<36}" + "".join(f"{count:>8}" for count in counts)
        for what in columns[0]:
            figures = (f"{column[what]:8.2f}" if what in column else "" for column in columns)
            yield f"{what:<36}" + "".join(figures)
    shapes = [shape for shape in SHAPES if f"blocks/{shape[0]}x{shape[1]}" in of]
    if shapes:
        yield from [""] if counts else []
        yield "cross_entropy_value_and_grad by the size of its blocks, nanoseconds per logit"
    for shape in shapes:
        for size, (one, two) in of[f"blocks/{shape[0]}x{shape[1]}"].items():
            what = f"{shape[0]} x {shape[1]}, blocks of {size} KiB"
            yield f"{what:<40} 1 worker {one:6.2f}   2 workers {two:6.2f}"
