r"""
A detector and the focal loss
=============================

This example trains a detector with the focal loss, and with cross entropy for
comparison. A detector looks at many places and finds something at few of them.
Under cross entropy the many easy negatives outweigh the rest: each costs
little, but together they make most of the gradient. ``sigmoid_focal_loss``
multiplies each loss by :math:`(1 - p_t)^\gamma`, so that sure predictions
count almost nothing. Here the model detects nines among digits, and nines are
rare.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score

import losses

# %%
# Half of the digits are for training, but only 20 of the nines. The pixels
# pass through a fixed layer of random features, so the detector is not linear
# in the pixels.

X, digit = load_digits(return_X_y=True)
rng = np.random.default_rng(0)
features = np.maximum(
    X / 16 @ rng.standard_normal((64, 200)) / 4 + rng.standard_normal(200), 0
)
features = np.column_stack([features, np.ones(len(X))])
y = (digit == 9).astype(float)
order = rng.permutation(len(y))
train, test = order[: len(y) // 2], order[len(y) // 2 :]
surplus = train[y[train] == 1][20:]
train = np.setdiff1d(train, surplus)
print(f"{len(train)} digits to learn from, {y[train].sum():.0f} of them nines")

# %%
# Without gamma and alpha it is binary cross entropy
# --------------------------------------------------
# Both losses err by fewer than 24 roundings, for any logits.

logits = rng.normal(0, 30, len(train))
focal, focal_gradient = losses.sigmoid_focal_loss_value_and_grad(
    logits, y[train], gamma=0.0, alpha=None, reduction="none"
)
binary, gradient = losses.binary_cross_entropy_with_logits_value_and_grad(
    logits, y[train], reduction="none"
)
bound = 48 * np.finfo(float).eps
assert np.all(np.abs(focal - binary) <= bound * binary)
assert np.all(np.abs(focal_gradient - gradient) <= bound * np.abs(gradient))
print("gamma 0 is cross entropy, to the last few bits")

# %%
# Two detectors
# -------------
# Train the same model with the same small penalty, once with each loss. Focal
# losses are divided by the number of positives, as is usual for detectors.
# ``grad_output`` scales the gradient of a sum in the same pass.

PENALTY = 1e-4
POSITIVES = y[train].sum()


def fit(name, scale, **options):
    """Minimise a sum of losses times the scale, with a penalty."""
    value_and_grad = getattr(losses, f"{name}_value_and_grad")

    def value_and_gradient(model):
        loss, grad = value_and_grad(
            features[train] @ model,
            y[train],
            reduction="sum",
            grad_output=scale,
            **options,
        )
        value = scale * loss + PENALTY / 2 * model @ model
        return value, features[train].T @ grad + PENALTY * model

    found = minimize(
        value_and_gradient,
        np.zeros(features.shape[1]),
        jac=True,
        method="L-BFGS-B",
    )
    return found.x


models = {
    "cross entropy": fit("binary_cross_entropy_with_logits", 1 / len(train)),
    "focal loss": fit("sigmoid_focal_loss", 1 / POSITIVES),
}
precision = {}
for name, model in models.items():
    precision[name] = average_precision_score(y[test], features[test] @ model)
    print(f"{name:13}: average precision {precision[name]:.3f}", end=" ")
    print(f"on {len(test)} held-out digits")
    assert precision[name] > 0.8

# %%
# Here the two detectors are about equally good. With few digits and a penalty,
# cross entropy learns the nines too. But the two losses learn from different
# samples.

# %%
# Where the gradient goes
# -----------------------
# Take the model half way to the minimum of cross entropy. Which share of its
# gradient comes from easy negatives, those that are already right with a
# probability of 0.9?

model = models["cross entropy"] / 2
logits = features[train] @ model
easy = (y[train] == 0) & (losses.sigmoid(logits) < 0.1)
share = {}
for name, options in (
    ("binary_cross_entropy_with_logits", {}),
    ("sigmoid_focal_loss", {"gamma": 1.0}),
    ("sigmoid_focal_loss", {"gamma": 2.0}),
    ("sigmoid_focal_loss", {"gamma": 5.0}),
):
    backward = getattr(losses, f"{name}_backward")
    slopes = np.abs(
        backward(1.0, logits, y[train], reduction="sum", **options)
    )
    label = f"gamma {options['gamma']:.0f}" if options else "cross entropy"
    share[label] = slopes[easy].sum() / slopes.sum()
    print(f"{label:13}: {share[label]:6.1%} of the gradient", end=" ")
    print(f"is from {easy.sum()} easy negatives")
falling = list(share.values())
assert falling == sorted(falling, reverse=True)

# %%
# The plot shows the loss and the gradient of a positive at each logit. With a
# larger gamma, sure predictions count less.

x = np.linspace(-4, 6, 201)
figure, (left, right) = plt.subplots(
    1, 2, figsize=(7.2, 4), layout="constrained"
)
for gamma, color in ((0.0, "C7"), (1.0, "C0"), (2.0, "C2"), (5.0, "C3")):
    options = {"gamma": gamma, "alpha": None, "reduction": "none"}
    loss, slope = losses.sigmoid_focal_loss_value_and_grad(
        x, np.ones_like(x), **options
    )
    left.plot(x, loss, color=color, label=f"gamma {gamma:.0f}")
    right.plot(x, slope, color=color)
left.set(xlabel="logit of a positive", ylabel="loss")
right.set(xlabel="logit of a positive", ylabel="gradient")
left.legend(frameon=False)
plt.show()
