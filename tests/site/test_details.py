"""What went on inside a trial: histograms, telemetry made fewer, the log's end, and why something is not there."""

from __future__ import annotations

import random
from datetime import date

import numpy as np
import pytest

import builders
from enginebench.records import EngineSample, Retention
from enginebench.site import build
from enginebench.site.details import BINS_A_DECADE, LINE_CHARS, LOG_CHARS, LOG_LINES, SAMPLES, log_end
from enginebench.store import Store, prune
from enginebench.tables import write_engine, write_requests, write_telemetry
from sites import piece
from stored import a_run, a_trial, finished

NIGHT = "2026-11-24"
SECOND_NS = 1_000_000_000


def details(site):
    (night,) = piece(site, "index")["nights"]
    shards = (piece(site, f"details/{night['night']}/{shard}") for shard in range(night["details"]))
    return {trial: one for shard in shards for trial, one in shard.items()}


@pytest.fixture
def folder(tmp_path):
    """Of a trial of two runs, to be filled before `built`."""
    return finished(tmp_path / "finished" / "t", a_trial("t", [a_run(0), a_run(1)]))


@pytest.fixture
def built(tmp_path, folder):
    def build_it(*, compacted=False, prepare=lambda store: None):
        store = Store(tmp_path / "store")
        store.ingest(folder)
        if compacted:
            store.compact()
        prepare(store)
        return details(build(store, tmp_path / "site").parent)["t"]

    return build_it


def some_requests(count=300):
    draw = random.Random(5)
    rows = []
    for index in range(count):
        first = draw.randint(10**7, 10**9)
        events = np.cumsum([first, *(draw.choice([0, draw.randint(10**6, 10**8)]) for _ in range(draw.randint(0, 6)))])
        rows.append(
            builders.a_request(
                run=f"t.0.{index % 2}",
                index=index,
                sent_ns=1000,
                first_token_ns=first,
                event_ns=tuple(map(int, events)),
                last_token_ns=int(events[-1]),
                status="timeout" if index % 10 == 0 else "ok",
            )
        )
    return rows


def counted(values):
    """Values in the same bins, by another's code."""
    edges = 10 ** (np.arange(20 * 13) / BINS_A_DECADE)
    assert all(np.abs(edges / value - 1).min() > 1e-12 for value in values), "none on an edge"
    counts = np.histogram(values, edges)[0]
    (filled,) = np.nonzero(counts)
    return int(filled[0]), counts[filled[0] : filled[-1] + 1].tolist()


@pytest.mark.parametrize("compacted", [False, True])
def test_the_histograms_hold_every_request_that_ended_well_and_every_gap(folder, built, compacted):
    rows = some_requests()
    write_requests(rows, folder / "requests.parquet")
    found = built(compacted=compacted)["distributions"]
    assert set(found) == {"t.0.0", "t.0.1"}
    for run, both in found.items():
        good = [row for row in rows if row.run == run and row.status == "ok"]
        first, counts = counted([row.first_token_ns - row.sent_ns for row in good])
        assert both["ttft"] == {"n": len(good), "zeros": 0, "first": first, "counts": counts}
        gaps = [b - a for row in good for a, b in zip(row.event_ns, row.event_ns[1:], strict=False)]
        first, counts = counted([gap for gap in gaps if gap])
        assert both["itl"] == {"n": len(gaps), "zeros": gaps.count(0), "first": first, "counts": counts}
        assert both["itl"]["zeros"] > 0
        assert both["itl_lack"] == ""


def test_times_of_events_that_were_not_kept_are_told(folder, built):
    write_requests(some_requests(10), folder / "requests.parquet", chunk_times=False)
    run = built()["distributions"]["t.0.1"]
    assert (run["itl"], run["itl_lack"]) == (None, "its grid did not ask to keep the times of events")
    assert run["ttft"]["n"] == 5


def test_what_retention_has_dropped_is_told(built):
    policy = Retention(chunk_times_days=1, telemetry_days=1, logs_days=1)
    found = built(prepare=lambda store: prune.prune(store, policy, today=date(2027, 11, 24)))
    assert found["distributions"]["t.0.0"]["itl_lack"] == "retention has dropped the times of events"
    assert found["lack"]["telemetry"] == "retention has dropped the telemetry of this night"
    assert found["lack"]["log"] == "retention has dropped the logs of this night"
    assert found["log"] is None


def test_requests_that_retention_has_dropped_are_told(built):
    policy = Retention(requests_days=1)
    found = built(prepare=lambda store: prune.prune(store, policy, today=date(2027, 11, 24)))
    assert (found["distributions"], found["lack"]["distributions"]) == (
        None,
        "retention has dropped the requests of this night",
    )


def test_telemetry_is_of_all_devices_together_and_no_moment_is_lost(folder, built):
    rows = []
    for tick in range(1000):
        t_ns = 5 * SECOND_NS + tick * SECOND_NS // 2
        rows.append({"t_ns": t_ns, "cpu_busy_cores": float(tick)})
        for device in (0, 1):
            if (tick, device) == (7, 1):
                continue  # one sample that never came
            rows.append(
                {
                    "t_ns": t_ns,
                    "device": device,
                    "power_w": 300.0,
                    "utilisation": 0.25 + device / 2,
                    "temperature_c": 60.0 + device,
                }
            )
    write_telemetry(rows, folder / "telemetry.parquet")
    found = built()["telemetry"]
    assert found["devices"] == 2
    assert len(found["t_s"]) == SAMPLES
    assert found["power_w"] == [600] * SAMPLES
    assert found["utilisation_pct"] == [50] * SAMPLES
    assert found["temperature_c"] == [61] * SAMPLES
    assert "memory_gb" not in found, "no sample told it"
    assert sum(found["busy_cores"]) / SAMPLES == pytest.approx(499.5)
    assert found["began_ns"] == 5 * SECOND_NS
    assert (found["t_s"][0], found["t_s"][-1]) == (1, 498.5)


def test_few_samples_stay_as_they_are_and_a_gap_stays_one(folder, built):
    samples = [(0, 1.0, 0.5), (1, None, None), (2, 3.0, 0.25)]
    write_engine(
        [
            EngineSample(t_ns=at * SECOND_NS, requests_running=running, kv_cache_share=share)
            for at, running, share in samples
        ],
        folder / "engine.parquet",
    )
    found = built()["engine"]
    assert found == {
        "began_ns": 0,
        "t_s": [0, 1, 2],
        "requests_running": [1, None, 3],
        "kv_cache_pct": [50, None, 25],
    }


def test_a_trial_that_left_nothing_says_so(folder, built):
    (folder / "server.log").unlink()
    (folder / "telemetry.parquet").unlink()
    (folder / "requests.parquet").unlink()
    found = built()
    assert [found[part] for part in ("distributions", "telemetry", "engine", "log")] == [None] * 4
    assert found["lack"]["engine"] == "the engine told nothing of itself while the load ran"
    assert found["lack"]["log"].startswith("the trial left no log")


def test_a_night_that_is_as_it_was_keeps_its_pieces_and_any_other_is_made_anew(tmp_path, folder, monkeypatch):
    store, out = Store(tmp_path / "store"), tmp_path / "site"
    store.ingest(folder)
    read = []
    real = Store.night_tables
    monkeypatch.setattr(Store, "night_tables", lambda self, *asked: read.append(asked[1]) or real(self, *asked))
    first = details(build(store, out).parent)
    assert read == ["requests", "telemetry", "engine"]
    store.invalidate("t", reason="the fan", author="Ada")
    assert details(build(store, out).parent) == first
    assert len(read) == 3, "a correction changes nothing inside"
    prune.prune(store, Retention(logs_days=1), today=date(2027, 11, 24))
    assert details(build(store, out).parent)["t"]["log"] is None
    assert len(read) == 6
    store.ingest(finished(tmp_path / "finished" / "u", a_trial("u", [a_run(0)])))
    assert set(details(build(store, out).parent)) == {"t", "u"}
    assert len(read) == 9


def test_the_end_of_a_log_is_short_plain_and_says_how_long_it_was():
    log = "".join(f"line {index}\n" for index in range(1000)) + "\x1b[31mlast\x1b[0m 50%\r100%\n" + "x" * 5000
    found = log_end(log.encode() + b"\xff")
    assert found["of"] == 1002
    assert found["lines"][-1] == "x" * LINE_CHARS
    assert found["lines"][-2] == "100%"
    assert found["lines"][0] == f"line {1002 - LOG_LINES}"
    assert len(found["lines"]) == LOG_LINES
    long = log_end(b"y" * 300 + (b"\n" + b"y" * 300) * 200)
    assert 0.9 * LOG_CHARS < sum(map(len, long["lines"])) <= LOG_CHARS
    assert log_end(b"") == {"lines": [""], "of": 0}
