"""The steady window's throughput is the server's, however the slots begin and however short the run is."""

from __future__ import annotations

import heapq
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enginebench.arrivals import slot_offsets_ns
from enginebench.metrics import steady_window, summarise
from enginebench.records import ClosedLoop, Request

TURN_NS = 1
"""From a slot's end to its next send."""


def closed(slots):
    return ClosedLoop(kind="closed", concurrency=slots)


def run(slots, count, first_ns, gap_ns, tokens, spread_ns):
    """The requests of a closed loop against a server whose speed does not depend on the load."""
    free = [(at, slot) for slot, at in enumerate(slot_offsets_ns(closed(slots), spread_ns))]
    heapq.heapify(free)
    requests = []
    for index in range(count):
        sent, slot = heapq.heappop(free)
        events = array("q", (sent + first_ns + gap_ns * k for k in range(tokens)))
        requests.append(
            Request(
                run="r",
                index=index,
                scheduled_ns=sent,
                sent_ns=sent,
                first_token_ns=events[0],
                last_token_ns=events[-1],
                end_ns=events[-1],
                event_ns=events,
                input_tokens=100,
                output_tokens=tokens,
                asked_output_tokens=tokens,
                usage_input_tokens=100,
                cached_tokens=None,
                status="ok",
                http_status=200,
                error=None,
            )
        )
        heapq.heappush(free, (events[-1] + TURN_NS, slot))
    return requests


@settings(max_examples=150, deadline=None)
@given(
    slots=st.integers(1, 24),
    per_slot=st.integers(3, 6),
    first_ns=st.integers(1_000_000, 900_000_000),
    gap_ns=st.integers(1_000_000, 50_000_000),
    tokens=st.integers(2, 40),
    spread=st.sampled_from((0.0, 0.5, 0.8, 1.0, 1.3, 3.0)),
)
def test_throughput_of_the_window_is_the_servers(slots, per_slot, first_ns, gap_ns, tokens, spread):
    whole_ns = first_ns + gap_ns * (tokens - 1) + TURN_NS
    # Starts spread over longer than expected are in by then, too, and leave enough requests.
    count = slots * (per_slot + int(spread))
    requests = run(slots, count, first_ns, gap_ns, tokens, round(whole_ns * spread))
    found = summarise(requests, load=closed(slots), devices=1, slo=None).metrics
    ideal_tps = slots * tokens / (whole_ns / 1e9)
    assert found["requests_rps"] == pytest.approx(ideal_tps / tokens, rel=0.15)
    if spread in (0.0, 1.0):
        assert found["output_tps_per_accelerator"] == pytest.approx(ideal_tps, rel=0.005)
        assert found["input_tps_per_accelerator"] == pytest.approx(ideal_tps * 100 / tokens, rel=0.005)


def test_a_slot_at_its_second_request_before_the_last_slot_begins_is_no_drain():
    # Expected to take 3 s, done in 1: slot 0 sends at 0, 1, 2, …, slot 2 at 2.
    requests = run(3, 15, 200_000_000, 100_000_000, 9, 3_000_000_000)
    begin, _ = steady_window(requests, closed(3))
    assert begin >= 2_200_000_000
    assert begin < 2_300_000_000


def test_a_million_events_are_summarised_in_a_second_or_two():
    import time

    requests = run(512, 8000, 100_000_000, 10_000_000, 125, 0)
    begun = time.process_time()
    found = summarise(requests, load=closed(512), devices=1, slo=None)
    spent_s = time.process_time() - begun
    assert found.metrics["itl_p99_ns"] == 10_000_000
    assert spent_s < 2.0
