"""Any call at all: it is answered right, or refused for what is wrong with it; nothing else.

A call is drawn valid, with any numbers in any objects, and then given up to two faults. Without
faults the answer lies in the intervals of `definitions`; with faults it is an error that names an
argument of one of them. Nothing that was passed is written, but `out` of a valid call.
"""

import re
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import is_dataclass
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.calls import Convertible, as_arrays, memory_of
from tests.ctc_calls import CTC
from tests.functions import OF_ANY_CALL
from tests.rooms.helpers import parts

import losses
from losses._core import blocks, products
from losses._cross_entropy import linear_chunks, linear_layer
from losses._ctc import kernel

NARROW = np.finfo(np.longdouble).maxexp <= np.finfo(np.float64).maxexp
pytestmark = pytest.mark.skipif(NARROW, reason="intervals have bounds beyond the range of float64")

MANY = 200  # calls of each function in a deep profile: 27,400 in nine minutes
DRAWN = Counter()


@pytest.fixture(scope="module", autouse=True)
def _report():
    """Print how many calls were drawn, and what became of them, with pytest -s."""
    yield
    outcomes = ", ".join(f"{number} {what}" for what, number in sorted(DRAWN.items()))
    print(f"\n{DRAWN.total()} calls: {outcomes}")


def state(value):
    """Return all that a call could change of an argument: its form and its whole memory."""
    if isinstance(value, Convertible):
        return state(value.array)
    if isinstance(value, memoryview):
        return state(value.obj)
    if isinstance(value, np.ma.MaskedArray):
        return state(value.data), state(value.mask)
    if isinstance(value, np.ndarray):
        root = value
        while isinstance(root.base, np.ndarray):
            root = root.base
        form = value.dtype, value.shape, value.strides, value.flags.writeable
        return form, root.tobytes(), value.tobytes()
    if is_dataclass(value):
        return state(vars(value))
    if isinstance(value, dict):
        return {key: state(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [state(entry) for entry in value]
    return repr(value)


def surroundings():
    """Return what a call could change beside its arguments."""
    return np.geterr(), np.geterrcall(), np.getbufsize(), threading.active_count()


# The sizes that cut the work, so that a few samples and classes are many chunks. Without room for
# a row the classes are cut, and with few samples in a chunk the rows are.
BLOCKS = {(blocks, "BLOCK_BYTES"): [64], (kernel, "STATES"): [1, 8, 16]}
CHUNKS = {
    (linear_layer, "MEMORY_BYTES"): [0, 64, 256, 4096],
    (linear_layer, "COPIES_BYTES"): [0],
    (linear_chunks, "FEW_SAMPLES"): [1, 2],
    (linear_chunks, "MANY_SAMPLES"): [1, 2],
    (linear_chunks, "SHARD_SAMPLES"): [1, 2],
    (linear_chunks, "SUM_BYTES"): [64],
    (linear_chunks, "KEPT_SAMPLES"): [0],
    (linear_chunks, "INPUTS_BYTES"): [0],  # whose samples a chunk may have beyond MANY_SAMPLES
    (products, "TILE_BYTES"): [0, 64],
    (products, "PRODUCT_BYTES"): [0, 64],
}


@contextmanager
def anywhere(data, valid):
    """Run a call on a drawn number of threads and sizes of parts, where no warning may escape."""
    # Of no classes nothing is cut, for all of them always fit.
    linear = len(np.asarray(valid.get("linear_weight", ()))) > 0
    sizes = {**BLOCKS, **(CHUNKS if linear else {})}
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="raise"):
        for (module, size), small in sizes.items():
            usual = [getattr(module, size)] * len(small)
            patch.setattr(module, size, data.draw(st.sampled_from([*usual, *small])))
        with losses.set_workers(data.draw(st.sampled_from([1, 1, 2]))):
            before = surroundings()
            yield
            assert surroundings() == before


@pytest.mark.parametrize("function", [*OF_ANY_CALL, *CTC], ids=str)
@settings(max_examples=min(settings().max_examples, MANY))
@given(data=st.data())
def test_a_call_is_answered_right_or_refused_for_what_is_wrong_with_it(function, data):
    valid = data.draw(function.calls)
    # Copied first, for the call may overwrite its first array.
    answer = function.expected(as_arrays(function.arrays, valid))
    found = faulty(data, function.faults(valid))
    arguments = {**valid, **found.changes}
    before = state(arguments)
    if found.errors:
        with anywhere(data, valid), pytest.raises(found.errors) as refusal:
            function.invoke(arguments)
        assert re.search(rf"\b({'|'.join(found.names)})\b", str(refusal.value)), refusal.value
        DRAWN[f"refused with {refusal.type.__name__}"] += 1
    else:
        out = arguments.get("out")
        as_before = None if out is None else out.copy()
        with anywhere(data, valid):
            result = parts(function.invoke(arguments))
        assert_answer(result, answer, arguments)
        if out is not None:
            out[...] = as_before  # and with out itself nothing else has changed
        DRAWN["answered"] += 1
    assert state(arguments) == before


class Faulty(NamedTuple):
    """What is wrong with a call: the arguments to change, the errors, and whom they may name."""

    changes: dict
    errors: tuple
    names: set


def faulty(data, kinds):
    """Draw up to two faults, of different arguments."""
    found = Faulty({}, (), set())
    for _ in range(data.draw(st.sampled_from([0, 0, 1, 1, 2])) if kinds else 0):
        fault = data.draw(st.sampled_from(kinds).flatmap(st.sampled_from))
        changes = data.draw(fault.changes)
        if not changes.keys() & found.changes.keys():
            found = Faulty(
                {**found.changes, **changes},
                (*found.errors, *fault.errors),
                {*found.names, *fault.names},
            )
    return found


def assert_answer(result, answer, arguments):
    """Assert right numbers in the right shape and dtype, in memory of their own or in out."""
    out = arguments.get("out")
    assert out is None or result[1] is out
    for part, right in zip(result, answer, strict=True):
        assert part.shape == right.low.shape
        inside = right.contains(part)
        assert inside.all(), (
            f"{part[~inside]} is not within {right.low[~inside]} and "
            f"{right.high[~inside]}, nan {right.nan[~inside]}"
        )
        if part is not out:
            assert type(part) is np.ndarray or isinstance(part, np.generic)
            assert part.dtype == right.dtype
            memories = [memory_of(value) for value in arguments.values()]
            assert not any(np.shares_memory(part, memory) for memory in memories)
