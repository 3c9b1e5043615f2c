"""Does a deployment fit: the part, the precision, the memory, the context?"""

from __future__ import annotations

from enginebench.config import Hardware
from enginebench.records import Accelerator, Deployment, Engine, Model, Workload

USABLE_MEMORY = 0.9
"""Share of a device's memory an engine may fill: vLLM's `gpu_memory_utilization` default (0.92 since 0.20) rounded
down."""


def missing_support(engine: Engine, model: Model, precision: str, vendor: str, part: Hardware | None) -> str | None:
    """Why this engine, model and part have no such precision; null if all three have it."""
    build = next((build for name, build in engine.builds.items() if name == vendor), None)
    if build is None:
        return f"engine {engine.name} {engine.version} has no build for {vendor}"
    if precision not in model.precisions:
        return f"model {model.name} has no {precision} weights; it has {', '.join(sorted(model.precisions))}"
    if precision not in build.precisions:
        return f"engine {engine.name} {engine.version} has no {precision} on {vendor}"
    if part is not None and precision not in part.precisions:
        return f"{part.product} has no {precision}"
    return None


def too_large(deployment: Deployment, device: Accelerator) -> str | None:
    """Why weights and the KV cache of one longest request exceed the memory; null if they fit.

    Every replica has weights and a cache of its own, but experts that expert parallelism spreads over replicas are
    there once a group of it. Heads of the cache that are fewer than the devices of a split are copied.
    """
    model, split = deployment.model, deployment.parallelism
    weights = model.precisions[deployment.precision].weights_bytes
    cache = model.kv_bytes(deployment.precision, deployment.context_tokens, split.tp)
    spread = weights * model.architecture.expert_share()
    groups = split.dp * split.tp / max(split.tp, split.ep)
    need = (weights - spread + cache) * split.dp + spread * groups
    have = device.memory_bytes * deployment.devices * USABLE_MEMORY
    if need <= have:
        return None
    times = f"{split.dp} × " if split.dp > 1 else ""
    once = f", of them experts {groups:g} × {spread / 1e9:.1f} GB" if spread and groups != split.dp else ""
    return (
        f"{times}(weights {weights / 1e9:.1f} GB{once} + KV cache of one request {cache / 1e9:.1f} GB) need "
        f"{need / 1e9:.1f} GB; {deployment.devices} × {device.product} has {have / 1e9:.1f} GB of "
        f"{device.memory_bytes * deployment.devices / 1e9:.1f} GB to use"
    )


def too_long(workload: Workload, model: Model, context_tokens: int) -> str | None:
    """Why a request of this workload exceeds the context; null if it fits."""
    need = workload.isl_tokens + workload.osl_tokens
    if need > model.architecture.context_tokens:
        return f"{need} tokens a request; model {model.name} takes {model.architecture.context_tokens}"
    if need > context_tokens:
        return f"{need} tokens a request; the grid's context_tokens is {context_tokens}"
    return None
