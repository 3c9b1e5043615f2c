"""What came of it: requests, runs, results. `result.json` is one Result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from enginebench.records.base import record
from enginebench.records.demand import Attempt
from enginebench.records.quality import Quality
from enginebench.records.stopping import PointStop

RequestStatus = Literal[
    "ok", "http_error", "stream_error", "truncated", "timeout", "connection", "bad_json", "bad_utf8", "bad_http"
]
"""How a request ended; each has its meaning in `load/seen.py`."""


@record
class Request:
    """One measured request: a row of `requests.parquet`. Times are ns of the monotonic clock since the run's start."""

    run: str
    """Id of the run it belongs to."""
    index: int
    """Position in the run's sequence of prompts, from 0."""
    scheduled_ns: int
    """When it was due: for an open loop by the arrival process, for a closed loop when its slot became free."""
    sent_ns: int
    """Just before the first byte was handed to the socket."""
    first_token_ns: int | None
    """Arrival of the first event that bears a token; null if none came."""
    last_token_ns: int | None
    """Arrival of the last event that bears a token; null if none came."""
    end_ns: int
    """When the stream was over, or the error was seen."""
    event_ns: Sequence[int]
    """Arrival of every token-bearing event; as read or measured an `array` of 8-byte integers."""
    input_tokens: int
    """Tokens asked to be read: the ids that were sent, or for chat the calibrated length."""
    output_tokens: int | None
    """Tokens the server says it wrote (`usage.completion_tokens`); null if it did not say."""
    asked_output_tokens: int
    """Output length asked for."""
    usage_input_tokens: int | None
    """Tokens the server says it read (`usage.prompt_tokens`); null if it did not say."""
    cached_tokens: int | None
    """Input tokens the server says it took from its prefix cache; null if it did not say."""
    status: RequestStatus
    """How it ended."""
    http_status: int | None
    """HTTP status; null if no response line came."""
    error: str | None
    """What went wrong, in one line; null if nothing did."""
    first_chars: int | None = None
    """Characters of text in the first token-bearing event; null in records older than the field."""
    output_chars: int | None = None
    """Characters of text in all token-bearing events; null in records older than the field."""
    event_tokens: Sequence[int] | None = None
    """Tokens of each token-bearing event, 0 for text that was held back before; null where the server does not tell."""
    shared_reads: int | None = None
    """Token-bearing events that arrived in one read with a later one: their times are upper bounds; null in records
    older than the field."""
    seen: tuple[str, ...] = ()
    """What was met in the response, sorted: keys of `load.SEEN`."""
    first_event_ns: int | None = None
    """Arrival of the first event with a choice in it, be it without a token; null if none came or not kept."""


@record
class EngineSample:
    """What an engine told of itself at one time: a row of `engine.parquet`; null where it does not tell.

    Gauges hold at that time; counters count from the server's start.
    """

    t_ns: int
    """When it was asked, ns since the epoch."""
    requests_running: float | None = None
    """Gauge: requests in the batch."""
    requests_waiting: float | None = None
    """Gauge: requests queued."""
    kv_cache_share: float | None = None
    """Gauge: KV cache in use, 0 to 1."""
    prefix_queried_tokens: float | None = None
    """Counter: input tokens looked up in the prefix cache."""
    prefix_hit_tokens: float | None = None
    """Counter: input tokens taken from it."""
    preemptions: float | None = None
    """Counter: requests put back for want of KV cache."""
    drafted_tokens: float | None = None
    """Counter: tokens drafted by speculative decoding."""
    accepted_tokens: float | None = None
    """Counter: drafted tokens that were kept."""
    acceptance_share: float | None = None
    """Gauge: accepted / drafted tokens, for an engine that tells no counters, 0 to 1."""


@record
class Usage:
    """Who used the machine's CPUs while a run lasted, in cores (CPU-seconds a second)."""

    server_cores: float
    """The engine's processes."""
    client_cores: float
    """The load generator and its telemetry."""
    neighbour_cores: float
    """All other programs on the machine, its kernel included."""
    stolen_cores: float
    """Taken by the hypervisor for other machines."""


P99_EVENTS = 299
"""Fewest events of which a 99th percentile is given."""


@record
class ClientProof:
    """What the load generator tells of itself: whether it can have moved a figure of the run."""

    kernel_times: bool
    """Whether arrivals are the kernel's times; else the times at which the client had read."""
    processes: int
    """Processes the load was shared over."""
    cpu_s: float
    """CPU time of the sending and reading threads while the load lasted, s."""
    reads: int
    """Reads that brought bytes."""
    lag_mean_ns: float | None
    """Mean time from a read's last byte reaching the machine until the client had it for sure; null without reads."""
    lag_p99_ns: float | None
    """99th percentile of the same."""
    lag_max_ns: float | None
    """Longest of the same."""
    events: int
    """Token-bearing events."""
    unsure_events: int
    """Those whose read brought more behind them (without kernel times: all): their times are upper bounds."""
    shifted_events_share: float
    """Share of events whose time may be off by more than a twentieth of the mean gap, 0 to 1."""
    ttft_error_share: float
    """Most by which the mean TTFT can be too high for it, as a share of it."""
    itl_error_share: float
    """Most by which the mean ITL can be off for it, as a share of it."""
    throughput_error_share: float
    """Closed loop: time in which slots were empty because the client was late, as a share of their busy time."""
    offered_rps: float | None
    """Open loop: rate of the sends as they were due, requests a second; null for closed loops and single requests."""
    delivered_rps: float | None
    """Open loop: rate of the sends as they were made; null as above."""
    resent_requests: int
    """Requests sent again because the server had closed the kept connection before taking them."""
    clock_jump_ns: int
    """How far the real-time clock was set during the run, ns; kernel times are off by as much."""

    def client_bound(self) -> bool:
        """Whether the client can have moved a published figure by more than a hundredth: mean TTFT, mean ITL,
        throughput, the rate of an open loop; or, where events are enough for a p99 ITL, so many that it is not sure."""
        shares = [self.ttft_error_share, self.itl_error_share, self.throughput_error_share]
        if self.events >= P99_EVENTS:
            shares.append(self.shifted_events_share)
        if self.offered_rps and self.delivered_rps:
            shares.append(abs(self.delivered_rps / self.offered_rps - 1))
        return max(shares) > 0.01 or self.clock_jump_ns > 1_000_000


@record
class Run:
    """One repeat of one point."""

    id: str
    """Unique: trial, point, repeat."""
    point: int
    """Index into the job's points."""
    repeat: int
    """Repeat, from 0."""
    position: int
    """Place in the order in which the trial measured, from 0."""
    started_utc: str
    """ISO 8601 time at which it began."""
    duration_ns: int
    """First send to last end."""
    window_ns: tuple[int, int] | None
    """Steady part, all slots busy: begin and end since the run's start; null where there is none."""
    metrics: Mapping[str, float | None]
    """Metric name to value, in the unit the name ends with; null where it could not be had."""
    absent: Mapping[str, str]
    """Metric name to the reason why its value is null."""
    usage: Usage | None
    """Use of the CPUs; null where the platform does not tell."""
    marks: tuple[str, ...]
    """What a reader must know, each a key of `report.MEANINGS`: `neighbour`, `failed_requests`, `short_output`, …"""
    client: ClientProof | None
    """What the load generator tells of itself; null in a run from before it told."""
    intervals: Mapping[str, tuple[float, float]]
    """Metric name to its 95 % interval within the run, low and high; a metric that is not named has none."""
    spread_ns: int | None
    """Closed loop: time over which the first sends of the slots were spread, ns; 0: all at once, a convoy; null: an
    open loop, or a run from before there was a choice, which was a convoy."""


@record
class Failure:
    """Why a trial did not end well."""

    failure_class: str
    """One of errors.FAILURE_CLASSES."""
    message: str
    """One sentence."""
    log_tail: str
    """Last lines of the server's log; empty where it had none."""


@record
class Environment:
    """Where and with what a trial ran."""

    host: str
    """Host name."""
    os: str
    """Kernel name and release."""
    cpu: str
    """CPU model."""
    cores: int
    """CPU cores usable by this process."""
    memory_bytes: int
    """Memory of the machine."""
    accelerators: tuple[Mapping[str, object], ...]
    """The devices used, as discovered."""
    python: str
    """Python of the harness."""
    harness_version: str
    """Version of enginebench."""
    harness_commit: str | None
    """Commit of the checkout it ran from, `+dirty` behind it if changed; null outside a checkout."""
    absent: Mapping[str, str]
    """What of the above is not known, to the reason: `harness_commit`, `accelerators`, and `driver` where no
    accelerator has one."""


@record
class EngineInfo:
    """The engine as it really ran."""

    lock_hash: str | None
    """Hash of the installed distributions; null where enginebench did not install it."""
    digest: str | None
    """`sha256:…` of the engine's image, or of the command's file where enginebench did not install it; null: it has
    none, or a lock hash."""
    installed: tuple[str, ...]
    """The installed distributions, `name==version`; empty where enginebench did not install it."""
    argv: tuple[str, ...]
    """The server's command; empty for an endpoint."""
    environment: Mapping[str, str]
    """Environment variables set for it beyond the inherited ones."""
    reported_version: str | None
    """What the running server says of its version; null if it does not say."""
    model_path: str | None
    """Where the weights lay; null for an endpoint."""
    model_hash: str | None
    """SHA-256 over the weights; null where unknown."""
    model_revision: str | None
    """What the model's revision resolved to."""
    notes: tuple[str, ...]
    """What a reader must know of the engine or model: dummy weights, replaced metadata, …"""
    absent: Mapping[str, str]
    """Field of this record that is null, or an empty `argv`, to the reason."""


@record
class Result:
    """All a trial leaves besides its tables: `result.json`, written last."""

    format: Literal["enginebench.result/2"] = "enginebench.result/2"
    trial: str
    """Unique id of this attempt."""
    job_id: str
    """Hash of the job's canonical content."""
    attempt: Attempt
    """What was to be done."""
    status: Literal["complete", "failed", "interrupted"]
    """`complete`: every run asked for was measured, or not needed."""
    stage: Literal["provision", "model", "start", "quality", "warmup", "measure", "done"]
    """How far it came."""
    failure: Failure | None
    """Why it stopped; null when complete."""
    environment: Environment
    engine: EngineInfo | None
    """The engine as it ran; null if it did not come that far."""
    started_utc: str
    """ISO 8601 time."""
    stage_ns: Mapping[str, int]
    """Stage to the time spent in it."""
    runs: tuple[Run, ...]
    """Every run measured."""
    quality: Quality | None
    """Whether the server that was measured answers right; null where it was not asked, as before there was a gate."""
    stops: tuple[PointStop, ...]
    """The points that ended before all their runs were measured or with the last of them, and why; empty where all were
    asked for."""
