"""Agree first, then time: one cell of the results, and the process that fills some of them.

``python -m benchmarks`` starts this module in one process for each number of threads, pinned to
as many cores, with the environment that keeps every library's own threads to that number.
"""

from __future__ import annotations

import json
import random
import sys
import time
import tracemalloc
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from statistics import quantiles
from timeit import Timer
from typing import Any

import numpy as np

from . import release
from .contenders import CONTENDERS, LAST, PARTIAL, Call, losses_call, textbook
from .problems import PROBLEMS, Problem, arrays
from .processes import tell
from .results import Cell, Timing

ROUND_SECONDS = 0.02  # a fast call is repeated for so long in each round
LONG_SECONDS = 5  # a cell that would take longer has fewer rounds
FEW_ROUNDS = 5
PAUSE_SECONDS = 0.002  # for the last contender's threads to fall asleep


def flat(answer: Any, numpy: Any = np.asarray) -> list[np.ndarray]:
    """The arrays of an answer: itself, those of its parts, or the one that a partial result has."""
    if answer is None:  # the gradient of a bias that there is not
        return []
    if kept := PARTIAL.get(type(answer).__name__):
        return [np.asarray(getattr(answer, kept))]
    if isinstance(answer, tuple):
        return [array for part in answer for array in flat(part, numpy)]
    return [numpy(answer)]


def tolerance(problem: Problem, logits: np.ndarray) -> float:
    """The error allowed, relative to an answer's largest entry.

    A logit of size m is rounded by m eps, which exp turns into a relative error; n numbers added
    in no particular order add about sqrt(n) eps. Eight times their sum leaves room for constants.
    """
    n = max(problem.classes, problem.logits // problem.classes)
    return 8 * (np.sqrt(n) + float(np.abs(logits).max())) * float(np.finfo(problem.dtype).eps)


def error(answer: Sequence[np.ndarray], exact: Sequence[np.ndarray]) -> float:
    """The largest error of an answer, relative to the largest entry of each of its arrays."""
    if [part.shape for part in answer] != [part.shape for part in exact]:
        return np.inf
    errors = [
        np.abs(np.subtract(found, wanted, dtype=np.float64)).max() / np.abs(wanted).max()
        for found, wanted in zip(answer, exact, strict=True)
    ]
    return float(np.nan_to_num(np.max(errors), nan=np.inf))


def agreeing(
    problem: Problem, names: Sequence[str], threads: int
) -> tuple[dict[str, Call], dict[str, str]]:
    """The calls of the contenders that give the right answer, and why others do not take part."""
    given = arrays(problem)
    wide = given.astype("float64")
    # Where the textbook has no formula, losses in float64, which its tests hold against decimals.
    reference = textbook(problem, wide, 1) or losses_call(problem, wide, 1)
    exact = flat(reference())
    allowed = tolerance(problem, given.logits)
    calls, notes = {}, {}
    for name in names:
        contender = CONTENDERS[name]
        try:
            call = contender.build(problem, given, threads)
            answer = call and flat(call(), contender.numpy)
        except Exception as exception:  # whatever goes wrong in a peer is a line of the report
            notes[name] = f"failed: {type(exception).__name__}: {exception}".splitlines()[0][:200]
            continue
        if answer is None:
            continue
        if any(part.dtype != problem.answer for part in answer):
            notes[name] = f"gives {', '.join(str(part.dtype) for part in answer)}"
        elif (worst := error(answer, exact)) > allowed:
            notes[name] = f"disagrees: error {worst:.1e}, allowed {allowed:.1e}"
        else:
            calls[name] = call
    return calls, notes


def clock(
    calls: dict[str, Call],
    rounds: int,
    few: int = FEW_ROUNDS,
    known: dict[str, float] | None = None,
) -> dict[str, Timing]:
    """Time the calls in turn, round by round, so that a noisy moment is shared by all of them.

    Each round has an order of its own: what a contender leaves in the cache helps no other. What
    a call takes may be known; otherwise two calls tell.
    """
    order, shuffle = list(calls), random.Random(0).shuffle
    timers = {name: Timer(call) for name, call in calls.items()}
    once = known or {name: min(timer.repeat(2, 1)) for name, timer in timers.items()}
    numbers = {name: max(1, round(ROUND_SECONDS / once[name])) for name in calls}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    if sum(once[name] for name in calls) * rounds > LONG_SECONDS:
        rounds = min(rounds, few)
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            time.sleep(PAUSE_SECONDS)
            if numbers[name] > 1:
                timers[name].timeit(1)  # awake and in the cache
            seconds[name].append(timers[name].timeit(numbers[name]) / numbers[name])
    return {
        name: Timing(*quantiles(found, n=4, method="inclusive"), rounds, numbers[name])
        for name, found in seconds.items()
    }


def extra_memory(call: Call) -> int:
    """The most memory that NumPy and Python hold at any moment of a call, in bytes."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        answer = call()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    del answer
    return peak - before


def measure(problem: Problem, names: Sequence[str], threads: int, rounds: int) -> Cell:
    """Fill one cell: the problem's contenders on so many threads."""
    import losses

    with ExitStack() as stack:
        for package in [losses, release.load()] if LAST in names else [losses]:
            stack.enter_context(package.set_workers(threads))
        calls, notes = agreeing(problem, names, threads)
        timings = clock(calls, rounds)
        memory = extra_memory(calls["losses"]) if "losses" in calls else None
    return Cell(problem, threads, memory, timings, notes)


def main() -> None:
    """Measure what the JSON on the command line asks for, and tell each cell."""
    task = json.loads(sys.argv[1])
    warnings.simplefilter("ignore")  # the peers' own; those of losses are tested elsewhere
    for name in task["problems"]:
        cell = measure(PROBLEMS[name], task["contenders"], task["threads"], task["rounds"])
        tell(cell.to_json())


if __name__ == "__main__":
    main()
