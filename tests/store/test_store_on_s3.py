"""The store on an object store, by the same code: a real S3 server on loopback."""

from __future__ import annotations

import itertools
import os
import socket

import fsspec
import pandas as pd
import pytest

import s3_server
from enginebench.errors import UserError
from enginebench.store import Ingested, Store
from scripted_night import RUNS, ScriptedNight
from stored import a_run, a_trial, finished

# One server for all of them.
pytestmark = pytest.mark.xdist_group("s3")
TPS = "output_tps_per_accelerator"
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def server():
    with s3_server.serving() as environment:
        yield environment


@pytest.fixture
def place(server, monkeypatch):
    """A prefix of its own, reached with the options that the environment would give."""
    options = {"endpoint_url": server["AWS_ENDPOINT_URL"], "key": "test", "secret": "test"}
    monkeypatch.setitem(fsspec.config.conf, "s3", options)
    return f"s3://bench/some/where{next(NUMBERS)}"


def test_trials_are_taken_in_compacted_and_collected_there_as_in_a_folder(place, tmp_path):
    here, there = Store(tmp_path / "store"), Store(place)
    assert not there.place.exists()
    assert there.runs().empty
    results = [
        a_trial("a", [a_run(0, **{TPS: 12.5}), a_run(1, marks=("stolen",))]),
        a_trial("b", [], failure="the server ended"),
        a_trial("c", [a_run(0, day=25)], night="2026-11-25"),
    ]
    for result in results:
        folder = finished(tmp_path / result.trial, result)
        assert there.ingest(folder) == here.ingest(folder) == Ingested(trial=result.trial, taken=True)
        assert there.ingest(folder) == Ingested(trial=result.trial, taken=False)
    assert there.place.exists()

    def same():
        assert list(there.results()) == results
        pd.testing.assert_frame_equal(there.runs(), here.runs())
        pd.testing.assert_frame_equal(there.failures(), here.failures())
        pd.testing.assert_frame_equal(there.requests("a"), here.requests("a"))
        pd.testing.assert_frame_equal(there.runs(columns=[TPS], trial="a"), here.runs(columns=[TPS], trial="a"))

    same()
    assert there.compact().trials == 3
    same()
    assert len(there.collect(older_than_s=-60)) == 3, "the folders"
    assert not [one.name for one in there.place.find("") if one.name.startswith("night=")]
    same()
    there.fetch("a", tmp_path / "again")
    assert (tmp_path / "again" / "server.log").read_text() == "ready\n"


def test_of_two_that_make_one_file_one_does(place):
    first, second = Store(place).place, Store(place).place
    assert first.create("manifests/1", b"first") is True
    assert second.create("manifests/1", b"second") is False
    assert second.read("manifests/1") == b"first"
    first.remove("manifests/1")
    first.remove("manifests/1")
    with pytest.raises(FileNotFoundError):
        second.read("manifests/1")


def test_an_edited_copy_is_refused(place, tmp_path):
    folder = finished(tmp_path / "a", a_trial("a", [a_run(0)]))
    Store(place).ingest(folder)
    path = folder / "result.json"
    path.write_text(path.read_text().replace('"duration_ns": 3000000000', '"duration_ns": 2000000000'))
    with pytest.raises(UserError, match="trial a is stored with other content"):
        Store(place).ingest(folder)


def test_a_night_measures_into_it(server, tmp_path, monkeypatch):
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    night = ScriptedNight(tmp_path, place=f"s3://bench/nights{os.getpid()}")
    code, output, errors = night.night()
    assert (code, errors) == (0, "")
    assert f"{RUNS} runs measured now; {RUNS} of this grid in {night.place}" in output
    assert not night.store.exists()
    code, output, _ = night.night()
    assert code == 0
    assert f"0 runs due in 0 server starts, {RUNS} fresh enough to keep" in output


def test_a_bucket_that_is_not_there_is_an_empty_store_and_a_server_that_is_not_there_is_told(place, monkeypatch):
    assert list(Store("s3://nobucket/x").results()) == []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        quick = {"connect_timeout": 1, "retries": {"max_attempts": 1}}
        monkeypatch.setitem(fsspec.config.conf, "s3", {"endpoint_url": url, "config_kwargs": quick, "anon": True})
        with pytest.raises(UserError) as told:
            Store("s3://bench/x").runs()
    assert str(told.value).startswith("s3://bench/x: the object store cannot be used: Could not connect")
    assert str(told.value).count("\n") == 0


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("gs://bucket/x", r"gs://bucket/x: no package for `gs://` is installed; pip install 'enginebench\[gs\]'"),
        ("az://bucket/x", r"az://bucket/x: no package for `az://` is installed; pip install 'enginebench\[az\]'"),
        ("nonsense://x", "nonsense://x: Protocol not known: nonsense; name a folder, or a URL as s3://bucket/results"),
    ],
)
def test_what_cannot_be_opened_is_told_with_its_remedy(url, words):
    with pytest.raises(UserError, match=words):
        Store(url)
