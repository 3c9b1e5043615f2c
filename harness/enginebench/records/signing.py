"""What the signature of a night signs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from enginebench.records.base import record


@record
class SignedTrial:
    """What a trial holds, by its hashes, which stay the same in a folder, in compacted parts and in a copy."""

    trial: str
    """Its id."""
    files: Mapping[str, str]
    """Name of each file that is no table to the SHA-256 of its content, in hex; `result.json` is one of them."""
    tables: Mapping[str, str]
    """Name of each table to the digest of what it holds, in hex; `requests-chunk_times` is `requests` without the times
    of events, which retention may drop before the rest."""


@record
class SignedNight:
    """The contents of `signatures/<night>.json`; its signature, in minisign's format, is `<night>.json.minisig`."""

    format: Literal["enginebench.signature/1"] = "enginebench.signature/1"
    night: str
    """The night."""
    trials: tuple[SignedTrial, ...]
    """All its trials, by id."""
