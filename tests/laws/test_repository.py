"""Laws about the repository: the public surface, who may import whom, docstrings, defaults."""

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests import mutants, rows, table

import losses
from losses.extra import dask as lazy

SOURCE = Path(losses.__file__).parent
FUNCTIONS = [f for name in losses.__all__ if inspect.isfunction(f := getattr(losses, name))]
DERIVATIVES = [name for name, (_, what) in table.FUNCTIONS.items() if what]
OF_TARGETS = [  # gradients of targets that may come from a model
    "binary_cross_entropy_with_logits_target_backward",
    "cross_entropy_target_backward",
]
# Losses of sequences are no rows of the table: rooms/test_ctc.py has their laws.
SEQUENCES = ["ctc_loss", "ctc_loss_with_logits"]
OF_SEQUENCES = [f"{name}{what}" for name in SEQUENCES for what in ("_backward", "_value_and_grad")]
MERGING = [  # partial results of cross_entropy, which merge, and their types
    "Evaluator",
    "LossSums",
    "ShardState",
    "cross_entropy_shard",
    "cross_entropy_shard_backward",
    "cross_entropy_sums",
    "loss_sums",
    "merge_shards",
    "merge_sums",
]
DEFAULTS = {  # of options that have another default elsewhere
    "cosine_embedding_loss": {"margin": 0.0},
    "margin_ranking_loss": {"margin": 0.0},
    "triplet_margin_loss": {"p": 2.0},
}
GRADIENTS = ["LinearGrads", "GaussianGrads", "LogVarianceGrads", "PairGrads", "TripletGrads"]
MAY_IMPORT = {
    "_core": {"_core"},
    "_activations": {"_core", "_activations"},
    "_losses": {"_core", "_losses"},
    "_entrywise": {"_core", "_activations", "_losses", "_entrywise"},
    "_classwise": {"_core", "_activations", "_losses", "_entrywise", "_classwise"},
    "_cross_entropy": {"_core", "_activations", "_losses", "_cross_entropy"},
    "_ctc": {"_core", "_activations", "_losses", "_ctc"},
    "_score": {"_core", "_losses", "_cross_entropy", "_score"},
}
TYPES = [losses.Evaluator, losses.LossSums, losses.ShardState, losses.set_workers]
LAZY = [lazy.cross_entropy, lazy.cross_entropy_value_and_grad, lazy.nll_loss]
LAZY += [lazy.softmax, lazy.log_softmax]
OPTIONAL = {"_score/progress.py": {"tqdm"}}  # imported where it is used, if it is installed
MODULES = [path for path in sorted(SOURCE.rglob("*.py")) if path.parent.name in MAY_IMPORT]


def named(function):
    return function.__name__


def options(function):
    """Return the keyword options of a function and their defaults."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def test_the_public_names_are_those_of_the_table_and_what_merges():
    expected = [
        *table.FUNCTIONS,
        *MERGING,
        *OF_TARGETS,
        *SEQUENCES,
        *OF_SEQUENCES,
        *GRADIENTS,
        "set_workers",
    ]
    assert losses.__all__ == sorted(expected)


def test_the_package_initialiser_holds_no_code():
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    docstring, *rest = tree.body
    assert isinstance(docstring, ast.Expr)
    assert all(isinstance(node, ast.ImportFrom | ast.Assign) for node in rest)


def test_the_version_stands_in_one_place_and_the_citation_and_the_changelog_have_it():
    root = Path(__file__).parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]
    initialiser = root / project["tool"]["hatch"]["version"]["path"]
    (line,) = [x for x in initialiser.read_text("utf-8").splitlines() if "version" in x]
    assert line == f'__version__ = "{losses.__version__}"'
    assert f"\nversion: {losses.__version__}\n" in (root / "CITATION.cff").read_text("utf-8")
    released = re.findall(
        r"^## \[(\d.*?)\]", (root / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    assert released[0] == losses.__version__


@pytest.mark.parametrize("name", DERIVATIVES)
def test_each_derivative_lives_with_its_forward_and_has_its_options(name):
    row, what = table.FUNCTIONS[name]
    forward, derivative = getattr(losses, row.name), getattr(losses, name)
    assert inspect.getmodule(derivative) is inspect.getmodule(forward)
    more = {}
    if what == "value_and_grad":
        # Of several gradients, each as large as its own array, there is no one out.
        out = {"out": None} if len(row.differentiated) == 1 else {}
        more = {"grad_output": None, **out}
    assert options(derivative) == {**options(forward), **more}


@pytest.mark.parametrize("name", OF_SEQUENCES)
def test_a_derivative_of_a_loss_of_sequences_is_like_any_other(name):
    base = next(base for base in reversed(SEQUENCES) if name.startswith(base))
    forward, derivative = getattr(losses, base), getattr(losses, name)
    assert inspect.getmodule(derivative) is inspect.getmodule(forward)
    fused = name.endswith("value_and_grad")
    more = {"grad_output": None, "out": None} if fused else {}
    assert options(derivative) == {**options(forward), **more}
    leading = [] if fused else ["grad_output"]
    assert rows.before_slash(name) == [*leading, *rows.before_slash(base)]


@pytest.mark.parametrize("name", table.FUNCTIONS)
def test_a_derivative_takes_first_what_it_is_multiplied_by_and_then_what_its_forward_took(name):
    row, what = table.FUNCTIONS[name]
    leading = {"hvp": ["vector"]}.get(what, [])
    leading += ["grad_output"] if what.endswith("backward") else []
    first, *others = row.arrays
    first = first if what in row.others else row.point(what)
    assert rows.before_slash(name) == [*leading, first, *others]


def test_an_option_has_one_default_in_the_whole_library():
    """But for margin and p, whose defaults are PyTorch's: see DEFAULTS."""
    found = {}
    for function in FUNCTIONS:
        row, _ = table.FUNCTIONS.get(function.__name__, (None, ""))
        own = DEFAULTS.get(row and row.name, {})
        assert own.items() <= options(function).items()
        for name, default in options(function).items() - own.items():
            assert found.setdefault(name, default) == default, (function, name)


@pytest.mark.parametrize("function", LAZY, ids=named)
def test_a_function_of_dask_arrays_has_the_options_of_that_of_numpy_arrays(function):
    numpys = getattr(losses, function.__name__)
    assert options(function) == {k: v for k, v in options(numpys).items() if k != "out"}


@pytest.mark.parametrize("function", FUNCTIONS, ids=named)
def test_arrays_come_before_the_slash(function):
    kinds = {
        name: parameter.kind for name, parameter in inspect.signature(function).parameters.items()
    }
    arrays = {"target", "vector", "grad_output"} - options(function).keys()
    arrays |= {name for row in table.ROWS for name in (*row.arrays, row.result)}
    for name in arrays & kinds.keys():
        assert kinds[name] is inspect.Parameter.POSITIONAL_ONLY


@pytest.mark.parametrize("function", [*FUNCTIONS, *LAZY], ids=named)
def test_each_docstring_is_whole(function):
    text = inspect.getdoc(function)
    assert re.match(r"[A-Z][^\n]+\.\n\n", text), "a summary of one line"
    assert ".. math::" in text
    sections = ["Parameters", "Returns", "Raises", "See Also", "Notes", "Examples"]
    places = [text.index(f"\n{name}\n{'-' * len(name)}\n") for name in sections]
    assert places == sorted(places)
    for name in inspect.signature(function).parameters:
        assert re.search(rf"^(\w+, )*\*?{name}(, \w+)* : ", text, re.MULTILINE), name
    assert ">>> " in text


@pytest.mark.parametrize("kind", TYPES)
def test_each_docstring_of_a_type_is_whole(kind):
    text = inspect.getdoc(kind)
    assert re.match(r"[A-Z][^\n]+\.\n\n", text), "a summary of one line"
    for name in ("Parameters", "See Also", "Examples"):
        assert f"\n{name}\n{'-' * len(name)}\n" in text
    for name in inspect.signature(kind).parameters:
        assert re.search(rf"^(\w+, )*{name}(, \w+)* : ", text, re.MULTILINE), name
    for name, member in vars(kind).items():
        if isinstance(member, property | classmethod) or inspect.isfunction(member):
            assert name.startswith("_") or inspect.getdoc(member), name


def test_a_door_to_another_library_is_named_after_it_and_opened_by_nothing_inside():
    doors = {path.stem for path in (SOURCE / "extra").glob("[a-z]*.py")}
    assert doors == {"dask"}
    for path in sorted(set(SOURCE.rglob("*.py")) - set((SOURCE / "extra").rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert "extra" not in (node.module or "").split("."), path


@pytest.mark.parametrize("path", MODULES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_module_imports_numpy_the_standard_library_and_the_rooms_below_it(path):
    room = path.parent.name
    packages = {"numpy", *sys.stdlib_module_names, *OPTIONAL.get(f"{room}/{path.name}", ())}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            outside = [alias.name.partition(".")[0] for alias in node.names]
            assert set(outside) <= packages
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module.partition(".")[0] in packages
        elif isinstance(node, ast.ImportFrom):
            within = room if node.level == 1 else node.module.partition(".")[0]
            assert within in MAY_IMPORT[room]


def test_importing_losses_brings_in_numpy_and_nothing_else():
    code = (
        "import sys, numpy; before = set(sys.modules); import losses; "
        "print(*sorted(set(sys.modules) - before))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    new = {name.partition(".")[0] for name in result.stdout.split()}
    assert new <= {"losses", "numpy", "__future__", *sys.stdlib_module_names}
    assert not {"concurrent.futures", "losses._score"} & set(result.stdout.split())


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: p.name)
def test_a_suppression_has_a_reason(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        for mark in ("# type: ignore", "# noqa", "# pragma"):
            if mark in line:
                assert "  # " in line.partition(mark)[2], line


def test_every_planted_bug_has_one_place_in_the_sources_and_a_test():
    mutants.check_the_table()


def test_pytest_collects_no_test_that_is_skipped_without_a_reason():
    for path in Path(__file__).parents[1].rglob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        for mark in re.findall(r"mark\.skip(?:if)?\(([^)]*)\)", text):
            assert "reason=" in mark
