"""The examples of the documentation run without a warning, and their own checks pass."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
WITHOUT_PYTORCH = """
import runpy, sys

class Absent:
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
runpy.run_path(sys.argv[1])
"""
WIDTH = 79  # of a line: the site shows it whole on a screen of 1280 pixels
DISTRIBUTIONS = {"sklearn": "scikit-learn"}  # by the name of a package, where they differ


def named(example):
    return example.stem


def tree_of(example):
    """Return the syntax tree of an example."""
    return ast.parse(example.read_text(encoding="utf-8"))


def needed(example):
    """Return the packages that an example imports whatever happens, and does not bring along."""
    found = set()
    for node in tree_of(example).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - {"losses", "numpy"}


def run(*arguments, cwd):
    """Run Python on an example; return what it did."""
    environment = {**os.environ, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_an_example_runs_and_its_checks_pass(example, tmp_path):
    missing = [name for name in sorted(needed(example)) if not importlib.util.find_spec(name)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: pip install -e '.[examples]'")
    done = run(str(example), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout
    assert max(map(len, done.stdout.splitlines())) <= WIDTH
    assert not list(tmp_path.iterdir())


def test_the_example_beside_pytorch_runs_without_it_and_says_so(tmp_path):
    example = ROOT / "docs" / "examples" / "plot_digits.py"
    if not all(importlib.util.find_spec(name) for name in needed(example)):
        pytest.skip("needs pip install -e '.[examples]'")
    done = run("-c", WITHOUT_PYTORCH, str(example), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PyTorch is not installed" in done.stdout


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_an_example_has_a_name_a_title_and_a_figure_for_the_gallery_and_a_check(example):
    assert example.name.startswith("plot_")
    title, line, blank, *_ = ast.get_docstring(tree_of(example)).splitlines()
    assert line == "=" * len(title)
    assert not blank
    nodes = list(ast.walk(tree_of(example)))
    assert any(isinstance(node, ast.Assert) for node in nodes)
    assert "plt.subplots(" in example.read_text(encoding="utf-8")


def test_the_extra_brings_what_the_examples_need():
    with (ROOT / "pyproject.toml").open("rb") as file:
        extra = tomllib.load(file)["project"]["optional-dependencies"]["examples"]
    names = {re.match(r"[\w-]+", requirement)[0].removesuffix("-cpu") for requirement in extra}
    imported = set().union(*map(needed, EXAMPLES))
    assert names == {DISTRIBUTIONS.get(name, name) for name in imported}


def test_the_extra_of_the_site_brings_what_the_examples_need_and_pytorch():
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    of_losses = next(name for name in extras["docs"] if name.startswith("losses["))
    assert "examples" in of_losses.removeprefix("losses[").removesuffix("]").split(",")
    pytorch = [name for name in extras["agreement"] if name.startswith("torch")]
    assert pytorch
    assert {*pytorch} <= {*extras["docs"]}


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_a_line_of_an_example_is_no_longer_than_the_site_shows(example):
    lines = example.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > WIDTH] == []
