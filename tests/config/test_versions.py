"""Versions side by side: an engine's file lists them, a grid names one, and each is read with its own pins."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine_files import engine_text, write_grid
from enginebench import config
from enginebench.errors import UserError
from enginebench.records import Overlay, VenvProvision

VERSIONS = ("2.0.0", "1.0.0")
STAND_INS = "[{name: Stand-ins, folder: parts, reason: there is no other}]"


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """An engine of two versions that shares a file of pins by template, with a stand-in beside it."""
    folder = tmp_path / "engines"
    (folder / "parts" / "deep").mkdir(parents=True)
    (folder / "parts" / "kernels.py").write_text("A = 1\n")
    (folder / "parts" / "deep" / "more.txt").write_text("b\n")
    (folder / "parts" / "__pycache__").mkdir()
    (folder / "parts" / "__pycache__" / "kernels.pyc").write_bytes(b"\xff")
    (folder / "pins-2.0.0.txt").write_text("engine=={version}\ntorch==2.2\n")
    (folder / "pins-1.0.0.txt").write_text("engine=={version}\ntorch==2.1\n")
    (folder / "two.yaml").write_text(engine_text(VERSIONS, overlays=STAND_INS))
    return folder / "two.yaml"


def read(grid: Path, *engines: str, more: str = "") -> config.ResolvedGrid:
    return config.read_grid(write_grid(grid, *engines, more=more))


def environment(engine: Path, version: str | None = None) -> VenvProvision:
    provision = config.read_engine(engine, version).builds["cpu"].provision
    assert isinstance(provision, VenvProvision)
    return provision


def test_the_first_version_is_the_newest_and_any_other_is_read_by_name(engine: Path) -> None:
    assert config.engine_versions(engine) == ("2.0.0", "1.0.0")
    assert config.read_engine(engine).version == "2.0.0"
    assert config.read_engine(engine, "1.0.0").version == "1.0.0"


def test_each_version_has_pins_and_metadata_of_its_own(engine: Path) -> None:
    assert environment(engine).pins == ("engine==2.0.0", "torch==2.2")
    old = environment(engine, "1.0.0")
    assert (old.requirements, old.pins) == ("pins-1.0.0.txt", ("engine==1.0.0", "torch==2.1"))
    assert old.alias is not None
    assert old.alias.version == "1.0.0+cpu"


def test_a_version_that_is_not_listed_is_told_with_those_that_are(engine: Path) -> None:
    with pytest.raises(UserError) as caught:
        config.read_engine(engine, "1.0.1")
    assert str(caught.value).startswith(f"{engine}:2: no version `1.0.1`; did you mean `1.0.0`? known: ")


def test_pins_that_are_given_make_a_version_of_these_builds_alone(engine: Path) -> None:
    nightly = config.read_engine(engine, "2.1.dev3+g12ab", {"cpu": ["engine==2.1.dev3+g12ab"]})
    assert (nightly.version, list(nightly.builds)) == ("2.1.dev3+g12ab", ["cpu"])
    provision = nightly.builds["cpu"].provision
    assert isinstance(provision, VenvProvision)
    assert provision.pins == ("engine==2.1.dev3+g12ab",)
    assert provision.alias is not None
    assert provision.alias.version == "2.1.dev3+g12ab.cpu", "a version has one + at most"


def test_stand_ins_are_read_in_so_that_whatever_is_made_of_them_changes_with_them(engine: Path) -> None:
    (one,) = environment(engine).overlays
    assert one == Overlay(
        name="Stand-ins",
        folder="parts",
        reason="there is no other",
        files={"deep/more.txt": "b\n", "kernels.py": "A = 1\n"},
    )
    (engine.parent / "parts" / "kernels.py").write_text("A = 2\n")
    assert environment(engine).overlays != (one,)


def test_stand_ins_that_are_not_there_are_told(engine: Path) -> None:
    engine.write_text(engine_text(VERSIONS, overlays=STAND_INS.replace("parts", "none")))
    with pytest.raises(UserError) as caught:
        config.read_engine(engine)
    assert str(caught.value) == f"{engine}:10: no files in {engine.parent / 'none'}; name a folder beside this file"


def test_a_version_without_its_file_of_pins_is_told(engine: Path) -> None:
    (engine.parent / "pins-1.0.0.txt").unlink()
    assert config.read_engine(engine).version == "2.0.0"
    with pytest.raises(UserError, match=r"two\.yaml:8: no file .*pins-1\.0\.0\.txt; name a requirements file"):
        config.read_engine(engine, "1.0.0")


def test_the_key_that_was_is_told_with_the_one_that_is(engine: Path) -> None:
    engine.write_text(re.sub("versions: .*", "version: 2.0.0", engine_text(VERSIONS)))
    with pytest.raises(UserError, match=r"two\.yaml:2: unknown key `version`; did you mean `versions`\?"):
        config.read_engine(engine)


@pytest.mark.usefixtures("engine")
def test_a_grid_names_the_newest_or_any_that_is_listed(tmp_path: Path) -> None:
    found = read(tmp_path / "grids" / "g.yaml", "two", "two@1.0.0", "two@2.0.0")
    assert {words: one.version for words, one in found.engines.items()} == {
        "two": "2.0.0",
        "two@1.0.0": "1.0.0",
        "two@2.0.0": "2.0.0",
    }
    assert {one.name for one in found.engines.values()} == {"two"}
    assert found.channels == {}


@pytest.mark.usefixtures("engine")
def test_a_channel_waits_for_the_plan_with_the_place_that_asks_for_it(tmp_path: Path) -> None:
    grid = tmp_path / "grids" / "g.yaml"
    found = read(grid, "two@latest", "two@nightly")
    assert {words: (one.kind, one.place) for words, one in found.channels.items()} == {
        "two@latest": ("latest", f"{grid}:3"),
        "two@nightly": ("nightly", f"{grid}:3"),
    }
    assert found.engines["two@latest"].version == "2.0.0"


@pytest.mark.usefixtures("engine")
def test_a_version_that_is_not_there_is_one_line_wherever_a_grid_names_it(tmp_path: Path) -> None:
    rule = "exclude:\n- when: {engine: two@1.0.9}\n  reason: x\narguments: {two@1.0.9: {}, two@1.0.0: {}}\n"
    with pytest.raises(UserError) as caught:
        read(tmp_path / "grids" / "g.yaml", "two@1.0.9", "tow@1.0.0", more=rule)
    lines = [line.partition(":")[2] for line in str(caught.value).splitlines()]
    known = "known: two@1.0.0, two@2.0.0, two@latest, two@nightly"
    assert lines[0] == f"3: no engine `two@1.0.9`; did you mean `two@1.0.0`? {known}"
    assert lines[1].startswith("3: no engine `tow@1.0.0`; ")
    assert lines[2:] == [line.replace("3:", f"{n}:", 1) for n, line in ((8, lines[0]), (10, lines[0]))]
