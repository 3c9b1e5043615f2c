"""Which versions an index has for this machine, in order, and when they came."""

from __future__ import annotations

import pytest

from enginebench.errors import TrialError
from enginebench.provision import index as asked
from provision.wheels import write_wheel


def words(found):
    return [one.version for one in found]


@pytest.fixture
def versions(index):
    """An index of five versions, the days of four of them, in no order."""
    for version in ("0.10.0", "0.9.1", "0.9.0", "0.11.0rc1", "0.11.0.dev3+g12ab"):
        write_wheel(index.folder, "an-engine", version)
    index.uploaded = {
        "an_engine-0.9.0-py3-none-any.whl": "2026-11-01T10:00:00.123456Z",
        "an_engine-0.9.1-py3-none-any.whl": "2026-11-02T10:00:00Z",
        "an_engine-0.10.0-py3-none-any.whl": "2026-11-03T10:00:00Z",
    }
    return index


def test_releases_stand_in_their_order_with_their_days(versions):
    found = asked.releases("an-engine", extra_index=versions.url)
    assert [(one.version, one.uploaded) for one in found] == [
        ("0.9.0", "2026-11-01"),
        ("0.9.1", "2026-11-02"),
        ("0.10.0", "2026-11-03"),
    ]


def test_nightly_builds_and_candidates_only_where_they_are_asked_for(versions):
    found = asked.releases("An.Engine", pre=True, extra_index=versions.url)
    assert words(found) == ["0.9.0", "0.9.1", "0.10.0", "0.11.0.dev3+g12ab", "0.11.0rc1"]
    assert found[-1].uploaded is None


def test_an_index_that_tells_no_days_has_versions_all_the_same(versions, shelf):
    versions.uploaded = {}
    write_wheel(shelf, "an-engine", "1.0")
    found = asked.releases("an-engine", extra_index=versions.url)
    assert words(found) == ["0.9.0", "0.9.1", "0.10.0", "1.0"]
    assert {one.uploaded for one in found} == {None}


def test_a_wheel_for_another_machine_is_no_version_here(versions):
    wheel = next(versions.folder.glob("an_engine-0.10.0-*"))
    wheel.rename(wheel.with_name("an_engine-0.10.0-cp27-cp27m-win32.whl"))
    assert words(asked.releases("an-engine", extra_index=versions.url)) == ["0.9.0", "0.9.1"]


def test_both_ends_of_a_range_are_in_it(versions):
    found = asked.releases("an-engine", pre=True, extra_index=versions.url)
    assert words(asked.between(found, "0.9.1", "0.11.0.dev3+g12ab")) == ["0.9.1", "0.10.0", "0.11.0.dev3+g12ab"]
    assert words(asked.between(found, "0.9", "0.10")) == ["0.9.0", "0.9.1", "0.10.0"]
    assert asked.is_version("0.9.0.post1")
    assert not asked.is_version("new")


def test_a_name_that_nobody_has_is_told_in_one_line(index):
    with pytest.raises(TrialError, match=r"^pip index versions no-such: ERROR: No matching distribution") as caught:
        asked.releases("no-such", extra_index=index.url)
    assert "\n" not in str(caught.value)
