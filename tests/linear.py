"""Two ways to linear_cross_entropy, by all the logits and by none, and how far they may differ.

u is half an eps; a sum of n products, in any order, errs by at most n u of their absolute values.
So a logit errs by delta = (D + 1) u (|x| |w| + |b|) at most, a loss, of the mass V, by 2 V max
delta, and an entry p V - v of the gradient G of the logits by 2 p V max delta. cross_entropy adds
some ulp, classes that are merged m - x more, and the sum of the exponentials one for each class.
The products of G add n u of their own. Two ways to compute the same differ by twice as much.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import pytest

import losses
from losses._core import blocks, products
from losses._cross_entropy import linear_chunks as chunks
from losses._cross_entropy import linear_layer as layer

# Every way through the loops, for few numbers: several chunks of samples; copies and products in
# tiles; classes in shards; gradients summed in a wider dtype, with states kept or made again.
SMALL = {(chunks, "FEW_SAMPLES"): 2, (chunks, "SHARD_SAMPLES"): 2, (blocks, "BLOCK_BYTES"): 64}
SHARDS = {**SMALL, (layer, "MEMORY_BYTES"): 32, (layer, "COPIES_BYTES"): 0}
TILES = {(products, "TILE_BYTES"): 16, (products, "PRODUCT_BYTES"): 16}
WAYS = {
    "as it is": {},
    "chunks": {**SMALL, (chunks, "MANY_SAMPLES"): 2, (chunks, "INPUTS_BYTES"): 1},
    "tiles": {**SMALL, **TILES},
    "shards": SHARDS,
    "shards of a class or two, and tiles": {**SHARDS, **TILES, (layer, "MEMORY_BYTES"): 16},
    "wide sums": {**SMALL, (chunks, "SUM_BYTES"): 16},
    "wide sums, states made again": {
        **SHARDS,
        (chunks, "SUM_BYTES"): 64,
        (chunks, "KEPT_SAMPLES"): 0,
    },
}


@contextmanager
def going(way: str) -> Iterator[None]:
    """Go one way through the loops."""
    with pytest.MonkeyPatch.context() as patch:
        for (module, name), value in WAYS[way].items():
            patch.setattr(module, name, value)
        yield


class Results(NamedTuple):
    """A loss and the gradients of a layer's arrays, or bounds for their errors."""

    loss: np.ndarray
    inputs: np.ndarray
    linear_weight: np.ndarray
    linear_bias: np.ndarray | None


def fused(layer, target, options):
    """Return what linear_cross_entropy_value_and_grad returns."""
    inputs, linear_weight, linear_bias = layer
    options = {**options, "linear_bias": linear_bias}
    both = losses.linear_cross_entropy_value_and_grad
    loss, grads = both(inputs, linear_weight, target, **options)
    return Results(loss, *grads)


def logits_of(layer):
    """Return the logits, (..., C) or, of several heads, (..., C, d1, ...)."""
    inputs, linear_weight, linear_bias = layer
    logits = np.tensordot(inputs, linear_weight, (-1, -1))
    return logits if linear_bias is None else logits + linear_bias


def rows(array, kept=1):
    """Return an array with its samples along one axis."""
    cut = array.ndim - kept
    return array.reshape(int(np.prod(array.shape[:cut])), *array.shape[cut:])


def composed(layer, target, options):
    """Return the same by way of all the logits."""
    inputs, linear_weight, linear_bias = layer
    both = losses.cross_entropy_value_and_grad
    loss, grad = both(logits_of(layer), target, **options, axis=inputs.ndim - 1)
    x, w = rows(inputs), rows(linear_weight)
    g = grad.reshape(len(x), len(w))
    bias = None if linear_bias is None else g.sum(0).reshape(linear_bias.shape)
    to_weight = (g.T @ x).reshape(linear_weight.shape)
    return Results(loss, (g @ w).reshape(inputs.shape), to_weight, bias)


def masses(
    logits, target, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean", **_
):
    """Return the mass of each class in each loss, and the share of each loss in the result."""
    classes = logits.shape[-1]
    w = np.ones(classes) if weight is None else weight.astype(float)
    if target.shape == logits.shape:
        mass, divisor = rows(target), len(rows(target))
        counted = np.ones(divisor, bool)
    else:
        labels = rows(target, 0)
        counted = labels != ignore_index
        mass = (np.arange(classes) == labels[:, None]).astype(float)
        divisor = (mass * w).sum(1)[counted].sum()
    mass = counted[:, None] * w * ((1 - label_smoothing) * mass + label_smoothing / classes)
    return mass, counted / ((divisor or 1) if reduction == "mean" else 1)


def bounds(layer, target, options):
    """Return how far from the exact results those of either way may be.

    A cap has a slope of at most 1, a second derivative of less than 1 / c, and six roundings, and
    so many u more of the size of a logit: as if the logits were off by so much more. Its slope has
    EXP and six roundings, fewer than `ulps`. A penalty makes up to V (1 + 2 |z| (|lse| + 1)) of V,
    of which the derivative along the logits is less too.
    """
    inputs, linear_weight, _ = layer
    axis = inputs.ndim - 1
    outputs = np.moveaxis(logits_of(layer), axis, -1)
    u, logits = np.finfo(inputs.dtype).eps / 2, rows(outputs).astype(float)
    absolute = [None if array is None else np.abs(array).astype(float) for array in layer]
    x, w = map(rows, absolute[:2])
    (samples, features), classes = x.shape, logits.shape[1]
    delta = (features + 1) * u * rows(np.moveaxis(logits_of(absolute), axis, -1)).max(1)
    cap, factor = options.get("softcap"), abs(options.get("z_loss", 0.0))
    if cap is not None:
        logits = cap * np.tanh(logits / cap)
        delta = delta + 6 * u * np.abs(logits).max(1)
    ulps = (8 + np.ptp(logits, axis=1) + 2 * classes) * 2 * u
    q = np.moveaxis(target, axis, -1) if target.ndim == outputs.ndim else target
    mass, share = masses(outputs, q, **options)
    whole, probs, log_sum = mass.sum(1), losses.softmax(logits), losses.logsumexp(logits)
    each = whole * log_sum - (mass * logits).sum(1) + whole * factor * log_sum**2
    whole = whole * (1 + 2 * factor * (np.abs(log_sum) + 1))
    loss = share * (2 * whole * delta + ulps * each)
    grad = (probs * (whole * (2 * delta + ulps))[:, None] + 8 * u * mass) * share[:, None]
    size = (probs * whole[:, None] + mass) * share[:, None]
    if cap is not None:
        grad = grad + size * (delta / cap + ulps)[:, None]
    # A row for each sample, of all its classes and heads: the order of the weight.
    grad, size = (
        np.moveaxis(array.reshape(outputs.shape), -1, axis).reshape(samples, len(w))
        for array in (grad, size)
    )
    over_samples = grad + (samples + 2) * u * size
    return Results(
        loss.reshape(outputs.shape[:-1]) if options["reduction"] == "none" else loss.sum(),
        ((grad + (len(w) + 2) * u * size) @ w).reshape(inputs.shape),
        (over_samples.T @ x).reshape(linear_weight.shape),
        over_samples.sum(0).reshape(linear_weight.shape[:-1]),
    )


def assert_close(found, expected, allowed, dtype):
    """Assert that two results differ by twice the bound, and by rounding to their dtype."""
    rounding = np.finfo(dtype)
    for ours, theirs, bound in zip(found, expected, allowed, strict=True):
        if theirs is None:
            assert ours is None
            continue
        assert np.shape(ours) == np.shape(theirs)
        assert ours.dtype == dtype
        assert np.array_equal(np.isnan(ours), np.isnan(theirs))
        wide = np.float64(theirs)
        allowed_here = 2 * bound + rounding.eps * np.abs(wide) + 2 * rounding.smallest_subnormal
        difference = np.abs(np.float64(ours) - wide)
        assert (np.isnan(wide) | (difference <= allowed_here)).all()
