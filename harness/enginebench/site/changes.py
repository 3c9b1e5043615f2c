"""Changes over nights as the page of trends loads them: curves with steps, levels, noise and what else changed."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from enginebench import config
from enginebench.analysis.changes import WATCHED, Finding, Report
from enginebench.analysis.changes.curves import BREAKS, TRACK, label_of, newest_versions
from enginebench.analysis.changes.levels import fit
from enginebench.analysis.lineage import predecessors, recipe_difference
from enginebench.analysis.points import eligible
from enginebench.metrics import METRICS
from enginebench.records import plain
from enginebench.site.chunks import Chunks, number, slug, table
from enginebench.store import Store

_OF_CURVE = ("precision", "vendor", "product", "devices", "parallelism", "workload", "recipe")
_MARKED = {"version_label": "version", "lock_hash": "installed", "model_revision": "model", "driver": "driver"}
"""Column whose change over nights is marked, to its word."""
_BAND = 1.96
Place = tuple[str, str, str]
"""Curve, host, engine: what is followed."""


def places(runs: pd.DataFrame, report: Report) -> dict[Place, list[Finding]]:
    """The findings of each curve that has any."""
    first = runs.drop_duplicates(["trial", *TRACK, "workload"])
    known = {(row["trial"], label_of(row)): tuple(row[name] for name in TRACK) for row in first.to_dict("records")}
    found: dict[Place, list[Finding]] = {}
    for one in report.changes:
        # Two curves may read alike; a trial is of one deployment.
        place = next((known[trial, one.label] for trial in one.trials if (trial, one.label) in known), None)
        if place is not None:
            found.setdefault(place, []).append(one)
    return found


def write_changes(runs: pd.DataFrame, points: pd.DataFrame, report: Report, store: Store, chunks: Chunks) -> None:
    """Make `changes/<model>` of every model of `points`, those of `site.points`: its curves with findings, levels and
    marks. Of what other tools measured there is none: nothing tells their noise."""
    own = runs[runs["reproduces"].isna()]
    fit_points = eligible(points[points["tool"] == ""])
    fit_points = fit_points[~fit_points["marked"].astype(bool)]
    found, recipes = places(own, report), _recipes(own, store)
    ran = {key: sorted(set(part["night"])) for key, part in own.groupby(["grid", "host"], dropna=False)}
    of_points = dict(list(fit_points.groupby(list(TRACK), sort=False)))
    for model, _ in points.groupby("model", dropna=False, sort=True):
        part = own[own["model"] == model]
        curves, levels = [], []
        for key, rows in part.groupby(list(TRACK), dropna=False, sort=True):
            curve, host, engine = (str(word) for word in key)
            followed, findings = newest_versions(rows), found.get((curve, host, engine), [])
            nights = sorted({n for one in set(zip(followed["grid"], followed["host"], strict=True)) for n in ran[one]})
            facts = _facts(followed)
            breaks = [night for night, column, _ in _differences(facts) if column in BREAKS]
            curves.append(
                {
                    **dict(zip(TRACK, key, strict=True)),
                    **{name: number_or_word(rows.iloc[0][name]) for name in _OF_CURVE},
                    "grid": followed.sort_values("night")["grid"].iloc[-1],
                    "label": label_of(rows.iloc[0].to_dict()),
                    "nights": [night for night in nights if night >= min(facts)],
                    "versions": _versions(facts),
                    "marks": [*_marks(facts), *_recipe_marks(rows, recipes), *_prices(rows, min(facts), max(facts))],
                    "findings": [_finding(one, findings, breaks, facts) for one in findings],
                }
            )
            mine = of_points.get((curve, host, engine))
            if mine is not None:
                levels += [(len(curves) - 1, *row) for row in _levels(newest_versions(mine), findings, breaks)]
        frame = pd.DataFrame(levels, columns=["curve", "series", "metric", "first", "last", "level", "sd", "nights"])
        labels = tuple(one["label"] for one in curves)
        notes = [note for note in report.notes if labels and note.startswith(labels)]
        piece = {"curves": curves, "levels": table(frame, list(frame.columns)), "notes": notes, "watched": WATCHED}
        chunks.write(f"changes/{slug(str(model))}", piece)


def number_or_word(value: Any) -> Any:
    """A cell of a table as JSON has it."""
    return number(value) if isinstance(value, int | float | np.number) else None if pd.isna(value) else value


def _levels(points: pd.DataFrame, findings: Sequence[Finding], breaks: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """A row a load, metric and level."""
    for series, rows in points.groupby("series", sort=False):
        load = rows["load"].iloc[0]
        for metric in WATCHED:
            values = pd.to_numeric(rows[metric], errors="coerce").to_numpy(dtype=float)
            known = values > 0
            if not known.any():
                continue
            steps = [one for one in findings if one.metric == metric and one.load in ("", load)]
            begins = {*breaks, *(one.night for one in steps if one.status == "confirmed")}
            logs = pd.Series(np.log(values[known])).groupby(rows["night"].to_numpy()[known]).mean()
            found = fit(list(logs.index), logs.to_numpy(), begins)
            sd = None if found.sd is None else math.exp(_BAND * found.sd)
            for one in found.levels:
                centre = math.exp(one.centre) * METRICS[metric].scale
                yield series, metric, one.first, one.last, centre, sd, one.nights


def _facts(rows: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Night to what was recorded of it: column to its value."""
    told: dict[str, dict[str, str]] = {}
    columns = [*_MARKED, "version", "engine_version"]
    for row in rows.drop_duplicates(["night", *columns])[["night", *columns]].to_dict("records"):
        facts = told.setdefault(row["night"], {})
        for name in columns:
            if isinstance(row[name], str):
                facts[name] = row[name]
    return dict(sorted(told.items()))


def _versions(facts: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str]]:
    """From which night on which version is followed."""
    found: list[tuple[str, str]] = []
    for night, told in facts.items():
        if not found or found[-1][1] != told["version"]:
            found.append((night, told["version"]))
    return found


def _differences(facts: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str, str]]:
    """Night, column and phrase of each change from one known value to another."""
    last: dict[str, str] = {}
    for night, told in facts.items():
        for name in _MARKED:
            if name not in told:
                continue
            old, new = last.get(name), told[name]
            if old is not None and old != new:
                short = name in ("lock_hash", "model_revision")
                yield night, name, f"{old[:12]} → {new[:12]}" if short else f"{old} → {new}"
            last[name] = new


def _marks(facts: Mapping[str, Mapping[str, str]]) -> list[dict[str, str]]:
    told = list(_differences(facts))
    # Another version has other things installed: that is one mark.
    named = {night for night, column, _ in told if column == "version_label"}
    return [
        {"night": night, "kind": _MARKED[column], "words": words}
        for night, column, words in told
        if column != "lock_hash" or night not in named
    ]


def _recipes(runs: pd.DataFrame, store: Store) -> dict[str, dict[str, str]]:
    """Series to the mark of the change of recipe that it began with."""
    deployment = functools.cache(lambda trial: store.result(trial).attempt.job.deployment)
    found = {}
    for series, one in predecessors(runs).items():
        words = ", ".join(recipe_difference(deployment(one.trial), deployment(one.followed_by)))
        beside = " (a variant: the one before goes on)" if one.goes_on else ""
        found[series] = {"night": one.followed_on, "kind": "recipe", "words": f"{words}{beside}"}
    return found


def _recipe_marks(rows: pd.DataFrame, recipes: Mapping[str, dict[str, str]]) -> list[dict[str, str]]:
    marks = [recipes[series] for series in dict.fromkeys(rows["series"]) if series in recipes]
    return list({(one["night"], one["words"]): one for one in marks}.values())


@functools.cache
def _rates() -> config.Rates:
    return config.rates()


def _prices(rows: pd.DataFrame, first: str, last: str) -> list[dict[str, str]]:
    """Days within the curve's nights on which its part's prices changed."""
    one = rows.iloc[0]
    part = _part(str(one["vendor"]), str(one["product"]))
    found = []
    for rate in _rates().rows.get(part, ()) if part else ():
        if first <= rate.since <= last:
            prices = ", ".join(f"{usd:g} $/h ({name})" for name, usd in rate.usd_per_hour.items())
            found.append({"night": rate.since, "kind": "price", "words": f"{prices}; {rate.source}"})
    return found


@functools.cache
def _part(vendor: str, product: str) -> str | None:
    known = config.hardware(vendor, product)
    return known.name if known else None


def _finding(
    one: Finding, all_: Sequence[Finding], breaks: Sequence[str], facts: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """A finding with the nights before and after it, up to the next step, and their versions."""
    confirmed = [f.night for f in all_ if f.metric == one.metric and f.load == one.load and f.status == "confirmed"]
    steps = sorted({*confirmed, *breaks} - {one.night})
    measured = list(facts)
    before = [night for night in measured if night < one.night and all(s <= night or s > one.night for s in steps)]
    after = [night for night in measured if night >= one.night and all(s > night or s < one.night for s in steps)]
    return {
        **{name: value for name, value in plain(one).items() if name != "label"},
        "before": [before[0], before[-1]] if before else None,
        "after": [after[0], after[-1]],
        "versions": [facts[night].get("engine_version") for night in (before[-1:] or after[:1]) + after[:1]],
    }
