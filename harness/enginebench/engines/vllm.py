"""vLLM: one server command for its CPU, NVIDIA, AMD and TPU builds (`vllm serve`, flags as of 0.32)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from enginebench.engines import DTYPES, OFFLINE, Launch, LogprobQuestion, MetricsPage, flags
from enginebench.records import Deployment, DummySource, Parallelism, Scalar

_QUIET = {**OFFLINE, "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}


class Vllm:
    """Adapter for vLLM."""

    metrics_page = MetricsPage(
        path="/metrics",
        samples={
            "requests_running": ("vllm:num_requests_running",),
            "requests_waiting": ("vllm:num_requests_waiting",),
            "kv_cache_share": ("vllm:kv_cache_usage_perc",),
            "prefix_queried_tokens": ("vllm:prefix_cache_queries_total",),
            "prefix_hit_tokens": ("vllm:prefix_cache_hits_total",),
            "preemptions": ("vllm:num_preemptions_total",),
            "drafted_tokens": ("vllm:spec_decode_num_draft_tokens_total",),
            "accepted_tokens": ("vllm:spec_decode_num_accepted_tokens_total",),
        },
    )

    def devices(self, parallelism: Parallelism) -> int:
        """tp × pp × dp; experts are spread over those same devices."""
        return parallelism.tp * parallelism.pp * parallelism.dp

    def unsupported(self, deployment: Deployment) -> str | None:
        """Expert parallelism spans all of tp × dp; TPU has no pipeline parallelism; a CPU is one device."""
        p = deployment.parallelism
        if p.ep > 1 and p.ep != p.tp * p.dp:
            return f"vLLM spreads experts over all tp × dp = {p.tp * p.dp} devices, not over {p.ep}"
        if deployment.vendor == "tpu" and p.pp > 1:
            return "vLLM's TPU build has no pipeline parallelism"
        if isinstance(deployment.model.source, DummySource) and deployment.precision not in DTYPES:
            return f"dummy weights can't be made in {deployment.precision}"
        return None

    def launch(self, deployment: Deployment, *, executable: Path, model_path: Path, host: str, port: int) -> Launch:
        """`vllm serve DIR …`; ready when `/health` answers 200."""
        p = deployment.parallelism
        fixed: dict[str, Scalar] = {
            "host": host,
            "port": port,
            "served-model-name": deployment.model.name,
            "dtype": DTYPES.get(deployment.precision, "auto"),
            "max-model-len": deployment.context_tokens,
            "max-num-seqs": deployment.max_sequences,
            "enable-prefix-caching": deployment.prefix_cache,
            # One event a token, and no penalties from the model's generation_config.json: as every engine is asked.
            "stream-interval": 1,
            "generation-config": "vllm",
        }
        if p.tp > 1:
            fixed["tensor-parallel-size"] = p.tp
        if p.pp > 1:
            fixed["pipeline-parallel-size"] = p.pp
        if p.dp > 1:
            fixed["data-parallel-size"] = p.dp
        if p.ep > 1:
            fixed["enable-expert-parallel"] = True
        if isinstance(deployment.model.source, DummySource):
            fixed["load-format"] = "dummy"
        return Launch(
            argv=(str(executable), "serve", str(model_path), *flags({**fixed, **deployment.arguments})),
            environment={**_QUIET, **deployment.environment},
            health_path="/health",
            version_path="/version",
        )

    def pin_output(self, deployment: Deployment, output_tokens: int) -> Mapping[str, object]:
        """Stop tokens are ignored and the shortest answer is the longest."""
        return {"ignore_eos": True, "min_tokens": output_tokens}

    def prompt_logprobs(self, model: str, token_ids: Sequence[int], top: int) -> LogprobQuestion:
        """vLLM's own `prompt_logprobs`: by token id, where `echo` gives texts that several ids share."""

        def read(answer: Any) -> list[dict[int, float]]:
            rows = answer["choices"][0]["prompt_logprobs"][1:]
            return [{int(token): float(of["logprob"]) for token, of in row.items()} for row in rows]

        body = {"model": model, "prompt": list(token_ids), "max_tokens": 1, "temperature": 0, "prompt_logprobs": top}
        return LogprobQuestion(path="/v1/completions", body=body, read=read)


ADAPTER = Vllm()
