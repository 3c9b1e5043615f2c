"""Building the dashboard's folder: complete, the same for the same store, and never half there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enginebench.site import build
from enginebench.site.build import script_safe
from stored import CLOSED, OPEN, a_job, a_run, a_store, a_trial, finished

FILES = ["app.js", "data.js", "data.json", "index.html", "plotly.min.js", "style.css"]


@pytest.fixture
def store(tmp_path):
    job = a_job(loads=(CLOSED, OPEN))
    return a_store(tmp_path, a_trial("t", [a_run(0, goodput_rps=0.0), a_run(0, point=1)], job=job))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "site"


def test_all_files_are_there_and_nothing_is_left_aside(store, out):
    assert build(store, out) == out / "index.html"
    assert sorted(path.name for path in out.iterdir()) == FILES
    build(store, out)
    assert [path.name for path in out.parent.iterdir() if path.name.startswith("site")] == ["site"]


def test_the_page_loads_only_files_of_its_folder(store, out):
    page = build(store, out).read_text()
    assert "http" not in page
    for name in ("app.js", "data.js", "plotly.min.js", "style.css"):
        assert f'"{name}"' in page


def test_an_empty_store_builds(tmp_path, out):
    build(a_store(tmp_path), out)
    assert json.loads((out / "data.json").read_text())["points"] == []


def test_the_same_store_gives_the_same_data(store, out):
    build(store, out)
    before = (out / "data.json").read_bytes()
    build(store, out.with_name("other"))
    assert out.with_name("other").joinpath("data.json").read_bytes() == before


def test_the_data_have_no_nan_and_the_script_holds_the_same(store, out):
    build(store, out)
    data = json.loads((out / "data.json").read_text(), parse_constant=pytest.fail)
    script = (out / "data.js").read_text()
    assert script.startswith("window.ENGINEBENCH = ")
    assert json.loads(script.removeprefix("window.ENGINEBENCH = ").removesuffix(";\n")) == data


def test_what_a_trial_says_cannot_end_the_script(tmp_path, out):
    words = "</script><script>alert(1)</script><!-- \u2028 \u2029"
    build(a_store(tmp_path, a_trial("bad", failure=words)), out)
    script = (out / "data.js").read_text()
    assert not {"<", "\u2028", "\u2029"} & set(script)
    data = json.loads(script.removeprefix("window.ENGINEBENCH = ").removesuffix(";\n"))
    assert data["trials"][0]["failure"]["message"] == words


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.sampled_from('<>/!-\\"\n\u2028\u2029é😀sc')), max_size=5))
def test_a_safe_script_means_the_same(value):
    for ascii_only in (True, False):
        safe = script_safe(json.dumps(value, ensure_ascii=ascii_only))
        assert json.loads(safe) == value
        assert not {"<", "\u2028", "\u2029"} & set(safe)


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
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_builds_anew(store, out):
    build(store, out)
    assert len(json.loads((out / "data.json").read_text())["trials"]) == 2
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
