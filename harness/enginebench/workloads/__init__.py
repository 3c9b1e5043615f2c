"""Workloads: what requests look like. One file a kind of prompt, seeded and exact in tokens.

Adding `workloads/foo.py` with a `GENERATOR` is the whole change; a distribution of someone else's registers its
generator under the entry point group `enginebench.workloads`. A file whose name begins with `_` is no kind.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, cast

from enginebench import extensions
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
    return extensions.known(__name__)


def get(kind: str) -> Generator:
    """The generator of that name; raises UserError for an unknown one."""
    found = extensions.find(__name__, kind, "GENERATOR")
    if found is None:
        raise mistake(f"workload kind `{kind}`", "no generator has that name", f"known: {', '.join(known())}")
    return cast(Generator, found)
