"""Laws about the documents: what they show runs, and what they name exists."""

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from benchmarks import accuracy, bar, ctc, family, linear, scale, summary
from benchmarks.results import Results
from docs._site import names
from tests import table

import losses
from losses.extra import dask as lazy

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/*.md")])


def blocks(language, text=README):
    """Return a document's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


FUNCTIONS = (ROOT / "docs" / "functions.md").read_text(encoding="utf-8")


def rows_of(text):
    """Return each row of the tables: what one writes with PyTorch, and what instead."""
    return re.findall(r"^\| `(.+?)`.* \| `(.+?)` \|$", text, re.MULTILINE)


def examples():
    """Yield each python block of each document, with the text block that must follow it."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        fences = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        for number, (language, code) in enumerate(fences):
            if language == "python":
                below, output = fences[number + 1]
                assert below == "text", f"{document.name}: {code}"
                yield pytest.param(code, output, id=f"{document.relative_to(ROOT)}-{number}")


QUICKSTART = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
FROM_PYTORCH = (ROOT / "docs" / "coming_from_pytorch.md").read_text(encoding="utf-8")
ROWS = rows_of(FROM_PYTORCH)
# What other functions return.
NOT_FOR_A_TASK = {name for name in losses.__all__ if name.endswith("Grads")}
NOT_FOR_A_TASK |= {"LossSums", "ShardState"}
# Numbers in (0, 1) can be logits, log-probabilities, probabilities and predictions.
POINT = np.array([[0.25, 0.5, 0.125], [0.75, 0.0625, 0.5], [0.5, 0.875, 0.25]])
ARRAYS = {
    **dict.fromkeys(["x", "logits", "log_probs", "probs", "predictions"], POINT),
    "sequences": np.stack([POINT, 1 - POINT]),
    "tokens": np.array([[2, 1, 0], [1, 1, 2]]),
    "w": np.array([0.5, 1.0, 2.0]),
    "weights": 1 - POINT,
    "b": np.array([1.0, 0.25, 0.5]),
    "signs": np.where(POINT > 0.4, 1.0, -1.0),
    "labels": np.where(POINT > 0.4, 1.0, 0.0),
    "log_target": np.log(POINT),
    "paths": np.log(POINT / POINT.sum(-1, keepdims=True))[:, np.newaxis],
    "spelt": np.array([[1]]),
    "frames": np.array([3]),
    "lengths": np.array([1]),
    "pairs": np.array([1.0, -1.0, 1.0]),
    "d": lambda x, y: abs(x - y).sum(-1),
    "u": np.array([[1.0, -0.5, 0.25], [0.0, 2.0, 1.0], [-1.0, 0.5, 0.75]]),
}
OVER_CLASSES = {
    "nll_loss",
    "cross_entropy",
    "linear_cross_entropy",
    "NLLLoss",
    "CrossEntropyLoss",
    "multi_margin_loss",
    "MultiMarginLoss",
    "backward",
    "hvp",
}


# What a function or module is called with, by the beginning of its name without underscores.
MODULES = {
    "logsoftmax": ["x"],
    "gaussiannll": ["x", "target", "probs"],
    "softmargin": ["x", "signs"],
    "hingeembedding": ["x", "signs"],
    "marginranking": ["x", "weights", "signs"],
    "kldiv": ["log_target", "target"],
    "cosineembedding": ["x", "weights", "pairs"],
    "tripletmargin": ["x", "weights", "u"],
}


def arrays_of(row):
    """Return the arrays that a row speaks of, by name."""
    function = re.search(r"\.(\w+)\(", row[0])[1]
    target = np.array([2, 0, 1]) if function in OVER_CLASSES else 1 - POINT
    return {**ARRAYS, "target": target}


def value(cell, names, modules):
    """Return the value of a cell; a function, as a module is, is called."""
    found = eval(cell, {**modules, **names})
    if callable(found):
        kind = re.sub(r"^partial\(|_", "", cell).split(".")[1].lower()
        known = (given for part, given in MODULES.items() if kind.startswith(part))
        found = found(*(names[name] for name in next(known, ["x", "target"])))
    return found


def gradient(cell, names, torch):
    """Return the gradient of the logits after a cell that calls backward."""
    logits = names["logits"].requires_grad_()
    loss = torch.nn.functional.cross_entropy(logits, names["target"])
    eval(cell, {"loss": loss})
    return logits.grad


def ours(row):
    """Return the value of a row's right side, or the gradient where it gives both."""
    found = value(row[1], arrays_of(row), {"losses": losses, "partial": partial})
    return found[1] if isinstance(found, tuple) else found


@pytest.mark.parametrize(("code", "output"), [*examples()])
def test_an_example_prints_what_is_written_below_it(code, output, tmp_path):
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, check=True, text=True, cwd=tmp_path)
    assert done.stdout == output


def test_the_training_loop_prints_what_that_of_pytorch_prints():
    pytest.importorskip("torch")
    (theirs,) = blocks("py", QUICKSTART)
    ours = blocks("text", QUICKSTART)[1]
    command = [sys.executable, "-c", theirs]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert ours == done.stdout


def test_the_tables_of_speed_are_those_of_the_committed_results():
    results = Results.load(ROOT / "benchmarks" / "results" / "speed.json")
    speed = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    promises = [line for line in bar.report(results)[0] if line[0] != " "]
    for lines in [*summary.tables(results).values(), promises]:
        assert "\n".join(lines) in speed


def test_the_tables_of_accuracy_are_those_of_the_committed_results():
    found = accuracy.tables(accuracy.load(ROOT / "benchmarks" / "results" / "accuracy.json"))
    numerics = (ROOT / "docs" / "numerics.md").read_text(encoding="utf-8")
    for lines in found.values():
        assert "\n".join(lines) in numerics


def test_the_tables_of_the_linear_layer_are_those_of_the_committed_results():
    results = linear.load(ROOT / "benchmarks" / "results" / "linear.json")
    found = linear.tables(results)
    speed = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    for lines in [*found.values(), linear.bars(results)]:
        assert "\n".join(lines) in speed


def test_the_tables_of_the_family_and_of_ctc_are_those_of_the_committed_results():
    speed = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    results = {
        name: Results.load(ROOT / "benchmarks" / "results" / f"{name}.json")
        for name in ("family", "ctc")
    }
    for lines in family.tables(results["family"]).values():
        assert "\n".join(lines) in speed
    assert "\n".join(ctc.lines(results["ctc"])).strip() in speed


def test_the_tables_of_scale_are_those_of_the_committed_results():
    found = scale.tables(scale.load(ROOT / "benchmarks" / "results" / "scale.json"))
    document = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    for lines in found.values():
        assert "\n".join(lines) in document


def test_the_two_commands_of_the_set_up_are_run_by_ci():
    demonstration, tests = (block.removesuffix("\n") for block in blocks("sh"))
    assert demonstration.endswith(" -m losses")
    assert tests.endswith(" -m pytest")
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert {demonstration, tests} <= set(run)


def test_every_public_function_is_listed_or_beside_one_that_is():
    rows = re.findall(r"^\| (`losses.*?) \|.*\| (.*?) \|$", FUNCTIONS, re.MULTILINE)
    beside = {
        f"{name}{what}"
        for functions, others in rows
        for name in re.findall(r"losses\.(\w+)", functions)
        for what in re.findall(r"`(_\w+)`", others)
    }
    listed = set(re.findall(r"\blosses\.(\w+)", FUNCTIONS)) - {"extra"}
    assert sorted(listed | beside) == losses.__all__


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_name_that_a_document_takes_from_losses_exists(document):
    names = re.findall(r"\blosses\.(\w+)", document.read_text(encoding="utf-8"))
    assert set(names) <= {*losses.__all__, "__version__", "extra"}


def test_the_tables_say_what_to_write_instead_of_each_function_and_module():
    found = {theirs.partition("(")[0] for theirs, _ in ROWS}
    assert found >= {"F.softmax", "F.log_softmax", "F.nll_loss", "F.cross_entropy"}
    assert found >= {"nn.LogSoftmax", "nn.NLLLoss", "nn.CrossEntropyLoss", "nn.BCELoss"}
    assert found >= {"nn.BCEWithLogitsLoss", "nn.MSELoss", "nn.L1Loss"}


def test_every_function_has_a_page_and_a_place_in_the_reference():
    listed = [name for found in names.sections().values() for name in found]
    assert sorted(listed) == losses.__all__
    assert set(names.public()) == {
        *(f"losses.{name}" for name in losses.__all__),
        *(f"losses.extra.dask.{name}" for name in lazy.__all__),
    }


def test_every_function_and_every_derivative_has_a_plot():
    pytest.importorskip("matplotlib")
    from docs._site import plots

    assert all(map(plots.panels_of, table.FUNCTIONS))


def test_every_function_is_named_by_the_page_about_pytorch_or_has_its_base_there():
    named = set(re.findall(r"\blosses\.(\w+)", FROM_PYTORCH))
    for name in losses.__all__:
        assert {name, names.base_of(name)} & named or name in NOT_FOR_A_TASK, name


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_the_tables_say_to_write_runs(row):
    assert np.isfinite(ours(row)).all()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_the_tables_say_to_write_gives_what_pytorch_gives(row):
    torch = pytest.importorskip("torch")
    modules = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}
    tensors = {
        name: array if callable(array) else torch.from_numpy(array.copy())
        for name, array in arrays_of(row).items()
    }
    theirs = gradient if row[0].endswith("backward()") else value
    expected = theirs(row[0], tensors, torch if theirs is gradient else modules)
    # Each side rounds a number fewer than 32 times, and nothing here cancels. To the square of a
    # vector's length, which is at least 1/4 here, PyTorch adds 1e-12 before it takes a cosine.
    cosine = 8e-12 if "osine" in row[0] else 0
    np.testing.assert_allclose(
        ours(row), expected.numpy(), rtol=32 * np.finfo(float).eps, atol=cosine
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_leads_to_a_file_of_the_repository(document):
    for link in re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8")):
        assert link.startswith("https://") or (document.parent / link).is_file(), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_names_no_absolute_path(document):
    text = document.read_text(encoding="utf-8")
    assert not re.findall(r"(?<![\w.:/<])[/~]/?[A-Za-z_]\S*", text)
    assert not re.findall(r"\b[A-Z]:\\", text)
