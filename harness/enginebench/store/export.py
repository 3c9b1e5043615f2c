"""A table of results as CSV, Parquet or JSON; the unit stays in the column's name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from enginebench.errors import mistake

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("csv", "parquet", "json")


def export(frame: pd.DataFrame, path: Path) -> None:
    """Write `frame` to `path` in the format of its suffix; raises UserError for another suffix or no such folder.

    Missing is an empty cell in CSV and null in the others; `marks` are joined by `;` in CSV.
    """
    kind = path.suffix.lstrip(".")
    if kind not in FORMATS:
        raise mistake(str(path), f"no format `{kind}`", f"end the name with one of .{', .'.join(FORMATS)}")
    if not path.parent.is_dir():
        raise mistake(str(path), f"no folder {path.parent}", "make it, or name another file")
    if kind == "parquet":
        frame.to_parquet(path, index=False)
    elif kind == "csv":
        flat = frame.assign(marks=frame["marks"].map(";".join)) if "marks" in frame else frame
        flat.to_csv(path, index=False)
    else:
        rows = json.loads(frame.to_json(orient="records", date_format="iso", date_unit="ms", double_precision=15))
        document = {"format": "enginebench.export/1", "columns": list(frame.columns), "rows": rows}
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
