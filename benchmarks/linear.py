"""The report of the linear layer's cross entropy: time beside its matrix products, and memory.

The parent starts this module in a process for each number of threads, and in one for each cell of
the memory: what a peer keeps, or a library has loaded, is in no other's figure.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
import time
import warnings
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .contenders import CONTENDERS as PACKAGES
from .contenders import TEXTBOOK, Call, cross_entropy
from .measure import clock, error, extra_memory
from .problems import SMOOTHING, Arrays
from .processes import run_pinned, status, tell
from .results import IncompleteError, Timing, about, publish, saving, seconds, write
from .results import load as machine_load

ROUNDS, FEW_ROUNDS = 5, 3  # of the bar's problem, and of others as long as that
LONG_SECONDS = 10
SLOW_SECONDS = 20  # a call that takes longer is timed once
AGREE_LOGITS = 1 << 24  # of as many samples as have these, all the answers are compared
MEMORY_FEATURES = 64  # what is measured hardly depends on them, the time does
MEMORY_SHARE = 0.6  # of what is free
COPIES = {"textbook": 4, "torch": 4}  # of the logits that a contender may hold, generously

GIVEN, PRODUCTS = "three products, memory given", "three products"
LOSSES, TORCH, CHUNKED = "losses", "torch", "torch, chunked"
IGNORED = "losses, 50 % ignored"
MIB = 1 << 20
TIME_BAR, HALF_BAR, MEMORY_BAR = 1.25, 0.6, 64 * MIB
TIMES = "\N{MULTIPLICATION SIGN}"


class Layer(NamedTuple):
    """How many samples, features and classes there are."""

    samples: int
    features: int
    classes: int

    @property
    def name(self) -> str:
        return f" {TIMES} ".join(map(str, self))

    @property
    def size(self) -> str:
        return "x".join(map(str, self))


BAR = Layer(4096, 512, 32000)
LAYERS = [BAR, Layer(512, 512, 50257), Layer(256, 512, 256000), Layer(4096, 64, 1000)]
MEMORY_LAYERS = [
    *(Layer(samples, MEMORY_FEATURES, 32000) for samples in (256, 1024, 4096, 16384)),
    *(Layer(samples, MEMORY_FEATURES, 256000) for samples in (256, 1024)),
]


def problems() -> list[str]:
    """The names that --problems matches: of each layer that is timed, or whose memory is found."""
    return [f"time/{layer.size}" for layer in LAYERS] + [
        f"memory/{layer.size}" for layer in MEMORY_LAYERS
    ]


class Given(NamedTuple):
    """The arrays of a problem, and its options."""

    inputs: np.ndarray
    weight: np.ndarray
    target: np.ndarray
    bias: np.ndarray | None = None
    smoothing: float = 0.0

    def first(self, samples: int) -> Given:
        return self._replace(inputs=self.inputs[:samples], target=self.target[:samples])


def variants(layer: Layer) -> dict[str, Given]:
    """Draw the arrays of a problem, the same ones on every run; its variants share them."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((layer.samples, layer.features), np.float32)
    weight = rng.standard_normal((layer.classes, layer.features), np.float32)
    weight /= np.float32(np.sqrt(layer.features))
    target = rng.integers(0, layer.classes, layer.samples)
    bias = rng.standard_normal(layer.classes, np.float32)
    plain = Given(inputs, weight, target)
    return {
        "plain": plain,
        "bias": plain._replace(bias=bias),
        "ignored": plain._replace(target=np.where(np.arange(len(target)) % 2, target, -100)),
        "smoothing": plain._replace(smoothing=SMOOTHING),
    }


# ---- contenders ----------------------------------------------------------------------------------


def products_given(given: Given, threads: int) -> Call:
    """The least that must be computed, without a page of new memory."""
    del threads
    inputs, weight = given.inputs, given.weight
    logits = np.empty((len(inputs), len(weight)), inputs.dtype)
    to_inputs, to_weight = np.empty_like(inputs), np.empty_like(weight)

    def call() -> None:
        np.matmul(inputs, weight.T, out=logits)
        np.matmul(logits, weight, out=to_inputs)
        np.matmul(logits.T, inputs, out=to_weight)

    return call


def products(given: Given, threads: int) -> Call:
    del threads

    def call() -> None:
        logits = given.inputs @ given.weight.T
        logits @ given.weight, logits.T @ given.inputs

    return call


def losses_call(given: Given, threads: int) -> Call:
    import losses

    inputs, weight, target, bias, smoothing = given

    def call() -> tuple[Any, ...]:
        loss, grads = losses.linear_cross_entropy_value_and_grad(
            inputs, weight, target, linear_bias=bias, label_smoothing=smoothing, workers=threads
        )
        return loss, *(grad for grad in grads if grad is not None)

    return call


def textbook(given: Given, threads: int = 1) -> Call:
    """All the logits at once, their cross entropy and its gradient, and the products with it."""
    del threads
    inputs, weight, target, bias, smoothing = given

    def call() -> tuple[Any, ...]:
        logits = inputs @ weight.T
        if bias is not None:
            logits += bias
        arrays = Arrays(logits, target, None, smoothing, np.ones((), logits.dtype))
        loss, grad = cross_entropy(TEXTBOOK.parts, True, arrays)
        found = loss, grad @ weight, grad.T @ inputs
        return found if bias is None else (*found, grad.sum(axis=0))

    return call


def torch_call(given: Given, threads: int, chunked: bool = False) -> Call:
    import torch

    torch.set_num_threads(threads)
    inputs = torch.from_numpy(given.inputs).requires_grad_()
    weight = torch.from_numpy(given.weight).requires_grad_()
    target = torch.from_numpy(given.target)
    options = torch.nn.LinearCrossEntropyOptions() if chunked else None

    def call() -> tuple[Any, ...]:
        inputs.grad = weight.grad = None
        loss = torch.nn.functional.linear_cross_entropy(inputs, weight, target, options=options)
        loss.backward()
        found = loss.detach().numpy(), inputs.grad.numpy(), weight.grad.numpy()
        inputs.grad = weight.grad = None
        return found

    return call


def torch_chunked(given: Given, threads: int) -> Call:
    return torch_call(given, threads, chunked=True)


class Contender(NamedTuple):
    """What makes a call of a variant's arrays, and whether the call answers the question."""

    build: Callable[[Given, int], Call]
    variant: str = "plain"
    answers: bool = True


CONTENDERS = {
    GIVEN: Contender(products_given, answers=False),
    PRODUCTS: Contender(products, answers=False),
    LOSSES: Contender(losses_call),
    "losses, bias": Contender(losses_call, "bias"),
    IGNORED: Contender(losses_call, "ignored"),
    "losses, label smoothing": Contender(losses_call, "smoothing"),
    "textbook": Contender(textbook),
    TORCH: Contender(torch_call),
    CHUNKED: Contender(torch_chunked),
}
REMEMBERED = [LOSSES, "textbook", TORCH, CHUNKED]
# On the bar's layer: what is promised, of which times the multiples, and how large they may be.
PROMISES = [
    (f"at most {TIME_BAR} of the three products, memory given", [(LOSSES, GIVEN)], TIME_BAR),
    ("less time than torch, and than torch, chunked", [(LOSSES, TORCH), (LOSSES, CHUNKED)], 1.0),
    (f"50 % ignored: at most {HALF_BAR} of the time", [(IGNORED, LOSSES)], HALF_BAR),
]


def contenders() -> list[str]:
    """The contenders that are installed."""
    without = [TORCH, CHUNKED] if PACKAGES["torch"].missing else []
    return [name for name in CONTENDERS if name not in without]


# ---- time ----------------------------------------------------------------------------------------


class Times(NamedTuple):
    """A problem on a number of threads: the contenders' times, and the notes on absent ones."""

    layer: Layer
    threads: int
    timings: dict[str, Timing]
    notes: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        timings = {name: timing._asdict() for name, timing in self.timings.items()}
        return self._asdict() | {"timings": timings}

    @classmethod
    def from_json(cls, cell: dict[str, Any]) -> Times:
        timings = {name: Timing(**timing) for name, timing in cell["timings"].items()}
        return cls(**cell | {"layer": Layer(*cell["layer"]), "timings": timings})

    def ratio(self, name: str, other: str = GIVEN) -> float:
        """How many times as long as another contender this one takes."""
        return self.timings[name].median / self.timings[other].median


def exactly(given: Given) -> tuple[np.ndarray, ...]:
    """The answer of the textbook in float64."""
    counted = given.target >= 0
    inputs, weight = given.inputs[counted].astype(np.float64), given.weight.astype(np.float64)
    target, bias = given.target[counted], given.bias
    bias = None if bias is None else bias.astype(np.float64)
    loss, to_inputs, *rest = textbook(Given(inputs, weight, target, bias, given.smoothing))()
    of_all = np.zeros(given.inputs.shape)
    of_all[counted] = to_inputs
    return np.asarray(loss), of_all, *rest


def tolerance(given: Given) -> float:
    """The error allowed, relative to an answer's largest entry: 8 (sqrt(n) + sqrt(D) m) eps.

    D terms of a logit of size m, added in any order, round it by about sqrt(D) m eps, which exp
    turns into a relative error; the n classes or samples of a sum add sqrt(n) eps.
    """
    n = max(len(given.inputs), len(given.weight))
    logits = given.inputs @ given.weight.T
    largest = max(float(logits.max()), -float(logits.min()))
    features = given.inputs.shape[1]
    return 8 * (np.sqrt(n) + np.sqrt(features) * largest) * float(np.finfo(np.float32).eps)


def agreeing(
    given: dict[str, Given], names: list[str], threads: int
) -> tuple[dict[str, Call], dict[str, str]]:
    """The calls of the contenders that give the right answer to the first samples, and notes."""
    plain = given["plain"]
    samples = min(len(plain.inputs), max(2, AGREE_LOGITS // len(plain.weight)))
    few = {name: arrays.first(samples) for name, arrays in given.items()}
    exact: dict[str, tuple[np.ndarray, ...]] = {}
    allowed = tolerance(few["plain"])
    calls, notes = {}, {}
    for name in names:
        build, variant, answers = CONTENDERS[name]
        try:
            if answers:
                answer = build(few[variant], threads)()
                if variant not in exact:
                    exact[variant] = exactly(few[variant])
                worst = error([np.asarray(part) for part in answer], exact[variant])
                if not worst <= allowed:
                    notes[name] = f"disagrees: error {worst:.1e}, allowed {allowed:.1e}"
                    continue
                del answer
            calls[name] = build(given[variant], threads)
        except Exception as exception:  # whatever goes wrong in a peer is a line of the report
            notes[name] = f"failed: {type(exception).__name__}: {exception}".splitlines()[0][:200]
    return calls, notes


def timed(layer: Layer, names: list[str], threads: int, rounds: int | None) -> Times:
    """Agree, then time: one problem's contenders on so many threads."""
    calls, notes = agreeing(variants(layer), names, threads)
    once = {}
    for name, call in calls.items():
        start = time.perf_counter()
        call()
        once[name] = time.perf_counter() - start
    slow = [name for name in calls if once[name] > SLOW_SECONDS]
    timings = {name: Timing(once[name], once[name], once[name], 1, 1) for name in slow}
    others = {name: call for name, call in calls.items() if name not in slow}
    rounds = rounds or (ROUNDS if layer == BAR or sum(once.values()) < LONG_SECONDS else FEW_ROUNDS)
    timings |= clock(others, rounds, few=rounds, known=once)
    return Times(layer, threads, {name: timings[name] for name in calls}, notes)


# ---- memory --------------------------------------------------------------------------------------


class Memory(NamedTuple):
    """The extra memory of a contender's call at its peak, in bytes; or why there is none.

    ``traced`` is that which NumPy knows of.
    """

    layer: Layer
    contender: str
    extra: int | None
    traced: int | None
    note: str = ""

    @classmethod
    def from_json(cls, cell: dict[str, Any]) -> Memory:
        return cls(**cell | {"layer": Layer(*cell["layer"])})


def remembered(layer: Layer, name: str) -> Memory:
    """Measure what a call needs beyond its arguments and results, in this process."""
    if not Path("/proc/self/clear_refs").exists():
        return Memory(layer, name, None, None, "no /proc")
    needed = 4 * layer.classes * (COPIES.get(name, 0) * layer.samples + 4 * layer.features)
    free = status("MemAvailable", "/proc/meminfo")
    if needed > MEMORY_SHARE * free:
        return Memory(layer, name, None, None, f"needs {needed >> 30} of {free >> 30} GiB")
    build = CONTENDERS[name].build
    for small in (Layer(8, 8, 8), Layer(1024, 64, 1024)):  # BLAS's own memory, kept from then on
        build(variants(small)["plain"], 1)()
    call = build(variants(layer)["plain"], 1)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # freed pages that the call would use again
    Path("/proc/self/clear_refs").write_text("5")  # the peak is what there is now
    before = status("VmRSS")
    answer = call()
    peak = status("VmHWM")
    results = sum(part.nbytes for part in answer)
    del answer
    traced = extra_memory(call) - results if name == LOSSES else None
    return Memory(layer, name, max(0, peak - before - results), traced)


def main() -> None:
    """Measure what the JSON on the command line asks for, and tell each cell."""
    task = json.loads(sys.argv[1])
    warnings.simplefilter("ignore")  # the peers' own; those of losses are tested elsewhere
    if "remember" in task:
        sizes, name = task["remember"]
        tell(remembered(Layer(*sizes), name)._asdict())
    for sizes in task.get("layers", []):
        tell(timed(Layer(*sizes), contenders(), task["threads"], task["rounds"]).to_json())


# ---- what is written of it -----------------------------------------------------------------------


def report(
    chosen: Collection[str], whole: bool, threads: list[int], rounds: int | None, name: str | None
) -> Path:
    """Measure the time and the memory of the chosen layers; print and save them."""
    times: list[Times] = []
    memory: list[Memory] = []
    results: dict[str, Any] = {"about": about(), "times": times, "memory": memory}
    missing = [name for name in CONTENDERS if name not in contenders()]
    if missing:
        print(f"not installed, and left out: {', '.join(missing)}")
    remember = [
        (layer, contender)
        for layer in MEMORY_LAYERS
        for contender in REMEMBERED
        if f"memory/{layer.size}" in chosen and contender not in missing
    ]
    layers = [layer for layer in LAYERS if f"time/{layer.size}" in chosen]
    module = "benchmarks.linear"
    with saving("linear", name) as path:
        for pair in remember:
            for found in run_pinned(module, {"remember": pair}, 1):
                memory.append(cell := Memory.from_json(found))
                save(path, results)
                print(f"{cell.layer.name}, {cell.contender}: extra MiB {mebibytes(cell)}")
        for count in threads if layers else []:
            for found in run_pinned(module, {"layers": layers, "rounds": rounds}, count):
                times.append(Times.from_json(found))
                save(path, results)
                print("\n".join(["", *lines(times[-1])]), flush=True)
        results["about"]["load_at_end"] = machine_load()
        save(path, results)
        print("\n".join(["", *everything(results)]))
        if len(memory) < len(remember) or len(times) < len(threads) * len(layers):
            raise IncompleteError
    return publish(path, "linear") if whole and not missing else path


def save(path: Path, results: dict[str, Any]) -> None:
    times = [cell.to_json() for cell in results["times"]]
    write(
        path, results | {"times": times, "memory": [cell._asdict() for cell in results["memory"]]}
    )


def load(path: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    results["times"] = list(map(Times.from_json, results["times"]))
    results["memory"] = list(map(Memory.from_json, results["memory"]))
    return results


def lines(cell: Times) -> Iterator[str]:
    """The lines of a problem's times, the fastest contender first."""
    yield f"{cell.layer.name}, threads {cell.threads}"
    for name, timing in sorted(cell.timings.items(), key=lambda item: item[1].median):
        yield f"  {name:<31}{entry(cell, name)}, rounds {timing.rounds}"
    for name, note in cell.notes.items():
        yield f"  {name:<31}{note}"


def entry(cell: Times, name: str) -> str:
    """A time and, after it, the multiple of the three products' time."""
    if name not in cell.timings:
        return ""
    ratio = f" ({cell.ratio(name):.2f}{TIMES})" if GIVEN in cell.timings and name != GIVEN else ""
    return seconds(cell.timings[name].median) + ratio


def tables(results: dict[str, Any]) -> dict[str, list[str]]:
    """The lines of a Markdown table of the times on each number of threads, and of the memory."""
    found = {}
    for threads in dict.fromkeys(cell.threads for cell in results["times"]):
        cells = [cell for cell in results["times"] if cell.threads == threads]
        found[f"time, {_threads(threads)}"] = list(_times(cells))
    if results["memory"]:
        found["memory"] = list(_memory(results["memory"]))
    return found


def _times(cells: list[Times]) -> Iterator[str]:
    yield f"| N {TIMES} D {TIMES} C | {' | '.join(cell.layer.name for cell in cells)} |"
    yield "|---" * (1 + len(cells)) + "|"
    for name in CONTENDERS:
        if any(name in cell.timings for cell in cells):
            yield f"| {name} | {' | '.join(entry(cell, name) for cell in cells)} |"


def _memory(cells: list[Memory]) -> Iterator[str]:
    names = list(dict.fromkeys(cell.contender for cell in cells))
    yield f"| N {TIMES} C, extra MiB | {' | '.join(names)} | losses, NumPy's own count |"
    yield "|---" * (2 + len(names)) + "|"
    for layer in dict.fromkeys(cell.layer for cell in cells):
        row = {cell.contender: cell for cell in cells if cell.layer == layer}
        entries = [mebibytes(row[name]) if name in row else "" for name in names]
        traced = row[LOSSES].traced if LOSSES in row else None
        entries.append("" if traced is None else f"{traced / MIB:.1f}")
        yield f"| {layer.samples} {TIMES} {layer.classes} | {' | '.join(entries)} |"


def mebibytes(cell: Memory) -> str:
    if cell.extra is None:
        return cell.note
    return f"{cell.extra / MIB:.1f}" if cell.extra < 100 * MIB else f"{cell.extra / MIB:.0f}"


def _threads(count: int) -> str:
    return f"{count} thread{'s' * (count > 1)}"


def bars(results: dict[str, Any]) -> Iterator[str]:
    """A line for each promise that was tried: whether it is met, and the figures."""
    cells = [cell for cell in results["times"] if cell.layer == BAR]
    for text, pairs, limit in PROMISES:
        names = {name for pair in pairs for name in pair}
        tried = [cell for cell in cells if names <= {*cell.timings, *cell.notes}]
        known = [cell for cell in tried if names <= {*cell.timings}]
        found = {cell.threads: [cell.ratio(*pair) for pair in pairs] for cell in known}
        met = known == tried and all(x <= limit for ratios in found.values() for x in ratios)
        figures = [
            f"{' and '.join(f'{ratio:.2f}' for ratio in ratios)} on {_threads(threads)}"
            for threads, ratios in found.items()
        ]
        if tried:
            yield f"{'met ' if met else 'MISS'}  {text}: {', '.join(figures) or 'failed'}"
    extra = [c.extra for c in results["memory"] if c.contender == LOSSES and c.extra is not None]
    if extra:
        met = max(extra) <= MEMORY_BAR
        largest = f"{max(extra) / MIB:.1f} MiB"
        yield f"{'met ' if met else 'MISS'}  at most {MEMORY_BAR // MIB} MiB of memory: {largest}"


def everything(results: dict[str, Any]) -> Iterator[str]:
    for title, found in tables(results).items():
        yield from [f"{title}\n", *found, ""]
    yield from bars(results)


if __name__ == "__main__":
    main()
