"""What every adapter must hold, whatever its engine: asked alike, caches stated, what is at a URL left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builders import a_deployment, a_model
from enginebench import config, engines
from enginebench.records import EndpointProvision
from enginebench.records.files import to_json
from scripted_night import ScriptedNight
from trial.test_trial import order, run

STARTED = [kind for kind in engines.known() if engines.get(kind).unsupported(a_deployment(vendor="cpu")) is None]
URL = EndpointProvision(kind="endpoint", url="http://127.0.0.1:8000")


def launched(kind, **changes):
    deployment = a_deployment(engine_kind=kind, vendor="cpu", **changes)
    return engines.get(kind).launch(
        deployment, executable=Path("/bin/engine"), model_path=Path("/models/small"), host="127.0.0.1", port=4321
    )


def test_an_adapter_is_started_or_measured_at_a_url():
    assert set(engines.known()) - set(STARTED) == {"openai"}
    assert engines.get("openai").unsupported(a_deployment(provision=URL)) is None


@pytest.mark.parametrize("kind", STARTED)
def test_a_command_says_what_is_served_where(kind):
    launch = launched(kind)
    assert launch.argv[0] == "/bin/engine"
    words = " ".join(launch.argv)
    assert all(word in words for word in ("/models/small", a_model().name, "127.0.0.1", "4321"))
    assert launch.health_path.startswith("/")


@pytest.mark.parametrize("kind", STARTED)
def test_a_command_states_the_prefix_cache_on_or_off(kind):
    on, off = (launched(kind, prefix_cache=value).argv for value in (True, False))
    assert on != off


@pytest.mark.parametrize("kind", STARTED)
def test_the_engines_file_has_the_last_word_on_environment_and_arguments(kind):
    launch = launched(kind, environment={"QUIET": "no"}, arguments={"some-option": "odd value"})
    assert launch.environment["QUIET"] == "no"
    assert "some-option" in " ".join(launch.argv)
    assert "odd value" in " ".join(launch.argv)


@pytest.mark.parametrize("kind", STARTED)
def test_a_started_engine_pins_its_output(kind):
    assert engines.get(kind).pin_output(a_deployment(), 7)


@pytest.mark.parametrize("path", config.shipped("engines").values(), ids=lambda path: path.stem)
def test_what_ships_is_read_and_its_adapter_is_there(path):
    assert config.read_engine(path).kind in engines.known()


def asked_of(kind, folder, scripted):
    """What a server at a URL is asked by the scripted job under the adapter `kind`."""
    engine = scripted(ttft_ms=5, itl_ms=1)
    night = ScriptedNight(folder)
    job = order(night)
    content = json.loads(job.read_text(encoding="utf-8"))
    content["job"]["deployment"] |= {"engine_kind": kind, "provision": json.loads(to_json(URL))}
    content["job"]["deployment"]["provision"]["url"] = engine.url
    content["job"]["points"] = content["job"]["points"][:1]
    content["runs"] = [{"point": 0, "repeat": repeat} for repeat in range(3)]
    job.write_text(json.dumps(content), encoding="utf-8")
    assert run(night, job)[0] == 0
    return [one["asked"] for one in engine.record()["requests"]]


def test_every_engine_is_asked_the_same_in_the_same_order(tmp_path, scripted):
    """Token ids, lengths, sampling: one request in flight, so that the order of arrival is that of sending."""
    seen = {}
    for kind in engines.known():
        (tmp_path / kind).mkdir()
        asked = asked_of(kind, tmp_path / kind, scripted)
        pinned = set(engines.get(kind).pin_output(a_deployment(), 6))
        seen[kind] = [{name: value for name, value in one.items() if name not in pinned} for one in asked]
    first, *others = seen.values()
    assert len(first) == 1 + 1 + 3 * 4
    assert all(one == first for one in others)
    assert all(one["temperature"] == 0 and one["max_tokens"] in (2, 6) for one in first)
