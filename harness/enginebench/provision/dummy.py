"""A model without weights: its config and a tokenizer that turns every id into a word."""

from __future__ import annotations

import json
from pathlib import Path

from enginebench.records import DummySource, Model


def write_dummy(model: Model, source: DummySource, out: Path) -> None:
    """Write `config.json` and a word-level tokenizer of the model's vocabulary to `out`.

    Every id decodes to text, so that each generated token shows as an event in a stream.
    """
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    (out / "config.json").write_text(json.dumps(source.config, indent=1), encoding="utf-8")
    words = {f"t{index}": index for index in range(model.architecture.vocabulary)}
    tokenizer = Tokenizer(WordLevel(words, unk_token="t0"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(out / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "t0", "model_max_length": 1 << 30}
    (out / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
