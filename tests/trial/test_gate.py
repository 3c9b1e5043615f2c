"""The quality gate in whole nights of a scripted engine: what is asked, what a wrong answer comes to, what is kept."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import sites
from enginebench.analysis.points import eligible, summarise_points
from enginebench.quality.reference import compact, path_of
from enginebench.records import Result, plain
from enginebench.records.files import read, to_json
from enginebench.store import Store
from quality.references import a_reference, canned
from scripted_night import GRID as LARGE
from scripted_night import MODEL, ScriptedNight

GRID = LARGE.replace("repeats: 3", "repeats: 1")
RUNS = 2
LOCAL = MODEL.replace("{kind: dummy, config: {model_type: llama, vocab_size: 512}}", "{kind: local, path: WEIGHTS}")


def a_night(folder: Path, *, grid: str = GRID, reference: bool = True, wrong=(), tilt=0.0, logprobs=True, **script):
    """A night whose model has weights, and a reference; the engine answers right but as told."""
    told = canned(folder / "canned.json", a_reference(), wrong=wrong, tilt=tilt, logprobs=logprobs)
    night = ScriptedNight(folder, grid=grid, canned_file=str(told), **script)
    weights = folder / "weights"
    weights.mkdir()
    (weights / "config.json").write_text("{}", encoding="utf-8")
    (folder / "models" / "tiny.yaml").write_text(LOCAL.replace("WEIGHTS", str(weights)), encoding="utf-8")
    if reference:
        path = folder / path_of("tiny")
        path.parent.mkdir(parents=True)
        path.write_text(compact(plain(a_reference())), encoding="utf-8")
    return night


def measured(night: ScriptedNight) -> Result:
    code, output, errors = night.night()
    assert code == 0, output + errors
    (result,) = Store(night.store).results()
    assert (result.status, len(result.runs)) == ("complete", RUNS)
    return result


def test_a_server_that_answers_right_passes_before_and_after_the_load(tmp_path):
    night = a_night(tmp_path)
    result = measured(night)
    quality = result.quality
    assert (quality.passed, quality.reasons) == (True, ())
    before, after = quality.checks
    assert [(one.when, one.concurrency, one.lost, one.gained) for one in quality.checks] == [
        ("before", 1, 0, 0),
        ("after", 2, 0, 0),
    ]
    assert (before.scores[0].asked, before.scores[0].right) == (50, 50)
    assert after.agreement.tokens == 78
    assert after.agreement.kl_nats == pytest.approx(0, abs=1e-9)
    assert all("failed_quality" not in run.marks for run in result.runs)
    assert result.stage_ns["quality"] >= before.duration_ns + after.duration_ns
    rows = Store(night.store).quality(result.trial)
    assert len(rows) == 100
    assert set(rows["when"]) == {"before", "after"}
    assert rows["right"].all()
    assert rows["error"].isna().all()
    (point, *_) = sites.points(night.store / "site")
    assert (point["failed_quality"], point["quality_passed"], point["quality_score"]) == (False, True, 1.0)


def test_every_run_of_a_server_with_wrong_answers_is_stored_and_marked(tmp_path):
    night = a_night(tmp_path, wrong=range(0, 50, 2), tilt=1.0)
    code, output, errors = night.night()
    assert code == 0, errors
    (result,) = Store(night.store).results()
    assert result.status == "complete"
    assert result.quality.passed is False
    assert "before the load: 25 of 50 questions right, the reference 50" in "\n".join(result.quality.reasons)
    assert "after the load: KL divergence from the reference" in "\n".join(result.quality.reasons)
    assert [("failed_quality" in run.marks) for run in result.runs] == [True] * RUNS
    runs = Store(night.store).runs()
    assert not runs["quality_passed"].any()
    assert (runs["quality_score"] == 0.5).all()
    points = summarise_points(runs)
    assert points["failed_quality"].all()
    assert eligible(points).empty
    assert (points["repeats"] == 1).all(), "its figures are shown all the same"
    assert "0.50 failed" in output
    assert "failed_quality: the server gave wrong answers" in output
    site = night.store / "site"
    assert all(point["failed_quality"] and point["quality_reasons"] for point in sites.points(site))
    assert sites.trials(site)[result.trial]["quality"]["passed"] is False


def test_a_fault_that_the_load_leaves_behind_shows_after_it(tmp_path):
    before = 2 + 50 + 2
    night = a_night(tmp_path, wrong_from=before + RUNS * 4)
    result = measured(night)
    assert [len(one.reasons) for one in result.quality.checks] == [0, 1]
    assert result.quality.checks[1].scores[0].right == 0, "zero is a score"
    assert Store(night.store).runs()["quality_score"].eq(0).all()
    assert all("failed_quality" in run.marks for run in result.runs), "those measured before it was found too"


def test_without_a_reference_the_tasks_are_scored_and_nothing_is_judged(tmp_path):
    night = a_night(tmp_path, reference=False, wrong=range(50))
    result = measured(night)
    assert result.quality.passed is None
    assert result.quality.checks[0].scores[0].right == 0
    assert result.quality.reasons == ("not judged: no reference for model tiny was asked for or is known",)
    assert not summarise_points(Store(night.store).runs())["failed_quality"].any()


def test_a_server_that_refuses_log_probabilities_is_judged_by_tasks(tmp_path):
    quality = measured(a_night(tmp_path, logprobs=False)).quality
    assert quality.passed is True
    assert quality.checks[0].agreement is None
    assert "the server gives no log-probabilities of prompts: HTTP 400" in quality.reasons[0]


def test_the_grid_says_how_much_is_asked(tmp_path):
    quality = measured(a_night(tmp_path, grid=GRID + "quality: {items: 10, reference: false}\n")).quality
    assert quality.checks[0].scores[0].asked == 10
    assert (quality.checks[0].agreement, quality.checks[0].lost) == (None, None)


@pytest.mark.parametrize("asked", ["quality: {items: 0, reference: false}", ""])
def test_where_nothing_is_asked_the_result_says_why(tmp_path, asked):
    night = a_night(tmp_path, grid=GRID + asked) if asked else ScriptedNight(tmp_path, grid=GRID)
    quality = measured(night).quality
    assert (quality.passed, quality.checks) == (None, ())
    assert quality.reasons[0].startswith("not asked: the grid's" if asked else "not asked: dummy weights")


def test_an_lm_eval_that_cannot_be_installed_is_a_note_and_the_rest_is_judged(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    night = a_night(tmp_path, grid=GRID + "quality: {lm_eval: [{task: gsm8k, floor: 0.9}]}\n")
    (tmp_path / "configs" / "quality" / "lm-eval.txt").write_text("no-lm-eval-here==1.0\n", encoding="utf-8")
    quality = measured(night).quality
    assert quality.passed is True
    (reason,) = quality.reasons
    assert reason.startswith("lm-eval was not asked: uv pip failed: ")
    assert "no-lm-eval-here" in reason
    assert (quality.lm_eval, quality.lm_eval_version) == ((), None)


def test_a_result_from_before_there_was_a_gate_still_reads(tmp_path):
    night = ScriptedNight(tmp_path, grid=GRID)
    result = measured(night)
    old = json.loads(to_json(result))
    old["format"], old["attempt"]["format"] = "enginebench.result/1", "enginebench.job/1"
    del old["quality"]
    del old["attempt"]["quality"]
    path = tmp_path / "result.json"
    path.write_text(json.dumps(old), encoding="utf-8")
    again = read(Result, path)
    assert (again.quality, again.attempt.quality) == (None, None)
    assert again.attempt.job.id == again.job_id, "what is asked beside the load is no part of a job"
