"""cross_entropy and its gradient, against the formulas in decimals.

The counts of roundings are those of `budgets`; a test names the rest.
"""

import numpy as np
import pytest
from tests.accuracy import exact
from tests.accuracy.budgets import EXP, LOG1P, additions, assert_within, roundings
from tests.accuracy.parameters import in_both_precisions, in_every_regime
from tests.accuracy.regimes import draw, problems

import losses

# Each entry of the mass v, which multiplies -log p, is w_c ((1 - eps) q_c + eps / C): a rounding
# each for 1 - eps, its product, eps / C, their sum (of which the larger of two chains counts) and
# the product with the weight.
MASS = 4

in_every_form = pytest.mark.parametrize("form", ["indices", "probabilities", "one-hot"])
with_every_option = pytest.mark.parametrize(
    ("label_smoothing", "weighted"), [(0.0, False), (0.1, True), (0.1, "one class")]
)


def formed(target, form, logits):
    """Return class indices as such, or as probabilities: one-hot, or others."""
    if form == "indices":
        return target
    if form == "one-hot":
        return np.eye(logits.shape[1], dtype=logits.dtype)[target]
    probs = np.random.default_rng(16).dirichlet(np.ones(logits.shape[1]), target.size)
    return probs.astype(logits.dtype)


def class_weight(logits, weighted=True):
    """Return the option weight: one number for each class, or None."""
    if weighted == "one class":  # next to which the others, of which 1 - p is the sum, are lost
        weight = np.full(logits.shape[1], 1e-6, logits.dtype)
        weight[logits[0].argmax()] = 1
        return weight
    return np.linspace(0.5, 1, logits.shape[1], dtype=logits.dtype) if weighted else None


@in_both_precisions
def test_nll_loss_and_its_gradient_are_products(dtype):
    log_probs = losses.log_softmax(np.random.default_rng(3).standard_normal((5, 4)).astype(dtype))
    weight, options = class_weight(log_probs), {"reduction": "none"}
    target = np.array([0, 3, 1, 2, 2])
    loss = losses.nll_loss(log_probs, target, weight=weight, **options)
    ones = np.ones(5, dtype)
    grads = losses.nll_loss_backward(ones, log_probs, target, weight=weight, **options)
    for x, t, value, grad in zip(log_probs, target.tolist(), loss, grads, strict=True):
        assert_within(1, value, exact.nll_loss(x, t, weight=weight))
        assert_within(1, grad, exact.nll_loss_backward(x, t, weight=weight))


def hard_budgets(x, t):
    """Return the budgets of a row's loss and gradient for an index target without smoothing.

    The loss is a log-probability and a product: `n.log_probs` + 1.

    The gradient is e (g / S) with g = w grad_output / D: `n.exps`, two in g, `n.sum`, a quotient
    and a product.

    At the target it is (e - S) (g / S). The error of e is one of S, too, and goes; what the others
    have stays, and the additions, of a sum that is at most about twice e - S. Where the target has
    more than half it is -R (g / S): `n.others`. Then a difference, and those of g / S and a
    product.
    """
    n = roundings(x)
    gradient = n.exps + n.sum + 4
    gradient[t] = n.others + n.additions + n.sum + 5
    return n.log_probs[t] + 1, gradient


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@in_every_regime
@in_both_precisions
def test_every_loss_and_gradient_entry_keeps_its_relative_accuracy(regime, dtype, weighted):
    for logits, target in problems(regime, dtype):
        options = {"weight": class_weight(logits, weighted)}
        loss, grad = losses.cross_entropy_value_and_grad(
            logits, target, reduction="none", **options
        )
        for x, t, l_i, grad_i in zip(logits, target.tolist(), loss, grad, strict=True):
            loss_budget, grad_budget = hard_budgets(x, t)
            assert_within(loss_budget, l_i, exact.cross_entropy(x, t, **options))
            assert_within(grad_budget, grad_i, exact.cross_entropy_backward(x, t, **options))


@with_every_option
@in_every_form
@in_every_regime
@in_both_precisions
def test_the_loss_of_a_target_with_mass_in_many_classes_has_no_cancellation(
    regime, dtype, form, label_smoothing, weighted
):
    """The sum of v (-log p): terms of one sign, each with MASS, `n.log_probs` and a product.

    Their additions, and two more: of the mass times `low`, which is the same for all classes, and
    of the class that has more than half.
    """
    for logits, target in problems(regime, dtype):
        target = formed(target, form, logits)
        options = {"label_smoothing": label_smoothing, "weight": class_weight(logits, weighted)}
        loss = losses.cross_entropy(logits, target, reduction="none", **options)
        for x, t, l_i in zip(logits, target.tolist(), loss, strict=True):
            n = roundings(x)
            budget = MASS + additions(x.size) + n.log_probs.max() + 3
            assert_within(budget, l_i, exact.cross_entropy(x, t, **options))


@with_every_option
@in_every_form
@in_every_regime
@in_both_precisions
def test_the_gradient_of_a_class_with_more_than_half_is_a_difference_of_the_others_shares(
    regime, dtype, form, label_smoothing, weighted
):
    """p_c V - v_c is a true difference of rounded terms: relative to p_c V + v_c.

    At a class with more than half it is (V - v) - V (1 - p), where V - v is the sum of the others'
    masses and 1 - p their share: relative to the sum of those two. One-hot at this class, that is
    relative to the result: the first is 0, and the rest is a share without a subtraction.

    V has MASS and its additions, its product with the probability or the share `n.exps` (or
    `n.others`) and `n.sum` and at most five operations, the difference one more.
    """
    for logits, target in problems(regime, dtype):
        target = formed(target, form, logits)
        options = {"label_smoothing": label_smoothing, "weight": class_weight(logits, weighted)}
        _, grad = losses.cross_entropy_value_and_grad(logits, target, reduction="none", **options)
        for x, t, grad_i in zip(logits, target.tolist(), grad, strict=True):
            n = roundings(x)
            v = np.array(exact.mass(x.size, t, **options), np.float64)
            log_p = np.array(exact.log_softmax(x), np.float64)
            scale = np.exp(log_p) * v.sum() + v
            budget = MASS + additions(x.size) + n.exps + n.sum + 6
            if n.top >= 0:
                scale[n.top] = np.delete(v, n.top).sum() - np.expm1(log_p[n.top]) * v.sum()
                budget[n.top] += n.others
            exactly = exact.cross_entropy_backward(x, t, **options)
            assert_within(budget, grad_i, exactly, scale)


@in_both_precisions
def test_a_prediction_confident_by_80_keeps_its_loss_and_gradient_to_a_few_ulp(dtype):
    """Here x - m is exact, so that the gap brings no rounding: e has EXP, q one addition more."""
    x = np.array([80, 0, 0], dtype)
    exp, log1p = EXP[dtype], LOG1P[dtype]
    loss, grad = losses.cross_entropy_value_and_grad(x, 0)
    assert_within(exp + log1p + 2, loss, exact.cross_entropy(x, 0))
    assert_within(exp + 4, grad, exact.cross_entropy_backward(x, 0))


@in_every_regime
@in_both_precisions
def test_the_weighted_mean_adds_the_roundings_of_two_sums_and_a_quotient(regime, dtype):
    """Losses of one sign have a sum with the roundings of the worst and the additions; so have
    the weights. Then a quotient and a rounding, which the gradient's budget has already.
    """
    grad_output = dtype(0.7)
    for logits, target in problems(regime, dtype):
        options = {"weight": class_weight(logits)}
        loss = losses.cross_entropy(logits, target, **options)
        grad = losses.cross_entropy_backward(grad_output, logits, target, **options)
        sums = additions(target.size)
        whole = sum(exact.decimals(options["weight"][target]))
        budgets, row_losses = [], []
        for x, t, grad_i in zip(logits, target.tolist(), grad, strict=True):
            loss_budget, grad_budget = hard_budgets(x, t)
            budgets.append(loss_budget + 2 * sums + 2)
            row_losses.append(exact.cross_entropy(x, t, **options))
            scale = exact.decimals(grad_output) / whole
            exactly = [scale * entry for entry in exact.cross_entropy_backward(x, t, **options)]
            assert_within(grad_budget + sums, grad_i, exactly)
        assert_within(max(budgets), loss, sum(row_losses) / whole)


def upstream_of_every_size(count, dtype):
    """Return numbers from the smallest to the largest of a dtype, so many of them."""
    info = np.finfo(dtype)
    middle = np.exp2(np.linspace(info.minexp - info.nmant, info.maxexp - 1, count - 2))
    return np.concatenate([[info.smallest_subnormal], middle, [info.max]]).astype(dtype)


@pytest.mark.parametrize(
    "regime", ["normal logits", "sums near the lowest", "sums near the highest"]
)
@in_both_precisions
def test_the_gradient_keeps_its_accuracy_from_the_smallest_upstream_to_the_largest(regime, dtype):
    """g / S neither loses digits nor overflows: e / S and g are multiplied one after the other.

    Without a weight g is exact: what the budget has for that covers the product more.
    """
    for logits, target in problems(regime, dtype):
        for grad_output in upstream_of_every_size(48, dtype).reshape(-1, 8)[:, : len(logits)]:
            grad = losses.cross_entropy_backward(grad_output, logits, target, reduction="none")
            for g, x, t, row in zip(grad_output, logits, target.tolist(), grad, strict=True):
                exactly = exact.cross_entropy_backward(x, t)
                exactly = [exact.decimals(g) * entry for entry in exactly]
                assert_within(hard_budgets(x, t)[1], row, exactly)
                alone = losses.cross_entropy_backward(g, x, t)
                assert np.array_equal(alone, row)


# What a promise in the docstrings says, whatever the spread of the logits: ulp of a loss and of an
# entry of its gradient. It is less than the worst count, for no sum meets the worst of every term.
FLAT_LOSS, FLAT_GRADIENT = 8, 12


@in_every_regime
@in_both_precisions
def test_loss_and_gradient_are_within_a_few_ulp_wherever_no_shift_is_rounded(regime, dtype):
    for logits, target in problems(regime, dtype):
        both = losses.cross_entropy_value_and_grad(logits, target, reduction="none")
        log_probs = losses.log_softmax(logits)
        rows = zip(logits, target.tolist(), *both, log_probs, strict=True)
        for x, t, loss, grad, row in rows:
            if roundings(x).exps.max() > EXP[dtype]:
                continue
            exactly = exact.log_softmax(x)
            assert_within(FLAT_LOSS, loss, -exactly[t])
            assert_within(FLAT_LOSS, row, exactly)
            assert_within(FLAT_GRADIENT, grad, exact.cross_entropy_backward(x, t))


# On both sides of each change of the order in which classes are added.
@pytest.mark.parametrize("classes", [2, 32, 33, 64, 65, 1024, 1025, 2048, 2049])
@in_both_precisions
def test_loss_and_gradient_are_within_a_few_ulp_in_every_order_of_the_sum(classes, dtype):
    x, (t,) = draw("spread of 10", 1, classes, dtype, np.random.default_rng(classes))
    loss, grad = losses.cross_entropy_value_and_grad(x, [t])
    assert_within(FLAT_LOSS, loss, exact.cross_entropy(x[0], int(t)))
    assert_within(FLAT_GRADIENT, grad[0], exact.cross_entropy_backward(x[0], int(t)))


@pytest.mark.parametrize("logit", [0, -0.0, 1e-40, 1, -1.4, 88, 100, -100, -1000, 1e4, -1e30, 1e30])
@in_both_precisions
def test_the_only_class_is_certain_whatever_its_logit(logit, dtype):
    x = np.array([[logit]], dtype)
    loss, grad = losses.cross_entropy_value_and_grad(x, [0])
    assert (loss, grad[0, 0], np.signbit(loss)) == (0, 0, False)
    assert losses.log_softmax(x)[0, 0] == 0
    assert losses.softmax(x)[0, 0] == 1
    assert_within(1, losses.logsumexp(x), exact.decimals(x[0]))


@in_both_precisions
def test_tiny_probabilities_err_by_a_few_of_the_smallest_numbers(dtype):
    """An exponential below the normal numbers errs by EXP / 2 of the smallest number, four times as
    much over a sum near 1/4; the quotient and the product are rounded once more.
    """
    info = np.finfo(dtype)
    tiny = np.linspace(np.log(info.smallest_normal) + 2, np.log(info.smallest_subnormal), 60)
    for top in (-1.38, 0):  # beside which the others do not count
        x = np.concatenate([[top], tiny]).astype(dtype)
        n = roundings(x)
        budget = n.exps + n.sum + 4 + 4 * EXP[dtype] / 2
        assert_within(budget[1:], losses.softmax(x)[1:], exact.softmax(x)[1:])
        grad = losses.cross_entropy_backward(1, x, 0)
        assert_within(budget[1:], grad[1:], exact.cross_entropy_backward(x, 0)[1:])


def test_two_logits_of_1e8_have_a_loss_of_log_2():
    """log1p(1) and the difference from an exact 0."""
    x = np.array([1e8, 1e8], np.float32)
    assert_within(LOG1P[np.float32], losses.cross_entropy(x, 0), exact.cross_entropy(x, 0))
