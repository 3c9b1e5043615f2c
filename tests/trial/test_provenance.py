"""Every stored result says where its engine, weights, machine and harness come from, or why it can't."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from pathlib import Path

import pytest

import builders
from enginebench import environment
from enginebench.engines import Launch
from enginebench.provision import Prepared, endpoint
from enginebench.provision.models import ReadyModel
from enginebench.records import Accelerator, EndpointProvision, EngineInfo, Result, identify
from enginebench.store import Store
from enginebench.trial import provenance, run_trial
from scripted_night import ScriptedNight

LISTS = {"installed", "environment", "notes", "absent"}
"""Fields of an engine that may be empty and lack nothing."""


def told(result: Result) -> dict[str, object]:
    """What the result says of its provenance; each null has a reason, and nothing else has one."""
    engine, place = result.engine, result.environment
    assert engine is not None
    said = {item.name: getattr(engine, item.name) for item in fields(EngineInfo) if item.name not in LISTS}
    assert set(engine.absent) == {name for name, value in said.items() if value in (None, ())}
    known = {"harness_commit": place.harness_commit, "driver": any(part.get("driver") for part in place.accelerators)}
    lacking = {name for name, value in known.items() if not value}
    assert set(place.absent) - {"accelerators"} == lacking
    assert ("accelerators" in place.absent) == (not place.accelerators)
    assert all(reason.strip() for reason in (*engine.absent.values(), *place.absent.values()))
    assert result.job_id == result.attempt.job.id
    assert place.host
    return said


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    night = ScriptedNight(tmp_path_factory.mktemp("night"))
    assert night.night()[0] == 0
    return night


def test_a_stored_night_of_an_engine_that_was_installed_already(night):
    (result,) = Store(night.store).results()
    said = told(result)
    command = night.folder / "engine"
    assert said["argv"][0] == str(command)
    assert said["digest"] == f"sha256:{hashlib.sha256(command.read_bytes()).hexdigest()}"
    assert said["reported_version"] == "scripted-1"
    assert Path(said["model_path"]).is_dir()
    assert result.engine.absent == {
        "lock_hash": f"{command} was installed already: its versions are not recorded",
        "model_revision": "dummy weights: random, made by the engine",
        "model_hash": "dummy weights: random, made by the engine",
    }
    head = environment.commit(Path(builders.REPOSITORY) / "harness" / "enginebench")
    assert (result.environment.harness_commit is None) == (head is None)
    assert result.environment.absent["driver"] == "the part has none"


def test_the_table_of_that_night_has_its_identity(night):
    (result,) = Store(night.store).results()
    runs = Store(night.store).runs()
    job = result.attempt.job
    found = identify(job.deployment, job.points, result.engine, result.environment)
    assert set(runs["series"]) == {one.series for one in found}
    assert len(set(runs["series"])) == 2
    for name in ("curve", "recipe", "version", "version_label"):
        assert set(runs[name]) == {getattr(found[0], name)}
    assert set(runs["version_label"]) == {"vllm 1.0 (says scripted-1)"}
    assert runs["driver"].isna().all()
    assert runs["model_revision"].isna().all()


def test_a_server_that_runs_already(tmp_path, scripted):
    engine = scripted(ttft_ms=1, itl_ms=1)
    result = at_endpoint(tmp_path, engine.url)
    assert told(result)["reported_version"] == "scripted-1"
    reason = f"a server already running at {engine.url}: not started by enginebench"
    names = ("lock_hash", "digest", "argv", "model_path", "model_hash", "model_revision")
    assert result.engine.absent == dict.fromkeys(names, reason)
    assert [part["vendor"] for part in result.environment.accelerators] == ["cpu"]


def test_a_server_elsewhere_does_not_run_on_the_devices_here(tmp_path, scripted, monkeypatch):
    engine = scripted(ttft_ms=1, itl_ms=1)
    monkeypatch.setattr(endpoint, "serving_pids", lambda url: ())
    result = at_endpoint(tmp_path, engine.url)
    told(result)
    assert result.environment.accelerators == ()
    reason = f"no process of this machine that can be seen serves {engine.url}"
    assert result.environment.absent["accelerators"] == result.environment.absent["driver"] == reason


def at_endpoint(folder: Path, url: str) -> Result:
    """One run on the server at `url`, in this process."""
    workload = builders.a_workload(isl_tokens=12, osl_tokens=6)
    deployment = builders.a_deployment(
        engine_kind="openai",
        vendor="cpu",
        model=builders.a_model(source=builders.DUMMY),
        provision=EndpointProvision(kind="endpoint", url=url),
    )
    point = builders.a_point(workload=workload, load=builders.closed(1), requests=2, warmup_requests=1)
    job = builders.a_job(deployment=deployment, points=(point,), repeats=1)
    return run_trial(builders.an_attempt(job=job), folder / "out", cache=folder, listen=lambda event: None)


def test_an_environment_of_its_own_is_named_by_its_lock():
    installed = ("engine==1.0",)
    absent = {"digest": "an environment is named by its lock hash"}
    prepared = Prepared(executable=Path("e"), python=None, lock_hash="a" * 16, installed=installed, absent=absent)
    ready = ReadyModel(path=Path("m"), revision="0123abc", weights_hash="f" * 64)
    launch = Launch(argv=("e", "serve"), environment={}, health_path="/health", version_path="/version")
    begun = provenance.of_started(prepared, ready, launch, {})
    assert begun.absent == {**absent, "reported_version": "the server was not ready to be asked"}
    for path, version, reason in (
        ("/version", "1.0", None),
        ("/version", None, "/version of the server does not tell it"),
        (None, None, "the engine has no page that tells it"),
    ):
        info = provenance.with_version(begun, path, version)
        assert info.absent.get("reported_version") == reason
        told(builders.a_result(engine=info))


def test_a_driver_is_told_where_there_is_one(monkeypatch):
    gpu = Accelerator(vendor="nvidia", index=0, product="Test GPU", memory_bytes=1, driver="570.86")
    assert "driver" not in environment.describe([gpu]).absent
    bare = environment.describe([]).absent
    assert bare["driver"] == bare["accelerators"] == "no accelerator was found"
    monkeypatch.setattr(environment, "commit", lambda package: None)
    assert environment.describe([gpu]).absent == {
        "harness_commit": "enginebench does not run from a checkout that git can tell of"
    }
