"""Mistakes in a grid: each exactly one line, whole, and all of a file told together in its order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from enginebench import config
from enginebench.errors import UserError

GOOD = """\
description: made up
models: [smollm2-135m-instruct]
engines: [vllm]
workloads: [synthetic-128-64]
precisions: [bf16]
loads: {concurrency: [1, 2], rate_rps: [0.5]}
"""
THREE_MISTAKES = """\
description: three mistakes, each of another kind
models: [smolm2-135m-instruct]
engines: [vllm]
workloads: [synthetic-128-64]
precisions: [bf16]
loads:
  concurency: [1, 2]
repeats: three
"""
ONE = "{model: smollm2-135m-instruct, engine: vllm, workload: synthetic-128-64, precision: bf16"
KNOWN = "known: " + ", ".join(sorted(config.shipped("engines")))
FIRST_SLO = min(config.slos())
SLOS = ", ".join(sorted(config.slos()))
WRONG = ONE.replace("vllm", "vlm")

Told = Callable[[str], list[str]]


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """The lines that a user reads who wrote this grid, without the folder."""

    def read(text: str) -> list[str]:
        path = tmp_path / "g.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UserError) as caught:
            config.read_grid(path)
        assert caught.value.exit_code == 2
        return str(caught.value).replace(f"{path}:", "g:").splitlines()

    return read


def test_the_grid_without_mistakes_reads(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert config.read_grid(path).grid.loads.concurrency == (1, 2)


def test_three_mistakes_are_three_lines_in_the_order_of_the_file(told: Told) -> None:
    models = ", ".join(sorted(config.shipped("models")))
    assert told(THREE_MISTAKES) == [
        f"g:2: no model `smolm2-135m-instruct`; did you mean `smollm2-135m-instruct`? known: {models}",
        "g:7: unknown key `loads.concurency`; did you mean `concurrency`? known: concurrency, ramp_s, "
        "rate_rps, rates, start",
        'g:8: `repeats` is "three"; input should be a valid integer',
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        # Wrong types: nothing is converted on the quiet.
        ("repeats: '3'", 'g:7: `repeats` is "3"; input should be a valid integer'),
        ("repeats:", "g:7: `repeats` is null; input should be a valid integer"),
        ("prefix_cache: 1", "g:7: `prefix_cache` is 1; input should be a valid boolean"),
        ("seed: 2026-11-24", 'g:7: `seed` is "2026-11-24"; input should be a valid integer'),
        ("requests: 4", "g:7: `requests` is 4; input should be an object"),
        ("constraints: {a: 1}", 'g:7: `constraints` is {"a": 1}; input should be a valid array'),
        (
            "arguments: {vllm: {block-size: [1]}}",
            "g:7: `arguments.vllm.block-size` is [1]; input should be a valid boolean or a valid integer or a valid "
            "number or a valid string",
        ),
        # Wrong values.
        ("starts: 1000", "g:7: `starts` is 1000; input should be less than or equal to 100"),
        ("parallelism: [{tp: 0}]", "g:7: `parallelism.0.tp` is 0; input should be greater than 0"),
        ("refresh_hours: .inf", "g:7: `refresh_hours` is Infinity; input should be a finite number"),
        ("refresh_hours: .nan", "g:7: `refresh_hours` is NaN; input should be a finite number"),
        ("constraints: [{devices_at_most: 1}]", "g:7: key `constraints.0.reason` is missing; add `reason:`"),
        ("exclude:\n- {reason: x}", "g:8: key `exclude.0.when` is missing; add `when:`"),
        # Keys.
        ("slo: {ttft: 3}", "g:7: unknown key `slo.ttft`; did you mean `ttft_ms`? known: e2el_ms, tpot_ms, ttft_ms"),
        ("parallelism: [{tp: 1, tq: 1}]", "g:7: unknown key `parallelism.0.tq`; known: dp, ep, pp, tp"),
        ("seed: 1\nseed: 2", "g:8: key `seed` stands twice; keep one of them"),
        ("slo:\n  ttft_ms: 1\n  ttft_ms: 2", "g:9: key `ttft_ms` stands twice; keep one of them"),
        # Two rules for one thing.
        ("repeats: 3\nuntil: {}", "g:7: `repeats` and `until` both say how many runs; keep one of them"),
        (
            "until: {at_most: 4}",
            "g:7: `until` asks for at least 5 runs and at most 4; lower `at_least` or raise `at_most`",
        ),
        (
            "until:\n  figure: goodput_rps",
            "g:8: `until.figure` is goodput_rps and the grid states no limits for it; add `slo:`",
        ),
        (
            "most_starts: 5",
            "g:7: `most_starts` without `detect`: nothing says what the server starts are to find; "
            "add `detect: 0.03`, or give `starts` alone",
        ),
        (
            "starts: 3\ndetect: 0.03\nmost_starts: 2",
            "g:9: `most_starts` is 2, fewer than the 3 `starts`; raise it, or lower `starts`",
        ),
        # Names.
        ("slo: mlperf", f"g:7: no slo `mlperf`; did you mean `{FIRST_SLO}`? known: {SLOS}"),
        ("exclude:\n- when: {engine: vlm}\n  reason: x", "g:8: no engine `vlm`; did you mean `vllm`? " + KNOWN),
        ("constraints:\n- when:\n    engine: x\n  reason: x", "g:9: no engine `x`; " + KNOWN),
        (f"include: [{WRONG}, concurrency: 1}}]", "g:7: no engine `vlm`; did you mean `vllm`? " + KNOWN),
        # An include with two loads.
        (
            f"include:\n- {ONE}, concurrency: 1}}\n- {ONE}, concurrency: 1, rate_rps: 2.0}}",
            "g:9: `include.1` has two loads; give one of `concurrency` and `rate_rps`",
        ),
        ("parallelism: [{tp: 1}, {tp: 2}, {}]", "g:7: `parallelism` names `tp1` twice; keep one of them"),
        # Broken YAML.
        ("slo: [1", "g:8: not YAML: expected ',' or ']', but got '<stream end>'; mend the syntax there"),
        ("\tseed: 1", "g:7: not YAML: found character '\\t' that cannot start any token; mend the syntax there"),
        ("---\nseed: 1", "g:7: not YAML: but found another document; mend the syntax there"),
        ("# \x00", "g:7: not YAML: character #x0000; take it out"),
        ("seed: !!int three", "g:7: `three` is no int; write another value, or quote it"),
        ("prefix_cache: !!bool maybe", "g:7: `maybe` is no bool; write another value, or quote it"),
        ("arguments: &a {vllm: *a}", "g:1: a value lies within itself, or too deep; write it out flat"),
    ],
)  # fmt: skip
def test_one_mistake_is_one_line(told: Told, text: str, line: str) -> None:
    assert told(f"{GOOD}{text}\n") == [line]


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("[vllm]", "[vlm]", "g:3: no engine `vlm`; did you mean `vllm`? " + KNOWN),
        ("[vllm]", "[1]", "g:3: `engines.0` is 1; input should be a valid string"),
        ("[bf16]", "[bf16, fp8, bf16]", "g:5: `precisions` names `bf16` twice; keep one of them"),
        ("[1, 2]", "[1, 2, 1]", "g:6: `loads.concurrency` names `1` twice; keep one of them"),
        ("[0.5]", "[0.5, 0.5]", "g:6: `loads.rate_rps` names `0.5` twice; keep one of them"),
        ("[1, 2]", "[1, -2]", "g:6: `loads.concurrency.1` is -2; input should be greater than 0"),
        ("[0.5]", "[.inf]", "g:6: `loads.rate_rps.0` is Infinity; input should be a finite number"),
        ("{concurrency: [1, 2], rate_rps: [0.5]}", "", "g:6: `loads` is null; input should be an object"),
        ("precisions: [bf16]\n", "", "g:1: key `precisions` is missing; add `precisions:`"),
    ],
)
def test_one_mistake_on_a_line_that_must_be_there(told: Told, before: str, after: str, line: str) -> None:
    assert told(GOOD.replace(before, after)) == [line]


@pytest.mark.parametrize("text", ["# nothing\n", "word\n"])
def test_a_file_without_keys_says_what_to_write(told: Told, text: str) -> None:
    assert told(text) == ["g:1: the file holds no mapping; write `key: value` lines"]


def test_an_unknown_key_lists_only_keys_that_may_be_written(told: Told) -> None:
    (line,) = told(GOOD + "repeets: 3\n")
    assert line.startswith(
        "g:7: unknown key `repeets`; did you mean `repeats`? known: arguments, chunk_times, constraints, "
    )
    assert " name," not in line


def test_all_keys_that_stand_twice_are_told_in_order(told: Told) -> None:
    lines = told(GOOD + "seed: 1\nseed: 2\nstarts: 1\nseed: 3\nstarts: 2\n")
    assert [line.partition(";")[0] for line in lines] == [
        "g:8: key `seed` stands twice",
        "g:10: key `seed` stands twice",
        "g:11: key `starts` stands twice",
    ]


def test_many_mistakes_come_in_the_order_of_lines_not_of_letters_or_checks(told: Told) -> None:
    comments = "# a comment\n" * 5
    lines = told(GOOD.replace("[vllm]", "[vlm]") + comments + "seed: x\narguments: {vlm: {}}\nzzz: 1\naaa: 1\n")
    assert [int(line.split(":")[1]) for line in lines] == [3, 12, 13, 14, 15]


def test_a_folder_is_no_grid(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        config.read_grid(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: cannot be read")
    assert str(caught.value).endswith("; name an existing YAML file")
    assert len(str(caught.value).splitlines()) == 1


def test_a_grid_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"g\.yaml: cannot be read \(.*utf-8.*\); name an existing YAML file$"):
        config.read_grid(tmp_path / "g.yaml")


def test_a_date_stays_text_and_an_alias_is_what_it_stands_for(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text(GOOD.replace("made up", "2026-11-24").replace("[1, 2]", "&n [1, 2]") + "parallelism: [{tp: 2}]\n")
    assert config.read_grid(path).grid.description == "2026-11-24"
