"""Every command that a document names, and a quick form of it that CI runs.

    python -m tests.commands [PART ...]

Run it from the root of the repository, in an environment with all the extras. It runs the quick
forms in `COMMANDS`, but for those that are steps of `.ci/run` already, and says which failed; with
arguments only those of the commands that have one of these parts.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "docs" / "examples" / "README.rst",
    ROOT / "tests" / "README.md",
    ROOT / "benchmarks" / "README.md",
]
SCRIPT = ROOT / ".ci" / "deep"  # hours long: each of its commands is run here in a quick form
SECONDS = 900  # for each quick form, most of which take a few

# A command begins with one of these, which may have a path, after variables of the environment.
PROGRAMS = "python|python3|py|pip|pytest|ruff|mypy|sphinx-build|bash|sh|git|cosmic-ray|hatch"
COMMAND = re.compile(rf"(?:\w+=\S+ )*(?:\S*[/\\])?(?:{PROGRAMS})(?: .*)?")
SHELLS = {"", "sh", "bash", "shell", "console"}  # the languages of blocks of commands


class Absent(NamedTuple):
    """The reason why nothing is run for a command."""

    reason: str


EXTRAS = 'pip install --quiet -e ".[agreement,benchmark,cli,dask,docs,examples,lint,mutation,test]"'
SITE = "sphinx -q -W --keep-going -b html docs docs/_build/html"
SCORE = "python -m losses score LOGITS.npy TARGET.npy"
AGREEMENT = "pytest tests/agreement tests/examples tests/laws/test_readme.py"
MUTANTS = "python -m tests.mutants --every 16 --jobs 2"
MUTATION = "python -m tests.mutation --sample 1 --tests rooms/test_pairs.py"
LAWS = "HYPOTHESIS_PROFILE=deep HYPOTHESIS_EXAMPLES=2 pytest tests/laws/test_gradient.py"
ANY_CALL = "HYPOTHESIS_PROFILE=deep HYPOTHESIS_EXAMPLES=2 pytest -s tests/laws/test_any_call.py"
TINY = "cross_entropy_value_and_grad/32x10/float32"
ACCURACY = "python -m benchmarks accuracy --problems float16/normal"
NEAR = "python -m tests.agreement.test_near_agreement"
VALUES = "python -m benchmarks values --problems float32/400x1000 --rounds 2"

# What a document says, as `normal` writes it, and the quick form: it runs in CI, as a step of
# `.ci/run` if it is a line there, else here. LOGITS.npy and TARGET.npy are tiny files.
COMMANDS: dict[str, str | Absent] = {
    # ---- environments
    "python -m venv .venv": "python -m venv .venv",
    "pip install .": "pip install .",
    'pip install -e ".[test]"': 'pip install -e ".[test]"',
    'pip install -e ".[docs]"': EXTRAS,
    'pip install -e ".[agreement]"': EXTRAS,
    'pip install -e ".[examples,agreement]"': EXTRAS,
    'pip install -e ".[lint]"': EXTRAS,
    'pip install -e ".[mutation]"': EXTRAS,
    'pip install -e ".[benchmark]"': EXTRAS,
    'pip install ".[cli]"': EXTRAS,
    'pip install ".[dask]"': EXTRAS,
    'pip install ".[examples]"': EXTRAS,
    'pip install --quiet -e ".[test,agreement,benchmark,mutation]"': EXTRAS,
    'pip install "torch==2.13.0" --index-url <PyTorch\'s index of CPU builds>': Absent(
        "it is the package of the extra agreement from another place, which the reader fills in"
    ),
    NEAR: NEAR,
    # ---- the package
    "python -m losses": "python -m losses",
    "python -m losses score": SCORE,
    "python -m losses score LOGITS.npy TARGET.npy": SCORE,
    # ---- tests
    "pytest": "pytest",
    "pytest tests/agreement": AGREEMENT,
    "pytest tests/examples": AGREEMENT,
    "pytest --cov=losses --cov-branch": "pytest",  # with these options in PYTEST_ADDOPTS
    "HYPOTHESIS_PROFILE=deep pytest tests/laws": LAWS,
    "HYPOTHESIS_PROFILE=deep pytest -s tests/laws/test_any_call.py": ANY_CALL,
    "HYPOTHESIS_PROFILE=deep pytest -s tests/laws": LAWS,
    "python -m tests.mutants": MUTANTS,
    "python -m tests.mutants --jobs 2": MUTANTS,
    "python -m tests.mutation": MUTATION,
    "python -m tests.mutation --sample 400": MUTATION,
    "python -m tests.mutation --sample 400 --jobs 2": MUTATION,
    "python -m tests.commands": Absent("it is what runs all of these"),
    "bash .ci/run": Absent("it is what runs all of these"),
    "bash .ci/deep": Absent("it takes hours; its commands are in this table one by one"),
    # ---- the source
    "ruff check .": "ruff check .",
    "ruff format .": "ruff format --check .",
    "mypy": "mypy",
    # ---- the site and its examples
    "sphinx -b html docs docs/_build/html": SITE,
    "sphinx -W --keep-going -b html docs docs/_build/html": SITE,
    "python docs/check_links.py docs/_build/html": "python docs/check_links.py docs/_build/html",
    "python -m http.server -d docs/_build/html": Absent("Python's own, and it never ends"),
    "python docs/examples/plot_digits.py": "python docs/examples/plot_digits.py",
    # ---- benchmarks
    "python -m benchmarks": f"python -m benchmarks --problems {TINY} --rounds 2",
    "python -m benchmarks --quick": (
        f"python -m benchmarks --quick --problems {TINY} --rounds 2 --contenders losses textbook"
    ),
    "python -m benchmarks --problems softmax/ 60000x10 --contenders losses torch --threads 1": (
        f"python -m benchmarks --problems {TINY} --contenders losses torch --threads 1 --rounds 2"
    ),
    "python -m benchmarks accuracy": ACCURACY,
    "python -m benchmarks linear": (
        "python -m benchmarks linear --problems time/4096x64x1000 memory/256x64x32000 "
        "--rounds 2 --threads 1"
    ),
    "python -m benchmarks scale": (
        "python -m benchmarks scale --problems samples/1000000 ragged shards/1 files/200 classes"
    ),
    "python -m benchmarks family": (
        "python -m benchmarks family --problems mse_loss gaussian --rounds 2 --threads 1"
    ),
    "python -m benchmarks ctc": (
        "python -m benchmarks ctc --problems 20x2x8x4 --rounds 2 --threads 1"
    ),
    "python -m benchmarks values": VALUES,
    "python -m benchmarks parts": (
        "python -m benchmarks parts --problems operations/10 small --rounds 2"
    ),
    "python -m benchmarks bar": "python -m benchmarks bar",
    # Of the results just saved: those that are committed have a plot from a machine of its own.
    "python -m benchmarks plot": "python -m benchmarks plot --name speed-partial",
    "python -m benchmarks plot --name front": "python -m benchmarks plot --name front",
    "python -m benchmarks age": "python -m benchmarks age",
    "python -m benchmarks table": "python -m benchmarks table",
    "python -m benchmarks table --name accuracy": "python -m benchmarks table --name accuracy",
    "python -m benchmarks table --name linear": "python -m benchmarks table --name linear",
    "python -m benchmarks table --name family": "python -m benchmarks table --name family",
    "python -m benchmarks list": "python -m benchmarks list",
    "python -m benchmarks --help": "python -m benchmarks --help",
}
# Those that end with another status than 0 where nothing is wrong.
STATUS = {"python -m benchmarks bar": 1}  # not every promise is kept


def normal(command: str) -> str:
    """Write a command without the place of its program, which differs, and without comments."""
    command = re.sub(r"\s+#.*", "", command.strip().removeprefix("$ "))
    command = re.sub(r"(^| )\S*[/\\](?=(python3?|pip|pytest|ruff|mypy) )", r"\1", command + " ")
    command = re.sub(r"\bpython3 ", "python ", command)
    command = re.sub(r"\bpython -m (pip|pytest|ruff|mypy|sphinx) ", r"\1 ", command)
    return " ".join(command.split())


def commands_of(text: str) -> list[str]:
    """Find the commands of a document: lines of its blocks, and code within its sentences."""
    fence = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
    found = [
        line
        for _, language, block in fence.findall(text)
        if language in SHELLS
        for line in block.splitlines()
    ]
    inline = re.findall(r"(?<!`)(`{1,2})(?!`)(.+?)(?<!`)\1(?!`)", fence.sub("", text), re.DOTALL)
    # A single word is the name of a program.
    found += [spaced for _, code in inline if " " in (spaced := " ".join(code.split()))]
    parts = [part.strip().removeprefix("$ ") for line in found for part in line.split("&&")]
    return [normal(part) for part in parts if COMMAND.fullmatch(part)]


def named() -> dict[str, Path]:
    """Return every command that a document names, or the deep profile runs, and where."""
    found = dict.fromkeys(lines_of(SCRIPT), SCRIPT)
    for document in DOCUMENTS:
        commands = commands_of(document.read_text(encoding="utf-8"))
        found |= dict.fromkeys(commands, document)
    return found


def lines_of(script: Path) -> list[str]:
    """Return the commands that are lines of a script."""
    return commands_of(f"```\n{script.read_text(encoding='utf-8')}```")


def steps() -> set[str]:
    """Return the commands that are steps of CI."""
    return set(lines_of(ROOT / ".ci" / "run"))


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a quick form with this Python, its two files of logits and labels in a folder."""
    words = shlex.split(command)
    variables = {}
    while "=" in words[0]:
        name, _, variables[name] = words.pop(0).partition("=")
    program, *arguments = words
    module = [] if program == "python" else ["-m", program]
    files = {name: str(folder / name) for name in ("LOGITS.npy", "TARGET.npy")}
    return subprocess.run(
        [sys.executable, *module, *(files.get(word, word) for word in arguments)],
        cwd=ROOT,
        env={**os.environ, "MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )


def main(parts: list[str]) -> int:
    """Run the quick forms, and print how each ends; return 0 if none failed, else 1."""
    chosen = [
        quick
        for command, quick in COMMANDS.items()
        if isinstance(quick, str) and (not parts or any(part in command for part in parts))
    ]
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "LOGITS.npy"), np.eye(3, dtype=np.float32))
        np.save(Path(folder, "TARGET.npy"), np.arange(3))
        for command in dict.fromkeys(chosen):
            if command in steps():
                continue
            start = time.perf_counter()
            try:
                done = run(command, Path(folder))
                wrong = done.returncode != STATUS.get(command, 0)
                output = f"{done.stdout}\nstatus {done.returncode}"
            except subprocess.TimeoutExpired as late:
                wrong, output = True, str(late)
            print(
                f"{'FAILED' if wrong else 'ok    '} {time.perf_counter() - start:5.1f} s  {command}"
            )
            if wrong:
                failed.append(command)
                print(output)
            sys.stdout.flush()
    print(f"{len(failed)} failed" if failed else "every command works")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
