"""Models from a folder, from their configuration alone, and from a hub's cache without a network."""

from __future__ import annotations

import hashlib
import json
import os

import pytest
from tokenizers import Tokenizer

from enginebench.errors import TrialError
from enginebench.provision import models
from enginebench.records import DummySource, HubSource, LocalSource
from enginebench.records.files import to_json

FETCH = """
import json, sys
from pathlib import Path
from enginebench.errors import TrialError
from enginebench.provision import models
from enginebench.records import Model
from enginebench.records.files import from_json

try:
    ready = models.fetch(from_json(Model, sys.argv[1], "argument"), Path(sys.argv[2]), lambda _: None)
except TrialError as error:
    print(json.dumps([error.failure_class, str(error)]))
else:
    print(json.dumps([str(ready.path), ready.revision, ready.weights_hash]))
"""
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def folder(tmp_path):
    """A Hugging Face directory with its weights in two files."""
    path = tmp_path / "weights"
    path.mkdir()
    (path / "config.json").write_text("{}")
    (path / "model-00002-of-00002.safetensors").write_bytes(b"second")
    (path / "model-00001-of-00002.safetensors").write_bytes(b"first")
    return path


def local(path, model, cache):
    return models.fetch(model(LocalSource(kind="local", path=str(path))), cache, print)


def test_a_folder_is_used_where_it_is_with_the_hash_of_its_weights(folder, model, cache):
    ready = local(folder, model, cache)
    assert (ready.path, ready.revision, ready.notes) == (folder, None, ())
    assert ready.weights_hash == sha256(b"firstsecond")
    assert ready.absent == {"model_revision": "a folder does not tell what revision it is of"}


def test_weights_are_hashed_in_the_order_of_their_names(folder, model, cache):
    for letter in "hbfdgcea":
        (folder / f"{letter}.safetensors").write_text(letter)
    assert local(folder, model, cache).weights_hash == sha256(b"abcdefghfirstsecond")


def test_a_relative_folder_is_resolved(folder, model, cache, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert local(folder.name, model, cache).path == folder


def test_a_folder_without_a_configuration_is_missing_weights(folder, model, cache):
    (folder / "config.json").unlink()
    for path in (folder, folder / "nowhere"):
        with pytest.raises(TrialError, match=f"{path} holds no config.json; name a Hugging Face directory") as caught:
            local(path, model, cache)
        assert caught.value.failure_class == "missing_weights"


def test_weights_are_hashed_once_and_again_when_they_change(folder, model, cache):
    local(folder, model, cache)
    (memory,) = (cache / "hashes").iterdir()
    memory.write_text("remembered")
    assert local(folder, model, cache).weights_hash == "remembered"
    weights = folder / "model-00001-of-00002.safetensors"
    weights.write_bytes(b"other")  # of the same length
    os.utime(weights, ns=(1, 1))
    assert local(folder, model, cache).weights_hash == sha256(b"othersecond")
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert local(folder, model, cache).weights_hash == sha256(b"other")


def test_older_weights_are_hashed_too_and_none_give_null(folder, model, cache):
    for path in folder.glob("*.safetensors"):
        path.unlink()
    ready = local(folder, model, cache)
    assert ready.weights_hash is None
    assert ready.absent["model_hash"] == "the folder holds neither *.safetensors nor *.bin"
    (folder / "pytorch_model.bin").write_bytes(b"pickled")
    assert local(folder, model, cache).weights_hash == sha256(b"pickled")


def test_a_dummy_is_a_configuration_and_a_tokenizer_and_is_marked(model, cache):
    source = DummySource(kind="dummy", config={"model_type": "llama", "vocab_size": 100})
    ready = models.fetch(model(source), cache, print)
    assert json.loads((ready.path / "config.json").read_text()) == source.config
    assert json.loads((ready.path / "tokenizer_config.json").read_text())["tokenizer_class"]
    assert list(ready.path.glob("*.safetensors")) == []
    assert (ready.revision, ready.weights_hash) == (None, None)
    assert set(ready.absent) == {"model_revision", "model_hash"}
    assert ready.notes == ("dummy weights: random, made by the engine",)


def test_a_dummys_tokenizer_turns_every_id_into_a_word_and_back(model, cache):
    ready = models.fetch(model(DummySource(kind="dummy", config={})), cache, print)
    tokenizer = Tokenizer.from_file(str(ready.path / "tokenizer.json"))
    words = [tokenizer.decode([index]) for index in range(100)]
    assert all(words)
    assert tokenizer.encode(" ".join(words)).ids == list(range(100))
    assert tokenizer.get_vocab_size() == 100


def test_a_dummy_is_made_once_and_anew_when_it_would_differ(model, cache):
    source = DummySource(kind="dummy", config={"model_type": "llama"})
    ready = models.fetch(model(source), cache, print)
    (ready.path / "config.json").write_text("kept")
    assert models.fetch(model(source), cache, print) == ready
    assert (ready.path / "config.json").read_text() == "kept"
    larger = models.fetch(model(source, vocabulary=200), cache, print)
    assert Tokenizer.from_file(str(larger.path / "tokenizer.json")).get_vocab_size() == 200
    other = models.fetch(model(DummySource(kind="dummy", config={"model_type": "qwen3"})), cache, print)
    assert len({ready.path, larger.path, other.path}) == 3


def test_a_dummy_without_its_marker_is_made_anew(model, cache):
    source = DummySource(kind="dummy", config={})
    ready = models.fetch(model(source), cache, print)
    (ready.path / "enginebench.json").unlink()
    (ready.path / "config.json").write_text("half")
    assert models.fetch(model(source), cache, print) == ready
    assert (ready.path / "config.json").read_text() == "{}"


@pytest.fixture
def hub(model, cache, tmp_path, python_process, monkeypatch):
    """Fetches `someone/small` at `main` in a process without a network; gives what it prints."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    source = HubSource(kind="hub", repository="someone/small", revision="main")

    def fetch():
        return json.loads(python_process(FETCH, to_json(model(source)), cache).communicate()[0])

    return fetch


def test_a_model_that_the_hub_cannot_give_is_named_with_the_remedy(hub):
    failure_class, words = hub()
    assert failure_class == "provision"
    assert words.startswith("someone/small at main can't be had from the hub: ")
    assert words.endswith("check name, revision, network and HF_TOKEN")


def test_a_model_in_the_hubs_cache_needs_no_network_and_tells_its_commit(hub, tmp_path):
    repository = tmp_path / "hub" / "hub" / "models--someone--small"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    (snapshot / "config.json").write_text("{}")
    (snapshot / "model.safetensors").write_bytes(b"weights")
    assert hub() == [str(snapshot), COMMIT, sha256(b"weights")]
