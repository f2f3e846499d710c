"""linear_cross_entropy is cross_entropy of the products, to within the rounding of these."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.cases import through_a_layer
from tests.layouts import LAYOUTS, same_bits
from tests.linear import WAYS, assert_close, bounds, composed, fused, going

import losses

ways = st.sampled_from(list(WAYS))
calls = through_a_layer(0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@given(st.data())
def test_it_is_cross_entropy_of_the_products_within_their_rounding(dtype, data):
    call = data.draw(calls)
    *layer, target = call.rest
    computation = np.float32 if dtype == np.float16 else dtype
    wide = [None if array is None else array.astype(computation) for array in layer]
    narrow = [None if array is None else array.astype(dtype) for array in layer]
    expected, allowed = composed(wide, target, call.options), bounds(wide, target, call.options)
    with going(data.draw(ways)):
        found = fused(narrow, target, call.options)
    assert_close(found, expected, allowed, dtype)


@given(st.data())
def test_a_layout_changes_no_more_than_the_rounding_of_the_products(data):
    call = data.draw(calls)
    *layer, target = call.rest
    allowed = bounds(layer, target, call.options)
    *other_layer, other_target = call.map(data.draw(st.sampled_from(list(LAYOUTS.values())))).rest
    with going(data.draw(ways)):
        expected = fused(layer, target, call.options)
        found = fused(other_layer, other_target, call.options)
    assert_close(found, expected, allowed, np.float64)


@given(st.data())
def test_the_pair_is_the_forward_and_the_backward_bit_for_bit(data):
    call = data.draw(calls)
    dtypes = data.draw(st.lists(st.sampled_from("efd"), min_size=3, max_size=3))
    *layer, target = call.rest
    layer = [a if a is None else a.astype(code) for a, code in zip(layer, dtypes, strict=True)]
    inputs, linear_weight, linear_bias = layer
    options = {**call.options, "linear_bias": linear_bias}
    with going(data.draw(ways)):
        found = fused(layer, target, call.options)
        loss = losses.linear_cross_entropy(inputs, linear_weight, target, **options)
        backward = losses.linear_cross_entropy_backward
        grads = backward(np.ones_like(loss), inputs, linear_weight, target, **options)
    assert same_bits(found.loss, loss)
    for ours, theirs, array in zip(found[1:], grads, layer, strict=True):
        assert (ours is None) == (theirs is None) == (array is None)
        assert array is None or (same_bits(ours, theirs) and ours.dtype == array.dtype)


@given(st.data())
def test_workers_change_no_bit(data):
    call = data.draw(calls)
    *layer, target = call.rest
    with going(data.draw(ways)):
        expected, *others = (
            fused(layer, target, {**call.options, "workers": workers}) for workers in (1, 2, 3)
        )
    for found in others:
        assert all(a is b is None or same_bits(a, b) for a, b in zip(found, expected, strict=True))


@given(st.data())
def test_what_an_ignored_sample_holds_is_never_read(data):
    call = data.draw(calls)
    *layer, target = call.rest
    assume(target.dtype.kind == "i")
    ignored = target == call.options["ignore_index"]
    anything = data.draw(st.sampled_from([np.nan, np.inf]))
    other = [np.where(ignored[..., None], anything, layer[0]), *layer[1:]]
    with going(data.draw(ways)):
        expected, found = (fused(one, target, call.options) for one in (layer, other))
    assert all(a is b is None or same_bits(a, b) for a, b in zip(found, expected, strict=True))
    assert not found.inputs[ignored].any()
