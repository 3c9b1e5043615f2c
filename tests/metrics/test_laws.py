"""Laws that a run's figures obey whatever its requests: order, scale, sums, bounds."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enginebench.metrics import METRICS, summarise
from enginebench.records import ClosedLoop, OpenLoop, Request, Slo

US = 1000
SLO = Slo(ttft_ns=400 * US, tpot_ns=60 * US)


def request(index, sent, wait, gaps, tokens, ok, late):
    """A request from microseconds: sent, wait for the first token, gaps between events."""
    events = [(sent + wait) * US]
    for gap in gaps:
        events.append(events[-1] + gap * US)
    return Request(
        run="r",
        index=index,
        scheduled_ns=(sent - late) * US,
        sent_ns=sent * US,
        first_token_ns=events[0],
        last_token_ns=events[-1],
        end_ns=events[-1] + US,
        event_ns=tuple(events),
        input_tokens=7,
        output_tokens=tokens if ok else None,
        asked_output_tokens=4,
        usage_input_tokens=7,
        cached_tokens=None,
        status="ok" if ok else "truncated",
        http_status=200,
        error=None,
    )


one = st.tuples(
    st.integers(0, 2000),
    st.integers(1, 800),
    st.lists(st.integers(0, 200), max_size=5),
    st.integers(1, 12),
    st.sampled_from([True, True, True, False]),
    st.integers(0, 20),
)
runs = st.lists(one, min_size=1, max_size=40).map(lambda rows: [request(i, *row) for i, row in enumerate(rows)])
loads = st.one_of(
    st.integers(1, 6).map(lambda n: ClosedLoop(kind="closed", concurrency=n)),
    st.just(OpenLoop(kind="open", rate_rps=1.0)),
)


def figures(requests, load, *, devices=2, slo=SLO):
    return summarise(requests, load=load, devices=devices, slo=slo, energy_j=10.0)


@settings(max_examples=100, deadline=None)
@given(runs, loads)
def test_input_and_output_throughput_sum_to_the_total(requests, load):
    found = figures(requests, load).metrics
    for suffix in ("", "_whole_run"):
        each = [found[f"{kind}_tps_per_accelerator{suffix}"] for kind in ("input", "output", "total")]
        assert each == [None] * 3 or each[0] + each[1] == pytest.approx(each[2])


@settings(max_examples=60, deadline=None)
@given(runs, st.integers(0, 2**32))
def test_the_order_of_requests_does_not_matter(requests, seed):
    # Distinct send times: which of equal ones is a slot's first would be a matter of order.
    apart = [request for _, request in sorted({r.sent_ns: r for r in requests}.items())]
    shuffled = random.Random(seed).sample(apart, len(apart))
    for load in (ClosedLoop(kind="closed", concurrency=3), OpenLoop(kind="open", rate_rps=1.0)):
        before, after = figures(apart, load), figures(shuffled, load)
        assert (before.window_ns, before.duration_ns, before.marks) == (after.window_ns, after.duration_ns, after.marks)
        assert before.absent == after.absent
        assert after.metrics == pytest.approx(before.metrics)


def stretched(r, k):
    times = {
        name: getattr(r, name) * k for name in ("scheduled_ns", "sent_ns", "first_token_ns", "last_token_ns", "end_ns")
    }
    return replace(r, **times, event_ns=tuple(time * k for time in r.event_ns))


@settings(max_examples=60, deadline=None)
@given(runs, loads, st.integers(2, 1000))
def test_times_k_times_as_long_give_latencies_k_times_as_long_and_rates_a_kth(requests, load, k):
    slo = Slo(ttft_ns=SLO.ttft_ns * k, tpot_ns=SLO.tpot_ns * k)
    short, long = figures(requests, load), figures([stretched(r, k) for r in requests], load, slo=slo)
    assert long.marks == short.marks
    assert long.absent == short.absent
    for name, value in short.metrics.items():
        power = 1 if name.endswith("_ns") else -1 if "_tps" in name or "_rps" in name else 0
        expected = None if value is None else pytest.approx(value * float(k) ** power)
        assert long.metrics[name] == expected, name


@settings(max_examples=60, deadline=None)
@given(runs, loads)
def test_twice_the_accelerators_halve_what_is_per_accelerator_and_nothing_else(requests, load):
    once, twice = figures(requests, load, devices=1).metrics, figures(requests, load, devices=2).metrics
    for name, value in once.items():
        factor = 0.5 if "per_accelerator" in name else 1
        assert twice[name] == (None if value is None else pytest.approx(value * factor)), name


@settings(max_examples=100, deadline=None)
@given(runs, loads)
def test_the_window_lies_inside_the_run(requests, load):
    found = figures(requests, load)
    begin, end = min(r.sent_ns for r in requests), max(r.end_ns for r in requests)
    assert found.duration_ns == end - begin
    if found.window_ns is not None:
        assert begin <= found.window_ns[0] < found.window_ns[1] <= end


@settings(max_examples=100, deadline=None)
@given(runs, loads, st.integers(0, 800), st.integers(0, 200))
def test_goodput_is_at_most_the_throughput_of_completed_requests(requests, load, ttft_us, tpot_us):
    slo = Slo(ttft_ns=ttft_us * US, tpot_ns=tpot_us * US)
    found = figures(requests, load, slo=slo).metrics
    assert 0 <= found["goodput_rps"] <= found["requests_rps_whole_run"] * (1 + 1e-12)


@settings(max_examples=100, deadline=None)
@given(runs, loads)
def test_every_metric_has_a_finite_value_or_a_reason(requests, load):
    found = figures(requests, load)
    assert list(found.metrics) == list(METRICS)
    assert {name for name, value in found.metrics.items() if value is None} == set(found.absent)
    assert all(value is None or math.isfinite(value) for value in found.metrics.values())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 500), st.integers(2, 9)), min_size=29, max_size=80))
def test_a_percentile_of_interactivity_is_one_of_the_requests_own_figures(rows):
    requests = [request(i, i * 10_000, 5, [gap] * (n - 1), n, True, 0) for i, (gap, n) in enumerate(rows)]
    found = figures(requests, OpenLoop(kind="open", rate_rps=1.0)).metrics
    each = np.sort([1e6 / gap for gap, _ in rows])
    for short, share in (("p50", 0.5), ("p10", 0.1)):
        rank = math.ceil(round(share * len(each), 9)) - 1
        assert found[f"interactivity_{short}_tps"] == pytest.approx(each[rank])
        assert np.mean(each <= each[rank]) >= share


@pytest.mark.parametrize("count", range(6, 30))
def test_percentiles_are_order_statistics(count):
    requests = [request(i, i * 10_000, 10 * (i + 1), [1], 2, True, 0) for i in range(count)]
    found = figures(requests, OpenLoop(kind="open", rate_rps=1.0)).metrics
    assert found["ttft_p50_ns"] == 10 * US * math.ceil(count / 2)
    assert found["ttft_p90_ns"] == (10 * US * math.ceil(0.9 * count) if count >= 29 else None)
