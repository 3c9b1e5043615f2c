"""Reports of llm-d-benchmark: figures mean what the tool means that measured them.

The samples were made by llm-d-benchmark itself (at 8bc9f1d) of real files: `llm_d.yaml` (0.2) of the sample of vLLM,
`llm_d_aiperf.json` (0.2) of that of AIPerf, `llm_d_guidellm.yaml` (0.1) of a file of GuideLLM 0.8.1.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from enginebench import importers
from enginebench.errors import UserError

SAMPLES = Path(__file__).parent / "samples"
MS = 1e6
TTFT, E2EL = "latency.time_to_first_token.mean", "latency.request_latency.mean"
TPOT, ITL = "latency.time_per_output_token.mean", "latency.inter_token_latency.mean"
RATE = "throughput.request_rate.mean"


def point_of(path):
    (point,) = importers.points("llm_d", path)
    return point


@pytest.fixture
def edited(tmp_path):
    """The report of vLLM's run, changed."""

    def edit(change):
        report = yaml.safe_load((SAMPLES / "llm_d.yaml").read_text())
        change(report)
        path = tmp_path / "report.yaml"
        path.write_text(yaml.dump(report))
        return path

    return edit


def of_tool(tool, **native):
    def change(report):
        report["scenario"]["load"]["standardized"]["tool"] = tool
        report["scenario"]["load"]["native"] = native

    return change


def inference_perf(api, least):
    """A report of inference-perf whose shortest answer has `least` tokens."""

    def change(report):
        of_tool("inference-perf", config={"api": {"type": api}})(report)
        report["results"]["request_performance"]["aggregate"]["requests"]["output_length"]["min"] = least

    return change


def ours(point):
    """Metric to its value by the report, in our unit."""
    return {same.metric: point.figures[name] * same.factor for name, same in point.same_as.items()}


def test_a_report_of_vllm_says_what_its_file_says():
    point = point_of(SAMPLES / "llm_d.yaml")
    (first,) = importers.points("vllm_bench", SAMPLES / "vllm_bench.json")
    assert ours(point) == pytest.approx(ours(first))
    assert {*ours(point)} == {"ttft_mean_ns", "tpot_mean_ns", "e2el_mean_ns", "requests_rps_whole_run"}
    assert point.figures["latency.time_to_first_token.p99"] == first.figures["p99_ttft_ms"]
    assert (point.completed_requests, point.failed_requests) == (first.completed_requests, 0)
    assert (point.model, point.engine, point.concurrency, point.rate_rps) == ("mock", None, 4, None)
    assert (point.input_tokens, point.output_tokens) == (16, 16)
    assert point.date == "2026-11-24T21:36:21Z"
    assert point.notes[0] == "measured by vllm-benchmark 0.32.0"
    assert point.said["latency.time_to_first_token.units"] == "ms"
    assert (point.said["stack.0.kind"], point.said["stack.0.accelerator.parallelism.tp"]) == ("inference_engine", 1)
    assert "a role" in point.unlike[ITL]
    assert "interpolated" in point.unlike["latency.time_to_first_token.p99"]
    assert "accelerator" in point.unlike["throughput.output_token_rate.mean"]


def test_a_report_of_aiperf_says_what_its_file_says(tmp_path):
    point = point_of(SAMPLES / "llm_d_aiperf.json")
    (first,) = importers.points("aiperf", SAMPLES / "aiperf.json")
    found = ours(point)
    assert found == pytest.approx({metric: ours(first)[metric] for metric in found})
    assert {*found} == {"ttft_mean_ns", "tpot_mean_ns", "e2el_mean_ns", "requests_rps_whole_run"}
    # Its failures are kinds of error, and its total is of good requests.
    assert (point.completed_requests, point.failed_requests) == (16, None)
    assert "kinds of error" in point.unlike["requests.failures"]
    report = json.loads((SAMPLES / "llm_d_aiperf.json").read_text())
    report["results"]["request_performance"]["aggregate"]["requests"]["failures"] = 2
    (tmp_path / "report.json").write_text(json.dumps(report))
    point = point_of(tmp_path / "report.json")
    assert (point.completed_requests, point.failed_requests) == (16, None)


def test_a_report_of_guidellm_in_the_older_schema():
    point = point_of(SAMPLES / "llm_d_guidellm.yaml")
    found = ours(point)
    assert found["ttft_mean_ns"] == pytest.approx(50 * MS, rel=0.05)
    assert found["tpot_mean_ns"] == pytest.approx(5 * MS, rel=0.05)
    # What the report calls without the first token has it in it.
    assert point.same_as[TPOT].metric == "tpot_guidellm_mean_ns"
    assert found["tpot_guidellm_mean_ns"] == pytest.approx((50 + 75) / 16 * MS, rel=0.05)
    assert "stream has ended" in point.unlike[E2EL]
    assert "measured span" in point.unlike["throughput.requests_per_sec"]
    assert (point.model, point.date, point.completed_requests) == ("mock", "1795560481.0218995", 16)


def test_means_over_tokens_are_not_ours_if_answers_differ_in_length(tmp_path):
    path = tmp_path / "report.yaml"
    text = (SAMPLES / "llm_d_guidellm.yaml").read_text()
    report = yaml.safe_load(text)
    report["metrics"]["requests"]["output_length"]["stddev"] = 2.0
    path.write_text(yaml.dump(report))
    point = point_of(path)
    assert {*point.same_as} == {TTFT}
    assert "over tokens" in point.unlike[TPOT]


@pytest.mark.parametrize(
    ("change", "same", "words"),
    [
        (of_tool("vllm-benchmark", args={"backend": "openai-chat"}), {RATE}, "depends on its backend"),
        (of_tool("vllm-benchmark"), {RATE}, "depends on its backend"),
        (of_tool("aiperf", config={"endpoint": {"per_chunk_usage": True}}), {RATE, TTFT, E2EL}, None),
        (inference_perf("chat", 16), {RATE}, "be there reasoning before it"),
        (inference_perf("completion", 1), {RATE}, "be there reasoning before it"),
        (of_tool("inferencemax"), set(), "of inferencemax starts and stops is not known here"),
        (lambda report: report.pop("scenario"), set(), "of its tool starts and stops is not known here"),
    ],
)
def test_what_a_figure_means_is_up_to_the_tool(edited, change, same, words):
    point = point_of(edited(change))
    assert {*point.same_as} == same
    if words:
        assert words in point.unlike[TTFT]
    assert ITL in point.unlike


def test_inference_perfs_first_token_is_ours_of_completions_of_more_than_a_token(edited):
    point = point_of(edited(inference_perf("completion", 16)))
    assert {name: same.metric for name, same in point.same_as.items()} == {
        TTFT: "ttft_mean_ns",
        RATE: "requests_rps_whole_run",
    }
    assert "0 apart" in point.unlike[ITL]
    assert "own tokenizer" in point.unlike[TPOT]


def test_what_was_observed_is_kept_series_left_out(edited):
    def change(report):
        series = {"kv_cache_usage": {"units": "percent", "series": [{"ts": "2025-11-05T18:05:00Z", "mean": 35.2}]}}
        seen = {"component_label": "a", "aggregate": {"kv_cache_usage": {"units": "percent", "mean": 42.5}}}
        report["results"]["observability"] = {"components": [{**seen, "time_series": series}]}
        report["version"] = "0.2.1"
        report["run"]["time"]["start"] = "2025-11-05T18:00:42Z"

    point = point_of(edited(change))
    assert point.figures["observability.components.0.aggregate.kv_cache_usage.mean"] == 42.5
    assert point.said["observability.components.0.aggregate.kv_cache_usage.units"] == "percent"
    assert not any("series" in name for name in point.figures)


def test_a_date_without_quotes_is_as_written(tmp_path):
    path = tmp_path / "report.yaml"
    text = (SAMPLES / "llm_d.yaml").read_text()
    path.write_text(text.replace("start: '2026-11-24T21:36:21Z'", "start: 2026-11-24T21:36:21Z"))
    assert path.read_text() != text
    assert point_of(path).date == "2026-11-24T21:36:21Z"
    assert point_of(path).identity() == point_of(SAMPLES / "llm_d.yaml").identity()


def test_json_and_yaml_say_the_same(tmp_path):
    report = json.loads((SAMPLES / "llm_d_aiperf.json").read_text())
    report["results"]["request_performance"]["aggregate"]["latency"]["request_latency"]["min"] = 1e-05
    for name, text in (("a.json", json.dumps(report)), ("a.yaml", yaml.dump(report))):
        (tmp_path / name).write_text(text)
        assert point_of(tmp_path / name).figures["latency.request_latency.min"] == 1e-05


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\xff\xfe", "is no text: not UTF-8"),
        (b"a: b: c\n", "is neither JSON nor YAML (mapping values are not allowed here"),
        (b"{", "is neither JSON nor YAML (Expecting property name"),
        (b"--- 1\n--- 2\n", "is neither JSON nor YAML (expected a single document"),
        (b"[]", "holds YAML, but no mapping"),
        (b"ttft: 5\n", "has no `version`, which every file of llm_d has"),
        (b"version: '0.3'\n", "is no report of version 0.1, 0.2, 0.2.1, but of 0.3"),
        (b"version: '0.2'\nrun: {}\n", "has no `results`"),
        (b"version: '0.1'\nscenario: {}\n", "has no `metrics`"),
        (b"version: '0.1'\nscenario: {}\nmetrics: {}\n", "is no whole file of llm_d (KeyError: 'load')"),
        (b"version: '0.2'\nrun: {}\nresults: 7\n", "is no whole file of llm_d (TypeError"),
    ],
)
def test_another_file_is_one_sentence(tmp_path, content, words):
    path = tmp_path / "wrong.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        importers.points("llm_d", path)
    (mistake,) = caught.value.mistakes
    assert mistake.problem.startswith(words)
    assert "\n" not in str(mistake)
