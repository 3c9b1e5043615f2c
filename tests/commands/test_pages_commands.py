"""`enginebench site` and `report` as a person runs them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request

import pytest

from enginebench.cli import main
from stored import a_run, a_store, a_trial


@pytest.fixture
def store(tmp_path):
    return a_store(tmp_path, a_trial("t", [a_run(0), a_run(1)]))


def test_build_tells_where_the_pages_are(store, capsys):
    assert main(["site", "build", "--store", store.url]) == 0
    index = store.local / "site" / "index.html"
    assert index.exists()
    assert capsys.readouterr().out == f"Dashboard: {index.as_uri()}\n"


def test_publish_builds_and_copies(store, tmp_path, capsys):
    web = tmp_path / "web"
    assert main(["site", "publish", str(web), "--store", store.url]) == 0
    assert (web / "index.html").exists()
    assert f", in {web}" in capsys.readouterr().out


def test_serve_tells_its_address_serves_and_ends_well_by_ctrl_c(store):
    argv = [sys.executable, "-m", "enginebench", "site", "serve", "--port", "0", "--store", store.url]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            url = server.stdout.readline().split()[0]
            with urllib.request.urlopen(f"{url}data/stamp.json", timeout=30) as answer:
                assert json.loads(answer.read())["serving"] is True
        finally:
            server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=60)
    assert (server.returncode, out, err) == (0, "", "")


def test_a_night_is_printed_or_written(store, tmp_path, capsys):
    assert main(["report", "night", "--store", store.url]) == 0
    text = capsys.readouterr().out
    assert text.startswith("### Night 2026-11-24: 2 runs of 1 trial")
    out = tmp_path / "night.md"
    assert main(["report", "night", "2026-11-24", "--store", store.url, "--out", str(out)]) == 0
    assert out.read_text() == text
    assert main(["report", "night", "--store", store.url, "--out", str(tmp_path / "night.PDF")]) == 0
    assert (tmp_path / "night.PDF").read_bytes().startswith(b"%PDF")


def test_a_comparison_is_written_and_its_verdict_is_no_error(tmp_path, capsys):
    store = a_store(tmp_path, *(a_trial(name, [a_run(0, output_tps_per_accelerator=1.0)], night=night)
                                for name, night in (("a", "2026-11-23"), ("b", "2026-11-24"))))  # fmt: skip
    words = ["report", "compare", "night=2026-11-23", "night=2026-11-24", "--store", store.url]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("### insufficient: B ")
    assert main([*words, "--out", str(tmp_path / "c.png")]) == 0
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
