"""The command line: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from . import accuracy, bar, ctc, family, linear, parts, scale, summary, values
from .contenders import CONTENDERS
from .problems import PROBLEMS
from .processes import run_pinned
from .results import (
    Cell,
    IncompleteError,
    Results,
    about,
    age,
    cores,
    package,
    publish,
    saved,
    saving,
    table,
)

ROUNDS, QUICK_ROUNDS = 11, 5
THREADS = [1, 2]
BUSY = 0.5  # processes that ran in the last minute
SHOWN = 12  # names, of those that --problems could have matched


# ---- benchmarks: each measures, prints, saves as it goes, and says where ------------------------


def speed(options: argparse.Namespace) -> Path:
    """Time losses and its peers on one call after another."""
    missing = {name: CONTENDERS[name].missing for name in options.contenders}
    for name, absent in missing.items():
        if absent:
            print(f"{name} does not take part: no {absent}")
    task = {
        "contenders": [name for name in options.contenders if not missing[name]],
        "rounds": options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS),
    }
    if not task["contenders"]:
        raise UsageError("nobody is left to be timed: install what is missing")
    first, *_ = options.threads
    wanted = {
        threads: [p for p in options.problems if threads == first or not PROBLEMS[p].alone]
        for threads in options.threads
    }
    results = Results(about() | package(), [])
    load = results.about["load"]
    if load and load[0] > BUSY:
        print(f"this machine is busy (load {load[0]}): threads that wait for a core take long")
    with saving("speed", options.name) as path:
        for threads, names in wanted.items():
            for found in run_pinned("benchmarks.measure", task | {"problems": names}, threads):
                results.cells.append(Cell.from_json(found))
                results.save(path)
                print("\n".join([*table(results.cells[-1]), ""]), flush=True)
        if len(results.cells) < sum(map(len, wanted.values())):
            raise IncompleteError
        whole = options.whole and not any(missing.values())
        end = bar.report(results, only_misses=True)[0] if whole else summary.overall(results)
        print("\n".join(end))
    return publish(path, "speed") if whole else path


def of_accuracy(options: argparse.Namespace) -> Path:
    """Compare losses and its peers with 60-digit decimals: errors in ulp."""
    return accuracy.report(options.problems, options.whole, options.name)


def of_linear(options: argparse.Namespace) -> Path:
    """Time linear_cross_entropy beside its matrix products and peers, and find its memory."""
    chosen = options.problems, options.whole, options.threads
    return linear.report(*chosen, options.rounds, options.name)


def of_scale(options: argparse.Namespace) -> Path:
    """Measure sums, shards, files and worker processes."""
    return scale.report(options.problems, options.whole, options.name)


def of_family(options: argparse.Namespace) -> Path:
    """Time value and gradient of each of the other losses beside PyTorch."""
    chosen = options.problems, options.whole, options.threads
    return family.report(*chosen, options.rounds, options.name)


def of_ctc(options: argparse.Namespace) -> Path:
    """Time value and gradient of CTC beside PyTorch."""
    chosen = options.problems, options.whole, options.threads
    return ctc.report(*chosen, options.rounds, options.name)


def of_values(options: argparse.Namespace) -> Path:
    """Time zeros, infinities, nan and others beside standard normal values."""
    return values.report(options.problems, options.whole, options.rounds, options.name)


def of_parts(options: argparse.Namespace) -> Path:
    """Time NumPy's own operations, and sizes of blocks."""
    return parts.report(options.problems, options.whole, options.rounds, options.name)


class Benchmark(NamedTuple):
    """How to measure, which options that takes, the problems' names, and what is made of it all."""

    measure: Callable[[argparse.Namespace], Path]
    takes: tuple[str, ...]
    problems: Callable[[], Iterable[str]]
    load: Callable[[Path], Any]
    lines: Callable[[Any], Iterable[str]]
    draw: str | None = None  # a function of plot.py


def headed(tables: dict[str, list[str]]) -> list[str]:
    """The lines of tables, each below its title."""
    return [line for title, lines in tables.items() for line in [f"{title}\n", *lines, ""]]


BENCHMARKS = {  # by the beginning of their results' names
    "speed": Benchmark(
        speed,
        ("quick", "problems", "contenders", "threads", "rounds", "name"),
        lambda: PROBLEMS,
        Results.load,
        lambda results: (
            headed(summary.tables(results))
            or [line for cell in results.cells for line in [*table(cell), ""]]
        ),
        "draw",
    ),
    "accuracy": Benchmark(
        of_accuracy,
        ("problems", "name"),
        accuracy.problems,
        accuracy.load,
        lambda results: headed(accuracy.tables(results)),
        "draw_accuracy",
    ),
    "linear": Benchmark(
        of_linear,
        ("problems", "threads", "rounds", "name"),
        linear.problems,
        linear.load,
        linear.everything,
        "draw_linear",
    ),
    "scale": Benchmark(
        of_scale,
        ("problems", "name"),
        scale.problems,
        scale.load,
        lambda results: headed(scale.tables(results)),
        "draw_scale",
    ),
    "family": Benchmark(
        of_family,
        ("problems", "threads", "rounds", "name"),
        family.problems,
        Results.load,
        family.lines,
    ),
    "ctc": Benchmark(
        of_ctc, ("problems", "threads", "rounds", "name"), ctc.problems, Results.load, ctc.lines
    ),
    "values": Benchmark(
        of_values, ("problems", "rounds", "name"), values.problems, values.load, values.lines
    ),
    "parts": Benchmark(
        of_parts, ("problems", "rounds", "name"), parts.problems, parts.load, parts.lines
    ),
}


# ---- what is made of saved results ---------------------------------------------------------------


def loaded(name: str) -> tuple[Benchmark, Any, Path]:
    """The benchmark of saved results, the results and their place."""
    path = saved(name)
    benchmark = BENCHMARKS.get(name.partition("-")[0])
    if benchmark is None or not path.exists():
        there = ", ".join(sorted(p.stem for p in path.parent.glob("*.json"))) or "none"
        raise UsageError(f"argument --name: no results have the name {name!r}; there are: {there}")
    return benchmark, benchmark.load(path), path


def show_bar(name: str) -> int:
    """Hold saved results of speed against the promises."""
    benchmark, results, _ = loaded(name)
    if benchmark is not BENCHMARKS["speed"]:
        raise UsageError(f"argument --name: expected results of speed, got {name!r}")
    lines, kept = bar.report(results)
    print("\n".join(lines))
    return 0 if kept else 1


def show_plot(name: str) -> int:
    """Draw saved results beside them."""
    if name == FRONT:
        return show_front()
    benchmark, results, path = loaded(name)
    if benchmark.draw is None:
        raise UsageError(f"argument --name: of {name!r} there is no plot; table prints it")
    from . import plot

    try:
        drawn = getattr(plot, benchmark.draw)(results, path.with_suffix(""))
    except ImportError:
        print("no plot: matplotlib is not installed")
        return 0
    print(f"drew {path.with_suffix('.svg')} and .png" if drawn else "nothing of it is in the plot")
    return 0


def show_front() -> int:
    """Draw the picture of the front page from the saved results of accuracy and speed."""
    _, errors, path = loaded("accuracy")
    _, times, _ = loaded("speed")
    try:
        from . import front

        paths = front.draw(errors, times, path.parent)
    except ImportError:
        print("no plot: matplotlib is not installed")
        return 0
    print(f"drew {' and '.join(map(str, paths))}")
    return 0


def show_table(name: str) -> int:
    """Print the tables of saved results."""
    benchmark, results, _ = loaded(name)
    print("\n".join(benchmark.lines(results)))
    return 0


def show_list() -> int:
    """Print the names that --problems matches parts of."""
    for kind, benchmark in BENCHMARKS.items():
        print("\n    ".join([_command(kind), *benchmark.problems()]))
    return 0


def show_age() -> int:
    """Say which published results are older than the code that they measure."""
    print("\n".join(age()))
    return 0


FRONT = "front"  # the name of the picture of the front page
SHOW_ALL = {"list": show_list, "age": show_age}
SHOW = {"bar": show_bar, "plot": show_plot, "table": show_table}


# ---- the command line ----------------------------------------------------------------------------


class UsageError(Exception):
    """What is wrong with the command line."""


def _command(kind: str) -> str:
    return "python -m benchmarks" + (f" {kind}" if kind != "speed" else "")


def selected(names: Sequence[str], asked: Sequence[str] | None) -> list[str]:
    """The names that are asked for, in whole or in part."""
    if not asked:
        return list(names)
    found: set[str] = set()
    for part in asked:
        matching = [part] if part in names else [name for name in names if part in name]
        if not matching:
            shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
            raise UsageError(
                f"argument --problems: no name has the part {part!r}; expected parts of {shown} "
                "(python -m benchmarks list prints all)"
            )
        found.update(matching)
    return [name for name in names if name in found]


def measure(kind: str, options: argparse.Namespace) -> int:
    """Run a benchmark and draw its results."""
    benchmark = BENCHMARKS[kind]
    options.whole = not given(options)
    names = [p for p in benchmark.problems() if not options.quick or PROBLEMS[p].quick]
    options.problems = selected(names, options.problems)
    options.contenders = options.contenders or list(CONTENDERS)
    asked = options.threads or THREADS
    options.threads = [count for count in asked if count <= cores()]
    if "threads" in benchmark.takes and options.threads != asked:
        if not options.threads:
            raise UsageError(f"argument --threads: expected at most {cores()}, got {asked}")
        print(f"only on {options.threads} threads: there are no more cores to use")
        options.whole = False
    path = benchmark.measure(options)
    if benchmark.draw:
        show_plot(path.stem)
    print(f"python -m benchmarks table --name {path.stem} prints the results again")
    return 0


def at_least(least: int) -> Callable[[str], int]:
    """The type of an argument: an integer that is no smaller."""

    def integer(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"expected an integer from {least} up, got {text!r}")
        return int(text)

    return integer


def named(text: str) -> str:
    """The type of --name: part of the name of a file."""
    if not text.replace("-", "").replace("_", "").isalnum():
        raise argparse.ArgumentTypeError(f"expected letters, digits, - and _, got {text!r}")
    return text


OPTIONS: dict[str, dict[str, Any]] = {
    "quick": {"action": "store_true", "help": f"the main problems, {QUICK_ROUNDS} rounds"},
    "problems": {
        "nargs": "+",
        "metavar": "PART",
        "help": "only problems whose names have one of these parts",
    },
    "contenders": {
        "nargs": "+",
        "metavar": "NAME",
        "choices": CONTENDERS,
        "help": f"only these of {', '.join(map(repr, CONTENDERS))}",
    },
    "threads": {
        "nargs": "+",
        "metavar": "N",
        "type": at_least(1),
        "help": "numbers of threads, by default 1 and 2",
    },
    "rounds": {
        "metavar": "N",
        "type": at_least(2),  # of one there are no quartiles
        "help": "how often each call is timed, by default as often as its benchmark says",
    },
    "name": {
        "type": named,
        "help": "save as results/BENCHMARK-NAME.json instead of BENCHMARK-partial.json; "
        "of bar, plot and table: the name of the results, by default speed",
    },
}


def _commands() -> Iterator[tuple[str, str | None, tuple[str, ...]]]:
    """The name of each command, what it does, and the options that it takes."""
    for kind, benchmark in BENCHMARKS.items():
        yield "run" if kind == "speed" else kind, benchmark.measure.__doc__, benchmark.takes
    for name, show in SHOW.items():
        yield name, show.__doc__, ("name",)
    for name, show_all in SHOW_ALL.items():
        yield name, show_all.__doc__, ()


COMMANDS = {name: takes for name, _, takes in _commands()}


def given(options: argparse.Namespace) -> set[str]:
    """The options that are on the command line."""
    return {name for name in OPTIONS if getattr(options, name) not in (None, False)}


def parser() -> argparse.ArgumentParser:
    """The parser of the command line, whose help has a line for each command."""
    lines = []
    for name, text, takes in _commands():
        lines.append(f"  {name:<10}{text}")
        lines += [f"  {'':<10}({' '.join(f'--{option}' for option in takes)})"] if takes else []
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure losses beside its peers. Results are saved as they come; those of a\n"
        "whole run, which has no option, then replace the last whole run's.",
        epilog="\n".join(["commands, and the options that each takes:", *lines]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "command", nargs="?", default="run", choices=COMMANDS, metavar="command", help="or run"
    )
    for name, option in OPTIONS.items():
        made.add_argument(f"--{name}", **option)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    command_line = parser()
    options = command_line.parse_args(arguments)
    command = options.command
    try:
        for name in sorted(given(options) - set(COMMANDS[command])):
            raise UsageError(f"argument --{name}: the command {command!r} does not take it")
        if command in SHOW:
            return SHOW[command](options.name or "speed")
        if command in SHOW_ALL:
            return SHOW_ALL[command]()
        return measure("speed" if command == "run" else command, options)
    except UsageError as error:
        command_line.error(str(error))
    except IncompleteError:
        print("not everything was measured", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
