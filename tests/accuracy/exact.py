"""The formulas in the standard library's decimal arithmetic: what every function means, exactly.

The functions of classes take one row, a list with a number for each class; the others take one
entry x, and those of logits are the functions of the row (x, 0). Gradients are those of a single
loss. Floats become the decimals that they exactly are.
"""

from decimal import MAX_EMAX, MIN_EMIN, Decimal, getcontext, localcontext
from fractions import Fraction
from functools import cache, wraps
from math import comb, frexp, prod
from typing import NamedTuple

import numpy as np

DIGITS = 60
WIDEST = 800  # beyond, exp(-spread) is far below the smallest float64


def decimals(value):
    """Return floats, in arrays and lists too, as the decimals that they exactly are."""
    if isinstance(value, np.ndarray | np.floating):
        value = value.tolist()
    if isinstance(value, list):  # of decimals already where a formula is one of another's
        return [entry if type(entry) is Decimal else decimals(entry) for entry in value]
    return Decimal(value) if isinstance(value, float) else value


def spread(row):
    """Return the largest difference between two finite entries."""
    finite = [entry for entry in row if Decimal(entry).is_finite()]
    return max(finite, default=0) - min(finite, default=0)


TENTHS = 6  # how often exp(x) is the tenth power of exp(x / 10)


def in_digits(number):
    """Compute a formula in decimals, in a number of digits that depends on its arguments."""

    def decorated(formula):
        @wraps(formula)
        def computed(*arguments, **options):
            arguments = decimals(list(arguments))
            options = {name: decimals(value) for name, value in options.items()}
            digits = max(number(arguments), getcontext().prec)  # at least the caller's
            with localcontext(prec=digits, Emax=MAX_EMAX, Emin=MIN_EMIN):
                return formula(*arguments, **options)

        return computed

    return decorated


@in_digits
def exactly(arguments):
    """Return 60 digits after all that a formula cancels.

    1 - p is as small as exp(-spread), which costs a digit for each ln 10 > 2 of the spread, up to
    one of WIDEST.
    """
    widest = max((spread(row) for row in arguments if isinstance(row, list)), default=0)
    return DIGITS + int(min(widest, WIDEST) / 2)


# For formulas in which no more cancels than the digits of a float.
plainly = in_digits(lambda _: DIGITS)


def times(weight, value):
    """Return the product in which 0 * inf is 0: what has no weight does not count."""
    return weight * value if weight and value else Decimal(0)


def dot(a, b):
    """Return the inner product, with that product."""
    return sum(map(times, a, b))


# Activations: rows to rows.


@cache
def exp(x, digits):
    """Return exp(x) in a context of so many digits; the tests return to the same rows often.

    It is soonest a power of the exponential of a small part of x, for whose series few terms do;
    each tenth power costs a digit.
    """
    if not x.is_finite():
        return x.exp()
    with localcontext(prec=digits + TENTHS + 4):
        found = x.scaleb(-TENTHS).exp()
        for _ in range(TENTHS):
            found = found**10
    return +found


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


def ratios(x, cap):
    """Return E = exp(-2 |x| / c) of each logit."""
    return exps([-2 * abs(entry) / cap for entry in x])


@exactly
def capped(x, cap):
    """Return c tanh(x / c), of which -inf stays."""
    if cap is None:
        return x
    tanh = [(1 - e) / (1 + e) for e in ratios(x, cap)]
    pairs = zip(x, tanh, strict=True)
    return [cap * t.copy_sign(entry) if entry.is_finite() else entry for entry, t in pairs]


@exactly
def slopes(x, cap):
    return [1 if cap is None else 4 * e / (1 + e) ** 2 for e in ratios(x, cap or 1)]


@exactly
def cross_entropy(x, target, *, softcap=None, z_loss=0, **options):
    v, y = mass(len(x), target, **options), capped(x, softcap)
    return -dot(v, log_softmax(y)) + times(z_loss * sum(v), logsumexp(y) ** 2)


@exactly
def cross_entropy_backward(x, target, *, softcap=None, z_loss=0, **options):
    v, y = mass(len(x), target, **options), capped(x, softcap)
    whole = sum(v) * (1 + 2 * z_loss * logsumexp(y))
    of_capped = [p * whole - v_c for p, v_c in zip(softmax(y), v, strict=True)]
    return [g * s for g, s in zip(of_capped, slopes(x, softcap), strict=True)]


@exactly
def nll_loss(log_probs, target, *, weight=None):
    return -(1 if weight is None else weight[target]) * log_probs[target]


@exactly
def nll_loss_backward(log_probs, target, *, weight=None):
    w = 1 if weight is None else weight[target]
    return [-w * (c == target) for c in range(len(log_probs))]


# Losses of one row, of as many numbers in each array.


def logarithm(q):
    """Return log q, of 0 too where it counts nothing."""
    return q.ln() if q else Decimal(0)


@plainly
def kl_div(log_probs, target, *, weight=1):
    terms = (q * (logarithm(q) - lp) for lp, q in zip(log_probs, target, strict=True) if q)
    return weight * sum(terms, Decimal(0))


@plainly
def kl_div_size(log_probs, target, *, weight=1, unit_roundoff=None):
    del unit_roundoff
    pairs = zip(log_probs, target, strict=True)
    return weight * sum(q * (abs(logarithm(q)) + abs(lp)) for lp, q in pairs)


@plainly
def kl_div_backward(_, target, *, weight=1):
    return [-weight * q for q in target]


@plainly
def kl_div_target_backward(log_probs, target, *, weight=1):
    return [weight * (q.ln() - lp + 1) for lp, q in zip(log_probs, target, strict=True)]


@plainly
def kl_div_target_backward_size(log_probs, target, *, weight=1, unit_roundoff=None):
    del unit_roundoff
    pairs = zip(log_probs, target, strict=True)
    return [weight * (abs(q.ln()) + abs(lp) + 1) for lp, q in pairs]


@plainly
def kl_div_with_log_target(log_probs, log_target, *, weight=1):
    return kl_div(log_probs, [lq.exp() for lq in log_target], weight=weight)


@plainly
def kl_div_with_log_target_size(log_probs, log_target, *, weight=1, unit_roundoff=None):
    del unit_roundoff
    return kl_div_size(log_probs, [lq.exp() for lq in log_target], weight=weight)


@plainly
def kl_div_with_log_target_backward(_, log_target, *, weight=1):
    return [-weight * lq.exp() for lq in log_target]


def from_the_first(x):
    """Return logits less the first of them: where all differ by as much, so that they are equal."""
    return [entry - x[0] for entry in x]


@exactly
def both_softmaxes(logits, target_logits):
    """Return p and q, and their logarithms."""
    return softmaxes(tuple(logits), tuple(target_logits), getcontext().prec)


@cache
def softmaxes(logits, target_logits, _digits):
    """As exp, for the entries of two rows."""
    x, y = map(from_the_first, (logits, target_logits))
    return softmax(x), softmax(y), log_softmax(x), log_softmax(y)


@exactly
def kl_div_with_logits(logits, target_logits, *, weight=1):
    _, q, log_p, log_q = both_softmaxes(logits, target_logits)
    return weight * dot(q, difference(log_q, log_p))


class Gaps(NamedTuple):
    """What the errors of kl_div_with_logits are relative to, with the letters of its docstring."""

    q: list
    growth: list  # exp(eta) - 1
    beyond: list  # exp(eta) - 1 - eta
    moves: list  # |d| + |eta|
    gamma: list
    size: Decimal  # D
    total: Decimal  # S


@exactly
def gaps(logits, target_logits, unit_roundoff):
    return gaps_of(tuple(logits), tuple(target_logits), unit_roundoff, getcontext().prec)


@cache
def gaps_of(logits, target_logits, unit_roundoff, _digits):
    """As exp, for the entries of two rows."""
    q, largest = softmax(list(target_logits)), max(target_logits)
    top, r = target_logits.index(largest), difference(logits, target_logits)
    d = [each - r[top] for each in r]
    mean = dot(q, d)
    eta = [each - mean for each in d]
    growth = [e - 1 for e in exps(eta)]
    beyond = difference(growth, eta)
    limit = 87 if unit_roundoff > Decimal(2) ** -50 else 708
    gamma = [(largest - y) * (max(largest, largest - y) > limit) for y in target_logits]
    moves = [abs(a) + abs(b) for a, b in zip(d, eta, strict=True)]
    return Gaps(q, growth, beyond, moves, gamma, dot(q, map(abs, d)), dot(q, beyond))


def of_total(g):
    """Return S D + R."""
    own = zip(g.growth, g.moves, g.gamma, g.beyond, strict=True)
    rest = [abs(f) * move + 2 * gamma * beyond for f, move, gamma, beyond in own]
    return g.total * g.size + dot(g.q, rest) / 4


@exactly
def kl_div_with_logits_size(logits, target_logits, *, weight=1, unit_roundoff):
    g = gaps(logits, target_logits, unit_roundoff)
    found = kl_div_with_logits(logits, target_logits) + of_total(g) / (1 + g.total)
    if g.total > Decimal(10) ** 30:
        found -= dot(g.q, log_softmax(target_logits))
    return weight * found


@exactly
def kl_div_with_logits_backward(logits, target_logits, *, weight=1):
    p, q, *_ = both_softmaxes(logits, target_logits)
    return [weight * g for g in difference(p, q)]


@exactly
def kl_div_with_logits_backward_size(logits, target_logits, *, weight=1, unit_roundoff):
    g = gaps(logits, target_logits, unit_roundoff)
    own = [
        q * ((abs(f) + g.total) * (1 + gamma / 2) + (1 + f) * (g.size + move / 4))
        for q, f, move, gamma in zip(g.q, g.growth, g.moves, g.gamma, strict=True)
    ]
    both = [p + q for p, q in zip(softmax(logits), g.q, strict=True)]
    common = (g.total + of_total(g)) / (1 + g.total)
    return [weight * (a / (1 + g.total) + b * common) for a, b in zip(own, both, strict=True)]


@exactly
def kl_div_with_logits_target_backward(logits, target_logits, *, weight=1):
    _, q, log_p, log_q = both_softmaxes(logits, target_logits)
    loss = dot(q, difference(log_q, log_p))
    return [weight * c * (a - b - loss) for c, a, b in zip(q, log_q, log_p, strict=True)]


@exactly
def kl_div_with_logits_target_backward_size(logits, target_logits, *, weight=1, unit_roundoff):
    """Return the sizes of the terms, where q is at least the smallest normal number."""
    least = Decimal(2) ** (-126 if unit_roundoff > Decimal(2) ** -50 else -1022)
    g = gaps(logits, target_logits, unit_roundoff)
    pairs = zip(g.q, g.moves, strict=True)
    return [weight * max(q, least) * (move + g.size) for q, move in pairs]


@exactly
def others_share(logits, target):
    """Return 1 - p of one class."""
    return sum((p for j, p in enumerate(softmax(logits)) if j != target), Decimal(0))


@exactly
def focal_loss(logits, target, *, weight, gamma):
    scale = others_share(logits, target) ** gamma if gamma else 1
    return weight[target] * times(scale, -log_softmax(from_the_first(logits))[target])


@exactly
def focal_loss_backward(logits, target, *, weight, gamma):
    p, u = softmax(logits), others_share(logits, target)
    if not u:
        return [Decimal(0) for _ in p]
    entropy = -log_softmax(logits)[target]
    scale = weight[target] * (u**gamma if gamma else 1) * (1 + gamma * p[target] * entropy / u)
    return [scale * (-u if j == target else each) for j, each in enumerate(p)]


@plainly
def overlap(probs, target, fp_weight, fn_weight, smooth):
    """Return the sum of p t with the smoothing, W, and both."""
    pairs = [*zip(probs, target, strict=True)]
    wrong = sum(fp_weight * p * (1 - t) + fn_weight * (1 - p) * t for p, t in pairs)
    hits = dot(probs, target) + smooth
    return hits, wrong, hits + wrong


@plainly
def tversky_loss(probs, target, *, weight=1, **options):
    _, wrong, whole = overlap(probs, target, **options)
    return weight * wrong / whole if whole else Decimal(0)


@plainly
def tversky_loss_backward(probs, target, *, weight=1, **options):
    return tversky_slopes(probs, target, -1, weight, **options)


@plainly
def tversky_loss_backward_size(probs, target, *, weight=1, unit_roundoff, **options):
    del unit_roundoff
    return tversky_slopes(probs, target, 1, weight, **options)


@plainly
def tversky_slopes(probs, target, sign, weight, fp_weight, fn_weight, smooth):
    """Return the gradient or, with the sign 1, the sizes of its terms."""
    hits, wrong, whole = overlap(probs, target, fp_weight, fn_weight, smooth)
    if not whole:
        return [Decimal(0) for _ in probs]
    return [
        weight * ((fp_weight * (1 - t) + sign * fn_weight * t) * hits + sign * t * wrong) / whole**2
        for t in target
    ]


@plainly
def hinges(logits, target, margin):
    """Return u = margin + (x_j - x_t) of the other classes, by class."""
    own = logits[target]
    return {j: margin + (x - own) for j, x in enumerate(logits) if j != target}


@plainly
def multi_margin_loss(logits, target, *, weight, p=1, margin=1):
    terms = (max(u, 0) ** p for u in hinges(logits, target, margin).values())
    return weight[target] * Decimal(sum(terms)) / len(logits)


@plainly
def multi_margin_loss_size(logits, target, *, weight, p=1, margin=1, unit_roundoff):
    """Return what the hinges, and the differences of logits in them, add to the loss."""
    del unit_roundoff
    seen = [u for u in hinges(logits, target, margin).values() if u >= 0]
    terms = (p * max(u, 0) ** (p - 1) * (abs(u - margin) + u) if u else 0 for u in seen)
    return weight[target] * Decimal(sum(terms)) / len(logits)


def with_the_target(slopes, own, logits, weight):
    """Return the slopes of all the classes, given those of the others."""
    return [weight * Decimal(slopes.get(j, own)) / len(logits) for j in range(len(logits))]


@plainly
def multi_margin_loss_backward(logits, target, *, weight, p=1, margin=1):
    found = hinges(logits, target, margin)
    slopes = {j: p * (u if p == 2 else 1) if u >= 0 else 0 for j, u in found.items()}
    return with_the_target(slopes, -sum(slopes.values()), logits, weight[target])


@plainly
def multi_margin_loss_backward_size(logits, target, *, weight, p=1, margin=1, unit_roundoff):
    del unit_roundoff
    found = hinges(logits, target, margin)
    sizes = {
        j: p * (abs(u - margin) + u if p == 2 else 1) if u >= 0 else 0 for j, u in found.items()
    }
    return with_the_target(sizes, sum(sizes.values()), logits, weight[target])


def of_each_class(formula, logits, target, weight):
    """Return the share of each class in the mean of a formula of one entry."""
    each = zip(logits, target, weight, strict=True)
    return [formula(x, t, weight=w) / len(logits) for x, t, w in each]


@exactly
def multilabel_soft_margin_loss(logits, target, *, weight):
    return sum(of_each_class(binary_cross_entropy_with_logits, logits, target, weight))


@exactly
def multilabel_soft_margin_loss_backward(logits, target, *, weight):
    return of_each_class(binary_cross_entropy_with_logits_backward, logits, target, weight)


@exactly
def multilabel_soft_margin_loss_backward_size(logits, target, *, weight, unit_roundoff):
    del unit_roundoff
    return of_each_class(binary_cross_entropy_with_logits_backward_size, logits, target, weight)


@exactly
def multilabel_soft_margin_loss_hessian_diagonal(logits, _, *, weight):
    pairs = zip(logits, weight, strict=True)
    return [w * sigmoid(x) * sigmoid(-x) / len(logits) for x, w in pairs]


@plainly
def length(row, p=2):
    return length_of(tuple(row), p, getcontext().prec)


@cache
def length_of(row, p, _digits):
    """As exp, for the entries of a row."""
    total = sum((abs(x) ** p for x in row), Decimal(0))
    if p == 2:
        return total.sqrt()
    return total ** (1 / Decimal(p)) if total else total


def unit(row):
    """Return a vector of length 1, or of zeros."""
    whole = length(row)
    return [x / whole for x in row] if whole else row


def difference(a, b):
    return [x - y for x, y in zip(a, b, strict=True)]


def in_float64(unit_roundoff):
    """Return a rounding of float64 in those of a dtype: of float32, 64 in 4 of its own."""
    return 16 * Decimal(2) ** -53 / unit_roundoff if unit_roundoff > Decimal(2) ** -50 else 1


@plainly
def cosine_embedding_loss(first, second, target, *, weight=1, margin=0):
    cosine = dot(unit(first), unit(second))
    return weight * (1 - cosine if target == 1 else max(Decimal(0), cosine - margin))


@plainly
def cosine_embedding_loss_size(first, second, target, *, weight=1, margin=0, unit_roundoff):
    """Return the loss and, of its computation in float64, the size of what is rounded there.

    That is the distance of the unit vectors, or 1 of a pair that shall be apart.
    """
    apart = length(difference(unit(first), unit(second))) + Decimal(2) ** -53
    terms = apart if target == 1 else Decimal(1)
    loss = cosine_embedding_loss(first, second, target, margin=margin)
    return weight * (loss + in_float64(unit_roundoff) * terms)


@plainly
def cosine_embedding_loss_backward(first, second, target, *, weight=1, margin=0):
    u, v = unit(first), unit(second)
    if not (any(u) and any(v)):
        return [Decimal(0)] * len(u), [Decimal(0)] * len(v)
    cosine = dot(u, v)
    side = weight * (-1 if target == 1 else int(cosine >= margin))

    def towards(own, x, y):
        return [side * (b - cosine * a) / length(own) for a, b in zip(x, y, strict=True)]

    return towards(first, u, v), towards(second, v, u)


@plainly
def cosine_embedding_loss_backward_size(
    first, second, target, *, weight=1, margin=0, unit_roundoff
):
    """Return the gradients and, of their computation in float64, the sizes of their terms."""
    terms = [abs(a) + abs(b) for a, b in zip(unit(first), unit(second), strict=True)]
    found = cosine_embedding_loss_backward(first, second, target, weight=weight, margin=margin)

    def with_terms(gradient, own):
        share = in_float64(unit_roundoff) * weight / (length(own) or 1)
        return [abs(g) + share * term for g, term in zip(gradient, terms, strict=True)]

    return tuple(map(with_terms, found, (first, second)))


@plainly
def distances(anchor, positive, negative, p, swap):
    """Return the differences whose lengths count, and whether the negative's is the positive's."""
    near, far = difference(anchor, positive), difference(anchor, negative)
    across = difference(positive, negative)
    swapped = swap and length(across, p) < length(far, p)
    return near, across if swapped else far, swapped


@plainly
def triplet_margin_loss(anchor, positive, negative, *, weight=1, margin=1, p=2, swap=False):
    near, far, _ = distances(anchor, positive, negative, p, swap)
    return weight * max(Decimal(0), margin + length(near, p) - length(far, p))


@plainly
def triplet_margin_loss_size(
    anchor, positive, negative, *, weight=1, margin=1, p=2, swap=False, unit_roundoff
):
    """Return the sum of the sizes of the terms."""
    del unit_roundoff
    near, far, _ = distances(anchor, positive, negative, p, swap)
    return weight * (margin + length(near, p) + length(far, p))


def direction(row, p, scale):
    """Return the gradient of the length of a row, times a number."""
    whole = length(row, p)
    return [scale * (abs(x) / whole) ** (p - 1) * (1 if x > 0 else -1) if x else x for x in row]


@plainly
def triplet_margin_loss_backward(
    anchor, positive, negative, *, weight=1, margin=1, p=2, swap=False
):
    near, far, swapped = distances(anchor, positive, negative, p, swap)
    counts = weight * int(margin + length(near, p) - length(far, p) >= 0)
    up, down = direction(near, p, counts), direction(far, p, counts)
    opposite = [-a for a in up]
    if swapped:
        return up, difference(opposite, down), down
    return difference(up, down), opposite, down


@plainly
def triplet_margin_loss_backward_size(
    anchor, positive, negative, *, weight=1, margin=1, p=2, swap=False, unit_roundoff
):
    """Return the sums of the sizes of the terms."""
    del margin, unit_roundoff
    near, far, swapped = distances(anchor, positive, negative, p, swap)
    up, down = ([abs(a) for a in direction(row, p, weight)] for row in (near, far))
    both = [a + b for a, b in zip(up, down, strict=True)]
    return (up, both, down) if swapped else (both, up, down)


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
def huber_loss(predictions, target, *, delta, weight=1):
    size = abs(predictions - target)
    return weight * (size**2 / 2 if size <= delta else delta * (size - delta / 2))


@exactly
def huber_loss_backward(predictions, target, *, delta, weight=1):
    return weight * max(min(predictions - target, delta), -delta)


@exactly
def smooth_l1_loss(predictions, target, *, beta, weight=1):
    size = abs(predictions - target)
    return weight * (size**2 / (2 * beta) if size < beta else size - beta / 2)


@exactly
def smooth_l1_loss_backward(predictions, target, *, beta, weight=1):
    r = predictions - target
    if abs(r) < beta:
        return weight * r / beta
    return weight * ((r > 0) - (r < 0))


@exactly
def hinge_embedding_loss(distances, target, *, margin, weight=1):
    return weight * (distances if target == 1 else max(margin - distances, Decimal(0)))


@exactly
def hinge_embedding_loss_backward(distances, target, *, margin, weight=1):
    return weight * (1 if target == 1 else -(margin >= distances))


def focal_terms(x, target, alpha, gamma, weight):
    """Return what multiplies the entropy in the focal loss, and the two terms of the slope."""
    p, q = softmax([x, Decimal(0)])
    u = target * q + (1 - target) * p
    scale = 1 if alpha is None else alpha * target + (1 - alpha) * (1 - target)
    scale *= weight * u**gamma
    entropy = binary_cross_entropy_with_logits(x, target)
    first = gamma * (1 - 2 * target) * p * q / u * entropy
    return scale, entropy, first, ((1 - target) * p, target * q)


@exactly
def sigmoid_focal_loss(x, target, *, alpha, gamma, weight=1):
    scale, entropy, *_ = focal_terms(x, target, alpha, gamma, weight)
    return scale * entropy


@exactly
def sigmoid_focal_loss_backward(x, target, *, alpha, gamma, weight=1):
    scale, _, first, (no, yes) = focal_terms(x, target, alpha, gamma, weight)
    return scale * (first + no - yes)


@exactly
def sigmoid_focal_loss_backward_size(x, target, *, alpha, gamma, weight=1):
    """Return the sum of the sizes of the gradient's terms."""
    scale, _, first, (no, yes) = focal_terms(x, target, alpha, gamma, weight)
    return scale * (abs(first) + no + yes)


@exactly
def binary_cross_entropy_with_logits_target_backward(x, *, weight, pos_weight):
    return weight * (pos_weight * softplus(-x) - softplus(x))


@exactly
def binary_cross_entropy_with_logits_target_backward_size(x, *, weight, pos_weight):
    """Return the sum of the sizes of the two terms."""
    return weight * (pos_weight * softplus(-x) + softplus(x))


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
def gaussian_nll_loss_with_log_variance(predictions, target, log_variance, *, full=False, weight=1):
    square = (predictions - target) ** 2 * (-log_variance).exp()
    return weight * (log_variance + square + full * LOG_2_PI) / 2


@exactly
def gaussian_nll_loss_with_log_variance_size(predictions, target, log_variance, *, full, weight=1):
    """Return the sum of the sizes of the loss's terms."""
    square = (predictions - target) ** 2 * (-log_variance).exp()
    return weight * (abs(log_variance) + square + full * LOG_2_PI) / 2


@exactly
def gaussian_nll_loss_with_log_variance_backward(
    predictions, target, log_variance, *, weight=1, **_
):
    r, inverse = predictions - target, (-log_variance).exp()
    return weight * r * inverse, weight * (1 - r**2 * inverse) / 2


@exactly
def gaussian_nll_loss_with_log_variance_backward_size(
    predictions, target, log_variance, *, weight=1, **_
):
    """Return the sums of the sizes of the terms of either gradient."""
    r, inverse = predictions - target, (-log_variance).exp()
    return weight * abs(r) * inverse, weight * (1 + r**2 * inverse) / 2


@exactly
def log_cosh_loss(predictions, target, *, weight=1):
    r = predictions - target
    return weight * ((r.exp() + (-r).exp()) / 2).ln()


@exactly
def log_cosh_loss_backward(predictions, target, *, weight=1):
    up, down = (predictions - target).exp(), (target - predictions).exp()
    return weight * (up - down) / (up + down)


@exactly
def log_cosh_loss_hessian_diagonal(predictions, target, *, weight=1):
    up, down = (predictions - target).exp(), (target - predictions).exp()
    return 4 * weight / (up + down) ** 2


@exactly
def log_cosh_loss_hessian_diagonal_size(predictions, target, *, weight=1):
    """Return it times 1 + 2 |r|: a rounding of the residual r makes 2 |r| of the curvature."""
    found = log_cosh_loss_hessian_diagonal(predictions, target, weight=weight)
    return found * (1 + 2 * abs(predictions - target))


@exactly
def quantile_loss(predictions, target, *, quantile, weight=1):
    r = predictions - target
    return weight * max((1 - quantile) * r, -quantile * r)


@exactly
def quantile_loss_backward(predictions, target, *, quantile, weight=1):
    above, below = predictions > target, predictions < target
    return weight * ((1 - quantile) * above - quantile * below)


@cache
def bernoulli(count):
    """Return the first Bernoulli numbers: sum_j binom(n + 1, j) B_j = 0."""
    found = [Fraction(1)]
    for n in range(1, count):
        found.append(-sum(comb(n + 1, j) * found[j] for j in range(n)) / (n + 1))
    return found


@exactly
def log_factorial(t):
    """Return log t! by Stirling's series at z = t + 100, less log (t + 1) ... (t + 99)."""
    z = t + 100
    log_2_pi = Decimal("1.837877066409345483560659472811235279722794947275566825634303080965531391")
    found = (z - Decimal("0.5")) * z.ln() - z + log_2_pi / 2
    for k, number in enumerate(bernoulli(81)[2::2], 1):
        below = number.denominator * 2 * k * (2 * k - 1)
        found += number.numerator / (below * z ** (2 * k - 1))
    return found - prod(t + i for i in range(1, 100)).ln()


@exactly
def poisson_nll_loss(log_rate, target, *, full, weight=1):
    more = log_factorial(target) if full else 0
    return weight * (log_rate.exp() - target * log_rate + more)


@exactly
def poisson_nll_loss_size(log_rate, target, *, full, weight=1):
    """Return the sum of the sizes of the terms, with those of log (t + 9)! four times."""
    z = target + 10
    more = 4 * z * z.ln() if full else 0
    return weight * (log_rate.exp() + abs(target * log_rate) + more)


@exactly
def poisson_nll_loss_backward(log_rate, target, *, weight=1, **_):
    return weight * (log_rate.exp() - target)


@exactly
def poisson_nll_loss_backward_size(log_rate, target, *, weight=1, **_):
    return weight * max(log_rate.exp(), target)


@exactly
def poisson_nll_loss_hessian_diagonal(log_rate, _target, *, weight=1, **_):
    return weight * log_rate.exp()


def tweedie_parts(first, second, t, power, log_ratio):
    """Return t^a, the two terms of half the deviance, and whether its series in d converges fast.

    `first` is the mean^a, `second` t times it over the mean, and a = 2 - p.
    """
    a, k = 2 - power, power - 1
    scale = t**a
    one = (first - scale) / a if a else log_ratio
    two = (scale - second) / k if k else t * log_ratio
    return scale, one, two, max(1, abs(a), k) * abs(log_ratio) < 1


def of_means(y, t, power):
    if t == 0:
        return Decimal(0), y ** (2 - power) / (2 - power), Decimal(0), False
    if y == t:  # in which a power is rounded
        return t ** (2 - power), Decimal(0), Decimal(0), True
    return tweedie_parts(y ** (2 - power), t * y ** (1 - power), t, power, (y / t).ln())


@exactly
def tweedie_loss(y, target, *, power, weight=1):
    if power == 0:
        return weight * (y - target) ** 2 / 2
    _, one, two, _ = of_means(y, target, power)
    return weight * (one - two)


@exactly
def tweedie_loss_size(y, target, *, power, weight=1):
    """Return the loss where it is a series, else the sum of the sizes of its terms."""
    if power == 0:
        return weight * (y - target) ** 2 / 2
    _, one, two, near = of_means(y, target, power)
    return weight * (one - two if near else abs(one) + abs(two))


@exactly
def tweedie_loss_backward(y, target, *, power, weight=1):
    return weight * (y - target) / y**power if power else weight * (y - target)


def of_log_means(x, t, power):
    a, k = 2 - power, power - 1
    if t == 0:
        return Decimal(0), (a * x).exp() / a, Decimal(0), False
    return tweedie_parts((a * x).exp(), t * (-k * x).exp(), t, power, x - t.ln())


@exactly
def tweedie_loss_with_log_mean(x, target, *, power, weight=1):
    _, one, two, _ = of_log_means(x, target, power)
    return weight * (one - two)


@exactly
def tweedie_loss_with_log_mean_size(x, target, *, power, weight=1):
    """Return what an ulp of the mean, of the terms and of their exponents makes."""
    scale, one, two, near = of_log_means(x, target, power)
    d = abs(x - target.ln()) if target else 0
    terms = (
        one - two if near else (abs(one) + abs(two)) * (1 + abs(x) * max(abs(2 - power), power - 1))
    )
    return weight * (terms + 2 * scale * min(1, d))


def log_mean_terms(x, target, power):
    return ((2 - power) * x).exp(), target * ((1 - power) * x).exp()


@exactly
def tweedie_loss_with_log_mean_backward(x, target, *, power, weight=1):
    one, two = log_mean_terms(x, target, power)
    return weight * (one - two)


@exactly
def tweedie_loss_with_log_mean_backward_size(x, target, *, power, weight=1):
    """Return the sum of the sizes of the terms, times 1 and what their exponents' ulp make."""
    one, two = log_mean_terms(x, target, power)
    return weight * (one + two) * (1 + abs(x) * max(abs(2 - power), power - 1))


@exactly
def tweedie_loss_with_log_mean_hessian_diagonal(x, target, *, power, weight=1):
    one, two = log_mean_terms(x, target, power)
    return weight * ((2 - power) * one + (power - 1) * two)


@exactly
def tweedie_loss_with_log_mean_hessian_diagonal_size(x, target, *, power, weight=1):
    """Return the sum of the sizes of the terms, times 1 and what their exponents' ulp make."""
    one, two = log_mean_terms(x, target, power)
    size = abs(2 - power) * one + (power - 1) * two
    return weight * size * (1 + abs(x) * max(abs(2 - power), power - 1))


@exactly
def soft_margin_loss(x, target, *, weight=1):
    return weight * softplus(-target * x)


@exactly
def soft_margin_loss_backward(x, target, *, weight=1):
    return -weight * target * sigmoid(-target * x)


@exactly
def soft_margin_loss_hessian_diagonal(x, _target, *, weight=1):
    return weight * sigmoid(x) * sigmoid(-x)


@exactly
def hinge_loss(x, target, *, margin, weight=1):
    return weight * max(0, margin - target * x)


@exactly
def hinge_loss_backward(x, target, *, margin, weight=1):
    return -weight * target * (target * x <= margin)


@exactly
def squared_hinge_loss(x, target, *, margin, weight=1):
    return weight * max(0, margin - target * x) ** 2


@exactly
def squared_hinge_loss_backward(x, target, *, margin, weight=1):
    return -2 * weight * target * max(0, margin - target * x)


@exactly
def squared_hinge_loss_hessian_diagonal(x, target, *, margin, weight=1):
    return 2 * weight * (target * x <= margin)


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


def steps(target, blank):
    """Return the classes of the states of a CTC target, and where each state may come from."""
    symbols = [blank]
    for label in target:
        symbols += [label, blank]
    sources = []
    for s, symbol in enumerate(symbols):
        skips = s > 1 and symbol not in (blank, symbols[s - 2])
        sources.append([s - k for k in range(3 if skips else 2) if s >= k])
    return symbols, sources


def alignments(probs, target, blank):
    """Return the probability of a target, and the posteriors of the classes of each frame."""
    symbols, sources = steps(target, blank)
    count, zero = len(symbols), Decimal(0)
    forth = [[Decimal(s == 0) for s in range(count)]]
    for row in probs:
        last = forth[-1]
        forth.append([sum(last[r] for r in sources[s]) * row[symbols[s]] for s in range(count)])
    back = [[Decimal(s >= count - 2) for s in range(count)]]
    for row in probs[:0:-1]:
        found = [zero] * count
        for s in range(count):
            for r in sources[s]:
                found[r] += back[0][s] * row[symbols[s]]
        back.insert(0, found)
    total = sum(forth[-1][-2:]) if probs else Decimal(count == 1)
    posteriors = []
    for t, row in enumerate(probs):
        found = [zero] * len(row)
        for s in range(count):
            found[symbols[s]] += forth[t + 1][s] * back[t][s] / (total or 1)
        posteriors.append(found)
    return total, posteriors


def with_digits_for(rows):
    """Return a context with digits after all that 1 - P may cancel for logits in rows."""
    lost = min(sum(spread(row) for row in rows), WIDEST)
    return localcontext(prec=DIGITS + int(lost / 2), Emax=MAX_EMAX, Emin=MIN_EMIN)


def exponential(x):
    return Decimal(0) if x.is_infinite() else x.exp()


def ctc_loss(log_probs, target, blank=0):
    rows = decimals(log_probs)
    with with_digits_for(rows):
        total, _ = alignments([[exponential(x) for x in row] for row in rows], target, blank)
        return -total.ln() if total else Decimal("inf")


def ctc_loss_backward(log_probs, target, blank=0):
    rows = decimals(log_probs)
    with with_digits_for(rows):
        _, found = alignments([[exponential(x) for x in row] for row in rows], target, blank)
        return [[-x for x in row] for row in found]


def ctc_loss_with_logits(logits, target, blank=0):
    rows = decimals(logits)
    with with_digits_for(rows):
        total, _ = alignments([softmax(row) for row in rows], target, blank)
        return -total.ln() if total else Decimal("inf")


def ctc_loss_with_logits_backward(logits, target, blank=0):
    rows = decimals(logits)
    with with_digits_for(rows):
        probs = [softmax(row) for row in rows]
        total, found = alignments(probs, target, blank)
        pairs = [list(zip(*each, strict=True)) for each in zip(probs, found, strict=True)]
        return [[(p - q) if total else Decimal(0) for p, q in row] for row in pairs]


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
