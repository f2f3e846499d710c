"""Agreement with SciPy on what both have.

Each side rounds a result fewer than ROUNDINGS times and adds up the classes; the shift by the
maximum makes an error of half an ulp of the largest logit. Together that many eps of the larger
of the result and that logit.
"""

import numpy as np
import pytest

import losses

special = pytest.importorskip("scipy.special")

ROUNDINGS = 32


def assert_close(got, expected, x):
    assert np.shape(got) == np.shape(expected)
    assert got.dtype == expected.dtype
    size = np.abs(x).max() + np.abs(expected)
    assert np.all(np.abs(got - expected) <= (ROUNDINGS + x.size) * np.finfo(x.dtype).eps * size)


@pytest.fixture(params=[np.float32, np.float64])
def x(request):
    return (3 * np.random.default_rng(7).standard_normal((2, 3, 4))).astype(request.param)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [0, -1, (0, 2), None])
def test_logsumexp_agrees(x, axis, keepdims):
    expected = special.logsumexp(x, axis=axis, keepdims=keepdims)
    assert_close(losses.logsumexp(x, axis, keepdims=keepdims), expected, x)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_and_its_logarithm_agree(x, name, axis):
    assert_close(getattr(losses, name)(x, axis), getattr(special, name)(x, axis=axis), x)


@pytest.mark.parametrize(("name", "theirs"), [("sigmoid", "expit"), ("log_sigmoid", "log_expit")])
def test_the_sigmoid_and_its_logarithm_agree(x, name, theirs):
    assert_close(getattr(losses, name)(x), getattr(special, theirs)(x), x)
