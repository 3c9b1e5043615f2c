"""The client's figures against the server's own record of the same requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enginebench import environment, load
from enginebench.calibration.known import Sent, Timings, known_server
from enginebench.load import LoadOutcome, Target
from enginebench.load.sockets import allow
from enginebench.records import Calibration, CalibrationLevel, ClosedLoop, Prompt, Request

LONG = Timings(ttft_ns=100_000_000, itl_ns=20_000_000, tokens=32)
"""What the server keeps to, of the order of an accelerator's: some three seconds a level."""
BRIEF = Timings(ttft_ns=50_000_000, itl_ns=10_000_000, tokens=16)
"""Before a night: one second a level."""
_WAVES = 3
_LEAST = 24


def calibrate(concurrencies: Sequence[int], timings: Timings) -> Calibration:
    """Measure each concurrency on this machine against a server of known timings."""
    machine = environment.describe(())
    return Calibration(
        host=machine.host,
        cpu=machine.cpu,
        cores=machine.cores,
        harness_version=machine.harness_version,
        started_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        levels=tuple(levels(concurrencies, timings)),
    )


def levels(concurrencies: Sequence[int], timings: Timings) -> Iterator[CalibrationLevel]:
    """Each concurrency, as it is measured."""
    for concurrency in concurrencies:
        requests = max(_LEAST if concurrency > 1 else 8, _WAVES * concurrency)
        prompts = [
            Prompt(token_ids=(index,), text=None, input_tokens=1, output_tokens=timings.tokens)
            for index in range(requests)
        ]
        whole_ns = timings.ttft_ns + (timings.tokens - 1) * timings.itl_ns
        # For the server too, which inherits the limit.
        allow(concurrency)
        with known_server(timings) as server:
            outcome = load.measure(
                Target(url=server.url, model="known", api="completions"),
                prompts,
                ClosedLoop(kind="closed", concurrency=concurrency),
                run="calibration",
                seed=0,
                request_timeout_s=60,
                slot_offsets_ns=[whole_ns * slot // concurrency for slot in range(concurrency)],
            )
            yield _level(concurrency, outcome, server.stop(), timings)


def _level(concurrency: int, outcome: LoadOutcome, sent: dict[int, Sent], timings: Timings) -> CalibrationLevel:
    pairs = [
        (request, sent[request.index])
        for request in outcome.requests
        if request.status == "ok" and request.index in sent
    ]
    late_ns = [
        time_ns - one.received_ns - timings.ttft_ns - place * timings.itl_ns
        for one in sent.values()
        for place, time_ns in enumerate(one.sent_ns)
    ]
    ours = np.array([_first(request) for request, _ in pairs], dtype=float)
    truth = np.array([one.sent_ns[0] - one.received_ns for _, one in pairs], dtype=float)
    our_gaps, true_gaps = _gaps([r.event_ns for r, _ in pairs]), _gaps([one.sent_ns for _, one in pairs])
    tokens = sum(len(request.event_ns) for request in outcome.requests)
    proof = outcome.proof
    return CalibrationLevel(
        concurrency=concurrency,
        requests=len(outcome.requests),
        failed_requests=len(outcome.requests) - len(pairs),
        ttft_error_mean_ns=float(abs((ours - truth).mean())) if len(pairs) else None,
        ttft_error_p99_ns=float(np.quantile(abs(ours - truth), 0.99)) if len(pairs) else None,
        tpot_error_share=_apart(our_gaps.mean(), true_gaps.mean()) if len(our_gaps) else None,
        itl_p99_error_share=_apart(np.quantile(our_gaps, 0.99), np.quantile(true_gaps, 0.99))
        if len(our_gaps)
        else None,
        throughput_error_share=proof.throughput_error_share,
        lag_p99_ns=proof.lag_p99_ns,
        client_cpu_s_per_mtok=proof.cpu_s / tokens * 1e6 if tokens else None,
        client_cores=proof.cpu_s / (outcome.duration_ns / 1e9),
        server_late_p99_ns=float(np.quantile(late_ns, 0.99)) if late_ns else None,
    )


def _first(request: Request) -> int:
    assert request.first_token_ns is not None
    return request.first_token_ns - request.sent_ns


def _gaps(times: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    return np.concatenate([np.diff(np.array(one, dtype=np.int64)) for one in times]) if times else np.zeros(0, np.int64)


def _apart(found: np.floating[Any], truth: np.floating[Any]) -> float:
    return float(abs(found / truth - 1))
