"""Losses of a prediction and a target, entry by entry: what the binary ones, mse and l1 share."""

import numpy as np
import pytest
from tests.rooms.helpers import CALLS, INF, NAN, WEIGHT, assert_same, call, parts, point, takes

PAIRED = [name for name in takes("target", "weight") if name not in takes("ignore_index")]
BINARY = [name for name in PAIRED if name.startswith("binary")]
RESIDUAL = [name for name in PAIRED if name not in BINARY]

pairs = pytest.mark.parametrize("name", PAIRED)


def unweighted(name, first, target, **options):
    """Return f(first, target) without the weights of the table."""
    weights = {option: None for option in ("weight", "pos_weight") if option in CALLS[name]}
    return call(name, **{point(name): first, "target": target, **weights, **options})


@pairs
@pytest.mark.parametrize(
    ("shape", "target"),
    [((3, 1), (3,)), ((3,), (3, 1)), ((2, 3), (3, 2)), ((2, 3), ()), ((), (1,)), ((0,), (1,))],
    ids=str,
)
def test_nothing_is_broadcast_in_silence(name, shape, target):
    with pytest.raises(ValueError, match=r"\btarget\b") as error:
        unweighted(name, np.zeros(shape), np.zeros(target))
    for word in (point(name), str(shape), str(target)):
        assert word in str(error.value)


@pairs
def test_a_pair_of_numbers_has_a_number_for_a_loss(name):
    for result in parts(unweighted(name, 1.0, 1.0, reduction="none")):
        assert np.shape(result) == ()


@pairs
@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.float32])
def test_integer_and_boolean_targets_are_numbers(name, dtype):
    target = np.eye(2, 3)
    assert_same(call(name, target=target.astype(dtype)), call(name, target=target))


@pytest.mark.parametrize("name", RESIDUAL)
@pytest.mark.parametrize("shape", [(3,), (2, 1), (), (1, 2, 3), (3, 2)], ids=str)
def test_the_weight_of_a_residual_has_its_shape(name, shape):
    with pytest.raises(ValueError, match=r"\bweight\b") as error:
        call(name, weight=np.ones(shape))
    assert str(shape) in str(error.value)
    assert "(2, 3)" in str(error.value)


@pytest.mark.parametrize(
    ("name", "option"), [(name, o) for name in BINARY for o in CALLS[name] if "weight" in o]
)
@pytest.mark.parametrize("shape", [(2, 2, 3), (1, 2, 3), (4,), (3, 3), (3, 1)], ids=str)
def test_a_binary_weight_may_not_enlarge_the_target(name, option, shape):
    with pytest.raises(ValueError, match=rf"\b{option}\b") as error:
        call(name, **{option: np.ones(shape)})
    assert str(shape) in str(error.value)
    assert "(2, 3)" in str(error.value)


@pytest.mark.parametrize(
    ("name", "option"), [(name, o) for name in BINARY for o in CALLS[name] if "weight" in o]
)
@pytest.mark.parametrize("weight", [2.0, [2.0], WEIGHT, [[2.0], [3.0]]], ids=str)
def test_a_binary_weight_broadcasts_to_the_target(name, option, weight):
    full = np.broadcast_to(weight, (2, 3)).copy()
    assert_same(call(name, **{option: weight}), call(name, **{option: full}))


@pairs
def test_weights_may_be_integers(name):
    weight = np.array([[1, 0, 2], [3, 1, 1]])
    assert_same(call(name, weight=weight), call(name, weight=weight * 1.0))


@pytest.mark.parametrize("name", RESIDUAL)
def test_unsigned_residuals_do_not_wrap(name):
    low, high = np.uint8([0, 0]), np.uint8([1, 255])
    assert_same(unweighted(name, low, high), unweighted(name, low * 1.0, high * 1.0))


@pytest.mark.parametrize("name", RESIDUAL)
def test_where_the_weights_sum_to_0_the_mean_is_nan(name):
    for result in parts(call(name, weight=np.zeros((2, 3)))):
        assert np.isnan(result).all()


# Where the loss is infinite: a first argument and a target.
INFINITE = {
    "binary_cross_entropy_with_logits": ([INF, -INF], [0, 1]),
    "mse_loss": ([INF, -INF], [0, 1]),
    "l1_loss": ([INF, -INF], [0, 1]),
}


@pytest.mark.parametrize("name", INFINITE)
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_a_weight_of_0_at_an_infinite_loss_counts_0(name, reduction):
    first, target = (np.array([*entries, 1.0]) for entries in INFINITE[name])
    options = {"weight": np.array([0, 0, 1.0]), "reduction": reduction}
    loss = unweighted(name, first, target, **options)
    quiet = np.array([target[0], target[1], 1.0])
    assert_same(loss, unweighted(name, quiet, target, **options))
    grad_output = np.ones_like(loss)
    gradient = unweighted(f"{name}_backward", first, target, grad_output=grad_output, **options)
    assert (gradient[:2] == 0).all()


@pairs
def test_a_nan_prediction_is_nan_alone(name):
    if point(name) == "probs":
        return
    options = {"reduction": "none"}
    if "grad_output" in CALLS[name]:
        options["grad_output"] = np.ones(3)
    found = unweighted(name, [1.0, NAN, 3.0], [1.0, 1.0, 0.0], **options)
    expected = unweighted(name, [1.0, 2.0, 3.0], [1.0, 1.0, 0.0], **options)
    for part in parts(expected):
        part[1] = NAN
    assert_same(found, expected)
