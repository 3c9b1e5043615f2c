"""The million runs in the peers' formats: made from our parts, asked in fresh processes, in the peers' environment.

python benchmarks/results_store_peers_size.py make|latest|year sqlite|delta|lance OURS PLACE
"""

from __future__ import annotations

import json
import resource
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

METRIC = "output_tps_per_accelerator"
LATEST = f"select count(*), sum(x) from (select arg_max({METRIC}, (started_utc, run)) x from runs group by series)"
YEAR = f"select count(*), sum(x) from (select median({METRIC}) x from runs group by series, night)"
COLUMNS = {"latest": ["series", "started_utc", "run", METRIC], "year": ["series", "night", METRIC]}
SQLITE = {
    # By the index alone: from series to series, the newest row of each.
    "latest": f"""
        with recursive every(series) as (
            select min(series) from runs
            union all
            select (select min(series) from runs where series > every.series) from every where series is not null
        )
        select count(*), sum(x) from (
            select (select {METRIC} from runs where series = every.series order by started_utc desc, run desc limit 1) x
            from every where series is not null
        )""",
    # It has no median.
    "year": f"select count(*), sum(x) from (select avg({METRIC}) x from runs group by series, night)",
}


def batches(ours: Path) -> tuple[Any, Iterator[Any]]:
    """Schema and record batches of the table of runs."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    newest = max(ours.glob("manifests/*.json"))
    parts = sorted(str(ours / p["path"]) for p in json.loads(newest.read_bytes())["parts"] if p["table"] == "runs")
    found = ds.dataset(parts, format="parquet")
    schema = pa.schema([field.remove_metadata() for field in found.schema])
    return schema, (batch.cast(schema) for batch in found.to_batches() if batch.num_rows)


def make(kind: str, ours: Path, place: Path) -> None:
    import pyarrow as pa

    schema, found = batches(ours)
    place.mkdir(parents=True)
    if kind == "delta":
        from deltalake import DeltaTable, write_deltalake

        write_deltalake(str(place), pa.RecordBatchReader.from_batches(schema, found))
        DeltaTable(str(place)).optimize.compact()
    elif kind == "lance":
        import lancedb

        lancedb.connect(str(place)).create_table("runs", pa.RecordBatchReader.from_batches(schema, found)).optimize()
    else:
        db = sqlite3.connect(place / "store.db")
        db.execute("pragma journal_mode=wal")
        columns = ", ".join(f'"{name}"' for name in schema.names)
        db.execute(f"create table runs ({columns})")
        holes = ", ".join("?" * len(schema.names))
        for batch in found:
            values = [_plain(batch.column(name), schema.field(name)) for name in schema.names]
            db.executemany(f"insert into runs values ({holes})", zip(*values, strict=True))
            db.commit()
        db.execute("create index by_series on runs (series, started_utc)")
        db.commit()


def _plain(column: Any, field: Any) -> list[Any]:
    kind = str(field.type)
    if kind.startswith("list"):
        return [json.dumps(value) for value in column.to_pylist()]
    if kind.startswith("timestamp"):
        return [value.isoformat() for value in column.to_pylist()]
    return list(column.to_pylist())


def ask(question: str, kind: str, place: Path) -> Any:
    if kind == "sqlite":
        return sqlite3.connect(place / "store.db").execute(SQLITE[question]).fetchone()
    import duckdb

    columns = COLUMNS[question]
    duckdb.sql("set threads = 2")
    if kind == "delta":
        from deltalake import DeltaTable

        runs = DeltaTable(str(place)).to_pyarrow_dataset()
    else:
        import lancedb

        runs = lancedb.connect(str(place)).open_table("runs").search().select(columns).limit(2_000_000_000).to_arrow()
    duckdb.register("runs", runs)
    return duckdb.sql({"latest": LATEST, "year": YEAR}[question]).fetchall()[0]


def main() -> None:
    question, kind, ours, where = sys.argv[1:]
    place = Path(where)
    if question == "make":
        if not (place / "whole").exists():
            shutil.rmtree(place, ignore_errors=True)
            make(kind, Path(ours), place)
            (place / "whole").touch()
        print(json.dumps({"bytes": sum(path.stat().st_size for path in place.rglob("*") if path.is_file())}))
        return
    if kind != "sqlite":
        import duckdb  # noqa: F401
        import pyarrow.dataset  # noqa: F401

        __import__({"delta": "deltalake", "lance": "lancedb"}[kind])
    begun = time.perf_counter()
    answer = ask(question, kind, place)
    ms = (time.perf_counter() - begun) * 1e3
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"ms": ms, "peak_mb": peak_mb, "answer": answer}))


if __name__ == "__main__":
    main()
