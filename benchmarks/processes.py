"""The processes that measure: pinned to some cores, with as many threads in every library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


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
    }


def run_pinned(module: str, task: dict[str, object], threads: int) -> list[Any]:
    """Run a module in a process of its own that may use so many cores; return what it writes.

    It is given the task as JSON, and writes a line of JSON for each result.
    """
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "cells")
        output.touch()
        order = json.dumps({**task, "threads": threads, "output": str(output)})
        command = [sys.executable, "-m", module, order]
        try:
            if usable:  # a new process inherits the cores of the one that starts it
                os.sched_setaffinity(0, sorted(usable)[-threads:])
            done = subprocess.run(command, env=environment(threads), check=False)
        finally:
            if usable:
                os.sched_setaffinity(0, usable)
        if done.returncode:
            print(f"the process on {threads} threads ended with {done.returncode}")
        return [json.loads(line) for line in output.read_text().splitlines()]


def status(field: str, path: str = "/proc/self/status") -> int:
    """A size that Linux tells of a process, in bytes: VmRSS, its memory, or VmHWM, the peak.

    The peak of its children, which other systems tell too, begins with that of their parent.
    """
    lines = Path(path).read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024
