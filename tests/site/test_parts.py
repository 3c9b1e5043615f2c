"""The pieces of chips, context and objectives that a build makes."""

from __future__ import annotations

import pytest

from enginebench import config
from enginebench.site import build
from enginebench.store import Store
from measured_parts import MODEL, a_fleet
from sites import piece, rows


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    return build(a_fleet(folder), folder / "site").parent


def key(site):
    return next(one["key"] for one in piece(site, "index")["models"] if one["name"] == MODEL)


def test_of_every_point_that_stands_there_is_a_share_or_a_reason(site):
    standing = {row["id"] for row in rows(piece(site, f"now/{key(site)}"))}
    found = rows(piece(site, f"roofline/{key(site)}"))
    assert {row["id"] for row in found} == standing
    for row in found:
        assert (row["decode_bandwidth_share"] is None) == ("decode_bandwidth_share" in row["absent"])
    assert any(row["decode_bandwidth_share"] for row in found)


def test_lines_of_two_tools_are_two_and_the_cache_of_ours_is_known(site):
    points = {row["id"]: row for row in rows(piece(site, f"now/{key(site)}"))}
    lines = rows(piece(site, f"context/{key(site)}")["lines"])
    assert {row["id"] for row in lines} == set(points)
    tools = {}
    for row in lines:
        tools.setdefault(row["line"], set()).add(points[row["id"]]["tool"])
    assert all(len(one) == 1 for one in tools.values())
    assert {row["prefix_cache"] for row in lines if points[row["id"]]["tool"]} == {None}
    assert {row["prefix_cache"] for row in lines if not points[row["id"]]["tool"]} == {True, False}


def test_objectives_are_those_of_the_files(site):
    told, held = piece(site, "sizing")["objectives"], config.slos()
    assert set(told) == set(held)
    one = told["mlperf-llama3.1-8b-interactive"]["limits"]
    assert one == [
        {"metric": "ttft", "at_most_ms": 500, "share": 0.99},
        {"metric": "tpot", "at_most_ms": 30, "share": 0.99},
    ]


def test_a_store_without_points_has_facts_and_no_more(tmp_path):
    site = build(Store(tmp_path / "empty"), tmp_path / "site").parent
    assert piece(site, "chips")["parts"] == len(config.parts())
    assert not (site / "data" / "roofline").exists()
