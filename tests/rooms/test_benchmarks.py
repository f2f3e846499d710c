"""The benchmarks: contenders agree, a wrong one is not timed, results survive the journey."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks import accuracy, bar, linear, measure, scale, summary, values
from benchmarks.contenders import CONTENDERS, Contender, textbook
from benchmarks.problems import PROBLEMS, Problem, arrays
from benchmarks.results import Cell, Results, Timing, seconds, table

NAMES = ["losses", "losses, no out", "textbook"]
TINY = {
    problem._replace(shape=tuple(min(size, 5) for size in problem.shape), quick=False)
    for problem in PROBLEMS.values()
}


def results_of(**medians):
    problem = Problem("cross_entropy_value_and_grad", (60000, 10))
    timings = {name: Timing(t, t, t, 1, 1) for name, t in medians.items()}
    about = {"import_seconds": 0.001, "wheel_bytes": 1000}
    return Results(about, [Cell(problem, 1, 2**20, timings, {"JAX": "failed"})])


@pytest.mark.parametrize("problem", sorted(TINY), ids=lambda problem: problem.name)
def test_losses_and_the_textbook_agree_on_every_problem(problem):
    calls, notes = measure.agreeing(problem, NAMES, 1)
    assert notes == {}
    assert {"losses", "textbook"} <= set(calls)


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
    assert "1/1  value_and_grad is as fast as the fastest peer in every cell" in lines
    lines, whole = bar.report(results_of(losses=1.0, torch=4.0, JAX=0.9), only_misses=True)
    assert not whole
    miss = "    MISS     0.90  cross_entropy_value_and_grad/60000x10/float32 on 1 (JAX)"
    assert [line for line in lines if "MISS" in line] == [miss]
    assert not bar.report(results_of(torch=4.0))[1]


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
    assert not draw(Results(about, []), tmp_path / "nothing")


def test_the_table_shows_each_peer_as_a_multiple_and_marks_the_faster_ones():
    ((title, lines),) = summary.tables(results_of(losses=2e-3, torch=5e-3, JAX=1e-3)).items()
    assert title == "float32"
    assert lines[0].startswith("| logits | threads | losses |")
    assert lines[2].startswith("| 60000 \N{MULTIPLICATION SIGN} 10 | 1 | 2.00 ms |")
    assert " 2.5\N{MULTIPLICATION SIGN} " in lines[2]
    assert "**0.5\N{MULTIPLICATION SIGN}**" in lines[2]
    assert {line.count("|") for line in lines} == {lines[0].count("|")}


@pytest.fixture
def small_report(monkeypatch):
    """Return the accuracy of losses and the textbook on a few rows."""
    monkeypatch.setattr(accuracy, "ROWS", 4)
    monkeypatch.setattr(accuracy, "SIZES", {"2 classes": (4, 2)})
    monkeypatch.setattr(accuracy, "MARGINS", {"float32": [0, 40]})
    names = ["losses", "textbook"]
    cells = list(accuracy.measure(names, ["float32"]))
    about = {"versions": {"numpy": "2"}}
    return {"about": about, "cells": cells, "margins": accuracy.by_margin(names)}


def test_the_accuracy_report_sees_what_the_textbook_loses(small_report):
    errors = {(cell.regime, cell.contender): cell for cell in small_report["cells"]}
    sure = errors["confident by 80", "losses"], errors["confident by 80", "textbook"]
    assert all(cell.loss[0] < 80 + 9 for cell in sure[:1])  # the roundings of x - m and a few more
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
def test_every_kind_of_values_is_timed_with_every_function(shape, monkeypatch):
    monkeypatch.setattr(values, "ROUNDS", 1)
    rows = dict(values._ratios(shape, "float32"))
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
    empty = {"times": [], "memory": []}
    assert [line[:4] for line in linear.bars(empty)] == ["MISS"] * 4


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
    monkeypatch.setattr(scale, "FOLDER", tmp_path)
    sections = {name: scale.SECTIONS[name] for name in ("samples", "ragged", "shards")}
    if Path("/proc/self/status").exists():
        sections["files"] = scale.files
    monkeypatch.setattr(scale, "SECTIONS", sections)
    results = scale.load(scale.report())
    assert all(record["merged"] <= 2 * np.finfo(float).eps for record in results["samples"])
    merged, averaged = (record["error"] for record in results["ragged"])
    assert merged < 1e-6 < averaged
    assert all(record["in_a_row"] < 40 for record in results["shards"])
    for record in results.get("files", []):
        assert record["peak"] > record["bytes"] > 4 * 50 * 300
    for name, lines in scale.tables(results).items():
        assert len(lines) == 2 + len(results[name])
        assert len({line.count("|") for line in lines}) == 1
