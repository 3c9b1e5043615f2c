"""Workloads: what requests look like. One file a kind of prompt, seeded and exact in tokens.

Adding `workloads/foo.py` with a `GENERATOR` is the whole change; a distribution of someone else's registers its
generator under the entry point group `enginebench.workloads`. A file whose name begins with `_` is no kind.
"""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, cast

from enginebench.errors import mistake
from enginebench.records import Model, Prompt, Workload


class Generator(Protocol):
    """Makes the prompts of a workload."""

    def prompts(
        self,
        workload: Workload,
        model: Model,
        *,
        count: int,
        seed: int,
        tokenizer: Path | None,
        chat_overhead_tokens: int = 0,
    ) -> tuple[Prompt, ...]:
        """`count` prompts, all distinct, each exactly as long as the workload says; the same for the same arguments on
        any machine and Python, others for any other seed or workload.

        `tokenizer` is the model's folder with its `tokenizer.json`: needed for chat only. `chat_overhead_tokens` is
        what the chat template adds to a user message, tokens. Raises UserError when such prompts can't be made.
        """


def known() -> tuple[str, ...]:
    """Names of all kinds of workload that there is a generator for."""
    return tuple(sorted({*_own(), *(point.name for point in entry_points(group="enginebench.workloads"))}))


def get(kind: str) -> Generator:
    """The generator of that name; raises UserError for an unknown one."""
    if kind in _own():
        return cast(Generator, importlib.import_module(f"{__name__}.{kind}").GENERATOR)
    for point in entry_points(group="enginebench.workloads", name=kind):
        return cast(Generator, point.load())
    raise mistake(f"workload kind `{kind}`", "no generator has that name", f"known: {', '.join(known())}")


def _own() -> set[str]:
    return {module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")}
