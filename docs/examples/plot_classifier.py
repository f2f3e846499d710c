"""
A softmax classifier
====================

Three clouds of points are told apart by a linear model.
Trained with gradient descent: the gradient of the mean cross entropy with respect to the logits
comes from ``losses.cross_entropy_value_and_grad``, that of the weights from the chain rule.
"""

import matplotlib.pyplot as plt
import numpy as np

import losses

rng = np.random.default_rng(0)
target = np.repeat([0, 1, 2], 50)
centres = np.array([[5.0, 3.4, 1.5], [5.9, 2.8, 4.3], [6.6, 3.0, 5.6]])
inputs = centres[target] + 0.3 * rng.standard_normal((150, 3))
inputs = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0)

# %%
# Each step asks for the loss and its gradient at once.

weights, history = np.zeros((3, 3)), []
for step in range(100):
    loss, grad_logits = losses.cross_entropy_value_and_grad(inputs @ weights, target)
    weights -= inputs.T @ grad_logits
    history.append(loss)
    if step % 20 == 0:
        print(f"step {step:3}: loss {loss:.4f}")
print(f"accuracy {((inputs @ weights).argmax(axis=1) == target).mean():.3f}")

# %%
# The loss falls as long as the weights grow.

plt.plot(history)
plt.yscale("log")
plt.xlabel("step")
plt.ylabel("mean cross entropy")
plt.grid()
