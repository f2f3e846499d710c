"""Laws about commands: what a document tells people to run is run, and works."""

import re
import tomllib

import pytest
from benchmarks.__main__ import COMMANDS as BENCHMARKS
from tests import commands
from tests.commands import COMMANDS, DOCUMENTS, ROOT, Absent, named


def test_every_command_of_a_document_is_in_the_table():
    missing = {command: place for command, place in named().items() if command not in COMMANDS}
    assert missing == {}, "give each a row in COMMANDS of tests/commands.py"


def test_every_command_of_the_table_is_in_a_document():
    assert set(COMMANDS) - set(named()) == set()


def test_every_document_is_read():
    """None has another place or another kind of file."""
    assert all(document.is_file() for document in DOCUMENTS)
    pages = {*ROOT.glob("*.md"), *ROOT.glob("[!.]*/*.md"), *ROOT.glob("docs/**/*.rst")}
    made = {ROOT / "docs" / name for name in ("api", "gallery", "_build")}
    unread = {page for page in pages - {*DOCUMENTS} if not made & {*page.parents}}
    assert unread == {ROOT / "CHANGELOG.md"}  # where commands may be those of an older version


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("```\npip install x && .venv/bin/python -m pytest\n```", ["pip install x", "pytest"]),
        ("```sh\npython3 -m venv .venv  # a comment\n```", ["python -m venv .venv"]),
        ("```console\n$ mypy\n4 errors\n```", ["mypy"]),
        ("```text\npython -m losses\n```", []),
        ("by `python -m\nbenchmarks  bar`.", ["python -m benchmarks bar"]),
        ("by ``python -m losses``.", ["python -m losses"]),
        ("`A=1 .venv/bin/python -m pytest -s x`", ["A=1 pytest -s x"]),
        (r"`.venv\Scripts\python -m losses`", ["python -m losses"]),
        ("`py` for `python3`, `pytest.importorskip` and `shape = 3`", []),
        ("| `python -m pip install x`, then `pytest tests` |", ["pip install x", "pytest tests"]),
    ],
)
def test_commands_are_found_wherever_a_document_names_them(text, found):
    assert commands.commands_of(text) == found


def test_a_command_has_a_quick_form_or_the_reason_why_it_has_none():
    absent = {
        command: form.reason for command, form in COMMANDS.items() if isinstance(form, Absent)
    }
    assert all(len(reason.split()) > 3 for reason in absent.values())
    assert {*commands.STATUS} <= {*COMMANDS.values()}


def test_ci_runs_the_quick_forms():
    assert "python -m tests.commands" in commands.steps()
    workflow = ROOT / ".github" / "workflows" / "check.yml"
    assert "- run: bash .ci/run" in workflow.read_text(encoding="utf-8")


def test_what_only_ci_can_run_is_a_step_of_ci():
    """Environments and the whole suite, which no quick form may change or repeat."""
    alone = [form for form in COMMANDS.values() if form in ("pytest", commands.SITE)]
    alone += [form for form in COMMANDS.values() if re.match("pip |python -m venv", str(form))]
    assert {*alone} <= commands.steps()


def test_ci_installs_every_extra_and_documents_name_no_other():
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]

    def of(command):
        return {*re.search(r"\[(.*)\]", command)[1].split(",")}

    assert of(commands.EXTRAS) == {*extras}
    for command in COMMANDS:
        if command.startswith("pip install") and "[" in command:
            assert of(command) <= {*extras}, command


def test_every_benchmark_is_named_by_its_document():
    for name in BENCHMARKS:
        command = "python -m benchmarks" + (f" {name}" if name != "run" else "")
        assert command in COMMANDS
