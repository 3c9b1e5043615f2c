"""The tables of a trial, as Parquet with units in their metadata: requests, telemetry, engine, questions."""

from enginebench.tables.columns import (
    COLUMNS,
    DERIVED,
    ENGINE_COLUMNS,
    QUALITY_COLUMNS,
    REQUEST_COLUMNS,
    TELEMETRY_COLUMNS,
    VERSIONS,
    Kind,
    format_name,
)
from enginebench.tables.digest import ContentDigest, content_digest
from enginebench.tables.files import check_table, has_event_times, joined, read_table, write_options, write_table
from enginebench.tables.formats import TRIAL, current, schema, version_of
from enginebench.tables.rows import (
    read_requests,
    requests_table,
    write_engine,
    write_quality,
    write_requests,
    write_telemetry,
)

__all__ = [
    "COLUMNS",
    "DERIVED",
    "ENGINE_COLUMNS",
    "QUALITY_COLUMNS",
    "REQUEST_COLUMNS",
    "TELEMETRY_COLUMNS",
    "TRIAL",
    "VERSIONS",
    "ContentDigest",
    "Kind",
    "check_table",
    "content_digest",
    "current",
    "format_name",
    "has_event_times",
    "joined",
    "read_requests",
    "read_table",
    "requests_table",
    "schema",
    "version_of",
    "write_engine",
    "write_options",
    "write_quality",
    "write_requests",
    "write_table",
    "write_telemetry",
]
