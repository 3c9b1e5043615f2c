"""A table of runs as a file; figures unscaled, their unit in the column's name and, where a format can, beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enginebench.errors import mistake
from enginebench.metrics import METRICS
from enginebench.records.units import unit_of
from enginebench.store import vllm_json
from enginebench.store.columns import COLUMNS, FAILURE_COLUMNS, OVERLAID
from enginebench.store.openmetrics import openmetrics

if TYPE_CHECKING:
    import pandas as pd

    from enginebench.store.store import Store


def export(frame: pd.DataFrame, path: Path) -> None:
    """Write `frame` to `path` in the format of its suffix; raises UserError for another suffix or no such folder.

    Missing is an empty cell in CSV, no sample in OpenMetrics and null in the others; `marks` are joined by `;` in both.
    """
    kind = path.suffix.lstrip(".")
    if kind not in FORMATS:
        raise mistake(str(path), f"no format `{kind}`", f"end the name with one of .{', .'.join(FORMATS)}")
    _require_folder(path)
    FORMATS[kind](frame, path)


def export_as(shape: str, store: Store, frame: pd.DataFrame, path: Path) -> None:
    """Write the runs of `frame` to `path` as files of another tool have them; raises UserError for an unknown one."""
    if shape not in SHAPES:
        raise mistake(f"--as {shape}", "no shape of this name to export", f"known: {', '.join(SHAPES)}")
    _require_folder(path)
    aside = path.with_name(f".{path.name}.partial")
    try:
        with aside.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in SHAPES[shape](store, frame))
        # Of a run that can't be told no half file is left.
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _require_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise mistake(str(path), f"no folder {path.parent}", "make it, or name another file")


def units(columns: Iterable[str]) -> dict[str, str]:
    """Those of `columns` that are figures with a unit, to it; `1` is a share of the whole."""
    found = {name: _unit(name) for name in columns}
    return {name: unit for name, unit in found.items() if unit is not None}


def _unit(name: str) -> str | None:
    metric = METRICS.get(name)
    # A metric's own unit is the one it is shown in: the stored one where the two are the same.
    return metric.unit if metric is not None and metric.scale == 1.0 else unit_of(name)


def _csv(frame: pd.DataFrame, path: Path) -> None:
    frame.assign(marks=frame["marks"].map(";".join)).to_csv(path, index=False)


def _parquet(frame: pd.DataFrame, path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(arrow_table(frame), path)


def _arrow(frame: pd.DataFrame, path: Path) -> None:
    from pyarrow import feather

    feather.write_feather(arrow_table(frame), path, compression="zstd")


def _json(frame: pd.DataFrame, path: Path) -> None:
    rows = json.loads(frame.to_json(orient="records", date_format="iso", date_unit="ms", double_precision=15))
    document = {
        "format": "enginebench.export/1",
        "columns": list(frame.columns),
        "units": units(frame.columns),
        "rows": rows,
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _prom(frame: pd.DataFrame, path: Path) -> None:
    path.write_bytes(openmetrics(frame))


FORMATS: Mapping[str, Callable[[pd.DataFrame, Path], None]] = {
    "csv": _csv,
    "parquet": _parquet,
    "arrow": _arrow,
    "json": _json,
    "prom": _prom,
}
"""Suffix to what writes such a file."""

SHAPES: Mapping[str, Callable[[Store, pd.DataFrame], Iterator[str]]] = {"vllm_bench": vllm_json.lines}
"""Another tool to what makes the lines of a file in its shape."""


def arrow_table(frame: pd.DataFrame) -> Any:
    """`frame` for Arrow: types that don't depend on what is in it, `unit` and `meaning` in each field's metadata."""
    import pyarrow as pa

    known = units(frame.columns)
    fields = []
    for name, dtype in zip(frame.columns, frame.dtypes.astype(str), strict=True):
        words = METRICS[name].title if name in METRICS else (COLUMNS | OVERLAID | FAILURE_COLUMNS)[name]
        metadata = {"meaning": words} | ({"unit": known[name]} if name in known else {})
        fields.append(pa.field(name, _arrow_type(name, dtype), metadata=metadata))
    return pa.Table.from_pandas(frame, schema=pa.schema(fields), preserve_index=False)


def _arrow_type(name: str, dtype: str) -> Any:
    import pyarrow as pa

    if name == "marks":
        return pa.list_(pa.string())
    if dtype.startswith("datetime"):
        return pa.timestamp("us", "UTC")
    types = {"int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_(), "boolean": pa.bool_()}
    return types.get(dtype.lower(), pa.string())
