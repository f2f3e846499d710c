"""
A small network on digits, beside PyTorch
=========================================

This example trains a network with NumPy and ``losses`` only. The network has
one hidden layer and learns scikit-learn's 1,797 images of handwritten digits.
The loss gives the gradient of the logits, and the chain rule takes a few lines
more. PyTorch trains the same network, from the same initial weights and on the
same batches. Its losses must be the same at every step, to rounding.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import losses

# %%
# Data and initial weights
# ------------------------
# The images have 8 by 8 pixels between 0 and 1. A quarter of the images is
# held out.

X, y = load_digits(return_X_y=True)
X = X / 16
order = np.random.default_rng(0).permutation(len(y))
train, test = order[450:], order[:450]

HIDDEN, CLASSES, BATCH, EPOCHS, RATE, MOMENTUM = 32, 10, 64, 30, 0.1, 0.9


def initial_weights():
    """Return the weights and biases of both layers."""
    rng = np.random.default_rng(1)
    return [
        rng.normal(0, 1 / 8, (64, HIDDEN)),
        np.zeros(HIDDEN),
        rng.normal(0, 1 / np.sqrt(HIDDEN), (HIDDEN, CLASSES)),
        np.zeros(CLASSES),
    ]


rng = np.random.default_rng(2)
batches = [
    batch
    for _ in range(EPOCHS)
    for batch in np.array_split(rng.permutation(train), len(train) // BATCH)
]

# %%
# Training with NumPy
# -------------------
# Gradient descent with momentum, on one batch after the other.


def logits_of(weights, inputs):
    """Return the activations of the hidden layer and the logits."""
    hidden = np.tanh(inputs @ weights[0] + weights[1])
    return hidden, hidden @ weights[2] + weights[3]


def loss_and_gradients(weights, inputs, target):
    """Return the loss and its gradient with respect to each of the weights."""
    hidden, logits = logits_of(weights, inputs)
    loss, grad_logits = losses.cross_entropy_value_and_grad(logits, target)
    grad_hidden = (grad_logits @ weights[2].T) * (1 - hidden**2)
    return loss, [
        inputs.T @ grad_hidden,
        grad_hidden.sum(axis=0),
        hidden.T @ grad_logits,
        grad_logits.sum(axis=0),
    ]


def train_with_numpy(weights):
    """Return the loss of each batch, and each epoch's on held-out digits."""
    velocity = [np.zeros_like(w) for w in weights]
    curve, held_out = [], []
    for step, batch in enumerate(batches, start=1):
        loss, gradients = loss_and_gradients(weights, X[batch], y[batch])
        curve.append(loss)
        for w, v, gradient in zip(weights, velocity, gradients, strict=True):
            v *= MOMENTUM
            v += gradient
            w -= RATE * v
        if step % (len(batches) // EPOCHS) == 0:
            held_out.append(
                losses.cross_entropy(logits_of(weights, X[test])[1], y[test])
            )
    return np.array(curve), np.array(held_out)


weights = initial_weights()
curve, held_out = train_with_numpy(weights)
accuracy = np.mean(logits_of(weights, X[test])[1].argmax(axis=1) == y[test])
print(f"first loss {curve[0]:.4f}, last {curve[-1]:.4f}")
print(f"held out: {held_out[-1]:.4f}")
print(f"accuracy on {len(test)} held-out digits: {accuracy:.3f}")

# %%
# The same in PyTorch
# -------------------


def train_with_pytorch(weights):
    """Return the loss of each batch, and each epoch's on held-out digits."""
    torch.set_num_threads(1)
    inputs, target = torch.from_numpy(X), torch.from_numpy(y)
    parameters = [torch.tensor(w, requires_grad=True) for w in weights]
    optimizer = torch.optim.SGD(parameters, lr=RATE, momentum=MOMENTUM)

    def loss_of(rows):
        hidden = torch.tanh(inputs[rows] @ parameters[0] + parameters[1])
        logits = hidden @ parameters[2] + parameters[3]
        return torch.nn.functional.cross_entropy(logits, target[rows])

    curve, held_out = [], []
    for step, batch in enumerate(batches, start=1):
        optimizer.zero_grad()
        loss = loss_of(batch)
        loss.backward()
        optimizer.step()
        curve.append(loss.item())
        if step % (len(batches) // EPOCHS) == 0:
            held_out.append(loss_of(test).item())
    return np.array(curve), np.array(held_out)


try:
    import torch
except ModuleNotFoundError:
    torch = None
    print("PyTorch is not installed, so its curve is left out")
else:
    torch_curve, torch_held_out = train_with_pytorch(initial_weights())

# %%
# How far may the curves be apart?
# --------------------------------
# Both programs compute the same formulas in float64, but add in another order.
# The inner products of a step add up to 64 terms, and four of them follow one
# another (two layers forward, two back). Of n roundings, as often up as down,
# about √n remain. So one step is off by up to 4 √64 eps of the size of the
# weights.
#
# Later steps may enlarge or shrink this difference. By how much is measured: a
# third training starts from weights that are off by 1e-8 of their size, each
# up or down at random. That is far above rounding, and so small that the loss
# changes in proportion. The growth is the change of the curve divided by 1e-8.
# The loss of step k is rounded itself and sees k steps before it. So the bound
# is (1 + k growth) 4 √64 eps.

perturbed = [
    w * (1 + 1e-8 * rng.choice([-1, 1], w.shape)) for w in initial_weights()
]
growth = abs(train_with_numpy(perturbed)[0] - curve).max() / 1e-8
steps = np.arange(1, len(batches) + 1)
bound = (1 + steps * growth) * 4 * np.sqrt(64) * np.finfo(float).eps
print(f"growth of a perturbation: {growth:.2f}")
print(f"bound at step {steps[-1]}: {bound[-1]:.1e}")
if torch is not None:
    gap = abs(curve - torch_curve)
    held_out_gap = abs(held_out - torch_held_out)
    print(f"curves apart: at most {gap.max():.1e} in training,", end=" ")
    print(f"{held_out_gap.max():.1e} held out")
    assert (gap <= bound).all()
    per_epoch = len(batches) // EPOCHS
    assert (held_out_gap <= bound[per_epoch - 1 :: per_epoch]).all()

# %%
# Has the network learned? A guess costs log 10 and finds a tenth of the
# digits. On held-out digits the network must cost less than a tenth of log 10,
# and find more than 95 % of the digits.

assert held_out[-1] < np.log(10) / 10
assert accuracy > 0.95

# %%
# The learning curve
# ------------------

fig, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
epochs = range(1, EPOCHS + 1)
ax.plot(steps * EPOCHS / len(batches), curve, color="0.75", label="each batch")
ax.plot(epochs, held_out, label="held out, losses")
if torch is not None:
    label = "held out, PyTorch"
    ax.plot(epochs, torch_held_out, "o", fillstyle="none", label=label)
ax.set_yscale("log")
ax.set_xlabel("epoch")
ax.set_ylabel("cross entropy")
ax.legend()
ax.grid(alpha=0.3)

# %%
# The difference between the two
# ------------------------------
# On a logarithmic scale there is no 0: steps with the same loss are drawn at
# 1e-17.

fig, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
ax.plot(steps, bound, "k--", label="bound")
if torch is not None:
    label = "losses against PyTorch"
    ax.plot(steps, np.maximum(gap, 1e-17), ".", markersize=3, label=label)
ax.set_yscale("log")
ax.set_xlabel("step")
ax.set_ylabel("difference of the losses")
ax.legend()
ax.grid(alpha=0.3)
