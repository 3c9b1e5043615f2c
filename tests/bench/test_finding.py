"""The search for a limit on servers whose limit is known: its slots for a concurrency, their capacity for a rate."""

from __future__ import annotations

import json
import signal

import pytest

from bench_command import bench, start
from builders import a_request, closed, opened
from enginebench.bench import finding
from enginebench.bench.finding import Search, backlog, steady
from enginebench.bench.measuring import Session
from enginebench.bench.options import settings
from enginebench.bench.prompts import Prompts
from enginebench.cli import parser
from enginebench.load import Target

MS = 1_000_000


def test_the_concurrency_beyond_which_requests_wait_is_found(tmp_path, scripted):
    # A slot serves a request in 80 + 8 x 10 = 160 ms. With a fifth request on four slots either every request waits
    # 40 ms or one in five waits 160, as they fall into step.
    engine = scripted(ttft_ms=80, itl_ms=10, slots=4)
    words = ("--input-len", "12", "--output-len", "9", "--slo", "ttft_p90:110", "--find-limit", "concurrency")
    words = (*words, "--max-concurrency", "4", "--result-filename", "out.json")
    code, output, errors = bench(tmp_path, engine.url, *words)
    assert code == 0
    told = json.loads((tmp_path / "out.json").read_text())
    found = told["enginebench"]["limit"]
    assert (found["highest_passed"], found["lowest_failed"], found["ended"]) == (4, 5, "known")
    assert [(one["level"], one["verdict"]) for one in found["levels"]] == [(4, "passed"), (8, "failed"), (5, "failed")]
    for level in found["levels"]:
        (count,) = level["counts"]
        assert count["total"] >= 44 if level["verdict"] == "passed" else count["over"] >= 2
    assert (
        "Highest passed: 4 in flight; lowest failed: 5 in flight (as narrow as asked; each verdict 99 % sure).\n"
        in output
    )
    assert errors.splitlines()[-1] == "5 in flight: failed"
    # The figures at the top are those of the level that passed.
    assert told["max_concurrency"] == told["max_concurrent_requests"] == 4


def test_the_rate_is_found_beyond_which_requests_pile_up(monkeypatch, scripted):
    # One slot, 20 ms a request: 50 a second at most, and hardly a wait of 150 ms at half of that.
    engine = scripted(ttft_ms=10, itl_ms=2, slots=1)
    monkeypatch.setattr(finding, "LEVEL_SECONDS", 1.0)
    monkeypatch.setattr(finding, "WITHIN", 1.0)
    words = ["--input-len", "12", "--output-len", "6", "--slo", "ttft_p90:160", "--find-limit", "rate"]
    asked = settings(parser().parse_args(["bench", engine.url, *words, "--request-rate", "25"]))
    said = []
    target = Target(url=engine.url, model="scripted", api="completions")
    session = Session(asked, target, Prompts(asked.workload, None), show=lambda text: None, say=said.append)
    found = Search(session).find()
    assert found.ended == "known"
    assert 25 <= found.highest_passed <= 50
    assert 25 < found.lowest_failed <= 100
    assert len(said) == len(found.levels)


def test_a_budget_that_allows_no_run_ends_the_search(tmp_path, scripted):
    engine = scripted(ttft_ms=5, itl_ms=1)
    words = ("--input-len", "12", "--output-len", "6", "--slo", "ttft:500", "--find-limit", "rate")
    code, output, _ = bench(tmp_path, engine.url, *words, "--request-rate", "1", "--max-seconds", "2")
    assert code == 0
    assert "Highest passed: none; lowest failed: none (the budget is spent; each verdict 99 % sure).\n" in output
    assert len(engine.record()["requests"]) == 2


def test_ctrl_c_ends_a_search_with_the_bracket_so_far(tmp_path, scripted):
    engine = scripted(ttft_ms=40, itl_ms=2)
    words = ("--input-len", "12", "--output-len", "6", "--slo", "ttft_p90:2000", "--find-limit", "concurrency")
    process = start(tmp_path, engine.url, *words, "--result-filename", "out.json")
    said = [process.stderr.readline(), process.stderr.readline()]
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert said == ["1 in flight: passed\n", "2 in flight: passed\n"]
    assert process.returncode == 3
    assert errors.splitlines()[-1].startswith("interrupted; ")
    assert "lowest failed: none (the budget is spent; each verdict 99 % sure)." in output
    told = json.loads((tmp_path / "out.json").read_text())["enginebench"]
    assert told["interrupted"] is True
    assert told["limit"]["highest_passed"] >= 2


def at(sent_ms, end_ms, **more):
    return a_request(sent_ns=sent_ms * MS, end_ns=end_ms * MS, **more)


def test_a_queue_that_grows_is_seen():
    # Sent every 10 ms; served every 20 ms, or at once.
    assert backlog([at(10 * i, 20 * i + 20) for i in range(400)]) == pytest.approx((75, 175), abs=2)
    early, late = backlog([at(10 * i, 10 * i + 25) for i in range(400)])
    assert early == late == 3


def test_ramp_and_drain_of_a_closed_loop_do_not_count():
    # Two slots, 10 ms a request: the first two start together, the last two end while a slot is empty.
    requests = [at(10 * (i // 2), 10 * (i // 2) + 10) for i in range(10)]
    assert steady(requests, closed(2)) == requests[2:8]
    failed = [*requests[:9], at(40, 50, status="timeout")]
    assert steady(failed, closed(2)) == [*requests[2:8], failed[9]]


def test_an_empty_server_does_not_count_at_a_rate_unless_it_never_was_another():
    requests = [at(10 * i, 10 * i + 25) for i in range(20)]
    assert steady(requests, opened(100)) == requests[3:]
    flood = [at(i, 1000 + i) for i in range(20)]
    assert steady(flood, opened(1000)) == flood
