"""CTC against the formulas in decimals, over regimes from ordinary to hopeless.

In roundings, as in budgets.py. A probability y = exp(lp) has EXP; a frame multiplies the sum of
two or three states by it: 3 more. So P has FRAME = EXP + 3 for each frame, and 2 more of the frame
that is added. The loss is log P = log v + k log 2: log v has LOG of at most log 2, the product with
a rounded log 2 and the last sum have 3, of |log P|. Where lp is below -700, y is exp(r) 2**k, and r
is exact but for a rounding of k times the last digits of log 2, far less than EXP.

A posterior is a product of a way forth and one back, which together have one FRAME for each frame
and one step more, divided by P: 2 FRAME T + 8 with the products, and the additions of its states.

The probability of logits has, beside EXP, the rounding of x - max, which exp makes |x - max|
roundings, and those of a sum of C exponentials and a quotient. The |x - max| of the frames of a way
add to at most |log P| + T log L, for the likeliest ways have more than P / L**T.
"""

import numpy as np
import pytest
from tests.accuracy import exact
from tests.accuracy.budgets import EXP, LOG, LOG1P, additions, additions_of_classes, assert_within

import losses

FRAME = EXP[np.float64] + 3
REGIMES = {
    "ordinary": (1.0, 0.0),
    "wide": (8.0, 0.0),
    "collapsed to blanks": (1.0, 60.0),
    "hopeless": (400.0, 0.0),
    "confident": (0.0, 12.0),
    "certain": (0.0, 200.0),
}
TARGETS = [[], [1], [1, 2], [2, 2, 1], [1, 2, 3, 1, 2]]
FRAMES, CLASSES = 12, 5


def logits_of(regime, target, seed):
    """Return logits of a regime: of a deviation, and a lead of the classes of one alignment."""
    rng = np.random.default_rng(seed)
    deviation, lead = REGIMES[regime]
    x = rng.standard_normal((FRAMES, CLASSES)) * (deviation or 1.0)
    way = np.zeros(FRAMES, int)
    if not deviation:
        way[1 : 1 + 2 * len(target) : 2] = target
    x[np.arange(FRAMES), way] += lead
    return x


def of_log_probs(loss, terms):
    """Return the roundings of the loss of log-probabilities and of a posterior."""
    whole = FRAME * FRAMES + 2 + LOG[np.float64] + 3 * abs(loss)
    return whole, 2 * FRAME * FRAMES + 8 + terms


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("seed", [0, 1])
def test_ctc_loss_is_within_its_budget(regime, target, seed):
    log_probs = losses.log_softmax(logits_of(regime, target, seed))
    loss, grad = losses.ctc_loss_value_and_grad(
        log_probs, target, FRAMES, len(target), reduction="sum"
    )
    whole, each = of_log_probs(loss, len(target) + 1)
    assert_within(whole, loss, exact.ctc_loss(log_probs, target), 1.0)
    wanted = np.ravel(exact.ctc_loss_backward(log_probs, target))
    assert_within(each, grad.ravel(), wanted)


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("seed", [0, 1])
def test_ctc_loss_with_logits_is_within_its_budget(regime, target, seed):
    """Where P > 1/2 the loss is within that many roundings of itself, not of 1.

    1 - P is a sum of products of a state, which has FRAME for each frame, and of the others' share,
    at most four numbers of at least a quarter of it: 4 (EXP + additions + 2). The sum over frames
    and states has its additions, and -log1p LOG1P more; so in all what `tail` says. The differences
    x - max of the ways there, weighted, are part of both.
    """
    x = logits_of(regime, target, seed)
    loss, grad = losses.ctc_loss_with_logits_value_and_grad(
        x, target, FRAMES, len(target), reduction="sum"
    )
    states, wanted = 2 * len(target) + 1, exact.ctc_loss_with_logits(x, target)
    more = EXP[np.float64] + additions_of_classes(CLASSES, np.float64) + 2
    gaps = float(wanted) + FRAMES * np.log(states)
    if wanted < np.log(2):
        gaps += np.ptp(x)
        tail = FRAMES * (FRAME + more) + 4 * more + LOG1P[np.float64] + gaps
        tail += additions(FRAMES * states)
        assert_within(tail, loss, wanted)
    else:
        whole, _ = of_log_probs(loss, 0)
        assert_within(whole + FRAMES * more + gaps, loss, wanted, 1.0)
    each = of_log_probs(loss, len(target) + 1)[1] + 2 * (FRAMES * more + gaps) + CLASSES
    wanted = np.ravel(exact.ctc_loss_with_logits_backward(x, target))
    assert_within(each, grad.ravel(), wanted, np.ones(grad.size))


def test_the_formulas_in_decimals_have_the_known_values():
    logs = np.log([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.5, 0.3, 0.2]])
    for target, known in (([1], 0.853315932713), ([1, 2], 1.80180980508), ([], 2.81341071676)):
        assert abs(float(exact.ctc_loss(logs, target)) - known) < 1e-11
        assert abs(float(exact.ctc_loss_with_logits(logs, target)) - known) < 1e-11
