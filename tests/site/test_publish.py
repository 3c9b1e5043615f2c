"""Publishing: what names the data comes last, a crash leaves what was there, only what was published is removed."""

from __future__ import annotations

import json

import pytest

from enginebench.errors import UserError
from enginebench.site import build, publish
from enginebench.store.place import Place
from s3_server import serving
from stored import a_run, a_store, a_trial, finished


@pytest.fixture
def store(tmp_path):
    return a_store(tmp_path, a_trial("t", [a_run(0)]))


@pytest.fixture
def site(store, tmp_path):
    return build(store, tmp_path / "site").parent


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_files_are_there_as_built_and_a_second_time_changes_nothing(site, tmp_path):
    out = tmp_path / "web"
    done = publish(site, str(out))
    built = files(site)
    assert {name: one for name, one in files(out).items() if name != "data/published.json"} == built
    assert (done.files, done.removed) == (len(built), 0)
    assert done.bytes == sum(map(len, built.values()))
    publish(site, str(out))
    assert {name: one for name, one in files(out).items() if name != "data/published.json"} == built


class Crash(BaseException):
    """Ends a publication where no handler sees it."""


def test_a_reader_never_meets_an_index_without_its_data(site, store, tmp_path, monkeypatch):
    out = tmp_path / "web"
    publish(site, str(out))
    store.ingest(finished(tmp_path / "finished" / "new", a_trial("new", [a_run(1, day=25)], night="2026-11-25")))
    build(store, site)
    before, built, real = files(out), files(site), Place.write
    stops = ["data/trials/2026-11-25/0.js", "data/index.js", "data/stamp.json", "index.html"]
    for stop in stops:

        def write(self, name, content, stop=stop):
            if name == stop:
                raise Crash
            real(self, name, content)

        monkeypatch.setattr(Place, "write", write)
        with pytest.raises(Crash):
            publish(site, str(out))
        now = files(out)
        named = now["data/index.js"]
        assert named in (before["data/index.js"], built["data/index.js"])
        if named == built["data/index.js"]:
            assert {name for name, one in built.items() if now.get(name) != one} <= {"data/stamp.json", "index.html"}
    monkeypatch.setattr(Place, "write", real)
    publish(site, str(out))
    assert {name: one for name, one in files(out).items() if name != "data/published.json"} == built


def test_old_pieces_stay_for_one_more_publication_and_other_files_for_ever(site, store, tmp_path):
    out = tmp_path / "web"
    (site / "data" / "gone.js").write_text("old")
    (site / "data" / "published.json").unlink(missing_ok=True)
    publish(site, str(out))
    publish(site, str(out))
    (out / "CNAME").write_text("bench.example.org")
    (out / "data" / "own.txt").write_text("mine")
    (site / "data" / "gone.js").unlink()
    assert publish(site, str(out)).removed == 0
    assert (out / "data" / "gone.js").exists()
    assert publish(site, str(out)).removed == 1
    assert not (out / "data" / "gone.js").exists()
    assert (out / "CNAME").exists()
    assert (out / "data" / "own.txt").exists()


def test_a_listing_that_leads_elsewhere_removes_nothing_there(site, tmp_path):
    out, victim = tmp_path / "web", tmp_path / "victim.txt"
    victim.write_text("keep")
    publish(site, str(out))
    (out / "data" / "published.json").write_text(json.dumps({"files": [], "before": ["../victim.txt", "/etc/nothing"]}))
    publish(site, str(out))
    assert victim.read_text() == "keep"


def test_the_folder_it_was_built_in_is_no_place_to_publish_to(site):
    with pytest.raises(UserError, match="is where the dashboard was built; name another folder"):
        publish(site, str(site))


def test_an_object_store_holds_every_file_with_its_type(site, monkeypatch):
    with serving() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        import boto3

        publish(site, "s3://bench/web/nightly")
        client = boto3.client("s3", endpoint_url=environment["AWS_ENDPOINT_URL"], region_name="us-east-1")
        listed = client.get_paginator("list_objects_v2").paginate(Bucket="bench", Prefix="web/nightly/")
        there = {one["Key"].removeprefix("web/nightly/") for page in listed for one in page["Contents"]}
        assert there == {*files(site), "data/published.json"}
        kinds = {}
        for name in there:
            found = client.get_object(Bucket="bench", Key=f"web/nightly/{name}")
            kinds[name] = found["ContentType"].split(";")[0]
            if name != "data/published.json":
                assert found["Body"].read() == (site / name).read_bytes()
    assert kinds["index.html"] == "text/html"
    assert kinds["style.css"] == "text/css"
    assert {kinds[name] for name in kinds if name.endswith(".js")} <= {"text/javascript", "application/javascript"}
    assert kinds["data/stamp.json"] == "application/json"
