"""CTC: value and gradient of a batch of sequences, beside PyTorch eager.

Started by `python -m benchmarks ctc` in a process for each number of threads, pinned to as many
cores. A shape is that of T frames, N samples, C classes and S labels.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import losses

from . import family
from .contenders import CONTENDERS
from .measure import clock, error, extra_memory
from .problems import Problem
from .processes import tell
from .results import Cell, Results

SHAPES = [(500, 64, 64, 60), (100, 16, 32, 12), (20, 2, 8, 4)]
NAMES = ["ctc_loss", "ctc_loss_with_logits"]


def problems() -> dict[str, Problem]:
    """The problems, by the names that --problems matches parts of."""
    found = [
        Problem(f"{name}_value_and_grad", shape, dtype)
        for shape in SHAPES
        for name in NAMES
        for dtype in ("float32", "float64")
    ]
    return {problem.name: problem for problem in found}


def report(
    chosen: Collection[str],
    whole: bool,
    threads: Sequence[int],
    rounds: int | None,
    name: str | None,
) -> Path:
    """Measure the chosen problems; print and save the times of each."""
    few = [problem for problem in problems() if problem in chosen]
    return family.run("ctc", ["losses", family.PEER], few, whole, threads, rounds, name, lines)


def lines(results: Results) -> list[str]:
    """The lines of a Markdown table: a row for each problem."""
    return family.table_of(results, lambda cell: cell.problem.name)


def arrays(problem: Problem) -> tuple[np.ndarray, ...]:
    """Draw scores, a target, and the lengths of frames and of labels, all as long as can be."""
    frames, samples, classes, labels = problem.shape
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((frames, samples, classes)).astype(problem.dtype)
    if problem.function == "ctc_loss":
        scores = losses.log_softmax(scores)
    target = rng.integers(1, classes, (samples, labels))
    return scores, target, np.full(samples, frames), np.full(samples, labels)


def ours(problem: Problem) -> Callable[[], Any]:
    """The call of losses."""
    arguments = arrays(problem)
    return lambda: getattr(losses, problem.operation)(*arguments)


def theirs(problem: Problem, threads: int) -> Callable[[], Any]:
    """The call of PyTorch."""
    import torch

    torch.set_num_threads(threads)
    scores, *others = map(torch.from_numpy, arrays(problem))
    scores.requires_grad_()

    def call() -> Any:
        log_probs = scores.log_softmax(-1) if problem.function == NAMES[1] else scores
        loss = torch.nn.functional.ctc_loss(log_probs, *others)
        (gradient,) = torch.autograd.grad(loss, scores)
        return loss.detach().numpy(), gradient.numpy()

    return call


def disagreement(problem: Problem, found: Any, wanted: Any) -> float:
    """The largest error of PyTorch's answer relative to the largest entry of ours.

    Its gradient of log-probabilities is the one through a log_softmax.
    """
    loss, gradient = wanted
    if problem.function == "ctc_loss":
        gradient = losses.log_softmax_backward(gradient, arrays(problem)[0])
    return error(list(found), [np.asarray(loss), gradient])


def measure(problem: Problem, contenders: Sequence[str], threads: int, rounds: int) -> Cell:
    """Fill one cell: the contenders on so many threads."""
    calls, notes = {"losses": ours(problem)}, {}
    with losses.set_workers(threads):
        if family.PEER in contenders:
            calls[family.PEER] = theirs(problem, threads)
            wanted = calls["losses"]()
            worst = disagreement(problem, calls[family.PEER](), wanted)
            # In each of T frames logarithms of at most |log P| are rounded a few times.
            size = 6 + 2 * float(wanted[0]) * problem.shape[3]
            allowed = problem.shape[0] * size * float(np.finfo(problem.dtype).eps)
            if worst > allowed:
                notes[family.PEER] = f"disagrees: error {worst:.1e}, allowed {allowed:.1e}"
                del calls[family.PEER]
        timings = clock(calls, rounds)
        return Cell(problem, threads, extra_memory(calls["losses"]), timings, notes)


def main() -> None:
    """Measure what the JSON on the command line asks for, and tell each cell."""
    task = json.loads(sys.argv[1])
    warnings.simplefilter("ignore")  # the peers' own
    names = [name for name in task["contenders"] if not CONTENDERS[name].missing]
    for name in task["problems"]:
        tell(measure(problems()[name], names, task["threads"], task["rounds"]).to_json())


if __name__ == "__main__":
    main()
