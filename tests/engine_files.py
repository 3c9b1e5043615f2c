"""Files of an engine that lists several versions, and of grids that name it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

GRID = """\
description: versions
models: [smollm2-135m-instruct]
engines: [ENGINES]
workloads: [synthetic-128-64]
precisions: [bf16]
loads: {concurrency: [1]}
"""


def engine_text(versions: Sequence[str], *, overlays: str = "[]", channels: str = "null") -> str:
    """An engine for CPUs with pins a version (`pins-<version>.txt`), and for NVIDIA a command that is there already."""
    return f"""\
kind: vllm
versions: [{", ".join(f'"{version}"' for version in versions)}]
builds:
  cpu:
    precisions: [bf16]
    provision:
      kind: venv
      requirements: pins-{{version}}.txt
      alias: {{name: vllm, version: "{{version}}+cpu", reason: it asks}}
      overlays: {overlays}
      executable: python
    channels: {channels}
  nvidia:
    precisions: [bf16]
    provision: {{kind: executable, executable: vllm}}
"""


def write_grid(path: Path, *engines: str, more: str = "") -> Path:
    """Write a grid that names these engines; `more` goes to its end."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(GRID.replace("ENGINES", ", ".join(engines)) + more, encoding="utf-8")
    return path
