"""Random prompts of exact length: token ids for completions, ordinary words for chat; no accidental reuse."""

from __future__ import annotations

from pathlib import Path

from enginebench.errors import mistake
from enginebench.records import Model, Prompt, Workload
from enginebench.workloads._draw import Draw
from enginebench.workloads._words import load


class Synthetic:
    """Generator of kind `synthetic`."""

    def prompts(
        self,
        workload: Workload,
        model: Model,
        *,
        count: int,
        seed: int,
        tokenizer: Path | None,
        chat_overhead_tokens: int = 0,
    ) -> tuple[Prompt, ...]:
        """`count` distinct prompts of `isl_tokens` tokens each, fixed by workload name, seed and vocabulary.

        completions: ids uniform in [first_text_id, vocabulary). chat: a user message of `isl_tokens` −
        `chat_overhead_tokens` tokens. The first `shared_prefix_tokens` (of a chat: of the message) are the same for
        all prompts of the workload, whatever the seed; the token after them is another in each prompt as long as
        there are enough. Raises UserError for a length that leaves no room, a missing tokenizer, or a vocabulary too
        small for `count` distinct prompts.
        """
        if workload.api == "completions":
            first, end = model.architecture.first_text_id, model.architecture.vocabulary
            if first >= end:
                raise mistake(
                    f"model {model.name}",
                    f"first_text_id {first} leaves no token below vocabulary {end}",
                    "correct its architecture",
                )
            return token_prompts(workload, first, end, count=count, seed=seed)
        return chat_prompts(workload, tokenizer, count=count, seed=seed, overhead_tokens=chat_overhead_tokens)


def token_prompts(workload: Workload, first: int, end: int, *, count: int, seed: int) -> tuple[Prompt, ...]:
    """The prompts of a completions workload, of ids uniform in [first, end); raises UserError as Synthetic does."""
    length, prefix = workload.isl_tokens, workload.shared_prefix_tokens
    _check_room(f"workload {workload.name}", prefix, length, count, end - first)
    rows = _rows(workload.name, count, seed, length, prefix, end - first)
    return tuple(
        Prompt(
            token_ids=tuple(first + item for item in row),
            text=None,
            input_tokens=length,
            output_tokens=workload.osl_tokens,
        )
        for row in rows
    )


def chat_prompts(
    workload: Workload, tokenizer: Path | None, *, count: int, seed: int, overhead_tokens: int
) -> tuple[Prompt, ...]:
    """The prompts of a chat workload, of words of the `tokenizer` folder; raises UserError as Synthetic does."""
    place, length, prefix = f"workload {workload.name}", workload.isl_tokens, workload.shared_prefix_tokens
    message = length - overhead_tokens
    if message < 1:
        raise mistake(
            place,
            f"isl_tokens {length} leaves no token beside the {overhead_tokens} of the chat template",
            f"ask for at least {overhead_tokens + 1}",
        )
    words = load(tokenizer, place)
    _check_room(place, prefix, message, count, len(words.words))
    repair = Draw("repair", workload.name, seed)
    texts = [
        words.exact([words.words[item] for item in row], message, repair, place)
        for row in _rows(workload.name, count, seed, message, prefix, len(words.words))
    ]
    return tuple(
        Prompt(token_ids=None, text=text, input_tokens=length, output_tokens=workload.osl_tokens) for text in texts
    )


def _check_room(place: str, prefix: int, length: int, count: int, span: int) -> None:
    """Raise UserError unless `count` distinct sequences of `length` out of `span` tokens exist behind the prefix."""
    if prefix >= length:
        raise mistake(
            place,
            f"shared_prefix_tokens {prefix} leaves none of {length} tokens to tell prompts apart",
            f"lower it below {length}",
        )
    free = length - prefix
    # 64 tokens of any vocabulary above one make more prompts than a run has; the exact power would be a huge number.
    if span ** min(free, 64) < count:
        raise mistake(
            place,
            f"{free} tokens out of {span} can't make {count} distinct prompts",
            "raise isl_tokens, or send fewer requests",
        )


def _rows(name: str, count: int, seed: int, length: int, prefix: int, span: int) -> list[list[int]]:
    """`count` distinct rows of `length` numbers in [0, span): the shared prefix, then what is the row's own."""
    shared = Draw("prefix", name).below(span, prefix).tolist()
    draw = Draw("prompts", name, seed)
    heads = draw.distinct_below(span, count).tolist()
    rows: dict[tuple[int, ...], None] = {}
    for head in heads:
        own = (head, *draw.below(span, length - prefix - 1).tolist())
        while own in rows:
            own = tuple(draw.below(span, length - prefix).tolist())
        rows[own] = None
    return [[*shared, *own] for own in rows]


GENERATOR = Synthetic()
