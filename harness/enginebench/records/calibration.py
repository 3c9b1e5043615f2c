"""How exact the load generator was found to be on a machine."""

from __future__ import annotations

from typing import Literal

from enginebench.records.base import record


@record
class CalibrationLevel:
    """The client against a server of known timings, at one concurrency. Errors are against the server's own record."""

    concurrency: int
    """Requests in flight."""
    requests: int
    """Requests sent."""
    failed_requests: int
    """Those that did not end well."""
    ttft_error_mean_ns: float | None
    """How far the mean TTFT is off; null if no request ended well, as for the next three."""
    ttft_error_p99_ns: float | None
    """99th percentile of how far a request's TTFT is off."""
    tpot_error_share: float | None
    """How far the mean gap between tokens is off, as a share of it."""
    itl_p99_error_share: float | None
    """How far the 99th percentile of the gaps is off, as a share of it."""
    throughput_error_share: float
    """Time in which slots were empty because the client was late, as a share of their busy time."""
    lag_p99_ns: float | None
    """99th percentile of the time from bytes reaching the machine until the client had them."""
    client_cpu_s_per_mtok: float | None
    """CPU time of sending and keeping, s a million tokens; null without tokens."""
    client_cores: float
    """The same, in cores: near 1 a process has no more to give."""
    server_late_p99_ns: float | None
    """99th percentile of how late the server itself was; null if it sent nothing."""

    def exact(self) -> bool:
        """Whether the client is as exact as a figure of this project has to be: TTFT within 0.1 ms in the mean and
        0.5 ms at p99, TPOT within 0.1 %, p99 ITL within 1 %, throughput within 0.5 %."""
        limits = (
            (self.ttft_error_mean_ns, 100_000),
            (self.ttft_error_p99_ns, 500_000),
            (self.tpot_error_share, 0.001),
            (self.itl_p99_error_share, 0.01),
            (self.throughput_error_share, 0.005),
        )
        return not self.failed_requests and all(value is not None and value <= limit for value, limit in limits)


@record
class Calibration:
    """The contents of `calibrations/….json`."""

    format: Literal["enginebench.calibration/1"] = "enginebench.calibration/1"
    host: str
    """Host name."""
    cpu: str
    """CPU model."""
    cores: int
    """CPU cores usable by the client and the server together."""
    harness_version: str
    """Version of enginebench."""
    started_utc: str
    """ISO 8601 time."""
    levels: tuple[CalibrationLevel, ...]
    """Each concurrency that was tried."""
