"""The benchmarks: contenders agree, a wrong one is not timed, results survive the journey."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from benchmarks import __main__ as command
from benchmarks import (
    accuracy,
    bar,
    linear,
    measure,
    parts,
    processes,
    release,
    scale,
    summary,
    values,
)
from benchmarks import results as kept
from benchmarks.contenders import CONTENDERS, LAST, Contender, textbook
from benchmarks.problems import FUSED, IGNORED, LEAD, PROBLEMS, Problem, arrays
from benchmarks.problems import SMALL as FEW
from benchmarks.results import Cell, Results, Timing, seconds, table

import losses

ROOT = Path(__file__).parents[2]
NAMES = ["losses", "losses, no out", "textbook"]
ABOUT = {"import_seconds": 0.001, "wheel_bytes": 1000}
# A clone without the whole history, and a source distribution, have no last release.
ABSENT = release.missing()
HISTORY = pytest.mark.skipif(ABSENT != "", reason=f"there is no {ABSENT}")
TINY = {
    problem._replace(shape=tuple(min(size, 5) for size in problem.shape), quick=False, alone=False)
    for problem in PROBLEMS.values()
}


def results_of(**medians):
    problem = Problem("cross_entropy_value_and_grad", (60000, 10))
    timings = {name: Timing(t, t, t, 1, 1) for name, t in medians.items()}
    return Results(ABOUT, [Cell(problem, 1, 2**20, timings, {})])


def cell_of(operation, shape, threads=1, others=(), **seconds):
    """Return a cell of made up times: those of losses, torch and JAX by name, LAST by `last`."""
    names = {"last": LAST, "scipy": "SciPy"}
    timings = {names.get(name, name): Timing(t, t, t, 1, 1) for name, t in seconds.items()}
    return Cell(Problem(operation, shape, **dict(others)), threads, 2**20, timings, {})


@pytest.mark.parametrize("problem", sorted(TINY), ids=lambda problem: problem.name)
def test_losses_and_the_textbook_agree_on_every_problem(problem):
    calls, notes = measure.agreeing(problem, NAMES, 1)
    assert notes == {}
    assert "losses" in calls
    assert ("textbook" in calls) == (textbook(problem, arrays(problem), 1) is not None)


@HISTORY
@pytest.mark.parametrize("problem", sorted(TINY), ids=lambda problem: problem.name)
def test_the_last_release_agrees_wherever_it_has_the_function(problem):
    calls, notes = measure.agreeing(problem, [LAST], 1)
    assert notes == {}
    assert [*calls] == [LAST] * hasattr(release.load(), problem.operation)


@HISTORY
def test_the_last_release_is_another_package_than_this_one():
    last = release.load()
    assert last.__name__ == release.PACKAGE
    assert Path(last.__file__) != Path(losses.__file__)
    function = last.softmax.__globals__
    assert function["__name__"].startswith(f"{release.PACKAGE}.")
    with last.set_workers(2):
        assert losses._core.schedule.worker_count(None) == 1


def test_the_last_release_is_the_one_below_the_newest_changes():
    """Whoever writes the first change after a release is told to change its commit."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    last = re.findall(r"^## \[(.*?)\]", changelog, re.MULTILINE)[1]
    assert last == release.VERSION


@pytest.mark.parametrize("lacks", ["history", "git"])
def test_where_there_is_no_last_release_it_does_not_take_part_and_the_run_says_so(
    lacks, two_problems, monkeypatch, capsys
):
    def without(*_, **__):
        raise FileNotFoundError("git")

    if lacks == "git":
        monkeypatch.setattr(release.subprocess, "run", without)
    monkeypatch.setattr(release, "COMMIT", "0" * 40)
    monkeypatch.setattr(command, "CONTENDERS", {n: CONTENDERS[n] for n in ("losses", LAST)})
    release.missing.cache_clear()
    try:
        assert command.main([]) == 0
    finally:
        release.missing.cache_clear()
    (line,) = [text for text in capsys.readouterr().out.splitlines() if "take part" in text]
    assert line.startswith(f"{LAST} does not take part: no git")
    assert (two_problems / "speed.json").read_bytes() == PUBLISHED  # the run was not whole


def test_every_public_function_that_takes_arrays_has_a_small_call():
    found = {p.operation for p in PROBLEMS.values() if p.shape == FEW and p.dtype == "float32"}
    states = {"merge_shards", "merge_sums", "set_workers"}
    timed_there = {name for name in losses.__all__ if name.startswith("ctc_")}  # by `ctc`
    assert found == {name for name in losses.__all__ if name[0].islower()} - states - timed_there


def test_the_picture_of_the_front_page_is_drawn_for_light_and_for_dark(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    for name in ("accuracy.json", "speed.json"):
        (tmp_path / name).write_bytes((kept.FOLDER / name).read_bytes())
    monkeypatch.setattr(kept, "FOLDER", tmp_path)
    assert command.main(["plot", "--name", "front"]) == 0
    light, dark = (tmp_path / f"front_{mode}.svg" for mode in ("light", "dark"))
    assert light.read_bytes() != dark.read_bytes()
    assert all(path.stat().st_size > 10_000 for path in (light, dark))


def test_results_that_are_older_than_the_code_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(kept, "FOLDER", tmp_path)
    monkeypatch.setattr(kept, "git", lambda *_: "of today")
    for name, code in (("new", "of today"), ("old", "of yesterday"), ("old-partial", "")):
        text = json.dumps({"about": {"date": "2026-01-01T00:00", "commit": "abc", "code": code}})
        (tmp_path / f"{name}.json").write_text(text)
    assert command.main(["age"]) == 0
    new, old = capsys.readouterr().out.splitlines()
    assert new == "new.json: 2026-01-01, commit abc; of the present code"
    assert old == "old.json: 2026-01-01, commit abc; OLDER than the present code"
    monkeypatch.setattr(kept, "git", lambda *_: "")
    assert command.main(["age"]) == 0
    assert capsys.readouterr().out.count("cannot be compared without git") == 2


def test_without_git_or_its_history_there_is_no_commit(monkeypatch):
    assert kept.git("rev-parse", "no such commit") == ""
    monkeypatch.setenv("PATH", "")
    assert kept.git("rev-parse", "HEAD") == ""


def test_nine_in_ten_samples_are_confident_and_one_in_five_is_ignored():
    usual = arrays(Problem(FUSED, (50, 7)))
    sure = arrays(Problem(FUSED, (50, 7), variant="confident"))
    raised = sure.logits - usual.logits
    np.testing.assert_allclose(raised.max(axis=1), np.where(raised.any(axis=1), LEAD, 0), 1e-5)
    counted = raised.any(axis=1)
    assert counted.sum() == 45
    assert (sure.target[counted] == usual.logits.argmax(axis=1)[counted]).all()
    ignored = arrays(Problem(FUSED, (50, 7), variant="ignored")).target
    assert (ignored == IGNORED).sum() == 10


@pytest.mark.parametrize(
    ("spoil", "note"),
    [
        (lambda answer: 2 * answer, "disagrees"),
        (lambda answer: answer * np.nan, "disagrees"),
        (lambda answer: answer[:1], "disagrees"),
        (lambda answer: answer.astype("float64"), "gives float64"),
        (lambda answer: answer.nothing, "failed: AttributeError"),
    ],
)
def test_a_contender_with_another_answer_is_reported_and_not_timed(monkeypatch, spoil, note):
    def build(*given):
        return lambda: spoil(textbook(*given)())

    monkeypatch.setitem(CONTENDERS, "spoilt", Contender(build))
    calls, notes = measure.agreeing(Problem("softmax", (3, 4)), ["spoilt", "textbook"], 1)
    assert set(calls) == {"textbook"}
    assert notes["spoilt"].startswith(note)


def test_the_arrays_of_a_problem_are_the_same_on_every_run():
    problem = Problem("cross_entropy", (3, 4), variant="weight")
    for one, other in zip(arrays(problem), arrays(problem), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_measured_cell_has_a_table_and_survives_json(monkeypatch, tmp_path):
    monkeypatch.setattr(measure, "ROUND_SECONDS", 1e-4)
    cell = measure.measure(Problem("cross_entropy_value_and_grad", (32, 10)), NAMES, 1, rounds=3)
    assert set(cell.timings) == set(NAMES)
    assert cell.memory > 0
    head, *lines = table(cell)
    assert head.startswith("cross_entropy_value_and_grad/32x10/float32, threads 1")
    assert len(lines) == len(NAMES)
    results = Results({"cores": 2}, [cell])
    results.save(tmp_path / "tiny.json")
    assert Results.load(tmp_path / "tiny.json") == results


def test_the_bar_holds_each_cell_against_each_promise():
    lines, whole = bar.report(results_of(losses=1.0, torch=4.0, JAX=1.0))
    assert whole
    fastest = "value_and_grad, one thread: as fast as the fastest peer, of JAX on 100 classes 0.75"
    assert f"1/1  {fastest}" in lines
    lines, whole = bar.report(results_of(losses=1.0, torch=4.0, JAX=0.9), only_misses=True)
    assert not whole
    miss = "    MISS     0.90  cross_entropy_value_and_grad/60000x10/float32 on 1 (JAX)"
    assert [line for line in lines if "MISS" in line] == [miss]


WIDE = {"deviation": 10.0}
# Of each promise: what just keeps it, and what misses it.
BAR = {
    bar.faster_than_torch: (
        [cell_of(FUSED, FEW, losses=1.0, torch=1.5)],
        [cell_of(FUSED, FEW, losses=1.0, torch=1.3)],
    ),
    bar.three_times_on_average: (
        [cell_of(FUSED, (n, 9), losses=1.0, torch=t) for n, t in ((7, 2), (8, 5))],
        [cell_of(FUSED, (n, 9), losses=1.0, torch=t) for n, t in ((7, 2), (8, 4))],
    ),
    bar.never_behind_a_peer: (
        [cell_of(FUSED, (20000, 100), losses=1.0, torch=1.0, JAX=0.8)],
        [cell_of(FUSED, (20000, 100), losses=1.0, torch=0.9, JAX=1.5)],
    ),
    bar.small_calls: (
        [cell_of("cross_entropy", FEW, losses=1.0, textbook=1.1, torch=1.1)],
        [cell_of("cross_entropy", FEW, losses=1.0, textbook=0.9, torch=1.1)],
    ),
    bar.forward_of_many_classes: (
        [cell_of("softmax", (9, 100), losses=1.0, torch=1.3, scipy=2.1)],
        [cell_of("softmax", (9, 100), losses=1.0, torch=1.3, scipy=1.9)],
    ),
    bar.log_softmax_of_many_classes: (
        [cell_of("log_softmax", (9, 100), losses=1.0, torch=0.8, scipy=2.1)],
        [cell_of("log_softmax", (9, 100), losses=1.0, torch=0.7, scipy=2.1)],
    ),
    bar.float64_ahead: (
        [cell_of(FUSED, (9, 9), others={"dtype": "float64"}, losses=1.0, torch=1.1, JAX=1.1)],
        [cell_of(FUSED, (9, 9), others={"dtype": "float64"}, losses=1.0, torch=1.1, JAX=0.9)],
    ),
    bar.other_logits_as_before: (
        [cell_of("softmax", (9, 9), others=WIDE, losses=1.1, last=1.0)],
        [cell_of("softmax", (9, 9), others=WIDE, losses=1.2, last=1.0)],
    ),
    bar.options_as_before: (
        [cell_of(FUSED, (9, 9), others={"variant": "ignored"}, losses=1.0, last=1.0)],
        [cell_of(FUSED, (9, 9), others={"variant": "ignored"}, losses=1.1, last=1.0)],
    ),
    bar.nothing_slower: (
        [cell_of("mse_loss_hvp", FEW, losses=1.1, last=1.0)],
        [cell_of("mse_loss_hvp", FEW, losses=1.2, last=1.0)],
    ),
    bar.options_cost_little: (
        [
            cell_of(FUSED, (9, 9), losses=1.0),
            cell_of(FUSED, (9, 9), others={"variant": "weight", "alone": True}, losses=1.2),
        ],
        [
            cell_of(FUSED, (9, 9), losses=1.0),
            cell_of(FUSED, (9, 9), others={"variant": "weight", "alone": True}, losses=1.3),
        ],
    ),
    bar.two_threads: (
        [cell_of(FUSED, (8192, 1000), n, losses=t) for n, t in ((1, 1.3), (2, 0.9))],
        [cell_of(FUSED, (8192, 1000), n, losses=t) for n, t in ((1, 1.2), (2, 1.0))],
    ),
    bar.backward_like_forward: (
        [
            cell_of("softmax", (9, 9), losses=1.0),
            cell_of("softmax_backward", (9, 9), losses=1.4),
        ],
        [
            cell_of("softmax", (9, 9), losses=1.0),
            cell_of("softmax_backward", (9, 9), losses=1.6),
        ],
    ),
}


@pytest.mark.parametrize("line", BAR, ids=lambda line: line.__name__)
def test_a_promise_is_kept_just_above_its_bar_and_missed_just_below(line):
    kept_by, missed_by = (list(line(Results(ABOUT, cells))) for cells in BAR[line])
    assert kept_by
    assert all(verdict.passed for verdict in kept_by)
    assert [verdict.passed for verdict in missed_by].count(False) == 1
    assert list(line(Results(ABOUT, []))) == []


def test_every_promise_about_time_is_tried():
    assert {*bar.BAR} - {*BAR} == {bar.right, bar.little_memory, bar.light}


@pytest.mark.parametrize("line", BAR, ids=lambda line: line.__name__)
def test_a_whole_run_measures_what_each_promise_is_about(line):
    """Of contenders that are all installed, and of one that takes part in every problem."""
    timings = {name: Timing(1.0, 1.0, 1.0, 1, 1) for name in CONTENDERS}
    cells = [
        Cell(problem, threads, 1, timings, {})
        for problem in PROBLEMS.values()
        for threads in (1, 2)
        if threads == 1 or not problem.alone
    ]
    assert list(line(Results(ABOUT, cells)))


def test_every_cell_is_held_against_the_last_release_once():
    timings = {name: Timing(1.0, 1.0, 1.0, 1, 1) for name in ("losses", LAST)}
    cells = [Cell(problem, 1, 1, timings, {}) for problem in PROBLEMS.values()]
    lines = bar.other_logits_as_before, bar.options_as_before, bar.nothing_slower
    found = [verdict.what for line in lines for verdict in line(Results(ABOUT, cells))]
    assert sorted(found) == sorted(cell.name for cell in cells)


def test_what_was_not_measured_is_neither_kept_nor_missed_and_the_bar_says_so():
    lines, whole = bar.report(results_of(torch=4.0), only_misses=True)
    assert whole
    assert not any("0/0" in line or "MISS" in line for line in lines)
    assert [line for line in lines if "not measured  losses gives the right answer" in line]


def test_an_answer_of_losses_that_is_wrong_is_missed():
    results = results_of(torch=4.0)
    results.cells[0].notes["losses"] = "disagrees"
    lines, whole = bar.report(results)
    assert not whole
    assert "0/1  losses gives the right answer, without which it is not timed" in lines


def test_a_run_of_some_problems_ends_in_the_ratio_of_each_contender():
    results = results_of(losses=2.0, torch=4.0, JAX=1.0)
    results.cells[0].notes["SciPy"] = "failed"
    _, torch, jax, scipy = summary.overall(results)
    assert torch.split() == ["torch", "mean", "2,", "from", "2", "to", "2,", "over", "1", "cell"]
    assert jax.split() == ["JAX", "mean", "0.5,", "from", "0.5", "to", "0.5,", "over", "1", "cell"]
    assert scipy.strip().startswith("SciPy was not timed on cross_entropy_value_and_grad/60000x10")
    assert list(summary.overall(results_of(losses=2.0))) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.0, "2.00 s"), (0.123, "123 ms"), (1.5e-6, "1.50 µs"), (1e-8, "0.0100 µs")],
)
def test_a_time_has_three_digits_and_a_unit(value, text):
    assert seconds(value) == text


def test_the_plot_is_drawn_from_the_results(tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks.plot import draw

    about = {"cpu": "a machine", "cores": 2, "date": "2020-01-01", "versions": {"numpy": "2"}}
    assert draw(Results(about, results_of(losses=1.0, torch=4.0).cells), tmp_path / "speed")
    assert (tmp_path / "speed.png").stat().st_size > 1000
    assert (tmp_path / "speed.svg").read_text().startswith("<?xml")
    assert draw(Results(about, results_of(losses=1.0).cells), tmp_path / "alone")
    both = [
        cell_of(FUSED, (8192, 1000), others={"variant": v}, losses=1.0, last=2.0)
        for v in ("plain", "offset")
    ]
    assert draw(Results(about, both), tmp_path / "kinds")
    words = (tmp_path / "kinds.svg").read_text()
    assert all(f"<!-- {word}" in words for word in (LAST, "offset", "normal"))
    assert not draw(Results(about, []), tmp_path / "nothing")


def test_the_table_shows_each_peer_as_a_multiple_and_marks_the_faster_ones():
    ((title, lines),) = summary.tables(results_of(losses=2e-3, torch=5e-3, JAX=1e-3)).items()
    assert title == "float32"
    assert lines[0].startswith("| logits | threads | losses |")
    assert lines[2].startswith("| 60000 \N{MULTIPLICATION SIGN} 10 | 1 | 2.00 ms |")
    assert " 2.5\N{MULTIPLICATION SIGN} " in lines[2]
    assert "**0.5\N{MULTIPLICATION SIGN}**" in lines[2]
    assert {line.count("|") for line in lines} == {lines[0].count("|")}


def test_the_tables_show_the_last_release_other_samples_and_small_calls():
    cells = [
        cell_of(FUSED, (60000, 10), losses=2e-3, last=5e-3),
        cell_of(FUSED, (60000, 10), others={"variant": "offset"}, losses=2e-3, last=1e-3),
        cell_of(FUSED, (60000, 10), others={"variant": "ignored"}, losses=2e-3, last=5e-3),
        cell_of("softmax", (60000, 10), losses=2e-3),
        cell_of("mse_loss_hvp", FEW, losses=2e-6),
        cell_of("mse_loss_hvp", (4096,), losses=2e-6),
    ]
    found = summary.tables(Results(ABOUT, cells))
    assert [*found] == [
        "float32",
        "float32, other logits",
        "float32, options",
        "forward, float32",
        "small calls, float32",
    ]
    first, offset, ignored, softmax, hvp = (lines[2] for lines in found.values())
    assert found["float32"][0].endswith(f"| losses | {LAST} |")
    assert "2.5\N{MULTIPLICATION SIGN}" in first
    assert "offset 100" in offset
    assert "**0.5\N{MULTIPLICATION SIGN}**" in offset
    assert "20 % ignored" in ignored
    assert "`softmax`, 60000" in softmax
    assert hvp == "| `mse_loss_hvp` | 1 | 2.00 µs |  |"


@pytest.fixture
def small_report(monkeypatch):
    """Return the accuracy of losses and the textbook on a few rows."""
    monkeypatch.setattr(accuracy, "ROWS", 4)
    monkeypatch.setattr(accuracy, "SIZES", {"2 classes": (4, 2)})
    monkeypatch.setattr(accuracy, "MARGINS", {"float32": [0, 40]})
    names = ["losses", "textbook"]
    chosen = [name for name in accuracy.problems() if name.startswith("float32/")]
    cells = list(accuracy.measure(names, chosen))
    curves = {"float32": accuracy.by_margin(names, "float32")}
    margins = {"at": accuracy.MARGINS, "errors": curves}
    return {"about": {"versions": {"numpy": "2"}}, "cells": cells, "margins": margins}


def test_the_accuracy_report_sees_what_the_textbook_loses(small_report):
    errors = {(cell.regime, cell.contender): cell for cell in small_report["cells"]}
    sure = errors["confident by 80", "losses"], errors["confident by 80", "textbook"]
    assert sure[0].loss[0] < 8  # whatever the margin
    assert [accuracy.ulp(cell, cell.loss[0]) == accuracy.LOST for cell in sure] == [False, True]
    ours, theirs = small_report["margins"]["errors"]["float32"].values()
    assert max(ours[0] + ours[1]) < 1e-5
    assert theirs[0][1] == theirs[1][1] == 1


def test_the_accuracy_report_survives_json_and_has_a_table(small_report, tmp_path):
    accuracy.save(tmp_path / "accuracy.json", small_report)
    assert accuracy.load(tmp_path / "accuracy.json") == small_report
    found = accuracy.tables(small_report)
    assert list(found) == ["float32, loss", "float32, gradient"]
    for lines in found.values():
        assert {line.count("|") for line in lines} == {4}


@pytest.mark.parametrize(
    ("error", "text"), [(0.001, "0"), (0.4321, "0.43"), (123.4, "123"), (4.2e4, "4e4")]
)
def test_an_error_has_few_digits(error, text):
    assert accuracy.ulp(accuracy.Cell("", "float32", "", (0, 0), (0, 0)), error) == text


def test_an_error_that_leaves_nothing_right_says_so():
    cell = accuracy.Cell("", "float16", "", (0, 0), (0, 0))
    assert [accuracy.ulp(cell, error) for error in (1024, np.inf, np.nan)] == ["lost"] * 3


def test_the_plot_of_accuracy_is_drawn(small_report, tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks.plot import draw_accuracy

    draw_accuracy(small_report, tmp_path / "accuracy")
    assert (tmp_path / "accuracy.png").stat().st_size > 1000
    assert (tmp_path / "accuracy.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize("shape", [(20, 3), (20,)])
def test_every_kind_of_values_is_timed_with_every_function(shape):
    rows = dict(values._ratios(shape, "float32", rounds=1))
    assert len(rows) >= 9
    assert all(set(ratios) == set(values.VALUES) - {"standard normal"} for ratios in rows.values())


def layer_times(threads=1, **seconds):
    names = {"given": linear.GIVEN, "half": linear.IGNORED, "chunked": linear.CHUNKED}
    timings = {names.get(name, name): Timing(t, t, t, 7, 1) for name, t in seconds.items()}
    return linear.Times(linear.BAR, threads, timings, {"torch": "failed"})


@pytest.fixture
def layer_report():
    """Return made up times that meet each promise, and memory."""
    times = [
        layer_times(n, given=1.0, losses=1.2, half=0.6, torch=1.3, chunked=2.0) for n in (1, 2)
    ]
    layers = linear.Layer(256, 64, 32000), linear.Layer(1024, 64, 32000)
    memory = [linear.Memory(layer, "losses", 50 << 20, 49 << 20) for layer in layers]
    memory += [
        linear.Memory(layers[0], "textbook", 128 << 20, None),
        linear.Memory(layers[1], "textbook", None, None, "needs 9 of 8 GiB"),
    ]
    about = {"versions": {"numpy": "2"}}
    return {"about": about, "times": times, "memory": memory}


def test_the_layer_has_the_same_answer_from_losses_and_the_textbook():
    names = [name for name in linear.CONTENDERS if not name.startswith("torch")]
    cell = linear.timed(linear.Layer(6, 4, 5), names, 1, rounds=2)
    assert cell.notes == {}
    assert list(cell.timings) == names


@pytest.mark.parametrize(
    ("spoil", "note"),
    [
        (lambda loss, *grads: (2 * loss, *grads), "disagrees"),
        (lambda loss, one, other: (loss, one, other * np.nan), "disagrees"),
        (lambda loss, *_: (loss,), "disagrees"),
        (lambda loss, *_: loss.nothing, "failed: AttributeError"),
    ],
)
def test_another_answer_of_the_layer_is_reported_and_not_timed(monkeypatch, spoil, note):
    def build(given, threads):
        return lambda: spoil(*linear.textbook(given, threads)())

    monkeypatch.setitem(linear.CONTENDERS, "spoilt", linear.Contender(build))
    given = linear.variants(linear.Layer(6, 4, 5))
    calls, notes = linear.agreeing(given, ["spoilt", "textbook"], 1)
    assert set(calls) == {"textbook"}
    assert notes["spoilt"].startswith(note)


def test_the_layers_report_survives_json_and_has_tables(layer_report, tmp_path):
    linear.save(tmp_path / "linear.json", layer_report)
    assert linear.load(tmp_path / "linear.json") == layer_report
    found = linear.tables(layer_report)
    assert list(found) == ["time, 1 thread", "time, 2 threads", "memory"]
    for lines in found.values():
        assert {line.count("|") for line in lines} == {lines[0].count("|")}
    assert "| losses | 1.20 s (1.20\N{MULTIPLICATION SIGN}) |" in found["time, 1 thread"]
    assert "| 50.0 | needs 9 of 8 GiB | 49.0 |" in found["memory"][3]


def test_the_layers_bars_are_met_or_missed(layer_report):
    assert [line[:4] for line in linear.bars(layer_report)] == ["met "] * 4
    layer_report["times"][1] = layer_times(2, given=1.0, losses=1.3, half=0.9, torch=1, chunked=2)
    layer_report["memory"] = [linear.Memory(linear.BAR, "losses", 65 << 20, None)]
    assert [line[:4] for line in linear.bars(layer_report)] == ["MISS"] * 4


def test_a_promise_about_a_layer_is_missed_by_a_call_that_fails_and_not_held_against_none():
    empty = {"times": [], "memory": []}
    assert list(linear.bars(empty)) == []
    failed = linear.Times(linear.BAR, 1, {}, dict.fromkeys(linear.CONTENDERS, "failed"))
    lines = list(linear.bars({"times": [failed], "memory": []}))
    assert [line[:4] for line in lines] == ["MISS"] * 3
    assert all(line.endswith(": failed") for line in lines)


def test_memory_that_is_not_free_is_not_taken(monkeypatch):
    monkeypatch.setattr(linear, "MEMORY_SHARE", 0)
    cell = linear.remembered(linear.Layer(6, 4, 5), "textbook")
    assert cell.extra is None
    assert cell.note


def test_the_plot_of_the_layers_memory_is_drawn(layer_report, tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks.plot import draw_linear

    draw_linear(layer_report, tmp_path / "linear")
    assert (tmp_path / "linear.png").stat().st_size > 1000
    assert (tmp_path / "linear.svg").read_text().startswith("<?xml")


def test_the_report_of_scale_measures_errors_memory_and_time(monkeypatch, tmp_path):
    """Of few numbers, and without the processes of Dask, which another test starts."""
    monkeypatch.setattr(scale, "BATCH", 1000)
    monkeypatch.setattr(scale, "BATCHES", [1, 4])
    monkeypatch.setattr(scale, "RAGGED", 10)
    monkeypatch.setattr(scale, "ROWS", 4)
    monkeypatch.setattr(scale, "CLASSES", 300)
    monkeypatch.setattr(scale, "SHARDS", [1, 6])
    monkeypatch.setattr(scale, "FILE_ROWS", [50])
    monkeypatch.setattr(kept, "FOLDER", tmp_path)
    chosen = [name for name in scale.problems() if not name.startswith("cluster")]
    results = scale.load(scale.report(chosen, whole=False, name=None))
    assert all(record["merged"] <= 2 * np.finfo(float).eps for record in results["samples"])
    merged, averaged = (record["error"] for record in results["ragged"])
    assert merged < 1e-6 < averaged
    assert all(record["in_a_row"] < 40 for record in results["shards"])
    for record in results["files"]:
        assert record["bytes"] > 4 * 50 * 300
        assert record["peak"] is None or record["peak"] > record["bytes"]
    assert results["cluster"] == []
    for name, lines in scale.tables(results).items():
        assert len(lines) == 2 + len(results[name])
        assert len({line.count("|") for line in lines}) == 1


# ---- the command line ----------------------------------------------------------------------------

PUBLISHED = b"the last whole run\n"
# One problem of each benchmark, small enough for a test; what the sections of its results hold.
SMALL = {
    "speed": "--problems cross_entropy_value_and_grad/32x10/float32 --threads 1 --rounds 2 "
    "--contenders losses textbook",
    "accuracy": "accuracy --problems float16/normal",
    "linear": "linear --problems time/4096x64x1000 --threads 1 --rounds 2",
    "scale": "scale --problems shards/1 shards/2",
    "values": "values --problems float32/400x1000 --rounds 2",
    "family": "family --problems mse_loss margin --rounds 2 --threads 1",
    "ctc": "ctc --problems 20x2x8x4 --rounds 2 --threads 1",
    "parts": "parts --problems operations/1000 small --rounds 2",
}
SECTION = {"linear": "times", "scale": "shards"}  # of the others it is cells
SAVES = [kind for kind in SMALL if kind not in ("speed", "linear")]  # more than once in these


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """Return a folder for results in which each benchmark has published some."""
    monkeypatch.setattr(kept, "FOLDER", tmp_path)
    monkeypatch.setattr(kept, "import_seconds", lambda: 0.001)  # starts eleven processes
    few = ("losses", "textbook")  # the others, where they are installed, take long to import
    monkeypatch.setattr(accuracy, "ANSWERS", {name: accuracy.ANSWERS[name] for name in few})
    monkeypatch.setattr(accuracy, "SIZES", {})
    for kind in SMALL:
        (tmp_path / f"{kind}.json").write_bytes(PUBLISHED)
    return tmp_path


def records(path):
    """Return what the results of a benchmark have measured."""
    kind = path.stem.partition("-")[0]
    return json.loads(path.read_text(encoding="utf-8"))[SECTION.get(kind, "cells")]


@pytest.mark.parametrize("kind", SMALL)
def test_each_benchmark_runs_and_saves_beside_what_is_published(kind, folder, capsys):
    assert command.main(SMALL[kind].split()) == 0
    assert records(folder / f"{kind}-partial.json")
    assert (folder / f"{kind}.json").read_bytes() == PUBLISHED
    assert not [*folder.glob("*-new")]
    printed = capsys.readouterr().out
    assert f"saved {folder / f'{kind}-partial.json'}" in printed
    assert "0/0" not in printed
    assert "MISS" not in printed
    assert command.main(["table", "--name", f"{kind}-partial"]) == 0
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("kind", SAVES)
def test_an_error_in_the_middle_of_a_run_loses_nothing(kind, folder, monkeypatch):
    replace, saves = os.replace, []

    def full(*paths):
        """Save once; then the disk is full, and a result is found half written."""
        if saves:
            raise OSError("no space left")
        saves.append(replace(*paths))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        command.main(SMALL[kind].split())
    assert len(records(folder / f"{kind}-partial.json")) == 1
    assert (folder / f"{kind}.json").read_bytes() == PUBLISHED


def made_up(module, task, threads):
    """Yield a made up cell for each problem of a task."""
    assert module == "benchmarks.measure"
    timings = {name: Timing(1.0, 1.0, 1.0, 2, 1) for name in task["contenders"]}
    for name in task["problems"]:
        yield Cell(PROBLEMS[name], threads, 1, timings, {}).to_json()


@pytest.fixture
def two_problems(folder, monkeypatch):
    """Let a whole run have two problems, made up times and contenders that are installed."""
    names = [*PROBLEMS][:2]
    monkeypatch.setattr(command, "CONTENDERS", {n: CONTENDERS[n] for n in ("losses", "textbook")})
    monkeypatch.setattr(command, "THREADS", [1])
    speed = command.BENCHMARKS["speed"]._replace(problems=lambda: names)
    monkeypatch.setitem(command.BENCHMARKS, "speed", speed)
    monkeypatch.setattr(command, "run_pinned", made_up)
    return folder


def test_a_whole_run_takes_the_place_of_the_last_one(two_problems, capsys):
    assert command.main([]) == 0
    assert len(records(two_problems / "speed.json")) == 2
    assert not (two_problems / "speed-partial.json").exists()
    assert "losses gives the right answer" in capsys.readouterr().out


def test_problems_for_which_one_thread_is_enough_are_measured_on_the_first_number(
    two_problems, monkeypatch
):
    names = [FUSED + "/60000x10/float32", "mse_loss/32x10/float32"]
    assert [PROBLEMS[name].alone for name in names] == [False, True]
    speed = command.BENCHMARKS["speed"]._replace(problems=lambda: names)
    monkeypatch.setitem(command.BENCHMARKS, "speed", speed)
    monkeypatch.setattr(command, "THREADS", [1, 2])
    monkeypatch.setattr(command, "cores", lambda: 2)
    assert command.main([]) == 0
    found = [
        (r["problem"]["operation"], r["threads"]) for r in records(two_problems / "speed.json")
    ]
    assert found == [(FUSED, 1), ("mse_loss", 1), (FUSED, 2)]


def test_a_run_with_a_name_and_one_that_lacks_a_cell_leave_the_last_whole_one(
    two_problems, monkeypatch, capsys
):
    assert command.main(["--name", "mine"]) == 0
    assert len(records(two_problems / "speed-mine.json")) == 2
    monkeypatch.setattr(command, "run_pinned", lambda *given: [*made_up(*given)][:1])
    assert command.main([]) == 1
    assert capsys.readouterr().err == "not everything was measured\n"
    assert len(records(two_problems / "speed-partial.json")) == 1
    assert (two_problems / "speed.json").read_bytes() == PUBLISHED


def test_a_run_is_interrupted_without_a_traceback_and_keeps_what_it_has(
    two_problems, monkeypatch, capsys
):
    def interrupted(*given):
        yield next(made_up(*given))
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_pinned", interrupted)
    assert command.main([]) == 130
    assert len(records(two_problems / "speed-partial.json")) == 1
    printed = capsys.readouterr()
    assert printed.err == "interrupted\n"
    assert "speed-partial.json" in printed.out


def test_a_layer_that_a_process_did_not_measure_is_no_success(folder, monkeypatch):
    monkeypatch.setattr(linear, "run_pinned", lambda *_: [])
    assert command.main(SMALL["linear"].split()) == 1
    assert (folder / "linear.json").read_bytes() == PUBLISHED


def test_what_a_process_tells_is_told_as_soon_as_it_is_known_and_the_rest_is_printed(
    tmp_path, monkeypatch, capfd
):
    code = "from benchmarks.processes import tell\nprint('hello')\ntell([1])\nraise SystemExit(3)"
    (tmp_path / "told.py").write_text(code)
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    monkeypatch.setenv("PYTHONPATH", path + os.pathsep + os.environ.get("PYTHONPATH", ""))
    assert list(processes.run_pinned("told", {}, 1)) == [[1]]
    assert capfd.readouterr().out == "hello\nthe process on 1 threads ended with 3\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--problems nonsense", "no name has the part 'nonsense'; expected parts of cross_entropy"),
        ("--rounds 1", "--rounds: expected an integer from 2 up, got '1'"),
        ("--threads 0", "--threads: expected an integer from 1 up, got '0'"),
        ("--threads 9999", "--threads: expected at most"),
        ("--contenders tensorflow", "--contenders: invalid choice: 'tensorflow'"),
        ("--name a/b", "--name: expected letters, digits, - and _, got 'a/b'"),
        ("accuracy --threads 1", "--threads: the command 'accuracy' does not take it"),
        ("bar --quick", "--quick: the command 'bar' does not take it"),
        ("bar --name accuracy", "--name: expected results of speed, got 'accuracy'"),
        ("plot --name values", "--name: of 'values' there is no plot"),
        ("table --name nothing", "--name: no results have the name 'nothing'; there are"),
        ("everything", "invalid choice: 'everything'"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line_and_nothing_is_measured(
    arguments, message, folder, capsys
):
    (folder / "accuracy.json").write_text('{"cells": []}')
    (folder / "values.json").write_text('{"cells": []}')
    with pytest.raises(SystemExit) as exit_:
        command.main(arguments.split())
    assert exit_.value.code == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("python -m benchmarks: error: argument ")
    assert message in line
    assert not [*folder.glob("*-*")]


def test_a_whole_name_of_a_problem_means_no_longer_one():
    names = ["a/b", "a/b/c", "d"]
    assert command.selected(names, ["a/b"]) == ["a/b"]
    assert command.selected(names, ["b", "d"]) == names
    assert command.selected(names, None) == names


def test_the_help_says_what_each_command_does_and_takes(capsys):
    with pytest.raises(SystemExit):
        command.main(["--help"])
    printed = capsys.readouterr().out
    options = {*re.findall(r"--\w+", printed)}
    for name, takes in command.COMMANDS.items():
        assert f"\n  {name} " in printed
        assert {f"--{option}" for option in takes} <= options


def test_the_lists_names_are_those_that_the_benchmarks_know(capsys):
    assert command.main(["list"]) == 0
    printed = capsys.readouterr().out
    assert {*PROBLEMS, *values.problems(), *parts.problems()} <= {*printed.split()}
    assert "float16/normal logits" in printed


@pytest.mark.usefixtures("two_problems")
def test_a_run_without_matplotlib_ends_well(monkeypatch, capsys):
    from benchmarks import plot

    def draw(*_):
        raise ModuleNotFoundError("No module named 'matplotlib'")

    monkeypatch.setattr(plot, "draw", draw)
    assert command.main(["--quick"]) == 0
    assert "no plot: matplotlib is not installed" in capsys.readouterr().out
