"""References on disk: the shipped ones, one of one's own, none."""

from __future__ import annotations

import json
import math

import pytest

from enginebench import config
from enginebench.errors import UserError
from enginebench.quality import load, tasks
from enginebench.quality.check import TOP
from enginebench.quality.reference import compact, path_of
from enginebench.quality.texts import TEXTS
from enginebench.records import plain
from quality.references import a_reference

SHIPPED = config.shipped("quality", ".json")


def test_a_model_without_a_reference_has_none():
    assert load("no-such-model") is None


def test_one_in_the_working_folder_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / path_of("tiny")
    path.parent.mkdir(parents=True)
    reference = a_reference()
    path.write_text(compact(plain(reference)), encoding="utf-8")
    assert load("tiny") == reference
    assert json.loads(path.read_text()) == json.loads(json.dumps(plain(reference)))
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match=r"tiny\.json"):
        load("tiny")


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_belongs_to_its_model_and_to_these_questions_and_texts(name):
    reference = load(name)
    model = config.read_model(config.shipped("models")[name])
    assert reference.model == name
    assert reference.weights_sha256 == model.source.weights_sha256
    assert reference.task_version == tasks.VERSION
    assert tuple(text.text for text in reference.texts) == TEXTS
    assert set(reference.thresholds) <= set(model.precisions)
    for text in reference.texts:
        assert len(text.token_ids) == len(text.logprobs) + 1 == len(text.top) + 1
        assert all(0 <= token < model.architecture.vocabulary for token in text.token_ids)
        for row in text.top:
            values = [value for _, value in row]
            assert values == sorted(values, reverse=True)
            assert math.fsum(math.exp(value) for value in values) <= 1 + 1e-3
            assert len(row) < TOP, "a server names more tokens than the reference, so that few are missing"
    assert 0.2 < reference.right.count("1") / len(reference.right) < 0.95, "neither hopeless nor trivial"
    for limits in reference.thresholds.values():
        assert 0.5 < limits.top1_share < 1
        assert 0 < limits.kl_nats < 0.1
        assert limits.most_lost(50) < 25
