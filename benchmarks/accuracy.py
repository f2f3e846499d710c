"""The accuracy report: errors in ulp against 60-digit decimals, of losses and of its peers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from tests.accuracy import exact
from tests.accuracy.regimes import IN_HALF, REGIMES, draw

from .contenders import CONTENDERS, TEXTBOOK, scipy_functions
from .results import about, publish, saving, write

DTYPES = ["float16", "float32", "float64"]
SMOOTHING = 0.1
ROWS, CLASSES = 100, 10
SIZES = {"2 classes": (500, 2), "1000 classes": (20, 1000), "50257 classes": (2, 50257)}
BINARY = "binary logits"
BEYOND = {  # regimes whose losses are below the smallest number of a dtype
    "float16": ["confident by 30", "confident by 80", "confident by 300"],
    "float32": ["confident by 300"],
    "float64": [],
}
LARGEST_LOGIT = {"float16": 16, "float32": 88, "float64": 700}
MARGINS = {"float32": range(0, 102, 2), "float64": range(0, 741, 10)}
MARGIN_ROWS = 8
MARGINS_NAME = "margins"
LOST = "lost"  # what the table says of an error as large as the result

Pair = tuple[np.ndarray, np.ndarray]


class Rows(NamedTuple):
    """Logits (N, C) with labels, or (N,) with a target of 0 or 1 for each."""

    logits: np.ndarray
    target: np.ndarray
    weight: np.ndarray | None = None
    label_smoothing: float = 0.0


class Cell(NamedTuple):
    """The largest and the mean error, in ulp, of a contender's losses and gradients."""

    regime: str
    dtype: str
    contender: str
    loss: tuple[float, float]
    gradient: tuple[float, float]


# ---- what each contender returns: single losses, and the gradient of each ------------------------


def of_losses(rows: Rows) -> Pair:
    import losses

    x, target, weight, smoothing = rows
    if x.ndim == 1:
        return losses.binary_cross_entropy_with_logits_value_and_grad(x, target, reduction="none")
    return losses.cross_entropy_value_and_grad(
        x, target, weight=weight, label_smoothing=smoothing, reduction="none"
    )


def of_numpy(functions: Callable[[], SimpleNamespace], rows: Rows) -> Pair:
    f, (x, target, weight, smoothing) = functions(), rows
    if x.ndim == 1:
        return f.bce(x, target), f.sigmoid(x) - target
    shifted, log_sums, _ = f.parts(x, False)
    gradient = f.softmax(x, axis=1)
    if smoothing:
        mass = np.full_like(x, smoothing / x.shape[1])
        mass[np.arange(len(x)), target] += 1 - smoothing
        return (mass * (log_sums - shifted)).sum(axis=1), gradient - mass
    at = np.arange(len(x)), target
    gradient[at] -= 1
    found = log_sums[:, 0] - shifted[at]
    if weight is None:
        return found, gradient
    return weight[target] * found, weight[target][:, None] * gradient


def of_scikit_learn(rows: Rows) -> Pair | None:
    from sklearn._loss import HalfBinomialLoss, HalfMultinomialLoss

    x, target, weight, smoothing = rows
    if smoothing or x.dtype == np.float16:
        return None
    loss = HalfBinomialLoss() if x.ndim == 1 else HalfMultinomialLoss(n_classes=x.shape[1])
    found: Pair = loss.loss_gradient(
        y_true=target.astype(x.dtype),
        raw_prediction=x,
        sample_weight=None if weight is None else weight[target],
    )
    return found


def of_torch(rows: Rows) -> Pair:
    import torch
    import torch.nn.functional as F  # noqa: N812  # its own documents call it so

    x, target, weight = (
        None if array is None else torch.from_numpy(array)
        for array in (rows.logits, rows.target, rows.weight)
    )
    x.requires_grad_()
    if x.ndim == 1:
        loss = F.binary_cross_entropy_with_logits(x, target, reduction="none")
    else:
        loss = F.cross_entropy(
            x, target, weight=weight, label_smoothing=rows.label_smoothing, reduction="none"
        )
    loss.sum().backward()
    return loss.detach().numpy(), x.grad.numpy()


def of_jax(rows: Rows) -> Pair:
    import jax
    import jax.numpy as jnp
    import optax

    jax.config.update("jax_enable_x64", True)
    target = jnp.asarray(rows.target)
    weight = None if rows.weight is None else jnp.asarray(rows.weight)

    def each(x: Any) -> Any:
        if x.ndim == 1:
            return optax.sigmoid_binary_cross_entropy(x, target)
        if rows.label_smoothing:
            one_hot = jax.nn.one_hot(target, x.shape[1], dtype=x.dtype)
            return optax.softmax_cross_entropy(
                x, optax.smooth_labels(one_hot, rows.label_smoothing)
            )
        loss = optax.softmax_cross_entropy_with_integer_labels(x, target)
        return loss if weight is None else loss * weight[target]

    x = jnp.asarray(rows.logits)
    gradient = jax.jit(jax.grad(lambda x: each(x).sum()))(x)
    return np.asarray(jax.jit(each)(x)), np.asarray(gradient)


ANSWERS: dict[str, Callable[[Rows], Pair | None]] = {
    "losses": of_losses,
    "textbook": partial(of_numpy, lambda: TEXTBOOK),
    "SciPy": partial(of_numpy, scipy_functions),
    "scikit-learn": of_scikit_learn,
    "torch": of_torch,
    "JAX": of_jax,
}


def answers(rows: Rows, contenders: Sequence[str]) -> Iterator[tuple[str, Pair]]:
    """What each contender returns, of those that compute in the logits' dtype at all."""
    for name in contenders:
        with np.errstate(all="ignore"):
            found = ANSWERS[name](rows._replace(logits=rows.logits.copy()))
        if found and all(array.dtype == rows.logits.dtype for array in found):
            yield name, found


# ---- the regimes ---------------------------------------------------------------------------------


def regimes(dtype: str) -> Iterator[tuple[str, Rows]]:
    """The rows of every regime that a dtype reaches."""
    rng = np.random.default_rng(4)
    for name in IN_HALF if dtype == "float16" else REGIMES:
        if name not in BEYOND[dtype]:
            yield name, Rows(*draw(name, ROWS, CLASSES, dtype, rng))
    for name, (samples, classes) in SIZES.items():
        yield name, Rows(*draw("normal logits", samples, classes, dtype, rng))
    normal = Rows(*draw("normal logits", ROWS, CLASSES, dtype, rng))
    yield "label smoothing", normal._replace(label_smoothing=SMOOTHING)
    yield "class weights", normal._replace(weight=rng.uniform(0.5, 2, CLASSES).astype(dtype))
    sizes = np.geomspace(1e-8, LARGEST_LOGIT[dtype], 200)
    logits = np.tile(np.concatenate([-sizes, sizes]), 2).astype(dtype)
    yield BINARY, Rows(logits, np.repeat([0, 1], logits.size // 2).astype(dtype))


def exactly(rows: Rows) -> tuple[list[Any], list[Any]]:
    """The exact losses and gradients, in decimals, entry by entry."""
    if rows.logits.ndim == 1:
        return (
            exact.each(exact.binary_cross_entropy_with_logits, rows.logits, rows.target),
            exact.each(exact.binary_cross_entropy_with_logits_backward, rows.logits, rows.target),
        )
    options = {"weight": rows.weight, "label_smoothing": rows.label_smoothing}
    pairs = list(zip(rows.logits, rows.target.tolist(), strict=True))
    return (
        [exact.cross_entropy(x, t, **options) for x, t in pairs],
        [entry for x, t in pairs for entry in exact.cross_entropy_backward(x, t, **options)],
    )


# ---- the errors ----------------------------------------------------------------------------------


def problems() -> list[str]:
    """The names that --problems matches: of each regime of a dtype, and of the margins."""
    found = [f"{dtype}/{regime}" for dtype in DTYPES for regime, _ in regimes(dtype)]
    return found + [f"{dtype}/{MARGINS_NAME}" for dtype in MARGINS]


def measure(contenders: Sequence[str], chosen: Collection[str]) -> Iterator[Cell]:
    """The errors of every contender in the chosen regimes."""
    for dtype in DTYPES:
        for regime, rows in regimes(dtype):
            if f"{dtype}/{regime}" not in chosen:
                continue
            expected = exactly(rows)
            for name, found in answers(rows, contenders):
                loss, gradient = map(_largest_and_mean, found, expected)
                yield Cell(regime, dtype, name, loss, gradient)


def _largest_and_mean(got: np.ndarray, expected: Sequence[Any]) -> tuple[float, float]:
    dtype = got.dtype.type
    errors = [exact.ulp_error(g, e, dtype) for g, e in zip(got.reshape(-1), expected, strict=True)]
    return max(errors), sum(errors) / len(errors)


def by_margin(contenders: Sequence[str], dtype: str) -> dict[str, list[list[float]]]:
    """The largest relative errors of loss and target's gradient at each confidence margin."""
    curves: dict[str, list[list[float]]] = {}
    rng = np.random.default_rng(5)
    for margin in MARGINS[dtype]:
        logits = rng.standard_normal((MARGIN_ROWS, CLASSES))
        logits[:, 0] = logits[:, 1:].max(axis=1) + margin
        rows = Rows(logits.astype(dtype), np.zeros(MARGIN_ROWS, np.int64))
        expected_loss, expected_gradient = exactly(rows)
        for name, (loss, gradient) in answers(rows, contenders):
            curve = curves.setdefault(name, [[], []])
            pairs = [(loss, expected_loss), (gradient[:, 0], expected_gradient[::CLASSES])]
            for errors, pair in zip(curve, pairs, strict=True):
                errors.append(max(map(_relative, *pair)))
    return curves


def _relative(got: np.floating[Any], expected: Any) -> float:
    if not np.isfinite(got):
        return math.inf
    return float(abs(exact.decimals(got) - expected) / abs(expected))


# ---- what is written of it -----------------------------------------------------------------------


def report(chosen: Collection[str], whole: bool, name: str | None) -> Path:
    """Measure the chosen problems with every contender that is installed; print and save."""
    contenders = [name for name in ANSWERS if not CONTENDERS[name].missing]
    missing = [name for name in ANSWERS if name not in contenders]
    if missing:
        print(f"not installed, and left out: {', '.join(missing)}")
    machine = about()
    where = {
        key: machine[key]
        for key in ("date", "commit", "code", "cpu", "system", "python", "versions")
    }
    cells: list[Cell] = []
    margins: dict[str, Any] = {"at": {}, "errors": {}}
    results = {"about": where, "cells": cells, "margins": margins}
    with saving("accuracy", name) as path:
        for cell in measure(contenders, chosen):
            cells.append(cell)
            save(path, results)
            print(
                f"{cell.dtype:<8} {cell.regime:<20} {cell.contender:<13} "
                f"loss {ulp(cell, cell.loss[0])} (mean {ulp(cell, cell.loss[1])}), "
                f"gradient {ulp(cell, cell.gradient[0])} (mean {ulp(cell, cell.gradient[1])}) ulp",
                flush=True,
            )
        for dtype in MARGINS:
            if f"{dtype}/{MARGINS_NAME}" in chosen:
                margins["errors"][dtype] = by_margin(contenders, dtype)
                margins["at"][dtype] = list(MARGINS[dtype])
                save(path, results)
    return publish(path, "accuracy") if whole and not missing else path


def save(path: Path, results: dict[str, Any]) -> None:
    write(path, results | {"cells": [cell._asdict() for cell in results["cells"]]})


def load(path: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    pairs = ("loss", "gradient")
    results["cells"] = [
        Cell(**{key: tuple(value) if key in pairs else value for key, value in cell.items()})
        for cell in results["cells"]
    ]
    return results


def ulp(cell: Cell, error: float) -> str:
    """An error with two digits, or that not one digit of the result is right."""
    if not error < 2 ** np.finfo(cell.dtype).nmant:
        return LOST
    if error >= 1000:
        return f"{error:.0e}".replace("e+0", "e").replace("e+", "e")
    return "0" if error < 0.005 else f"{error:.2g}" if error < 100 else f"{error:.0f}"


def tables(results: dict[str, Any]) -> dict[str, list[str]]:
    """The lines of a Markdown table for the losses and the gradients of each dtype."""
    cells: list[Cell] = results["cells"]
    found = {}
    for dtype in dict.fromkeys(cell.dtype for cell in cells):
        for what in ("loss", "gradient"):
            of = {(c.regime, c.contender): c for c in cells if c.dtype == dtype}
            found[f"{dtype}, {what}"] = list(_table(of, what))
    return found


def _table(cells: dict[tuple[str, str], Cell], what: str) -> Iterator[str]:
    from .plot import STYLES

    names = list(dict.fromkeys(name for _, name in cells))
    yield f"| largest (mean) error in ulp | {' | '.join(STYLES[name][2] for name in names)} |"
    yield "|---" * (1 + len(names)) + "|"
    for regime in dict.fromkeys(regime for regime, _ in cells):
        entries = []
        for name in names:
            cell = cells.get((regime, name))
            largest, mean = getattr(cell, what) if cell else (0, 0)
            entries.append(f"{ulp(cell, largest)} ({ulp(cell, mean)})" if cell else "")
        yield f"| {regime} | {' | '.join(entries)} |"
