"""Text of an exact number of tokens, made of ordinary words that the model's own tokenizer keeps whole."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from enginebench.errors import mistake
from enginebench.workloads._draw import Draw

_ORDINARY = re.compile(r" [a-z]{3,}")
_REPAIRS = 64


class Words:
    """A tokenizer and the words that are one token in it, with a space before them and without."""

    def __init__(self, file: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer: Any = Tokenizer.from_file(str(file))
        pieces = self._tokenizer.get_vocab().values()
        # The space is lost in decoding a lone piece (SentencePiece), so it is put before each and tried.
        texts = {" " + self._tokenizer.decode([piece]).strip() for piece in sorted(pieces)}
        spaced = sorted(text for text in texts if _ORDINARY.fullmatch(text))
        bare = [text[1:] for text in spaced]
        self.words: tuple[str, ...] = tuple(
            word
            for word, *lengths in zip(bare, self._lengths(bare), self._lengths(spaced), strict=True)
            if lengths == [1, 1]
        )
        if not self.words:
            raise mistake(
                str(file),
                "no word of three or more letters is a single token",
                "use a workload with `api: completions`",
            )

    def _lengths(self, texts: list[str]) -> list[int]:
        # Special tokens are the chat template's to add: they are in the overhead.
        return [len(item.ids) for item in self._tokenizer.encode_batch(texts, add_special_tokens=False)]

    def exact(self, words: list[str], tokens: int, draw: Draw, place: str) -> str:
        """`words` as text that encodes to exactly `tokens` tokens, words at its end replaced as needed.

        Words are single tokens alone; side by side a tokenizer that does not split at spaces may merge them. Raises
        UserError naming `place` if no repair helps. There is no space at either end: chat templates strip it.
        """
        for _ in range(_REPAIRS):
            text = " ".join(words)
            length = self._lengths([text])[0]
            if length == tokens:
                return text
            # One word more than is due goes, so that a pair which merges does not stay at the end for ever.
            kept = words[: max(1, len(words) - max(0, length - tokens) - 1)]
            due = max(1, tokens - self._lengths([" ".join(kept)])[0])
            words = kept + [self.words[index] for index in draw.below(len(self.words), due)]
        raise mistake(
            place,
            f"no text of exactly {tokens} tokens was found in {_REPAIRS} tries with this model's tokenizer",
            "use a workload with `api: completions`",
        )


def load(folder: Path | None, place: str) -> Words:
    """The words of the tokenizer in a model's `folder`; raises UserError naming `place` if there is none."""
    file = None if folder is None else folder / "tokenizer.json"
    if file is None or not file.is_file():
        raise mistake(
            place,
            f"chat prompts of an exact length need the model's tokenizer, and {file or 'no model folder'} is not there",
            "give the model a folder with `tokenizer.json`, or use a workload with `api: completions`",
        )
    return _load(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _load(file: Path, changed_ns: int) -> Words:
    """Kept between calls, as finding the words takes a second and every run asks; a changed file is read anew."""
    return Words(file)
