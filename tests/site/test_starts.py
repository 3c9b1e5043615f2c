"""The pieces of the page of comparisons: a row a point and server start, with what its runs say."""

from __future__ import annotations

import numpy as np
import pytest

from enginebench.site.chunks import Chunks, slug
from enginebench.site.starts import COLUMNS, METRICS, of_runs, write_starts
from enginebench.store.frames import runs_frame
from simulated_runs import RATE, SPEED, simulated
from sites import piece
from stored import a_job, a_run, a_trial


def test_a_start_has_the_means_of_its_sound_runs():
    runs = simulated(2, starts=(2, 2)).assign(invalid="")
    runs.loc[runs["repeat"] == 2, "invalid"] = "the fan had failed (me)"
    starts = of_runs(runs)
    assert len(starts) == 2 * 4 * 5
    kept = runs[runs["invalid"] == ""]
    for row in starts.sample(10, random_state=1).to_dict("records"):
        own = kept[(kept["series"] == row["series"]) & (kept["trial"] == row["trial"])]
        assert row[RATE] == pytest.approx(np.log(own[RATE]).mean())
        assert row[f"{RATE}_value"] == pytest.approx(own[RATE].mean())
        assert (row["runs"], row["sound"], row["out"]) == (3, 2, ["invalidated"])


def test_why_runs_are_left_out_is_told_in_compares_words():
    runs = runs_frame(
        [
            a_trial("t", [a_run(0, marks=("neighbour", "coarse_events")), a_run(1)]),
            a_trial("u", [a_run(0, marks=("failed_quality",))], job=a_job(start=1)),
        ]
    )
    starts = of_runs(runs).set_index("trial")
    assert starts.loc["t", "out"] == ["neighbour"]
    assert starts.loc["t", "marks"] == ["coarse_events", "neighbour"]
    assert list(starts["wrong"]) == [False, True]
    assert list(starts["sound"]) == [1, 1]


def test_means_come_along_only_for_metrics_that_are_0_somewhere(tmp_path):
    runs = simulated(1, starts=(1, 1), repeats=1)
    runs["goodput_rps"] = np.where(runs["load"] == "c1", 0.0, 2.0)
    write_starts(runs, Chunks(tmp_path / "data"))
    found = piece(tmp_path, f"starts/{slug('tiny')}/2026-11")
    assert list(found["values"]) == ["goodput_rps"]
    assert sorted(found["logs"]) == sorted(["goodput_rps", RATE, SPEED, "ttft_mean_ns"])
    assert found["logs"]["goodput_rps"].count(None) == 2
    assert sorted(set(found["values"]["goodput_rps"])) == [0, 2]
    assert sorted(found["logs"][RATE]) == pytest.approx(sorted(np.log(runs[RATE])), abs=1e-9)


def test_pieces_are_by_model_and_month_and_the_index_names_them(tmp_path):
    runs = runs_frame([a_trial(name, [a_run(0, **{RATE: 1.0})], night=f"2026-{name}-03") for name in ("10", "11")])
    write_starts(runs, Chunks(tmp_path / "data"))
    index = piece(tmp_path, "starts/index")
    assert index["models"] == [{"name": "tiny", "key": slug("tiny"), "months": ["2026-10", "2026-11"]}]
    assert piece(tmp_path, f"starts/{slug('tiny')}/2026-10")["n"] == 1
    assert index["choices"]["n"] == 1
    assert index["metrics"] == [RATE]


def test_no_runs_make_an_empty_index(tmp_path):
    write_starts(simulated().iloc[:0], Chunks(tmp_path / "data"))
    index = piece(tmp_path, "starts/index")
    assert (index["models"], index["choices"]["n"], index["metrics"]) == ([], 0, [])


def test_a_starts_columns_are_the_same_for_all_its_runs():
    runs = simulated(1)
    for _, own in runs.groupby(["series", "trial"]):
        assert all(own[name].nunique(dropna=False) == 1 for name in COLUMNS)
    assert set(METRICS) <= set(runs.columns)
