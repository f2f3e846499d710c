"""The bar: what `losses` promises about its speed, evaluated on the results of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from statistics import geometric_mean
from typing import NamedTuple

from .contenders import CONTENDERS, LAST, PEERS
from .problems import FUSED, SMALL, Problem
from .results import Cell, Results

MIB = 2**20
HUNDRED = (20000, 100)
OPTIONS = ("weight", "ignored", "smoothing", "probabilities")


class Verdict(NamedTuple):
    """A figure and the bar that it must reach: at least ``low``, at most ``high``."""

    what: str
    figure: float
    low: float = 0.0
    high: float = float("inf")

    @property
    def passed(self) -> bool:
        return self.low <= self.figure <= self.high


def _cells(
    results: Results, *names: str, choose: Callable[[Cell], bool] = lambda _: True
) -> Iterator[Cell]:
    """The cells in which losses and others were timed."""
    for cell in results.cells:
        if {"losses", *names} <= {*cell.timings} and choose(cell):
            yield cell


def _fused(cell: Cell) -> bool:
    """Whether it is value and gradient on one thread, of standard normal logits, with no option."""
    p = cell.problem
    plain = p.operation == FUSED and p.variant == "plain" and p.deviation == 1
    return plain and cell.threads == 1


def _main(cell: Cell) -> bool:
    return _fused(cell) and cell.problem.dtype == "float32"


def _small(cell: Cell) -> bool:
    p = cell.problem
    forward = p.operation == "cross_entropy" and p.dtype == "float32" and cell.threads == 1
    return p.shape == SMALL and (_main(cell) or (forward and p.variant == "plain"))


def _many(*operations: str) -> Callable[[Cell], bool]:
    """The condition that it is one of some functions, of 100 classes or more, on one thread."""

    def choose(cell: Cell) -> bool:
        p = cell.problem
        plain = p.variant == "plain" and p.deviation == 1 and p.dtype == "float32"
        return plain and p.operation in operations and p.classes >= 100 and cell.threads == 1

    return choose


def faster_than_torch(results: Results) -> Iterator[Verdict]:
    """value_and_grad, one thread: at least 1.4 times as fast as torch eager in every cell"""
    for cell in _cells(results, "torch", choose=_main):
        yield Verdict(cell.name, cell.ratio("torch"), low=1.4)


def three_times_on_average(results: Results) -> Iterator[Verdict]:
    """value_and_grad, one thread: in the geometric mean 3 times as fast as torch eager"""
    if found := [cell.ratio("torch") for cell in _cells(results, "torch", choose=_main)]:
        yield Verdict(f"mean of {len(found)}", geometric_mean(found), low=3)


def never_behind_a_peer(results: Results) -> Iterator[Verdict]:
    """value_and_grad, one thread: as fast as the fastest peer, of JAX on 100 classes 0.75"""
    for cell in _cells(results, choose=_main):
        peers = [name for name in PEERS if name in cell.timings]
        if cell.problem.shape == SMALL:  # the textbook has its own line
            peers = [name for name in peers if CONTENDERS[name].checks]
        hundred = cell.problem.shape == HUNDRED
        if hundred and "JAX" in peers:
            yield Verdict(f"{cell.name} (JAX)", cell.ratio("JAX"), low=0.75)
            peers.remove("JAX")
        if peers:
            best = min(peers, key=cell.median)
            yield Verdict(f"{cell.name} ({best})", cell.ratio(best), low=1)


def small_calls(results: Results) -> Iterator[Verdict]:
    """(32, 10), value_and_grad and forward: as fast as the textbook, faster than torch eager"""
    for name in ("textbook", "torch"):
        for cell in _cells(results, name, choose=_small):
            yield Verdict(f"{cell.name} ({name})", cell.ratio(name), low=1)


def forward_of_many_classes(results: Results) -> Iterator[Verdict]:
    """cross_entropy, softmax, 100 classes up: 1.2 times as fast as torch eager, twice as SciPy"""
    for name, low in (("torch", 1.2), ("SciPy", 2.0)):
        for cell in _cells(results, name, choose=_many("cross_entropy", "softmax")):
            yield Verdict(f"{cell.name} ({name})", cell.ratio(name), low=low)


def log_softmax_of_many_classes(results: Results) -> Iterator[Verdict]:
    """log_softmax, 100 classes up: twice as fast as SciPy, at most 1.4 times as long as torch"""
    for cell in _cells(results, "SciPy", choose=_many("log_softmax")):
        yield Verdict(f"{cell.name} (SciPy)", cell.ratio("SciPy"), low=2)
    for cell in _cells(results, "torch", choose=_many("log_softmax")):
        yield Verdict(f"{cell.name} (time, of torch's)", 1 / cell.ratio("torch"), high=1.4)


def float64_ahead(results: Results) -> Iterator[Verdict]:
    """float64 value_and_grad, one thread, from (60000, 10) up: ahead of torch and of JAX"""
    for name in ("torch", "JAX"):
        for cell in _cells(results, name, choose=_fused):
            if cell.problem.dtype == "float64" and cell.problem.shape != SMALL:
                yield Verdict(f"{cell.name} ({name})", cell.ratio(name), low=1)


def _of_last(cell: Cell) -> float:
    """The time as a multiple of that of the last release."""
    return 1 / cell.ratio(LAST)


def _unlike(cell: Cell) -> bool:
    """Whether the logits are not standard normal."""
    return cell.problem.deviation != 1 or cell.problem.variant in ("confident", "offset")


def other_logits_as_before(results: Results) -> Iterator[Verdict]:
    """standard deviation 10, 90 % confident, offset 100: at most 1.15 times the last release"""
    for cell in _cells(results, LAST, choose=_unlike):
        yield Verdict(cell.name, _of_last(cell), high=1.15)


def options_as_before(results: Results) -> Iterator[Verdict]:
    """weights, ignored samples, smoothing, probabilities: no slower than the last release"""
    for cell in _cells(results, LAST):
        if cell.problem.variant in OPTIONS:
            yield Verdict(cell.name, _of_last(cell), high=1)


def nothing_slower(results: Results) -> Iterator[Verdict]:
    """every other cell: at most 1.15 times the last release"""
    for cell in _cells(results, LAST):
        if not _unlike(cell) and cell.problem.variant not in OPTIONS:
            yield Verdict(cell.name, _of_last(cell), high=1.15)


def _beside(
    results: Results, other: Callable[[Cell], tuple[Problem, int] | None]
) -> Iterator[tuple[Cell, Cell]]:
    """Cells, each with another one: that of the problem and the number of threads it names."""

    def key(problem: Problem, threads: int) -> tuple[Problem, int]:
        return problem._replace(quick=False, alone=False), threads

    there = {key(cell.problem, cell.threads): cell for cell in _cells(results)}
    for cell in _cells(results):
        named = other(cell)
        if named and key(*named) in there:
            yield cell, there[key(*named)]


def options_cost_little(results: Results) -> Iterator[Verdict]:
    """labels with weights or ignored samples: at most 1.25 times the time of those without"""

    def without(cell: Cell) -> tuple[Problem, int] | None:
        p = cell.problem
        return (p._replace(variant="plain"), cell.threads) if p.variant in OPTIONS[:2] else None

    for cell, plain in _beside(results, without):
        yield Verdict(cell.name, cell.median() / plain.median(), high=1.25)


def two_threads(results: Results) -> Iterator[Verdict]:
    """two threads: no slower than one, and 1.3 times as fast from (8192, 1000) up"""

    def one(cell: Cell) -> tuple[Problem, int] | None:
        return (cell.problem, 1) if cell.threads == 2 else None

    for cell, alone in _beside(results, one):
        p = cell.problem
        large = p.classes >= 1000 and prod(p.shape) >= 8192 * 1000
        yield Verdict(cell.name, alone.median() / cell.median(), low=1.3 if large else 1)


def backward_like_forward(results: Results) -> Iterator[Verdict]:
    """a backward takes at most 1.5 times the time of its forward, but for small calls"""

    def forward(cell: Cell) -> tuple[Problem, int] | None:
        p = cell.problem
        backward = p.mode == "backward" and p.shape != SMALL
        return (p._replace(operation=p.function), cell.threads) if backward else None

    for cell, other in _beside(results, forward):
        yield Verdict(cell.name, cell.median() / other.median(), high=1.5)


def little_memory(results: Results) -> Iterator[Verdict]:
    """value_and_grad with out= takes at most 4 MiB of extra memory for each worker"""
    for cell in _cells(results):
        p = cell.problem
        if p.operation == FUSED and p.variant == "plain" and cell.memory is not None:
            yield Verdict(cell.name, cell.memory / MIB / cell.threads, high=4)


def light(results: Results) -> Iterator[Verdict]:
    """a light package: milliseconds to import on top of NumPy, kilobytes of its zipped files"""
    yield Verdict("import, ms", results.about["import_seconds"] * 1e3, high=20)
    yield Verdict("wheel, KB", results.about["wheel_bytes"] / 1e3, high=250)


def right(results: Results) -> Iterator[Verdict]:
    """losses gives the right answer, without which it is not timed"""
    for cell in results.cells:
        if "losses" in cell.timings or "losses" in cell.notes:  # else it was not asked
            yield Verdict(cell.name, float("losses" in cell.timings), low=1)


BAR: list[Callable[[Results], Iterator[Verdict]]] = [
    right,
    faster_than_torch,
    three_times_on_average,
    never_behind_a_peer,
    small_calls,
    forward_of_many_classes,
    log_softmax_of_many_classes,
    float64_ahead,
    other_logits_as_before,
    options_as_before,
    nothing_slower,
    options_cost_little,
    two_threads,
    backward_like_forward,
    little_memory,
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
