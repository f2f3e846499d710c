"""linear_cross_entropy is cross_entropy of the products, to within the rounding of these."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.calls import LAYER
from tests.cases import through_a_layer
from tests.layouts import LAYOUTS, same_bits
from tests.linear import WAYS, assert_close, bounds, composed, fused, going

ways = st.sampled_from(list(WAYS))


def apart(call):
    """Return the layer, the target and the options of a call."""
    options = dict(call.arguments)
    layer = [options.pop(name) for name in LAYER]
    return layer, options.pop("target"), options


problems = through_a_layer("inputs").map(apart)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@given(st.data())
def test_it_is_cross_entropy_of_the_products_within_their_rounding(dtype, data):
    layer, target, options = data.draw(problems)
    computation = np.float32 if dtype == np.float16 else dtype
    wide = [None if array is None else array.astype(computation) for array in layer]
    narrow = [None if array is None else array.astype(dtype) for array in layer]
    expected, allowed = composed(wide, target, options), bounds(wide, target, options)
    with going(data.draw(ways)):
        found = fused(narrow, target, options)
    assert_close(found, expected, allowed, dtype)


@given(st.data())
def test_a_layout_changes_no_more_than_the_rounding_of_the_products(data):
    call = data.draw(through_a_layer("inputs"))
    layer, target, options = apart(call)
    other = apart(call.map(data.draw(st.sampled_from(list(LAYOUTS.values())))))
    allowed = bounds(layer, target, options)
    with going(data.draw(ways)):
        expected, found = fused(layer, target, options), fused(*other)
    assert_close(found, expected, allowed, np.float64)


@given(st.data())
def test_workers_change_no_bit(data):
    layer, target, options = data.draw(problems)
    with going(data.draw(ways)):
        expected, *others = (
            fused(layer, target, {**options, "workers": workers}) for workers in (1, 2, 3)
        )
    for found in others:
        assert all(a is b is None or same_bits(a, b) for a, b in zip(found, expected, strict=True))


@given(st.data())
def test_what_an_ignored_sample_holds_is_never_read(data):
    layer, target, options = data.draw(problems)
    assume(target.dtype.kind == "i")
    samples = layer[0].shape[:-1]
    ignored = (target == options["ignore_index"]).reshape(*samples, -1).all(-1)  # by every head
    anything = data.draw(st.sampled_from([np.nan, np.inf]))
    other = [np.where(ignored[..., None], anything, layer[0]), *layer[1:]]
    with going(data.draw(ways)):
        expected, found = (fused(one, target, options) for one in (layer, other))
    assert all(a is b is None or same_bits(a, b) for a, b in zip(found, expected, strict=True))
    assert not found.inputs[ignored].any()
