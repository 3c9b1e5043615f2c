"""Which runs a verdict may rest on."""

from __future__ import annotations

import pytest

from enginebench.analysis.points import FAILED
from enginebench.analysis.starts import usable
from enginebench.store.frames import runs_frame
from stored import a_job, a_run, a_trial


@pytest.mark.parametrize(("version", "spoilt"), [("1.0", True), ("2.0", False)])
def test_wrong_answers_spoil_the_point_of_their_version_alone(version, spoilt):
    wrong = a_trial("wrong", [a_run(0, marks=(FAILED,))], job=a_job(version=version, start=1))
    runs = runs_frame([a_trial("right", [a_run(0)], job=a_job(version="1.0")), wrong])
    assert dict(zip(runs["trial"], usable(runs), strict=True)) == {"right": not spoilt, "wrong": False}
