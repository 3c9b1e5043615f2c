"""Runs one attempt on this machine, in a process of its own that ends when its starter dies."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from enginebench.records import Attempt
from enginebench.records.files import to_json


class RunningTrial:
    """An `enginebench run` at work: iterate for its events, then ask for its exit code."""

    def __init__(self, process: subprocess.Popen[str], errors: Path) -> None:
        self._process = process
        self._errors = errors

    @property
    def pid(self) -> int:
        """Process id of the trial."""
        return self._process.pid

    def events(self) -> Iterator[dict[str, Any]]:
        """Events as they come, until the trial ends."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                yield json.loads(line)

    def wait(self) -> int:
        """The exit code: 0 complete, 1 failed, 2 refused with nothing started, 3 interrupted."""
        code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        return code

    def stop(self) -> None:
        """Ask the trial to end with what it has, and wait for it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self.wait()

    def words(self) -> str:
        """What the trial wrote to its error output."""
        return self._errors.read_text(encoding="utf-8", errors="replace").strip()


def start(attempt: Attempt, out: Path, *, cache: Path) -> RunningTrial:
    """Start measuring `attempt` into `out`. The trial watches its standard input: when we die, it ends cleanly."""
    out.parent.mkdir(parents=True, exist_ok=True)
    order = out.with_name(out.name + ".job.json")
    order.write_text(to_json(attempt), encoding="utf-8")
    errors = out.with_name(out.name + ".errors.txt")
    words = ["-m", "enginebench", "run", str(order), "--out", str(out), "--cache", str(cache), "--events"]
    with errors.open("w", encoding="utf-8") as sink:
        process = subprocess.Popen(
            [sys.executable, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            start_new_session=True,
        )
    return RunningTrial(process, errors)
