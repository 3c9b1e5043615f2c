"""Get an engine ready: an environment of its own, a command that is there already, or a URL. One file a kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from enginebench.provision import endpoint, executable, venv
from enginebench.provision.prepared import Prepared
from enginebench.records import ExecutableProvision, Provision, VenvProvision

__all__ = ["Prepared", "prepare", "present"]


def prepare(provision: Provision, cache: Path, say: Callable[[str], None]) -> Prepared:
    """Make `provision` usable, building under `cache` what it needs; raises TrialError (`provision`) if it can't be.

    `say` is told in a line what takes long.
    """
    if isinstance(provision, VenvProvision):
        return venv.prepare(provision, cache, say)
    if isinstance(provision, ExecutableProvision):
        return executable.prepare(provision)
    return endpoint.prepare(provision)


def present(provision: Provision, cache: Path) -> Prepared | None:
    """`provision` as `prepare` gives it where nothing must be built for that, else null; raises TrialError likewise."""
    if isinstance(provision, VenvProvision) and not venv.built(provision, cache):
        return None
    return prepare(provision, cache, lambda words: None)
