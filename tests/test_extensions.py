"""One way to extend every room: its files and the entry points of other distributions, under the room's own name."""

from __future__ import annotations

import sys

import pytest

from enginebench import accelerators, engines, extensions, importers, workloads
from enginebench.errors import UserError

ROOMS = {
    "accelerators": (accelerators.known, accelerators.get),
    "engines": (engines.known, engines.get),
    "importers": (importers.names, importers.get),
    "workloads": (workloads.known, workloads.get),
}


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """An installed distribution that extends every room, once well and once not."""
    (tmp_path / "lab_theirs.py").write_text("class Theirs:\n    def read(self, path): ...\n\nONE = Theirs()\n")
    metadata = tmp_path / "lab_theirs-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-theirs\nVersion: 1.0\n")
    points = [f"[enginebench.{room}]\ntheirs = lab_theirs:ONE\nlost = lab_lost:ONE\n" for room in ROOMS]
    (metadata / "entry_points.txt").write_text("\n".join(points))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("lab_theirs", None)


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("room", ROOMS)
def test_another_distribution_extends_a_room(room):
    known, get = ROOMS[room]
    assert {"theirs", "lost"} < {*known()}
    assert type(get("theirs")).__name__ == "Theirs"
    with pytest.raises(UserError) as caught:
        get("lost")
    assert str(caught.value) == (
        f"entry point `lost = lab_lost:ONE` of enginebench.{room}: cannot be loaded (ModuleNotFoundError: No module "
        "named 'lab_lost'); repair or remove the distribution lab-theirs"
    )


@pytest.mark.parametrize("room", ROOMS)
def test_a_rooms_own_keys_are_its_files_but_private_ones(room):
    known = extensions.known(f"enginebench.{room}")
    assert {*known} == {*ROOMS[room][0]()}
    assert not any(name.startswith("_") for name in known)
    for name in ("_source", "_draw", "__init__", ""):
        assert extensions.find(f"enginebench.{room}", name, "ANY") is None
