"""A store's retention policy: `configs/retention.yaml` or a file of one's own."""

from __future__ import annotations

from pathlib import Path

from enginebench.config.check import build
from enginebench.config.documents import load
from enginebench.records import Retention


def read_retention(path: Path) -> Retention:
    """The policy in a file; raises UserError naming line, key and value of a mistake."""
    return build(Retention, load(path))
