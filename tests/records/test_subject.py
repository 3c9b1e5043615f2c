"""What a model keeps in memory, against figures by hand from the models' published configurations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from builders import a_job, a_model, an_architecture
from enginebench.records import Job, KvLayers, Model, Precision, content_hash, plain
from enginebench.records.files import from_json, to_json

PRECISIONS = {"bf16": Precision(weights_bytes=1), "fp8": Precision(weights_bytes=1, kv_bytes=1)}


def model(**architecture: Any) -> Model:
    return a_model(architecture=an_architecture(**architecture), precisions=PRECISIONS)


def test_the_cache_of_a_token_is_two_by_layers_by_heads_by_width_by_bytes() -> None:
    assert model().kv_bytes("bf16", 1) == 2 * 4 * 2 * 32 * 2
    assert model().kv_bytes("fp8", 1) == 2 * 4 * 2 * 32
    # Llama-3.1-8B: 2 x 32 layers x 8 heads x 128 x 2 bytes.
    assert model(layers=32, kv_heads=8, head_dim=128).kv_bytes("bf16", 1000) == 131_072_000


def test_latent_attention_keeps_one_row_a_layer_whatever_its_heads() -> None:
    # DeepSeek-R1: (kv_lora_rank 512 + qk_rope_head_dim 64) x 61 layers x 2 bytes.
    deepseek = model(
        layers=61, kv_heads=128, head_dim=192, kv_cache=(KvLayers(layers=61, kv_heads=1, row_elements=576),)
    )
    assert deepseek.kv_bytes("bf16", 1) == (512 + 64) * 61 * 2 == 70_272
    assert deepseek.kv_bytes("fp8", 4096) == 35_136 * 4096
    # Without the latent it would be 71 times as much.
    assert model(layers=61, kv_heads=128, head_dim=192).kv_bytes("bf16", 1) == 2 * 61 * 128 * 192 * 2


def test_linear_attention_keeps_a_state_that_does_not_grow() -> None:
    # Qwen3.5-397B-A17B: 15 of 60 layers with 2 heads of 256; 45 with a state of 64 x 128 x 128 in fp32 and a window of
    # three tokens of (2 x 16 + 64) x 128 in bf16.
    state = 45 * (64 * 128 * 128 * 4 + 3 * (2 * 16 + 64) * 128 * 2)
    assert state == 192_061_440
    qwen = model(layers=60, kv_cache=(KvLayers(layers=15, kv_heads=2, row_elements=512),), state_bytes=state)
    assert qwen.kv_bytes("bf16", 1) - state == 15 * 2 * 2 * 256 * 2 == 30_720
    assert qwen.kv_bytes("bf16", 262_144) == state + 30_720 * 262_144


def test_a_window_keeps_its_latest_tokens() -> None:
    # Half of 36 layers see 128 tokens.
    layers = (
        KvLayers(layers=18, kv_heads=8, row_elements=128, window_tokens=128),
        KvLayers(layers=18, kv_heads=8, row_elements=128),
    )
    windowed = model(layers=36, kv_cache=layers)
    row = 18 * 8 * 128 * 2
    assert [windowed.kv_bytes("bf16", tokens) for tokens in (1, 128, 129, 8192)] == [
        *(2 * row, 2 * 128 * row, (128 + 129) * row, (128 + 8192) * row),
    ]


def test_compressed_attention_keeps_a_row_for_several_tokens() -> None:
    # DeepSeek-V4-Pro, 61 layers: 30 keep a row of 512 and an index key of 128 for 4 tokens, 31 a row for 128, and all
    # the latest 128 tokens as they are.
    layers = (
        KvLayers(layers=30, kv_heads=1, row_elements=640, tokens_per_row=4),
        KvLayers(layers=31, kv_heads=1, row_elements=512, tokens_per_row=128),
        KvLayers(layers=61, kv_heads=1, row_elements=512, window_tokens=128),
    )
    v4 = model(layers=61, kv_cache=layers)
    assert v4.kv_bytes("fp8", 1024) == 30 * 640 * 256 + 31 * 512 * 8 + 61 * 512 * 128
    assert v4.kv_bytes("fp8", 1025) - v4.kv_bytes("fp8", 1024) == 30 * 640 + 31 * 512, "a row that is begun is whole"


@pytest.mark.parametrize(("tp", "copies"), [(1, 1), (2, 1), (4, 2), (8, 4)])
def test_heads_fewer_than_the_devices_of_a_split_are_copied(tp: int, copies: int) -> None:
    assert model(kv_heads=2).kv_bytes("bf16", 100, tp) == copies * model(kv_heads=2).kv_bytes("bf16", 100)


def test_heads_that_do_not_divide_are_copied_as_often_as_need_be() -> None:
    # 3 heads on 2 devices: two each.
    assert model(kv_heads=3).kv_bytes("bf16", 3, 2) == model(kv_heads=4).kv_bytes("bf16", 3)


def test_every_device_of_a_split_holds_the_latent_but_a_part_of_the_state() -> None:
    latent = model(kv_cache=(KvLayers(layers=4, kv_heads=1, row_elements=576),), state_bytes=1000)
    assert latent.kv_bytes("bf16", 10, 8) == 8 * 4 * 576 * 10 * 2 + 1000


def test_a_step_reads_the_active_share_of_the_weights() -> None:
    weights = {"fp8": Precision(weights_bytes=688_000)}
    whole = a_model(precisions=weights)
    assert whole.step_bytes("fp8") == 688_000
    sparse = a_model(architecture=an_architecture(active_parameters=250_000), precisions=weights)
    assert sparse.step_bytes("fp8") == 172_000


def test_the_experts_share_is_that_of_all_of_them() -> None:
    # DeepSeek-R1 without its MTP layer: 58 layers x 256 experts x 3 x 7168 x 2048 of 671 B; 37 B active.
    share = an_architecture(
        parameters=671_000_000_000, active_parameters=37_000_000_000, experts=256, experts_per_token=8
    ).expert_share()
    assert share == pytest.approx(58 * 256 * 3 * 7168 * 2048 / 671e9, rel=0.01)
    assert an_architecture().expert_share() == 0


# Fields that came later


def test_facts_that_came_later_change_no_id_where_they_say_nothing() -> None:
    # As the code gave them that did not have these facts.
    assert content_hash(an_architecture()) == "cfb09927bde7fb06"
    assert a_job().id == "1c9b3325b3fa63ec"
    assert set(plain(an_architecture())) == {
        *("parameters", "layers", "hidden", "heads", "kv_heads", "head_dim", "vocabulary", "context_tokens"),
        "first_text_id",
    }


@pytest.mark.parametrize(
    "fact",
    [
        {"active_parameters": 5},
        {"experts": 4},
        {"experts_per_token": 2},
        {"kv_cache": (KvLayers(layers=1, kv_heads=1, row_elements=1),)},
        {"state_bytes": 1},
    ],
)
def test_facts_that_came_later_change_the_id_where_they_say_something(fact: dict[str, Any]) -> None:
    said = an_architecture(**fact)
    assert content_hash(said) != content_hash(an_architecture())
    assert plain(said) == {**plain(an_architecture()), **json.loads(json.dumps(plain(fact)))}


def test_they_are_read_back_and_absent_ones_are_at_their_default() -> None:
    job = a_job()
    assert from_json(Job, to_json(job), "x") == job
    kept = (KvLayers(layers=1, kv_heads=1, row_elements=576, window_tokens=7),)
    other = model(kv_cache=kept, state_bytes=9, active_parameters=5, experts=4, experts_per_token=2)
    assert from_json(Model, to_json(other), "x") == other
