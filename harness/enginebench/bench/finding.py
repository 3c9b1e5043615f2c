"""The search for the highest rate or concurrency that keeps an objective, on a real server."""

from __future__ import annotations

import time
from collections.abc import Sequence

from enginebench.analysis import limit
from enginebench.analysis.limit import Found, Level
from enginebench.bench.measuring import Session, open_loop
from enginebench.records import ClosedLoop, Load, Request
from enginebench.stopping import CLIENT

LEVEL_SECONDS = 10.0
"""Shortest run at a rate that can pass: in less, a queue that grows for ever has hardly grown."""
MOST_LOOKS = 4
"""Runs at one level before it stays undecided."""
DEFAULT_SECONDS = 1800.0
"""Budget of a search, s, unless told otherwise."""
WITHIN = 0.05
"""How narrow the bracket is to be, as a share."""
_FIRST_SHARE = 8
_BOUNDS = {"rate": (0.01, 10_000.0), "concurrency": (1.0, 4096.0)}


class Search:
    """One search; `session` keeps every run of it."""

    def __init__(self, session: Session) -> None:
        asked = session.asked
        assert asked.objective is not None
        assert asked.find is not None
        self.session = session
        self.objective = asked.objective
        self.kind = asked.find
        self.budget_s = asked.max_seconds or DEFAULT_SECONDS
        self.begun_ns = time.monotonic_ns()
        self.levels: list[Level] = []
        self.runs_at: dict[float, list[int]] = {}

    def find(self) -> Found:
        """Ask level after level until the limit is known or the budget spent."""
        asked = self.session.asked
        start = (asked.request_rate_rps if self.kind == "rate" else asked.max_concurrency) or 1
        lowest, highest = _BOUNDS[self.kind]
        return limit.search(
            self._ask,
            start=float(start),
            lowest=lowest,
            highest=highest,
            within=WITHIN,
            whole=self.kind == "concurrency",
        )

    def so_far(self) -> Found:
        """What is known when the search is interrupted."""
        known = {level.level: level for level in self.levels}
        start = self.levels[0].level if self.levels else 1.0
        lowest, highest = _BOUNDS[self.kind]
        whole = self.kind == "concurrency"
        return limit.search(known.get, start=start, lowest=lowest, highest=highest, within=WITHIN, whole=whole)

    def _ask(self, level: float) -> Level | None:
        """Measure at one level until it is decided; null if the budget allows no run of it."""
        begun_ns = time.monotonic_ns()
        how = self._load(level)
        judged: list[Request] = []
        told: Level | None = None
        for look in range(MOST_LOOKS):
            count = self._requests(how, judged, look)
            if self._left_s() < (count / how.rate_rps if not isinstance(how, ClosedLoop) else 0.0):
                return self._end(told, "the budget allows no further run")
            if look == 0:
                self.session.warm_up(how)
            run = self.session.run(how, count, f"{self._words(level)}, ")
            self.runs_at.setdefault(level, []).append(len(self.session.runs) - 1)
            judged += steady(run.requests, how)
            counts = limit.count(judged, self.objective)
            found, note = limit.verdict(counts), ""
            if found == "failed" and CLIENT in run.marks:
                # Its lateness only ever adds: what passes, passes all the same.
                found, note = "undecided", "the client was too late to blame the server"
            if found == "passed" and not isinstance(how, ClosedLoop):
                early, late = backlog(run.requests)
                if late > 1.5 * early + 5:
                    found, note = "undecided", f"requests pile up: {early:.0f}, later {late:.0f} in flight"
                elif count < LEVEL_SECONDS * how.rate_rps:
                    found, note = "undecided", f"no run of {LEVEL_SECONDS:g} s"
            seconds = (time.monotonic_ns() - begun_ns) / 1e9
            told = Level(level=level, verdict=found, counts=counts, seconds=seconds, note=note)
            if found != "undecided":
                break
        return self._end(told, "too close to the limit to tell with so many requests")

    def _end(self, told: Level | None, why: str) -> Level | None:
        if told is None:
            return None
        if told.verdict == "undecided" and not told.note:
            told = Level(level=told.level, verdict=told.verdict, counts=told.counts, seconds=told.seconds, note=why)
        self.levels.append(told)
        self.session.say(f"{self._words(told.level)}: {told.verdict}{f' ({told.note})' if told.note else ''}")
        return told

    def _load(self, level: float) -> Load:
        if self.kind == "rate":
            return open_loop(self.session.asked, level)
        return ClosedLoop(kind="closed", concurrency=int(level))

    def _words(self, level: float) -> str:
        return f"{level:.4g} requests/s" if self.kind == "rate" else f"{level:.0f} in flight"

    def _left_s(self) -> float:
        return self.budget_s - (time.monotonic_ns() - self.begun_ns) / 1e9

    def _requests(self, how: Load, judged: Sequence[Request], look: int) -> int:
        """Requests of the next run. The first is short: what is far too much fails on few."""
        counts = limit.count(judged, self.objective)
        wanted = limit.wanted(counts) - len(judged)
        if look == 0:
            wanted = -(-wanted // _FIRST_SHARE)
        # Whatever is judged anew needs a look that can change the verdict.
        wanted = max(wanted, len(judged) // 2)
        if isinstance(how, ClosedLoop):
            return wanted + 2 * how.concurrency
        return wanted if look == 0 else max(wanted, round(LEVEL_SECONDS * how.rate_rps) + 1)


def steady(requests: Sequence[Request], how: Load) -> list[Request]:
    """The requests that met the load as it was asked for.

    Closed loop: not the first of each slot, which start together, nor those that end while slots stay empty. Open
    loop: not those sent before the first ended, to a server emptier than the rate makes it; unless they are the most,
    as where the rate is far beyond the server.
    """
    if isinstance(how, ClosedLoop):
        last_ns = max(request.sent_ns for request in requests)
        return [r for r in requests[how.concurrency :] if r.end_ns <= last_ns or r.status != "ok"]
    first_ns = min(request.end_ns for request in requests)
    late = [request for request in requests if request.sent_ns >= first_ns]
    return late if 2 * len(late) > len(requests) else list(requests)


def backlog(requests: Sequence[Request]) -> tuple[float, float]:
    """Requests in flight at a send, on average over the second quarter of the sends and over the last."""
    sends = sorted(request.sent_ns for request in requests)
    ends = sorted(request.end_ns for request in requests)
    in_flight, ended = [], 0
    for index, at_ns in enumerate(sends):
        while ended < len(ends) and ends[ended] <= at_ns:
            ended += 1
        in_flight.append(index + 1 - ended)
    quarter = max(1, len(in_flight) // 4)
    early, late = in_flight[quarter : 2 * quarter] or in_flight, in_flight[-quarter:]
    return sum(early) / len(early), sum(late) / len(late)
