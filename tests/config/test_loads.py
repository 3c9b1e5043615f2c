"""Loads of a grid: what people write, what it becomes, and what is told where it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders import an_inventory
from enginebench import config
from enginebench.errors import UserError
from enginebench.plan import make_plan
from enginebench.plan.expand import combinations
from enginebench.records import ClosedLoop, Load, OpenLoop, Replay, Segment, Steps

HEAD = """\
description: made up
models: [smollm2-135m-instruct]
engines: [vllm]
workloads: [synthetic-128-64]
precisions: [bf16]
"""
TRACE = """\
{"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}
{"timestamp": 27482, "input_length": 6472, "output_length": 26, "hash_ids": [46, 47]}

{"timestamp": 30535.5, "input_length": 3, "output_length": 1, "hash_ids": []}
{"timestamp": 37482, "input_length": 3, "output_length": 1, "hash_ids": []}
"""


def loads(folder: Path, text: str) -> tuple[Load, ...]:
    path = folder / "g.yaml"
    path.write_text(f"{HEAD}loads: {text}\n", encoding="utf-8")
    return config.read_grid(path).loads


def told(folder: Path, text: str) -> str:
    with pytest.raises(UserError) as caught:
        loads(folder, text)
    return str(caught.value).replace(f"{folder}/", "")


def test_every_kind_of_load_is_written_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "talk.jsonl").write_text(TRACE, encoding="utf-8")
    found = loads(
        tmp_path,
        """
  concurrency: [8]
  ramp_s: 2
  rate_rps: [0.5]
  rates:
  - {rate_rps: 4, arrivals: constant}
  - {rate_rps: 4, burstiness: 0.5}
  - steps: [{rate_rps: 1, duration_s: 10}, {rate_rps: 1, to_rps: 8, duration_s: 30}]
    arrivals: constant
  - {replay: talk.jsonl}
  - {replay: talk.jsonl, speed: 2, first: 3}""",
    )
    assert found == (
        ClosedLoop(kind="closed", concurrency=8, ramp_s=2.0),
        OpenLoop(kind="open", rate_rps=0.5),
        OpenLoop(kind="open", rate_rps=4.0, arrivals="constant"),
        OpenLoop(kind="open", rate_rps=4.0, arrivals="gamma", burstiness=0.5),
        Steps(
            kind="steps",
            segments=(Segment(rate_rps=1.0, duration_s=10.0), Segment(rate_rps=1.0, to_rps=8.0, duration_s=30.0)),
            arrivals="constant",
        ),
        Replay(kind="replay", name="talk", offsets_ns=(0, 0, 3_053_500_000, 10_000_000_000)),
        Replay(kind="replay", name="talk", offsets_ns=(0, 0, 1_526_750_000)),
    )


def test_a_trace_may_be_seconds_a_line(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("# seconds\n1.5\n2\n2\n4.25\n", encoding="utf-8")
    (found,) = loads(tmp_path, "{rates: [{replay: t.txt}]}")
    assert found == Replay(kind="replay", name="t", offsets_ns=(0, 500_000_000, 500_000_000, 2_750_000_000))


def test_another_content_of_the_trace_is_another_job(tmp_path: Path) -> None:
    def job_id(text: str) -> str:
        (tmp_path / "t.txt").write_text(text, encoding="utf-8")
        loads(tmp_path, "{rates: [{replay: t.txt}]}")
        grid = config.read_grid(tmp_path / "g.yaml")
        (job,) = make_plan(grid, an_inventory(vendor="cpu", product="CPU"), None).jobs
        assert job.points[0].requests == 3
        return job.id

    assert job_id("0\n1\n2\n") == job_id("5\n6\n7\n") != job_id("0\n1\n3\n")


def test_a_convoy_is_a_choice_and_spread_starts_the_default(tmp_path: Path) -> None:
    assert [load.label() for load in loads(tmp_path, "{concurrency: [1, 8], start: convoy}")] == [
        "c1-convoy", "c8-convoy",
    ]  # fmt: skip
    grid = config.read_grid(tmp_path / "g.yaml")
    assert [one.load for one in combinations(grid)] == list(grid.loads)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{start: convoy}", "g.yaml:6: `loads` is empty; list `concurrency`, `rate_rps` or `rates`"),
        (
            "{concurrency: [1], start: convoi}",
            "g.yaml:6: `loads.start` is \"convoi\"; input should be 'spread' or 'convoy'",
        ),
        (
            "\n  concurrency: [1]\n  start: convoy\n  ramp_s: 3",
            "g.yaml:9: `loads.ramp_s` is 3, and `loads.start` is a convoy; keep one of them: a convoy starts all slots "
            "at once",
        ),
        (
            "\n  rates:\n  - {rate_rps: 1}\n  - {rate_rps: 1, replay: t.txt}",
            "g.yaml:9: `loads.rates.1` has rate_rps and replay; give one of `rate_rps`, `steps` and `replay`",
        ),
        (
            "{rates: [{arrivals: constant}]}",
            "g.yaml:6: `loads.rates.0` has no rate; give one of `rate_rps`, `steps` and `replay`",
        ),
        (
            "{rates: [{rate_rps: 1, arrivals: gamma}]}",
            "g.yaml:6: `loads.rates.0` is gamma without a burstiness; add `burstiness:`, less than 1 for bursts",
        ),
        (
            "{rates: [{rate_rps: 1, arrivals: poisson, burstiness: 2}]}",
            "g.yaml:6: `loads.rates.0` has a burstiness, and its arrivals are poisson; take it out, or gamma",
        ),
        (
            "{rates: [{rate_rps: 1, burstiness: 0}]}",
            "g.yaml:6: `loads.rates.0.burstiness` is 0; input should be greater than 0",
        ),
        (
            "{rates: [{rate_rps: 1, speed: 2}]}",
            "g.yaml:6: `loads.rates.0` has `speed` beside `rate_rps`; take it out: it is for a trace",
        ),
        (
            "{rates: [{replay: t.txt, arrivals: constant}]}",
            "g.yaml:6: `loads.rates.0` has `arrivals` beside `replay`; take it out: a trace has times of its own",
        ),
        (
            "{rates: [{replay: gone.txt}]}",
            "g.yaml:6: `loads.rates.0` names `gone.txt`; there is no file gone.txt: write a path relative to the grid",
        ),
        (
            "{rates: [{steps: [{rate_rps: 0.1, duration_s: 5}]}]}",
            "g.yaml:6: `loads.rates.0` comes to 0.5 requests in all its steps; raise a rate or a duration",
        ),
        (
            "{rates: [{steps: [{rate_rps: 0.1, seconds: 5}]}]}",
            "g.yaml:6: key `loads.rates.0.steps.0.duration_s` is missing; add `duration_s:`\n"
            "g.yaml:6: unknown key `loads.rates.0.steps.0.seconds`; known: duration_s, rate_rps, to_rps",
        ),
        (
            "\n  rate_rps: [2]\n  rates:\n  - {rate_rps: 2, arrivals: poisson}",
            "g.yaml:9: `loads.rates.0` is `r2`, which stands there already; keep one of them",
        ),
    ],
)
def test_a_mistake_names_line_value_and_remedy(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "t.txt").write_text("0\n1\n", encoding="utf-8")
    assert sorted(told(tmp_path, text).splitlines()) == sorted(line.splitlines())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("0\n2\n1.5\n", "t.txt:3: 1.5 s comes after 2 s; sort the trace by time"),
        ("0\nsoon\n", "t.txt:2: no time in `soon`; write seconds, or JSON with `timestamp` in ms"),
        ('{"time": 1}\n', 't.txt:1: no time in `{"time": 1}`; write seconds, or JSON with `timestamp` in ms'),
        ("-1\n", "t.txt:1: the time is -1 s; write seconds since the trace's beginning"),
        ("NaN\n", "t.txt:1: the time is nan s; write seconds since the trace's beginning"),
        ("7\n", "t.txt: the trace has 1 requests at one time; name one that takes some time"),
        ("7\n7\n", "t.txt: the trace has 2 requests at one time; name one that takes some time"),
    ],
)
def test_a_mistake_in_a_trace_names_its_line(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "t.txt").write_text(text, encoding="utf-8")
    assert told(tmp_path, "{rates: [{replay: t.txt}]}") == line
