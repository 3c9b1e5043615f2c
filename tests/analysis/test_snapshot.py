"""A curve as it stands now: of one version, or said to be of several."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enginebench.analysis.points import summarise_points
from enginebench.analysis.snapshot import missing_notes, snapshot
from enginebench.store.frames import runs_frame
from stored import CLOSED, OPEN, a_job, a_run, a_trial

TPS = "output_tps_per_accelerator"


def trial(name, day, *loads, version="1.0", value=1.0):
    """A night's trial of the loads: 0 is c8, 1 is r0.5."""
    runs = [a_run(0, point=point, day=day, **{TPS: value}) for point in loads]
    return a_trial(name, runs, night=f"2026-11-{day}", job=a_job(loads=(CLOSED, OPEN), version=version))


def shown(*trials, mix=False, order=1):
    """Load to version, night, `mixed` and `missing`."""
    found = snapshot(summarise_points(runs_frame(trials)).iloc[::order], mix=mix)
    rows = found.sort_values("load").to_dict("records")
    return {row["load"]: (row["engine_version"], row["night"][-2:], row["mixed"], row["missing"]) for row in rows}


@pytest.mark.parametrize("order", [1, -1])
def test_the_newest_figure_of_each_load_is_taken(order):
    trials = [trial("a", 20, 0, 1), trial("b", 21, 0, 1), trial("c", 22, 0)]
    now = {"c8": ("1.0", "22", False, []), "r0.5": ("1.0", "21", False, [])}
    for mix in (False, True):
        assert shown(*trials, mix=mix, order=order) == now


def test_a_reproduction_and_what_counts_no_more_are_no_newest_figure():
    again = trial("b", 21, 0, 1)
    again = replace(again, attempt=replace(again.attempt, reproduces="a"))
    points = summarise_points(runs_frame([trial("a", 20, 0, 1), again]))
    assert list(snapshot(points)["night"]) == ["2026-11-20"] * 2
    assert list(snapshot(points.assign(invalid=points["night"] == "2026-11-20"))["night"]) == []


def test_loads_of_an_older_version_are_left_out_and_named():
    trials = [trial("a", 20, 0, 1), trial("b", 21, 0, version="1.1")]
    assert shown(*trials) == {"c8": ("1.1", "21", False, ["r0.5 by vllm 1.0 on 2026-11-20"])}


def test_versions_are_mixed_only_when_asked_and_every_row_says_so():
    trials = [trial("a", 20, 0, 1), trial("b", 21, 0, version="1.1")]
    missing = ["r0.5 by vllm 1.0 on 2026-11-20"]
    assert shown(*trials, mix=True) == {"c8": ("1.1", "21", True, missing), "r0.5": ("1.0", "20", True, missing)}


def test_of_versions_side_by_side_in_a_night_one_is_shown():
    trials = [trial("a", 21, 0, 1, version="1.10"), trial("b", 21, 0, 1, version="1.9")]
    assert shown(*trials) == {"c8": ("1.10", "21", False, []), "r0.5": ("1.10", "21", False, [])}
    # One that was there before is the older one, whatever its number.
    assert shown(trial("0", 20, 0, 1, version="1.10"), *trials)["c8"] == ("1.9", "21", False, [])


def test_a_version_measured_again_is_the_newest_again():
    trials = [trial("a", 20, 0), trial("b", 21, 0, version="1.1"), trial("c", 22, 0)]
    assert shown(*trials) == {"c8": ("1.0", "22", False, [])}


def test_a_load_that_only_an_older_night_of_the_newest_version_has_stays():
    trials = [trial("a", 20, 1, version="1.1"), trial("b", 21, 1), trial("c", 22, 0, version="1.1")]
    assert shown(*trials) == {"c8": ("1.1", "22", False, []), "r0.5": ("1.1", "20", False, [])}
    assert shown(*trials, mix=True)["r0.5"] == ("1.0", "21", True, [])


def test_what_the_newest_version_lacks_is_one_line_a_curve():
    trials = [trial("a", 20, 0, 1), trial("b", 21, 0, version="1.1")]
    assert missing_notes(summarise_points(runs_frame(trials))) == (
        "tiny, scripted on 1 × Test GPU, short: vllm 1.1 has not measured r0.5 by vllm 1.0 on 2026-11-20",
    )
    assert missing_notes(summarise_points(runs_frame(trials[:1]))) == ()


def test_no_points_have_no_snapshot():
    found = snapshot(summarise_points(runs_frame([])))
    assert found.empty
    assert {"mixed", "missing", "curve", "version"} <= set(found)


def test_the_points_are_not_changed():
    points = summarise_points(runs_frame([trial("a", 20, 0, 1)]))
    kept = points.copy(deep=True)
    snapshot(points)
    assert points.equals(kept)
