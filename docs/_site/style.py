"""The look of the gallery's plots: of colours that can be read on white and on black."""

from typing import Any

from cycler import cycler

GREY = "#808080"
COLOURS = ["#2b8cc4", "#e0702a", "#3a9d5d", "#9b6fd0", "#c94f6d"]


def reset(conf: dict[str, Any], fname: str) -> None:
    """Give every script of the gallery the same start."""
    import matplotlib

    matplotlib.rcdefaults()
    coloured = ["text.color", "axes.labelcolor", "axes.titlecolor", "axes.edgecolor"]
    coloured += ["xtick.color", "ytick.color"]
    matplotlib.rcParams.update(
        dict.fromkeys(coloured, GREY)
        | {"grid.color": f"{GREY}60"}
        | {"savefig.transparent": True, "figure.facecolor": "none", "axes.facecolor": "none"}
        | {"legend.frameon": False, "figure.constrained_layout.use": True}
        | {"axes.prop_cycle": cycler("color", COLOURS)}
    )
