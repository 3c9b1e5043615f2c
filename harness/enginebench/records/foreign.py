"""What another tool's file says of one measured point, kept as given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from enginebench.records.base import Scalar, content_hash, plain, record


@record
class SameAs:
    """A metric of ours whose definition is the very same as that of a foreign figure."""

    metric: str
    """Name of the metric, as in docs/metrics.md."""
    factor: float
    """The figure times this is in the metric's stored unit."""


@record
class ForeignPoint:
    """The contents of `foreign/<tool>/….json`: one point that another tool measured. Null: the file does not say."""

    format: Literal["enginebench.foreign/1"] = "enginebench.foreign/1"
    kind: Literal["benchmark", "evaluation", "reliability"] = "benchmark"
    """What was counted: `benchmark` the requests of a load; `evaluation` answers to a task's questions; `reliability`
    jobs that ended well. Only the first is a measurement of speed."""
    tool: str
    """Key of the importer that read it, as `vllm_bench`."""
    tool_version: str | None
    """Version of the tool."""
    file: str
    """Name of the file, without its folder."""
    file_sha256: str
    """SHA-256 of the file, in hex."""
    place: int
    """Place of the point in the file, from 0."""
    occurrence: int = 0
    """How many rows of the very same content stand before it in the file, where each row is a happening of its own and
    the tool gives none a name; else 0."""
    date: str | None
    """When it was measured, as the file writes it."""
    model: str | None
    """Model, as the tool was told."""
    engine: str | None
    """Engine or kind of endpoint, as the tool was told."""
    concurrency: float | None
    """Requests in flight that were asked for."""
    rate_rps: float | None
    """Arrivals a second that were asked for; null also where all were due at once."""
    input_tokens: float | None
    """Input tokens of a request: those asked for, else the mean of those counted."""
    output_tokens: float | None
    """Output tokens of a request, likewise."""
    completed_requests: int | None
    """Requests that the tool counts as good."""
    failed_requests: int | None
    """Requests that the tool counts as failed."""
    said: Mapping[str, Scalar] = field(default_factory=dict)
    """What else the file says of the point, as given: hardware, image, splits; nested names are joined by dots."""
    figures: Mapping[str, int | float | None]
    """Every figure under the name and in the unit of the file; nested names are joined by dots."""
    same_as: Mapping[str, SameAs]
    """Figure to the metric of ours that it is, where the definitions are the very same."""
    unlike: Mapping[str, str]
    """Figure to how it differs from what its name says here."""
    notes: tuple[str, ...]
    """What a reader must know, as a number that was not finite and is null here."""

    def identity(self) -> str:
        """Hash of what the tool says: the same in a copy of the file, in one with more runs, for another importer."""
        ours = {"format", "file", "file_sha256", "place", "same_as", "unlike", "notes"}
        said = {name: value for name, value in plain(self).items() if name not in ours}
        said["said"] = {name: value for name, value in self.said.items() if value is not None}
        # Without nulls, and without later fields that say nothing: a field added later changes no identity.
        silent = {"kind": "benchmark", "occurrence": 0, "said": {}}
        return content_hash(
            {name: value for name, value in said.items() if value is not None and value != silent.get(name)}
        )
