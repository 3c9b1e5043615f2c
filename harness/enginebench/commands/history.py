"""What `enginebench peak` and `reliability` do: what the nights up to now say of engines, and of machines."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from enginebench.commands.stored import chosen_runs, where
from enginebench.errors import mistake
from enginebench.store import Store

if TYPE_CHECKING:
    import pandas as pd

COUNTED_BY = ("product", "engine", "host", "month")
"""Columns that trials are counted by."""
TRIAL_FILTERS = ("grid", "engine", "model", "precision", "product", "host")
"""What can be asked of trials: known of one without a run too, and no cut through an outage as a night would be."""


def peak(options: argparse.Namespace) -> int:
    """`enginebench peak`."""
    from enginebench import report
    from enginebench.analysis import peak as found
    from enginebench.analysis.points import summarise_points
    from enginebench.metrics import METRICS
    from enginebench.report.peak import show_peak

    metric = options.metric
    if metric not in METRICS:
        raise mistake(f"--metric {metric}", "no such metric", "see `enginebench metrics`")
    points = summarise_points(chosen_runs(options), [metric])
    best = found.best_by_night(points, metric)
    peaks, steps, leads = (made(best, metric) for made in (found.day_0_to_peak, found.envelope, found.leads))
    if options.json:
        _print_json({"day_0_to_peak": peaks, "envelope": steps, "leads": leads}, metric=metric)
    elif best.empty:
        print(f"no eligible figure of {metric} in {options.store}")
    else:
        show_peak(peaks, steps, found.reigns(leads), metric, report.console())
    return 0


def reliability(options: argparse.Namespace) -> int:
    """`enginebench reliability`."""
    from enginebench import report
    from enginebench.analysis import reliability as found
    from enginebench.report.reliability import show_missing, show_outages, show_success

    wanted = where(options)
    unknown = [name for name in wanted if name not in TRIAL_FILTERS]
    if unknown:
        raise mistake(f"filter `{unknown[0]}`", "no filter of trials", f"known: {', '.join(TRIAL_FILTERS)}")
    store = Store(options.store)
    tried = found.trials(store.runs((*found.TRIAL, "marks")), store.failures())
    for name, value in wanted.items():
        tried = tried[tried[name] == value]
    rates = {by: found.success(tried, [by]) for by in COUNTED_BY}
    outages, missing = found.outages(tried), found.missing_nights(tried)
    if options.json:
        _print_json({**{f"by_{by}": one for by, one in rates.items()}, "outages": outages, "missing_nights": missing})
    elif tried.empty:
        print(f"no trial of these in {options.store}")
    else:
        screen = report.console()
        show_success(rates, screen)
        show_outages(outages, screen)
        show_missing(missing, screen)
    return 0


def _print_json(frames: Mapping[str, pd.DataFrame], **beside: str) -> None:
    print(json.dumps(beside | {name: frame.to_dict("records") for name, frame in frames.items()}, indent=1))
