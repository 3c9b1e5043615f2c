"""Measured against what the part can do: by hand, for dense models and mixtures, and null where a fact is missing."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import builders
from enginebench import config
from enginebench.analysis.roofline import COLUMNS, SHARES, roofline, split_of, weights_step_bytes
from enginebench.config import Fact, Hardware
from enginebench.records import Architecture, KvLayers, Precision


def a_fact(value):
    return Fact(value=value, source="made up", date="2026-11-25")


PART = Hardware(
    name="part",
    vendor="nvidia",
    product="Part",
    match=("part",),
    memory_bandwidth_bytes_per_s=a_fact(1e12),
    precisions=("bf16", "fp8"),
    dense_flops_per_s={"bf16": a_fact(1e15)},
)
DENSE = Architecture(
    parameters=1_000_000_000,
    layers=10,
    hidden=1000,
    heads=10,
    kv_heads=10,
    head_dim=100,
    vocabulary=1000,
    context_tokens=9999,
)
# Of 1e9 parameters 0.25e9 are active: of 8 experts 2, so 1e9 × 0.75 × 8/6 are experts, all of them.
MIXED = replace(DENSE, active_parameters=250_000_000, experts=8, experts_per_token=2)


def a_model(architecture=DENSE, name="m", **precisions):
    given = {"bf16": Precision(weights_bytes=2_000_000_000)} | precisions
    return replace(builders.a_model(name=name), architecture=architecture, precisions=given)


def a_point(**changes):
    row = {"model": "m", "precision": "bf16", "vendor": "nvidia", "product": "Part", "devices": 1, "parallelism": "tp1"}
    row |= {"isl_tokens": 900, "osl_tokens": 200, "concurrency": 10, "dummy_weights": False}
    row |= {"output_tps_per_accelerator": 1000.0, "input_tps_per_accelerator": 4500.0, "tpot_mean_ns": 10e6}
    return row | {"ttft_p50_ns": 5e6} | changes


def only(point=None, model=None, part=PART):
    (row,) = roofline(
        pd.DataFrame([point or a_point()]), {"m": model or a_model()}, {"part": part} if part else {}
    ).to_dict("records")
    return row


def test_decode_of_a_dense_model_by_hand():
    row = only()
    # 1,000 tok/s at 10 ms are 10 sequences. 2 GB of weights each 10 ms; a context of 1,000 tokens is 1,000 × 10 layers
    # × 10 heads × 200 × 2 bytes = 40 MB, a thousand times a second.
    assert row["decoding_sequences"] == pytest.approx(10)
    assert (row["weights_step_bytes"], row["kv_step_bytes"]) == (pytest.approx(2e9), pytest.approx(4e8))
    assert row["decode_bandwidth_share"] == pytest.approx((2e9 * 100 + 4e7 * 1000) / 1e12)


def test_flops_by_hand():
    row = only()
    # A prompt's token: 2 × 1e9, and 4 × 10 × 10 × 100 × 450 of attention; a new one looks back on 1,000.
    of_input, of_output = 2e9 + 4e4 * 450, 2e9 + 4e4 * 1000
    assert row["prefill_flops_share"] == pytest.approx(4500 * of_input / 1e15)
    assert row["flops_share"] == pytest.approx((4500 * of_input + 1000 * of_output) / 1e15)
    assert (row["compute_precision"], row["attention_counted"], row["binds"]) == ("bf16", True, "memory bandwidth")
    assert row["absent"] == {"first_token_flops_share": "beyond one request in flight a first token waits for others"}


def test_the_first_token_of_one_request_is_prefill_alone():
    row = only(a_point(concurrency=1))
    assert row["first_token_flops_share"] == pytest.approx(900 * (2e9 + 4e4 * 450) / 0.005 / 1e15)


def test_compute_binds_where_it_is_nearer():
    assert only(a_point(input_tps_per_accelerator=400_000.0))["binds"] == "compute"


def test_what_the_prefix_cache_gave_was_not_computed():
    assert only(a_point(prefix_hit_share=0.75))["prefill_flops_share"] == pytest.approx(
        only()["prefill_flops_share"] / 4
    )


def test_a_mixture_reads_the_experts_that_its_batch_touches():
    model = a_model(MIXED)
    one = split_of(a_point())
    assert weights_step_bytes(model, "bf16", 1, one) == pytest.approx(2e9 * 0.25)
    assert weights_step_bytes(model, "bf16", 2, one) == pytest.approx(2e9 * (1 - 0.75**2))
    assert weights_step_bytes(model, "bf16", 0.1, one) == pytest.approx(2e9 * 0.25), "a step decodes one at least"
    assert weights_step_bytes(model, "bf16", 500, one) == pytest.approx(2e9)
    row = only(model=model)
    assert row["weights_step_bytes"] == pytest.approx(2e9 * (1 - 0.75**10))
    assert row["flops_share"] < only()["flops_share"]


@pytest.mark.parametrize(
    ("parallelism", "devices", "expected"),
    [
        ("tp4", 4, (1, 1, 4)),
        ("tp1·dp4", 4, (4, 4, 1)),
        ("tp1·dp4·ep4", 4, (4, 1, 1)),
        ("tp2·dp4·ep4", 8, (4, 2, 2)),
        ("tp8·dp8·ep8", 8, (1, 1, 1)),
        ("tp8·dp2", 8, (1, 1, 4)),
    ],
)
def test_how_devices_share(parallelism, devices, expected):
    found = split_of(a_point(parallelism=parallelism, devices=devices))
    assert (found.replicas, found.groups, found.cache_tp) == expected


def test_replicas_read_their_weights_each_and_devices_share_the_bandwidth():
    split = only(a_point(devices=2, parallelism="tp2", output_tps_per_accelerator=500.0))
    assert split["decode_bandwidth_share"] == pytest.approx((2e9 * 100 + 4e7 * 1000) / 2e12)
    apart = only(a_point(devices=4, parallelism="tp1·dp4", output_tps_per_accelerator=250.0))
    assert apart["weights_step_bytes"] == pytest.approx(8e9)


def test_attention_of_another_kind_is_not_made_up():
    latent = replace(DENSE, kv_cache=(KvLayers(layers=10, kv_heads=1, row_elements=576),))
    row = only(model=a_model(latent))
    assert row["attention_counted"] is False
    assert row["prefill_flops_share"] == pytest.approx(4500 * 2e9 / 1e15)
    assert row["kv_step_bytes"] == pytest.approx(10 * 1000 * 10 * 576 * 2)


@pytest.mark.parametrize(
    ("point", "model", "part", "names", "words"),
    [
        ({"dummy_weights": True}, None, PART, SHARES, "the weights are made up"),
        ({"model": "other"}, None, PART, SHARES, "model other is not described"),
        ({"precision": "fp4"}, None, PART, SHARES, "model m is not described in fp4"),
        ({"product": "Other"}, None, PART, SHARES, "the part is not one of configs/hardware"),
        ({}, None, replace(PART, match=("*",)), SHARES, "Part stands for no part of which peaks are known"),
        (
            {},
            a_model(replace(MIXED, active_parameters=None)),
            PART,
            SHARES,
            "how many parameters of m are active is not",
        ),
        ({"parallelism": "tp1·pp2", "devices": 2}, None, PART, SHARES[:1], "how often a pipeline reads its weights"),
        ({"parallelism": "?"}, None, PART, SHARES[:1], "the split `?` is not understood"),
        ({"parallelism": "tp2", "devices": 3}, None, PART, SHARES[:1], "3 devices are no multiple of tp 2"),
        ({"acceptance_share": 0.7}, None, PART, SHARES[:1], "with speculative decoding a step gives several tokens"),
        ({"tpot_mean_ns": None}, None, PART, SHARES[:1], "tpot_mean_ns is not known"),
        ({"input_tps_per_accelerator": None}, None, PART, SHARES[1:3], "input_tps_per_accelerator is not known"),
        ({}, None, replace(PART, dense_flops_per_s={}), SHARES[1:3], "the dense FLOP/s of Part in bf16 are not known"),
        ({"precision": "fp4"}, a_model(fp4=Precision(weights_bytes=1)), PART, SHARES[1:3], "Part computes no fp4"),
        (
            {"precision": "fp8"},
            a_model(fp8=Precision(weights_bytes=1)),
            PART,
            SHARES[1:3],
            "the dense FLOP/s of Part in",
        ),
    ],
)
def test_null_with_the_reason_where_a_fact_is_missing(point, model, part, names, words):
    row = only(a_point(**point), model, part)
    for name in names:
        assert math.isnan(row[name])
        if name != "first_token_flops_share":
            assert row["absent"][name].startswith(words), row["absent"]
    for name in set(SHARES[:3]) - set(names):
        assert row[name] > 0
    assert row["binds"] is None or isinstance(row["binds"], float)
    assert row["absent"]["binds"].startswith(words)


def test_four_bit_weights_are_multiplied_in_bf16():
    row = only(a_point(precision="int4"), a_model(int4=Precision(weights_bytes=500_000_000)))
    assert row["compute_precision"] == "bf16"
    assert row["weights_step_bytes"] == pytest.approx(5e8)


def test_ends_of_intervals_are_taken_together():
    ends = {}
    for name, value in (("output_tps_per_accelerator", 1000.0), ("tpot_mean_ns", 10e6)):
        ends |= {f"{name}_low": value * 0.9, f"{name}_high": value * 1.1}
    row = only(a_point(**ends))
    assert row["decode_bandwidth_share_low"] == pytest.approx((2e9 / 0.011 + 4e7 * 900) / 1e12)
    assert row["decode_bandwidth_share_high"] == pytest.approx((2e9 / 0.009 + 4e7 * 1100) / 1e12)
    assert math.isnan(row["flops_share_low"]), "input throughput has no interval"


def test_shipped_models_and_parts_on_real_figures():
    # vLLM on an H100 with Llama 3.1 8B in bf16 decodes one stream at some 140 tok/s at best: weights alone take 4.8 ms.
    point = a_point(model="llama-3.1-8b-instruct", product="NVIDIA H100 80GB HBM3", isl_tokens=128, osl_tokens=128)
    point |= {"output_tps_per_accelerator": 140.0, "tpot_mean_ns": 7.1e6, "input_tps_per_accelerator": 140.0}
    points = pd.DataFrame([point, point | {"vendor": "cpu", "product": "AMD EPYC"}], index=["a", "b"])
    table = roofline(points, config.models())
    assert list(table.columns) == list(COLUMNS)
    assert 0.6 < table["decode_bandwidth_share"]["a"] < 0.75
    assert table["absent"]["b"]["flops_share"] == "any CPU stands for no part of which peaks are known"
    assert list(roofline(points.iloc[:0], config.models()).columns) == list(COLUMNS)


@settings(max_examples=30)
@given(tps=st.floats(1, 1e5), tpot_ms=st.floats(0.1, 1e3), more=st.floats(1, 10))
def test_a_faster_engine_uses_more_of_the_part(tps, tpot_ms, more):
    table = roofline(
        pd.DataFrame(
            [
                a_point(output_tps_per_accelerator=tps, tpot_mean_ns=tpot_ms * 1e6),
                a_point(output_tps_per_accelerator=tps * more, tpot_mean_ns=tpot_ms * 1e6),
                a_point(output_tps_per_accelerator=tps, tpot_mean_ns=tpot_ms * 1e6 / more),
            ]
        ),
        {"m": a_model()},
        {"part": PART},
    )
    assert table["decode_bandwidth_share"][1] >= table["decode_bandwidth_share"][0]
    assert table["decode_bandwidth_share"][2] >= table["decode_bandwidth_share"][0]
    assert table["flops_share"][1] >= table["flops_share"][0]


def test_of_the_whole_run_it_takes_that_throughput():
    steady = a_point(output_tps_per_accelerator=500.0, input_tps_per_accelerator=2250.0)
    whole = a_point(
        output_tps_per_accelerator=None,
        input_tps_per_accelerator=None,
        output_tps_per_accelerator_whole_run=500.0,
        input_tps_per_accelerator_whole_run=2250.0,
    )
    one, other = (
        roofline(pd.DataFrame([point]), {"m": a_model()}, {"part": PART}, whole_run=asked)
        for point, asked in ((steady, False), (whole, True))
    )
    for share in SHARES[:3]:
        assert one[share][0] == other[share][0] > 0
    assert roofline(pd.DataFrame([whole]), {"m": a_model()}, {"part": PART})["absent"][0]
