"""Many callers at once, thousands of calls, an interrupt: nothing is shared, nothing stays."""

import _thread
import gc
import os
import signal
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from tests.layouts import same_bits

import losses
from losses._core import blocks

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
    g, paired = np.ones(()), (x, probs)
    return [
        lambda: losses.softmax_backward(x, losses.softmax(x)),
        lambda: losses.log_softmax_backward(x, losses.log_softmax(x)),
        lambda: losses.logsumexp_backward(x[:, 0], x) + losses.logsumexp(x, keepdims=True),
        lambda: losses.sigmoid_backward(x, losses.sigmoid(x)),
        lambda: losses.log_sigmoid_backward(x, losses.log_sigmoid(x)),
        lambda: losses.nll_loss_backward(g, x, target) * losses.nll_loss(x, target),
        lambda: losses.cross_entropy_backward(g, x, target) * losses.cross_entropy(x, probs),
        lambda: losses.cross_entropy_value_and_grad(x, target, out=x.copy(), workers=2),
        lambda: losses.cross_entropy_value_and_grad(x, probs, label_smoothing=0.1, weight=x[0]),
        lambda: losses.binary_cross_entropy_backward(g, probs, probs),
        lambda: losses.binary_cross_entropy(probs, probs),
        lambda: losses.binary_cross_entropy_with_logits_value_and_grad(*paired, pos_weight=x),
        lambda: losses.mse_loss_backward(g, *paired) * losses.mse_loss(*paired, weight=x),
        lambda: losses.l1_loss_backward(g, *paired) * losses.l1_loss(*paired),
        lambda: fails(IndexError, x, target + 7),
        lambda: fails(ValueError, x, target, weight=x, workers=2),
    ]


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
    code = f"from {__name__} import growth; print(growth())"
    environment = {key: os.environ[key] for key in os.environ if not key.startswith("COV")}
    command = [sys.executable, "-c", code]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 16 * CALLS // len(every_function())


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
        blocks.run(lambda: kernel, blocks.blocks((1000,), entries=1 << 20, itemsize=8), 3)
    assert threading.active_count() == before


def test_after_an_interrupt_while_workers_are_started_none_takes_another_block(monkeypatch):
    start, interrupted, done = blocks.Thread.start, threading.Event(), []

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
            if sys._current_frames()[waits].f_code.co_filename == threading.__file__:
                break

    monkeypatch.setattr(blocks.Thread, "start", start_interrupted)
    cut = blocks.blocks((20,), entries=1 << 20, itemsize=8)
    with pytest.raises(KeyboardInterrupt):
        blocks.run(lambda: kernel, cut, 3)
    assert len(done) == 1 < len(cut)


def test_an_interrupt_while_workers_are_started_leaves_none_behind(monkeypatch):
    before, start = threading.active_count(), blocks.Thread.start
    started = []

    def start_interrupted(thread):
        if started:
            raise KeyboardInterrupt
        started.append(thread)
        start(thread)

    monkeypatch.setattr(blocks.Thread, "start", start_interrupted)
    cut = blocks.blocks((1000,), entries=1 << 20, itemsize=8)
    with pytest.raises(KeyboardInterrupt):
        blocks.run(lambda: lambda _: None, cut, 3)
    assert threading.active_count() == before
