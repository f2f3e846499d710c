"""What every function means: the formulas of docs/semantics.md, row by row, in intervals.

`expected` is the whole of it, for a row of tests/table.py, which has the formulas of the losses
entry by entry. Nothing here is taken from the library, and where the semantics say
nothing (rows of probabilities that are none, infinite weights) anything is right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from tests.dtypes import NARROW, end, is_floating, widest
from tests.intervals import Interval, anything, exactly, rounded, select, times


def expected(row: Any, what: str, arguments: dict[str, Any]) -> tuple[Interval, ...]:
    """Return what a function of the table, or its derivative, may return for a valid call.

    The intervals of its value, its gradients or both have the shape and the dtype of the result.
    """
    arguments = {key: arguments[key] for key in arguments if key not in ("out", "workers")}
    with np.errstate(all="ignore"):
        if what == "value_and_grad":
            grad_output = arguments.pop("grad_output", None)
            value = row.value(**arguments)
            if grad_output is None:
                grad_output = np.ones(value.low.shape)
            found = (value, *parts(row.gradient(grad_output, **arguments)))
        else:
            formulas = {"": row.value, "backward": row.gradient, **row.others}
            found = parts(formulas[what](**arguments))
        dtypes = result_dtypes(row, what, arguments)
        return tuple(part.to(dtype) for part, dtype in zip(found, dtypes, strict=True))


def parts(found: Interval | tuple[Interval, ...]) -> tuple[Interval, ...]:
    """Return the intervals of a definition, which is of one array or of several."""
    return found if isinstance(found, tuple) else (found,)


# Dtypes


def result_dtypes(row: Any, what: str, arguments: dict[str, Any]) -> list[np.dtype]:
    """Return the dtype of each part of the result: a gradient has that of its own array.

    The value of several arrays has the one that NumPy gives to their product.
    """
    names = row.differentiated if row.point(what) in row.differentiated else [row.point(what)]
    arrays = [arguments[name] for name in names if arguments.get(name) is not None]
    gradients = [result_dtype(array) for array in arrays]
    value = widest(*gradients)
    return {"": [value], "value_and_grad": [value, *gradients]}.get(what, gradients)


def result_dtype(first: np.ndarray) -> np.dtype:
    """Return the first array's dtype, or float64 for integers and booleans."""
    return first.dtype.newbyteorder("=") if is_floating(first.dtype) else np.dtype(np.float64)


def computation_dtype(first: np.ndarray, *widening: np.ndarray | None) -> np.dtype:
    """Return the widest of the first array's dtype, float32 and the other floating dtypes."""
    floating = [a.dtype for a in widening if a is not None and is_floating(a.dtype)]
    return widest(np.dtype(np.float32), result_dtype(first), *floating)


def wide_dtype(dtype: np.dtype) -> np.dtype:
    """Return the dtype of sums."""
    return np.result_type(dtype, np.float64)


def numbers(first: np.ndarray) -> np.ndarray:
    """Return the first array in the dtype of the result; in float32 where that may have no inf."""
    dtype = result_dtype(first)
    return first.astype(np.float32 if dtype in NARROW[1:] else dtype)


def factor(array: np.ndarray, dtype: np.dtype) -> Interval:
    """Return weights, probabilities or upstream gradients; of infinite ones nothing is said."""
    return select(np.isinf(array.astype(dtype)), anything(dtype), rounded(array, dtype))


# Reductions


def reduced(losses: Interval, divisor: Interval, reduction: str) -> Interval:
    """Return the losses, their sum, or their mean."""
    if reduction == "none":
        return losses
    total = losses.to(divisor.dtype).sum(None)
    return total if reduction == "sum" else total / divisor


def upstream(
    grad_output: np.ndarray, divisor: Interval, reduction: str, dtype: np.dtype
) -> Interval:
    """Return the gradient with respect to each loss."""
    if reduction != "mean":
        return factor(grad_output, dtype)
    return (factor(grad_output, divisor.dtype) / divisor).to(dtype)


def count(number: int, dtype: np.dtype) -> Interval:
    """Return a number of losses as a divisor: the mean of nothing is nan."""
    return exactly(number or np.nan, wide_dtype(dtype))


# Softmax and its family, along the last axis


def last(array: np.ndarray, axis: int) -> np.ndarray:
    """Return an array with an axis moved to the end; a 0-D array is a row of one class."""
    return np.moveaxis(array, axis, -1) if array.ndim else array.reshape(1)


def back(rows: Interval, axis: int, shape: tuple[int, ...]) -> Interval:
    """Return rows with the last axis where it was in an array of a shape."""
    return rows.map(lambda a: np.moveaxis(a, -1, axis) if shape else a.reshape(()))


class Softmax:
    """Of rows: x - m, with the maximum m; the log of the sum, less m; p; 1 - p of the largest.

    `broken` are the rows that hold nan or +inf, or only -inf. With a cap c the numbers are
    y = c tanh(x / c), of which -inf stays; `slope` is dy/dx.
    """

    def __init__(self, x: np.ndarray, dtype: np.dtype, cap: float | None = None) -> None:
        classes = x.shape[-1]
        self.maximum = x.max(-1, initial=-np.inf)
        self.broken = ~np.isfinite(self.maximum) & (classes > 0)
        maximum = np.where(np.isfinite(self.maximum), self.maximum, 0)[..., None]
        x = np.where(self.broken[..., None], 0, x)
        self.largest = np.zeros(x.shape, bool)
        if classes:
            self.largest = np.arange(classes) == x.argmax(-1)[..., None]
        self.shifted, self.slope, top = exactly(x, dtype) - maximum, 1, exactly(self.maximum, dtype)
        if cap is not None:
            y, self.slope = capped(x, cap, dtype)
            top = select(self.largest, y, 0).sum(-1)
            self.shifted = select(self.largest, 0, y - top[..., None])
        exps = self.shifted.increasing(np.exp)
        others = select(self.largest, 0, exps).sum(-1)
        self.log_sum = others.increasing(np.log1p)
        self.whole_log_sum = self.log_sum + top
        self.probs = exps / (others + 1)[..., None]
        self.others_share = others / (others + 1)

    def unless_broken(self, rows: Interval) -> Interval:
        """Return rows, nan where x has no softmax."""
        return select(self.broken[..., None], np.nan, rows)


def capped(x: np.ndarray, cap: float, dtype: np.dtype) -> tuple[Interval, Interval]:
    """Return c tanh(x / c), of which -inf stays, and its slope."""
    c = np.clip(float(cap), float(end(dtype, "smallest_normal")), float(end(dtype, "max")))
    scale = rounded(c, dtype)
    ratio = exactly(x, dtype) / scale
    small = (-2 * abs(ratio)).increasing(np.exp)
    y = select(np.isinf(x), x, ratio.increasing(np.tanh) * scale)
    return y, 4 * small / ((1 + small) * (1 + small))


def softmax(x, axis):
    row = Softmax(last(numbers(x), axis), computation_dtype(x))
    return back(row.unless_broken(row.probs), axis, x.shape)


def log_softmax(x, axis):
    row = Softmax(last(numbers(x), axis), computation_dtype(x))
    log_probs = row.shifted - row.log_sum[..., None]
    return back(row.unless_broken(log_probs), axis, x.shape)


def softmax_backward(grad_output, probs, axis):
    """p (g - sum g p), where p sums to 1 as nearly as its dtype has it and no sum overflows."""
    p, g, dtype = last(numbers(probs), axis), last(grad_output, axis), result_dtype(probs)
    u, classes = end(dtype, "eps") / 2, p.shape[-1]
    known = (p >= 0).all(-1) & (np.abs(p.sum(-1, dtype=np.longdouble) - 1) <= 4 * classes * u)
    known &= (np.abs(g.astype(np.longdouble)) < np.finfo(computation_dtype(probs)).max / 4).all(-1)
    p, g = exactly(p, dtype), rounded(g, dtype)
    gradient = p * (g - (g * p).sum(-1)[..., None])
    return back(select(known[..., None], gradient, anything(dtype)), axis, probs.shape)


def log_softmax_backward(grad_output, log_probs, axis):
    """g - p sum g; of the largest class g (1 - p) - p times the sum of the others.

    For rows whose exponentials are far from any end of the numbers, or nan.
    """
    lp, dtype = last(numbers(log_probs), axis), computation_dtype(log_probs)
    known = (lp <= 3).all(-1) | np.isnan(lp).all(-1)
    g = factor(last(grad_output, axis), dtype)
    largest = lp == lp.max(-1, initial=-np.inf)[..., None]
    largest &= (largest.sum(-1) == 1)[..., None]  # of several, any may be the one
    lp = exactly(lp, dtype)
    p, minus_share = lp.increasing(np.exp), lp.increasing(np.expm1)
    others = select(largest, 0, g).sum(-1)[..., None]
    gradient = select(largest, -(g * minus_share) - p * others, g - p * g.sum(-1)[..., None])
    return back(select(known[..., None], gradient, anything(dtype)), axis, log_probs.shape)


def logsumexp(x, axis, keepdims):
    row = Softmax(over_axes(x, axis), computation_dtype(x))
    # At an infinite maximum, +inf or nothing but -inf, the sum is the maximum; so is nan.
    log_sum = select(np.isfinite(row.maximum), row.log_sum + row.maximum, row.maximum)
    kept = [1 if i in summed(x, axis) else size for i, size in enumerate(x.shape)]
    return log_sum.map(lambda array: array.reshape(kept)) if keepdims else log_sum


def logsumexp_backward(grad_output, x, axis, **_):
    rows = over_axes(x, axis)
    dtype = computation_dtype(x)
    row = Softmax(rows, dtype)
    grad = factor(grad_output, dtype).map(lambda array: array.reshape(rows.shape[:-1]))
    gradient = row.unless_broken(row.probs * grad[..., None])
    infinite, number = rows == np.inf, ~np.isnan(rows).any(-1)
    shares = np.where(infinite, np.where(infinite.sum(-1) == 1, 1, np.nan)[..., None], 0)
    endless = (infinite.any(-1) & number)[..., None]
    gradient = select(endless, grad[..., None] * shares, gradient)
    axes = summed(x, axis)
    front = [i for i in range(x.ndim) if i not in axes]
    moved = [x.shape[i] for i in (*front, *axes)]
    order = np.argsort([*front, *axes]).astype(int)
    return gradient.map(lambda array: array.reshape(moved).transpose(order))


def summed(x: np.ndarray, axis: Any) -> tuple[int, ...]:
    """Return the axes that logsumexp sums over, counted from the front."""
    if axis is None or not x.ndim:
        return tuple(range(x.ndim))
    return tuple(int(i) % x.ndim for i in (axis if isinstance(axis, tuple) else (axis,)))


def over_axes(x: np.ndarray, axis: Any) -> np.ndarray:
    """Return rows of the entries along some axes."""
    axes = summed(x, axis)
    front = [i for i in range(x.ndim) if i not in axes]
    entries = int(np.prod([x.shape[i] for i in axes]))
    return numbers(x).transpose(*front, *axes).reshape(*(x.shape[i] for i in front), entries)


# Losses over classes


@dataclass(frozen=True)
class Labels:
    """Class indices: which samples count, which class each has, and what the mean divides by."""

    counts: np.ndarray
    one_hot: np.ndarray
    divisor: Interval


def labels(
    target: np.ndarray,
    samples: tuple[int, ...],
    classes: int,
    weight: Interval,
    ignore_index: int,
    weighted: bool,
) -> Labels:
    counts = that_count(target, samples, ignore_index)
    at = np.where(counts.reshape(-1), target.reshape(-1), 0).astype(int)
    one_hot = np.arange(classes) == at.reshape(samples)[..., None]
    if not weighted:
        return Labels(counts, one_hot, count(counts.sum(), weight.dtype))
    counted = select(one_hot & counts[..., None], weight, 0)
    divisor = counted.to(wide_dtype(weight.dtype)).sum(None)
    return Labels(counts, one_hot, select(counted.is_zero.all(), np.nan, divisor))


def that_count(target: np.ndarray, samples: tuple[int, ...], ignore_index: int) -> np.ndarray:
    """Return which samples, of these labels, count."""
    return np.array([int(label) != ignore_index for label in target.flat], bool).reshape(samples)


def class_axis(axis: int | None, ndim: int) -> int:
    return min(1, ndim - 1) if axis is None else axis


def class_weight(weight: np.ndarray | None, classes: int, dtype: np.dtype) -> Interval:
    """Return the weight of each class, 1 by default."""
    return exactly(np.ones(classes), dtype) if weight is None else factor(weight, dtype)


def log_likelihood(log_probs, target, weight, ignore_index, axis):
    """Return the losses, their slopes at the label and what the mean divides by."""
    rows, dtype = last(numbers(log_probs), axis), computation_dtype(log_probs)
    w = class_weight(weight, rows.shape[-1], dtype)
    known = labels(
        target, rows.shape[:-1], rows.shape[-1], w, ignore_index, weighted=weight is not None
    )
    here = known.one_hot & known.counts[..., None]
    loss = select(here, times(w, -exactly(rows, dtype)), 0).sum(-1)
    return loss, select(here, -w, 0), here, known.divisor


def nll_loss(log_probs, target, weight, ignore_index, reduction, axis):
    axis = class_axis(axis, log_probs.ndim)
    loss, _, _, divisor = log_likelihood(log_probs, target, weight, ignore_index, axis)
    return reduced(loss, divisor, reduction)


def nll_loss_backward(grad_output, log_probs, target, weight, ignore_index, reduction, axis):
    axis = class_axis(axis, log_probs.ndim)
    _, slope, here, divisor = log_likelihood(log_probs, target, weight, ignore_index, axis)
    grad = upstream(grad_output, divisor, reduction, slope.dtype)
    gradient = select(here, slope * grad[..., None], 0)
    return back(gradient, axis, log_probs.shape)


def entropy(logits, target, weight, ignore_index, label_smoothing, softcap, axis):
    """Return the softmax, the mass of each class, which samples count and the mean's divisor."""
    x, dtype = last(numbers(logits), axis), computation_dtype(logits)
    samples, classes = x.shape[:-1], x.shape[-1]
    row, w = Softmax(x, dtype, softcap), class_weight(weight, classes, dtype)
    epsilon = exactly(float(label_smoothing), dtype)
    if is_floating(target.dtype) and target.ndim == logits.ndim:
        counts, divisor = np.ones(samples, bool), count(int(np.prod(samples)), dtype)
        mass = factor(last(target, axis), dtype)
        if label_smoothing:
            mass = mass * (1 - epsilon) + epsilon / classes
        if weight is not None:
            mass = times(w, mass)
    else:
        known = labels(target, samples, classes, w, ignore_index, weighted=weight is not None)
        counts, divisor = known.counts, known.divisor
        mass = select(known.one_hot, w * (1 - epsilon), 0)
        if label_smoothing and classes:
            mass = mass + w * (epsilon / classes)
    return row, mass, counts, divisor


def cross_entropy(
    logits, target, weight, ignore_index, reduction, label_smoothing, softcap, z_loss, axis
):
    """-sum v lp + z V lse**2, with the mass v of each class; 0 for an ignored sample."""
    axis = class_axis(axis, logits.ndim)
    row, mass, counts, divisor = entropy(
        logits, target, weight, ignore_index, label_smoothing, softcap, axis
    )
    loss = times(mass.sum(-1), row.log_sum) - times(mass, row.shifted).sum(-1)
    if z_loss:
        penalty = float(z_loss) * row.whole_log_sum * row.whole_log_sum
        loss = loss + times(mass.sum(-1), penalty)
    return reduced(select(counts, select(row.broken, np.nan, loss), 0), divisor, reduction)


def cross_entropy_backward(
    grad_output,
    logits,
    target,
    weight,
    ignore_index,
    reduction,
    label_smoothing,
    softcap,
    z_loss,
    axis,
):
    """p V' - v, times g; of the most probable class (V' - v) - (1 - p) V', times g.

    V' is V + 2 z V lse. A cap multiplies by its slope.
    """
    axis = class_axis(axis, logits.ndim)
    row, mass, counts, divisor = entropy(
        logits, target, weight, ignore_index, label_smoothing, softcap, axis
    )
    grad = upstream(grad_output, divisor, reduction, mass.dtype)[..., None]
    whole = mass.sum(-1)[..., None] * grad
    others = select(row.largest, 0, mass).sum(-1)[..., None] * grad
    if z_loss:
        more = times(whole, (2 * float(z_loss) * row.whole_log_sum)[..., None])
        whole, others = whole + more, others + more
    gradient = select(
        row.largest,
        others - row.others_share[..., None] * whole,
        row.probs * whole - mass * grad,
    )
    if softcap is not None:
        gradient = gradient * row.slope
    gradient = select(counts[..., None], row.unless_broken(gradient), 0)
    return back(gradient, axis, logits.shape)


def layer_and_logits(inputs, linear_weight, linear_bias, target, ignore_index):
    """Return samples of inputs and the weight, in intervals, and what they make, which is exact.

    Inputs of samples that every head ignores are never read.
    """
    arrays = [array for array in (inputs, linear_weight, linear_bias) if array is not None]
    dtype = widest(np.dtype(np.float32), *map(result_dtype, arrays))
    x, weight, *bias = (array.astype(np.longdouble) for array in arrays)
    if not is_floating(target.dtype):
        samples = inputs.shape[:-1]
        each = that_count(target, samples + linear_weight.shape[1:-1], ignore_index)
        x[~each.any(tuple(range(len(samples), each.ndim)))] = 0
    exact = np.tensordot(x, weight, (-1, -1)) + sum(bias)
    logits = exact.astype(dtype)
    assert np.array_equal(logits, exact, equal_nan=True)
    return exactly(x, dtype), exactly(weight, dtype), logits


def linear_cross_entropy(inputs, linear_weight, linear_bias, target, ignore_index, **options):
    *_, logits = layer_and_logits(inputs, linear_weight, linear_bias, target, ignore_index)
    return cross_entropy(logits, target, ignore_index=ignore_index, axis=inputs.ndim - 1, **options)


def linear_cross_entropy_backward(
    grad_output, inputs, linear_weight, linear_bias, target, ignore_index, **options
):
    """G W, G^T inputs and, with a bias, the sum of G, the gradient of the logits.

    The outputs of all the heads are as many more columns of G.
    """
    x, w, logits = layer_and_logits(inputs, linear_weight, linear_bias, target, ignore_index)
    gradient = cross_entropy_backward(
        grad_output, logits, target, ignore_index=ignore_index, axis=inputs.ndim - 1, **options
    )
    samples, outputs = inputs.shape[:-1], linear_weight.shape[:-1]
    columns = int(np.prod(outputs))
    gradient = gradient.map(lambda a: a.reshape(*samples, columns))
    w = w.map(lambda a: a.reshape(columns, a.shape[-1]))

    def over_samples(terms):
        rows = int(np.prod(samples))
        total = terms.map(lambda a: a.reshape(rows, *a.shape[len(samples) :])).sum(0)
        return total.map(lambda a: a.reshape(*outputs, *a.shape[1:]))

    to_inputs = (gradient[..., None] * w).sum(-2)
    to_weight = over_samples(gradient[..., None] * x[..., None, :])
    to_bias = [] if linear_bias is None else [over_samples(gradient)]
    return to_inputs, to_weight, *to_bias


# Functions of single entries


def logistic(x: Interval) -> tuple[Interval, Interval]:
    """Return sigmoid(x) and softplus(x) of exact numbers."""
    small = exactly(-np.abs(x.low), x.dtype).increasing(np.exp)
    sigma = select(x.low >= 0, 1 / (1 + small), small / (1 + small))
    return sigma, x.increasing(lambda low: np.maximum(low, 0)) + small.increasing(np.log1p)


def sigmoid(x):
    return logistic(exactly(numbers(x), computation_dtype(x)))[0]


def sigmoid_backward(grad_output, probs):
    s = exactly(numbers(probs), computation_dtype(probs))
    return factor(grad_output, s.dtype) * (s * (1 - s))


def log_sigmoid(x):
    return -logistic(exactly(-numbers(x), computation_dtype(x)))[1]


def log_sigmoid_backward(grad_output, x):
    at = exactly(-numbers(x), computation_dtype(x))
    return factor(grad_output, at.dtype) * logistic(at)[0]


@dataclass(frozen=True)
class Entries:
    """A loss of single entries: its formulas, of intervals of its arrays and plain options.

    A weight in the mean has the shape of the losses, widens the computation and is what the mean
    divides by; one that is a factor broadcasts, and so do the other factors.
    """

    loss: Callable[..., Interval]
    slopes: Callable[..., Interval | tuple[Interval, ...]]
    arrays: tuple[str, ...]
    differentiated: tuple[str, ...]
    weight: str
    factors: tuple[str, ...]

    def value(self, *, reduction: str, **arguments: Any) -> Interval:
        """Return the losses, reduced."""
        w, divisor, given, options = self.intervals(**arguments)
        loss = times(w, self.loss(*given, **options))
        return reduced(unless_absent(w, loss), divisor, reduction)

    def gradient(
        self, grad_output: np.ndarray, *, reduction: str, **arguments: Any
    ) -> tuple[Interval, ...]:
        """Return the gradients of the differentiated arrays."""
        w, divisor, given, options = self.intervals(**arguments)
        grad = upstream(grad_output, divisor, reduction, w.dtype)
        slopes = parts(self.slopes(*given, **options))
        found = (unless_absent(w, times(w, slope) * grad) for slope in slopes)
        shapes = [arguments[name].shape for name in self.differentiated]
        return tuple(map(summed_to, found, shapes))

    def intervals(
        self, *, weight: np.ndarray | None, **arguments: Any
    ) -> tuple[Interval, Interval, list[Interval], dict[str, Any]]:
        """Return the weight, what the mean divides by, the arrays, and factors with options."""
        arrays = {name: arguments.pop(name) for name in self.arrays}
        first = arrays[self.arrays[0]]
        in_the_mean = self.weight == "in the mean"
        produced = [numbers(arrays[name]) for name in self.differentiated]
        dtype = computation_dtype(
            first, *produced, *arrays.values(), weight if in_the_mean else None
        )
        w = entry_weight(weight, first, dtype)
        divisor = count(first.size, dtype)
        if in_the_mean and weight is not None and first.size:
            divisor = w.to(wide_dtype(dtype)).sum(None)
        given = [
            exactly(numbers(array), dtype) if name in self.differentiated else rounded(array, dtype)
            for name, array in arrays.items()
        ]
        given = [each.map(lambda a: np.broadcast_to(a, first.shape)) for each in given]
        factors = {name: entry_weight(arguments.pop(name), first, dtype) for name in self.factors}
        return w, divisor, given, {**factors, **arguments}


@dataclass(frozen=True)
class Rows:
    """A loss of samples: its formulas, of intervals whose last axis is a row, and plain options.

    A weight in the mean has a number for each sample, widens the computation and is what the mean
    divides by. One of classes belongs to labels or, without labels, is an option of the formulas.
    """

    loss: Callable[..., Interval]
    slopes: Callable[..., Interval | tuple[Interval, ...]]
    arrays: tuple[str, ...]
    differentiated: tuple[str, ...]
    weight: str
    labels: bool
    holds: str

    def value(self, *, reduction: str, **arguments: Any) -> Interval:
        """Return the losses, reduced."""
        known = self.known(**arguments)
        loss = times(known.weight, self.loss(*known.arrays, **known.options))
        return reduced(self.of_those_that_count(known, loss), known.divisor, reduction)

    def gradient(
        self, grad_output: np.ndarray, *, reduction: str, **arguments: Any
    ) -> tuple[Interval, ...]:
        """Return the gradients of the differentiated arrays."""
        known = self.known(**arguments)
        slopes = parts(self.slopes(*known.arrays, **known.options))
        return tuple(self.times_upstream(known, slope, grad_output, reduction) for slope in slopes)

    def by(self, name: str, slope: Callable[..., Interval]) -> Callable[..., Interval]:
        """Return the formula of the gradient of one array."""
        (array,) = (array for array in self.arrays if name == f"{array}_backward")
        of = replace(self, slopes=slope, differentiated=(array,))

        def gradient(grad_output: np.ndarray, **arguments: Any) -> Interval:
            return of.gradient(grad_output, **arguments)[0]

        return gradient

    def times_upstream(
        self, known: Known, slope: Interval, grad_output: np.ndarray, reduction: str
    ) -> Interval:
        """Return slopes times the weights and the gradient with respect to each loss."""
        grad = upstream(grad_output, known.divisor, reduction, slope.dtype)
        scale = known.weight * grad
        scale = scale.map(lambda array: np.broadcast_to(array, known.counts.shape))[..., None]
        gradient = self.of_those_that_count(known, slope * scale)
        return back(gradient, known.axis, known.shape)

    def of_those_that_count(self, known: Known, value: Interval) -> Interval:
        """Return numbers of samples or of rows, 0 where a sample is ignored or absent."""
        weight, counts = known.weight, known.counts
        if value.low.ndim > counts.ndim:
            weight, counts = weight[..., None], counts[..., None]
        if self.weight == "in the mean":
            return unless_absent(weight, value)
        return select(counts, value, 0)

    def known(
        self, *, weight: np.ndarray | None, axis: int | None = None, **arguments: Any
    ) -> Known:
        """Return what the formulas take, and what makes reductions of their results."""
        arrays = {name: arguments.pop(name) for name in self.arrays}
        first = arrays[self.differentiated[0]]
        axis = -1 if self.holds == "features" else class_axis(axis, first.ndim)
        axis = int(axis) % first.ndim
        rows = {name: last(a, axis) if a.ndim == first.ndim else a for name, a in arrays.items()}
        samples, size = first.shape[:axis] + first.shape[axis + 1 :], first.shape[axis]
        in_the_mean = self.weight == "in the mean"
        widening = [a for name, a in arrays.items() if name != "target" or not self.labels]
        dtype = computation_dtype(first, *widening, weight if in_the_mean else None)
        counts, divisor = np.ones(samples, bool), count(int(np.prod(samples)), dtype)
        w = exactly(np.ones(samples), dtype)
        if self.labels:
            each = class_weight(weight, size, dtype)
            ignore = arguments.pop("ignore_index")
            found = labels(rows["target"], samples, size, each, ignore, weight is not None)
            counts, divisor = found.counts, found.divisor
            w = select(found.one_hot, each, 0).sum(-1) if size else w
            rows["target"] = found.one_hot
        elif in_the_mean:
            w = entry_weight(weight, np.empty(samples), dtype)
            if weight is not None and counts.size:
                divisor = w.to(wide_dtype(dtype)).sum(None)
        else:
            arguments["weight"] = class_weight(weight, size, dtype)
        given = [
            array
            if self.labels and name == "target"
            else interval(array, dtype, exact=name in self.differentiated)
            for name, array in rows.items()
        ]
        return Known(given, arguments, w, counts, divisor, axis, first.shape)


@dataclass(frozen=True)
class Known:
    """The arguments of a loss of samples."""

    arrays: list[Any]
    options: dict[str, Any]
    weight: Interval  # of each sample
    counts: np.ndarray  # which samples count
    divisor: Interval
    axis: int
    shape: tuple[int, ...]  # of the gradient


def interval(array: np.ndarray, dtype: np.dtype, exact: bool) -> Interval:
    """Return numbers in a dtype, which holds those that are floating."""
    if exact or is_floating(array.dtype):
        return exactly(numbers(array), dtype)
    return rounded(array, dtype)


def summed_to(value: Interval, shape: tuple[int, ...]) -> Interval:
    """Return sums over the entries that one entry of a shape is broadcast to."""
    if value.low.shape == shape:
        return value
    total = value.to(wide_dtype(value.dtype))
    for axis, size in enumerate(shape or (1,) * value.low.ndim):
        if size != value.low.shape[axis]:
            total = total.sum(axis).map(partial(np.expand_dims, axis=axis))
    return total.map(lambda array: array.reshape(shape))


def unless_absent(w: Interval, value: Interval) -> Interval:
    """Return numbers, 0 where the weight is 0."""
    return select(w.is_zero, 0, value)


def entry_weight(weight: np.ndarray | None, like: np.ndarray, dtype: np.dtype) -> Interval:
    """Return the weight of each entry, 1 by default."""
    return factor(np.broadcast_to(1 if weight is None else weight, like.shape), dtype)
