"""A night of real engines on this machine, with the cache that all nights of this user share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

from enginebench.store import Store


def night(folder: Path, grid: str) -> tuple[subprocess.CompletedProcess[str], Store]:
    """Run a night of `grid`, whose file and store lie in `folder`."""
    path = folder / "grids" / "real.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(grid, encoding="utf-8")
    argv = [sys.executable, "-m", "enginebench", "night", str(path), "--store", str(folder / "results")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=840, check=False)
    return done, Store(folder / "results")


def engines_left(model: str) -> list[psutil.Process]:
    """Servers of the model at this path that still run."""
    found = [(one, " ".join(one.info["cmdline"] or [])) for one in psutil.process_iter(["cmdline"])]
    return [one for one, words in found if model in words and (" serve " in words or "launch_server" in words)]
