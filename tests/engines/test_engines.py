"""Adapters are found by name, the house's own and others'; an argument becomes a flag."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from enginebench import engines
from enginebench.engines import flags
from enginebench.errors import UserError
from enginebench.records import Parallelism

OUTSIDE = """
class Theirs:
    def devices(self, parallelism):
        return 5

ADAPTER = Theirs()
"""


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution of someone else's that brings an adapter `theirs` and claims the name `vllm`."""
    (tmp_path / "outside_engine.py").write_text(OUTSIDE)
    metadata = tmp_path / "outside_engine-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: outside-engine\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[enginebench.engines]\ntheirs = outside_engine:ADAPTER\nvllm = outside_engine:ADAPTER\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "outside_engine", raising=False)
    return tmp_path


def test_the_file_name_is_the_kind() -> None:
    folder = Path(engines.__file__).parent
    assert engines.known() == tuple(sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__"))
    assert type(engines.get("vllm")).__name__ == "Vllm"


@pytest.mark.parametrize("kind", engines.known())
def test_an_engine_is_a_file_of_less_than_100_lines(kind: str) -> None:
    text = (Path(engines.__file__).parent / f"{kind}.py").read_text(encoding="utf-8")
    assert text.count("\n") < 100


def test_an_unknown_kind_is_one_line_that_lists_the_known_ones() -> None:
    for kind in ("vlm", "__init__", "", "vllm.py", "../vllm"):
        with pytest.raises(UserError) as caught:
            engines.get(kind)
        assert (
            str(caught.value) == f"engine kind `{kind}`: no adapter has that name; known: {', '.join(engines.known())}"
        )


@pytest.mark.usefixtures("outside")
def test_a_distribution_of_someone_else_adds_an_engine() -> None:
    assert {"theirs", "vllm"} < {*engines.known()}
    assert engines.get("theirs").devices(Parallelism()) == 5


@pytest.mark.usefixtures("outside")
def test_a_name_of_the_house_is_not_taken_over() -> None:
    assert type(engines.get("vllm")).__name__ == "Vllm"


def test_describing_an_engine_does_not_import_it() -> None:
    code = (
        "import sys, enginebench.engines as e; [e.get(k) for k in e.known()]; print({'vllm', 'torch'} & {*sys.modules})"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize(
    ("arguments", "argv"),
    [
        ({}, ()),
        ({"a": True}, ("--a",)),
        ({"a": False}, ("--no-a",)),
        ({"a": None}, ()),
        ({"a": 0}, ("--a", "0")),
        ({"a": 1}, ("--a", "1")),
        ({"a": 0.9}, ("--a", "0.9")),
        ({"a": ""}, ("--a", "")),
        ({"a": "two words"}, ("--a", "two words")),
        ({"b-c": '{"x": 1}', "a": True}, ("--b-c", '{"x": 1}', "--a")),
    ],
)
def test_an_argument_becomes_a_flag(
    arguments: dict[str, bool | int | float | str | None], argv: tuple[str, ...]
) -> None:
    assert flags(arguments) == argv
