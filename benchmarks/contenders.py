"""Who is timed: a table of contenders, each of which turns a problem into a call to time.

A builder is given the problem, its arrays and the number of threads. It converts the arrays into
its own kind and returns a function without arguments, or None if it has no such function. The
call returns what the problem's operation in `losses` returns.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from .problems import Arrays, Problem

Call = Callable[[], Any]
Builder = Callable[[Problem, Arrays, int], Call | None]


class Contender(NamedTuple):
    """A builder, the packages it needs, and how its arrays become NumPy's."""

    build: Builder
    needs: tuple[str, ...] = ()
    numpy: Callable[[Any], np.ndarray] = np.asarray
    checks: bool = True  # whether it checks its arguments at all

    @property
    def missing(self) -> list[str]:
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


# ---- losses --------------------------------------------------------------------------------------


def losses_call(problem: Problem, given: Arrays, threads: int) -> partial[Any]:
    """Threads come from ``losses.set_workers``, within which every call is made."""
    import losses

    del threads
    x, target, weight, smoothing, grad_output = given
    function = getattr(losses, problem.operation)
    arguments: list[np.ndarray] = [x, target]
    options: dict[str, Any] = {}
    if target is None:
        arguments, options = [x], {"axis": 1}
    if weight is not None:
        options["weight"] = weight
    if smoothing:
        options["label_smoothing"] = smoothing
    if problem.mode == "backward":
        if problem.function in ("softmax", "log_softmax"):  # these start from what they returned
            arguments = [getattr(losses, problem.function)(x, **options)]
        return partial(function, grad_output, *arguments, **options)
    if problem.mode == "value_and_grad":
        options["out"] = np.empty_like(x)
    return partial(function, *arguments, **options)


def losses_fresh(problem: Problem, given: Arrays, threads: int) -> Call | None:
    """The same without ``out=``: a new array for the gradient at each call, as most peers do."""
    if problem.mode != "value_and_grad":
        return None
    build = losses_call(problem, given, threads)
    return partial(build.func, *build.args, **{**build.keywords, "out": None})


# ---- NumPy code as people write it ---------------------------------------------------------------


def _shifted(x: np.ndarray, axis: int) -> np.ndarray:
    return x - x.max(axis=axis, keepdims=True)


def _textbook_log_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    shifted = _shifted(x, axis)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def _textbook_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    exps = np.exp(_shifted(x, axis))
    return exps / exps.sum(axis=axis, keepdims=True)


def _textbook_logsumexp(x: np.ndarray, axis: int) -> np.ndarray:
    largest = x.max(axis=axis, keepdims=True)
    return (largest + np.log(np.exp(x - largest).sum(axis=axis, keepdims=True))).squeeze(axis)


def _textbook_bce(x: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) - x * target + np.log1p(np.exp(-np.abs(x)))


def _textbook_sigmoid(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def _textbook_parts(x: np.ndarray, grad: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shifted = _shifted(x, 1)
    probs = np.exp(shifted)
    sums = probs.sum(axis=1, keepdims=True)
    if grad:
        probs /= sums
    return shifted, np.log(sums), probs


TEXTBOOK = SimpleNamespace(
    parts=_textbook_parts,
    log_softmax=_textbook_log_softmax,
    softmax=_textbook_softmax,
    logsumexp=_textbook_logsumexp,
    bce=_textbook_bce,
    sigmoid=_textbook_sigmoid,
)


def scipy_functions() -> SimpleNamespace:
    from scipy import special

    def parts(x: np.ndarray, grad: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        log_probs = special.log_softmax(x, axis=1)
        return log_probs, np.zeros_like(log_probs[:, :1]), np.exp(log_probs) if grad else None

    return SimpleNamespace(
        parts=parts,
        log_softmax=special.log_softmax,
        softmax=special.softmax,
        logsumexp=special.logsumexp,
        bce=lambda x, t: -(t * special.log_expit(x) + (1 - t) * special.log_expit(-x)),
        sigmoid=special.expit,
    )


def _entries(target: np.ndarray) -> tuple[np.ndarray, ...]:
    """The index of each sample's target entry in the logits."""
    if target.ndim == 1:
        return np.arange(len(target)), target
    first, *rest = np.ogrid[tuple(map(slice, target.shape))]
    return first, target, *rest


def cross_entropy(
    parts: Callable[..., Sequence[np.ndarray]], grad: bool, given: Arrays
) -> tuple[np.ndarray, np.ndarray | None]:
    """The mean cross entropy and, if asked for, its gradient.

    parts(x, grad) are the shifted logits, the logarithms of their sums of exponentials, and the
    probabilities (only with grad), the memory of which becomes the gradient.
    """
    x, target, weight, smoothing, _ = given
    samples = x.size // x.shape[1]
    shifted, log_sums, gradient = parts(x, grad)
    if smoothing:
        smooth = np.full_like(x, smoothing / x.shape[1])
        smooth[_entries(target)] += 1 - smoothing
        target = smooth
    if target.shape == x.shape:
        if grad:
            gradient -= target
            gradient /= samples
        return (target * (log_sums - shifted)).sum() / samples, gradient
    at = _entries(target)
    losses = log_sums.squeeze(1) - shifted[at]
    if grad:
        gradient[at] -= 1
    if weight is None:
        if grad:
            gradient /= samples
        return losses.mean(), gradient
    weights = weight[target]
    weights /= weights.sum()
    if grad:
        gradient *= np.expand_dims(weights, 1)
    return (weights * losses).sum(), gradient


def _numpy_call(f: SimpleNamespace, problem: Problem, given: Arrays) -> Call:
    x, target, _, _, g = given
    saved = {"softmax": f.softmax, "log_softmax": f.log_softmax}.get(problem.function)
    y = saved(x, axis=1) if saved and problem.mode == "backward" else None
    return {
        "logsumexp": lambda: f.logsumexp(x, axis=1),
        "softmax": lambda: f.softmax(x, axis=1),
        "log_softmax": lambda: f.log_softmax(x, axis=1),
        "logsumexp_backward": lambda: np.expand_dims(g, 1) * f.softmax(x, axis=1),
        "softmax_backward": lambda: y * (g - (g * y).sum(axis=1, keepdims=True)),
        "log_softmax_backward": lambda: g - np.exp(y) * g.sum(axis=1, keepdims=True),
        "cross_entropy": lambda: cross_entropy(f.parts, False, given)[0],
        "cross_entropy_backward": lambda: g * cross_entropy(f.parts, True, given)[1],
        "cross_entropy_value_and_grad": lambda: cross_entropy(f.parts, True, given),
        "binary_cross_entropy_with_logits": lambda: f.bce(x, target).mean(),
        "binary_cross_entropy_with_logits_backward": lambda: g * (f.sigmoid(x) - target) / x.size,
        "binary_cross_entropy_with_logits_value_and_grad": lambda: (
            f.bce(x, target).mean(),
            (f.sigmoid(x) - target) / x.size,
        ),
    }[problem.operation]


def textbook(problem: Problem, given: Arrays, threads: int) -> Call:
    """The stable formulas, each step a new array; NumPy's own functions use one thread."""
    del threads
    return _numpy_call(TEXTBOOK, problem, given)


def scipy(problem: Problem, given: Arrays, threads: int) -> Call:
    """The same on top of scipy.special, which uses one thread too."""
    del threads
    return _numpy_call(scipy_functions(), problem, given)


# ---- compiled peers ------------------------------------------------------------------------------


def scikit_learn(problem: Problem, given: Arrays, threads: int) -> Call | None:
    """The losses inside its linear models: for each sample, weighted by 1/N to make the mean."""
    from sklearn._loss import HalfBinomialLoss, HalfMultinomialLoss

    x, target = given.logits, given.target
    if target is None or x.ndim > 2 or problem.variant != "plain":
        return None
    loss = HalfBinomialLoss() if x.ndim == 1 else HalfMultinomialLoss(n_classes=problem.classes)
    samples = len(x)
    options = {
        "y_true": target.astype(x.dtype),
        "raw_prediction": x,
        "sample_weight": np.full(samples, 1 / samples, x.dtype),
        "loss_out": np.empty(samples, x.dtype),
        "n_threads": threads,
    }
    if problem.mode == "forward":
        return lambda: loss.loss(**options).sum()
    gradient = np.empty_like(x)
    if problem.mode == "backward":
        del options["loss_out"]
        return lambda: loss.gradient(**options, gradient_out=gradient)

    def value_and_grad() -> tuple[Any, Any]:
        value, grad = loss.loss_gradient(**options, gradient_out=gradient)
        return value.sum(), grad

    return value_and_grad


def torch_eager(
    problem: Problem, given: Arrays, threads: int, compiled: bool = False
) -> Call | None:
    """Autograd: the forward builds the graph, ``loss.backward()`` runs it."""
    import torch
    import torch.nn.functional as F  # noqa: N812  # its own documents call it so

    torch.set_num_threads(threads)
    x, target, weight, grad_output = (
        None if array is None else torch.from_numpy(array)
        for array in (given.logits, given.target, given.weight, given.grad_output)
    )
    smoothing = given.label_smoothing
    forward = {
        "logsumexp": lambda x: torch.logsumexp(x, 1),
        "softmax": lambda x: F.softmax(x, 1),
        "log_softmax": lambda x: F.log_softmax(x, 1),
        "cross_entropy": lambda x: F.cross_entropy(
            x, target, weight=weight, label_smoothing=smoothing
        ),
        "binary_cross_entropy_with_logits": lambda x: F.binary_cross_entropy_with_logits(x, target),
    }[problem.function]
    if compiled:
        torch._dynamo.reset()  # each problem is compiled for its own shape
        forward = torch.compile(forward, dynamic=False)
    if problem.mode == "forward":
        return lambda: forward(x)
    x.requires_grad_()
    if problem.mode == "backward":
        y = forward(x)
        return lambda: torch.autograd.grad(y, x, grad_output, retain_graph=True)[0]

    def value_and_grad() -> tuple[Any, Any]:
        x.grad = None
        value = forward(x)
        value.backward()
        return value, x.grad

    return value_and_grad


def torch_compile(problem: Problem, given: Arrays, threads: int) -> Call | None:
    """The same with the forward and backward compiled; needs a C++ compiler."""
    if problem.mode == "backward":
        return None
    return torch_eager(problem, given, threads, compiled=True)


def jax_jit(problem: Problem, given: Arrays, threads: int) -> Call:
    """XLA, with optax's losses; its threads follow the cores the process may use."""
    import jax
    import jax.numpy as jnp
    import optax

    del threads
    x, target, weight, grad_output = (
        None if array is None else jnp.asarray(array)
        for array in (given.logits, given.target, given.weight, given.grad_output)
    )
    if target is not None and jnp.issubdtype(target.dtype, jnp.integer):
        target = target.astype(jnp.int32)  # its default integer
    smoothing, classes = given.label_smoothing, problem.classes

    def cross_entropy(x: Any, target: Any, weight: Any) -> Any:
        if target.shape == x.shape:
            return optax.softmax_cross_entropy(x, target, axis=1).mean()
        if smoothing:
            one_hot = jax.nn.one_hot(target, classes, dtype=x.dtype)
            return optax.softmax_cross_entropy(x, optax.smooth_labels(one_hot, smoothing)).mean()
        each = optax.softmax_cross_entropy_with_integer_labels(x, target, axis=1)
        return each.mean() if weight is None else jnp.average(each, weights=weight[target])

    def binary_cross_entropy(x: Any, target: Any, _: None) -> Any:
        return optax.sigmoid_binary_cross_entropy(x, target).mean()

    forward = {
        "logsumexp": lambda x, *_: jax.nn.logsumexp(x, 1),
        "softmax": lambda x, *_: jax.nn.softmax(x, 1),
        "log_softmax": lambda x, *_: jax.nn.log_softmax(x, 1),
        "cross_entropy": cross_entropy,
        "binary_cross_entropy_with_logits": binary_cross_entropy,
    }[problem.function]
    if problem.mode == "backward":
        _, pullback = jax.vjp(lambda x: forward(x, target, weight), x)
        compiled = jax.jit(lambda pullback, grad_output: pullback(grad_output)[0])
        return lambda: jax.block_until_ready(compiled(pullback, grad_output))
    compiled = jax.jit(jax.value_and_grad(forward) if problem.mode != "forward" else forward)
    return lambda: jax.block_until_ready(compiled(x, target, weight))


def _from_torch(tensor: Any) -> np.ndarray:
    return tensor.detach().numpy()


CONTENDERS = {
    "losses": Contender(losses_call, ("losses",)),
    "losses, no out": Contender(losses_fresh, ("losses",)),
    "textbook": Contender(textbook, checks=False),
    "SciPy": Contender(scipy, ("scipy",)),
    "scikit-learn": Contender(scikit_learn, ("sklearn",), checks=False),
    "torch": Contender(torch_eager, ("torch",), _from_torch),
    "torch.compile": Contender(torch_compile, ("torch",), _from_torch),
    "JAX": Contender(jax_jit, ("jax", "optax")),
}
PEERS = [name for name in CONTENDERS if not name.startswith("losses")]
