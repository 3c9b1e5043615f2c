"""Takes finished trial directories in and reads them back.

Layout: `<root>/night=<night>/trial=<trial>/` with `result.json`, which marks it whole. A directory is copied aside
under a name of its own and renamed into place, so writers need no lock and a crash leaves only a folder that nobody
reads.
"""

from __future__ import annotations

import filecmp
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from enginebench.errors import mistake
from enginebench.records import Calibration, ForeignPoint, Result, RunKey, Until, record
from enginebench.records.files import read, to_json

if TYPE_CHECKING:
    import pandas as pd

_MARKER = "result.json"
_ASIDE = ".tmp-"
FILTERS = ("night", "grid", "engine", "engine_version", "model", "workload", "status", "host", "trial")
"""Columns of the table of runs that can be filtered on."""


@record
class Ingested:
    """What became of a directory."""

    trial: str
    """Its id."""
    taken: bool
    """False: it was there already."""


class Store:
    """Results under one folder; a folder that is not there is an empty store. Raises UserError where a file is."""

    def __init__(self, root: Path) -> None:
        if root.exists() and not root.is_dir():
            raise mistake(str(root), "is no folder", "name the folder of the results store")
        self.root = root

    def ingest(self, folder: Path) -> Ingested:
        """Copy a finished trial directory in; the same again changes nothing.

        Raises UserError for an unfinished directory, one of an unknown version, and another one of the same id.
        """
        if not (folder / _MARKER).is_file():
            raise mistake(str(folder), f"holds no {_MARKER}: the trial is not finished", "wait for it, or run it again")
        result = read(Result, folder / _MARKER)
        home = self.root / f"night={result.attempt.night}" / f"trial={result.trial}"
        aside = home.with_name(f"{_ASIDE}{result.trial}-{secrets.token_hex(4)}")
        if not home.exists():
            shutil.copytree(folder, aside)
            _sync(*aside.rglob("*"), aside)
            try:
                # Fails if another writer was first: a folder with files in it is never replaced.
                aside.rename(home)
            except OSError:
                shutil.rmtree(aside)
            else:
                _sync(home.parent)
                return Ingested(trial=result.trial, taken=True)
        if not filecmp.cmp(folder / _MARKER, home / _MARKER, shallow=False):
            raise mistake(str(folder), f"trial {result.trial} is stored with other content", "never edit a result")
        return Ingested(trial=result.trial, taken=False)

    def results(self, *, night: str | None = None) -> Iterator[Result]:
        """Every stored result, by night, start and id; raises UserError naming one that can't be read."""
        found = [read(Result, path) for path in self.root.glob(f"night={night or '*'}/trial=*/{_MARKER}")]
        yield from sorted(found, key=lambda one: (one.attempt.night, one.started_utc, one.trial))

    def result(self, trial: str) -> Result:
        """One stored result; raises UserError if there is none."""
        return read(Result, self.folder(trial) / _MARKER)

    def folder(self, trial: str) -> Path:
        """Where a trial is stored; raises UserError if it is not."""
        for path in self.root.glob(f"night=*/trial={trial}"):
            return path
        raise mistake(str(self.root), f"no trial `{trial}`", "see `enginebench results list`")

    def done(self, job_id: str, since: datetime, until: Until | None = None) -> frozenset[RunKey]:
        """Runs of a job measured at or after `since`, however their trial ended, and by `until` those not needed.

        A run is not needed once its point has ended since then as `until` asks.
        """
        keys: set[RunKey] = set()
        for result in self.results():
            if result.job_id != job_id:
                continue
            fresh = [run for run in result.runs if datetime.fromisoformat(run.started_utc) >= since]
            keys |= {RunKey(point=run.point, repeat=run.repeat) for run in fresh}
            ended = {one.point for one in result.stops if until is not None and until.met_by(one.stop)}
            ended &= {run.point for run in fresh}
            keys |= {key for key in result.attempt.job.run_keys() if key.point in ended}
        return frozenset(keys)

    def runs(self, **filters: str) -> pd.DataFrame:
        """One row a run: what it was, where it ran, and its metrics in the unit that their names end with.

        Raises UserError for a filter that is not one of FILTERS.
        """
        from enginebench.store.frames import runs_frame

        unknown = [name for name in filters if name not in FILTERS]
        if unknown:
            raise mistake(f"filter `{unknown[0]}`", "no such filter", f"known: {', '.join(FILTERS)}")
        frame = runs_frame(self.results())
        for name, value in filters.items():
            frame = frame[frame[name] == value]
        return frame.reset_index(drop=True)

    def failures(self) -> pd.DataFrame:
        """One row a trial that failed or was interrupted."""
        from enginebench.store.frames import failures_frame

        return failures_frame(self.results())

    def requests(self, trial: str) -> pd.DataFrame:
        """Per-request rows of a trial."""
        import pandas as pd

        return pd.read_parquet(self.folder(trial) / "requests.parquet")

    def telemetry(self, trial: str) -> pd.DataFrame:
        """Telemetry samples of a trial."""
        import pandas as pd

        return pd.read_parquet(self.folder(trial) / "telemetry.parquet")

    def engine(self, trial: str) -> pd.DataFrame:
        """What the engine told of itself through a trial; empty for a trial older than that."""
        import pandas as pd

        from enginebench.tables import ENGINE_COLUMNS

        path = self.folder(trial) / "engine.parquet"
        return pd.read_parquet(path) if path.exists() else pd.DataFrame(columns=list(ENGINE_COLUMNS))

    def add_calibration(self, calibration: Calibration) -> Path:
        """Keep what the load generator was found to be like; gives the file."""
        stamp = f"{datetime.fromisoformat(calibration.started_utc):%Y%m%dT%H%M%S}"
        path = self.root / "calibrations" / f"{stamp}-{calibration.host}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(to_json(calibration), encoding="utf-8")
        return path

    def add_foreign(self, point: ForeignPoint) -> bool:
        """Keep a point that another tool measured; gives False, and changes nothing, where it is kept already."""
        home = self.root / "foreign" / point.tool / f"{point.identity()}.json"
        if home.exists():
            return False
        home.parent.mkdir(parents=True, exist_ok=True)
        aside = home.with_name(f"{_ASIDE}{home.stem}-{secrets.token_hex(4)}")
        aside.write_text(to_json(point), encoding="utf-8")
        _sync(aside)
        aside.rename(home)
        _sync(home.parent)
        return True

    def foreign(self) -> Iterator[ForeignPoint]:
        """Every kept point of other tools, by tool and identity; raises UserError naming one that can't be read."""
        for path in sorted(self.root.glob("foreign/*/*.json")):
            if not path.name.startswith(_ASIDE):
                yield read(ForeignPoint, path)

    def collect_leftovers(self, older_than_s: float = 86400.0) -> tuple[Path, ...]:
        """Remove what writers that died left aside; gives what was removed."""
        limit = time.time() - older_than_s
        # By ctime: the copy of an old folder has its mtime, and its writer may be about to rename it.
        left = [path for place in ("night=*", "foreign/*") for path in self.root.glob(f"{place}/{_ASIDE}*")]
        found = [path for path in left if path.stat().st_ctime < limit]
        for path in found:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        return tuple(found)


def _sync(*paths: Path) -> None:
    """Bring files and folders to disk: what a rename makes visible before it, the folder it happened in after it."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
