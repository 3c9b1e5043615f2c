"""Fixtures of all tests, and their order: what runs beside other tests, what runs alone, what needs an engine last."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from raw_server import Serving

# The same examples every time, and no time limit on a busy machine.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")

TESTS = Path(__file__).parent
SCRIPTED = TESTS / "scripted_engine.py"
ALONE = tuple(
    TESTS / name
    for name in (
        *("bench", "calibration", "load", "trial/test_pacing.py", "trial/test_trial.py"),
        *("test_night_compared.py", "test_night_versions.py", "test_scrape.py", "test_telemetry.py", "test_usage.py"),
    )
)
"""Folders and files whose tests hold times against a clock or each other: other tests at work would spoil them."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what runs alone. Fast tests first, then the browser's, then real engines; the order within each stays."""

    def rank(item: pytest.Item) -> int:
        return 2 if item.get_closest_marker("engine") else 1 if item.get_closest_marker("browser") else 0

    assert all(path.exists() for path in ALONE), "a file has moved: ALONE must name what runs alone"
    for item in items:
        if any(item.path.is_relative_to(path) for path in ALONE):
            item.add_marker("alone")
    items.sort(key=rank)


class Scripted:
    """A running scripted engine."""

    def __init__(self, url: str, process: subprocess.Popen[str]) -> None:
        self.url = url
        self.process = process

    def record(self) -> dict[str, Any]:
        """What the server saw and when it sent: `requests`, `most_in_flight`."""
        with urllib.request.urlopen(self.url + "/record", timeout=10) as answer:
            return json.load(answer)


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    """Starts a scripted engine: `scripted(ttft_ms=50, itl_ms=10, …)`, fields of scripted_engine.Script."""
    running: list[subprocess.Popen[str]] = []

    def start(**script: Any) -> Scripted:
        process = subprocess.Popen(
            [sys.executable, str(SCRIPTED), "--script", json.dumps(script)], stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        assert process.stdout is not None
        return Scripted(process.stdout.readline().split()[-1], process)

    yield start
    for process in running:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def serving() -> Iterator[Callable[..., Serving]]:
    """Starts a server that answers as the test says: `serving(answer)`, arguments of raw_server.Serving."""
    running: list[Serving] = []

    def start(answer: Callable[[Any, int], Any], **more: Any) -> Serving:
        running.append(Serving(answer, **more))
        return running[-1]

    yield start
    for one in running:
        one.listener.close()
