"""Which planned jobs two slices choose, and which of them are held against each other. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from enginebench.analysis.matching import Pair, asked_columns, match
from enginebench.analysis.slices import Slice, select
from enginebench.errors import mistake
from enginebench.interleave.turns import Arm
from enginebench.records import Attempt, RunKey, record
from enginebench.store.frames import planned_frame

CHOOSES = (
    *("engine", "engine_version", "engine_kind", "precision", "parallelism", "devices", "recipe", "model"),
    *("product", "vendor", "dummy_weights"),
)
"""Columns of the table of runs by which a server start can be chosen before it is measured."""


@record
class Lane:
    """Two server starts that are held against each other."""

    words: tuple[str, str]
    """What A and B measure, as `tiny on vllm 0.31.0, bf16, tp1`."""
    curves: frozenset[str]
    """Keys of the curves that it measures, as `analysis.compare.Judged.curve`."""


@record
class Chosen:
    """What two slices choose of a plan."""

    arms: tuple[Arm, Arm]
    """`A` and `B`."""
    lanes: tuple[Lane, ...]
    """What each lane of the arms is."""
    alone: tuple[str, ...]
    """Points that are not measured, for only one of the slices has them, a line each."""


def choose(planned: Sequence[Attempt], a: Slice, b: Slice) -> Chosen:
    """The arms that `a` and `b` choose of `planned`, one server start of each deployment of a grid.

    Starts are held against each other that are the same but for what the slices differ in, and of them the points that
    both have. Raises UserError for a slice that chooses none, several where one is to be compared, or what the other
    one chooses too.
    """
    first = [one for one in planned if one.job.start == 0]
    frame = planned_frame(one.job for one in first)
    by_id = {one.job.id: one for one in first}
    of_a, of_b = (_of(frame, one) for one in (a, b))
    both = [key for key in by_id if key in set(of_a["job_id"]) & set(of_b["job_id"])]
    if both:
        place = f"`{a.words}` and `{b.words}`"
        raise mistake(place, f"both choose {_words(by_id[both[0]])}", "name slices that share no deployment")
    for side, one in ((of_a, a), (of_b, b)):
        _only_one(side, one, by_id)
    matched = match(of_a, of_b, asked_columns(a, b))
    several = next((one for one in matched.alone if one.why.startswith("several")), None)
    if several is not None:
        chooser = a if several.side == "B" else b
        raise mistake(f"slice `{chooser.words}`", several.why, "name one of them in each slice")
    alone = tuple(
        f"only in {one.side}: {_words(by_id[str(one.point.row['job_id'])])}, {one.point.row['workload']} "
        f"{one.point.row['load']}" + (f" ({one.why})" if one.why else "")
        for one in matched.alone
    )
    if not matched.pairs:
        raise mistake(f"`{a.words}` and `{b.words}`", f"have no point in common; {alone[0]}", "name what differs")
    return _chosen(matched.pairs, by_id, alone)


def _of(frame: pd.DataFrame, one: Slice) -> pd.DataFrame:
    """The planned points of a slice."""
    for key in one.wanted:
        if key not in CHOOSES:
            problem = f"`{key}` chooses no server start before it is measured"
            raise mistake(f"slice `{one.words}`", problem, f"take one of {', '.join(CHOOSES)}")
    found = select(frame, one) if len(frame) else frame
    if found.empty:
        have = {key: sorted(frame[key].astype(str).unique()) if len(frame) else [] for key in one.wanted}
        known = "; ".join(f"{key} {', '.join(values) or 'nothing'}" for key, values in have.items())
        raise mistake(f"slice `{one.words}`", "nothing that the grid plans here is of it", f"it has {known}")
    return found


def _only_one(side: pd.DataFrame, one: Slice, by_id: Mapping[str, Attempt]) -> None:
    """Of each series, which leaves out the version and the name of the configuration, a slice has one deployment."""
    jobs = side.groupby("series")["job_id"].unique()
    for ids in jobs[jobs.map(len) > 1]:
        words = " and ".join(_words(by_id[str(key)]) for key in ids)
        raise mistake(
            f"slice `{one.words}`", f"chooses {words}, which would be one", "name one of them, as by engine_version"
        )


def _chosen(pairs: Iterable[Pair], by_id: Mapping[str, Attempt], alone: tuple[str, ...]) -> Chosen:
    lanes: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        lanes.setdefault((str(pair.a.row["job_id"]), str(pair.b.row["job_id"])), []).append(pair)
    # In the order in which the grid has them.
    order = sorted(lanes, key=lambda ids: [*by_id].index(ids[0]))
    of_a = [_only(by_id[ids[0]], {int(pair.a.row["point"]) for pair in lanes[ids]}) for ids in order]
    of_b = [_only(by_id[ids[1]], {int(pair.b.row["point"]) for pair in lanes[ids]}) for ids in order]
    return Chosen(
        arms=(Arm(name="A", attempts=tuple(of_a)), Arm(name="B", attempts=tuple(of_b))),
        lanes=tuple(
            Lane(
                words=(_words(one), _words(other)),
                curves=frozenset(
                    f"{pair.a.row['curve']} {pair.b.row['curve']} {pair.a.row['load_kind']}" for pair in lanes[ids]
                ),
            )
            for ids, one, other in zip(order, of_a, of_b, strict=True)
        ),
        alone=alone,
    )


def _only(attempt: Attempt, points: set[int]) -> Attempt:
    runs: tuple[RunKey, ...] = tuple(key for key in attempt.runs if key.point in points)
    return replace(attempt, runs=runs)


def _words(attempt: Attempt) -> str:
    d = attempt.job.deployment
    return f"{d.model.name} on {d.engine} {d.engine_version}, {d.precision}, {d.parallelism.label()}"
