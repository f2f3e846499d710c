"""
A small student learns from a teacher
=====================================

This example distils a large network into a small one. The large network, the
teacher, has learned digits from labels. The small one, the student, learns
from the logits of the teacher and needs no labels. At a temperature above 1
these logits also say which digits look alike. The loss is
``kl_div_with_logits``. It keeps its digits where student and teacher nearly
agree; the textbook's formula returns rounding errors there.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import losses

TEMPERATURE = 4.0

# %%
# Digits, and networks with one hidden layer
# ------------------------------------------
# The digits have 8 by 8 pixels between 0 and 1, and a quarter of them is held
# out. The teacher has 128 hidden units, the student 8.

X, y = load_digits(return_X_y=True)
X = X / 16
order = np.random.default_rng(0).permutation(len(y))
train, test = order[450:], order[:450]


def network(hidden, seed):
    """Return the weights and biases of both layers."""
    rng = np.random.default_rng(seed)
    return [
        rng.normal(0, 1 / 8, (64, hidden)),
        np.zeros(hidden),
        rng.normal(0, 1 / np.sqrt(hidden), (hidden, 10)),
        np.zeros(10),
    ]


def logits_of(weights, inputs):
    """Return the activations of the hidden layer and the logits."""
    hidden = np.tanh(inputs @ weights[0] + weights[1])
    return hidden, hidden @ weights[2] + weights[3]


def fit(weights, loss_and_grad, epochs, rate=0.1, momentum=0.9, batch=64):
    """Train by gradient descent; loss_and_grad takes logits and indices."""
    rng, curve = np.random.default_rng(2), []
    velocity = [np.zeros_like(w) for w in weights]
    parts = len(train) // batch
    for _ in range(epochs):
        for some in np.array_split(rng.permutation(train), parts):
            hidden, logits = logits_of(weights, X[some])
            loss, grad = loss_and_grad(logits, some)
            grad_hidden = (grad @ weights[2].T) * (1 - hidden**2)
            gradients = (
                X[some].T @ grad_hidden,
                grad_hidden.sum(0),
                hidden.T @ grad,
                grad.sum(0),
            )
            for w, v, gradient in zip(
                weights, velocity, gradients, strict=True
            ):
                v *= momentum
                v -= rate * gradient
                w += v
            curve.append(loss)
    return np.array(curve)


def accuracy(weights):
    """Return the share of the held-out digits that are recognised."""
    return np.mean(logits_of(weights, X[test])[1].argmax(axis=1) == y[test])


# %%
# The teacher learns from the labels
# ----------------------------------

teacher = network(128, seed=1)
fit(
    teacher,
    lambda logits, some: losses.cross_entropy_value_and_grad(logits, y[some]),
    60,
)
soft = logits_of(teacher, X)[1] / TEMPERATURE
print(f"the teacher knows {accuracy(teacher):.1%} of the held-out digits")
assert accuracy(teacher) > 0.95

# %%
# The student learns from the teacher
# -----------------------------------
# Divide both arrays of logits by the temperature T, and multiply the loss by
# T², so that it does not become small for a large T. The gradient with respect
# to the logits x is then T times the gradient with respect to x / T.


def from_the_teacher(logits, some):
    """Return the loss of distillation and its gradient."""
    loss, grad = losses.kl_div_with_logits_value_and_grad(
        logits / TEMPERATURE, soft[some]
    )
    return TEMPERATURE**2 * loss, TEMPERATURE * grad


student = network(8, seed=3)
curve = fit(student, from_the_teacher, 60, rate=0.02)
answers, wanted = (
    logits_of(weights, X[test])[1].argmax(1) for weights in (student, teacher)
)
same = answers == wanted
print(
    f"the student's loss falls from {curve[0]:.2f} to {curve[-20:].mean():.2f}"
)
print(
    f"it knows {accuracy(student):.1%}, "
    f"and answers as its teacher on {same.mean():.1%}"
)
assert curve[-20:].mean() < curve[0] / 10
# From a sixteenth of the units, and without a label:
assert accuracy(student) > 0.9
assert same.mean() > 0.9

# %%
# Nearer and nearer
# -----------------
# Let the logits move from those of the teacher (t = 0) to those of the student
# (t = 1). The divergence is a smooth function of t, is 0 at t = 0 and never
# negative. So it falls as t². The textbook computes the sum of
# q (log q - log p), whose terms are about 1 and have rounding errors of 1e-16.
# Rounding the logits on the way would hide the difference. So both arrays are
# first rounded to multiples of 2^-8; then t = 2^-38 needs multiples of 2^-46,
# which have at most 53 binary digits below 128.

targets = np.round(logits_of(teacher, X[test])[1] * 2**8) / 2**8
direction = np.round(logits_of(student, X[test])[1] * 2**8) / 2**8 - targets
assert np.abs(targets).max() + np.abs(direction).max() < 128
steps = 2.0 ** -np.arange(39)


def textbook(logits, target_logits):
    """Return the divergence as a difference of logarithms."""
    log_p, log_q = map(losses.log_softmax, (logits, target_logits))
    return np.mean(np.sum(np.exp(log_q) * (log_q - log_p), axis=1))


ours = np.array(
    [
        losses.kl_div_with_logits(targets + t * direction, targets)
        for t in steps
    ]
)
theirs = np.array([textbook(targets + t * direction, targets) for t in steps])

# %%
# Near t = 0 the divergence must be t² times half the curvature along the
# direction.

curvature = np.sum(
    direction * losses.kl_div_with_logits_hvp(direction, targets, targets)
)
expected = curvature / 2 * steps**2
for name, found in (("losses", ours), ("the textbook", theirs)):
    print(
        f"at t = 2^-38 {name} has {found[-1]:.3g}, expected {expected[-1]:.3g}"
    )

# %%
# The next term of t² (1 + a t + ...) follows from one t, and must hold at all
# smaller ones. The docstring of the loss allows 16 ulp, and 5 for each of 5
# additions, of 2 + √10 times the loss. The curvature has 12 ulp, and its sums
# over 10 classes and 450 images have up to 10 and 128 roundings.

eps = np.finfo(float).eps
rounding = ((16 + 25) * (2 + np.sqrt(10)) + 12 + 10 + 128) * eps
a = (ours[8] / expected[8] - 1) / steps[8]
assert np.all(
    np.abs(ours[9:] / expected[9:] - 1) <= 2 * abs(a) * steps[9:] + rounding
)
assert np.all(ours > 0)
assert abs(theirs[-1] / expected[-1] - 1) > 0.5

# %%

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
left.plot(curve, color="tab:blue", linewidth=1)
left.set(
    xlabel="batch",
    ylabel="T² KL(teacher ‖ student)",
    yscale="log",
    title="distillation",
)
right.loglog(
    steps, np.abs(theirs), color="tab:orange", label="|Σ q log q - Σ q log p|"
)
right.loglog(steps, ours, color="tab:blue", label="kl_div_with_logits")
right.loglog(
    steps, expected, ":", color="black", label="t² / 2 times the curvature"
)
right.set(
    xlabel="t, from the teacher (0) to the student (1)",
    title="nearer and nearer",
)
right.legend()
figure.tight_layout()
