"""The table of README and docs: each peer's time as a multiple of losses' time."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import geometric_mean

from .contenders import CONTENDERS
from .plot import KINDS, OTHERS, STYLES, TIMES, kind
from .problems import FUSED, SMALL
from .results import Cell, Results, seconds

VALUES = ["wide", "confident", "offset"]
FORWARD = ["cross_entropy", "log_softmax", "softmax", "logsumexp"]


def tables(results: Results) -> dict[str, list[str]]:
    """The lines of Markdown tables: of the fused problem, of forwards and of small calls."""
    found: dict[str, list[tuple[str, Cell]]] = {}
    for cell in results.cells:
        title, row = _place(cell)
        if title and "losses" in cell.timings:
            found.setdefault(title, []).append((row, cell))
    return {title: list(_table(rows)) for title, rows in found.items()}


def _place(cell: Cell) -> tuple[str, str]:
    """The titles of a cell's table, if it is in one, and of its row."""
    p = cell.problem
    size, what = f" {TIMES} ".join(map(str, p.shape)), KINDS[kind(p)].replace("\n", " ")
    if p.operation == FUSED:
        if kind(p) == "plain":
            return p.dtype, size
        return f"{p.dtype}, {'other logits' if kind(p) in VALUES else 'options'}", f"{size}, {what}"
    if p.dtype != "float32" or kind(p) != "plain":
        return "", ""
    if p.shape == SMALL:
        return "small calls, float32", f"`{p.operation}`"
    return ("forward, float32", f"`{p.operation}`, {size}") if p.operation in FORWARD else ("", "")


def _table(rows: list[tuple[str, Cell]]) -> Iterator[str]:
    others = [name for name in OTHERS if any(name in cell.timings for _, cell in rows)]
    yield f"| logits | threads | losses | {' | '.join(STYLES[name][2] for name in others)} |"
    yield "|---" * (3 + len(others)) + "|"
    for row, cell in sorted(rows, key=lambda found: found[1].threads):
        ratios = " | ".join(_ratio(cell, name) for name in others)
        yield f"| {row} | {cell.threads} | {seconds(cell.median())} | {ratios} |"


def _ratio(cell: Cell, peer: str) -> str:
    if peer not in cell.timings:
        return ""
    ratio = f"{cell.ratio(peer):.2g}{TIMES}"
    return f"**{ratio}**" if cell.ratio(peer) < 1 else ratio


def overall(results: Results) -> Iterator[str]:
    """What a run of any part of the problems says in short: a line for each of the others."""
    cells = [cell for cell in results.cells if "losses" in cell.timings]
    of = {name: [c.ratio(name) for c in cells if name in c.timings] for name in CONTENDERS}
    if any(of[name] for name in of if name != "losses"):
        yield "time as a multiple of that of losses: above 1 losses is faster, below 1 the other is"
    for name, ratios in of.items():
        if name != "losses" and ratios:
            yield (
                f"  {name:<15} mean {geometric_mean(ratios):.2g}, from {min(ratios):.2g} to "
                f"{max(ratios):.2g}, over {len(ratios)} {'cells' if len(ratios) > 1 else 'cell'}"
            )
    for cell in results.cells:
        for name, note in cell.notes.items():
            yield f"  {name} was not timed on {cell.name}: {note}"
