"""`python -m losses score`: its options, what it prints, and its exit statuses."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn, TextIO

from .._losses.options import REDUCTIONS
from .files import RefusedError, Stored, may_write, stored, unchanged, whole_file
from .progress import progress
from .score import Scored, score
from .task import Task, prepare

PROGRAM = "python -m losses score"

DESCRIPTION = """\
Score the logits in a file. The command prints their cross entropy, the perplexity, the number of
samples that count and of those that are ignored, the top-1 accuracy and the throughput. It reads
the files chunk by chunk, so they may be larger than the memory. It is fastest if the array is in C
order and the class axis is the last one."""

FORMATS = """\
files:
  LOGITS.npy  real numbers (float16, float32, float64, longdouble or integers) of shape (C,),
              (N, C) or (N, C, d1, ...); with --axis, of any shape
  TARGET.npy  class indices: integers, in the shape of the logits without the class axis;
              or class probabilities: floats, in the shape of the logits
  Write all files with numpy.save. Pickled objects are refused.

exit status:
  0    the files were scored
  2    a file or an argument is wrong, a file changed while it was read, or a sample that counts
       holds NaN; one line on standard error says which
  130  the command was interrupted
  An error leaves no new file behind and changes no file. If LOSSES.npy exists, the new file
  keeps its permissions.

On a terminal there is a progress bar if tqdm is installed, as with the extra losses[cli]."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print the line and exit with status 2."""
        raise SystemExit(_fail(message, 2))


def parser() -> Parser:
    """Return the parser of the arguments."""
    found = Parser(
        prog=PROGRAM,
        description=DESCRIPTION,
        epilog=FORMATS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = found.add_argument
    add("logits", metavar="LOGITS.npy", help="the logits: scores of a model before softmax")
    add("target", metavar="TARGET.npy", help="class indices or class probabilities")
    add_options_of_the_loss(add)
    add(
        "--reduction",
        choices=REDUCTIONS,
        default="mean",
        help="which loss to print; none prints no loss and needs --out (default: mean)",
    )
    add("--workers", type=int, help="the number of threads; -1: one for each core (default: 1)")
    add(
        "--out",
        metavar="LOSSES.npy",
        help="write one loss per sample, in the dtype of the logits; the file appears at the end",
    )
    add("--json", action="store_true", help="print one JSON object; nan and inf are null there")
    return found


def add_options_of_the_loss(add: Callable[..., object]) -> None:
    """Add the options of cross entropy, but for the reduction."""
    add("--axis", type=int, help="the class axis (default: 1, or 0 for 1-D logits)")
    add("--weight", metavar="W.npy", help="one weight for each class, of shape (C,)")
    add(
        "--ignore-index",
        type=int,
        default=-100,
        help="samples with this class index do not count (default: %(default)s)",
    )
    add(
        "--label-smoothing",
        type=float,
        default=0.0,
        help="spread this share of each target, from 0 to 1, over all classes (default: 0)",
    )
    add("--softcap", type=float, help="a cap c > 0: logits x become c tanh(x / c) (default: none)")
    add(
        "--z-loss",
        type=float,
        default=0.0,
        help="the factor of the squared log of the sum of exponentials in the loss (default: 0)",
    )


def main(arguments: Sequence[str]) -> int:
    """Score the files and print what was found; return the exit status."""
    given = parser().parse_args(arguments)
    try:
        found = _found(given)
    except RefusedError as error:
        return _fail(str(error), 2)
    except MemoryError:
        what = "out of memory; 32 MiB are read at a time, or one sample if that is larger"
        return _fail(f"{given.logits}: {what}", 2)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    lines = _lines(found)
    if given.json:
        numbers = {name: _or_none(value) for name, value in found.items()}
        lines = [json.dumps(numbers, allow_nan=False)]
    return _print(lines)


def _print(lines: list[str]) -> int:
    wrong = _written("\n".join(lines), sys.stdout)
    return _fail(f"standard output: {wrong}", 2) if wrong else 0


def _fail(message: str, status: int) -> int:
    """Print the reason of a failure, if standard error is open; return the exit status."""
    # Escape control characters, which a terminal would obey: a file's name may hold some.
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in message)
    _written(f"{PROGRAM}: {shown}", sys.stderr)
    return status


def _written(text: str, stream: TextIO | None) -> str | None:
    """Write a text; return the reason if that fails, else None."""
    if stream is None:  # closed when Python started
        return "closed"
    try:
        print(text, file=stream, flush=True)
    except OSError as error:  # the reader is gone, or the disk is full
        # At exit Python would try to write what is left: let it go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return error.strerror
    return None


def _found(given: argparse.Namespace) -> dict[str, Any]:
    """Score the files; return the results by name."""
    if given.reduction == "none" and given.out is None:
        raise RefusedError("--reduction", "none needs --out, a file for one loss per sample")
    paths = [path for path in (given.logits, given.target, given.weight) if path is not None]
    names = ("ignore_index", "label_smoothing", "softcap", "z_loss", "axis", "workers")
    options = {name: getattr(given, name) for name in names}
    with contextlib.ExitStack() as stack:
        inputs = [stack.enter_context(stored(path)) for path in paths]
        if given.out is not None:
            may_write(given.out, paths)
        task = prepare(*inputs, **options)
        before = time.perf_counter()
        scored = _score(task, inputs, given.out)
    return _summary(task, given.reduction, scored, time.perf_counter() - before)


def _score(task: Task, inputs: list[Stored], out: str | None) -> Scored:
    with contextlib.ExitStack() as stack:
        stack.enter_context(_ended_by_signals())
        write = None
        if out is not None:
            write = stack.enter_context(whole_file(out, task.dtype, task.samples))
        advance = stack.enter_context(progress(math.prod(task.samples)))
        with unchanged(inputs):
            return score(task, write or (lambda _: None), advance)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Turn signals that end a process into SystemExit, so that no file is left behind."""

    def end(number: int, _: object) -> NoReturn:
        raise SystemExit(128 + number)

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        names = []  # only the main thread may set a handler
    before = {name: signal.signal(getattr(signal, name), end) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _summary(task: Task, reduction: str, scored: Scored, seconds: float) -> dict[str, Any]:
    sums = scored.sums
    seconds = max(seconds, 1e-9)  # a coarse clock may show 0
    return {
        "reduction": reduction,
        "loss": {"mean": sums.mean, "sum": sums.sum, "none": None}[reduction],
        "perplexity": sums.perplexity,
        "samples_counted": sums.counted,
        "samples_ignored": sums.ignored,
        "nan_losses": scored.nan_losses,
        "infinite_losses": scored.infinite_losses,
        "top1_accuracy": sums.accuracy,
        "samples_per_second": math.prod(task.samples) / seconds,
        "bytes_per_second": task.nbytes / seconds,
    }


def _or_none(value: Any) -> Any:
    """Return a value that JSON has: None for nan and infinities."""
    if value is None or isinstance(value, (int, str)):
        return value
    return float(value) if math.isfinite(value) else None


def _lines(found: dict[str, Any]) -> list[str]:
    """Return the lines for a person to read."""
    loss = "in the file" if found["loss"] is None else f"{found['loss']:.6g}"
    accuracy, rate = found["top1_accuracy"], found["samples_per_second"]
    shown = {
        "loss": f"{loss} ({found['reduction']})",
        "perplexity": f"{found['perplexity']:.6g}",
        "samples counted": f"{found['samples_counted']:,}",
        "samples ignored": f"{found['samples_ignored']:,}",
        "losses that are nan": f"{found['nan_losses']:,}",
        "losses that are inf": f"{found['infinite_losses']:,}",
        "top-1 accuracy": "n/a" if math.isnan(accuracy) else f"{accuracy:.2%}",
        "throughput": f"{rate:,.0f} samples/s, {found['bytes_per_second'] / 1e6:,.1f} MB/s",
    }
    for name, kind in (("nan_losses", "nan"), ("infinite_losses", "inf")):
        if not found[name]:
            del shown[f"losses that are {kind}"]
    return [f"{name:<20} {value}" for name, value in shown.items()]
