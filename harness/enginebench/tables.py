"""The tables of a trial, as Parquet with units in their metadata: requests, telemetry, engine, questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from enginebench.records import EngineSample, ItemOutcome, Request, plain

REQUEST_COLUMNS: Mapping[str, tuple[str, str]] = {
    "run": ("string", "id of the run"),
    "index": ("int32", "position in the run's prompts, from 0"),
    "scheduled_ns": ("int64", "when it was due, ns since the run's start"),
    "sent_ns": ("int64", "just before its first byte was sent, ns since the run's start"),
    "first_token_ns": ("int64", "arrival of the first token-bearing event, ns since the run's start; null: none came"),
    "last_token_ns": ("int64", "arrival of the last token-bearing event, ns since the run's start; null: none came"),
    "end_ns": ("int64", "end of the stream or of the attempt, ns since the run's start"),
    "event_ns": ("list<int64>", "arrival of every token-bearing event, ns since the run's start"),
    "input_tokens": ("int32", "tokens sent to be read"),
    "output_tokens": ("int32", "tokens the server says it wrote; null: it did not say"),
    "asked_output_tokens": ("int32", "output length asked for, tokens"),
    "usage_input_tokens": ("int32", "tokens the server says it read; null: it did not say"),
    "cached_tokens": ("int32", "input tokens the server took from its prefix cache; null: it did not say"),
    "status": ("string", "ok, http_error, stream_error, truncated, timeout or connection"),
    "http_status": ("int32", "HTTP status; null: no response line came"),
    "error": ("string", "what went wrong, in one line; null: nothing"),
    "first_chars": ("int32", "characters of text in the first token-bearing event"),
    "output_chars": ("int32", "characters of text in all token-bearing events"),
    "first_event_ns": (
        "int64",
        "arrival of the first event with a choice, be it without a token, ns since the run's start; null: none came",
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
    "family": ("string", "the question's family"),
    "right": ("bool", "whether the answer is right"),
    "answer": ("string", "the answer's first 200 characters; null: none came"),
    "error": ("string", "why none came; null: one did"),
}
"""Column of `quality.parquet` to its type and meaning."""


def write_requests(requests: Sequence[Request], path: Path) -> None:
    """Write rows of requests to `path`."""
    _write([plain(request) for request in requests], REQUEST_COLUMNS, path)


def read_requests(path: Path) -> tuple[Request, ...]:
    """The rows that write_requests wrote, equal to what it was given."""
    import pyarrow.parquet as pq

    rows = pq.read_table(path).to_pylist()
    return tuple(Request(**{**row, "event_ns": tuple(row["event_ns"])}) for row in rows)


def write_telemetry(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write samples to `path`; a row may lack columns, which become null."""
    _write([{name: row.get(name) for name in TELEMETRY_COLUMNS} for row in rows], TELEMETRY_COLUMNS, path)


def write_engine(samples: Sequence[EngineSample], path: Path) -> None:
    """Write what the engine told of itself to `path`."""
    _write([plain(sample) for sample in samples], ENGINE_COLUMNS, path)


def write_quality(items: Sequence[ItemOutcome], path: Path) -> None:
    """Write the outcomes of questions to `path`."""
    _write([plain(item) for item in items], QUALITY_COLUMNS, path)


def _write(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, tuple[str, str]], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        "string": pa.string(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
        "list<int64>": pa.list_(pa.int64()),
    }
    schema = pa.schema(
        [pa.field(name, types[kind], metadata={"meaning": meaning}) for name, (kind, meaning) in columns.items()]
    )
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path, compression="zstd")
