"""PyTorch's own samples of its operators: `python -m ... FILE OPERATOR...`.

A process of its own writes them, for PyTorch's module of samples changes the profile of Hypothesis
when it is imported.
"""

import pickle
import random
import sys
import types
import unittest
from pathlib import Path

DTYPES = ("float32", "float64")


def arrays_of(values):
    """Return tensors as arrays, and anything else as it is."""
    import torch

    return [v.detach().numpy() if isinstance(v, torch.Tensor) else v for v in values]


def answered(operator, sample, dtype):
    """Return a sample, PyTorch's loss and its gradients of the layer, as arrays."""
    import torch

    options = dict(sample.kwargs)
    loss = operator(sample.input, *sample.args, **options)
    chunked = options.pop("options", None) is not None
    layer = [sample.input, sample.args[0], options.get("linear_bias")]
    grad_output = 2 * torch.rand_like(loss) - 1
    given = [array for array in layer if array is not None]
    grads = torch.autograd.grad(loss, given, grad_output)
    return {
        "dtype": dtype,
        "chunked": chunked,
        "arrays": arrays_of([sample.input, *sample.args]),
        "options": dict(zip(options, arrays_of(options.values()), strict=True)),
        "grad_output": arrays_of([grad_output])[0],
        "loss": arrays_of([loss])[0],
        "grads": arrays_of(grads),
    }


def refused(error):
    """Return the arguments of a call that PyTorch refuses, and how its message begins."""
    sample = error.sample_input
    return {
        "arrays": arrays_of([sample.input, *sample.args]),
        "options": dict(zip(sample.kwargs, arrays_of(sample.kwargs.values()), strict=True)),
        "message": error.error_regex.split(",")[0],
    }


def layers(variants):
    """Return the samples of a linear layer that are answered, and those that are refused."""
    import torch

    samples = [
        answered(operator.op, sample, dtype)
        for dtype in DTYPES
        for operator in variants
        for sample in operator.sample_inputs("cpu", getattr(torch, dtype), requires_grad=True)
    ]
    return samples, [refused(error) for error in variants[0].error_inputs("cpu")]


def plain(variants):
    """Return the samples in float64, without answers."""
    import torch

    return [
        {
            "arrays": arrays_of(a for a in (s.input, *s.args) if isinstance(a, torch.Tensor)),
            "options": dict(zip(s.kwargs, arrays_of(s.kwargs.values()), strict=True)),
        }
        for operator in variants
        for s in operator.sample_inputs("cpu", torch.float64, requires_grad=False)
    ]


def main(path, *names):
    """Write the samples of each operator, by name."""
    # The module of samples has a base class from this package, which its samples do not need.
    sys.modules.setdefault("expecttest", types.SimpleNamespace(TestCase=unittest.TestCase))
    import torch
    from torch.testing._internal.common_methods_invocations import op_db

    torch.manual_seed(0)
    random.seed(0)
    found = {}
    for name in names:
        variants = [operator for operator in op_db if operator.name == f"nn.functional.{name}"]
        found[name] = layers(variants) if name == "linear_cross_entropy" else plain(variants)
    Path(path).write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
