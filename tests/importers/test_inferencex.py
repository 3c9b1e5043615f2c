"""InferenceX: aggregates and API rows, each kind of row as what it is, wrong rows refused one by one.

The samples are made up, of the shape of its files; where ../shared has real ones, all of them are taken.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from enginebench import importers
from enginebench.errors import UserError
from enginebench.metrics import METRICS
from enginebench.records import SameAs
from enginebench.store import Store

AGGREGATE = json.loads((Path(__file__).parent / "samples" / "inferencex.json").read_text())
REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "inferencex"
SPLITS = {
    f"{role}_{name}": value
    for role in ("prefill", "decode")
    for name, value in {"tp": 2, "ep": 1, "dp_attention": False, "num_workers": 0}.items()
} | {"num_prefill_gpu": 2, "num_decode_gpu": 2}
CONFIG = {"hardware": "h100", "framework": "vllm", "model": "small", "precision": "bf16", "spec_method": "none"}
BENCHMARK = {
    **CONFIG,
    **SPLITS,
    "disagg": False,
    "is_multinode": False,
    "isl": 16,
    "osl": 16,
    "conc": 4,
    "image": None,
    "workers": None,
    "metrics": {"tput_per_gpu": 400.0, "output_tput_per_gpu": 250.0, "input_tput_per_gpu": 150.0, "p99_ttft": 0.06},
    "date": "2026-06-01",
    "run_url": "https://example.org/runs/1",
}
EVALUATION = {
    "id": "7",
    **CONFIG,
    **SPLITS,
    "task": "gsm8k",
    "date": "2026-06-01",
    "conc": 4,
    "timestamp": "2026-06-01T01:02:03Z",
    "metrics": {"n_eff": 1319, "em_strict": 0.5, "em_strict_se": 0.01},
}
RELIABILITY = {"hardware": "h100", "date": "2026-06-01", "n_success": 3, "total": 4}


def file_of(folder, *rows, name="rows.jsonl"):
    path = folder / name
    path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
    return path


def changed(row, **changes):
    return {**row, **changes}


def point_of(folder, row):
    (point,) = importers.points("inferencex", file_of(folder, row))
    return point


def test_an_aggregate_is_kept_as_given(tmp_path):
    point = point_of(tmp_path, AGGREGATE)
    assert (point.kind, point.model, point.engine, point.concurrency) == ("benchmark", "someone/small", "vllm", 4)
    assert point.figures["mean_ttft"] == AGGREGATE["mean_ttft"] == 0.05
    assert point.figures["p99.9_intvty"] == 125.0
    # What was asked for is no figure, and what is a figure says nothing of the point.
    assert not {"conc", "isl", "tp", "dcp_size", "power_valid"} & set(point.figures)
    assert point.said["router.name"] == "made-up-router"
    assert (point.said["tp"], point.said["dp_attention"], point.said["image"]) == (2, "false", "made/up:v1.2.3")
    assert not set(point.said) & set(point.figures)
    assert set(point.said) | set(point.figures) == {*AGGREGATE, "router.name", "router.version"} - {"router"}
    # Lengths are nominal, so they are not what each request asked for; the row counts no requests.
    assert (point.input_tokens, point.output_tokens, point.completed_requests, point.date) == (None, None, None, None)
    assert any("0.8 to 1.0" in note for note in point.notes)


def test_an_aggregate_is_read_from_an_object_a_list_and_lines(tmp_path):
    more = changed(AGGREGATE, conc=8)
    as_list = file_of(tmp_path, json.dumps([AGGREGATE, more]), name="list.json")
    as_lines = file_of(tmp_path, AGGREGATE, more, name="lines.jsonl")
    listed, lined = (importers.points("inferencex", path) for path in (as_list, as_lines))
    assert [point.identity() for point in listed] == [point.identity() for point in lined]
    assert [(point.place, point.concurrency) for point in listed] == [(0, 4), (1, 8)]
    assert listed[0].identity() == point_of(tmp_path, AGGREGATE).identity()


def test_only_throughput_and_energy_are_ours_and_every_other_figure_tells_why_not(tmp_path):
    point = point_of(tmp_path, AGGREGATE)
    assert point.same_as == {
        "tput_per_gpu": SameAs(metric="total_tps_per_accelerator_whole_run", factor=1.0),
        "input_tput_per_gpu": SameAs(metric="input_tps_per_accelerator_whole_run", factor=1.0),
        "output_tput_per_gpu": SameAs(metric="output_tps_per_accelerator_whole_run", factor=1.0),
        "joules_per_output_token": SameAs(metric="energy_j_per_output_token", factor=1.0),
    }
    assert {same.metric for same in point.same_as.values()} <= set(METRICS)
    assert set(point.figures) - set(point.same_as) - set(point.unlike) == {"avg_power_w"}
    assert "no measure of how interactivity spreads" in point.unlike["std_intvty"]
    assert point.unlike["mean_intvty"].startswith("1 / mean TPOT")
    assert "slow end" in point.unlike["p99.9_intvty"]
    assert "10 requests a slot" in point.unlike["p99.9_tpot"]
    assert "10 requests a slot" not in point.unlike["mean_tpot"]
    assert "10 to 100 tokens" in point.unlike["mean_itl"]
    assert "a role" in point.unlike["mean_ttft"]


def test_energy_of_an_unknown_definition_is_not_ours(tmp_path):
    for change in ({"power_metric_schema_version": 1}, {"power_valid": 0}):
        point = point_of(tmp_path, changed(AGGREGATE, **change))
        assert "joules_per_output_token" not in point.same_as
        assert "one role's" in point.unlike["joules_per_output_token"]


def test_throughput_of_a_role_is_not_that_of_the_deployment(tmp_path):
    # 2 GPUs prefill 150 tok/s each, 6 decode 50 each: 600 tok/s over 8.
    metrics = {"tput_per_gpu": 75.0, "input_tput_per_gpu": 150.0, "output_tput_per_gpu": 50.0}
    row = changed(BENCHMARK, disagg=True, is_multinode=True, num_prefill_gpu=2, num_decode_gpu=6, metrics=metrics)
    point = point_of(tmp_path, row)
    assert set(point.same_as) == {"tput_per_gpu"}
    assert "prefill alone" in point.unlike["input_tput_per_gpu"]
    assert "decode alone" in point.unlike["output_tput_per_gpu"]
    # By no count of the row do they add up: nobody knows what they are over.
    point = point_of(tmp_path, changed(row, num_decode_gpu=4))
    assert point.same_as == {}
    assert "fit together by no count" in point.unlike["tput_per_gpu"]
    point = point_of(tmp_path, changed(row, metrics={"tput_per_gpu": 75.0}))
    assert (point.same_as, "can't be told" in point.unlike["tput_per_gpu"]) == ({}, True)


def test_gpus_counted_twice_are_noted(tmp_path):
    twice = changed(BENCHMARK, prefill_tp=8, prefill_ep=8, num_prefill_gpu=64, num_decode_gpu=64)
    assert any("tp × ep, 64" in note for note in point_of(tmp_path, twice).notes)
    assert not any("tp × ep" in note for note in point_of(tmp_path, changed(twice, num_prefill_gpu=8)).notes)


def test_a_replayed_trace_is_nothing_of_ours(tmp_path):
    nested = {"latency": {"p90_ttft": 0.5}, "throughput": {"per_gpu": {"total_tput_tps": 9.0}}}
    row = {name: AGGREGATE[name] for name in ("hw", "conc", "model", "framework", "precision")}
    row |= {"scenario_type": "agentic-coding", "num_requests_successful": 5, "request_metrics": nested}
    point = point_of(tmp_path, row)
    assert (point.same_as, point.completed_requests) == ({}, 5)
    assert point.figures["request_metrics.latency.p90_ttft"] == 0.5
    assert "replayed" in point.unlike["request_metrics.throughput.per_gpu.total_tput_tps"]


def test_an_evaluation_is_no_benchmark(tmp_path):
    point = point_of(tmp_path, EVALUATION)
    assert (point.kind, point.said["task"], point.date) == ("evaluation", "gsm8k", "2026-06-01")
    assert point.figures == {"n_eff": 1319, "em_strict": 0.5, "em_strict_se": 0.01}
    assert (point.same_as, set(point.unlike)) == ({}, {"em_strict"})
    assert "server start of its own" in point.unlike["em_strict"]


def test_days_of_jobs_are_no_benchmarks_and_none_is_lost(tmp_path):
    path = file_of(tmp_path, RELIABILITY, changed(RELIABILITY, total=5), RELIABILITY)
    points = importers.points("inferencex", path)
    assert {point.kind for point in points} == {"reliability"}
    assert [point.occurrence for point in points] == [0, 0, 1]
    assert (points[0].concurrency, points[0].model, points[0].same_as) == (None, None, {})
    assert points[0].said == {"hardware": "h100", "date": "2026-06-01"}
    store = Store(tmp_path / "results")
    for _ in range(2):
        run("results", "import", str(path), "--as", "inferencex", cwd=tmp_path)
        assert sum(point.figures["total"] for point in store.foreign()) == 4 + 5 + 4


def test_a_benchmark_twice_is_one_point(tmp_path):
    first, second = importers.points("inferencex", file_of(tmp_path, BENCHMARK, BENCHMARK))
    assert first.identity() == second.identity()


def test_what_is_said_is_part_of_the_identity_and_null_is_not(tmp_path):
    one = point_of(tmp_path, BENCHMARK).identity()
    assert point_of(tmp_path, changed(BENCHMARK, precision="fp8")).identity() != one
    assert point_of(tmp_path, {name: value for name, value in BENCHMARK.items() if value is not None}).identity() == one


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{\n", "is no JSON (Expecting property name"),
        ([1], "is [1], no object"),
        ({"a": 1}, "has no `hw`, `metrics` or `n_success`"),
        (changed(BENCHMARK, conc="four"), '`conc` is "four", no whole number of 1 or more'),
        (changed(BENCHMARK, conc=0), "`conc` is 0, no whole number of 1 or more"),
        (changed(BENCHMARK, conc=True), "`conc` is true, no whole number"),
        (changed(BENCHMARK, framework=None), "`framework` is null, no text"),
        (changed(BENCHMARK, metrics={"p99_ttft": "slow"}), '`metrics.p99_ttft` is "slow", no number'),
        (changed(BENCHMARK, metrics=[1]), "`metrics` is [1], no object"),
        (changed(BENCHMARK, metrics={}), "has no figures"),
        ({name: value for name, value in BENCHMARK.items() if name != "hardware"}, "has no `hardware`"),
        (changed(EVALUATION, task=""), '`task` is "", no text'),
        (changed(EVALUATION, date=5), "`date` is 5, no text"),
        (changed(RELIABILITY, n_success=5), "`n_success` is 5, more than `total`, 4"),
        (changed(RELIABILITY, total=-1), "`total` is -1, no whole number of 0 or more"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_row_is_refused_and_the_others_stay(tmp_path, row, reason):
    found = importers.rows("inferencex", file_of(tmp_path, BENCHMARK, row, EVALUATION))
    (refused,) = (one for one in found if isinstance(one, importers.Refused))
    assert refused.place == "line 2"
    assert refused.reason.startswith(reason)
    assert len(found) == 3


def run(*words, cwd):
    argv = [sys.executable, "-m", "enginebench", *words]
    return subprocess.run(argv, capture_output=True, text=True, cwd=cwd, timeout=60)


def test_the_command_tells_what_went_in_and_what_did_not(tmp_path):
    file_of(tmp_path, BENCHMARK, changed(BENCHMARK, conc=None), BENCHMARK, RELIABILITY, name="a.jsonl")
    done = run("results", "import", "a.jsonl", "--as", "inferencex", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == (
        "a.jsonl: 4 rows in, 3 points (2 new, 1 known already), 1 rows refused; 10 figures, 6 of them defined as ours\n"
    )
    assert done.stderr == "a.jsonl: line 2 `conc` is null, no whole number of 1 or more\n"
    assert len(list(Store(tmp_path / "results").foreign())) == 2


def test_of_a_file_without_one_good_row_nothing_is_stored(tmp_path):
    file_of(tmp_path, {"a": 1}, {"b": 1}, name="a.jsonl")
    done = run("results", "import", "a.jsonl", "--as", "inferencex", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("a.jsonl: line 1 has no `hw`")
    assert "(and none of the 1 others can be taken); name a file" in done.stderr
    assert not (tmp_path / "results").exists()


def test_the_strict_reading_names_the_row(tmp_path):
    with pytest.raises(UserError, match="line 2 `conc` is 0, no whole"):
        importers.points("inferencex", file_of(tmp_path, BENCHMARK, changed(BENCHMARK, conc=0)))


@pytest.mark.skipif(not REAL.is_dir(), reason="no real rows here")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("benchmarks", "benchmark"),
        ("history", "benchmark"),
        ("evaluations", "evaluation"),
        ("reliability", "reliability"),
    ],
)
def test_all_published_rows_are_taken(name, kind):
    path = REAL / f"{name}.jsonl"
    given = [json.loads(line) for line in path.read_text().splitlines()]
    points = importers.points("inferencex", path)
    assert {point.kind for point in points} == {kind}
    assert len({point.identity() for point in points}) == len(given)
    for row, point in zip(given, points, strict=True):
        figures = row.get("metrics") or {key: row[key] for key in ("n_success", "total")}
        assert dict(point.figures) == figures
        assert dict(point.said) == {key: row[key] for key in row if key != "metrics" and key not in figures}
        # As said in `unlike`: every interactivity is 1 / the same statistic of TPOT, the deviation's too.
        for figure in point.figures:
            if figure.endswith("_intvty"):
                inverse = point.figures[figure.replace("intvty", "tpot")]
                assert point.figures[figure] * inverse == pytest.approx(1, abs=1e-12)
    if kind == "benchmark":
        named = {figure for point in points for figure in (*point.same_as, *point.unlike)}
        assert {figure for point in points for figure in point.figures} - named == {
            *("avg_power_w", "joules_per_total_token")
        }
