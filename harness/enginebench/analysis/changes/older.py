"""Older versions measured in the nights of newer ones: what is known of them, which to ask for, how much they share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from enginebench.analysis.changes import beside
from enginebench.analysis.changes.contrast import DECAY
from enginebench.analysis.changes.noise import Floats
from enginebench.analysis.changes.rule import Bools, Ints, Rule
from enginebench.records import record

_NEAR = 20
"""Nights that tell the level which two builds' figures of a night are held against, …"""
_LATELY = 2
"""… these newest left out, which may be after the step."""
_FAR = 5.0
"""Standard deviations beyond which a night tells nothing of what builds share: an outlier is shared or not."""
_EXPECTED = 0.5
"""Share of a night's noise that two builds are expected to have in common, …"""
_WORTH = 10.0
"""… as if so many variances had been seen."""
_LEVEL = 0.4
"""Variance of the level that both are held against, in units of a night's."""
_MOST = 0.95
"""Highest share that is believed."""
_AGREES = 0.5
"""Share of a step's size by which the two versions must differ in the mean of their nights."""


@record
class Older:
    """What an older version gave in each night, rows × nights."""

    values: Floats
    """Logs; NaN: not measured."""
    runs: Ints
    """Server starts in each."""
    born: Ints
    """The newest night that this version was followed in; -1: none."""


class Beside:
    """The older versions of all series, nights that were not measured closed up by `order`."""

    def __init__(self, order: Ints, versions: Ints | None, older: Older | None, rule: Rule) -> None:
        self.rule = rule
        self.versions = None if versions is None else np.take_along_axis(versions, order, axis=1)
        self.values = np.zeros(order.shape)
        self.runs = np.zeros(order.shape)
        self.born = np.full(order.shape, -1, dtype=np.int64)
        self.together, self.seen = _EXPECTED * _WORTH, _WORTH
        if older is not None:
            known = np.take_along_axis(np.isfinite(older.values) & (older.born >= 0), order, axis=1)
            place = np.argsort(order, axis=1)
            born = np.take_along_axis(place, np.maximum(older.born, 0), axis=1)
            self.born = np.where(known, np.take_along_axis(born, order, axis=1), -1)
            self.values = np.where(known, np.take_along_axis(older.values, order, axis=1), 0)
            self.runs = np.where(known, np.take_along_axis(older.runs, order, axis=1), 0).astype(float)

    def asks(self, rows: Ints, night: int, longest: int) -> Floats:
        """Standard errors from which on a step of 1, 2, … `longest` nights asks for reruns, a row each."""
        found = np.full((len(rows), longest), self.rule.ask)
        if self.versions is not None:
            first = max(night - longest - self.rule.back + 1, 0)
            near = self.versions[rows, first : max(night - self.rule.back + 1, 1)]
            differs = (near != self.versions[rows, night][:, None]).any(axis=1)
            found[differs] = self.rule.ask_beside
            found[differs, 0] = self.rule.ask_alone
        return found

    def before(self, rows: Ints, night: int, steps: Ints) -> Ints:
        """The night before the last `steps` whose version is to be measured beside the newest; -1: it is the same."""
        at = night - steps + 1 - self.rule.back
        if self.versions is None:
            return np.full(len(rows), -1)
        differs = self.versions[rows, np.maximum(at, 0)] != self.versions[rows, night]
        return np.where((at >= 0) & differs, at, -1)

    def learn(self, newer: Floats, older: Floats, sd: Floats) -> None:
        """What the newest night of `newer`, rows × nights, and the `older` version in it have in common.

        By regression of the one on the other: nights are measured twice because they stand off, which moves no slope.
        """
        known = np.isfinite(older).any(axis=1)
        if not known.any() or newer.shape[1] <= _LATELY + 1:
            return
        x, y = _off(newer[known], older[known], sd[known])
        near = (np.abs(x) < _FAR) & (np.abs(y) < _FAR)
        self.together += float((x * y - _LEVEL)[near].sum())
        self.seen += float((y * y - _LEVEL)[near].sum())

    def take(self, rows: Ints, night: int, older: Floats, before: Ints) -> None:
        """Keep what the version of the nights `before` gave, rows × runs; NaN: not measured."""
        runs = np.isfinite(older).sum(axis=1)
        known = runs > 0
        rows, older = rows[known], older[known]
        self.values[rows, night] = np.nanmean(older, axis=1) if len(rows) else 0
        self.runs[rows, night] = runs[known]
        self.born[rows, night] = before[known]

    def hiccups(self, newer: Floats, older: Floats, sd: Floats) -> Bools:
        """Rows of which it is the older version that is off in that night, and more than noise makes it: it can't tell
        whether the newer one changed."""
        known = np.isfinite(older).any(axis=1)
        found = np.zeros(len(older), dtype=bool)
        if known.any() and newer.shape[1] > _LATELY + 1:
            x, y = _off(newer[known], older[known], sd[known])
            alone = np.minimum(np.abs(x), np.abs(x - y)) > self.rule.spike
            found[known] = alone & (np.abs(x) > np.abs(y))
        return found

    def forget(self, rows: Ints, night: int) -> None:
        """Use nothing of that night any more: it was a blip."""
        self.runs[rows, night] = 0

    def begin(self, rows: Ints, night: int) -> None:
        """From this night on all is anew: a version of before it is on another level."""
        self.runs[rows] = np.where(self.born[rows] < night, 0, self.runs[rows])

    def told(self, rows: Ints, night: int, longest: int) -> Bools:
        """Rows of which an older version was measured in the last `longest` nights."""
        known = self.runs[rows, night - longest + 1 : night + 1] > 0
        return np.asarray(known.any(axis=1), dtype=np.bool_)

    def apart(self, newer: Floats, rows: Ints, night: int, longest: int) -> Floats:
        """Log of newer to older in each of the last `longest` nights; 0 where it is not known."""
        last = slice(night - longest + 1, night + 1)
        return np.where(self.runs[rows, last] > 0, newer[rows, last] - self.values[rows, last], 0)

    def window(
        self, rows: Ints, night: int, longest: int, window: Floats, apart: Floats, redrawn: Floats, hundredths: int
    ) -> beside.Window:
        """What `beside.joint` takes of these rows, for figures of the newer version that end with `window`'s."""
        last = slice(night - longest + 1, night + 1)
        carried = min(hundredths / 100 / DECAY, 1.0)
        again = carried + (1 - carried) * (1 - redrawn)
        return beside.Window(
            values=window[:, -longest:] - apart,
            runs=self.runs[rows, last],
            born=(self.born[rows, last] - (night - window.shape[1] + 1)).astype(float),
            shared=np.clip(self.together / self.seen / np.maximum(again, 0.05), 0, _MOST),
        )

    def said(self, newer: Floats, row: int, night: int, step: int, order: Ints) -> dict[str, Any]:
        """What of a `Change` is of its older version: the night to be asked for, and how far apart the two were."""
        before = int(self.before(np.array([row]), night, np.array([step]))[0])
        last = slice(night - step + 1, night + 1)
        apart = (newer[row, last] - self.values[row, last])[self.runs[row, last] > 0]
        return {
            "beside": -1 if before < 0 else int(order[before]),
            "apart": float(apart.mean()) if len(apart) else math.nan,
        }

    def agrees(self, rows: Ints, night: int, apart: Floats, size: Floats) -> Bools:
        """Whether the versions of before and after each step differ by half its size at least, where both were
        measured."""
        agree: Bools = np.ones(size.shape, dtype=bool)
        for step in range(1, size.shape[1] + 1):
            last = slice(night - step + 1, night + 1)
            held = (self.runs[rows, last] > 0) & (self.born[rows, last] < night - step + 1)
            mean = (apart[:, -step:] * held).sum(axis=1) / np.maximum(held.sum(axis=1), 1)
            off = mean * np.sign(size[:, step - 1]) >= _AGREES * np.abs(size[:, step - 1])
            agree[:, step - 1] = np.where(held.any(axis=1), off, True)
        return agree


def _off(newer: Floats, older: Floats, sd: Floats) -> tuple[Floats, Floats]:
    """How far the older version and the newer one are off their level of before in the newest night, in `sd`."""
    level = np.median(newer[:, max(0, newer.shape[1] - _NEAR - _LATELY - 2) : -_LATELY - 1], axis=1)
    return (np.nanmean(older, axis=1) - level) / sd, (newer[:, -1] - level) / sd
