"""SGLang: `sglang.launch_server` on CPU, NVIDIA and AMD (flags as of 0.5.21), `sgl_jax.launch_server` on TPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from enginebench.engines import DTYPES, OFFLINE, Launch, LogprobQuestion, MetricsPage, flags
from enginebench.records import Deployment, DummySource, Parallelism, Scalar


class Sglang:
    """Adapter for SGLang."""

    metrics_page = MetricsPage(
        path="/metrics",
        samples={
            "requests_running": ("sglang:num_running_reqs",),
            "requests_waiting": ("sglang:num_queue_reqs",),
            "kv_cache_share": ("sglang:token_usage",),
            "prefix_queried_tokens": ("sglang:prompt_tokens_total",),
            "prefix_hit_tokens": ("sglang:cached_tokens_total",),
            "preemptions": ("sglang:num_retracted_requests_total",),
            # Not its spec_accept_rate: that is 0 also where nothing is drafted.
        },
    )

    def devices(self, parallelism: Parallelism) -> int:
        """tp × pp × dp; where data-parallel attention runs, SGLang's own `--tp-size` is tp × dp."""
        return parallelism.tp * parallelism.pp * parallelism.dp

    def unsupported(self, deployment: Deployment) -> str | None:
        """Experts are spread evenly over the devices of a stage; of sglang-jax's splits only tp is known here."""
        p = deployment.parallelism
        if deployment.vendor == "tpu" and p != Parallelism(tp=p.tp):
            return f"of sglang-jax's splits only tensor parallelism is known to enginebench, not {p.label()}"
        devices = p.tp if p.ep <= p.tp else p.tp * p.dp
        if devices % p.ep:
            return f"SGLang spreads experts evenly over devices: {p.ep} does not divide {devices}"
        if isinstance(deployment.model.source, DummySource) and deployment.precision not in DTYPES:
            return f"dummy weights can't be made in {deployment.precision}"
        return None

    def launch(self, deployment: Deployment, *, executable: Path, model_path: Path, host: str, port: int) -> Launch:
        """`python -m sglang.launch_server …`; ready when `/health` answers 200, which it does with a token."""
        p = deployment.parallelism
        tpu = deployment.vendor == "tpu"
        # Replicas stand side by side, `tp-size` being one's, unless experts span them or the flag itself is given: that
        # is data-parallel attention, where `tp-size` counts all and attention is split tp-size / dp.
        shared = p.dp > 1 and (p.ep > p.tp or deployment.arguments.get("enable-dp-attention") is True)
        fixed: dict[str, Scalar] = {
            "model-path": str(model_path),
            "host": host,
            "port": port,
            "served-model-name": deployment.model.name,
            "dtype": DTYPES.get(deployment.precision, "auto"),
            "context-length": deployment.context_tokens,
            "max-running-requests": deployment.max_sequences,
            "disable-radix-cache": None if deployment.prefix_cache else True,
            "stream-interval": 1,
            # Cached tokens in each answer's usage, and no penalties from the model's generation_config.json.
            "enable-cache-report": True,
            "sampling-defaults": None if tpu else "openai",
            "enable-metrics": None if tpu else True,
            "device": deployment.vendor if deployment.vendor in ("cpu", "tpu") else None,
            "load-format": "dummy" if isinstance(deployment.model.source, DummySource) else None,
            "tp-size": p.tp * p.dp if shared else p.tp,
            "pp-size": p.pp if p.pp > 1 else None,
            "dp-size": p.dp if p.dp > 1 else None,
            "enable-dp-attention": True if shared else None,
            "ep-size": p.ep if p.ep > 1 else None,
        }
        module = "sgl_jax.launch_server" if tpu else "sglang.launch_server"
        return Launch(
            argv=(str(executable), "-m", module, *flags({**fixed, **deployment.arguments})),
            environment={**OFFLINE, **deployment.environment},
            # sglang-jax answers /health as soon as it listens.
            health_path="/health_generate" if tpu else "/health",
            version_path="/get_server_info" if tpu else "/server_info",
        )

    def pin_output(self, deployment: Deployment, output_tokens: int) -> Mapping[str, object]:
        """Stop tokens are ignored and the shortest answer is the longest."""
        return {"ignore_eos": True, "min_tokens": output_tokens}

    def prompt_logprobs(self, model: str, token_ids: Sequence[int], top: int) -> LogprobQuestion:
        """SGLang's own endpoint; a token stands in its answer as [log-probability, id, text]."""

        def read(answer: Any) -> list[dict[int, float]]:
            own, best = (answer["meta_info"][f"input_{name}_logprobs"][1:] for name in ("token", "top"))
            return [{int(t[1]): float(t[0]) for t in (*row, token)} for token, row in zip(own, best, strict=True)]

        body = {"input_ids": list(token_ids), "return_logprob": True, "logprob_start_len": 0, "top_logprobs_num": top}
        body["sampling_params"] = {"max_new_tokens": 1, "temperature": 0}
        return LogprobQuestion(path="/generate", body=body, read=read)


ADAPTER = Sglang()
