"""A tokenizer that counts the referee's words as it does: ` w17` is one token, so that no client miscounts them."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

WORDS = 1000
"""The referee writes ` w0` to ` w999`."""


def write(folder: Path) -> Path:
    """A Hugging Face tokenizer folder, byte-level BPE whose merges make the words; gives the folder."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    space = "Ġ"
    merges = [(space, "w")]
    merges += [(f"{space}w{word}"[:-1], str(word)[-1]) for word in range(WORDS)]
    tokens = ["<s>", "</s>", *letters, *dict.fromkeys(left + right for left, right in merges)]
    model = models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=merges)
    tokenizer = Tokenizer(model)
    tokenizer.add_special_tokens(["<s>", "</s>"])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "</s>",
        "model_max_length": 32768,
        "clean_up_tokenization_spaces": False,
        "chat_template": "{% for message in messages %}{{ message['content'] }}{% endfor %}",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    shape = {"model_type": "llama", "vocab_size": len(tokens), "architectures": ["LlamaForCausalLM"]}
    (folder / "config.json").write_text(json.dumps(shape), encoding="utf-8")
    return folder
