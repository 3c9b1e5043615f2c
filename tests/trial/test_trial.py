"""One job on one machine, on a scripted engine: its figures against the server's record, and every way it can end."""

from __future__ import annotations

import itertools
import json
import signal
import statistics
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from enginebench import config, runners, tables
from enginebench.plan import due, make_plan
from enginebench.records import EndpointProvision, Result
from enginebench.records.files import read, to_json
from scripted_night import GRID, RUNS, ScriptedNight, until

MS = 1_000_000
FIRST_AND_WARM_UP = 2 + 1 + 2
"""Requests before the measured ones: a first answer for each point, then a warm-up for each slot."""
MACHINE = {"neighbour", "stolen", "client_late", "client_bound"}
"""Marks that tell of the machine, which may be busy while tests run."""


def order(night: ScriptedNight) -> Path:
    """`job.json` of the scripted grid's one job."""
    inventory, part = runners.inventory(config.read_site(night.folder / "here.yaml"))
    plan = make_plan(config.read_grid(night.grid), inventory, part)
    (attempt,) = due(plan, "2026-11-24", {}).attempts
    path = night.folder / "job.json"
    path.write_text(to_json(attempt), encoding="utf-8")
    return path


def start(night: ScriptedNight, job: Path, *words: str) -> subprocess.Popen[str]:
    return night.start("run", str(job), "--out", str(night.folder / "out"), "--cache", str(night.folder), *words)


def run(night: ScriptedNight, job: Path | None = None, *words: str) -> tuple[int, str, str]:
    process = start(night, job or order(night), *words)
    output, errors = process.communicate(timeout=60)
    until(lambda: not night.left_running(), "the end of all processes", 20)
    return process.returncode, output, errors


def result(night: ScriptedNight) -> Result:
    return read(Result, night.folder / "out" / "result.json")


def test_a_complete_trial_leaves_records_and_nothing_else(tmp_path):
    night = ScriptedNight(tmp_path)
    code, output, errors = run(night)
    assert (code, errors) == (0, "")
    assert f"complete: {RUNS} runs" in output
    folder = tmp_path / "out"
    assert {path.name for path in folder.iterdir()} == {
        "job.json", "requests.parquet", "telemetry.parquet", "engine.parquet", "server.log", "result.json",
    }  # fmt: skip
    assert (folder / "job.json").read_text() == order(night).read_text()
    done = result(night)
    assert (done.status, done.stage, done.failure) == ("complete", "done", None)
    assert [(one.point, one.repeat) for one in done.runs] == [(0, 0), (1, 0), (1, 1), (0, 1), (0, 2), (1, 2)]
    assert pq.read_table(folder / "requests.parquet").num_rows == 6 * 4
    assert pq.read_table(folder / "telemetry.parquet").num_rows > 0
    assert done.engine.argv[1] == "serve"
    assert done.engine.reported_version == "scripted-1"
    assert done.engine.notes[-1] == "dummy weights: random, made by the engine"
    assert done.environment.cores >= 1
    assert set(done.stage_ns) >= {"provision", "model", "start", "warmup", "measure"}
    assert all(one.usage is None or one.usage.client_cores >= 0 for one in done.runs)


def test_figures_are_those_of_the_servers_own_record(tmp_path):
    night = ScriptedNight(tmp_path, ttft_ms=50, itl_ms=10)
    run(night)
    seen = sorted(night.exchanges(), key=lambda one: one["received_ns"])[FIRST_AND_WARM_UP:]
    late_ns = []
    for measured, begin in zip(result(night).runs, range(0, len(seen), 4), strict=True):
        own, metrics = seen[begin : begin + 4], measured.metrics
        ttft_ns = statistics.fmean(one["event_ns"][0] - one["received_ns"] for one in own)
        tpot_ns = statistics.fmean((one["event_ns"][-1] - one["event_ns"][0]) / 5 for one in own)
        span_s = (max(one["event_ns"][-1] for one in own) - min(one["received_ns"] for one in own)) / 1e9
        # What the client adds is never negative, and on a busy machine only ever more.
        late_ns.append(metrics["ttft_mean_ns"] - ttft_ns)
        assert metrics["tpot_mean_ns"] == pytest.approx(tpot_ns, rel=0.25)
        assert metrics["e2el_mean_ns"] == pytest.approx(metrics["ttft_mean_ns"] + 5 * metrics["tpot_mean_ns"])
        assert metrics["requests_rps_whole_run"] == pytest.approx(4 / span_s, rel=0.15)
        assert metrics["output_tps_per_accelerator_whole_run"] == pytest.approx(24 / span_s, rel=0.15)
        assert metrics["input_tps_per_accelerator_whole_run"] == pytest.approx(48 / span_s, rel=0.15)
        assert metrics["success_share"] == 1
    assert min(late_ns) >= 0
    assert statistics.median(late_ns) < 5 * MS
    rows = pq.read_table(tmp_path / "out" / "requests.parquet").to_pylist()
    assert {(row["output_tokens"], row["usage_input_tokens"]) for row in rows} == {(6, 12)}


def test_no_two_requests_of_a_trial_share_their_first_token_run(tmp_path):
    night = ScriptedNight(tmp_path)
    run(night)
    prompts = [tuple(one["asked"]["prompt"]) for one in night.exchanges()]
    assert len(prompts) == 6 * 4 + FIRST_AND_WARM_UP
    assert len(set(prompts)) == len(prompts)
    assert all(len(prompt) == 12 for prompt in prompts)


def test_a_server_that_dies_under_load_keeps_the_runs_before(tmp_path):
    night = ScriptedNight(tmp_path, die_at=15)
    code, _, errors = run(night)
    assert code == 1
    assert "ended with exit code 7" in errors
    done = result(night)
    assert (done.status, done.stage, done.failure.failure_class) == ("failed", "measure", "crashed")
    assert 1 <= len(done.runs) < RUNS


def test_a_server_that_is_healthy_but_cannot_answer_is_a_failure(tmp_path):
    night = ScriptedNight(tmp_path, http_error_at=[0])
    code, _, errors = run(night)
    assert code == 1
    assert errors == "client: the first request ended as http_error: HTTP 500: " + (
        '{"error": {"message": "scripted failure"}}\n'
    )
    assert result(night).stage == "warmup"


def test_failed_requests_are_marked_and_left_out_of_latencies(tmp_path):
    night = ScriptedNight(tmp_path, http_error_at=[6])
    run(night)
    marked = [one for one in result(night).runs if "failed_requests" in one.marks]
    assert len(marked) == 1
    assert marked[0].metrics["success_share"] == 0.75


@pytest.mark.parametrize(
    ("script", "marks"),
    [
        ({}, set()),
        ({"stop_at": 5}, {"short_output"}),
        ({"tokens_more": 1}, {"long_output"}),
        ({"tokens_per_event": 2}, {"coarse_events", "coarse_first"}),
        # One event of two among five is also a sixth fewer events than tokens.
        ({"tokens_first": 2}, {"coarse_events", "coarse_first"}),
        ({"cached_tokens": 4}, {"cache_hits"}),
        ({"prompt_tokens_more": 1}, {"input_length"}),
        ({"usage": False}, {"no_usage"}),
    ],
)
def test_what_makes_a_run_incomparable_is_marked_on_every_run(tmp_path, script, marks):
    grid = GRID.replace("at_least: 4", "at_least: 5")
    night = ScriptedNight(tmp_path, grid=grid, **script)
    assert run(night)[0] == 0
    assert [set(measured.marks) - MACHINE for measured in result(night).runs] == [marks] * RUNS


def test_what_the_engine_tells_of_itself_stands_in_the_result(tmp_path):
    """Its page counts ten preemptions a request and shows the requests under way."""
    page = (
        "# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running {in_flight}\n"
        "# TYPE vllm:num_preemptions_total counter\nvllm:num_preemptions_total {received}0\n"
    )
    # One wave of answers a run, each 1.6 s long, so that a reading once a second finds them all under way.
    grid = (
        GRID.replace("at_least: 4", "at_least: 1")
        .replace("per_slot: 2", "per_slot: 1")
        .replace("repeats: 3", "repeats: 1")
    )
    night = ScriptedNight(tmp_path, grid=grid, ttft_ms=600, itl_ms=200, metrics=page)
    assert run(night)[0] == 0
    done = result(night)
    for measured, concurrency in zip(done.runs, (1, 2), strict=True):
        assert measured.metrics["running_requests_max"] == concurrency
        assert 0 < measured.metrics["running_requests_mean"] <= concurrency
        assert measured.metrics["preempted_requests"] == 10 * concurrency
        assert measured.metrics["kv_cache_max_share"] is None
        assert measured.absent["kv_cache_max_share"] == "the engine does not tell kv_cache_share"
    rows = pq.read_table(tmp_path / "out" / "engine.parquet")
    assert rows.num_rows >= 4 + 2, "before and after each run, and during it"
    assert rows.schema.field("kv_cache_share").metadata[b"meaning"].startswith(b"KV cache in use, 0 to 1")


def test_an_engine_without_a_metrics_page_says_so(tmp_path):
    night = ScriptedNight(tmp_path)
    assert run(night)[0] == 0
    reasons = {one.absent["preempted_requests"] for one in result(night).runs}
    assert reasons == {"the engine's metrics page could not be read"}
    assert pq.read_table(tmp_path / "out" / "engine.parquet").num_rows == 0


def test_term_ends_a_trial_with_what_it_has(tmp_path):
    night = ScriptedNight(tmp_path, itl_ms=40)
    process = start(night, order(night))
    until(lambda: len(list((tmp_path / "out.partial" / "runs").glob("*.json"))) >= 1, "the first run")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 3
    done = result(night)
    assert (done.status, done.failure.failure_class) == ("interrupted", "interrupted")
    assert 1 <= len(done.runs) < RUNS
    until(lambda: not night.left_running(), "the end of all processes", 20)


def test_a_killed_trial_takes_its_server_with_it_and_is_salvaged_by_the_next(tmp_path):
    night = ScriptedNight(tmp_path, itl_ms=40)
    job = order(night)
    process = start(night, job)
    until(lambda: len(list((tmp_path / "out.partial" / "runs").glob("*.json"))) >= 1, "the first run")
    process.kill()
    process.communicate(timeout=60)
    until(lambda: not night.left_running(), "the end of all processes", 20)
    code, _, errors = run(night, job)
    assert code == 0
    assert "what a killed trial had measured is kept in" in errors
    saved = read(Result, tmp_path / "out-interrupted" / "result.json")
    assert saved.status == "interrupted"
    assert len(saved.runs) >= 1
    assert all(one.metrics["itl_mean_ns"] > 30 * MS for one in saved.runs)
    rows = tables.read_table(tmp_path / "out-interrupted" / "requests.parquet", "requests")
    assert list(dict.fromkeys(rows["run"].to_pylist())) == [one.id for one in saved.runs]
    assert min(rows["itl_max_ns"].to_pylist()) > 30 * MS
    assert len(result(night).runs) == RUNS


def test_chunk_times_are_kept_where_the_grid_asks_and_change_neither_figures_nor_the_job(tmp_path):
    night = ScriptedNight(tmp_path)
    kept, ids, figures = {}, set(), {}
    for asked in (False, True):
        night.grid.write_text(f"{GRID}chunk_times: {str(asked).lower()}\n")
        assert run(night)[0] == 0
        done = result(night)
        assert done.attempt.chunk_times is asked
        ids.add(done.job_id)
        figures[asked] = {name for one in done.runs for name, value in one.metrics.items() if value is not None}
        kept[asked] = tables.read_table(tmp_path / "out" / "requests.parquet", "requests")
        (tmp_path / "out").rename(tmp_path / f"out of {asked}")
    assert len(ids) == 1, "what is kept of a run is no part of the job"
    assert figures[False] == figures[True] >= {"itl_mean_ns", "itl_p50_ns"}
    assert kept[False]["event_ns"].null_count == RUNS * 4
    assert set(kept[False]["events"].to_pylist()) == set(kept[True]["events"].to_pylist()) == {6}
    for row in kept[True].to_pylist():
        times = row["event_ns"]
        assert (times[0], times[-1]) == (row["first_token_ns"], row["last_token_ns"])
        assert row["itl_max_ns"] == max(b - a for a, b in itertools.pairwise(times))


def test_an_existing_folder_is_never_overwritten(tmp_path):
    night = ScriptedNight(tmp_path)
    (tmp_path / "out").mkdir()
    code, _, errors = run(night)
    assert code == 2
    assert errors == f"{tmp_path / 'out'}: already there; name a new folder; results are never overwritten\n"
    assert night.engine_pids() == []


@pytest.mark.parametrize("spoil", ["{", '{"format": "enginebench.job/9"}'], ids=["broken", "from the future"])
def test_an_order_that_cannot_be_read_is_a_users_error(tmp_path, spoil):
    night = ScriptedNight(tmp_path)
    job = tmp_path / "job.json"
    job.write_text(spoil)
    code, _, errors = run(night, job)
    assert code == 2
    assert "Traceback" not in errors
    assert str(job) in errors


def test_an_endpoint_is_measured_and_left_running(tmp_path, scripted):
    engine = scripted(ttft_ms=10, itl_ms=2)
    night = ScriptedNight(tmp_path)
    job = order(night)
    content = json.loads(job.read_text())
    provision = EndpointProvision(kind="endpoint", url=engine.url)
    content["job"]["deployment"]["provision"] = json.loads(to_json(provision))
    job.write_text(json.dumps(content))
    code, _, errors = run(night, job)
    assert (code, errors) == (0, "")
    assert engine.process.poll() is None
    assert len(engine.record()["requests"]) == 6 * 4 + 5
    assert "not started by enginebench" in result(night).engine.notes[-1]


def at_url(night: ScriptedNight, url: str, **arguments: bool) -> Path:
    """The scripted grid's one job, on an engine of kind openai at `url`."""
    engine = {
        "kind": "openai",
        "versions": ["unknown"],
        "builds": {
            "cpu": {
                "provision": {"kind": "endpoint", "url": url},
                "precisions": ["bf16"],
                "arguments": arguments,
            }
        },
    }
    (night.folder / "engines" / "scripted.yaml").write_text(json.dumps(engine), encoding="utf-8")
    return order(night)


def test_a_url_is_asked_openais_fields_alone_and_marked_where_nothing_pins_the_length(tmp_path, scripted):
    engine = scripted(ttft_ms=10, itl_ms=2)
    night = ScriptedNight(tmp_path)
    assert run(night, at_url(night, engine.url))[0] == 0
    fields = {"model", "prompt", "max_tokens", "temperature", "stream", "stream_options"}
    assert all(set(one["asked"]) == fields for one in engine.record()["requests"])
    assert all(set(one.marks) - MACHINE == {"unpinned_output"} for one in result(night).runs)
    assert engine.process.poll() is None


def test_a_url_is_sent_the_fields_that_its_file_allows(tmp_path, scripted):
    engine = scripted(ttft_ms=10, itl_ms=2)
    night = ScriptedNight(tmp_path)
    assert run(night, at_url(night, engine.url, ignore_eos=True, min_tokens=True))[0] == 0
    asked = [one["asked"] for one in engine.record()["requests"]]
    assert all(one["ignore_eos"] is True and one["min_tokens"] == one["max_tokens"] for one in asked)
    assert all(set(one.marks) <= MACHINE for one in result(night).runs)


def test_a_workload_that_a_url_cannot_be_asked_is_a_failure_with_the_reason(tmp_path, scripted):
    night = ScriptedNight(tmp_path)
    chat = (tmp_path / "workloads" / "short.yaml").read_text().replace("completions", "chat")
    (tmp_path / "workloads" / "short.yaml").write_text(chat)
    code, _, errors = run(night, at_url(night, scripted().url))
    assert code == 1
    assert "Traceback" not in errors
    failure = result(night).failure
    assert (failure.failure_class, failure.message.split(":")[0]) == ("client", "workload short")


def test_a_url_takes_no_other_fields_and_no_other_provision(tmp_path):
    night = ScriptedNight(tmp_path)
    at = {"arguments": {"top_k": True}}, {"provision": {"kind": "executable", "executable": "x"}}
    reasons = []
    for change in at:
        path = night.folder / "engines" / "scripted.yaml"
        build = {"provision": {"kind": "endpoint", "url": "http://127.0.0.1:1"}, "precisions": ["bf16"], **change}
        path.write_text(json.dumps({"kind": "openai", "versions": ["unknown"], "builds": {"cpu": build}}))
        inventory, part = runners.inventory(config.read_site(night.folder / "here.yaml"))
        reasons += {skip.reason for skip in make_plan(config.read_grid(night.grid), inventory, part).skips}
    assert reasons == [
        "to a URL only ignore_eos and min_tokens can be sent, each true or false; not `top_k: True`",
        "an engine of kind openai is a server that runs already: its provision is of kind endpoint",
    ]


def test_events_are_json_lines_and_a_closed_input_ends_the_trial(tmp_path):
    night = ScriptedNight(tmp_path, itl_ms=40)
    argv = ["run", str(order(night)), "--out", str(tmp_path / "out"), "--cache", str(tmp_path), "--events"]
    command = [sys.executable, "-m", "enginebench", *argv]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        events = [json.loads(process.stdout.readline())]
        while events[-1]["event"] != "measured":
            events.append(json.loads(process.stdout.readline()))
        process.stdin.close()
        process.stdout.read()
        assert process.wait(60) == 3
    stages = [one["stage"] for one in events if one["event"] == "stage"]
    assert stages == ["model", "start", "warmup", "quality", "warmup", "measure"]
    assert result(night).status == "interrupted"


def test_a_signal_that_python_drops_in_a_destructor_ends_the_trial_all_the_same(tmp_path):
    night = ScriptedNight(tmp_path)
    script = (
        "import os, signal, sys, pathlib\n"
        "from enginebench.records import Attempt\n"
        "from enginebench.records.files import read\n"
        "from enginebench.trial import run_trial\n"
        "class Dropping:\n"
        "    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        for _ in range(1000): pass\n"
        "def listen(event):\n"
        "    if event['event'] == 'measured' and not told:\n"
        "        told.append(1)\n"
        "        Dropping()\n"
        "told = []\n"
        "job, out, cache = map(pathlib.Path, sys.argv[1:])\n"
        "print(run_trial(read(Attempt, job), out, cache=cache, listen=listen).status, len(told))\n"
    )
    command = [sys.executable, "-c", script, str(order(night)), str(tmp_path / "out"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, check=True)
    assert "Exception ignored" in done.stderr, "Python has dropped it"
    assert done.stdout.split() == ["interrupted", "1"]
