"""Other tools' files: figures as given, the same definitions found, wrong files refused.

The samples are real files of vLLM 0.32.0, SGLang 0.5.21, GuideLLM 0.8.1, AIPerf 0.13.0 and genai-bench 0.0.5, of runs
against a server of TTFT 50 ms and ITL 5 ms: answers of 16 tokens, 4 at a time.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from enginebench import importers
from enginebench.errors import UserError
from enginebench.metrics import METRICS
from enginebench.records import SameAs
from enginebench.store import Store

SAMPLES = Path(__file__).parent / "samples"
FILES = {path.stem: path for path in SAMPLES.iterdir()}
MS = 1e6


def edited(folder, tool, change):
    """The sample of a tool with its one JSON object changed."""
    document = json.loads(FILES[tool].read_text())
    change(document)
    path = folder / FILES[tool].name
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("tool", importers.names())
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


def test_a_file_with_a_run_a_line_is_as_many_points(tmp_path):
    line = FILES["vllm_bench"].read_text()
    path = tmp_path / "appended.json"
    path.write_text(line + "\n" + line.replace('"max_concurrency": 4', '"max_concurrency": 8'))
    points = importers.points("vllm_bench", path)
    assert [(point.place, point.concurrency) for point in points] == [(0, 4), (1, 8)]


@pytest.mark.parametrize("tool", importers.names())
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\xff\xfe", "is no JSON: not UTF-8"),
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
    assert "name a file written by" in mistake.remedy


@pytest.mark.parametrize("tool", importers.names())
def test_a_file_of_another_tool_is_refused(tool):
    for other in importers.names():
        if other != tool:
            with pytest.raises(UserError, match="has no `"):
                importers.points(tool, FILES[other])


def test_a_figure_of_another_type_is_refused(tmp_path):
    path = edited(tmp_path, "vllm_bench", lambda one: one.update(completed="sixteen"))
    with pytest.raises(UserError) as caught:
        importers.points("vllm_bench", path)
    assert str(caught.value).count("\n") == 0
    assert str(path) in str(caught.value)


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
    assert first.stdout == f"a.json: 1 points, 1 of them new; {figures} figures, 4 of them defined as ours\n"
    (kept,) = (tmp_path / "results" / "foreign" / "vllm_bench").iterdir()
    before = kept.read_bytes()
    assert list(Store(tmp_path / "results").foreign()) == list(importers.points("vllm_bench", file))
    # The same file, and a copy of it that goes on with a further run.
    assert "1 points, 0 of them new" in run(tmp_path, "a.json", "--as", "vllm_bench").stdout
    more = file.read_text().replace('"duration": 0.5', '"duration": 0.6')
    (tmp_path / "b.json").write_text(file.read_text() + "\n" + more)
    assert "2 points, 1 of them new" in run(tmp_path, "b.json", "--as", "vllm_bench").stdout
    assert kept.read_bytes() == before
    assert len(list(kept.parent.iterdir())) == 2


def test_of_a_file_with_one_wrong_line_nothing_is_stored(tmp_path):
    (tmp_path / "a.json").write_text(FILES["vllm_bench"].read_text() + '\n{"a": 1}\n')
    done = run(tmp_path, "a.json", "--as", "vllm_bench")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("a.json: has no `endpoint_type`, which every file of vllm_bench has; name a file ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_what_a_dead_writer_left_is_cleared(tmp_path):
    store = Store(tmp_path)
    (point,) = importers.points("vllm_bench", FILES["vllm_bench"])
    assert store.add_foreign(point)
    left = tmp_path / "foreign" / "vllm_bench" / ".tmp-a-b"
    left.write_text("{")
    assert list(store.foreign()) == [point]
    assert store.collect_leftovers(older_than_s=-60) == (left,)
    assert not left.exists()
