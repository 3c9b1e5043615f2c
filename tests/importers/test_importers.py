"""Other tools' files: figures as given, the same definitions found, wrong files refused.

The samples are real files of vLLM 0.32.0, SGLang 0.5.21, GuideLLM 0.8.1, AIPerf 0.13.0 and genai-bench 0.0.5, of runs
against a server of TTFT 50 ms and ITL 5 ms: answers of 16 tokens, 4 at a time. That of InferenceX is made up.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from enginebench import importers
from enginebench.errors import UserError
from enginebench.metrics import METRICS
from enginebench.records import ForeignPoint, SameAs, plain
from enginebench.records.files import from_json
from enginebench.store import Store

SAMPLES = Path(__file__).parent / "samples"
FILES = {path.stem: path for path in SAMPLES.iterdir()}
JSON_TOOLS = tuple(name for name in importers.names() if name not in ("mlperf", "llm_d"))
"""Those whose files are JSON alone."""
MS = 1e6


def edited(folder, tool, change):
    """The sample of a tool with its one JSON object changed."""
    document = json.loads(FILES[tool].read_text())
    change(document)
    path = folder / FILES[tool].name
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("tool", sorted({*JSON_TOOLS} - {"inferencex"}))
def test_a_real_file_of_every_tool_is_read(tool):
    (point,) = importers.points(tool, FILES[tool])
    assert (point.tool, point.file, point.place) == (tool, FILES[tool].name, 0)
    assert point.concurrency == 4
    assert point.output_tokens == 16
    assert point.completed_requests >= 16
    assert point.notes == ()
    # The server's timings, by our metrics' names and units.
    found = {same.metric: point.figures[name] * same.factor for name, same in point.same_as.items()}
    assert found["ttft_first_event_mean_ns" if "ttft_mean_ns" not in found else "ttft_mean_ns"] == pytest.approx(
        50 * MS, rel=0.12
    )
    if "tpot_mean_ns" in found:
        assert found["tpot_mean_ns"] == pytest.approx(5 * MS, rel=0.05)


@pytest.mark.parametrize("tool", importers.names())
def test_nothing_is_both_the_same_and_different_and_every_name_is_real(tool):
    (point,) = importers.points(tool, FILES[tool])
    assert set(point.same_as) | set(point.unlike) <= set(point.figures)
    assert not set(point.same_as) & set(point.unlike)
    assert {same.metric for same in point.same_as.values()} <= set(METRICS)
    # No percentile is ours: we don't interpolate.
    assert all(not same.metric.endswith(("p50_ns", "p90_ns", "p99_ns")) for same in point.same_as.values())


@pytest.mark.parametrize("tool", importers.names())
def test_an_importer_is_under_a_hundred_lines(tool):
    assert Path(importers.__file__).with_name(f"{tool}.py").read_text().count("\n") < 100


def test_figures_of_vllm_are_as_given():
    (point,) = importers.points("vllm_bench", FILES["vllm_bench"])
    given = json.loads(FILES["vllm_bench"].read_text())
    assert point.figures["mean_ttft_ms"] == given["mean_ttft_ms"] == 52.57477662507881
    assert point.figures["max_output_tokens_per_s"] == 272.0
    assert "num_prompts" not in point.figures
    assert (point.date, point.model, point.engine) == ("20261124-213622", "mock", "openai")
    assert (point.rate_rps, point.failed_requests, point.tool_version) == (None, 0, None)
    assert point.same_as["mean_ttft_ms"] == SameAs(metric="ttft_mean_ns", factor=MS)
    assert point.same_as["request_throughput"] == SameAs(metric="requests_rps_whole_run", factor=1.0)
    # Its file counts the last event, which has a choice and no text, as one gap more: 4.68 for 5 ms.
    assert "mean_itl_ms" in point.unlike
    assert "interpolated" in point.unlike["p99_ttft_ms"]
    assert "accelerator" in point.unlike["output_throughput"]


def test_ttft_of_a_chat_by_vllm_is_that_of_the_first_event(tmp_path):
    path = edited(tmp_path, "vllm_bench", lambda one: one.update(endpoint_type="openai-chat", backend="openai-chat"))
    (point,) = importers.points("vllm_bench", path)
    assert point.same_as["mean_ttft_ms"] == SameAs(metric="ttft_first_event_mean_ns", factor=MS)
    assert "a role" in point.unlike["mean_tpot_ms"]
    assert "mean_tpot_ms" not in point.same_as


def test_an_endpoint_that_is_not_known_is_nothing_of_ours(tmp_path):
    path = edited(tmp_path, "vllm_bench", lambda one: one.update(endpoint_type="tgi"))
    (point,) = importers.points("vllm_bench", path)
    assert set(point.same_as) == {"request_throughput"}
    assert "backend tgi is not known" in point.unlike["mean_ttft_ms"]


def test_a_number_that_is_not_finite_is_null_with_a_note(tmp_path):
    path = edited(tmp_path, "vllm_bench", lambda one: one.update(mean_ttft_ms=float("nan")))
    (point,) = importers.points("vllm_bench", path)
    assert point.figures["mean_ttft_ms"] is None
    assert point.notes == ("`mean_ttft_ms` is nan in the file",)
    assert "mean_ttft_ms" not in point.same_as


@pytest.mark.parametrize("tool", ["vllm_bench", "sglang_bench"])
def test_a_real_file_to_which_a_second_run_was_appended(tool):
    closed, opened = importers.points(tool, FILES[f"{tool}_appended"])
    assert (closed.place, closed.concurrency, closed.rate_rps) == (0, 4, None)
    assert (opened.place, opened.concurrency, opened.rate_rps) == (1, None, 40)
    assert set(closed.same_as) == set(opened.same_as)
    assert closed.identity() != opened.identity()


def test_a_file_with_a_run_a_line_is_as_many_points(tmp_path):
    line = FILES["vllm_bench"].read_text()
    path = tmp_path / "appended.json"
    path.write_text(line + "\n" + line.replace('"max_concurrency": 4', '"max_concurrency": 8'))
    points = importers.points("vllm_bench", path)
    assert [(point.place, point.concurrency) for point in points] == [(0, 4), (1, 8)]


@pytest.mark.parametrize("tool", JSON_TOOLS)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\xff\xfe", "is no text: not UTF-8"),
        (b"ttft: 5\n", "line 1 is no JSON"),
        (b"[]", "holds JSON, but no object"),
        (b'{"a": 1}', "has no `"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path, tool, content, words):
    path = tmp_path / "wrong.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        importers.points(tool, path)
    (mistake,) = caught.value.mistakes
    assert (mistake.place, mistake.problem.startswith(words)) == (str(path), True)
    assert "name a file " in mistake.remedy


@pytest.mark.parametrize("tool", importers.names())
def test_a_file_of_another_tool_is_refused(tool):
    for other in importers.names():
        if other != tool:
            with pytest.raises(UserError, match=r"has no `|is no JSON|is neither JSON nor YAML"):
                importers.points(tool, FILES[other])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"completed": "sixteen"}, "TypeError: "),
        ({"failed": "none"}, "failed_requests: Input should be a valid integer"),
        ({"model_id": 7, "date": 8}, "date: Input should be a valid string"),
        ({"total_output_tokens": 10**400}, "OverflowError: "),
    ],
)
def test_a_value_of_another_type_is_refused(tmp_path, changed, words):
    path = edited(tmp_path, "vllm_bench", lambda one: one.update(changed))
    with pytest.raises(UserError) as caught:
        importers.points("vllm_bench", path)
    assert str(caught.value).startswith(f"{path}: is no whole file of vllm_bench ({words}")
    assert str(caught.value).endswith("; name a file as the tool wrote it, or another tool by --as")


def test_a_missing_file_and_an_unknown_tool_are_told(tmp_path):
    with pytest.raises(UserError, match="cannot be read: No such file"):
        importers.points("vllm_bench", tmp_path / "none.json")
    with pytest.raises(UserError, match=r"no importer of this name; known: .*vllm_bench"):
        importers.get("_source")


def run(folder, *words):
    argv = [sys.executable, "-m", "enginebench", "results", "import", *words]
    return subprocess.run(argv, capture_output=True, text=True, cwd=folder, timeout=60)


def test_the_command_stores_each_point_once(tmp_path):
    file = shutil.copy(FILES["vllm_bench"], tmp_path / "a.json")
    first = run(tmp_path, "a.json", "--as", "vllm_bench")
    assert (first.returncode, first.stderr) == (0, "")
    figures = len(importers.points("vllm_bench", file)[0].figures)
    assert first.stdout == (
        "a.json: 1 rows in, 1 points (1 new, 0 known already), 0 rows refused; "
        f"{figures} figures, 4 of them defined as ours\n"
    )
    (kept,) = (tmp_path / "results" / "foreign" / "vllm_bench").iterdir()
    before = kept.read_bytes()
    assert list(Store(tmp_path / "results").foreign()) == list(importers.points("vllm_bench", file))
    # The same file, and a copy of it that goes on with a further run.
    assert "1 points (0 new, 1 known already)" in run(tmp_path, "a.json", "--as", "vllm_bench").stdout
    more = file.read_text().replace('"duration": 0.5', '"duration": 0.6')
    (tmp_path / "b.json").write_text(file.read_text() + "\n" + more)
    assert "2 points (1 new, 1 known already)" in run(tmp_path, "b.json", "--as", "vllm_bench").stdout
    assert kept.read_bytes() == before
    assert len(list(kept.parent.iterdir())) == 2


@pytest.mark.parametrize("tool", ["vllm_bench", "sglang_bench"])
def test_of_a_file_with_one_wrong_line_the_others_are_stored(tmp_path, tool):
    (tmp_path / "a.json").write_text(FILES[tool].read_text() + '\n{"a": 1}\n\n{"completed": \n')
    done = run(tmp_path, "a.json", "--as", tool)
    assert done.returncode == 1
    assert done.stdout.startswith("a.json: 3 rows in, 1 points (1 new, 0 known already), 2 rows refused; ")
    second, fourth = done.stderr.splitlines()
    first = len(FILES[tool].read_text().splitlines())
    assert second.startswith(f"a.json: line {first + 1 + FILES[tool].read_text().endswith(chr(10))} has no `")
    assert "is no JSON (" in fourth
    assert len(list(Store(tmp_path / "results").foreign())) == 1


def test_a_benchmark_of_guidellm_that_lacks_something_is_refused_alone(tmp_path):
    path = edited(tmp_path, "guidellm", lambda one: one["benchmarks"].append({"config": {}}))
    point, refused = importers.rows("guidellm", path)
    assert (point.place, refused.place) == (0, "benchmark 2")
    assert refused.reason == "has no `metrics`, which every file of guidellm has"


def test_a_point_that_was_stored_before_some_fields_keeps_its_identity():
    (point,) = importers.points("genai_bench", FILES["genai_bench"])
    before = plain(point)
    for name in ("kind", "occurrence", "said"):
        del before[name]
    assert from_json(ForeignPoint, json.dumps(before), "") == point
    assert point.identity() == "8a4e1a966810ef1c"
    for change in ({"kind": "evaluation"}, {"occurrence": 1}, {"said": {"hardware": "h100"}}):
        assert replace(point, **change).identity() != point.identity()
    assert replace(point, said={"image": None}).identity() == point.identity()


def test_what_a_dead_writer_left_is_cleared(tmp_path):
    store = Store(tmp_path)
    (point,) = importers.points("vllm_bench", FILES["vllm_bench"])
    assert store.add_foreign([point]) == 1
    left = tmp_path / "foreign" / "vllm_bench" / ".tmp-a-b"
    left.write_text("{")
    assert list(store.foreign()) == [point]
    assert store.collect(older_than_s=-60) == ("foreign/vllm_bench/.tmp-a-b",)
    assert not left.exists()


def test_figures_of_sglang_are_as_given():
    (point,) = importers.points("sglang_bench", FILES["sglang_bench"])
    given = json.loads(FILES["sglang_bench"].read_text())
    assert point.figures["mean_itl_ms"] == given["mean_itl_ms"] == 4.98819432914388
    assert "random_input_len" not in point.figures
    # Its file names no model, no date and no failed requests, and writes "all at once" as Infinity.
    assert (point.model, point.date, point.failed_requests, point.rate_rps) == (None, None, None, None)
    assert (point.engine, point.input_tokens, point.completed_requests) == ("vllm", 16, 16)
    assert {name: same.metric for name, same in point.same_as.items()} == {
        "mean_ttft_ms": "ttft_mean_ns",
        "mean_itl_ms": "itl_chunk_mean_ns",
        "request_throughput": "requests_rps_whole_run",
    }
    assert "[DONE]" in point.unlike["mean_tpot_ms"]


@pytest.mark.parametrize(
    ("changed", "metric"),
    [
        ({"backend": "sglang"}, "itl_token_mean_ns"),
        ({"backend": "sglang-oai-chat"}, "itl_chunk_mean_ns"),
        ({"backend": "sglang-oai", "accept_length": 2.5}, None),
        ({"backend": "trt"}, None),
    ],
)
def test_the_itl_of_sglang_is_what_its_backend_makes_it(tmp_path, changed, metric):
    (point,) = importers.points("sglang_bench", edited(tmp_path, "sglang_bench", lambda one: one.update(changed)))
    found = point.same_as.get("mean_itl_ms")
    assert (found and found.metric) == metric
    assert ("mean_itl_ms" in point.unlike) == (metric is None)
    assert ("mean_ttft_ms" in point.same_as) == (changed["backend"] != "trt")


def test_lengths_drawn_by_sglang_are_those_it_counted(tmp_path):
    change = {"random_range_ratio": 0.5, "total_input_tokens": 192}
    (point,) = importers.points("sglang_bench", edited(tmp_path, "sglang_bench", lambda one: one.update(change)))
    assert (point.input_tokens, point.output_tokens) == (12, 16)


def test_figures_of_guidellm_are_as_given():
    (point,) = importers.points("guidellm", FILES["guidellm"])
    (given,) = json.loads(FILES["guidellm"].read_text())["benchmarks"]
    first = given["metrics"]["time_to_first_token_ms"]["successful"]
    assert point.figures["time_to_first_token_ms.successful.mean"] == first["mean"] == 52.013516426086426
    assert point.figures["time_to_first_token_ms.successful.percentiles.p99"] == first["percentiles"]["p99"]
    assert (point.tool_version, point.model, point.engine) == ("0.8.1", "mock", "/v1/completions")
    assert (point.completed_requests, point.failed_requests) == (16, 0)
    found = {name.split(".")[0]: same for name, same in point.same_as.items()}
    assert found["inter_token_latency_ms"] == SameAs(metric="tpot_mean_ns", factor=MS)
    # What it calls TPOT has the first token in it: 125 ms / 16.
    assert found["time_per_output_token_ms"] == SameAs(metric="tpot_guidellm_mean_ns", factor=MS)
    assert point.figures["time_per_output_token_ms.successful.mean"] == pytest.approx(7.9, rel=0.02)
    assert "enough" in point.unlike["time_to_first_token_ms.successful.percentiles.p99"]


def test_a_mean_of_guidellm_over_tokens_is_not_ours_if_answers_differ_in_length(tmp_path):
    def change(one):
        one["benchmarks"][0]["metrics"]["output_token_count"]["successful"]["std_dev"] = 3.0

    (point,) = importers.points("guidellm", edited(tmp_path, "guidellm", change))
    assert set(point.same_as) == {"time_to_first_token_ms.successful.mean"}
    assert "over tokens" in point.unlike["inter_token_latency_ms.successful.mean"]


def test_a_latency_of_0_is_no_measurement(tmp_path):
    name = "time_to_first_token_ms.successful.mean"

    def change(one):
        one["benchmarks"][0]["metrics"]["time_to_first_token_ms"]["successful"]["mean"] = 0.0

    (point,) = importers.points("guidellm", edited(tmp_path, "guidellm", change))
    assert point.figures[name] == 0
    assert name not in point.same_as
    assert point.notes == (f"`{name}` is 0, which is the tool's word for no sample",)


def test_several_benchmarks_of_guidellm_are_as_many_points_and_none_is_refused(tmp_path):
    path = edited(tmp_path, "guidellm", lambda one: one["benchmarks"].append(one["benchmarks"][0]))
    assert [point.place for point in importers.points("guidellm", path)] == [0, 1]
    path = edited(tmp_path, "guidellm", lambda one: one["benchmarks"].clear())
    with pytest.raises(UserError, match="holds no benchmark; name a file"):
        importers.points("guidellm", path)


def test_figures_of_aiperf_are_as_given():
    (point,) = importers.points("aiperf", FILES["aiperf"])
    given = json.loads(FILES["aiperf"].read_text())
    assert point.figures["time_to_first_token.avg"] == given["time_to_first_token"]["avg"] == 52.112700624999995
    assert (point.tool_version, point.model, point.engine) == ("0.13.0", "mock", "completions")
    assert (point.date, point.failed_requests) == ("2026-11-24T21:39:29.545359", 0)
    assert point.same_as["inter_token_latency.avg"] == SameAs(metric="tpot_mean_ns", factor=MS)
    assert point.same_as["output_token_throughput_per_user.avg"].metric == "interactivity_mean_tps"
    assert "interpolated" in point.unlike["time_to_first_token.p99"]


def test_a_unit_of_aiperf_is_heeded(tmp_path):
    path = edited(tmp_path, "aiperf", lambda one: one["request_latency"].update(unit="sec"))
    (point,) = importers.points("aiperf", path)
    assert point.same_as["request_latency.avg"] == SameAs(metric="e2el_mean_ns", factor=1e9)
    path = edited(tmp_path, "aiperf", lambda one: one["request_latency"].update(unit="fortnights"))
    assert "request_latency.avg" not in importers.points("aiperf", path)[0].same_as


def test_aiperf_with_the_tokens_of_each_event_has_another_tpot(tmp_path):
    path = edited(tmp_path, "aiperf", lambda one: one["input_config"]["endpoint"].update(per_chunk_usage=True))
    (point,) = importers.points("aiperf", path)
    assert "inter_token_latency.avg" not in point.same_as
    assert "first event" in point.unlike["inter_token_latency.avg"]


def test_figures_of_genai_bench_are_as_given(tmp_path):
    (point,) = importers.points("genai_bench", FILES["genai_bench"])
    assert point.figures["stats.tpot.mean"] == 5.113466471465515
    assert (point.model, point.engine, point.tool_version) == (None, None, None)
    assert (point.input_tokens, point.completed_requests, point.failed_requests) == (16, 28, 0)
    assert point.same_as == {"stats.ttft.mean": SameAs(metric="ttft_mean_ns", factor=MS)}
    assert "usage" in point.unlike["stats.tpot.mean"]
    path = edited(tmp_path, "genai_bench", lambda one: one.update(_time_unit="s"))
    assert importers.points("genai_bench", path)[0].same_as["stats.ttft.mean"].factor == 1e9


@pytest.mark.parametrize("tool", ["guidellm", "aiperf", "genai_bench"])
def test_of_a_tool_that_writes_one_object_two_are_refused(tmp_path, tool):
    path = tmp_path / "two.json"
    path.write_text(json.dumps(json.loads(FILES[tool].read_text())) + "\n{}\n")
    with pytest.raises(UserError, match=f"holds 2 JSON objects, where {tool} writes one"):
        importers.points(tool, path)


@pytest.mark.parametrize("backend", ["openai", "openai-chat"])
def test_a_file_in_vllms_shape_that_enginebench_wrote_is_by_our_definitions(tmp_path, backend):
    told = {"format": "enginebench.bench/1", "version": "0.1.0", "runs": [{}]}
    path = edited(tmp_path, "vllm_bench", lambda one: one.update(endpoint_type=backend, enginebench=told))
    (point,) = importers.points("vllm_bench", path)
    same = {name: one.metric for name, one in point.same_as.items()}
    assert (same["mean_ttft_ms"], same["p99_ttft_ms"], same["mean_itl_ms"]) == (
        "ttft_mean_ns",
        "ttft_p99_ns",
        "itl_mean_ns",
    )
    assert "however few" in point.unlike["median_ttft_ms"]
    assert "accelerator" in point.unlike["output_throughput"]
    assert point.tool_version == "enginebench 0.1.0"
    assert set(same.values()) <= set(METRICS)
    # Repeats told as one are no run.
    path = edited(tmp_path, "vllm_bench", lambda one: one.update(enginebench={**told, "runs": [{}, {}]}))
    (point,) = importers.points("vllm_bench", path)
    assert point.same_as == {}
    assert "several runs" in point.unlike["mean_ttft_ms"]
