"""Calls of uv, the installer: chosen over pip for its speed (12 s against minutes) and its cache of hard links."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from enginebench.errors import TrialError

_MISSING = ("was not found", "no version of", "not found in the", "no matching distribution", "unsatisfiable")
"""Pieces of uv's words for something that is on none of the indexes it asked."""


def call(arguments: Sequence[str], log: Path) -> None:
    """Run uv; its words are added to `log`. Raises TrialError with its last lines."""
    from uv import find_uv_bin

    log.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [find_uv_bin(), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "UV_NO_PROGRESS": "1", "UV_NO_CONFIG": "1"},
        close_fds=False,
        check=False,
    )
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ uv {' '.join(arguments)}\n{done.stdout}\n")
    if done.returncode != 0:
        words = " ".join(" ".join(done.stdout.split()).rsplit("error:", 1)[-1].split())[-600:]
        raise TrialError("provision", f"uv {arguments[0]} failed: {words} (whole log: {log})")


def install(arguments: Sequence[str], log: Path, extra_index: str | None) -> None:
    """`uv pip install` from where pip looks; `extra_index` is asked only if something was not found without it."""
    _ask("install", arguments, log, extra_index)


def compile(arguments: Sequence[str], log: Path, extra_index: str | None) -> None:
    """`uv pip compile`, looking as `install` does."""
    _ask("compile", arguments, log, extra_index)


def _ask(command: str, arguments: Sequence[str], log: Path, extra_index: str | None) -> None:
    # Of all indexes the best version, as pip takes it; uv's default would stop at the first that knows the name.
    first = ["pip", command, "--index-strategy", "unsafe-best-match", *pip_sources()]
    try:
        call([*first, *arguments], log)
    except TrialError as error:
        if extra_index is None or not any(piece in str(error).lower() for piece in _MISSING):
            raise
        more = [word for index in extra_index.split() for word in ("--extra-index-url", index)]
        try:
            call([*first, *more, *arguments], log)
        except TrialError as second:
            # Of an index that can't be reached nothing is learnt: what was missing before it is the reason.
            raise (error if "failed to fetch" in str(second).lower() else second) from None


@cache
def pip_sources() -> tuple[str, ...]:
    """uv's flags for the indexes and folders that pip is set up to use here; uv itself does not read pip's settings."""
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[str, list[str]] = {}
    result: list[str] = []
    for line in asked.stdout.splitlines():
        name, _, value = line.partition("=")
        key = name.rpartition(".")[2].replace("_", "-")
        if key in ("index-url", "extra-index-url", "find-links"):
            found[key] = [*found.get(key, []), *value.strip("'\"").replace("\\n", " ").split()]
        elif key == "no-index" and value.strip("'\"").lower() in ("1", "true", "yes", "on"):
            result.append("--no-index")
    for key, values in found.items():
        for value in dict.fromkeys(values):
            result += [f"--{key}", value]
    return tuple(result)
