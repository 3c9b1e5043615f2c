"""Where uv looks: the places that pip is set up for, then, only if something is missing, the extra index."""

from __future__ import annotations

import os

import pytest

from enginebench.errors import TrialError
from enginebench.provision import prepare, uv
from provision.package_index import serving
from provision.wheels import write_wheel


def test_the_extra_index_is_not_asked_when_all_pins_are_found(shelf, cache, index, pinned):
    for folder in (shelf, index.folder):
        write_wheel(folder, "one")
    prepare(pinned("one==1.0", extra_index=index.url), cache, print)
    assert index.requests == []


@pytest.mark.parametrize("found_elsewhere", [(), ("1.0",)])
def test_the_extra_index_is_asked_for_what_is_missing(shelf, cache, index, pinned, found_elsewhere):
    write_wheel(shelf, "one")
    for version in found_elsewhere:
        write_wheel(shelf, "two", version)
    write_wheel(index.folder, "two", "2.0")
    prepared = prepare(pinned("one==1.0", "two==2.0", extra_index=index.url), cache, print)
    assert prepared.installed == ("one==1.0", "two==2.0")
    assert "/simple/two/" in index.requests


def test_an_older_version_on_the_extra_index_hides_nothing(cache, index, pinned, tmp_path, monkeypatch):
    write_wheel(tmp_path / "first", "one", "2.0")
    write_wheel(index.folder, "one", "1.0")
    write_wheel(index.folder, "two")
    with serving(tmp_path / "first") as first:
        monkeypatch.setenv("PIP_INDEX_URL", first.url)
        prepared = prepare(pinned("one==2.0", "two==1.0", extra_index=index.url), cache, print)
    assert prepared.installed == ("one==2.0", "two==1.0")


def test_what_the_extra_index_lacks_too_is_named(cache, index, pinned):
    with pytest.raises(TrialError, match=r"nowhere==1\.0") as caught:
        prepare(pinned("nowhere==1.0", extra_index=index.url), cache, print)
    assert caught.value.failure_class == "provision"
    assert index.requests == ["/simple/nowhere/"]


def test_what_is_missing_is_named_also_where_the_extra_index_cannot_be_reached(cache, pinned, monkeypatch):
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(TrialError, match=r"nowhere==1\.0"):
        prepare(pinned("nowhere==1.0", extra_index="http://127.0.0.1:9/simple"), cache, print)


def test_the_extra_index_is_not_asked_when_the_install_fails_otherwise(shelf, cache, index, pinned):
    write_wheel(shelf, "one").write_bytes(b"no wheel")
    write_wheel(index.folder, "one")
    with pytest.raises(TrialError, match=r"one-1\.0"):
        prepare(pinned("one==1.0", extra_index=index.url), cache, print)
    assert index.requests == []


def test_a_build_asks_the_indexes_and_folders_of_pips_settings(shelf, cache, index, pinned, tmp_path, monkeypatch):
    folders = [tmp_path / "links", tmp_path / "more-links"]
    write_wheel(shelf, "one")
    write_wheel(folders[0], "two")
    write_wheel(folders[1], "three")
    write_wheel(index.folder, "four")
    write_wheel(index.folder, "both", "2.0")
    write_wheel(tmp_path / "second", "both", "1.0")
    for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL"):
        monkeypatch.delenv(name)
    with serving(tmp_path / "second") as second:
        settings = tmp_path / "pip.conf"
        settings.write_text(
            f"[global]\nindex-url = {index.url}\nextra-index-url = {second.url}\n"
            f"find-links =\n  {shelf}\n  {folders[0]}\n  {folders[1]}\n"
        )
        monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
        pins = ("one==1.0", "two==1.0", "three==1.0", "four==1.0", "both==2.0")
        assert set(prepare(pinned(*pins), cache, print).installed) == set(pins)


def test_a_machine_set_up_without_an_index_asks_none(shelf, cache, index, pinned, monkeypatch):
    write_wheel(shelf, "one")
    write_wheel(index.folder, "two")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(TrialError, match=r"two==1\.0"):
        prepare(pinned("one==1.0", "two==1.0", extra_index=index.url), cache, print)
    assert index.requests == []


def test_without_settings_uv_looks_where_it_always_does(monkeypatch):
    for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL"):
        monkeypatch.delenv(name)
    assert os.environ["PIP_CONFIG_FILE"] == os.devnull
    assert uv.pip_sources() == ()


def test_settings_of_uv_in_the_working_folder_change_nothing(shelf, cache, index, pinned, tmp_path, monkeypatch):
    write_wheel(shelf, "one")
    (tmp_path / "uv.toml").write_text("no-index = true\nfind-links = []\nno-binary = true\n")
    monkeypatch.chdir(tmp_path)
    assert prepare(pinned("one==1.0"), cache, print).installed == ("one==1.0",)
