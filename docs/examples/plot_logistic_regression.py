"""
Multinomial logistic regression with SciPy
==========================================

This example fits a logistic regression with a Newton method of SciPy. The
method needs the loss, its gradient, and products of the Hessian with vectors.
``losses`` computes the three with respect to the logits; a linear model needs
one matrix product more for each. The coefficients that
``scipy.optimize.minimize`` finds must equal those of scikit-learn's
``LogisticRegression``. A bound says how closely: it follows from the gradients
that are left where the two solvers stop.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import losses

# %%
# The data are 178 wines of three growers, with 13 measurements each. The
# objective is that of scikit-learn: C times the sum of the losses, and half
# the sum of the squared coefficients. The intercepts have no penalty.

X, y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)
C = 0.5
features, classes = X.shape[1], int(y.max()) + 1
columns = np.column_stack([X, np.ones(len(y))])  # ones for the intercepts
penalty = np.ones((features + 1, 1))
penalty[-1] = 0

# %%
# The objective
# -------------
# The logits are ``columns @ weights``. So ``columns.T @`` turns a gradient
# with respect to the logits into one with respect to the weights, and likewise
# a Hessian product. The solver works on flat vectors.


def value_and_gradient(flat):
    """Return the objective and its gradient."""
    weights = flat.reshape(features + 1, classes)
    loss, grad_logits = losses.cross_entropy_value_and_grad(
        columns @ weights, y, reduction="sum"
    )
    value = C * loss + 0.5 * (penalty * weights**2).sum()
    return value, (C * columns.T @ grad_logits + penalty * weights).ravel()


def hessian_product(flat, direction):
    """Return the Hessian of the objective times a direction."""
    weights, along = flat.reshape(-1, classes), direction.reshape(-1, classes)
    product = losses.cross_entropy_hvp(
        columns @ along, columns @ weights, y, reduction="sum"
    )
    return (C * columns.T @ product + penalty * along).ravel()


# %%
# A wrong Hessian would only make the solver slow, so its products have a check
# of their own: the change of the gradient along a direction. The quotient (g(w
# + h d) - g(w - h d)) / 2h neglects terms of the order h². Let L be the length
# of a sample's row. The logits change by at most h L, and the derivatives of a
# softmax are at most about 1. So these terms are at most C h² times the sum of
# L**4. Each of the two gradients is rounded, by a few eps of C times the sum
# of L.

rng = np.random.default_rng(0)
h = np.finfo(float).eps ** (1 / 3)
length = np.linalg.norm(columns, axis=1)
tolerance = C * (
    h**2 * (length**4).sum() + 16 * np.finfo(float).eps * length.sum() / h
)
for _ in range(3):
    point, direction = rng.standard_normal((2, (features + 1) * classes))
    direction /= np.linalg.norm(direction)
    ahead, behind = (
        value_and_gradient(point + s * h * direction)[1] for s in (1, -1)
    )
    product = hessian_product(point, direction)
    off = np.linalg.norm((ahead - behind) / (2 * h) - product)
    size = np.linalg.norm(product)
    print(f"product of length {size:.2f}, off the quotient by {off:.1e}")
    assert off <= tolerance < 1e-5

# %%
# The solution
# ------------

trace = []
found = minimize(
    value_and_gradient,
    np.zeros((features + 1) * classes),
    jac=True,
    hessp=hessian_product,
    method="trust-ncg",
    options={"gtol": 1e-8},
    callback=lambda flat: trace.append(
        np.linalg.norm(value_and_gradient(flat)[1])
    ),
)
print(found.message, f"{found.nit} steps, {found.nhev} Hessian products")
assert found.success

# %%
# scikit-learn's answer
# ---------------------

model = LogisticRegression(C=C, solver="newton-cg", tol=1e-10).fit(X, y)
theirs = np.vstack([model.coef_.T, model.intercept_]).ravel()

# %%
# A constant added to all intercepts changes no loss. So both solutions are
# compared with intercepts that add up to 0. Both solvers start from zeros,
# where this is so, and keep it to rounding.


def centred(flat):
    """Return the weights with intercepts that add up to 0."""
    weights = flat.reshape(-1, classes).copy()
    weights[-1] -= weights[-1].mean()
    return weights


ours = centred(found.x)
theirs = centred(theirs)
gap = np.linalg.norm(ours - theirs)

# %%
# How far may they be apart?
# --------------------------
# Between two points the gradient changes by the mean of the Hessian on the
# way, times the distance of the points. Let m be the smallest eigenvalue of
# the Hessian, without the one of the constant. Then the distance is at most
# the sum of the lengths of the two gradients, divided by m. The Hessian is
# computed at the solution, from 42 products. Between points so close together
# its relative change is about their distance times the length of a sample,
# which is less than 10 here. The factor 2 covers this change.

hessian = np.array(
    [hessian_product(ours.ravel(), unit) for unit in np.eye(ours.size)]
)
eigenvalues = np.linalg.eigvalsh((hessian + hessian.T) / 2)
gradients = [
    np.linalg.norm(value_and_gradient(w.ravel())[1]) for w in (ours, theirs)
]
bound = 2 * sum(gradients) / eigenvalues[1]
print(f"eigenvalues: {eigenvalues[0]:.0e}, then from", end=" ")
print(f"{eigenvalues[1]:.3f} to {eigenvalues[-1]:.1f}")
print(f"gradient left: {gradients[0]:.1e} by SciPy,", end=" ")
print(f"{gradients[1]:.1e} by scikit-learn")
print(f"coefficients and intercepts apart: {gap:.1e}, bound {bound:.1e}")
assert gap <= bound < 1e-7
# The Hessian must be symmetric, and its eigenvalue for the constant must be 0.
# Both hold to the rounding of sums over 178 samples, of the size of the
# largest eigenvalue.
rounding = len(y) * np.finfo(float).eps * eigenvalues[-1]
assert abs(hessian - hessian.T).max() <= rounding
assert abs(eigenvalues[0]) <= rounding * ours.size

# %%
# The two answers are one
# -----------------------

fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 4), layout="constrained")
for k in range(classes):
    label = f"class {k}"
    left.plot(theirs[:, k], ours[:, k], "o", fillstyle="none", label=label)
left.axline((0, 0), slope=1, color="0.8", zorder=0)
left.set_xlabel("scikit-learn's coefficients")
left.set_ylabel("SciPy's, with losses")
left.legend()
right.semilogy(range(1, len(trace) + 1), trace, "o-")
right.set_xlabel("step of trust-ncg")
right.set_ylabel("length of the gradient")
right.set_xticks(range(1, len(trace) + 1))
right.grid(alpha=0.3)
