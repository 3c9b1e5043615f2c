"""A bisection carried out: pairs of versions measured in turns until the search has its end. Goes on after any crash.

All that the search stands on is asked of the store, so the same command goes on where a killed one stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from enginebench import interleave
from enginebench.analysis.anytime import Pair
from enginebench.analysis.bisect import Evidence, Rule, Search, search
from enginebench.attempts import Listen
from enginebench.bisection.asked import Asked, Unusable
from enginebench.bisection.seen import PairSeen, differences, seen
from enginebench.interleave import Arm
from enginebench.metrics import METRICS
from enginebench.records import record
from enginebench.store import Store

FRESH_HOURS = 14 * 24.0
"""What was measured of a pair counts while something of it is no older; after that the pair is measured anew."""
_FAILURES = 2
"""A version whose server starts fail so often one after the other is passed over."""


@record
class Outcome:
    """What came of a bisection."""

    metric: str
    """The figure that was followed."""
    rule: Rule
    """By what steps were decided."""
    search: Search
    """Where the search stands, its steps in order."""
    pairs: Mapping[Pair, PairSeen]
    """What was measured, now or before."""
    unusable: Mapping[int, str]
    """Versions that were passed over, and why."""
    differs: Sequence[str]
    """What else differs between the two named, a line each; empty: nothing, or none are named."""

    def worse(self) -> bool:
        """Whether the second of the two named is worse than the first."""
        if self.search.status != "named":
            return False
        found = self.search.steps[-1].found
        assert found is not None
        return (found.log < 0) == (METRICS[self.metric].better == "higher")

    def starts(self) -> int:
        """Server starts behind it."""
        return sum(one.starts for one in self.pairs.values())


def carry_out(what: Asked, store: Store, *, metric: str, rule: Rule, cache: Path, listen: Listen) -> Outcome:
    """Search until a pair is named, the ends are found alike, or nothing more may be measured.

    `listen` gets the events of `interleave.carry_out` and of its own `step`, with the search so far and what is seen
    of its pairs, whenever another pair is to be measured. Raises UserError while another process of this machine
    measures into the store; KeyboardInterrupt leaves stored what was measured.
    """
    return _Session(what, store, metric, rule, cache, listen).carry_out()


class _Session:
    """What is known and measured now."""

    def __init__(self, what: Asked, store: Store, metric: str, rule: Rule, cache: Path, listen: Listen) -> None:
        self._what, self._store, self._metric, self._rule = what, store, metric, rule
        self._cache, self._listen = cache, listen
        self._pairs: dict[Pair, PairSeen] = {}
        self._asked: set[Pair] = set()
        self._unusable: dict[int, str] = {}
        self._failing: dict[str, int] = {}
        self._arm, self._before, self._why = "", 0, ""

    def carry_out(self) -> Outcome:
        while (found := self._search()).status == "measure":
            arms = self._arms(found.pair)
            if arms is None:
                continue
            if found.pair not in self._asked:
                self._look(found.pair, interleave.standing(arms, self._store, FRESH_HOURS))
                continue
            self._listen({"event": "step", "search": found, "pairs": dict(self._pairs)})
            self._measure(found.pair, arms)
        return Outcome(
            metric=self._metric,
            rule=self._rule,
            search=found,
            pairs=self._pairs,
            unusable=self._unusable,
            differs=self._differs(found) if found.status == "named" else (),
        )

    def _search(self) -> Search:
        evidence = Evidence(
            versions=len(self._what.candidates),
            logs={pair: tuple(one.logs.values()) for pair, one in self._pairs.items()},
            spoilt={pair: one.blocks - len(one.logs) for pair, one in self._pairs.items()},
            unusable=frozenset(self._unusable),
        )
        return search(evidence, self._rule)

    def _arms(self, pair: Pair) -> tuple[Arm, Arm] | None:
        """Both versions; null, and noted, where one can't be had."""
        arms = []
        for version in pair:
            try:
                attempt = self._what.attempt(version, self._say)
            except Unusable as reason:
                self._pass_over(version, str(reason))
                return None
            arms.append(Arm(name=self._name(version), attempts=(attempt,)))
        return arms[0], arms[1]

    def _look(self, pair: Pair, comparison: str | None) -> None:
        """Ask the store for what is known of a pair."""
        self._asked.add(pair)
        if comparison is None:
            return
        names = (self._name(pair[0]), self._name(pair[1]))
        points = len({key.point for key in self._what.attempt(pair[0], self._say).runs})
        self._pairs[pair] = seen(self._store, comparison, names, self._metric, points)
        for version in pair:
            if self._name(version) in self._pairs[pair].wrong:
                self._pass_over(version, "the server gave wrong answers")

    def _measure(self, pair: Pair, arms: tuple[Arm, Arm]) -> None:
        def settled(comparison: str) -> frozenset[int]:
            for version in pair:
                if self._failing.get(self._name(version), 0) >= _FAILURES:
                    self._pass_over(version, self._why)
            self._look(pair, comparison)
            now = self._search()
            return frozenset() if now.status == "measure" and now.pair == pair else frozenset({0})

        interleave.carry_out(
            arms,
            self._store,
            blocks=self._rule.blocks_at_most,
            cache=self._cache,
            listen=self._heard,
            settled=settled,
            fresh_hours=FRESH_HOURS,
        )

    def _heard(self, event: Mapping[str, Any]) -> None:
        """Pass an event on, and count a version's failures that come one after the other."""
        if event["event"] == "turn":
            self._arm = event["arm"]
            self._before = self._failing.get(self._arm, 0)
            self._failing[self._arm] = 0
        elif event["event"] == "failed":
            self._failing[self._arm] = self._before + 1
            self._why = str(event["text"])
        self._listen(event)

    def _differs(self, found: Search) -> Sequence[str]:
        trials = self._pairs[found.pair].trials
        first, second = (self._store.result(trials[self._name(version)]) for version in found.pair)
        return differences(first, second)

    def _pass_over(self, version: int, why: str) -> None:
        if version not in self._unusable:
            self._unusable[version] = why
            self._listen({"event": "passed over", "version": self._name(version), "why": why})

    def _name(self, version: int) -> str:
        return self._what.candidates[version].version

    def _say(self, words: str) -> None:
        self._listen({"event": "say", "text": words})
