"""The measuring order of a job's runs: forth and back, each run once."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from builders import a_job, a_point, closed
from enginebench.records import Job, RunKey


def job(points: int, repeats: int) -> Job:
    return a_job(points=tuple(a_point(load=closed(at + 1)) for at in range(points)), repeats=repeats)


def order(points: int, repeats: int) -> str:
    return "".join("ABCDEFGH"[key.point] for key in job(points, repeats).run_keys())


def test_points_are_measured_forth_back_and_forth() -> None:
    assert order(3, 2) == "ABCCBA"
    assert order(3, 3) == "ABCCBAABC"
    assert order(1, 3) == "AAA"
    assert order(2, 1) == "AB"


@settings(max_examples=25, deadline=None)
@given(points=st.integers(1, 8), repeats=st.integers(1, 9))
def test_every_run_comes_once_and_repeats_in_order(points: int, repeats: int) -> None:
    keys = job(points, repeats).run_keys()
    assert sorted((key.point, key.repeat) for key in keys) == [
        (point, repeat) for point in range(points) for repeat in range(repeats)
    ]
    assert [key.repeat for key in keys] == sorted(key.repeat for key in keys)


@settings(max_examples=25, deadline=None)
@given(points=st.integers(1, 8), pairs=st.integers(1, 4))
def test_drift_cancels_over_pairs_of_repeats(points: int, pairs: int) -> None:
    keys = job(points, 2 * pairs).run_keys()
    means = {
        point: sum(at for at, key in enumerate(keys) if key.point == point) / (2 * pairs) for point in range(points)
    }
    assert len(set(means.values())) == 1, "each point stands in the middle of the job on average"


def test_the_first_run_is_the_first_repeat_of_the_first_point() -> None:
    assert job(3, 2).run_keys()[0] == RunKey(point=0, repeat=0)
