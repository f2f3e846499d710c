"""The option grad_output of every value_and_grad: the gradient of f_backward, the loss of f."""

import numpy as np
import pytest
from tests.rooms.helpers import assert_same, call
from tests.table import FUNCTIONS

import losses

SHAPE = (2, 3)
ARRAYS = {
    "mse_loss": (np.arange(6.0).reshape(SHAPE), np.ones(SHAPE)),
    "l1_loss": (np.arange(6.0).reshape(SHAPE), np.ones(SHAPE)),
    "binary_cross_entropy": (np.full(SHAPE, 0.3), np.eye(2, 3)),
    "binary_cross_entropy_with_logits": (np.arange(6.0).reshape(SHAPE), np.eye(2, 3)),
    "nll_loss": (losses.log_softmax(np.arange(6.0).reshape(SHAPE)), np.array([2, -100])),
}
every_loss = pytest.mark.parametrize("name", ARRAYS)


@every_loss
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_the_loss_is_that_of_f_and_the_gradient_that_of_f_backward(name, reduction):
    arrays = ARRAYS[name]
    loss = getattr(losses, name)(*arrays, reduction=reduction)
    grad = np.linspace(-2, 3, np.size(loss)).reshape(np.shape(loss)) + 0.5
    fused, backward = (getattr(losses, name + s) for s in ("_value_and_grad", "_backward"))
    found, gradient = fused(*arrays, reduction=reduction, grad_output=grad)
    assert_same(found, loss)
    assert_same(gradient, backward(grad, *arrays, reduction=reduction))
    ones = np.ones(np.shape(loss))
    assert_same(
        fused(*arrays, reduction=reduction)[1], backward(ones, *arrays, reduction=reduction)
    )


@every_loss
def test_out_may_be_the_first_array_itself(name):
    first, target = ARRAYS[name]
    fused = getattr(losses, f"{name}_value_and_grad")
    loss, gradient = fused(first, target)
    out = np.full(SHAPE, 7.0)
    assert fused(first, target, out=out)[1] is out
    assert_same(out, gradient)
    mine = first.copy()
    found, same = fused(mine, target, out=mine)
    assert same is mine
    assert_same(found, loss)
    assert_same(mine, gradient)


@every_loss
def test_out_may_not_be_grad_output_and_is_as_it_was_after_an_error(name):
    first, target = ARRAYS[name]
    loss = getattr(losses, name)(first, target, reduction="none")
    memory = np.full(6, 0.5)
    out, grad = memory.reshape(SHAPE), memory[: loss.size].reshape(loss.shape)
    fused = getattr(losses, f"{name}_value_and_grad")
    with pytest.raises(ValueError, match="got part of grad_output"):
        fused(first, target, reduction="none", grad_output=grad, out=out)
    with pytest.raises(ValueError, match="grad_output: expected the shape"):
        fused(first, target, reduction="none", grad_output=1.0, out=out)
    assert (memory == 0.5).all()


@pytest.mark.parametrize("name", [n for n, (_, what) in FUNCTIONS.items() if what == "backward"])
def test_a_backward_without_grad_output_is_an_error(name):
    with pytest.raises(TypeError, match=r"^grad_output: expected real numbers, got "):
        call(name, grad_output=None)


def test_what_a_gradient_or_a_hessian_is_multiplied_by_must_be_there():
    for name, arrays in ARRAYS.items():
        with pytest.raises(TypeError, match="grad_output"):
            getattr(losses, f"{name}_backward")(None, *arrays)
    for name in ("mse_loss", "binary_cross_entropy_with_logits"):
        with pytest.raises(TypeError, match="vector"):
            getattr(losses, f"{name}_hvp")(None, *ARRAYS[name])
