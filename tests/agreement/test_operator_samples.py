"""PyTorch's own samples of its operators: each is answered as PyTorch answers it, or left out.

What is left out is counted by reason, so that a sample more or less on either side is noticed.
"""

import pickle
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests.rooms.helpers import parts
from tests.table import FUNCTIONS

import losses

torch = pytest.importorskip("torch")
F = torch.nn.functional
ROOT = Path(__file__).parents[2]
OURS = sorted(
    name
    for name, (row, what) in FUNCTIONS.items()
    if not what and hasattr(F, name) and row.kind != "activation" and name != "linear_cross_entropy"
)

# Some samples have targets without a meaning, which are brought to the domain.
SIGNS = ["hinge_embedding_loss", "margin_ranking_loss", "soft_margin_loss", "cosine_embedding_loss"]
TO_DOMAIN = {
    **dict.fromkeys(SIGNS, lambda t: torch.where(t > 0, 1.0, -1.0)),
    "multilabel_soft_margin_loss": torch.sigmoid,
}
LEFT_OUT = {
    # The mean is given, where here the logarithm of the mean is.
    ("poisson_nll_loss", "log_input=False"): 36,
    # Stirling's approximation, where here log t! is exact.
    ("poisson_nll_loss", "full"): 18,
    # Nothing is broadcast unasked.
    ("gaussian_nll_loss", "shapes"): 240,
    # A scalar has no classes.
    ("multi_margin_loss", "scalar"): 1,
    # A weight has one number for each class.
    ("multilabel_soft_margin_loss", "weight"): 1,
}


def reason(name, arrays, options):
    """Return why a sample is left out, or nothing."""
    first, *_ = arrays
    if name == "poisson_nll_loss" and not options.get("log_input", True):
        return "log_input=False"
    if name == "poisson_nll_loss" and options.get("full"):
        return "full"
    if name == "multi_margin_loss" and first.ndim == 0:
        return "scalar"
    if name == "multilabel_soft_margin_loss" and np.ndim(options.get("weight", 0)) > 1:
        return "weight"
    if name == "gaussian_nll_loss":
        shape, target, variance = (array.shape for array in arrays)
        if shape != target or variance not in ((), shape, (*shape[:-1], 1)):
            return "shapes"
    return ""


def of_theirs(name, arrays, options):
    """Return PyTorch's loss, with the mean of this library."""
    x, *rest = arrays
    if name == "triplet_margin_loss":
        options = {**options, "eps": 0.0}  # else it is added to each difference
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the mean of kl_div
        loss = getattr(F, name)(x, *rest, **options)
    reduction, weight = options.get("reduction", "mean"), options.get("weight")
    samples = x.numel() // x.shape[-1] if x.ndim else 1
    if name == "kl_div":  # one loss for each sample, over which the mean is
        divisors = {"mean": x.numel() / samples, "batchmean": len(x) / samples}
        return loss.sum(-1) if reduction == "none" else loss * divisors.get(reduction, 1)
    if name == "multi_margin_loss" and weight is not None and reduction == "mean":
        return loss * samples / weight[rest[0]].sum()  # as nll_loss
    return loss


def of_ours(name, arrays, options):
    """Return the loss and its gradients."""
    given = [array.detach().numpy() for array in arrays]
    options = {k: v.detach().numpy() if torch.is_tensor(v) else v for k, v in options.items()}
    if options.pop("log_target", False):
        name = f"{name}_with_log_target"
    if name.startswith("kl_div") and options.get("reduction") == "batchmean":
        options["reduction"] = "mean"
    if name == "poisson_nll_loss":
        options = {k: v for k, v in options.items() if k not in ("log_input", "eps")}
    return parts(getattr(losses, f"{name}_value_and_grad")(*given, **options))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return the samples of every operator, by name."""
    path = tmp_path_factory.mktemp("samples") / "samples.pickle"
    script = [sys.executable, "-W", "ignore", "-m", "tests.agreement.operator_samples"]
    subprocess.run([*script, path, *OURS], cwd=ROOT, check=True)
    return pickle.loads(path.read_bytes())


@pytest.mark.parametrize("name", OURS)
def test_the_samples_of_an_operator_are_answered_as_pytorch_answers_them(written, name):
    left_out, answered = Counter(), 0
    for sample in written[name]:
        arrays = [torch.tensor(array) for array in sample["arrays"]]
        options = {
            key: torch.tensor(value) if isinstance(value, np.ndarray) else value
            for key, value in sample["options"].items()
            if value is not None
        }
        if name in TO_DOMAIN:
            arrays[-1] = TO_DOMAIN[name](arrays[-1])
        if why := reason(name, arrays, options):
            left_out[name, why] += 1
            continue
        ours = of_ours(name, arrays, options)
        row, _ = FUNCTIONS[name]
        places = [list(row.arrays).index(array) for array in row.differentiated]
        points = [arrays[place].requires_grad_() for place in places]
        loss = of_theirs(name, arrays, options)
        theirs = [loss, *torch.autograd.grad(loss.sum(), points)]
        # Either side rounds each of a handful of steps, and the additions of a sum; the terms of a
        # sum of losses and of gradients are not larger than the largest numbers squared.
        eps = np.finfo(float).eps * (64 + arrays[0].numel())
        terms = max(
            1, *(float(array.detach().abs().max()) ** 2 for array in arrays if array.numel())
        )
        for found, wanted in zip(ours, theirs, strict=True):
            wanted = wanted.detach().numpy()
            assert found.shape == wanted.shape
            np.testing.assert_allclose(found, wanted, rtol=eps, atol=eps * terms)
        answered += 1
    assert answered > 0
    assert left_out == {key: n for key, n in LEFT_OUT.items() if key[0] == name}
