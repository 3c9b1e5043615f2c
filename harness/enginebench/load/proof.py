"""The client's proof that it did not move the figures: how late it was, and how far times may be off for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from enginebench.records import ClientProof, Request

_LARGE = 0.05
"""An event counts as shifted if its time may be off by more than this share of the mean gap."""


class Watch:
    """Collects, while responses are read, how late reads were and how far events may be off."""

    def __init__(self, kernel_times: bool) -> None:
        self.kernel_times = kernel_times
        self.lags_ns: list[NDArray[np.float32]] = []
        self.shifts_ns: list[NDArray[np.int64]] = []
        self.first_ns = 0
        # By how much the last event of each request may be off; those of whom that is not known are sure.
        self.last_ns: dict[int, int] = {}

    def reads(self, lag_ns: NDArray[np.int64]) -> None:
        """Reads came, each so long before this process was sure to have it."""
        self.lags_ns.append(lag_ns.astype(np.float32))

    def events(
        self,
        owner: int,
        first: bool,
        event_ns: NDArray[np.int64],
        followed: NDArray[np.bool_],
        came_ns: NDArray[np.int64],
        earliest_ns: NDArray[np.int64],
    ) -> None:
        """New events of a request, its first one among them or not, and the reads that they came in.

        An event whose read brought more behind it, another event, usage or `[DONE]`, came at the latest with the read,
        and at the earliest when the poll before found nothing. Where the kernel gives no times, that holds for every
        event.
        """
        if not len(event_ns):
            return
        self.last_ns.pop(owner, None)
        off = np.flatnonzero(followed) if self.kernel_times else np.arange(len(event_ns))
        if not len(off):
            return
        read = np.minimum(np.searchsorted(came_ns, event_ns[off]), len(came_ns) - 1)
        shifts = came_ns[read] - earliest_ns[read]
        self.shifts_ns.append(shifts)
        if first and off[0] == 0:
            self.first_ns += int(shifts[0])
        if off[-1] == len(event_ns) - 1:
            self.last_ns[owner] = int(shifts[-1])


def proof(
    watches: Sequence[Watch],
    requests: Sequence[Request],
    *,
    closed: bool,
    resent: int,
    cpu_s: float,
    clock_jump_ns: int,
) -> ClientProof:
    """The figures of a run watched by its processes; `closed`: a late send keeps a slot of the closed loop empty."""
    lags = np.concatenate([np.zeros(0, dtype=np.float32), *(lag for one in watches for lag in one.lags_ns)])
    shifts = np.concatenate([np.zeros(0, dtype=np.int64), *(shift for one in watches for shift in one.shifts_ns)])
    events = sum(len(request.event_ns) for request in requests)
    began = [r for r in requests if r.first_token_ns is not None and r.last_token_ns is not None]
    ttft_ns = sum((r.first_token_ns or 0) - r.sent_ns for r in began)
    decode_ns = sum((r.last_token_ns or 0) - (r.first_token_ns or 0) for r in began)
    gap_ns = decode_ns / max(1, events - len(began))
    waits_ns = sum(r.sent_ns - r.scheduled_ns for r in requests)
    busy_ns = sum(r.end_ns - r.sent_ns for r in requests)
    return ClientProof(
        kernel_times=all(one.kernel_times for one in watches),
        processes=len(watches),
        cpu_s=cpu_s,
        reads=len(lags),
        lag_mean_ns=float(lags.mean()) if len(lags) else None,
        lag_p99_ns=float(np.quantile(lags, 0.99)) if len(lags) else None,
        lag_max_ns=float(lags.max()) if len(lags) else None,
        events=events,
        unsure_events=len(shifts),
        shifted_events_share=_share(int((shifts > _LARGE * gap_ns).sum()), events),
        ttft_error_share=_share(sum(one.first_ns for one in watches), ttft_ns),
        # A mean of gaps is made of the first and the last event alone.
        itl_error_share=_share(sum(one.first_ns + sum(one.last_ns.values()) for one in watches), decode_ns),
        throughput_error_share=_share(waits_ns, busy_ns) if closed else 0.0,
        offered_rps=None if closed else _rate_rps([r.scheduled_ns for r in requests]),
        delivered_rps=None if closed else _rate_rps([r.sent_ns for r in requests]),
        resent_requests=resent,
        clock_jump_ns=clock_jump_ns,
    )


def _rate_rps(times_ns: Sequence[int]) -> float | None:
    span_ns = max(times_ns) - min(times_ns)
    return (len(times_ns) - 1) / span_ns * 1e9 if span_ns else None


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0
