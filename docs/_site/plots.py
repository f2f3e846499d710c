"""Plots of the functions and their derivatives, drawn with the library when the site is built.

A panel is a picture of its own, once for light and once for dark, so that two of them lie side by
side on a wide screen and one above the other on a narrow one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import matplotlib
import numpy as np

import losses

from .names import base_of, suffix_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

X = np.linspace(-6, 6, 241)
P = np.linspace(0, 1, 801)[1:-1]
FAR = np.linspace(0, 120, 241)
COLOURS = {  # of the text, of the grid and of the curves
    "light": ("#323232", "#d9d9d9", ["#0a6ea8", "#c2410c", "#15803d", "#6b7280"]),
    "dark": ("#ced6dd", "#3d444d", ["#5cb8f0", "#fb923c", "#6ee7a0", "#9ca3af"]),
}


class Panel(NamedTuple):
    """A picture: what it shows, and the curves, each with its label."""

    title: str
    x_label: str
    curves: Callable[[], list[tuple[np.ndarray, np.ndarray, str]]]
    log: bool = False
    limits: tuple[float, float] | None = None


def first(x: np.ndarray, others: int = 1) -> np.ndarray:
    """Return logits (x, 0, ...) for each x."""
    return np.concatenate([x[:, None], np.zeros((x.size, others))], axis=1)


def entries(function: Callable, x: np.ndarray) -> list:
    """Return the curves of what a function makes of logits (x, 0, -1), class by class."""
    logits = np.stack([x, np.zeros_like(x), np.full_like(x, -1)], axis=1)
    return [(x, y, f"class {c}") for c, y in enumerate(function(logits).T)]


def textbook(x: np.ndarray) -> np.ndarray:
    """Return the loss of logits (x, 0) with target 0 as most books have it."""
    loss = -np.log(np.exp(x) / (np.exp(x) + 1))
    loss[loss <= 0] = np.nan
    return loss


def towards_first(function: Callable, logits: np.ndarray) -> np.ndarray:
    """Return the gradient of what a function makes of the first class."""
    unit = np.zeros_like(logits)
    unit[:, 0] = 1
    return function(unit, logits)


def others(name: str, target: float) -> list[float]:
    """Return what follows the first array of a loss entry by entry: a target, and else ones."""
    parameters = inspect.signature(getattr(losses, base_of(name))).parameters.values()
    _, *names = (p.name for p in parameters if p.kind is p.POSITIONAL_ONLY)
    return [target if other == "target" else 1 for other in names]


def each(name: str, *, targets: tuple, x: np.ndarray = X, what: str = "t = {}", **options) -> list:
    """Return the curves of a loss entry by entry, or of a derivative, for some targets."""
    leading = [np.ones_like(x)] if name.endswith("_backward") else []
    curves = []
    for target in targets:
        arrays = (np.full_like(x, other) for other in others(name, target))
        y = getattr(losses, name)(*leading, x, *arrays, reduction="none", **options)
        # Of several gradients that of the first array.
        curves.append((x, y[0] if isinstance(y, tuple) else y, what.format(target)))
    return curves


def over_classes(name: str, x: np.ndarray, *, entry: int = 0, others: int = 1, **options):
    """Return cross entropy or a derivative at logits (x, 0, ...) and target 0."""
    function, logits = getattr(losses, name), first(x, others)
    target = np.zeros(x.size, int)
    if name.endswith("_backward"):
        found = function(np.ones(x.size), logits, target, reduction="none", **options)
    else:
        found = function(logits, target, reduction="none", **options)
    return found if found.ndim == 1 else found[:, entry]


def hessian_times(name: str, logits: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the Hessian of the sum times the first unit vector of each sample."""
    unit = np.zeros_like(logits)
    unit[:, 0] = 1
    return getattr(losses, name)(unit, logits, target, reduction="sum")


MARGIN = "logits (x, 0), target 0: x"
THREE = "logits (x, 0, -1): x"
CROSS_ENTROPY = {
    "": [
        Panel(
            "the loss",
            MARGIN,
            lambda: [
                (X, over_classes("cross_entropy", X), "as it is"),
                (X, over_classes("cross_entropy", X, label_smoothing=0.2), "label_smoothing=0.2"),
                (X, over_classes("cross_entropy", X, weight=[0.5, 1]), "weight=[0.5, 1]"),
            ],
        ),
        Panel(
            "tail of the loss, in float64",
            MARGIN,
            lambda: [
                (FAR, over_classes("cross_entropy", FAR), "losses"),
                (FAR, textbook(FAR), "-log(softmax)"),
            ],
            log=True,
        ),
    ],
    "_backward": [
        Panel(
            "the gradient at x",
            MARGIN,
            lambda: [
                (X, over_classes("cross_entropy_backward", X), "as it is"),
                (
                    X,
                    over_classes("cross_entropy_backward", X, label_smoothing=0.2),
                    "label_smoothing=0.2",
                ),
                (X, over_classes("cross_entropy_backward", X, weight=[0.5, 1]), "weight=[0.5, 1]"),
            ],
        ),
        Panel(
            "tail of the |gradient|, in float64",
            MARGIN,
            lambda: [
                (FAR, -over_classes("cross_entropy_backward", FAR), "losses"),
                (
                    FAR,
                    np.where((g := 1 - 1 / (1 + np.exp(-FAR))) > 0, g, np.nan),
                    "1 - softmax",
                ),
            ],
            log=True,
        ),
    ],
    "_hessian_diagonal": [
        Panel(
            "the diagonal of the Hessian, at x",
            MARGIN,
            lambda: [
                (X, over_classes("cross_entropy_hessian_diagonal", X), "two classes"),
                (X, over_classes("cross_entropy_hessian_diagonal", X, others=9), "ten classes"),
            ],
        ),
        Panel(
            "tail of the diagonal, in float64",
            MARGIN,
            lambda: [
                (FAR, over_classes("cross_entropy_hessian_diagonal", FAR), "losses"),
                (
                    FAR,
                    np.where((h := (p := 1 / (1 + np.exp(-FAR))) * (1 - p)) > 0, h, np.nan),
                    "p (1 - p)",
                ),
            ],
            log=True,
        ),
    ],
    "_hvp": [
        Panel(
            "the Hessian times (1, 0, 0)",
            THREE,
            lambda: entries(
                lambda logits: hessian_times(
                    "cross_entropy_hvp", logits, np.zeros(len(logits), int)
                ),
                X,
            ),
        )
    ],
}


def of_samples(name: str, *arrays: np.ndarray, entry: int = 0, **options) -> np.ndarray:
    """Return the losses of some samples, or of a derivative an entry of the first array's."""
    base, what = base_of(name), suffix_of(name)
    options = {"reduction": "none", **options}
    leading = [np.ones(len(arrays[0]))] if what.endswith("_backward") else []
    found = getattr(losses, name)(*leading, *arrays, **options)
    found = found[0] if isinstance(found, tuple) else found
    return found if name == base else found[:, entry]


def pairs_of(p: np.ndarray) -> np.ndarray:
    """Return probabilities of two classes, for that of the first."""
    return np.stack([p, 1 - p], axis=1)


def divergences(name: str, take: Callable) -> list:
    """Return the curves of a divergence of (p, 1 - p), against p, for some targets."""
    curves = []
    for q in (0.8, 0.5, 0.2):
        target = np.broadcast_to(take(pairs_of(np.array([q]))), (P.size, 2))
        curves.append((P, of_samples(name, np.log(pairs_of(P)), target), f"q = {q}"))
    return curves


def around_a_circle(name: str) -> list:
    """Return the curves of a loss of two unit vectors, against the angle between them."""
    angle = np.linspace(0, 180, 241)
    second = np.stack([np.cos(np.radians(angle)), np.sin(np.radians(angle))], axis=1)
    first = np.broadcast_to([1.0, 0.0], second.shape)
    return [
        (angle, of_samples(name, first, second, np.full(angle.size, t), entry=1, margin=m), label)
        for t, m, label in ((1, 0.0, "t = 1"), (-1, 0.0, "t = -1"), (-1, 0.5, "t = -1, margin 0.5"))
    ]


def along_a_line(name: str) -> list:
    """Return the curves of a loss of an anchor at x, a positive at -1 and a negative at 2."""
    points = [X[:, None], np.full((X.size, 1), -1.0), np.full((X.size, 1), 2.0)]
    return [
        (X, of_samples(name, *points), "as it is"),
        (X, of_samples(name, *points, swap=True, margin=4.0), "margin 4, swap"),
    ]


def hinges_of_classes(name: str) -> list:
    target = np.zeros(X.size, int)
    return [(X, of_samples(name, first(X), target, p=p), f"p = {p}") for p in (1, 2)]


def several_labels(name: str, targets: tuple = (1, 0.5, 0)) -> list:
    label = "t = {}" if len(targets) > 1 else "any target"
    return [
        (X, of_samples(name, first(X), np.full((X.size, 2), t)), label.format(t)) for t in targets
    ]


def by_the_target() -> list:
    """Return the gradient of a divergence with respect to the target."""
    return [
        (
            P,
            of_samples(
                "kl_div_target_backward",
                np.broadcast_to(np.log([p, 1 - p]), (P.size, 2)),
                pairs_of(P),
            ),
            f"p = {p}",
        )
        for p in (0.8, 0.5, 0.2)
    ]


SHARE = "p of class 0, of two"
SAMPLEWISE: dict[str, tuple[str, Callable]] = {
    "kl_div": (SHARE, partial(divergences, take=np.asarray)),
    "kl_div_with_log_target": (SHARE, partial(divergences, take=np.log)),
    "multi_margin_loss": ("logits (x, 0), target 0: x", hinges_of_classes),
    "multilabel_soft_margin_loss": ("logits (x, 0), targets (t, t): x", several_labels),
    "cosine_embedding_loss": ("degrees between the vectors", around_a_circle),
    "triplet_margin_loss": ("anchor x, positive -1, negative 2", along_a_line),
}
FIRST = {  # of which entry the gradient is
    "cosine_embedding_loss": "the gradient of (1, 0), across it",
    "triplet_margin_loss": "the gradient of the anchor",
}

PANELS: dict[str, dict[str, list[Panel]]] = {
    **{
        name: {
            "": [Panel("the loss", label, partial(curves, name))],
            "_backward": [
                Panel(
                    FIRST.get(name, "the gradient of class 0"),
                    label,
                    partial(curves, f"{name}_backward"),
                )
            ],
        }
        for name, (label, curves) in SAMPLEWISE.items()
    },
    "logsumexp": {
        "": [
            Panel(
                "logsumexp of (x, 0)",
                "x",
                lambda: [
                    (X, losses.logsumexp(first(X)), "logsumexp"),
                    (X, np.maximum(X, 0), "the maximum"),
                ],
            )
        ],
        "_backward": [
            Panel(
                "its gradient",
                "x",
                lambda: [
                    (X, g, f"at {name}")
                    for g, name in zip(
                        losses.logsumexp_backward(np.ones(X.size), first(X)).T, "x0", strict=True
                    )
                ],
            )
        ],
    },
    "softmax": {
        "": [Panel("softmax", THREE, lambda: entries(losses.softmax, X))],
        "_backward": [
            Panel(
                "gradient of class 0",
                THREE,
                lambda: entries(
                    lambda x: towards_first(losses.softmax_backward, losses.softmax(x)), X
                ),
            )
        ],
    },
    "log_softmax": {
        "": [Panel("log_softmax", THREE, lambda: entries(losses.log_softmax, X))],
        "_backward": [
            Panel(
                "gradient of class 0",
                THREE,
                lambda: entries(
                    lambda x: towards_first(losses.log_softmax_backward, losses.log_softmax(x)), X
                ),
            )
        ],
    },
    "sigmoid": {
        "": [Panel("sigmoid", "x", lambda: [(X, losses.sigmoid(X), "")])],
        "_backward": [
            Panel(
                "its gradient",
                "x",
                lambda: [(X, losses.sigmoid_backward(np.ones_like(X), losses.sigmoid(X)), "")],
            )
        ],
    },
    "log_sigmoid": {
        "": [Panel("log_sigmoid", "x", lambda: [(X, losses.log_sigmoid(X), "")])],
        "_backward": [
            Panel(
                "its gradient",
                "x",
                lambda: [(X, losses.log_sigmoid_backward(np.ones_like(X), X), "")],
            )
        ],
    },
    "nll_loss": {
        "": [
            Panel(
                "the loss",
                "log-probability of the target",
                lambda: [
                    (
                        x := np.linspace(-6, 0),
                        losses.nll_loss(
                            x[:, None], np.zeros(50, int), weight=[w], reduction="none"
                        ),
                        f"weight {w}",
                    )
                    for w in (1.0, 0.5)
                ],
            )
        ],
        "_backward": [
            Panel(
                "its gradient",
                "log-probability of the target",
                lambda: [
                    (
                        x := np.linspace(-6, 0),
                        losses.nll_loss_backward(
                            np.ones(50), x[:, None], np.zeros(50, int), weight=[w], reduction="none"
                        )[:, 0],
                        f"weight {w}",
                    )
                    for w in (1.0, 0.5)
                ],
                limits=(-1.5, 0.5),
            )
        ],
    },
    "cross_entropy": CROSS_ENTROPY,
    "binary_cross_entropy": {
        "": [
            Panel(
                "the loss",
                "probability p",
                lambda: each("binary_cross_entropy", targets=(1, 0.5, 0), x=P),
                limits=(0, 6),
            )
        ],
        "_backward": [
            Panel(
                "its gradient",
                "probability p",
                lambda: each("binary_cross_entropy_backward", targets=(1, 0.5, 0), x=P),
                limits=(-12, 12),
            )
        ],
    },
    "binary_cross_entropy_with_logits": {
        "": [
            Panel(
                "the loss",
                "logit x",
                lambda: [
                    *each("binary_cross_entropy_with_logits", targets=(1, 0.5, 0)),
                    *each(
                        "binary_cross_entropy_with_logits",
                        targets=(1,),
                        what="t = 1, pos_weight 2",
                        pos_weight=2.0,
                    ),
                ],
            )
        ],
        "_backward": [
            Panel(
                "its gradient",
                "logit x",
                lambda: [
                    *each("binary_cross_entropy_with_logits_backward", targets=(1, 0.5, 0)),
                    *each(
                        "binary_cross_entropy_with_logits_backward",
                        targets=(1,),
                        what="t = 1, pos_weight 2",
                        pos_weight=2.0,
                    ),
                ],
            )
        ],
        "_hessian_diagonal": [
            Panel(
                "the second derivative",
                "logit x",
                lambda: [
                    *each(
                        "binary_cross_entropy_with_logits_hessian_diagonal",
                        targets=(1,),
                        what="any target",
                    ),
                    *each(
                        "binary_cross_entropy_with_logits_hessian_diagonal",
                        targets=(1,),
                        what="t = 1, pos_weight 2",
                        pos_weight=2.0,
                    ),
                ],
            )
        ],
    },
}


# Of a loss entry by entry: targets, and where to draw it, by a number that it must take there.
TARGETS = {-0.5: (0,), 2: (3, 1, 0), 0.5: (1, 0.5, 0), -1: (1, -1)}
RANGES = {-1: X, 2: 6 * P, 0.5: P}
TITLES = {"": "the loss", "_backward": "its gradient", "_hessian_diagonal": "the second derivative"}


def takes(name: str, x: float, target: float) -> bool:
    """Return whether a loss entry by entry has a value at these numbers."""
    try:
        getattr(losses, name)(x, *others(name, target))
    except ValueError:
        return False
    return True


def of_entries(name: str) -> dict[str, list[Panel]]:
    """Return the panels of a loss entry by entry, where it has values."""
    targets = next(TARGETS[number] for number in TARGETS if takes(name, 0.5, number))
    x = next(RANGES[number] for number in RANGES if takes(name, number, targets[0]))
    label = next(iter(inspect.signature(getattr(losses, name)).parameters))
    drawn = {suffix: targets for suffix in TITLES if name + suffix in losses.__all__}
    curvature = "_hessian_diagonal"
    if curvature in drawn:  # which some losses have at labels alone
        drawn[curvature] = tuple(t for t in targets if takes(name + curvature, x[0], t))
    return {
        suffix: [Panel(TITLES[suffix], label, partial(each, name + suffix, targets=shown, x=x))]
        for suffix, shown in drawn.items()
    }


PANELS["kl_div"]["_target_backward"] = [
    Panel("the gradient of q", "q of class 0, of two", by_the_target)
]
PANELS["multilabel_soft_margin_loss"]["_hessian_diagonal"] = [
    Panel(
        "the second derivative of class 0",
        "logits (x, 0): x",
        partial(several_labels, "multilabel_soft_margin_loss_hessian_diagonal", targets=(1,)),
    )
]
PANELS |= {
    name: of_entries(name)
    for name in losses.__all__
    if f"{name}_backward" in losses.__all__
    and name not in PANELS
    and getattr(losses, name).__module__.startswith("losses._entrywise")
}

# Functions with the curves of another.
SAME = {"linear_cross_entropy": "cross_entropy"}
SHOWN = {  # what the page of a name with this suffix shows
    "": ("", "_backward"),
    "_value_and_grad": ("", "_backward"),
    "_backward": ("_backward",),
    "_hessian_diagonal": ("_hessian_diagonal",),
    "_hvp": ("_hvp", "_hessian_diagonal"),
    "_target_backward": ("_target_backward", ""),
}


def panels_of(name: str) -> list[str]:
    """Return the names of the pictures that the page of a function shows."""
    base, suffix = SAME.get(base_of(name), base_of(name)), suffix_of(name)
    found = [
        f"{base}{part}-{number}"
        for part in SHOWN[suffix]
        for number, _ in enumerate(PANELS.get(base, {}).get(part, []))
    ]
    return found[:1] if suffix == "_hvp" else found


def directives(names: list[str], base: str) -> list[str]:
    """Return the lines that show pictures, each for light and for dark."""
    if not names:
        return []
    lines = [".. container:: plots", ""]
    for name in names:
        function, _, number = name.rpartition("-")
        panel = PANELS[base_of(function)][suffix_of(function)][int(number)]
        for mode in COLOURS:
            lines += [
                f"   .. image:: /api/plots/{name}-{mode}.svg",
                f"      :class: only-{mode}",
                f"      :alt: {panel.title} of {base}, against {panel.x_label}",
                "",
            ]
    if base == "linear_cross_entropy":
        lines += [
            ".. figure:: /../benchmarks/results/linear.svg",
            "   :alt: Extra memory against the number of logits",
            "",
            "   Extra memory against the number of logits, see :doc:`/speed`.",
            "",
        ]
    return lines


def draw(folder: Path) -> None:
    """Draw every panel, for light and for dark."""
    folder.mkdir(parents=True, exist_ok=True)
    for base, parts in PANELS.items():
        for part, panels in parts.items():
            for number, panel in enumerate(panels):
                curves = panel.curves()
                for mode in COLOURS:
                    picture(panel, curves, mode, folder / f"{base}{part}-{number}-{mode}.svg")


def mark_end(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str) -> None:
    """Say where a curve ends, from where on its values are 0."""
    end = np.flatnonzero(~np.isnan(y))[-1]
    axes.plot(x[end], y[end], "o", color=colour, markersize=4)
    axes.annotate(
        "0 from here",
        (x[end], y[end]),
        (6, 4),
        textcoords="offset points",
        color=colour,
        fontsize=8.5,
    )


def picture(panel: Panel, curves: list, mode: str, path: Path) -> None:
    """Draw one panel."""
    from matplotlib.figure import Figure

    text, grid, colours = COLOURS[mode]
    style = {
        "font.size": 10,
        "svg.hashsalt": "losses",  # the same file each time
        **dict.fromkeys(
            ["text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"], text
        ),
        "axes.edgecolor": text,
        "grid.color": grid,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(3.6, 2.8), layout="constrained")
        axes = figure.subplots()
        lines = ["-", "--", "-.", ":"]
        for (x, y, label), colour, line in zip(curves, colours, lines, strict=False):
            axes.plot(x, y, line, color=colour, label=label, linewidth=1.8)
            if panel.log and np.isnan(y[-1]):  # what a logarithmic scale cannot show
                mark_end(axes, x, y, colour)
        axes.set_title(panel.title, fontsize=10)
        axes.set_xlabel(panel.x_label)
        axes.grid(linewidth=0.6)
        if panel.log:
            axes.set_yscale("log")
        if panel.limits:
            axes.set_ylim(*panel.limits)
        if any(label for *_, label in curves):
            axes.legend(frameon=False, fontsize=8.5)
        figure.savefig(path, transparent=True, metadata={"Date": None})
