"""The plots: how many times as long each peer takes; how accurate each is when it is sure."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from .contenders import LAST, PEERS
from .problems import FUSED, Problem
from .results import Cell, Results

# Okabe and Ito's colours, told apart with any colour vision; the markers differ too.
STYLES = {
    "losses": ("*", "#B2182B", "losses"),
    LAST: ("*", "#56B4E9", LAST),
    "textbook": ("P", "#000000", "textbook NumPy"),
    "SciPy": ("v", "#CC79A7", "SciPy"),
    "scikit-learn": ("^", "#009E73", "scikit-learn"),
    "torch": ("o", "#D55E00", "PyTorch eager"),
    "torch.compile": ("s", "#E69F00", "torch.compile"),
    "JAX": ("D", "#0072B2", "JAX jit"),
}
TITLE = "Cross entropy and its gradient, float32: each peer's time as a multiple of losses' time"
OTHERS = [LAST, *PEERS]  # whose time is drawn as a multiple of that of losses
KINDS = {  # of samples: what they are called
    "plain": "standard\nnormal",
    "wide": "standard\ndeviation 10",
    "confident": "90 %\nconfident",
    "offset": "offset\n100",
    "weight": "class\nweights",
    "ignored": "20 %\nignored",
    "smoothing": "label\nsmoothing",
    "probabilities": "class\nprobabilities",
}
KINDS_SHAPE = (8192, 1000)
TIMES = "\N{MULTIPLICATION SIGN}"
CHUNKED = {"torch, chunked": ("s", "#E69F00", "PyTorch, chunked")}
LAYER = "Cross entropy of a linear layer, with its gradients: memory beside arguments and results"
MEMORY_BAR = 64  # MiB
CLIFF = "Confident and right: the largest relative error of the loss and of the target's gradient"


def draw(results: Results, stem: Path) -> bool:
    """Write stem.svg and stem.png; return False if there is nothing to draw."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    fused = [
        cell
        for cell in results.cells
        if (p := cell.problem).operation == FUSED
        and p.dtype == "float32"
        and "losses" in cell.timings
    ]
    cells = [cell for cell in fused if kind(cell.problem) == "plain"]
    counts = sorted({cell.threads for cell in cells})
    shapes = list(dict.fromkeys(cell.problem.shape for cell in cells))
    panels = [
        (
            f"{count} thread{'s' * (count > 1)}",
            {_label(c.problem.shape): c for c in cells if c.threads == count},
            list(map(_label, shapes)),
        )
        for count in counts
    ]
    one = [c for c in fused if c.problem.shape == KINDS_SHAPE and c.threads == 1]
    kinds = {KINDS[kind(cell.problem)]: cell for cell in one}
    if {*kinds} - {KINDS["plain"]}:
        ticks = [label for label in KINDS.values() if label in kinds]
        panels.append((f"{f' {TIMES} '.join(map(str, KINDS_SHAPE))}, 1 thread", kinds, ticks))
    if not panels:
        return False
    others = [name for name in OTHERS if any(name in cell.timings for cell in fused)]
    with mpl.rc_context({"font.size": 11, "svg.hashsalt": "losses"}):
        figure, axes = plt.subplots(
            len(panels), 1, figsize=(9.6, 1.7 + 2.75 * len(panels)), squeeze=False
        )
        for panel, (label, found, ticks) in zip(axes[:, 0], panels, strict=True):
            _panel(panel, found, ticks, others)
            panel.set_ylabel(label, fontsize=12)
        shown = [cell for _, found, _ in panels for cell in found.values()]
        _limits(axes[:, 0], [cell.ratio(p) for cell in shown for p in others if p in cell.timings])
        figure.suptitle(TITLE, fontsize=12.5, fontweight="bold")
        figure.legend(
            *axes[0, 0].get_legend_handles_labels(),
            loc="upper center",
            ncols=len(OTHERS),
            frameon=False,
            bbox_to_anchor=(0.5, 1 - 0.35 / figure.get_figheight()),
            columnspacing=0.9,
            handletextpad=0,
        )
        figure.supxlabel(_caption(results.about), fontsize=8.5, color="0.35")
        figure.tight_layout(rect=(0, 0, 1, 1 - 0.3 / figure.get_figheight()))
        _save(figure, stem)
    plt.close(figure)
    return True


def kind(problem: Problem) -> str:
    """The kind of samples: a name of KINDS."""
    return "wide" if problem.deviation != 1 else problem.variant


def _panel(panel: Any, cells: dict[str, Cell], ticks: list[str], others: list[str]) -> None:
    """The cells of some ticks: what each takes stands side by side above its tick."""
    panel.axhline(1, color="black", linewidth=1.6)
    for i, name in enumerate(others):
        points = [
            (ticks.index(tick) + (i - (len(others) - 1) / 2) * 0.81 / len(OTHERS), cell.ratio(name))
            for tick, cell in cells.items()
            if name in cell.timings
        ]
        marker, colour, label = STYLES[name]
        xs, ys = zip(*points, strict=True) if points else ((), ())
        panel.vlines(xs, 1, ys, color=colour, linewidth=1.4, alpha=0.6)
        size = 11 if name == LAST else 8
        panel.plot(xs, ys, marker, color=colour, markersize=size, label=label)
    for left, right in pairwise(range(len(ticks))):
        panel.axvline((left + right) / 2, color="0.85", linewidth=1, zorder=0.5)
    panel.set_xticks(range(len(ticks)), ticks)
    panel.set_xlim(-0.5, len(ticks) - 0.5)
    panel.set_yscale("log", base=2)
    panel.grid(axis="y", color="0.9", linewidth=0.8)
    panel.set_axisbelow(True)
    panel.tick_params(length=0, which="both")
    panel.spines[:].set_visible(False)


def _limits(panels: Any, ratios: list[float]) -> None:
    """The same range in every panel, with room for the words at its ends."""
    low, high = min([0.5, *ratios]), max([2, *ratios])
    room = (high / low) ** 0.13
    low, high = low / room, high * room
    words = {"ha": "left", "fontsize": 9.5, "style": "italic", "color": "0.25"}
    for panel in panels:
        panel.set_ylim(low, high)
        panel.axhspan(low, 1, color="0.955", zorder=0)
        panel.yaxis.set_major_formatter(lambda y, _: f"{y:g}{TIMES}")
        panel.text(-0.46, high / room**0.2, "above the line, losses is faster", va="top", **words)
        panel.text(-0.46, low * room**0.2, "below the line, it is slower", va="bottom", **words)


def _label(shape: tuple[int, ...]) -> str:
    first, *rest = (str(size) for size in shape)
    halves = [[first], rest] if len(rest) < 2 else [[first, rest[0]], rest[1:]]
    times = f" {TIMES} "
    return f"{times.join(halves[0])}\n{TIMES} {times.join(halves[1])}"


def _caption(about: dict[str, Any]) -> str:
    machine = f"medians of interleaved rounds; {about['cpu']}, {about['cores']} cores"
    return f"{machine}; {about['date'][:10]}\n{_versions(about)}"


def _versions(about: dict[str, Any]) -> str:
    versions = about["versions"]
    shown = [f"{name} {versions[name]}" for name in versions if name not in ("jaxlib", "optax")]
    return ", ".join(shown)


def draw_accuracy(results: dict[str, Any], stem: Path) -> bool:
    """Write stem.svg and stem.png: relative error against the confidence margin."""
    if not results["margins"]["errors"]:
        return False
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    margins, curves = results["margins"]["at"], results["margins"]["errors"]
    with mpl.rc_context({"font.size": 11, "svg.hashsalt": "losses"}):
        figure, axes = plt.subplots(2, len(curves), figsize=(10.5, 7), sharex="col", squeeze=False)
        for column, dtype in zip(axes.T, curves, strict=True):
            eps = float(np.finfo(dtype).eps)
            for what, panel in enumerate(column):
                for name, errors in curves[dtype].items():
                    _curve(panel, name, margins[dtype], errors[what], eps)
                panel.set_yscale("log")
                panel.set_ylim(eps / 40, 30)
                panel.axhline(1, color="0.4", linewidth=0.8, linestyle=":")
                panel.grid(color="0.92", linewidth=0.8)
                panel.spines[["top", "right"]].set_visible(False)
            column[0].set_title(dtype, fontsize=12)
            column[-1].set_xlabel("logit of the target minus the largest other")
        axes[0, 0].set_ylabel("loss")
        axes[1, 0].set_ylabel("gradient of the target")
        axes[0, 0].text(30, 0.2, "1: no digit of the result is right", fontsize=9, color="0.3")
        figure.suptitle(CLIFF, fontsize=12.5, fontweight="bold")
        figure.legend(
            *axes[0, 0].get_legend_handles_labels(),
            loc="upper center",
            ncols=len(STYLES),
            frameon=False,
            bbox_to_anchor=(0.5, 0.955),
        )
        figure.supxlabel(_versions(results["about"]), fontsize=8.5, color="0.35")
        figure.tight_layout(rect=(0, 0, 1, 0.95))
        _save(figure, stem)
    plt.close(figure)
    return True


def draw_linear(results: dict[str, Any], stem: Path) -> bool:
    """Write stem.svg and stem.png: extra memory against the number of logits."""
    if not any(cell.extra is not None for cell in results["memory"]):
        return False
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    cells = [cell for cell in results["memory"] if cell.extra is not None]
    classes = list(dict.fromkeys(cell.layer.classes for cell in cells))
    styles = {
        name: s for name, s in (STYLES | CHUNKED).items() if name in {c.contender for c in cells}
    }
    with mpl.rc_context({"font.size": 11, "svg.hashsalt": "losses"}):
        figure, panel = plt.subplots(figsize=(9.6, 5.6))
        for name, (marker, colour, label) in styles.items():
            for i, count in enumerate(classes):
                own = [c for c in cells if c.contender == name and c.layer.classes == count]
                panel.plot(
                    [cell.layer.samples * count for cell in own],
                    [max(cell.extra / 2**20, 0.1) for cell in own],
                    marker=marker,
                    markersize={"losses": 11, "textbook": 13}.get(name, 7),  # behind torch's
                    markerfacecolor="white" if i else colour,
                    color=colour,
                    linestyle="--" if i else "-",
                    linewidth={"losses": 2.4, "textbook": 5}.get(name, 1.3),
                    zorder=3 if name == "losses" else 2,
                    label=None if i else label,
                )
        panel.axhline(MEMORY_BAR, color="0.4", linewidth=0.9, linestyle=":")
        panel.text(1, MEMORY_BAR * 1.08, f"{MEMORY_BAR} MiB", ha="right", va="bottom")
        panel.texts[-1].set_transform(panel.get_yaxis_transform())
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
        panel.grid(color="0.92", linewidth=0.8)
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_ylabel("extra memory at its peak, MiB")
        counts = " and, dashed, ".join(f"{count:,}" for count in classes)
        panel.set_xlabel(f"N {TIMES} C, the number of logits (float32; C = {counts})")
        figure.suptitle(LAYER, fontsize=12.5, fontweight="bold")
        figure.legend(
            *panel.get_legend_handles_labels(),
            loc="upper center",
            ncols=len(styles),
            frameon=False,
            bbox_to_anchor=(0.5, 0.955),
        )
        figure.supxlabel(_versions(results["about"]), fontsize=8.5, color="0.35")
        figure.tight_layout(rect=(0, 0, 1, 0.95))
        _save(figure, stem)
    plt.close(figure)
    return True


def draw_scale(results: dict[str, Any], stem: Path) -> bool:
    """Write stem.svg and stem.png: errors against samples, memory against a file's size."""
    files = [
        record
        for record in results["files"]
        if record["workers"] == 1 and record["peak"] is not None
    ]
    if not files or not results["samples"]:
        return False
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    ways = {
        "float32": (*STYLES["torch"][:2], "one running sum, float32"),
        "float64": (*STYLES["JAX"][:2], "one running sum, float64"),
        "merged": (*STYLES["losses"][:2], "losses.merge_sums"),
    }
    with mpl.rc_context({"font.size": 11, "svg.hashsalt": "losses"}):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.6))
        for way, (marker, colour, label) in ways.items():
            left.plot(
                [record["samples"] for record in results["samples"]],
                [record[way] for record in results["samples"]],
                marker=marker,
                markersize=11 if way == "merged" else 7,
                color=colour,
                label=label,
            )
        left.set_ylim(1e-19, 1e9)  # room for the legend
        left.set_xlabel("samples")
        left.set_title("relative error of the mean", fontsize=11.5)
        left.legend(frameon=False, loc="upper left")
        sizes = [record["bytes"] / 1e6 for record in files]
        right.plot(sizes, sizes, color="0.5", linestyle=":", label="the file itself")
        right.plot(
            sizes,
            [record["peak"] / 1e6 for record in files],
            marker=STYLES["losses"][0],
            markersize=11,
            color=STYLES["losses"][1],
            label="python -m losses score",
        )
        right.set_xlabel("size of the logits' file, MB")
        right.set_title("peak memory of the process, MB", fontsize=11.5)
        right.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
        right.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
        right.legend(frameon=False, loc="upper left")
        for panel in (left, right):
            panel.set_xscale("log")
            panel.set_yscale("log")
            panel.grid(color="0.92", linewidth=0.8)
            panel.spines[["top", "right"]].set_visible(False)
        figure.supxlabel(_versions(results["about"]), fontsize=8.5, color="0.35")
        figure.tight_layout()
        _save(figure, stem)
    plt.close(figure)
    return True


def _save(figure: Any, stem: Path) -> None:
    figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None}, facecolor="white")
    figure.savefig(stem.with_suffix(".png"), dpi=150, facecolor="white")


def _curve(panel: Any, name: str, margins: list[int], errors: list[float], eps: float) -> None:
    """One contender's errors; an exact result is drawn at the bottom."""
    marker, colour, label = STYLES[name]
    ours = name == "losses"
    panel.plot(
        margins,
        np.clip(errors, eps / 30, 20),
        marker=marker,
        markersize=8 if ours else 5,
        markevery=max(1, len(margins) // 12),
        color=colour,
        linewidth=2.4 if ours else 1.3,
        zorder=3 if ours else 2,
        label=label,
    )
