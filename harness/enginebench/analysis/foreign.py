"""What other tools measured, beside our own points: figures of the same definition, and those that only come near."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from enginebench.analysis.points import POINT
from enginebench.metrics import METRICS
from enginebench.records import ForeignPoint

_LATENCY = re.compile(r"(?:.*[._])?(mean|median|p\d+)_(ttft|tpot|itl|e2el|intvty)")
NOT_TOLD = "not told"
_SAID = {
    "product": ("hardware", "accelerator", "gpu"),
    "precision": ("precision", "quantization"),
    "version_label": ("image", "engine_version"),
}
"""Column to the names under which tools say it."""


def foreign_points(points: Iterable[ForeignPoint]) -> pd.DataFrame:
    """One row a measured load, with the columns of `summarise_points`, `tool`, and `unlike`: metric to how the figure
    in its column differs from ours, where it does. No figure has an interval: another tool's spread is not known.

    Rows of the same content that several files hold are one.
    """
    rows = {one.identity(): _row(one) for one in points if one.kind == "benchmark" and one.date}
    ends = [f"{name}{end}" for name in METRICS for end in ("", "_low", "_high", "_n")]
    return pd.DataFrame(list(rows.values()), columns=[*POINT, *ends, "tool", "unlike"])


def _row(one: ForeignPoint) -> dict[str, Any]:
    said = {column: _first(one.said, names) for column, names in _SAID.items()}
    said["version_label"] = said["version_label"] or NOT_TOLD
    values, unlike = _figures(one)
    workload = f"{_tokens(one.said.get('isl', one.input_tokens))}/{_tokens(one.said.get('osl', one.output_tokens))}"
    where = [one.tool, one.model, one.engine, said["product"], said["precision"], _split(one.said), workload]
    curve = " ".join(str(part) for part in where)
    load = f"r{one.rate_rps:g}" if one.rate_rps is not None else f"c{one.concurrency:g}" if one.concurrency else "all"
    return {
        **dict.fromkeys(POINT),
        **said,
        "night": str(one.date)[:10],
        "series": f"{curve} {load}",
        "curve": curve,
        "lineage": f"{curve} {load}",
        "engine": one.engine,
        "engine_kind": one.engine,
        "engine_version": _version(said["version_label"]),
        "version": said["version_label"],
        "host": NOT_TOLD,
        "model": one.model,
        "devices": _devices(one.said),
        "parallelism": _split(one.said),
        "workload": workload,
        "isl_tokens": one.said.get("isl", one.input_tokens),
        "osl_tokens": one.said.get("osl", one.output_tokens),
        "load_kind": "open" if one.rate_rps is not None else "closed",
        "load": load,
        "concurrency": one.concurrency,
        "rate_rps": one.rate_rps,
        "starts": 1,
        "repeats": 1,
        "left_out": 0,
        "marked": False,
        "marks": [],
        "varies": "one run of another tool",
        "trials": [],
        "dummy_weights": False,
        "failed_quality": False,
        "quality_reasons": [],
        "quality_lm_eval": [],
        "invalid": False,
        "invalid_reasons": [],
        **{name: values.get(name) for name in METRICS},
        **{f"{name}_n": int(name in values) for name in METRICS},
        "tool": one.tool,
        "unlike": unlike,
    }


def _figures(one: ForeignPoint) -> tuple[dict[str, float], dict[str, str]]:
    """Metrics to values in stored units, and of those that only come near how they differ."""
    values = {
        same.metric: value * same.factor
        for name, same in one.same_as.items()
        if (value := one.figures.get(name)) is not None
    }
    unlike: dict[str, str] = {}
    for name, reason in one.unlike.items():
        value, near = one.figures.get(name), _near(name)
        if value is not None and near is not None and near[0] not in values:
            values[near[0]] = value * near[1]
            unlike[near[0]] = reason
    return values, unlike


def _near(name: str) -> tuple[str, float] | None:
    """The metric that a figure's name sounds like and the factor to its unit, of figures in seconds."""
    match = _LATENCY.fullmatch(name)
    if match is None:
        return None
    statistic = {"median": "p50"}.get(match[1], match[1])
    if match[2] == "intvty":
        # Its high percentiles are the slow end.
        statistic = {"p90": "p10", "p99": "p1"}.get(statistic, statistic)
        metric, factor = f"interactivity_{statistic}_tps", 1.0
    else:
        metric, factor = f"{match[2]}_{statistic}_ns", 1e9
    return (metric, factor) if metric in METRICS else None


def _first(said: Mapping[str, Any], names: Iterable[str]) -> str | None:
    return next((str(said[name]) for name in names if said.get(name) is not None), None)


def _tokens(value: Any) -> str:
    return "?" if value is None else f"{value:g}"


def _version(image: str | None) -> str:
    """What stands behind the colon of an image's name."""
    return str(image).rpartition(":")[2]


def _split(said: Mapping[str, Any]) -> str | None:
    """`tp8`, `tp8 ep8`; of roles `prefill tp4 × 1, decode tp8 × 5`."""
    roles = {
        role: " ".join(
            f"{name}{said[f'{role}_{name}']}"
            for name in ("tp", "ep")
            if said.get(f"{role}_{name}") is not None and (name == "tp" or said[f"{role}_{name}"] != 1)
        )
        for role in ("prefill", "decode")
    }
    if not said.get("disagg"):
        return roles["decode"] or None
    return ", ".join(f"{role} {split} × {said.get(f'{role}_num_workers', '?')}" for role, split in roles.items())


def _devices(said: Mapping[str, Any]) -> int | None:
    """Accelerators that the row says: of both roles where they are apart."""
    prefill, decode = said.get("num_prefill_gpu"), said.get("num_decode_gpu")
    if not isinstance(decode, int):
        return None
    return decode + prefill if said.get("disagg") and isinstance(prefill, int) else decode
