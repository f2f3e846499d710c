"""The processes that measure: pinned to some cores, with as many threads in every library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RECORD = "\x1e"  # begins a line of JSON among lines for people, as in RFC 7464


def environment(threads: int) -> dict[str, str]:
    """Every library's own name for the number of threads, read when it is imported."""
    count = str(threads)
    pools = ["OMP", "OPENBLAS", "MKL", "NUMEXPR"]
    return {
        **os.environ,
        **{f"{pool}_NUM_THREADS": count for pool in pools},
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()}",
        "JAX_PLATFORMS": "cpu",
        "JAX_ENABLE_X64": "1",  # float64 problems; float32 ones stay float32
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
        "PYTHONIOENCODING": "utf-8",
    }


def run_pinned(module: str, task: dict[str, object], threads: int) -> Iterator[Any]:
    """Run a module in a process of its own that may use so many cores; yield what it tells.

    It is given the task as JSON. What else it prints is printed.
    """
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    command = [sys.executable, "-m", module, json.dumps({**task, "threads": threads})]
    try:
        if usable:  # a new process inherits the cores of the one that starts it
            os.sched_setaffinity(0, sorted(usable)[-threads:])
        process = subprocess.Popen(
            command, env=environment(threads), stdout=subprocess.PIPE, encoding="utf-8"
        )
    finally:
        if usable:
            os.sched_setaffinity(0, usable)
    with process:
        try:
            for line in process.stdout or ():
                text, found, record = line.partition(RECORD)
                print(text, end="", flush=True)
                if found:
                    yield json.loads(record)
        except BaseException:  # the results cannot be saved, or nobody waits for them any more
            process.kill()
            raise
    if process.returncode:
        print(f"the process on {threads} threads ended with {process.returncode}")


def tell(result: object) -> None:
    """Hand a result to the process that called `run_pinned`."""
    print(f"{RECORD}{json.dumps(result)}", flush=True)


def status(field: str, path: str = "/proc/self/status") -> int:
    """A size that Linux tells of a process, in bytes: VmRSS, its memory, or VmHWM, the peak.

    The peak of its children, which other systems tell too, begins with that of their parent.
    """
    lines = Path(path).read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024


def peak() -> int | None:
    """The most memory that this process has had, in bytes, where the system tells."""
    return status("VmHWM") if Path("/proc/self/status").exists() else None
