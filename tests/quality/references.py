"""A made-up reference, what a server that agrees with it answers, and one that does not."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from enginebench.quality import Reference, tasks
from enginebench.quality.reference import ReferenceText
from enginebench.records import Thresholds

LIMITS = Thresholds(top1_share=0.9, kl_nats=0.01, nll_difference_nats=0.05, flip_share=0.02)


def a_text(tokens: int = 40, first: int = 10) -> ReferenceText:
    """Each token has p = 0.25, the likeliest in its place 0.5, a third 0.125, all others the rest."""
    ids = tuple(range(first, first + tokens))
    top = tuple(
        ((token + 100, math.log(0.5)), (token, math.log(0.25)), (token + 200, math.log(0.125))) for token in ids
    )
    return ReferenceText(text="made up", token_ids=ids, logprobs=(math.log(0.25),) * (tokens - 1), top=top[1:])


def a_reference(*, right: str = "1" * 50, thresholds: Thresholds = LIMITS, model: str = "tiny") -> Reference:
    return Reference(
        model=model,
        weights_sha256="0" * 64,
        made={"how": "made up"},
        task_version=tasks.VERSION,
        right=right,
        texts=(a_text(), a_text(first=60)),
        thresholds={"bf16": thresholds},
        learned=(),
    )


def rows(text: ReferenceText, tilt: float = 0.0) -> list[dict[int, float]]:
    """What a server says of `text`: the reference's own, the likeliest made `tilt` nats less likely."""
    return [
        {token: value - tilt * (place == 0) for place, (token, value) in enumerate(likeliest)} for likeliest in text.top
    ]


def canned(
    path: Path, reference: Reference, *, wrong: Sequence[int] = (), tilt: float = 0.0, logprobs: bool = True
) -> Path:
    """The file of a scripted engine that answers right but for the items in `wrong`."""
    answers = {item.prompt: " " + item.answer for item in tasks.items(50) if item.index not in wrong}
    given: dict[str, Any] = {
        ",".join(map(str, text.token_ids)): [
            {str(token): {"logprob": value} for token, value in row.items()} for row in rows(text, tilt)
        ]
        for text in reference.texts
        if logprobs
    }
    path.write_text(json.dumps({"answers": answers, "logprobs": given}), encoding="utf-8")
    return path
