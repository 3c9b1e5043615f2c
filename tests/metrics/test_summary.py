"""A run's figures against values worked out by hand, on a few requests whose every time is known."""

from __future__ import annotations

import math

import pytest

from enginebench.metrics import METRICS, needed_samples, steady_window, summarise
from enginebench.metrics.events import Events
from enginebench.records import ClosedLoop, OpenLoop, Request, Slo

MS = 1_000_000
OPEN = OpenLoop(kind="open", rate_rps=10.0)


def closed(concurrency):
    return ClosedLoop(kind="closed", concurrency=concurrency)


def asked(sent_ms, *event_ms, end_ms=None, **changes):
    """A request that got an event of one token at each of `event_ms`."""
    events = tuple(round(time * MS) for time in event_ms)
    fields = {
        "run": "r",
        "index": 0,
        "scheduled_ns": round(sent_ms * MS),
        "sent_ns": round(sent_ms * MS),
        "first_token_ns": events[0] if events else None,
        "last_token_ns": events[-1] if events else None,
        "end_ns": round(end_ms * MS) if end_ms is not None else events[-1],
        "event_ns": events,
        "input_tokens": 100,
        "output_tokens": len(events),
        "asked_output_tokens": len(events),
        "usage_input_tokens": 100,
        "cached_tokens": None,
        "status": "ok",
        "http_status": 200,
        "error": None,
    }
    return Request(**{**fields, **changes})


def failed(sent_ms, end_ms, *event_ms, **changes):
    return asked(sent_ms, *event_ms, end_ms=end_ms, **{"status": "timeout", "output_tokens": None, **changes})


def figures(requests, load=OPEN, *, devices=1, slo=None, energy_j=None):
    return summarise(requests, load=load, devices=devices, slo=slo, energy_j=energy_j)


TWO_SLOTS = (
    asked(0, 100, 200, 300),
    asked(0, 150, 250, 350),
    asked(301, 401, 501, 601),
    asked(351, 471, 571, 671, end_ms=680),
)
"""Two slots, two requests each: first tokens of the first wave are there at 150 ms, those of the second at 471 ms."""


# Windows and throughput


def test_the_window_of_a_closed_loop_begins_and_ends_with_first_tokens():
    assert steady_window(TWO_SLOTS, closed(2)) == (150 * MS, 471 * MS)


def test_the_window_ends_before_the_drain():
    slow_last = (*TWO_SLOTS[:3], asked(351, 650, 671))
    # The third ends at 601 and nothing follows; the last first token before that is its own, at 401.
    assert steady_window(slow_last, closed(2)) == (150 * MS, 401 * MS)


def test_slots_in_lockstep_give_the_rate_of_one_wave_however_short_the_run():
    for waves in (2, 3, 7):
        run = [asked(at, at + 400, at + 500, at + 600, at + 700) for at in range(0, 701 * waves, 701) for _ in range(8)]
        found = figures(run, closed(8)).metrics
        assert found["output_tps_per_accelerator"] == pytest.approx(8 * 4 / 0.701)
        assert found["input_tps_per_accelerator"] == pytest.approx(8 * 100 / 0.701)
        assert found["requests_rps"] == pytest.approx(8 / 0.701)


def test_the_window_of_an_open_loop_is_from_the_first_end_to_the_last_send():
    assert steady_window(TWO_SLOTS, OPEN) == (300 * MS, 351 * MS)


def test_there_is_no_window_where_the_slots_were_never_busy_together():
    late = (asked(0, 10, 20), asked(0, 500, 510))
    assert steady_window(late, closed(2)) is None
    assert steady_window((*TWO_SLOTS[:1], failed(0, 50)), closed(2)) is None
    assert steady_window((asked(0, 10),), OPEN) is None
    assert steady_window(TWO_SLOTS, closed(5)) is None


def test_throughput_of_the_whole_run():
    found = figures(TWO_SLOTS, closed(2), devices=2)
    assert found.duration_ns == 680 * MS
    assert found.metrics["output_tps_per_accelerator_whole_run"] == pytest.approx(12 / 0.680 / 2)
    assert found.metrics["input_tps_per_accelerator_whole_run"] == pytest.approx(400 / 0.680 / 2)
    assert found.metrics["total_tps_per_accelerator_whole_run"] == pytest.approx(412 / 0.680 / 2)
    assert found.metrics["requests_rps_whole_run"] == pytest.approx(4 / 0.680)


def test_throughput_of_the_window_counts_what_arrived_inside():
    found = figures(TWO_SLOTS, closed(2), devices=2)
    # Events after 150 and up to 471 ms: 200 300 | 250 350 | 401 | 471.
    assert found.metrics["output_tps_per_accelerator"] == pytest.approx(6 / 0.321 / 2)
    # First tokens: of the third and the fourth.
    assert found.metrics["input_tps_per_accelerator"] == pytest.approx(200 / 0.321 / 2)
    assert found.metrics["total_tps_per_accelerator"] == pytest.approx(206 / 0.321 / 2)
    # Ends: 300, 350.
    assert found.metrics["requests_rps"] == pytest.approx(2 / 0.321)


def test_tokens_that_came_several_in_one_event_are_spread_over_the_events():
    coarse = asked(10, 100, 200, 300, 400, output_tokens=8, asked_output_tokens=8)
    # Open loop, window 50 to 250 ms: two of four events, so four of eight tokens.
    found = figures((asked(0, 50), coarse, asked(250, 500)))
    assert found.metrics["output_tps_per_accelerator"] == pytest.approx(4 / 0.200)


def test_requests_that_failed_add_no_tokens_but_their_time_counts():
    found = figures((asked(0, 100, 200), failed(0, 1000, 300)))
    assert found.metrics["output_tps_per_accelerator_whole_run"] == pytest.approx(2 / 1.0)
    assert found.metrics["requests_rps_whole_run"] == pytest.approx(1.0)
    assert found.metrics["success_share"] == 0.5
    assert found.metrics["e2el_mean_ns"] == 200 * MS


def test_without_a_window_its_throughput_is_null_and_the_whole_runs_is_there():
    found = figures((asked(0, 100, 200),))
    for kind in ("output_tps_per_accelerator", "input_tps_per_accelerator", "total_tps_per_accelerator"):
        assert found.metrics[kind] is None
        assert found.absent[kind] == "no moment with all slots busy"
        assert found.metrics[f"{kind}_whole_run"] is not None
    assert found.window_ns is None


def test_without_usage_what_needs_output_tokens_is_null_and_the_rest_is_there():
    silent = [asked(0, 20, 40, output_tokens=None), asked(50, 150, 250)]
    found = figures(silent, energy_j=5.0)
    reason = "the server did not report its output tokens"
    for name in (
        "output_tps_per_accelerator",
        "total_tps_per_accelerator",
        "output_tps_per_accelerator_whole_run",
        "total_tps_per_accelerator_whole_run",
        "energy_j_per_output_token",
    ):
        assert (found.metrics[name], found.absent[name]) == (None, reason)
    assert found.metrics["input_tps_per_accelerator_whole_run"] == pytest.approx(200 / 0.250)
    assert found.metrics["requests_rps_whole_run"] == pytest.approx(2 / 0.250)
    assert found.metrics["ttft_mean_ns"] == 60 * MS
    assert found.metrics["output_tokens_mean"] == 2


def test_a_run_of_failures_alone_has_a_throughput_of_0_and_no_latencies():
    found = figures([failed(0, 100) for _ in range(6)])
    assert found.metrics["output_tps_per_accelerator_whole_run"] == 0
    assert found.metrics["requests_rps_whole_run"] == 0
    assert found.metrics["success_share"] == 0
    assert found.metrics["ttft_mean_ns"] is None
    assert found.absent["ttft_mean_ns"] == "no requests"
    assert found.metrics["itl_mean_ns"] is None
    assert found.metrics["energy_j_per_output_token"] is None


# Latencies


@pytest.fixture
def hundreds():
    """300 requests of 5 tokens, one after the other: TTFT 1 to 300 ms, TPOT 0.1 to 30 ms."""
    requests = []
    for k in range(1, 301):
        first_ms, step_ms = k, k / 10
        requests.append(asked(1000 * k, *(1000 * k + first_ms + step_ms * i for i in range(5)), end_ms=1000 * k + 900))
    return requests


def test_latencies(hundreds):
    found = figures(hundreds).metrics
    assert found["ttft_mean_ns"] == pytest.approx(150.5 * MS)
    assert found["ttft_p50_ns"] == pytest.approx(150 * MS)
    assert found["ttft_p90_ns"] == pytest.approx(270 * MS)
    assert found["ttft_p99_ns"] == pytest.approx(297 * MS)
    assert found["tpot_mean_ns"] == pytest.approx(15.05 * MS)
    assert found["tpot_p90_ns"] == pytest.approx(27 * MS)
    assert found["e2el_mean_ns"] == pytest.approx(150.5 * MS * 1.4)
    assert found["e2el_p99_ns"] == pytest.approx(297 * MS * 1.4)
    assert found["itl_mean_ns"] == pytest.approx(15.05 * MS)
    assert found["itl_p50_ns"] == pytest.approx(15 * MS)


def test_interactivity_is_a_statistic_of_each_requests_figure(hundreds):
    found = figures(hundreds).metrics
    each = [1000 / (k / 10) for k in range(1, 301)]
    assert found["interactivity_mean_tps"] == pytest.approx(sum(each) / 300)
    assert found["interactivity_mean_tps"] != pytest.approx(1e9 / found["tpot_mean_ns"], rel=0.5)
    assert found["interactivity_p10_tps"] == pytest.approx(1000 / 27.1)
    assert found["interactivity_p1_tps"] == pytest.approx(1000 / 29.8)
    assert found["normalised_interactivity_tps"] == pytest.approx(1000 / (150 * 1.4 / 5))


def test_itl_is_over_events_and_tpot_over_tokens():
    found = figures((asked(0, 100, 400, output_tokens=4, asked_output_tokens=4),)).metrics
    assert found["itl_mean_ns"] == 300 * MS
    assert found["tpot_mean_ns"] == 100 * MS
    assert found["interactivity_mean_tps"] == pytest.approx(10)


def test_a_request_of_one_token_has_no_tpot():
    found = figures((asked(0, 100),))
    assert found.metrics["tpot_mean_ns"] is None
    assert found.absent["interactivity_mean_tps"] == "no requests with counted tokens"
    assert found.metrics["ttft_mean_ns"] == found.metrics["e2el_mean_ns"] == 100 * MS


def test_client_lag_is_send_minus_due_of_every_request():
    found = figures((asked(5, 10, 20, scheduled_ns=2 * MS), failed(9, 30, scheduled_ns=8 * MS)))
    assert found.metrics["schedule_lag_mean_ns"] == 2 * MS


# Percentiles and their samples


@pytest.mark.parametrize(("share", "needed"), [(0.5, 6), (0.9, 29), (0.1, 29), (0.99, 299), (0.01, 299)])
def test_needed_samples_leave_the_percentile_beyond_all_of_them_once_in_twenty(share, needed):
    assert needed_samples(share) == needed
    beyond = [share**count + (1 - share) ** count for count in (needed, needed - 1)]
    assert beyond[0] <= 0.05 < beyond[1]


@pytest.mark.parametrize(
    ("name", "needed"), [("ttft_p50_ns", 6), ("e2el_p90_ns", 29), ("interactivity_p10_tps", 29), ("tpot_p99_ns", 299)]
)
def test_a_percentile_is_null_with_a_reason_below_its_samples(hundreds, name, needed):
    short = name.split("_")[1]
    enough, few = figures(hundreds[:needed]), figures(hundreds[: needed - 1])
    assert enough.metrics[name] is not None
    assert name not in enough.absent
    assert few.metrics[name] is None
    assert few.absent[name].startswith(f"{short} needs {needed} requests")
    assert few.absent[name].endswith(f"this run has {needed - 1}")


def test_normalised_interactivity_needs_six_requests(hundreds):
    assert figures(hundreds[:6]).metrics["normalised_interactivity_tps"] is not None
    found = figures(hundreds[:5])
    assert found.metrics["normalised_interactivity_tps"] is None
    assert found.absent["normalised_interactivity_tps"].endswith("this run has 5")


def test_p99_of_100_requests_is_refused_with_the_number_that_an_interval_needs(hundreds):
    found = figures(hundreds[:100])
    assert found.metrics["ttft_p99_ns"] is None
    assert found.absent["ttft_p99_ns"] == "p99 needs 299 requests to have an interval; this run has 100"
    assert "ttft_p99_ns" not in found.intervals


def test_percentiles_and_means_have_intervals_that_hold_them_and_gaps_have_none(hundreds):
    found = figures(hundreds)
    for name, (low, high) in found.intervals.items():
        assert low <= found.metrics[name] <= high, name
    # Ranks 133 and 168 of 300, from 1: at most 0.025 of a binomial of 300 and 1/2 lies beyond either.
    assert found.intervals["ttft_p50_ns"] == (133 * MS, 168 * MS)
    # 299 requests and more: the largest is the upper end.
    assert found.intervals["ttft_p99_ns"][1] == 300 * MS
    slow, fast = found.intervals["normalised_interactivity_tps"]
    assert (slow, fast) == pytest.approx((1000 / (168 * 1.4 / 5), 1000 / (133 * 1.4 / 5)))
    assert {name.split("_")[0] for name in found.intervals} == {
        "ttft", "e2el", "tpot", "interactivity", "normalised", "schedule",
    }  # fmt: skip


# Failures


def some_failed(hundreds, failed_count, of):
    return [*hundreds[: of - failed_count], *(failed(1000 * k, 1000 * k + 900) for k in range(failed_count))]


def test_percentiles_over_all_requests_have_the_failed_ones_behind_all_others(hundreds):
    found = figures(some_failed(hundreds, 3, 100)).metrics
    assert found["ttft_p90_ns"] == 88 * MS  # the 88th of 97
    assert found["ttft_p90_all_ns"] == 90 * MS  # the 90th of 100
    assert found["e2el_p90_all_ns"] == pytest.approx(90 * 1.4 * MS)
    assert found["tpot_p50_all_ns"] == pytest.approx(5 * MS)


def test_a_percentile_that_falls_on_a_failed_request_is_null_and_said_to_be_infinite(hundreds):
    found = figures(some_failed(hundreds, 3, 100))
    for name in ("ttft_p99_all_ns", "e2el_p99_all_ns", "tpot_p99_all_ns"):
        assert found.metrics[name] is None
        assert found.absent[name] == "3 of 100 requests failed: the 99th percentile is infinite"
    most = figures(some_failed(hundreds, 60, 100))
    assert most.absent["ttft_p50_all_ns"] == "60 of 100 requests failed: the median is infinite"


def test_an_interval_that_reaches_a_failed_request_is_none(hundreds):
    found = figures(some_failed(hundreds, 5, 100))
    assert found.metrics["ttft_p90_all_ns"] == 90 * MS
    assert "ttft_p90_all_ns" not in found.intervals
    assert found.intervals["ttft_p50_all_ns"][1] < 70 * MS


def test_without_failures_both_percentiles_are_one(hundreds):
    found = figures(hundreds)
    for stem in ("ttft", "e2el", "tpot"):
        for short in ("p50", "p90", "p99"):
            plain = f"{stem}_{short}_ns"
            counted = f"{stem}_{short}_all_ns"
            assert found.metrics[counted] == found.metrics[plain]
            assert found.intervals[counted] == found.intervals[plain]


# Other tools' definitions


def test_what_other_tools_call_by_the_same_words():
    one = asked(0, 100, 140, 260, first_event_ns=2 * MS, output_tokens=6, asked_output_tokens=6)
    found = figures([one]).metrics
    assert found["ttft_mean_ns"] == 100 * MS
    assert found["ttft_first_event_mean_ns"] == 2 * MS
    assert found["tpot_mean_ns"] == 160 / 5 * MS
    assert found["tpot_guidellm_mean_ns"] == pytest.approx(260 / 6 * MS)
    assert found["itl_chunk_mean_ns"] == found["itl_mean_ns"] == 80 * MS
    unknown = figures([asked(0, 100, 200)])
    assert unknown.absent["ttft_first_event_mean_ns"] == "when the first event came was not kept of every request"
    assert unknown.absent["itl_token_p50_ns"] == "the server did not tell how many tokens each event held"


def test_gaps_per_token_count_each_token_of_an_event():
    class Told:
        """Requests as they are once events tell their tokens."""

        def __init__(self, request, tokens):
            self.request, self.event_tokens = request, tokens

        def __getattr__(self, name):
            return getattr(self.request, name)

    told = [Told(asked(0, 100, 140, 260), (1, 2, 3)), Told(asked(0, 50), (1,)), Told(asked(0, 10, 20), (5, 1))]
    assert Events(told).token_gaps_ns().tolist() == [20 * MS, 20 * MS, 40 * MS, 40 * MS, 40 * MS, 10 * MS]
    assert Events(told).gaps_ns().tolist() == [40 * MS, 120 * MS, 10 * MS]
    assert Events([*told, asked(0, 1, 2)]).token_gaps_ns() is None


# Goodput and energy


@pytest.mark.parametrize(
    ("slo", "expected"),
    [
        (Slo(), 3),
        (Slo(ttft_ns=100 * MS), 2),
        (Slo(ttft_ns=99 * MS), 0),
        (Slo(tpot_ns=50 * MS), 2),
        (Slo(e2el_ns=300 * MS), 2),
        (Slo(ttft_ns=100 * MS, tpot_ns=50 * MS), 1),
        (Slo(ttft_ns=100 * MS, tpot_ns=50 * MS, e2el_ns=100 * MS), 0),
    ],
)
def test_goodput_counts_the_requests_that_meet_every_limit(slo, expected):
    run = (
        asked(0, 100, 150, 200),
        asked(0, 100, 300, 500, end_ms=1000),
        asked(0, 200, 210, 220),
        failed(0, 900, 50, 60),
    )
    assert figures(run, slo=slo).metrics["goodput_rps"] == pytest.approx(expected / 1.0)


def test_goodput_without_a_slo_is_null():
    found = figures(TWO_SLOTS)
    assert (found.metrics["goodput_rps"], found.absent["goodput_rps"]) == (None, "no SLO is stated")


def test_goodput_under_a_tpot_limit_is_null_where_tokens_were_not_counted():
    silent = (asked(0, 100, 150, output_tokens=None),)
    found = figures(silent, slo=Slo(tpot_ns=MS))
    assert found.metrics["goodput_rps"] is None
    assert found.absent["goodput_rps"] == "the server did not report its output tokens"
    assert figures(silent, slo=Slo(ttft_ns=100 * MS)).metrics["goodput_rps"] == pytest.approx(1 / 0.150)


def test_energy_is_joules_of_the_run_over_its_output_tokens():
    assert figures(TWO_SLOTS, energy_j=36.0).metrics["energy_j_per_output_token"] == 3.0
    found = figures(TWO_SLOTS)
    assert found.metrics["energy_j_per_output_token"] is None
    assert found.absent["energy_j_per_output_token"] == "no energy reading"
    assert figures([failed(0, 9)], energy_j=1.0).absent["energy_j_per_output_token"] == "no output tokens"


# Marks


@pytest.mark.parametrize(
    ("mark", "other"),
    [
        ("failed_requests", failed(0, 100)),
        ("no_usage", asked(0, 100, 200, output_tokens=None)),
        ("short_output", asked(0, 100, 200, asked_output_tokens=3)),
        ("long_output", asked(0, 100, 200, asked_output_tokens=1)),
        ("input_length", asked(0, 100, 200, usage_input_tokens=101)),
        ("coarse_events", asked(0, 100, 200, output_tokens=3, asked_output_tokens=3)),
        ("cache_hits", asked(0, 100, 200, cached_tokens=1)),
        ("client_late", asked(3, 103, 203, scheduled_ns=0)),
    ],
)
def test_each_mark_is_given_under_its_condition_alone(mark, other):
    clean = asked(0, 100, 200, cached_tokens=0)
    assert figures([clean, clean]).marks == ()
    assert figures([clean, other]).marks == (mark,)


@pytest.mark.parametrize(("first_chars", "marks"), [(5, ()), (8, ()), (10, ("coarse_first",))])
def test_first_events_with_the_text_of_several_tokens_are_marked(first_chars, marks):
    """Twenty tokens in nineteen events, five characters a token: coarse_events alone would not show it."""
    times = [100 + 10 * i for i in range(19)]
    one = asked(0, *times, output_tokens=20, asked_output_tokens=20, first_chars=first_chars, output_chars=100)
    assert figures([one] * 5).marks == marks
    assert figures([one] * 4).marks == (), "too few to tell"


def test_cache_hits_that_were_asked_for_are_not_marked():
    hit = asked(0, 100, 200, cached_tokens=1)
    assert summarise([hit], load=OPEN, devices=1, slo=None, cache_asked=True).marks == ()


def test_what_is_just_within_bounds_is_not_marked():
    ten = [10 * (i + 1) for i in range(9)]
    assert figures([asked(0, *ten, output_tokens=10, asked_output_tokens=10)]).marks == ()
    assert figures([asked(1, 51, 101, scheduled_ns=0)]).marks == ()
    assert figures([asked(0, 100, 200, usage_input_tokens=None, cached_tokens=None)]).marks == ()


def test_nothing_is_0_or_nan_for_want_of_a_value():
    found = figures([asked(0, 100, 200), failed(0, 150)])
    assert set(found.metrics) == set(METRICS)
    assert {name for name, value in found.metrics.items() if value is None} == set(found.absent)
    assert all(found.absent.values())
    assert all(value is None or math.isfinite(value) for value in found.metrics.values())
    assert {name for name, value in found.metrics.items() if value == 0} == {"schedule_lag_mean_ns"}


def test_latency_from_schedule_has_the_clients_wait_in_it():
    late = [asked(100, 200, 210, scheduled_ns=30 * MS), asked(300, 400, 410)]
    found = summarise(late, load=OPEN, devices=1, slo=None).metrics
    assert found["ttft_mean_ns"] == pytest.approx(100 * MS)
    assert found["ttft_from_schedule_mean_ns"] == pytest.approx((170 + 100) / 2 * MS)
    assert found["e2el_from_schedule_mean_ns"] == pytest.approx((180 + 110) / 2 * MS)
