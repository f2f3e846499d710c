"""Robust speed: how long calls take whatever the values are, as multiples of normal ones.

No values may make a call of a shape slower than three times its usual time: not numbers below
the normal range, on which processors are slow, nor infinities and nan, which take paths of
their own.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .results import about, publish, saving, write

LIMIT = 3.0
ROUNDS = 9
SHAPES = [(20000, 10), (4000, 100), (400, 1000), (200_000,)]


def _below(dtype: np.dtype[Any]) -> float:
    """A logit whose exponential, next to 1, is below the normal numbers."""
    info = np.finfo(dtype)
    return float(np.log(info.smallest_normal) + np.log(info.eps) / 2)


def _some(x: np.ndarray, value: float) -> np.ndarray:
    """Put a value into one class of each sample, or into every tenth entry."""
    if x.ndim > 1:
        x[np.arange(len(x)), np.arange(len(x)) % x.shape[1]] = value
    else:
        x[::10] = value
    return x


def _subnormal_exponentials(x: np.ndarray) -> np.ndarray:
    return _some(x / 8 + x.dtype.type(_below(x.dtype)), 0)


def _probably(x: np.ndarray) -> np.ndarray:
    """Return probabilities over the classes, or one of two for each entry."""
    exps = np.exp(x)
    return exps / exps.sum(axis=1, keepdims=True) if x.ndim > 1 else exps / (1 + exps)


VALUES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "standard normal": lambda x: x,
    "deviation 10": lambda x: 10 * x,
    "deviation 100": lambda x: 100 * x,
    "zeros": np.zeros_like,
    "all equal": lambda x: np.full_like(x, 7.3),
    "subnormal logits": lambda x: x * np.finfo(x.dtype).smallest_normal / 8,
    "subnormal exponentials": _subnormal_exponentials,
    "huge": lambda x: x * np.sqrt(np.finfo(x.dtype).max),
    "-inf in each sample": lambda x: _some(x, -np.inf),
    "inf in each sample": lambda x: _some(x, np.inf),
    "nan in each sample": lambda x: _some(x, np.nan),
    "all -inf": lambda x: np.full_like(x, -np.inf),
    "all nan": lambda x: np.full_like(x, np.nan),
}


def calls(x: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The functions of logits on these, with targets and weights that are as usual."""
    import losses

    if x.ndim > 1:
        target = rng.integers(0, x.shape[1], len(x))
        probs = _probably(rng.standard_normal(x.shape)).astype(x.dtype)
        weight = rng.uniform(0.5, 2, x.shape[1]).astype(x.dtype)
        out, normal = np.empty_like(x), rng.standard_normal(x.shape).astype(x.dtype)
        log_probs, found = losses.log_softmax(x), losses.softmax(x)
        fused = partial(losses.cross_entropy_value_and_grad, x, out=out)
        yield "cross_entropy", partial(losses.cross_entropy, x, target)
        yield "cross_entropy_value_and_grad", partial(fused, target)
        yield "cross_entropy_value_and_grad, weighted", partial(fused, target, weight=weight)
        yield "cross_entropy_value_and_grad, smoothed", partial(fused, target, label_smoothing=0.1)
        yield "cross_entropy_value_and_grad, probabilities", partial(fused, probs)
        yield "nll_loss", partial(losses.nll_loss, log_probs, target, weight=weight)
        yield "softmax", partial(losses.softmax, x)
        yield "softmax_backward", partial(losses.softmax_backward, normal, found)
        yield "log_softmax", partial(losses.log_softmax, x)
        yield "log_softmax_backward", partial(losses.log_softmax_backward, normal, log_probs)
        yield "logsumexp", partial(losses.logsumexp, x)
        yield "logsumexp_backward", partial(losses.logsumexp_backward, normal[:, 0], x)
        return
    target, weight = rng.random(x.shape).astype(x.dtype), rng.random(x.shape).astype(x.dtype)
    binary = losses.binary_cross_entropy_with_logits_value_and_grad
    yield "sigmoid", partial(losses.sigmoid, x)
    yield "log_sigmoid", partial(losses.log_sigmoid, x)
    yield "log_sigmoid_backward", partial(losses.log_sigmoid_backward, target, x)
    yield binary.__name__, partial(binary, x, target)
    yield (
        f"{binary.__name__}, weighted",
        partial(binary, x, target, weight=weight, pos_weight=weight),
    )
    yield "mse_loss", partial(losses.mse_loss, x, target, weight=weight)
    yield "mse_loss_backward", partial(losses.mse_loss_backward, 1.0, x, target)
    yield "l1_loss", partial(losses.l1_loss, x, target, weight=weight)
    yield "l1_loss_backward", partial(losses.l1_loss_backward, 1.0, x, target)


def problems() -> dict[str, tuple[str, tuple[int, ...]]]:
    """The names that --problems matches: the dtype and the shape of each."""
    return {
        f"{dtype}/{'x'.join(map(str, shape))}": (dtype, shape)
        for dtype in ("float32", "float64")
        for shape in SHAPES
    }


def report(chosen: Collection[str], whole: bool, rounds: int | None, name: str | None) -> Path:
    """Measure the chosen problems; print and save the ratios of each function."""
    cells: list[dict[str, Any]] = []
    results = {"about": about(), "cells": cells}
    with saving("values", name) as path:
        for problem, (dtype, shape) in problems().items():
            if problem not in chosen:
                continue
            for function, ratios in _ratios(shape, dtype, rounds or ROUNDS):
                cells.append({"problem": problem, "function": function, "ratios": ratios})
                write(path, results)
                print(_line(cells[-1]), flush=True)
        print("\n".join(_verdict(cells)))
    return publish(path, "values") if whole else path


def load(path: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return results


def lines(results: dict[str, Any]) -> list[str]:
    """One line for each function and problem, then the slow ones."""
    return [*map(_line, results["cells"]), *_verdict(results["cells"])]


def _line(cell: dict[str, Any]) -> str:
    """The slowest values of a function."""
    worst = max(cell["ratios"], key=cell["ratios"].__getitem__)
    return f"{cell['problem']:<18} {cell['function']:<57} {cell['ratios'][worst]:5.2f}x at {worst}"


def _verdict(cells: list[dict[str, Any]]) -> Iterator[str]:
    slow = [
        f"SLOW {cell['problem']} {cell['function']}: {ratio:.2f}x at {values}"
        for cell in cells
        for values, ratio in cell["ratios"].items()
        if ratio > LIMIT
    ]
    count = sum(len(cell["ratios"]) for cell in cells)
    yield f"{count - len(slow)} of {count} within {LIMIT:g} times that of standard normal values"
    yield from slow


def _ratios(
    shape: tuple[int, ...], dtype: str, rounds: int
) -> Iterator[tuple[str, dict[str, float]]]:
    rows: dict[str, dict[str, Callable[[], Any]]] = {}
    with np.errstate(all="ignore"):
        for values, change in VALUES.items():
            rng = np.random.default_rng(6)
            x = change(rng.standard_normal(shape).astype(dtype))
            for name, call in calls(x, rng):
                rows.setdefault(name, {})[values] = call
    for name, versions in rows.items():
        times: dict[str, list[float]] = {values: [] for values in versions}
        for _ in range(rounds):
            for values, call in versions.items():
                start = time.perf_counter()
                call()
                times[values].append(time.perf_counter() - start)
        usual, *others = (statistics.median(found) for found in times.values())
        yield name, {v: t / usual for v, t in zip(list(times)[1:], others, strict=True)}
