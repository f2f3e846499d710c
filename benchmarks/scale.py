"""The report of scale: errors and memory against samples, shards, files and worker processes.

Each section is a list of records, which are saved as JSON, and a table of them.
"""

from __future__ import annotations

import importlib.util
import json
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import losses

from . import results as kept
from .processes import environment, peak
from .results import about, cores, publish, saving, seconds, write
from .results import load as machine_load

BATCH, BATCHES = 1_000_000, [1, 10, 100, 1000]
RAGGED = 1000  # batches of which each has another share of ignored samples
ROWS, CLASSES = 128, 50_257
SHARDS = [1, 2, 8, 64, 512, 4096]
FILE_ROWS = [200, 2_000, 20_000]  # of CLASSES float32 logits: 40 MB, 400 MB, 4 GB
CHUNKS = {"samples": (256, CLASSES), "samples and classes": (512, 12_565)}
DASK_ROWS = 8192
MB = 1_000_000

Record = dict[str, Any]


# ---- errors against samples ----------------------------------------------------------------------


def samples(counts: Sequence[int]) -> Iterator[Record]:
    """The mean of many losses: its relative error, by ways to add them."""
    rng = np.random.default_rng(0)
    logits = 4 * rng.standard_normal((BATCH, 10), np.float32)
    target = rng.integers(0, 10, BATCH)
    each = losses.cross_entropy(logits, target, reduction="none")
    exact = sum(map(Fraction, each.tolist()), Fraction(0)) / BATCH
    batch = losses.cross_entropy_sums(logits, target)
    for batches in counts:
        ways = {
            "merged": reduce(losses.merge_sums, [batch] * batches).mean,
            "float64": _running(each.astype(np.float64), batches),
            "float32": _running(each, batches),
        }
        errors = {
            name: float(abs(Fraction(float(way)) - exact) / exact) for name, way in ways.items()
        }
        yield {"samples": BATCH * batches, **errors}


def _running(each: np.ndarray, batches: int) -> float:
    """The mean by one running sum in the dtype of the losses."""
    total = each.dtype.type(0)
    for _ in range(batches):
        total = np.add.accumulate(np.append(total, each))[-1]
    return float(total) / (each.size * batches)


def ragged(counts: Sequence[int]) -> Iterator[Record]:
    """The mean over batches of which each ignores another share, by merging and by averaging."""
    for batches in counts:
        rng = np.random.default_rng(0)
        logits = 2 * rng.standard_normal((batches, 64, 10), np.float32)
        logits *= np.linspace(0.1, 2, batches, dtype=np.float32)[:, None, None]
        target = rng.integers(0, 10, (batches, 64))
        target[np.arange(64) < np.linspace(0, 62, batches)[:, None]] = -100
        whole = losses.cross_entropy(logits.astype(np.float64), target, axis=-1)
        pairs = list(zip(logits, target, strict=True))
        means = np.mean([losses.cross_entropy(x, t) for x, t in pairs], dtype=np.float64)
        merged = losses.merge_sums(*(losses.cross_entropy_sums(x, t) for x, t in pairs)).mean
        for name, mean in (("merged sums", merged), ("the mean of the batches' means", means)):
            yield {"way": name, "error": float(abs(mean - whole) / whole)}


# ---- errors against shards -----------------------------------------------------------------------


def shards(counts: Sequence[int]) -> Iterator[Record]:
    """The loss and gradient of classes in shards: errors in ulp, time and size of the states."""
    rng = np.random.default_rng(0)
    logits = 4 * rng.standard_normal((ROWS, CLASSES), np.float32)
    target = rng.integers(0, CLASSES, ROWS)
    wide = logits.astype(np.float64)
    exact = losses.cross_entropy(wide, target, reduction="none")
    exact_grad = losses.cross_entropy_backward(np.ones(ROWS), wide, target, reduction="none")
    unsharded = _fastest(lambda: losses.cross_entropy_value_and_grad(logits, target))
    for count in counts:
        cuts = np.linspace(0, CLASSES, count + 1).astype(int).tolist()
        parts = [
            (first, np.ascontiguousarray(logits[:, first:stop])) for first, stop in pairwise(cuts)
        ]

        def states(parts: Any = parts) -> list[losses.ShardState]:
            return [
                losses.cross_entropy_shard(x, target, first_class=first, classes=CLASSES)
                for first, x in parts
            ]

        def both(parts: Any = parts) -> tuple[Any, list[np.ndarray]]:
            state = losses.merge_shards(*states(parts))
            return state.losses, [
                losses.cross_entropy_shard_backward(
                    1.0, state, x, target, first_class=first, classes=CLASSES
                )
                for first, x in parts
            ]

        found, grads = both()
        tree = _tree(states())
        yield {
            "shards": count,
            "in_a_row": _ulp(found, exact),
            "as_a_tree": _ulp(tree.losses, exact),
            "gradient": _ulp(np.concatenate(grads, axis=1), exact_grad),
            "time": _fastest(both) / unsharded,
            "bytes": len(pickle.dumps(tree, protocol=5)) / ROWS,
        }


def _tree(states: list[losses.ShardState]) -> losses.ShardState:
    while len(states) > 1:
        states = [losses.merge_shards(*states[i : i + 4]) for i in range(0, len(states), 4)]
    return states[0]


def _ulp(found: np.ndarray, exact: np.ndarray) -> float:
    """The largest error in units of the last place of float32."""
    spacing = np.spacing(np.abs(exact).astype(np.float32)).astype(np.float64)
    return float((np.abs(found.astype(np.float64) - exact) / spacing).max())


def _fastest(call: Any, rounds: int = 3) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


# ---- files ---------------------------------------------------------------------------------------


def files(counts: Sequence[int]) -> Iterator[Record]:
    """Scoring files from the command line: the peak of the process's memory, and its time."""
    with tempfile.TemporaryDirectory(dir=kept.FOLDER) as folder:
        for rows in counts:
            logits, target = Path(folder, "logits.npy"), Path(folder, "target.npy")
            size = _write(logits, target, rows)
            for workers in range(1, min(2, cores()) + 1):
                yield {"bytes": size, "workers": workers} | _score(logits, target, workers)


def _write(logits: Path, target: Path, rows: int) -> int:
    """Write logits and labels; return the bytes of the logits."""
    rng = np.random.default_rng(0)
    np.save(target, rng.integers(0, CLASSES, rows))
    to = np.lib.format.open_memmap(logits, "w+", np.float32, (rows, CLASSES))
    for first in range(0, rows, 200):
        to[first : first + 200] = rng.standard_normal((min(200, rows - first), CLASSES), np.float32)
    to.flush()
    return logits.stat().st_size


SCORE = """
import json, sys
from benchmarks.processes import peak
from losses.__main__ import main

code = main(["score", *sys.argv[1:]])
print(json.dumps(peak()))
sys.exit(code)
"""


def _score(logits: Path, target: Path, workers: int) -> Record:
    """Run the command in a process that also tells its peak of memory."""
    command = [sys.executable, "-c", SCORE, str(logits), str(target), "--json"]
    command += ["--workers", str(workers)]
    start = time.perf_counter()
    done = subprocess.run(command, env=environment(workers), capture_output=True, check=True)
    elapsed = time.perf_counter() - start
    score, highest = map(json.loads, done.stdout.splitlines())
    return {"peak": highest, "seconds": elapsed, "loss": score["loss"]}


# ---- worker processes ----------------------------------------------------------------------------


def cluster(cuts: Sequence[str]) -> Iterator[Record]:
    """The loss of logits that no process holds whole, on one and on two worker processes."""
    import dask.array as da
    from dask.distributed import Client, LocalCluster

    from losses.extra import dask as lazy

    def chunk(block_info: Any = None) -> np.ndarray:
        rows, columns = block_info[None]["array-location"]
        i, k = np.arange(*rows, dtype=np.float32), np.arange(*columns, dtype=np.float32)
        return np.sin(i)[:, None] * np.float32(3) + np.cos(7 * k)

    target = np.arange(DASK_ROWS) * 31 % CLASSES
    shape = (DASK_ROWS, CLASSES)
    for cut in cuts:
        size = CHUNKS[cut]
        chunks = da.core.normalize_chunks(size, shape)
        logits = da.map_blocks(chunk, chunks=chunks, dtype=np.float32)
        for workers in range(1, min(2, cores()) + 1):
            with (
                LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address=None,
                ) as made,
                Client(made) as client,
            ):
                before = _highest(client.run(peak).values())
                start = time.perf_counter()
                loss = float(lazy.cross_entropy(logits, target).compute())
                elapsed = time.perf_counter() - start
                after = _highest(client.run(peak).values())
            yield {
                "cut": cut,
                "chunk": int(4 * np.prod([size[0], min(size[1], CLASSES)])),
                "workers": workers,
                "seconds": elapsed,
                "peak": None if before is None or after is None else after - before,
                "loss": loss,
            }


def _highest(peaks: Collection[int | None]) -> int | None:
    known = [found for found in peaks if found is not None]
    return max(known) if known else None


# ---- what is written of it -----------------------------------------------------------------------

SECTIONS = {
    "samples": samples,
    "ragged": ragged,
    "shards": shards,
    "files": files,
    "cluster": cluster,
}


def problems() -> dict[str, tuple[str, Any]]:
    """The names that --problems matches: the section, and what it is measured on, of each."""
    found: dict[str, tuple[str, Any]] = {}
    found |= {f"samples/{BATCH * batches}": ("samples", batches) for batches in BATCHES}
    found |= {f"ragged/{RAGGED}": ("ragged", RAGGED)}
    found |= {f"shards/{shards}": ("shards", shards) for shards in SHARDS}
    found |= {f"files/{rows}": ("files", rows) for rows in FILE_ROWS}
    return found | {f"cluster/{cut}": ("cluster", cut) for cut in CHUNKS}


def report(chosen: Collection[str], whole: bool, name: str | None) -> Path:
    """Measure the chosen problems of every section; print and save them."""
    results: dict[str, Any] = {"about": about()}
    results |= {section: [] for section in SECTIONS}
    absent = [name for name in ("dask", "distributed") if importlib.util.find_spec(name) is None]
    with saving("scale", name) as path:
        for section, measure in SECTIONS.items():
            of = [
                size
                for key, (where, size) in problems().items()
                if where == section and key in chosen
            ]
            if section == "cluster" and absent:
                print(f"cluster is left out: no {' and no '.join(absent)}")
                continue
            for record in measure(of) if of else ():
                results[section].append(record)
                write(path, results)
            if of:
                print("\n".join([f"{section}\n", *tables(results)[section], ""]), flush=True)
        results["about"]["load_at_end"] = machine_load()
        write(path, results)
    return publish(path, "scale") if whole and not absent else path


def load(path: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return results


def tables(results: dict[str, Any]) -> dict[str, list[str]]:
    """The lines of a Markdown table of each section that was measured."""
    made = {
        "samples": (["samples", "merged sums", "running float64", "running float32"], _of_samples),
        "ragged": (["1,000 batches", "relative error of the mean"], _of_ragged),
        "shards": (
            [
                "shards",
                "loss, merged in a row",
                "loss, as a tree",
                "gradient",
                "time / unsharded",
                "bytes per sample",
            ],
            _of_shards,
        ),
        "files": (["logits", "workers", "peak memory", "time", "read"], _of_files),
        "cluster": (["chunks", "one chunk", "processes", "peak of each", "time"], _of_cluster),
    }
    return {
        section: [
            f"| {' | '.join(head)} |",
            "|---" * len(head) + "|",
            *(f"| {' | '.join(row(record))} |" for record in results[section]),
        ]
        for section, (head, row) in made.items()
        if results.get(section)
    }


def _of_samples(record: Record) -> Sequence[str]:
    errors = (record[name] for name in ("merged", "float64", "float32"))
    return [f"{record['samples']:,}", *(f"{error:.1e}" for error in errors)]


def _of_ragged(record: Record) -> Sequence[str]:
    return [record["way"], f"{record['error']:.1e}"]


def _of_shards(record: Record) -> Sequence[str]:
    errors = (record[name] for name in ("in_a_row", "as_a_tree", "gradient"))
    rest = f"{record['time']:.2f}", f"{record['bytes']:.0f}"
    return [f"{record['shards']:,}", *(f"{error:.2g} ulp" for error in errors), *rest]


def _of_files(record: Record) -> Sequence[str]:
    return [
        f"{record['bytes'] / MB:,.0f} MB",
        str(record["workers"]),
        _peak(record),
        seconds(record["seconds"]),
        f"{record['bytes'] / 1e9 / record['seconds']:.2f} GB/s",
    ]


def _of_cluster(record: Record) -> Sequence[str]:
    return [
        record["cut"],
        f"{record['chunk'] / MB:.0f} MB",
        str(record["workers"]),
        _peak(record),
        seconds(record["seconds"]),
    ]


def _peak(record: Record) -> str:
    return "" if record["peak"] is None else f"{record['peak'] / MB:.0f} MB"
