from __future__ import annotations

import sys
from pathlib import Path

import pytest

from enginebench import workloads
from enginebench.errors import UserError


def test_the_file_name_is_the_kind() -> None:
    assert workloads.known() == ("synthetic",)
    assert type(workloads.get("synthetic")).__name__ == "Synthetic"


def test_an_unknown_kind_lists_the_known_ones() -> None:
    for kind in ("sonnet", "_draw"):
        with pytest.raises(UserError, match=f"workload kind `{kind}`.*known: synthetic"):
            workloads.get(kind)


def test_a_distribution_of_someone_else_adds_a_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outside_workload.py").write_text("GENERATOR = 'theirs'\n")
    metadata = tmp_path / "outside_workload-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: outside-workload\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[enginebench.workloads]\nsonnet = outside_workload:GENERATOR\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        assert workloads.known() == ("sonnet", "synthetic")
        assert workloads.get("sonnet") == "theirs"  # type: ignore[comparison-overlap]
    finally:
        sys.modules.pop("outside_workload", None)
