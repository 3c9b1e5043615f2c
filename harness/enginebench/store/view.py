"""What a store holds at one moment: the newest manifest, and the whole trial folders that it does not name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from enginebench.errors import mistake
from enginebench.records import Manifest, Result
from enginebench.records.files import from_json
from enginebench.store import manifests, parts
from enginebench.store.place import ASIDE, Place
from enginebench.tables import COLUMNS, Kind, write_table

MARKER = "result.json"
"""The file that makes a trial's folder whole: written last."""
TABLES: Mapping[str, Kind] = {f"{table}.parquet": table for table in COLUMNS}
"""File of a trial to the table in it."""
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:+@-]*")
"""What a night, a trial and a file of one can be called: nothing that leads out of a folder."""


def home(night: str, trial: str) -> str:
    """Where the folder of a trial lies."""
    return f"night={night}/trial={trial}"


def nights(place: Place) -> list[str]:
    """Nights that have folders of trials, whole or not."""
    return [name.removeprefix("night=") for name in place.folders() if name.startswith("night=")]


class View:
    """See the module. Trials are counted once: by id, folders only where the manifest does not name them."""

    def __init__(self, place: Place, known: Manifest = manifests.NONE, *, only: Sequence[str] | None = None) -> None:
        """Look at `place`, at nights in `only` alone where it is given.

        The manifest first: what a compactor takes over meanwhile is seen as a folder still, which it leaves for a day.
        """
        self.place = place
        self.source = place
        """Where trial folders are read from."""
        self.manifest = manifests.newest(place, known)
        self.loose: dict[str, str] = {}
        """Trial to night, of the folders that count."""
        self.files: dict[str, list[str]] = {}
        """Trial to the names of its files, of those folders."""
        for night in nights(place) if only is None else only:
            self._look(night)

    @cached_property
    def _compacted(self) -> frozenset[str]:
        """Trials in the manifest, of any night: a folder that was copied to another night is no other trial."""
        return frozenset(trial for ids in self.manifest.trials.values() for trial in ids)

    def _look(self, night: str) -> None:
        within: dict[str, list[str]] = {}
        for one in self.place.find(f"night={night}"):
            _, trial, name = (*one.name.split("/", 2), "")[:3]
            if trial.startswith("trial=") and name and not name.rpartition("/")[2].startswith(ASIDE):
                within.setdefault(trial.removeprefix("trial="), []).append(name)
        for trial, names in within.items():
            if MARKER in names and trial not in self._compacted and trial not in self.loose:
                self.loose[trial] = night
                self.files[trial] = names

    def all(self) -> Mapping[str, str]:
        """Trial to night, of every trial."""
        compacted = {trial: night for night, ids in self.manifest.trials.items() for trial in ids}
        return {**compacted, **self.loose}

    def trials(self, night: str) -> list[str]:
        """Ids of a night's trials, sorted."""
        return sorted({*self.manifest.trials.get(night, ()), *(one for one, its in self.loose.items() if its == night)})

    def fetch(self, night: str, trial: str, folder: Path) -> None:
        """Write a trial's files into a new `folder`, as it was; raises UserError for a name that leads elsewhere."""
        folder.mkdir(parents=True)
        for table in self.tables(night, trial):
            found = self.table(night, trial, table)
            if found is not None:
                write_table(found, folder / f"{table}.parquet")
        # The marker last, as whoever made the folder first wrote it.
        for name, content in sorted(self.other_files(night, trial).items(), key=lambda one: one[0] == MARKER):
            if not all(FILE_NAME.fullmatch(part) for part in name.split("/")):
                # Another store may hold anything.
                raise mistake(self.place.url, f"trial {trial} has a file `{name}`", "take no trial that does")
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)

    def bring_near(self, folder: Path) -> None:
        """Copy the trial folders of a remote place into a local one, and read them there from now on.

        A request a file and many at a time, where reading a table in place takes several requests one after another.
        """
        if self.place.local is None:
            named = [
                f"{home(night, trial)}/{name}" for trial, night in self.loose.items() for name in self.files[trial]
            ]
            self.place.fetch(named, folder)
            self.source = Place(folder)

    def parts(self, table: str, night: str | None = None) -> list[str]:
        """Where the parts of a table lie, all or those that have trials of a night."""
        return [one.path for one in self.manifest.parts if one.table == table and night in (None, *one.nights)]

    def results(self, night: str | None = None) -> Iterator[tuple[str, Result]]:
        """Night and result of every trial, or of one night's, in no order."""
        for trial, result in self.loose_results([one for one, its in self.loose.items() if night in (None, its)]):
            yield self.loose[trial], result
        found = parts.select(
            self.place, self.parts("files", night), columns=["night", "trial", "content"], where={"name": MARKER}
        )
        for row in [] if found is None else found.to_pylist():
            if night in (None, row["night"]):
                yield row["night"], from_json(Result, row["content"], f"{self.place.url}: trial {row['trial']}")

    def loose_results(self, trials: Sequence[str]) -> Iterator[tuple[str, Result]]:
        """Trial and the result in its folder, of some that are in folders."""
        names = [f"{home(self.loose[trial], trial)}/{MARKER}" for trial in trials]
        for trial, name, content in zip(trials, names, self.source.read_all(names), strict=True):
            yield trial, from_json(Result, content, f"{self.place.url}/{name}")

    def file(self, night: str, trial: str, name: str) -> bytes | None:
        """A file of a trial that is no table; null where it has none of the name."""
        if trial in self.loose:
            return self.source.read(f"{home(night, trial)}/{name}") if name in self.files[trial] else None
        found = parts.select(
            self.place, self.parts("files", night), columns=["content"], where={"trial": trial, "name": name}
        )
        return found["content"][0].as_py() if found is not None and found.num_rows else None

    def table(self, night: str, trial: str, name: Kind) -> Any | None:
        """A table of a trial, with the columns that it had; null where it left none of the name."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if trial in self.loose:
            if f"{name}.parquet" not in self.files[trial]:
                return None
            where = self.source.path(self.table_name(night, trial, name))
            try:
                with pq.ParquetFile(where, filesystem=self.source.arrow()) as file:
                    return file.read()
            except (OSError, pa.ArrowException) as error:
                place = f"{self.place.url}/{self.table_name(night, trial, name)}"
                raise mistake(
                    place, f"cannot be read: {error}", "bring back what was measured, or take it out"
                ) from None
        if (written := self.file(night, trial, f"{name}.parquet")) is None:
            return None
        schema = pa.ipc.read_schema(pa.py_buffer(written))
        found = parts.select(self.place, self.parts(name, night), columns=schema.names, where={"trial": trial})
        if found is not None and found.num_rows:
            return parts.brought(found, schema)
        if name in self.manifest.dropped.get(night, ()):
            raise mistake(
                f"{self.place.url}: trial {trial}",
                f"retention has dropped the table `{name}` of night {night}",
                "its figures are in the table of runs; keep such tables longer by `results prune --policy FILE`",
            )
        return schema.empty_table()

    def night_tables(self, night: str, name: Kind, columns: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Trial and some columns of its table, as it had them, of every trial of a night that has one; read at once,
        in no order. A trial whose table retention has dropped, or has no rows, may not come."""
        wanted = [column for column in COLUMNS[name] if column in columns]
        for trial, its in self.loose.items():
            if its == night and (found := self.table(night, trial, name)) is not None:
                yield trial, found.select([column for column in wanted if column in found.column_names])
        ids = set(self.manifest.trials.get(night, ()))
        for path in self.parts(name, night):
            for trial, found in parts.by_trial(self.place, path, wanted):
                if trial in ids:
                    yield trial, found.drop_columns(["trial"])

    def night_files(self, night: str, name: str) -> Iterator[tuple[str, bytes]]:
        """Trial and its file of a name that is no table, of every trial of a night that has one, in no order."""
        for trial, its in self.loose.items():
            if its == night and name in self.files[trial]:
                yield trial, self.source.read(f"{home(night, trial)}/{name}")
        for found in parts.matching(self.place, self.parts("files", night), {"night": night, "name": name}):
            yield from zip(found["trial"].to_pylist(), found["content"].to_pylist(), strict=True)

    def table_name(self, night: str, trial: str, name: Kind) -> str:
        """Where a table of a trial that is in a folder lies."""
        return f"{home(night, trial)}/{name}.parquet"

    def other_files(self, night: str, trial: str) -> Mapping[str, bytes]:
        """Every file of a trial that is no table, `result.json` included, by name."""
        if trial in self.loose:
            names = [name for name in self.files[trial] if name not in TABLES]
            return {name: self.source.read(f"{home(night, trial)}/{name}") for name in names}
        found = parts.select(
            self.place, self.parts("files", night), columns=["name", "content"], where={"trial": trial}
        )
        rows = [] if found is None else found.to_pylist()
        return {row["name"]: row["content"] for row in rows if row["name"] not in TABLES}

    def tables(self, night: str, trial: str) -> list[Kind]:
        """Names of the tables that a trial left and retention has not dropped."""
        names = self.files.get(trial)
        if names is None:
            found = parts.select(self.place, self.parts("files", night), columns=["name"], where={"trial": trial})
            names = [] if found is None else found["name"].to_pylist()
        dropped = self.manifest.dropped.get(night, ()) if trial not in self.loose else ()
        left = [table for name in names if (table := TABLES.get(name))]
        return sorted(table for table in left if table not in dropped or self._has_rows(night, trial, table))

    def _has_rows(self, night: str, trial: str, name: Kind) -> bool:
        """Whether parts hold rows of a trial: one that came after retention had dropped a table has its own."""
        found = parts.select(self.place, self.parts(name, night), columns=["trial"], where={"trial": trial})
        return found is not None and found.num_rows > 0
