"""python -m losses score: as cross_entropy of the whole arrays, in bounded memory, or one line."""

import contextlib
import io
import itertools
import json
import math
import os
import signal
import stat
import subprocess
import sys
import threading
import tracemalloc
import types

import numpy as np
import pytest
from tests.layouts import same_bits

import losses
from losses import __main__ as command_line
from losses._score import command, files, progress, score, task

MIB = 1 << 20
ENDING = ["SIGTERM", "SIGHUP"]
WEIGHT = np.array([0.5, 0.0, 2.0, 1.0, 0.25])
MEMORY = "out of memory; 32 MiB are read at a time, or one sample if that is larger"
rng = np.random.default_rng(0)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Return an empty directory, in which the test runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=[1, 200, 1 << 20], ids="a chunk of {} bytes".format)
def small(request, monkeypatch):
    """Make chunks small, and their copies smaller, so that a few numbers are several of each."""
    monkeypatch.setattr(task, "CHUNK_BYTES", request.param)
    monkeypatch.setattr(files, "NEAR", request.param // 3)


def save(**arrays):
    for name, array in arrays.items():
        np.save(f"{name}.npy", array)


def data(shape, axis=1, ignored=False):
    """Return logits, labels and class probabilities."""
    logits = rng.standard_normal(shape)
    labels = rng.integers(0, shape[axis], np.delete(shape, axis))
    if ignored:
        labels = np.where(rng.random(labels.shape) < 0.3, -100, labels)
    return logits, labels, rng.random(shape)


def run(capsys, *arguments):
    """Return the status and what was printed on standard output and standard error."""
    try:
        status = command_line.main(["score", *map(str, arguments)])
    except SystemExit as stop:
        status = stop.code
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def found(capsys, *arguments):
    """Return what a run that must succeed prints as JSON."""
    status, out, err = run(capsys, "logits.npy", "target.npy", "--json", *arguments)
    assert (status, err, out.count("\n")) == (0, "", 1)
    return json.loads(out, parse_constant=pytest.fail)


def refused(capsys, *arguments):
    """Return the one line that a run that must fail prints, and that it writes nothing."""
    before = {name: os.stat(name).st_mtime_ns for name in os.listdir()}
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("python -m losses score: ")
    assert err.count("\n") == 1
    assert {name: os.stat(name).st_mtime_ns for name in os.listdir()} == before
    return err.removeprefix("python -m losses score: ").removesuffix("\n")


def close(value, expected):
    """Return whether they are equal but for the last two digits of sums in float64.

    Both are quotients of sums that are exact to 1 ulp each, see cross_entropy_sums.
    """
    if expected is None or not math.isfinite(expected):
        return value is None
    return abs(value - expected) <= 4 * math.ulp(expected)


def agrees(capsys, logits, target, arguments=(), **options):
    """Assert that the files are scored as cross_entropy scores the whole arrays."""
    save(logits=logits, target=target)
    printed = found(capsys, *arguments, "--out", "losses.npy")
    each = losses.cross_entropy(logits, target, reduction="none", **options)
    assert same_bits(np.load("losses.npy"), np.asarray(each))
    sums = losses.cross_entropy_sums(logits, target, **options)
    assert close(printed["loss"], float(sums.mean))
    # The exponential multiplies what its argument lacks by the argument.
    loss = float(sums.mean)
    if math.isfinite(loss):
        slack = (4 + 4 * abs(loss)) * math.ulp(math.exp(loss))
        assert abs(printed["perplexity"] - math.exp(loss)) <= slack
    assert printed["samples_counted"] == sums.counted
    assert printed["samples_ignored"] == sums.ignored
    assert printed["top1_accuracy"] == (None if math.isnan(sums.accuracy) else sums.accuracy)
    return printed


SHAPES = [((5,), 0), ((7, 5), 1), ((5, 7), 0), ((4, 5, 2, 3), 1), ((3, 2, 5), 2), ((3, 5, 1), 1)]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_any_layout_scores_as_the_whole_arrays_do(capsys, shape, axis, order):
    logits, labels, probabilities = data(shape, axis, ignored=True)
    for target in (labels, probabilities):
        arrays = np.asarray(logits, order=order), np.asarray(target, order=order)
        for name in (axis, axis - len(shape)):
            agrees(capsys, *arrays, ["--axis", name], axis=axis)
    if axis == min(1, len(shape) - 1):
        agrees(capsys, logits, labels)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "g", "i1", "u8", "?"])
@pytest.mark.parametrize("label", ["i1", "u2", ">i8"])
def test_any_dtype_scores_as_the_whole_arrays_do(capsys, dtype, label):
    logits, labels, probabilities = data((9, 5))
    logits = np.abs(10 * logits).astype(dtype)
    agrees(capsys, logits, labels.astype(label))
    agrees(capsys, logits, probabilities.astype(np.float16))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("smoothing", [0, 0.1])
@pytest.mark.parametrize("ignore", [-100, 2])
@pytest.mark.parametrize("workers", [1, 2])
def test_every_option_is_that_of_cross_entropy(capsys, smoothing, ignore, workers):
    logits, labels, probabilities = data((6, 5, 4), ignored=ignore < 0)
    save(weight=WEIGHT)
    options = {"weight": WEIGHT, "label_smoothing": smoothing, "workers": workers}
    arguments = ["--weight", "weight.npy", "--label-smoothing", smoothing, "--workers", workers]
    agrees(capsys, logits, probabilities, arguments, **options)
    arguments += ["--ignore-index", ignore]
    agrees(capsys, logits, labels, arguments, ignore_index=ignore, **options)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("cap", [None, 2.0])
@pytest.mark.parametrize("factor", [0.0, -0.125])
def test_a_cap_and_a_penalty_are_those_of_cross_entropy(capsys, cap, factor):
    logits, labels, probabilities = data((6, 5, 4), ignored=True)
    arguments = ["--z-loss", factor, *(["--softcap", cap] if cap else [])]
    for target in (labels, probabilities):
        agrees(capsys, logits, target, arguments, softcap=cap, z_loss=factor)


def test_one_sample_may_have_its_label_in_an_array(capsys):
    agrees(capsys, rng.standard_normal(5), np.array([3]))


@pytest.mark.parametrize("shape", [(0, 5), (0, 0), (3, 5, 0)])
@pytest.mark.parametrize("kind", ["labels", "probabilities"])
def test_no_samples_have_no_loss(capsys, shape, kind):
    target = np.zeros(shape) if kind == "probabilities" else np.zeros(np.delete(shape, 1), int)
    printed = agrees(capsys, np.zeros(shape), target)
    assert printed["loss"] is None


def test_samples_without_classes_are_all_ignored_or_an_error(capsys):
    agrees(capsys, np.zeros((3, 0)), np.full(3, -100))
    save(target=np.array([-100, 0, -100]))
    line = refused(capsys, "logits.npy", "target.npy")
    assert line.startswith("target.npy: 1 of 3 labels outside [0, 0), the first at position (1,)")


def test_the_reduction_chooses_the_loss_that_is_printed(capsys):
    logits, labels, _ = data((9, 5))
    save(logits=logits, target=labels)
    sums = losses.cross_entropy_sums(logits, labels)
    for reduction, expected in [("mean", sums.mean), ("sum", sums.sum)]:
        printed = found(capsys, "--reduction", reduction)
        assert (printed["reduction"], close(printed["loss"], float(expected))) == (reduction, True)
    assert found(capsys, "--reduction", "none", "--out", "o.npy")["loss"] is None
    line = refused(capsys, "logits.npy", "target.npy", "--reduction", "none")
    assert line == "--reduction: none needs --out, a file for one loss per sample"


def test_a_person_reads_every_number(capsys):
    save(logits=np.zeros((4, 2)), target=np.array([0, 1, 0, -100]))
    status, out, err = run(capsys, "logits.npy", "target.npy")
    assert (status, err) == (0, "")
    *lines, throughput = out.splitlines()
    assert lines == [
        "loss                 0.693147 (mean)",
        "perplexity           2",
        "samples counted      3",
        "samples ignored      1",
        "top-1 accuracy       66.67%",
    ]
    assert throughput.startswith("throughput           ")
    assert throughput.endswith("MB/s")
    save(target=np.full((4, 2), 0.5))
    out = run(capsys, "logits.npy", "target.npy", "--reduction", "none", "--out", "o.npy")[1]
    assert out.startswith("loss                 in the file (none)\n")
    assert "\ntop-1 accuracy       n/a\n" in out


@pytest.mark.usefixtures("small")
def test_infinite_logits_are_no_nan_and_their_losses_are_counted(capsys):
    logits = np.zeros((6, 3))
    logits[1], logits[3, 0], logits[4, 2] = -np.inf, np.inf, -np.inf
    printed = agrees(capsys, logits, np.zeros(6, int))
    assert printed["nan_losses"] == 2
    assert printed["loss"] is None
    assert "\nlosses that are nan  2\n" in run(capsys, "logits.npy", "target.npy")[1]
    printed = agrees(capsys, logits[4:], np.array([2, 0]))
    assert (printed["nan_losses"], printed["loss"], printed["perplexity"]) == (0, None, None)
    assert printed["infinite_losses"] == 1
    assert "\nlosses that are inf  1\n" in run(capsys, "logits.npy", "target.npy")[1]


def test_a_loss_of_minus_infinity_is_infinite_too(capsys):
    save(weight=np.array([-1.0, 1.0]))
    arrays = np.array([[-np.inf, 0.0], [0.0, 0.0]]), np.array([0, 1])
    printed = agrees(capsys, *arrays, ["--weight", "weight.npy"], weight=[-1.0, 1.0])
    assert printed["infinite_losses"] == 1


def test_counts_are_whole_numbers_and_a_megabyte_is_a_million_bytes(capsys, monkeypatch):
    save(logits=np.zeros((500_000, 2)), target=np.zeros(500_000, np.int16))
    clock = iter([0.0, 0.5] * 2)
    monkeypatch.setattr(command.time, "perf_counter", lambda: next(clock))
    printed = found(capsys)
    counts = ("samples_counted", "samples_ignored", "nan_losses", "infinite_losses")
    assert [type(printed[name]) for name in counts] == [int] * 4
    assert (
        "\nthroughput           1,000,000 samples/s, 18.0 MB/s\n"
        in run(capsys, "logits.npy", "target.npy")[1]
    )


def test_a_clock_that_does_not_tick_gives_a_finite_rate(capsys, monkeypatch):
    save(logits=np.zeros((4, 2)), target=np.zeros(4, int))
    monkeypatch.setattr(command.time, "perf_counter", lambda: 1.0)
    printed = found(capsys)
    assert printed["samples_per_second"] == 4 / 1e-9
    assert printed["bytes_per_second"] == (4 * 2 * 8 + 4 * 8) / 1e-9


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_nan_logits_are_counted_and_the_first_is_named(capsys, axis):
    logits, labels, probabilities = data((4, 5, 3), axis)
    save(weight=np.zeros(logits.shape[axis]))
    logits[2, 1, 2], logits[3, 0, 1], logits[1, 4, 2] = np.nan, np.nan, np.nan
    arguments = ["logits.npy", "target.npy", "--axis", axis, "--out", "losses.npy"]
    said = "NaN logits in samples that count: {}, the first at position {}"
    for target in (labels, probabilities):
        save(logits=logits, target=target)
        for weight in ([], ["--weight", "weight.npy"]):
            line = refused(capsys, *arguments, *weight)
            assert line == "logits.npy: " + said.format(3, (1, 4, 2))
    sample = tuple(np.delete((1, 4, 2), axis))
    labels[sample] = -100
    save(target=labels)
    assert refused(capsys, *arguments) == "logits.npy: " + said.format(2, (2, 1, 2))
    labels[...] = -100
    agrees(capsys, logits, labels, ["--axis", axis], axis=axis)


@pytest.mark.usefixtures("small")
def test_nan_in_probabilities_and_weights_are_errors(capsys):
    logits, labels, probabilities = data((4, 5))
    probabilities[3, 1] = probabilities[2, 4] = np.nan
    save(logits=logits, target=probabilities, w=np.array([1, np.nan, 1, 1, np.nan]))
    line = refused(capsys, "logits.npy", "target.npy", "--out", "losses.npy")
    said = "2 class probabilities that are negative, nan or infinite, the first at position (2, 4)"
    assert line == f"target.npy: {said}: nan; logits want a softmax first"
    save(target=labels)
    line = refused(capsys, "logits.npy", "target.npy", "--weight", "w.npy")
    assert line == "w.npy: NaN weights: 2, the first at position (1,)"


@pytest.mark.usefixtures("small")
def test_labels_out_of_range_are_counted_over_the_whole_file(capsys):
    labels = np.zeros((40, 3), np.int32)
    labels[17, 2], labels[20, 0], labels[39, 2] = 5, -1, 7
    for order in "CF":
        save(logits=np.zeros((40, 5, 3)), target=np.asarray(labels, order=order))
        assert refused(capsys, "logits.npy", "target.npy", "--out", "losses.npy") == (
            "target.npy: 3 of 120 labels outside [0, 5), the first at position (17, 2): 5; "
            "only -100 is ignored"
        )


@pytest.mark.parametrize(
    ("logits", "target", "arguments", "line"),
    [
        (np.zeros((2, 3)), np.zeros(3, int), [], "target.npy: expected shape (2,) for logits"),
        (np.zeros((2, 3)), np.zeros((3, 2)), [], "target.npy: expected class probabilities"),
        (np.zeros((2, 3)), np.zeros(2), [], "target.npy: expected integer class indices"),
        (np.zeros(()), np.zeros((), int), [], "logits.npy: expected at least one dimension"),
        (np.zeros((2, 3), complex), np.zeros(2, int), [], "logits.npy: expected real numbers"),
        (np.zeros(2, "i4,f8"), np.zeros(2, int), [], "logits.npy: expected real numbers"),
        (np.zeros((2, 3)), np.zeros(2, "M8[s]"), [], "target.npy: expected real numbers"),
        (np.zeros((2, 3)), np.zeros(2, "U1"), [], "target.npy: expected real numbers"),
        (None, None, ["--axis", 2], "--axis: axis 2 is out of bounds"),
        (None, None, ["--workers", 0], "--workers: expected a positive count, or -1 for"),
        (None, None, ["--label-smoothing", "nan"], "--label-smoothing: expected a number in"),
        (None, None, ["--softcap", "0"], "--softcap: expected a number in (0, inf), got 0.0"),
        (None, None, ["--z-loss", "inf"], "--z-loss: expected a number in (-inf, inf), got inf"),
        (np.zeros((2, 3)), np.zeros((2, 3)), ["--ignore-index", 1], "--ignore-index: expected a"),
        (None, None, ["--weight", "logits.npy"], "logits.npy: expected one entry for each of"),
        (
            np.zeros((2, 4, 3)),
            np.zeros((2, 4), int),
            [],
            "target.npy: expected shape (2, 3) for logits of shape (2, 4, 3), got (2, 4); "
            "with --axis -1 it would fit",
        ),
        (
            np.zeros((2, 3)),
            np.uint8([0, 255]),
            [],
            "target.npy: 1 of 2 labels outside [0, 3), the first at position (1,): 255; "
            "only -100 is ignored; pass --ignore-index 255 if it marks padding",
        ),
        (None, None, ["--axis", "x"], "argument --axis: invalid int value: 'x'"),
        (None, None, ["--lab", 0], "unrecognized arguments: --lab 0"),
        (None, None, ["--reduction", "max"], "argument --reduction: invalid choice: 'max'"),
    ],
)
def test_what_does_not_fit_is_one_line_that_names_it(capsys, logits, target, arguments, line):
    save(logits=np.zeros((2, 3)) if logits is None else logits)
    save(target=np.zeros(2, int) if target is None else target)
    given = refused(capsys, "logits.npy", "target.npy", "--out", "losses.npy", *arguments)
    assert given.startswith(line)


def test_a_file_that_cannot_be_read_is_one_line_that_names_it(folder, capsys, monkeypatch):
    many = np.zeros(2, [(f"field {i}", "f8") for i in range(900)])  # a message of two lines
    save(target=np.zeros(2, int), many=many, objects=np.array([{}, None]), whole=np.zeros(9))
    np.savez("several.npz", np.zeros(2))
    whole = (folder / "whole.npy").read_bytes()
    (folder / "truncated.npy").write_bytes(whole[:-1])
    (folder / "header.npy").write_bytes(whole[:20])
    (folder / "nonsense.npy").write_bytes(whole[:10] + b"\n" * 60 + whole[70:])
    (folder / "text.npy").write_text("1 2 3")
    (folder / "empty.npy").touch()
    (folder / "folder.npy").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo("pipe.npy")
    expected = {
        "missing.npy": "No such file or directory",
        "folder.npy": "expected a .npy file, got what is not a regular file",
        "pipe.npy": "expected a .npy file, got what is not a regular file",
        "objects.npy": "refused, for it holds pickled Python objects",
        "several.npz": "expected a .npy file, got a ZIP archive (.npz holds several arrays)",
        "text.npy": "expected a .npy file, got another format",
        "empty.npy": "expected a .npy file, got another format",
        "many.npy": "cannot be read as a .npy file: a broken header",
        "truncated.npy": "cannot be read as a .npy file: it is shorter than its header says",
        "header.npy": "cannot be read as a .npy file: a broken header",
        "nonsense.npy": "cannot be read as a .npy file: a broken header",
    }
    if not hasattr(os, "mkfifo"):
        del expected["pipe.npy"]
    for name, what in expected.items():
        assert refused(capsys, name, "target.npy").startswith(f"{name}: {what}")
        assert refused(capsys, "whole.npy", name).startswith(f"{name}: {what}")

    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "FileIO", forbidden)
    assert refused(capsys, "whole.npy", "target.npy") == "whole.npy: Permission denied"


def test_arguments_that_are_missing_are_one_line(capsys):
    assert refused(capsys).startswith("the following arguments are required: LOGITS.npy")


def scored(capsys, *arguments):
    save(logits=np.zeros((2, 3)), target=np.zeros(2, int))
    return found(capsys, "--out", *arguments)


def test_the_file_of_losses_is_that_of_numpy_save(folder, capsys):
    scored(capsys, "losses.npy")
    save(expected=losses.cross_entropy(np.zeros((2, 3)), [0, 0], reduction="none"))
    assert (folder / "losses.npy").read_bytes() == (folder / "expected.npy").read_bytes()
    (folder / "new").touch()
    mode = stat.S_IMODE((folder / "new").stat().st_mode)
    assert stat.S_IMODE((folder / "losses.npy").stat().st_mode) == mode


@pytest.mark.skipif(sys.platform == "win32", reason="a symbolic link needs a privilege there")
def test_a_symbolic_link_stays_and_leads_to_the_losses(folder, capsys):
    (folder / "there").mkdir()
    (folder / "link.npy").symlink_to("there/losses.npy")
    scored(capsys, "link.npy")
    assert (folder / "link.npy").is_symlink()
    assert os.listdir("there") == ["losses.npy"]


def test_losses_are_on_the_disk_beside_their_name_before_they_take_it(folder, capsys, monkeypatch):
    (folder / "there").mkdir()
    done = []

    def synced(number):
        done.append(os.fstat(number).st_size)

    def replaced(old, new):
        done.append([os.path.dirname(path) for path in (old, new)])
        os.rename(old, new)

    monkeypatch.setattr(files.os, "fsync", synced)
    monkeypatch.setattr(files.os, "replace", replaced)
    scored(capsys, "there/losses.npy")
    size = os.path.getsize("there/losses.npy")
    assert done == [size, [str(folder / "there")] * 2]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes with names there")
def test_losses_replace_no_pipe_nor_device(capsys):
    os.mkfifo("pipe.npy")
    save(logits=np.zeros((2, 3)), target=np.zeros(2, int))
    for out in ("pipe.npy", os.devnull):
        line = refused(capsys, "logits.npy", "target.npy", "--out", out)
        assert line == f"{out}: exists, and is no regular file"


def test_losses_are_not_written_over_an_input_nor_nowhere(folder, capsys):
    save(logits=np.zeros((2, 3)), target=np.zeros(2, int), w=np.ones(3))
    os.link("target.npy", "same.npy")
    (folder / "folder.npy").mkdir()
    expected = {
        "logits.npy": "is an input, logits.npy, and would be overwritten",
        "same.npy": "is an input, target.npy, and would be overwritten",
        "./w.npy": "is an input, w.npy, and would be overwritten",
        "nowhere/losses.npy": "its directory does not exist",
        "folder.npy": "exists, and is no regular file",
        "losses/": "is no name of a file",
    }
    for out, what in expected.items():
        arguments = ["logits.npy", "target.npy", "--weight", "w.npy", "--out", out]
        assert refused(capsys, *arguments) == f"{out}: {what}"
    nameless = refused(capsys, "logits.npy", "target.npy", "--out", "")
    assert nameless == "--out: is no name of a file"


@pytest.mark.parametrize("before", [None, b"what was there"])
@pytest.mark.parametrize(
    ("raised", "status", "line"),
    [
        (OSError(28, "No space left on device"), 2, "losses.npy: No space left on device"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 2, f"logits.npy: {MEMORY}"),
    ],
)
def test_a_run_that_stops_half_way_leaves_no_half_file(
    folder, capsys, monkeypatch, before, raised, status, line
):
    save(logits=np.zeros((9, 3)), target=np.zeros(9, int))
    if before is not None:
        (folder / "losses.npy").write_bytes(before)
    calls = itertools.count()

    def advance(_):
        if next(calls) == 1:
            assert len(os.listdir()) == 3 + (before is not None)  # the temporary one
            raise raised

    monkeypatch.setattr(task, "CHUNK_BYTES", 1)
    monkeypatch.setattr(command, "progress", lambda _: contextlib.nullcontext(advance))
    done = run(capsys, "logits.npy", "target.npy", "--out", "losses.npy")
    assert done == (status, "", f"python -m losses score: {line}\n")
    assert len(os.listdir()) == 2 + (before is not None)
    if before is not None:
        assert (folder / "losses.npy").read_bytes() == before


@pytest.mark.parametrize("name", [name for name in ENDING if hasattr(signal, name)])
def test_a_signal_that_ends_the_process_leaves_nothing_behind(capsys, monkeypatch, name):
    save(logits=np.zeros((9, 3)), target=np.zeros(9, int))
    number, before = getattr(signal, name), signal.getsignal(getattr(signal, name))

    def advance(_):
        os.kill(os.getpid(), number)

    monkeypatch.setattr(command, "progress", lambda _: contextlib.nullcontext(advance))
    done = run(capsys, "logits.npy", "target.npy", "--out", "losses.npy")
    assert done == (128 + number, "", "")
    assert sorted(os.listdir()) == ["logits.npy", "target.npy"]
    assert signal.getsignal(number) is before


def test_a_thread_scores_without_handlers_of_its_own(capsys):
    save(logits=np.zeros((9, 3)), target=np.zeros(9, int))
    statuses = []
    arguments = ["score", "logits.npy", "target.npy"]
    thread = threading.Thread(target=lambda: statuses.append(command_line.main(arguments)))
    thread.start()
    thread.join()
    assert statuses == [0]
    assert "samples counted      9\n" in capsys.readouterr().out


def test_an_output_that_takes_nothing_is_one_line(capsys, monkeypatch):
    save(logits=np.zeros((2, 3)), target=np.zeros(2, int))

    class Full(io.StringIO):
        def write(self, _):
            raise OSError(28, "No space left on device")

        def fileno(self):
            return elsewhere.fileno()

    with open("elsewhere", "wb") as elsewhere:
        monkeypatch.setattr(sys, "stdout", Full())
        assert command_line.main(["score", "logits.npy", "target.npy"]) == 2
    line = "python -m losses score: standard output: No space left on device\n"
    assert capsys.readouterr().err == line


def test_streams_that_are_closed_take_nothing(capsys, monkeypatch):
    save(logits=np.zeros((2, 3)), target=np.zeros(2, int))
    monkeypatch.setattr(sys, "stdout", None)
    assert command.main(["logits.npy", "target.npy"]) == 2
    assert capsys.readouterr().err == "python -m losses score: standard output: closed\n"
    monkeypatch.setattr(sys, "stderr", None)
    assert command.main(["missing.npy", "target.npy"]) == 2


def test_no_standard_error_is_no_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with progress.progress(3) as advance:
        assert advance(3) is None


def test_a_bug_is_no_error_of_the_files(capsys, monkeypatch):
    save(logits=np.zeros((9, 3)), target=np.zeros(9, int))

    def wrong(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(score, "sums_of", wrong)
    with pytest.raises(ZeroDivisionError):
        run(capsys, "logits.npy", "target.npy", "--out", "losses.npy")
    assert sorted(os.listdir()) == ["logits.npy", "target.npy"]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_shows_progress_if_tqdm_is_there(monkeypatch, terminal):
    drawn = []

    class Bar(contextlib.AbstractContextManager):
        def __init__(self, total, **_):
            drawn.append(total)

        def __exit__(self, *error):
            drawn.append("closed")

        def update(self, samples):
            drawn.append(samples)

    save(logits=np.zeros((5, 3)), target=np.zeros(5, int))
    monkeypatch.setitem(sys.modules, "tqdm", types.SimpleNamespace(tqdm=Bar))
    monkeypatch.setattr(task, "CHUNK_BYTES", 2 * 8 * 8)
    monkeypatch.setattr(sys, "stderr", Terminal() if terminal else io.StringIO())
    assert command.main(["logits.npy", "target.npy"]) == 0
    assert (drawn[0], drawn[-1], sum(drawn[1:-1])) == (5, "closed", 5) if terminal else not drawn
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert command.main(["logits.npy", "target.npy"]) == 0
    assert sys.stderr.getvalue() == ""


@pytest.mark.parametrize("near", [0, 1, 30, 100, 1 << 18])
@pytest.mark.parametrize("order", "CF")
def test_any_part_of_an_array_is_read_as_it_is_sliced(monkeypatch, near, order):
    monkeypatch.setattr(files, "NEAR", near)
    some = [slice(None), slice(1), slice(1, 3), slice(2, 3), slice(3, 3)]
    for shape in [(), (5,), (5, 4), (3, 4, 5), (3, 1, 4, 3)]:
        save(array=np.asarray(np.arange(math.prod(shape), dtype="u2").reshape(shape), order=order))
        whole = np.load("array.npy")
        with files.stored("array.npy") as array:
            assert same_bits(array.read(), whole)
            for index in itertools.product(some, repeat=len(shape)):
                assert same_bits(array.read(index), whole[index])


@pytest.mark.parametrize(
    ("axis", "near", "calls_of_a_chunk"), [(1, 0, 1), (0, 0, 60), (0, 20_000, 12), (0, 1 << 18, 1)]
)
def test_a_file_is_read_once_for_its_labels_and_once_for_its_losses(
    monkeypatch, axis, near, calls_of_a_chunk
):
    """And by as few calls as may be: one for each chunk, or for each run of a chunk's entries."""
    save(logits=np.zeros((60, 500)), target=np.zeros(60 if axis else 500, int))
    monkeypatch.setattr(task, "CHUNK_BYTES", 64 * 100 * 8)
    monkeypatch.setattr(files, "NEAR", near)
    calls, read = [], files.Stored._read_into

    def counted(array, part, at):
        calls.append(array.path)
        read(array, part, at)

    monkeypatch.setattr(files.Stored, "_read_into", counted)
    with files.stored("logits.npy") as logits, files.stored("target.npy") as target:
        job = task.prepare(logits, target, axis=axis)
        score.score(job, lambda _: None, lambda _: None)
        chunks = len(list(job.chunks()))
    assert chunks >= 5
    assert calls.count("target.npy") == 2 * chunks
    assert calls.count("logits.npy") == chunks * calls_of_a_chunk


def meanwhile(monkeypatch, change):
    """Make a run work on small chunks, and change something after the first."""
    calls = itertools.count()

    def advance(_):
        if next(calls) == 0:
            change()

    monkeypatch.setattr(task, "CHUNK_BYTES", 1)
    monkeypatch.setattr(command, "progress", lambda _: contextlib.nullcontext(advance))


def shorter(name):
    os.truncate(name, os.path.getsize(name) - 8)


def empty(name):
    open(name, "wb").close()


def longer(name):
    with open(name, "ab") as file:
        file.write(bytes(8))


def rewritten(name):
    array = np.load(name)
    array[-1:] = 7  # no label, if these are labels
    np.save(name, array)


@pytest.mark.parametrize("name", ["logits.npy", "target.npy", "weight.npy"])
@pytest.mark.parametrize("change", [shorter, empty, longer, rewritten])
@pytest.mark.parametrize("before", [None, b"what was there"])
def test_a_file_that_changes_while_it_is_read_is_one_line_and_leaves_nothing(
    folder, capsys, monkeypatch, name, change, before
):
    save(logits=np.zeros((9, 3)), target=np.zeros(9, int), weight=np.ones(3))
    for each in os.listdir():  # so that what changes a file now changes its time too
        os.utime(each, ns=(0, 0))
    if before is not None:
        (folder / "losses.npy").write_bytes(before)
    names = sorted(os.listdir())
    meanwhile(monkeypatch, lambda: change(name))
    arguments = ["logits.npy", "target.npy", "--weight", "weight.npy", "--out", "losses.npy"]
    line = f"python -m losses score: {name}: was changed while it was read\n"
    assert run(capsys, *arguments) == (2, "", line)
    assert sorted(os.listdir()) == names
    if before is not None:
        assert (folder / "losses.npy").read_bytes() == before


def test_labels_that_change_and_keep_their_time_are_one_line_too(capsys, monkeypatch):
    save(logits=np.zeros((9, 3)), target=np.zeros(9, int))
    os.utime("target.npy", ns=(0, 0))

    def change():  # as who has mapped the file may, or who copies its time too
        rewritten("target.npy")
        os.utime("target.npy", ns=(0, 0))

    meanwhile(monkeypatch, change)
    line = "python -m losses score: target.npy: was changed while it was read\n"
    assert run(capsys, "logits.npy", "target.npy", "--out", "losses.npy") == (2, "", line)
    assert sorted(os.listdir()) == ["logits.npy", "target.npy"]


def test_a_file_that_another_takes_the_place_of_is_scored_as_it_was(capsys, monkeypatch):
    logits, labels, _ = data((9, 5))
    save(logits=logits, target=labels, other=np.zeros(4))
    meanwhile(monkeypatch, lambda: os.replace("other.npy", "logits.npy"))
    printed = found(capsys)
    assert close(printed["loss"], float(losses.cross_entropy_sums(logits, labels).mean))


@pytest.mark.parametrize("number", [5, 116])
def test_a_disk_that_fails_is_one_line_that_names_the_file(capsys, monkeypatch, number):
    save(logits=np.zeros((9, 3)), target=np.zeros(9, int))
    error = OSError(number, os.strerror(number))

    class Failing(io.FileIO):
        def readinto(self, _):
            raise error

        def read(self, size=-1):
            return super().read(size) if size == files.HEADER and not first else self.readinto(b"")

    monkeypatch.setattr(files, "FileIO", Failing)
    for first in (True, False):
        line = refused(capsys, "logits.npy", "target.npy", "--out", "losses.npy")
        assert line == f"{'logits' if first else 'target'}.npy: {os.strerror(number)}"


TRUNCATED = """
import contextlib, os, sys
from losses.__main__ import main
from losses._score import command
advance = lambda _: os.truncate("logits.npy", 200)
command.progress = lambda _: contextlib.nullcontext(advance)
sys.exit(main(["score", "logits.npy", "target.npy", "--out", "losses.npy"]))
"""


def test_a_process_whose_file_becomes_shorter_than_a_page_is_not_killed():
    save(logits=np.zeros((100_000, 100)), target=np.zeros(100_000, int))
    done = subprocess.run([sys.executable, "-c", TRUNCATED], capture_output=True, check=False)
    line = b"python -m losses score: logits.npy: was changed while it was read\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", line)
    assert sorted(os.listdir()) == ["logits.npy", "target.npy"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o444])
@pytest.mark.skipif(sys.platform == "win32", reason="permissions are of another kind there")
def test_a_file_that_is_replaced_keeps_its_permissions_and_its_owner(folder, capsys, mode):
    (folder / "losses.npy").touch()
    (folder / "losses.npy").chmod(mode)
    before = os.stat("losses.npy")
    scored(capsys, "losses.npy")
    after = os.stat("losses.npy")
    assert stat.S_IMODE(after.st_mode) == mode
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino


@pytest.mark.skipif(sys.platform == "win32", reason="files have no such owners there")
def test_an_owner_that_cannot_be_kept_is_no_error(folder, capsys, monkeypatch):
    def forbidden(*_):
        raise PermissionError

    (folder / "losses.npy").touch(0o600)
    monkeypatch.setattr(os, "chown", forbidden)
    scored(capsys, "losses.npy")
    assert stat.S_IMODE(os.stat("losses.npy").st_mode) == 0o600


def header(name, shape, version=1):
    """Write a .npy file of float64 that has only its header."""
    content = repr({"descr": "<f8", "fortran_order": False, "shape": shape}).encode() + b"\n"
    length = len(content).to_bytes(2 if version == 1 else 4, "little")
    with open(name, "wb") as file:
        file.write(b"\x93NUMPY" + bytes([version, 0]) + length + content)


@pytest.mark.parametrize(
    ("shape", "what"),
    [
        ((2**59,), "it is shorter than its header says"),
        ((2**30, 2**30), "a broken header"),
        ((2**62,), "a broken header"),
        ((2**62, 3), "a broken header"),
        ((2**70,), "a broken header"),
        ((0, 2**62), "a broken header"),
        ((-1, 3), "a broken header"),
        ((1,) * 65, "a broken header"),
    ],
)
def test_a_header_whose_shape_no_memory_holds_is_one_line(shape, what):
    header("logits.npy", shape)
    save(target=np.zeros(2, int))
    program = [sys.executable, "-m", "losses", "score", "logits.npy", "target.npy"]
    done = subprocess.run(program, capture_output=True, check=False, text=True)
    line = f"python -m losses score: logits.npy: cannot be read as a .npy file: {what}\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_each_version_of_the_format_is_read(capsys, version):
    logits, labels, _ = data((9, 5))
    save(logits=logits, target=labels)
    expected = found(capsys)["loss"]
    header("logits.npy", logits.shape, version)
    with open("logits.npy", "ab") as file:
        file.write(logits.tobytes())
    assert found(capsys)["loss"] == expected


def test_a_version_of_the_format_that_is_unknown_is_refused(folder, capsys):
    save(logits=np.zeros((9, 5)), target=np.zeros(9, int))
    content = (folder / "logits.npy").read_bytes()
    (folder / "logits.npy").write_bytes(content[:6] + b"\x04" + content[7:])
    what = "cannot be read as a .npy file: a broken header"
    assert refused(capsys, "logits.npy", "target.npy") == f"logits.npy: {what}"


def test_memory_that_is_not_there_is_no_broken_header(capsys, monkeypatch):
    save(logits=np.zeros((9, 5)), target=np.zeros(9, int))

    def full(*_):
        raise MemoryError

    monkeypatch.setattr(files, "stand_in", full)
    assert refused(capsys, "logits.npy", "target.npy") == f"logits.npy: {MEMORY}"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb.npy", r"a\nb.npy"),
        ("\x1b[31mred.npy", r"\x1b[31mred.npy"),
        ("\x9b31m\u202egpj.npy", r"\x9b31m\u202egpj.npy"),
        ("caf\u00e9 \u6587.npy", "caf\u00e9 \u6587.npy"),
        ("bytes\udcff.npy", r"bytes\udcff.npy"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(capsys, name, shown):
    save(logits=np.zeros((9, 5)), target=np.zeros(9, int))
    assert refused(capsys, "logits.npy", name) == f"{shown}: No such file or directory"
    assert refused(capsys, "a", "b", name) == f"unrecognized arguments: {shown}"


WRONG = {
    "a file": ["missing.npy", "target.npy"],
    "an argument": ["target.npy", "--axis", "x"],
    "no argument": [],
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("stream", ["closed", "full"])
@pytest.mark.skipif(sys.platform != "linux", reason="the full device is Linux's")
def test_an_error_that_cannot_be_told_has_its_status_and_goes_nowhere_else(arguments, stream):
    save(target=np.zeros(2, int))
    redirection = {"closed": "2>&-", "full": "2>/dev/full"}[stream]
    program = ["sh", "-c", f'"$@" {redirection}', "sh", sys.executable, "-m", "losses", "score"]
    done = subprocess.run([*program, *arguments], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"")
    assert os.listdir() == ["target.npy"]


@pytest.mark.parametrize(
    ("redirection", "why"), [(">&-", b"closed"), (">/dev/full", b"No space left on device")]
)
@pytest.mark.skipif(sys.platform != "linux", reason="the full device is Linux's")
def test_a_loss_that_cannot_be_printed_is_an_error(redirection, why):
    save(logits=np.zeros((2, 3)), target=np.zeros(2, int))
    program = ["sh", "-c", f'"$@" {redirection}', "sh", sys.executable, "-m", "losses", "score"]
    command = [*program, "logits.npy", "target.npy"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"python -m losses score: standard output: " + why + b"\n"


def peak(capsys, *arguments):
    """Return the most memory that a run allocates, after one in which NumPy imports its own."""
    found(capsys, *arguments)
    tracemalloc.start()
    try:
        found(capsys, *arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


LARGE = {  # shape, class axis, order
    "many classes": ((3_000, 1_000), 1, "C"),
    "many samples": ((600_000, 2), 1, "C"),
    "classes first": ((1_000, 3_000), 0, "C"),
    "Fortran order": ((3_000, 1_000), 1, "F"),
    "images": ((4, 21, 128, 256), 1, "C"),
}


@pytest.mark.parametrize(("dtype", "size"), [("f4", 4), ("f2", 2), ("i1", 8)])
@pytest.mark.parametrize("probabilities", [None, "f8"])
def test_no_chunk_is_larger_than_allowed_also_when_integers_become_floats(
    monkeypatch, dtype, size, probabilities
):
    monkeypatch.setattr(task, "CHUNK_BYTES", 5000)
    save(logits=np.zeros((300, 20), dtype))
    save(target=np.zeros(300, int) if probabilities is None else np.zeros((300, 20), probabilities))
    with files.stored("logits.npy") as logits, files.stored("target.npy") as target:
        job = task.prepare(logits, target)
    size += 0 if probabilities is None else 8
    counts = [job.logits.like[chunk.logits].size for chunk in job.chunks()]
    assert sum(counts) == 300 * 20
    assert 2500 < max(counts) * size <= 5000


@pytest.mark.parametrize("kind", ["labels", "probabilities"])
def test_integers_are_not_made_floats_all_at_once(capsys, monkeypatch, kind):
    monkeypatch.setattr(task, "CHUNK_BYTES", MIB)
    logits = np.zeros((3_000, 1_000), np.int8)
    save(logits=logits, target=np.zeros(3_000, int))
    if kind == "probabilities":
        save(target=logits.astype(np.float16))
    assert peak(capsys) < 6 * MIB < logits.size * 8


@pytest.mark.parametrize("kind", ["labels", "probabilities"])
@pytest.mark.parametrize(("shape", "axis", "order"), LARGE.values(), ids=LARGE)
def test_a_file_takes_the_memory_of_a_few_chunks(capsys, monkeypatch, shape, axis, order, kind):
    monkeypatch.setattr(task, "CHUNK_BYTES", MIB)
    logits = np.zeros(shape, np.float32, order)
    target = logits if kind == "probabilities" else np.zeros(np.delete(shape, axis), int)
    save(logits=logits, target=target)
    # Copies of a chunk, its losses twice, and the blocks of the schedule: see test_memory.py.
    assert peak(capsys, "--axis", axis, "--out", "losses.npy") < (1 + 1 + 4) * MIB


RESIDENT = """
import sys
from losses.__main__ import main
assert main(["score", *sys.argv[1:]]) == 0
print(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read as Linux tells it")
@pytest.mark.parametrize(("shape", "axis"), [((200_000, 500), 1), ((500, 200_000), 0)])
def test_a_process_stays_below_200_mb_whatever_the_size_of_the_file(shape, axis):
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    with open("logits.npy", "wb") as file:  # a hole, which takes no room on the disk
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 4 * math.prod(shape))
    save(target=np.zeros(200_000, np.int16))
    command = [sys.executable, "-c", RESIDENT, "logits.npy", "target.npy", "--axis", str(axis)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert 1024 * int(done.stdout.split()[-1]) < 200e6 < os.path.getsize("logits.npy")


def test_it_runs_as_a_process_whose_status_tells_how_it_went():
    save(logits=np.zeros((2, 3)), target=np.array([0, 1]), wrong=np.array([0, 3]))
    program = [sys.executable, "-W", "error", "-m", "losses", "score", "logits.npy"]
    done = subprocess.run([*program, "target.npy", "--json"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["samples_counted"] == 2
    done = subprocess.run([*program, "wrong.npy"], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"python -m losses score: wrong.npy: 1 of 2 labels outside")


def test_help_explains_the_command_and_each_option(capsys):
    with pytest.raises(SystemExit) as stop:
        command_line.main(["--help"])
    assert stop.value.code == 0
    assert "python -m losses score LOGITS.npy TARGET.npy" in " ".join(
        capsys.readouterr().out.split()
    )
    status, out, _ = run(capsys, "--help")
    assert status == 0
    for action in command.parser()._actions:
        assert action.help
        assert all(option in out for option in action.option_strings)
