"""out: the array that receives a gradient and is returned as the gradient."""

import itertools

import numpy as np
import pytest
from tests.layouts import LAYOUTS, read_only
from tests.rooms.helpers import CALLS, assert_same, call, point, takes
from tests.table import FUNCTIONS

every = pytest.mark.parametrize("name", takes("out"))
SHAPE = (2, 3)


def fresh(dtype=float, shape=SHAPE):
    """Return an array of halves, which any first array may hold."""
    return np.full(shape, 0.5, dtype)


def only_labels(name):
    return name in takes("ignore_index") and not name.startswith("cross_entropy")


def second(name):
    """Return the name of the array beside the first one: a target."""
    return list(FUNCTIONS[name][0].arrays)[1]


def out_and_target(name):
    """Return an array and a target of its memory: itself, or labels of every third number."""
    if only_labels(name):
        out = np.zeros(SHAPE)
        return out, out.view(np.int64)[:, 0]
    out = np.ones(SHAPE)
    return out, out


def at(name, first, **others):
    """Return what a function gives at a first array, for a target of its shape without weights."""
    # Ones lie in every domain.
    labels = np.zeros(first.shape[:1], int)
    target = labels if only_labels(name) else np.ones(first.shape)
    others = {second(name): target, **dict.fromkeys(FUNCTIONS[name][0].array_options), **others}
    return call(name, **{point(name): first, **others})


@every
@pytest.mark.parametrize("layout", [np.copy, LAYOUTS["Fortran order"], LAYOUTS["strided"]])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_out_receives_the_gradient_and_is_returned(name, dtype, layout):
    first = {point(name): CALLS[name][point(name)].astype(dtype)}
    out = layout(fresh(dtype))
    loss, gradient = call(name, **first, out=out)
    assert gradient is out
    assert_same((loss, out), call(name, **first))


@every
@pytest.mark.parametrize("layout", [np.copy, LAYOUTS["Fortran order"], LAYOUTS["strided"]])
def test_out_may_be_the_first_array_itself(name, layout):
    first = layout(CALLS[name][point(name)])
    loss, gradient = call(name, **{point(name): first}, out=first)
    assert gradient is first
    assert_same((loss, gradient), call(name))


WRONG = {
    "transposed shape": (fresh(shape=(3, 2)), ValueError),
    "one axis more": (fresh(shape=(2, 3, 1)), ValueError),
    "one axis less": (fresh(shape=(3,)), ValueError),
    "float32": (fresh(np.float32), (TypeError, ValueError)),
    "int": (np.ones(SHAPE, int), (TypeError, ValueError)),
    "read-only": (read_only(fresh()), ValueError),
    "broadcast": (np.broadcast_to(fresh(shape=(1, 3)), SHAPE), ValueError),
    "masked": (np.ma.array(fresh()), TypeError),
    "list": (fresh().tolist(), TypeError),
    "number": (0.5, TypeError),
}


@every
@pytest.mark.parametrize(("out", "error"), WRONG.values(), ids=WRONG.keys())
def test_out_is_a_writable_array_of_the_shape_and_dtype_of_the_gradient(name, out, error):
    before = np.array(out)
    with pytest.raises(error, match=r"\bout\b"):
        call(name, out=out)
    assert np.array_equal(out, before)


@every
@pytest.mark.parametrize(
    ("first", "out"),
    [
        (lambda memory: memory[:6].reshape(2, 3), lambda memory: memory[1:7].reshape(2, 3)),
        (lambda memory: memory[:6].reshape(2, 3), lambda memory: memory[:6].reshape(2, 3)[::-1]),
        (lambda memory: memory[:9].reshape(3, 3), lambda memory: memory[:9].reshape(3, 3).T),
    ],
    ids=["one entry later", "reversed", "transposed"],
)
def test_out_may_not_overlap_the_first_array_without_being_this(name, first, out):
    memory = fresh(shape=9)
    with pytest.raises(ValueError, match=r"\bout\b"):
        at(name, first(memory), out=out(memory))
    assert (memory == 0.5).all()


@every
@pytest.mark.parametrize("argument", ["target", "weight"])
def test_out_may_not_overlap_another_argument(name, argument):
    out, target = out_and_target(name)
    row, _ = FUNCTIONS[name]
    weights = out[1]
    if row.weight == "in the mean":
        weights = out if row.holds in ("", "positions") else out[:, 1]
    argument, shared = (second(name), target) if argument == "target" else ("weight", weights)
    before = out.copy()
    with pytest.raises(ValueError, match=rf"\bout\b.*\b{argument}\b"):
        at(name, np.ones(SHAPE), **{argument: shared}, out=out)
    assert np.array_equal(out, before)


@pytest.mark.parametrize("name", takes("out", "grad_output"))
def test_out_may_not_overlap_grad_output(name):
    out = np.ones(SHAPE)
    grad_output = out if FUNCTIONS[name][0].holds == "positions" else out[:, 1]
    options = {"reduction": "none", "grad_output": grad_output, "out": out}
    with pytest.raises(ValueError, match=r"\bout\b.*\bgrad_output\b"):
        call(name, **options)
    assert (out == 1).all()


@every
def test_out_may_be_a_row_with_a_new_axis(name):
    first, out = (array[np.newaxis, 0] for array in (CALLS[name][point(name)], fresh()))
    assert_same(at(name, first, out=out), at(name, first))


@every
@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"second": np.ones((3, 5))}, (TypeError, ValueError)),
        ({"weight": np.ones(5)}, ValueError),
        ({"reduction": "avg"}, ValueError),
        ({"first": np.ones(SHAPE) * 1j}, TypeError),
    ],
    ids=str,
)
def test_a_wrong_call_writes_nothing(name, wrong, error):
    out = fresh()
    wrong = {second(name) if key == "second" else key: x for key, x in wrong.items()}
    with pytest.raises(error):
        at(name, **{"first": fresh(), **wrong}, out=out)
    assert (out == 0.5).all()


@pytest.mark.parametrize("name", takes("out", "grad_output"))
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_a_wrong_grad_output_writes_nothing(name, reduction):
    out, right = fresh(), np.shape(call(name, reduction=reduction)[0])
    for shape in {(), (1,), (2,), (3,), SHAPE} - {right}:
        with pytest.raises(ValueError, match=r"\bgrad_output\b.*\bshape\b"):
            call(name, reduction=reduction, grad_output=np.ones(shape), out=out)
    with pytest.raises(TypeError, match=r"\bgrad_output\b"):
        call(name, reduction=reduction, grad_output="1", out=out)
    assert (out == 0.5).all()


def test_a_label_outside_the_classes_in_the_last_row_writes_nothing():
    logits = fresh(shape=(70_000, 2))
    target = np.zeros(70_000, int)
    target[-1] = 2
    with pytest.raises(IndexError, match="69999"):
        call("cross_entropy_value_and_grad", logits=logits, target=target, weight=None, out=logits)
    assert (logits == 0.5).all()


@every
def test_out_has_memory_for_every_entry(name):
    row = fresh(shape=3)
    broadcast = np.lib.stride_tricks.as_strided(row, SHAPE, (0, row.itemsize))
    with pytest.raises(ValueError, match=r"out.*broadcast"):
        call(name, out=broadcast)


@every
@pytest.mark.parametrize("step", [1, 2])
def test_entries_of_out_may_not_share_memory(name, step):
    memory = fresh(shape=8)
    strides = (step * memory.itemsize, step * memory.itemsize)
    windows = np.lib.stride_tricks.as_strided(memory, SHAPE, strides)
    with pytest.raises(ValueError, match=r"out.*overlapping"):
        call(name, out=windows)
    assert (memory == 0.5).all()


@every
@pytest.mark.parametrize("reverse", [1, -1])
def test_out_may_not_begin_where_the_first_array_begins_and_go_another_way(name, reverse):
    memory = fresh(shape=(4, 3))
    first, out = [memory[:2], memory[::2]][::reverse]
    with pytest.raises(ValueError, match=rf"out.*{point(name)}"):
        at(name, first, out=out)
    assert (memory == 0.5).all()


@every
def test_out_that_is_the_first_array_may_not_be_the_target_too(name):
    both, target = out_and_target(name)
    before = both.copy()
    with pytest.raises(ValueError, match=rf"\bout\b.*\b{second(name)}\b"):
        at(name, both, **{second(name): target}, out=both)
    assert np.array_equal(both, before)


@every
def test_out_may_be_a_part_of_the_columns_of_an_array(name):
    memory = fresh(shape=(SHAPE[0], SHAPE[1] + 2))
    assert_same(call(name, out=memory[:, : SHAPE[1]])[1], call(name)[1])
    assert (memory[:, SHAPE[1] :] == 0.5).all()


@every
def test_out_that_may_overlap_is_refused(name, monkeypatch):
    """Whether two strided arrays overlap can take too long to decide."""

    def undecided(*_, **__):
        raise np.exceptions.TooHardError

    monkeypatch.setattr(np, "shares_memory", undecided)
    both = fresh(shape=(*SHAPE, 2))
    with pytest.raises(ValueError, match=rf"out.*{point(name)}"):
        at(name, both[..., 0], out=both[..., 1])


@every
def test_out_may_not_be_the_memory_of_a_buffer(name):
    out, target = out_and_target(name)
    with pytest.raises(ValueError, match=rf"\bout\b.*\b{second(name)}\b"):
        at(name, fresh(), **{second(name): memoryview(target)}, out=out)


@every
@pytest.mark.parametrize("dtype", [np.int64, np.int8, bool])
def test_out_may_not_be_the_memory_of_integers(name, dtype):
    """Their gradient is of float64: out cannot be the array itself."""
    out = np.zeros(SHAPE)
    first = out.view(dtype).reshape(-1)[:6].reshape(SHAPE)
    first[...] = 1  # which lies in every domain
    before = out.copy()
    with pytest.raises(ValueError, match=rf"\bout\b.*\b{point(name)}\b"):
        at(name, first, out=out)
    np.testing.assert_array_equal(out, before)


class Loud(np.ndarray):
    """An array whose library lets none of NumPy's functions and operations touch it."""

    def __array_function__(self, function, *_):
        raise AssertionError(function)

    def __array_ufunc__(self, ufunc, *_, **__):
        raise AssertionError(ufunc)


@every
@pytest.mark.parametrize("kind", [Loud, np.matrix, np.memmap])
def test_out_may_be_a_subclass_as_the_inputs_may(name, kind, tmp_path):
    if kind is np.memmap:
        out = np.memmap(tmp_path / "out", float, "w+", shape=SHAPE)
    else:
        out = fresh().view(kind)
    first = CALLS[name][point(name)].copy().view(kind if kind is Loud else np.ndarray)
    loss, gradient = call(name, **{point(name): first}, out=out)
    assert gradient is out
    assert_same((loss, np.asarray(out)), call(name))
    if kind is Loud:
        assert call(name, **{point(name): first.copy()}, out=first)[1] is first


def maps(path, offset=0, modes=("r", "r+")):
    """Map one file twice, the second time from an offset on, in bytes."""
    fresh(shape=12).tofile(path)
    return [
        np.memmap(given, float, mode, offset=start, shape=SHAPE)
        for given, mode, start in zip((path, str(path)), modes, (0, offset), strict=True)
    ]


@every
def test_out_may_not_map_what_an_input_maps_of_a_file(name, tmp_path):
    refused = rf"out: .*file of {point(name)}.*map the file once"
    for offset, mode in itertools.product((0, 8, 40), ("r", "r+", "c")):
        # Windows cannot write a file anew that is mapped.
        first, out = maps(tmp_path / f"{offset} {mode}", offset, modes=(mode, "r+"))
        for part in (np.asarray(out), out[:], out[::-1]):
            with pytest.raises(ValueError, match=refused):
                at(name, first, out=part)
        assert (out == 0.5).all()


@every
@pytest.mark.parametrize("case", ["after", "before", "row", "other", "copy"])
def test_out_may_map_another_part_of_a_file_another_file_or_a_copy(name, case, tmp_path):
    first, out = maps(tmp_path / "both", offset=0 if case == "copy" else 48)
    if case == "before":
        first, out = maps(tmp_path / "both", offset=48, modes=("r+", "r"))[::-1]
    elif case == "row":
        first, out = (array[i : i + 1] for i, array in enumerate(maps(tmp_path / "both")))
    elif case == "other":
        out = maps(tmp_path / "other")[1]
    elif case == "copy":
        out = maps(tmp_path / "both", modes=("r", "c"))[1]
    assert at(name, first, out=out)[1] is out
    assert not (out == 0.5).any()
    assert (first == 0.5).all()


@every
def test_out_may_be_a_map_of_nothing(name, tmp_path):
    first, out = (one[:0] for one in maps(tmp_path / "both"))
    assert at(name, first, out=out)[1] is out
