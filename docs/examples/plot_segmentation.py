"""
Segmentation with ``ignore_index``
==================================

This example labels each pixel of an image. The borders between objects have no
label, because nobody could tell what is there: ``ignore_index`` leaves these
pixels out. The logits have the shape (N, C, H, W) and the target has the shape
(N, H, W). The images are drawn here: bright discs and dark squares in noise.
The model is linear in a few blurred copies of the image.
"""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

import losses

UNLABELLED = 255  # as in many data sets of segmentation
NAMES = ["background", "disc", "square"]
SIDE = 48

# %%
# Images and labels
# -----------------


def draw(rng):
    """Return an image and its labels, the border of each object unlabelled."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    label, level = np.zeros((SIDE, SIDE), np.int64), np.zeros((SIDE, SIDE))
    for kind in (1, 2, 1, 2):
        row, column = rng.integers(8, SIDE - 8, 2)
        radius = rng.integers(4, 9)
        away = (
            np.hypot(rows - row, columns - column)
            if kind == 1
            else np.maximum(abs(rows - row), abs(columns - column))
        )
        bright = 1.0 if kind == 1 else -1.0
        around, inside = away <= radius + 1, away <= radius - 1
        label[around], level[around] = UNLABELLED, bright / 2
        label[inside], level[inside] = kind, bright
    return level + rng.normal(0, 1, level.shape), label


def draw_many(count, seed):
    """Return images of shape (N, H, W) and their labels."""
    rng = np.random.default_rng(seed)
    images, labels = zip(*(draw(rng) for _ in range(count)), strict=True)
    return np.stack(images), np.stack(labels)


def features_of(images):
    """Return means over squares of several sizes, in shape (N, F, H, W)."""
    found = [np.ones_like(images)]
    for radius in (0, 1, 2, 4):
        width = 2 * radius + 1
        around = (radius, radius)
        padded = np.pad(images, ((0, 0), around, around), mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(
            padded, (width, width), axis=(1, 2)
        )
        found.append(windows.mean(axis=(-2, -1)))
    return np.stack(found, axis=1)


images, labels = draw_many(12, seed=0)
features = features_of(images)
print("features", features.shape, "labels", labels.shape)
print(f"pixels without a label: {np.mean(labels == UNLABELLED):.1%}")

# %%
# Training
# --------
# The classes are on axis 1, which is the default, so pass logits and target as
# they are. The model learns from twelve images, in 300 steps of gradient
# descent.


def logits_of(model, features):
    """Return logits of shape (N, C, H, W)."""
    return np.einsum("fc,nfhw->nchw", model, features, optimize=True)


model = np.zeros((features.shape[1], 3))
curve = []
for _ in range(300):
    logits = logits_of(model, features)
    loss, grad = losses.cross_entropy_value_and_grad(
        logits, labels, ignore_index=UNLABELLED
    )
    model -= 1.0 * np.einsum("nfhw,nchw->fc", features, grad, optimize=True)
    curve.append(loss)
print(f"loss: {curve[0]:.4f}, after training {curve[-1]:.4f}")
# At first all logits are 0, and every pixel that counts costs log 3. The mean
# is log 3 too, to the rounding of a sum (added up in pairs of blocks) and a
# division.
assert abs(curve[0] - np.log(3)) < 64 * np.finfo(float).eps
assert all(later < earlier for earlier, later in pairwise(curve))

# %%
# A pixel without a label counts nothing
# --------------------------------------
# A pixel without a label changes neither the loss nor the divisor nor the
# gradient, whatever its logits are. Here its logits become nan, and not a bit
# of the result changes.

ignored = labels == UNLABELLED
broken = np.where(ignored[:, None], np.nan, logits)
broken_loss, broken_grad = losses.cross_entropy_value_and_grad(
    broken, labels, ignore_index=UNLABELLED
)
assert broken_loss == loss
assert np.array_equal(broken_grad, grad)
assert not grad.transpose(0, 2, 3, 1)[ignored].any()

# %%
# So the loss is that of the labelled pixels alone, as rows of an array
# (pixels, 3). The loss of each pixel has the same bits there, because it does
# not depend on the layout. The means agree to the rounding of two sums.

rows, row_labels = logits.transpose(0, 2, 3, 1)[~ignored], labels[~ignored]
each = losses.cross_entropy(
    logits, labels, ignore_index=UNLABELLED, reduction="none"
)
assert np.array_equal(
    each[~ignored], losses.cross_entropy(rows, row_labels, reduction="none")
)
assert not each[ignored].any()
flat = losses.cross_entropy(rows, row_labels)
print(f"mean of (N, C, H, W):          {loss:.12f}")
print(f"of labelled pixels as rows:    {flat:.12f}")
assert abs(flat - loss) <= 64 * np.finfo(float).eps * loss

# %%
# New images
# ----------
# New images come one at a time. They differ in how many pixels count, so the
# mean of their means is not the mean over all pixels. An evaluator keeps the
# sums.

new_images, new_labels = draw_many(8, seed=1)
new_logits = logits_of(model, features_of(new_images))
evaluator = losses.Evaluator(ignore_index=UNLABELLED)
for image in range(len(new_images)):
    evaluator.update(
        new_logits[image : image + 1], new_labels[image : image + 1]
    )
whole = losses.cross_entropy(new_logits, new_labels, ignore_index=UNLABELLED)
print(f"loss of new images: {evaluator.loss:.4f}")
print(f"accuracy: {evaluator.accuracy:.3f}")
print(f"pixels counted: {evaluator.count} of {new_labels.size}")
assert abs(evaluator.loss - whole) <= 64 * np.finfo(float).eps * whole
assert evaluator.count == (new_labels != UNLABELLED).sum()

found = new_logits.argmax(axis=1)
counted = new_labels != UNLABELLED
assert evaluator.accuracy == np.mean(found[counted] == new_labels[counted])
for kind, name in enumerate(NAMES):
    both = ((found == kind) & (new_labels == kind)).sum()
    either = (((found == kind) | (new_labels == kind)) & counted).sum()
    print(f"{name:10}: intersection over union {both / either:.2f}")
    assert both / either > 0.5

# %%

fig, axes = plt.subplots(2, 3, figsize=(7.2, 4.8), layout="constrained")
shown = np.ma.masked_equal(new_labels, UNLABELLED)
for row, image in zip(axes, (0, 1), strict=True):
    row[0].imshow(new_images[image], cmap="gray")
    row[1].imshow(shown[image], vmin=0, vmax=2, cmap="viridis")
    row[2].imshow(found[image], vmin=0, vmax=2, cmap="viridis")
    for ax in row:
        ax.set_xticks([])
        ax.set_yticks([])
for ax, title in zip(
    axes[0], ("image", "label (white: none)", "found"), strict=True
):
    ax.set_title(title)

# %%

fig, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
ax.plot(np.arange(len(curve)), curve)
ax.set_xlabel("step")
ax.set_ylabel("mean cross entropy of labelled pixels")
ax.grid(alpha=0.3)
