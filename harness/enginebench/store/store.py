"""Takes finished trial directories in and reads them back, compacted or not.

Layout: `<root>/night=<night>/trial=<trial>/` whose `result.json`, made last and by one writer, marks it whole; `parts/`
and `manifests/` where trials were compacted. Writers need no lock and share no file, on a shared file system or an
object store, and a crash leaves only files that nobody reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enginebench import tables
from enginebench.errors import Mistake, UserError, mistake
from enginebench.metrics import METRICS
from enginebench.records import (
    Calibration,
    ForeignPoint,
    Invalidation,
    Result,
    Retention,
    Run,
    RunKey,
    Until,
    Withdrawal,
    record,
)
from enginebench.records.files import from_json, to_json
from enginebench.store import arriving, collect, compact, derived, foreign, manifests, prune
from enginebench.store.columns import COLUMNS, OVERLAID
from enginebench.store.corrections import Correction, Corrections, overlay
from enginebench.store.place import Place
from enginebench.store.view import MARKER, View, home, nights

if TYPE_CHECKING:
    import pandas as pd

FILTERS = (
    "night",
    "grid",
    "engine",
    "engine_version",
    "model",
    "workload",
    "status",
    "host",
    "trial",
    "job_id",
    "comparison",
)
"""Columns of the table of runs that can be filtered on."""


class NotStored(UserError):
    """A trial or run that is asked for is not in the store."""


@record
class Ingested:
    """What became of a directory."""

    trial: str
    """Its id."""
    taken: bool
    """False: it was there already."""


class Store:
    """Results at one place, a folder or `s3://bucket/prefix`; a place that is not there is an empty store.

    Raises UserError where a file is, or the place cannot be reached.
    """

    def __init__(self, root: Path | str) -> None:
        self.place = Place(root)
        self.url = self.place.url
        self.local = self.place.local
        """The folder; null for an object store."""
        self._manifest = manifests.NONE
        self._corrections = Corrections(self.place)

    def view(self, *, only: Sequence[str] | None = None) -> View:
        """What is stored now, of all nights or of those in `only`."""
        view = View(self.place, self._manifest, only=only)
        self._manifest = view.manifest
        return view

    def holds_trials(self) -> bool:
        """Whether a trial was ever stored at the place."""
        return any(name == manifests.FOLDER or name.startswith("night=") for name in self.place.folders())

    def ingest(self, folder: Path) -> Ingested:
        """Copy a finished trial directory in; the same again changes nothing.

        Raises UserError for an unfinished directory, one of an unknown version, and another one of the same id.
        """
        marker = folder / MARKER
        if not marker.is_file():
            raise mistake(str(folder), f"holds no {MARKER}: the trial is not finished", "wait for it, or run it again")
        content = marker.read_bytes()
        result = from_json(Result, content, str(marker))
        arriving.check(result, str(marker))
        night, trial = result.attempt.night, result.trial
        files = arriving.files(folder, home(night, trial))
        stored = self.stored(night, trial)
        if stored is None:
            for name, path in files.items():
                self.place.write(name, path)
            if self.place.create(f"{home(night, trial)}/{MARKER}", content):
                # A collector whose clock is wrong may have taken them for leftovers; of a whole trial it takes none.
                there = {one.name for one in self.place.find(home(night, trial))}
                for name in files.keys() - there:
                    self.place.write(name, files[name])
                return Ingested(trial=trial, taken=True)
            stored = self.place.read(f"{home(night, trial)}/{MARKER}")
        if stored != content:
            raise mistake(str(folder), f"trial {trial} is stored with other content", "never edit a result")
        return Ingested(trial=trial, taken=False)

    def stored(self, night: str, trial: str) -> bytes | None:
        """The stored `result.json` of a trial; null where there is none."""
        try:
            return self.place.read(f"{home(night, trial)}/{MARKER}")
        except FileNotFoundError:
            self._manifest = manifests.newest(self.place, self._manifest)
        if trial not in self._manifest.trials.get(night, ()):
            return None
        return self.view(only=[]).file(night, trial, MARKER)

    def results(self, *, night: str | None = None) -> Iterator[Result]:
        """Every stored result, by night, start and id; raises UserError naming one that can't be read."""
        found = [result for _, result in self.view().results(night)]
        yield from sorted(found, key=lambda one: (one.attempt.night, one.started_utc, one.trial))

    def result(self, trial: str) -> Result:
        """One stored result; raises UserError if there is none."""
        view, night = self._found(trial)
        content = view.file(night, trial, MARKER)
        assert content is not None
        return from_json(Result, content, f"{self.url}: trial {trial}")

    def measured(self, what: str) -> tuple[Result, Run | None]:
        """The stored result of a trial, or that of a run's trial and the run; raises UserError if there is none."""
        # A run's id is its trial's with point and repeat behind it.
        for trial in dict.fromkeys((what, what.rsplit(".", 2)[0])):
            try:
                result = self.result(trial)
            except NotStored:
                continue
            run = next((run for run in result.runs if run.id == what), None)
            if run is not None or trial == what:
                return result, run
        raise NotStored(
            Mistake(place=self.url, problem=f"no trial or run `{what}`", remedy="see `enginebench results list`")
        )

    def _found(self, trial: str) -> tuple[View, str]:
        """A look at the store in which the trial is, and its night; raises UserError where it is not stored."""
        for night in nights(self.place):
            if trial in (view := self.view(only=[night])).loose:
                return view, night
        view = self.view(only=[])
        for night, ids in view.manifest.trials.items():
            if trial in ids:
                return view, night
        raise NotStored(Mistake(place=self.url, problem=f"no trial `{trial}`", remedy="see `enginebench results list`"))

    def fetch(self, trial: str, folder: Path) -> None:
        """Write a stored trial's files into a new `folder`, as it was; raises UserError if it is not stored."""
        view, night = self._found(trial)
        view.fetch(night, trial, folder)

    def done(self, job_id: str, since: datetime, until: Until | None = None) -> frozenset[RunKey]:
        """Runs of a job measured at or after `since`, however their trial ended, and by `until` those not needed.

        A run is not needed once its point has ended since then as `until` asks. Runs that were invalidated, which also
        takes away what their point's end stood on, and reproductions are none.
        """
        return self._measured(self._of(job_id=job_id), since, until)

    def turns(self, comparison: str, until: Until | None = None) -> Mapping[tuple[str, int, str], frozenset[RunKey]]:
        """Arm, block and job id to the runs that were measured in this turn of a comparison, as `done` has them."""
        by_turn: dict[tuple[str, int, str], list[Result]] = {}
        for result in self._of(comparison=comparison):
            turn = result.attempt.comparison
            assert turn is not None
            by_turn.setdefault((turn.arm, turn.block, result.job_id), []).append(result)
        since = datetime.min.replace(tzinfo=UTC)
        return {turn: self._measured(results, since, until) for turn, results in by_turn.items()}

    def _of(self, **filters: str) -> Iterator[Result]:
        """The results with runs, without reproductions, that have these values in the table of runs."""
        for trial in sorted(set(self.runs(columns=("trial",), **filters)["trial"])):
            result = self.result(trial)
            if result.attempt.reproduces is None:
                yield result

    def _measured(self, results: Iterable[Result], since: datetime, until: Until | None) -> frozenset[RunKey]:
        keys: set[RunKey] = set()
        holding = self._corrections.holding()
        for result in results:
            invalid = [run for run in result.runs if result.trial in holding or run.id in holding]
            fresh = [run for run in result.runs if datetime.fromisoformat(run.started_utc) >= since]
            fresh = [run for run in fresh if run not in invalid]
            keys |= {RunKey(point=run.point, repeat=run.repeat) for run in fresh}
            ended = {one.point for one in result.stops if until is not None and until.met_by(one.stop)}
            ended = (ended & {run.point for run in fresh}) - {run.point for run in invalid}
            keys |= {key for key in result.attempt.job.run_keys() if key.point in ended}
        return frozenset(keys)

    def runs(self, columns: Sequence[str] | None = None, **filters: str) -> pd.DataFrame:
        """One row a run: what it was, where it ran, and its metrics in the unit that their names end with.

        All columns, or those named; `invalid` as corrections have it now. Raises UserError for an unknown column, or a
        filter that is not one of FILTERS.
        """
        unknown = [name for name in filters if name not in FILTERS]
        if unknown:
            raise mistake(f"filter `{unknown[0]}`", "no such filter", f"known: {', '.join(FILTERS)}")
        night = filters.get("night")
        view = self.view(only=None if night is None else [night])
        asked = [*COLUMNS, *OVERLAID, *METRICS] if columns is None else list(columns)
        if "invalid" not in asked:
            return derived.read(view, "runs", asked, filters)
        stored = [name for name in dict.fromkeys([*asked, "trial", "run"]) if name not in OVERLAID]
        runs = derived.read(view, "runs", stored, filters)
        runs["invalid"] = overlay(runs, self._corrections.holding())
        return runs.astype({"invalid": "str"})[asked]

    def failures(self) -> pd.DataFrame:
        """One row a trial that failed or was interrupted."""
        return derived.read(self.view(), "failures", None, {})

    def requests(self, trial: str) -> pd.DataFrame:
        """Per-request rows of a trial."""
        return self._table(trial, "requests")

    def telemetry(self, trial: str) -> pd.DataFrame:
        """Telemetry samples of a trial."""
        return self._table(trial, "telemetry")

    def engine(self, trial: str) -> pd.DataFrame:
        """What the engine told of itself through a trial; empty for a trial older than that."""
        return self._table(trial, "engine")

    def quality(self, trial: str) -> pd.DataFrame:
        """Outcomes of the questions that the quality gate asked a trial's server; empty where it asked none."""
        return self._table(trial, "quality")

    def night_tables(self, night: str, name: tables.Kind, columns: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Trial and its table `name`, of every trial of a night that has rows of it: a pyarrow table of those of
        `columns` that it was written with, the trials in no order.

        For all of a night at once: trial by trial each searches through what the night has. A trial of which retention
        has dropped the table (see `dropped`) does not come.
        """
        yield from self.view(only=[night]).night_tables(night, name, columns)

    def night_logs(self, night: str) -> Iterator[tuple[str, bytes]]:
        """Trial and its server's log, of every trial of a night that has one, in no order."""
        yield from self.view(only=[night]).night_files(night, "server.log")

    def dropped(self, night: str) -> frozenset[str]:
        """What retention has dropped of a night: names of tables, `chunk_times`, `logs`."""
        return frozenset(self.view(only=[]).manifest.dropped.get(night, ()))

    def _table(self, trial: str, name: tables.Kind) -> pd.DataFrame:
        """A trial's table of today's version, empty where it left none."""
        view, night = self._found(trial)
        found = view.table(night, trial, name)
        if found is None:
            found = tables.schema(name).empty_table()
        frame: pd.DataFrame = tables.current(found, name, f"{self.url}: trial {trial}").to_pandas()
        return frame

    def add_calibration(self, calibration: Calibration) -> str:
        """Keep what the load generator was found to be like; gives the file."""
        stamp = f"{datetime.fromisoformat(calibration.started_utc):%Y%m%dT%H%M%S}"
        name = f"calibrations/{stamp}-{calibration.host}.json"
        self.place.write(name, to_json(calibration).encode())
        return f"{self.url}/{name}"

    def calibrations(self, host: str | None = None, since: datetime | None = None) -> Iterator[tuple[str, Calibration]]:
        """What was found, on `host` alone or since then if told, newest first, each with its name in the store.

        Raises UserError naming a file that can't be read.
        """
        first = f"calibrations/{since:%Y%m%dT%H%M%S}" if since else ""
        end = f"-{host}.json" if host else ".json"
        names = [one.name for one in self.place.find("calibrations")]
        for name in sorted((one for one in names if one >= first and one.endswith(end)), reverse=True):
            found = from_json(Calibration, self.place.read(name), f"{self.url}/{name}")
            if host in (None, found.host):
                yield name, found

    def add_foreign(self, points: Sequence[ForeignPoint]) -> int:
        """Keep points that another tool measured; gives how many of them were not kept already."""
        return foreign.add(self.place, points)

    def foreign(self) -> Iterator[ForeignPoint]:
        """Every kept point of other tools, by tool and identity; raises UserError naming a file that can't be read."""
        yield from foreign.kept(self.place)

    def invalidate(self, what: str, *, reason: str, author: str) -> Invalidation:
        """Let a trial or run count no more, be it compacted or not; raises UserError if it is not stored."""
        self.measured(what)
        return self._corrections.invalidate(what, reason=reason, author=author)

    def withdraw(self, invalidation: str, *, reason: str, author: str) -> Withdrawal:
        """Let what an invalidation hides count again; raises UserError for an unknown one, and the second time."""
        return self._corrections.withdraw(invalidation, reason=reason, author=author)

    def add_corrections(self, corrections: Sequence[Correction]) -> int:
        """Take in another store's; gives how many records of them were not here."""
        return self._corrections.add(corrections)

    def corrections(self) -> tuple[Correction, ...]:
        """Every invalidation, oldest first, and its withdrawal."""
        return self._corrections.all()

    def compact(self) -> compact.Compacted:
        """Gather finished nights' trials in big Parquet files; what is read stays the same."""
        return compact.compact(self)

    def prune(self, policy: Retention, *, dry: bool = False) -> tuple[prune.Pruned, ...]:
        """Drop what `policy` keeps no longer, or with `dry` only tell it; results and their figures stay for ever."""
        return prune.prune(self, policy, dry=dry)

    def collect(self, older_than_s: float = 86400.0) -> tuple[str, ...]:
        """Remove what nobody reads any more and is so old; gives what was removed."""
        return collect.collect(self.place, older_than_s)
