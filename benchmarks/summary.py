"""The table of README and docs: each peer's time as a multiple of losses' time."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import geometric_mean

from .contenders import CONTENDERS, PEERS
from .plot import STYLES, TIMES
from .results import Cell, Results, seconds


def tables(results: Results) -> dict[str, list[str]]:
    """The lines of a Markdown table for each dtype, width and variant of the fused problem."""
    cells: dict[str, list[Cell]] = {}
    for cell in results.cells:
        p = cell.problem
        if p.operation == "cross_entropy_value_and_grad" and "losses" in cell.timings:
            wide = "" if p.deviation == 1 else f", standard deviation {p.deviation:g}"
            variant = "" if p.variant == "plain" else f", {p.variant}"
            cells.setdefault(f"{p.dtype}{wide}{variant}", []).append(cell)
    return {title: list(_table(found)) for title, found in cells.items()}


def _table(cells: list[Cell]) -> Iterator[str]:
    yield f"| logits | threads | losses | {' | '.join(STYLES[peer][2] for peer in PEERS)} |"
    yield "|---" * (3 + len(PEERS)) + "|"
    for cell in sorted(cells, key=lambda cell: cell.threads):
        shape = f" {TIMES} ".join(map(str, cell.problem.shape))
        peers = " | ".join(_ratio(cell, peer) for peer in PEERS)
        yield f"| {shape} | {cell.threads} | {seconds(cell.median())} | {peers} |"


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
