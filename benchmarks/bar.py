"""The bar: what `losses` promises about its speed, evaluated on the results of a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from statistics import geometric_mean
from typing import NamedTuple

from .contenders import CONTENDERS, PEERS
from .results import Cell, Results

MIB = 2**20
SMALL = (32, 10)  # here only peers that check their arguments count


class Verdict(NamedTuple):
    """A figure and the bar that it must reach: at least ``low``, at most ``high``."""

    what: str
    figure: float
    low: float = 0.0
    high: float = float("inf")

    @property
    def passed(self) -> bool:
        return self.low <= self.figure <= self.high


def _fused(results: Results) -> Iterator[Cell]:
    for cell in results.cells:
        p = cell.problem
        plain = p.operation == "cross_entropy_value_and_grad" and p.variant == "plain"
        if plain and "losses" in cell.timings:
            yield cell


def twice_as_fast_as_torch(results: Results) -> Iterator[Verdict]:
    """value_and_grad is at least twice as fast as torch eager in every cell"""
    for cell in _fused(results):
        if "torch" in cell.timings:
            yield Verdict(cell.name, cell.ratio("torch"), low=2)


def three_times_on_average(results: Results) -> Iterator[Verdict]:
    """value_and_grad is at least three times as fast as torch eager in the geometric mean"""
    ratios = defaultdict(list)
    for cell in _fused(results):
        if "torch" in cell.timings:
            p = cell.problem
            wide = "" if p.deviation == 1 else " wide"
            ratios[f"{p.dtype}{wide} on {cell.threads}"].append(cell.ratio("torch"))
    for what, found in ratios.items():
        yield Verdict(what, geometric_mean(found), low=3)


def never_behind_a_peer(results: Results) -> Iterator[Verdict]:
    """value_and_grad is as fast as the fastest peer in every cell"""
    for cell in _fused(results):
        peers = [name for name in PEERS if name in cell.timings]
        if cell.problem.shape == SMALL:
            peers = [name for name in peers if CONTENDERS[name].checks]
        if peers:
            best = min(peers, key=cell.median)
            yield Verdict(f"{cell.name} ({best})", cell.ratio(best), low=1)


def _forward(results: Results) -> Iterator[Cell]:
    for cell in results.cells:
        forward = cell.problem.operation in ("cross_entropy", "log_softmax", "softmax")
        if forward and "losses" in cell.timings:
            yield cell


def twice_as_fast_as_scipy(results: Results) -> Iterator[Verdict]:
    """cross_entropy, log_softmax, softmax are at least twice as fast as SciPy (100 classes up)"""
    for cell in _forward(results):
        if cell.problem.classes >= 100 and "SciPy" in cell.timings:
            yield Verdict(cell.name, cell.ratio("SciPy"), low=2)


def forward_never_behind_torch(results: Results) -> Iterator[Verdict]:
    """cross_entropy, log_softmax, softmax are as fast as torch eager on one thread"""
    for cell in _forward(results):
        if cell.threads == 1 and "torch" in cell.timings:
            yield Verdict(cell.name, cell.ratio("torch"), low=1)


def little_memory(results: Results) -> Iterator[Verdict]:
    """value_and_grad with out= takes at most 4 MiB of extra memory for each worker"""
    for cell in _fused(results):
        if cell.memory is not None:
            yield Verdict(cell.name, cell.memory / MIB / cell.threads, high=4)


def backward_like_forward(results: Results) -> Iterator[Verdict]:
    """a backward takes at most 1.5 times the time of its forward"""
    forward = {(c.problem._replace(quick=False), c.threads): c for c in results.cells}
    for cell in results.cells:
        p = cell.problem._replace(operation=cell.problem.function, quick=False)
        other = forward.get((p, cell.threads))
        both = other and "losses" in cell.timings and "losses" in other.timings
        if cell.problem.mode == "backward" and both:
            yield Verdict(cell.name, cell.median() / other.median(), high=1.5)


def light(results: Results) -> Iterator[Verdict]:
    """a light package: milliseconds to import on top of NumPy, kilobytes of its zipped files"""
    yield Verdict("import, ms", results.about["import_seconds"] * 1e3, high=10)
    yield Verdict("wheel, KB", results.about["wheel_bytes"] / 1e3, high=250)


def right(results: Results) -> Iterator[Verdict]:
    """losses gives the right answer, without which it is not timed"""
    for cell in results.cells:
        if "losses" in cell.timings or "losses" in cell.notes:  # else it was not asked
            yield Verdict(cell.name, float("losses" in cell.timings), low=1)


BAR: list[Callable[[Results], Iterator[Verdict]]] = [
    right,
    twice_as_fast_as_torch,
    three_times_on_average,
    never_behind_a_peer,
    twice_as_fast_as_scipy,
    forward_never_behind_torch,
    little_memory,
    backward_like_forward,
    light,
]


def report(results: Results, only_misses: bool = False) -> tuple[list[str], bool]:
    """The lines of the report, and whether nothing that was measured is missed."""
    lines, whole = [], True
    for line in BAR:
        verdicts = list(line(results))
        passed = sum(verdict.passed for verdict in verdicts)
        whole &= passed == len(verdicts)
        if not verdicts:
            lines.append(f"not measured  {line.__doc__}")
            continue
        lines.append(f"{passed}/{len(verdicts)}  {line.__doc__}")
        for verdict in verdicts:
            if not (only_misses and verdict.passed):
                word = "pass" if verdict.passed else "MISS"
                lines.append(f"    {word} {verdict.figure:>8.2f}  {verdict.what}")
    return lines, whole
