"""The quality gate on the real vLLM and SGLang: learns a model's thresholds, and proves that damage is caught.

    python benchmarks/quality_gate.py learn    writes configs/quality/MODEL.json and prints what it was learned from
    python benchmarks/quality_gate.py prove    serves the model and damaged copies of it, asks the gate again and again

Both print a table. Model and engines are the quickstart's; `--engine` names one to prove on. One server at a time;
quiet machines are quicker, not righter.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import math
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from enginebench import assets, config, engines, load, provision, quality, runners, workloads
from enginebench.load import Target
from enginebench.plan import make_plan
from enginebench.provision import models, venv
from enginebench.quality import judge, tasks
from enginebench.quality.check import MAX_TOKENS, TOP
from enginebench.quality.reference import Learned, Reference, ReferenceText, compact, path_of
from enginebench.quality.texts import TEXTS
from enginebench.records import (
    ClosedLoop,
    Job,
    LocalSource,
    PackageSource,
    QualityRequest,
    Thresholds,
    VenvProvision,
    plain,
)
from enginebench.server import Server, ServerCommand, free_port

WORKER = Path(__file__).with_name("quality_transformers.py")
LIKELIEST = 5
"""Alternatives a token that a reference keeps."""
ANSWERED = 50
"""Questions that the model at full precision is asked."""
DAMAGES = {
    "noise 0.15 σ, all layers": ("noise", 0.15, None),
    "noise 0.15 σ, layer 15 of 30": ("noise", 0.15, 15),
    "3 bits a weight, row by row": ("round", 3, None),
    "4 bits a weight, row by row": ("round", 4, None),
}


def jobs_of_the_quickstart() -> dict[str, Job]:
    """Engine to a job of it that `make night` runs."""
    inventory, part = runners.inventory(config.read_site(assets.find("runners/local.yaml")))
    planned = make_plan(config.read_grid(assets.find("configs/grids/quickstart.yaml")), inventory, part)
    return {job.deployment.engine: job for job in reversed(planned.jobs)}


def transformers(job: Job, *words: str, asked: object = None) -> Any:
    """Run the worker in the converter's environment; gives the JSON it prints, null if it prints none."""
    source = job.deployment.model.source
    assert isinstance(source, PackageSource)
    converter = venv.prepare(
        VenvProvision(
            kind="venv",
            requirements=source.converter,
            pins=source.converter_requirements,
            extra_index=source.converter_index,
            executable="python",
        ),
        assets.cache(),
        print,
    )
    assert converter.python is not None
    done = subprocess.run(
        [str(converter.python), str(WORKER), *words],
        input=json.dumps(asked),
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **converter.environment, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"},
        check=True,
    )
    return json.loads(done.stdout) if done.stdout else None


@contextlib.contextmanager
def served(job: Job, model_path: Path, precision: str) -> Iterator[str]:
    """The URL of the job's engine with the model at `model_path`, in `precision`."""
    deployment = replace(job.deployment, precision=precision)
    prepared = provision.prepare(deployment.provision, assets.cache(), print)
    assert prepared.executable is not None
    port = free_port()
    launch = engines.get(deployment.engine_kind).launch(
        deployment, executable=prepared.executable, model_path=model_path, host="127.0.0.1", port=port
    )
    command = ServerCommand(
        argv=launch.argv,
        environment={**prepared.environment, **launch.environment},
        url=f"http://127.0.0.1:{port}",
        health_path=launch.health_path,
    )
    with tempfile.TemporaryDirectory() as folder, Server(command, Path(folder) / "log", ready_deadline_s=600):
        yield command.url


def passes(
    job: Job,
    url: str,
    reference: Reference,
    *,
    n: int,
    concurrency: int,
    items: int,
    thresholds: Thresholds | None = None,
) -> list[quality.Outcome]:
    """The gate asked `n` times."""
    adapter = engines.get(job.deployment.engine_kind)
    assert isinstance(adapter, engines.ScoresPrompts)
    return [
        quality.check(
            url=url,
            model=job.deployment.model.name,
            when="before",
            concurrency=concurrency,
            request=QualityRequest(items=items),
            reference=reference,
            thresholds=thresholds,
            ask_logprobs=adapter.prompt_logprobs,
            timeout_s=600,
        )
        for _ in range(n)
    ]


def loaded(job: Job, url: str) -> None:
    """Half a minute of the quickstart's load, eight in flight."""
    point = next(point for point in job.points if point.load == ClosedLoop(kind="closed", concurrency=8))
    prompts = workloads.get(point.workload.kind).prompts(
        point.workload, job.deployment.model, count=48, seed=1, tokenizer=None
    )
    load.measure(
        Target(url=url, model=job.deployment.model.name, api="completions"),
        prompts,
        point.load,
        run="load",
        seed=1,
        request_timeout_s=600,
        extra=engines.get(job.deployment.engine_kind).pin_output(job.deployment, point.workload.osl_tokens),
    )


def made_reference(job: Job, ready: models.ReadyModel) -> Reference:
    """The model's reference, without thresholds."""
    asked = tasks.items(ANSWERED)
    question = {"texts": TEXTS, "top": LIKELIEST, "stop": "\n", "max_tokens": MAX_TOKENS}
    found = transformers(
        job, "reference", str(ready.path), asked={**question, "prompts": [item.prompt for item in asked]}
    )
    return Reference(
        model=job.deployment.model.name,
        weights_sha256=ready.weights_hash or "",
        made={
            "how": "benchmarks/quality_gate.py learn: transformers, float32, CPU, greedy answers",
            **found["versions"],
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
        },
        task_version=tasks.VERSION,
        right="".join("01"[tasks.right(item, text)] for item, text in zip(asked, found["answers"], strict=True)),
        texts=tuple(rounded(text) for text in found["texts"]),
        thresholds={},
        learned=(),
    )


def rounded(text: dict[str, Any]) -> ReferenceText:
    """A text with four decimals: far below what two honest servers differ by."""
    return ReferenceText(
        text=text["text"],
        token_ids=tuple(text["token_ids"]),
        logprobs=tuple(round(value, 4) for value in text["logprobs"]),
        top=tuple(tuple((token, round(value, 4)) for token, value in row) for row in text["top"]),
    )


def learned(condition: str, found: Sequence[quality.Outcome], reference: Reference) -> Learned:
    """A row of the table of honest servers."""
    agreed = [one.check.agreement for one in found if one.check.agreement is not None]
    divergences = [one.kl_nats for one in agreed if one.kl_nats is not None]
    lost_gained_of = [judge.flips(one.items, reference) for one in found]
    pairs = sum(of for _, _, of in lost_gained_of)
    return Learned(
        condition=condition,
        n=len(found),
        top1_share=round(min(one.top1_share or 0.0 for one in agreed), 5),
        kl_nats=round(statistics.fmean(divergences), 6),
        kl_sd_nats=round(statistics.pstdev(divergences), 6),
        nll_difference_nats=round(statistics.fmean(one.nll_difference_nats or 0.0 for one in agreed), 6),
        flip_share=round(sum(lost + gained for lost, gained, _ in lost_gained_of) / pairs, 4) if pairs else None,
    )


def honest_transformers(job: Job, ready: models.ReadyModel, reference: Reference) -> Iterator[Learned]:
    """Honest variation of the reference's own implementation: bf16, either attention kernel."""
    for attention in ("eager", "sdpa"):
        asked = {"texts": TEXTS, "top": TOP, "stop": "\n", "max_tokens": 1, "prompts": []}
        words = ("reference", str(ready.path), "--dtype", "bfloat16", "--attention", attention)
        found = transformers(job, *words, asked=asked)
        rows = [
            [{**dict(map(tuple, top)), token: value} for token, value, top in zip(ids[1:], values, tops, strict=True)]
            for ids, values, tops in ((one["token_ids"], one["logprobs"], one["top"]) for one in found["texts"])
        ]
        agreed = judge.agreement(reference.texts, rows, TOP)
        yield Learned(
            condition=f"transformers, bf16, {attention} attention",
            n=1,
            top1_share=round(agreed.top1_share or 0.0, 5),
            kl_nats=round(agreed.kl_nats or 0.0, 6),
            kl_sd_nats=0.0,
            nll_difference_nats=round(agreed.nll_difference_nats or 0.0, 6),
            flip_share=None,
        )


def honest_servers(job: Job, ready: models.ReadyModel, reference: Reference) -> Iterator[Learned]:
    """Honest variation of an engine: precisions, batches, before and after load, restarts."""
    engine = f"{job.deployment.engine} {job.deployment.engine_version}"
    for start, precision in ((1, "bf16"), (2, "bf16"), (1, "fp32")):
        with served(job, ready.path, precision) as url:
            for when in ("before", "after") if (start, precision) == (1, "bf16") else ("before",):
                if when == "after":
                    loaded(job, url)
                for concurrency, n, items in ((1, 2, ANSWERED), (8, 5, ANSWERED)):
                    name = f"{engine}, {precision}, start {start}, {concurrency} in flight, {when} load"
                    found = passes(job, url, reference, n=n, concurrency=concurrency, items=items)
                    yield learned(name, found, reference)


def thresholds(rows: Sequence[Learned], tokens: int) -> Thresholds:
    """The mean and four standard deviations over honest bf16 servers, each condition once.

    Reruns of one condition differ far less than conditions, so the spread between conditions is what is taken; float32
    is left out, being nearer to the reference than bf16 can be. The conditions of one machine are fewer than the parts
    and engines there are, so a spread is taken for no less than a quarter of the mean divergence, for the counting
    noise of so many disagreeing tokens, and for the mean itself of the difference.
    """
    bf16 = [row for row in rows if "bf16" in row.condition]
    flips = [row.flip_share for row in rows if row.flip_share is not None]

    def limits(values: Iterable[float], least_sd: Callable[[float], float]) -> tuple[float, float]:
        """The mean and what may be between a server and it."""
        known = list(values)
        mean = statistics.fmean(known)
        return mean, 4 * max(statistics.stdev(known), least_sd(mean))

    kl, kl_more = limits((row.kl_nats for row in bf16), lambda mean: mean / 4)
    top1, top1_less = limits((row.top1_share for row in bf16), lambda mean: math.sqrt((1 - mean) / tokens))
    nll, nll_more = limits((abs(row.nll_difference_nats) for row in bf16), lambda mean: mean)
    return Thresholds(
        top1_share=math.floor((top1 - top1_less) * 1e4) / 1e4,
        kl_nats=math.ceil((kl + kl_more) * 1e5) / 1e5,
        nll_difference_nats=math.ceil((nll + nll_more) * 1e4) / 1e4,
        flip_share=max(max(flips), 1 / ANSWERED),
    )


def learn(jobs: dict[str, Job], ready: models.ReadyModel, _: argparse.Namespace) -> None:
    """Make the reference and its thresholds."""
    any_job = next(iter(jobs.values()))
    reference = made_reference(any_job, ready)
    print(f"{reference.right.count('1')} of {ANSWERED} questions right at full precision\n")
    print("| honest server | n | KL, nats | sd | top-1 | NLL difference | flips |\n|---|---|---|---|---|---|---|")
    rows = []
    found = [honest_transformers(any_job, ready, reference)]
    found += [honest_servers(job, ready, reference) for job in jobs.values()]
    for row in itertools.chain(*found):
        rows.append(row)
        print(
            f"| {row.condition} | {row.n} | {row.kl_nats:.5f} | {row.kl_sd_nats:.5f} | {row.top1_share:.4f} "
            f"| {row.nll_difference_nats:+.5f} | {'–' if row.flip_share is None else f'{row.flip_share:.3f}'} |",
            flush=True,
        )
    limits = thresholds(rows, sum(len(text.logprobs) for text in reference.texts))
    done = replace(reference, thresholds={"bf16": limits}, learned=tuple(rows))
    print(f"\nthresholds: {limits}")
    path = assets.root() / path_of(reference.model)
    path.parent.mkdir(exist_ok=True)
    path.write_text(compact(plain(done)), encoding="utf-8")


def prove(jobs: dict[str, Job], ready: models.ReadyModel, given: argparse.Namespace) -> None:
    """Serve the undamaged model and every damaged copy; the gate again and again on one server start of each."""
    job = jobs[given.engine]
    reference = quality.load(job.deployment.model.name)
    assert reference is not None
    limits = reference.thresholds[job.deployment.precision]
    print(f"{given.engine} {job.deployment.engine_version}; thresholds: {limits}\n")
    print("| model | in flight | passed | KL, nats | top-1 | NLL difference | right, of | took |\n" + "|---" * 8 + "|")
    with tempfile.TemporaryDirectory() as folder:
        for name, how in {"undamaged": None, **DAMAGES}.items():
            path = ready.path if how is None else damaged(job, ready.path, Path(folder) / "damaged", *how)
            with served(job, path, job.deployment.precision) as url:
                for concurrency in given.concurrency:
                    n = given.n if how is None else given.damaged_n
                    asked = {"n": n, "concurrency": concurrency, "items": given.items}
                    row(name, concurrency, passes(job, url, reference, **asked, thresholds=limits))


def damaged(job: Job, path: Path, out: Path, kind: str, amount: float, layer: int | None) -> Path:
    """A damaged copy at `out`, in place of the one before."""
    subprocess.run(["rm", "-rf", str(out)], check=True)
    words = ["damage", str(path), str(out), kind, str(amount)]
    transformers(job, *words, *([] if layer is None else ["--layer", str(layer)]))
    source = LocalSource(kind="local", path=str(out))
    return models.fetch(replace(job.deployment.model, source=source), assets.cache(), print).path


def row(name: str, concurrency: int, found: Sequence[quality.Outcome]) -> None:
    """Print a row of the proof: how many passes passed, lowest to highest of each figure."""
    checks = [one.check for one in found]
    agreed = [one.agreement for one in checks if one.agreement is not None]

    def span(values: Iterable[float | None], form: str) -> str:
        known = [value for value in values if value is not None]
        if not known:
            return "–"
        low, high = format(min(known), form), format(max(known), form)
        return low if low == high else f"{low} to {high}"

    print(
        f"| {name} | {concurrency} | {sum(not one.reasons for one in checks)} of {len(checks)} "
        f"| {span((one.kl_nats for one in agreed), '.4f')} | {span((one.top1_share for one in agreed), '.3f')} "
        f"| {span((one.nll_difference_nats for one in agreed), '+.4f')} "
        f"| {span((one.scores[0].right for one in checks), 'd')} of {checks[0].scores[0].asked} "
        f"| {statistics.median(one.duration_ns for one in checks) / 1e9:.1f} s |",
        flush=True,
    )
    for reason in sorted({reason.split(" 0.")[0] for one in checks for reason in one.reasons})[:3]:
        print(f"  {reason}", flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    commands.add_parser("learn").set_defaults(do=learn)
    one = commands.add_parser("prove")
    one.set_defaults(do=prove)
    one.add_argument("--n", type=int, default=20, help="times the undamaged model is asked at each concurrency")
    one.add_argument("--damaged-n", type=int, default=20, help="times a damaged one is")
    one.add_argument("--engine", default="vllm", help="engine of the quickstart")
    one.add_argument("--items", type=int, default=50)
    one.add_argument("--concurrency", type=int, nargs="+", default=[1, 8])
    given = parser.parse_args()
    jobs = jobs_of_the_quickstart()
    model = next(iter(jobs.values())).deployment.model
    given.do(jobs, models.fetch(model, assets.cache(), print), given)


if __name__ == "__main__":
    main()
