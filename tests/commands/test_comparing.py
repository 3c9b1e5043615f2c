"""`enginebench compare` on a store: its exit codes, its files, its mistakes."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

import builders
from enginebench.cli import main
from stored import a_job, a_run, a_store, a_trial

LOADS = tuple(builders.closed(c) for c in (1, 4, 16))
RATE, SPEED = "output_tps_per_accelerator", "interactivity_mean_tps"
NOISE = (0.998, 1.0, 1.003)


def trials(version, factor, starts=3):
    """A trial a start, of three loads and two repeats, all figures times `factor`."""
    for start in range(starts):
        runs = []
        for point, load in enumerate(LOADS):
            speed = 100 / (1 + load.concurrency / 10) * factor * NOISE[start % 3]
            for repeat in range(2):
                figures = {SPEED: speed * (1 + 0.001 * repeat), RATE: speed * load.concurrency}
                runs.append(a_run(repeat, point=point, **figures))
        yield a_trial(f"{version}-{start}", runs, job=a_job(loads=LOADS, version=version, start=start))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Versions with three starts each, and 1.9 with one."""
    made = [*trials("1.0", 1.0), *trials("1.1", 0.9), *trials("1.2", 1.1), *trials("1.3", 1.001)]
    return a_store(tmp_path_factory.mktemp("store"), *made, *trials("1.9", 0.5, starts=1)).url


def compared(store, b, *options, a="1.0"):
    return main(["compare", f"engine_version={a}", f"engine_version={b}", "--store", store, *options])


@pytest.mark.parametrize(("b", "code"), [("1.1", 1), ("1.2", 0), ("1.3", 0), ("1.9", 4)])
def test_the_exit_code_says_worse_or_not_or_not_known(store, b, code, capsys):
    assert compared(store, b, "--metric", RATE, "--metric", SPEED) == code
    outcome = {1: "worse", 0: "better" if b == "1.2" else "no change", 4: "insufficient"}[code]
    assert capsys.readouterr().out.startswith(f"{outcome}: B `engine_version={b}` against A ")


def test_the_margin_decides_what_matters(store):
    assert compared(store, "1.1", "--metric", SPEED, "--margin", "20%") == 0
    assert compared(store, "1.1", "--metric", SPEED, "--margin", "0.05") == 1


def test_files_hold_what_the_terminal_shows(store, tmp_path):
    written = tmp_path / "change.md", tmp_path / "junit.xml"
    assert compared(store, "1.1", "--markdown", str(written[0]), "--junit", str(written[1])) == 1
    assert written[0].read_text(encoding="utf-8").startswith("### worse: B `engine_version=1.1`")
    assert ET.parse(written[1]).getroot().find("testsuite").get("failures") != "0"


def test_a_slice_may_be_a_file(store, tmp_path, capsys):
    (tmp_path / "a.yaml").write_text('engine_version: ["1.0", "1.3"]\nload: c4\n', encoding="utf-8")
    b = "engine_version=1.1,load=c4"
    assert main(["compare", str(tmp_path / "a.yaml"), b, "--store", store, "--metric", RATE]) == 1
    assert "6 and 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("engine: vllm\nengine_version: 1.10\n", "a.yaml:2: `engine_version` is no text; write it in quotes, as"),
        ("engine: vllm\ncolour: red\n", "a.yaml:2: no column `colour`; take one of night, "),
    ],
)
def test_a_mistake_in_a_file_names_its_line(store, tmp_path, text, message, capsys):
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    assert main(["compare", str(tmp_path / "a.yaml"), "engine_version=1.0", "--store", store]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["engine", "load=c1"], "slice `engine`: is neither KEY=VALUE nor a file; write it as engine_version=0.31.0"),
        (["load=c1", "load=c7"], "slice `load=c7`: no run in the store is of it; see `enginebench results list`"),
        (["load=c1", "load=c4", "--metric", "speed"], "--metric speed: no such metric; see `enginebench metrics`"),
        (["load=c1", "load=c4", "--margin", "2"], "--margin 2: is no share between 0 and 1; write it as 2%"),
        (["load=c1", "load=c4", "--junit", "gone/x.xml"], "gone/x.xml: no folder gone; make it, or name another file"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(store, words, message):
    argv = [sys.executable, "-m", "enginebench", "compare", *words, "--store", store]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message + "\n")


def test_noise_is_told_of_the_metrics_that_are_there(store, capsys):
    assert main(["noise", "--store", store, "--metric", SPEED, "--where", "engine_version=1.0"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("Interactivity mean: where its noise comes from")
    assert all(f"tiny vllm bf16 tp1, short c{c}" in output for c in (1, 4, 16))
    assert "not by repeats" in output


def test_without_two_runs_of_a_metric_there_is_nothing_to_tell(store, capsys):
    assert main(["noise", "--store", store, "--metric", "goodput_rps"]) == 4
    assert "no point has two usable runs" in capsys.readouterr().out
    assert main(["noise", "--store", store, "--metric", "speed"]) == 2
    assert "--metric speed: no such metric; see" in capsys.readouterr().err
