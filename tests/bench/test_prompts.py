"""What is sent: exact ids where the vocabulary is known, else words whose length the server tells."""

from __future__ import annotations

import json

import pytest

from enginebench.bench.prompts import Prompts, read_vocabulary, vocabulary
from enginebench.errors import UserError
from enginebench.records import Workload


def a_workload(**changes):
    kind = {"name": "random-64-16", "kind": "synthetic", "api": "completions", "isl_tokens": 64, "osl_tokens": 16}
    return Workload(**{**kind, **changes})


def a_folder(path, *, size=1000, special=(0, 1, 2), tokenizer=True):
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({"vocab_size": size, "bos_token_id": 1, "eos_token_id": [2, 0]}))
    if tokenizer:
        vocab = {f"w{index}": index for index in range(size) if index not in special}
        added = [{"id": index, "content": f"<{index}>"} for index in special]
        (path / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocab}, "added_tokens": added}))
    return path


@pytest.mark.parametrize(
    ("special", "stretch"),
    [((0, 1, 2), (3, 1000)), ((998, 999), (0, 998)), ((300, 999), (301, 999)), ((), (0, 1000))],
    ids=["at the front", "at the end", "within", "none"],
)
def test_ids_are_the_longest_stretch_without_special_tokens(tmp_path, special, stretch):
    found = read_vocabulary(a_folder(tmp_path / "m", special=special))
    assert (found.first, found.end, found.has_tokenizer) == (*stretch, True)


def test_a_config_alone_tells_the_vocabulary(tmp_path):
    found = read_vocabulary(a_folder(tmp_path / "m", tokenizer=False))
    assert (found.first, found.end, found.has_tokenizer) == (3, 1000, False)


def test_prompts_of_a_known_vocabulary_are_exact_and_distinct(tmp_path):
    prompts = Prompts(a_workload(shared_prefix_tokens=10), read_vocabulary(a_folder(tmp_path / "m")))
    made = prompts.make(50, 1)
    assert all(len(one.token_ids) == one.input_tokens == 64 and one.output_tokens == 16 for one in made)
    assert len({one.token_ids for one in made}) == 50
    assert len({one.token_ids[:10] for one in made}) == 1
    assert all(3 <= token < 1000 for one in made for token in one.token_ids)
    assert prompts.make(50, 1) == made
    assert {one.token_ids for one in prompts.make(50, 2)}.isdisjoint(one.token_ids for one in made)


def test_text_is_fitted_to_the_servers_own_count():
    prompts = Prompts(a_workload(), None)
    assert not prompts.exact
    (first,) = prompts.make(1, 0)
    assert len(first.text.split()) == 64
    prompts.learn(first, 128)
    assert {len(one.text.split()) for one in prompts.make(20, 1)} == {32}
    assert len({one.text for one in prompts.make(20, 1)}) == 20
    prompts.learn(first, None)
    assert {len(one.text.split()) for one in prompts.make(20, 1)} == {32}


def test_a_tokenizer_that_is_not_there_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"holds neither a tokenizer.json nor a config.json that tells the vocabulary"):
        vocabulary(str(tmp_path / "empty"), "m")


def test_the_model_is_looked_for_on_this_machine_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert vocabulary(None, "someone/small") is None
    cached = tmp_path / "models--someone--small"
    folder = a_folder(cached / "snapshots" / "0123")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("0123")
    assert vocabulary(None, "someone/small").folder == folder
    assert vocabulary(None, str(folder)).folder == folder
