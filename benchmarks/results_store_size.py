"""A million runs read, in a fresh process a question: through the store, with DuckDB on its parts, and by the peers.

python benchmarks/results_store_size.py QUESTION PLACE   # one question, as JSON: milliseconds, peak memory, answer
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

METRIC = "output_tps_per_accelerator"


def latest(place: str) -> Any:
    """The newest figure of each configuration."""
    from enginebench.store import Store

    runs = Store(place).runs(columns=["series", METRIC])
    newest = runs.drop_duplicates("series", keep="last")
    return len(newest), float(newest[METRIC].sum())


def year(place: str) -> Any:
    """The median of one metric for each configuration and night."""
    from enginebench.store import Store

    runs = Store(place).runs(columns=["series", "night", METRIC])
    found = runs.groupby(["series", "night"], sort=False)[METRIC].median()
    return len(found), float(found.sum())


def night(place: str) -> Any:
    """All columns of the runs of one night."""
    from enginebench.store import Store

    runs = Store(place).runs(night="2026-05-05")
    return len(runs), float(runs[METRIC].sum())


def trial(place: str) -> Any:
    """The request rows of one trial."""
    from enginebench.store import Store

    rows = Store(place).requests(_trial(place))
    return len(rows), float(rows["sent_ns"].sum())


def result(place: str) -> Any:
    """The result of one trial."""
    from enginebench.store import Store

    return Store(place).result(_trial(place)).trial, 0.0


def whole(place: str) -> Any:
    """The table of runs with all its columns."""
    from enginebench.store import Store

    runs = Store(place).runs()
    return len(runs), float(runs[METRIC].sum())


def _trial(place: str) -> str:
    """One of the middle of the year, found without the store."""
    newest = max(Path(place).glob("manifests/*.json"))
    return str(json.loads(newest.read_bytes())["trials"]["2026-05-05"][100])


def _duckdb(place: str, table: str = "runs") -> Any:
    """Three lines: the newest manifest, the parts that it names, a query."""
    import duckdb

    newest = max(Path(place).glob("manifests/*.json"))
    parts = [f"{place}/{p['path']}" for p in json.loads(newest.read_text())["parts"] if p["table"] == table]
    duckdb.sql("set threads = 2")
    duckdb.read_parquet(parts, union_by_name=True).create_view(table)
    return duckdb


LATEST = f"select count(*), sum(x) from (select arg_max({METRIC}, (started_utc, run)) x from runs group by series)"
YEAR = f"select count(*), sum(x) from (select median({METRIC}) x from runs group by series, night)"


def duckdb_latest(place: str) -> Any:
    duck = _duckdb(place)
    return duck.sql(LATEST).fetchall()[0]


def duckdb_year(place: str) -> Any:
    duck = _duckdb(place)
    return duck.sql(YEAR).fetchall()[0]


def duckdb_night(place: str) -> Any:
    duck = _duckdb(place)
    found = duck.sql("select * from runs where night = '2026-05-05'").df()
    return len(found), float(found[METRIC].sum())


def duckdb_trial(place: str) -> Any:
    name = _trial(place)
    duck = _duckdb(place, "requests")
    found = duck.sql(f"select * from requests where trial = '{name}'").df()
    return len(found), float(found["sent_ns"].sum())


QUESTIONS: dict[str, Callable[[str], Any]] = {
    one.__name__: one
    for one in (latest, year, night, trial, result, whole, duckdb_latest, duckdb_year, duckdb_night, duckdb_trial)
}


def main() -> None:
    question, place = sys.argv[1:]
    # What every program of this kind has loaded before it asks; the process as a whole is timed outside.
    if question.startswith("duckdb"):
        import duckdb  # noqa: F401
        import pandas  # noqa: F401
    else:
        import pyarrow.dataset  # noqa: F401

        import enginebench.store.frames  # noqa: F401
    loaded_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun = time.perf_counter()
    answer = QUESTIONS[question](place)
    ms = (time.perf_counter() - begun) * 1e3
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"ms": ms, "peak_mb": peak_mb, "loaded_mb": loaded_mb, "answer": answer}))


if __name__ == "__main__":
    main()
