"""What a longer context costs: TTFT, throughput and $/Mtok over input length; and what a prefix cache saves. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from enginebench.analysis.economics import FIGURES, RATE_COLUMNS, OwnRate, priced
from enginebench.analysis.parts import numbers
from enginebench.analysis.points import why_not_eligible
from enginebench.config import Hardware, PriceClass, Rates
from enginebench.records import Result, content_hash, identify, record
from enginebench.records.identity import RECIPE

DEPLOYMENT = (
    *("model", "precision", "dummy_weights", "engine_kind", "engine_version", "vendor", "product", "part", "devices"),
    *("parallelism", "host"),
)
"""What is one deployment, but for its recipe."""
LOAD = ("load_kind", "load")
"""What is like load."""
_METRICS = (
    *("ttft_p50_ns", "ttft_p99_ns", "tpot_mean_ns", "requests_rps"),
    *(f"{kind}_tps_per_accelerator" for kind in ("total", "input", "output")),
)
_ENDS = ("", "_low", "_high")
COLUMNS = (
    *("line", "contexts", *DEPLOYMENT, "recipe", "version_label", *LOAD, "workload", "api", "isl_tokens", "osl_tokens"),
    *("night", *(f"{name}{end}" for name in _METRICS for end in _ENDS), "ttft_p50_ns_per_input_token"),
    *(*RATE_COLUMNS[1:], *(f"{name}{end}" for name in FIGURES for end in _ENDS), "absent", "left_out"),
)
"""Columns of `context`."""
_RATIOS = ("ttft", "throughput", "cost")
_RATIO_OF = ("ttft_p50_ns", "total_tps_per_accelerator")
SAVING_COLUMNS = (
    *(*DEPLOYMENT, *LOAD, "workload", "isl_tokens", "osl_tokens", "hit_share", "with_cache", "without_cache", "by"),
    *(f"{name}_ratio{end}" for name in _RATIOS for end in _ENDS),
)
"""Columns of `cache_saving`."""


@record
class Recipe:
    """What of a recipe bears on its prefix cache."""

    prefix_cache: bool
    """Whether the engine may reuse KV of equal prefixes."""
    rest: str
    """Hash of all else: recipes of one `rest` differ in the cache alone."""
    at_any_context: str
    """Hash of all but the longest request that the server accepts."""


def context(
    points: pd.DataFrame,
    rates: Rates,
    *,
    known: Mapping[str, Recipe] | None = None,
    price_class: PriceClass = "neocloud",
    on: str | None = None,
    own: Mapping[str, OwnRate] | None = None,
    parts: Mapping[str, Hardware] | None = None,
) -> pd.DataFrame:
    """COLUMNS of every point, by its index, sorted by `line` and `isl_tokens`.

    `points` is what `snapshot` gives. A `line` (a hash) is one deployment with one recipe, at one load and output
    length: along it only the input length changes. With `known` recipes the context that the server was started for may
    differ too, as between grids. `contexts` is how many lengths of a line were measured. Points that are not `eligible`
    say why under `left_out` and count in none. Figures keep their units; what is not known is null.
    """
    table = points.copy()
    table["left_out"] = why_not_eligible(points)
    keys = [name for name in (*DEPLOYMENT, *LOAD, "api", "osl_tokens") if name in points]
    recipe = points["recipe"].map(lambda one: known[one].at_any_context if known and one in known else one)
    rows = [
        tuple(None if pd.isna(value) else str(value) for value in row)
        for row in points[keys].assign(recipe=recipe).to_numpy()
    ]
    hashes = {row: content_hash(list(row)) for row in set(rows)}
    lines = [hashes[row] for row in rows]
    table["line"] = pd.Series(lines, index=points.index, dtype="object")
    counted = table["isl_tokens"].where(table["left_out"] == "").groupby(table["line"]).nunique()
    table["contexts"] = table["line"].map(counted).astype("int64")
    for name in (f"{metric}{end}" for metric in _METRICS for end in _ENDS):
        table[name] = numbers(points, name)
    table["ttft_p50_ns_per_input_token"] = table["ttft_p50_ns"] / numbers(points, "isl_tokens")
    table = priced(table, rates, price_class=price_class, on=on, own=own, parts=parts)
    return table.reindex(columns=list(COLUMNS)).sort_values(["line", "isl_tokens"], kind="stable")


def recipes(results: Iterable[Result]) -> Mapping[str, Recipe]:
    """Recipe (its hash, as in the table of points) to what it says of the prefix cache; one result of each will do."""
    found = {}
    for result in results:
        job = result.attempt.job
        (identity,) = identify(job.deployment, job.points[:1])
        if identity.recipe not in found:
            whole = {name: getattr(job.deployment, name) for name in RECIPE}
            rest, any_context = (
                content_hash({name: value for name, value in whole.items() if name != without})
                for without in ("prefix_cache", "context_tokens")
            )
            found[identity.recipe] = Recipe(
                prefix_cache=job.deployment.prefix_cache, rest=rest, at_any_context=any_context
            )
    return found


def cache_saving(points: pd.DataFrame, known: Mapping[str, Recipe] | None = None) -> pd.DataFrame:
    """SAVING_COLUMNS: a row wherever a deployment measured a workload at a load both with a prefix cache and without.

    By `known` recipes (`by` is `recipe`) all else of the two is equal. Without them (`by` is `hits`) the one with hits
    is held against the one without; whether their recipes differ in more is not known. `ttft_ratio`,
    `throughput_ratio` (total tokens) and `cost_ratio` are with / without; cost is a token's at any price, so
    1 / throughput. Their ends hold the worse end of the one against the better of the other, which is wider than a test
    of both would be: for a verdict use `compare`. `with_cache` and `without_cache` are labels of the points.
    """
    usable = points[why_not_eligible(points) == ""]
    keys = [name for name in (*DEPLOYMENT, *LOAD, "workload", "isl_tokens", "osl_tokens") if name in points]
    rows: list[dict[str, Any]] = []
    # Of hundreds of columns those that a pair is made of.
    figures = (f"{name}{end}" for name in _RATIO_OF for end in _ENDS)
    usable = usable[[*keys, *(name for name in ("recipe", "prefix_hit_share", *figures) if name in points)]]
    if len(usable):
        for _, group in usable.groupby(keys, dropna=False, sort=True):
            rows += _pairs(group, keys, known)
    return pd.DataFrame(rows, columns=list(SAVING_COLUMNS))


def _pairs(group: pd.DataFrame, keys: list[str], known: Mapping[str, Recipe] | None) -> list[dict[str, Any]]:
    share = numbers(group, "prefix_hit_share").tolist()
    cached, rest = (
        ([hits > 0 for hits in share], [""] * len(share))
        if known is None
        else _by_recipe(group["recipe"].tolist(), known)
    )
    if not any(one is True for one in cached) or not any(one is False for one in cached):
        return []
    rows = list(zip(group.index, group.to_dict("records"), share, cached, rest, strict=True))
    found = []
    for label, row, hits, _, alike in (one for one in rows if one[3] is True):
        for other, bare, *_, like in (one for one in rows if one[3] is False):
            if alike == like:
                told = {name: row[name] for name in keys} | {
                    "hit_share": hits,
                    "by": "hits" if known is None else "recipe",
                }
                found.append(told | {"with_cache": label, "without_cache": other} | _ratios(row, bare))
    return found


def _by_recipe(names: list[Any], known: Mapping[str, Recipe]) -> tuple[list[bool | None], list[str]]:
    """Of each recipe whether it has a prefix cache, null where that is not known, and the hash of all else."""
    found = [known.get(name) for name in names]
    return [one.prefix_cache if one else None for one in found], [one.rest if one else "" for one in found]


def _ratios(row: Mapping[Any, Any], bare: Mapping[Any, Any]) -> dict[str, float | None]:
    ttft, throughput = (_ratio(row, bare, name) for name in _RATIO_OF)
    cost = [None if end is None else 1 / end for end in (throughput[0], throughput[2], throughput[1])]
    return {
        f"{name}_ratio{end}": value
        for name, three in zip(_RATIOS, (ttft, throughput, cost), strict=True)
        for end, value in zip(_ENDS, three, strict=True)
    }


def _ratio(row: Mapping[Any, Any], other: Mapping[Any, Any], name: str) -> list[float | None]:
    """`row` / `other` in a figure, and its lowest and highest by both intervals; null where one is not known or not
    above 0."""

    def of(top: Any, bottom: Any) -> float | None:
        whole = top is not None and bottom is not None and not pd.isna(top) and not pd.isna(bottom)
        return float(top) / float(bottom) if whole and float(bottom) > 0 and float(top) > 0 else None

    ends = (("", ""), ("_low", "_high"), ("_high", "_low"))
    return [of(row.get(f"{name}{one}"), other.get(f"{name}{two}")) for one, two in ends]
