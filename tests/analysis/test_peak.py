"""From day 0 to the peak: when each share of the best is reached, what sets it, and who leads when."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

import builders
from enginebench.analysis.peak import best_by_night, day_0_to_peak, envelope, leads, reigns
from enginebench.analysis.points import FAILED, summarise_points
from enginebench.store.frames import runs_frame
from stored import CLOSED, OPEN, a_job, a_run, a_trial

TPS, TTFT = "output_tps_per_accelerator", "ttft_mean_ns"
DAY_0 = date(2026, 11, 1)


def a_night(day, value, *, version="1.0", engine="vllm", metric=TPS, spread=0.0, load=CLOSED, marks=(), **attempt):
    """A trial of `day` days after the first with three repeats around `value`, apart by the share `spread`."""
    job = a_job(loads=(load,), version=version)
    job = replace(job, deployment=replace(job.deployment, engine_kind=engine))
    repeats = [a_run(index, marks=marks, **{metric: value * (1 + spread * (index - 1))}) for index in range(3)]
    night = f"{DAY_0 + timedelta(days=day)}"
    found = a_trial(f"{engine}-{day}-{version}-{load.label()}", repeats, night=night, job=job)
    return replace(found, attempt=replace(found.attempt, **attempt))


def best(*results, metric=TPS):
    return best_by_night(summarise_points(runs_frame(results), [metric]), metric)


def only(frame):
    (row,) = frame.to_dict("records")
    return row


def way(*results, metric=TPS):
    return only(day_0_to_peak(best(*results, metric=metric), metric))


def steps(*results, metric=TPS):
    return envelope(best(*results, metric=metric), metric).to_dict("records")


def test_days_and_versions_until_each_share_of_the_best():
    found = way(
        a_night(0, 40, version="1"),
        a_night(2, 49, version="2"),
        a_night(5, 50, version="3"),
        a_night(9, 89, version="4"),
        a_night(10, 91, version="4"),
        a_night(30, 100, version="5"),
        a_night(31, 95, version="6"),
        a_night(32, 96, version="5"),
    )
    assert [(found[f"days_to_{one}"], found[f"versions_to_{one}"]) for one in (50, 90, 100)] == [
        (5, 3),
        (10, 4),
        (30, 5),
    ]
    assert (found["first_night"], found["first"], found["nights"]) == ("2026-11-01", pytest.approx(40), 8)
    assert (found["best_night"], found["value"], found["version_label"]) == ("2026-12-01", pytest.approx(100), "vllm 5")
    assert (found["versions"], found["nights_since"], found["versions_since"]) == (6, 2, 1)


def test_where_less_is_better_the_peak_is_the_lowest():
    nights = [a_night(day, value, metric=TTFT) for day, value in enumerate((250.0, 200.0, 112.0, 111.0, 100.0, 130.0))]
    found = way(*nights, metric=TTFT)
    assert [found[f"days_to_{one}"] for one in (50, 90, 100)] == [1, 3, 4]
    assert found["value"] == pytest.approx(100)
    assert [row["value"] for row in steps(*nights, metric=TTFT)] == pytest.approx([250, 200, 112, 111, 100])


def test_one_night_is_its_own_peak():
    found = way(a_night(0, 7))
    assert [(found[f"days_to_{one}"], found[f"versions_to_{one}"]) for one in (50, 90, 100)] == [(0, 1)] * 3
    assert (found["nights_since"], found["versions_since"]) == (0, 0)


def test_of_several_versions_in_the_reaching_night_only_that_which_reached_counts():
    found = way(a_night(0, 10, version="1"), a_night(1, 100, version="2"), a_night(1, 60, version="3"))
    assert (found["days_to_100"], found["versions_to_100"], found["version_label"]) == (1, 2, "vllm 2")
    assert (found["versions"], found["versions_since"]) == (3, 0)


def test_the_envelope_never_falls_and_names_what_set_each_step():
    found = steps(
        a_night(0, 100, version="1", spread=0.01),
        a_night(1, 80, version="2", spread=0.01),
        a_night(4, 120, version="3", spread=0.01),
        a_night(5, 120, version="4", spread=0.01),
        a_night(6, 121, version="5", spread=0.01),
    )
    assert [(row["day"], row["version_label"]) for row in found] == [(0, "vllm 1"), (4, "vllm 3"), (6, "vllm 5")]
    assert [row["gain"] for row in found[1:]] == pytest.approx([0.2, 1 / 120], rel=1e-3)
    assert found[0]["gain"] is None
    assert [row["sure"] for row in found] == [None, True, False], "a step of 0.8 % at 1 % noise may be luck"


def test_a_step_without_an_interval_is_not_called_sure_or_unsure():
    one = a_trial("a", [a_run(0, **{TPS: 100.0})], night="2026-11-01")
    other = a_trial("b", [a_run(0, **{TPS: 200.0})], night="2026-11-02")
    assert [row["sure"] for row in steps(one, other)] == [None, None]
    assert way(one, other)["days_to_tie"] is None


def test_a_step_by_a_load_that_was_not_measured_before_is_told():
    found = steps(
        a_night(0, 100, load=CLOSED),
        a_night(0, 90, load=OPEN),
        a_night(1, 110, load=OPEN),
        a_night(2, 300, load=builders.closed(64)),
    )
    assert [(row["load"], row["new_load"]) for row in found] == [("c8", False), ("r0.5", False), ("c64", True)]


def test_the_best_of_a_night_is_over_loads_and_names_them():
    found = only(best(a_night(0, 100, load=CLOSED), a_night(0, 130, load=OPEN)))
    assert (found["value"], found["load"], found["loads"]) == (pytest.approx(130), "r0.5", ("c8", "r0.5"))


@pytest.mark.parametrize(
    "out",
    [
        a_night(1, 900, marks=(FAILED,)),
        a_night(1, 900, marks=("client_bound",)),
        a_night(1, 900, reproduces="another"),
    ],
    ids=["wrong answers", "client bound", "reproduction"],
)
def test_what_is_not_eligible_sets_no_best(out):
    found = way(a_night(0, 100), out, a_night(2, 110))
    assert (found["value"], found["nights"], found["days_to_100"]) == (pytest.approx(110), 2, 2)


def test_invalidated_runs_set_no_best():
    runs = runs_frame([a_night(0, 100), a_night(1, 900)])
    runs["invalid"] = np.where(runs["night"] == "2026-11-02", "wrong clock", "")
    found = best_by_night(summarise_points(runs, [TPS]), TPS)
    assert list(found["night"]) == ["2026-11-01"]


def test_the_first_night_as_good_as_the_best_is_found_in_noise():
    """A true step at day 10 under noise: the luckiest night is later, the tie is at the step."""
    rng = np.random.default_rng(6)
    nights = [
        a_night(day, (100 if day < 10 else 150) * float(np.exp(rng.normal(0, 0.005))), spread=0.02) for day in range(40)
    ]
    found = way(*nights)
    assert found["days_to_100"] > 10
    assert (found["days_to_90"], found["days_to_tie"]) == (10, 10)


def test_models_parts_and_workloads_have_each_their_own_way():
    one = a_night(0, 100)
    deployment = one.attempt.job.deployment
    others = [
        replace(one, trial=name, attempt=replace(one.attempt, job=replace(one.attempt.job, deployment=changed)))
        for name, changed in (
            ("two", replace(deployment, devices=2)),
            ("product", replace(deployment, product="Other GPU")),
            ("precision", replace(deployment, precision="fp8")),
            ("model", replace(deployment, model=replace(deployment.model, name="small"))),
        )
    ]
    found = day_0_to_peak(best(one, *others), TPS)
    assert len(found) == 5
    assert set(found["devices"]) == {1, 2}


def test_who_leads_by_night():
    found = leads(
        best(
            a_night(0, 100, engine="vllm", spread=0.01),
            a_night(1, 100, engine="vllm", spread=0.01),
            a_night(1, 150, engine="sglang", spread=0.01),
            a_night(2, 160, engine="vllm", spread=0.1),
            a_night(2, 150, engine="sglang", spread=0.01),
            a_night(2, 10, engine="other", spread=0.01),
            a_night(3, 160, engine="vllm", spread=0.01),
        ),
        TPS,
    ).to_dict("records")
    assert [(row["leader"], row["verdict"], row["level_with"]) for row in found] == [
        ("vllm", "alone", ()),
        ("sglang", "leads", ()),
        ("vllm", "tie", ("sglang",)),
        ("vllm", "alone", ()),
    ], "a night without a figure of an engine takes none from another night"
    assert [row["ratio"] for row in found] == [None, pytest.approx(1.5), pytest.approx(160 / 150, rel=0.01), None]


def test_a_lead_over_the_second_is_none_while_the_interval_of_a_third_meets_it():
    (row,) = leads(
        best(
            a_night(0, 100, engine="a", spread=0.001),
            a_night(0, 95, engine="b", spread=0.001),
            a_night(0, 90, engine="c", spread=0.2),
        ),
        TPS,
    ).to_dict("records")
    assert (row["second"], row["verdict"], row["level_with"]) == ("b", "tie", ("c",))


def test_a_lead_without_an_interval_is_not_proved():
    job = a_job()
    single = a_trial("s", [a_run(0, **{TPS: 500.0})], night=f"{DAY_0}", job=job)
    (row,) = leads(best(single, a_night(0, 100, engine="sglang", spread=0.01)), TPS).to_dict("records")
    assert (row["leader"], row["verdict"]) == ("vllm", "no interval")


def test_the_lowest_leads_where_less_is_better():
    nights = [a_night(0, 100, metric=TTFT, spread=0.01), a_night(0, 50, metric=TTFT, engine="sglang", spread=0.01)]
    (row,) = leads(best(*nights, metric=TTFT), TTFT).to_dict("records")
    assert (row["leader"], row["verdict"], row["ratio"]) == ("sglang", "leads", pytest.approx(0.5, rel=0.01))


def test_consecutive_nights_of_one_outcome_are_one_reign_and_a_tie_has_no_order():
    pairs = [(100, 150), (100, 160), (150, 149), (149, 150), (200, 150)]
    nights = [
        a_night(day, value, engine=engine, spread=0.01)
        for day, both in zip((0, 1, 5, 6, 7), pairs, strict=True)
        for engine, value in zip(("vllm", "sglang"), both, strict=True)
    ]
    found = reigns(leads(best(*nights), TPS)).to_dict("records")
    assert [(row["first_night"], row["last_night"], row["nights"], row["verdict"], row["who"]) for row in found] == [
        ("2026-11-01", "2026-11-02", 2, "leads", "sglang"),
        ("2026-11-06", "2026-11-07", 2, "tie", "sglang, vllm"),
        ("2026-11-08", "2026-11-08", 1, "leads", "vllm"),
    ]
    assert found[0]["ratio"] == pytest.approx(1.55, rel=0.01)


def test_nothing_gives_nothing_with_all_columns():
    none = best()
    assert none.empty
    for found in (day_0_to_peak(none, TPS), envelope(none, TPS), leads(none, TPS), reigns(leads(none, TPS))):
        assert found.empty
        assert "model" in found
