"""enginebench's client beside `vllm bench serve` and the engine's own histograms: one server, one workload, in turn.

    .venv/bin/python benchmarks/against_vllm_bench.py [--repeats 5] [--concurrency 1 4 8]

Takes the quickstart grid's deployment on this machine; the peer is the one in the engine's own environment. Pairs are
measured A B, B A, A B, …, so that drift of the machine cancels. Both report whole-run throughput here, since the peer
knows no steady window. The engine's figures are the growth of its Prometheus histograms over our runs: it counts from
a request's arrival to its own output, so what the HTTP front adds lies between the two.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import urllib.request
from dataclasses import replace
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from enginebench import assets, config, engines, load, metrics, provision, runners, workloads
from enginebench.intervals import interval
from enginebench.plan import make_plan
from enginebench.provision import models
from enginebench.records import ClosedLoop, Job, Point
from enginebench.server import Server, ServerCommand, free_port

FIGURES = {
    "TTFT mean, ms": ("ttft_mean_ns", 1e-6, "mean_ttft_ms"),
    "TPOT mean, ms": ("tpot_mean_ns", 1e-6, "mean_tpot_ms"),
    "E2EL mean, ms": ("e2el_mean_ns", 1e-6, "mean_e2el_ms"),
    "output tok/s": ("output_tps_per_accelerator_whole_run", 1.0, "output_throughput"),
}


ENGINES = {
    "TTFT mean, ms": "vllm:time_to_first_token_seconds",
    "TPOT mean, ms": "vllm:request_time_per_output_token_seconds",
    "E2EL mean, ms": "vllm:e2e_request_latency_seconds",
}
"""Figure to the engine's histogram of it."""


def told(url: str) -> dict[str, tuple[float, float]]:
    """Sum, ms, and count of each of the engine's histograms so far."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as page:
        families = {one.name: one for one in text_string_to_metric_families(page.read().decode())}

    def total(name: str, end: str) -> float:
        return sum(sample.value for sample in families[name].samples if sample.name == name + end)

    return {title: (total(name, "_sum") * 1e3, total(name, "_count")) for title, name in ENGINES.items()}


def job_of_the_quickstart(most: int) -> Job:
    """vLLM's job of the quickstart grid on this machine, with batches of up to `most`."""
    inventory, part = runners.inventory(config.read_site(assets.find("runners/local.yaml")))
    jobs = make_plan(config.read_grid(assets.find("configs/grids/quickstart.yaml")), inventory, part).jobs
    job = next(job for job in jobs if job.deployment.engine == "vllm")
    return replace(job, deployment=replace(job.deployment, max_sequences=max(most, job.deployment.max_sequences)))


def ours(job: Job, point: Point, url: str, seed: int, count: int) -> dict[str, float]:
    """One run of our client."""
    model = job.deployment.model
    some = workloads.get(point.workload.kind).prompts(point.workload, model, count=count, seed=seed, tokenizer=None)
    adapter = engines.get(job.deployment.engine_kind)
    outcome = load.measure(
        load.Target(url=url, model=model.name, api=point.workload.api),
        some,
        point.load,
        run="ours",
        seed=seed,
        request_timeout_s=600,
        extra=adapter.pin_output(job.deployment, point.workload.osl_tokens),
    )
    found = metrics.summarise(outcome.requests, load=point.load, devices=1, slo=None).metrics
    assert found["success_share"] == 1
    return {title: (found[name] or 0.0) * scale for title, (name, scale, _) in FIGURES.items()}


def peers(
    job: Job, point: Point, url: str, seed: int, count: int, executable: Path, model_path: Path
) -> dict[str, float]:
    """One run of `vllm bench serve`, its warm-up request included in none of its figures."""
    assert isinstance(point.load, ClosedLoop)
    with tempfile.TemporaryDirectory() as folder:
        argv = [
            *(str(executable), "bench", "serve", "--backend", "vllm", "--base-url", url),
            *("--model", job.deployment.model.name, "--tokenizer", str(model_path), "--dataset-name", "random"),
            *("--random-input-len", str(point.workload.isl_tokens), "--random-range-ratio", "0"),
            *("--random-output-len", str(point.workload.osl_tokens), "--ignore-eos", "--temperature", "0"),
            *("--num-prompts", str(count), "--max-concurrency", str(point.load.concurrency), "--seed", str(seed)),
            *("--percentile-metrics", "ttft,tpot,itl,e2el", "--disable-tqdm"),
            *("--save-result", "--result-dir", folder, "--result-filename", "result.json"),
        ]
        variables = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=variables)
        found = json.loads((Path(folder) / "result.json").read_text(encoding="utf-8"))
    assert found["completed"] == count
    assert found["total_output_tokens"] == count * point.workload.osl_tokens
    if found["total_input_tokens"] != count * point.workload.isl_tokens:
        print(f"  the peer sent {found['total_input_tokens'] / count:.1f} input tokens a request")
    return {title: found[key] for title, (_, _, key) in FIGURES.items()}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 8])
    given = parser.parse_args()
    job = job_of_the_quickstart(max(given.concurrency))
    cache = assets.cache()
    prepared = provision.prepare(job.deployment.provision, cache, print)
    ready = models.fetch(job.deployment.model, cache, print)
    assert prepared.executable is not None
    port = free_port()
    launch = engines.get(job.deployment.engine_kind).launch(
        job.deployment, executable=prepared.executable, model_path=ready.path, host="127.0.0.1", port=port
    )
    command = ServerCommand(
        argv=launch.argv,
        environment={**prepared.environment, **launch.environment},
        url=f"http://127.0.0.1:{port}",
        health_path=launch.health_path,
    )
    print(
        "| load | figure | enginebench | vllm bench serve | ratio [95 %] | n | the engine itself |\n" + "|---" * 7 + "|"
    )
    with tempfile.TemporaryDirectory() as folder, Server(command, Path(folder) / "log", ready_deadline_s=600):
        for concurrency in given.concurrency:
            # All at once, as the peer begins.
            loop = ClosedLoop(kind="closed", concurrency=concurrency, start="convoy")
            point = replace(job.points[0], load=loop)
            count = max(8, 3 * concurrency)
            pairs, grown = [], []
            ours(job, point, command.url, 10_000, concurrency)
            for repeat in range(given.repeats):
                own, other = None, None
                for ours_now in (True, False) if repeat % 2 == 0 else (False, True):
                    if ours_now:
                        before = told(command.url)
                        own = ours(job, point, command.url, repeat, count)
                        grown.append((before, told(command.url)))
                    else:
                        other = peers(job, point, command.url, repeat, count, prepared.executable, ready.path)
                assert own is not None
                assert other is not None
                pairs.append((own, other))
            for title in FIGURES:
                ratio = interval([a[title] / b[title] for a, b in pairs], ["one start"] * len(pairs))
                engine = [
                    (b[title][0] - a[title][0]) / (b[title][1] - a[title][1]) for a, b in grown if title in ENGINES
                ]
                mean = [sum(pair[side][title] for pair in pairs) / len(pairs) for side in (0, 1)]
                print(
                    f"| c{concurrency} | {title} | {mean[0]:.1f} | {mean[1]:.1f} "
                    f"| {ratio.centre:.3f} [{ratio.low:.3f}, {ratio.high:.3f}] | {ratio.n} "
                    f"| {f'{sum(engine) / len(engine):.1f}' if engine else '–'} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
