"""How requests arrive: closed loops, open loops at a rate, rates in steps, replayed times."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, MinLen
from pydantic import Discriminator

from enginebench.records.base import content_hash, record
from enginebench.records.subject import Positive

Process = Literal["poisson", "constant", "gamma"]
"""How arrivals lie around the rate: by chance, evenly, or in bursts."""


@record
class ClosedLoop:
    """A fixed number of requests in flight: the next is sent when one ends."""

    kind: Literal["closed"]
    concurrency: Positive
    """Requests in flight."""
    start: Literal["spread", "convoy"] = "spread"
    """First sends of the slots: spread over the time that a request takes, or all at once. (Files from before there was
    a choice measured convoys; their runs have no `spread_ns`.)"""
    ramp_s: Annotated[float, Gt(0)] | None = None
    """Time to spread the first sends over, s; null: what a request takes by the warm-up."""

    def label(self) -> str:
        """`c8`: the concurrency; `c8-convoy`, `c8-ramp30`."""
        if self.start == "convoy":
            return f"c{self.concurrency}-convoy"
        return f"c{self.concurrency}" + ("" if self.ramp_s is None else f"-ramp{_short(self.ramp_s)}")


@record
class OpenLoop:
    """Requests arrive at a rate, whether or not earlier ones have ended."""

    kind: Literal["open"]
    rate_rps: Annotated[float, Gt(0)]
    """Mean arrival rate, requests a second."""
    arrivals: Process = "poisson"
    """How they lie around the rate."""
    burstiness: Annotated[float, Gt(0)] | None = None
    """Shape of the gamma distribution of the gaps: 1 is Poisson, less comes in bursts, more is more even; null: not
    gamma."""

    def label(self) -> str:
        """`r0.5`: requests a second by a Poisson process; `r0.5c` constant, `r0.5g0.25` gamma of burstiness 0.25."""
        return f"r{_short(self.rate_rps)}{_process(self.arrivals, self.burstiness)}"


@record
class Segment:
    """A stretch of time with a rate of its own, which may climb or fall evenly."""

    rate_rps: Annotated[float, Ge(0)]
    """Arrival rate at its beginning, requests a second; 0: a pause."""
    to_rps: Annotated[float, Ge(0)] | None = None
    """Arrival rate at its end, requests a second; null: the same."""
    duration_s: Annotated[float, Gt(0)]
    """How long it lasts, s."""

    @property
    def end_rps(self) -> float:
        """The rate at its end, requests a second."""
        return self.rate_rps if self.to_rps is None else self.to_rps

    @property
    def requests(self) -> float:
        """Arrivals expected in it."""
        return (self.rate_rps + self.end_rps) / 2 * self.duration_s

    def label(self) -> str:
        """`4x60`: rate × seconds; `1-8x30`: a ramp."""
        ramp = "" if self.to_rps is None else f"-{_short(self.to_rps)}"
        return f"{_short(self.rate_rps)}{ramp}x{_short(self.duration_s)}"


@record
class Steps:
    """Requests arrive at a rate that changes by steps and ramps."""

    kind: Literal["steps"]
    segments: Annotated[tuple[Segment, ...], MinLen(1)]
    """The stretches, one after the other."""
    arrivals: Process = "poisson"
    """How arrivals lie around the rate."""
    burstiness: Annotated[float, Gt(0)] | None = None
    """As of an open loop; null: not gamma."""

    @property
    def requests(self) -> int:
        """Arrivals in all segments together."""
        return round(sum(segment.requests for segment in self.segments))

    @property
    def rate_rps(self) -> float:
        """Mean rate over all segments, requests a second."""
        return sum(item.requests for item in self.segments) / sum(item.duration_s for item in self.segments)

    def label(self) -> str:
        """`s1x10+1-8x30`: its segments; of more than three their number and a hash, `s12-0a1b2c`."""
        spelled = "+".join(segment.label() for segment in self.segments)
        if len(self.segments) > 3:
            spelled = f"{len(self.segments)}-{content_hash(self.segments)[:6]}"
        return f"s{spelled}{_process(self.arrivals, self.burstiness)}"


@record
class Replay:
    """Requests arrive when those of a trace did."""

    kind: Literal["replay"]
    name: Annotated[str, MinLen(1)]
    """The trace's file, without folder and ending."""
    offsets_ns: Annotated[tuple[Annotated[int, Ge(0)], ...], MinLen(2)]
    """When requests are due, ns since the first, in order: the trace itself, so that one job's id is one load."""

    @property
    def rate_rps(self) -> float:
        """Mean rate: gaps over the time from the first to the last arrival, requests a second."""
        return (len(self.offsets_ns) - 1) / (self.offsets_ns[-1] / 1e9)

    def label(self) -> str:
        """`t-conversation-0a1b2c`: the trace's name and a hash of its times."""
        return f"t-{self.name}-{content_hash(self.offsets_ns)[:6]}"


Load = Annotated[ClosedLoop | OpenLoop | Steps | Replay, Discriminator("kind")]


def _short(value: float) -> str:
    """A number in as few characters as tell it from every other."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _process(arrivals: Process, burstiness: float | None) -> str:
    if arrivals == "gamma":
        return f"g{_short(1.0 if burstiness is None else burstiness)}"
    return "c" if arrivals == "constant" else ""
