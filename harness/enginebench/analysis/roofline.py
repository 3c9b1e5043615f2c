"""What was measured against what the part can do: bandwidth while decoding, FLOP/s in prefill and in all. Pure.

After the roofline of Williams, Waterman and Patterson (CACM 2009): who moves bytes is bound by bandwidth, who computes
by FLOP/s, and the nearer of the two roofs is the one that binds. Bytes and FLOPs are what the model needs at least: the
memory of an engine that moves more is busier than its share says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from enginebench.analysis.parts import numbers, part_names
from enginebench.config import Hardware
from enginebench.records import Model, Parallelism, record
from enginebench.records.subject import Architecture

SHARES = ("decode_bandwidth_share", "prefill_flops_share", "flops_share", "first_token_flops_share")
"""Shares of a peak, 0 to 1."""
COLUMNS = (
    *("part", "compute_precision", "memory_bandwidth_bytes_per_s", "dense_flops_per_s"),
    *("decoding_sequences", "weights_step_bytes", "kv_step_bytes"),
    *(f"{name}{end}" for name in SHARES for end in ("", "_low", "_high")),
    *("binds", "attention_counted", "absent"),
)
"""Columns of `roofline`."""
_MEASURED = ("output_tps_per_accelerator", "input_tps_per_accelerator", "tpot_mean_ns", "ttft_p50_ns")
_USED = (
    *("model", "precision", "dummy_weights", "devices", "parallelism", "isl_tokens", "osl_tokens", "concurrency"),
    *("acceptance_share", "prefix_hit_share", *(f"{name}{end}" for name in _MEASURED for end in ("", "_low", "_high"))),
)
_WEIGHTS_ONLY = {"int4": "bf16"}
"""Precision of weights that no matrix unit multiplies with, to the one that they are brought to before."""


@record
class Split:
    """How a deployment's devices share the weights and the cache."""

    replicas: int
    """Copies of all that is no routed expert, each with a batch of its own."""
    groups: int
    """Copies of the routed experts."""
    cache_tp: int
    """Devices that each layer's cache of one sequence is split over, or copied to where its heads are fewer."""


class _Lacking(Exception):
    """Why a figure can't be had."""


def roofline(
    points: pd.DataFrame,
    models: Mapping[str, Model],
    parts: Mapping[str, Hardware] | None = None,
    *,
    whole_run: bool = False,
) -> pd.DataFrame:
    """COLUMNS of each point, by its index; `models` and `parts` by name (`config.models()`, `config.parts()`);
    `whole_run` takes throughput of the whole run instead of the steady window's, with its warm-up and its end.

    - `decode_bandwidth_share` (model-bandwidth utilisation; Databricks, 2023): bytes that decoding must read in a
      second / bandwidth of all devices. Weights: those that a step touches / mean TPOT. KV cache: of the mean context
      (ISL + OSL / 2) for every output token. Sequences that decode at once: output tok/s × mean TPOT (Little's law). Of
      a mixture of experts b sequences touch 1 − (1 − k/E)^b of the experts, k of E a token, if routing spreads evenly:
      where it does not, less is read. Engines that skip part of the cache (sparse attention) read less too.
    - `prefill_flops_share` (model-FLOPs utilisation; PaLM, appendix B): 2 × active parameters × input tok/s not taken
      from the prefix cache, and 2 × layers × heads × head width × ISL a token of causal attention, / dense FLOP/s of
      all devices. Attention is counted only where all layers have it in full (`attention_counted`).
    - `flops_share`: the same with output tokens, whose attention is over the mean context.
    - `first_token_flops_share`: FLOPs of one prompt / median TTFT / dense FLOP/s, at one request in flight, where
      nothing else is computed meanwhile.

    FLOP/s are of the precision that weights are multiplied in. `_low` and `_high` are from the intervals of throughput
    and latency, whose ends are taken together. `binds`: `memory bandwidth` or `compute`, the greater of the first and
    the third share. `absent` is a dictionary: figure to the reason why it is null.
    """
    if whole_run:
        taken = [f"{name}{end}" for name in _MEASURED[:2] for end in ("", "_low", "_high")]
        points = points.assign(**{name: numbers(points, _of_whole_run(name)) for name in taken})
    found = part_names(points, parts)
    if parts is None:
        from enginebench import config

        parts = config.parts()
    used = points[[name for name in _USED if name in points]]
    rows = [
        _row(row, models.get(row["model"]), parts.get(part) if part else None)
        for row, part in zip(used.to_dict("records"), found, strict=True)
    ]
    numeric = [
        name for name in COLUMNS if name not in ("part", "compute_precision", "binds", "attention_counted", "absent")
    ]
    return pd.DataFrame(rows, index=points.index, columns=list(COLUMNS)).astype(dict.fromkeys(numeric, "float64"))


def _of_whole_run(name: str) -> str:
    base = next(one for one in _MEASURED if name.startswith(one))
    return f"{base}_whole_run{name.removeprefix(base)}"


def _row(point: Mapping[Any, Any], model: Model | None, part: Hardware | None) -> dict[str, Any]:
    row: dict[str, Any] = {"part": part.name if part else None}
    absent: dict[str, str] = {}
    steps: tuple[tuple[tuple[str, ...], Callable[[], dict[str, Any]]], ...] = (
        ((SHARES[0],), lambda: _decode(point, *_known(point, model, part))),
        (SHARES[1:3], lambda: _compute(point, *_known(point, model, part))),
        (SHARES[3:], lambda: _first_token(point, *_known(point, model, part))),
    )
    for names, step in steps:
        try:
            row |= step()
        except _Lacking as lack:
            absent |= dict.fromkeys(names, str(lack))
    memory, compute = row.get(SHARES[0]), row.get("flops_share")
    if memory is not None and compute is not None:
        row["binds"] = "memory bandwidth" if memory >= compute else "compute"
    else:
        absent["binds"] = absent.get(SHARES[0]) or absent["flops_share"]
    return row | {"absent": absent}


def _known(point: Mapping[Any, Any], model: Model | None, part: Hardware | None) -> tuple[Model, Hardware]:
    """Model and part, of which all is known that the figures need."""
    if point.get("dummy_weights") is True:
        raise _Lacking("the weights are made up")
    if model is None:
        raise _Lacking(f"model {point['model']} is not described")
    if point["precision"] not in model.precisions:
        raise _Lacking(f"model {model.name} is not described in {point['precision']}")
    a = model.architecture
    if a.experts is not None and a.active_parameters is None:
        raise _Lacking(f"how many parameters of {model.name} are active is not known")
    if part is None:
        raise _Lacking("the part is not one of configs/hardware")
    if "*" in part.match:
        raise _Lacking(f"{part.product} stands for no part of which peaks are known")
    return model, part


def _number(point: Mapping[Any, Any], name: str) -> float | None:
    value = point.get(name)
    return None if value is None or pd.isna(value) else float(value)


def _needed(point: Mapping[Any, Any], *names: str) -> list[float]:
    found = []
    for name in names:
        value = _number(point, name)
        if value is None:
            raise _Lacking(f"{name} is not known")
        found.append(value)
    return found


def _interval(
    point: Mapping[Any, Any], up: tuple[str, ...], down: tuple[str, ...], figure: Callable[..., float]
) -> tuple[float | None, float | None]:
    """Both ends of a figure that grows with the metrics `up` and falls with those `down`."""
    ends = []
    for one, other in (("_low", "_high"), ("_high", "_low")):
        values = [_number(point, f"{name}{one}") for name in up] + [_number(point, f"{name}{other}") for name in down]
        known = [value for value in values if value is not None]
        ends.append(figure(*known) if len(known) == len(values) and min(known) > 0 else None)
    return ends[0], ends[1]


def _put(name: str, value: float, ends: tuple[float | None, float | None]) -> dict[str, Any]:
    return {name: value, f"{name}_low": ends[0], f"{name}_high": ends[1]}


def split_of(point: Mapping[Any, Any]) -> Split:
    """How the point's devices share weights and cache, by its `parallelism` in short (`tp8·ep8`) and its `devices`.

    Data-parallel attention on the tp devices (SGLang) has one copy of the weights, and each sequence's cache on tp / dp
    of them. Raises for a pipeline: its weights are read as often as it has batches under way, which is not told.
    """
    sizes = {"tp": 1, "pp": 1, "dp": 1, "ep": 1}
    for piece in str(point["parallelism"]).split("·"):
        name, size = piece[:2], piece[2:]
        if name not in sizes or not size.isdigit() or not int(size):
            raise _Lacking(f"the split `{point['parallelism']}` is not understood")
        sizes[name] = int(size)
    split, devices = Parallelism(**sizes), int(point["devices"])
    if split.pp > 1:
        raise _Lacking("how often a pipeline reads its weights for a token is not known")
    if devices % split.tp:
        raise _Lacking(f"{devices} devices are no multiple of tp {split.tp}")
    replicas = devices // split.tp
    shared = split.dp if replicas < split.dp else 1
    return Split(
        replicas=replicas,
        groups=max(1, replicas * split.tp // max(split.tp, split.ep)),
        cache_tp=max(1, split.tp // shared),
    )


def weights_step_bytes(model: Model, precision: str, sequences: float, split: Split) -> float:
    """Bytes of weights that one step of all replicas reads, of so many sequences in all, routing spread evenly."""
    a, whole = model.architecture, model.precisions[precision].weights_bytes
    experts = whole * a.expert_share()
    touched = 1.0
    if a.experts and a.experts_per_token:
        each = max(1.0, sequences / split.groups)
        touched = 1 - (1 - a.experts_per_token / a.experts) ** each
    return (whole - experts) * split.replicas + experts * touched * split.groups


def _decode(point: Mapping[Any, Any], model: Model, part: Hardware) -> dict[str, Any]:
    if _number(point, "acceptance_share") is not None:
        raise _Lacking("with speculative decoding a step gives several tokens: its time is not TPOT")
    tps, tpot_ns = _needed(point, "output_tps_per_accelerator", "tpot_mean_ns")
    split, devices, precision = split_of(point), int(point["devices"]), point["precision"]
    if tpot_ns <= 0:
        raise _Lacking("TPOT is 0")
    sequences = tps * devices * tpot_ns / 1e9
    weights = weights_step_bytes(model, precision, sequences, split)
    cache = model.kv_bytes(precision, round(_context(point)), split.cache_tp)
    bandwidth = part.memory_bandwidth_bytes_per_s.value

    def share(of_tps: float, of_tpot_ns: float) -> float:
        return (weights / (of_tpot_ns / 1e9) / devices + of_tps * cache) / bandwidth

    ends = _interval(point, ("output_tps_per_accelerator",), ("tpot_mean_ns",), share)
    return {
        "memory_bandwidth_bytes_per_s": bandwidth,
        "decoding_sequences": sequences,
        "weights_step_bytes": weights,
        "kv_step_bytes": cache * sequences,
        **_put(SHARES[0], share(tps, tpot_ns), ends),
    }


def _context(point: Mapping[Any, Any]) -> float:
    return float(point["isl_tokens"]) + float(point["osl_tokens"]) / 2


def _attention_flops(a: Architecture, tokens: float) -> float:
    """FLOPs of one token's attention over so many others; 0 where some layers have another kind."""
    return 0.0 if a.kv_cache else 4.0 * a.layers * a.heads * a.head_dim * tokens


def _peak(part: Hardware, precision: str) -> tuple[str, float]:
    """The precision that weights of this one are multiplied in, and the part's peak in it."""
    name = _WEIGHTS_ONLY.get(precision, precision)
    if name not in part.precisions:
        raise _Lacking(f"{part.product} computes no {name}: in what it was computed is not known")
    if name not in part.dense_flops_per_s:
        raise _Lacking(f"the dense FLOP/s of {part.product} in {name} are not known")
    return name, part.dense_flops_per_s[name].value


def _compute(point: Mapping[Any, Any], model: Model, part: Hardware) -> dict[str, Any]:
    name, peak = _peak(part, point["precision"])
    a = model.architecture
    of_weights = 2.0 * (a.active_parameters or a.parameters)
    # A prompt's tokens look back on half of it in the mean.
    of_input = of_weights + _attention_flops(a, float(point["isl_tokens"]) / 2)
    of_output = of_weights + _attention_flops(a, _context(point))
    computed = 1 - (_number(point, "prefix_hit_share") or 0.0)
    metrics = ("input_tps_per_accelerator", "output_tps_per_accelerator")
    taken, given = _needed(point, *metrics)

    def prefill(tps: float) -> float:
        return tps * computed * of_input / peak

    def whole(of_taken: float, of_given: float) -> float:
        return prefill(of_taken) + of_given * of_output / peak

    return {
        "compute_precision": name,
        "dense_flops_per_s": peak,
        "attention_counted": not a.kv_cache,
        **_put("prefill_flops_share", prefill(taken), _interval(point, metrics[:1], (), prefill)),
        **_put("flops_share", whole(taken, given), _interval(point, metrics, (), whole)),
    }


def _first_token(point: Mapping[Any, Any], model: Model, part: Hardware) -> dict[str, Any]:
    if _number(point, "concurrency") != 1:
        raise _Lacking("beyond one request in flight a first token waits for others")
    _, peak = _peak(part, point["precision"])
    (ttft_ns,) = _needed(point, "ttft_p50_ns")
    a, isl = model.architecture, float(point["isl_tokens"])
    hit = _number(point, "prefix_hit_share") or 0.0
    flops = isl * (1 - hit) * (2.0 * (a.active_parameters or a.parameters) + _attention_flops(a, isl / 2))

    def share(of_ttft_ns: float) -> float:
        return flops / (of_ttft_ns / 1e9) / (peak * int(point["devices"]))

    if not ttft_ns or not math.isfinite(ttft_ns):
        raise _Lacking("TTFT is 0")
    return _put(SHARES[3], share(ttft_ns), _interval(point, (), ("ttft_p50_ns",), share))
