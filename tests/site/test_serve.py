"""Serving: built anew when something was stored and only then; the stamp tells what runs now."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

import builders
from enginebench.site import serve as module
from enginebench.site.serve import Dashboard, Server
from enginebench.trial.workdir import State, Workdir
from made_history import calibration, foreign
from sites import trials
from stored import a_job, a_run, a_store, a_trial, finished


@pytest.fixture
def store(tmp_path):
    return a_store(tmp_path, a_trial("t", [a_run(0)]))


@pytest.fixture
def dashboard(store, tmp_path):
    made = Dashboard(store, tmp_path / "site", tmp_path / "work")
    assert made.refresh()
    return made


@contextmanager
def served(dashboard):
    with Server(dashboard, 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()


def fetched(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read(), answer.headers


def test_it_is_built_anew_for_everything_that_comes_in_and_for_nothing_else(dashboard, store, tmp_path):
    def changed(act):
        act()
        return dashboard.refresh(), dashboard.refresh()

    new = a_trial("new", [a_run(1)])
    assert changed(lambda: None) == (False, False)
    assert changed(lambda: store.ingest(finished(tmp_path / "f" / "new", new))) == (True, False)
    assert set(trials(dashboard.folder)) == {"t", "new"}
    assert changed(lambda: store.ingest(tmp_path / "f" / "new")) == (False, False)
    assert changed(lambda: store.invalidate("new", reason="x", author="y")) == (True, False)
    assert changed(lambda: store.add_calibration(calibration())) == (True, False)
    assert changed(lambda: store.add_foreign(foreign())) == (True, False)
    assert changed(store.compact) == (False, False)


def test_a_trial_that_is_half_copied_in_is_no_change(dashboard, store):
    folder = store.local / "night=2026-11-24" / "trial=half"
    folder.mkdir()
    (folder / "job.json").write_text("{}")
    assert not dashboard.refresh()


def test_pages_and_stamp_are_served_and_kept_by_no_browser(dashboard):
    with served(dashboard) as url:
        page, headers = fetched(f"{url}/index.html")
        assert page == (dashboard.folder / "index.html").read_bytes()
        assert headers["Cache-Control"] == "no-store"
        piece, headers = fetched(f"{url}/data/index.js?2026")
        assert piece == (dashboard.folder / "data" / "index.js").read_bytes()
        assert headers["Content-Type"].split(";")[0] in ("text/javascript", "application/javascript")
        told = json.loads(fetched(f"{url}/data/stamp.json")[0])
        assert (told["serving"], told["live"]) == (True, [])
        assert f'"built_utc":"{told["built_utc"]}"' in piece.decode()
        with pytest.raises(urllib.error.HTTPError, match="404"):
            fetched(f"{url}/../store/manifests")


def test_what_is_measured_now_is_in_the_stamp(dashboard, tmp_path):
    job = a_job()
    state = State(
        trial="t9",
        attempt=builders.an_attempt(job=job),
        environment=builders.an_environment(),
        started_utc="2026-11-24T02:00:00+00:00",
        stage="measure",
    )
    trial = Workdir(tmp_path / "work" / "lab" / "job", state)
    trial.add(a_run(0), [])
    with served(dashboard) as url:
        (row,) = json.loads(fetched(f"{url}/data/stamp.json")[0])["live"]
        assert (row["host"], row["trial"], row["doing"], row["alive"]) == ("lab", "t9", "measuring", True)
        assert (row["runs"], row["asked"]) == (1, len(job.run_keys()))
        trial._lock.close()
        (row,) = json.loads(fetched(f"{url}/data/stamp.json")[0])["live"]
        assert not row["alive"]


def test_results_that_arrive_while_serving_are_built_and_what_cannot_be_built_is_told(
    dashboard, store, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(module, "EVERY_S", 0.01)
    ended, built, failed = threading.Event(), threading.Event(), threading.Event()
    real = dashboard.refresh

    def refresh():
        if not failed.is_set():
            failed.set()
            raise OSError("no space")
        if real():
            built.set()

    dashboard.refresh = refresh
    keeper = threading.Thread(target=dashboard.keep_up, args=(ended,))
    keeper.start()
    try:
        store.ingest(finished(tmp_path / "f" / "new", a_trial("new", [a_run(1)])))
        assert built.wait(30)
    finally:
        ended.set()
        keeper.join()
    assert set(trials(dashboard.folder)) == {"t", "new"}
    assert capsys.readouterr().out == "not built anew: no space\n"


def test_two_builders_at_once_wait_for_each_other(store, tmp_path):
    from enginebench.site import build

    wrong = []

    def make():
        try:
            build(store, tmp_path / "both")
        except OSError as error:
            wrong.append(error)

    builders_ = [threading.Thread(target=make) for _ in range(3)]
    for one in builders_:
        one.start()
    for one in builders_:
        one.join()
    assert wrong == []
    assert set(trials(tmp_path / "both")) == {"t"}
