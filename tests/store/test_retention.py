"""Retention: what is old goes, the summaries stay, and what is gone is told as gone."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from enginebench import assets, config
from enginebench.errors import UserError
from enginebench.records import Retention
from enginebench.store import Store, prune
from stored import a_run, a_store, a_trial

TODAY = date(2026, 11, 24)
NIGHTS = ("2026-08-01", "2026-11-01", "2026-11-24", "by-hand")


@pytest.fixture
def store(tmp_path):
    """A trial of two requests a night."""
    return a_store(tmp_path, *(a_trial(f"t{index}", [a_run(0)], night=night) for index, night in enumerate(NIGHTS)))


def pruned(store: Store, dry: bool = False, **days: int) -> dict[str, tuple[tuple[str, ...], int]]:
    found = prune.prune(store, Retention(**{f"{name}_days": age for name, age in days.items()}), dry=dry, today=TODAY)
    assert all(one.bytes > 0 for one in found)
    return {one.what: (one.nights, one.rows) for one in found}


def test_rows_older_than_the_policy_go_and_every_summary_stays(store):
    before, results = store.runs(), list(store.results())
    assert pruned(store, requests=30, logs=7) == {
        "requests": (NIGHTS[:1], 2),
        "logs": (NIGHTS[:2], 2),
    }
    pd.testing.assert_frame_equal(store.runs(), before)
    assert list(store.results()) == results
    assert [len(store.requests(f"t{index}")) for index in (1, 2, 3)] == [2, 2, 2]
    with pytest.raises(UserError, match=r"trial t0: retention has dropped the table `requests` of night 2026-08-01; "):
        store.requests("t0")
    assert len(store.telemetry("t0")) == 2, "what the policy does not name is kept"
    assert pruned(store, requests=30, logs=7) == {}, "nothing is left to drop"


def test_a_dry_run_tells_the_same_and_changes_nothing(store):
    store.compact()
    before = sorted(path for path in store.local.rglob("*"))
    told = pruned(store, dry=True, requests=30, logs=7, chunk_times=1)
    assert sorted(path for path in store.local.rglob("*")) == before
    assert len(store.requests("t0")) == 2
    assert pruned(store, requests=30, logs=7, chunk_times=1) == told


def test_chunk_times_go_alone(store):
    kept = store.requests("t1").drop(columns=["event_ns"])
    assert pruned(store, chunk_times=20) == {"chunk_times": (NIGHTS[:2], 4)}
    assert store.requests("t1")["event_ns"].isna().all()
    pd.testing.assert_frame_equal(store.requests("t1").drop(columns=["event_ns"]), kept)
    assert store.requests("t2")["event_ns"].notna().all()


def test_what_retention_left_is_fetched(store, tmp_path):
    pruned(store, requests=30, logs=30)
    store.fetch("t0", tmp_path / "again")
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == [
        "job.json",
        "result.json",
        "telemetry.parquet",
    ]


def test_the_shipped_policy_keeps_results_and_is_read():
    policy = config.read_retention(assets.find("configs/retention.yaml"))
    assert policy.chunk_times_days is not None
    assert policy.quality_days is None


def command(store: Store, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "enginebench", "results", "prune", "--store", store.url, *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60)


def test_the_command_takes_a_policy_file(store, tmp_path):
    store.compact()
    policy = Path(tmp_path, "policy.yaml")
    policy.write_text("requests_days: 1\n")
    done = command(store, "--policy", str(policy), "--dry-run")
    assert done.returncode == 0
    assert done.stdout.startswith("would drop requests of ")
    policy.write_text("requests_days: 0\nlog_days: 3\n")
    wrong = command(store, "--policy", str(policy))
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "policy.yaml:1: " in wrong.stderr
    assert "policy.yaml:2: " in wrong.stderr
