"""
Perplexity of a language model
==============================

This example trains a small language model and measures its perplexity. The
logits of a language model have the shape (N, T, C): sequences, places, tokens.
Pass them as they are, with ``axis=-1``; padding is ignored. The model here is
a table of logits: it predicts a character from the one before it. It learns
from the language reference that comes with Python. The best possible
perplexity of such a model is known: that of the counts of all pairs of
characters.
"""

from pydoc_data.topics import topics

import matplotlib.pyplot as plt
import numpy as np

import losses

# %%
# Sequences of characters
# -----------------------
# The text is in lower case and has 29 different characters. Paragraphs are cut
# into sequences, and token 0 stands in front of each sequence. A fifth of the
# sequences is held out.

ALPHABET = "abcdefghijklmnopqrstuvwxyz ,."
TOKENS = len(ALPHABET) + 1
LENGTH = 64
PADDING = -100  # the default of ignore_index


def encode(text):
    """Return the tokens of a text; a run of other characters is a space."""
    words = " ".join(
        "".join(c if c in ALPHABET else " " for c in text.lower()).split()
    )
    return [ALPHABET.index(c) + 1 for c in words]


def sequences(text):
    """Return characters and the ones that follow, in shape (N, LENGTH)."""
    inputs, targets = [], []
    for paragraph in text.split("\n\n"):
        tokens = encode(paragraph)
        for start in range(0, len(tokens), LENGTH):
            part = tokens[start : start + LENGTH]
            filler = LENGTH - len(part)
            inputs.append([0, *part[:-1], *[0] * filler])
            targets.append([*part, *[PADDING] * filler])
    return np.array(inputs), np.array(targets)


inputs, targets = sequences(topics["compound"])
held_out = np.arange(len(inputs)) % 5 == 0
new_inputs, new_targets = inputs[held_out], targets[held_out]
inputs, targets = inputs[~held_out], targets[~held_out]
counted = targets != PADDING
print(f"{len(inputs)} sequences, {counted.sum()} characters,", end=" ")
print(f"{np.mean(~counted):.0%} padding")

# %%
# The optimum, by counting
# ------------------------
# In the best table each row has the logarithms of the counts of the pairs. Its
# loss is the entropy of a character, given the one before. Pairs that never
# occur get logits of -inf. Such logits are exact and cost nothing where they
# are not the target.

counts = np.zeros((TOKENS, TOKENS))
np.add.at(counts, (inputs[counted], targets[counted]), 1)
seen = counts > 0
best = np.full_like(counts, -np.inf)
np.log(counts, out=best, where=seen)
# Nothing is known after a character that never occurs.
best[~seen.any(axis=1)] = 0
totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
log_shares = np.log(counts, out=np.zeros_like(counts), where=seen)
log_shares -= np.log(totals)
entropy = -(counts[seen] * log_shares[seen]).sum() / counts.sum()

loss = losses.cross_entropy(best[inputs], targets, axis=-1)
print(f"entropy {entropy:.10f}, loss of the counts {loss:.10f}")
print(f"perplexity {np.exp(loss):.4f}")
# Sums of n terms of one sign, added up in pairs of blocks, err by fewer than
# log2(n) + 32 roundings. Each term, at most log(count), errs by a few more.
rounding = (
    (np.log2(counted.sum()) + 40) * np.finfo(float).eps * np.log(counts.max())
)
assert abs(loss - entropy) <= 2 * rounding

# %%
# Training
# --------
# The table is trained by gradient descent with momentum. Frequent characters
# have larger gradients than rare ones, so the gradient of each row is divided
# by the row's share of the characters. Each row is then a softmax regression
# of its own. Its curvature is at most 1/2, so a step of 1 is safe.

table = np.zeros((TOKENS, TOKENS))
velocity = np.zeros_like(table)
share = totals / counts.sum()
curve = []
for _ in range(150):
    loss, grad_logits = losses.cross_entropy_value_and_grad(
        table[inputs], targets, axis=-1
    )
    grad = np.zeros_like(table)
    np.add.at(grad, inputs[counted], grad_logits[counted])
    velocity = 0.9 * velocity + grad / share
    table -= 1.0 * velocity
    curve.append(loss)
trained = losses.cross_entropy(table[inputs], targets, axis=-1)
curve.append(trained)
print(f"perplexity before training: {np.exp(curve[0]):.4f}", end=" ")
print(f"of {TOKENS} tokens")
print(f"after it {np.exp(trained):.4f}, at best {np.exp(entropy):.4f}")

# %%
# Before training all tokens are equally likely, and the perplexity is their
# number. After training, the loss exceeds the optimum by the Kullback-Leibler
# divergence from the counts to the model. This identity holds wherever
# training stops. It must stop within 1 % of the best perplexity.

assert abs(curve[0] - np.log(TOKENS)) <= rounding
log_probs = losses.log_softmax(table, axis=-1)
excess = trained - entropy
divergence = np.sum(counts[seen] * (log_shares[seen] - log_probs[seen]))
divergence /= counts.sum()
print(f"loss above the optimum {excess:.12f}, divergence {divergence:.12f}")
assert abs(excess - divergence) <= 4 * rounding
assert entropy < trained < entropy + np.log(1.01)

# %%
# Perplexity of a stream
# ----------------------
# Batches come one by one and hold different numbers of characters. An
# evaluator keeps the sums, so its perplexity is that of the whole text. The
# mean of the batches' means would give another number.

evaluator = losses.Evaluator(axis=-1, ignore_index=PADDING)
means = []
for batch in np.array_split(np.arange(len(new_inputs)), 12):
    logits, target = table[new_inputs[batch]], new_targets[batch]
    evaluator.update(logits, target)
    means.append(losses.cross_entropy(logits, target, axis=-1))
whole = losses.cross_entropy(table[new_inputs], new_targets, axis=-1)
print(f"perplexity of {evaluator.count} held-out characters:")
print(f"    by the evaluator          {evaluator.perplexity:.4f}")
print(f"    all at once               {np.exp(whole):.4f}")
print(f"    from the mean of means    {np.exp(np.mean(means)):.4f}")
print(f"characters guessed right: {evaluator.accuracy:.1%}")
assert evaluator.count == (new_targets != PADDING).sum()
assert abs(evaluator.loss - whole) <= 2 * rounding
assert abs(evaluator.perplexity / np.exp(whole) - 1) <= 4 * rounding

# %%
# If the held-out text has a pair that the training text does not have, the
# loss of the counted table is infinite there, and so is its perplexity. The
# perplexity of the trained table stays finite, because its logits are finite.

counted = new_targets != PADDING
unseen = ~seen[new_inputs[counted], new_targets[counted]]
strict = losses.Evaluator(axis=-1)
strict.update(best[new_inputs], new_targets)
print(f"pairs never seen in training: {unseen.sum()}")
print(f"perplexity of the counts: {strict.perplexity}")
assert np.isinf(strict.perplexity) == unseen.any()
assert np.isfinite(evaluator.perplexity)

# %%
# How the perplexity falls:

# How training ends, and what the model has learned:

fig, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
ax.plot(np.exp(curve), label="model")
best_label = "best possible, by counting"
ax.axhline(np.exp(entropy), color="k", linestyle="--", label=best_label)
ax.set_xlabel("step")
ax.set_ylabel("perplexity")
ax.set_yscale("log")
ticks = [10, 15, 20, 30]
ax.set_yticks(ticks, [str(tick) for tick in ticks])
ax.minorticks_off()
ax.legend()
ax.grid(alpha=0.3)

# %%

fig, ax = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
names = ["start", *ALPHABET.replace(" ", "_")]
probs = losses.softmax(table, axis=-1)
image = ax.imshow(probs, cmap="Blues", vmin=0, vmax=0.6)
ax.set_xticks(range(TOKENS), names, fontsize=9)
ax.set_yticks(range(TOKENS), names, fontsize=9)
ax.set_xlabel("next character")
ax.set_ylabel("character")
fig.colorbar(image, label="probability")
