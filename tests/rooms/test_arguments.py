"""What every function makes of its arguments: dtypes, layouts, reductions, and what it refuses."""

import inspect

import numpy as np
import pytest
from numpy.exceptions import AxisError
from tests.domains import REAL, SCORES
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
    takes,
)
from tests.table import FUNCTIONS

import losses
from losses._core import dtypes as core_dtypes
from losses._losses import entrywise

every = pytest.mark.parametrize("name", CALLS)
every_array = pytest.mark.parametrize(
    ("name", "argument"),
    [(name, argument) for name, arguments in CALLS.items() for argument in arguments],
)
every_reduced = pytest.mark.parametrize("name", takes("reduction"))


def call_mapped(name, change):
    """Return what a function gives for its arguments in the table, all of them changed."""
    return call(name, **{argument: change(array) for argument, array in CALLS[name].items()})


@every
def test_integers_booleans_and_lists_are_float64(name):
    domain = FUNCTIONS[name][0].arrays.get(point(name))
    for dtype in (bool, np.int8, np.uint8, np.int64, np.uint64, list):
        whole = np.abs(CALLS[name][point(name)]).astype(int)
        if dtype is bool:
            whole = whole % 2
        if domain:
            whole = domain.kept(whole)
        same = whole.tolist() if dtype is list else whole.astype(dtype)
        assert_same(call(name, **{point(name): same}), call(name, **{point(name): whole * 1.0}))


# Four losses, exact numbers of every dtype; their sum lies above the middle between two numbers of
# float16, by so little that float32 has it in the middle.
NEAR_A_TIE = np.array([1, 2.0**-12, 2.0**-12, 2.0**-24])
NO, YES = np.zeros(4, np.float16), np.zeros(4, int)
# exp(-256) is 0 in float32: a class so far behind costs 256.
BEHIND = np.array([[0, -256]] * 4, np.float16)
OF_256 = (NEAR_A_TIE / 256).astype(np.float32)
WITH_THOSE_LOSSES = {
    "nll_loss": (-NEAR_A_TIE[:, np.newaxis], YES),
    "cross_entropy": (BEHIND, np.stack([NO, OF_256], axis=1)),
    "binary_cross_entropy_with_logits": (BEHIND[:, 1], OF_256),
    "mse_loss": (np.sqrt(NEAR_A_TIE), NO),
    "l1_loss": (NEAR_A_TIE, NO),
}


@pytest.mark.parametrize("name", WITH_THOSE_LOSSES)
def test_a_mean_or_sum_of_float16_losses_is_rounded_once(name):
    first, target = WITH_THOSE_LOSSES[name]
    for reduction, divisor in (("sum", 1), ("mean", 4)):
        found = evaluate(name, first.astype(np.float16), target, reduction=reduction)
        assert_same(parts(found)[0], np.float16((1 + 2**-10) / divisor))


def test_a_mean_or_sum_of_float16_losses_of_a_layer_is_rounded_once():
    inputs, linear_weight = np.ones((4, 1), np.float16), BEHIND[0][:, np.newaxis]
    target = np.stack([NO, OF_256], axis=1)
    for reduction, divisor in (("sum", 1), ("mean", 4)):
        found = losses.linear_cross_entropy(inputs, linear_weight, target, reduction=reduction)
        assert_same(found, np.float16((1 + 2**-10) / divisor))


@every_array
def test_a_masked_array_is_an_error_whatever_its_mask(name, argument):
    for mask in (False, True):
        masked = np.ma.array(CALLS[name][argument], mask=mask)
        with pytest.raises(TypeError, match=rf"\b{argument}\b.*mask"):
            call(name, **{argument: masked})


@every
def test_a_broadcast_array_is_as_good_as_its_copy(name):
    def broadcast(array):
        return np.broadcast_to(array[:1], array.shape) if array.ndim else array

    copied = call_mapped(name, lambda array: broadcast(array).copy())
    assert_same(call_mapped(name, broadcast), copied)


@every
def test_nothing_warns_or_raises_at_the_ends_of_the_numbers(name):
    domain = FUNCTIONS[name][0].arrays.get(point(name))
    for dtype in (np.float16, np.float32, np.float64):
        ends = np.finfo(dtype)
        extremes = np.array([[ends.max, ends.tiny, -ends.max], [INF, NAN, 1 - ends.eps]], dtype)
        for numbers in (extremes, -extremes):
            inside = numbers if domain is None else domain.kept(numbers)
            with np.errstate(all="raise"):
                call(name, **{point(name): inside})


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        (name, argument)
        for name, arguments in CALLS.items()
        for argument in sorted({"grad_output", "weight", "pos_weight"} & arguments.keys())
    ],
)
def test_factors_may_leave_the_range_of_the_dtype_without_a_warning(name, argument):
    first = {point(name): CALLS[name][point(name)].astype(np.float32)}
    for size in (1e300, 1e-300):
        wide = np.full(CALLS[name][argument].shape, size)
        with np.errstate(all="raise"):
            call(name, **{**first, argument: wide})


@every_reduced
def test_a_reduction_is_none_mean_or_sum(name):
    for reduction in ("avg", "MEAN", "", b"mean", None, True, 0, ["mean"]):
        with pytest.raises(ValueError, match="reduction") as error:
            call(name, reduction=reduction)
        for word in ("'none'", "'mean'", "'sum'", repr(reduction)):
            assert word in str(error.value)


@pytest.mark.parametrize("name", ["nll_loss", "cross_entropy"])
def test_the_loss_of_one_row_without_a_batch_is_a_scalar(name):
    for target in (1, [1]):
        arguments = {point(name): np.zeros(3), "target": target}
        assert isinstance(call(name, reduction="none", **arguments), np.floating)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize(("shape", "axis"), [((0,), 0), ((2, 0), -1), ((0, 3), 0), ((0, 3), -1)])
def test_nothing_along_the_axis_of_softmax_gives_nothing(name, shape, axis):
    empty = np.zeros(shape)
    assert_same(call(name, x=empty, axis=axis), empty)
    backward = f"{name}_backward"
    arguments = {"grad_output": empty, point(backward): empty}
    assert_same(call(backward, axis=axis, **arguments), empty)


BACKWARD = [name for name in takes("grad_output") if name.endswith("_backward")]


@pytest.mark.parametrize("name", BACKWARD)
def test_grad_output_has_the_shape_of_what_the_function_returned(name):
    shape = np.shape(CALLS[name].get("grad_output", 1.0))
    wrong = [(*shape, 1), (1, *shape), (5,), shape[:-1]] if shape else [(1,), (2,), (2, 3)]
    for other in wrong:
        with pytest.raises(ValueError, match="grad_output") as error:
            call(name, grad_output=np.ones(other))
        assert str(shape) in str(error.value)
        assert str(other) in str(error.value)


@pytest.mark.parametrize("name", [name for name in BACKWARD if name in takes("reduction")])
def test_a_grad_output_beyond_the_dtype_is_divided_before_it_is_rounded(name):
    single = {point(name): CALLS[name][point(name)].astype(np.float32)}
    large, small = (parts(call(name, **single, grad_output=size))[-1] for size in (3.5e38, 3.5e30))
    with np.errstate(over="ignore"):
        expected = np.float32(1e8 * np.float64(small))
    assert_near(large, expected)
    assert np.isfinite(large).any()


@pytest.mark.parametrize("name", [name for name in BACKWARD if name in takes("reduction")])
def test_without_a_reduction_grad_output_has_an_entry_for_each_sample(name):
    row, _ = FUNCTIONS[name]
    # Rows of classes have a loss each.
    shape = (2,) if row.holds in ("classes", "features") else CALLS[name]["target"].shape
    found = call(name, reduction="none", grad_output=np.ones(shape))
    assert parts(found)[-1].shape == (2, 3)
    for other in ((), (1,), (*shape, 1)):
        with pytest.raises(ValueError, match="grad_output"):
            call(name, reduction="none", grad_output=np.ones(other))


@pytest.mark.parametrize("name", takes("axis"))
@pytest.mark.parametrize("axis", [2, -3, 100])
def test_an_axis_out_of_range_is_an_axis_error(name, axis):
    with pytest.raises(AxisError, match=str(axis)):
        call(name, axis=axis)


@pytest.mark.parametrize("name", takes("axis", "reduction"))
def test_the_class_axis_is_1_unless_named(name):
    for axis in (1, -1, None):
        assert_same(call(name, axis=axis), call(name))


@pytest.mark.parametrize("name", ["nll_loss", "cross_entropy", "mse_loss", "l1_loss"])
@pytest.mark.parametrize("weights", [[1e308, 1e308, 1e308], [INF, -INF, 1]], ids=str)
def test_weights_whose_sum_is_no_number_warn_of_nothing(name, weights):
    weight = np.broadcast_to(weights, CALLS[name]["weight"].shape)
    backward = f"{name}_backward"
    with np.errstate(all="raise"):
        call(name, weight=weight)
        call(backward, weight=weight)


PUBLIC = {name: f for name in losses.__all__ if inspect.isfunction(f := getattr(losses, name))}
FIRST = {name: next(iter(inspect.signature(f).parameters)) for name, f in PUBLIC.items()}


@pytest.mark.parametrize(
    "name", [name for name in FIRST if FIRST[name] in ("grad_output", "vector")]
)
def test_what_comes_first_and_is_left_out_is_named(name):
    function, first = PUBLIC[name], FIRST[name]
    parameters = inspect.signature(function).parameters.values()
    arrays = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]
    for given, options in [(arrays[1:], {}), (arrays[1:], {first: 1.0}), (arrays[1:], {"dim": 1})]:
        with pytest.raises(TypeError) as error:
            function(*(SCORES for _ in given), **options)
        expected = (
            f"{name}: expected ({', '.join(arrays)}) by position, got {len(given)}; the first"
        )
        assert str(error.value).startswith(f"{expected} is {first}, ")
        assert error.value.__context__ is None


@pytest.mark.parametrize("name", PUBLIC)
def test_what_torch_names_dim_is_an_axis(name):
    parameters = inspect.signature(PUBLIC[name]).parameters
    arrays = [SCORES for p in parameters.values() if p.kind is p.POSITIONAL_ONLY]
    with pytest.raises(TypeError) as error:
        PUBLIC[name](*arrays, dim=1)
    if "axis" in parameters:
        assert str(error.value) == f"{name}: dim is named axis here: pass axis=1"
    else:
        said = f"{name}: expected no option dim, which NumPy names axis; it"
        assert str(error.value).startswith(said)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: losses.mse_loss(SCORES, SCORES, None),
            "mse_loss: expected (predictions, target) by position, got 3; its options are weight, "
            "reduction, by name",
        ),
        (
            lambda: losses.sigmoid(SCORES, 1),
            "sigmoid: expected (x) by position, got 2; it has no options, by name",
        ),
        (
            lambda: losses.mse_loss(input=SCORES, target=SCORES),
            "mse_loss: expected (predictions, target) by position, got 0",
        ),
        (
            lambda: losses.mse_loss(SCORES, SCORES, size_average=True),
            "mse_loss: expected no option size_average; its options are weight, reduction",
        ),
        (
            lambda: losses.logsumexp(SCORES, keepdim=True),
            "logsumexp: keepdim is named keepdims here: pass keepdims=True",
        ),
        (
            lambda: losses.softmax(SCORES, 1, axis=1),
            "softmax() got multiple values for argument 'axis'",
        ),
        (
            lambda: losses.Evaluator(dim=1),
            "Evaluator: dim is named axis here: pass axis=1",
        ),
        (
            lambda: losses.Evaluator(SCORES),
            "Evaluator: expected () by position, got 1; its options are weight, ignore_index, "
            "label_smoothing, softcap, z_loss, axis, workers, by name",
        ),
        (
            lambda: losses.Evaluator().update(SCORES),
            "Evaluator.update: expected (logits, target) by position, got 1",
        ),
    ],
)
def test_a_call_that_does_not_fit_is_told_what_does(call, message):
    with pytest.raises(TypeError) as error:
        call()
    assert str(error.value) == message


def test_an_error_inside_a_function_is_no_error_of_the_call(monkeypatch):
    def wrong(*_):
        raise TypeError("the function's own")

    monkeypatch.setattr(entrywise, "check_entries", wrong)
    with pytest.raises(TypeError, match=r"^the function's own$"):
        losses.mse_loss(SCORES, SCORES)


class Device:
    """An array of another library, which NumPy may not read as it is."""

    def __init__(self, error):
        self.error = error

    def __array__(self, *_, **__):
        raise self.error


Tensor = type("Tensor", (Device,), {"__module__": "torch"})
READING = [TypeError("can't convert cuda:0\nand more."), RuntimeError("requires grad.")]


@every_array
def test_an_array_that_numpy_cannot_read_is_an_error_that_names_it(name, argument):
    for error in READING:
        said = str(error).partition("\n")[0].rstrip(".")
        expected = f"{argument}: expected what NumPy can make an array of, got {{}}: {said}"
        for kind, remedy in [(Device, ""), (Tensor, f"; pass {argument}.detach().cpu().numpy()")]:
            with pytest.raises(TypeError) as raised:
                call(name, **{argument: kind(error)})
            assert str(raised.value) == expected.format(kind.__name__) + remedy


@every_array
def test_what_is_no_array_at_all_is_named_by_its_type(name, argument):
    class Sparse:
        toarray = None

    for value, remedy in [({}, ""), (Sparse(), f"; pass {argument}.toarray()")]:
        with pytest.raises(TypeError) as error:
            call(name, **{argument: value})
        what = f"got {type(value).__name__}, which NumPy cannot make an array of{remedy}"
        assert str(error.value) == f"{argument}: expected real numbers, {what}"


TO_NUMBERS = "pass {0}.to_numpy(float), or {0}.astype(float) of an array"
BY_A_UNIT = "divide a time by its unit, as by np.timedelta64(1, 's')"
NO_NUMBERS = [
    (np.array([1.5, None]), TO_NUMBERS),
    (np.empty(0, object), TO_NUMBERS),
    (np.array(["2020-01-01"], "M8[s]"), BY_A_UNIT),
    (np.array([1], "m8[s]"), BY_A_UNIT),
    (["1.5", "2"], "of strings; "),
    (np.array(["cat", "dog"], object), "of strings; "),
    (np.array([b"cat"]), "of strings; "),
]


@every_array
def test_what_holds_no_numbers_says_how_to_make_numbers_of_it(name, argument):
    encode = "encode the labels as integers, as np.unique(target, return_inverse=True)[1] does"
    numbers = f"pass numbers, as {argument}.astype(float) makes of '1.5'"
    for value, remedy in NO_NUMBERS:
        with pytest.raises(TypeError) as error:
            call(name, **{argument: value})
        assert f"{argument}: expected real numbers, got dtype " in str(error.value)
        assert remedy.format(argument) in str(error.value)
        if "strings" in remedy:
            assert str(error.value).endswith(encode if argument == "target" else numbers)


@pytest.mark.parametrize("name", takes("out"))
@pytest.mark.parametrize(
    "out", [[[0.0]], Tensor(None), memoryview(b"")], ids=["list", "tensor", "m"]
)
def test_only_a_numpy_array_is_written(name, out):
    with pytest.raises(TypeError, match=rf"out: expected a NumPy array, got {type(out).__name__}"):
        call(name, out=out)


PROBABLY = {
    "; if that is rounding pass np.clip(probs, 0, 1)": [1.0000001, -1e-9, 1 + 2**-9],
    "; if these are logits call binary_cross_entropy_with_logits": [1.01, -0.01, 3.0, -80.0],
    "": [NAN, INF, -INF],
}


CHECKED = [name for name, (row, _) in FUNCTIONS.items() if row.arrays.get("probs", REAL).outside]


@pytest.mark.parametrize("name", CHECKED)
@pytest.mark.parametrize(
    ("probs", "what"), [(probs, what) for what, each in PROBABLY.items() for probs in each]
)
def test_probabilities_outside_0_and_1_are_told_what_they_probably_are(name, probs, what):
    with pytest.raises(ValueError, match=r"^probs: 1 entries outside") as error:
        evaluate(name, [0.5, probs], [1, 0])
    assert str(error.value).endswith(f"(1,): {probs}{what}")
    if what:  # what is farthest away, and any that is no number, decides
        for farther in (80.0, NAN):
            with pytest.raises(ValueError, match="probs: 2 entries") as error:
                evaluate(name, [probs, farther], [1, 0])
            assert ("with_logits" in str(error.value)) == (farther == 80)
            assert "clip" not in str(error.value)


def test_a_cast_out_of_the_range_of_a_dtype_warns_of_nothing():
    """Also where no public function has silenced NumPy, as in a thread of a caller's own."""
    found = core_dtypes.cast(np.array([1e300, 1e-300]), np.dtype(np.float32))
    assert_same(found, np.float32([np.inf, 0]))
