"""What `enginebench compare` and `noise` do: slices and options in, tables, files and an exit code out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from enginebench.config import documents
from enginebench.errors import mistake
from enginebench.store import Store

if TYPE_CHECKING:
    from enginebench.analysis.compare import Comparison
    from enginebench.analysis.slices import Slice

CODES = {"better": 0, "no change": 0, "worse": 1, "insufficient": 4, "incomparable": 4}
"""Outcome to exit code."""
NOISY = ("output_tps_per_accelerator", "ttft_mean_ns", "tpot_mean_ns")
"""Metrics whose noise is told unless others are asked for."""


def compare(options: argparse.Namespace) -> int:
    """`enginebench compare A B`."""
    from enginebench import report
    from enginebench.report.comparison import markdown, show_comparison
    from enginebench.report.junit import junit

    for path in filter(None, (options.markdown, options.junit)):
        if not path.absolute().parent.is_dir():
            raise mistake(str(path), f"no folder {path.parent}", "make it, or name another file")
    found = compared(options)
    show_comparison(found, report.console())
    if options.markdown:
        options.markdown.write_text(markdown(found), encoding="utf-8")
    if options.junit:
        options.junit.write_text(junit(found), encoding="utf-8")
    return CODES[found.outcome()]


def compared(options: argparse.Namespace) -> Comparison:
    """Slice B of the options held against slice A; raises UserError."""
    from enginebench import report
    from enginebench.analysis.compare import compare as held_against

    metrics = _metrics(options.metric or report.SHOWN)
    margin = _share(options.margin)
    a, b = (_slice(words) for words in (options.a, options.b))
    return held_against(Store(options.store).runs(), a, b, metrics=metrics, margin=margin)


def noise(options: argparse.Namespace) -> int:
    """`enginebench noise`."""
    from enginebench import report
    from enginebench.analysis.noise import diagnose, request_variances
    from enginebench.commands.stored import chosen_runs
    from enginebench.report.noise import show_noise

    metrics = _metrics(options.metric or NOISY)
    runs = chosen_runs(options)
    first = runs.drop_duplicates("series")
    words = first["model"] + " " + first["engine_kind"] + " " + first["precision"] + " " + first["parallelism"]
    points = dict(zip(first["series"], words + ", " + first["workload"] + " " + first["load"], strict=True))
    chosen = set(runs["run"])
    measured = [run for result in Store(options.store).results() for run in result.runs if run.id in chosen]
    found = [one for name in metrics for one in diagnose(runs, name, request_variances(measured, name), points)]
    show_noise(found, report.console())
    return 0 if found else 4


def _metrics(names: Sequence[str]) -> Sequence[str]:
    from enginebench.metrics import METRICS

    unknown = [name for name in names if name not in METRICS]
    if unknown:
        raise mistake(f"--metric {unknown[0]}", "no such metric", "see `enginebench metrics`")
    return names


def _slice(words: str) -> Slice:
    """A slice as written, or the one in the file of this name."""
    from enginebench.analysis.slices import Slice, checked, parse

    if "=" in words:
        return parse(words)
    if not Path(words).is_file():
        raise mistake(f"slice `{words}`", "is neither KEY=VALUE nor a file", "write it as engine_version=0.31.0")
    document = documents.load(Path(words))
    wanted: dict[str, tuple[str, ...]] = {}
    for key, value in document.data.items():
        values = value if isinstance(value, list) else [value]
        # 0.10 would be 0.1.
        if not all(isinstance(one, str | int) for one in values):
            raise mistake(document.place((key,)), f"`{key}` is no text", 'write it in quotes, as "0.31"')
        one = Slice(words=words, wanted={key: tuple(map(str, values))})
        wanted |= checked(one, document.place((key,))).wanted
    return Slice(words=words, wanted=wanted)


def _share(words: str) -> float:
    try:
        share = float(words.removesuffix("%")) / (100 if words.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise mistake(f"--margin {words}", "is no share between 0 and 1", "write it as 2%")
    return share
