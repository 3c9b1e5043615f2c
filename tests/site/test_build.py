"""Building the dashboard's folder: complete, the same for the same store, and never half there."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enginebench.site import build
from enginebench.site.chunks import script_safe
from sites import piece, trials
from stored import CLOSED, OPEN, a_job, a_run, a_store, a_trial, finished

TPS = "output_tps_per_accelerator"


@pytest.fixture
def store(tmp_path):
    job = a_job(loads=(CLOSED, OPEN))
    return a_store(tmp_path, a_trial("t", [a_run(0, goodput_rps=0.0), a_run(1, point=1)], job=job))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "site"


def data(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.js")}


def test_all_files_are_there_and_nothing_is_left_aside(store, out):
    assert build(store, out) == out / "index.html"
    assert {"app.js", "data", "index.html", "pages", "parts", "style.css", "vendor"} == {p.name for p in out.iterdir()}
    build(store, out)
    assert [path.name for path in out.parent.iterdir() if path.name.startswith("site")] == ["site"]


def test_the_page_loads_only_files_of_its_folder(store, out):
    page = build(store, out).read_text()
    sources = [part.split('"')[0] for part in page.split('src="')[1:] + page.split('rel="stylesheet" href="')[1:]]
    assert sources
    assert all((out / source).is_file() for source in sources)
    assert "default-src 'none'" in page
    assert "unsafe" not in page


def test_an_empty_store_builds(tmp_path, out):
    build(a_store(tmp_path), out)
    index = piece(out, "index")
    assert (index["models"], index["nights"], index["newest_utc"]) == ([], [], None)


def test_the_same_store_gives_the_same_data_but_for_the_time(store, out):
    build(store, out)
    build(store, out.with_name("other"))
    first, second = data(out / "data"), data(out.with_name("other") / "data")
    assert set(first) == set(second)
    assert [name for name in first if first[name] != second[name]] in ([], ["index.js"])
    one, other = piece(out, "index"), piece(out.with_name("other"), "index")
    assert one | {"built_utc": ""} == other | {"built_utc": ""}


def test_what_a_trial_says_cannot_end_the_script(tmp_path, out):
    words = "</script><script>alert(1)</script><!-- \u2028 \u2029"
    build(a_store(tmp_path, a_trial("bad", failure=words)), out)
    for text in data(out / "data").values():
        assert not {"<", "\u2028", "\u2029"} & set(text.decode())
    (night,) = piece(out, "index")["nights"]
    assert night["failed"][0]["message"] == words
    assert piece(out, f"trials/{night['night']}/0")["bad"]["failure"]["message"] == words


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.sampled_from('<>/!-\\"\n\u2028\u2029é😀sc')), max_size=5))
def test_a_safe_script_means_the_same(value):
    for ascii_only in (True, False):
        safe = script_safe(json.dumps(value, ensure_ascii=ascii_only))
        assert json.loads(safe) == value
        assert not {"<", "\u2028", "\u2029"} & set(safe)


def test_the_same_points_lie_there_for_scripts_in_the_units_of_the_pages(tmp_path, out):
    build(a_store(tmp_path, a_trial("t", [a_run(0, ttft_mean_ns=37_500_000.0, **{TPS: 100.0})])), out)
    (point,) = pd.read_parquet(out / "data" / "points.parquet").to_dict("records")
    assert (point["ttft_mean_ns"], point[TPS]) == pytest.approx((37.5, 100.0))


class Crash(BaseException):
    """Ends a build where no handler of errors sees it."""


@pytest.fixture
def crash(store, out):
    """Builds `store` until just before the `count`th call of Path's method `name`."""

    def build_until(name, count):
        real, calls = getattr(Path, name), []

        def call(self, *arguments, **options):
            calls.append(self)
            if len(calls) == count:
                raise Crash
            return real(self, *arguments, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, name, call)
            with pytest.raises(Crash):
                build(store, out)

    return build_until


@pytest.fixture
def old(tmp_path, store, out):
    """The files of a dashboard that was built before a trial came in."""
    build(store, out)
    store.ingest(finished(tmp_path / "finished" / "new", a_trial("new", [a_run(1)])))
    return files(out)


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_builds_anew(store, out):
    build(store, out)
    assert set(trials(out)) == {"t", "new"}
    assert [path.name for path in out.parent.iterdir() if path.name.startswith("site")] == ["site"]


@pytest.mark.parametrize(("name", "count"), [("mkdir", 1), ("write_text", 1), ("write_text", 2), ("rename", 1)])
def test_a_crash_leaves_the_old_dashboard_and_the_next_build_makes_the_new_one(store, out, old, crash, name, count):
    crash(name, count)
    assert files(out) == old
    assert_builds_anew(store, out)


def test_after_a_crash_between_the_renames_the_next_build_puts_the_old_dashboard_back_first(store, out, old, crash):
    crash("rename", 2)
    assert not out.exists()
    crash("write_text", 1)
    assert files(out) == old
    assert_builds_anew(store, out)
