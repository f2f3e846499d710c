"""The picture of the front page: how exact, and how fast, in two panels, for light and for dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .plot import STYLES, TIMES
from .problems import FUSED
from .results import Results

MODES = {  # of the text, of the grid and of losses
    "light": ("#1f2328", "#d9dde1", "#B2182B"),
    "dark": ("#e6edf3", "#3d444d", "#ff7b72"),
}
SHARP = ["losses", "torch", "JAX", "scikit-learn"]  # in the panel of errors
FAST = ["torch", "JAX", "textbook"]  # in the panel of times
SHAPES = {
    (60000, 10): "10 classes",
    (20000, 100): "100 classes",
    (8192, 1000): "1,000 classes",
    (1024, 50257): "50,257 classes",
}
BLACK = "textbook"  # whose colour is that of the text


def draw(accuracy: dict[str, Any], speed: Results, folder: Path) -> list[Path]:
    """Write front_light.svg and front_dark.svg; return their places."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    paths = []
    for mode, (text, grid, ours) in MODES.items():
        kinds = ["text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"]
        style = {**dict.fromkeys(kinds, text), "axes.edgecolor": text, "grid.color": grid}
        style |= {"font.size": 13, "svg.hashsalt": "losses", "svg.fonttype": "path"}
        style |= {"axes.spines.top": False, "axes.spines.right": False}
        with mpl.rc_context(style):
            figure, (left, right) = plt.subplots(
                1, 2, figsize=(11, 4.4), gridspec_kw={"width_ratios": [1, 1]}
            )
            colours = {name: STYLES[name][1] for name in STYLES} | {"losses": ours, BLACK: text}
            _errors(left, accuracy["margins"], colours)
            _times(right, speed, colours)
            figure.tight_layout(w_pad=2.5)
            path = folder / f"front_{mode}.svg"
            figure.savefig(path, metadata={"Date": None}, transparent=True)
            paths.append(path)
        plt.close(figure)
    return paths


def _label(name: str) -> str:
    """The name of a library, without the way in which it computes."""
    return STYLES[name][2].replace(" eager", "").replace(" jit", "")


def _errors(panel: Any, margins: dict[str, Any], colours: dict[str, str]) -> None:
    """The relative error of the loss against the lead of the right logit."""
    eps = float(np.finfo(np.float32).eps)
    at, errors = np.array(margins["at"]["float32"]), margins["errors"]["float32"]
    shown = at <= 60
    for name in SHARP:
        panel.plot(
            at[shown],
            np.clip(np.array(errors[name][0])[shown], eps / 30, 1),
            marker=STYLES[name][0],
            markersize=11 if name == "losses" else 6,
            markevery=3,
            color=colours[name],
            linewidth=2.6 if name == "losses" else 1.5,
            zorder=3 if name == "losses" else 2,
            label=_label(name),
        )
    panel.set_yscale("log")
    panel.set_ylim(eps / 30, 8)
    panel.set_title("Error of a confident loss (float32)", fontweight="bold", fontsize=14)
    panel.set_xlabel("lead of the right logit")
    panel.set_ylabel("relative error")
    panel.text(59, 1.4, "every digit lost", ha="right", va="bottom", fontsize=12)
    panel.grid(axis="y", linewidth=0.8)
    panel.legend(frameon=False, loc="center right", fontsize=12)


def _times(panel: Any, speed: Results, colours: dict[str, str]) -> None:
    """The time of loss and gradient on one thread, as a multiple of that of losses."""
    cells = {
        cell.problem.shape: cell
        for cell in speed.cells
        if cell.problem.operation == FUSED
        and cell.threads == 1
        and (cell.problem.dtype, cell.problem.deviation) == ("float32", 1)
        and cell.problem.variant == "plain"
    }
    width = 0.8 / len(FAST)
    for place, name in enumerate(FAST):
        ratios = [cells[shape].ratio(name) for shape in SHAPES]
        ys = np.arange(len(SHAPES)) + (place - (len(FAST) - 1) / 2) * width
        panel.barh(ys, ratios, width * 0.86, color=colours[name], label=_label(name))
        for y, ratio in zip(ys, ratios, strict=True):
            beside = max(ratio, 1) + 0.08  # and not on the line
            panel.text(beside, y, f"{ratio:.1f}{TIMES}", va="center", fontsize=11)
    panel.axvline(1, color=colours["losses"], linewidth=2.6)
    panel.text(1.06, -0.62, "losses", color=colours["losses"], fontweight="bold", va="bottom")
    panel.set_yticks(range(len(SHAPES)), SHAPES.values())
    panel.tick_params(axis="y", length=0)
    panel.invert_yaxis()
    panel.set_ylim(len(SHAPES) - 0.5, -0.95)
    panel.set_title("Time of loss and gradient, 1 thread", fontweight="bold", fontsize=14)
    panel.set_xlabel("multiple of the time of losses")
    panel.grid(axis="x", linewidth=0.8)
    panel.set_axisbelow(True)
    panel.legend(frameon=False, loc=(0.62, 0.36), fontsize=12)
