"""From the table of runs to what is told: curve, night, size, cause, what is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from builders import closed
from enginebench.analysis.changes import NOTHING, find_changes
from enginebench.store.frames import runs_frame
from stored import a_job, a_run, a_trial

LOADS = (closed(1), closed(8), closed(64))
TPS = "output_tps_per_accelerator"
LABEL = "tiny bf16, scripted on 1 × Test GPU (here), short"


def nights(count=40, *, step=0.1, at=30, loads=(0, 1, 2), starts=2, version=lambda night: "1.0", skip=(), marks=None):
    """A frame of nights from 2026-01-01 on; from night `at` on, `loads` are slower by `step`."""
    random = np.random.default_rng(7)
    results = []
    for night in range(count):
        day = np.datetime64("2026-01-01") + night
        values = random.normal(0, 0.005, (starts, 3))
        if night in skip:
            continue
        for start in range(starts):
            runs = [
                a_run(
                    point=point,
                    marks=(marks or {}).get(night, ()),
                    **{TPS: 100 * (point + 1) * np.exp(values[start, point] - step * (night >= at and point in loads))},
                )
                for point in range(3)
            ]
            job = a_job(loads=LOADS, version=version(night), start=start)
            results.append(a_trial(f"n{night}s{start}", runs, night=str(day), job=job))
    return runs_frame(results)


def test_a_change_of_a_curve_is_told_once_with_its_size_and_cause():
    report = find_changes(nights(version=lambda night: "1.1" if night >= 30 else "1.0"))
    (one,) = report.changes
    assert (one.night, one.found, one.status, one.worse, one.load) == (
        "2026-01-31",
        "2026-02-01",
        "confirmed",
        True,
        "",
    )
    assert one.low < np.exp(-0.1) < one.high
    assert one.high - one.low < 0.03
    assert one.causes == ("version_label vllm 1.0 → vllm 1.1",)
    assert one.trials == ("n31s0", "n31s1")
    assert report.notes == ()


def test_a_change_that_nothing_recorded_explains_says_so():
    (one,) = find_changes(nights()).changes
    assert one.causes == (NOTHING,)


@pytest.mark.parametrize(("column", "value"), [("invalid", "the fan had failed (me)"), ("reproduces", "n3s0")])
def test_what_was_invalidated_or_reproduces_changes_nothing(column, value):
    runs = nights().assign(invalid="")
    assert len(find_changes(runs).changes) == 1
    runs.loc[runs["night"] >= "2026-01-31", column] = value
    assert find_changes(runs).changes == ()


def test_what_differs_a_night_off_is_told_as_such():
    (one,) = find_changes(nights(version=lambda night: "1.1" if night >= 29 else "1.0")).changes
    assert one.causes == ("version_label vllm 1.0 → vllm 1.1 (1 night before it)",)


def test_a_load_that_changes_alone_is_named():
    report = find_changes(nights(step=0.05, loads=(2,)))
    assert ("c64", "2026-01-31") in {(one.load, one.night) for one in report.changes}


def test_a_change_for_the_better_is_not_worse():
    (one,) = find_changes(nights(step=-0.1)).changes
    assert (one.worse, one.ratio > 1) == (False, True)


def test_one_start_a_night_waits_for_a_rerun():
    frame = nights(count=32, starts=1)
    (one,) = find_changes(frame).changes
    assert (one.status, one.night) == ("waiting", "2026-01-31")


def test_missing_and_unfit_nights_are_told():
    frame = nights(step=0.0, skip=(10, 11), marks={20: ("neighbour",)})
    notes = find_changes(frame).notes
    assert any("2026-01-11 to 2026-01-12 (2 nights): no night at all" in note for note in notes)
    assert any("2026-01-21: measured, but no run is fit to be judged" in note for note in notes)
    assert len(notes) == 2


def test_a_night_in_which_only_others_of_the_grid_were_measured_is_missing():
    frame = nights(step=0.0)
    other = frame[frame["night"] == "2026-01-15"].assign(curve="other", series="x")
    gone = frame[frame["night"] != "2026-01-15"]
    notes = find_changes(pd.concat([gone, other])).notes
    assert any("2026-01-15: not measured" in note for note in notes)


def test_a_new_driver_begins_anew_and_is_told():
    frame = nights()
    late = frame["night"] >= "2026-01-31"
    frame["driver"] = np.where(late, "580.1", "570.1")
    report = find_changes(frame)
    assert report.changes == ()
    assert report.notes == (f"{LABEL}: followed anew from 2026-01-31 on: driver 570.1 → 580.1",)


def test_the_newest_of_two_versions_in_a_night_is_followed():
    frame = nights(step=0.0)
    beside = nights(step=0.1, at=0, version=lambda night: "0.9")
    both = pd.concat([frame, beside[beside["night"] >= "2026-01-21"]])
    # What appeared on the 21st is what is followed from then on, though its number is lower.
    (one,) = find_changes(both).changes
    assert (one.night, one.causes) == ("2026-01-21", ("version_label vllm 1.0 → vllm 0.9",))


def test_nothing_comes_of_nothing():
    report = find_changes(nights().iloc[:0])
    assert (report.changes, report.notes) == ((), ())


def test_the_order_of_runs_changes_nothing():
    frame = nights(version=lambda night: "1.1" if night >= 30 else "1.0")
    assert find_changes(frame.sample(frac=1, random_state=1)) == find_changes(frame)


@pytest.mark.parametrize("mark", ["failed_quality", "client_bound"])
def test_runs_that_prove_nothing_are_left_out(mark):
    frame = nights(count=34, marks=dict.fromkeys(range(30, 34), (mark,)))
    assert find_changes(frame).changes == ()


def test_a_first_night_of_several_loads_has_no_change():
    assert find_changes(nights(1)).changes == ()
