"""How long a store keeps what its summaries were made from."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt

from enginebench.records.base import record

Days = Annotated[int, Gt(0)]


@record
class Retention:
    """Days after its night that a trial's data is kept; null: for ever. Results, summaries of all of it, always are."""

    chunk_times_days: Days | None = None
    """Arrival and tokens of every event (`event_ns`, `event_tokens` of `requests`)."""
    requests_days: Days | None = None
    """The rows of requests."""
    telemetry_days: Days | None = None
    """Samples of the accelerators."""
    engine_days: Days | None = None
    """Samples of what the engine told of itself."""
    quality_days: Days | None = None
    """Outcomes of the quality gate's questions."""
    logs_days: Days | None = None
    """Logs of the server and of lm-eval."""
