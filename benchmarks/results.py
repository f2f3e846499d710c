"""The results: cells, their table, their JSON, and the machine they were measured on."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from .problems import Problem

FOLDER = Path(__file__).parent / "results"
CODE = "HEAD:src/losses"  # the code that is measured, as git names its tree
PARTIAL = "partial"  # the name of a run that has none, until it is whole
UNITS = [("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)]
PACKAGES = ["losses", "numpy", "scipy", "scikit-learn", "torch", "jax", "jaxlib", "optax"]


class Timing(NamedTuple):
    """Seconds for a call: the quartiles over the rounds, and the calls in each round."""

    lower: float
    median: float
    upper: float
    rounds: int
    calls: int


class Cell(NamedTuple):
    """A problem on a number of threads: the contenders' times, and the notes on absent ones.

    ``memory`` is the extra memory of the call of `losses` at its peak, in bytes.
    """

    problem: Problem
    threads: int
    memory: int | None
    timings: dict[str, Timing]
    notes: dict[str, str]

    @property
    def name(self) -> str:
        return f"{self.problem.name} on {self.threads}"

    def median(self, contender: str = "losses") -> float:
        return self.timings[contender].median

    def ratio(self, contender: str) -> float:
        """How many times as long as `losses` a contender takes."""
        return self.median(contender) / self.median()

    def to_json(self) -> dict[str, Any]:
        timings = {name: timing._asdict() for name, timing in self.timings.items()}
        return self._asdict() | {"problem": self.problem._asdict(), "timings": timings}

    @classmethod
    def from_json(cls, cell: dict[str, Any]) -> Cell:
        problem = Problem(**cell["problem"])
        problem = problem._replace(shape=tuple(problem.shape))
        timings = {name: Timing(**timing) for name, timing in cell["timings"].items()}
        return cls(**cell | {"problem": problem, "timings": timings})


class Results(NamedTuple):
    """The cells of one run, and where and with what it ran."""

    about: dict[str, Any]
    cells: list[Cell]

    def save(self, path: Path) -> None:
        write(path, {"about": self.about, "cells": [cell.to_json() for cell in self.cells]})

    @classmethod
    def load(cls, path: Path) -> Results:
        data = json.loads(path.read_text(encoding="utf-8"))
        return cls(data["about"], [Cell.from_json(cell) for cell in data["cells"]])


def write(path: Path, results: dict[str, Any]) -> None:
    """Save results as JSON, each record of a list on a line; the file is whole at any moment."""

    def text(value: Any) -> str:
        if not isinstance(value, list):
            return json.dumps(value, indent=1)
        return "[\n{}\n]".format(",\n".join(map(json.dumps, value)))

    sections = ",\n".join(f"{json.dumps(key)}: {text(value)}" for key, value in results.items())
    path.parent.mkdir(exist_ok=True)
    fresh = path.with_name(f"{path.name}-new")
    fresh.write_text(f"{{{sections}}}\n", encoding="utf-8")
    os.replace(fresh, path)


def saved(name: str) -> Path:
    """Where results have their place: the name of their benchmark, or that and a name of theirs."""
    return FOLDER / f"{name}.json"


@contextmanager
def saving(kind: str, name: str | None) -> Iterator[Path]:
    """Yield where a benchmark saves as it goes: what it has measured, an error does not lose."""
    path = saved(f"{kind}-{name or PARTIAL}")
    path.unlink(missing_ok=True)
    try:
        yield path
    finally:
        if path.exists():
            print(f"saved {path}", flush=True)


class IncompleteError(Exception):
    """A process that measures has ended before the last of its results; the others are saved."""


def publish(path: Path, kind: str) -> Path:
    """Put the results of a whole run in the place of the last ones; return that place."""
    os.replace(path, saved(kind))
    print(f"the run was whole: it is now {saved(kind)}")
    return saved(kind)


def seconds(value: float) -> str:
    """A time with three digits and a unit that suits it."""
    unit, size = next((u for u in UNITS if value >= u[1]), UNITS[-1])
    return f"{value / size:#.3g}".rstrip(".") + f" {unit}"


def mebibytes(value: int) -> str:
    return f"{value / 2**20:.2f} MiB"


def table(cell: Cell) -> Iterator[str]:
    """The lines of a cell's table, the fastest contender first."""
    memory = "" if cell.memory is None else f", losses' extra memory {mebibytes(cell.memory)}"
    yield f"{cell.problem.name}, threads {cell.threads}{memory}"
    for name, timing in sorted(cell.timings.items(), key=lambda item: item[1].median):
        line = f"  {name:<15}{seconds(timing.median):>10}"
        line += f"{timing.median / cell.problem.logits * 1e9:>10.2f} ns/logit"
        if "losses" in cell.timings and name != "losses":
            ratio = cell.ratio(name)
            line += f"{max(ratio, 1 / ratio):>8.2f}x {'slower' if ratio > 1 else 'FASTER'}"
        yield line
    for name, note in cell.notes.items():
        yield f"  {name:<15}{note}"


def cores() -> int:
    """Return the number of cores that this process may use."""
    from losses._core.schedule import worker_count

    return worker_count(-1)


def about() -> dict[str, Any]:
    """The machine, the versions, the date and the code."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": git("rev-parse", "--short", "HEAD"),
        "code": git("rev-parse", CODE),
        "cpu": _cpu(),
        "cores": cores(),
        "load": load(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
    }


def git(*arguments: str) -> str:
    """What git answers, or nothing where there is no git or no history."""
    try:
        found = subprocess.run(
            ["git", *arguments], cwd=FOLDER, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return "" if found.returncode else found.stdout.strip()


def age() -> Iterator[str]:
    """Say of each published results file whether its code is that of the last commit."""
    code = git("rev-parse", CODE)
    for path in sorted(FOLDER.glob("*.json")):
        if "-" in path.stem:  # not published
            continue
        found = json.loads(path.read_text(encoding="utf-8"))["about"]
        when = f"{path.name}: {found['date'][:10]}, commit {found.get('commit') or 'unknown'}"
        if not code:
            yield f"{when}; the code cannot be compared without git"
        elif found.get("code") == code:
            yield f"{when}; of the present code"
        else:
            yield f"{when}; OLDER than the present code"


def package() -> dict[str, Any]:
    """What importing the package takes, and the size of its wheel."""
    return {"import_seconds": import_seconds(), "wheel_bytes": wheel_bytes()}


def load() -> list[float] | None:
    """The processes that ran, on average, in the last 1, 5 and 15 minutes."""
    return [round(running, 2) for running in os.getloadavg()] if hasattr(os, "getloadavg") else None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def import_seconds(repeats: int = 11) -> float:
    """What ``import losses`` adds to ``import numpy``: the median over new processes.

    The first process compiles the modules and does not count.
    """
    code = "import time, numpy; s = time.perf_counter(); import losses; e = time.perf_counter()"
    command = [sys.executable, "-c", f"{code}; print(e - s)"]
    # Without compiled modules on disk each process would compile them all.
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    found = [float(subprocess.check_output(command, env=kept)) for _ in range(1 + repeats)]
    return statistics.median(found[1:])


def wheel_bytes() -> int:
    """The size of a wheel: the package's files, zipped; its metadata adds a few kilobytes."""
    import losses

    package, wheel = Path(losses.__file__).parent, BytesIO()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(package.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, path.relative_to(package.parent))
    return wheel.getbuffer().nbytes
