"""What lm-eval found, judged; a task of one's own; an lm-eval that does not get to the end. No lm-eval is needed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from enginebench.errors import UserError
from enginebench.provision import Prepared
from enginebench.quality import conclude, lm_eval_tasks, tasks
from enginebench.records import LmEvalTask

TASK = LmEvalTask(task="gsm8k", floor=0.3)


def a_score(right: int | None = 10, asked: int | None = 50, **changes: object) -> dict[str, object]:
    value = right / asked if right is not None and asked else None
    return {
        "task": "gsm8k",
        "task_version": "3.0",
        "metric": "exact_match,strict-match",
        "fewshot": 5,
        "asked": asked,
        "value": value,
        "stderr": 0.05,
        "right": right,
        "higher_is_better": True,
        **changes,
    }


def found(*scores: dict[str, object], **changes: object) -> dict[str, object]:
    return {"version": "0.4.13", "status": "asked", "asked": 50, "cut": 0, "scores": scores, "items": [], **changes}


def test_a_share_has_a_wilson_interval_and_fails_only_with_all_of_it_below_the_floor():
    (score,) = lm_eval_tasks.read(TASK, found(a_score(10))).scores
    assert (score.value, score.floor, score.passed) == (0.2, 0.3, True)
    assert (score.low, score.high) == (pytest.approx(0.1124, abs=1e-4), pytest.approx(0.3304, abs=1e-4))
    asked = lm_eval_tasks.read(TASK, found(a_score(5)))
    assert asked.scores[0].passed is False
    assert asked.failures == (
        "lm-eval gsm8k exact_match,strict-match is 0.100 (at most 0.214 with 95 % confidence), its floor 0.3",
    )


def test_zero_is_a_score():
    asked = lm_eval_tasks.read(TASK, found(a_score(0)))
    assert (asked.scores[0].value, asked.scores[0].passed) == (0.0, False)
    assert asked.scores[0].high == pytest.approx(0.0713, abs=1e-4)
    assert lm_eval_tasks.read(LmEvalTask(task="gsm8k"), found(a_score(0))).failures == ()


def test_what_is_no_share_has_an_interval_of_its_standard_error():
    (score,) = lm_eval_tasks.read(TASK, found(a_score(None, value=0.25, stderr=0.02))).scores
    assert (score.low, score.high, score.passed) == (pytest.approx(0.2108), pytest.approx(0.2892), False)
    (score,) = lm_eval_tasks.read(TASK, found(a_score(None, value=0.25, stderr=None))).scores
    assert (score.low, score.high, score.passed) == (None, None, False)


def test_no_finite_number_fails_a_floor():
    asked = lm_eval_tasks.read(TASK, found(a_score(None, stderr=None)))
    assert (asked.scores[0].value, asked.scores[0].passed) == (None, False)
    assert "is no finite number" in asked.failures[0]


def test_the_floor_is_for_the_tasks_first_metric_or_the_one_named():
    scores = (a_score(0), a_score(40, metric="exact_match,flexible-extract"), a_score(0, task="gsm8k_part"))
    passed = [one.passed for one in lm_eval_tasks.read(TASK, found(*scores)).scores]
    assert passed == [False, None, None]
    named = LmEvalTask(task="gsm8k", floor=0.3, metric="exact_match,flexible-extract")
    assert [one.passed for one in lm_eval_tasks.read(named, found(*scores)).scores] == [None, True, None]
    other = lm_eval_tasks.read(LmEvalTask(task="gsm8k", floor=0.3, metric="acc,none"), found(*scores))
    assert [one.passed for one in other.scores] == [None, None, None]
    assert other.notes == (
        "lm-eval gsm8k is not judged: it has no metric `acc,none`; "
        "it has exact_match,strict-match, exact_match,flexible-extract",
    )


def test_where_less_is_better_a_floor_judges_nothing():
    asked = lm_eval_tasks.read(TASK, found(a_score(None, value=9.0, metric="perplexity,none", higher_is_better=False)))
    assert asked.scores[0].passed is None
    assert "of perplexity,none less is better" in asked.notes[0]


def test_prompts_cut_to_the_context_are_told_and_not_judged():
    asked = lm_eval_tasks.read(TASK, found(a_score(0), cut=3))
    assert (asked.scores[0].passed, asked.failures) == (None, ())
    assert asked.notes == ("lm-eval gsm8k is not judged: 3 of 50 prompts were cut to the server's context",)


@pytest.mark.parametrize(
    ("answer", "failure", "note"),
    [
        ({"status": "no_data", "error": "x"}, "", "lm-eval gsm8k was not asked: its data can't be had: x"),
        ({"status": "broken", "error": "x"}, "", "lm-eval gsm8k was not scored: x"),
        ({"status": "no_answer", "http_status": 400, "error": "x"}, "",
         "lm-eval gsm8k was not asked: the server refuses its questions: x"),
        ({"status": "no_answer", "http_status": 500, "error": "x"}, "lm-eval gsm8k: a question got no answer: x", ""),
        ({"status": "no_answer", "http_status": None, "error": "x"}, "lm-eval gsm8k: a question got no answer: x", ""),
    ],
)  # fmt: skip
def test_only_a_server_that_breaks_fails_without_a_score(answer, failure, note):
    asked = lm_eval_tasks.read(TASK, {"version": "0.4.13", **answer})
    assert (asked.failures, asked.notes) == ((failure,) if failure else (), (note,) if note else ())
    assert (asked.scores, asked.version) == ((), "0.4.13")


@pytest.mark.parametrize(("right", "passed"), [(0, False), (40, True)])
def test_a_floor_is_part_of_the_gates_verdict(right, passed):
    asked = lm_eval_tasks.read(TASK, found(a_score(right), items=[["gsm8k", "acc,none", 7, True, "42"]]))
    quality = conclude([], notes=["a note"], reference=None, thresholds=None, lm_eval=[asked])
    assert quality.passed is passed
    assert quality.reasons == (*asked.failures, "a note")
    assert (quality.lm_eval, quality.lm_eval_version) == (asked.scores, "0.4.13")
    (item,) = asked.items
    assert (item.family, item.item, item.right, item.answer) == ("lm-eval gsm8k acc,none", 7, True, "42")


def test_without_a_floor_nothing_is_judged():
    asked = lm_eval_tasks.read(LmEvalTask(task="gsm8k"), found(a_score(0)))
    assert conclude([], notes=[], reference=None, thresholds=None, lm_eval=[asked]).passed is None


def test_the_gates_own_questions_are_a_task(tmp_path):
    folder = lm_eval_tasks.write_own(tmp_path / "own")
    assert lm_eval_tasks.task_name(folder) == "enginebench"
    lines = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    assert [(one["prompt"], one["answer"]) for one in map(json.loads, lines)] == [
        (item.prompt, item.answer) for item in tasks.items(tasks.POOL)
    ]


def test_a_folder_holds_one_task(tmp_path):
    with pytest.raises(UserError, match=r"it holds not one task of lm-eval but none; put the YAML"):
        lm_eval_tasks.task_name(tmp_path)
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(f"task: {name}\nfilter: !function x.y\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"not one task of lm-eval but one, two; "):
        lm_eval_tasks.task_name(tmp_path)


def asked_of(python: Path, tmp_path: Path, **changes: object) -> lm_eval_tasks.Asked:
    """What comes of asking with this for the Python of lm-eval's environment."""
    ready = lm_eval_tasks.Ready(prepared=Prepared(executable=None, python=python), folders={}, reason=None)
    task = LmEvalTask(task="gsm8k", **changes)
    return lm_eval_tasks.ask(
        task,
        ready,
        url="http://127.0.0.1:9",
        model="m",
        tokenizer=tmp_path,
        context_tokens=100,
        concurrency=1,
        timeout_s=1,
        log=tmp_path / "log",
    )


def test_an_lm_eval_that_breaks_is_no_fault_of_the_server(tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho it broke >&2\nexit 3\n", encoding="utf-8")
    broken.chmod(0o755)
    asked = asked_of(broken, tmp_path)
    assert (asked.failures, asked.notes) == ((), ("lm-eval gsm8k was not asked: lm-eval ended with 3: it broke",))


def test_an_lm_eval_that_takes_too_long_is_stopped(tmp_path):
    slow = tmp_path / "python"
    slow.write_text(f'#!/bin/sh\nexec {sys.executable} -c "import time; time.sleep(600)"\n', encoding="utf-8")
    slow.chmod(0o755)
    asked = asked_of(slow, tmp_path, deadline_s=1)
    assert asked.notes == ("lm-eval gsm8k was stopped after 1 s, its `deadline_s`",)
