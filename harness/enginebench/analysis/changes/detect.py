"""Change points of many series at once, night by night, each confirmed by measuring again before it counts. Pure.

Each night is judged by what was known then: the noise by the series' own past, the step by generalised least squares
over the last nights since a known break. A night that stands out asks for reruns, where it can be of the version before
the step beside the newest: what both meet in that night then falls out. A change is confirmed by at least two
nights that agree, one of them measured more than once (or by `Rule.held` nights), and by evidence beyond `Rule.sure`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np

from enginebench.analysis.changes import contrast, noise
from enginebench.analysis.changes.beside import joint
from enginebench.analysis.changes.noise import Floats
from enginebench.analysis.changes.older import Beside, Older
from enginebench.analysis.changes.rule import Bools, Change, Ints, Judged, Rule

_NEAR = 20
"""Nights before a step that tell the level it is held against night by night; farther ones may have drifted."""
Ask = Callable[[int, Ints, Ints], tuple[Floats, Floats]]
"""Night, rows that need reruns, and the night whose version is measured beside the newest (-1: none) → values of the
newest and of the older one, rows × runs, in logs; NaN: not measured."""


def judge(
    values: Floats,
    *,
    runs: Ints | None = None,
    within: Floats | None = None,
    breaks: Bools | None = None,
    versions: Ints | None = None,
    older: Older | None = None,
    ask: Ask | None = None,
    rule: Rule | None = None,
) -> Judged:
    """Find the changes in `values`, rows × nights, logs; NaN: not measured that night.

    `runs`: independent measurements in each value (server starts), 1 unless told. `within`: variance between them in a
    night, NaN where there is one. `breaks`: nights that begin anew, whatever the figures say. `versions`: a number for
    the version of each night. `older`: what an older one gave, measured beside it. `ask` measures again.
    """
    state = _State(values, runs, within, breaks, versions, older, rule or Rule())
    for night in range(values.shape[1]):
        state.advance(night, ask)
    return state.judged()


class _State:
    """Series as far as they are known; nights that were not measured are closed up."""

    def __init__(
        self,
        values: Floats,
        runs: Ints | None,
        within: Floats | None,
        breaks: Bools | None,
        versions: Ints | None,
        older: Older | None,
        rule: Rule,
    ) -> None:
        rows, nights = values.shape
        self.rule = rule
        known = np.isfinite(values)
        self.order = np.argsort(~known, axis=1, kind="stable")
        self.count = known.sum(axis=1)
        self.y = np.take_along_axis(values, self.order, axis=1).astype(float)
        self.raw = self.y.copy()
        self.runs = np.ones((rows, nights)) if runs is None else np.take_along_axis(runs, self.order, 1).astype(float)
        self.segment = np.zeros((rows, nights), dtype=np.int64)
        if breaks is not None:
            # A break on a night without figures is one on the next night that has some.
            self.segment = np.take_along_axis(np.cumsum(breaks, axis=1), self.order, axis=1)
        # Noise is learned from nights measured as often as usual; only more than that is better known.
        measured = np.where(np.arange(nights) < self.count[:, None], self.runs, np.nan)
        measured[self.count == 0] = 1
        self.usual = np.nanmedian(measured, axis=1)
        self.blips = np.zeros((rows, nights), dtype=bool)
        self.asked = np.zeros(rows, dtype=np.int64)
        self.since = np.zeros(rows, dtype=np.int64)
        self.sd = np.full(rows, rule.expected_sd)
        self.correlation = np.full(rows, round(rule.expected_autocorrelation * 20) * 5, dtype=np.int64)
        self.squares, self.freedom = np.zeros(rows), np.zeros(rows)
        if within is not None:
            spread = np.take_along_axis(within, self.order, axis=1)
            several = np.isfinite(spread) & (self.runs > 1)
            # Learned once from all nights: repeats tell nothing of steps.
            self.squares = np.where(several, spread * (self.runs - 1), 0).sum(axis=1) / self.usual
            self.freedom = np.where(several, self.runs - 1, 0).sum(axis=1)
        self.beside = Beside(self.order, versions, older, rule)
        self.changes: list[Change] = []

    def advance(self, night: int, ask: Ask | None) -> None:
        """Judge the `night`-th measured night of every series that has so many."""
        live = np.flatnonzero(self.count > night)
        if not len(live):
            return
        if night % self.rule.relearn == 0 and night:
            self._learn(live, night)
        if night:
            begun = live[self.segment[live, night] != self.segment[live, night - 1]]
            self.since[begun] = night
            self.beside.begin(begun, night)
        if night >= 2:
            self._despike(live, night)
        paired = live[self.beside.runs[live, night] > 0]
        if len(paired):
            known, older = self.raw[paired, : night + 1], self.beside.values[paired, night, None]
            self.beside.learn(known, older, self.sd[paired])
            self.beside.forget(paired[self.beside.hiccups(known, older, self.sd[paired])], night)
        for rows, length, hundredths in self._alike(live, night):
            self._look(rows, night, length, hundredths, ask)

    def _learn(self, live: Ints, night: int) -> None:
        start, rule = max(0, night - self.rule.memory), self.rule
        variance, seen, nights = noise.estimate(self.y[live, start:night], self.segment[live, start:night])
        with np.errstate(all="ignore"):
            logs = np.log(variance) / 2
        logs[~np.isfinite(logs)] = np.nan
        few = 1.5 / np.maximum(nights, 1)
        logs = noise.shrink(logs, few, expected=np.log(rule.expected_sd), spread=0.5, fleet=rule.fleet)
        found = noise.shrink(seen, few, expected=rule.expected_autocorrelation, spread=0.2, fleet=rule.fleet)
        self.sd[live] = np.exp(logs)
        # Few values, so that series share their weights.
        found = np.clip(found, 0, rule.most_autocorrelation)
        self.correlation[live] = np.round(found * 20).astype(np.int64) * 5

    def _despike(self, live: Ints, night: int) -> None:
        """Take out the night before where it stands off both its neighbours."""
        live = live[(self.since[live] <= night - 2)]
        self._restore(live, night)
        before, lone, after = (self.y[live, night - ago] for ago in (2, 1, 0))
        scale = self._difference_sd(live)
        rise, fall = lone - before, lone - after
        spiky = (rise * fall > 0) & (np.minimum(np.abs(rise), np.abs(fall)) > self.rule.spike * scale)
        rows = live[spiky]
        self.blips[rows, night - 1] = True
        self.beside.forget(rows, night - 1)
        # The newer neighbour may be the next spike, or the first night of a step: it counts for little.
        middle = before + np.clip((after - before) / 2, -scale / 2, scale / 2)
        self.y[rows, night - 1] = middle[spiky]

    def _restore(self, live: Ints, night: int) -> None:
        """Put back what stood off only because the night after it was the blip: the first night of a step."""
        live = live[self.blips[live, night - 2]]
        lone, newest = self.raw[live, night - 2], self.y[live, night]
        near = np.abs(lone - newest) < np.abs(lone - self.y[live, night - 3]) / 2
        rows = live[near & (np.abs(self.y[live, night - 1] - newest) > np.abs(lone - newest))]
        self.y[rows, night - 2] = self.raw[rows, night - 2]
        self.blips[rows, night - 2] = False

    def _difference_sd(self, rows: Ints) -> Floats:
        """Standard deviation of the difference of neighbouring nights."""
        return self.sd[rows] * np.sqrt(2 * (1 - self.correlation[rows] / 100))

    def _alike(self, live: Ints, night: int) -> Iterator[tuple[Ints, int, int]]:
        """Series with equally many nights to look at and equal autocorrelation."""
        length = np.minimum(night - self.since[live] + 1, self.rule.window)
        enough = length > self.rule.before
        live, length = live[enough], length[enough]
        key = length * 1000 + self.correlation[live]
        order = np.argsort(key, kind="stable")
        bounds = np.flatnonzero(np.diff(key[order])) + 1
        for part in np.split(order, bounds) if len(order) else ():
            yield live[part], int(length[part[0]]), int(self.correlation[live[part[0]]])

    def _look(self, rows: Ints, night: int, length: int, hundredths: int, ask: Ask | None) -> None:
        rule = self.rule
        longest = min(rule.longest, length - rule.before)
        window = self._window(rows, night, length)
        weight, information = contrast.weights(hundredths, length, longest, rule.slope)
        size = window @ weight / information
        score = np.abs(size) * np.sqrt(information) / self.sd[rows, None]
        standing = (score >= self.beside.asks(rows, night, longest)) & (np.abs(size) >= rule.least)
        some = standing.any(axis=1) | self.beside.told(rows, night, longest)
        if some.any():
            self._weigh(rows[some], night, length, hundredths, ask)

    def _window(self, rows: Ints, night: int, length: int) -> Floats:
        window = self.y[rows, night - length + 1 : night + 1]
        centred: Floats = window - np.median(window, axis=1, keepdims=True)
        return centred

    def _weigh(self, rows: Ints, night: int, length: int, hundredths: int, ask: Ask | None) -> None:
        """Judge rows that stand out exactly, measuring again what may still turn out either way."""
        if ask is not None:
            found, steps, *_ = self._best(rows, night, length, hundredths, two=False)
            again = found & (self.runs[rows, night] <= 1)
            if again.any():
                self._measure(rows[again], night, steps[again], ask)
        sure = self._tell(rows, night, self._best(rows, night, length, hundredths, two=True), "confirmed")
        # The newest night of a series is told too: it waits for a rerun, or for the next.
        rest = rows[~sure & (self.count[rows] == night + 1)]
        if len(rest):
            self._tell(rest, night, self._best(rest, night, length, hundredths, two=False), "waiting")

    def _tell(
        self,
        rows: Ints,
        night: int,
        best: tuple[Bools, Ints, Floats, Floats, Floats],
        status: Literal["confirmed", "waiting"],
    ) -> Bools:
        """Keep the steps that may be called so; gives which rows that were."""
        found, steps, sizes, errors, fresh = best
        told = found.copy()
        for place in np.flatnonzero(found):
            row, step = int(rows[place]), int(steps[place])
            begun = night - step + 1
            if status == "confirmed":
                again = step >= self.rule.held or self.runs[row, begun : night + 1].max() > 1
                enough = self._enough(step, float(fresh[place])) * errors[place]
                known = night >= self.rule.first and abs(sizes[place]) >= enough
                told[place] = step >= 2 and again and known
            if not told[place]:
                continue
            self.changes.append(
                Change(
                    row=row,
                    night=int(self.order[row, begun]),
                    found=int(self.order[row, night]),
                    size=float(sizes[place]),
                    error=float(errors[place]),
                    status=status,
                    **self.beside.said(self.raw, row, night, step, self.order[row]),
                )
            )
            if status == "confirmed":
                self.since[row] = begun
                self.segment[row, begun:] += 1
                self.beside.begin(np.array([row]), begun)
        return told

    def _enough(self, step: int, fresh: float) -> float:
        """Standard errors that confirm a step of so many nights: short excursions are what noise does most.

        `fresh`: share of the evidence that is the older version's. It was not looked at to ask for it.
        """
        rule = self.rule
        alone = max(rule.sure - rule.patience * (step - 2), rule.at_least_sure)
        return alone - rule.drop * max(0.0, fresh - rule.fresh)

    def _measure(self, rows: Ints, night: int, steps: Ints, ask: Ask) -> None:
        before = self.beside.before(rows, night, steps)
        newest, older = ask(night, rows, before)
        first = self.y[rows, night]
        self.asked[rows] += np.isfinite(older).sum(axis=1) + newest.shape[1]
        known = self.raw[rows, : night + 1]
        self.beside.learn(known, older, self.sd[rows])
        self.beside.take(rows, night, older, before)
        self.beside.forget(rows[self.beside.hiccups(known, older, self.sd[rows])], night)
        values = np.column_stack([first, newest])
        again = newest.shape[1]
        centre = np.median(values, axis=1)
        off = np.abs(values - centre[:, None]).max(axis=1) > self.rule.spike * self.sd[rows]
        if again == 1:
            # Of two that disagree the median says nothing: the one that is like the night before is no hiccup.
            near = np.abs(values - self.y[rows, night - 1, None]).argmin(axis=1)
            centre = values[np.arange(len(rows)), near]
            off = np.ptp(values, axis=1) > self.rule.spike * self.sd[rows]
        self.y[rows, night] = np.where(off, centre, values.mean(axis=1))
        self.raw[rows, night] = self.y[rows, night]
        self.runs[rows, night] = again + 1
        kept = rows[~off]
        self.squares[kept] += values[~off].var(axis=1, ddof=1) * again
        self.freedom[kept] += again

    def _best(
        self, rows: Ints, night: int, length: int, hundredths: int, *, two: bool
    ) -> tuple[Bools, Ints, Floats, Floats, Floats]:
        """Whether a step stands out, how many nights long, its size and standard error; `two`: of agreeing nights."""
        rule = self.rule
        longest = min(rule.longest, length - rule.before)
        window = self._window(rows, night, length)
        apart = self.beside.apart(self.raw, rows, night, longest)
        if two:
            # Whether the newest night is a blip, only the next can tell.
            level = np.median(window[:, max(0, length - _NEAR - 2) : -2], axis=1)
            most = np.abs(window[:, -2] - level) + rule.jump * self._difference_sd(rows)
            window[:, -1] = level + np.clip(window[:, -1] - level, -most, most)
            apart[:, -1] = np.clip(apart[:, -1], -most, most)
        runs = np.maximum(self.runs[rows, night - longest + 1 : night + 1] / self.usual[rows, None], 1)
        redrawn = self._redrawn(rows, hundredths)
        size, information = contrast.exact(window, runs, redrawn, hundredths, longest, rule.slope)
        fresh = np.zeros_like(size)
        paired = np.flatnonzero(self.beside.told(rows, night, longest))
        if len(paired):
            alone = information[paired]
            older = self.beside.window(
                rows[paired], night, longest, window[paired], apart[paired], redrawn[paired], hundredths
            )
            size[paired], information[paired] = joint(
                window[paired], runs[paired], redrawn[paired], older, hundredths, longest, rule.slope
            )
            fresh[paired] = 1 - alone / information[paired]
        error = self.sd[rows, None] / np.sqrt(information)
        score = np.abs(size) / error
        fits = (score >= self.beside.asks(rows, night, longest)) & (np.abs(size) >= rule.least)
        if two:
            fits &= self._agree(window, size, longest)
            fits &= self.beside.agrees(rows, night, apart, size)
            # A single night is no step while it may be a blip: a longer one that stands out as well goes before it.
            score[:, 0] = np.where(fits[:, 1:].any(axis=1), 0, score[:, 0]) if longest > 1 else score[:, 0]
        score = np.where(fits, score, 0)
        best = score.argmax(axis=1)
        at = (np.arange(len(rows)), best)
        found: Bools = np.asarray(fits.any(axis=1))
        return found, best + 1, size[at], error[at], fresh[at]

    @staticmethod
    def _agree(window: Floats, size: Floats, longest: int) -> Bools:
        """Whether the typical night of each step is at least half as far off as its size says: not one night's work."""
        agree = np.empty(size.shape, dtype=bool)
        for step in range(1, longest + 1):
            after = np.sort(window[:, -step:] * np.sign(size[:, step - 1 : step]), axis=1)
            level = np.median(window[:, max(0, window.shape[1] - step - _NEAR) : -step], axis=1) * np.sign(
                size[:, step - 1]
            )
            agree[:, step - 1] = after[:, (step - 1) // 2] - level >= np.abs(size[:, step - 1]) / 2
        return agree

    def _redrawn(self, rows: Ints, hundredths: int) -> Floats:
        """Share of a night's own noise that a rerun draws anew, from the reruns so far; before there are any, half."""
        own = self.sd[rows] ** 2 * max(1 - hundredths / 100 / contrast.DECAY, 0.02)
        found = (self.squares[rows] + 0.5 * own * 4) / (self.freedom[rows] + 4)
        return np.clip(found / own, 0, 1)

    def judged(self) -> Judged:
        """All that was found."""
        blips = np.zeros_like(self.blips)
        np.put_along_axis(blips, self.order, self.blips, axis=1)
        return Judged(
            changes=tuple(sorted(self.changes, key=lambda one: (one.row, one.found, one.night))),
            blips=blips,
            reruns=self.asked,
            sd=self.sd,
            autocorrelation=self.correlation / 100,
        )
