"""
Objectives for LightGBM and XGBoost
===================================

This example writes objectives for LightGBM and XGBoost with ``losses``.
Gradient boosting asks its objective for two numbers per sample and class: the
gradient of the loss with respect to the score, and the diagonal of the
Hessian. The models trained here equal those of the built-in objectives, tree
by tree, once four things agree:

- The **labels**. Both libraries keep labels as floats. Class indices are
  integers, hence ``astype(int)``.
- The **reduction**. The libraries want the derivatives of each sample's own
  loss, hence ``reduction="sum"``. The mean would divide by the number of
  samples.
- The **factor on the multiclass Hessian**. The diagonal is p (1 - p). LightGBM
  multiplies it by K / (K - 1) for K classes, XGBoost by 2. The binary Hessian
  has no factor in either.
- The **first score**. A custom objective starts from 0 in LightGBM. In XGBoost
  it starts from ``base_score``, which is 0.5 unless it is set. The built-in
  objectives estimate their first score from the labels, unless told not to.
"""

import json

import lightgbm as lgb
import matplotlib.pyplot as plt
import numpy as np
import xgboost as xgb
from sklearn.datasets import load_breast_cancer, load_digits, load_wine

import losses

print("LightGBM", lgb.__version__, "XGBoost", xgb.__version__)

# %%
# The objectives
# --------------
# Both libraries call ``objective(scores, data)``, with scores of shape (N,) or
# (N, K). They expect the gradient and the Hessian in that shape.


def multiclass_objective(factor):
    """Return softmax cross entropy, with a factor on the Hessian."""

    def objective(scores, data):
        target = data.get_label().astype(int)
        grad = losses.cross_entropy_backward(
            1.0, scores, target, reduction="sum"
        )
        diagonal = losses.cross_entropy_hessian_diagonal(
            scores, target, reduction="sum"
        )
        # XGBoost's floor, see below.
        return grad, np.maximum(factor * diagonal, 1e-16)

    return objective


def binary_objective(scores, data):
    """Return the gradient and the Hessian of binary cross entropy."""
    target = data.get_label()
    grad = losses.binary_cross_entropy_with_logits_backward(
        1.0, scores, target, reduction="sum"
    )
    diagonal = losses.binary_cross_entropy_with_logits_hessian_diagonal(
        scores, target, reduction="sum"
    )
    return grad, diagonal


# %%
# Every model has the same settings. Both libraries stop splitting where a
# leaf's Hessian would be less than 1. So a wrong factor changes the shape of
# the trees, too.

ROUNDS, RATE, RIDGE = 20, 0.3, 1.0
LIGHTGBM = {
    "learning_rate": RATE,
    "lambda_l2": RIDGE,
    "min_sum_hessian_in_leaf": 1.0,
    "num_leaves": 8,
    "boost_from_average": False,  # start from 0, as custom objectives do
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}
XGBOOST = {
    "learning_rate": RATE,
    "reg_lambda": RIDGE,
    "min_child_weight": 1.0,
    "max_depth": 3,
    "nthread": 1,
}

# %%
# The factors, measured
# ---------------------
# Take one round of a built-in objective, at learning rate 1, without
# regularisation and from scores of 0. Each leaf then has the value -G /
# (factor H), where G and H are the sums of the gradients and of the Hessians
# over the samples in the leaf. ``losses`` computes G and H, so the factor
# follows from the values of the leaves.


def factor_of(leaf, value, target):
    """Return the factor that the leaves tell, and its error bound."""
    scores = np.zeros(value.shape)
    grad = losses.cross_entropy_backward(1.0, scores, target, reduction="sum")
    diagonal = losses.cross_entropy_hessian_diagonal(
        scores, target, reduction="sum"
    )
    numerator = denominator = 0.0
    for k in range(value.shape[1]):
        for index in np.unique(leaf[:, k]):
            inside = leaf[:, k] == index
            numerator += abs(grad[inside, k].sum())
            denominator += diagonal[inside, k].sum() * abs(value[inside, k][0])
    # In float32 the libraries round each gradient twice (1 / K and 1 / K - 1,
    # at scores of 0), and each Hessian and each leaf up to four times, by u =
    # 2**-24 of itself. Gradients cancel in |G|, so the bound has the sum of
    # their absolute values.
    return numerator / denominator, 2.0**-24 * (
        2 * abs(grad).sum() / numerator + 8
    )


for load in (load_wine, load_digits):
    X, y = load(return_X_y=True)
    K = int(y.max()) + 1
    settings = LIGHTGBM | {"objective": "multiclass", "num_class": K}
    settings |= {"learning_rate": 1.0, "lambda_l2": 0.0}
    model = lgb.train(settings, lgb.Dataset(X, y), 1)
    lightgbm_factor, bound = factor_of(
        model.predict(X, pred_leaf=True), model.predict(X, raw_score=True), y
    )
    assert abs(lightgbm_factor - K / (K - 1)) <= bound * K / (K - 1)
    settings = XGBOOST | {
        "objective": "multi:softprob",
        "num_class": K,
        "base_score": 0.0,
    }
    settings |= {"learning_rate": 1.0, "reg_lambda": 0.0}
    data = xgb.DMatrix(X, y)
    model = xgb.train(settings, data, 1)
    xgboost_factor, bound = factor_of(
        model.predict(data, pred_leaf=True),
        model.predict(data, output_margin=True),
        y,
    )
    assert abs(xgboost_factor - 2) <= bound * 2
    for name, factor, expected, formula in (
        ("LightGBM", lightgbm_factor, K / (K - 1), "K / (K - 1)"),
        ("XGBoost", xgboost_factor, 2, "2"),
    ):
        off = abs(factor / expected - 1)
        print(f"K = {K:2}, {name:8}: {factor:.7f} is {formula} to {off:.0e}")

# %%
# Both factors have reasons. LightGBM's factor is that of Friedman's multiclass
# boosting: a common shift of a sample's scores changes nothing, so K scores
# have K - 1 degrees of freedom. XGBoost's factor is a bound: in each row of
# the full Hessian diag(p) - p pᵀ the sizes of the off-diagonal entries add up
# to the diagonal entry, so the matrix is at most 2 diag(p (1 - p)).
#
# XGBoost also raises each Hessian to 1e-16 at least. Four samples whose logits
# are 100 at the right class and 0 elsewhere have Hessians of 1e-43. This is
# the sum that XGBoost finds in the leaf:

target = np.array([0, 0, 1, 2])
certain = 100.0 * np.eye(3)[target]
data = xgb.DMatrix(np.arange(4.0)[:, None], target, base_margin=certain)
settings = XGBOOST | {
    "objective": "multi:softprob",
    "num_class": 3,
    "min_child_weight": 0.0,
}
model = xgb.train(settings, data, 1)
stump = json.loads(model.get_dump(dump_format="json", with_stats=True)[0])
diagonal = losses.cross_entropy_hessian_diagonal(
    certain, target, reduction="sum"
)
exact = 2 * diagonal[:, 0].sum()
print(f"sum of four Hessians: XGBoost {stump['cover']:.1e}, exact {exact:.1e}")
assert abs(stump["cover"] - 4e-16) < 8 * np.finfo(np.float32).eps * 4e-16

# %%
# What a model is made of
# -----------------------
# Two models are equal if their trees are. This function takes the trees of a
# model apart: the splits, and for each leaf its number, its value and the sum
# of its Hessians.


def take_apart(model):
    """Return all splits, and for each tree a row (number, value, H) a leaf."""
    if isinstance(model, lgb.Booster):
        roots = [
            tree["tree_structure"] for tree in model.dump_model()["tree_info"]
        ]
    else:
        roots = [
            json.loads(tree)
            for tree in model.get_dump(dump_format="json", with_stats=True)
        ]
    splits, leaves = [], []

    def walk(node, found):
        if "split_feature" in node:  # LightGBM
            splits.append((node["split_feature"], node["threshold"]))
            walk(node["left_child"], found)
            walk(node["right_child"], found)
        elif "split" in node:  # XGBoost
            splits.append((node["split"], node["split_condition"]))
            for child in node["children"]:
                walk(child, found)
        elif "leaf" in node:
            found.append((node["nodeid"], node["leaf"], node["cover"]))
        else:  # a tree that found no split has one leaf, without a number
            number, weight = (
                node.get("leaf_index", 0),
                node.get("leaf_weight", np.inf),
            )
            found.append((number, node["leaf_value"], weight))

    for root in roots:
        leaves.append([])
        walk(root, leaves[-1])
    return splits, leaves


# %%
# How far may two models be apart, if all their splits are equal? The libraries
# take gradients and Hessians in float32; let u = 2**-24.
#
# XGBoost computes in float32 as well. A probability is then within 8 u of the
# exact one (exponent, exponential, sum, quotient: one or two units each). So
# is the gradient p - 1 or p, and the Hessian 2 p (1 - p) moves by twice that.
# Two such computations differ by up to e = 16 u and 2 e. LightGBM computes in
# float64, so two results differ at most by a rounding to float32 that goes the
# other way: e = 2 u. In a leaf with n samples and the value v = -rate G / (H +
# ridge), these differences move the value by up to
#
# .. code-block:: text
#
#     n (e rate + 2 e abs(v)) / (H + ridge)
#
# Adding up the values of R rounds in float32 rounds the sum R times in each
# model. The loss is convex, and each round sees the scores that the rounds
# before have left. So later rounds correct the differences of earlier ones,
# and the bound for a score is the sum over the trees of the bounds for its
# leaves.


def score_bound(model, leaf_of_sample, classes):
    """Return how far each raw score may be from that of another model."""
    u = 2.0**-24
    e = 2 * u if isinstance(model, lgb.Booster) else 16 * u
    bound = np.zeros((len(leaf_of_sample), classes))
    size = np.zeros_like(bound)
    for tree, leaves in enumerate(take_apart(model)[1]):
        number, value, hessian = np.array(leaves).T
        count = np.bincount(
            leaf_of_sample[:, tree], minlength=int(number.max()) + 1
        )
        table = np.zeros((2, len(count)))
        spread = count[number.astype(int)] * (e * RATE + 2 * e * abs(value))
        table[:, number.astype(int)] = spread / (hessian + RIDGE), abs(value)
        bound[:, tree % classes] += table[0, leaf_of_sample[:, tree]]
        size[:, tree % classes] += table[1, leaf_of_sample[:, tree]]
    return bound + 2 * ROUNDS * u * size


def compare(name, builtin, custom, data, classes):
    """Print how far two models are apart, and check it against the bound."""
    options = (
        {"raw_score": True}
        if isinstance(builtin, lgb.Booster)
        else {"output_margin": True}
    )
    ours, theirs = (
        custom.predict(data, **options),
        builtin.predict(data, **options),
    )
    gap = abs(ours - theirs).reshape(len(ours), classes)
    leaf_of_sample = builtin.predict(data, pred_leaf=True).astype(int)
    bound = score_bound(
        builtin, leaf_of_sample.reshape(len(ours), -1), classes
    )
    splits = take_apart(builtin)[0]
    equal = take_apart(custom)[0] == splits
    print(f"{name}: {len(splits)} splits, all equal: {equal}")
    print(f"    largest score         {abs(theirs).max():.2f}")
    print(f"    largest difference    {gap.max():.1e}")
    print(f"    of its bound          {(gap / bound).max():.1%}")
    print(f"    largest bound         {bound.max():.0e}")
    print(f"    with the same bits    {(gap == 0).mean():.1%}")
    assert equal
    assert (gap <= bound).all()


# %%
# Ten digits
# ----------
# XGBoost gives the objective float32 scores and computes in float32. LightGBM
# gives it float64 scores, and then rounds the gradient and the Hessian to
# float32.

X, y = load_digits(return_X_y=True)
held_out = np.arange(len(y)) % 4 == 0
X_train, y_train, X_test, y_test = (
    X[~held_out],
    y[~held_out],
    X[held_out],
    y[held_out],
)
K = 10


def train_lightgbm(objective):
    """Train on the digits."""
    settings = LIGHTGBM | {"objective": objective, "num_class": K}
    return lgb.train(settings, lgb.Dataset(X_train, y_train), ROUNDS)


def train_xgboost(objective):
    """Train on the digits; a custom objective is a function."""
    settings = XGBOOST | {"num_class": K, "base_score": 0.0}
    if isinstance(objective, str):
        return xgb.train(
            settings | {"objective": objective}, train_data, ROUNDS
        )
    return xgb.train(settings, train_data, ROUNDS, obj=objective)


train_data, test_data = xgb.DMatrix(X_train, y_train), xgb.DMatrix(X_test)
lightgbm_models = {
    "built-in": train_lightgbm("multiclass"),
    "losses, factor K / (K - 1)": train_lightgbm(
        multiclass_objective(K / (K - 1))
    ),
    "losses, factor 1": train_lightgbm(multiclass_objective(1.0)),
}
xgboost_models = {
    "built-in": train_xgboost("multi:softprob"),
    "losses, factor 2": train_xgboost(multiclass_objective(2.0)),
    "losses, factor 1": train_xgboost(multiclass_objective(1.0)),
}
compare("LightGBM", *list(lightgbm_models.values())[:2], X_train, K)
compare("XGBoost ", *list(xgboost_models.values())[:2], train_data, K)

# %%
# With the factor 1, which is the true diagonal, the steps are longer. The
# model is another one, with a curve of its own. The plot shows the losses of
# the held-out digits.


def curve(model, data, rounds):
    """Return the loss of the held-out digits after each round."""
    if isinstance(model, lgb.Booster):
        scores = [
            model.predict(data, raw_score=True, num_iteration=r)
            for r in rounds
        ]
    else:
        options = {"output_margin": True}
        scores = [
            model.predict(data, iteration_range=(0, r), **options)
            for r in rounds
        ]
    return [losses.cross_entropy(score, y_test) for score in scores]


fig, axes = plt.subplots(
    1, 2, figsize=(7.2, 4), sharey=True, layout="constrained"
)
axes[0].set_ylabel("cross entropy of the held-out digits")
rounds = range(1, ROUNDS + 1)
panels = [
    ("LightGBM", lightgbm_models, X_test),
    ("XGBoost", xgboost_models, test_data),
]
for ax, (name, models, data) in zip(axes, panels, strict=True):
    for style, (label, model) in zip(
        ("-", "o", "--"), models.items(), strict=True
    ):
        found = curve(model, data, rounds)
        ax.plot(rounds, found, style, markerfacecolor="none", label=label)
        print(f"{name}, {label}: held-out loss {found[-1]:.4f}")
    ax.set_title(name)
    ax.set_xlabel("round")
    ax.set_xticks(range(0, ROUNDS + 1, 5))
    ax.set_yscale("log")
    ax.grid(alpha=0.3)
    ax.legend()

# %%
# The comparison would find a wrong factor: with the factor 1 the splits
# differ.

for models in (lightgbm_models, xgboost_models):
    first, _, last = models.values()
    assert take_apart(first)[0] != take_apart(last)[0]

# %%
# Two classes
# -----------
# The binary objectives have no factor. In XGBoost's built-in objective
# ``base_score`` is a probability, and 0.5 means the score 0. In a custom
# objective ``base_score`` is the score itself.

X, y = load_breast_cancer(return_X_y=True)
builtin = lgb.train(
    LIGHTGBM | {"objective": "binary"}, lgb.Dataset(X, y), ROUNDS
)
custom = lgb.train(
    LIGHTGBM | {"objective": binary_objective}, lgb.Dataset(X, y), ROUNDS
)
compare("LightGBM", builtin, custom, X, 1)

data = xgb.DMatrix(X, y)
builtin = xgb.train(
    XGBOOST | {"objective": "binary:logistic", "base_score": 0.5}, data, ROUNDS
)
custom = xgb.train(
    XGBOOST | {"base_score": 0.0}, data, ROUNDS, obj=binary_objective
)
compare("XGBoost ", builtin, custom, data, 1)
