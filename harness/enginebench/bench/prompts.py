"""What is sent: token ids or words exact in length where the model's vocabulary is known, else text by its words."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from enginebench.errors import mistake
from enginebench.records import Prompt, Workload, record
from enginebench.workloads.synthetic import chat_prompts, token_prompts

_TEXT = (
    "about above after again also area back base been best body book both call came case city come cost dark data "
    "deep down each east even ever face fact farm fast feel fire fish five food form four free from full game "
    "give glad gold good half hand hard have head help here high hill hold home hope hour idea into keep kind "
    "king know land last late lead left less life like line list live long look lost love made main make many "
    "mark mind more most move much must name near need next nine once only open over page paid part past plan "
    "play poor race rain read real rest rich ring rise road rock room rule safe salt same sand save ship shop "
    "show side sign snow soft some song soon star stay step such sure take talk tall team tell test than that "
    "then they this time town tree true turn unit upon very wait walk wall want warm wash week well went were "
    "west what when wide wild wind wish with word work year your zone"
)
_WORDS = tuple(_TEXT.split())
"""Ordinary short words, nearly all one token in any vocabulary; the server's own count says how long they came."""


@record
class Vocabulary:
    """The ids that prompts are drawn from, and where they were found."""

    first: int
    """Lowest id."""
    end: int
    """One above the highest."""
    folder: Path
    """Folder of the model's files."""
    has_tokenizer: bool
    """Whether there is a `tokenizer.json` to make text of an exact length with."""


class Prompts:
    """Makes prompts of one workload, distinct between runs."""

    def __init__(self, workload: Workload, vocabulary: Vocabulary | None) -> None:
        self.workload = workload
        self.vocabulary = vocabulary
        chat = workload.api == "chat"
        self.exact = vocabulary is not None and (vocabulary.has_tokenizer or not chat)
        self.overhead_tokens = 0
        """What the chat template adds to a message."""
        self.tokens_a_word = 1.0
        """Of text whose tokens are not known before."""

    def make(self, count: int, seed: int, *, output_tokens: int | None = None) -> list[Prompt]:
        """`count` prompts for one seed; `output_tokens` instead of the workload's."""
        workload = self.workload
        length = output_tokens or workload.osl_tokens
        if self.vocabulary is None or not self.exact:
            made = self._texts(count, seed)
        elif workload.api == "chat":
            made = chat_prompts(
                workload, self.vocabulary.folder, count=count, seed=seed, overhead_tokens=self.overhead_tokens
            )
        else:
            made = token_prompts(workload, self.vocabulary.first, self.vocabulary.end, count=count, seed=seed)
        return [
            Prompt(token_ids=one.token_ids, text=one.text, input_tokens=one.input_tokens, output_tokens=length)
            for one in made
        ]

    def learn(self, prompt: Prompt, usage_input_tokens: int | None) -> None:
        """Take the server's own count of a first prompt: the chat template's tokens, or tokens a word of text."""
        if usage_input_tokens is None:
            return
        if self.exact:
            if self.workload.api == "chat":
                self.overhead_tokens = usage_input_tokens - prompt.input_tokens
        elif prompt.text:
            self.tokens_a_word = usage_input_tokens / len(prompt.text.split())

    def _texts(self, count: int, seed: int) -> tuple[Prompt, ...]:
        """Text of so many words that the server should read about the length asked for."""
        length = max(1, round(self.workload.isl_tokens / self.tokens_a_word))
        prefix = min(length - 1, round(self.workload.shared_prefix_tokens / self.tokens_a_word))
        words = Workload(
            name=self.workload.name,
            kind="synthetic",
            api="completions",
            isl_tokens=length,
            osl_tokens=2,
            shared_prefix_tokens=prefix,
        )
        rows = token_prompts(words, 0, len(_WORDS), count=count, seed=seed)
        return tuple(
            Prompt(
                token_ids=None,
                text=" ".join(_WORDS[item] for item in row.token_ids or ()),
                input_tokens=self.workload.isl_tokens,
                output_tokens=2,
            )
            for row in rows
        )


def vocabulary(tokenizer: str | None, model: str) -> Vocabulary | None:
    """The vocabulary of `tokenizer` (a folder or a name on the hub), else of `model` if its files are on this machine.

    Null if none was asked for and none is here. Raises UserError for one asked for that can't be had.
    """
    folder = _folder(tokenizer) if tokenizer is not None else _here(model)
    if folder is None:
        return None
    found = read_vocabulary(folder)
    if found is None and tokenizer is not None:
        raise mistake(
            f"--tokenizer {tokenizer}",
            "holds neither a tokenizer.json nor a config.json that tells the vocabulary",
            "name the model's folder",
        )
    return found


def read_vocabulary(folder: Path) -> Vocabulary | None:
    """The longest stretch of ordinary ids in a model's folder; null if its files don't tell."""
    tokenizer, config = _json(folder / "tokenizer.json"), _json(folder / "config.json")
    special: set[int] = set()
    size = 0
    if tokenizer is not None:
        added = tokenizer.get("added_tokens") or []
        special = {int(one["id"]) for one in added}
        entries = (tokenizer.get("model") or {}).get("vocab") or ()
        size = max(max(entries.values(), default=-1) + 1 if isinstance(entries, dict) else len(entries), 0)
        size = max(size, max(special, default=-1) + 1)
    elif config is not None:
        text = config.get("text_config") or config
        size = int(text.get("vocab_size") or 0)
        for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
            value = text.get(name)
            special |= {int(one) for one in (value if isinstance(value, list) else [value]) if one is not None}
    if size < 2:
        return None
    first, end = _longest_gap(sorted({-1, size, *(one for one in special if 0 <= one < size)}))
    return Vocabulary(first=first, end=end, folder=folder, has_tokenizer=tokenizer is not None)


def _longest_gap(fences: Sequence[int]) -> tuple[int, int]:
    gaps = [(left + 1, right) for left, right in itertools.pairwise(fences)]
    return max(gaps, key=lambda gap: gap[1] - gap[0])


def _json(path: Path) -> Mapping[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _folder(name: str) -> Path:
    """The folder that `--tokenizer` names, fetched from the hub if it is a name there."""
    if Path(name).is_dir():
        return Path(name)
    here = _here(name)
    if here is not None:
        return here
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=["tokenizer.json", "config.json"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0][:160]
        raise mistake(
            f"--tokenizer {name}", f"neither a folder here nor to be had from the hub ({reason})", "name a folder"
        ) from None


def _here(name: str) -> Path | None:
    """The model's folder on this machine: its name is a path, or it lies in the hub's cache; asks nobody."""
    if Path(name).is_dir():
        return Path(name)
    # The hub's own library takes most of a second to import; its cache's layout is documented.
    home = os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or "~/.cache/huggingface") / "hub"
    cached = Path(home).expanduser() / f"models--{name.replace('/', '--')}"
    try:
        revision = (cached / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    folder = cached / "snapshots" / revision
    known = (folder / file for file in ("tokenizer.json", "config.json"))
    return folder if any(file.is_file() for file in known) else None
