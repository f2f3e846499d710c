"""Cross entropy of a linear layer's outputs, which are never held all at once."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._core.blocks import blocks, worker_count
from .._core.checks import (
    Array,
    Floating,
    Reduction,
    class_weight,
    computation_dtype,
    floating,
    real,
    reduction_name,
    result_dtype,
    smoothing,
    upstream,
)
from .._core.products import LinearMap
from .._core.reduction import losses_for, reduce, reduce_backward, unit_backward
from .._core.targets import Labels, is_probabilities, labels_for, not_a_class
from .linear_chunks import Gradients, LayerGrads, Problem, evaluate


class LinearGrads(NamedTuple):
    """The gradients of `linear_cross_entropy`, each of the shape and dtype of its array."""

    inputs: Array
    linear_weight: Array
    linear_bias: Array | None


def linear_cross_entropy(
    inputs: ArrayLike,
    linear_weight: ArrayLike,
    target: ArrayLike,
    /,
    *,
    linear_bias: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    workers: int | None = None,
) -> Floating:
    """DOC."""
    return _evaluate(
        _checked(
            inputs,
            linear_weight,
            target,
            linear_bias,
            weight,
            ignore_index,
            reduction,
            label_smoothing,
            workers,
        )
    )


def linear_cross_entropy_backward(
    grad_output: ArrayLike,
    inputs: ArrayLike,
    linear_weight: ArrayLike,
    target: ArrayLike,
    /,
    *,
    linear_bias: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    workers: int | None = None,
) -> LinearGrads:
    """DOC."""
    call = _checked(
        inputs,
        linear_weight,
        target,
        linear_bias,
        weight,
        ignore_index,
        reduction,
        label_smoothing,
        workers,
    )
    if reduction == "none":
        grads = upstream(grad_output, call.samples)  # cast a chunk at a time
    else:
        dtype = call.problem.layer.dtype
        grads = reduce_backward(grad_output, reduction, call.divisor, call.samples, dtype)
    found = _zeros(call)
    _evaluate(call, grads, found)
    return found


def linear_cross_entropy_value_and_grad(
    inputs: ArrayLike,
    linear_weight: ArrayLike,
    target: ArrayLike,
    /,
    *,
    linear_bias: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    workers: int | None = None,
) -> tuple[Floating, LinearGrads]:
    """DOC."""
    call = _checked(
        inputs,
        linear_weight,
        target,
        linear_bias,
        weight,
        ignore_index,
        reduction,
        label_smoothing,
        workers,
    )
    grads = unit_backward(reduction, call.divisor, call.problem.layer.dtype)
    found = _zeros(call)
    return _evaluate(call, grads, found), found


class _Call(NamedTuple):
    """The arguments, checked: the problem, its reduction and what its results are like."""

    problem: Problem
    reduction: Reduction
    divisor: Any
    samples: tuple[int, ...]
    dtype: np.dtype[Any]
    like: LinearGrads  # the differentiated arrays


def _checked(
    inputs: ArrayLike,
    linear_weight: ArrayLike,
    target: ArrayLike,
    linear_bias: ArrayLike | None,
    weight: ArrayLike | None,
    ignore_index: int,
    reduction: Reduction,
    label_smoothing: float,
    workers: int | None,
) -> _Call:
    reduction_name(reduction)
    epsilon, threads = smoothing(label_smoothing), worker_count(workers)
    inputs, linear_weight = floating(inputs=inputs), floating(linear_weight=linear_weight)
    target = real(target=target)
    bias = None if linear_bias is None else floating(linear_bias=linear_bias)
    _check_shapes(inputs, linear_weight, bias, target)
    classes, samples = len(linear_weight), inputs.shape[:-1]
    epsilon = epsilon if classes else 0.0  # without a class there is nothing to share
    given = [array for array in (inputs, linear_weight, bias) if array is not None]
    dtype = np.result_type(*map(result_dtype, given))
    logits = np.broadcast_to(np.zeros((), dtype), (*samples, classes))  # their shape, in no memory
    if is_probabilities(target, logits):
        not_a_class(ignore_index)
        counted: Labels | Array = _one_axis(target)
        divisor: Any = prod(samples)
    else:
        name = "inputs @ linear_weight.T"
        labels = labels_for(logits, len(samples), target, weight, ignore_index, name)
        divisor = labels.divisor(blocks(samples, 1, 1), reduction)
        counted = labels._replace(target=_one_axis(labels.target, 0))
    problem = Problem(
        LinearMap(_one_axis(inputs), linear_weight, computation_dtype(logits)),
        bias,
        counted,
        class_weight(weight, classes),
        epsilon,
        threads,
    )
    like = LinearGrads(inputs, linear_weight, bias)
    return _Call(problem, reduction, divisor, samples, dtype, like)


def _check_shapes(inputs: Array, linear_weight: Array, bias: Array | None, target: Array) -> None:
    """Raise ValueError, with all the shapes, unless they fit one another."""
    samples, classes = inputs.shape[:-1], linear_weight.shape[:1]
    if (
        inputs.ndim == 0
        or linear_weight.ndim != 2
        or inputs.shape[-1] != linear_weight.shape[1]
        or (bias is not None and bias.shape != classes)
        or (
            target.shape not in (samples, samples + classes)
            and not (inputs.ndim == 1 and target.shape == (1,) and target.dtype.kind in "iu")
        )
    ):
        added = "" if bias is None else f", linear_bias {bias.shape}"
        raise ValueError(
            f"expected inputs (..., D), linear_weight (C, D), linear_bias (C,) and target (...) of "
            f"class indices or (..., C) of class probabilities, got inputs {inputs.shape}, "
            f"linear_weight {linear_weight.shape}{added}, target {target.shape}"
        )


def _one_axis(array: Array, kept: int = 1) -> Array:
    """Return the array with its samples along one axis, unless that would be a copy."""
    if array.ndim <= kept or array.flags.c_contiguous:
        cut = array.ndim - kept
        return array.reshape(prod(array.shape[:cut]), *array.shape[cut:])
    return array


def _evaluate(
    call: _Call, grads: Array | None = None, found: LinearGrads | None = None
) -> Floating:
    """Return the loss; given the gradient of each loss, write those of the three arrays."""
    losses = losses_for(call.reduction, call.samples, call.dtype)
    flat = None if losses is None else losses.reshape(-1)
    to = None
    if found:
        inputs, linear_weight, bias = found
        to = Gradients(_one_axis(inputs), LayerGrads(linear_weight, bias))
    sums = evaluate(call.problem, flat, grads, to)
    return reduce(losses, sums, call.reduction, call.divisor, call.dtype)


def _zeros(call: _Call) -> LinearGrads:
    inputs, linear_weight, bias = call.like

    def zeros(array: Array) -> Array:
        return np.zeros(array.shape, result_dtype(array))

    return LinearGrads(zeros(inputs), zeros(linear_weight), None if bias is None else zeros(bias))
