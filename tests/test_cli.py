"""The command line: its options are frozen, help fits a screen and comes at once, a mistake is one line and exit 2."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

import pytest

from enginebench import commands
from enginebench.cli import parser
from enginebench.commands import pages, reporting, stored

OPTIONS = {
    "night": {"grid", "--again", "--site", "--store", "--cache", "--pages"},
    "plan": {"grid", "--site", "--store", "--cache"},
    "run": {"job", "--out", "--events", "--cache"},
    "reproduce": {"what", "--dry-run", "--store", "--cache"},
    "bench": {
        *("url", "--model", "--tokenizer", "--backend", "--endpoint", "--dataset-name"),
        *("--random-input-len", "--random-output-len", "--random-prefix-len", "--num-prompts", "--num-warmups"),
        *("--max-concurrency", "--request-rate", "--burstiness", "--seed", "--ignore-eos", "--extra-body"),
        *("--slo", "--until", "--find-limit", "--max-seconds"),
        *("--save-result", "--save-detailed", "--result-dir", "--result-filename"),
    },
    "compare": {"a", "b", "--metric", "--margin", "--markdown", "--junit", "--store"},
    "noise": {"--where", "--metric", "--store"},
    "results": {"action"},
    "results points": {"--where", "--store"},
    "results list": {"--where", "--store"},
    "results export": {"path", "--as", "--where", "--store"},
    "results ingest": {"path", "--verify", "--store"},
    "results import": {"path", "--as", "--store"},
    "results invalidate": {"what", "--reason", "--author", "--store"},
    "results withdraw": {"id", "--reason", "--author", "--store"},
    "results sign": {"night", "--key", "--store"},
    "results verify": {"night", "--key", "--store"},
    "results compact": {"--store"},
    "results prune": {"--policy", "--dry-run", "--store"},
    "results clean": {"--store"},
    "changes": {"--where", "--since", "--plan", "--store"},
    "convert": {"project", "files", "--out"},
    "site": {"action"},
    "site build": {"--store", "--pages"},
    "site serve": {"--port", "--store", "--pages"},
    "site publish": {"place", "--store", "--pages"},
    "report": {"action"},
    "report night": {"night", "--out", "--store"},
    "report compare": {"a", "b", "--metric", "--margin", "--out", "--store"},
    "calibrate": {"--concurrency", "--store"},
    "peak": {"--metric", "--where", "--json", "--store"},
    "reliability": {"--where", "--json", "--store"},
    "doctor": {"--cache"},
    "metrics": set(),
    "schema": {"--json"},
}
"""A new option is a decision: it is made here too."""


def subparsers(of=None, before=""):
    """Every command and action to its parser."""
    found = {}
    for one in (of or parser())._actions:
        for name, its in one.choices.items() if isinstance(one, argparse._SubParsersAction) else ():
            found |= {before + name: its, **subparsers(its, f"{before}{name} ")}
    return found


def enginebench(*words, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "enginebench", *words], capture_output=True, text=True, cwd=cwd, timeout=120
    )


def test_commands_and_their_options_are_these():
    found = {
        name: {(action.option_strings or [action.dest])[-1] for action in one._actions} - {"--help"}
        for name, one in subparsers().items()
    }
    assert found == OPTIONS
    assert all(callable(getattr(commands, name)) for name in OPTIONS if " " not in name)
    homes = {"results": stored, "site": pages, "report": reporting}
    for command, action in (name.split() for name in OPTIONS if " " in name):
        assert callable(getattr(homes[command], f"{action}_"))


@pytest.mark.parametrize("name", ["", *OPTIONS])
def test_help_fits_one_screen(name):
    text = (subparsers()[name] if name else parser()).format_help()
    assert text.count("\n") <= 40
    assert max(map(len, text.splitlines())) <= 100


def test_help_loads_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "enginebench", "--help"], capture_output=True, text=True, timeout=60
    )
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "argparse" in loaded
    assert not loaded & {"pandas", "numpy", "pydantic", "plotly", "scipy", "pyarrow", "rich", "psutil", "tokenizers"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plan", "nothing.yaml"], "nothing.yaml: no such file here or among the shipped ones; "),
        (["night", "grid.yaml", "--site", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["run", "none.json", "--out", "x"], "none.json: cannot be read: No such file or directory; "),
        (["results", "list", "--where", "engine"], "--where engine: no `=` in it; write KEY=VALUE"),
        (["changes", "--where", "engine"], "--where engine: no `=` in it; write KEY=VALUE"),
        (["changes", "--plan", "gone/jobs.jsonl"], "gone/jobs.jsonl: no folder gone; make it, or name another file"),
        (["results", "list", "--where", "colour=red"], "filter `colour`: no such filter; known: night, grid"),
        (
            ["results", "export"],
            "enginebench results export: the following arguments are required: FILE; see `enginebench ",
        ),
        (
            ["results", "import", "grid.yaml"],
            "enginebench results import: the following arguments are required: --as; see ",
        ),
        (["results", "import", "grid.yaml", "--as", "abc"], "--as abc: no importer of this name; known: "),
        (["results", "import", "grid.yaml", "--as", "vllm_bench"], "grid.yaml: line 1 is no JSON (Expecting value: "),
        (
            ["results", "invalidate", "t", "--reason", "x"],
            "results: no trial or run `t`; see `enginebench ",
        ),
        (["results", "withdraw", "t", "--reason", "x"], "results: no invalidation `t`; see `enginebench results list`"),
        (["reproduce", "t"], "results: no trial or run `t`; see `enginebench results list`"),
        (["results", "export", "runs.xls"], "runs.xls: no format `xls`; end the name with one of .csv"),
        (["results", "ingest", "."], ".: holds no result.json: the trial is not finished; "),
        (["results", "export", "gone/runs.csv"], "gone/runs.csv: no folder gone; make it, or name another file"),
        (["results", "list", "--store", "grid.yaml"], "grid.yaml: is no folder; name the folder of the results store"),
        (["site", "build", "--store", "grid.yaml"], "grid.yaml: is no folder; "),
        (["site", "build", "--store", "typo"], "typo: no such results store; name the folder that a night wrote to"),
        (["site", "serve", "--store", "typo"], "typo: no such results store; name the folder that a night wrote to"),
        (["site", "publish", "x", "--store", "typo"], "typo: no such results store; name the folder that "),
        (["report", "night", "--out", "x.doc"], "x.doc: no format `doc`; end the name with one of .md .pdf .png .svg"),
        (["report", "night", "--out", "gone/x.md"], "gone/x.md: no folder gone; make it, or name another file"),
        (["report", "night"], "results: holds no night; measure one: enginebench night GRID"),
        (["report", "compare", "a", "engine=b"], "slice `a`: is neither KEY=VALUE nor a file; write it as engine_"),
        (["site"], "enginebench site: the following arguments are required: ACTION; see `enginebench site --help`"),
        (["plan", ".", "--site", "runners/local.yaml"], ".: cannot be read ([Errno 21] Is a directory: '.'); "),
        (["plan", "grid.yaml"], "grid.yaml:1: the file holds no mapping; write `key: value` lines"),
        (["night", "grid.yaml"], "grid.yaml:1: the file holds no mapping; write `key: value` lines"),
        (["run", "grid.yaml", "--out", "x"], "grid.yaml: file: Invalid JSON: "),
        ([], "enginebench: the following arguments are required: COMMAND; see `enginebench --help`"),
        (["knight"], "enginebench: argument COMMAND: invalid choice: 'knight' "),
        (["plan"], "enginebench plan: the following arguments are required: grid; see `enginebench plan --help`"),
        (["run", "job.json"], "enginebench run: the following arguments are required: --out; see "),
        (["site", "serve", "--port", "x"], "enginebench site serve: argument --port: invalid int value: 'x'; see "),
        (["plan", "grid.yaml", "--sit", "x"], "enginebench: unrecognized arguments: --sit x; see `enginebench --help`"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_with_a_remedy_and_exit_code_2(tmp_path, words, message):
    (tmp_path / "grid.yaml").write_text("nothing\n")
    done = enginebench(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_three_mistakes_in_a_grid_are_three_lines_in_order(tmp_path):
    (tmp_path / "bad.yaml").write_text(
        "description: planted mistakes\nmodels: [smollm2-135m-instruct]\nengines: [vlm]\n"
        "workloads: [synthetic-128-64]\nprecisions: [bf16]\nloads: {concurrency: [1, eight]}\nrepeets: 3\n"
    )
    done = enginebench("plan", "bad.yaml", cwd=tmp_path)
    assert done.returncode == 2
    first, second, third = done.stderr.splitlines()
    assert first.startswith("bad.yaml:3: no engine `vlm`; did you mean `vllm`? known: ")
    assert second == 'bad.yaml:6: `loads.concurrency.1` is "eight"; input should be a valid integer'
    assert third.startswith("bad.yaml:7: unknown key `repeets`; did you mean `repeats`?")


def test_an_empty_store_lists_and_exports_nothing_without_a_complaint(tmp_path):
    assert enginebench("results", "list", cwd=tmp_path).returncode == 0
    assert enginebench("results", "points", cwd=tmp_path).returncode == 0
    assert enginebench("results", "export", "runs.json", cwd=tmp_path).returncode == 0
    assert json.loads((tmp_path / "runs.json").read_text())["rows"] == []


def test_a_reader_that_stops_reading_is_no_traceback(tmp_path):
    argv = f"{sys.executable} -m enginebench metrics | head -1"
    done = subprocess.run(["bash", "-c", argv], capture_output=True, text=True, timeout=60)
    assert done.stdout == "# Metrics\n"
    assert "Traceback" not in done.stderr
