"""softcap and z_loss: known values, and what every function that has them refuses."""

import inspect

import numpy as np
import pytest
from tests.rooms.helpers import INF, NAN, call, takes

import losses
from losses.extra import dask as lazy

KNOWN = [
    ({"z_loss": 0.01}, 0.525099919149),
    ({"softcap": 30}, 0.465376247166),
    ({"softcap": 1e-9}, np.log(3)),
]


@pytest.mark.parametrize(("options", "known"), KNOWN, ids=str)
def test_known_values(options, known):
    """Those of one sample are right to half a unit of the twelfth digit."""
    logits, half = [1.0, 2.0, 0.5], 0.5e-12
    each = [
        losses.cross_entropy(logits, 1, **options),
        losses.cross_entropy_sums([logits], [1], **options).mean,
        losses.cross_entropy_shard([logits], [1], first_class=0, classes=3, **options).losses[0],
        losses.linear_cross_entropy(logits, np.eye(3), 1, **options),
        lazy.cross_entropy(np.array([logits]), np.array([1]), **options).compute(),
    ]
    assert all(abs(loss - known) <= half + 1e-9 * (known > 1) for loss in each)


def test_each_function_of_a_smoothed_target_has_a_cap_and_a_penalty():
    for options in (takes("softcap"), takes("z_loss")):
        assert options == takes("label_smoothing")
    for function in (*vars(losses).values(), lazy.cross_entropy, lazy.cross_entropy_value_and_grad):
        if inspect.isfunction(function) or function is losses.Evaluator:
            names = inspect.signature(function).parameters
            assert ("softcap" in names) == ("z_loss" in names) == ("label_smoothing" in names)


@pytest.mark.parametrize("name", takes("softcap"))
@pytest.mark.parametrize("cap", [0, 0.0, -1.0, INF, NAN, 10**400])
def test_a_cap_is_a_finite_number_above_0(name, cap):
    with pytest.raises(ValueError, match=rf"softcap: expected a number in \(0, inf\), got {cap}"):
        call(name, softcap=cap)


@pytest.mark.parametrize("name", takes("z_loss"))
@pytest.mark.parametrize("factor", [INF, -INF, NAN, -(10**400)])
def test_a_factor_is_a_finite_number(name, factor):
    with pytest.raises(
        ValueError, match=rf"z_loss: expected a number in \(-inf, inf\), got {factor}"
    ):
        call(name, z_loss=factor)


@pytest.mark.parametrize("option", ["softcap", "z_loss"])
@pytest.mark.parametrize("wrong", [True, "1", [1.0], 1j])
def test_a_cap_or_a_factor_of_another_type_is_refused_everywhere(option, wrong):
    logits, target, layer = np.ones((1, 2)), [0], np.ones((2, 2))
    for function in (
        lambda **options: losses.cross_entropy(logits, target, **options),
        lambda **options: losses.linear_cross_entropy(logits, layer, target, **options),
        lambda **options: losses.cross_entropy_sums(logits, target, **options),
        lambda **options: losses.cross_entropy_shard(
            logits, target, first_class=0, classes=2, **options
        ),
        lambda **options: losses.Evaluator(**options),
        lambda **options: lazy.cross_entropy(logits, np.array(target), **options),
    ):
        with pytest.raises(TypeError, match=f"{option}: expected a number"):
            function(**{option: wrong})
