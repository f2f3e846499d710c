"""Agreement with PyTorch over the products of the options, in values and in gradients.

The rules in which the library is better than PyTorch on purpose are tested elsewhere; the points
here are ordinary, where the two agree.
"""

import itertools
from functools import reduce

import numpy as np
import pytest
from tests.table import FUNCTIONS, ROWS

import losses

torch = pytest.importorskip("torch")
F = torch.nn.functional
torch.set_num_threads(1)  # for a few numbers, threads cost more than they bring

THEIRS = {
    row.name: reduce(getattr, row.peer.split(".")[1:], torch)
    for row in ROWS
    if row.peer.startswith("torch.")
}
FROM_RESULT = {row.name for row in ROWS if row.result}  # whose backward takes what they returned

# Each side rounds each term of a loss, or an entry of a gradient, fewer times than this.
ROUNDINGS = 32


def tensor(value):
    """Return a tensor for an array, and anything else as it is."""
    return torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value


def size(array):
    """Return a bound, from 1 up, of the differences of an array's finite entries."""
    return max(1, 2 * np.abs(array[np.isfinite(array)]).max(initial=0))


def assert_close(got, wanted, precision, terms=0.0):
    """Assert that numbers differ by so little of their size and of the terms they were made of.

    Shapes, dtypes, infinities and nan are the same.
    """
    wanted = wanted.detach().numpy()
    assert np.shape(got) == wanted.shape
    assert got.dtype == wanted.dtype
    finite = np.isfinite(wanted)
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert np.array_equal(got[~finite], wanted[~finite], equal_nan=True)
    difference = np.abs(got[finite] - wanted[finite])
    assert np.all(difference <= precision * (terms + np.abs(wanted[finite])))


def assert_agreement(name, first, *rest, **options):
    """Assert that the value and the gradient of one call are PyTorch's.

    The two results are one real number with a relative error of ROUNDINGS and the additions of
    a sum, of at most every entry, on each side: together so many eps of the result and of the
    terms that were added. The product of the arguments bounds a term; those of a sum add up.
    """
    x = tensor(first).requires_grad_()
    expected = THEIRS[name](
        x, *map(tensor, rest), **{key: tensor(option) for key, option in options.items()}
    )
    value = getattr(losses, name)(first, *rest, **options)

    arrays = [a for a in (first, *rest, *options.values()) if isinstance(a, np.ndarray)]
    term = np.prod([size(a) for a in arrays if a.dtype.kind == "f"])
    terms = term * (first.size if options.get("reduction") == "sum" else 1)
    precision = (ROUNDINGS + first.size) * np.finfo(first.dtype).eps
    assert_close(value, expected, precision, terms)

    point = value if name in FROM_RESULT else first
    grad_output = uniform("grad_output", np.shape(value), first.dtype, -1, 1)
    gradient = getattr(losses, f"{name}_backward")(grad_output, point, *rest, **options)
    (wanted,) = torch.autograd.grad(expected, x, tensor(grad_output), retain_graph=True)
    assert_close(gradient, wanted, precision, terms)

    if f"{name}_value_and_grad" in FUNCTIONS:
        both = getattr(losses, f"{name}_value_and_grad")(first, *rest, **options)
        assert_close(both[0], expected, precision, terms)
        assert_close(both[1], torch.autograd.grad(expected.sum(), x)[0], precision, terms)


def product(**choices):
    """Parametrize by every combination of named choices."""
    combinations = list(itertools.product(*choices.values()))
    ids = ["-".join(getattr(c, "__name__", str(c)) for c in each) for each in combinations]
    return pytest.mark.parametrize(tuple(choices), combinations, ids=ids)


dtypes = [np.float32, np.float64]
reductions = ["none", "mean", "sum"]
class_shapes = [(3,), (5, 3), (5, 1), (4, 3, 2), (2, 3, 2, 3), (0, 3), (4, 3, 0)]
entry_shapes = [(), (4,), (3, 4), (2, 3, 4), (0, 4)]
in_both_precisions = pytest.mark.parametrize("dtype", dtypes)


def draw(name):
    """Return a generator of the same numbers for the same name."""
    return np.random.default_rng(list(name.encode()))


def normal(name, shape, dtype, scale=1.0):
    """Return normal numbers, as an array even for the shape ()."""
    return np.asarray(draw(name).normal(0, scale, shape), dtype)


def uniform(name, shape, dtype, low=0.0, high=1.0):
    """Return uniform numbers, as an array even for the shape ()."""
    return np.asarray(draw(name).uniform(low, high, shape), dtype)


def weights(shape, dtype, name="weight"):
    """Return positive weights."""
    return uniform(name, shape, dtype, 0.5, 2)


def class_axis(shape):
    """Return the axis of the classes by the usual rule."""
    return min(1, len(shape) - 1)


def labels(shape, ignore_index=None):
    """Return class indices for scores of a shape, the first of several ignored."""
    axis = class_axis(shape)
    samples = shape[:axis] + shape[axis + 1 :]
    target = np.asarray(draw("target").integers(0, shape[axis], samples))
    if ignore_index is not None and target.size > 1:
        target.flat[0] = ignore_index
    return target


def class_options(shape, dtype, weighted, ignore_index=None):
    """Return the options weight and ignore_index, where they are not the defaults."""
    options = {}
    if weighted:
        options["weight"] = weights(shape[class_axis(shape)], dtype)
    if ignore_index is not None:
        options["ignore_index"] = ignore_index
    return options


@product(name=["softmax", "log_softmax", "logsumexp"], shape=[(), *class_shapes], dtype=dtypes)
def test_activations_agree_along_every_axis(name, shape, dtype):
    for axis in range(-max(len(shape), 1), max(len(shape), 1)):
        assert_agreement(name, normal("logits", shape, dtype), axis)


@product(axis=[0, (0, 2), (0, 1, 2), (-1, 0)], keepdims=[False, True], dtype=dtypes)
def test_logsumexp_agrees_over_several_axes(axis, keepdims, dtype):
    assert_agreement("logsumexp", normal("logits", (2, 3, 4), dtype), axis, keepdims=keepdims)


@product(name=["sigmoid", "log_sigmoid"], shape=entry_shapes, dtype=dtypes)
def test_sigmoids_agree_entry_by_entry(name, shape, dtype):
    assert_agreement(name, normal("logits", shape, dtype))


# No label is ignored; or one is, which is negative, a class, or past the classes.
ignore_indices = [None, -1, 0, 255]


@product(
    shape=class_shapes,
    reduction=reductions,
    weighted=[False, True],
    ignore_index=ignore_indices,
    dtype=dtypes,
)
def test_nll_loss_agrees(shape, reduction, weighted, ignore_index, dtype):
    assert_agreement(
        "nll_loss",
        normal("log_probs", shape, dtype),
        labels(shape, ignore_index),
        reduction=reduction,
        **class_options(shape, dtype, weighted, ignore_index),
    )


@product(
    shape=class_shapes,
    reduction=reductions,
    weighted=[False, True],
    ignore_index=ignore_indices,
    label_smoothing=[0.0, 0.1, 1.0],
    dtype=dtypes,
)
def test_cross_entropy_agrees_with_class_indices(
    shape, reduction, weighted, ignore_index, label_smoothing, dtype
):
    assert_agreement(
        "cross_entropy",
        normal("logits", shape, dtype, 3),
        labels(shape, ignore_index),
        reduction=reduction,
        label_smoothing=label_smoothing,
        **class_options(shape, dtype, weighted, ignore_index),
    )


@product(
    shape=class_shapes,
    reduction=reductions,
    weighted=[False, True],
    label_smoothing=[0.0, 0.1, 1.0],
    dtype=dtypes,
)
def test_cross_entropy_agrees_with_class_probabilities(
    shape, reduction, weighted, label_smoothing, dtype
):
    assert_agreement(
        "cross_entropy",
        normal("logits", shape, dtype, 3),
        uniform("target", shape, dtype),
        reduction=reduction,
        label_smoothing=label_smoothing,
        **class_options(shape, dtype, weighted),
    )


@product(
    softcap=[None, 2.0],
    z_loss=[0.0, 0.125],
    kind=["labels", "probabilities"],
    label_smoothing=[0.0, 0.1],
    weighted=[False, True],
    dtype=dtypes,
)
def test_a_cap_and_a_penalty_agree_with_what_they_are_written_as(
    softcap, z_loss, kind, label_smoothing, weighted, dtype
):
    """c tanh(x / c) before, z V lse**2 after; V is 1, or the weights, where labels are smoothed."""
    shape = (6, 5)
    logits = normal("logits", shape, dtype, 3)
    target = labels(shape) if kind == "labels" else uniform("target", shape, dtype)
    options = {"label_smoothing": label_smoothing, **class_options(shape, dtype, weighted)}
    weight = options.get("weight", np.ones(5, dtype))
    q = np.eye(5)[target] if kind == "labels" else target
    mass = (weight * ((1 - label_smoothing) * q + label_smoothing / 5)).sum(1).astype(dtype)
    x = torch.from_numpy(logits.copy()).requires_grad_()
    capped = x if softcap is None else softcap * torch.tanh(x / softcap)
    theirs = {name: tensor(value) for name, value in options.items()}
    each = F.cross_entropy(capped, tensor(target), reduction="none", **theirs)
    each = each + z_loss * tensor(mass) * torch.logsumexp(capped, 1) ** 2
    each.sum().backward()
    loss, grad = losses.cross_entropy_value_and_grad(
        logits, target, softcap=softcap, z_loss=z_loss, reduction="none", **options
    )
    precision = ROUNDINGS * np.finfo(dtype).eps
    assert_close(loss, each, precision, size(loss))
    assert_close(grad, x.grad, precision, size(grad))


both_losses_of_labels = pytest.mark.parametrize("name", ["nll_loss", "cross_entropy"])


@both_losses_of_labels
@product(shape=class_shapes, reduction=reductions, weighted=[False, True], dtype=dtypes)
def test_where_all_samples_are_ignored_the_mean_is_nan_and_the_gradient_0(
    name, shape, reduction, weighted, dtype
):
    target = np.full_like(labels(shape), -100)
    options = class_options(shape, dtype, weighted)
    assert_agreement(name, normal("logits", shape, dtype), target, reduction=reduction, **options)


@pytest.mark.parametrize(
    ("name", "smoothing"),
    [
        ("nll_loss", {}),
        ("cross_entropy", {}),
        ("cross_entropy", {"label_smoothing": 0.1}),
    ],
)
@product(reduction=reductions, dtype=dtypes)
def test_where_no_seen_class_has_weight_the_mean_and_its_gradient_are_nan(
    name, smoothing, reduction, dtype
):
    options = {"weight": np.array([0, 0, 1], dtype), "reduction": reduction, **smoothing}
    assert_agreement(name, normal("logits", (4, 3), dtype), np.array([0, 1, 0, 1]), **options)


@both_losses_of_labels
@product(reduction=reductions, dtype=dtypes)
def test_one_dimensional_scores_take_a_target_of_size_1(name, reduction, dtype):
    """In values alone: PyTorch has no gradient there, an error says that sizes do not match."""
    scores, target, options = normal("logits", 3, dtype), np.array([1]), {"reduction": reduction}
    expected = THEIRS[name](tensor(scores), tensor(target), **options)
    value = getattr(losses, name)(scores, target, **options)
    assert_close(value, expected, ROUNDINGS * np.finfo(dtype).eps, size(scores))


@product(target=[0, 1, 2], reduction=reductions, dtype=dtypes)
def test_a_logit_of_minus_infinity_has_an_infinite_loss_at_the_target_alone(
    target, reduction, dtype
):
    logits = np.array([[0, -np.inf, 1], [1, 2, 3]], dtype)
    options = {"reduction": reduction}
    assert_agreement("cross_entropy", logits, np.array([target, target]), **options)


@product(wrong=[np.nan, np.inf], smoothing=[0.0, 0.1], dtype=dtypes)
def test_nan_and_infinity_reach_the_results_of_their_own_row_alone(wrong, smoothing, dtype):
    logits = np.array([[0, wrong, 1], [1, 2, 3], [-np.inf, -np.inf, -np.inf]], dtype)
    options = {"label_smoothing": smoothing, "reduction": "none"}
    assert_agreement("cross_entropy", logits, np.array([1, 1, 1]), **options)


@product(shape=entry_shapes, reduction=reductions, weighted=[False, True], dtype=dtypes)
def test_binary_cross_entropy_agrees(shape, reduction, weighted, dtype):
    probs, target = uniform("probs", shape, dtype, 0.125, 0.875), uniform("target", shape, dtype)
    options = {"weight": weights(shape, dtype)} if weighted else {}
    assert_agreement("binary_cross_entropy", probs, target, reduction=reduction, **options)


@in_both_precisions
def test_binary_cross_entropy_agrees_at_probabilities_of_0_and_1(dtype):
    probs, target = np.array([[0, 1]] * 3, dtype), np.array([[0, 0], [1, 1], [0.5, 0.5]], dtype)
    x = tensor(probs).requires_grad_()
    expected = F.binary_cross_entropy(x, tensor(target), reduction="none")
    (gradient,) = torch.autograd.grad(expected.sum(), x)
    options = {"reduction": "none"}
    loss = losses.binary_cross_entropy(probs, target, **options)
    grad = losses.binary_cross_entropy_backward(np.ones_like(probs), probs, target, **options)
    assert_close(loss, expected, 0)
    # In double precision too, PyTorch's 1e-12 is that of float32.
    assert_close(grad, gradient, np.finfo(np.float32).eps)


@product(shape=entry_shapes, reduction=reductions, dtype=dtypes)
def test_poisson_nll_loss_agrees(shape, reduction, dtype):
    target = np.asarray(draw("target").poisson(2, shape), dtype)
    assert_agreement(
        "poisson_nll_loss", normal("log_rate", shape, dtype), target, reduction=reduction
    )


@product(
    name=["soft_margin_loss"],
    shape=entry_shapes,
    reduction=reductions,
    dtype=dtypes,
)
def test_losses_of_margins_agree(name, shape, reduction, dtype):
    target = np.asarray(draw("target").choice([-1, 1], shape), dtype)
    assert_agreement(name, normal("logits", shape, dtype, 3), target, reduction=reduction)


@product(shape=class_shapes, reduction=reductions, weighted=[False, True], dtype=dtypes)
def test_the_gradient_of_class_probabilities_agrees(shape, reduction, weighted, dtype):
    logits, target = normal("logits", shape, dtype, 3), uniform("target", shape, dtype)
    options = {"reduction": reduction, "label_smoothing": 0.1}
    options |= class_options(shape, dtype, weighted)
    q = tensor(target).requires_grad_()
    expected = F.cross_entropy(tensor(logits), q, **{k: tensor(v) for k, v in options.items()})
    grad_output = uniform("grad_output", tuple(expected.shape), dtype, -1, 1)
    (wanted,) = torch.autograd.grad(expected, q, tensor(grad_output))
    found = losses.cross_entropy_target_backward(grad_output, logits, target, **options)
    precision = (ROUNDINGS + logits.size) * np.finfo(dtype).eps
    assert_close(found, wanted, precision, 2 * size(logits))


@product(shape=entry_shapes, reduction=reductions, weighted=[False, True], dtype=dtypes)
def test_the_gradient_of_binary_targets_agrees(shape, reduction, weighted, dtype):
    logits, target = normal("logits", shape, dtype, 3), uniform("target", shape, dtype)
    options = {"reduction": reduction}
    if weighted:
        options |= {name: weights(shape, dtype, name) for name in ("weight", "pos_weight")}
    t = tensor(target).requires_grad_()
    expected = F.binary_cross_entropy_with_logits(
        tensor(logits), t, **{k: tensor(v) for k, v in options.items()}
    )
    grad_output = uniform("grad_output", tuple(expected.shape), dtype, -1, 1)
    (wanted,) = torch.autograd.grad(expected, t, tensor(grad_output))
    backward = losses.binary_cross_entropy_with_logits_target_backward
    found = backward(grad_output, logits, target, **options)
    # Of a weight of at most 2 and a positive one of at most 2.
    assert_close(found, wanted, ROUNDINGS * np.finfo(dtype).eps, 4 * size(logits))


# None, or a shape that broadcasts to the target's (2, 3, 4).
narrow_shapes = [None, (), (4,), (3, 1), (2, 1, 4), (2, 3, 4)]


@product(
    weight_shape=narrow_shapes, pos_weight_shape=narrow_shapes, reduction=reductions, dtype=dtypes
)
def test_binary_cross_entropy_with_logits_agrees_for_weights_of_every_shape(
    weight_shape, pos_weight_shape, reduction, dtype
):
    options = {"reduction": reduction}
    for name, shape in (("weight", weight_shape), ("pos_weight", pos_weight_shape)):
        if shape is not None:
            options[name] = weights(shape, dtype, name)
    logits, target = normal("logits", (2, 3, 4), dtype, 3), uniform("target", (2, 3, 4), dtype)
    assert_agreement("binary_cross_entropy_with_logits", logits, target, **options)


@product(shape=entry_shapes, reduction=reductions, dtype=dtypes)
def test_binary_cross_entropy_with_logits_agrees_for_every_shape(shape, reduction, dtype):
    logits, target = normal("logits", shape, dtype, 3), uniform("target", shape, dtype)
    assert_agreement("binary_cross_entropy_with_logits", logits, target, reduction=reduction)


@product(
    name=["mse_loss", "l1_loss"],
    shape=entry_shapes,
    reduction=reductions,
    weighted=[False, True],
    dtype=dtypes,
)
def test_losses_of_residuals_agree_and_have_no_slope_at_0(name, shape, reduction, weighted, dtype):
    predictions, target = normal("predictions", shape, dtype), normal("target", shape, dtype)
    predictions.flat[:1] = target.flat[:1]
    options = {"weight": weights(shape, dtype)} if weighted else {}
    assert_agreement(name, predictions, target, reduction=reduction, **options)


@product(
    call=[("huber_loss", {"delta": 0.75}), ("smooth_l1_loss", {"beta": 0.75})],
    shape=entry_shapes,
    reduction=reductions,
    dtype=dtypes,
)
def test_losses_of_residuals_with_a_bend_agree(call, shape, reduction, dtype):
    name, options = call
    predictions, target = normal("predictions", shape, dtype), normal("target", shape, dtype)
    assert_agreement(name, predictions, target, reduction=reduction, **options)


@product(margin=[1.0, 0.25], shape=entry_shapes, reduction=reductions, dtype=dtypes)
def test_hinge_embedding_loss_agrees_at_the_margin_too(margin, shape, reduction, dtype):
    distances, target = normal("distances", shape, dtype), normal("target", shape, dtype)
    np.sign(target, out=target)
    distances.flat[:1] = margin
    options = {"margin": margin, "reduction": reduction}
    assert_agreement("hinge_embedding_loss", distances, target, **options)


def focal_of_torchvision(logits, target, alpha, gamma):
    """Return what torchvision.ops.sigmoid_focal_loss does, where None is -1."""
    p = torch.sigmoid(logits)
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    loss = entropy * (1 - (p * target + (1 - p) * (1 - target))) ** gamma
    return loss if alpha is None else (alpha * target + (1 - alpha) * (1 - target)) * loss


@product(shape=[(), (3, 4)], alpha=[None, 0.25], gamma=[2.0, 0.0, 1.5], soft=[False, True])
def test_the_focal_loss_agrees_and_its_gradients_and_second_derivatives(shape, alpha, gamma, soft):
    """Two figures of 1 - p may cancel for logits up to 4: a factor e^4 < 64, to the power gamma."""
    logits = normal("logits", shape, float, 3)
    np.clip(logits, -4, 4, out=logits)
    target, options = uniform("target", shape, float), {"alpha": alpha, "gamma": gamma}
    if not soft:
        np.rint(target, out=target)
    x = tensor(logits).requires_grad_()
    expected = focal_of_torchvision(x, tensor(target), alpha, gamma)
    loss = losses.sigmoid_focal_loss(logits, target, reduction="none", **options)
    precision = 64 * (1 + gamma) * ROUNDINGS * np.finfo(float).eps
    assert_close(loss, expected, precision)
    ones = {"grad_output": np.ones_like(loss), "reduction": "none", **options}
    _, gradient = losses.sigmoid_focal_loss_value_and_grad(logits, target, **ones)
    (wanted,) = torch.autograd.grad(expected.sum(), x, create_graph=True)
    assert_close(gradient, wanted, precision, 1)  # of terms up to 1 between which t may lie
    if not soft:
        options["reduction"] = "sum"
        found = losses.sigmoid_focal_loss_hessian_diagonal(logits, target, **options)
        (wanted,) = torch.autograd.grad(wanted.sum(), x)
        assert_close(found, wanted, precision, 2)  # two terms of at most (1 + 2 gamma) / 4


@in_both_precisions
def test_a_tail_that_is_exact_here_is_0_in_pytorch(dtype):
    """Where they differ on purpose: PyTorch subtracts p from 1, and log-sum-exp from a logit."""
    logits = np.array([[80, 0]], dtype)
    x = tensor(logits).requires_grad_()
    expected = F.cross_entropy(x, torch.tensor([0]))
    (gradient,) = torch.autograd.grad(expected, x)
    loss, grad = losses.cross_entropy_value_and_grad(logits, [0])
    assert expected == gradient[0, 0] == 0
    assert loss == -grad[0, 0] == grad[0, 1] > 0


@product(
    samples=[(), (5,)],
    kind=["labels", "ignored", "probabilities"],
    reduction=reductions,
    weighted=[False, True],
    biased=[False, True],
    label_smoothing=[0.0, 0.1],
    dtype=dtypes,
)
def test_linear_cross_entropy_agrees(
    samples, kind, reduction, weighted, biased, label_smoothing, dtype
):
    inputs = normal("inputs", (*samples, 4), dtype)
    layer = [inputs, normal("linear_weight", (3, 4), dtype)]
    target = labels((*samples, 3), -1 if kind == "ignored" else None)
    options = {"reduction": reduction, "label_smoothing": label_smoothing}
    if kind == "probabilities":
        target = uniform("target", (*samples, 3), dtype)
    else:
        options["ignore_index"] = -1
    if weighted:
        options["weight"] = weights(3, dtype)
    if biased:
        layer.append(normal("linear_bias", (3,), dtype))
    points = [tensor(array).requires_grad_() for array in layer]
    theirs = {key: tensor(option) for key, option in options.items()}
    expected = F.linear_cross_entropy(
        points[0],
        points[1],
        tensor(target),
        linear_bias=points[2] if biased else None,
        **theirs,
    )
    bias = {"linear_bias": layer[2]} if biased else {}
    value = losses.linear_cross_entropy(*layer[:2], target, **bias, **options)
    # As in assert_agreement; a logit is a sum of four products.
    terms = np.prod([size(array) for array in layer]) * 4 * inputs.size
    precision = (ROUNDINGS + inputs.size) * np.finfo(dtype).eps
    assert_close(value, expected, precision, terms)
    grad_output = uniform("grad_output", np.shape(value), dtype, -1, 1)
    backward = losses.linear_cross_entropy_backward
    grads = backward(grad_output, *layer[:2], target, **bias, **options)
    wanted = torch.autograd.grad(expected, points, tensor(grad_output))
    for ours, gradient in zip(grads, wanted, strict=False):
        assert_close(ours, gradient, precision, terms)
    assert biased or grads.linear_bias is None


def assert_each_gradient_agrees(name, arrays, produced, **options):
    """Assert that the value and the gradients of the first `produced` arrays are PyTorch's.

    As in assert_agreement; a gradient that is summed has as many terms as there are losses.
    """
    points = [tensor(array).requires_grad_(place in produced) for place, array in enumerate(arrays)]
    expected = THEIRS[name](*points, **options)
    value, fused = getattr(losses, f"{name}_value_and_grad")(*arrays, **options)
    entries = max(array.size for array in arrays)
    precision = (ROUNDINGS + entries) * np.finfo(arrays[0].dtype).eps
    terms = np.prod([size(array) for array in arrays]) * entries
    assert_close(value, expected, precision, terms)
    wanted = torch.autograd.grad(expected.sum(), [points[place] for place in produced])
    grad_output = np.ones_like(value)
    grads = getattr(losses, f"{name}_backward")(grad_output, *arrays, **options)
    for ours, ours_too, theirs in zip(grads, fused, wanted, strict=True):
        assert_close(ours, theirs, precision, terms)
        assert_close(ours_too, theirs, precision, terms)


@product(
    shape=entry_shapes,
    kept=[0, 1],
    full=[False, True],
    eps=[1e-6, 0.75],
    reduction=reductions,
    dtype=dtypes,
)
def test_gaussian_nll_loss_agrees(shape, kept, full, eps, reduction, dtype):
    """Also where the last axis has one variance."""
    own = (*shape[:-1], 1) if kept and shape else shape
    arrays = [normal("predictions", shape, dtype), normal("target", shape, dtype)]
    # Of a variance the gradient has 1 / v^2: at most 4 on each side of 1 / 2, as in the bound.
    arrays.append(uniform("variance", own, dtype, 0.5, 2))
    options = {"full": full, "eps": eps, "reduction": reduction}
    assert_each_gradient_agrees("gaussian_nll_loss", arrays, (0, 2), **options)


@product(shape=entry_shapes, full=[False, True], reduction=reductions, dtype=dtypes)
def test_a_gaussian_of_log_variances_agrees_with_that_of_their_exponentials(
    shape, full, reduction, dtype
):
    arrays = [normal(name, shape, dtype) for name in ("predictions", "target", "log_variance")]
    y, t, s = map(tensor, arrays)
    y.requires_grad_(), s.requires_grad_()
    options = {"full": full, "reduction": reduction}
    expected = F.gaussian_nll_loss(y, t, s.exp(), eps=1e-12, **options)
    value, grads = losses.gaussian_nll_loss_with_log_variance_value_and_grad(*arrays, **options)
    # A square, of differences, and an exponential.
    terms = size(arrays[0]) ** 2 * size(arrays[1]) ** 2 * np.exp(size(arrays[2])) * arrays[0].size
    precision = (ROUNDINGS + arrays[0].size) * np.finfo(dtype).eps
    assert_close(value, expected, precision, terms)
    for ours, theirs in zip(grads, torch.autograd.grad(expected.sum(), [y, s]), strict=True):
        assert_close(ours, theirs, precision, terms)


@product(shape=entry_shapes, margin=[0.0, 0.5, -0.25], reduction=reductions, dtype=dtypes)
def test_margin_ranking_loss_agrees(shape, margin, reduction, dtype):
    """Also of equal scores, which a margin of 0 lets part."""
    first, second = normal("first", shape, dtype), normal("second", shape, dtype)
    second.reshape(-1)[::3] = first.reshape(-1)[::3]
    target = np.where(normal("target", shape, dtype) > 0, dtype(1), dtype(-1))
    options = {"margin": margin, "reduction": reduction}
    assert_each_gradient_agrees("margin_ranking_loss", [first, second, target], (0, 1), **options)


def normalized(name, shape, dtype):
    """Return log-probabilities along the class axis."""
    return losses.log_softmax(normal(name, shape, dtype, 2), axis=class_axis(shape))


@product(log_target=[False, True], shape=class_shapes, reduction=["sum", "mean"], dtype=dtypes)
def test_kl_div_agrees(log_target, shape, reduction, dtype):
    """PyTorch has one loss for each entry, and its mean divides by the entries."""
    log_probs, target = normalized("log_probs", shape, dtype), normalized("target", shape, dtype)
    name = "kl_div_with_log_target" if log_target else "kl_div"
    target = target if log_target else np.exp(target)
    x = tensor(log_probs).requires_grad_()
    samples = log_probs.size // shape[class_axis(shape)]
    wanted = THEIRS[name](x, tensor(target), reduction="sum", log_target=log_target)
    wanted = wanted / (samples if reduction == "mean" else 1)
    value, gradient = getattr(losses, f"{name}_value_and_grad")(
        log_probs, target, reduction=reduction
    )
    precision = (ROUNDINGS + log_probs.size) * np.finfo(dtype).eps
    terms = size(log_probs) * log_probs.size
    assert_close(value, wanted, precision, terms)
    assert_close(gradient, torch.autograd.grad(wanted, x)[0], precision, 1)


@product(
    p=[1, 2],
    margin=[1.0, 0.25, -3.0],
    weighted=[False, True],
    shape=[(3,), (5, 3), (5, 1)],
    reduction=["none", "sum"],
    dtype=dtypes,
)
def test_multi_margin_loss_agrees(p, margin, weighted, shape, reduction, dtype):
    """PyTorch's weighted mean divides by the samples."""
    options = {"p": p, "margin": margin, "reduction": reduction}
    if weighted:
        options["weight"] = weights(shape[class_axis(shape)], dtype)
    assert_agreement("multi_margin_loss", normal("logits", shape, dtype), labels(shape), **options)


@product(shape=[(3,), (5, 3), (5, 1)], weighted=[False, True], reduction=reductions, dtype=dtypes)
def test_multilabel_soft_margin_loss_agrees(shape, weighted, reduction, dtype):
    options = {"weight": weights(shape[class_axis(shape)], dtype)} if weighted else {}
    logits, target = normal("logits", shape, dtype, 3), uniform("target", shape, dtype)
    assert_agreement("multilabel_soft_margin_loss", logits, target, reduction=reduction, **options)


@product(shape=[(4,), (3, 4)], margin=[0.0, 0.5, -0.25], reduction=reductions, dtype=dtypes)
def test_cosine_embedding_loss_agrees(shape, margin, reduction, dtype):
    """PyTorch adds 1e-12 to the squares of each vector's length, which are about 4."""
    first, second = normal("first", shape, dtype), normal("second", shape, dtype)
    target = np.where(normal("target", shape[:-1], dtype) > 0, dtype(1), dtype(-1))
    options = {"margin": margin, "reduction": reduction}
    if dtype is np.float32:  # beside which 1e-12 is nothing
        arrays = [first, second, target]
        assert_each_gradient_agrees("cosine_embedding_loss", arrays, (0, 1), **options)
        return
    x = [tensor(first).requires_grad_(), tensor(second).requires_grad_()]
    expected = THEIRS["cosine_embedding_loss"](*x, tensor(target), **options)
    both = losses.cosine_embedding_loss_value_and_grad(first, second, target, **options)
    assert_close(both[0], expected, 1e-11, 1)
    for ours, theirs in zip(both[1], torch.autograd.grad(expected.sum(), x), strict=True):
        assert_close(ours, theirs, 1e-11, 1)


@product(
    shape=[(4,), (3, 4), (2, 3, 4)],
    p=[1.0, 2.0, 3.5],
    swap=[False, True],
    reduction=reductions,
    dtype=dtypes,
)
def test_triplet_margin_loss_agrees(shape, p, swap, reduction, dtype):
    arrays = [normal(name, shape, dtype) for name in ("anchor", "positive", "negative")]
    points = [tensor(array).requires_grad_() for array in arrays]
    options = {"p": p, "swap": swap, "reduction": reduction}
    expected = THEIRS["triplet_margin_loss"](*points, eps=0.0, **options)
    value, grads = losses.triplet_margin_loss_value_and_grad(*arrays, **options)
    precision = (ROUNDINGS + arrays[0].size) * np.finfo(dtype).eps
    terms = max(map(size, arrays)) * arrays[0].size
    assert_close(value, expected, precision, terms)
    for ours, theirs in zip(grads, torch.autograd.grad(expected.sum(), points), strict=True):
        assert_close(ours, theirs, precision, terms)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("probabilities", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("shape", [(7, 5), (2, 70, 3)])
def test_second_derivatives_of_cross_entropy_agree(
    reduction, probabilities, weighted, smoothing, shape
):
    rng = np.random.default_rng(0)
    logits, vector = rng.standard_normal((2, *shape))
    target = rng.random(shape)
    if not probabilities:
        target = rng.integers(0, shape[1], (shape[0], *shape[2:]))
        target.reshape(-1)[0] = -100
    weight = rng.random(shape[1]) if weighted else None

    def theirs(x):
        return torch.nn.functional.cross_entropy(
            x,
            torch.from_numpy(target),
            weight=None if weight is None else torch.from_numpy(weight),
            reduction=reduction,
            label_smoothing=smoothing,
        )

    options = {"weight": weight, "reduction": reduction, "label_smoothing": smoothing}
    both_agree("cross_entropy", theirs, vector, logits, target, options)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
def test_second_derivatives_of_binary_and_squared_losses_agree(reduction, weighted):
    rng = np.random.default_rng(0)
    logits, vector, weight = rng.standard_normal((3, 6, 4))
    target = rng.random((6, 4))
    positive = np.array([0.5, 1.0, 2.0, 3.0])
    functional = torch.nn.functional

    def binary(x):
        return functional.binary_cross_entropy_with_logits(
            x,
            torch.from_numpy(target),
            weight=torch.from_numpy(weight**2) if weighted else None,
            pos_weight=torch.from_numpy(positive) if weighted else None,
            reduction=reduction,
        )

    options = {"reduction": reduction}
    if weighted:
        options |= {"weight": weight**2, "pos_weight": positive}
    both_agree("binary_cross_entropy_with_logits", binary, vector, logits, target, options)

    def squared(x):
        return functional.mse_loss(x, torch.from_numpy(target), reduction=reduction)

    both_agree("mse_loss", squared, vector, logits, target, {"reduction": reduction})


def both_agree(name, theirs, vector, logits, target, options):
    """Assert that the product and the diagonal are those of PyTorch's automatic derivatives."""
    x = torch.from_numpy(logits)
    _, expected = torch.autograd.functional.hvp(theirs, x, torch.from_numpy(vector))
    found = getattr(losses, f"{name}_hvp")(vector, logits, target, **options)
    # Sums of up to 70 terms of at most |u| V, each rounded a few times on both sides.
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-13, atol=1e-13)
    hessian = torch.autograd.functional.hessian(theirs, x).reshape(x.numel(), x.numel())
    found = getattr(losses, f"{name}_hessian_diagonal")(logits, target, **options)
    np.testing.assert_allclose(
        found.reshape(-1), hessian.diagonal().numpy(), rtol=1e-13, atol=1e-15
    )
