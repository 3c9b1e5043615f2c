"""The columns of a trial's tables, their types and meanings, and the version of each table's layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Kind = Literal["requests", "telemetry", "engine", "quality"]
"""Which table: the name of its file."""

REQUEST_COLUMNS: Mapping[str, tuple[str, str]] = {
    "run": ("string", "id of the run"),
    "index": ("int32", "position in the run's prompts, from 0"),
    "scheduled_ns": ("int64", "when it was due, ns since the run's start"),
    "sent_ns": ("int64", "just before its first byte was sent, ns since the run's start"),
    "first_token_ns": ("int64", "arrival of the first token-bearing event, ns since the run's start; null: none came"),
    "last_token_ns": ("int64", "arrival of the last token-bearing event, ns since the run's start; null: none came"),
    "end_ns": ("int64", "end of the stream or of the attempt, ns since the run's start"),
    "event_ns": (
        "list<int64>",
        "arrival of every token-bearing event, ns since the run's start; null: chunk times were not asked for",
    ),
    "input_tokens": ("int32", "tokens sent to be read"),
    "output_tokens": ("int32", "tokens the server says it wrote; null: it did not say"),
    "asked_output_tokens": ("int32", "output length asked for, tokens"),
    "usage_input_tokens": ("int32", "tokens the server says it read; null: it did not say"),
    "cached_tokens": ("int32", "input tokens the server took from its prefix cache; null: it did not say"),
    "status": (
        "string",
        "ok, http_error, stream_error, truncated, timeout, connection, bad_json, bad_utf8 or bad_http",
    ),
    "http_status": ("int32", "HTTP status; null: no response line came"),
    "error": ("string", "what went wrong, in one line; null: nothing"),
    "first_chars": ("int32", "characters of text in the first token-bearing event"),
    "output_chars": ("int32", "characters of text in all token-bearing events"),
    "event_tokens": (
        "list<int32>",
        "tokens of every token-bearing event; null: the server does not tell, or chunk times were not asked for",
    ),
    "shared_reads": (
        "int32",
        "token-bearing events that came in one read with a later one: their times are bounds",
    ),
    "seen": ("list<string>", "what was met in the response, sorted: classes of docs/load.md"),
    "first_event_ns": (
        "int64",
        "arrival of the first event with a choice, be it without a token, ns since the run's start; null: none came",
    ),
    "events": ("int32", "token-bearing events that came"),
    "itl_max_ns": (
        "int64",
        "longest gap between two token-bearing events that follow one another, ns; null: fewer than two came",
    ),
}
"""Column of `requests.parquet` to its type and meaning."""

TELEMETRY_COLUMNS: Mapping[str, tuple[str, str]] = {
    "t_ns": ("int64", "time of the sample, ns since the epoch, UTC"),
    "device": ("int32", "index of the accelerator; null: the whole machine"),
    "power_w": ("float64", "power drawn, W; null: the part does not tell"),
    "energy_j": ("float64", "energy counter, J; null: the part has none"),
    "utilisation": ("float64", "busy share, 0 to 1; null: the part does not tell"),
    "memory_bytes": ("int64", "memory in use, bytes; null: the part does not tell"),
    "temperature_c": ("float64", "temperature, degrees Celsius; null: the part does not tell"),
    "cpu_busy_cores": ("float64", "busy CPU cores of the machine; null in rows of devices"),
}
"""Column of `telemetry.parquet` to its type and meaning."""


ENGINE_COLUMNS: Mapping[str, tuple[str, str]] = {
    "t_ns": ("int64", "time of the sample, ns since the epoch, UTC"),
    "requests_running": ("float64", "requests in the batch; null: the engine does not tell"),
    "requests_waiting": ("float64", "requests queued; null: the engine does not tell"),
    "kv_cache_share": ("float64", "KV cache in use, 0 to 1; null: the engine does not tell"),
    "prefix_queried_tokens": ("float64", "input tokens looked up in the prefix cache since the server's start"),
    "prefix_hit_tokens": ("float64", "input tokens taken from the prefix cache since the server's start"),
    "preemptions": ("float64", "requests put back for want of KV cache since the server's start"),
    "drafted_tokens": ("float64", "tokens drafted by speculative decoding since the server's start"),
    "accepted_tokens": ("float64", "drafted tokens that were kept since the server's start"),
    "acceptance_share": ("float64", "accepted / drafted tokens, 0 to 1, where the engine tells no counters"),
}
"""Column of `engine.parquet` to its type and meaning."""

QUALITY_COLUMNS: Mapping[str, tuple[str, str]] = {
    "when": ("string", "before or after the load"),
    "item": ("int32", "the question's place in the task set, from 0"),
    "family": ("string", "the question's family; `lm-eval TASK METRIC` for a document of lm-eval's"),
    "right": ("bool", "whether the answer is right"),
    "answer": ("string", "the answer's first 200 characters; null: none came"),
    "error": ("string", "why none came; null: one did"),
}
"""Column of `quality.parquet` to its type and meaning."""

DERIVED = ("events", "itl_max_ns")
"""Columns of requests that are no fields of a Request: what is left of its events where their times are not kept.

They say what a drill-down looks for first: whether the tokens came one by one or in lumps (`events` beside
`output_tokens`), and whether the answer stalled (`itl_max_ns` beside the mean gap, which the other columns give).
"""

COLUMNS: Mapping[Kind, Mapping[str, tuple[str, str]]] = {
    "requests": REQUEST_COLUMNS,
    "telemetry": TELEMETRY_COLUMNS,
    "engine": ENGINE_COLUMNS,
    "quality": QUALITY_COLUMNS,
}
"""Table to its columns."""

VERSIONS: Mapping[Kind, int] = {"requests": 2, "telemetry": 1, "engine": 1, "quality": 1}
"""Table to the version of its layout that is written; every one up to it is read."""


def format_name(kind: Kind, version: int | None = None) -> str:
    """What stands as `format` in a file's metadata: `enginebench.requests/2`; without a version, today's."""
    return f"enginebench.{kind}/{VERSIONS[kind] if version is None else version}"
