"""
Perplexity of a language model
==============================

Logits of a language model have the shape (N, T, C): sequences, places, tokens.
They go in as they are, with ``axis=-1``, and padding is ignored. The model
here predicts a character from the one before it, by a table of logits, and
learns from the language reference that Python brings along. For such a model
the best perplexity is known: that of the counts of all pairs of characters.
"""

from pydoc_data.topics import topics

import matplotlib.pyplot as plt
import numpy as np

import losses

# %%
# Sequences of characters
# -----------------------
# Paragraphs in lower case, of 29 characters; a token 0 in front of each
# sequence tells where it begins. A fifth is held out.

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
# The table that fits best has, in each row, the logarithms of the pairs'
# counts. Its loss is the entropy of a character, given the one before. Pairs
# that never occur get logits of -inf, which are exact, and cost nothing where
# they are not the target.

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
# Sums of n terms of one sign, added up in pairs of blocks, are off by fewer
# than log2(n) + 32 roundings; each term, at most log(count), by a few more.
eps = np.finfo(float).eps
rounding = (np.log2(counted.sum()) + 40) * eps * np.log(counts.max())
assert abs(loss - entropy) <= 2 * rounding

# %%
# Training
# --------
# Gradient descent with momentum on the table. Frequent characters have larger
# gradients than rare ones, so each row is divided by its share of the
# characters: a row is then a softmax regression of its own, whose curvature is
# at most 1/2, for which a step of 1 is safe.

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
# Before training every token is as likely as any other: the perplexity is
# their number. After it, the loss is above the optimum by the Kullback-Leibler
# divergence from the counts to the model; that is an identity, wherever
# training stops. It stops within 1 % of the best perplexity.

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
# evaluator keeps the sums, so the perplexity is that of all the text at once;
# the mean of the batches' means gives another.

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
# A pair that the training text does not have costs the counted table
# everything: its perplexity is infinite. The trained one, which has not taken
# those logits down to -inf yet, stays finite.

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
# The probabilities that it gives to each pair of characters:

fig, ax = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
names = ["start", *ALPHABET.replace(" ", "_")]
probs = losses.softmax(table, axis=-1)
image = ax.imshow(probs, cmap="Blues", vmin=0, vmax=0.6)
ax.set_xticks(range(TOKENS), names, fontsize=9)
ax.set_yticks(range(TOKENS), names, fontsize=9)
ax.set_xlabel("next character")
ax.set_ylabel("character")
fig.colorbar(image, label="probability")
