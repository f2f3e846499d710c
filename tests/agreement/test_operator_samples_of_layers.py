"""linear_cross_entropy on PyTorch's own samples of its operator, which its own tests run on.

PyTorch has them in three variants, without and with its chunks of the batch.
"""

import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests.linear import Results, assert_close, bounds, composed, fused

import losses

pytest.importorskip("torch")
ROOT = Path(__file__).parents[2]
OPERATOR = "linear_cross_entropy"
UNBATCHED = "K-dimensional loss defined by linear_weight shape [(]2"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return the samples that PyTorch answers, and those that it refuses."""
    path = tmp_path_factory.mktemp("samples") / "samples.pickle"
    script = [sys.executable, "-W", "ignore", "-m", "tests.agreement.operator_samples"]
    subprocess.run([*script, path, OPERATOR], cwd=ROOT, check=True)
    return pickle.loads(path.read_bytes())[OPERATOR]


def heads(sample):
    """Return how many dimensions of heads the weight of a sample has."""
    return sample["arrays"][1].ndim - 2


def test_there_are_as_many_samples_as_pytorch_has(written):
    samples, _ = written
    assert Counter((each["dtype"], heads(each) > 0) for each in samples) == {
        ("float32", False): 188,
        ("float32", True): 141,
        ("float64", False): 188,
        ("float64", True): 141,
    }
    with_heads = [each for each in samples if heads(each)]
    assert {heads(each) for each in with_heads} == {1, 3}
    labelled = Counter(each["arrays"][2].dtype.kind == "i" for each in with_heads)
    assert min(labelled[True], labelled[False]) > 100
    assert {each["options"].get("reduction") for each in with_heads} >= {"none", "sum", None}
    for option in ("weight", "linear_bias", "ignore_index"):
        assert sum(option in each["options"] for each in with_heads) > 20


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_sample_has_the_loss_and_the_gradients_of_pytorch(written, dtype, chunked):
    """Bounds are those of two ways to the same sums: here one of them is PyTorch's."""
    samples, _ = written
    for sample in samples:
        if (sample["dtype"], sample["chunked"]) != (dtype, chunked):
            continue
        (inputs, linear_weight, target), options = sample["arrays"], sample["options"]
        grad_output = sample["grad_output"]
        layer = (inputs, linear_weight, options.get("linear_bias"))
        others = {key: value for key, value in options.items() if key != "linear_bias"}
        allowed = bounds(layer, target, {"reduction": "mean", **others})
        missing = [None] * (3 - len(sample["grads"]))
        expected = Results(sample["loss"], *sample["grads"], *missing)
        both = losses.linear_cross_entropy_value_and_grad
        loss, grads = both(inputs, linear_weight, target, grad_output=grad_output, **options)
        assert_close((loss, *grads), expected, allowed, np.dtype(dtype))
        alone = losses.linear_cross_entropy(inputs, linear_weight, target, **options)
        assert_close([alone], [expected.loss], [allowed.loss], np.dtype(dtype))
        backward = losses.linear_cross_entropy_backward
        grads = backward(grad_output, inputs, linear_weight, target, **options)
        assert_close(grads, expected[1:], allowed[1:], np.dtype(dtype))


def test_what_pytorch_refuses_is_refused_but_a_single_sample_of_several_heads(written):
    """Logits without a batch, (C, d1), have their classes first here; PyTorch asks for a batch."""
    _, errors = written
    assert len(errors) == 6
    for error in errors:
        inputs, linear_weight, target = error["arrays"]
        if error["message"] == UNBATCHED:
            case = (inputs, linear_weight, None), np.abs(target), {"reduction": "mean"}
            assert_close(fused(*case), composed(*case), bounds(*case), np.float32)
            continue
        with pytest.raises(ValueError, match="expected"):
            losses.linear_cross_entropy(inputs, linear_weight, target, **error["options"])
