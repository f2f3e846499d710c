"""What the losses entry by entry share: shapes, weights and special values."""

import numpy as np
import pytest
from tests.domains import REAL, SIGNS, WEIGHT
from tests.faults import spreads
from tests.rooms.helpers import (
    CALLS,
    INF,
    NAN,
    assert_near,
    assert_same,
    call,
    evaluate,
    parts,
    point,
)
from tests.rows import invoke
from tests.table import ENTRYWISE, FUNCTIONS

import losses

# The losses entry by entry and their derivatives, those whose weights have the losses' shape, and
# those whose weights broadcast.
PAIRED = [name for name, (row, _) in FUNCTIONS.items() if row.kind == "entrywise"]
WEIGHTED = [name for name in PAIRED if FUNCTIONS[name][0].weight == "in the mean"]
BROADCAST = [name for name in PAIRED if name not in WEIGHTED]
# Of predictions and a target that may be any numbers.
RESIDUAL = [name for name in WEIGHTED if {*FUNCTIONS[name][0].arrays.values()} == {REAL}]
# The curvature of a square is the same at any prediction.
CURVATURES = [name for name in RESIDUAL if FUNCTIONS[name][1] in ("hvp", "hessian_diagonal")]
# Where a prediction of nan has a nan: not in a kink that a sign decides.
NAN_IS_NAN = [
    name
    for name in PAIRED
    if (domains := FUNCTIONS[name][0].arrays)[point(name)] is REAL
    and SIGNS not in domains.values()
    and name not in CURVATURES
]
WEIGHTS = [None, np.ones(3)]

pairs = pytest.mark.parametrize("name", PAIRED)
binary_weights = pytest.mark.parametrize(
    ("name", "option"),
    [(name, option) for name in BROADCAST for option in FUNCTIONS[name][0].array_options],
)


every_loss = pytest.mark.parametrize("row", ENTRYWISE, ids=str)


def ones(name, shape, dtype=float):
    """Return arguments of ones, which lie in every domain, without weights."""
    row, what = FUNCTIONS[name]
    leading = {"backward": {"grad_output": np.array(1.0)}, "hvp": {"vector": np.ones(shape)}}
    arrays = {key: np.ones(shape, dtype) for key in row.arrays}
    return {**leading.get(what, {}), **arrays}


@every_loss
def test_known_values(row):
    """To twelve digits."""
    for numbers, options, expected in row.known:
        arrays = dict(zip(row.arrays, map(np.float64, numbers), strict=True))
        found = invoke(row.name, {**arrays, **options})
        np.testing.assert_allclose(found, expected, rtol=5e-12, atol=0)


@pairs
@pytest.mark.parametrize(
    ("shape", "other"),
    [((3, 1), (3,)), ((3,), (3, 1)), ((2, 3), (3, 2)), ((2, 3), ()), ((), (1,)), ((0,), (1,))],
    ids=str,
)
def test_nothing_is_broadcast_in_silence(name, shape, other):
    row, _ = FUNCTIONS[name]
    first, *others = row.arrays
    for wrong in others:
        if wrong in row.broadcast and spreads(other, shape):
            continue
        with pytest.raises(ValueError, match=rf"\b{wrong}\b") as error:
            invoke(name, {**ones(name, shape), wrong: np.ones(other)})
        for word in (first, str(shape), str(other)):
            assert word in str(error.value)


@pairs
def test_numbers_have_a_number_for_a_loss(name):
    for result in parts(invoke(name, {**ones(name, ()), "reduction": "none"})):
        assert np.shape(result) == ()


@pairs
@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.float32])
def test_integer_and_boolean_targets_are_numbers(name, dtype):
    target = FUNCTIONS[name][0].arrays["target"].kept(np.eye(2, 3))
    assert_same(call(name, target=target.astype(dtype)), call(name, target=target))


@pairs
def test_a_number_outside_of_its_domain_is_an_error_with_its_position_and_value(name):
    for array, domain in FUNCTIONS[name][0].arrays.items():
        for wrong in domain.outside:
            numbers = np.ones((2, 3))
            numbers[1, 0] = numbers[1, 2] = wrong
            with pytest.raises(ValueError, match=rf"^{array}: 2 .*\(1, 0\): {wrong}"):
                invoke(name, {**ones(name, (2, 3)), array: numbers})


@pairs
def test_an_option_outside_of_its_range_is_an_error_with_its_value(name):
    for option, values in FUNCTIONS[name][0].options.items():
        for wrong in values.outside:
            with pytest.raises(
                ValueError, match=rf"^{option}: expected a number in .*, got {wrong}"
            ):
                invoke(name, {**ones(name, (2, 3)), option: wrong})


@every_loss
def test_the_mean_of_seventy_thousand_entries_of_float16_is_that_of_one(row):
    many, one = (ones(row.name, shape, np.float16) for shape in (70_000, 1))
    weight = np.full(70_000, 9, np.float16)
    assert_same(invoke(row.name, many), invoke(row.name, one))
    weighted = invoke(row.name, {**many, "weight": weight})
    assert_same(weighted, invoke(row.name, {**one, "weight": weight[:1]}))


@pytest.mark.parametrize("row", [row for row in ENTRYWISE if row.name in WEIGHTED], ids=str)
def test_weights_beyond_the_range_of_the_predictions_keep_their_proportions(row):
    arrays = {
        name: domain.examples[place][0, :2].astype(np.float32)
        for place, (name, domain) in enumerate(row.arrays.items())
    }
    expected = invoke(row.name, {**arrays, "weight": [1.0, 3.0]})
    for size in (1e-46, 1e39):
        assert_near(invoke(row.name, {**arrays, "weight": [size, 3 * size]}), expected)


@pytest.mark.parametrize("name", WEIGHTED)
@pytest.mark.parametrize("shape", [(3,), (2, 1), (), (1, 2, 3), (3, 2)], ids=str)
def test_a_weight_in_the_mean_has_the_shape_of_the_losses(name, shape):
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
    assert_same(found, tuple(np.append(part[:2], INF) for part in parts(expected)))


@pytest.mark.parametrize("name", NAN_IS_NAN)
@pytest.mark.parametrize("weight", WEIGHTS, ids=str)
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


def test_a_mean_of_longdouble_divides_by_a_longdouble():
    weight, ones = np.array([3, 2.0**60], np.float32), np.ones(2, np.longdouble)
    assert losses.mse_loss(ones, [0, 0], weight=weight) == 1
    assert losses.kl_div(-ones.reshape(2, 1), [[1], [1]], weight=weight) == 1
