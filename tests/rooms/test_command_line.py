"""python -m losses: what it prints, and an exit status that a failing check changes."""

import re
import runpy
import shlex
import subprocess
import sys
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest

import losses
from losses import __main__ as command_line
from losses._demo import iris, softmax_regression, tail


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


def test_the_loss_of_the_tail_keeps_its_digits_and_the_textbooks_is_0():
    result = softmax_regression.run()
    with localcontext(prec=60):
        exact = (1 + Decimal(-80).exp()).ln()
        assert abs(Decimal(result.tail_loss) - exact) <= exact * Decimal(tail.BOUND)
    assert f"{result.tail_loss:.1e}" == "1.8e-35"
    assert str(result.textbook_loss) == "0.0"  # and not -0.0, which would be printed as -0


def test_a_tail_loss_that_is_slightly_wrong_is_found(monkeypatch):
    right = tail.cross_entropy

    def wrong(*args):
        return right(*args) * (1 + 2.0**-48)  # 16 eps, and 8 are allowed

    monkeypatch.setattr(tail, "cross_entropy", wrong)
    assert softmax_regression.run().failures() == ["tail"]


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
        f"{result.tail_loss:.1e}   must be right to 8 units in the last place",
        "0         since 1 + exp(-80) rounds to 1",
    ):
        assert f" {number}" in printed
    assert printed.endswith(f"\nAll checks passed.\n{command_line.NEXT}\n")


def test_what_comes_next_works():
    commands = [
        line.strip().split("   ")[0] for line in command_line.NEXT.splitlines() if "python" in line
    ]
    assert len(commands) == 2
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "python"
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
    (document,) = re.findall(r"\S+\.md", command_line.NEXT)
    assert (Path(__file__).parents[2] / document).is_file()


def test_the_version_is_printed(capsys):
    with pytest.raises(SystemExit) as stop:
        command_line.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"losses {losses.__version__}\n"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"held_out_accuracy": 0.9}, "held-out accuracy"),
        ({"identity_gap": 2.0**-52}, "identity"),
        ({"gradient_gap": 1.0}, "gradient"),
        ({"gradient_gap": np.nan, "identity_gap": np.nan}, "identity, gradient"),
        ({"tail_loss": 0.0}, "tail"),
        ({"tail_loss": np.nan}, "tail"),
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
    assert "\nAll checks passed.\n" in done.stdout
    assert not done.stderr
