"""
Class imbalance with ``weight``
===============================

This example trains a classifier on classes of very different frequency. If a
class is rare, a model that ignores it costs little. ``weight`` makes each
class as expensive as it should be. Here eights and nines are rare in the
training digits, and as frequent as the others in the held-out digits. A weight
has an exact meaning: a class of weight 3 costs the same as if each of its
samples were there three times.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import losses

# %%
# Half of the digits are for training, but only 8 of the eights and 8 of the
# nines.

X, y = load_digits(return_X_y=True)
X = np.column_stack([X / 16, np.ones(len(y))])
half = np.random.default_rng(0).permutation(len(y))
train, test = half[: len(y) // 2], half[len(y) // 2 :]
RARE, KEPT = (8, 9), 8
for digit in RARE:
    surplus = train[y[train] == digit][KEPT:]
    train = np.setdiff1d(train, surplus)
counts = np.bincount(y[train])
print("samples of each class:", counts)

# %%
# Weights in inverse proportion to the counts give every class the same
# influence. Here they are rounded to whole numbers, so that the next check can
# repeat samples.

weight = np.round(counts.max() / counts)
print("weight of each class: ", weight)

# %%
# A weight repeats a sample
# -------------------------
# The mean divides by the sum of the targets' weights, so it equals the mean
# over the repeated samples. The gradients are equal too, after the gradients
# of the copies are added up.

rng = np.random.default_rng(1)
logits, target = rng.standard_normal((len(train), 10)), y[train]
times = weight[target].astype(int)
copies = np.repeat(np.arange(len(train)), times)
loss, grad = losses.cross_entropy_value_and_grad(logits, target, weight=weight)
repeated, grad_copies = losses.cross_entropy_value_and_grad(
    logits[copies], target[copies]
)
added = np.zeros_like(grad)
np.add.at(added, copies, grad_copies)
off, apart = abs(loss - repeated), abs(grad - added).max()
print(f"weighted loss {loss:.6f}, off the repeated one by {off:.1e}")
print(f"gradients up to {abs(grad).max():.1e}, apart by {apart:.1e}")
# Two sums of positive terms, added up in pairs of blocks, that end in one
# division: fewer than log2(n) + 32 roundings of any term on each side. The
# gradient adds up to max(times) copies.
eps = np.finfo(float).eps
assert off <= 2 * (np.log2(len(copies)) + 32) * eps * loss
assert apart <= 2 * (times.max() + 8) * eps * abs(grad).max()

# %%
# The mean over all samples is not the mean of the batches' means, because each
# batch divides by the sum of its own weights. Merge sums instead.

batches = np.array_split(np.arange(len(train)), 7)
means = [
    losses.cross_entropy(logits[b], target[b], weight=weight) for b in batches
]
merged = losses.merge_sums(
    *(
        losses.cross_entropy_sums(logits[b], target[b], weight=weight)
        for b in batches
    )
)
print(f"whole                {loss:.6f}")
print(f"merged sums          {merged.mean:.6f}")
print(f"mean of the means    {np.mean(means):.6f}")
assert abs(merged.mean - loss) <= 2 * (np.log2(len(train)) + 32) * eps * loss

# %%
# Two models
# ----------
# Multinomial logistic regression with a small penalty, with and without
# weights.

PENALTY = 1e-3


def fit(weight):
    """Minimise the penalised mean loss; return the model and the gradient."""

    def value_and_gradient(flat):
        model = flat.reshape(-1, 10)
        loss, grad_logits = losses.cross_entropy_value_and_grad(
            X[train] @ model, y[train], weight=weight
        )
        value = loss + PENALTY / 2 * (model**2).sum()
        return value, (X[train].T @ grad_logits + PENALTY * model).ravel()

    def hessian_product(flat, direction):
        along = direction.reshape(-1, 10)
        product = losses.cross_entropy_hvp(
            X[train] @ along,
            X[train] @ flat.reshape(-1, 10),
            y[train],
            weight=weight,
        )
        return (X[train].T @ product + PENALTY * along).ravel()

    found = minimize(
        value_and_gradient,
        np.zeros(X.shape[1] * 10),
        jac=True,
        hessp=hessian_product,
        method="trust-ncg",
        options={"gtol": 1e-7},
    )
    assert found.success
    return found.x.reshape(-1, 10), found.jac.reshape(-1, 10)


model, gradient = fit(weight)
recall = {}
for name, fitted in {"no weights": fit(None)[0], "weights": model}.items():
    found = (X[test] @ fitted).argmax(axis=1)
    recall[name] = np.array(
        [np.mean(found[y[test] == digit] == digit) for digit in range(10)]
    )
    rare, every = recall[name][list(RARE)].mean(), recall[name].mean()
    print(f"{name:10}: recall of rare digits {rare:.3f}, of all {every:.3f}")

# %%
# scikit-learn finds the same model with ``class_weight``. Its ``C`` multiplies
# the sum of the losses, where the mean is used here. So ``C`` is 1, divided by
# the penalty and by the sum of the weights. The objective is strongly convex,
# and the penalty is its least curvature. So the distance of the two models is
# at most the sum of the lengths of their gradients, divided by the penalty.

theirs = LogisticRegression(
    C=1 / (PENALTY * weight[y[train]].sum()),
    class_weight=dict(enumerate(weight)),
    fit_intercept=False,  # the last column is the intercept here
    solver="newton-cg",
    tol=1e-10,
).fit(X[train], y[train])
theirs = theirs.coef_.T
_, grad_logits = losses.cross_entropy_value_and_grad(
    X[train] @ theirs, y[train], weight=weight
)
left = X[train].T @ grad_logits + PENALTY * theirs
bound = (np.linalg.norm(gradient) + np.linalg.norm(left)) / PENALTY
gap = np.linalg.norm(model - theirs)
print(f"coefficients of length {np.linalg.norm(theirs):.1f}")
print(f"apart {gap:.1e}, bound {bound:.1e}")
assert gap <= bound <= 1e-3

# %%
# The weights must be worth it. The recall of the rare digits must rise by a
# tenth. The mean of all recalls, which is the accuracy if all classes are
# equally frequent, must rise too.

rare = list(RARE)
assert (
    recall["weights"][rare].mean() >= recall["no weights"][rare].mean() + 0.1
)
assert recall["weights"].mean() > recall["no weights"].mean()

# %%

fig, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
for shift, (name, values) in zip((-0.2, 0.2), recall.items(), strict=True):
    ax.bar(np.arange(10) + shift, values, 0.4, label=name)
ax.set_xticks(range(10), [f"{d}\n({n})" for d, n in enumerate(counts)])
ax.set_xlabel("digit (samples to learn from)")
ax.set_ylabel("recall on held-out digits")
ax.set_ylim(0, 1.15)
ax.legend(loc="upper center", ncols=2)
ax.grid(axis="y", alpha=0.3)
