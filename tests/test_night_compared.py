"""A night of two scripted engines, then held against each other, and what the next night needs by what it found."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from enginebench.analysis.compare import compare
from enginebench.analysis.slices import parse
from enginebench.analysis.starts import usable
from enginebench.store import Store
from scripted_night import GRID, ScriptedNight

TWO = (
    GRID.replace("[scripted]", "[scripted, other]").replace("[1, 2]", "[2]").replace("repeats: 3", "repeats: 2")
    + "starts: 3\n"
)
SPEED = "interactivity_mean_tps"


def enginebench(night, *words):
    process = night.start(*words, "--store", night.place)
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def plan(night, detect=""):
    night.grid.write_text(TWO + detect, encoding="utf-8")
    words = ["plan", str(night.grid), "--site", str(night.folder / "here.yaml"), "--cache", str(night.folder / "cache")]
    code, output, errors = enginebench(night, *words)
    assert (code, errors) == (0, "")
    return output


def test_an_engine_whose_tokens_take_three_times_as_long_is_worse_and_the_plan_knows_the_noise(tmp_path):
    night = ScriptedNight(tmp_path, grid=TWO)
    night.write_engine(str(tmp_path / "engine"), name="other", kind="sglang", versions=("7.0",), itl_ms=6)
    assert "needs" not in plan(night)
    assert "does not know the noise of 2 of 2 points; measure" in plan(night, "detect: 0.05\n")
    night.grid.write_text(TWO, encoding="utf-8")
    assert night.night()[0] == 0
    runs = Store(night.store).runs()
    found = compare(runs, parse("engine=scripted"), parse("engine=other"), metrics=[SPEED])
    (one,) = found.points
    # A busy machine marks runs, and those are left out, perhaps a whole start; and it widens every interval.
    starts = runs[usable(runs)].groupby("engine")["trial"].nunique().reindex(["scripted", "other"], fill_value=0)
    if starts.min() > 0:
        assert (one.estimate.n_a, one.estimate.n_b) == tuple(starts)
        assert one.estimate.ratio < 0.7
    assert one.verdict in ("worse", "insufficient")
    files = ("--junit", str(tmp_path / "junit.xml"))
    code, output, errors = enginebench(night, "compare", "engine=scripted", "engine=other", "--metric", SPEED, *files)
    assert (code, errors) == (1 if one.verdict == "worse" else 4, "")
    assert output.startswith(f"{one.verdict}: B `engine=other` against A `engine=scripted`")
    assert "engine_kind" not in output.split("As asked")[0]
    assert "1 points in both, 0 only in A, 0 only in B" in output
    failures = ET.parse(tmp_path / "junit.xml").getroot().findall(".//failure")
    assert len(failures) == (one.verdict == "worse")
    if starts.min() >= 2:
        told = plan(night)
        assert "By `compare`, of the 2 points whose noise is known the shakiest: a 2 % verdict on tiny " in told
        assert told.rstrip().endswith("; this grid has 3.")
        told = plan(night, "detect: 0.9\n")
        enough = int(re.search(r"detect 90 %: this grid has 3, enough for (\d) of the 2 points", told).group(1))
        short = r"^  tiny .* needs (?:more than )?\d+ starts: .* from start to start"
        assert enough + len(re.findall(short, told, re.MULTILINE)) == 2
