"""The formulas in the standard library's decimal arithmetic: what every function means, exactly.

The functions of classes take one row, a list with a number for each class; the others take one
entry x, and those of logits are the functions of the row (x, 0). Gradients are those of a single
loss. Floats become the decimals that they exactly are.
"""

from decimal import MAX_EMAX, MIN_EMIN, Decimal, getcontext, localcontext
from functools import cache, wraps
from math import frexp

import numpy as np

DIGITS = 60
WIDEST = 800  # beyond, exp(-spread) is far below the smallest float64


def decimals(value):
    """Return floats, in arrays and lists too, as the decimals that they exactly are."""
    if isinstance(value, np.ndarray | np.floating):
        value = value.tolist()
    if isinstance(value, list):
        return [decimals(entry) for entry in value]
    return Decimal(value) if isinstance(value, float) else value


def spread(row):
    """Return the largest difference between two finite entries."""
    finite = [entry for entry in row if Decimal(entry).is_finite()]
    return max(finite, default=0) - min(finite, default=0)


def exactly(formula):
    """Compute a formula in decimals, to 60 digits after all that it cancels.

    1 - p is as small as exp(-spread), which costs a digit for each ln 10 > 2 of the spread, up to
    one of WIDEST.
    """

    @wraps(formula)
    def computed(*arguments, **options):
        arguments = decimals(list(arguments))
        options = {name: decimals(value) for name, value in options.items()}
        widest = max((spread(row) for row in arguments if isinstance(row, list)), default=0)
        digits = max(
            DIGITS + int(min(widest, WIDEST) / 2), getcontext().prec
        )  # at least the caller's
        with localcontext(prec=digits, Emax=MAX_EMAX, Emin=MIN_EMIN):
            return formula(*arguments, **options)

    return computed


def times(weight, value):
    """Return the product in which 0 * inf is 0: what has no weight does not count."""
    return weight * value if weight and value else Decimal(0)


def dot(a, b):
    """Return the inner product, with that product."""
    return sum(map(times, a, b))


# Activations: rows to rows.


@cache
def exp(x, _digits):
    """Return exp(x) in a context of so many digits; the tests return to the same rows often."""
    return x.exp()


def exps(x):
    return [exp(entry, getcontext().prec) for entry in x]


@cache
def log_of_sum(x, _digits):
    """As exp, for the entries of a row."""
    return sum(exps(x)).ln()


@exactly
def logsumexp(x):
    return log_of_sum(tuple(x), getcontext().prec)


@exactly
def logsumexp_backward(grad_output, x):
    return [grad_output * p for p in softmax(x)]


@exactly
def log_softmax(x):
    total = logsumexp(x)
    return [entry - total for entry in x]


@exactly
def log_softmax_backward(grad_output, x):
    total = sum(grad_output)
    return [g - p * total for g, p in zip(grad_output, softmax(x), strict=True)]


@exactly
def softmax(x):
    total = sum(exps(x))
    return [entry / total for entry in exps(x)]


@exactly
def softmax_backward(grad_output, x):
    p = softmax(x)
    inner = dot(grad_output, p)
    return [p_c * (g - inner) for p_c, g in zip(p, grad_output, strict=True)]


@exactly
def sigmoid(x):
    return softmax([x, Decimal(0)])[0]


@exactly
def sigmoid_backward(grad_output, probs):
    return grad_output * probs * (1 - probs)


@exactly
def log_sigmoid(x):
    return log_softmax([x, Decimal(0)])[0]


@exactly
def log_sigmoid_backward(grad_output, x):
    return grad_output * sigmoid(-x)


@exactly
def softplus(x):
    return logsumexp([x, Decimal(0)])


# Losses of one row: a target, index or probabilities, is a mass for each class.


@exactly
def mass(classes, target, *, weight=None, label_smoothing=Decimal(0)):
    """Return what multiplies each -log p in the loss: the target, smoothed and weighted."""
    if isinstance(target, int):
        target = [Decimal(c == target) for c in range(classes)]
    smoothed = [q * (1 - label_smoothing) + label_smoothing / classes for q in target]
    return smoothed if weight is None else list(map(times, weight, smoothed))


@exactly
def cross_entropy(x, target, **options):
    return -dot(mass(len(x), target, **options), log_softmax(x))


@exactly
def cross_entropy_backward(x, target, **options):
    v = mass(len(x), target, **options)
    whole = sum(v)
    return [p * whole - v_c for p, v_c in zip(softmax(x), v, strict=True)]


@exactly
def nll_loss(log_probs, target, *, weight=None):
    return -(1 if weight is None else weight[target]) * log_probs[target]


@exactly
def nll_loss_backward(log_probs, target, *, weight=None):
    w = 1 if weight is None else weight[target]
    return [-w * (c == target) for c in range(len(log_probs))]


# Losses of one entry.


def each(formula, *arrays, **options):
    """Return the formula at each entry of arrays and options of one length."""
    together = zip(*arrays, *options.values(), strict=True)
    return [
        formula(*entries[: len(arrays)], **dict(zip(options, entries[len(arrays) :], strict=True)))
        for entries in together
    ]


@exactly
def binary_cross_entropy_with_logits(x, target, *, weight=1, pos_weight=1):
    yes, no = log_softmax([x, Decimal(0)])
    return -times(weight, times(pos_weight * target, yes) + times(1 - target, no))


@exactly
def binary_cross_entropy_with_logits_backward(x, target, *, weight=1, pos_weight=1):
    yes, no = softmax([x, Decimal(0)])
    return weight * ((1 - target) * yes - pos_weight * target * no)


@exactly
def binary_cross_entropy_with_logits_backward_size(x, target, *, weight=1, pos_weight=1):
    """Return the sum of the sizes of the gradient's terms."""
    yes, no = softmax([x, Decimal(0)])
    return weight * ((1 - target) * yes + pos_weight * target * no)


@exactly
def binary_cross_entropy(probs, target, *, weight=1):
    yes, no = max(probs.ln(), Decimal(-100)), max((1 - probs).ln(), Decimal(-100))
    return -weight * (target * yes + (1 - target) * no)


@exactly
def binary_cross_entropy_backward(probs, target, *, weight=1):
    return weight * (probs - target) / max(probs * (1 - probs), Decimal("1e-12"))


@exactly
def mse_loss(predictions, target, *, weight=1):
    return weight * (predictions - target) ** 2


@exactly
def mse_loss_backward(predictions, target, *, weight=1):
    return 2 * weight * (predictions - target)


@exactly
def l1_loss(predictions, target, *, weight=1):
    return weight * abs(predictions - target)


@exactly
def l1_loss_backward(predictions, target, *, weight=1):
    return weight * ((predictions > target) - (predictions < target))


LOG_2_PI = Decimal(
    "1.83787706640934548356065947281123527972279494727556682563430308096553139185452"
)


@exactly
def gaussian_nll_loss(predictions, target, variance, *, full=False, eps, weight=1):
    v = max(variance, eps)
    return weight * (v.ln() + (predictions - target) ** 2 / v + full * LOG_2_PI) / 2


@exactly
def gaussian_nll_loss_size(predictions, target, variance, *, full=False, eps, weight=1):
    """Return the sum of the sizes of the loss's terms."""
    v = max(variance, eps)
    return weight * (abs(v.ln()) + (predictions - target) ** 2 / v + full * LOG_2_PI) / 2


@exactly
def gaussian_nll_loss_backward(predictions, target, variance, *, eps, weight=1, **_):
    v = max(variance, eps)
    slope = (predictions - target) / v
    return weight * slope, weight * (1 / v - slope**2) / 2


@exactly
def gaussian_nll_loss_backward_size(predictions, target, variance, *, eps, weight=1, **_):
    """Return the sums of the sizes of the terms of either gradient."""
    v = max(variance, eps)
    slope = (predictions - target) / v
    return weight * abs(slope), weight * (1 / v + slope**2) / 2


@exactly
def margin_ranking_loss(first, second, target, *, margin, weight=1):
    return weight * max(margin - target * (first - second), 0)


@exactly
def margin_ranking_loss_size(first, second, _, *, margin, weight=1):
    """Return the sum of the sizes of the terms of the hinge."""
    return weight * (abs(margin) + abs(first - second))


@exactly
def margin_ranking_loss_backward(first, second, target, *, margin, weight=1):
    slope = weight * target * (margin - target * (first - second) >= 0)
    return -slope, slope


@exactly
def ulp_error(got, exact, dtype, scale=None):
    """Return the error of got in ulp of a dtype at scale, which is the exact result if not given.

    Below the normal numbers the ulp is the smallest subnormal.
    """
    if got == exact:
        return 0.0
    if not (got.is_finite() and exact.is_finite()):
        return float("inf")
    info = np.finfo(dtype)
    size = max(abs(exact if scale is None else scale), float(info.smallest_normal))
    _, exponent = frexp(size)  # 2^(exponent - 1) <= size < 2^exponent
    return float(abs(got - exact) / Decimal(2.0 ** (exponent - 1 - info.nmant)))
