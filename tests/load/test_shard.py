"""Processes that share a load: none outlives a death, its own or its parent's, and none is waited for in vain."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from enginebench.errors import UserError, mistake
from enginebench.load import Target, measure
from enginebench.load.shard import _put, _read
from enginebench.records import ClosedLoop, OpenLoop, Prompt
from raw_server import HEAD, whole


def prompts(count):
    return [Prompt(token_ids=(index, index), text=None, input_tokens=2, output_tokens=2) for index in range(count)]


def send(url, load, **more):
    target = Target(url=url, model="m", api="completions")
    return measure(target, prompts(4), load, run="r", seed=1, request_timeout_s=60, processes=2, **more)


class Stalled:
    """An answer that begins and never ends, until it is let go."""

    def __init__(self):
        self.begun = threading.Semaphore(0)
        self.over = threading.Event()

    def __call__(self, connection, _):
        connection.sendall(HEAD)
        self.begun.release()
        self.over.wait(60)
        return False


@pytest.fixture
def stalled():
    answer = Stalled()
    yield answer
    answer.over.set()


def gone(processes, *, within_s=10):
    return not psutil.wait_procs(processes, timeout=within_s)[1]


def loaders(process):
    return [one for one in process.children() if "enginebench.load.shard" in " ".join(one.cmdline())]


def test_one_that_dies_ends_the_load_and_the_others(serving, stalled):
    url = f"http://127.0.0.1:{serving(stalled).port}"
    seen = []

    def kill_one():
        for _ in range(2):
            stalled.begun.acquire()
        seen.extend(loaders(psutil.Process()))
        seen[0].kill()

    threading.Thread(target=kill_one).start()
    with pytest.raises(RuntimeError, match="a process of the load died"):
        send(url, ClosedLoop(kind="closed", concurrency=2))
    assert len(seen) == 2
    assert gone(seen)


RUN = """
import sys
from enginebench.load import Target, measure
from enginebench.records import ClosedLoop, Prompt
prompts = [Prompt(token_ids=(1,), text=None, input_tokens=1, output_tokens=2)] * 4
target = Target(url=sys.argv[1], model="m", api="completions")
load = ClosedLoop(kind="closed", concurrency=2)
measure(target, prompts, load, run="r", seed=1, request_timeout_s=60, processes=2)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=lambda one: one.name)
def test_they_end_with_their_parent(serving, stalled, how):
    url = f"http://127.0.0.1:{serving(stalled).port}"
    words = [sys.executable, "-c", RUN, url]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True) as parent:
        for _ in range(2):
            assert stalled.begun.acquire(timeout=30)
        children = loaders(psutil.Process(parent.pid))
        assert len(children) == 2
        os.killpg(parent.pid, how)
        _, errors = parent.communicate(timeout=30)
    assert gone(children)
    assert errors.count("Traceback") == (1 if how == signal.SIGINT else 0), "Ctrl-C is told once"


def test_a_users_error_comes_over_as_it_is():
    pipe = io.BytesIO()
    _put(pipe, mistake("http://x", "the host is not known", "check the URL"))
    error = _read(io.BytesIO(pipe.getvalue()))
    assert isinstance(error, UserError)
    assert str(error) == "http://x: the host is not known; check the URL"
    assert error.mistakes[0].place == "http://x"


def test_what_breaks_off_in_the_middle_is_an_end():
    pipe = io.BytesIO()
    _put(pipe, "some words")
    assert _read(io.BytesIO(pipe.getvalue())) == "some words"
    for size in (0, 3, 8, 12):
        assert _read(io.BytesIO(pipe.getvalue()[:size])) is None


@pytest.mark.parametrize("load", [ClosedLoop(kind="closed", concurrency=3), OpenLoop(kind="open", rate_rps=200.0)])
def test_progress_reaches_the_end(serving, load):
    told = []
    begun = time.monotonic()
    send(f"http://127.0.0.1:{serving(whole).port}", load, on_done=told.append)
    assert told == sorted(told)
    assert told[-1] == 4
    assert time.monotonic() - begun < 30
