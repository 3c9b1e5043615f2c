"""The real lm-eval, from its own environment, asks a scripted engine in whole nights; nothing leaves the machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from enginebench import assets, config
from enginebench.quality import lm_eval_tasks, tasks
from enginebench.store import Store
from scripted_night import GRID, MODEL, ScriptedNight

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("environments")]
ASKED = 20
QUALITY = "context_tokens: 2048\nquality: {items: 0, reference: false, lm_eval: [TASK]}\n"
SOURCE = "{kind: dummy, config: {model_type: llama, vocab_size: 512}}"


def letters(folder: Path) -> list[str]:
    """A model's folder whose tokenizer makes a token of each letter; gives the letters by id."""
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split

    known = [chr(code) for code in (10, *range(32, 127))]
    tokenizer = Tokenizer(WordLevel({letter: index for index, letter in enumerate(known)}, unk_token=" "))
    tokenizer.pre_tokenizer = Split(Regex(r"[\s\S]"), "isolated")
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": " ", "eos_token": "~"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")
    return known


def a_night(folder: Path, task: str, *, wrong: int = 0, **script) -> ScriptedNight:
    """A night that asks lm-eval's `task`; of the gate's first questions the engine answers `wrong` wrong."""
    answers = {item.prompt: f" {item.answer}" for item in tasks.items(ASKED)[wrong:]}
    told = folder / "canned.json"
    canned = {"answers": answers, "logprobs": {}, "vocabulary": letters(folder / "weights")}
    told.write_text(json.dumps(canned), encoding="utf-8")
    night = ScriptedNight(folder, grid=GRID + QUALITY.replace("TASK", task), canned_file=str(told), **script)
    model = MODEL.replace(SOURCE, f"{{kind: local, path: {folder / 'weights'}}}")
    model = model.replace("context_tokens: 256", "context_tokens: 2048")
    (folder / "models" / "tiny.yaml").write_text(model, encoding="utf-8")
    # Environments are shared, so that this one is built once.
    (folder / "cache").mkdir()
    (assets.cache() / "environments").mkdir(parents=True, exist_ok=True)
    (folder / "cache" / "environments").symlink_to(assets.cache() / "environments")
    return night


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.mark.parametrize(("wrong", "passed"), [(4, True), (20, False)])
def test_lm_eval_scores_the_gates_questions_and_a_floor_judges_them(tmp_path, wrong, passed):
    night = a_night(tmp_path, f"{{task: enginebench, limit: {ASKED}, floor: 0.7}}", wrong=wrong)
    code, output, errors = night.night()
    assert code == 0, errors
    (result,) = Store(night.store).results()
    assert result.status == "complete", result.failure
    quality = result.quality
    (score,) = quality.lm_eval
    assert (score.task, score.metric, score.asked, score.task_version) == (
        "enginebench",
        "exact_match,first-line",
        ASKED,
        str(tasks.VERSION),
    )
    assert (score.value, score.floor, score.passed) == ((ASKED - wrong) / ASKED, 0.7, passed)
    assert quality.passed is passed
    assert f"lm-eval=={quality.lm_eval_version}" in config.read_requirements(assets.find(lm_eval_tasks.PINS))
    assert [("failed_quality" in run.marks) for run in result.runs] == [not passed] * len(result.runs)
    rows = Store(night.store).quality(result.trial).to_dict("records")
    assert {row["item"]: row["right"] for row in rows} == {n: n >= wrong for n in range(ASKED)}
    assert f"lm-eval, scripted 1.0: enginebench exact_match,first-line {score.value:.3f}" in output


def test_a_task_that_lm_eval_does_not_know_ends_the_trial_before_anything_starts(tmp_path):
    night = a_night(tmp_path, "{task: gsm9k}")
    night.night()
    (result,) = Store(night.store).results()
    assert (result.status, night.engine_pids()) == ("failed", [])
    assert "lm-eval knows no task `gsm9k`; did you mean gsm8k" in result.failure.message


def test_data_that_cannot_be_had_is_a_note(tmp_path):
    night = a_night(tmp_path, "{task: gsm8k, limit: 5, floor: 0.9}")
    code, _, errors = night.night()
    assert code == 0, errors
    (result,) = Store(night.store).results()
    assert (result.status, result.quality.passed, result.quality.lm_eval) == ("complete", None, ())
    assert result.quality.reasons[0].startswith("lm-eval gsm8k was not asked: its data can't be had: ")
