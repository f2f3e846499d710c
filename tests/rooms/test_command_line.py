"""python -m losses: what it prints, and an exit status that a failing check changes."""

import runpy
import subprocess
import sys

import numpy as np
import pytest

from losses import __main__ as command_line
from losses._demo import iris, softmax_regression


def test_the_data_are_fishers():
    measurements, species = iris.read()
    assert measurements.shape == (150, 4)
    np.testing.assert_array_equal(np.bincount(species), [50, 50, 50])
    # The two flowers that a common copy of the table has wrong, the 35th and the 38th.
    np.testing.assert_array_equal(measurements[34], [4.9, 3.1, 1.5, 0.2])
    np.testing.assert_array_equal(measurements[37], [4.9, 3.6, 1.4, 0.1])
    # Any other wrong entry would change a mean.
    means = [
        [5.006, 3.428, 1.462, 0.246],
        [5.936, 2.770, 4.260, 1.326],
        [6.588, 2.974, 5.552, 2.026],
    ]
    np.testing.assert_allclose([measurements[species == c].mean(axis=0) for c in range(3)], means)


def test_training_lowers_the_loss_and_recognises_flowers_never_seen():
    result = softmax_regression.run()
    assert len(result.epoch_losses) == softmax_regression.EPOCHS
    assert result.epoch_losses[-1] < result.epoch_losses[0] < np.log(3)
    assert result.held_out_accuracy >= 0.93
    assert result.failures() == []


def test_the_demonstration_repeats_exactly():
    assert softmax_regression.run() == softmax_regression.run()


def test_the_checks_hold_whatever_the_seed(monkeypatch):
    for seed in range(10):
        monkeypatch.setattr(softmax_regression, "SEED", seed)
        result = softmax_regression.run()
        assert result.identity_gap == 0
        assert result.gradient_gap <= result.gradient_bound < 1e-8


def test_a_gradient_that_is_slightly_wrong_is_found(monkeypatch):
    right = softmax_regression.cross_entropy_backward

    def wrong(*args, **options):
        return right(*args, **options) * (1 + 1e-8)

    monkeypatch.setattr(softmax_regression, "cross_entropy_backward", wrong)
    assert softmax_regression.run().failures() == ["gradient"]


def test_every_number_is_printed(capsys):
    result = softmax_regression.run()
    assert command_line.main([]) == 0
    printed = capsys.readouterr().out
    for epoch, loss in enumerate(result.epoch_losses, start=1):
        assert f"\n{epoch:5}  {loss:.4f}\n" in printed
    for number in (
        f"{result.training_accuracy:.3f}",
        f"{result.held_out_accuracy:.3f}",
        f"{result.gradient_gap:.1e}",
        f"{result.gradient_bound:.1e}",
        "0         must be exactly 0",
    ):
        assert f" {number}" in printed
    assert printed.endswith("\nAll checks passed.\n")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"held_out_accuracy": 0.9}, "held-out accuracy"),
        ({"identity_gap": 2.0**-52}, "identity"),
        ({"gradient_gap": 1.0}, "gradient"),
        ({"gradient_gap": np.nan, "identity_gap": np.nan}, "identity, gradient"),
    ],
)
def test_a_check_that_fails_is_named_and_the_status_is_1(monkeypatch, capsys, wrong, named):
    result = softmax_regression.run()._replace(**wrong)
    monkeypatch.setattr(softmax_regression, "run", lambda: result)
    assert command_line.main([]) == 1
    assert capsys.readouterr().out.endswith(f"\nFAILED: {named}.\n")


def test_help_explains_and_an_unknown_argument_is_an_error(capsys):
    with pytest.raises(SystemExit) as stop:
        command_line.main(["--help"])
    assert stop.value.code == 0
    assert "if every check passes" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(SystemExit) as stop:
        command_line.main(["--epochs"])
    assert stop.value.code == 2
    assert "unrecognized arguments: --epochs" in capsys.readouterr().err


def test_the_module_runs_as_a_script(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["losses"])
    monkeypatch.delitem(sys.modules, "losses.__main__")
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("losses", run_name="__main__")
    assert stop.value.code == 0
    assert "All checks passed." in capsys.readouterr().out


def test_python_m_losses_needs_no_argument_and_ends_with_status_0():
    command = [sys.executable, "-W", "error", "-m", "losses"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert done.stdout.endswith("All checks passed.\n")
    assert not done.stderr
