"""What is timed: a table of named problems, and the arrays of each."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import numpy as np

import losses

SMOOTHING = 0.1
WIDE = 10.0
OFFSET = 100.0
LEAD, UNSURE = 8.0, 10  # by how much a sample is confident; one in so many is not
IGNORED, LEFT_OUT = -100, 5  # one in so many is ignored

BAR = [(32, 10), (60000, 10), (20000, 100), (8192, 1000), (1024, 50257), (8, 21, 128, 128)]
FORWARD = [(60000, 10), (20000, 100), (8192, 1000), (256, 50257), (8, 21, 128, 128)]
FLAT = [(32,), (4096,), (4_000_000,)]
SMALL = (32, 10)

MODES = {
    "_value_and_grad": "value_and_grad",
    "_target_backward": "target_backward",
    "_backward": "backward",
    "_hvp": "hvp",
    "_hessian_diagonal": "hessian_diagonal",
}
BINARY = ["binary_cross_entropy", "binary_cross_entropy_with_logits"]
REGRESSION = ["mse_loss", "l1_loss"]


def _others(room: str, *known: str) -> list[str]:
    """The losses of a room, but for the known ones."""
    return [
        name
        for name in losses.__all__
        if f"{name}_backward" in losses.__all__
        and getattr(losses, name).__module__.startswith(f"losses.{room}")
        and name not in known
    ]


ENTRYWISE = _others("_entrywise", *BINARY, *REGRESSION)
SAMPLEWISE = _others("_classwise", "nll_loss")
FAMILY = [*ENTRYWISE, *SAMPLEWISE]
SUMS = ["cross_entropy_sums", "loss_sums"]  # partial results, of which the mean is compared
OF_PROBABILITIES = "cross_entropy_target_backward"  # class indices have no gradient
SHARD = "cross_entropy_shard"
LINEAR = "linear_cross_entropy"
LABELLED = ["cross_entropy", "nll_loss", LINEAR, SUMS[0], SHARD]
VALUES = ["plain", "confident", "offset"]  # variants of the logits and not of the function


class Problem(NamedTuple):
    """A call of a function of `losses` on logits of some shape, dtype and standard deviation."""

    operation: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    deviation: float = 1.0
    variant: str = "plain"  # or confident, offset, smoothing, probabilities, weight, ignored
    quick: bool = False
    alone: bool = False  # whether one number of threads is enough

    @property
    def name(self) -> str:
        """The name that --problems matches, such as softmax/8192x1000/float32."""
        wide = [] if self.deviation == 1 else ["wide"]
        variant = [] if self.variant == "plain" else [self.variant]
        return "/".join([self.operation, self.size, self.dtype, *wide, *variant])

    @property
    def size(self) -> str:
        return "x".join(map(str, self.shape))

    @property
    def mode(self) -> str:
        """One of forward, and what MODES has."""
        return MODES.get(self.operation.removeprefix(self.function), "forward")

    @property
    def function(self) -> str:
        """The forward function that the operation belongs to."""
        for suffix in MODES:
            base = self.operation.removesuffix(suffix)
            if base != self.operation and base in losses.__all__:
                return base
        return self.operation

    @property
    def answer(self) -> str:
        """The dtype of the answer."""
        return "float64" if self.function in SUMS else self.dtype

    @property
    def classes(self) -> int:
        return self.shape[1] if len(self.shape) > 1 else 1

    @property
    def logits(self) -> int:
        return prod(self.shape)


class Arrays(NamedTuple):
    """What a problem's function is given; None and 0 where it takes no such thing."""

    logits: np.ndarray  # or what comes in their place
    target: np.ndarray | None
    weight: np.ndarray | None
    label_smoothing: float
    grad_output: np.ndarray  # or the vector that a Hessian is multiplied by
    ignores: bool = False  # whether the target has ignored samples
    linear_weight: np.ndarray | None = None

    def astype(self, dtype: str) -> Arrays:
        """The same numbers in another floating dtype; class indices stay what they are."""

        def cast(value: object) -> object:
            floating = isinstance(value, np.ndarray) and value.dtype.kind == "f"
            return value.astype(dtype) if floating else value

        return Arrays(*map(cast, self))


def others(name: str, x: np.ndarray, target: np.ndarray) -> list[np.ndarray]:
    """What follows the first array x of a loss: the target, and positive numbers."""
    _, *names = before_slash(name)
    return [
        target if other == "target" else np.abs(np.roll(x[::-1], place)) + 1
        for place, other in enumerate(names)
    ]


def before_slash(name: str) -> list[str]:
    """The names of the arrays that a function takes by position."""
    parameters = inspect.signature(getattr(losses, name)).parameters.values()
    return [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]


def gradients(name: str) -> Sequence[str]:
    """The names of the arrays of a loss that have a gradient."""
    kind = inspect.signature(getattr(losses, f"{name}_backward")).return_annotation
    return getattr(getattr(losses, kind, None), "_fields", before_slash(name)[:1])


def fitting(name: str, x: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest arrays to two of normal numbers that a loss takes."""
    unit, labels = 1 / (1 + np.exp(-x)), (t > 0).astype(t.dtype)
    targets = [t, np.abs(t), labels, 2 * labels - 1]
    if name in SAMPLEWISE:  # a label or a sign of each sample, and rows of probabilities
        shares = np.exp(t) / np.exp(t).sum(axis=1, keepdims=True)
        targets = [shares, t.argmax(axis=1), 2 * labels[:, 0] - 1]
    for first in (x, np.abs(x) + x.dtype.type(0.1), unit):
        for target in targets:
            with contextlib.suppress(TypeError, ValueError):
                getattr(losses, name)(first, *others(name, first, target))
                return first, target
    raise ValueError(f"{name}: no numbers are known that it takes")


def arrays(problem: Problem) -> Arrays:
    """Draw the arrays of a problem, the same ones on every run."""
    rng = np.random.default_rng(0)
    shape, dtype = problem.shape, np.dtype(problem.dtype)
    samples = (shape[0], *shape[2:])

    def one_in(number: int) -> np.ndarray:
        return (rng.permutation(prod(samples)) % number == 0).reshape(samples)

    def normal(shape: tuple[int, ...]) -> np.ndarray:
        return rng.standard_normal(shape, dtype)

    logits = normal(shape) * dtype.type(problem.deviation)
    target = weight = linear_weight = None
    grad_output = np.ones((), dtype)  # of a mean
    if problem.function in BINARY:
        target = rng.integers(2, size=shape).astype(dtype)
    elif problem.function in LABELLED:
        target = rng.integers(problem.classes, size=samples)
    elif problem.function in REGRESSION:
        target = normal(shape)
    elif problem.function in FAMILY:
        logits, target = fitting(problem.function, logits, normal(shape))
    else:
        grad_output = normal(shape)
    if problem.function in ("logsumexp", SHARD):
        grad_output = normal(samples)
    if problem.mode == "hvp":
        grad_output = normal(shape)
    if problem.function in (BINARY[0], SUMS[1]):
        logits = rng.uniform(0.01, 0.99, shape).astype(dtype)
    elif problem.function == "nll_loss":
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
    elif problem.function == LINEAR:
        linear_weight = normal((problem.classes, problem.classes))
    if problem.variant == "confident":
        sure, largest = ~one_in(UNSURE), logits.argmax(axis=1)
        lead = np.expand_dims(np.where(sure, dtype.type(LEAD), 0), 1)
        places = np.expand_dims(largest, 1)
        raised = np.take_along_axis(logits, places, 1) + lead
        np.put_along_axis(logits, places, raised, 1)
        target = None if target is None else np.where(sure, largest, target)
    if problem.variant == "offset":
        logits += dtype.type(OFFSET)
    if problem.variant == "ignored":
        target[one_in(LEFT_OUT)] = IGNORED
    if problem.variant == "probabilities" or problem.operation == OF_PROBABILITIES:
        target = rng.random(shape, dtype)
        target /= target.sum(axis=1, keepdims=True)
    if problem.variant == "weight":
        weight = rng.uniform(0.5, 2, problem.classes).astype(dtype)
    smoothing = SMOOTHING if problem.variant == "smoothing" else 0.0
    ignores = problem.variant == "ignored"
    return Arrays(logits, target, weight, smoothing, grad_output, ignores, linear_weight)


FUSED = "cross_entropy_value_and_grad"
# Every function that takes arrays; merge_sums and merge_shards take what some of these return.
FUNCTIONS = {
    "forward": ["cross_entropy", "log_softmax", "softmax", "logsumexp", "nll_loss"],
    "elementwise": ["sigmoid", "log_sigmoid", *BINARY, *REGRESSION, *ENTRYWISE],
    "samples": SAMPLEWISE,
    "partial": [*SUMS, SHARD, LINEAR],
}


def _small() -> list[str]:
    """The operations that are timed on 32 samples of 10 classes."""
    forward = [name for names in FUNCTIONS.values() for name in names]
    found = [f"{name}{suffix}" for suffix in ["", *MODES] for name in forward]
    return [name for name in found if name in losses.__all__ and name != FUSED]


def _problems() -> list[Problem]:
    binary = BINARY[1]
    forward = FUNCTIONS["forward"][:4]
    middle, images = BAR[1:4], BAR[5:]
    quick = {(FUSED, shape) for shape in BAR if shape[-1] < 50257}
    quick |= {(name, (8192, 1000)) for name in ["cross_entropy", "log_softmax"]}
    found = []
    for dtype in ["float32", "float64"]:
        single = dtype == "float32"  # of float64 fewer cells: a whole run is to take 15 minutes
        found += [Problem(FUSED, shape, dtype) for shape in BAR]
        shapes = BAR if single else middle
        found += [Problem(FUSED, shape, dtype, WIDE, alone=True) for shape in shapes]
        for variant in ["confident", "offset"]:
            found += [Problem(FUSED, s, dtype, variant=variant, alone=True) for s in shapes]
        for variant in ["smoothing", "probabilities", "weight", "ignored"]:
            shapes = middle + images if variant in ("weight", "ignored") else middle
            found += [Problem(FUSED, s, dtype, variant=variant, alone=True) for s in shapes]
        for name in forward:
            shapes = FORWARD if single else FORWARD[0:3:2]
            found += [Problem(name, shape, dtype, alone=not single) for shape in shapes]
    for name in forward:
        found += [Problem(f"{name}_backward", shape, alone=True) for shape in FORWARD]
        found += [Problem(name, (8192, 1000), deviation=WIDE, alone=True)]
        found += [Problem(name, (8192, 1000), variant=v, alone=True) for v in VALUES[1:]]
    for mode in ["", "_value_and_grad", "_backward"]:
        found += [Problem(f"{binary}{mode}", shape, alone=True) for shape in FLAT]
    found += [Problem(f"{binary}_value_and_grad", FLAT[-1], "float64", alone=True)]
    found += [Problem(f"{binary}_value_and_grad", FLAT[-1], deviation=WIDE, alone=True)]
    found += [Problem(name, SMALL, alone=True) for name in _small()]

    def is_quick(p: Problem) -> bool:
        plain = p.dtype == "float32" and p.deviation == 1 and p.variant == "plain"
        return plain and (p.operation, p.shape) in quick

    return [p._replace(quick=is_quick(p)) for p in found]


PROBLEMS = {problem.name: problem for problem in _problems()}
