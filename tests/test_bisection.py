"""Bisections of scripted engines: killed and gone on with, a version that does not start, one that answers wrongly."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest

import stored
from bisect_command import RUN
from enginebench.bisection import asked
from enginebench.bisection.seen import differences, seen
from enginebench.errors import UserError
from enginebench.records import Turn
from enginebench.store import Store
from scripted_engine import __file__ as SCRIPTED
from scripted_night import GRID, ScriptedNight, until

ONE = GRID.replace("[1, 2]", "[2]").replace("repeats: 3", "repeats: 1") + "quality: {items: 0}\n"
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


def test_ends_that_do_not_differ_are_told_and_nothing_between_them_is_measured(tmp_path):
    night = Versions(tmp_path, v1=QUICK, v2=SLOW, v3=QUICK)
    code, output, errors = night.bisect("--versions", "v1,v2,v3", "--margin", "40%")
    assert (code, errors) == (0, ""), output
    first = "nothing to bisect: TPOT mean of scripted on tiny bf16 tp1, short, closed loop c2 differs by less than 40 %"
    assert f"{first} from v1 to v3" in output
    assert {one.attempt.comparison.arm for one in Store(night.store).results()} == {"v1", "v3"}


def test_a_dry_run_tells_what_is_to_come_and_starts_nothing(tmp_path):
    night = Versions(tmp_path, **dict.fromkeys(("v1", "v2", "v3", "v4", "v5"), QUICK))
    (tmp_path / "order.txt").write_text("# from the good one on\nv5\nv3 # built twice\n\nv1\n")
    code, output, errors = night.bisect("--versions", "order.txt", "--blocks", "10", "--dry-run")
    assert (code, errors) == (0, "")
    assert "3 versions: v5, v3, v1\n" in output
    assert re.search(r"First v5 against v1\. At most 3 pairs, 60 server starts, some [\d.]+ h of \d+ s each", output)
    assert not list(night.store.glob("night=*"))


TWO = ONE.replace("[scripted]", "[scripted, other]").replace(
    "{concurrency: [2]}", "{concurrency: [1, 2], rate_rps: [4]}"
)


@pytest.fixture
def two(tmp_path):
    """A grid of two engines, and of closed and open loops."""
    night = Versions(tmp_path, grid=TWO, v1=QUICK, v2=SLOW)
    night.write_engine(str(tmp_path / "engine"), name="other", versions=("1.0",))
    return night


def test_the_curve_is_chosen_in_the_grids_words(two):
    found = two.asked("v1", "v2", where=["engine=scripted", "load=c2"])
    assert (found.engine, found.curve) == ("scripted", "tiny bf16 tp1, short, closed loop c2")
    attempt = found.attempt(1, print)
    assert attempt.job.deployment.engine_version == "v2"
    assert {attempt.job.points[key.point].label() for key in attempt.runs} == {"short c2"}
    assert found.seconds(0, print) > 0


@pytest.mark.parametrize(
    ("versions", "where", "words"),
    [
        (("v1", "v2"), (), "test: the grid has 2 engines, scripted, other; choose one, as --where engine=scripted"),
        (
            ("v1", "v2"),
            ("engine=third",),
            "--where engine=third: the grid has no such engine; take one of scripted, other",
        ),
        (
            ("v1", "v2"),
            ("size=3",),
            "--where size=3: does not choose a curve; write KEY=VALUE, KEY one of model, engine, ",
        ),
        (
            ("v1", "v2"),
            ("engine=scripted",),
            "test: 2 curves: tiny bf16 tp1, short, closed loop c1, c2; tiny bf16 tp1, short, open",
        ),
        (("v1", "v2"), ("engine=scripted", "load=c9"), "test: no point is of --where; see `enginebench plan`"),
        (
            ("v1",),
            ("engine=scripted", "load=c1"),
            "--versions v1: there is nothing between fewer than two; name two or more",
        ),
        (
            ("v1", "v2", "v1"),
            ("engine=scripted", "load=c1"),
            "--versions v1,v2,v1: `v1` stands twice; name each once, in order",
        ),
        (
            ("sha256:" + "0" * 64, "engine@sha256:" + "1" * 64),
            ("engine=scripted", "load=c1"),
            f"--versions sha256:{'0' * 64}: an image, and the build of `scripted` for cpu is got as executable, not "
            "from containers; name versions",
        ),
    ],
)
def test_a_mistake_is_one_line(two, versions, where, words):
    with pytest.raises(UserError) as caught:
        two.asked(*versions, where=where)
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


def test_a_range_needs_an_engine_that_comes_from_an_index(two):
    with pytest.raises(UserError, match=r"^--range: `scripted` has no channels on cpu; name an exact version$"):
        two.asked(where=["engine=scripted", "load=c1"], span="1.0..2.0")


def test_too_few_blocks_are_refused(tmp_path):
    night = Versions(tmp_path, v1=QUICK, v2=SLOW)
    code, _, errors = night.bisect("--versions", "v1,v2", "--blocks", "1")
    assert (code, errors) == (2, "--blocks 1: decides nothing; allow 4 or more\n")


def turn(name, arm, block, tpot_ns, *, marks=()):
    """A server start of a comparison."""
    job = stored.a_job(version=arm, start=block)
    one = stored.a_trial(f"{name}-{arm}-{block}", [stored.a_run(marks=marks, tpot_mean_ns=tpot_ns)], job=job)
    attempt = replace(one.attempt, comparison=Turn(name=name, arm=arm, block=block))
    return replace(one, attempt=attempt)


def test_what_the_store_has_of_a_pair(tmp_path):
    store = stored.a_store(
        tmp_path,
        *(turn("pair", arm, block, ns) for arm, block, ns in (("v1", 0, 10.0), ("v2", 0, 11.0), ("v2", 1, 12.0))),
        turn("pair", "v1", 1, 10.0),
        turn("pair", "v1", 2, 10.0, marks=("neighbour",)),
        turn("pair", "v2", 2, 30.0),
        turn("pair", "v1", 3, 10.0),
        turn("other", "v2", 3, 10.0),
    )
    found = seen(store, "pair", ("v1", "v2"), METRIC, 1)
    assert found.logs == pytest.approx({0: math.log(1.1), 1: math.log(1.2)})
    assert (found.blocks, found.starts, found.wrong) == (3, 7, frozenset())
    assert found.trials == {"v1": "pair-v1-3", "v2": "pair-v2-2"}
    # A curve of two loads, of which a start has one, gives nothing.
    assert not seen(store, "pair", ("v1", "v2"), METRIC, 2).logs
    store = stored.a_store(
        tmp_path / "more", turn("pair", "v1", 0, 10.0), turn("pair", "v2", 0, 10.0, marks=("failed_quality",))
    )
    found = seen(store, "pair", ("v1", "v2"), METRIC, 1)
    assert (found.logs, found.blocks, found.wrong) == ({}, 1, frozenset({"v2"}))


def test_what_else_differs_between_two_is_told_by_package_and_by_fact():
    one, other = (turn("pair", arm, 0, 10.0) for arm in ("v1", "v2"))
    one = replace(one, engine=replace(one.engine, installed=("engine==1", "torch==2.12.0", "gone==1")))
    other = replace(other, engine=replace(other.engine, installed=("engine==1", "torch==2.13.0", "new==3")))
    told = differences(one, other)
    assert told == [
        "gone: 1 → none",
        "new: none → 3",
        "torch: 2.12.0 → 2.13.0",
        "says of itself: v1 → v2",
    ]
    assert differences(one, one) == []
