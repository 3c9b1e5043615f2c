"""Runs `enginebench bench` as a user does: a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any


def start(folder: Path, *words: str, **more: Any) -> subprocess.Popen[str]:
    """`enginebench bench WORDS` at work in `folder`."""
    argv = [sys.executable, "-m", "enginebench", "bench", *words]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, **more)


def bench(folder: Path, *words: str) -> tuple[int, str, str]:
    """A whole call: exit code, output, error output."""
    process = start(folder, *words)
    output, errors = process.communicate(timeout=180)
    return process.returncode, output, errors
