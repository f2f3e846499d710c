"""Many callers at once, thousands of calls, an interrupt: nothing is shared, nothing stays."""

import _thread
import contextlib
import gc
import inspect
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tests.layouts import same_bits
from tests.rows import invoke
from tests.table import FUNCTIONS

import losses
from losses._core import blocks, schedule

CALLERS = 8
CALLS = 10_000


def problem(seed):
    """Return a call of its own for each caller: other shapes, dtypes, options and workers."""
    rng = np.random.default_rng(seed)
    classes = [3, 10, 64, 65, 200, 1000][seed % 6]
    logits = rng.standard_normal((200, classes)).astype([np.float32, np.float64][seed % 2])
    target = rng.integers(0, classes, 200)
    options = {
        "weight": rng.uniform(0.5, 2, classes) if seed % 3 else None,
        "label_smoothing": 0.1 * (seed % 4 == 1),
        "reduction": ["mean", "sum", "none"][seed % 3],
        "ignore_index": int(target[0]) if seed % 5 == 2 else -100,
        "workers": 1 + seed % 3,
    }

    def call():
        results = list(losses.cross_entropy_value_and_grad(logits, target, **options))
        with losses.set_workers(1 + seed % 2):
            results += [losses.log_softmax(logits), losses.logsumexp(logits)]
            results += [losses.binary_cross_entropy_with_logits(logits, logits > 0)]
        return results

    return call


def test_many_callers_at_once_get_the_bits_that_each_gets_alone(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1 << 14)  # so that every call is many blocks
    calls = [problem(seed) for seed in range(3 * CALLERS)]
    alone = [call() for call in calls]
    together = threading.Barrier(CALLERS)
    found = [[] for _ in calls]

    def caller(first):
        together.wait()
        for _ in range(3):
            for i in range(first, len(calls), CALLERS):
                found[i].append(calls[i]())

    callers = [threading.Thread(target=caller, args=(i,)) for i in range(CALLERS)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    for repeats, expected in zip(found, alone, strict=True):
        assert len(repeats) == 3
        for results in repeats:
            assert all(map(same_bits, results, expected))


def fails(error, *arguments, **options):
    with pytest.raises(error):
        losses.cross_entropy(*arguments, **options)


def every_function():
    """Return a small call of each public function."""
    x, target, probs = np.ones((4, 3)), np.array([0, 1, 2, -100]), np.full((4, 3), 0.25)
    examples = [
        partial(invoke, name, row.example_of(what)) for name, (row, what) in FUNCTIONS.items()
    ]
    return [
        *examples,
        lambda: losses.logsumexp(x, keepdims=True),
        lambda: losses.cross_entropy(x, probs),
        lambda: losses.cross_entropy_value_and_grad(x, target, out=x.copy(), workers=2),
        lambda: losses.cross_entropy_value_and_grad(x, probs, label_smoothing=0.1, weight=x[0]),
        lambda: fails(IndexError, x, target + 7),
        lambda: fails(ValueError, x, target, weight=x, workers=2),
    ]


def alone(function):
    """Return the integer that a function of this module returns in a process of its own."""
    code = f"from {__name__} import {function.__name__} as f; print(f())"
    environment = {key: os.environ[key] for key in os.environ if not key.startswith("COV")}
    command = [sys.executable, "-c", code]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def growth():
    """Return by how much 10,000 calls, some of them on two threads, let the memory in use grow."""
    blocks.BLOCK_BYTES = 64
    calls = every_function()

    def repeat(times):
        for _ in range(times):
            for call in calls:
                call()
        gc.collect()

    tracemalloc.start()
    repeat(20)  # whatever is made once and kept
    before, _ = tracemalloc.get_traced_memory()
    repeat(CALLS // len(calls))
    return tracemalloc.get_traced_memory()[0] - before


def test_ten_thousand_calls_leave_memory_where_it_was():
    """A leaked object has at least 16 bytes: fewer than one for each call of one function.

    In a process of its own, for a measurement of coverage keeps something of every thread.
    """
    assert alone(growth) < 16 * CALLS // len(every_function())


@pytest.fixture
def _interruptible():
    """Let an interrupt be raised, also where the shell has it ignored, as in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_an_interrupt_in_the_middle_leaves_no_worker_behind():
    """As Ctrl-C does: raised in the main thread, wherever that is."""
    before = threading.active_count()
    interrupted = threading.Event()

    def kernel(_):
        if threading.current_thread() is not threading.main_thread():
            interrupted.wait()
            return
        try:
            _thread.interrupt_main()
            for _ in range(10**7):
                pass
        finally:
            interrupted.set()

    with pytest.raises(KeyboardInterrupt):
        schedule.run(lambda: kernel, blocks.blocks((1000,), entries=1 << 20, itemsize=8), 3)
    assert threading.active_count() == before


def test_after_an_interrupt_while_workers_are_started_none_takes_another_block(monkeypatch):
    start, interrupted, done = schedule.Thread.start, threading.Event(), []
    lines = inspect.getsource(schedule).splitlines()
    waiting = 1 + next(i for i, line in enumerate(lines) if "for lock in [*job.at_work]" in line)

    def start_interrupted(thread):
        if done:
            interrupted.set()
            raise KeyboardInterrupt
        start(thread)
        while not done:
            pass

    def kernel(block):
        done.append(block)
        interrupted.wait()
        waits = threading.main_thread().ident
        for _ in range(10**6):  # until the main thread waits for this one
            frame = sys._current_frames()[waits]
            if frame.f_code.co_name == "_end" and frame.f_lineno >= waiting:
                break

    monkeypatch.setattr(schedule.Thread, "start", start_interrupted)
    cut = blocks.blocks((20,), entries=1 << 20, itemsize=8)
    with pytest.raises(KeyboardInterrupt):
        schedule.run(lambda: kernel, cut, 3)
    assert len(done) == 1 < len(cut)


@pytest.mark.parametrize("begins", ["before it is interrupted", "later", "never"])
def test_an_interrupt_while_workers_are_started_leaves_none_at_work(begins, monkeypatch):
    """Whether start() made a thread before it was interrupted, nobody can tell."""
    before, start = set(threading.enumerate()), schedule.Thread.start
    started, at_work, done = [], [], []

    def start_interrupted(thread):
        started.append(thread)
        if len(started) == 2:
            if begins == "before it is interrupted":
                start(thread)
            raise KeyboardInterrupt
        start(thread)

    def kernel(block):
        at_work.append(block)
        np.sort(np.arange(20_000)[::-1])
        at_work.remove(block)
        done.append(block)

    monkeypatch.setattr(schedule.Thread, "start", start_interrupted)
    cut = blocks.blocks((1000,), entries=1 << 20, itemsize=8)
    with pytest.raises(KeyboardInterrupt):
        schedule.run(lambda: kernel, cut, 3)
    assert not at_work
    assert set(threading.enumerate()) == before
    number = len(done)
    assert number < len(cut)
    if begins == "later":
        start(started[1])
        started[1].join()
    assert len(done) == number


@pytest.mark.parametrize("acquired", [False, True])
def test_an_interrupt_while_waiting_is_raised_once_no_worker_works(acquired, monkeypatch):
    """Before the lock of a worker is acquired or, its worker having ended, just afterwards."""
    at_work, asked, ended, interrupts = threading.Event(), threading.Event(), [], []

    class InterruptedLock:
        def __init__(self):
            self.lock = threading.Lock()
            self.release = self.lock.release

        def acquire(self):
            interrupted = threading.current_thread() is threading.main_thread() and not interrupts
            if interrupted:
                asked.set()
            if acquired or not interrupted:
                self.lock.acquire()
            if interrupted:
                interrupts.append(KeyboardInterrupt())
                raise interrupts[0]

    def kernel(_):
        if threading.current_thread() is threading.main_thread():
            at_work.wait()
        else:
            at_work.set()
            asked.wait()
            ended.append(True)

    monkeypatch.setattr(schedule, "Lock", InterruptedLock)
    with pytest.raises(KeyboardInterrupt):
        schedule.run(lambda: kernel, blocks.blocks((2,), entries=1 << 20, itemsize=8), 2)
    assert len(interrupts) == 1
    assert ended == [True]


def within(frame, *codes):
    """Return whether a frame is of one of these codes, or was called by one."""
    while frame is not None and frame.f_code not in codes:
        frame = frame.f_back
    return frame is not None


def writes_after_an_interrupt():
    """Return how many of 250 calls, interrupted by a timer, wrote to out when they were over.

    Thread.start() is spared: Python's own waiting in it is not safe.
    """
    rng = np.random.default_rng(0)
    logits, target = rng.standard_normal((4000, 500), np.float32), rng.integers(0, 500, 4000)
    out, before, wrote, interrupts = np.empty_like(logits), threading.active_count(), 0, 0

    def interrupt(_, frame):
        nonlocal interrupts
        if within(frame, schedule.run.__code__) and not within(frame, START):
            interrupts += 1
            raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.0007, 0.0007)
    for _ in range(250):
        with contextlib.suppress(KeyboardInterrupt):
            losses.cross_entropy_value_and_grad(logits, target, out=out, workers=3)
        out.fill(7)
        while threading.active_count() > before:
            pass  # any that is left would go on now
        wrote += bool((out != 7).any())
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert interrupts > 100
    return wrote


START = threading.Thread.start.__code__
OURS = {blocks.__file__, schedule.__file__}
JOIN = {
    getattr(threading.Thread, name).__code__
    for name in ("join", "_wait_for_tstate_lock")  # the latter before Python 3.13
    if hasattr(threading.Thread, name)
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no interval timer")
def test_no_call_writes_to_out_once_an_interrupt_has_ended_it():
    assert alone(writes_after_an_interrupt) == 0


def works_after_an_interrupt_at_any_instruction():
    """Return how often a worker worked on after a call, interrupted once, wherever it can be.

    At each instruction, in turn, of the call and of its waiting for threads; in the main thread,
    as signals are. Python's own Thread.start() is spared.
    """
    inside, begun, worked, count = [], threading.Event(), 0, 0

    def kernel(block):
        if threading.current_thread() is threading.main_thread():
            begun.wait()  # the main thread ends its share while the other worker is at work
            return
        inside.append(block)
        begun.set()
        time.sleep(0.01)
        inside.remove(block)

    def trace(frame, event, _):
        nonlocal count
        if frame.f_code.co_filename not in OURS and frame.f_code not in JOIN:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and not within(frame, START):
            count -= 1
            if count == 0:
                raise KeyboardInterrupt
        return trace

    cut, last = blocks.blocks((2,), entries=1 << 20, itemsize=8), 0
    while count <= 0:
        last += 1
        count = last
        begun.clear()
        sys.settrace(trace)
        with contextlib.suppress(KeyboardInterrupt):
            schedule.run(lambda: kernel, cut, 2)
        sys.settrace(None)
        worked += bool(inside)
        while inside:
            pass
    assert last > 100
    return worked


def test_an_interrupt_at_any_instruction_leaves_no_worker_at_work():
    assert alone(works_after_an_interrupt_at_any_instruction) == 0
