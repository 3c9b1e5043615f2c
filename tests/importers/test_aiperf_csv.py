"""AIPerf's CSV, a real one of 0.13.0: the figures of its JSON, rounded, and less that can be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from enginebench import importers
from enginebench.errors import UserError
from enginebench.records import SameAs

FILE = Path(__file__).parent / "samples" / "aiperf_table.csv"
MS = 1e6


def test_figures_stand_under_the_names_of_row_and_column():
    (point,) = importers.points("aiperf", FILE)
    assert point.figures["Time to First Token (ms).avg"] == 51.98
    assert point.figures["Time to First Token (ms).p99"] == 57.64
    assert point.figures["Request Throughput (requests/sec).Value"] == 29.94
    assert point.figures["Effective Concurrency.avg"] == 3.82
    # An empty cell is no figure.
    assert "Effective Concurrency.sum" not in point.figures
    assert (point.tool, point.completed_requests, point.failed_requests) == ("aiperf", 16, 0)
    assert (point.input_tokens, point.output_tokens) == (2.69, 16)
    said = (point.tool_version, point.date, point.model, point.engine, point.concurrency, point.rate_rps)
    assert {*said} == {None}
    assert point.notes == ("figures are rounded to two decimals",)


def test_what_is_the_same_is_as_in_the_json_but_for_what_the_table_does_not_tell():
    (point,) = importers.points("aiperf", FILE)
    assert point.same_as == {
        "Time to First Token (ms).avg": SameAs(metric="ttft_mean_ns", factor=MS),
        "Request Latency (ms).avg": SameAs(metric="e2el_mean_ns", factor=MS),
        "Inter Chunk Latency (ms).avg": SameAs(metric="itl_chunk_mean_ns", factor=MS),
        "Request Throughput (requests/sec).Value": SameAs(metric="requests_rps_whole_run", factor=1.0),
    }
    assert "of which the file says nothing" in point.unlike["Inter Token Latency (ms).avg"]
    assert "accelerator" in point.unlike["Output Token Throughput (tokens/sec).Value"]
    assert "interpolated" in point.unlike["Request Latency (ms).p50"]


def test_a_table_of_gpus_is_left_out_as_of_the_json(tmp_path):
    path = tmp_path / "gpus.csv"
    gpus = "\n\nEndpoint,GPU_Index,GPU_Name,GPU_UUID,Platform,Metric,avg\nhere,0,H100,GPU-1,nvidia,Power (W),700.00\n"
    path.write_text(FILE.read_text() + gpus)
    (point,) = importers.points("aiperf", path)
    assert point.figures == importers.points("aiperf", FILE)[0].figures


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("Metric,avg,min\nRequest Latency (ms),1.00\n", "(ValueError: zip"),
        ("Metric,avg,min\nRequest Latency (ms),1.00,fast\n", "(ValueError: could not convert"),
        ("Metric,Value\nBenchmark Duration (sec),0.53\n", "(KeyError: 'request_count')"),
        ("Timeslice,Start_NS,End_NS,Metric,Unit,Stat,Value\n", "line 1 is no JSON"),
    ],
)
def test_a_table_that_is_not_whole_or_another_is_refused(tmp_path, content, words):
    path = tmp_path / "wrong.csv"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        importers.points("aiperf", path)
    assert words in str(caught.value)
