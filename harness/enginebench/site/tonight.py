"""What changed in the newest night, and how everything stands: the first page, all of it made here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
import pandas as pd

from enginebench.analysis.changes import WATCHED, Finding, Report, Rule
from enginebench.analysis.compare import Comparison, Judged, compare
from enginebench.analysis.points import eligible
from enginebench.analysis.reliability import TRIAL, missing_nights, trials
from enginebench.analysis.slices import parse
from enginebench.analysis.snapshot import snapshot
from enginebench.errors import UserError
from enginebench.metrics import METRICS
from enginebench.site.changes import Place, places
from enginebench.site.chunks import number, table
from enginebench.site.starts import METRICS as COMPARED
from enginebench.store import Store

HEADLINES = (
    *("output_tps_per_accelerator", "total_tps_per_accelerator", "goodput_rps", "interactivity_mean_tps"),
    *("ttft_mean_ns", "ttft_p99_ns", "tpot_mean_ns", "energy_j_per_output_token"),
)
"""Metrics that the grid can show; every one can be compared."""
CELL = ("model", "product", "engine", "tool")
"""What is a cell of the grid."""
STALE_DAYS = 7
"""Days before the newest night from which on a figure is called stale: a week of nights went by without it."""
_RECENT_DAYS = 30
"""Missing nights and failures further back are the pages' Nights and Reliability alone."""
_OF_FIGURE = (
    *("id", "curve", "host", "precision", "devices", "parallelism", "workload", "load", "version_label", "night"),
)
_WHO = ("curve", "host", "engine")


def tonight(runs: pd.DataFrame, points: pd.DataFrame, report: Report, store: Store) -> dict[str, Any]:
    """The piece `tonight`; `points` are those of `site.points`, `report` is of the same runs."""
    standing = points[points["now"]]
    newest = max(runs["night"]) if len(runs) else max(standing["night"], default=None)
    told = _Changes(runs, points, report, newest)
    tried = trials(store.runs((*TRIAL, "marks")), store.failures())
    cells = [_cell(dict(zip(CELL, key, strict=True)), own, tried, newest) for key, own in _grouped(standing)]
    rows = [row for place, (_, own) in enumerate(_grouped(standing)) for row in _figures(place, own, told)]
    changes = told.distinct(rows)
    frame = pd.DataFrame(rows, columns=["cell", "metric", *_OF_FIGURE, "value", "low", "high", "n", "unlike", "change"])
    frame = frame.astype({"change": "Int64"})
    ours = standing[standing["tool"] == ""].drop_duplicates(list(_WHO))
    return {
        "night": newest,
        "stale_days": STALE_DAYS,
        "first_nights": Rule().first,
        "watched": WATCHED,
        "metrics": [name for name in HEADLINES if name in set(frame["metric"])],
        "cells": cells,
        "figures": table(frame, list(frame.columns)),
        "changes": changes,
        "news": told.news(),
        "measured": int((ours["night"] == newest).sum()),
        "unmeasured": _unmeasured(ours, newest),
        "missing_loads": _missing_loads(standing[standing["tool"] == ""]),
        "missing_nights": _missing_nights(tried, newest),
    }


def _grouped(standing: pd.DataFrame) -> Iterator[tuple[Any, pd.DataFrame]]:
    # A model or part that another tool does not name is one too.
    named = {name: standing[name].fillna("not told") for name in ("model", "product", "engine")}
    yield from standing.assign(**named).groupby(list(CELL), sort=True)


def _days(night: str, newest: str | None) -> int | None:
    """Days from a night to the newest; null where one is no date."""
    try:
        return None if newest is None else (date.fromisoformat(newest[:10]) - date.fromisoformat(night[:10])).days
    except ValueError:
        return None


def _cell(of: dict[str, str], standing: pd.DataFrame, tried: pd.DataFrame, newest: str | None) -> dict[str, Any]:
    """A cell of the grid but for its figures."""
    night = max(standing["night"])
    latest = standing[standing["night"] == night]
    mine = tried[(tried["model"] == of["model"]) & (tried["product"] == of["product"])]
    mine = mine[mine["engine"] == of["engine"]] if not of["tool"] else mine.iloc[:0]
    since = [days is not None and days <= _RECENT_DAYS for days in (_days(one, newest) for one in mine["night"])]
    failed = mine[pd.Series(since, index=mine.index, dtype=bool) & (mine["status"] == "failed")]
    return {
        **of,
        "night": night,
        "days": _days(night, newest),
        "versions": sorted(set(latest["version_label"].astype(str))),
        "points": len(standing),
        "left_out": len(standing) - len(eligible(standing)),
        "quality": {
            "failed": int(standing["failed_quality"].astype(bool).sum()),
            "passed": int((standing["quality_passed"] == True).sum()),  # noqa: E712  (null is neither)
            "score": number(pd.to_numeric(standing["quality_score"], errors="coerce").min()),
            "reasons": sorted({reason for reasons in standing["quality_reasons"] for reason in reasons})[:5],
        },
        "failed": len(failed),
        "tried": int(sum(since)),
        "last_failure": None if failed.empty else _failure(failed.iloc[-1].to_dict()),
        "missing": sum(len(one) for one in standing.drop_duplicates(list(_WHO))["missing"]),
    }


def _failure(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("night", "trial", "failure_class")}


def _figures(cell: int, standing: pd.DataFrame, told: _Changes) -> Iterator[dict[str, Any]]:
    """A row a metric and workload: the best figure that may stand in a verdict, with its change."""
    kept = eligible(standing)
    for _, rows in kept.groupby("workload", sort=True):
        for name in HEADLINES:
            values = pd.to_numeric(rows[name], errors="coerce").astype("float64")
            if values.isna().all():
                continue
            best = rows.iloc[int(values.argmax() if METRICS[name].better == "higher" else values.argmin())]
            scale = METRICS[name].scale
            yield {
                "cell": cell,
                "metric": name,
                **{column: best[column] for column in _OF_FIGURE},
                "value": number(best[name], scale),
                "low": number(best[f"{name}_low"], scale),
                "high": number(best[f"{name}_high"], scale),
                "n": int(best[f"{name}_n"]),
                "unlike": best["unlike"].get(name, "") if isinstance(best["unlike"], dict) else "",
                "change": None if best["tool"] else told.of(best, name),
            }


class _Changes:
    """Which figure changed, by the nights where there are enough of them, else by the version before."""

    def __init__(self, runs: pd.DataFrame, points: pd.DataFrame, report: Report, newest: str | None) -> None:
        own = runs[runs["reproduces"].isna()] if len(runs) else runs
        self._newest, self._findings = newest, places(own, report)
        self._runs = dict(list(own.groupby(["model", "product", "engine"], sort=False)))
        self._nights: dict[Place, int] = {
            (str(curve), str(host), str(engine)): part["night"].nunique()
            for (curve, host, engine), part in own.groupby(list(_WHO), sort=False)
        }
        ours = points[points["tool"] == ""]
        now = snapshot(ours)
        self._now = _by_curve(now)
        newer = pd.MultiIndex.from_frame(now[[*_WHO, "version"]])
        self._before = _by_curve(snapshot(ours[~pd.MultiIndex.from_frame(ours[[*_WHO, "version"]]).isin(newer)]))
        self._compared: dict[tuple[str, ...], tuple[Comparison | None, dict[str, Any]]] = {}

    def of(self, point: pd.Series, metric: str) -> dict[str, Any]:
        """The change of a point's metric."""
        place: Place = (point["curve"], point["host"], point["engine"])
        nights = self._nights.get(place, 0)
        if metric in WATCHED and nights >= Rule().first:
            return self._of_nights(place, metric, point["load"], nights)
        found = self._of_versions(point)
        if found is None:
            return {"verdict": "no verdict yet", "why": f"{_counted(nights, 'night')}, one version"}
        comparison, words = found
        if comparison is None:
            return {"verdict": "no verdict yet", **words}
        one = _judged(comparison, point, metric)
        if one is None:
            return {"verdict": "no verdict yet", **words, "why": "the version before has no such point"}
        return {**words, **_sized(one)}

    def news(self) -> list[dict[str, Any]]:
        """What changed, known since the newest night: of nights, and of versions that appeared in it."""
        found = [
            {**_of_finding(one), "kind": "nights", "curve": place[0], "host": place[1], **self._named(place)}
            for place, some in self._findings.items()
            for one in some
            if one.found == self._newest
        ]
        for comparison, words in self._compared.values():
            if comparison is None or not words["new_tonight"]:
                continue
            on_curve = {(one.curve, one.metric) for one in comparison.curves}
            alone = [one for one in comparison.points if (one.curve, one.metric) not in on_curve]
            for one in (*comparison.curves, *alone):
                hashes = one.curve.split(" ")
                if one.verdict not in ("better", "worse") or self._enough(hashes[0], one.metric):
                    continue
                words_of = {"kind": "versions", "label": one.subject, "load": one.load, "metric": one.metric}
                found.append({**words_of, "curve": hashes[0], **words, **_sized(one), "worse": one.verdict == "worse"})
        return sorted(found, key=lambda one: (not one["worse"], one["label"], one["metric"]))

    def distinct(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Every change once; in `rows` its place stands for it."""
        known: dict[bytes, int] = {}
        kept: list[dict[str, Any]] = []
        for row in rows:
            if row["change"] is None:
                continue
            key = msgspec.json.encode(row["change"])
            if key not in known:
                known[key] = len(kept)
                kept.append(row["change"])
            row["change"] = known[key]
        return kept

    def _enough(self, curve: str, metric: str) -> bool:
        nights = max((n for (one, _, _), n in self._nights.items() if one == curve), default=0)
        return metric in WATCHED and nights >= Rule().first

    def _named(self, place: Place) -> dict[str, Any]:
        row = self._now.get(place, {})
        return {name: row.get(name) for name in ("model", "product", "engine", "workload")}

    def _of_nights(self, place: Place, metric: str, load: str, nights: int) -> dict[str, Any]:
        found = [one for one in self._findings.get(place, ()) if one.metric == metric and one.load in ("", load)]
        if not found:
            return {"verdict": "no change", "how": "nights", "why": f"none in {_counted(nights, 'night')}"}
        last = max(found, key=lambda one: (one.night, one.found))
        verdict = "worse" if last.worse else "better"
        return {**_of_finding(last), "how": "nights", "verdict": verdict, "new": last.found == self._newest}

    def _of_versions(self, point: pd.Series) -> tuple[Comparison | None, dict[str, Any]] | None:
        at: Place = (point["curve"], point["host"], point["engine"])
        new, old = self._now.get(at), self._before.get(at)
        if new is None or old is None:
            return None
        key = (new["model"], new["product"], new["engine"], old["version"], new["version"])
        if key not in self._compared:
            self._compared[key] = self._compare(new, old)
        return self._compared[key]

    def _compare(self, new: Mapping[str, Any], old: Mapping[str, Any]) -> tuple[Comparison | None, dict[str, Any]]:
        runs = self._runs[new["model"], new["product"], new["engine"]]
        same = runs.groupby("engine_version")["version"].nunique().to_dict()
        versions = [old["engine_version"], new["engine_version"]]
        # A version's number says it, unless two installations bear it.
        by = "version" if versions[0] == versions[1] or any(same[one] > 1 for one in versions) else "engine_version"
        shared = f"model={new['model']},product={new['product']},engine={new['engine']}"
        a, b = (f"{shared},{by}={one[by]}" for one in (old, new))
        tonight = runs.loc[runs["version"] == new["version"], "night"].min() == self._newest
        words = {"how": "versions", "a": a, "b": b, "from": old["version_label"], "to": new["version_label"]}
        words |= {"new_tonight": tonight, "metrics": list(HEADLINES)}
        try:
            return compare(runs, parse(a), parse(b), metrics=HEADLINES), words
        except UserError as error:
            return None, {**words, "why": str(error)}


def _by_curve(standing: pd.DataFrame) -> dict[Place, dict[str, Any]]:
    names = [*_WHO, "model", "product", "workload", "version", "engine_version", "version_label"]
    rows = standing.drop_duplicates(list(_WHO))[names].to_dict("records")
    return {(row["curve"], row["host"], row["engine"]): {str(k): v for k, v in row.items()} for row in rows}


def _judged(comparison: Comparison, point: pd.Series, metric: str) -> Judged | None:
    """The verdict on the point's curve in a metric, or where it is on none on the point."""
    rows = [one for one in comparison.judged() if one.curve.startswith(f"{point['curve']} ") and one.metric == metric]
    rows = [one for one in rows if one.curve.endswith(f" {point['load_kind']}")]
    curves = [one for one in rows if one.kind == "curve" and one.load.startswith("mean over")]
    points = [one for one in rows if one.kind == "point" and one.load == point["load"]]
    return next(iter([*curves, *points]), None)


def _sized(one: Judged) -> dict[str, Any]:
    found = one.estimate
    sized = {"verdict": one.verdict, "why": one.why, "over": one.load}
    if found is None:
        return sized
    ends = {name: number(getattr(found, name)) for name in ("ratio", "low", "high")}
    return {**sized, **ends, "n_a": found.n_a, "n_b": found.n_b}


def _of_finding(one: Finding) -> dict[str, Any]:
    ends = {name: number(getattr(one, name)) for name in ("ratio", "low", "high")}
    words = ("label", "load", "metric", "night", "found", "status", "worse", "causes")
    return {**{name: getattr(one, name) for name in words}, **ends}


def _unmeasured(ours: pd.DataFrame, newest: str | None) -> list[dict[str, Any]]:
    """Curves that stand but are not of the newest night, those that are not stale first."""
    names = [*_WHO, "model", "product", "workload", "precision", "parallelism", "night"]
    rows = ours[ours["night"] != newest].sort_values("night", ascending=False, kind="stable")
    return [{**row, "days": _days(row["night"], newest)} for row in _records(rows[names])]


def _missing_loads(standing: pd.DataFrame) -> list[dict[str, Any]]:
    """Curves of which the newest version has not measured every load."""
    rows = standing.drop_duplicates(list(_WHO))
    names = [*_WHO, "model", "product", "workload", "version_label", "missing"]
    return _records(rows[rows["missing"].map(bool).astype(bool)][names])


def _missing_nights(tried: pd.DataFrame, newest: str | None) -> list[dict[str, Any]]:
    rows = _records(missing_nights(tried))
    days = [_days(row["before"], newest) for row in rows]
    return [row for row, ago in zip(rows, days, strict=True) if ago is not None and ago <= _RECENT_DAYS]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


assert set(HEADLINES) <= set(COMPARED)
