"""The big store that `results_store.py size` reads: made once, by the store's own writer of parts.

200,020 trials of five points over 365 nights and 500 configurations: a million runs, and a hundred request rows a run.
Not by 200,000 folders: a night's rows are drawn as columns, from results that the store derives its table from, and
written as `compact` writes them. The text of each `result.json` carries the same figures. Chunk times are left out.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

import builders
import stored
from enginebench import assets
from enginebench.metrics import METRICS
from enginebench.records import Part, Result, identify
from enginebench.records.files import to_json
from enginebench.store import Store, manifests, parts, rows
from enginebench.store.columns import COLUMNS
from enginebench.tables import write_requests

VERSION = 1
"""Goes up when what is drawn here changes."""
LAST = date(2026, 11, 24)
JOBS, POINTS = 100, 5
ABSENT = 17
"""Metrics of each run that are null."""
MARK = 9.0e15
"""From here on figures of a template stand for those to be drawn."""


@dataclass(frozen=True)
class Size:
    """How much of it is made."""

    nights: int = 365
    trials: int = 548
    """A night."""
    requests: int = 100
    """Rows a run."""


def job_result(index: int) -> Result:
    """The result of one of the jobs, its figures to be replaced."""
    model = builders.a_model(name=f"model-{index % 10}", source=builders.DUMMY)
    points = tuple(
        builders.a_point(workload=builders.a_workload(name=f"workload-{index // 10}"), load=builders.closed(4**load))
        for load in range(POINTS)
    )
    job = stored.a_job(loads=())
    deployment = builders.a_deployment(engine="scripted", engine_version="@VERSION@", model=model)
    job = builders.a_job(deployment=deployment, points=points, repeats=1, start=job.start)
    given = list(METRICS)[:-ABSENT]
    runs = [
        stored.a_run(0, point=point, **{name: MARK + 1000 * point + place for place, name in enumerate(given)})
        for point in range(POINTS)
    ]
    return stored.a_trial("@TRIAL@", runs, night="@NIGHT@", job=job)


class Template:
    """The text of a job's `result.json` with holes for what differs between its trials."""

    HOLE = re.compile(r"@TRIAL@|@NIGHT@|@VERSION@|2026-11-24T02:00:00\.000\+00:00|900000000000\d{4}\.0")

    def __init__(self, text: str) -> None:
        self.pieces = self.HOLE.split(text)
        self.holes = self.HOLE.findall(text)

    def filled(self, words: dict[str, str], figures: Sequence[Sequence[float]]) -> str:
        filled = [self.pieces[0]]
        for hole, piece in zip(self.holes, self.pieces[1:], strict=True):
            if hole.startswith("9"):
                place = int(float(hole) - MARK)
                filled.append(repr(figures[place // 1000][place % 1000]))
            else:
                filled.append(words.get(hole) or words["@STARTED@"])
            filled.append(piece)
        return "".join(filled)


class Night:
    """What was measured in one night."""

    def __init__(self, base: Base, index: int, size: Size) -> None:
        self.base, self.size = base, size
        day = LAST - timedelta(days=size.nights - 1 - index)
        self.night = day.isoformat()
        self.version = f"1.{index // 7}"
        self.started = f"{self.night}T02:00:00.000+00:00"
        random = np.random.default_rng([VERSION, index])
        self.jobs = np.arange(size.trials) % JOBS
        self.trials = [
            f"{day:%Y%m%d}-{job:03}-{place // JOBS}-{int(word):08x}"
            for place, (job, word) in enumerate(zip(self.jobs, random.integers(0, 2**32, size.trials), strict=True))
        ]
        drift = 1 + 0.1 * index / size.nights
        shape = (size.trials, POINTS, len(METRICS) - ABSENT)
        self.figures = base.level[self.jobs] * drift * random.normal(1, 0.02, shape)
        self.random = random

    def runs(self) -> Any:
        """Rows of the table of runs, in its order."""
        table = self.base.runs.take(pa.array((self.jobs[:, None] * POINTS + np.arange(POINTS)).ravel()))
        ids = [f"{trial}.{point}.0" for trial in self.trials for point in range(POINTS)]
        count = len(ids)
        flat = self.figures.reshape(count, -1)
        changed = {
            "night": [self.night] * count,
            "trial": [trial for trial in self.trials for _ in range(POINTS)],
            "run": ids,
            "engine_version": [self.version] * count,
            "started_utc": pa.array([self.started] * count).cast(pa.timestamp("us", "UTC")),
            **{name: flat[:, place] for place, name in enumerate(list(METRICS)[:-ABSENT])},
        }
        for name, values in changed.items():
            at = table.schema.get_field_index(name)
            table = table.set_column(
                at, table.schema.field(at), pa.chunked_array([values], table.schema.field(at).type)
            )
        return table.sort_by([(name, "ascending") for name in rows.ORDER["runs"]])

    def files(self) -> Iterator[Any]:
        """A row a file, by name."""
        schema = self.base.files
        job = {"@NIGHT@": self.night, "@VERSION@": self.version}
        contents = {
            "job.json": [self.base.jobs[one].filled(job, ()) for one in self.jobs],
            "requests.parquet": [self.base.requests.serialize().to_pybytes()] * self.size.trials,
            "result.json": [
                self.base.results[one].filled({**job, "@TRIAL@": trial, "@STARTED@": self.started}, figures)
                for one, trial, figures in zip(self.jobs, self.trials, self.figures.tolist(), strict=True)
            ],
            "server.log": ["ready\n" * 200] * self.size.trials,
        }
        for name, texts in contents.items():
            count = len(texts)
            yield pa.table([[self.night] * count, self.trials, [name] * count, texts], schema=schema)

    def requests(self) -> Any:
        """Request rows of all trials, trial by trial, each run's in order of its requests."""
        base, rows_a_run = self.base, self.size.requests
        order = np.argsort(np.array(self.trials))
        count = self.size.trials * POINTS * rows_a_run
        trials = pa.array([self.trials[place] for place in order])
        runs = pa.array([f"{self.trials[place]}.{point}.0" for place in order for point in range(POINTS)])
        index = np.tile(np.arange(rows_a_run, dtype=np.int32), self.size.trials * POINTS)
        random = self.random
        sent = index * 50_000_000 + random.integers(0, 20_000_000, count)
        first = sent + random.lognormal(18, 0.3, count).astype(np.int64)
        last = first + random.normal(1.2e9, 5e7, count).astype(np.int64)
        same = {name: pa.repeat(value, count) for name, value in base.constant.items()}
        drawn = {
            "trial": trials.take(pa.array(np.repeat(np.arange(self.size.trials), POINTS * rows_a_run))),
            "run": runs.take(pa.array(np.repeat(np.arange(self.size.trials * POINTS), rows_a_run))),
            "index": index,
            "scheduled_ns": sent - random.integers(2_000, 60_000, count),
            "sent_ns": sent,
            "first_token_ns": first,
            "last_token_ns": last,
            "end_ns": last + random.integers(10_000, 90_000, count),
            "first_event_ns": first,
            "output_chars": random.integers(480, 560, count).astype(np.int32),
        }
        schema = base.requests.insert(0, pa.field("trial", pa.string()))
        return pa.table([drawn[name] if name in drawn else same[name] for name in schema.names], schema=schema)


class Base:
    """What all nights have in common."""

    def __init__(self, aside: Path) -> None:
        results = [job_result(index) for index in range(JOBS)]
        self.results = [Template(to_json(one)) for one in results]
        self.jobs = [Template(to_json(one.attempt)) for one in results]
        (made,) = rows.derived("runs", results).tables()
        # In the order of jobs and points, which that of the ids is not.
        keys = {(trial, point): place for place, (trial, point) in enumerate(_keys(results, made))}
        self.runs = made.take(pa.array([keys[job, point] for job in range(JOBS) for point in range(POINTS)]))
        self.level = np.random.default_rng(VERSION).uniform(10, 1000, (JOBS, POINTS, len(METRICS) - ABSENT))
        self.files = pa.schema(
            [(name, pa.string()) for name in ("night", "trial", "name")] + [("content", pa.binary())]
        )
        one = builders.a_request(event_ns=(), cached_tokens=None, first_chars=4, shared_reads=0)
        path = aside / f"one-{multiprocessing.current_process().pid}.parquet"
        write_requests([one], path)
        import pyarrow.parquet as pq

        table = pq.read_table(path)
        path.unlink()
        self.requests = table.schema
        self.constant = {name: table[name][0] for name in table.column_names}


def _keys(results: Sequence[Result], made: Any) -> list[tuple[int, int]]:
    """Job and point of each row of the table that the store derived."""
    known = {
        named.series: (job, place)
        for job, one in enumerate(results)
        for place, named in enumerate(identify(one.attempt.job.deployment, one.attempt.job.points))
    }
    assert len(known) == JOBS * POINTS, "each configuration is a series"
    return [known[name] for name in made["series"].to_pylist()]


def month(task: tuple[Path, Size, tuple[int, ...], bool]) -> tuple[list[Part], dict[str, list[str]]]:
    """Write the parts of some nights: those of a month that is over as one a small table."""
    place, size, indices, over = task
    base, made, trials = Base(place), [], {}
    nights = [Night(base, index, size) for index in indices]

    def add(table: str, named: Sequence[Night], tables: Iterator[Any], schema: Any) -> None:
        span = named[0].night if len(named) == 1 else f"{named[0].night}..{named[-1].night}"
        path = f"parts/{table}/{span}.made.parquet"
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        count = parts.write(tables, schema, place / path)
        size_bytes = (place / path).stat().st_size
        made.append(Part(table=table, path=path, nights=tuple(n.night for n in named), rows=count, bytes=size_bytes))

    for group in [nights] if over else [[one] for one in nights]:
        add("runs", group, (one.runs() for one in group), base.runs.schema)
        add("files", group, (table for one in group for table in one.files()), base.files)
    schema = base.requests.insert(0, pa.field("trial", pa.string()))
    for one in nights:
        trials[one.night] = sorted(one.trials)
        add("requests", [one], iter([one.requests()]), schema)
    return made, trials


def store(size: Size, *, processes: int = 2) -> Store:
    """The big store, made if it is not there."""
    columns = hashlib.sha256(" ".join([*COLUMNS, *METRICS, str(size)]).encode()).hexdigest()[:12]
    place = assets.cache().with_name("enginebench-benchmarks") / f"results-store-{VERSION}-{columns}"
    found = Store(place)
    if manifests.sequences(found.place):
        return found
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    days: dict[str, list[int]] = {}
    for index in range(size.nights):
        days.setdefault(f"{LAST - timedelta(days=size.nights - 1 - index):%Y-%m}", []).append(index)
    tasks = [(place, size, tuple(indices), name != f"{LAST:%Y-%m}") for name, indices in days.items()]
    print(f"making {size.nights * size.trials:,} trials in {place}, once", file=sys.stderr)
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        made = pool.map(month, tasks, chunksize=1)
    trials = {night: ids for _, some in made for night, ids in some.items()}
    manifests.follow(found.place, manifests.NONE, [part for some, _ in made for part in some], trials, {})
    _check(found)
    return found


def _check(made: Store) -> None:
    """The rows of some trials are what the store derives from their results."""
    nights = list(made.view().manifest.trials)
    for night in (nights[0], nights[-1]):
        runs = made.runs(night=night)
        for trial in (runs["trial"].iloc[0], runs["trial"].iloc[-1]):
            (derived,) = rows.derived("runs", [made.result(trial)]).tables()
            told = derived.to_pandas().set_index("run").sort_index()
            kept = runs[runs["trial"] == trial].set_index("run").sort_index()
            for name in ("night", "series", "engine_version", "started_utc", *METRICS):
                same = (told[name].to_numpy() == kept[name].to_numpy()) | (told[name].isna() & kept[name].isna())
                assert same.all(), f"{trial}: {name} is not what its result says"
