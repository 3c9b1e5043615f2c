"""Load generators of other projects: where each is installed, its command line, and what it reports of a run."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

import enginebench
from enginebench import assets
from enginebench.errors import TrialError, UserError
from enginebench.provision import uv

PROMPT_TOKENS = 16
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Demand:
    """What a client is asked to do."""

    url: str
    tokenizer: Path
    """Folder of the tokenizer."""
    requests: int
    output_tokens: int
    streams: int | None
    """Requests in flight, or nothing for an open loop."""
    rate_rps: float | None = None
    """Arrivals a second of an open loop."""
    chat: bool = False
    """Chat instead of completions."""


@dataclass(frozen=True)
class Reported:
    """What a client says of a run; nothing where it has no such figure."""

    ttft_mean_ms: float | None
    ttft_p99_ms: float | None
    tpot_mean_ms: float | None
    """(E2EL - TTFT) / (tokens - 1), whatever the client calls it."""
    itl_p99_ms: float | None
    """Of the gaps between chunks."""
    output_tps: float | None
    requests: int | None
    """Requests it counts as good."""
    extra: Mapping[str, float] = field(default_factory=dict)
    """Further figures of our own client."""


@dataclass(frozen=True)
class Client:
    """A load generator."""

    name: str
    version: str
    find: Callable[[str], Path]
    """Its program, made ready if need be; raises LookupError with the reason if it can't be used here."""
    argv: Callable[[Demand, Path], list[str]]
    """Its arguments for a run that leaves its files in the folder."""
    read: Callable[[Path], Reported]
    """What it left there."""
    environment: Mapping[str, str] = field(default_factory=dict)
    chat_only: bool = False
    """It has no completions API."""
    open_loop: bool = False
    """Its open loop is measured too."""


def _number(found: Any) -> float | None:
    return float(found) if found is not None and math.isfinite(found) else None


def _of_the_engine(engine: str, program: str) -> Callable[[str], Path]:
    """The client that comes with an engine, in the environment that a night made for it."""

    def find(version: str) -> Path:
        for info in sorted(
            (assets.cache() / "environments").glob(f"*/lib/python*/site-packages/{engine}-{version}*.dist-info")
        ):
            program_path = info.parents[3] / "bin" / program
            if program_path.exists():
                return program_path
        raise LookupError(
            f"{engine} {version} is not installed; `enginebench night configs/grids/quickstart.yaml` installs it"
        )

    return find


def _own_environment(name: str) -> Callable[[str], Path]:
    """A peer in an environment of its own, made from the pins in peer_pins/ when it is missing."""

    def find(version: str) -> Path:
        place = assets.cache().with_name("enginebench-benchmarks") / f"{name}-{version}"
        program, whole, log = place / "bin" / name, place / "whole", place.with_name(f"{name}-{version}.log")
        if not whole.exists():
            print(f"installing {name} {version}, once (log: {log})", file=sys.stderr)
            pins = _HERE / "peer_pins" / f"{name}-{version}.txt"
            engine = yaml.safe_load(assets.find("configs/engines/vllm.yaml").read_text(encoding="utf-8"))
            more = engine["builds"]["cpu"]["provision"]["extra_index"]  # torch's CPU builds
            try:
                uv.call(["venv", "--clear", "--python", sys.executable, str(place)], log)
                target = ["--python", str(place / "bin" / "python"), "--no-deps", "--compile-bytecode"]
                uv.install([*target, "--requirements", str(pins)], log, more)
            except (TrialError, UserError) as error:
                raise LookupError(f"{name} {version} can't be installed here: {error}") from None
            whole.touch()
        return program

    return find


def _vllm_argv(demand: Demand, folder: Path) -> list[str]:
    shape = ["--backend", "openai-chat" if demand.chat else "openai"]
    shape += ["--endpoint", "/v1/chat/completions" if demand.chat else "/v1/completions"]
    if demand.rate_rps is None:
        shape += ["--max-concurrency", str(demand.streams)]
    else:
        # Gaps as good as constant, so that the due time of each request is known outside of it.
        shape += ["--request-rate", f"{demand.rate_rps:g}", "--burstiness", "1e6"]
    return [
        *("bench", "serve", "--base-url", demand.url, "--model", "mock", "--tokenizer", str(demand.tokenizer)),
        *("--dataset-name", "random", "--random-range-ratio", "0", "--random-input-len", str(PROMPT_TOKENS)),
        *("--random-output-len", str(demand.output_tokens), "--num-prompts", str(demand.requests), "--ignore-eos"),
        *("--percentile-metrics", "ttft,tpot,itl,e2el", "--disable-tqdm", "--save-result"),
        *("--result-dir", str(folder), "--result-filename", "result.json", *shape),
    ]


def _serving(folder: Path) -> Reported:
    """vLLM's and SGLang's file: of one origin."""
    found = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return Reported(
        ttft_mean_ms=_number(found["mean_ttft_ms"]),
        ttft_p99_ms=_number(found["p99_ttft_ms"]),
        tpot_mean_ms=_number(found["mean_tpot_ms"]),
        itl_p99_ms=_number(found["p99_itl_ms"]),
        output_tps=_number(found["output_throughput"]),
        requests=found["completed"],
    )


def _sglang_argv(demand: Demand, folder: Path) -> list[str]:
    shape = ["--backend", "vllm-chat" if demand.chat else "vllm"]
    if demand.rate_rps is None:
        shape += ["--max-concurrency", str(demand.streams)]
    else:
        shape += ["--request-rate", f"{demand.rate_rps:g}"]
    return [
        *("-m", "sglang.benchmark.serving", "--base-url", demand.url, "--model", "mock"),
        *("--tokenizer", str(demand.tokenizer), "--dataset-name", "random-ids", "--random-range-ratio", "1"),
        *("--random-input-len", str(PROMPT_TOKENS), "--random-output-len", str(demand.output_tokens)),
        *("--num-prompts", str(demand.requests), "--warmup-requests", "0", "--disable-tqdm"),
        *("--output-file", str(folder / "result.json"), *shape),
    ]


def _guidellm_argv(demand: Demand, folder: Path) -> list[str]:
    path = "/v1/chat/completions" if demand.chat else "/v1/completions"
    return [
        *("run", "--backend", f"kind=openai_http,target={demand.url},model=mock,request_format={path}"),
        *("--profile", f"kind=concurrent,streams={demand.streams}"),
        *("--constraint", f"kind=max_requests,count={demand.requests}"),
        *("--tokenizer", f"kind=huggingface_auto,model={demand.tokenizer}"),
        *("--data", f"kind=synthetic_text,prompt_tokens={PROMPT_TOKENS},output_tokens={demand.output_tokens}"),
        *("--output", f"kind=json,path={folder / 'result.json'}", "--disable-console"),
    ]


def _guidellm(folder: Path) -> Reported:
    (found,) = json.loads((folder / "result.json").read_text(encoding="utf-8"))["benchmarks"]
    metrics = found["metrics"]
    first = metrics["time_to_first_token_ms"]["successful"] or {}
    gap = metrics["inter_token_latency_ms"]["successful"] or {}
    return Reported(
        ttft_mean_ms=_number(first.get("mean")),
        ttft_p99_ms=_number(first.get("percentiles", {}).get("p99")),
        tpot_mean_ms=_number(gap.get("mean")),  # what it calls TPOT has the first token in it
        itl_p99_ms=None,  # its percentile is one over requests
        output_tps=_number((metrics["output_tokens_per_second"]["successful"] or {}).get("mean")),
        requests=metrics["request_totals"]["successful"],
    )


def _aiperf_argv(demand: Demand, folder: Path) -> list[str]:
    return [
        *("profile", "--model", "mock", "--tokenizer", str(demand.tokenizer), "--url", demand.url),
        *("--endpoint-type", "chat" if demand.chat else "completions", "--streaming", "--ui", "none"),
        *("--concurrency", str(demand.streams), "--request-count", str(demand.requests)),
        *("--num-dataset-entries", str(demand.requests), "--random-seed", "1", "--use-server-token-count"),
        *("--synthetic-input-tokens-mean", str(PROMPT_TOKENS), "--synthetic-input-tokens-stddev", "0"),
        *("--output-tokens-mean", str(demand.output_tokens), "--output-tokens-stddev", "0"),
        *("--extra-inputs", "ignore_eos:true", "--no-gpu-telemetry", "--no-server-metrics"),
        *("--export-level", "summary", "--artifact-dir", str(folder)),
    ]


def _aiperf(folder: Path) -> Reported:
    found = json.loads((folder / "profile_export_aiperf.json").read_text(encoding="utf-8"))

    def of(metric: str, figure: str) -> float | None:
        return _number((found.get(metric) or {}).get(figure))

    return Reported(
        ttft_mean_ms=of("time_to_first_token", "avg"),
        ttft_p99_ms=of("time_to_first_token", "p99"),
        tpot_mean_ms=of("inter_token_latency", "avg"),
        itl_p99_ms=of("inter_chunk_latency", "p99"),
        output_tps=of("output_token_throughput", "avg"),
        requests=int(of("request_count", "avg") or 0),
    )


def _genai_argv(demand: Demand, folder: Path) -> list[str]:
    return [
        *("benchmark", "--api-backend", "vllm", "--api-base", demand.url, "--api-key", "none"),
        *("--task", "text-to-text", "--api-model-name", "mock", "--model", "mock"),
        *("--model-tokenizer", str(demand.tokenizer), "--num-concurrency", str(demand.streams)),
        *("--traffic-scenario", f"D({PROMPT_TOKENS},{demand.output_tokens})"),
        *("--max-time-per-run", "3", "--max-requests-per-run", str(demand.requests)),
        *("--additional-request-params", '{"ignore_eos": true}', "--metrics-time-unit", "ms"),
        *("--experiment-base-dir", str(folder), "--experiment-folder-name", "found", "--log-dir", str(folder)),
    ]


def _genai(folder: Path) -> Reported:
    (path,) = (folder / "found").glob("D*_concurrency_*.json")
    found = json.loads(path.read_text(encoding="utf-8"))["aggregated_metrics"]
    first, each = found["stats"]["ttft"], found["stats"]["tpot"]
    return Reported(
        ttft_mean_ms=_number(first["mean"]),
        ttft_p99_ms=_number(first["p99"]),
        tpot_mean_ms=_number(each["mean"]),
        itl_p99_ms=None,  # it keeps no gaps
        output_tps=_number(found["mean_output_throughput_tokens_per_s"]),
        requests=found["num_completed_requests"],
    )


def _own_argv(demand: Demand, folder: Path) -> list[str]:
    asked = {
        "url": demand.url,
        "requests": demand.requests,
        "prompt_tokens": PROMPT_TOKENS,
        "output_tokens": demand.output_tokens,
        "streams": demand.streams,
        "rate_rps": demand.rate_rps,
        "chat": demand.chat,
        "out": str(folder / "result.json"),
    }
    return [str(_HERE / "own_client.py"), json.dumps(asked)]


def _own(folder: Path) -> Reported:
    return Reported(**json.loads((folder / "result.json").read_text(encoding="utf-8")))


OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
CLIENTS = {
    client.name: client
    for client in (
        Client(
            *("enginebench", "", lambda _: Path(sys.executable), _own_argv, _own),
            # The very copy that this script uses, wherever its run is started.
            environment={"PYTHONPATH": str(Path(enginebench.__file__).resolve().parents[1])},
            open_loop=True,
        ),
        Client(
            *("vllm", "0.32.0", _of_the_engine("vllm", "vllm"), _vllm_argv, _serving),
            environment=OFFLINE,
            open_loop=True,
        ),
        Client(
            *("sglang", "0.5.21", _of_the_engine("sglang", "python"), _sglang_argv, _serving),
            environment=OFFLINE,
            open_loop=True,
        ),
        Client("guidellm", "0.8.1", _own_environment("guidellm"), _guidellm_argv, _guidellm, environment=OFFLINE),
        # Told to be offline it takes a folder for a name on the hub.
        Client("aiperf", "0.13.0", _own_environment("aiperf"), _aiperf_argv, _aiperf),
        Client(
            *("genai-bench", "0.0.5", _own_environment("genai-bench"), _genai_argv, _genai),
            environment={**OFFLINE, "MPLBACKEND": "agg"},
            chat_only=True,
        ),
    )
}
"""By name, in the order of the table."""
