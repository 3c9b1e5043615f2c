"""A comparison: each verdict, the direction of each metric, what is left out, and what counts for the outcome."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import PchipInterpolator
from scipy.stats import ttest_ind

from enginebench.analysis.compare import Judged, compare, sentenced
from enginebench.analysis.estimate import RAW, Estimate
from enginebench.analysis.points import FAILED
from enginebench.analysis.slices import parse
from enginebench.errors import UserError
from simulated_runs import RATE, SPEED, simulated

A, B = parse("engine_version=1.0"), parse("engine_version=1.1")
TTFT = "ttft_mean_ns"


def of(runs, *metrics, margin=0.02):
    return compare(runs, A, B, metrics=metrics or (RATE,), margin=margin)


def words(rows):
    """Load and metric to verdict."""
    return {(one.load.partition(",")[0], one.metric): one.verdict for one in rows}


def with_values(values, metric, load="c8"):
    """Runs, of one load, whose starts, one repeat each, have these values: of A, of B."""
    runs = simulated(starts=(len(values[0]), len(values[1])), repeats=1)
    runs = runs[runs["load"] == load].reset_index(drop=True)
    runs[metric] = [float(value) for side in values for value in side]
    return runs


def test_a_slower_version_is_worse_in_what_should_be_high_and_in_what_should_be_low():
    found = of(simulated(step=-0.1, start_noise=0.004), RATE, SPEED, TTFT)
    assert set(words(found.curves).values()) == {"worse"}
    assert words(found.curves).keys() == {
        *(("mean over 5 closed loads", name) for name in (RATE, SPEED, TTFT)),
        ("at equal interactivity", RATE),
    }
    assert set(words(found.points).values()) == {"worse"}
    by_metric = {one.metric: one.estimate.ratio for one in found.points}
    assert by_metric[RATE] == pytest.approx(0.9, rel=0.02)
    assert by_metric[TTFT] == pytest.approx(1 / 0.9, rel=0.02)
    assert found.outcome() == "worse"


def test_a_faster_one_is_better_in_both():
    found = of(simulated(step=0.1, start_noise=0.004), RATE, TTFT)
    assert {one.verdict for one in found.judged()} == {"better"}
    assert found.outcome() == "better"


def test_a_difference_within_the_margin_is_no_change():
    runs = simulated(step=-0.01, start_noise=0.001, repeat_noise=0.0, starts=(5, 5))
    found = of(runs, SPEED)
    assert {one.verdict for one in found.judged()} == {"no change"}
    assert found.outcome() == "no change"
    assert of(runs, SPEED, margin=0.004).outcome() == "worse"


def test_a_sure_difference_of_the_margin_itself_is_neither():
    (one,) = of(with_values([(100, 100.01, 99.99), (98.14, 98.15, 98.13)], RATE), margin=0.019).points
    assert (one.verdict, one.why) == ("insufficient", "differs by less than 1.9 %, though that is not sure")


def test_a_point_is_welchs_t_on_logs_of_per_start_means():
    runs = simulated(starts=(3, 4), repeats=5, step=-0.03)
    c8 = runs[runs["load"] == "c8"]
    means = np.log(c8[RATE]).groupby([c8["engine_version"], c8["trial"]]).mean()
    expected = ttest_ind(means["1.1"], means["1.0"], equal_var=False)
    found = next(one for one in of(runs).points if one.load == "c8").estimate
    assert math.log(found.ratio) == pytest.approx(means["1.1"].mean() - means["1.0"].mean())
    assert found.p == pytest.approx(expected.pvalue)
    assert found.df == pytest.approx(expected.df)
    assert math.log(found.low) == pytest.approx(expected.confidence_interval(0.95).low)
    assert math.log(found.high) == pytest.approx(expected.confidence_interval(0.95).high)
    assert (found.n_a, found.n_b) == (3, 4)


def test_throughput_at_equal_interactivity_is_the_mean_between_the_curves_over_what_they_share():
    runs = simulated(start_noise=0.02, step=0.05)
    one = next(one for one in of(runs).curves if one.load.startswith("at equal"))
    curves = {}
    for (version, trial), group in np.log(runs[[SPEED, RATE]]).groupby([runs["engine_version"], runs["trial"]]):
        means = group.groupby(runs["load"]).mean().sort_values(SPEED)
        curves[version, trial] = means[SPEED].to_numpy(), means[RATE].to_numpy()
    low, high = max(x[0] for x, _ in curves.values()), min(x[-1] for x, _ in curves.values())
    grid = np.linspace(low, high, 20_001)
    of_version = {
        version: np.mean([PchipInterpolator(*curves[key])(grid).mean() for key in curves if key[0] == version])
        for version in ("1.0", "1.1")
    }
    assert math.log(one.estimate.ratio) == pytest.approx(of_version["1.1"] - of_version["1.0"], abs=1e-4)
    assert one.load == f"at equal interactivity, {math.exp(low):.4g} to {math.exp(high):.4g} tok/s/user"
    # Each user as fast, and each load's throughput higher: more than the step.
    assert one.estimate.ratio > 1.05


def test_curves_that_share_no_interactivity_have_no_such_ratio():
    runs = simulated(step=3.0)
    one = next(one for one in of(runs).curves if "equal" in one.load)
    assert (one.verdict, one.why) == ("insufficient", "the curves share no range of interactivity")
    assert of(runs).outcome() == "insufficient"


def test_two_loads_are_a_straight_line():
    runs = simulated(start_noise=0.0, repeat_noise=0.0, starts=(2, 2))
    runs = runs[runs["load"].isin(["c4", "c8"])].reset_index(drop=True)
    runs.loc[runs["engine_version"] == "1.1", RATE] *= 1.1
    one = next(one for one in of(runs).curves if "equal" in one.load)
    assert one.estimate.ratio == pytest.approx(1.1)


def test_a_start_without_all_loads_is_left_out_of_the_curve_alone():
    runs = simulated(starts=(4, 4))
    runs = runs[~((runs["trial"] == "0-0") & (runs["load"] == "c1"))]
    found = of(runs)
    assert {(one.estimate.n_a, one.estimate.n_b) for one in found.curves} == {(3, 4)}
    assert {one.load: one.estimate.n_a for one in found.points} == {"c1": 3, "c2": 4, "c4": 4, "c8": 4, "c16": 4}


def test_runs_that_tell_of_others_than_the_engine_are_left_out():
    runs = simulated(step=0.0, start_noise=0.001)
    of_b = runs["engine_version"] == "1.1"
    spoilt = of_b & (runs["repeat"] == 0)
    runs.loc[spoilt, RATE] *= 0.5
    assert of(runs).outcome() == "worse"
    runs["marks"] = [["neighbour", "coarse_events"] if one else [] for one in spoilt]
    found = of(runs)
    assert found.outcome() == "no change"
    assert found.left_out == ("B: 15 of 45 runs left out: neighbour",)
    runs["marks"] = [["client_bound"] if one else [] for one in of_b]
    found = of(runs)
    assert {(one.verdict, one.why) for one in found.points} == {
        ("insufficient", "B: every run is left out: client_bound")
    }
    assert found.outcome() == "insufficient"


def test_invalidated_runs_and_reproductions_are_left_out():
    runs = simulated(step=0.0, start_noise=0.001)
    of_b = runs["engine_version"] == "1.1"
    for column, words in (("invalid", "invalidated"), ("reproduces", "a reproduction")):
        out = of_b & (runs["repeat"] == 0)
        other = runs.assign(**{RATE: runs[RATE].where(~out, runs[RATE] * 0.5)})
        assert of(other).outcome() == "worse"
        empty = pd.Series("" if column == "invalid" else None, index=runs.index, dtype="str")
        found = of(other.assign(**{column: empty.where(~out, "x")}))
        assert found.outcome() == "no change"
        assert found.left_out == (f"B: 15 of 45 runs left out: {words}",)


def test_a_start_that_gave_wrong_answers_takes_its_whole_night_out():
    runs = simulated(step=0.3)
    runs["marks"] = [[FAILED] if trial == "0-3" else [] for trial in runs["trial"]]
    found = of(runs)
    assert {(one.verdict, one.why) for one in found.points} == {("incomparable", "B: the server gave wrong answers")}
    assert (found.curves, found.outcome()) == ((), "incomparable")
    runs.loc[runs["trial"] == "0-3", "night"] = "2026-11-23"
    assert of(runs).points[0].estimate.n_b == 2


def test_what_only_one_slice_has_is_missing_and_does_not_count():
    runs = simulated(step=0.1, start_noise=0.001)
    found = of(runs[(runs["load"] != "c4") | (runs["engine_version"] == "1.0")])
    assert found.matched == 4
    assert [(one.load, one.verdict, one.why) for one in found.points if one.verdict != "better"] == [
        ("c4", "missing", "only in A")
    ]
    assert found.outcome() == "better"
    none = of(runs[(runs["load"] == "c4") == (runs["engine_version"] == "1.0")])
    assert (none.matched, none.outcome()) == (0, "insufficient")


@pytest.mark.parametrize(
    ("values", "verdict", "why"),
    [
        ([(0, 0, 0), (0, 0, 0)], "no change", ""),
        ([(0, 0, 0), (5, 6, 5)], "incomparable", "A is 0: no ratio to it"),
        ([(5, 5.1, 5), (0, 0, 0.1)], "worse", ""),
        ([(math.nan,) * 3, (5, 6, 5)], "missing", "no figure in A"),
        ([(5, 6, 5), (math.nan,) * 3], "missing", "no figure in B"),
        ([(5,), (6, 7)], "insufficient", "an interval needs 2 server starts of each: A has 1, B 2"),
        ([(5, 9, 5), (6, 7, 3)], "insufficient", "the interval holds 1 and more than ±2 %"),
    ],
)
def test_odd_values_have_their_words(values, verdict, why):
    (one,) = of(with_values(values, "goodput_rps"), "goodput_rps").points
    assert (one.verdict, one.why) == (verdict, why)


def test_a_metric_that_neither_side_has_is_no_row():
    assert of(with_values([(math.nan,) * 3] * 2, "goodput_rps"), "goodput_rps").judged() == ()


def test_where_a_value_is_0_the_difference_is_taken_over_the_mean_of_a():
    (one,) = of(with_values([(4.0, 5.0, 6.0), (0.0, 1.0, 2.0)], "goodput_rps"), "goodput_rps").points
    expected = ttest_ind([0.0, 1.0, 2.0], [4.0, 5.0, 6.0], equal_var=False)
    assert one.estimate.method == RAW
    assert one.estimate.ratio == pytest.approx(0.2)
    assert one.estimate.p == pytest.approx(expected.pvalue)
    less = ttest_ind([0.0, 1.0, 2.0], [3.9, 4.9, 5.9], equal_var=False, alternative="greater").pvalue
    assert one.estimate.p_equivalent == pytest.approx(less)
    assert one.estimate.low == pytest.approx(1 + expected.confidence_interval(0.95).low / 5)


def test_a_start_of_which_one_repeat_is_0_has_no_mean_of_logs():
    runs = simulated(repeats=2)
    runs = runs[runs["load"] == "c8"].reset_index(drop=True)
    runs["goodput_rps"] = 5.0 + runs["start"] / 10
    runs.loc[0, "goodput_rps"] = 0.0
    (one,) = of(runs, "goodput_rps").points
    assert one.estimate.method == RAW
    assert one.estimate.ratio == pytest.approx((5.3 + 5.4 + 5.5) / (2.5 + 5.1 + 5.2))


def a_row(p, ratio=1.1):
    found = Estimate(ratio=ratio, low=1.01, high=1.2, p=p, p_equivalent=1.0, df=4.0, n_a=3, n_b=3)
    return Judged(
        kind="point",
        subject="s",
        curve="",
        load="c1",
        metric=RATE,
        verdict="missing",
        why="",
        estimate=found,
        p_adjusted=None,
    )


def test_p_of_many_is_corrected_by_benjamini_and_hochberg():
    rows = sentenced([a_row(0.006), a_row(0.5)], 0.02)
    assert [one.p_adjusted for one in rows] == [pytest.approx(0.012), 0.5]
    assert rows[0].verdict == "insufficient"
    assert rows[0].why == "p is above 0.01"
    assert sentenced([a_row(0.006), a_row(0.009)], 0.02)[0].verdict == "better"
    assert sentenced([], 0.02) == ()


def test_a_slice_without_runs_and_a_run_in_both_are_mistakes():
    runs = simulated()
    with pytest.raises(UserError, match="slice `load=c9`: no run in the store is of it; see "):
        compare(runs, A, parse("load=c9"), metrics=[RATE])
    with pytest.raises(UserError, match=r"run 0-0.c1.0 is in both; name slices that share no run"):
        compare(runs, A, parse("load=c1"), metrics=[RATE])


def test_neither_the_order_of_runs_nor_of_slices_changes_a_verdict():
    runs = simulated(2, step=-0.05)
    assert of(runs) == of(runs.sample(frac=1, random_state=1))
    there, back = of(runs), compare(runs, B, A, metrics=[RATE])
    turned = {"worse": "better", "better": "worse"}
    assert [one.verdict for one in back.judged()] == [turned.get(one.verdict, one.verdict) for one in there.judged()]
    assert [one.estimate.ratio for one in back.points] == [
        pytest.approx(1 / one.estimate.ratio) for one in there.points
    ]


def test_a_point_on_no_curve_counts_and_one_on_a_curve_does_not():
    runs = simulated(start_noise=0.0, repeat_noise=0.001, starts=(4, 4))
    noisy = runs["load"] == "c16"
    # Up at one start and down at the next, the same on both sides: unsure, and the mean over five loads is not.
    runs.loc[noisy, SPEED] *= np.exp(0.03 * np.where(runs["start"][noisy] % 2, 1, -1))
    found = of(runs, SPEED)
    assert words(found.points)["c16", SPEED] == "insufficient"
    assert found.outcome() == "no change"
    runs["load_kind"] = np.where(noisy, "open", "closed")
    assert of(runs, SPEED).outcome() == "insufficient"


def test_loads_are_told_from_the_lowest_up_open_ones_last():
    runs = simulated()
    runs["load_kind"] = np.where(runs["load"] == "c2", "open", "closed")
    shuffled = runs.sample(frac=1, random_state=3)
    assert [one.load for one in of(shuffled).points] == ["c1", "c4", "c8", "c16", "c2"]


def test_two_recipes_that_read_alike_are_told_apart():
    runs = simulated(2)
    runs["workload"] = "same"
    subjects = {one.subject for one in of(runs).curves}
    assert len(subjects) == 2
    assert all(" (curve " in one for one in subjects)
