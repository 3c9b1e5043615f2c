"""The steady part of a run, found from its requests. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from enginebench.records import ClosedLoop, Load, Request


def steady_window(requests: Sequence[Request], load: Load) -> tuple[int, int] | None:
    """The time in which the load was whole, ns since the run's start; null if there was none.

    Closed loop: from when as many requests are in flight as there are slots and each has its first token, to the last
    first token before the drain, which begins with the first end that no send follows. Beginning and end lie at the
    same phase of a request, so that neither slots in lockstep nor slots spread apart gain or lose part of one. Open
    loop: from the end of the first request, when the server is as full as the rate makes it, to the last send.
    """
    by_send = sorted(requests, key=lambda request: request.sent_ns)
    if not isinstance(load, ClosedLoop):
        begin, end = by_send[0].end_ns, by_send[-1].sent_ns
        return (begin, end) if end > begin else None
    busy = _first_all_busy(by_send, load.concurrency)
    if not busy:
        return None
    begin = max(request.end_ns if request.first_token_ns is None else request.first_token_ns for request in busy)
    drain = min(request.end_ns for request in requests if request.end_ns >= by_send[-1].sent_ns)
    began = [r.first_token_ns for r in requests if r.first_token_ns is not None and r.first_token_ns <= drain]
    end = max(began, default=begin)
    return (begin, end) if end > begin else None


def _first_all_busy(by_send: Sequence[Request], slots: int) -> list[Request]:
    """The requests in flight when there are `slots` of them for the first time; none if that never is.

    Not simply the first ones sent: where starts are spread, an early slot may be at its second request by then.
    """
    sends = np.array([request.sent_ns for request in by_send])
    ends = np.sort(np.array([request.end_ns for request in by_send]))
    in_flight = np.arange(1, len(sends) + 1) - np.searchsorted(ends, sends, side="right")
    full = np.flatnonzero(in_flight >= slots)
    if not len(full):
        return []
    return [request for request in by_send[: full[0] + 1] if request.end_ns > sends[full[0]]]
