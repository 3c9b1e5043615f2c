"""A service-level objective as a limit of load is searched for: which share of requests must keep which limit."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Gt, Lt, MinLen

from enginebench.records.base import record
from enginebench.records.demand import Slo


@record
class Limit:
    """One latency, its limit, and the share of requests that must keep it."""

    metric: Literal["ttft", "tpot", "e2el"]
    """Which latency, per request."""
    at_most_ns: Annotated[int, Gt(0)]
    """Longest that keeps the limit, ns."""
    share: Annotated[float, Gt(0), Lt(1)] = 0.99
    """Share of requests that must keep it: 0.99 for a limit on p99."""


@record
class Objective:
    """What a load must keep to pass."""

    name: str
    """What it was asked for as: a preset's name, or the limits in words."""
    limits: Annotated[tuple[Limit, ...], MinLen(1)]
    """The limits."""
    goodput_share: Annotated[float, Gt(0), Lt(1)] | None = None
    """Share of requests that must keep all limits at once; null: every limit for itself, at its own share."""

    def slo(self) -> Slo:
        """The limits that one request keeps or breaks, for goodput."""
        at_most = {limit.metric: limit.at_most_ns for limit in self.limits}
        return Slo(ttft_ns=at_most.get("ttft"), tpot_ns=at_most.get("tpot"), e2el_ns=at_most.get("e2el"))
