"""Several arms measured in turn, A B B A A B B A: what drifts over a session falls on all of them alike.

Every server start is a stored trial like any other that also says which comparison, arm and block it belongs to. What
was measured is asked of the store and of leftover trial folders, so a killed comparison goes on where it stopped.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from enginebench import attempts
from enginebench.attempts import Listen
from enginebench.records import Attempt, RunKey, Turn, content_hash, plain, record
from enginebench.store import Store

FRESH_HOURS = 20.0
"""A comparison of which nothing was measured for so long is over: the same asked for again is a new one."""
_FAILURES = 2
"""So many server starts of one arm that fail one after the other end a lane."""


@record
class Arm:
    """One of the things that are compared."""

    name: str
    """What results call it, as `A`: differs from the other arms'."""
    attempts: tuple[Attempt, ...]
    """What one server start measures, an attempt a lane. Of all arms as many, in one order: those at the same place, a
    lane, are held against each other. Night, start and turn are set when they are measured."""


@record
class Interleaved:
    """What came of it."""

    comparison: str
    """Name that all its trials bear."""
    blocks: tuple[int, ...]
    """Of each lane how many blocks are whole: measured of every arm, now or before."""
    measured: int
    """Runs measured now."""
    salvaged: int
    """Runs taken in that a killed process had measured."""
    failures: tuple[str, ...]
    """One line for every trial that failed."""
    lost: frozenset[int] = frozenset()
    """Lanes that ended early, for one of their arms failed twice in succession."""


def none_settled(comparison: str) -> Set[int]:
    """No lane needs less than all blocks."""
    return frozenset()


def carry_out(
    arms: Sequence[Arm],
    store: Store,
    *,
    blocks: int,
    cache: Path,
    listen: Listen,
    settled: Callable[[str], Set[int]] = none_settled,
    fresh_hours: float = FRESH_HOURS,
    again: bool = False,
) -> Interleaved:
    """Measure `blocks` server starts of each lane of every arm, those that are not stored yet.

    The same arms on the same machine go on with a comparison of which something was measured `fresh_hours` ago or less,
    unless `again` asks for a new one. `settled` gives the lanes that need no more; it is asked, with the name of the
    comparison, before anything is measured and after every block, when all of that is stored. `listen` gets the events
    of trials, and of its own `comparison`, `turn` and `failed`. Raises UserError, with nothing started, while another
    process of this machine measures into the store; KeyboardInterrupt leaves stored what was measured.
    """
    assert len({arm.name for arm in arms}) == len(arms) > 1
    assert len({len(arm.attempts) for arm in arms}) == 1

    def say(words: str) -> None:
        listen({"event": "say", "text": words})

    work = attempts.workplace(store, cache)
    with attempts.only_one(work, store):
        salvaged = attempts.take_in_leftovers(work, store, say)
        name, old = _name(arms, store, fresh_hours, again)
        listen({"event": "comparison", "name": name, "goes_on": old, "blocks": blocks, "salvaged": salvaged})
        session = _Session(arms, store, name, listen)
        over = settled(name)
        for block in range(blocks):
            due = [turn for turn in session.due(block) if turn.lane not in over | session.lost]
            if not due:
                continue
            ready = attempts.calibrated([turn.attempt for turn in due], store, say)
            for turn, attempt in zip(due, ready, strict=True):
                session.measure(replace(turn, attempt=attempt), work, cache)
            over = settled(name)
        attempts.finish(work, store, say)
        return Interleaved(
            comparison=name,
            blocks=session.whole(blocks),
            measured=session.measured,
            salvaged=salvaged,
            failures=tuple(session.failures),
            lost=frozenset(session.lost),
        )


def turns(arms: int, block: int) -> tuple[int, ...]:
    """The order of the arms in a block: forth, then back. More than two change places too: each follows each."""
    shift = block // 2 % arms if arms > 2 else 0
    forth = (*range(shift, arms), *range(shift))
    return forth if block % 2 == 0 else forth[::-1]


@record
class _Due:
    """A server start that is to be measured."""

    lane: int
    arm: int
    attempt: Attempt


class _Session:
    """What is measured now of one comparison."""

    def __init__(self, arms: Sequence[Arm], store: Store, name: str, listen: Listen) -> None:
        self._arms = arms
        self._store = store
        self._name = name
        self._listen = listen
        self._failed: Counter[tuple[int, int]] = Counter()
        self._night = f"{datetime.now(UTC):%Y-%m-%d}"
        self.measured = 0
        self.failures: list[str] = []
        self.lost: set[int] = set()
        """Lanes that go on no more, for one of their arms failed again and again."""

    def due(self, block: int) -> list[_Due]:
        """The server starts of a block of which something is not stored yet, in order: lanes as arms forth and back."""
        done = self._done()
        lanes = range(len(self._arms[0].attempts))
        found = []
        for lane in lanes if block % 2 == 0 else reversed(lanes):
            for arm in turns(len(self._arms), block):
                attempt = self._attempt(arm, lane, block)
                left = self._left(attempt, done)
                if left:
                    found.append(_Due(lane=lane, arm=arm, attempt=replace(attempt, runs=left)))
        return found

    def measure(self, turn: _Due, work: Path, cache: Path) -> None:
        """One server start; none of a lane of which one arm has failed too often."""
        if turn.lane in self.lost:
            return
        comparison = turn.attempt.comparison
        assert comparison is not None
        about = {"block": comparison.block, "arm": comparison.arm, "lane": turn.lane, "attempt": turn.attempt}
        self._listen({"event": "turn", **about})
        result, failure = attempts.measure(turn.attempt, work, self._store, cache, self._listen)
        self.measured += len(result.runs) if result is not None else 0
        self._failed[turn.lane, turn.arm] = self._failed[turn.lane, turn.arm] + 1 if failure else 0
        if self._failed[turn.lane, turn.arm] >= _FAILURES:
            self.lost.add(turn.lane)
        if failure:
            self.failures.append(failure)
            self._listen({"event": "failed", "text": failure})

    def whole(self, blocks: int) -> tuple[int, ...]:
        """Of each lane in how many of so many blocks nothing is left to measure."""
        done = self._done()
        return tuple(
            sum(
                all(not self._left(self._attempt(arm, lane, block), done) for arm in range(len(self._arms)))
                for block in range(blocks)
            )
            for lane in range(len(self._arms[0].attempts))
        )

    def _attempt(self, arm: int, lane: int, block: int) -> Attempt:
        asked = self._arms[arm].attempts[lane]
        return replace(
            asked,
            night=self._night,
            job=replace(asked.job, start=block),
            comparison=Turn(name=self._name, arm=self._arms[arm].name, block=block),
        )

    def _done(self) -> Mapping[tuple[str, int, str], Set[RunKey]]:
        return self._store.turns(self._name, self._arms[0].attempts[0].until)

    def _left(self, attempt: Attempt, done: Mapping[tuple[str, int, str], Set[RunKey]]) -> tuple[RunKey, ...]:
        turn = attempt.comparison
        assert turn is not None
        stored = done.get((turn.arm, turn.block, attempt.job.id), frozenset())
        return tuple(key for key in attempt.runs if key not in stored)


def standing(arms: Sequence[Arm], store: Store, fresh_hours: float = FRESH_HOURS) -> str | None:
    """The name of the comparison of these arms that would be gone on with; null: none would."""
    name, old = _name(arms, store, fresh_hours, again=False)
    return name if old else None


def _name(arms: Sequence[Arm], store: Store, fresh_hours: float, again: bool) -> tuple[str, bool]:
    """The name of the comparison to go on with, or of a new one; and whether it is an old one.

    It begins with a hash of what is asked of which machine, and ends with when that was first begun.
    """
    key = content_hash({"host": platform.node(), "arms": [_asked(arm) for arm in arms]})
    runs = store.runs(columns=("comparison", "started_utc")).dropna(subset="comparison")
    own = runs[runs["comparison"].str.startswith(f"{key}-")]
    now = datetime.now(UTC)
    if not own.empty and not again:
        last = own.sort_values("started_utc").iloc[-1]
        if last["started_utc"] >= now - timedelta(hours=fresh_hours):
            return str(last["comparison"]), True
    return f"{key}-{now:%Y%m%dT%H%M%S%f}", False


def _asked(arm: Arm) -> Mapping[str, object]:
    """What an arm is, whenever it is measured."""
    of_lanes = ((replace(one.job, start=0), one.runs, one.quality, one.until) for one in arm.attempts)
    return {"name": arm.name, "lanes": [plain(one) for one in of_lanes]}
