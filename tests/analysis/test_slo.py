"""Whether a point keeps limits: by stored percentiles, with bounds that are certain, and by its requests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import builders
from enginebench.analysis.limit import breaks
from enginebench.analysis.points import summarise_points
from enginebench.analysis.slo import joint_share, judge, keeps, requests_of
from enginebench.records import Limit, Objective
from enginebench.store.frames import runs_frame
from enginebench.tables import write_requests
from stored import a_run, a_store, a_trial

MS = 1_000_000
TTFT, TPOT = Limit(metric="ttft", at_most_ns=200 * MS), Limit(metric="tpot", at_most_ns=20 * MS)


def an_objective(*limits, joint=None):
    return Objective(name="ours", limits=limits or (TTFT, TPOT), goodput_share=joint)


def a_point(success=1.0, **ms):
    """A point whose percentiles are given in ms, all requests counted."""
    return {"success_share": success, **{f"{name}_all_ns": value * MS for name, value in ms.items() if value}}


def a_table(*requests):
    """Rows of a table of requests: TTFT, TPOT in ms and output tokens; None: it failed."""
    rows = []
    for one in requests:
        if one is None:
            rows.append(("http_error", 0, None, None, None))
            continue
        ttft, tpot, tokens = one
        rows.append(("ok", 0, ttft * MS, ttft * MS + tpot * MS * (tokens - 1), tokens))
    names = ["status", "sent_ns", "first_token_ns", "last_token_ns", "output_tokens"]
    return pd.DataFrame(rows, columns=names).astype(dict.fromkeys(names[1:], "Int64"))


def test_limits_one_by_one():
    point = a_point(ttft_p50=50, ttft_p90=100, ttft_p99=199, tpot_p50=10, tpot_p90=12, tpot_p99=20)
    found = judge(point, an_objective())
    assert (found.verdict, found.evidence, found.words, found.broken) == ("passed", "percentiles", "", ())
    # Two limits at p99 each: 98 % keep both at least; what is over p99 nobody knows.
    assert (found.joint_low, found.joint_high) == (pytest.approx(0.98), 1.0)


def test_what_is_broken_says_by_how_much():
    found = judge(a_point(ttft_p50=50, ttft_p90=150, ttft_p99=250, tpot_p99=15), an_objective())
    assert (found.verdict, found.words) == ("failed", "ttft p99 is 250 ms, 1.25 times the limit of 200 ms")
    assert [one.limit for one in found.broken] == [TTFT]
    assert (found.joint_low, found.joint_high) == (pytest.approx(0.89), 0.99)


def test_a_lower_percentile_over_the_limit_breaks_it_too():
    found = judge(a_point(ttft_p50=300, tpot_p50=15), an_objective())
    assert (found.verdict, found.words) == ("failed", "ttft p50 is 300 ms, 1.5 times the limit of 200 ms")


def test_a_higher_percentile_within_it_keeps_a_share_that_is_not_stored():
    limit = Limit(metric="ttft", at_most_ns=200 * MS, share=0.95)
    assert judge(a_point(ttft_p90=100, ttft_p99=150), an_objective(limit)).verdict == "passed"
    assert judge(a_point(ttft_p90=250, ttft_p99=350), an_objective(limit)).verdict == "failed"
    found = judge(a_point(ttft_p90=100, ttft_p99=350), an_objective(limit))
    assert (found.verdict, found.sure) == ("undecided", False)
    assert "percentiles are stored at p50, p90, p99" in found.words


def test_a_percentile_that_is_not_there_is_not_kept_nor_broken():
    found = judge(a_point(ttft_p50=50, ttft_p90=100, tpot_p99=15), an_objective())
    assert found.verdict == "undecided"
    assert "ttft p99 is not known" in found.words
    assert (found.joint_low, found.joint_high) == (pytest.approx(0.89), 1.0)


def test_failed_requests_break_a_limit_though_the_percentile_is_null():
    found = judge(a_point(success=0.97, ttft_p50=50, tpot_p50=10), an_objective())
    assert (found.verdict, found.sure, found.joint_high) == ("failed", True, 0.97)
    assert found.words.startswith("only 97 % of the requests ended well; 99 % are to keep ttft <= 200 ms")


def test_a_figure_that_some_runs_lack_tells_nothing():
    point = a_point(ttft_p99=100, tpot_p99=10) | {"success_share_n": 3, "ttft_p99_all_ns_n": 2, "tpot_p99_all_ns_n": 3}
    assert judge(point, an_objective()).verdict == "undecided"


def test_sure_are_intervals_on_one_side():
    point = a_point(ttft_p99=150)
    assert not judge(point, an_objective(TTFT)).sure
    assert judge(point | {"ttft_p99_all_ns_high": 190 * MS}, an_objective(TTFT)).sure
    assert not judge(point | {"ttft_p99_all_ns_high": 210 * MS}, an_objective(TTFT)).sure
    bad = a_point(ttft_p99=250)
    assert judge(bad | {"ttft_p99_all_ns_low": 210 * MS}, an_objective(TTFT)).sure
    assert not judge(bad | {"ttft_p99_all_ns_low": 190 * MS}, an_objective(TTFT)).sure


def test_all_limits_at_once_by_percentiles_are_bounds():
    point = a_point(ttft_p90=100, ttft_p99=199, tpot_p90=12, tpot_p99=25)
    assert judge(point, an_objective(joint=0.89)).verdict == "passed"
    assert judge(point, an_objective(joint=0.995)).verdict == "failed"
    found = judge(point, an_objective(joint=0.95))
    assert found.verdict == "undecided"
    assert found.words == "between 89 and 99 % of the requests keep all limits at once; 95 % are asked for"


def test_by_requests_the_share_is_exact():
    table = a_table(*[(100, 10, 10)] * 90, *[(300, 10, 10)] * 5, *[(100, 30, 10)] * 4, None)
    found = judge(a_point(), an_objective(joint=0.9), table)
    assert (found.verdict, found.evidence, found.sure) == ("passed", "requests", False)
    # Wilson's interval of 90 of 100, by its formula.
    z, n, p = 1.959964, 100, 0.9
    middle, half = (p + z**2 / 2 / n) / (1 + z**2 / n), z * np.sqrt(p * (1 - p) / n + z**2 / 4 / n**2) / (1 + z**2 / n)
    assert (found.joint_low, found.joint_high) == (pytest.approx(middle - half), pytest.approx(middle + half))
    one_by_one = judge(a_point(), an_objective(), table)
    assert one_by_one.words.startswith("94 of 100 requests keep ttft <= 200 ms; 99 % are asked for; 95 of 100")
    assert [one.limit.metric for one in one_by_one.broken] == ["ttft", "tpot"]
    missed = judge(a_point(), an_objective(joint=0.91), table)
    assert missed.words == "90 of 100 requests keep all limits at once; 91 % are asked for"


def test_no_requests_leave_it_to_the_percentiles():
    assert joint_share(a_table(), (TTFT,)) is None
    assert judge(a_point(ttft_p99=100), an_objective(TTFT), a_table()).evidence == "percentiles"


_MS = st.one_of(st.none(), st.integers(1, 400))


@given(
    st.lists(
        st.tuples(_MS, _MS, st.one_of(st.none(), st.integers(0, 5)), st.sampled_from(["ok", "timeout"])), max_size=9
    )
)
def test_a_request_keeps_what_it_does_not_break(tmp_path_factory, rows):
    requests = [
        builders.a_request(
            index=index,
            first_token_ns=None if ttft is None else ttft * MS,
            last_token_ns=None if ttft is None or more is None else (ttft + more) * MS,
            event_ns=(),
            output_tokens=tokens,
            status=status,
        )
        for index, (ttft, more, tokens, status) in enumerate(rows)
    ]
    path = tmp_path_factory.mktemp("t") / "requests.parquet"
    write_requests(requests, path)
    table = pd.read_parquet(path)
    for metric in ("ttft", "tpot", "e2el"):
        limit = Limit(metric=metric, at_most_ns=150 * MS)
        assert list(keeps(table, limit)) == [not breaks(one, limit) for one in requests]


_TIMES = st.lists(st.tuples(st.integers(1, 400), st.integers(1, 40)), min_size=1, max_size=200)


@given(times=_TIMES)
def test_the_true_share_lies_between_the_bounds(times):
    table = a_table(*[(ttft, tpot, 11) for ttft, tpot in times])
    stored = {}
    for name, values in (("ttft", [one[0] for one in times]), ("tpot", [one[1] for one in times])):
        for share, short in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99")):
            stored[f"{name}_{short}_all_ns"] = sorted(values)[int(np.ceil(share * len(values))) - 1] * MS
    found = judge({"success_share": 1.0, **stored}, an_objective(joint=0.5))
    exact = joint_share(table, (TTFT, TPOT))
    assert found.joint_low - 1e-9 <= exact.share <= found.joint_high + 1e-9
    if found.verdict != "undecided":
        assert (exact.share >= 0.5) == (found.verdict == "passed")


def test_the_requests_of_a_point_are_those_of_its_runs(tmp_path):
    spoilt = a_run(1, marks=("neighbour",), output_tps_per_accelerator=1.0)
    first = a_trial("a", [a_run(0, output_tps_per_accelerator=1.0), spoilt])
    store = a_store(tmp_path, first, a_trial("b", [a_run(0)], night="2026-11-25"))
    runs = store.runs()
    points = summarise_points(runs).to_dict("records")
    found = [requests_of(point, runs, store.requests) for point in points]
    assert [set(table["run"]) for table in found] == [{"a.0.0"}, {"b.0.0"}]
    assert requests_of(points[0], runs, lambda trial: store.requests(trial).iloc[:0]) is None
    assert runs_frame([first]).shape[0] == 2
