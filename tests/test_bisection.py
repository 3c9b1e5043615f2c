"""Bisections of scripted engines: killed and gone on with, a version that does not start, one that answers wrongly."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter

from enginebench.bisection import asked
from enginebench.store import Store
from scripted_engine import __file__ as SCRIPTED
from scripted_night import GRID, ScriptedNight, until

ONE = GRID.replace("[1, 2]", "[2]").replace("repeats: 3", "repeats: 1") + "quality: {items: 0}\n"
RUN = """
import sys
from enginebench import attempts
from enginebench.analysis import starts
from enginebench.cli import main
# Neither another test on this machine nor the client's calibration is what is tested here.
starts.SPOILT = frozenset()
attempts.calibrate = lambda *_: None
sys.exit(main(sys.argv[1:]))
"""
METRIC = "tpot_mean_ns"


class Versions(ScriptedNight):
    """An engine whose versions are commands of their own."""

    def __init__(self, folder, grid=ONE, **scripts):
        """`scripts`: version, as `v1`, to its script; null for one that does not start."""
        super().__init__(folder, grid=grid)
        for version, script in scripts.items():
            asked_for = json.dumps({"ttft_ms": 10, "pid_file": str(self.pids), **(script or {})})
            text = (
                "exit 1" if script is None else f"SCRIPTED_ENGINE='{asked_for}' exec {sys.executable} {SCRIPTED} \"$@\""
            )
            command = folder / f"engine-{version}"
            command.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
            command.chmod(0o755)
        self.write_engine(str(folder / "engine-{version}"), versions=tuple(scripts))

    def start_bisect(self, *words):
        places = [
            "--site",
            str(self.folder / "here.yaml"),
            "--store",
            self.place,
            "--cache",
            str(self.folder / "cache"),
        ]
        argv = [sys.executable, "-c", RUN, "bisect", str(self.grid), "--metric", METRIC, *places, *words]
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder)

    def bisect(self, *words):
        """A whole bisection: exit code, output, error output."""
        process = self.start_bisect(*words)
        output, errors = process.communicate(timeout=240)
        return process.returncode, output, errors

    def asked(self, *versions, where=(), span=None):
        return asked(
            self.grid,
            self.folder / "here.yaml",
            versions=versions,
            span=span,
            pre=False,
            where=where,
            cache=self.folder / "cache",
        )


QUICK, SLOW = {"itl_ms": 20}, {"itl_ms": 40}


def test_a_killed_search_goes_on_and_names_the_pair_around_a_version_that_does_not_start(tmp_path):
    night = Versions(tmp_path, v1=QUICK, v2=None, v3=SLOW, v4=SLOW)
    words = ("--versions", "v1,v2,v3,v4", "--markdown", "found.md")
    process = night.start_bisect(*words)
    until(lambda: len(list(Store(night.store).results())) >= 3, "three server starts")
    process.kill()
    process.communicate()
    before = {one.trial for one in Store(night.store).results()}
    code, output, errors = night.bisect(*words)
    assert (code, errors) == (1, ""), output
    results = list(Store(night.store).results())
    assert before <= {one.trial for one in results}
    whole = [one.attempt.comparison for one in results if one.status == "complete"]
    assert set(Counter((one.name, one.arm, one.block) for one in whole).values()) == {1}
    failed = [one.attempt.comparison.arm for one in results if one.status == "failed"]
    assert failed == ["v2", "v2"]
    pairs = {frozenset(one.arm for one in whole if one.name == name) for name in {one.name for one in whole}}
    assert {frozenset({"v1", "v4"}), frozenset({"v1", "v3"})} <= pairs
    told = re.search(
        r"^worse: TPOT mean of scripted on tiny bf16 tp1, short, closed loop c2 changed by (.*)$", output, re.M
    )
    size, low, high = (float(one) for one in re.findall(r"([+-][\d.]+) %", told.group(1)))
    assert low < size < high
    assert low > 30
    assert told.group(1).endswith("from v1 to v3")
    assert "The change may also be in v2, between them, which can't be measured." in output
    assert "passed over v2: job" in output
    assert "command's digest:" in output
    text = (tmp_path / "found.md").read_text()
    assert text.startswith(f"### {told.group(0)}\n")
    assert "enginebench bisect" in text
    again = night.bisect(*words)
    assert again[0] == 1
    assert len(list(Store(night.store).results())) <= len(results) + 2, "only what failed is tried once more"
    assert not night.left_running()


def test_ends_that_do_not_differ_are_told_and_wrong_answers_are_passed_over(tmp_path):
    # Any answer is wrong of a server that knows none of the questions; it is judged by the model's reference alone.
    night = Versions(tmp_path, v1=QUICK, v2=SLOW, v3=QUICK)
    code, output, errors = night.bisect("--versions", "v1,v2,v3", "--margin", "40%")
    assert (code, errors) == (0, ""), output
    first = "nothing to bisect: TPOT mean of scripted on tiny bf16 tp1, short, closed loop c2 differs by less than 40 %"
    assert f"{first} from v1 to v3" in output
    arms = {one.attempt.comparison.arm for one in Store(night.store).results()}
    assert arms == {"v1", "v3"}, "what lies between is of no interest"
    code, output, errors = night.bisect("--versions", "v1,v2", "--blocks", "1")
    assert (code, errors) == (2, "--blocks 1: decides nothing; allow 4 or more\n")
