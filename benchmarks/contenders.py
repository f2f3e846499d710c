"""Who is timed: a table of contenders, each of which turns a problem into a call to time.

A builder is given the problem, its arrays and the number of threads. It converts the arrays into
its own kind and returns a function without arguments, or None if it has no such function. The
call returns what the problem's operation in `losses` returns.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from . import release
from .problems import (
    BINARY,
    FAMILY,
    IGNORED,
    SHARD,
    VALUES,
    Arrays,
    Problem,
    before_slash,
    gradients,
    others,
)

Call = Callable[[], Any]
Builder = Callable[[Problem, Arrays, int], Call | None]


class Contender(NamedTuple):
    """A builder, the packages it needs, and how its arrays become NumPy's."""

    build: Builder
    needs: tuple[str, ...] = ()
    numpy: Callable[[Any], np.ndarray] = np.asarray
    checks: bool = True  # whether it checks its arguments at all

    @property
    def missing(self) -> str:
        """What it needs and is not here, if anything."""
        absent = [
            release.missing() if name == release.PACKAGE else name
            for name in self.needs
            if name == release.PACKAGE or importlib.util.find_spec(name) is None
        ]
        return ", ".join(filter(None, absent))


# ---- losses --------------------------------------------------------------------------------------


def losses_call(
    problem: Problem, given: Arrays, threads: int, package: str = "losses"
) -> partial[Any] | None:
    """Threads come from ``set_workers``, within which every call is made."""
    del threads
    losses = importlib.import_module(package)
    function = getattr(losses, problem.operation, None)
    if function is None:  # the last release had fewer
        return None
    x, target = given.logits, given.target
    arguments = [x]
    options: dict[str, Any] = {}
    if problem.function in ("softmax", "log_softmax", "logsumexp"):
        options["axis"] = 1
    if problem.function == SHARD:
        options = {"first_class": 0, "classes": problem.classes}
    if given.linear_weight is not None:
        arguments.append(given.linear_weight)
    if problem.function in FAMILY:
        arguments += others(problem.function, x, target)
    elif target is not None:
        arguments.append(target)
    if given.weight is not None:
        options["weight"] = given.weight
    if given.label_smoothing:
        options["label_smoothing"] = given.label_smoothing
    if problem.mode == "backward":
        found = getattr(losses, problem.function)
        if problem.function in ("sigmoid", "softmax", "log_softmax"):  # they start from its result
            arguments = [found(x, **options)]
        if problem.function == SHARD:
            arguments.insert(0, found(*arguments, **options))
    if problem.mode in ("backward", "target_backward", "hvp"):
        arguments.insert(0, given.grad_output)
    if "out" in inspect.signature(function).parameters:
        options["out"] = np.empty_like(x)
    return partial(function, *arguments, **options)


def losses_fresh(problem: Problem, given: Arrays, threads: int) -> Call | None:
    """The same without ``out=``: a new array for the gradient at each call, as most peers do."""
    build = losses_call(problem, given, threads)
    if build is None or "out" not in build.keywords:
        return None
    return partial(build.func, *build.args, **{**build.keywords, "out": None})


def losses_last(problem: Problem, given: Arrays, threads: int) -> Call | None:
    """The same of the last release."""
    return losses_call(problem, given, threads, release.load().__name__)


# The partial results that some functions return, and what of them is compared.
PARTIAL = {"LossSums": "mean", "ShardState": "losses"}


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


def _textbook_log_sigmoid(x: np.ndarray) -> np.ndarray:
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


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
    log_sigmoid=_textbook_log_sigmoid,
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
        log_sigmoid=special.log_expit,
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
    x, target, weight, smoothing = given[:4]
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
    if given.ignores:
        weights = (target != IGNORED).astype(x.dtype)
        target = np.where(target == IGNORED, 0, target)
    at = _entries(target)
    losses = log_sums.squeeze(1) - shifted[at]
    if grad:
        gradient[at] -= 1
    if weight is None and not given.ignores:
        if grad:
            gradient /= samples
        return losses.mean(), gradient
    if weight is not None:
        weights = weight[target]
    weights /= weights.sum()
    if grad:
        gradient *= np.expand_dims(weights, 1)
    return (weights * losses).sum(), gradient


def _numpy_call(f: SimpleNamespace, problem: Problem, given: Arrays) -> Call | None:
    """The functions that are made of a few others, f."""
    x, target, g = given.logits, given.target, given.grad_output
    saved = {"softmax": f.softmax, "log_softmax": f.log_softmax}.get(problem.function)
    y = saved(x, axis=1) if saved and problem.mode == "backward" else None
    if problem.operation == "sigmoid_backward":
        y = f.sigmoid(x)
    return {
        "logsumexp": lambda: f.logsumexp(x, axis=1),
        "softmax": lambda: f.softmax(x, axis=1),
        "log_softmax": lambda: f.log_softmax(x, axis=1),
        "logsumexp_backward": lambda: np.expand_dims(g, 1) * f.softmax(x, axis=1),
        "softmax_backward": lambda: y * (g - (g * y).sum(axis=1, keepdims=True)),
        "log_softmax_backward": lambda: g - np.exp(y) * g.sum(axis=1, keepdims=True),
        "sigmoid": lambda: f.sigmoid(x),
        "sigmoid_backward": lambda: g * y * (1 - y),
        "log_sigmoid": lambda: f.log_sigmoid(x),
        "log_sigmoid_backward": lambda: g * f.sigmoid(-x),
        "cross_entropy": lambda: cross_entropy(f.parts, False, given)[0],
        "cross_entropy_backward": lambda: g * cross_entropy(f.parts, True, given)[1],
        "cross_entropy_value_and_grad": lambda: cross_entropy(f.parts, True, given),
        "binary_cross_entropy_with_logits": lambda: f.bce(x, target).mean(),
        "binary_cross_entropy_with_logits_backward": lambda: g * (f.sigmoid(x) - target) / x.size,
        "binary_cross_entropy_with_logits_value_and_grad": lambda: (
            f.bce(x, target).mean(),
            (f.sigmoid(x) - target) / x.size,
        ),
    }.get(problem.operation)


def _textbook_call(problem: Problem, given: Arrays) -> Call | None:
    """The functions that SciPy has no part of."""
    x, target, g, weight = given.logits, given.target, given.grad_output, given.linear_weight
    size, parts = x.size, TEXTBOOK.parts

    def curvature() -> np.ndarray:
        probs = _textbook_sigmoid(x)
        return probs * (1 - probs) / size

    def hvp() -> np.ndarray:
        probs = _textbook_softmax(x, 1)
        return probs * (g - (g * probs).sum(axis=1, keepdims=True)) / len(x)

    def diagonal() -> np.ndarray:
        probs = _textbook_softmax(x, 1)
        return probs * (1 - probs) / len(x)

    def nll_backward() -> np.ndarray:
        grad = np.zeros_like(x)
        grad[_entries(target)] = -g / len(x)
        return grad

    def shard() -> np.ndarray:
        return -_textbook_log_softmax(x, 1)[_entries(target)]

    def shard_backward() -> np.ndarray:
        probs = _textbook_softmax(x, 1)
        probs[_entries(target)] -= 1
        return probs * g[:, None]

    def layer(grad: bool) -> Any:
        loss, to_logits = cross_entropy(parts, grad, given._replace(logits=x @ weight.T))
        return (loss, to_logits @ weight, to_logits.T @ x) if grad else loss

    calls: dict[str, Call] = {
        "nll_loss": lambda: -x[_entries(target)].mean(),
        "nll_loss_backward": nll_backward,
        "binary_cross_entropy": lambda: -(target * np.log(x) + (1 - target) * np.log1p(-x)).mean(),
        "binary_cross_entropy_backward": lambda: g * (x - target) / (x * (1 - x)) / size,
        "binary_cross_entropy_with_logits_hvp": lambda: g * curvature(),
        "binary_cross_entropy_with_logits_hessian_diagonal": curvature,
        "cross_entropy_hvp": hvp,
        "cross_entropy_hessian_diagonal": diagonal,
        "cross_entropy_sums": lambda: np.float64(cross_entropy(parts, False, given)[0]),
        "loss_sums": lambda: x.mean(dtype=np.float64),
        "cross_entropy_shard": shard,
        "cross_entropy_shard_backward": shard_backward,
        "linear_cross_entropy": lambda: layer(False),
        "linear_cross_entropy_backward": lambda: layer(True)[1:],
        "linear_cross_entropy_value_and_grad": lambda: layer(True),
        "mse_loss": lambda: ((x - target) ** 2).mean(),
        "mse_loss_backward": lambda: g * 2 * (x - target) / size,
        "mse_loss_hvp": lambda: g * 2 / size,
        "mse_loss_hessian_diagonal": lambda: np.full_like(x, 2 / size),
        "l1_loss": lambda: np.abs(x - target).mean(),
        "l1_loss_backward": lambda: g * np.sign(x - target) / size,
    }
    if problem.operation in calls or problem.function not in calls:
        return calls.get(problem.operation)
    forward, backward = calls[problem.function], calls[f"{problem.function}_backward"]
    return lambda: (forward(), backward())  # the textbook's value and gradient share nothing


def textbook(problem: Problem, given: Arrays, threads: int) -> Call | None:
    """The stable formulas, each step a new array; NumPy's own functions use one thread."""
    del threads
    return _numpy_call(TEXTBOOK, problem, given) or _textbook_call(problem, given)


def scipy(problem: Problem, given: Arrays, threads: int) -> Call | None:
    """The same on top of scipy.special, which uses one thread too."""
    del threads
    return _numpy_call(scipy_functions(), problem, given)


# ---- compiled peers ------------------------------------------------------------------------------

FIRST = ("forward", "backward", "value_and_grad")  # no peer has a function for more derivatives


def scikit_learn(problem: Problem, given: Arrays, threads: int) -> Call | None:
    """The losses inside its linear models: for each sample, weighted by 1/N to make the mean."""
    from sklearn._loss import HalfBinomialLoss, HalfMultinomialLoss

    x, target, binary = given.logits, given.target, problem.function == BINARY[1]
    known = binary or problem.function == "cross_entropy"
    if not known or problem.mode not in FIRST or problem.variant not in VALUES:
        return None
    if x.ndim > 2 - binary:
        return None
    loss = HalfBinomialLoss() if binary else HalfMultinomialLoss(n_classes=problem.classes)
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


def torch_expressions() -> dict[str, Callable[..., Any]]:
    """Losses that PyTorch has no function for, or takes another mean of, in its operations."""
    import torch
    import torch.nn.functional as F  # noqa: N812

    def log_cosh(y: Any, t: Any) -> Any:
        r = (y - t).abs()
        return (r + F.softplus(-2 * r) - np.log(2)).mean()

    def sigmoid_focal(x: Any, t: Any) -> Any:  # as torchvision has it
        p = torch.sigmoid(x)
        ce = F.binary_cross_entropy_with_logits(x, t, reduction="none")
        p_t = p * t + (1 - p) * (1 - t)
        return ((0.25 * t + 0.75 * (1 - t)) * (1 - p_t) ** 2 * ce).mean()

    def focal(x: Any, t: Any) -> Any:
        ce = F.cross_entropy(x, t, reduction="none")
        return ((1 - torch.exp(-ce)) ** 2 * ce).mean()

    def tversky(p: Any, t: Any) -> Any:
        hits = (p * t).flatten(2).sum(2) + 1
        wrong = 0.5 * (p * (1 - t)).flatten(2).sum(2) + 0.5 * ((1 - p) * t).flatten(2).sum(2)
        return (1 - hits / (hits + wrong)).mean()

    def kl_div_with_logits(x: Any, y: Any) -> Any:
        return F.kl_div(F.log_softmax(x, 1), F.softmax(y, 1), reduction="batchmean")

    return {
        "focal_loss": focal,
        "kl_div_with_logits": kl_div_with_logits,
        "tversky_loss": tversky,
        "log_cosh_loss": log_cosh,
        "quantile_loss": lambda y, t: torch.maximum(0.5 * (t - y), 0.5 * (y - t)).mean(),
        "hinge_loss": lambda x, t: (1 - t * x).clamp_min(0).mean(),
        "squared_hinge_loss": lambda x, t: (1 - t * x).clamp_min(0).square().mean(),
        "sigmoid_focal_loss": sigmoid_focal,
        "kl_div": partial(F.kl_div, reduction="batchmean"),
        "kl_div_with_log_target": partial(F.kl_div, reduction="batchmean", log_target=True),
    }


def torch_eager(
    problem: Problem, given: Arrays, threads: int, compiled: bool = False
) -> Call | None:
    """Autograd: the forward builds the graph, ``loss.backward()`` runs it."""
    import torch
    import torch.nn.functional as F  # noqa: N812  # its own documents call it so

    if problem.mode not in FIRST:
        return None
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
        "nll_loss": lambda x: F.nll_loss(x, target),
        "sigmoid": torch.sigmoid,
        "log_sigmoid": F.logsigmoid,
        "binary_cross_entropy": lambda x: F.binary_cross_entropy(x, target),
        "binary_cross_entropy_with_logits": lambda x: F.binary_cross_entropy_with_logits(x, target),
        "mse_loss": lambda x: F.mse_loss(x, target),
        "l1_loss": lambda x: F.l1_loss(x, target),
    }.get(problem.function)
    produced = {}  # further arrays that have a gradient, by name
    theirs = torch_expressions().get(problem.function) or getattr(F, problem.function, None)
    if forward is None and problem.function in FAMILY and theirs is not None:
        rest = others(problem.function, given.logits, given.target)
        rest = dict(
            zip(before_slash(problem.function)[1:], map(torch.from_numpy, rest), strict=True)
        )
        produced = {name: rest[name] for name in gradients(problem.function)[1:]}

        def forward(first: Any) -> Any:
            return theirs(first, *rest.values())

    if forward is None:
        return None
    if compiled:
        torch._dynamo.reset()  # each problem is compiled for its own shape
        forward = torch.compile(forward, dynamic=False)
    if problem.mode == "forward":
        return lambda: forward(x)
    points = [x, *produced.values()]
    for point in points:
        point.requires_grad_()
    if problem.mode == "backward":
        y = forward(x)
        return lambda: torch.autograd.grad(y, points, grad_output, retain_graph=True)

    def value_and_grad() -> tuple[Any, ...]:
        for point in points:
            point.grad = None
        value = forward(x)
        value.backward()
        return value, *(point.grad for point in points)

    return value_and_grad


def torch_compile(problem: Problem, given: Arrays, threads: int) -> Call | None:
    """The same with the forward and backward compiled; needs a C++ compiler.

    Compiling takes seconds for each problem: on values and options that change nothing for the
    compiler, and in functions without a gradient, it is left out.
    """
    plain = problem.variant == "plain" and problem.deviation == 1
    if problem.mode != "value_and_grad" or not plain:
        return None
    return torch_eager(problem, given, threads, compiled=True)


def jax_jit(problem: Problem, given: Arrays, threads: int) -> Call | None:
    """XLA, with optax's losses; its threads follow the cores the process may use."""
    import jax
    import jax.numpy as jnp
    import optax

    del threads
    if problem.mode not in FIRST:
        return None
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
        if given.ignores:
            counted = target != IGNORED
            found = jnp.where(counted, target, 0)
            each = optax.softmax_cross_entropy_with_integer_labels(x, found, axis=1)
            return jnp.average(each, weights=counted.astype(x.dtype))
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
        "sigmoid": lambda x, *_: jax.nn.sigmoid(x),
        "log_sigmoid": lambda x, *_: jax.nn.log_sigmoid(x),
        "mse_loss": lambda x, target, _: optax.squared_error(x, target).mean(),
        "l1_loss": lambda x, target, _: jnp.abs(x - target).mean(),
    }.get(problem.function)
    if forward is None:
        return None
    if problem.mode == "backward":
        _, pullback = jax.vjp(lambda x: forward(x, target, weight), x)
        compiled = jax.jit(lambda pullback, grad_output: pullback(grad_output)[0])
        return lambda: jax.block_until_ready(compiled(pullback, grad_output))
    compiled = jax.jit(jax.value_and_grad(forward) if problem.mode != "forward" else forward)
    return lambda: jax.block_until_ready(compiled(x, target, weight))


def _from_torch(tensor: Any) -> np.ndarray:
    return tensor.detach().numpy()


LAST = f"losses {release.VERSION}"
CONTENDERS = {
    "losses": Contender(losses_call, ("losses",)),
    "losses, no out": Contender(losses_fresh, ("losses",)),
    LAST: Contender(losses_last, (release.PACKAGE,)),
    "textbook": Contender(textbook, checks=False),
    "SciPy": Contender(scipy, ("scipy",)),
    "scikit-learn": Contender(scikit_learn, ("sklearn",), checks=False),
    "torch": Contender(torch_eager, ("torch",), _from_torch),
    "torch.compile": Contender(torch_compile, ("torch",), _from_torch),
    "JAX": Contender(jax_jit, ("jax", "optax")),
}
PEERS = [name for name in CONTENDERS if not name.startswith("losses")]
