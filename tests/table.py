"""The table of differentiable functions: what a test knows of a function is in its row.

A row puts its function and all its derivatives under every law. A loss entry by entry needs two
formulas, in intervals, and a few words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from tests import calls, cases, definitions
from tests.accuracy.budgets import (
    EXP,
    EXPM1,
    HALF,
    LOG,
    LOG1P,
    LOG_OF_SUM,
    POWER,
    SINH,
    TANH,
    additions_of_classes,
    of_length,
)
from tests.cases import Points
from tests.definitions import logistic
from tests.domains import (
    AMOUNT,
    LOG_MEAN,
    LOG_VARIANCE,
    LOGARITHM,
    MEAN,
    NOT_NEGATIVE,
    PROBS,
    REAL,
    SCORES,
    SIGNS,
    UNIT_INTERVAL,
    VARIANCE,
    WEIGHT,
    Option,
    everywhere,
    lattice,
    reals,
)
from tests.intervals import exactly, rounded, select, times
from tests.rows import Budget, Case, Row, classwise, entrywise
from tests.softmaxes import (
    divergence_of_logits,
    divergence_of_logits_by_target,
    divergence_of_logits_slope,
    focal,
    focal_slope,
)
from tests.vectors import (
    at_least_0,
    away_from_0_and_3,
    cosine_embedding,
    cosine_embedding_slopes,
    on_one_side_of_0,
    step,
    triplet_margin,
    triplet_margin_slopes,
    tversky,
    tversky_slope,
    within,
)


def roundings(number: float) -> Callable[[Any], float]:
    """Return so many roundings in any dtype."""
    return lambda _: number


# Losses entry by entry: the formulas, and above each budget the operations that it counts.


def squared_error(y, t):
    size = abs(y - t)
    return size * size


def huber(y, t, delta):
    size = abs(y - t)
    inner = size.monotone(lambda end: np.minimum(end, delta))
    return size * size / 2 if delta == np.inf else inner * (size - inner / 2)


def smooth_l1(y, t, beta):
    size = abs(y - t)
    return huber(y, t, beta) / beta if beta else size


def smooth_l1_slope(y, t, beta):
    r = y - t
    return (r / beta).monotone(lambda end: np.clip(end, -1, 1)) if beta else r.monotone(np.sign)


def clamped_entropy(p, t):
    yes = p.increasing(lambda end: np.maximum(np.log(end), -100))
    no = (-p).increasing(lambda end: np.maximum(np.log1p(end), -100))
    return -(t * yes + (1 - t) * no)


def clamped_entropy_slope(p, t):
    return (p - t) / (p * (1 - p)).increasing(lambda end: np.maximum(end, 1e-12))


def binary_entropy(x, t, pos_weight):
    yes, no = logistic(-x)[1], logistic(x)[1]
    return times(times(pos_weight, t), yes) + times(1 - t, no)


def binary_entropy_slope(x, t, pos_weight):
    return (1 - t) * logistic(x)[0] - pos_weight * t * logistic(-x)[0]


def log_cosh(r):
    """Return log cosh of numbers from 0 up, as longdoubles have it."""
    far = r + np.log1p(np.exp(-2 * r)) - np.log(np.longdouble(2))
    return np.where(r < 20, np.log1p(2 * np.sinh(np.minimum(r, 20) / 2) ** 2), far)


def pinball(y, t, quantile):
    r, q = y - t, np.longdouble(quantile)
    above, below = rounded(1 - q, r.dtype), rounded(q, r.dtype)
    return times(above, positive(r)) + times(below, positive(-r))


def pinball_slope(y, t, quantile):
    q = np.longdouble(quantile)
    return (y - t).increasing(lambda end: np.clip(np.sign(end), -q, 1 - q))


def positive(x):
    return x.monotone(lambda end: np.maximum(end, 0))


def poisson(x, t, full):
    rate = x.increasing(np.exp)
    # A rate that is infinite is more than any t x.
    loss = select(rate.low == np.inf, rate, rate - times(t, x))
    return loss + log_factorial(t) if full else loss


# The first Bernoulli numbers of even index, from the second.
BERNOULLI = ((1, 6), (-1, 30), (1, 42), (-1, 30), (5, 66), (-691, 2730))


def log_factorial(t):
    """Return log t! as log (t + 29)!, by Stirling's series, less the logarithms of t + 1 and on."""
    z = t + 30
    found = (z - 0.5) * z.increasing(np.log) - z + np.log(8 * np.arctan(np.longdouble(1))) / 2
    power = 1 / z
    for k, (above, below) in enumerate(BERNOULLI, 1):
        found = found + power * (np.longdouble(above) / (below * 2 * k * (2 * k - 1)))
        power = power / (z * z)
    for i in range(1, 30):
        found = found - (t + i).increasing(np.log)
    return found


def hinge_embedding(x, t, margin):
    return select(t.low > 0, x, (margin - x).monotone(lambda end: np.maximum(end, 0)))


def hinge_embedding_slope(x, t, margin):
    return select(t.low > 0, 1, -(margin - x).monotone(lambda end: np.heaviside(end, 1)))


def focal_parts(x, t, alpha, gamma):
    """Return t and 1 - t, p and 1 - p, the share of the wrong class, the entropy, the scale."""
    # A label is exact: the other class has nothing.
    t, zero = select((t.low + t.high) / 2 == 1, 1, t), 0 * t
    no = select(t.low == 1, zero, 1 - t)
    (p, softplus), (q, softminus) = logistic(x), logistic(-x)
    u = (t * q + no * p).monotone(lambda end: np.maximum(end, 0))
    entropy = times(t, softminus) + times(no, softplus)
    power = u.increasing(lambda end: end**gamma)
    scale = power if alpha is None else (t * alpha + no * (1 - alpha)) * power
    return t, no, p, q, u, entropy, scale


def sigmoid_focal(x, t, alpha, gamma):
    *_, entropy, scale = focal_parts(x, t, alpha, gamma)
    return times(scale, entropy)


def sigmoid_focal_slope(x, t, alpha, gamma):
    t, no, p, q, u, entropy, scale = focal_parts(x, t, alpha, gamma)
    rho = select(t.low == 1, p, select(t.is_zero, q, p * q / u))
    return scale * (gamma * (no - t) * times(rho, entropy) + no * p - t * q)


def gaussian(y, t, variance, full, eps):
    v = variance.increasing(lambda end: np.maximum(end, eps))
    constant = np.log(2 * np.pi) if full else 0
    return 0.5 * (v.increasing(np.log) + constant) + 0.5 * ((y - t) * ((y - t) / v))


def gaussian_slopes(y, t, variance, eps, **_):
    v = variance.increasing(lambda end: np.maximum(end, eps))
    slope = (y - t) / v
    return slope, 0.5 * (1 / v - slope * slope)


def log_gaussian(y, t, s, full):
    r, constant = y - t, np.log(2 * np.pi) if full else 0
    loss = 0.5 * (s + constant) + 0.5 * times(r, r * (-s).increasing(np.exp))
    # A variance of 0 costs inf, but where r is 0.
    return select((s.low == -np.inf) & ((r.low > 0) | (r.high < 0)), np.inf, loss)


def log_gaussian_slopes(y, t, s, **_):
    slope = (y - t) * (-s).increasing(np.exp)
    return slope, 0.5 - 0.5 * (y - t) * slope


def raised(x, u):
    """Return x^u of numbers from 0 up."""
    return x.increasing(lambda end: end**u) if u >= 0 else 1 / raised(x, -u)


def deviance(log_mean, t, power):
    """Return half the unit deviance of targets above 0, by the logarithm of the quotient."""
    d, a = log_mean - t.increasing(np.log), 2 - power

    def phi(u):
        return (u * d).increasing(np.expm1) / u if u else d

    return raised(t, a) * (phi(a) - phi(a - 1))


def at_infinity(t, power):
    """Return the limit of half the unit deviance for means towards inf."""
    a, k = 2 - power, power - 1
    return raised(t, a) / (k * (k - 1)) if power > 2 else np.inf


def tweedie(y, t, power):
    if power == 0:
        return 0.5 * ((y - t) * (y - t))
    loss = deviance(y.increasing(np.log), t, power)
    loss = select(y.low == np.inf, at_infinity(t, power), loss)
    return select(t.low == 0, raised(y, 2 - power) / (2 - power), loss) if power < 2 else loss


def tweedie_slope(y, t, power):
    if power == 0:
        return y - t
    return times(select(y.low == np.inf, 1, (y - t) / y), raised(y, 1 - power))


def exponentials(x, t, power):
    """Return exp((2 - p) x) and t exp((1 - p) x)."""
    one, two = (
        (u * x).increasing(np.exp) if u else select(np.isnan(x.low), 1, 1 + 0 * t)
        for u in (2 - power, 1 - power)
    )
    return one, times(t, two)


def log_tweedie(x, t, power):
    loss = select(x.low == np.inf, at_infinity(t, power), deviance(x, t, power))
    loss = select((power - 1) * x.low < LOWEST, np.inf, loss)
    one, _ = exponentials(x, t, power)
    return select(t.low == 0, one / (2 - power), loss) if power < 2 else loss


def log_tweedie_slope(x, t, power):
    one, two = exponentials(x, t, power)
    return select((x.low < LOWEST) & (power > 2), -np.inf, one - two)


# An exponential of which is 0 in every dtype, and those of its multiples cannot be compared.
LOWEST = -12000
# Powers that are numbers of every dtype, and so are 1 and 2 less.
POWERS = (1.5, 1.0, 1.25, 2.0, 3.0, 1 + 2**-20, 2 - 2**-10)


def ranking(first, second, t, margin):
    return (margin - t * (first - second)).monotone(lambda end: np.maximum(end, 0))


def ranking_slopes(first, second, t, margin):
    u = margin - t * (first - second)
    slope = t * u.monotone(lambda end: np.heaviside(end, 1))
    return -slope, slope


INTERIOR = UNIT_INTERVAL.within(0.125, 0.875)
MARGIN = {"logits": REAL, "target": SIGNS}
# Eighths, see the kinks of `entrywise`.
MARGINS = Option((1.0, 0.5, 0, -0.25), (np.nan, np.inf, -np.inf))
RESIDUAL = {"predictions": REAL, "target": REAL}
# Targets of a loss whose second derivatives are of labels alone: those of most tests are labels.
LABELS = replace(UNIT_INTERVAL, only=(0.0, 1.0), beside=(0.0, 1.0), examples=(np.eye(2, 3),) * 2)
CURVED = ("backward", "value_and_grad", "hvp", "hessian_diagonal")

ENTRYWISE = [
    # A square doubles the rounding of y - t and has one, and the weight another; its gradient
    # 2 w (y - t) g has those of the difference, of w and of g.
    entrywise(
        "mse_loss",
        squared_error,
        lambda y, t: 2 * (y - t),
        arrays=RESIDUAL,
        derived=CURVED,
        third=0,
        budget=Budget(roundings(4), roundings(3)),
        known=(((1, 3), {}, 4), ((-0.5, 1), {}, 2.25)),
        peer="torch.nn.functional.mse_loss",
    ),
    # A difference, and the weight. The gradient is w g, exact but for a product.
    entrywise(
        "l1_loss",
        lambda y, t: abs(y - t),
        lambda y, t: (y - t).monotone(np.sign),
        arrays=RESIDUAL,
        derived=("backward", "value_and_grad"),
        third=0,
        kinked=True,
        budget=Budget(roundings(2), roundings(1)),
        known=(((1, 3), {}, 2), ((-0.5, 1), {}, 1.5)),
        peer="torch.nn.functional.l1_loss",
    ),
    # w c (|r| - c / 2) with c = min(|r|, delta): r and w have a rounding each, and so has the
    # product; inside the square doubles that of r, beyond the difference does, and adds its own.
    # w g clip(r): those of r, w and g.
    entrywise(
        "huber_loss",
        huber,
        lambda y, t, delta: (y - t).monotone(lambda end: np.clip(end, -delta, delta)),
        arrays=RESIDUAL,
        derived=("backward", "value_and_grad", "hessian_diagonal"),
        third=0,
        kinked=True,
        options={"delta": Option((1.0, 0.5, np.inf), outside=(0.0, -1.0, np.nan))},
        budget=Budget(roundings(5), roundings(3)),
        known=(((2, 0), {"delta": 1.5}, 1.875), ((1, 0.5), {}, 0.125)),
        peer="torch.nn.functional.huber_loss",
    ),
    # As huber_loss, and c / beta; beyond that is 1. w g clip(r / beta): one more than huber_loss.
    entrywise(
        "smooth_l1_loss",
        smooth_l1,
        smooth_l1_slope,
        arrays=RESIDUAL,
        derived=("backward", "value_and_grad", "hessian_diagonal"),
        third=0,
        kinked=True,
        options={"beta": Option((1.0, 0.5, 0.0), outside=(-1.0, np.inf, np.nan))},
        budget=Budget(roundings(5), roundings(4)),
        known=(((0.2, 0), {"beta": 0.5}, 0.04), ((3, 1), {}, 1.5)),
        peer="torch.nn.functional.smooth_l1_loss",
    ),
    # margin - x where t = -1, and the weight. The gradient is w g, exact but for a product.
    entrywise(
        "hinge_embedding_loss",
        hinge_embedding,
        hinge_embedding_slope,
        arrays={"distances": REAL, "target": SIGNS},
        derived=("backward", "value_and_grad"),
        third=0,
        kinked=True,
        options={"margin": Option((1.0, 0.5, -2.0, 0), outside=(np.inf, -np.inf, np.nan))},
        budget=Budget(roundings(2), roundings(1)),
        known=(((0.4, -1), {}, 0.6), ((0.4, 1), {}, 0.4)),
        peer="torch.nn.functional.hinge_embedding_loss",
    ),
    # -w [t log p + (1 - t) log1p(-p)]: a logarithm, two operations, a sum and a product.
    # w g (p - t) / max(p (1 - p), 1e-12): a difference each way, three products, a quotient.
    # The third derivative of log p is 2 / p^3: 1024 at 1/8, under weights of at most 2.
    entrywise(
        "binary_cross_entropy",
        clamped_entropy,
        clamped_entropy_slope,
        arrays={"probs": INTERIOR, "target": UNIT_INTERVAL},
        derived=("backward", "value_and_grad"),
        third=2048,
        weight="a factor",
        budget=Budget(lambda dtype: max(LOG[dtype], LOG1P[dtype]) + 4, roundings(6)),
        known=(((0.25, 1), {}, 1.38629436112), ((0.25, 0), {}, 0.287682072452)),
        peer="torch.nn.functional.binary_cross_entropy",
    ),
    # w [w+ t softplus(-x) + (1 - t) softplus(x)], of terms of one sign: softplus has EXP, LOG1P and
    # a sum; each term two operations; then a sum and a product.
    # w [(1 - t) s(x) - w+ t s(-x)], relative to its terms, of which t = 0 and t = 1 have one: s has
    # EXP and two; each term two operations; then a difference and two products.
    entrywise(
        "binary_cross_entropy_with_logits",
        binary_entropy,
        binary_entropy_slope,
        arrays={"logits": REAL, "target": UNIT_INTERVAL},
        derived=("backward", "value_and_grad", "hvp", "hessian_diagonal"),
        third=4,
        weight="a factor",
        factors=("pos_weight",),
        budget=Budget(
            lambda dtype: EXP[dtype] + LOG1P[dtype] + 5,
            lambda dtype: EXP[dtype] + 7,
            gradient_size="binary_cross_entropy_with_logits_backward_size",
        ),
        known=(((0.5, 1), {}, 0.474076984180), ((80, 1), {}, 1.80485138785e-35)),
        peer="torch.nn.functional.binary_cross_entropy_with_logits",
    ),
    # log1p(2 sinh(r / 2)**2): the roundings of the difference, which a square doubles, as it does
    # SINH; the square, LOG1P and the weight. Beyond 40 fewer count.
    # w g tanh(y - t): the difference, TANH and the weight.
    # w 4 E / (1 + E)**2: EXP, a sum that the square doubles, the square, a quotient and the weight;
    # the rounding of the difference times 2 |r|. The third derivative is at most 0.77.
    entrywise(
        "log_cosh_loss",
        lambda y, t: abs(y - t).increasing(log_cosh),
        lambda y, t: (y - t).increasing(np.tanh),
        arrays=RESIDUAL,
        derived=("backward", "value_and_grad", "hessian_diagonal"),
        third=2,
        budget=Budget(
            lambda dtype: 2 * SINH[dtype] + LOG1P[dtype] + 4,
            lambda dtype: TANH[dtype] + 2,
            curvature=lambda dtype: EXP[dtype] + 5,
            curvature_size="log_cosh_loss_hessian_diagonal_size",
        ),
        known=(((1, 0), {}, 0.433780830483), ((100, 0), {}, 99.3068528194)),
        peer="optax.log_cosh",
    ),
    # A difference, a rounded factor, a product, and the weight. The gradient is the factor times w.
    entrywise(
        "quantile_loss",
        pinball,
        pinball_slope,
        arrays=RESIDUAL,
        derived=("backward", "value_and_grad"),
        third=0,
        options={"quantile": Option((0.5, 0.9, 0.1, 0.0, 1.0), (-0.1, 1.5, np.nan, np.inf))},
        kinked=True,
        budget=Budget(roundings(4), roundings(2)),
        known=(((1, 3), {"quantile": 0.9}, 1.8), ((3, 1), {"quantile": 0.75}, 0.5)),
        peer="sklearn.metrics.mean_pinball_loss",
    ),
    # e^x - t x, relative to its terms: EXP or a product, a difference and the weight. log t! is
    # made in float64: LOG, a sum and two products for (t + 1/2) log z, and a few more of terms that
    # are less, of which the size has four times as many; a last sum.
    # w (e^x - t) and w e^x: EXP, a difference, the weight. The third derivative is e^x.
    entrywise(
        "poisson_nll_loss",
        poisson,
        lambda x, t, **_: x.increasing(np.exp) - t,
        arrays={"log_rate": REAL, "target": NOT_NEGATIVE},
        derived=("backward", "value_and_grad", "hessian_diagonal"),
        third=42,
        options={"full": Option((False, True))},
        budget=Budget(
            lambda dtype: EXP[dtype] + 2,
            lambda dtype: EXP[dtype] + 2,
            loss_size="poisson_nll_loss_size",
            gradient_size="poisson_nll_loss_backward_size",
            curvature=lambda dtype: EXP[dtype] + 1,
        ),
        known=(
            ((0.5, 3), {}, 0.148721270700),
            ((0.5, 3), {"full": True}, 1.94048073993),
        ),
        peer="torch.nn.functional.poisson_nll_loss",
    ),
    # w softplus(-t x): EXP, LOG1P, a sum of terms of one sign, and the weight.
    # w t sigmoid(-t x): EXP, a sum, a quotient, and the weight.
    # w E / (1 + E)**2: EXP, a sum that the square doubles, the square, a quotient, and the weight.
    # The third derivative is less than 1/8.
    entrywise(
        "soft_margin_loss",
        lambda x, t: select(t.low > 0, logistic(-x)[1], logistic(x)[1]),
        lambda x, t: select(t.low > 0, -logistic(-x)[0], logistic(x)[0]),
        arrays=MARGIN,
        derived=("backward", "value_and_grad", "hessian_diagonal"),
        third=0.25,
        budget=Budget(
            lambda dtype: EXP[dtype] + LOG1P[dtype] + 2,
            lambda dtype: EXP[dtype] + 3,
            curvature=lambda dtype: EXP[dtype] + 5,
        ),
        known=(((-100, 1), {}, 100), ((40, 1), {}, 4.24835425529e-18)),
        peer="torch.nn.functional.soft_margin_loss",
    ),
    # u = (d + o E) / (1 + E): E has EXP; o, its product, two sums and the quotient have one each.
    # u^gamma multiplies these by gamma and has POWER. The entropy d |x| + log1p(E) has EXP, LOG1P,
    # d, a product and a sum. alpha_t has four: alpha, 1 - t, a product and a sum. Three products.
    # The gradient has (1 - 2 t) E / share ce + d - o E in the place of the entropy: 1 - 2 t, from d
    # and o, has three; E / share EXP and four; then ce, and two products; two sums; E and two for
    # the division by 1 + E; and one more product.
    # The third derivative is at most 0.33 for gamma 2, the fourth 0.59, with weights of at most 2.
    entrywise(
        "sigmoid_focal_loss",
        sigmoid_focal,
        sigmoid_focal_slope,
        arrays={"logits": REAL, "target": LABELS},
        derived=("backward", "value_and_grad", "hessian_diagonal"),
        third=1,
        convex=False,
        options={
            "alpha": Option((0.25, None, 1.0), outside=(-0.5, 1.5, np.nan)),
            "gamma": Option((2.0, 0.0, 0.5, 1.5), outside=(-1.0, np.inf, np.nan)),
        },
        budget=Budget(
            lambda dtype: 2 * (EXP[dtype] + 5) + POWER + EXP[dtype] + LOG1P[dtype] + 10,
            lambda dtype: 2 * (EXP[dtype] + 5) + POWER + 3 * EXP[dtype] + LOG1P[dtype] + 24,
            gradient_size="sigmoid_focal_loss_backward_size",
        ),
        known=(
            ((2, 1), {"alpha": None}, 0.00180356283524),
            ((80, 1), {"alpha": None, "gamma": 0.5}, 7.66764807372e-53),
        ),
        peer="optax.losses.sigmoid_focal_loss",
    ),
    # r (r / v) / 2 has r, twice, eps as a number of the dtype, a quotient and a product, log v has
    # LOG and eps; then two sums and the weight. The gradients w r / v have r, eps, a quotient and
    # the weight; w (1 / v - (r / v)^2) / 2 the first three of these, twice, a product, a difference
    # and the weight. Of small numbers 2 / v^3 + 6 r^2 / v^4 is at most 3472, at r = 6, v = 1 / 2,
    # and w / 2 at most 1.
    entrywise(
        "gaussian_nll_loss",
        gaussian,
        gaussian_slopes,
        arrays={"predictions": REAL, "target": REAL, "variance": VARIANCE},
        derived=("backward", "value_and_grad"),
        differentiated=("predictions", "variance"),
        broadcast=("variance",),
        options={
            "full": Option((False, True)),
            "eps": Option((1e-6, 0.25), (0.0, -1, np.nan, np.inf)),
        },
        third=3472,
        budget=Budget(
            lambda dtype: max(LOG[dtype] + 1, 5) + 3,
            lambda _: (4, 9),
            loss_size="gaussian_nll_loss_size",
            gradient_size="gaussian_nll_loss_backward_size",
        ),
        known=(
            ((1.5, 0, 0.5), {}, 1.90342640972),
            ((1.5, 0, 0.5), {"full": True}, 2.82236494292),
        ),
        peer="torch.nn.functional.gaussian_nll_loss",
    ),
    # r r exp(-s) / 2 has r, twice, EXP and two products; then the constant, two sums and weight.
    # The gradients w r exp(-s) have r, EXP, a product and the weight; w (1 - r^2 exp(-s)) / 2 the
    # square's, a difference and the weight. Of small numbers r^2 exp(-s) / 2 is its own third
    # derivative, and at most 362, at r = 6, s = -3.
    entrywise(
        "gaussian_nll_loss_with_log_variance",
        log_gaussian,
        log_gaussian_slopes,
        arrays={"predictions": REAL, "target": REAL, "log_variance": LOG_VARIANCE},
        derived=("backward", "value_and_grad"),
        differentiated=("predictions", "log_variance"),
        broadcast=("log_variance",),
        options={"full": Option((False, True))},
        third=724,
        budget=Budget(
            lambda dtype: EXP[dtype] + 8,
            lambda dtype: (EXP[dtype] + 3, EXP[dtype] + 6),
            loss_size="gaussian_nll_loss_with_log_variance_size",
            gradient_size="gaussian_nll_loss_with_log_variance_backward_size",
        ),
        known=(
            ((1.5, 0, 0.5), {}, 0.932346992177),
            ((1.5, 0, 0.5), {"full": True}, 1.85128552538),
        ),
        peer="torch.nn.functional.gaussian_nll_loss",
    ),
    # Each of the two terms has POWER, the second one two more for its products; of the logarithm
    # a difference, a quotient and LOG1P; a product, EXPM1 and a quotient; a product; a difference
    # and the weight: POWER + LOG1P + EXPM1 + 10. The series has the logarithm three times, of which
    # once in a sum that has four, POWER, three products and the weight. The gradient has a
    # difference, a quotient, POWER, a product and the weight. Its second derivative for small
    # numbers is at most 6 / y^4 + 12 t / y^5, 1248 for power 3, y = 1 / 2 and t = 3.
    entrywise(
        "tweedie_loss",
        tweedie,
        tweedie_slope,
        arrays={"predictions": MEAN, "target": AMOUNT},
        derived=("backward", "value_and_grad"),
        options={"power": Option((*POWERS, 0.0), (0.5, -1.0, np.nan, np.inf))},
        third=2496,
        budget=Budget(
            lambda dtype: POWER + 3 * LOG1P[dtype] + 14,
            roundings(POWER + 4),
            loss_size="tweedie_loss_size",
        ),
        known=(
            ((1, 5), {}, 3.05572809000),
            ((1, 5), {"power": 3}, 1.6),
            ((-1, 2), {"power": 0}, 4.5),
            ((1.999999999, 2), {"power": 1}, 2.50000041453521e-19),
        ),
        peer="sklearn.metrics.mean_tweedie_deviance",
    ),
    # As tweedie_loss, with EXP and the rounding of its argument in place of POWER of the mean, and
    # EXP in the mean of the logarithm, which the deviance does not multiply. The gradient has the
    # two exponentials, a product, a difference and the weight, the curvature two more products.
    # Its second derivative for small numbers is at most e^-x + 12 e^-2x, 4862 for power 3, x = -3,
    # t = 3, and its third one twice as much.
    entrywise(
        "tweedie_loss_with_log_mean",
        log_tweedie,
        log_tweedie_slope,
        arrays={"log_mean": LOG_MEAN, "target": AMOUNT},
        derived=("backward", "value_and_grad", "hessian_diagonal"),
        convex=False,
        options={"power": Option(POWERS, (0.0, 0.5, -1.0, np.nan, np.inf))},
        third=9724,
        budget=Budget(
            lambda dtype: POWER + EXP[dtype] + 3 * LOG1P[dtype] + 14,
            lambda dtype: EXP[dtype] + 3,
            loss_size="tweedie_loss_with_log_mean_size",
            gradient_size="tweedie_loss_with_log_mean_backward_size",
            curvature=lambda dtype: EXP[dtype] + 4,
            curvature_size="tweedie_loss_with_log_mean_hessian_diagonal_size",
        ),
        known=(
            ((0.5, 2), {"power": 1}, 0.0350156318200),
            ((0.5, 2), {}, 0.0263997161687),
            ((0.5, 2), {"power": 2}, 0.0199141388653),
        ),
        peer="sklearn._loss.loss.HalfTweedieLoss",
    ),
    # A difference, and the weight. The gradient is -t w, or 0.
    entrywise(
        "hinge_loss",
        lambda x, t, margin: positive(margin - t * x),
        lambda x, t, margin: -t * step(margin - t * x),
        arrays=MARGIN,
        derived=("backward", "value_and_grad"),
        third=0,
        options={"margin": MARGINS},
        kinked=True,
        budget=Budget(roundings(2), roundings(1)),
        known=(((0.3, -1), {}, 1.3), ((0.3, 1), {"margin": 0.5}, 0.2), ((3, 1), {}, 0)),
        peer="optax.hinge_loss",
    ),
    # A difference, which the square doubles, the square, and the weight. 2 t w (m - t x) has a
    # difference and a weight, 2 w a weight.
    entrywise(
        "squared_hinge_loss",
        lambda x, t, margin: positive(margin - t * x) * positive(margin - t * x),
        lambda x, t, margin: -2 * t * positive(margin - t * x),
        arrays=MARGIN,
        derived=("backward", "value_and_grad", "hessian_diagonal"),
        third=0,
        options={"margin": MARGINS},
        kinked=True,
        budget=Budget(roundings(4), roundings(2), curvature=roundings(1)),
        known=(((0.3, -1), {}, 1.69), ((0.3, 1), {"margin": 0.5}, 0.04), ((3, 1), {}, 0)),
        peer="optax.hinge_loss",
    ),
    # Two differences, the margin as a number of the dtype, and the weight. The gradients are -w t g
    # and w t g, exact but for a product.
    entrywise(
        "margin_ranking_loss",
        ranking,
        ranking_slopes,
        arrays={"first": REAL, "second": REAL, "target": SIGNS},
        derived=("backward", "value_and_grad"),
        differentiated=("first", "second"),
        options={"margin": Option((0.0, 0.5, -0.25), (np.nan, np.inf, -np.inf))},
        third=0,
        kinked=True,
        budget=Budget(roundings(4), lambda _: (1, 1), loss_size="margin_ranking_loss_size"),
        known=(((0.2, 0.5, 1), {"margin": 0.1}, 0.4), ((0.2, 0.5, -1), {}, 0)),
        peer="torch.nn.functional.margin_ranking_loss",
    ),
]


# Losses of samples: formulas of rows. The functions of a budget take the size of a row, too.


def constant(number: float) -> Callable[..., float]:
    """Return so many roundings of any dtype, size and options."""
    return lambda *_, **__: number


def plus_additions(roundings: Callable[[Any], float], times: float = 1) -> Callable[..., float]:
    """Return so many roundings of a dtype, and those of a sum over a row, or several."""
    return lambda dtype, size, **_: roundings(dtype) + times * additions_of_classes(size, dtype)


def of_gaps(dtype):
    return 2 * EXP[dtype] + 1 + max(2.4 * EXPM1[dtype] + 1, 7) + LOG1P[dtype] + 2


def of_share(dtype, size):
    return 2 * EXP[dtype] + 3 * additions_of_classes(size, dtype) + 2


def of_entropy(dtype, size):
    in_sum = EXP[dtype] + additions_of_classes(size, dtype)
    return max((in_sum + LOG_OF_SUM[dtype]) / HALF + 3, in_sum + EXP[dtype] + LOG1P[dtype] + 1)


def in_float64(roundings: Callable[..., float]) -> Callable[..., float]:
    """Return so many roundings of float64, and four of float32, which is computed in float64."""
    return lambda dtype, size, **_: 4 if dtype is np.float32 else roundings(dtype, size)


def nothing_but_nan(nothing, array):
    """Return 0, or the nan of an array that counts nothing."""
    return exactly(np.where(nothing & array.is_nan, np.nan, 0), array.dtype)


def divergence(lp, q):
    terms = q * (q.increasing(np.log) - lp)
    return select(q.is_zero, nothing_but_nan(q.is_zero, lp), terms).sum(-1)


def divergence_by_target(lp, q):
    slope = q.increasing(np.log) - lp + 1
    return select(q.is_zero & ~lp.is_nan, -np.inf, slope)


def divergence_of_logs(lp, lq):
    nothing = np.isneginf(lq.low)
    return select(nothing, nothing_but_nan(nothing, lp), lq.increasing(np.exp) * (lq - lp)).sum(-1)


def hinges(x, one_hot, margin):
    own = x.map(lambda end: np.where(one_hot, end, 0).sum(-1).astype(end.dtype))
    return (x - own[..., None]) + margin, own


def hinge_of_classes(x, one_hot, p, margin):
    u, own = hinges(x, one_hot, margin)
    u = at_least_0(u)
    loss = mean_of_classes(select(one_hot, 0, u * u if p == 2 else u))
    return select(own.is_nan, np.nan, loss)


def hinge_of_classes_slope(x, one_hot, p, margin):
    u, own = hinges(x, one_hot, margin)
    slope = 2 * at_least_0(u) if p == 2 else step(u)
    slope = select(one_hot, 0, slope / x.low.shape[-1])
    return select(own.is_nan[..., None], np.nan, select(one_hot, -slope.sum(-1)[..., None], slope))


def mean_of_classes(rows):
    """Return the mean over the classes, nan if there are none."""
    return rows.sum(-1) / (rows.low.shape[-1] or np.nan)


def binary_entropy_of_classes(x, t, weight):
    return mean_of_classes(times(weight, binary_entropy(x, t, exactly(1, x.dtype))))


def with_products(dtype):
    """Return numbers in [0, 1] whose products are normal numbers in float32, or 0."""
    found = UNIT_INTERVAL.across(dtype)
    return found[(found == 0) | (found > 1e-15)]


SHARES = replace(UNIT_INTERVAL, across=with_products)
# Probabilities that are not checked, so that nan stays in its sample.
UNCHECKED = replace(SHARES, holds=everywhere, anywhere=reals)

CLASSWISE = [
    # sum q (log q - lp), of q (|log q| + |lp|): a logarithm, a difference and two products. By lp
    # it is linear; by q its third derivative is -w / q^2, up to 70 times.
    classwise(
        "kl_div",
        divergence,
        lambda _, q: -q,
        arrays={"log_probs": REAL, "target": NOT_NEGATIVE.within(0.125, 1)},
        derived=("backward", "value_and_grad", "target_backward"),
        third={"log_probs": 0, "target": 70 * 2 * 64},
        budget=Budget(
            plus_additions(lambda dtype: LOG[dtype] + 3), constant(1), loss_size="kl_div_size"
        ),
        others={"target_backward": divergence_by_target},
        known=(((np.log([0.5, 0.25, 0.25]), [0.2, 0.3, 0.5]), {}, 0.218011910943),),
        peer="torch.nn.functional.kl_div",
    ),
    # sum e^lq (lq - lp), of e^lq (|lq| + |lp|): an exponential, a difference and two products.
    classwise(
        "kl_div_with_log_target",
        divergence_of_logs,
        lambda _, lq: -lq.increasing(np.exp),
        arrays={"log_probs": REAL, "log_target": LOGARITHM},
        derived=("backward", "value_and_grad"),
        third={"log_probs": 0},
        budget=Budget(
            plus_additions(lambda dtype: EXP[dtype] + 3),
            lambda dtype, *_, **__: EXP[dtype] + 1,
            loss_size="kl_div_with_log_target_size",
        ),
        known=(((np.log([0.5, 0.25, 0.25]), np.log([0.2, 0.3, 0.5])), {}, 0.218011910943),),
        peer="torch.nn.functional.kl_div",
    ),
    # log1p of the sum of q (exp(eta) - 1 - eta), see its docstring: q has two exponentials, a sum
    # and a quotient; the rest of the exponential 2.4 EXPM1 and a difference from 1 up, and 7 below;
    # then a product, a sum of products, LOG1P and the weight. The sum of q d, by which eta is
    # moved, has fewer. p - q has EXPM1, a product, a difference, 1 + S, two quotients and products.
    # A fourth cumulant of three numbers up to 1 and one up to 6 is at most 46.
    classwise(
        "kl_div_with_logits",
        divergence_of_logits,
        divergence_of_logits_slope,
        arrays={"logits": REAL, "target_logits": REAL},
        derived=("backward", "value_and_grad", "target_backward", "hvp", "hessian_diagonal"),
        third={"logits": 4, "target_logits": 100},
        budget=Budget(
            plus_additions(of_gaps, times=5),
            plus_additions(lambda dtype: of_gaps(dtype) + 4, times=5),
            loss_size="kl_div_with_logits_size",
            gradient_size="kl_div_with_logits_backward_size",
        ),
        others={"target_backward": divergence_of_logits_by_target},
        known=(
            (([1.0, 2.0, 3.0], [1.0, 2.0, 3.001]), {}, 1.11323171643e-7),
            (([0.0, 40.0], [0.0, 41.0]), {}, 1.12258987662e-18),
        ),
        peer="torch.nn.functional.kl_div",
    ),
    # u = R / S has two exponentials, two sums, that of R with twice the additions where it is
    # S - e, and a quotient; u^gamma multiplies these by gamma and has POWER. The entropy is that of
    # cross_entropy: for p up to 1/2 an exponential, a sum and LOG_OF_SUM, absolute, of at least
    # HALF, and three; else two exponentials, a sum, LOG1P and one. A product and the weight. The
    # gradient has p or u once more, ce p / u, of which p has as many as u, and twelve. The third
    # derivative is at most 2.7, with weights of at most 2.
    classwise(
        "focal_loss",
        focal,
        focal_slope,
        arrays={"logits": REAL, "target": None},
        derived=("backward", "value_and_grad"),
        third={"logits": 8},
        options={"gamma": Option((2.0, 0.0, 0.5, 1.5), outside=(-1.0, np.inf, np.nan))},
        weight="of classes",
        budget=Budget(
            lambda dtype, size, gamma: (
                gamma * of_share(dtype, size) + POWER + of_entropy(dtype, size) + 2
            ),
            lambda dtype, size, gamma: (
                (3 + gamma) * of_share(dtype, size) + POWER + of_entropy(dtype, size) + 12
            ),
        ),
        known=(
            (([1.0, 2.0, 0.5], 1), {}, 0.0640776372387),
            (([80.0, 0.0, 0.0], 0), {}, 4.70342615860e-104),
        ),
        peer="torch.nn.functional.cross_entropy",
    ),
    # sum max(0, margin + (x_j - x_t))^p / C, of the hinges and the differences in them: two sums, a
    # square, a quotient and a product; at the target the gradient is a sum, too.
    classwise(
        "multi_margin_loss",
        hinge_of_classes,
        hinge_of_classes_slope,
        arrays={"logits": REAL, "target": None},
        derived=("backward", "value_and_grad"),
        third={"logits": 0},
        # Multiples of 3/8, of which no difference is nearer than 1/8 to a margin.
        small={"logits": lambda shape: lattice(shape, -1, 1, 0).map(lambda x: 3 * x)},
        options={
            "p": Option((1, 2), (0, 3, 1.5, -1, np.nan, np.inf)),
            "margin": Option((1.0, 0.25, -0.5), (np.nan, np.inf, -np.inf)),
        },
        weight="of classes",
        budget=Budget(
            plus_additions(lambda _: 5),
            plus_additions(lambda _: 6),
            loss_size="multi_margin_loss_size",
            gradient_size="multi_margin_loss_backward_size",
        ),
        known=(
            (([1.0, 2.0, 0.5], 0), {}, 0.833333333333),
            (([1.0, 2.0, 0.5], 0), {"p": 2}, 1.41666666667),
        ),
        peer="torch.nn.functional.multi_margin_loss",
    ),
    # Of terms of one sign: those of binary_cross_entropy_with_logits, their sum and a quotient. The
    # third derivative of softplus is at most 1/10.
    classwise(
        "multilabel_soft_margin_loss",
        binary_entropy_of_classes,
        lambda x, t, weight: weight * binary_entropy_slope(x, t, 1) / x.low.shape[-1],
        arrays={"logits": REAL, "target": UNIT_INTERVAL},
        derived=("backward", "value_and_grad", "hessian_diagonal"),
        third={"logits": 1},
        weight="of classes",
        budget=Budget(
            plus_additions(lambda dtype: EXP[dtype] + LOG1P[dtype] + 6),
            lambda dtype, *_, **__: EXP[dtype] + 8,
            gradient_size="multilabel_soft_margin_loss_backward_size",
        ),
        known=((([1.0, -2.0], [1.0, 0.0]), {}, 0.220094849281),),
        peer="torch.nn.functional.multilabel_soft_margin_loss",
    ),
    # In float64 x / |x| has half the roundings of a sum of squares, for the root, and four: a
    # square, a root, two quotients. |u - v|^2 / 2 has those of the sum, of the difference and of
    # both lengths, relative to itself, and those of the entries, relative to |u - v|. A cosine has
    # both, of 1. (v - cosine u) / |x| has a difference, three quotients and three products more.
    # Of float32 there are a rounding to it and the weight, and up to 61 of float64.
    classwise(
        "cosine_embedding_loss",
        cosine_embedding,
        cosine_embedding_slopes,
        arrays={"first": REAL, "second": REAL, "target": SIGNS},
        per_sample=("target",),
        holds="features",
        differentiated=("first", "second"),
        derived=("backward", "value_and_grad"),
        # a b / |b| along v, with |v| up to twice as long as a vector, has at most 36 2^3, and a
        # weight is up to 2. The vectors are nearly parallel, so no cosine is near a margin.
        third=dict.fromkeys(["first", "second"], 600),
        small={"first": within(0.5, 2), "second": on_one_side_of_0},
        options={"margin": Option((0.0, 0.25, -0.25), (1.5, -1.5, np.nan, np.inf))},
        budget=Budget(
            in_float64(plus_additions(lambda _: 9, times=2)),
            in_float64(plus_additions(lambda _: 20, times=3)),
            loss_size="cosine_embedding_loss_size",
            gradient_size="cosine_embedding_loss_backward_size",
        ),
        known=(
            (([1.0, 2.0, 3.0], [1.0, 2.0, 3.001], 1), {}, 1.27496370813e-8),
            (([1.0, 2.0, 3.0], [4.0, 5.0, 6.0], 1), {}, 0.0253681538029),
        ),
        peer="torch.nn.functional.cosine_embedding_loss",
    ),
    # Two distances, of their sum and the margin: two sums and the weight. The gradient of one has
    # a quotient, a product and the power p - 1, which multiplies its roundings; then a difference
    # and two products.
    classwise(
        "triplet_margin_loss",
        triplet_margin,
        triplet_margin_slopes,
        arrays={"anchor": REAL, "positive": REAL, "negative": REAL},
        holds="features",
        differentiated=("anchor", "positive", "negative"),
        derived=("backward", "value_and_grad"),
        # Of a p-norm at entries from 1/2 up, along v of at most 1: p (2 p - 1) 2^3 D^(1/p) at most,
        # of two norms under weights up to 2, where p is up to 3 and D up to 70.
        third=dict.fromkeys(["anchor", "positive", "negative"], 2000),
        small={
            "anchor": within(0, 0.25),
            "positive": within(2.5, 3),
            "negative": away_from_0_and_3,
        },
        options={
            "margin": Option((1.0, 0.0), (-0.5, np.nan, np.inf)),
            "p": Option((2.0, 1, 3.0), (0.5, 0, -1.0, np.nan, np.inf)),
            "swap": Option((False, True)),
        },
        budget=Budget(
            lambda dtype, size, p, **_: of_length(size, dtype, p) + 4,
            lambda dtype, size, p, **_: (p - 1) * (of_length(size, dtype, p) + 4 + POWER) + 6,
            loss_size="triplet_margin_loss_size",
            gradient_size="triplet_margin_loss_backward_size",
        ),
        known=((([0.0, 0.0], [3.0, 4.0], [0.0, 5.0]), {}, 1),),
        peer="torch.nn.functional.triplet_margin_loss",
    ),
    # W / D: W has 1 - t, a product, a sum, the weight as a number of the dtype, a product and a
    # sum; the hits a product, a sum and the smoothing. D = hits + W counts their difference alone,
    # and two sums; a quotient and the weight. The gradient has the slope of W, four; a quotient of
    # D in both its terms, a product and their difference; 1 / D, and three products. Along v it is
    # a quotient of linear functions of v: 6 D'^2 (W' D - W D') / D^4, with p and t from 1/2 to 3/4.
    classwise(
        "tversky_loss",
        tversky,
        tversky_slope,
        arrays={"probs": UNCHECKED, "target": SHARES},
        holds="positions",
        derived=("backward", "value_and_grad"),
        third={"probs": 3000},
        small=dict.fromkeys(["probs", "target"], within(0.5, 0.75)),
        options={
            "fp_weight": Option((0.5, 0.3, 0), (-0.5, np.inf, np.nan)),
            "fn_weight": Option((0.5, 0.7, 0), (-0.5, np.inf, np.nan)),
            "smooth": Option((1.0, 0, 0.25), (-1.0, np.inf, np.nan)),
        },
        budget=Budget(
            plus_additions(lambda _: 10, times=2),
            plus_additions(lambda _: 26, times=3),
            gradient_size="tversky_loss_backward_size",
        ),
        known=(
            (([[[0.9, 0.2, 0.6]]], [[[1.0, 0.0, 1.0]]]), {}, 0.122807017544),
            (([[[0.9, 0.2, 0.6]]], [[[1.0, 0.0, 1.0]]]), {"smooth": 0}, 0.189189189189),
            (
                ([[[0.9, 0.2, 0.6]]], [[[1.0, 0.0, 1.0]]]),
                {"fp_weight": 0.3, "fn_weight": 0.7, "smooth": 0},
                0.214659685864,
            ),
        ),
        peer="optax.losses.dice_loss",
    ),
]

# Losses over classes, and activations. A third derivative along v is a third cumulant of v under
# softmax (at most 2 for entries in [-1, 1]; 6 with the factor that softmax itself brings), times
# weights of at most 2 and, for probabilities, the sum of up to 70 of them.


def activation(
    name: str, third: float, result: dict[str, np.ndarray] | None = None, **columns: Any
) -> Row:
    """Return the row of a function of arrays alone; columns are those that differ.

    A result, with an example, is what the backward takes.
    """
    result = result or {}
    usual = {
        "arrays": {"x": None},
        "points": (Points(third, cases.along_axis(), "x"),),
        "draw": calls.along_axis,
        "example": {"grad_output": SCORES, "x": SCORES, **result},
        "result": next(iter(result), ""),
    }
    return Row(
        name=name,
        kind="activation",
        derived=("backward",),
        array_options=(),
        differentiated=("x",),
        value=getattr(definitions, name),
        gradient=getattr(definitions, f"{name}_backward"),
        decimals=name,
        **{**usual, **columns},
    )


def over_classes(name: str, first: str, **columns: Any) -> Row:
    """Return the row of a loss of labels; columns are those that differ."""
    usual = {
        "arrays": {first: None, "target": None},
        "array_options": ("weight",),
        "differentiated": (first,),
        "decimals": name,
        "example": {first: SCORES, "target": np.array([2, 0]), "weight": WEIGHT},
    }
    columns = {**usual, **columns}
    columns["example"] = {"grad_output": np.array(2.0), **columns["example"]}
    return Row(
        name=name,
        value=getattr(definitions, name),
        gradient=getattr(definitions, f"{name}_backward"),
        peer=f"torch.nn.functional.{name}",
        **columns,
    )


SINGLE = {"arrays": {"x": REAL}, "points": (Points(1, cases.single, "x"),), "draw": calls.single}
LAYER = {
    "inputs": SCORES,
    "linear_weight": np.array([[1.0, 0.0, 2.0], [-1.0, 1.0, 0.5], [0.25, -0.5, 1.0]]),
    "target": np.array([2, 0]),
    "linear_bias": WEIGHT,
    "weight": WEIGHT,
}

ROWS = [
    activation(
        "logsumexp",
        2,
        points=(Points(2, cases.over_axes(), "x"),),
        draw=lambda _: calls.over_axes(),
        example={"grad_output": WEIGHT[:2], "x": SCORES},
        peer="torch.logsumexp",
    ),
    activation("softmax", 6, {"probs": PROBS}, peer="torch.softmax"),
    activation("log_softmax", 2, {"log_probs": -PROBS}, peer="torch.log_softmax"),
    activation("sigmoid", 1, {"probs": PROBS}, **SINGLE, peer="torch.sigmoid"),
    activation("log_sigmoid", 1, **SINGLE, peer="torch.nn.functional.logsigmoid"),
    over_classes(
        "nll_loss",
        "log_probs",
        kind="classwise",
        derived=("backward", "value_and_grad"),
        points=(Points(0, cases.labelled(), "log_probs"),),
        draw=partial(calls.labelled, smoothed=False),
        example={"log_probs": SCORES - 3, "target": np.array([2, 0]), "weight": WEIGHT},
    ),
    over_classes(
        "cross_entropy",
        "logits",
        kind="cross entropy",
        derived=("backward", "value_and_grad", "hvp", "hessian_diagonal"),
        points=(
            Points(4, cases.labelled("logits", smoothed=True), "logits", "of labels"),
            Points(280, cases.with_probabilities(), "logits", "of probabilities"),
        ),
        draw=partial(calls.labelled, smoothed=True),
    ),
    # A direction of the layer's arrays moves each logit by at most D = 3: 27 times as much.
    over_classes(
        "linear_cross_entropy",
        "inputs",
        kind="cross entropy",
        derived=("backward", "value_and_grad"),
        arrays=dict.fromkeys(["inputs", "linear_weight", "target"]),
        array_options=("linear_bias", "weight"),
        differentiated=calls.LAYER,
        points=tuple(
            Points(27 * 280, cases.through_a_layer(point), point, f"of {point}")
            for point in calls.LAYER
        ),
        draw=lambda _: calls.linear(),
        decimals="cross_entropy",
        example=LAYER,
    ),
    *ENTRYWISE,
    *CLASSWISE,
]
FORMULAS = [*ENTRYWISE, *CLASSWISE]  # whose rows have formulas of intervals alone
CASES = [Case(row, **vars(points)) for row in ROWS for points in row.points]

# Every function of the table and every derivative, by name: the row, and which derivative it is.
FUNCTIONS = {row.function(what): (row, what) for row in ROWS for what in ("", *row.derived)}
