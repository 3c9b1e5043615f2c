"""Changes over nights: found in curves and in their loads, confirmed by measuring again, and what else differed then.

The detector is in `detect`; this is what is told of a table of runs. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from enginebench.analysis.changes.curves import Track, missing, tracks
from enginebench.analysis.changes.detect import judge
from enginebench.analysis.changes.older import Older
from enginebench.analysis.changes.rule import Change, Judged, Rule
from enginebench.metrics import METRICS
from enginebench.records import record

__all__ = ["FACTS", "WATCHED", "Change", "Finding", "Judged", "Report", "Rule", "Track", "find_changes", "judge"]

WATCHED = ("output_tps_per_accelerator", "interactivity_mean_tps", "ttft_mean_ns")
"""Metrics that are followed."""
FACTS = ("version_label", "lock_hash", "driver", "recipe", "host", "harness_commit", "model_revision")
"""Columns of the table of runs that may be a change's cause."""
NOTHING = "nothing recorded differs"
MACHINE = "the version before, measured beside it, is off as well: not the version"
_NEAR = 2
"""Nights by which a step may be put too early or late; what differs so near is a candidate too."""
_Z = 1.96


@record
class Finding:
    """A change of a metric, as it is told."""

    label: str
    """Curve in words."""
    load: str
    """Which load changed alone; empty: the curve as a whole."""
    metric: str
    """Key of the metric."""
    night: str
    """First night after the step."""
    found: str
    """Night on which it was known."""
    ratio: float
    """After / before."""
    low: float
    """Lower end of its 95 % interval."""
    high: float
    """Upper end."""
    status: Literal["confirmed", "waiting"]
    """`waiting`: a rerun or the next night has to confirm it."""
    worse: bool
    """Whether it is a change for the worse."""
    causes: tuple[str, ...]
    """What differed between the nights before and after, a phrase each; or that nothing recorded did."""
    trials: tuple[str, ...]
    """Trials of the night on which it was found: what a rerun would repeat."""
    beside: tuple[str, ...] = ()
    """Trials of the version before, to be measured beside them; empty: it is the same version."""
    apart: float | None = None
    """The newer version / the older one in the nights in which both were measured; null: in none."""


@record
class Report:
    """All that is to be told of a table of runs."""

    changes: tuple[Finding, ...]
    """By curve, night and metric."""
    notes: tuple[str, ...]
    """Blips, restarts and missing nights, a line each."""


def find_changes(runs: pd.DataFrame, metrics: Sequence[str] = WATCHED, rule: Rule | None = None) -> Report:
    """Judge every curve of the table of runs, and the loads that changed without their curve."""
    rule = rule or Rule()
    changes: list[Finding] = []
    notes: set[str] = set()
    followed = tracks(runs, metrics, FACTS) if len(runs) else {}
    for metric, (curves, series) in followed.items():
        of_curves = _judged(curves, rule)
        changed: dict[str, list[str]] = {}
        for track, found, blips in of_curves:
            changes += [_told(track, one, metric) for one in found]
            changed[track.label] = [track.nights[one.night] for one in found]
            title = METRICS[metric].title
            notes |= {f"{track.label}: {title}: {night} was a blip, the next night took it back" for night in blips}
            notes |= {f"{track.label}: {phrase}" for phrase in _restarts(track)}
            if metric == metrics[0]:
                notes |= {f"{track.label}: {phrase}" for phrase in missing(track)}
        for track, found, _ in _judged(series, rule):
            alone = [one for one in found if not _near(track, one, changed[track.label], rule.longest)]
            changes += [_told(track, one, metric) for one in alone]
    order = sorted(changes, key=lambda one: (one.label, one.night, metrics.index(one.metric), one.load))
    return Report(changes=tuple(order), notes=tuple(sorted(notes)))


def _judged(found: Sequence[Track], rule: Rule) -> list[tuple[Track, list[Change], list[str]]]:
    """Each track with its changes and blips; all are judged at once, so that young ones learn from the others."""
    if not found:
        return []
    nights = max(len(track.nights) for track in found)

    def stacked(name: str, fill: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        rows = np.full((len(found), nights), fill)
        for place, track in enumerate(found):
            rows[place, : len(track.nights)] = getattr(track, name)
        return rows

    def older(name: str, fill: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        rows = np.full((len(found), nights), fill)
        for place, track in enumerate(found):
            rows[place, : len(track.nights)] = getattr(track.older, name)
        return rows

    done = judge(
        stacked("values", math.nan),
        runs=stacked("starts", 1).astype(np.int64),
        within=stacked("within", math.nan),
        breaks=stacked("breaks", 0).astype(bool),
        versions=stacked("versions", -1).astype(np.int64),
        older=Older(
            values=older("values", math.nan),
            runs=older("runs", 0).astype(np.int64),
            born=older("born", -1).astype(np.int64),
        ),
        rule=rule,
    )
    of_row: dict[int, list[Change]] = {}
    for change in done.changes:
        of_row.setdefault(change.row, []).append(change)
    return [
        (track, of_row.get(row, []), [track.nights[night] for night in np.flatnonzero(done.blips[row])])
        for row, track in enumerate(found)
    ]


def _near(track: Track, change: Change, nights: Sequence[str], longest: int) -> bool:
    at = {night: place for place, night in enumerate(track.nights)}
    return any(abs(at[night] - change.night) <= longest for night in nights if night in at)


def _told(track: Track, change: Change, metric: str) -> Finding:
    half = _Z * change.error
    return Finding(
        label=track.label,
        load=track.load,
        metric=metric,
        night=track.nights[change.night],
        found=track.nights[change.found],
        ratio=math.exp(change.size),
        low=math.exp(change.size - half),
        high=math.exp(change.size + half),
        status=change.status,
        worse=(change.size < 0) == (METRICS[metric].better == "higher"),
        causes=(MACHINE,) if abs(change.apart) < abs(change.size) / 2 else _causes(track, change.night),
        trials=track.trials[change.found],
        beside=track.trials[change.beside] if change.beside >= 0 else (),
        apart=None if math.isnan(change.apart) else math.exp(change.apart),
    )


def _causes(track: Track, night: int) -> tuple[str, ...]:
    """What differs between the step's first night and the measured one before; else what differs a night or two off."""
    measured = [place for place, value in enumerate(track.values) if np.isfinite(value)]
    at = measured.index(night)
    found: tuple[str, ...] = ()
    for off in sorted(range(-_NEAR, _NEAR + 1), key=abs):
        if not 0 < at + off < len(measured):
            continue
        differing = _differences(track, measured[at + off - 1], measured[at + off])
        if differing and off == 0:
            return differing
        when = f"{abs(off)} night{'s' if abs(off) > 1 else ''} {'before' if off < 0 else 'after'} it"
        found += tuple(f"{phrase} ({when})" for phrase in differing)
    return found or (NOTHING,)


def _differences(track: Track, before: int, after: int) -> tuple[str, ...]:
    old, new = track.facts[before], track.facts[after]
    return tuple(
        f"{name} {_short(name, old.get(name))} → {_short(name, new.get(name))}"
        for name in FACTS
        if old.get(name) != new.get(name)
    )


def _short(name: str, value: str | None) -> str:
    if value is None:
        return "not told"
    return value[:12] if name in {"lock_hash", "harness_commit", "model_revision", "recipe"} else value


def _restarts(track: Track) -> list[str]:
    found = []
    for night in np.flatnonzero(track.breaks):
        before = next((place for place in range(night - 1, -1, -1) if track.facts[place]), None)
        what = "" if before is None else ", ".join(_differences(track, before, int(night)))
        found.append(f"followed anew from {track.nights[night]} on: {what}")
    return found
