"""The family: value and gradient of each loss, beside PyTorch eager.

Started by `python -m benchmarks family` in a process for each number of threads, pinned to as many
cores. Which losses there are follows from the public names.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from statistics import geometric_mean

from .contenders import CONTENDERS
from .measure import measure
from .problems import BINARY, ENTRYWISE, REGRESSION, SAMPLEWISE, Problem
from .processes import run_pinned, tell
from .results import Cell, IncompleteError, Results, about, publish, saving, seconds, table

ENTRIES = 1_000_000
SAMPLES = (10_000, 100)  # as many numbers, in rows
POSITIONS = (100, 100, 100)  # as many, of samples, classes and positions
ROUNDS = 11
PEER = "torch"
TAKE_PART = ["losses", "losses, no out", PEER]
LEAST, MEAN = 1.0, 1.5  # the promise: how many times as fast as PyTorch, in a cell and on average
TIMES = "\N{MULTIPLICATION SIGN}"


def problems() -> dict[str, Problem]:
    """The problems, by the names that --problems matches parts of."""
    names = dict.fromkeys([*REGRESSION, *BINARY, *ENTRYWISE], (ENTRIES,))
    names |= dict.fromkeys(SAMPLEWISE, SAMPLES) | {"tversky_loss": POSITIONS}
    return {name: Problem(f"{name}_value_and_grad", names[name]) for name in sorted(names)}


def report(
    chosen: Collection[str],
    whole: bool,
    threads: Sequence[int],
    rounds: int | None,
    name: str | None,
) -> Path:
    """Measure the chosen problems; print and save the times of each."""
    few = [problem for problem in problems() if problem in chosen]
    shown = lines if whole else lambda results: table_of(results, _function)
    return run("family", TAKE_PART, few, whole, threads, rounds, name, shown)


def run(
    kind: str,
    contenders: Sequence[str],
    chosen: Sequence[str],
    whole: bool,
    threads: Sequence[int],
    rounds: int | None,
    name: str | None,
    lines: Callable[[Results], list[str]],
) -> Path:
    """Run the module of a kind in a process for each number of threads; print and save it all."""
    missing = {who: absent for who in contenders if (absent := CONTENDERS[who].missing)}
    for contender, absent in missing.items():
        print(f"{contender} does not take part: no {absent}")
    task = {
        "contenders": [contender for contender in contenders if contender not in missing],
        "problems": chosen,
        "rounds": rounds or ROUNDS,
    }
    results = Results(about(), [])
    with saving(kind, name) as path:
        for count in threads:
            for found in run_pinned(f"benchmarks.{kind}", task, count):
                results.cells.append(Cell.from_json(found))
                results.save(path)
                print("\n".join([*table(results.cells[-1]), ""]), flush=True)
        if len(results.cells) < len(chosen) * len(threads):
            raise IncompleteError
        print("\n".join(lines(results)))
    return publish(path, kind) if whole and not missing else path


def tables(results: Results) -> dict[str, list[str]]:
    """The lines of a Markdown table, and those of the promises."""
    return {
        "value and gradient": table_of(results, _function),
        "promises": list(_promises(results)),
    }


def lines(results: Results) -> list[str]:
    """The lines of both."""
    return [line for found in tables(results).values() for line in [*found, ""]]


def _function(cell: Cell) -> str:
    return cell.problem.function


def table_of(results: Results, title: Callable[[Cell], str]) -> list[str]:
    """A row for each problem: on each number of threads its time, and PyTorch's as a multiple."""
    counts = sorted({cell.threads for cell in results.cells})
    heads = [f"losses, {count} | PyTorch, {count}" for count in counts]
    found = [
        f"| value and gradient, threads | {' | '.join(heads)} |",
        "|---" * (1 + 2 * len(counts)) + "|",
    ]
    cells = {(title(cell), cell.threads): cell for cell in results.cells}
    for name in dict.fromkeys(name for name, _ in cells):
        row = [cells.get((name, count)) for count in counts]
        found.append(f"| `{name}` | {' | '.join(map(_figures, row))} |")
    return found


def _figures(cell: Cell | None) -> str:
    """The time of losses, and PyTorch's as a multiple, bold where PyTorch is faster."""
    if cell is None or "losses" not in cell.timings:
        return " | "
    if PEER not in cell.timings:
        return f"{seconds(cell.median())} | "
    ratio = f"{cell.ratio(PEER):.2f}{TIMES}"
    return f"{seconds(cell.median())} | {f'**{ratio}**' if cell.ratio(PEER) < LEAST else ratio}"


def _promises(results: Results) -> Iterator[str]:
    """What is promised: a line for each number of threads, and one for each cell that misses."""
    for count in sorted({cell.threads for cell in results.cells}):
        cells = [
            cell
            for cell in results.cells
            if cell.threads == count and {"losses", PEER} <= {*cell.timings}
        ]
        if not cells:
            continue
        mean = geometric_mean([cell.ratio(PEER) for cell in cells])
        slow = [cell for cell in cells if cell.ratio(PEER) < LEAST]
        yield f"threads {count}: {len(cells) - len(slow)}/{len(cells)} as fast as torch eager"
        yield from (f"    MISS {cell.ratio(PEER):>8.2f}  {cell.problem.function}" for cell in slow)
        word = "pass" if mean >= MEAN else "MISS"
        yield f"    {word} {mean:>8.2f}  geometric mean, at least {MEAN} expected"


def main() -> None:
    """Measure what the JSON on the command line asks for, and tell each cell."""
    task = json.loads(sys.argv[1])
    warnings.simplefilter("ignore")  # the peers' own
    for name in task["problems"]:
        cell = measure(problems()[name], task["contenders"], task["threads"], task["rounds"])
        tell(cell.to_json())


if __name__ == "__main__":
    main()
