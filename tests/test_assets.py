"""What ships is found in a checkout and in an installed wheel; the working folder comes first."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from builders import REPOSITORY
from enginebench import assets
from enginebench.errors import UserError

GRID = "configs/grids/quickstart.yaml"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder that holds nothing."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_in_a_checkout_the_root_is_the_checkout() -> None:
    assert assets.root() == REPOSITORY
    assert all((assets.root() / name).is_dir() for name in ("configs", "runners", "dashboards"))


def test_without_a_checkout_the_root_is_in_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "_CHECKOUT", tmp_path)
    monkeypatch.setattr(assets, "_PACKAGE", tmp_path / "site-packages" / "enginebench")
    assert assets.root() == tmp_path / "site-packages" / "enginebench" / "_data"


def test_a_shipped_file_is_found_from_anywhere() -> None:
    assert assets.find(GRID) == REPOSITORY / GRID


def test_a_file_of_the_working_folder_comes_before_the_shipped_one(elsewhere: Path) -> None:
    (elsewhere / GRID).parent.mkdir(parents=True)
    (elsewhere / GRID).write_text("own", encoding="utf-8")
    assert assets.find(GRID).read_text(encoding="utf-8") == "own"


def test_an_absolute_path_is_itself(elsewhere: Path) -> None:
    path = elsewhere / "own.yaml"
    path.write_text("own", encoding="utf-8")
    assert assets.find(str(path)) == path


def test_a_file_that_is_nowhere_is_one_line_with_a_remedy() -> None:
    with pytest.raises(UserError) as caught:
        assets.find("configs/grids/gone.yaml")
    assert str(caught.value) == (
        f"configs/grids/gone.yaml: no such file here or among the shipped ones; see what ships with `ls {REPOSITORY}`"
    )


def test_the_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ENGINEBENCH_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert assets.cache() == tmp_path / "home" / ".cache" / "enginebench"
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    assert assets.cache() == Path("/var/cache/enginebench")
    monkeypatch.setenv("ENGINEBENCH_CACHE", "/big/disk")
    assert assets.cache() == Path("/big/disk")
    monkeypatch.setenv("ENGINEBENCH_CACHE", "")
    assert assets.cache() == Path("/var/cache/enginebench")


def test_a_wheel_carries_what_the_root_must_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hatchling.builders.wheel import WheelBuilder

    (name,) = WheelBuilder(str(REPOSITORY)).build(directory=str(tmp_path / "dist"), versions=["standard"])
    with zipfile.ZipFile(name) as wheel:
        wheel.extractall(tmp_path / "installed")
    package = tmp_path / "installed" / "enginebench"
    monkeypatch.setattr(assets, "_CHECKOUT", tmp_path / "installed")
    monkeypatch.setattr(assets, "_PACKAGE", package)
    for folder in ("configs", "runners", "dashboards"):
        shipped = {path.relative_to(REPOSITORY) for path in (REPOSITORY / folder).rglob("*.*") if path.is_file()}
        assert {path for path in shipped if not (assets.root() / path).is_file()} <= {Path(folder, ".keep")}
    assert assets.find(GRID) == package / "_data" / GRID
