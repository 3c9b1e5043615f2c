"""`latest` and `nightly` become an exact version with pins, asked of an index by uv and kept."""

from __future__ import annotations

import zipfile

import pytest

from engine_files import engine_text, write_grid
from enginebench import config
from enginebench.errors import UserError
from enginebench.provision import channels, prepare
from provision.package_index import serving
from provision.wheels import write_wheel

CHANNELS = '{distribution: an-engine, leave_out: [cuda-part], nightly_index: "NIGHTLY"}'


def wheel(folder, version, *needs):
    """An engine of that version that requires `needs`."""
    about = f"an_engine-{version}.dist-info"
    lines = "".join(f"Requires-Dist: {need}\n" for need in needs)
    path = write_wheel(folder, "an-engine", version)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files[f"{about}/METADATA"] += lines.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


@pytest.fixture
def nightly(tmp_path):
    """An index of nightly wheels on the loopback interface."""
    with serving(tmp_path / "nightly") as one:
        yield one


@pytest.fixture
def asked(tmp_path, cache, nightly, shelf):
    """What a grid that names these engines comes to: `asked("two@latest")`, on a CPU if no vendor is named."""
    for version in ("1.0", "2.0"):
        wheel(shelf, version, "torch", "helper", "cuda-part")
    for version in ("1.0", "1.1"):
        write_wheel(shelf, "helper", version)
    for version in ("1.0", "1.0+cpu", "1.1"):
        write_wheel(shelf, "torch", version)
    write_wheel(nightly.folder, "other")
    (tmp_path / "engines").mkdir()
    for version in ("1.0", "2.0"):
        pins = f"an-engine=={version}\ntorch==1.0+cpu\nhelper==1.0\n"
        (tmp_path / "engines" / f"pins-{version}.txt").write_text(pins)
    (tmp_path / "engines" / "two.yaml").write_text(
        engine_text(("2.0", "1.0"), channels=CHANNELS.replace("NIGHTLY", nightly.url))
    )

    def ask(*engines, vendor="cpu"):
        grid = write_grid(tmp_path / "grids" / "g.yaml", *engines)
        return channels.follow(config.read_grid(grid), vendor, cache, print).engines

    return ask


def pins(engine):
    return engine.builds["cpu"].provision.pins


def test_a_grid_without_channels_asks_nobody(asked, cache):
    assert {words: engine.version for words, engine in asked("two", "two@1.0").items()} == {
        "two": "2.0",
        "two@1.0": "1.0",
    }
    assert not cache.exists()


def test_the_latest_is_the_listed_version_while_there_is_no_newer(asked):
    found = asked("two", "two@latest")
    assert found["two@latest"] == found["two"]


def test_a_newer_one_is_found_with_pins_as_like_as_can_be(asked, shelf, cache):
    wheel(shelf, "2.1", "torch", "helper", "cuda-part", "new-thing")
    write_wheel(shelf, "new-thing", "3.0")
    (engine,) = asked("two@latest").values()
    assert (engine.name, engine.version, list(engine.builds)) == ("two", "2.1", ["cpu"])
    assert pins(engine) == ("an-engine==2.1", "helper==1.0", "new-thing==3.0", "torch==1.0+cpu")
    assert engine.builds["cpu"].provision.alias.version == "2.1+cpu"
    prepared = prepare(engine.builds["cpu"].provision, cache, print)
    assert "an-engine==2.1" in prepared.installed


def test_what_the_newer_one_cannot_live_with_is_replaced(asked, shelf):
    wheel(shelf, "2.1", "torch", "helper>1.0")
    (engine,) = asked("two@latest").values()
    assert pins(engine) == ("an-engine==2.1", "helper==1.1", "torch==1.0+cpu")


def test_the_pins_of_a_version_are_found_once_so_that_its_job_stays_the_same(asked, shelf):
    wheel(shelf, "2.1", "torch", "helper", "new-thing")
    write_wheel(shelf, "new-thing", "3.0")
    first = asked("two@latest")
    write_wheel(shelf, "new-thing", "3.1")
    assert asked("two@latest") == first


def test_a_release_candidate_is_not_the_latest(asked, shelf):
    wheel(shelf, "3.0rc1", "torch")
    assert asked("two@latest")["two@latest"].version == "2.0"


def test_a_nightly_is_of_its_own_index_and_is_named_exactly(asked, nightly, cache):
    wheel(nightly.folder, "2.2.dev7+g12ab", "torch", "helper")
    wheel(nightly.folder, "2.2.dev6+gffff", "torch", "helper")
    (engine,) = asked("two@nightly").values()
    assert engine.version == "2.2.dev7+g12ab"
    assert pins(engine) == ("an-engine==2.2.dev7+g12ab", "helper==1.0", "torch==1.0+cpu")
    assert engine.builds["cpu"].provision.alias.version == "2.2.dev7+g12ab.cpu"
    assert "an-engine==2.2.dev7+g12ab" in prepare(engine.builds["cpu"].provision, cache, print).installed


def told(asked, words, **more):
    with pytest.raises(UserError) as caught:
        asked(words, **more)
    (mistake,) = caught.value.mistakes
    assert str(mistake).count("\n") == 0
    return str(mistake)


def test_a_version_that_needs_another_torch_is_one_line(asked, shelf, tmp_path):
    wheel(shelf, "2.1", "torch>=1.1")
    words = told(asked, "two@latest")
    assert words.startswith(f"{tmp_path / 'grids' / 'g.yaml'}:3: `two@latest` can't be resolved: uv pip failed: ")
    assert "torch>=1.1" in words
    assert words.endswith("; name a version that two.yaml lists, or list this one there with pins")


def test_an_index_that_has_no_such_engine_is_one_line(asked):
    words = told(asked, "two@nightly")
    assert "`two@nightly` can't be resolved" in words
    assert "an-engine" in words


def test_an_engine_that_is_not_installed_by_us_has_no_channels(asked, tmp_path):
    place = f"{tmp_path / 'grids' / 'g.yaml'}:3"
    assert told(asked, "two@latest", vendor="nvidia") == (
        f"{place}: `two@latest` has no channels on nvidia; name an exact version"
    )


def test_an_engine_without_nightly_wheels_says_so(asked, tmp_path):
    path = tmp_path / "engines" / "two.yaml"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line.partition(", nightly_index")[0] + "}" * ("nightly_index" in line) for line in lines))
    assert "`two@nightly` has no nightly index on cpu; " in told(asked, "two@nightly")


FOLLOW = """
import sys
from pathlib import Path
from enginebench import config
from enginebench.provision import channels

(engine,) = channels.follow(config.read_grid(Path(sys.argv[1])), "cpu", Path(sys.argv[2]), print).engines.values()
print(engine.version, *engine.builds["cpu"].provision.pins)
"""


def test_nights_that_ask_at_once_take_turns_and_find_the_same(asked, nightly, cache, tmp_path, python_process):
    wheel(nightly.folder, "2.2.dev7", "torch", "helper")
    asked("two@latest")
    grid = write_grid(tmp_path / "grids" / "g.yaml", "two@nightly")
    nightly.held = "/simple/an-engine/"
    first = python_process(FOLLOW, grid, cache)
    assert nightly.reached.wait(30)
    second = python_process(FOLLOW, grid, cache)
    assert second.stdout.readline().startswith("waiting for another process")
    nightly.let_go.set()
    answers = {process.communicate(timeout=60)[0] for process in (first, second)}
    assert answers == {"2.2.dev7 an-engine==2.2.dev7 helper==1.0 torch==1.0+cpu\n"}


def test_a_vendor_without_a_build_is_left_to_the_plan(asked):
    assert asked("two@latest", vendor="tpu")["two@latest"].version == "2.0"


@pytest.fixture
def exactly(asked, tmp_path, cache):
    """That version of the engine, by `channels.exact`."""

    def ask(version, vendor="cpu"):
        return channels.exact(version, tmp_path / "engines" / "two.yaml", vendor, cache, print, "--versions")

    return ask


def test_an_exact_version_is_as_listed_or_resolved_as_a_channel_is(exactly, asked, shelf, cache):
    assert exactly("1.0") == asked("two@1.0")["two@1.0"]
    for version in ("1.5", "2.1"):
        wheel(shelf, version, "torch", "helper", "cuda-part")
    assert pins(exactly("1.5")) == ("an-engine==1.5", "helper==1.0", "torch==1.0+cpu")
    assert exactly("2.1") == asked("two@latest")["two@latest"]
    prepared = prepare(exactly("1.5").builds["cpu"].provision, cache, print)
    assert "an-engine==1.5" in prepared.installed


def test_an_exact_nightly_build_comes_from_the_nightly_index(exactly, nightly, cache):
    for build in ("2.2.dev6", "2.2.dev7"):
        wheel(nightly.folder, build, "torch", "helper")
    assert "an-engine==2.2.dev6" in prepare(exactly("2.2.dev6").builds["cpu"].provision, cache, print).installed


def test_an_exact_version_that_cannot_be_had_is_one_line(exactly):
    with pytest.raises(UserError, match=r"^--versions: `two@1\.7` can.t be resolved: uv pip failed: .*; name a"):
        exactly("1.7")
    with pytest.raises(UserError, match=r"^--versions: `two` has no build for tpu; name another engine$"):
        exactly("1.7", "tpu")
    with pytest.raises(UserError, match=r"^--versions: `two@1.7` has no channels on nvidia; name an exact version$"):
        exactly("1.7", "nvidia")
