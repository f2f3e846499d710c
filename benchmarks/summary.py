"""The table of README and docs: each peer's time as a multiple of losses' time."""

from __future__ import annotations

from collections.abc import Iterator

from .contenders import PEERS
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
