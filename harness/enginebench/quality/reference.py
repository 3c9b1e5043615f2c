"""What a model answers at full precision, stored: `configs/quality/<model>.json`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from enginebench import assets
from enginebench.errors import UserError
from enginebench.records import Thresholds, record
from enginebench.records.files import read


@record
class ReferenceText:
    """One text and what the model expects at each of its tokens; token i is expected from those before it."""

    text: str
    """The text."""
    token_ids: tuple[int, ...]
    """Its tokens, as they are sent."""
    logprobs: tuple[float, ...]
    """Log-probability of each token but the first, nats."""
    top: tuple[tuple[tuple[int, float], ...], ...]
    """The likeliest tokens in place of each token but the first, as (id, log-probability in nats), likeliest first."""


@record
class Learned:
    """One honest server, from several of which the thresholds were learned."""

    condition: str
    """What it was: engine, precision, questions in flight, when."""
    n: int
    """Passes of the gate on it."""
    top1_share: float
    """Lowest of its passes."""
    kl_nats: float
    """Mean of its passes, nats a token."""
    kl_sd_nats: float
    """Standard deviation of its passes, nats a token."""
    nll_difference_nats: float
    """Mean of its passes, nats a token."""
    flip_share: float | None
    """Share of questions on which it differs from the reference; null where none was asked."""


@record
class Reference:
    """A model's reference, with the thresholds and how they were learned."""

    format: Literal["enginebench.reference/1"] = "enginebench.reference/1"
    model: str
    """Name of the model's configuration."""
    weights_sha256: str
    """Hash of the weights it was made from."""
    made: Mapping[str, str]
    """How, by which versions, when."""
    task_version: int
    """Version of the task set that `right` belongs to."""
    right: str
    """`1` for each of the first questions that the model answers right, else `0`."""
    texts: tuple[ReferenceText, ...]
    """Fixed texts."""
    thresholds: Mapping[str, Thresholds]
    """Precision to what an honest server of it keeps to."""
    learned: tuple[Learned, ...]
    """What the thresholds were learned from."""


def path_of(model: str) -> str:
    """Where the reference of a model stands, among the assets."""
    return f"configs/quality/{model}.json"


def load(model: str) -> Reference | None:
    """The reference of the model of that name, from the working folder or as shipped; null if there is none.

    Raises UserError for a file that is wrong.
    """
    try:
        path: Path = assets.find(path_of(model))
    except UserError:
        return None
    return read(Reference, path)


def compact(value: Any) -> str:
    """A reference's plain data as JSON: a key a line, a text a line, so that a change shows as one."""
    import json

    lines = []
    for key, item in value.items():
        if key in ("texts", "learned"):
            rows = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in item)
            lines.append(f' "{key}": [\n  {rows}\n ]')
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(item, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"
