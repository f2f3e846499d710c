"""What is timed: a table of named problems, and the arrays of each."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

SMOOTHING = 0.1
WIDE = 10.0

BAR = [(32, 10), (60000, 10), (20000, 100), (8192, 1000), (1024, 50257), (8, 21, 128, 128)]
FORWARD = [(60000, 10), (20000, 100), (8192, 1000), (256, 50257), (8, 21, 128, 128)]
FLAT = [(32,), (4096,), (4_000_000,)]

MODES = {"_value_and_grad": "value_and_grad", "_backward": "backward"}


class Problem(NamedTuple):
    """A call of a function of `losses` on logits of some shape, dtype and standard deviation."""

    operation: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    deviation: float = 1.0
    variant: str = "plain"  # or smoothing, probabilities, weight
    quick: bool = False

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
        """One of forward, backward and value_and_grad."""
        for suffix, mode in MODES.items():
            if self.operation.endswith(suffix):
                return mode
        return "forward"

    @property
    def function(self) -> str:
        """The forward function that the operation belongs to."""
        for suffix in MODES:
            if self.operation.endswith(suffix):
                return self.operation.removesuffix(suffix)
        return self.operation

    @property
    def classes(self) -> int:
        return self.shape[1] if len(self.shape) > 1 else 1

    @property
    def logits(self) -> int:
        return prod(self.shape)


class Arrays(NamedTuple):
    """What a problem's function is given; None and 0 where it takes no such thing."""

    logits: np.ndarray
    target: np.ndarray | None
    weight: np.ndarray | None
    label_smoothing: float
    grad_output: np.ndarray

    def astype(self, dtype: str) -> Arrays:
        """The same numbers in another floating dtype; class indices stay what they are."""

        def cast(value: object) -> object:
            floating = isinstance(value, np.ndarray) and value.dtype.kind == "f"
            return value.astype(dtype) if floating else value

        return Arrays(*map(cast, self))


def arrays(problem: Problem) -> Arrays:
    """Draw the arrays of a problem, the same ones on every run."""
    rng = np.random.default_rng(0)
    shape, dtype = problem.shape, np.dtype(problem.dtype)
    samples = (shape[0], *shape[2:])

    def normal(shape: tuple[int, ...]) -> np.ndarray:
        return rng.standard_normal(shape, dtype)

    logits = normal(shape) * dtype.type(problem.deviation)
    target = weight = None
    grad_output = np.ones((), dtype)  # of a mean
    if problem.function == "binary_cross_entropy_with_logits":
        target = rng.integers(2, size=shape).astype(dtype)
    elif problem.function == "cross_entropy":
        target = rng.integers(problem.classes, size=samples)
    elif problem.function == "logsumexp":
        grad_output = normal(samples)
    else:
        grad_output = normal(shape)
    if problem.variant == "probabilities":
        target = rng.random(shape, dtype)
        target /= target.sum(axis=1, keepdims=True)
    if problem.variant == "weight":
        weight = rng.uniform(0.5, 2, problem.classes).astype(dtype)
    smoothing = SMOOTHING if problem.variant == "smoothing" else 0.0
    return Arrays(logits, target, weight, smoothing, grad_output)


def _problems() -> list[Problem]:
    fused = "cross_entropy_value_and_grad"
    binary = "binary_cross_entropy_with_logits"
    forward = ["cross_entropy", "log_softmax", "softmax", "logsumexp"]
    quick = {(fused, shape) for shape in BAR if shape[-1] < 50257}
    quick |= {(name, (8192, 1000)) for name in ["cross_entropy", "log_softmax"]}
    found = []
    for dtype in ["float32", "float64"]:
        found += [Problem(fused, shape, dtype) for shape in BAR]
        found += [Problem(fused, shape, dtype, WIDE) for shape in BAR]
        for variant in ["smoothing", "probabilities", "weight"]:
            found += [Problem(fused, shape, dtype, 1.0, variant) for shape in BAR[1:4]]
        for name in forward:
            found += [Problem(name, shape, dtype) for shape in FORWARD]
            found += [Problem(name, (8192, 1000), dtype, WIDE)]
            found += [Problem(f"{name}_backward", shape, dtype) for shape in FORWARD]
        for name in [binary, f"{binary}_value_and_grad", f"{binary}_backward"]:
            found += [Problem(name, shape, dtype) for shape in FLAT]
        found += [Problem(f"{binary}_value_and_grad", FLAT[-1], dtype, WIDE)]

    def is_quick(p: Problem) -> bool:
        plain = p.dtype == "float32" and p.deviation == 1 and p.variant == "plain"
        return plain and (p.operation, p.shape) in quick

    return [p._replace(quick=is_quick(p)) for p in found]


PROBLEMS = {problem.name: problem for problem in _problems()}
