from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from builders import a_model, an_architecture
from enginebench import workloads
from enginebench.errors import UserError
from enginebench.records import LocalSource, Model, Prompt, Workload

LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = [
    "".join(LETTERS[(start + step * place) % 26] for place in range(5)) for step in (1, 3, 5) for start in range(26)
]


def model(vocabulary: int = 1000, first_text_id: int = 10) -> Model:
    architecture = an_architecture(vocabulary=vocabulary, first_text_id=first_text_id)
    return a_model(source=LocalSource(kind="local", path="tiny"), architecture=architecture)


def workload(isl_tokens: int, shared_prefix_tokens: int = 0, *, api: str = "completions", name: str = "w") -> Workload:
    return Workload(
        name=name,
        kind="synthetic",
        api="chat" if api == "chat" else "completions",
        isl_tokens=isl_tokens,
        osl_tokens=7,
        shared_prefix_tokens=shared_prefix_tokens,
    )


def make(
    what: Workload, count: int, seed: int, *, of: Model | None = None, folder: Path | None = None, overhead: int = 0
) -> tuple[Prompt, ...]:
    return workloads.get("synthetic").prompts(
        what, of or model(), count=count, seed=seed, tokenizer=folder, chat_overhead_tokens=overhead
    )


def ids(prompts: tuple[Prompt, ...]) -> list[tuple[int, ...]]:
    assert all(prompt.token_ids is not None and prompt.text is None for prompt in prompts)
    return [prompt.token_ids or () for prompt in prompts]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte-level BPE tokenizer as most models have, trained on the words."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    from tokenizers import decoders

    tokenizer.decoder = decoders.ByteLevel()
    text = [f"{word} {word} the {word}" for word in WORDS] * 5
    trainer = trainers.BpeTrainer(
        vocab_size=3000,
        special_tokens=["<s>"],
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(text, trainer)
    result = tmp_path_factory.mktemp("model")
    tokenizer.save(str(result / "tokenizer.json"))
    return result


def lengths(prompts: tuple[Prompt, ...], folder: Path) -> set[int]:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert all(prompt.text is not None and prompt.token_ids is None for prompt in prompts)
    return {len(tokenizer.encode(prompt.text or "", add_special_tokens=False).ids) for prompt in prompts}


@given(
    isl=st.integers(2, 60),
    prefix=st.integers(0, 40),
    count=st.integers(1, 40),
    seed=st.integers(-(2**63), 2**63),
    vocabulary=st.integers(50, 300),
)
@settings(deadline=None)
def test_ids_are_exact_in_range_and_distinct_from_the_first_own_token_on(
    isl: int, prefix: int, count: int, seed: int, vocabulary: int
) -> None:
    prefix = min(prefix, isl - 1)
    prompts = make(workload(isl, prefix), count, seed, of=model(vocabulary, 10))
    rows = ids(prompts)
    assert all(len(row) == isl and min(row) >= 10 and max(row) < vocabulary for row in rows)
    assert {row[:prefix] for row in rows} == {rows[0][:prefix]}
    assert len({row[prefix] for row in rows}) == count
    assert all(prompt.input_tokens == isl and prompt.output_tokens == 7 for prompt in prompts)


def test_prefix_belongs_to_the_workload_and_the_rest_to_the_seed() -> None:
    one, other = (ids(make(workload(40, 16), 20, seed)) for seed in (1, 2))
    assert one[0][:16] == other[0][:16]
    assert not {row[16:] for row in one} & {row[16:] for row in other}
    assert ids(make(workload(40, 16, name="another"), 1, 1))[0][:16] != one[0][:16]
    assert ids(make(workload(40, name="longer"), 1, 1)) != ids(make(workload(40), 1, 1))


def test_ids_spread_over_the_whole_vocabulary() -> None:
    drawn = [item for row in ids(make(workload(500), 100, 3, of=model(30, 10))) for item in row]
    counts = [drawn.count(item) for item in range(10, 30)]
    assert sum(counts) == 50_000
    # 20 cells of 2,500 ± 49: five standard deviations.
    assert all(abs(count - 2500) < 250 for count in counts)


def test_same_prompts_on_every_machine() -> None:
    text = repr(ids(make(workload(12, 4, name="pinned"), 5, 42)))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "89b55319506ffe25"


def test_every_prompt_there_is_when_the_vocabulary_is_tiny() -> None:
    rows = ids(make(workload(2), 9, 5, of=model(3, 0)))
    assert sorted(rows) == [(a, b) for a in range(3) for b in range(3)]
    with pytest.raises(UserError, match="can't make 10 distinct prompts"):
        make(workload(2), 10, 5, of=model(3, 0))


def test_a_prefix_as_long_as_the_prompt_is_refused() -> None:
    with pytest.raises(UserError, match=r"workload w: shared_prefix_tokens 8 .* lower it below 8"):
        make(workload(8, 8), 1, 0)


def test_a_vocabulary_without_text_is_refused() -> None:
    with pytest.raises(UserError, match="first_text_id 10 leaves no token below vocabulary 10"):
        make(workload(8), 1, 0, of=model(10, 10))


@pytest.mark.parametrize("isl", [32, 33, 64, 500])
def test_chat_messages_are_exact_and_distinct(folder: Path, isl: int) -> None:
    prompts = make(workload(isl, api="chat"), 50, 1, folder=folder, overhead=31)
    assert lengths(prompts, folder) == {isl - 31}
    texts = [prompt.text or "" for prompt in prompts]
    assert len({text.split()[0] for text in texts}) == 50
    assert all(text == text.strip() for text in texts)
    assert all(prompt.input_tokens == isl and prompt.output_tokens == 7 for prompt in prompts)
    assert texts == [prompt.text for prompt in make(workload(isl, api="chat"), 50, 1, folder=folder, overhead=31)]


def test_chat_prefix_is_shared_whatever_the_seed(folder: Path) -> None:
    one, other = (
        [(prompt.text or "").split() for prompt in make(workload(40, 16, api="chat"), 20, seed, folder=folder)]
        for seed in (1, 2)
    )
    assert {tuple(text[:16]) for text in one + other} == {tuple(one[0][:16])}
    assert len({text[16] for text in one}) == 20
    assert {tuple(text) for text in one} & {tuple(text) for text in other} == set()


def test_text_is_repaired_where_words_merge(tmp_path: Path) -> None:
    """A tokenizer that does not split at spaces: two words side by side can become one token."""
    words = ["red", "blue", "gold"]
    pieces = [*"▁abcdefghijklmnopqrstuvwxyz"]
    merges: list[tuple[str, str]] = []

    def merge(left: str, right: str) -> None:
        merges.append((left, right))
        pieces.append(left + right)

    for word in words:
        for end in range(1, len(word)):
            merge(word[:end], word[end])
        merge("▁", word)
    merge("▁red", "▁blue")
    tokenizer = Tokenizer(models.BPE(vocab={piece: at for at, piece in enumerate(pieces)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    from tokenizers import decoders

    tokenizer.decoder = decoders.Metaspace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert len(tokenizer.encode("gold red blue").ids) == 2
    prompts = make(workload(40, api="chat"), 30, 9, folder=tmp_path)
    assert any("red blue" in (prompt.text or "") for prompt in prompts)
    assert lengths(prompts, tmp_path) == {40}


def test_chat_without_a_tokenizer_says_what_to_do(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        with pytest.raises(UserError, match=r"workload w: .*need the model's tokenizer.*tokenizer\.json"):
            make(workload(40, api="chat"), 1, 0, folder=folder)


def test_chat_shorter_than_its_template_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match=r"isl_tokens 31 leaves no token .* at least 32"):
        make(workload(31, api="chat"), 1, 0, folder=folder, overhead=31)


def test_a_tokenizer_without_words_is_refused(tmp_path: Path) -> None:
    Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UserError, match="no word of three or more letters"):
        make(workload(4, api="chat"), 1, 0, folder=tmp_path)
