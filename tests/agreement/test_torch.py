"""Agreement with PyTorch over the products of the options, in values and in gradients.

The rules in which the library is better than PyTorch on purpose are tested elsewhere; the points
here are ordinary, where the two agree.
"""

import itertools

import numpy as np
import pytest

import losses

torch = pytest.importorskip("torch")
F = torch.nn.functional

THEIRS = {
    "softmax": torch.softmax,
    "log_softmax": torch.log_softmax,
    "logsumexp": torch.logsumexp,
    "sigmoid": torch.sigmoid,
    "log_sigmoid": F.logsigmoid,
    "nll_loss": F.nll_loss,
    "cross_entropy": F.cross_entropy,
    "binary_cross_entropy": F.binary_cross_entropy,
    "binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits,
    "mse_loss": F.mse_loss,
    "l1_loss": F.l1_loss,
}
FROM_RESULT = {"softmax", "log_softmax", "sigmoid"}  # whose backward takes what they returned

# Each side rounds each term of a loss, or an entry of a gradient, fewer times than this.
ROUNDINGS = 32


def theirs(value):
    """Return a tensor for an array, and anything else as it is."""
    return torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value


def size(array):
    """Return a bound, from 1 up, of the differences of an array's finite entries."""
    return max(1, 2 * np.abs(array[np.isfinite(array)]).max(initial=0))


def assert_agreement(name, first, *rest, **options):
    """Assert that the value and the gradient of one call are PyTorch's.

    The two results are one real number with a relative error of ROUNDINGS and the additions of
    the sum, of at most every entry, on each side: together that many eps of the terms' size,
    which is at most the product of the arguments'. The terms of a sum add up.
    """
    x = theirs(first).requires_grad_()
    tensors = {key: theirs(value) for key, value in options.items()}
    expected = THEIRS[name](x, *map(theirs, rest), **tensors)
    value = getattr(losses, name)(first, *rest, **options)

    arrays = [first, *rest, *options.values()]
    terms = np.prod([size(a) for a in arrays if isinstance(a, np.ndarray) and a.dtype.kind == "f"])
    count = first.size if options.get("reduction") == "sum" else 1

    def assert_close(got, tensor):
        wanted = tensor.detach().numpy()
        assert np.shape(got) == wanted.shape
        assert got.dtype == wanted.dtype
        eps = np.finfo(first.dtype).eps
        tolerance = (ROUNDINGS + first.size) * eps * (count * terms + np.abs(wanted))
        finite = np.isfinite(wanted)
        assert np.array_equal(np.asarray(got)[~finite], wanted[~finite], equal_nan=True)
        assert np.all(np.abs(got - wanted)[finite] <= tolerance[finite])

    assert_close(value, expected)

    rng = np.random.default_rng(5)
    grad_output = rng.uniform(-1, 1, np.shape(value)).astype(first.dtype)
    point = value if name in FROM_RESULT else first
    backward = getattr(losses, f"{name}_backward")
    (gradient,) = torch.autograd.grad(expected, x, theirs(grad_output), retain_graph=True)
    assert_close(backward(grad_output, point, *rest, **options), gradient)

    if hasattr(losses, f"{name}_value_and_grad"):
        both = getattr(losses, f"{name}_value_and_grad")(first, *rest, **options)
        assert_close(both[0], expected)
        assert_close(both[1], torch.autograd.grad(expected.sum(), x)[0])


def product(**choices):
    """Parametrize by every combination of named choices."""
    return pytest.mark.parametrize(tuple(choices), list(itertools.product(*choices.values())))


dtypes = [np.float32, np.float64]
reductions = ["none", "mean", "sum"]
class_shapes = [(3,), (5, 3), (5, 1), (4, 3, 2), (2, 3, 2, 3), (0, 3), (4, 3, 0)]
entry_shapes = [(), (4,), (3, 4), (2, 3, 4), (0, 4)]
in_both_precisions = pytest.mark.parametrize("dtype", dtypes)


def normal(shape, dtype):
    """Return normal numbers as an array, a 0-D one too."""
    return np.asarray(np.random.default_rng(1).standard_normal(shape), dtype)


def uniform(shape, dtype, low=0.0, high=1.0):
    """Return uniform numbers as an array, a 0-D one too."""
    return np.asarray(np.random.default_rng(2).uniform(low, high, shape), dtype)


def class_axis(shape):
    """Return the axis of the classes by the usual rule."""
    return min(1, len(shape) - 1)


def labels(shape, ignore_index=None):
    """Return class indices for scores of a shape, the first of several ignored."""
    axis = class_axis(shape)
    samples = shape[:axis] + shape[axis + 1 :]
    target = np.asarray(np.random.default_rng(3).integers(0, shape[axis], samples))
    if ignore_index is not None and target.size > 1:
        target.flat[0] = ignore_index
    return target


def class_options(shape, dtype, weighted, ignore_index=None):
    """Return the options weight and ignore_index, where they are not the defaults."""
    options = {}
    if weighted:
        options["weight"] = uniform(shape[class_axis(shape)], dtype, 0.5, 2)
    if ignore_index is not None:
        options["ignore_index"] = ignore_index
    return options


@product(name=["softmax", "log_softmax", "logsumexp"], shape=[(), *class_shapes], dtype=dtypes)
def test_activations_agree_along_every_axis(name, shape, dtype):
    for axis in range(-max(len(shape), 1), max(len(shape), 1)):
        assert_agreement(name, normal(shape, dtype), axis)


@product(axis=[0, (0, 2), (0, 1, 2), (-1, 0)], keepdims=[False, True], dtype=dtypes)
def test_logsumexp_agrees_over_several_axes(axis, keepdims, dtype):
    assert_agreement("logsumexp", normal((2, 3, 4), dtype), axis, keepdims=keepdims)


@product(name=["sigmoid", "log_sigmoid"], shape=entry_shapes, dtype=dtypes)
def test_sigmoids_agree_entry_by_entry(name, shape, dtype):
    assert_agreement(name, normal(shape, dtype))


# No label is ignored; one is that is negative, a class, or past the classes.
ignore_indices = [None, -100, -1, 0, 255]


@product(
    shape=class_shapes,
    reduction=reductions,
    weighted=[False, True],
    ignore_index=ignore_indices,
    dtype=dtypes,
)
def test_nll_loss_agrees(shape, reduction, weighted, ignore_index, dtype):
    options = class_options(shape, dtype, weighted, ignore_index)
    target = labels(shape, ignore_index)
    assert_agreement("nll_loss", normal(shape, dtype), target, reduction=reduction, **options)


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
        3 * normal(shape, dtype),
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
        3 * normal(shape, dtype),
        uniform(shape, dtype),
        reduction=reduction,
        label_smoothing=label_smoothing,
        **class_options(shape, dtype, weighted),
    )


both_losses_of_labels = pytest.mark.parametrize("name", ["nll_loss", "cross_entropy"])


@both_losses_of_labels
@product(shape=class_shapes, reduction=reductions, weighted=[False, True], dtype=dtypes)
def test_where_all_samples_are_ignored_the_mean_is_nan_and_the_gradient_0(
    name, shape, reduction, weighted, dtype
):
    target = np.full_like(labels(shape), -100)
    options = class_options(shape, dtype, weighted)
    assert_agreement(name, normal(shape, dtype), target, reduction=reduction, **options)


@both_losses_of_labels
@product(reduction=reductions, dtype=dtypes)
def test_where_no_seen_class_has_weight_the_mean_is_nan(name, reduction, dtype):
    weight = np.array([0, 0, 1], dtype)
    target = np.array([0, 1, 0, 1])
    options = {"weight": weight, "reduction": reduction}
    assert_agreement(name, normal((4, 3), dtype), target, **options)


@both_losses_of_labels
@product(reduction=reductions, dtype=dtypes)
def test_one_dimensional_scores_take_a_target_of_size_1(name, reduction, dtype):
    assert_agreement(name, normal(3, dtype), np.array([1]), reduction=reduction)


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
def test_binary_cross_entropy_agrees_up_to_probabilities_of_0_and_1(
    shape, reduction, weighted, dtype
):
    probs = uniform(shape, dtype)
    probs.flat[:2] = [0, 1][: probs.size]
    options = {"weight": uniform(shape, dtype, 0.5, 2)} if weighted else {}
    target = uniform(shape, dtype)[::-1].copy() if shape else uniform(shape, dtype)
    assert_agreement("binary_cross_entropy", probs, target, reduction=reduction, **options)


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
            options[name] = uniform(shape, dtype, 0.5, 2)
    logits, target = 3 * normal((2, 3, 4), dtype), uniform((2, 3, 4), dtype)
    assert_agreement("binary_cross_entropy_with_logits", logits, target, **options)


@product(shape=entry_shapes, reduction=reductions, dtype=dtypes)
def test_binary_cross_entropy_with_logits_agrees_for_every_shape(shape, reduction, dtype):
    logits, target = 3 * normal(shape, dtype), uniform(shape, dtype)
    assert_agreement("binary_cross_entropy_with_logits", logits, target, reduction=reduction)


@product(
    name=["mse_loss", "l1_loss"],
    shape=entry_shapes,
    reduction=reductions,
    weighted=[False, True],
    dtype=dtypes,
)
def test_losses_of_residuals_agree_and_have_no_slope_at_0(name, shape, reduction, weighted, dtype):
    predictions, target = normal(shape, dtype), 2 * normal(shape, dtype)
    predictions.flat[:1] = target.flat[:1]
    options = {"weight": uniform(shape, dtype, 0.5, 2)} if weighted else {}
    assert_agreement(name, predictions, target, reduction=reduction, **options)


@in_both_precisions
def test_a_tail_that_is_exact_here_is_0_in_pytorch(dtype):
    """Where they differ on purpose: PyTorch subtracts p from 1, and log-sum-exp from a logit."""
    logits = np.array([[80, 0]], dtype)
    x = theirs(logits).requires_grad_()
    expected = F.cross_entropy(x, torch.tensor([0]))
    (gradient,) = torch.autograd.grad(expected, x)
    loss, grad = losses.cross_entropy_value_and_grad(logits, [0])
    assert expected == gradient[0, 0] == 0
    assert loss == -grad[0, 0] == grad[0, 1] > 0
