"""
Quantile regression
===================

This example predicts a band instead of a number. A quantile is a number that
the target stays below with a given probability, and the prediction with the
least ``quantile_loss`` is a quantile. Three quantiles of one model make a
band. SciPy's solver finds a linear band here, and ``quantile_loss_backward``
proves that it is the best. LightGBM learns another band from an objective of
three lines.
"""

import lightgbm as lgb
import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import linprog
from sklearn.datasets import load_diabetes
from sklearn.linear_model import QuantileRegressor

import losses

QUANTILES = (0.1, 0.5, 0.9)

# %%
# The data are 442 patients: the body mass index, and how far diabetes
# progressed in a year. A third of the patients is held out.

X, y = load_diabetes(return_X_y=True, scaled=False)
order = np.random.default_rng(0).permutation(len(y))
train, test = order[len(y) // 3 :], order[: len(y) // 3]
print(f"{len(train)} patients to learn from, {len(test)} held out")

# %%
# A linear band, and the proof that it is the best
# ------------------------------------------------
# The sum of quantile losses of a linear model is a linear program: a residual
# is u - v, where u and v are not negative, and costs q u + (1 - q) v.

design = np.column_stack([np.ones(len(y)), X[:, 2]])


def fit(q):
    """Return the coefficients that minimise the sum of the quantile losses."""
    n, k = design[train].shape
    cost = np.r_[np.zeros(k), np.full(n, q), np.full(n, 1 - q)]
    equations = np.hstack([design[train], np.eye(n), -np.eye(n)])
    bounds = [(None, None)] * k + [(0, None)] * (2 * n)
    found = linprog(cost, A_eq=equations, b_eq=y[train], bounds=bounds)
    assert found.success
    return found.x[:k], found.fun


# %%
# At the minimum 0 is a subgradient. A patient on the line (residual 0) may
# have any slope from -q to 1 - q. The others have the slope of
# ``quantile_loss_backward``. So the line is the best if slopes of the patients
# on the line exist that balance the slopes of the others. If they exist, this
# is a proof, whatever the solver did.

lines = {}
for q in QUANTILES:
    line, cost = fit(q)
    predictions = design[train] @ line
    loss = losses.quantile_loss(
        predictions, y[train], quantile=q, reduction="sum"
    )
    on_the_line = np.abs(predictions - y[train]) < 1e-9 * np.abs(y[train])
    slopes = losses.quantile_loss_backward(
        1.0,
        predictions,
        y[train],
        quantile=q,
        weight=~on_the_line,
        reduction="sum",
    )
    balance = np.linalg.lstsq(
        design[train][on_the_line].T, -design[train].T @ slopes, rcond=None
    )[0]
    below = np.mean(y[test] <= design[test] @ line)
    print(f"q = {q}: loss {loss:.6f}, of the solver {cost:.6f};", end=" ")
    print(f"{below:.0%} held out are below")
    # Both sums add 295 positive terms, with fewer than n roundings of the sum
    # each.
    assert abs(loss - cost) <= 2 * len(train) * np.finfo(float).eps * cost
    assert np.all(balance >= -q - 1e-9)
    assert np.all(balance <= 1 - q + 1e-9)
    lines[q] = line

# %%
# scikit-learn's ``QuantileRegressor`` without a penalty must find the same
# minimum.

for q in QUANTILES:
    theirs = QuantileRegressor(quantile=q, alpha=0, solver="highs")
    predictions = theirs.fit(design[train, 1:], y[train]).predict(
        design[train, 1:]
    )
    loss = losses.quantile_loss(predictions, y[train], quantile=q)
    ours = losses.quantile_loss(design[train] @ lines[q], y[train], quantile=q)
    assert abs(loss - ours) <= 1e-9 * ours  # the tolerance of the solvers
print("scikit-learn's lines cost the same")

# %%
# An objective for LightGBM
# -------------------------
# A boosting library asks for a gradient and a Hessian. The quantile loss has
# no useful Hessian: it is 0 where it exists. So the objective returns ones
# instead, and each leaf moves by a mean of slopes. Slopes are at most 1 and
# the target is in hundreds, so the learning rate must be large. (LightGBM's
# own ``quantile`` grows a tree from the same gradient and the same ones. Then
# it replaces the value of each leaf by a quantile of the residuals, which a
# gradient cannot give.)


def boosted(q):
    """Return predictions of trees that begin at the quantile of all."""

    def objective(predictions, data):
        target = data.get_label()
        slopes = losses.quantile_loss_backward(
            1.0, predictions, target, quantile=q, reduction="sum"
        )
        return slopes, np.ones_like(slopes)

    first = np.quantile(y[train], q)
    start = np.full(len(train), first)
    data = lgb.Dataset(X[train], y[train], init_score=start)
    model = lgb.train({**PARAMETERS, "objective": objective}, data, ROUNDS)
    return first + model.predict(X)


PARAMETERS = {
    "num_leaves": 4,
    "learning_rate": 4.0,
    "deterministic": True,
    "num_threads": 1,
    "verbose": -1,
}
ROUNDS = 100
band = {q: boosted(q) for q in QUANTILES}
for q in QUANTILES:
    line, trees = (
        losses.quantile_loss(predictions[test], y[test], quantile=q)
        for predictions in (design @ lines[q], band[q])
    )
    print(f"q = {q}: held out, a line costs {line:.2f},", end=" ")
    print(f"the trees {trees:.2f}")
low, high = band[0.1][train], band[0.9][train]
inside = np.mean((low <= y[train]) & (y[train] <= high))
print(f"{inside:.0%} of the patients that were learnt from are", end=" ")
print("between the outer quantiles")
assert 0.7 < inside < 0.95

# %%
# The band opens to the right, because the target varies more there. A mean
# cannot show this.

figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
axes.plot(X[test, 2], y[test], "o", color="C7", alpha=0.6, label="held out")
at = np.array([X[:, 2].min(), X[:, 2].max()])
for q, color in zip(QUANTILES, ("C0", "C2", "C3"), strict=True):
    line = lines[q][0] + lines[q][1] * at
    axes.plot(at, line, color=color, label=f"quantile {q}")
axes.set(xlabel="body mass index", ylabel="progression in a year")
axes.legend(frameon=False)
plt.show()
