"""What a trial's folder is held against before it is taken in: one bad trial would stop all readers of a store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from enginebench import tables
from enginebench.errors import mistake
from enginebench.records import Result
from enginebench.store.view import FILE_NAME, MARKER

_OURS = "take a file that enginebench wrote"


def check(result: Result, place: str) -> None:
    """Raises UserError, naming `place`, for names that are no folder's, runs of no point and times that are none."""
    for name in (result.attempt.night, result.trial):
        if not FILE_NAME.fullmatch(name):
            raise mistake(place, f"`{name}` cannot name a folder", _OURS)
    points = len(result.attempt.job.points)
    for run in result.runs:
        if not 0 <= run.point < points:
            raise mistake(place, f"run {run.id} is of point {run.point}, and the job has {points} points", _OURS)
    for said in (result.started_utc, *(run.started_utc for run in result.runs)):
        try:
            zone = datetime.fromisoformat(said).tzinfo
        except ValueError:
            zone = None
        if zone is None:
            raise mistake(place, f"`{said}` is no ISO 8601 time with its offset from UTC", _OURS)


def files(folder: Path, home: str) -> Mapping[str, Path]:
    """Name below `home` to path of all files of a trial but its marker; raises UserError for one that none can hold.

    Hidden files are the file system's, as `.nfs…` and `.DS_Store`, and are left.
    """
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MARKER):
        name = path.relative_to(folder).as_posix()
        words = name.split("/")
        if any(word.startswith(".") for word in words):
            continue
        if not all(map(FILE_NAME.fullmatch, words)):
            raise mistake(str(folder), f"`{name}` cannot name a file of a trial", "take it out, or name it in ASCII")
        found[f"{home}/{name}"] = path
    for kind in tables.COLUMNS:
        if (table := folder / f"{kind}.parquet").is_file():
            tables.check_table(table, kind)
    return found
