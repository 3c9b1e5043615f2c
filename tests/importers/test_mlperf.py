"""Summaries of MLPerf's LoadGen 6.0.17: every scenario, with tokens and without, valid and not.

The samples are real, of a system under test that reports a first token after 50 ms and one each 5 ms, 16 in all.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from enginebench import importers
from enginebench.errors import UserError
from enginebench.records import SameAs

SAMPLES = Path(__file__).parent / "samples"
SCENARIOS = {
    "mlperf": "Server",
    "mlperf_server_invalid": "Server",
    "mlperf_server_plain": "Server",
    "mlperf_single": "SingleStream",
    "mlperf_multi": "MultiStream",
    "mlperf_offline": "Offline",
}


def point_of(name):
    (point,) = importers.points("mlperf", SAMPLES / f"{name}.txt")
    return point


@pytest.mark.parametrize(("name", "scenario"), SCENARIOS.items())
def test_every_scenario_is_read(name, scenario):
    point = point_of(name)
    assert (point.tool, point.place, point.engine) == ("mlperf", 0, "PySUT")
    assert (point.said["Scenario"], point.said["Mode"]) == (scenario, "PerformanceOnly")
    assert point.figures["Per-query latency.Mean latency (ns)" if name == "mlperf_multi" else "Mean latency (ns)"] > 0
    # Every mean, percentile and rate says how it differs or what it is; least and most have no counterpart here.
    said = {*point.same_as, *point.unlike}
    assert said <= {*point.figures}
    assert all(figure.startswith(("Min ", "Max ")) for figure in {*point.figures} - said)
    assert not {*point.same_as} & {*point.unlike}


def test_figures_are_as_given_tokens_too():
    point = point_of("mlperf")
    assert len(point.figures) == 30
    assert point.figures["Completed samples per second"] == 188.5
    assert point.figures["Completed tokens per second"] == 3022.12
    assert point.figures["Mean First Token latency (ns)"] == 50176120
    assert point.figures["Mean Time per Output Token (ns)"] == 4999948
    assert point.figures["99.90 percentile time to output token (ns)"] == 5016677
    # The parameters are what was asked: attributes as given, no figures; of arrivals the rate.
    assert (point.rate_rps, point.concurrency) == (200, None)
    asked = {"target_qps": 200, "ttft_latency (ns)": 500000000, "min_query_count": 500, "qsl_rng_seed": 0}
    assert asked.items() <= point.said.items()
    assert not {*point.said} & {*point.figures}
    # The file says nothing of these.
    said = (point.tool_version, point.date, point.model, point.input_tokens, point.output_tokens)
    assert {*said, point.completed_requests, point.failed_requests} == {None}


def test_a_latency_from_when_it_was_due_until_a_report_is_none_of_ours():
    point = point_of("mlperf")
    assert point.same_as == {}
    assert "until the system under test reports it" in point.unlike["Mean First Token latency (ns)"]
    assert "one after n * p" in point.unlike["99.00 percentile first token latency (ns)"]
    assert "one sample less" in point.unlike["Completed samples per second"]


def test_the_samples_of_an_offline_run_by_its_time_are_ours():
    point = point_of("mlperf_offline")
    assert point.same_as == {"Samples per second": SameAs(metric="requests_rps_whole_run", factor=1.0)}
    # 64 samples, 4 at a time, 125 ms each.
    assert point.figures["Samples per second"] == pytest.approx(64 / 2.0, rel=0.01)
    assert point.figures["Tokens per second"] == 511.933
    assert point.rate_rps is None


def test_why_a_run_is_not_valid_is_kept():
    assert "Result is: VALID" in point_of("mlperf").notes
    point = point_of("mlperf_server_invalid")
    assert {
        "Result is: INVALID",
        "Performance constraints satisfied: NO",
        "Min duration satisfied: NO",
        "Min queries satisfied: Yes",
        "Early stopping satisfied: NO",
        "Recommendations: * TTFT constrain not met: Reduce target QPS to improve latency. * Increase the target QPS so "
        "the loadgen pre-generates more queries.",
        "TPOT Early Stopping Result: * Run unsuccessful. * Processed 64 queries. * Would need to run at least 395 more "
        "queries, with the run being successful if every additional query were under latency.",
        "No warnings encountered during test.",
        "1 ERROR encountered. See detailed log.",
    } <= {*point.notes}


def test_figures_of_early_stopping_stand_under_what_they_are_of():
    point = point_of("mlperf_single")
    assert point.concurrency == 1
    stem = "Early Stopping Result.Early stopping 90.0th percentile estimate"
    assert (point.figures[f"TTFT {stem}"], point.figures[f"TPOT {stem}"]) == (54068149, 5088086)
    assert "99 % confidence" in point.unlike[f"TTFT {stem}"]
    (note,) = (note for note in point.notes if note.startswith("TTFT Early Stopping Result: "))
    assert "* Processed at least 64 queries (70). * Would discard 0 highest latency queries. * Early stopping" in note


def test_latencies_of_a_query_are_told_from_those_of_a_sample():
    point = point_of("mlperf_multi")
    assert point.figures["Per-query latency.Mean latency (ns)"] == 125274375
    assert point.figures["Mean First Token latency (ns)"] == 50525547
    assert "all are done" in point.unlike["Per-query latency.99.00 percentile latency (ns)"]
    assert not any("125274375" in note for note in point.notes)
    # Its requests come four at a time, which is no number in flight.
    assert point.concurrency is None
    assert point.said["samples_per_query"] == 4


RESULTS = b"MLPerf Results Summary\nSUT name : a\n"
NONE = b"No warnings encountered during test.\n\nNo errors encountered during test.\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\xff\xfe", "is no text: not UTF-8"),
        (b"ttft: 5\n", "has no `MLPerf Results Summary`; "),
        (NONE, "has no `MLPerf Results Summary`: it is of an accuracy run; "),
        (RESULTS, "has no `Test Parameters Used`; "),
        (RESULTS + b"Test Parameters Used\n", "is cut off: it does not tell the errors encountered; "),
        (RESULTS + b"Test Parameters Used\n" + NONE, "has no `Scenario`, which every file of mlperf has; "),
    ],
)
def test_another_file_is_one_sentence(tmp_path, content, words):
    path = tmp_path / "wrong.txt"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        importers.points("mlperf", path)
    assert words in str(caught.value)
    assert "name a file written by LoadGen (mlperf_log_summary.txt)" in str(caught.value)


def test_a_file_that_is_cut_anywhere_is_refused(tmp_path):
    text = (SAMPLES / "mlperf.txt").read_text()
    path = tmp_path / "cut.txt"
    for length in range(1, len(text) - len("encountered during test.\n"), 97):
        path.write_text(text[:length])
        with pytest.raises(UserError):
            importers.points("mlperf", path)
