"""
Reading a row of digits without knowing where they are
======================================================

This example trains a small network to read rows of handwritten digits from
left to right. Training says which digits a row has, but not where they are.
The CTC loss adds up the probabilities of all the ways in which the columns of
the row can spell the digits. At the end the network reads rows of digits that
it has never seen. The digits are scikit-learn's.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import losses

# %%
# Rows of digits
# --------------
# A row has three to six digits of 8 by 8 pixels, with gaps of one to four
# empty columns between them. Rows have different lengths; shorter ones are
# padded. CTC needs a class for places without a digit, the blank. Class 0 is
# the blank, and class k + 1 is the digit k.

images, digits = load_digits(return_X_y=True)
images = images.reshape(-1, 8, 8) / 16
order = np.random.default_rng(0).permutation(len(digits))
train, test = order[450:], order[:450]

CLASSES, BLANK, LONGEST, MOST = 11, 0, 6, 6 * 8 + 7 * 4
WINDOW, STRIDE, HIDDEN, BATCH, STEPS = 11, 2, 96, 32, 900


def rows_of(rng, pool, count):
    """Return rows (count, 8, width), labels, counts of frames and labels."""
    rows, labels = np.zeros((count, 8, MOST)), np.zeros((count, LONGEST), int)
    columns, lengths = (
        np.zeros(count, int),
        rng.integers(3, LONGEST + 1, count),
    )
    for i, length in enumerate(lengths):
        chosen = rng.choice(pool, length)
        labels[i, :length] = digits[chosen] + 1
        place = rng.integers(1, 5)
        for image in images[chosen]:
            rows[i, :, place : place + 8] = image
            place += 8 + rng.integers(1, 5)
        columns[i] = place
    return rows, labels, columns // STRIDE, lengths


# %%
# The network
# -----------
# Every second column of a row is a frame. In each frame the network sees a
# window of eleven columns. It has a hidden layer of 96 and returns a logit for
# each class. The logits have the shape (T, N, C): the frames come first.


def windows_of(rows):
    """Return the window of each frame, (T, N, 8 * WINDOW)."""
    around = WINDOW // 2
    padded = np.pad(rows, ((0, 0), (0, 0), (around, around)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW, axis=2)[
        :, :, ::STRIDE
    ]
    return windows.transpose(2, 0, 1, 3).reshape(MOST // STRIDE, len(rows), -1)


def logits_of(weights, windows):
    """Return the activations of the hidden layer, and the logits."""
    hidden = np.tanh(windows @ weights[0] + weights[1])
    return hidden, hidden @ weights[2] + weights[3]


def loss_and_gradients(weights, rows, *target):
    """Return the loss of a label, and its gradients by the weights."""
    windows = windows_of(rows)
    hidden, logits = logits_of(weights, windows)
    loss, grad_logits = losses.ctc_loss_with_logits_value_and_grad(
        logits, *target
    )
    grad_hidden = (grad_logits @ weights[2].T) * (1 - hidden**2)
    return loss, [
        np.tensordot(windows, grad_hidden, ((0, 1), (0, 1))),
        grad_hidden.sum(axis=(0, 1)),
        np.tensordot(hidden, grad_logits, ((0, 1), (0, 1))),
        grad_logits.sum(axis=(0, 1)),
    ]


# %%
# Training
# --------
# Adam trains the network, on new rows in each step. First the network learns
# to say blank everywhere, because that is right most often. The loss stays
# there for a while, and falls when the network begins to say digits.

rng = np.random.default_rng(1)
weights = [
    rng.normal(0, 1 / np.sqrt(8 * WINDOW), (8 * WINDOW, HIDDEN)),
    np.zeros(HIDDEN),
    rng.normal(0, 1 / np.sqrt(HIDDEN), (HIDDEN, CLASSES)),
    np.zeros(CLASSES),
]
means, squares = ([np.zeros_like(w) for w in weights] for _ in range(2))
curve = []
for step in range(1, STEPS + 1):
    loss, gradients = loss_and_gradients(weights, *rows_of(rng, train, BATCH))
    curve.append(loss)
    rate = (
        0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step) * (1 - step / STEPS)
    )
    for w, mean, square, gradient in zip(
        weights, means, squares, gradients, strict=True
    ):
        mean += 0.1 * (gradient - mean)
        square += 0.001 * (gradient**2 - square)
        w -= rate * mean / (np.sqrt(square) + 1e-8)
print(f"loss of a label: first {curve[0]:.3f}, last {curve[-1]:.3f}")

# %%
# Decoding
# --------
# Take the most probable class of each frame, merge repeated classes, and drop
# the blanks. The edit distance says how many digits are wrong: it is the
# smallest number of insertions, deletions and replacements.


def decoded(logits):
    """Return the labels that the most probable class of each frame spells."""
    best = logits.argmax(axis=-1)
    changed = np.diff(best, prepend=-1) != 0
    return best[changed & (best != BLANK)].tolist()


def distance(found, wanted):
    """Return the edit distance of two sequences."""
    last = list(range(len(wanted) + 1))
    for i, label in enumerate(found, start=1):
        now = [i]
        for j, other in enumerate(wanted, start=1):
            now.append(
                min(last[j] + 1, now[-1] + 1, last[j - 1] + (label != other))
            )
        last = now
    return last[-1]


rows, labels, frames, lengths = rows_of(np.random.default_rng(2), test, 200)
_, logits = logits_of(weights, windows_of(rows))
wanted = [row[:n].tolist() for row, n in zip(labels, lengths, strict=True)]
found = [decoded(logits[:n, i]) for i, n in enumerate(frames)]
right = np.array([f == w for f, w in zip(found, wanted, strict=True)])
wrong = sum(map(distance, found, wanted))
print(
    f"{right.sum()} of {len(rows)} rows without an error; "
    f"{wrong} of {lengths.sum()} digits wrong"
)
for spelt, label in zip(found[:3], wanted[:3], strict=True):
    print(
        "read", *(k - 1 for k in spelt), "- written", *(k - 1 for k in label)
    )

# %%
# Checks
# ------
# The probability P of a row is a sum over all ways to spell it, and decoding
# finds one of them. So where a row is decoded right, its loss is at most minus
# the sum of the largest log-probabilities of its frames. Both sides are
# rounded, by less than ``(6 + 2 |log P|) eps`` for each frame.

each = losses.ctc_loss_with_logits(
    logits, labels, frames, lengths, reduction="none"
)
best = losses.log_softmax(logits, axis=-1).max(axis=-1)
best_way = -np.array([best[:n, i].sum() for i, n in enumerate(frames)])
rounding = 2 * len(logits) * (6 + 2 * best_way) * np.finfo(float).eps
assert (each[right] <= (best_way + rounding)[right]).all()

# %%
# Along a random direction the loss must change as the gradient says. The error
# of a central difference with the step h is h² / 6 times a third derivative.
# So half the step must leave a quarter of the error.

some = rows[:4], labels[:4], frames[:4], lengths[:4]
direction = [np.random.default_rng(3).normal(size=w.shape) for w in weights]
slope = sum(
    np.sum(g * d)
    for g, d in zip(
        loss_and_gradients(weights, *some)[1], direction, strict=True
    )
)


def difference(h):
    """Return the central difference of the loss along the direction."""
    ahead, behind = (
        loss_and_gradients(
            [w + s * h * d for w, d in zip(weights, direction, strict=True)],
            *some,
        )
        for s in (1, -1)
    )
    return (ahead[0] - behind[0]) / (2 * h)


coarse, fine = abs(difference(1e-3) - slope), abs(difference(5e-4) - slope)
print(
    f"slope {slope:.6f}; differences off by {coarse:.1e} "
    f"and, at half the step, {fine:.1e}"
)
assert 3.5 < coarse / fine < 4.5

# %%
# A network that says nothing gets every digit wrong. This one must read nine
# of ten unseen digits right, and most rows without an error.

assert wrong <= lengths.sum() / 10
assert right.mean() > 0.6

# %%
# What the network says, frame by frame
# -------------------------------------
# The network says each digit in one frame or two, and blank between them.

fig, (top, middle, bottom) = plt.subplots(
    3, 1, figsize=(8, 8), layout="constrained"
)
top.imshow(rows[0, :, : STRIDE * frames[0]], cmap="gray_r", aspect="auto")
top.set_title("a row, read as " + " ".join(str(k - 1) for k in found[0]))
top.set_yticks([])
probs = losses.softmax(logits[: frames[0], 0], axis=-1)
column = STRIDE * np.arange(frames[0])
middle.plot(column, probs[:, BLANK], color="0.75", label="blank")
for label in dict.fromkeys(wanted[0]):
    middle.plot(column, probs[:, label], label=f"{label - 1}")
middle.set_xlim(top.get_xlim())
middle.set_xlabel("column")
middle.set_ylabel("probability")
middle.legend(ncols=7, loc="upper center", bbox_to_anchor=(0.5, 1.2))
bottom.plot(curve)
bottom.set_yscale("log")
bottom.set_xlabel("step")
bottom.set_ylabel("loss of a label")
for ax in (middle, bottom):
    ax.grid(alpha=0.3)
