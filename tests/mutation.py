"""Mutation testing with Cosmic Ray: small changes of the source, one at a time, under the tests.

    python -m pip install -e ".[test,mutation]"
    python -m tests.mutation --sample 500 --jobs 2

Each job works in a copy of the repository. A mutant takes one to three minutes, so all of them take
more than a week. A sample is drawn at random, the same one for the same seed and source. The report
has the score and every survivor: those that change no result, only the time it takes, are not
caught by any test. The exit status is 0 if every mutant was tried.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ["_core", "_activations", "_losses", "_entrywise", "_classwise", "_cross_entropy", "_ctc"]
# The quickest first; what needs PyTorch, or is about the repository's texts, can catch no more.
TESTS = ["rooms/test_cross_entropy.py", "rooms/test_targets.py", "rooms/test_pairs.py", "rooms"]
TESTS += ["accuracy", "laws/test_gradient.py", "laws"]
IGNORED = ["rooms/test_benchmarks.py", "rooms/test_command_line.py", "laws/test_readme.py"]
IGNORED += ["laws/test_repository.py", "laws/test_commands.py", "laws/test_memory.py"]
# Left out: unions of types, which are not run; the operators of integers and powers, from which and
# to which most replacements are errors; and whether something is None, which is one too.
TRIVIAL = ["BitOr_", "_LShift", "_RShift", "_BitAnd", "_BitOr", "_BitXor", "_Mod", "_FloorDiv"]
TRIVIAL += ["_Pow", "_IsNot", "_Is"]
SECONDS = 2400  # several times what all of them take


def configuration(tests):
    """Return Cosmic Ray's configuration file, for tests given by their place below tests."""
    modules = ", ".join(f'"src/losses/{room}"' for room in ROOMS)
    tests = " ".join(f"tests/{name}" for name in tests)
    ignored = " ".join(f"--ignore tests/{name}" for name in IGNORED)
    command = f"{sys.executable} -m pytest -x -q -p no:cacheprovider {tests} {ignored}"
    return f"""[cosmic-ray]
module-path = [{modules}]
timeout = {SECONDS}
test-command = "{command}"
[cosmic-ray.distributor]
name = "local"
"""


def copy(folder, tests):
    """Copy what the tests need; the package is imported from the copy."""
    for name in ("src", "tests", "benchmarks", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, folder)
    project = folder / "pyproject.toml"
    project.write_text(
        project.read_text().replace('pythonpath = ["."]', 'pythonpath = [".", "src"]')
    )
    (folder / "mutation.toml").write_text(configuration(tests))


def cosmic_ray(folder, *arguments):
    command = [sys.executable, "-m", "cosmic_ray.cli", *arguments]
    return subprocess.Popen(command, cwd=folder)


def drawn(items, size, seed):
    """Return the mutants that are not trivial, or a random sample of them."""

    def where(item):
        (mutation,) = item.mutations
        return str(mutation.module_path), mutation.start_pos, mutation.operator_name

    items = [
        item
        for item in sorted(items, key=where)
        if not any(part in where(item)[2] for part in TRIVIAL)
    ]
    print(f"{len(items)} mutants that are not trivial", flush=True)
    return items if size is None else random.Random(seed).sample(items, min(size, len(items)))


def report(sessions):
    """Print every survivor and the score; return whether all were tried."""
    from cosmic_ray.work_db import WorkDB, use_db
    from cosmic_ray.work_item import TestOutcome

    killed = survived = late = unfinished = 0
    for session in sessions:
        with use_db(str(session), WorkDB.Mode.open) as work:
            unfinished += work.num_work_items - work.num_results
            for _, result in work.results:
                output = result.output or ""
                if result.test_outcome == TestOutcome.SURVIVED:
                    survived += 1
                    print(f"SURVIVED\n{result.diff}")
                elif result.test_outcome == TestOutcome.KILLED and "SyntaxError" not in output:
                    killed += 1  # no mutant is what is no Python: of the * in a signature
                    late += output == "timeout"
    print(f"{killed} of {killed + survived} killed: {killed / max(1, killed + survived):.1%}")
    print(f"{late} of them by taking longer than {SECONDS} s; {unfinished} not tried")
    return not unfinished


def main():
    parser = argparse.ArgumentParser(description="Mutation testing with Cosmic Ray.")
    parser.add_argument("--sample", type=int, help="so many mutants; by default all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes, each with a copy")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="below tests, the quickest first")
    parser.add_argument("--folder", type=Path, help="where the copies stay; a later call goes on")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp())
    jobs = [folder / f"job{i}" for i in range(options.jobs)]
    sessions = [job / "session.sqlite" for job in jobs]
    if not sessions[0].exists():
        prepare(jobs, sessions, options)
    running = [cosmic_ray(job, "exec", "mutation.toml", "session.sqlite") for job in jobs]
    for process in running:
        process.wait()
    return 0 if report(sessions) else 1


def prepare(jobs, sessions, options):
    """Copy the repository for each job and share the mutants out."""
    from cosmic_ray.work_db import WorkDB, use_db

    for job in jobs:
        job.mkdir(parents=True)
        copy(job, options.tests)
    for command in (["baseline", "mutation.toml"], ["init", "mutation.toml", "session.sqlite"]):
        if cosmic_ray(jobs[0], *command).wait():
            raise SystemExit(f"cosmic-ray {command[0]} failed: the tests must pass unchanged")
    with use_db(str(sessions[0]), WorkDB.Mode.open) as work:
        items = drawn(work.work_items, options.sample, options.seed)
        work.clear()
    for i, session in enumerate(sessions):
        with use_db(str(session), WorkDB.Mode.create) as work:
            work.add_work_items(items[i :: len(sessions)])


if __name__ == "__main__":
    raise SystemExit(main())
