"""The command line: ``python -m benchmarks [run | bar | plot | table | parts | list]``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from . import accuracy, bar, linear, parts, scale, summary, values
from .contenders import CONTENDERS
from .problems import PROBLEMS
from .processes import run_pinned
from .results import FOLDER, Cell, Results, about, cores

ROUNDS, QUICK_ROUNDS = 11, 5
BUSY = 0.5  # processes that ran in the last minute


def run(options: argparse.Namespace) -> int:
    """Measure, print, save, draw, and hold the results against the bar."""
    problems = [
        name
        for name, problem in PROBLEMS.items()
        if (problem.quick or not options.quick)
        and (not options.problems or any(part in name for part in options.problems))
    ]
    missing = {name: CONTENDERS[name].missing for name in options.contenders}
    task = {
        "problems": problems,
        "contenders": [name for name in options.contenders if not missing[name]],
        "rounds": options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS),
    }
    for name, packages in missing.items():
        if packages:
            print(f"{name} does not take part: no {', '.join(packages)}")
    results = Results(about(), [])
    load = results.about["load"]
    if load and load[0] > BUSY:
        print(f"this machine is busy (load {load[0]}): threads that wait for a core take long")
    for threads in options.threads:
        if threads > cores():
            print(f"no run on {threads} threads: there are {cores()} cores to use")
            continue
        results.cells += map(Cell.from_json, run_pinned("benchmarks.measure", task, threads))
    path = FOLDER / f"{options.name or ('partial' if partial(options) else 'speed')}.json"
    results.save(path)
    print(f"saved {path}")
    plot(path)
    print("\n".join(bar.report(results, only_misses=True)[0]))
    return 0


def partial(options: argparse.Namespace) -> bool:
    """Whether this is less than the whole run, whose results are those that are published."""
    narrowed = [options.quick, options.problems, options.rounds, options.threads != [1, 2]]
    narrowed += [contender.missing for contender in CONTENDERS.values()]
    return any(narrowed) or options.contenders != list(CONTENDERS)


def plot(path: Path) -> int:
    """Draw the plot of saved results beside them."""
    try:
        from .plot import draw, draw_accuracy, draw_linear, draw_scale
    except ImportError:
        print("no plot: matplotlib is not installed")
        return 0
    if "accuracy" in path.stem:
        draw_accuracy(accuracy.load(path), path.with_suffix(""))
    elif "linear" in path.stem:
        draw_linear(linear.load(path), path.with_suffix(""))
    elif "scale" in path.stem:
        draw_scale(scale.load(path), path.with_suffix(""))
    elif not draw(Results.load(path), path.with_suffix("")):
        return 0
    print(f"drew {path.with_suffix('.svg')} and .png")
    return 0


def table(path: Path) -> int:
    """Print the tables of saved results."""
    if "linear" in path.stem:
        print("\n".join(linear.everything(linear.load(path))))
        return 0
    if "scale" in path.stem:
        tables = scale.tables(scale.load(path))
    elif "accuracy" in path.stem:
        tables = accuracy.tables(accuracy.load(path))
    else:
        tables = summary.tables(Results.load(path))
    for title, lines in tables.items():
        print("\n".join([f"{title}\n", *lines, ""]))
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=run.__doc__)
    commands = ["run", "bar", "plot", "table", "parts", "values", "accuracy", "linear"]
    commands += ["scale", "list"]
    parser.add_argument("command", nargs="?", default="run", choices=commands)
    parser.add_argument("--quick", action="store_true", help="fewer problems and rounds")
    parser.add_argument("--problems", nargs="+", metavar="NAME", help="parts of problems' names")
    parser.add_argument(
        "--contenders", nargs="+", metavar="NAME", choices=CONTENDERS, default=list(CONTENDERS)
    )
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, help=f"by default {ROUNDS}, or {QUICK_ROUNDS}")
    parser.add_argument("--name", help="results/NAME.json: speed for a whole run, else partial")
    options = parser.parse_args(arguments)
    saved = FOLDER / f"{options.name or 'speed'}.json"
    if options.command == "list":
        print("\n".join(PROBLEMS))
        return 0
    if options.command == "plot":
        return plot(saved)
    if options.command in ("parts", "values"):
        for line in (parts if options.command == "parts" else values).report():
            print(line, flush=True)
        return 0
    if options.command == "table":
        return table(saved)
    if options.command == "accuracy":
        return plot(accuracy.report())
    if options.command == "linear":
        return plot(linear.report(options.threads, options.rounds, options.name))
    if options.command == "scale":
        return plot(scale.report(options.name))
    if options.command == "bar":
        lines, whole = bar.report(Results.load(saved))
        print("\n".join(lines))
        return 0 if whole else 1
    return run(options)


if __name__ == "__main__":
    raise SystemExit(main())
