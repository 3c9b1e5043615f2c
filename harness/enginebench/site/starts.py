"""Per-start means as the page of comparisons loads them: it does in the browser what `analysis.compare` does here."""

from __future__ import annotations

from typing import Any

import pandas as pd

from enginebench.analysis import compare, matching
from enginebench.analysis.estimate import LEAST
from enginebench.analysis.points import FAILED
from enginebench.analysis.starts import POINT, answered_wrong, invalid, means, sound
from enginebench.report import SHOWN
from enginebench.site.chunks import Chunks, slug, table
from enginebench.stopping import SPOILT
from enginebench.store.columns import COLUMNS as OF_RUNS

METRICS = tuple(
    dict.fromkeys(
        (
            *SHOWN,
            *("total_tps_per_accelerator", "normalised_interactivity_tps", "requests_rps", "success_share"),
            *("ttft_p50_ns", "ttft_p90_ns", "ttft_p99_ns", "tpot_p99_ns", "itl_p99_ns", "e2el_mean_ns", "e2el_p99_ns"),
            *("energy_j_per_output_token", compare.SPEED, compare.RATE),
        )
    )
)
"""Metrics that can be compared on the page; `enginebench compare` takes every one."""
_OF_ONE_RUN = (
    *("run", "repeat", "position", "started_utc", "duration_ns", "marks"),
    *("server_cores", "client_cores", "neighbour_cores", "stolen_cores"),
)
"""Columns that tell the runs of one start apart."""
COLUMNS = tuple(name for name in OF_RUNS if name not in _OF_ONE_RUN)
"""Columns of a start's row: those that all its runs of a point share."""
CHOICES = ("model", "engine", "engine_version", "version_label", "version", "product", "precision", "parallelism")
"""Columns that slices are chosen by, with the first and last night of each combination."""
_DIGITS = 9
"""Digits behind the point of a log: a ratio is right to 1e-8."""


def write_starts(runs: pd.DataFrame, chunks: Chunks) -> None:
    """Make `starts/<model>/<month>`, a row a point and server start, and `starts/index`: models with their months, what
    slices can be named by, and the rules of a comparison."""
    starts = of_runs(runs)
    held = [name for name in METRICS if starts[name].notna().any() or starts[f"{name}_value"].notna().any()]
    # Where nothing is 0 the logs say all; else a metric's means are needed too.
    zeros = [name for name in held if (starts[name].isna() & starts[f"{name}_value"].notna()).any()]
    models = []
    for model, own in starts.groupby("model", sort=True):
        key, months = slug(str(model)), []
        for month, part in own.groupby(own["night"].str[:7], sort=True):
            chunks.write(f"starts/{key}/{month}", document(part, held, zeros))
            months.append(str(month))
        models.append({"name": model, "key": key, "months": months})
    chunks.write("starts/index", {"models": models, "metrics": held, "choices": _choices(starts), "rules": rules(runs)})


def of_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a point and start: `COLUMNS`; `runs` and how many are `sound`; `wrong`: it answered wrong; `marks`, `out`
    (why runs are not sound); each of METRICS, the mean of its logs, and `_value`, its mean."""
    ordered = runs.sort_values(["started_utc", "run"]).reset_index(drop=True)
    fit = sound(ordered)
    told_of = zip(ordered["marks"], invalid(ordered), ordered["reproduces"], fit, strict=True)
    why = [() if good else _words(marks, no, isinstance(again, str)) for marks, no, again, good in told_of]
    told = ordered[["series", "trial"]].assign(
        sound=fit,
        wrong=answered_wrong(ordered),
        out=pd.Series(why, index=ordered.index, dtype=object),
        marks=ordered["marks"],
    )
    groups = told.groupby(["series", "trial"], sort=True)
    # Of all sound runs: whether a start's night went wrong, only the slice tells.
    logs, values = means(ordered[fit], METRICS)
    rows = ordered.drop_duplicates(["series", "trial"]).set_index(["series", "trial"], drop=False)[list(COLUMNS)]
    rows = rows.assign(
        runs=groups.size(),
        sound=groups["sound"].sum(),
        wrong=groups["wrong"].any(),
        marks=groups["marks"].agg(_union),
        out=groups["out"].agg(_union),
    )
    figures = pd.concat([logs, values.add_suffix("_value")], axis=1).reindex(rows.index)
    return pd.concat([rows, figures], axis=1).reset_index(drop=True)


def document(starts: pd.DataFrame, metrics: list[str], zeros: list[str]) -> dict[str, Any]:
    """Starts by column: what they are of, and the means of logs, and of those metrics that are 0 somewhere."""
    return {
        **table(starts, [*COLUMNS, "runs", "sound", "wrong", "marks", "out"]),
        "logs": {name: _rounded(starts[name], "f") for name in metrics},
        "values": {name: _rounded(starts[f"{name}_value"], "g") for name in zeros},
    }


def rules(runs: pd.DataFrame) -> dict[str, Any]:
    """What the browser must know to say the same as `analysis.compare`."""
    kinds = {
        name: "bool" if pd.api.types.is_bool_dtype(kind) else "number"
        for name, kind in runs.dtypes.items()
        if pd.api.types.is_numeric_dtype(kind)
    }
    return {
        "columns": list(OF_RUNS),
        "kinds": {name: kind for name, kind in kinds.items() if name in COLUMNS},
        "of_one_run": list(_OF_ONE_RUN),
        "of_series": list(matching.OF_SERIES),
        "workload": list(matching.WORKLOAD),
        "load": list(matching.LOAD),
        "goes_with": {key: list(names) for key, names in matching.GOES_WITH.items()},
        "environment": list(matching.ENVIRONMENT),
        "point": list(POINT),
        "speed": compare.SPEED,
        "rate": compare.RATE,
        "shown": list(SHOWN),
        "margin": compare.MARGIN,
        "false_share": compare.FALSE_SHARE,
        "equivalent": compare.EQUIVALENT,
        "least": LEAST,
        "why_out": sorted({*SPOILT, FAILED}),
    }


def _choices(starts: pd.DataFrame) -> dict[str, Any]:
    if starts.empty:
        return {"n": 0, "columns": {}}
    found = starts.groupby(list(CHOICES), dropna=False, sort=True)["night"].agg(["min", "max"]).reset_index()
    found = found.rename(columns={"min": "first", "max": "last"})
    return table(found, [*CHOICES, "first", "last"])


def _words(marks: list[str], invalidated: bool, reproduces: bool) -> tuple[str, ...]:
    """Why a run is not sound."""
    words = [mark for mark in marks if mark in SPOILT or mark == FAILED]
    return (*words, *["invalidated"] * bool(invalidated), *["a reproduction"] * reproduces)


def _union(lists: pd.Series) -> list[str]:
    return sorted({word for words in lists for word in words})


def _rounded(column: pd.Series, kind: str) -> list[float | None]:
    return [None if value != value else float(f"{value:.{_DIGITS}{kind}}") for value in column.tolist()]
