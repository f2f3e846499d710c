"""linear_cross_entropy: known and special values, every way through its loops, and its errors."""

import numpy as np
import pytest
from tests.linear import WAYS, assert_close, bounds, composed, fused, going
from tests.rooms.helpers import INF, NAN, assert_same

import losses
from losses._core import products
from losses._cross_entropy import linear_chunks

ways = pytest.mark.parametrize("way", WAYS)
EYE = np.eye(3)


def both(inputs, linear_weight, target, **options):
    """Return the loss and the three gradients."""
    function = losses.linear_cross_entropy_value_and_grad
    loss, grads = function(inputs, linear_weight, target, **options)
    return loss, *grads


def through_identity(way, logits, target, **options):
    """Return each loss and the gradient of the logits, which a layer passes as they are."""
    identity = np.eye(logits.shape[-1], dtype=logits.dtype)
    options = {"reduction": "none", **options}
    with going(way):
        return both(logits, identity, target, **options)[:2]


@ways
def test_known_values_from_the_documents(way):
    logits = np.array([[10.0, 3.0, 1.0], [-1.0, 0.0, -4.0]])
    with going(way):
        assert losses.linear_cross_entropy(logits, EYE, [1, 2]).round(4) == 5.6638
        one = losses.linear_cross_entropy([1.0, 2.0, 0.5], EYE, 1)
    assert one.round(2) == 0.46
    assert type(one) is np.float64


CLASSES = 70  # laid out in rows
WEIGHT = np.linspace(0.25, 2, CLASSES)
OPTIONS = [
    {"reduction": "mean"},
    {"reduction": "none", "weight": WEIGHT},
    {"reduction": "sum", "label_smoothing": 0.1},
    {"reduction": "mean", "weight": WEIGHT, "label_smoothing": 0.1},
    {"reduction": "none", "weight": WEIGHT, "label_smoothing": 1.0},
    {"reduction": "mean", "weight": WEIGHT, "softcap": 2.0},
    {"reduction": "none", "z_loss": -0.125},
    {"reduction": "sum", "label_smoothing": 0.1, "softcap": 3.0, "z_loss": 0.125},
]


@ways
@pytest.mark.parametrize(
    ("kind", "biased"),
    [("labels", True), ("ignored", False), ("probabilities", True), ("images", False)],
)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_every_option_is_that_of_cross_entropy(way, kind, biased, dtype):
    rng = np.random.default_rng(0)
    samples = (2, 3) if kind == "images" else (7,)
    layer = [
        rng.standard_normal(shape).astype(dtype)
        for shape in ((*samples, 6), (CLASSES, 6), (CLASSES,))[: 2 + biased]
    ]
    layer += [None] * (not biased)
    target = rng.integers(0, CLASSES, samples)
    if kind == "ignored":
        target[[0, 1, 5]] = -100
    if kind == "probabilities":
        target = rng.random((*samples, CLASSES)).astype(dtype)
    computation = np.float32 if dtype == np.float16 else dtype
    wide = [None if array is None else array.astype(computation) for array in layer]
    # Narrow arrays are cast before any option counts: three that have every option between them.
    for options in OPTIONS if dtype == np.float32 else OPTIONS[-3:]:
        with going(way):
            found = fused(layer, target, options)
        expected = composed(
            wide, target.astype(computation) if kind == "probabilities" else target, options
        )
        assert_close(found, expected, bounds(wide, target, options), dtype)


@ways
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_confident_predictions_keep_their_digits(way, dtype):
    """log1p(2 exp(-80)) and its slopes, where 1 - p would be 0."""
    logits = np.array([[80, 0, 0], [0, 80, 0], [0, 0, 80]], dtype)
    loss, grad = through_identity(way, logits, [0, 1, 2])
    tail = np.exp(dtype(-80))
    np.testing.assert_allclose(loss, [2 * tail] * 3, rtol=8 * np.finfo(dtype).eps)
    expected = tail * (1 - 3 * np.eye(3))
    np.testing.assert_allclose(grad, expected, rtol=8 * np.finfo(dtype).eps)
    smoothed = through_identity(way, logits, [1, 1, 1], label_smoothing=0.25)
    wanted = losses.cross_entropy_value_and_grad(
        logits, [1, 1, 1], label_smoothing=0.25, reduction="none"
    )
    for ours, theirs in zip(smoothed, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=16 * np.finfo(dtype).eps)


@ways
@pytest.mark.parametrize(
    "options", [{}, {"label_smoothing": 0.5}, {"weight": np.array([1, 2, 0.5])}]
)
def test_masked_classes_and_broken_samples_are_those_of_cross_entropy(way, options):
    """-inf, +inf and nan come by the bias: 0 * inf would be nan in a product."""
    target = np.array([0, 1, 2, 0])
    inputs = np.array([[1.0, 0, 0], [0, 2, 0], [0, 0, 1], [3, 2, 1]])
    broken = ([0, INF, 0], [0, NAN, 0], [NAN, -INF, 0], [INF, -INF, 0], [-INF] * 3)
    for bias in (*broken, [0, -INF, 0], [-INF, -INF, 0], [1, 2, 3]):
        bias = np.array(bias)
        every = {"reduction": "none", **options}
        expected = losses.cross_entropy_value_and_grad(inputs + bias, target, **every)
        with going(way):
            loss, grad, grad_weight, grad_bias = both(
                inputs, EYE, target, linear_bias=bias, **every
            )
        np.testing.assert_allclose(loss, expected[0], rtol=1e-14)
        np.testing.assert_allclose(grad, expected[1], rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(grad_weight, expected[1].T @ inputs, rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(grad_bias, expected[1].sum(0), rtol=1e-14, atol=1e-15)


@ways
def test_a_masked_class_without_weight_or_probability_counts_nothing(way):
    logits, bias = np.array([[1.0, 2.0, 3.0]]), np.array([0, 0, -INF])
    q = np.array([[0.25, 0.75, 0.0]])
    expected = losses.cross_entropy(logits + bias, q)
    assert np.isfinite(expected)
    with going(way):
        found = losses.linear_cross_entropy(logits, EYE, q, linear_bias=bias)
        np.testing.assert_allclose(found, expected, rtol=1e-15)
        options = {"linear_bias": bias, "weight": [1, 1, 0], "label_smoothing": 0.5}
        found = losses.linear_cross_entropy(logits, EYE, [0], **options)
    del options["linear_bias"]
    np.testing.assert_allclose(
        found, losses.cross_entropy(logits + bias, [0], **options), rtol=1e-15
    )


@ways
def test_a_broken_sample_breaks_its_own_loss_and_gradient_alone(way):
    inputs, target = np.array([[1.0, 2, 3], [NAN, 1, 1], [3, 2, 1]]), np.array([0, 1, 2])
    with going(way):
        loss, grad, *_ = both(inputs, EYE, target, reduction="none")
        alone = [both(inputs[i], EYE, target[i], reduction="none")[:2] for i in (0, 2)]
    assert np.isnan(loss[1])
    assert np.isnan(grad[1]).all()
    for i, (one, its_grad) in zip((0, 2), alone, strict=True):
        np.testing.assert_allclose(loss[i], one, rtol=1e-15)
        np.testing.assert_allclose(grad[i], its_grad, rtol=1e-15, atol=1e-16)


@ways
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("samples", [0, 4])
def test_where_nothing_counts_the_mean_is_nan_and_the_gradients_are_0(way, samples, reduction):
    inputs, target = np.full((samples, 3), NAN), np.full(samples, -100)
    with going(way):
        loss, *grads = both(inputs, EYE, target, linear_bias=np.ones(3), reduction=reduction)
    expected = {"none": np.zeros(samples), "mean": np.float64(NAN), "sum": np.float64(0)}
    assert_same(loss, expected[reduction])
    assert_same(tuple(grads), (np.zeros((samples, 3)), np.zeros((3, 3)), np.zeros(3)))


@ways
@pytest.mark.parametrize("shape", [(4, 0), (0,)])
def test_without_features_the_logits_are_the_bias(way, shape):
    target, bias = np.zeros(shape[:-1], int), np.array([1.0, 2.0, 0.5])
    with going(way):
        loss, *grads = both(np.zeros(shape), np.zeros((3, 0)), target, linear_bias=bias)
    expected, slope = losses.cross_entropy_value_and_grad(bias, 0)
    np.testing.assert_allclose(loss, expected, rtol=1e-15)
    assert [grad.shape for grad in grads] == [shape, (3, 0), (3,)]
    np.testing.assert_allclose(grads[2], slope, rtol=1e-15)


def test_without_classes_only_ignored_samples_and_probabilities_are_left():
    inputs, linear_weight = np.ones((2, 3)), np.zeros((0, 3))
    loss, grad, *_ = both(inputs, linear_weight, [-100, -100], reduction="sum", label_smoothing=0.5)
    assert_same((loss, grad), (np.float64(0), np.zeros((2, 3))))
    mean = losses.linear_cross_entropy(inputs, linear_weight, [-100, -100], weight=np.zeros(0))
    assert_same(mean, np.float64(NAN))
    probabilities = np.zeros((2, 0))
    for reduction, expected in {"mean": np.float64(0), "none": np.zeros(2)}.items():
        found = losses.linear_cross_entropy(
            inputs, linear_weight, probabilities, reduction=reduction
        )
        assert_same(found, expected)


@pytest.mark.parametrize("way", ["chunks", "wide sums"])
def test_gradients_of_float16_are_summed_in_float32(way):
    """In float16, 1024 + 0.5 is 1024."""
    inputs, linear_weight = np.ones((2500, 3), np.float16), np.zeros((2, 3), np.float16)
    options = {"linear_bias": np.zeros(2, np.float16), "reduction": "sum"}
    with going(way):
        _, _, grad_weight, grad_bias = both(inputs, linear_weight, np.zeros(2500, int), **options)
    assert_same(grad_bias, np.array([-1250, 1250], np.float16))
    assert_same(grad_weight, np.array([[-1250] * 3, [1250] * 3], np.float16))


@ways
@pytest.mark.parametrize("dtypes", ["eff", "fef", "ffe", "fdd", "dfd", "ddf"])
def test_each_gradient_has_the_dtype_of_its_array_and_the_loss_that_of_the_product(way, dtypes):
    rng = np.random.default_rng(0)
    layer = [
        rng.standard_normal(shape).astype(code)
        for shape, code in zip([(7, 3), (5, 3), (5,)], dtypes, strict=True)
    ]
    target, wide = rng.integers(0, 5, 7), np.result_type(*layer)
    with going(way):
        loss, *grads = both(layer[0], layer[1], target, linear_bias=layer[2])
    assert loss.dtype == wide
    same = [array.astype(wide) for array in layer]
    expected, allowed = (
        composed(same, target, {"reduction": "mean"}),
        bounds(same, target, {"reduction": "mean"}),
    )
    for found, wanted, bound, array in zip(grads, expected[1:], allowed[1:], layer, strict=True):
        assert found.dtype == array.dtype
        rounding = np.finfo(array.dtype).eps * np.abs(wanted)
        assert (np.abs(found - wanted) <= 2 * bound + rounding + 1e-7 * (array.dtype == "e")).all()


@ways
def test_arrays_whose_samples_are_no_single_axis_are_not_copied_whole(way):
    """Transposed inputs, probabilities and gradients of the losses are read a chunk at a time."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((5, 4, 3)).transpose(1, 0, 2)
    target = rng.random((3, 5, 4)).transpose(2, 1, 0)
    grad_output = rng.standard_normal((5, 4)).T.astype(np.float32)
    arrays = [inputs, target, grad_output]
    backward = losses.linear_cross_entropy_backward
    with going(way):
        found = backward(grad_output, inputs, EYE, target, reduction="none")
        inputs, target, grad_output = (array.copy() for array in arrays)
        expected = backward(grad_output, inputs, EYE, target, reduction="none")
    for ours, theirs in zip(found[:2], expected[:2], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-14)


def test_one_dimensional_inputs_take_a_target_of_size_1():
    for target in (1, [1]):
        each = losses.linear_cross_entropy([1.0, 2.0, 0.5], EYE, target, reduction="none")
        assert type(each) is np.float64
        assert each.round(2) == 0.46
    grads = losses.linear_cross_entropy_backward(1.0, [1.0, 2.0, 0.5], EYE, [1])
    assert_same(grads.inputs.round(2), np.array([0.23, -0.37, 0.14]))
    q = losses.linear_cross_entropy([1.0, 2.0, 0.5], EYE, [0.0, 1.0, 0.0])
    assert q.round(2) == 0.46


@ways
def test_ignored_samples_take_no_part_in_the_products(way, monkeypatch):
    multiplied = []
    forward = products.LinearMap.forward

    def counting(self, samples, classes, out):
        multiplied.append(out.size)
        return forward(self, samples, classes, out)

    monkeypatch.setattr(products.LinearMap, "forward", counting)
    target = np.where(np.arange(40) % 4 == 1, 2, -100)
    with going(way):
        losses.linear_cross_entropy(np.ones((40, 3)), EYE, target)
    assert sum(multiplied) == 10 * 3


def test_the_workers_make_none_of_the_products(monkeypatch):
    """BLAS has threads of its own: every product is made by the caller."""
    import threading

    makers = set()
    matmul = np.matmul

    def watched(*arguments, **options):
        makers.add(threading.current_thread())
        return matmul(*arguments, **options)

    monkeypatch.setattr(products.np, "matmul", watched)
    with going("shards"):
        both(np.ones((40, 3)), EYE, np.zeros(40, int), workers=3)
    assert makers == {threading.main_thread()}


HEADS = {  # the shapes of the samples and of the heads
    "labels": ((7,), (3,)),
    "ignored": ((7,), (2, 2)),
    "probabilities": ((7,), (2,)),
    "one sample": ((), (3,)),
    "images": ((2, 3), (2, 1)),
}


def layer_with_heads(kind, classes=5, dtype=np.float64):
    """Return the arrays of a layer of several heads, and a target."""
    rng = np.random.default_rng(1)
    samples, heads = HEADS[kind]
    shapes = ((*samples, 6), (classes, *heads, 6), (classes, *heads))
    layer = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    target = rng.integers(0, classes, (*samples, *heads))
    if kind == "ignored":
        target[rng.random(target.shape) < 0.4] = -100
        target[0], target[1, 0] = -100, -100
    if kind == "probabilities":
        target = rng.random((*samples, classes, *heads)).astype(dtype)
    return layer, target


@ways
@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_every_option_of_several_heads_is_that_of_cross_entropy(way, kind, dtype):
    classes = CLASSES if way in ("as it is", "chunks") else 9
    layer, target = layer_with_heads(kind, classes, dtype)
    layer[2] = None if kind == "images" else layer[2]
    wide = [None if array is None else array.astype(np.float32) for array in layer]
    same = target if target.dtype.kind == "i" else target.astype(np.float32)
    for options in OPTIONS:
        if "weight" in options:
            options = {**options, "weight": WEIGHT[:classes]}
        with going(way):
            found = fused(layer, target, options)
        expected = composed(wide, same, options)
        assert_close(found, expected, bounds(wide, same, options), dtype)


@ways
@pytest.mark.parametrize("kind", HEADS)
def test_each_head_is_a_layer_of_its_own_bit_for_bit(way, kind):
    """Losses and gradients of weight and bias; the gradient of the inputs is a sum."""
    (inputs, linear_weight, linear_bias), target = layer_with_heads(kind)
    samples, heads = HEADS[kind]
    grad_output = np.random.default_rng(2).standard_normal((*samples, *heads))
    options = {"reduction": "none", "label_smoothing": 0.1}
    alone = []
    with going(way):
        loss, grad, grad_weight, grad_bias = both(
            inputs,
            linear_weight,
            target,
            linear_bias=linear_bias,
            grad_output=grad_output,
            **options,
        )
        for index in np.ndindex(heads):
            here = (..., *index)
            at = (slice(None), *index)
            alone.append(
                both(
                    inputs,
                    linear_weight[at],
                    target[here],
                    linear_bias=linear_bias[at],
                    grad_output=grad_output[here],
                    **options,
                )
            )
            assert_same(loss[here], alone[-1][0])
            assert_same((grad_weight[at], grad_bias[at]), alone[-1][2:])
    each = np.array([its_grad for _, its_grad, *_ in alone])
    # Each addition of a head errs by half an eps of the sum so far.
    allowed = len(each) * np.finfo(float).eps * np.abs(each).sum(0)
    assert (np.abs(grad - each.sum(0)) <= allowed).all()


@ways
@pytest.mark.parametrize("kind", ["labels", "ignored", "probabilities"])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_one_head_along_an_axis_of_its_own_has_the_bits_of_a_layer_without(
    way, kind, reduction, dtype
):
    (inputs, linear_weight, linear_bias), target = layer_with_heads(kind, dtype=dtype)
    index = (0,) * len(HEADS[kind][1])
    weight, bias, labels = linear_weight[:, *index], linear_bias[:, *index], target[..., *index]
    options = {"reduction": reduction, "weight": np.linspace(0.25, 2, 5)}
    with going(way):
        expected = both(inputs, weight.copy(), labels.copy(), linear_bias=bias, **options)
        loss, *grads = both(
            inputs,
            weight[:, np.newaxis],
            labels[..., np.newaxis],
            linear_bias=bias[:, np.newaxis],
            **options,
        )
    assert_same(loss, expected[0][:, np.newaxis] if reduction == "none" else expected[0])
    assert_same(grads[0], expected[1])
    assert_same(grads[1][:, 0], expected[2])
    assert_same(grads[2][:, 0], expected[3])


@ways
def test_the_mean_over_heads_divides_by_all_the_weights_that_count(way):
    logits = np.array([[10.0, 3.0, 1.0], [-1.0, 0.0, -4.0]])
    target, weight = np.array([[1, 0], [-100, 2]]), np.array([1.0, 2.0, 4.0])
    linear_weight = np.stack([EYE, 2 * EYE], axis=1)
    each = [
        losses.cross_entropy(factor * logits, labels, weight=weight, reduction="sum")
        for factor, labels in zip((1, 2), target.T, strict=True)
    ]
    with going(way):
        mean = losses.linear_cross_entropy(logits, linear_weight, target, weight=weight)
    np.testing.assert_allclose(mean, sum(each) / (2 + 1 + 4), rtol=1e-15)


@pytest.mark.parametrize("way", ["as it is", "shards", "wide sums"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_gradient_of_float16_inputs_is_summed_over_heads_in_float32(way, dtype):
    """In float16, 2048 + 1 is 2048."""
    slopes = np.array([2048, 1, -2048], dtype)[:, np.newaxis]
    linear_weight = np.stack([-slopes, slopes])  # of two classes, each with half of the mass
    inputs, target = np.zeros((5, 1), np.float16), np.zeros((5, 3), int)
    target[3] = -100
    with going(way):
        _, grad, *_ = both(inputs, linear_weight, target, reduction="sum")
    assert_same(grad, np.array([[1], [1], [1], [0], [1]], np.float16))


def test_samples_of_a_span_that_lie_apart_have_the_gradients_of_their_places(monkeypatch):
    """Spans of eight samples, of which every head ignores some between others."""
    monkeypatch.setattr(linear_chunks, "SUM_BYTES", 8 * 4)
    inputs, linear_weight = np.zeros((20, 1), np.float16), np.ones((2, 2, 1), np.float16)
    linear_weight[0] = -1
    target = np.where(np.arange(20) % 3 == 1, -100, 0)
    _, grad, *_ = both(inputs, linear_weight, np.stack([target, target], axis=1), reduction="sum")
    assert_same(grad[:, 0], np.where(target == 0, 2, 0).astype(np.float16))


@ways
@pytest.mark.parametrize("kind", ["labels", "probabilities", "images"])
def test_a_layout_of_heads_changes_no_more_than_the_rounding_of_the_products(way, kind):
    layer, target = layer_with_heads(kind)
    samples, heads = HEADS[kind]
    grad_output = np.random.default_rng(2).standard_normal((*samples, *heads))
    arrays = [*layer, target, grad_output]
    allowed = bounds(layer, target, {"reduction": "none"})

    def evaluate(inputs, linear_weight, linear_bias, target, grad_output):
        options = {"linear_bias": linear_bias, "grad_output": grad_output, "reduction": "none"}
        return both(inputs, linear_weight, target, **options)

    with going(way):
        expected = evaluate(*arrays)
        found = evaluate(*map(np.asfortranarray, arrays))
    scale = max(1, np.abs(grad_output).max())  # of the gradients, beside those of ones
    assert_close(found, expected, [scale * bound for bound in allowed], np.float64)


@ways
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize(("samples", "heads"), [(0, 2), (4, 0), (0, 0)])
def test_without_samples_or_heads_the_mean_is_nan_and_the_gradients_are_0(
    way, samples, heads, reduction
):
    arrays = np.ones((samples, 3)), np.ones((5, heads, 3)), np.zeros((samples, heads), int)
    with going(way):
        loss, *grads = both(*arrays, linear_bias=np.ones((5, heads)), reduction=reduction)
    expected = {"none": np.zeros((samples, heads)), "mean": np.float64(NAN), "sum": np.float64(0)}
    assert_same(loss, expected[reduction])
    assert_same(
        tuple(grads), (np.zeros((samples, 3)), np.zeros((5, heads, 3)), np.zeros((5, heads)))
    )


@ways
def test_a_sample_that_one_head_ignores_is_counted_by_the_others(way):
    inputs, linear_weight = np.array([[1.0, 2, 3], [3, 2, 1]]), np.stack([EYE, EYE], axis=1)
    with going(way):
        loss, grad, grad_weight, _ = both(
            inputs, linear_weight, [[0, -100], [-100, 1]], reduction="none"
        )
        alone = [both(inputs, EYE, labels, reduction="none") for labels in ([0, -100], [-100, 1])]
    assert_same(loss, np.stack([one[0] for one in alone], axis=1))
    assert_same(grad, alone[0][1] + alone[1][1])
    assert_same(grad_weight, np.stack([one[2] for one in alone], axis=1))


FITTING = {
    "inputs": np.ones((4, 3)),
    "linear_weight": np.ones((5, 3)),
    "target": np.zeros(4, int),
    "linear_bias": np.ones(5),
}


@pytest.mark.parametrize(
    ("argument", "wrong"),
    [
        ("inputs", np.ones((4, 2))),
        ("inputs", np.float64(1)),
        ("inputs", np.ones((3, 4))),
        ("linear_weight", np.ones((5, 4))),
        ("linear_weight", np.ones(3)),
        ("linear_weight", np.ones((3, 5))),
        ("linear_weight", np.ones((1, 5, 3))),
        ("target", np.zeros(5, int)),
        ("target", np.zeros((4, 1), int)),
        ("target", np.zeros((4, 4))),
        ("target", np.zeros((5, 4))),
        ("target", np.zeros(())),
        ("target", np.zeros((1, 4), int)),
        ("linear_bias", np.ones(3)),
        ("linear_bias", np.ones((5, 1))),
        ("linear_bias", 1.0),
    ],
)
def test_shapes_that_do_not_fit_are_an_error_with_every_array_and_its_shape(argument, wrong):
    arrays = {**FITTING, argument: wrong}
    inputs, linear_weight, target, linear_bias = arrays.values()
    backward = losses.linear_cross_entropy_backward
    with pytest.raises(ValueError, match="expected inputs") as error:
        backward(1.0, inputs, linear_weight, target, linear_bias=linear_bias)
    for name, array in arrays.items():
        assert f"{name} {np.shape(array)}" in str(error.value)


WITH_HEADS = {
    "inputs": np.ones((4, 3)),
    "linear_weight": np.ones((5, 2, 3)),
    "target": np.zeros((4, 2), int),
    "linear_bias": np.ones((5, 2)),
}


@pytest.mark.parametrize(
    ("argument", "wrong"),
    [
        ("inputs", np.ones((4, 2))),
        ("inputs", np.ones(3)),
        ("linear_weight", np.ones((5, 3, 3))),
        ("linear_weight", np.ones((2, 5, 3))),
        ("linear_weight", np.ones((5, 2, 2))),
        ("target", np.zeros(4, int)),
        ("target", np.zeros((4, 5))),
        ("target", np.zeros((4, 2, 5))),
        ("target", np.zeros((2, 4), int)),
        ("linear_bias", np.ones(5)),
        ("linear_bias", np.ones((2, 5))),
        ("linear_bias", np.ones((5, 1))),
    ],
)
def test_shapes_of_heads_that_do_not_fit_are_an_error_that_says_where_heads_belong(argument, wrong):
    arrays = {**WITH_HEADS, argument: wrong}
    inputs, linear_weight, target, linear_bias = arrays.values()
    with pytest.raises(ValueError, match="expected inputs") as error:
        losses.linear_cross_entropy(inputs, linear_weight, target, linear_bias=linear_bias)
    for shape in ("(C, d1, ..., D)", "(C, d1, ...)", "(..., d1, ...)", "(..., C, d1, ...)"):
        assert shape in str(error.value)
    for name, array in arrays.items():
        assert f"{name} {np.shape(array)}" in str(error.value)


def test_a_target_of_size_1_is_no_label_of_two_heads():
    with pytest.raises(ValueError, match=r"target \(1,\)"):
        losses.linear_cross_entropy(np.ones(3), np.ones((5, 2, 3)), [1])
    one = losses.linear_cross_entropy(np.ones(3), np.ones((5, 1, 3)), [1], reduction="none")
    assert one.shape == (1,)


def test_labels_of_heads_with_an_axis_too_many_are_told_how_to_lose_it():
    with pytest.raises(ValueError, match=r"target \(4, 2, 1\); pass target\[\.\.\., 0\]$"):
        losses.linear_cross_entropy(np.ones((4, 3)), np.ones((5, 2, 3)), np.zeros((4, 2, 1), int))


def test_grad_output_has_the_shape_of_the_losses_of_all_heads():
    layer = np.ones((4, 3)), np.ones((5, 2, 3)), np.zeros((4, 2), int)
    with pytest.raises(ValueError, match=r"grad_output: .*\(4, 2\), got \(4,\)"):
        losses.linear_cross_entropy_backward(np.ones(4), *layer, reduction="none")


@pytest.mark.parametrize("label", [5, -1])
def test_a_label_outside_the_classes_of_a_head_is_an_error_with_its_position(label):
    target = np.zeros((4, 2), int)
    target[3, 1] = label
    with pytest.raises(IndexError, match=rf"target: 1 of 8 .*\(3, 1\): {label}"):
        losses.linear_cross_entropy(np.ones((4, 3)), np.ones((5, 2, 3)), target)


def test_a_bias_that_was_not_given_is_not_named():
    with pytest.raises(ValueError, match=r"got inputs \(2, 3\), linear_weight \(3, 3\), target"):
        losses.linear_cross_entropy(np.ones((2, 3)), EYE, [0])


def test_a_float_target_of_size_1_is_no_label_of_one_dimensional_inputs():
    with pytest.raises(ValueError, match=r"target \(1,\)"):
        losses.linear_cross_entropy(np.ones(3), EYE, [1.0])


@pytest.mark.parametrize("label", [3, -1, 100])
def test_a_label_outside_the_classes_is_an_error_with_its_position(label):
    with pytest.raises(IndexError, match=rf"target: 1 of 2 .*\(1,\): {label}"):
        losses.linear_cross_entropy(np.ones((2, 3)), EYE, [0, label])


def test_what_is_no_class_index_is_an_error_that_says_what_is():
    with pytest.raises(TypeError, match=r"target: expected integer class indices .*linear_weight"):
        losses.linear_cross_entropy(np.ones((2, 3)), EYE, [0.0, 1.0])
    with pytest.raises(ValueError, match=r"target: .*one-hot"):
        losses.linear_cross_entropy(np.ones((2, 3)), EYE, np.eye(3, dtype=int)[:2])
    with pytest.raises(ValueError, match="ignore_index: expected a negative number"):
        losses.linear_cross_entropy(np.ones((2, 3)), EYE, EYE[:2], ignore_index=1)


@pytest.mark.parametrize(
    ("option", "wrong", "error"),
    [
        ("weight", [1.0, 2.0], ValueError),
        ("reduction", "average", ValueError),
        ("label_smoothing", 1.5, ValueError),
        ("label_smoothing", NAN, ValueError),
        ("workers", 0, ValueError),
        ("ignore_index", 0.5, TypeError),
    ],
)
def test_options_are_checked_as_those_of_cross_entropy(option, wrong, error):
    with pytest.raises(error, match=option):
        losses.linear_cross_entropy(np.ones((2, 3)), EYE, [0, 1], **{option: wrong})


def test_grad_output_has_the_shape_of_the_losses():
    layer, options = (np.ones((2, 3)), EYE, [0, 1]), {"reduction": "none"}
    with pytest.raises(ValueError, match=r"grad_output: .*\(2,\), got \(\)"):
        losses.linear_cross_entropy_backward(1.0, *layer, **options)
    with pytest.raises(ValueError, match=r"grad_output: .*\(2,\), got \(\)"):
        losses.linear_cross_entropy_value_and_grad(*layer, grad_output=1.0, **options)
    with pytest.raises(ValueError, match=r"grad_output: .*\(\), got \(2,\)"):
        losses.linear_cross_entropy_value_and_grad(*layer, grad_output=np.ones(2))


def test_states_for_another_pass_are_made_again_where_they_would_be_too_many():
    """Both ways sum the same numbers in the same order."""
    rng = np.random.default_rng(0)
    inputs, linear_weight = (rng.standard_normal((n, 3)).astype(np.float16) for n in (9, 40))
    results = []
    for kept in (0, linear_chunks.KEPT_SAMPLES):
        with going("wide sums"), pytest.MonkeyPatch.context() as patch:
            patch.setattr(linear_chunks, "KEPT_SAMPLES", kept)
            results.append(both(inputs, linear_weight, rng.integers(0, 40, 9) * 0)[:3])
    assert_same(*results)


@ways
def test_logits_at_the_ends_of_the_range_are_those_of_cross_entropy(way):
    largest = np.finfo(float).max
    linear_weight = np.array([[largest], [0.0], [-largest], [1.0]])
    with going(way):
        loss = losses.linear_cross_entropy(
            np.ones((3, 1)), linear_weight, [0, 1, 2], reduction="none"
        )
    np.testing.assert_array_equal(loss, [0, largest, np.inf])


def test_labels_with_an_axis_too_many_are_told_how_to_lose_it():
    for shape in [(5, 1), (2, 5, 1)]:
        with pytest.raises(ValueError, match=r"target \(.*5, 1\); pass target\[\.\.\., 0\]$"):
            losses.linear_cross_entropy(
                np.zeros((*shape[:-1], 2)), np.zeros((3, 2)), np.zeros(shape, int)
            )
