"""cross_entropy with a cap or a penalty, against the formulas in decimals.

The counts of roundings are those of `budgets`; a test names the rest.
"""

import numpy as np
import pytest
from tests.accuracy import exact
from tests.accuracy.budgets import (
    EXP,
    LOG_OF_SUM,
    TANH,
    additions,
    assert_within,
    roundings,
)
from tests.accuracy.parameters import in_both_precisions, in_every_regime
from tests.accuracy.regimes import problems
from tests.accuracy.test_cross_entropy import MASS, class_weight, formed, hard_budgets

import losses

CAP = 30.0  # a number of either dtype


def capped(x):
    """Return the capped logits in float64."""
    return CAP * np.tanh(x.astype(np.float64) / CAP)


def capping(x, dtype):
    """Return the roundings that a cap adds to each exponential relative to that of another class.

    x / c and the product with c have one each, tanh has TANH: together of the size of y, an error
    that exp makes relative.
    """
    y = np.abs(capped(x))
    return (TANH[dtype] + 2) * (y + y.max())


@in_every_regime
@in_both_precisions
def test_a_cap_errs_as_logits_that_were_rounded(regime, dtype):
    """The loss has a derivative p_c - v_c by y_c, so much of the error of y_c; p is e^y over a sum.

    The gradient is that times 4 E / (1 + E)**2: x / c makes 2 |x| / c roundings of E, which has EXP
    too; the sum one, which the square doubles; the square, a quotient and a product.
    """
    for logits, target in problems(regime, dtype):
        loss, grad = losses.cross_entropy_value_and_grad(
            logits, target, reduction="none", softcap=CAP
        )
        for x, t, l_i, grad_i in zip(logits, target.tolist(), loss, grad, strict=True):
            y = capped(x)
            loss_budget, grad_budget = hard_budgets(y.astype(dtype), t)
            exactly = exact.cross_entropy(x, t, softcap=CAP)
            of_capped = np.abs(np.array(exact.cross_entropy_backward(y, t), np.float64))
            moved = (TANH[dtype] + 2) * np.abs(np.where(of_capped, y, 0)) @ of_capped
            if np.isfinite(float(exactly)):
                assert_within(loss_budget + moved / float(exactly) + 1, l_i, exactly)
            slope = 2 * np.abs(x.astype(np.float64)) / CAP + EXP[dtype] + 5
            finite = np.isfinite(x)
            budget = grad_budget + slope + capping(np.where(finite, x, 0), dtype) + 1
            exactly = exact.cross_entropy_backward(x, t, softcap=CAP)
            assert_within(budget, grad_i, exactly)


def sizes(x, dtype):
    """Return max(|m|, L) and the budget of lse = m + L, as test_softmax counts it for logsumexp."""
    m, total, n = float(x.max()), exact.logsumexp(x), roundings(x)
    own = n.log_probs[x.argmax()]
    budget = max(2 / 0.69 * (n.sum + LOG_OF_SUM[dtype]), own) + 4
    return max(abs(m), float(total) - m), budget


# Each form with each factor, and with and without the other options.
@pytest.mark.parametrize(
    ("form", "factor", "label_smoothing", "weighted"),
    [
        ("indices", 0.0078125, 0.0, False),
        ("indices", -0.25, 0.1, True),
        ("probabilities", 0.0078125, 0.1, True),
        ("probabilities", -0.25, 0.0, False),
        ("one-hot", 0.0078125, 0.0, False),
        ("one-hot", -0.25, 0.1, True),
    ],
)
@in_every_regime
@in_both_precisions
def test_a_penalty_has_the_error_of_a_square_of_logsumexp(
    regime, dtype, form, factor, label_smoothing, weighted
):
    """z V lse**2 has twice the budget of lse, and MASS and additions in V, two products, and a sum.

    Its part of the gradient is 2 z V p lse: that of lse, of V and of p, and three operations more.
    Relative to p V (1 + 2 |z| max(|m|, L)) + v or, of a class with more than half, to
    V - v + 2 |z| V max(|m|, L) + (1 - p) V (1 + 2 |z| max(|m|, L)).
    """
    for logits, target in problems(regime, dtype):
        target = formed(target, form, logits)
        options = {"label_smoothing": label_smoothing, "weight": class_weight(logits, weighted)}
        loss, grad = losses.cross_entropy_value_and_grad(
            logits, target, reduction="none", z_loss=factor, **options
        )
        for x, t, l_i, grad_i in zip(logits, target.tolist(), loss, grad, strict=True):
            n, (size, own) = roundings(x), sizes(x, dtype)
            v = np.array(exact.mass(x.size, t, **options), np.float64)
            plain = exact.cross_entropy(x, t, **options)
            penalty = abs(factor) * v.sum() * size**2
            whole = MASS + additions(x.size)
            budget = whole + max(n.log_probs.max() + 3, 2 * own + 2) + 1
            exactly = exact.cross_entropy(x, t, z_loss=factor, **options)
            assert_within(budget, l_i, exactly, float(plain) + penalty)
            log_p = np.array(exact.log_softmax(x), np.float64)
            more = 2 * abs(factor) * size
            scale = np.exp(log_p) * v.sum() * (1 + more) + v
            budget = whole + n.exps + n.sum + own + 9
            if n.top >= 0:
                others = np.delete(v, n.top).sum() + more * v.sum()
                scale[n.top] = others - np.expm1(log_p[n.top]) * v.sum() * (1 + more)
                budget[n.top] += n.others
            exactly = exact.cross_entropy_backward(x, t, z_loss=factor, **options)
            assert_within(budget, grad_i, exactly, scale)


@in_both_precisions
def test_the_penalty_keeps_its_digits_where_the_log_of_the_sum_is_near_0(dtype):
    """log(1 + exp(-80)) is log1p(q), of which log S, of an S that rounds to 1, would keep nothing.

    The gradient at the label is -(1 - p) + 2 z p lse: EXP, a sum, and LOG1P and a quotient of the
    second term; four more operations.
    """
    x = np.array([0, -80, -80], dtype)
    loss, grad = losses.cross_entropy_value_and_grad(x, 0, z_loss=0.25)
    assert_within(2 * EXP[dtype] + 10, loss, exact.cross_entropy(x, 0, z_loss=0.25))
    exactly = exact.cross_entropy_backward(x, 0, z_loss=0.25)
    assert_within(2 * (EXP[dtype] + 8), grad, exactly)
    assert abs(grad[0]) > 0


@exact.exactly
def diagonal(x, weight, cap, factor):
    """Return the terms of the diagonal, s**2 V' p (1 - p), s**2 2 z V p**2 and g b, and a size.

    The size is that of the terms of g b: of p V' and v, or of (V' - v) and (1 - p) V'.
    """
    y, s = exact.capped(x, cap), exact.slopes(x, cap)
    p, total = exact.softmax(y), exact.logsumexp(y)
    whole = weight * (1 + 2 * factor * total)
    more = abs(whole - weight)
    found = []
    for c, (y_c, s_c, p_c) in enumerate(zip(y, s, p, strict=True)):
        v, b = weight * (c == 0), -2 * y_c / cap**2 * s_c
        terms = (s_c**2 * whole * p_c * (1 - p_c), 2 * s_c**2 * factor * weight * p_c**2)
        size = min(p_c * whole + v, weight - v + more + (1 - p_c) * whole)
        found.append(([*terms, b * (p_c * whole - v)], abs(b) * size))
    return found


@pytest.mark.parametrize("factor", [0.0, 0.25])
@in_both_precisions
def test_the_diagonal_is_as_exact_as_its_terms(dtype, factor):
    """Those of capped logits: twice `capping`; p, twice, and 1 - p; the slope, twice; and, of the
    last term, TANH, a quotient and the gradient. With few operations more, all of them counted.
    """
    rng = np.random.default_rng(2)
    for x in (10 * rng.standard_normal((20, 4))).astype(dtype):
        found = losses.cross_entropy_hessian_diagonal(x, 0, softcap=CAP, z_loss=factor)
        terms = diagonal(x, 1, CAP, factor)
        n = roundings(capped(x).astype(dtype))
        slope = 2 * np.abs(x.astype(np.float64)) / CAP + EXP[dtype] + 5
        log_sum = sizes(capped(x).astype(dtype), dtype)[1]
        budget = 2 * capping(x, dtype) + 2 * (n.exps + n.sum + 1) + n.others
        budget = budget + 2 * slope + TANH[dtype] + log_sum + 12
        sizes_ = [float(sum(map(abs, each[:2])) + size) for each, size in terms]
        assert_within(budget, found, [sum(each) for each, _ in terms], sizes_)
