"""How often trials come to their end, what they fail of, when it works again, which nights are missed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

import builders
from enginebench.analysis.points import FAILED
from enginebench.analysis.reliability import TRIAL, missing_nights, outages, success, trials
from enginebench.records import Failure
from enginebench.store.frames import failures_frame, runs_frame
from stored import a_job, a_run, a_store, a_trial


def tried(*results):
    return trials(runs_frame(results), failures_frame(results))


def ended(day, status="complete", *, name="", engine="scripted", version="1.0", host="here", kind="crashed", **attempt):
    """A trial of a night of November that ended so; one that failed had one run before."""
    job = a_job(version=version)
    job = replace(job, deployment=replace(job.deployment, engine=engine))
    found = a_trial(f"{day:02}{engine}{host}{name}", [a_run(0, day=day)], night=f"2026-11-{day:02}", job=job)
    failure = None if status == "complete" else Failure(failure_class=kind, message="ended", log_tail="")
    return replace(
        found,
        status=status,
        stage="done" if status == "complete" else "measure",
        failure=failure,
        environment=builders.an_environment(host=host),
        attempt=replace(found.attempt, **attempt),
        started_utc=f"2026-11-{day:02}T01:00:00+00:00",
    )


def states(*results):
    return [
        (row["from_night"], row["state"], row["until_night"], row["days"], row["failed"])
        for row in outages(tried(*results)).to_dict("records")
    ]


def test_a_trial_is_one_row_however_many_runs_it_has_and_however_it_ended(tmp_path):
    whole = a_trial("whole", [a_run(0), a_run(1), a_run(2)])
    cut = a_trial("cut", [a_run(0)], failure="the server ended")
    nothing = a_trial("nothing", failure="the server never began")
    store = a_store(tmp_path, whole, cut, nothing)
    found = trials(store.runs((*TRIAL, "marks")), store.failures())
    assert sorted(zip(found["trial"], found["status"], found["failure_class"], strict=True)) == [
        ("cut", "failed", "crashed"),
        ("nothing", "failed", "crashed"),
        ("whole", "complete", ""),
    ]
    assert found["recipe"].nunique() == 1, "with and without an engine it is the same recipe"
    assert set(found["product"]) == {"Test GPU"}
    assert set(found["month"]) == {"2026-11"}
    store.compact()
    pd.testing.assert_frame_equal(trials(store.runs((*TRIAL, "marks")), store.failures()), found)


def test_the_rate_has_wilsons_interval_and_leaves_interrupted_ones_out():
    results = [ended(day) for day in range(1, 10)]
    results += [ended(10, "failed", kind="oom"), ended(11, "interrupted", kind="interrupted")]
    (row,) = success(tried(*results), ["product"]).to_dict("records")
    assert (row["trials"], row["complete"], row["failed"], row["interrupted"]) == (11, 9, 1, 1)
    # Wilson by hand: (p + z²/2n ± z√(p(1 − p)/n + z²/4n²)) / (1 + z²/n), p = 0.9, n = 10.
    assert (row["rate"], row["low"], row["high"]) == (
        0.9,
        pytest.approx(0.5958, abs=1e-4),
        pytest.approx(0.9821, abs=1e-4),
    )
    assert row["classes"] == {"oom": 1}
    assert (row["first_night"], row["last_night"]) == ("2026-11-01", "2026-11-11")


def test_nothing_but_interrupted_trials_has_no_rate():
    (row,) = success(tried(ended(1, "interrupted")), ["engine"]).to_dict("records")
    assert (row["rate"], row["low"], row["high"], row["interrupted"]) == (None, None, None, 1)


def test_rates_by_engine_and_host_and_classes_by_how_often():
    results = [
        ended(day, "failed", engine="bad", kind=kind) for day, kind in ((1, "oom"), (2, "crashed"), (3, "crashed"))
    ]
    results += [ended(1, engine="good", host=host) for host in ("a", "b")]
    by_engine = {row["engine"]: row for row in success(tried(*results), ["engine"]).to_dict("records")}
    assert (by_engine["bad"]["rate"], by_engine["good"]["rate"]) == (0, 1)
    assert list(by_engine["bad"]["classes"].items()) == [("crashed", 2), ("oom", 1)]
    assert set(success(tried(*results), ["host"])["host"]) == {"a", "b", "here"}


def test_intervals_hold_the_true_rate_as_often_as_they_say():
    rng = np.random.default_rng(5)
    truth, hits, tries = 0.9, 0, 400
    frame = tried(ended(1))
    for _ in range(tries):
        status = np.where(rng.random(40) < truth, "complete", "failed")
        row = success(frame.loc[[0] * 40].assign(status=status), ["engine"]).iloc[0]
        hits += row["low"] <= truth <= row["high"]
    assert 0.92 <= hits / tries <= 0.98


def test_reproductions_are_no_trials_of_a_night_and_wrong_answers_are_told():
    wrong = replace(ended(2), trial="wrong", runs=tuple(replace(run, marks=(FAILED,)) for run in ended(2).runs))
    results = [ended(1), ended(1, name="again", reproduces="x"), ended(1, "failed", name="bad", reproduces="x"), wrong]
    (row,) = success(tried(*results), ["engine"]).to_dict("records")
    assert (row["trials"], row["complete"], row["failed"], row["wrong"]) == (2, 2, 0, 1)


def test_an_outage_is_from_the_first_failed_night_to_the_next_complete_one():
    assert states(
        ended(1),
        ended(2, "failed"),
        ended(3, "interrupted"),
        ended(5, "failed", version="1.1"),
        ended(8, version="1.2"),
        ended(9, "failed"),
        ended(9, name="later"),
        ended(12, "failed"),
    ) == [
        ("2026-11-02", "recovered", "2026-11-08", 6, 2),
        ("2026-11-09", "recovered", "2026-11-09", 0, 1),
        ("2026-11-12", "still failing", None, None, 1),
    ]
    found = outages(tried(ended(2, "failed", kind="oom"), ended(5, "failed", version="1.1"), ended(8, version="1.2")))
    (row,) = found.to_dict("records")
    assert (row["version"], row["recovered_by"], row["classes"]) == ("1.0", "1.2", ["crashed", "oom"])


def test_another_host_or_engine_mends_nothing():
    assert states(ended(1, "failed", host="a"), ended(1, host="b"), ended(1, engine="other")) == [
        ("2026-11-01", "still failing", None, None, 1)
    ]


def test_what_was_given_up_is_not_called_failing_for_ever():
    assert states(ended(1, "failed"), ended(5, engine="other")) == [("2026-11-01", "not tried again", None, None, 1)]


def test_missing_nights_are_gaps_in_the_usual_distance():
    found = missing_nights(tried(*(ended(day) for day in (1, 2, 3, 6, 7)))).to_dict("records")
    assert [(row["after"], row["before"], row["missed"], row["every_days"]) for row in found] == [
        ("2026-11-03", "2026-11-06", 2, 1)
    ]


def test_a_weekly_grid_misses_weeks_not_days():
    first = date(2026, 11, 2)
    results = [
        replace(one, trial=f"t{week}", attempt=replace(one.attempt, night=f"{first + timedelta(weeks=week)}"))
        for week, one in ((week, ended(1)) for week in (0, 1, 2, 4))
    ]
    (row,) = missing_nights(tried(*results)).to_dict("records")
    assert (row["after"], row["missed"], row["every_days"]) == ("2026-11-16", 1, 7)


def test_a_failed_night_is_not_missing():
    assert missing_nights(tried(ended(1), ended(2), ended(3, "failed"), ended(4))).empty


def test_nothing_gives_nothing():
    none = tried()
    assert none.empty
    assert success(none, ["engine"]).empty
    assert outages(none).empty
    assert missing_nights(none).empty
