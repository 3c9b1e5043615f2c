"""What an engine tells of itself: pages as engines write them, and a server that tells known values."""

from __future__ import annotations

import time
from dataclasses import fields

import pytest

from enginebench import engines, scrape
from enginebench.engines import MetricsPage
from enginebench.metrics import engine_figures
from enginebench.records import EngineSample
from enginebench.tables import ENGINE_COLUMNS
from scripted_night import until

VLLM = """
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 4.0
# TYPE vllm:num_requests_waiting_by_reason gauge
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 9.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:kv_cache_usage_perc{engine="1"} 0.75
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 100.0
# TYPE vllm:prefix_cache_hits_total counter
vllm:prefix_cache_hits_total{engine="0",model_name="a {b} \\"c\\""} 1.5e+01
# TYPE vllm:num_preemptions_total counter
this line is broken {
"""


def sample(t_ns=0, **values):
    return EngineSample(t_ns=t_ns, **values)


def test_a_page_gives_the_fields_summed_over_replicas_and_shares_averaged():
    found = scrape.parse(VLLM, engines.get("vllm").metrics_page, 7)
    assert found == sample(
        t_ns=7,
        requests_running=7.0,
        kv_cache_share=0.5,
        prefix_queried_tokens=100.0,
        prefix_hit_tokens=15.0,
        preemptions=0.0,
    ), "a field that is not told is null; a counter declared without a sample has counted nothing"


def test_a_field_may_be_the_sum_of_several_samples():
    page = MetricsPage(path="/metrics", samples={"prefix_queried_tokens": ("read_total", "cached_total")})
    assert scrape.parse("read_total 5\ncached_total 3\n", page, 0).prefix_queried_tokens == 8


@pytest.mark.parametrize("kind", engines.known())
def test_adapters_name_fields_that_there_are(kind):
    page = engines.get(kind).metrics_page
    known = {field.name for field in fields(EngineSample)} - {"t_ns"}
    assert page is None or set(page.samples) <= known
    assert set(ENGINE_COLUMNS) == known | {"t_ns"}


def test_a_page_that_cannot_be_read_is_no_sample(scripted):
    page = engines.get("vllm").metrics_page
    assert scrape.take(scripted().url, page) is None, "404"
    assert scrape.take("http://127.0.0.1:9", page) is None


def test_a_watcher_reads_once_a_second_until_told_to_stop(tmp_path, scripted):
    engine = scripted(metrics="vllm:num_requests_running {in_flight}\n")
    path = tmp_path / "engine.jsonl"
    watcher = scrape.Watcher(engine.url, engines.get("vllm").metrics_page, path)
    watcher.start()
    until(lambda: len(scrape.read(path)) >= 3, "three samples")
    watcher.stop()
    taken = scrape.read(path)
    assert all(one.requests_running == 0 for one in taken)
    assert taken[2].t_ns - taken[0].t_ns >= 1.5e9, "once a second, not more often"
    time.sleep(1.2)
    assert scrape.read(path) == taken


def test_a_torn_line_is_left_out(tmp_path):
    path = tmp_path / "engine.jsonl"
    scrape.append(path, sample(t_ns=5, preemptions=1.0))
    with path.open("a") as file:
        file.write('{"t_ns": 6, "preem')
    assert scrape.read(path) == [sample(t_ns=5, preemptions=1.0)]


# A run's figures


def test_gauges_are_told_over_the_run_and_counters_by_their_growth():
    before = sample(preemptions=5.0, prefix_queried_tokens=100.0, prefix_hit_tokens=10.0, drafted_tokens=0.0)
    after = sample(preemptions=7.0, prefix_queried_tokens=300.0, prefix_hit_tokens=60.0, drafted_tokens=0.0)
    during = [sample(requests_running=2.0, kv_cache_share=0.5), sample(requests_running=4.0, kv_cache_share=0.25)]
    assert engine_figures(before, during, after) == {
        "running_requests_mean": (3.0, ""),
        "running_requests_max": (4.0, ""),
        "waiting_requests_mean": (None, "the engine does not tell requests_waiting"),
        "waiting_requests_max": (None, "the engine does not tell requests_waiting"),
        "kv_cache_mean_share": (0.375, ""),
        "kv_cache_max_share": (0.5, ""),
        "preempted_requests": (2.0, ""),
        "prefix_hit_share": (0.25, ""),
        "acceptance_share": (None, "the engine does not tell accepted_tokens"),
    }


def test_what_cannot_be_told_has_its_reason():
    reason = "the engine's metrics page could not be read"
    assert set(engine_figures(None, [], None).values()) == {(None, reason)}
    gauge = engine_figures(sample(requests_running=1.0), [], sample())["running_requests_mean"]
    assert gauge == (None, "no sample was taken while the run lasted")
    restarted = engine_figures(sample(preemptions=5.0), [], sample(preemptions=1.0))["preempted_requests"]
    assert restarted == (None, "the engine's counter of preemptions ran backwards")
    none = engine_figures(
        sample(prefix_queried_tokens=5.0, prefix_hit_tokens=0.0),
        [],
        sample(prefix_queried_tokens=5.0, prefix_hit_tokens=0.0),
    )
    assert none["prefix_hit_share"] == (None, "prefix_queried_tokens: none in this run")


def test_speculative_acceptance_is_by_counters_and_else_by_the_engines_rate():
    counted = engine_figures(
        sample(drafted_tokens=10.0, accepted_tokens=4.0), [], sample(drafted_tokens=30.0, accepted_tokens=9.0)
    )
    assert counted["acceptance_share"] == (0.25, "")
    rated = engine_figures(sample(), [sample(acceptance_share=0.5), sample(acceptance_share=0.7)], sample())
    assert rated["acceptance_share"] == (pytest.approx(0.6), "")
