"""What the rooms share: one valid call of every function, common parameters, two comparisons."""

import inspect

import numpy as np
import pytest

import losses

INF, NAN = np.inf, np.nan

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])

# Beyond a gap of 16 (float32) or 36 (float64) the largest probability rounds to 1.
gaps = pytest.mark.parametrize(
    ("dtype", "gap"), [(np.float32, 20), (np.float32, 80), (np.float64, 40), (np.float64, 700)]
)

# Rows of 3 and of 300 scores that have no probabilities.
bad_rows = pytest.mark.parametrize(
    "bad",
    [
        row + row[-1:] * more
        for more in (0, 297)
        for row in ([-INF] * 3, [INF, 0, 0], [0, 0, INF], [INF] * 3, [NAN, 0, 0], [0, NAN, 9])
    ],
)

# A result passes through some three of exp, log, log1p and a division, and the sum of a short
# row; NumPy's err by up to 2 ulp each.
FEW = 8

SCORES = np.array([[1.0, -2.0, 0.0], [0.0, 3.0, -1.0]])
PROBS = np.array([[0.25, 0.5, 0.875], [0.625, 0.75, 0.125]])
WEIGHT = np.array([2.0, 0.5, 3.0])

LOSSES = {
    "nll_loss": {"log_probs": SCORES, "target": np.array([2, 0]), "weight": WEIGHT},
    "cross_entropy": {"logits": SCORES, "target": np.array([2, 0]), "weight": WEIGHT},
    "binary_cross_entropy": {"probs": PROBS, "target": 1 - PROBS, "weight": WEIGHT},
    "binary_cross_entropy_with_logits": {
        "logits": SCORES,
        "target": PROBS,
        "weight": WEIGHT,
        "pos_weight": 1 / WEIGHT,
    },
    "mse_loss": {"predictions": SCORES, "target": PROBS, "weight": 1 + PROBS},
    "l1_loss": {"predictions": SCORES, "target": PROBS, "weight": 1 + PROBS},
}

# Of a layer and its inputs, three arrays of one dtype, rather than of one array of scores.
LAYER = {
    "inputs": SCORES,
    "linear_weight": np.array([[1.0, 0.0, 2.0], [-1.0, 1.0, 0.5], [0.25, -0.5, 1.0]]),
    "target": np.array([2, 0]),
    "linear_bias": WEIGHT,
    "weight": WEIGHT,
}
OF_A_LAYER = {
    "linear_cross_entropy": LAYER,
    "linear_cross_entropy_backward": {"grad_output": np.array(2.0), **LAYER},
    "linear_cross_entropy_value_and_grad": LAYER,
}

CURVED = ["cross_entropy", "binary_cross_entropy_with_logits", "mse_loss"]

# The arguments of one valid call of every public function, by name.
CALLS = {
    "logsumexp": {"x": SCORES},
    "logsumexp_backward": {"grad_output": WEIGHT[:2], "x": SCORES},
    "softmax": {"x": SCORES},
    "softmax_backward": {"grad_output": SCORES, "probs": PROBS},
    "log_softmax": {"x": SCORES},
    "log_softmax_backward": {"grad_output": SCORES, "log_probs": -PROBS},
    "sigmoid": {"x": SCORES},
    "sigmoid_backward": {"grad_output": SCORES, "probs": PROBS},
    "log_sigmoid": {"x": SCORES},
    "log_sigmoid_backward": {"grad_output": SCORES, "x": SCORES},
    **LOSSES,
    **{
        f"{name}_backward": {"grad_output": np.array(2.0), **arguments}
        for name, arguments in LOSSES.items()
    },
    **{
        f"{name}_value_and_grad": LOSSES[name]
        for name in ("cross_entropy", "binary_cross_entropy_with_logits")
    },
    **{f"{name}_hvp": {"vector": WEIGHT + PROBS, **LOSSES[name]} for name in CURVED},
    **{f"{name}_hessian_diagonal": LOSSES[name] for name in CURVED},
    **OF_A_LAYER,
}


def call(name, /, **changes):
    """Return what a function gives for its arguments in the table, some of them changed."""
    function = getattr(losses, name)
    arguments = CALLS[name] | changes
    parameters = inspect.signature(function).parameters.values()
    before_slash = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]
    return function(*[arguments.pop(name) for name in before_slash], **arguments)


def evaluate(name, first, target, **options):
    """Return f(first, target), without any weights unless the options have them.

    What a Hessian is multiplied by is a vector of ones.
    """
    others = {option: None for option in ("weight", "pos_weight") if option in CALLS[name]}
    if "vector" in CALLS[name]:
        others["vector"] = np.ones(np.shape(first))
    return call(name, **{point(name): first, "target": target, **others, **options})


def takes(*options):
    """Return the names of the functions of one array that take all these options."""
    return [
        name
        for name in CALLS
        if name not in OF_A_LAYER
        and set(options) <= inspect.signature(getattr(losses, name)).parameters.keys()
    ]


def point(name):
    """Return the name of the array at which a function is evaluated or differentiated."""
    return next(argument for argument in CALLS[name] if argument not in ("grad_output", "vector"))


def differentiated(name):
    """Return the names of the arrays that decide the dtype of a result."""
    layer = ["inputs", "linear_weight", "linear_bias"]
    return layer if name in OF_A_LAYER else [point(name)]


def parts(result):
    """Return a result as a tuple: the value, the gradients, or both; no gradient is no part."""
    if isinstance(result, tuple):
        return tuple(part for each in result for part in parts(each))
    return () if result is None else (result,)


def assert_same(actual, expected):
    """Assert equal shapes, dtypes and bits, of each part: nan is nan, and -0 is not 0."""
    for found, value in zip(parts(actual), parts(expected), strict=True):
        np.testing.assert_array_equal(found, value, strict=True)
        number = ~np.isnan(value)
        np.testing.assert_array_equal(np.signbit(found)[number], np.signbit(value)[number])


def assert_near(actual, expected, ulps=FEW, scale=0.0):
    """Assert equal shapes and errors of some ulp, of the number or of the scale if given.

    A scale is for differences, whose terms are rounded before they cancel.
    """
    assert np.shape(actual) == np.shape(expected)
    tolerance = ulps * np.finfo(actual.dtype).eps
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance * scale)


def reduced(losses, weights):
    """Return each reduction, what it makes of losses, and what it divides them by."""
    total = np.sum(losses)
    return [("none", losses, 1), ("sum", total, 1), ("mean", total / weights, weights)]
