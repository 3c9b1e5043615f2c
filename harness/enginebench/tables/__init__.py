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
from enginebench.tables.files import joined, read_table, write_table
from enginebench.tables.formats import TRIAL, current, schema
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
    "Kind",
    "current",
    "format_name",
    "joined",
    "read_requests",
    "read_table",
    "requests_table",
    "schema",
    "write_engine",
    "write_quality",
    "write_requests",
    "write_table",
    "write_telemetry",
]
