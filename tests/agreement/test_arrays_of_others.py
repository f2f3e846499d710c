"""Arrays and tables of other libraries: as NumPy's own, or an error that says what to pass."""

import numpy as np
import pytest
from tests.rooms.helpers import assert_same

import losses

LOGITS = np.array([[1.0, 2.0, 0.5], [0.0, 1.0, 3.0]])
TARGET = np.array([1, 2])
EXPECTED = losses.cross_entropy(LOGITS, TARGET)


def refused(logits, target, *words):
    """Assert that a call is a TypeError that says all these words."""
    with pytest.raises(TypeError) as error:
        losses.cross_entropy(logits, target)
    for word in words:
        assert word in str(error.value)


def refused_until_filled(missing):
    """Assert that labels of which one is missing are refused, and what is said to pass does."""
    refused(LOGITS, missing, "target", "np.nan_to_num(target, nan=ignore_index).astype(int)")
    target = np.nan_to_num(missing, nan=-100).astype(int)
    assert_same(losses.cross_entropy(LOGITS, target), losses.cross_entropy(LOGITS, [1, -100]))


def test_lists():
    refused_until_filled([1, np.nan])


def test_pandas():
    pd = pytest.importorskip("pandas", reason="tables of pandas")
    frame = pd.DataFrame(LOGITS)
    for target in [pd.Series(TARGET), pd.Index(TARGET), pd.Series(TARGET, dtype="Int64")]:
        assert_same(losses.cross_entropy(frame, target), EXPECTED)
    assert_same(losses.cross_entropy(frame, pd.Series(TARGET, dtype="category")), EXPECTED)
    nullable = frame.astype("Float64")
    nullable.iloc[0, 0] = pd.NA
    refused_until_filled(pd.Series([1, None], dtype="Int64"))
    refused(nullable, TARGET, "logits", "dtype object", "logits.to_numpy(float)")
    assert np.isnan(losses.cross_entropy(nullable.to_numpy(float, na_value=np.nan), TARGET))
    for names in [pd.Series(["a", "b"]), pd.Series(["a", "b"], dtype="category")]:
        refused(frame, names, "target", "encode the labels as integers")
        encoded = np.unique(names, return_inverse=True)[1]
        assert losses.cross_entropy(frame, encoded) > 0
    refused(frame, pd.to_datetime(["2020-01-01"] * 2), "target", "datetime64")
    with pytest.raises(ValueError, match=r"pass target\[:, 0\]"):
        losses.cross_entropy(frame, pd.DataFrame(TARGET))


def test_polars():
    pl = pytest.importorskip("polars", reason="tables of polars")
    frame = pl.DataFrame(LOGITS)
    assert_same(losses.cross_entropy(frame, pl.Series(TARGET)), EXPECTED)
    refused(frame, pl.Series(["a", "b"]), "target", "encode the labels as integers")
    refused_until_filled(pl.Series([1, None]))


def test_torch():
    torch = pytest.importorskip("torch", reason="tensors of torch")
    tensor = torch.tensor(LOGITS)
    assert_same(losses.cross_entropy(tensor, torch.tensor(TARGET)), EXPECTED)
    what = "logits.detach().cpu().numpy()"
    refused(tensor.clone().requires_grad_(), TARGET, "logits", "requires grad", what)
    refused(torch.empty(2, 3, device="meta"), TARGET, "logits", "meta", what)
    with pytest.raises(TypeError, match="out: expected a NumPy array, got Tensor"):
        losses.cross_entropy_value_and_grad(LOGITS, TARGET, out=tensor)


def test_jax():
    jax = pytest.importorskip("jax", reason="arrays of JAX")
    logits = jax.numpy.asarray(LOGITS)
    expected = losses.cross_entropy(LOGITS.astype(logits.dtype), TARGET)
    assert_same(losses.cross_entropy(logits, jax.numpy.asarray(TARGET)), expected)
    with pytest.raises(TypeError, match="out: expected a NumPy array, got ArrayImpl"):
        losses.cross_entropy_value_and_grad(LOGITS, TARGET, out=logits)
    with pytest.raises(TypeError, match="logits: expected what NumPy can make an array of, got"):
        jax.jit(lambda x: losses.cross_entropy(x, TARGET))(logits)
