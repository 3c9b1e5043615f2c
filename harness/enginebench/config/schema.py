"""The files people write that are not records themselves: grids, hardware, sites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen

from enginebench.records import (
    Engine,
    EngineBuild,
    Load,
    Model,
    Parallelism,
    Process,
    QualityRequest,
    Scalar,
    Segment,
    Slo,
    Until,
    Vendor,
    Workload,
    record,
)

Count = Annotated[int, Gt(0)]


@record
class Fact:
    """A constant of the outside world."""

    value: Annotated[float, Gt(0)]
    """In the unit that its key names."""
    source: Annotated[str, MinLen(1)]
    """Where it was read."""
    date: Annotated[str, MinLen(4)]
    """When it was read."""
    condition: str | None = None
    """What it holds for; null: without condition."""


@record
class EngineFile:
    """An engine as `configs/engines/NAME.yaml` describes it; `{version}` in a provision stands for each version."""

    name: str
    """Key: the file's name."""
    kind: Annotated[str, MinLen(1)]
    """Which adapter in `engines/` knows it."""
    versions: Annotated[tuple[str, ...], MinLen(1)]
    """Exact versions, newest first."""
    builds: Mapping[Vendor, EngineBuild]
    """Vendor to build."""


@record
class Hardware:
    """One part, as `configs/hardware/NAME.yaml` describes it."""

    name: str
    """Key: the file's name."""
    vendor: Vendor
    product: Annotated[str, MinLen(1)]
    """Product name; a device whose own name contains `match` is this part."""
    match: Annotated[tuple[str, ...], MinLen(1)]
    """Pieces of the names that vendors' libraries give the part, lower case; `*` matches any."""
    memory_bytes: Fact | None = None
    """Memory of one device; null: by detection."""
    memory_bandwidth_bytes_per_s: Fact
    """Peak memory bandwidth of one device."""
    precisions: Annotated[tuple[str, ...], MinLen(1)]
    """Precisions the part computes natively."""
    dense_flops_per_s: Mapping[str, Fact] = field(default_factory=dict)
    """Precision to the peak of one device's matrix units without sparsity, FLOP/s."""
    tdp_w: Fact | None = None
    """Most power that one device is made to draw, W; null: not known here."""


@record
class SiteHardware:
    """Devices a site is known to have, for planning from elsewhere."""

    name: str
    """A file in `configs/hardware`."""
    count: Count


@record
class Site:
    """A place to run, as `runners/NAME.yaml` describes it."""

    name: str
    """Key: the file's name."""
    launcher: Literal["local"]
    """Which runner starts jobs there."""
    hardware: SiteHardware | None = None
    """What it has; null: what this machine is found to have."""
    hourly_usd: Annotated[float, Ge(0)] | None = None
    """Price of one accelerator-hour; null: unknown."""


@record
class Rate:
    """One open loop: a rate, a rate in steps, or the times of a trace."""

    rate_rps: Annotated[float, Gt(0)] | None = None
    """Mean rate, requests a second."""
    steps: tuple[Segment, ...] | None = None
    """Stretches with a rate each: `{rate_rps: 1, to_rps: 8, duration_s: 30}` climbs from 1 to 8 in half a minute."""
    replay: str | None = None
    """A trace, a path relative to the grid's file: a line a request, with seconds, or JSON with `timestamp` in ms."""
    arrivals: Process | None = None
    """How arrivals lie around the rate; null: gamma where `burstiness` is given, else Poisson."""
    burstiness: Annotated[float, Gt(0)] | None = None
    """Shape of the gamma distribution of the gaps: 1 is Poisson, less comes in bursts."""
    speed: Annotated[float, Gt(0)] | None = None
    """Trace: how many times as fast; null: as it was."""
    first: Annotated[int, Ge(2)] | None = None
    """Trace: only so many requests from its beginning; null: all."""


@record
class Loads:
    """How requests arrive; every entry is one load."""

    concurrency: tuple[Count, ...] = ()
    """Closed loops: requests in flight."""
    start: Literal["spread", "convoy"] = "spread"
    """First sends of a closed loop's slots: spread over the time that a request takes, or all at once."""
    ramp_s: Annotated[float, Gt(0)] | None = None
    """Time to spread them over; null: what a request takes by the warm-up."""
    rate_rps: tuple[Annotated[float, Gt(0)], ...] = ()
    """Open loops: mean Poisson rates, requests a second."""
    rates: tuple[Rate, ...] = ()
    """Open loops with more to say than a Poisson rate."""


@record
class Requests:
    """How many requests one run measures."""

    per_slot: Count = 4
    """Closed loop: requests a slot of concurrency."""
    at_least: Count = 8
    """Closed loop: fewest of a run."""
    open_loop: Count = 32
    """Open loop: requests of a run; steps and traces have a number of their own."""
    at_least_s: Annotated[float, Ge(0)] = 0.0
    """Shortest run: one that would be over sooner sends more requests; 0: any."""
    warmup_per_slot: Annotated[int, Ge(0)] = 1
    """Requests a slot sent before the first run of a point."""


@record
class Limits:
    """Service-level objective as people state it."""

    ttft_ms: Annotated[float, Gt(0)] | None = None
    tpot_ms: Annotated[float, Gt(0)] | None = None
    e2el_ms: Annotated[float, Gt(0)] | None = None

    def slo(self) -> Slo:
        """The same in ns."""
        return Slo(ttft_ns=_ns(self.ttft_ms), tpot_ns=_ns(self.tpot_ms), e2el_ns=_ns(self.e2el_ms))


def _ns(value_ms: float | None) -> int | None:
    return None if value_ms is None else round(value_ms * 1e6)


@record
class Match:
    """Which combinations are meant; a key left out matches all."""

    model: str | None = None
    engine: str | None = None
    precision: str | None = None
    workload: str | None = None
    vendor: Vendor | None = None
    tp: Count | None = None
    concurrency: Count | None = None
    rate_rps: Annotated[float, Gt(0)] | None = None


@record
class Exclude:
    """Combinations to leave out."""

    when: Match
    reason: Annotated[str, MinLen(1)]
    """Shown with every skip."""


@record
class Constraint:
    """A limit on the combinations that match."""

    when: Match = field(default_factory=Match)
    concurrency_at_most: Count | None = None
    rate_rps_at_most: Annotated[float, Gt(0)] | None = None
    devices_at_most: Count | None = None
    reason: Annotated[str, MinLen(1)]
    """Shown with every skip."""


@record
class Include:
    """One combination beyond the cross product."""

    model: str
    engine: str
    workload: str
    precision: str
    parallelism: Parallelism = field(default_factory=Parallelism)
    concurrency: Count | None = None
    rate_rps: Annotated[float, Gt(0)] | None = None


@record
class Grid:
    """What to measure: a cross product with includes, excludes and constraints (`configs/grids/NAME.yaml`)."""

    name: str
    """Key: the file's name."""
    description: Annotated[str, MinLen(1)]
    """One sentence."""
    models: Annotated[tuple[str, ...], MinLen(1)]
    """Files in `configs/models`."""
    engines: Annotated[tuple[str, ...], MinLen(1)]
    """Files in `configs/engines`: `vllm` is the newest version listed there, `vllm@0.31.0` another one of them,
    `vllm@latest` and `vllm@nightly` what the package index has when the night is planned."""
    workloads: Annotated[tuple[str, ...], MinLen(1)]
    """Files in `configs/workloads`."""
    precisions: Annotated[tuple[str, ...], MinLen(1)]
    """Precisions; one a model lacks is a skip."""
    parallelism: Annotated[tuple[Parallelism, ...], MinLen(1)] = (Parallelism(),)
    """Splits over devices."""
    loads: Loads
    requests: Requests = field(default_factory=Requests)
    repeats: Annotated[int, Gt(0), Le(100)] = 3
    """Runs of each point on one server start."""
    until: Until | None = None
    """Instead of `repeats`: runs until a figure is known, at most so many; null: `repeats` of them."""
    starts: Annotated[int, Gt(0), Le(100)] = 1
    """Server starts of each deployment."""
    detect: Annotated[float, Gt(0), Lt(1)] | None = None
    """Difference between two versions that `compare` is to find, as a share: `plan` says whether `starts` suffice."""
    most_starts: Annotated[int, Gt(0), Le(100)] | None = None
    """With `detect`: a deployment gets as many server starts as the noise that is stored of its points asks for,
    `starts` at least and so many at most; null: `starts` always."""
    context_tokens: Count | None = None
    """Longest request the server accepts; null: the longest of the workloads, up to the next multiple of 256."""
    max_sequences: Count = 16
    """Most requests in one batch."""
    prefix_cache: bool = False
    """Whether engines may reuse KV of equal prefixes."""
    arguments: Mapping[str, Mapping[str, Scalar]] = field(default_factory=dict)
    """Engine name to further server flags."""
    slo: Limits | None = None
    """Limits for goodput; in the file also the name of one of `configs/slos`."""
    quality: QualityRequest = field(default_factory=QualityRequest)
    """What the quality gate asks of every server; `{items: 0, reference: false}`: nothing."""
    chunk_times: bool = False
    """Whether requests are stored with the arrival of every token-bearing event, some 3.5 bytes an event; figures are
    made of all of them either way."""
    seed: int = 0
    """Seed of prompts and arrivals."""
    refresh_hours: Annotated[float, Gt(0)] = 20.0
    """A run measured less than this ago is not due."""
    ready_deadline_s: Count = 600
    """Longest wait for a healthy server."""
    request_timeout_s: Count = 600
    """Longest wait for one request."""
    include: tuple[Include, ...] = ()
    exclude: tuple[Exclude, ...] = ()
    constraints: tuple[Constraint, ...] = ()


@record
class Channel:
    """An engine asked for by channel: which version that is, the package index tells."""

    kind: str
    """`latest` release or `nightly` build."""
    file: Path
    """The engine's file."""
    place: str
    """Where the grid asks for it, for a mistake's words."""


@record
class ResolvedGrid:
    """A grid with the files that it names read in."""

    grid: Grid
    models: Mapping[str, Model]
    engines: Mapping[str, Engine]
    """Under the words of the grid (`vllm@0.31.0`); where those are a channel, the newest version listed."""
    workloads: Mapping[str, Workload]
    loads: tuple[Load, ...] = ()
    """Every load of the cross product, traces read in, in the grid's order."""
    channels: Mapping[str, Channel] = field(default_factory=dict)
    """Engines still to be replaced by what their channel stands for."""
