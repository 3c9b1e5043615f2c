"""What provisioning gives, and the one way in which something is built once for all processes that ask."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path

from enginebench.records import record


@record
class Prepared:
    """An engine that can be started, or a server that runs."""

    executable: Path | None
    """Command that starts the engine; null for a URL."""
    python: Path | None
    """Python of the engine's environment; null where enginebench did not make one."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables the command needs."""
    url: str | None = None
    """Base URL of a running server; null otherwise."""
    lock_hash: str | None = None
    """First 16 hex digits of SHA-256 over `installed`; null where enginebench did not install it."""
    digest: str | None = None
    """`sha256:…` of the command's file where enginebench did not install it, null otherwise."""
    installed: tuple[str, ...] = ()
    """Installed distributions, `name==version`, sorted; empty where enginebench did not install it."""
    notes: tuple[str, ...] = ()
    """What a reader of the results must know."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Which of `lock_hash` and `digest` is null, to the reason."""


@contextmanager
def only_builder(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Held by the one process that builds `path`; others wait here, then find it built.

    A child started with `close_fds=False` holds it too: one that outlives its killed parent still writes to `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("a") as file:
        os.set_inheritable(file.fileno(), True)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that builds {path.name}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
