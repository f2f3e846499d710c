"""What the parts cost: the kernel's operations in cache, those of a small call, sizes of blocks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from .problems import SMALL
from .results import about, publish, saving, write

ROUNDS, BLOCK_ROUNDS, SMALL_ROUNDS = 31, 11, 2001
KIB = 1024
CLASSES = (10, 100, 1000)
SHAPES = [(60000, 10), (20000, 100), (8192, 1000)]
SMALL_NAME = f"small/{'x'.join(map(str, SMALL))}"


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
    """Each operation of the kernels on a panel of 512 KiB: what it is, nanoseconds per logit."""
    from losses._activations import exponentials as kernel
    from losses._core.class_sums import FEW_BYTES
    from losses._core.panel import Panel
    from losses._core.panels import SHORT_BYTES

    samples = 512 * KIB // (classes * 4)
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((samples, classes)).astype(np.float32)
    labels = rng.integers(0, classes, samples)
    ones, tenth = np.ones(samples, np.float32), np.arange(0, samples, 10)

    def of(x: np.ndarray, step: int, in_rows: bool) -> dict[str, Callable[[], object]]:
        """The operations on a panel in rows, or in columns."""
        panel = Panel(x, x.reshape(-1), step, in_rows)
        e = panel.with_values(np.exp(x))
        total, at = e.add(), e.at(labels)
        first, limits = x[0] if in_rows else x[:, 0], kernel.RANGES["f"]
        sums, log_probs = kernel.Sums(total, None, None), panel.with_values(np.empty_like(x))
        kernel.log_probabilities(panel, e.with_values(e.values.copy()), sums, log_probs)
        return {
            "exp, into the block": lambda: np.exp(x, out=e.values),
            "sum": e.add,
            "multiply in place": lambda: e.multiply(ones),
            "look ahead": lambda: kernel._shift_ahead(panel, first, limits),
            "range of the sums": lambda: (np.minimum.reduce(total), np.maximum.reduce(total)),
            "log of the sums, in two parts": lambda: kernel.logs(sums),
            "read the labels' entries": lambda: e.memory[at],
            "write the labels' entries": lambda: e.memory.__setitem__(at, total),
            "majority, of one in ten": lambda: kernel.majority(e, tenth, at[tenth]),
            "subtract in place": lambda: e.subtract(ones),
            "find more than half": lambda: kernel.above_half(log_probs),
            "only where shifted: largest": panel.maxima,
        }

    rows = of(logits, classes, in_rows=True)
    columns = {}
    if classes * 4 <= FEW_BYTES:  # more always are rows
        columns = of(np.ascontiguousarray(logits.T), samples, in_rows=False)
    with np.errstate(all="ignore"):
        for name, call in columns.items():
            yield f"columns: {name}", seconds(call, rounds) / logits.size * 1e9
        if classes * 4 >= SHORT_BYTES:  # as the kernel does
            np.setbufsize((2 * classes - 1) // 16 * 16)
        for name, call in rows.items():
            yield f"rows: {name}", seconds(call, rounds) / logits.size * 1e9


def small_call(rounds: int) -> Iterator[tuple[str, float]]:
    """A small call of cross_entropy_value_and_grad and its parts: nanoseconds each."""
    import losses
    from losses._activations import exponentials as kernel
    from losses._cross_entropy.kernels import loss_kernel
    from losses._cross_entropy.problem import problem_for
    from losses._losses import reduction
    from losses._losses.options import class_options

    rng = np.random.default_rng(0)
    logits = rng.standard_normal(SMALL, np.float32)
    target, out = rng.integers(0, SMALL[1], SMALL[0]), np.empty_like(logits)
    options = class_options(reduction="mean")
    problem = problem_for(logits, target, options)
    plan, divisor = problem.plan, problem.divisor()
    grads = reduction.unit_backward("mean", divisor, plan.dtype)
    (block,) = plan.blocks
    mass = problem.target.mass(block, [])
    panel, result = (plan.panel(array.reshape(-1), plan.inner, block) for array in (logits, out))
    spare = plan.panel_in(np.empty(logits.size, plan.dtype), len(target))
    loss = np.ones(len(target), plan.dtype)
    fused = losses.cross_entropy_value_and_grad

    def checks() -> None:
        problem_for(logits, target, class_options(None, -100, 0.0, None, None, "mean"))

    def reduce() -> None:
        reduction.unit_backward("mean", divisor, plan.dtype)
        found = reduction.store_or_sum(None, block, loss)
        reduction.reduce(None, [found], "mean", divisor, plan.dtype)

    yield "value and gradient, all of it", seconds(lambda: fused(logits, target, out=out), rounds)
    yield "value alone", seconds(lambda: losses.cross_entropy(logits, target), rounds)
    yield "its checks", seconds(checks, rounds)
    with np.errstate(all="ignore"):
        yield (
            "its kernel, on its panel",
            seconds(lambda: loss_kernel(panel, mass, options, grads, result, spare), rounds),
        )
        yield (
            "of the kernel: the exponentials",
            seconds(lambda: kernel.exponentials(panel, result, spare), rounds),
        )
    yield "its reduction", seconds(reduce, rounds)


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
    found: dict[str, Any] = {SMALL_NAME: SMALL}
    found |= {f"operations/{classes}": classes for classes in CLASSES}
    return found | {f"blocks/{shape[0]}x{shape[1]}": shape for shape in SHAPES}


def report(chosen: Collection[str], whole: bool, rounds: int | None, name: str | None) -> Path:
    """Measure the chosen problems; print and save nanoseconds, of large arrays per logit."""
    cells: list[dict[str, Any]] = []
    results = {"about": about(), "cells": cells}
    with saving("parts", name) as path:
        for problem, size in problems().items():
            if problem not in chosen:
                continue
            print(f"measuring {problem}", flush=True)
            found: Iterator[tuple[Any, Any]]
            if problem == SMALL_NAME:
                found = ((what, s * 1e9) for what, s in small_call(rounds or SMALL_ROUNDS))
            elif problem.startswith("operations"):
                found = operations(size, rounds or ROUNDS)
            else:
                found = block_sizes(size, rounds or BLOCK_ROUNDS)
            for what, nanoseconds in found:
                cells.append({"problem": problem, "what": what, "nanoseconds": nanoseconds})
                write(path, results)
        print("\n".join(["", *lines(results)]))
    return publish(path, "parts") if whole else path


def load(path: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return results


def lines(results: dict[str, Any]) -> Iterator[str]:
    """A small call, the operations, a column for each number of classes, and the block sizes."""
    of: dict[str, dict[Any, Any]] = {}
    for cell in results["cells"]:
        of.setdefault(cell["problem"], {})[cell["what"]] = cell["nanoseconds"]
    if SMALL_NAME in of:
        yield f"cross_entropy on {SMALL} and its parts, each by itself, microseconds"
        for what, nanoseconds in of[SMALL_NAME].items():
            yield f"{what:<40}{nanoseconds / 1e3:8.2f}"
        yield ""
    counts = [classes for classes in CLASSES if f"operations/{classes}" in of]
    if counts:
        columns = [of[f"operations/{classes}"] for classes in counts]
        yield "The kernel's operations on a panel of 512 KiB of float32, nanoseconds per logit"
        yield f"{'classes':<40}" + "".join(f"{count:>8}" for count in counts)
        for what in columns[0]:
            figures = (f"{column[what]:8.2f}" if what in column else "" for column in columns)
            yield f"{what:<40}" + "".join(figures)
    shapes = [shape for shape in SHAPES if f"blocks/{shape[0]}x{shape[1]}" in of]
    if shapes:
        yield from [""] if counts else []
        yield "cross_entropy_value_and_grad by the size of its blocks, nanoseconds per logit"
    for shape in shapes:
        for size, (one, two) in of[f"blocks/{shape[0]}x{shape[1]}"].items():
            what = f"{shape[0]} x {shape[1]}, blocks of {size} KiB"
            yield f"{what:<40} 1 worker {one:6.2f}   2 workers {two:6.2f}"
