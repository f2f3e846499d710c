"""Losses of a prediction and a target, entry by entry: what the binary ones, mse and l1 share."""

import numpy as np
import pytest
from tests.rooms.helpers import (
    CALLS,
    INF,
    NAN,
    WEIGHT,
    assert_same,
    call,
    evaluate,
    parts,
    point,
    takes,
)

PAIRED = [name for name in takes("target", "weight") if name not in takes("ignore_index")]
BINARY = [name for name in PAIRED if name.startswith("binary")]
RESIDUAL = [name for name in PAIRED if name not in BINARY]
# The curvature of a square is the same at any prediction.
CURVATURES = [name for name in RESIDUAL if name.startswith("mse_loss_h")]

pairs = pytest.mark.parametrize("name", PAIRED)
binary_weights = pytest.mark.parametrize(
    ("name", "option"),
    [(name, option) for name in BINARY for option in CALLS[name] if "weight" in option],
)


@pairs
@pytest.mark.parametrize(
    ("shape", "target"),
    [((3, 1), (3,)), ((3,), (3, 1)), ((2, 3), (3, 2)), ((2, 3), ()), ((), (1,)), ((0,), (1,))],
    ids=str,
)
def test_nothing_is_broadcast_in_silence(name, shape, target):
    with pytest.raises(ValueError, match=r"\btarget\b") as error:
        evaluate(name, np.zeros(shape), np.zeros(target))
    for word in (point(name), str(shape), str(target)):
        assert word in str(error.value)


@pairs
def test_a_pair_of_numbers_has_a_number_for_a_loss(name):
    for result in parts(evaluate(name, 1.0, 1.0, reduction="none")):
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


@binary_weights
@pytest.mark.parametrize("shape", [(2, 2, 3), (1, 2, 3), (4,), (3, 3), (3, 1)], ids=str)
def test_a_binary_weight_may_not_enlarge_the_target(name, option, shape):
    with pytest.raises(ValueError, match=rf"\b{option}\b") as error:
        call(name, **{option: np.ones(shape)})
    assert str(shape) in str(error.value)
    assert "(2, 3)" in str(error.value)


@binary_weights
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
    assert_same(evaluate(name, low, high), evaluate(name, low * 1.0, high * 1.0))


@pytest.mark.parametrize("name", sorted({*RESIDUAL} - {*CURVATURES}))
def test_an_infinite_weight_of_a_residual_of_0_counts_0_and_of_any_other_inf(name):
    options = {"reduction": "none"}
    if "grad_output" in CALLS[name]:
        options["grad_output"] = np.ones(3)
    found, expected = (
        evaluate(name, [1.0, 3.0, 2.0], np.ones(3), weight=[weight, 1.0, weight], **options)
        for weight in (INF, 2.0)
    )
    assert_same(found, np.append(expected[:2], INF))


@pytest.mark.parametrize(
    "name", [name for name in PAIRED if point(name) != "probs" and name not in CURVATURES]
)
@pytest.mark.parametrize("weight", [None, np.ones(3)], ids=str)
def test_a_nan_prediction_is_nan_alone_under_any_weight(name, weight):
    options = {"weight": weight, "reduction": "none"}
    if "grad_output" in CALLS[name]:
        options["grad_output"] = np.ones(3)
    found, expected = (
        evaluate(name, [1.0, second, 3.0], [1.0, 1.0, 0.0], **options) for second in (NAN, 2.0)
    )
    for part in parts(expected):
        part[1] = NAN
    assert_same(found, expected)


@pytest.mark.parametrize("name", RESIDUAL)
def test_0_times_inf_changes_no_sign_of_another_0(name):
    def first_two(samples):
        x, target, weight, ones = np.array([-1.0, 1.0, INF]), np.zeros(3), np.zeros(3), np.ones(3)
        options = {"weight": weight[:samples], "reduction": "none"}
        if name.endswith("backward"):
            options["grad_output"] = ones[:samples]
        return evaluate(name, x[:samples], target[:samples], **options)[:2]

    assert_same(first_two(3), first_two(2))
