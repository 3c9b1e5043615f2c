"""A row of InferenceX: which of its values are figures and which say what was measured, each of the right type."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from enginebench.importers._rows import Broken
from enginebench.records import Scalar

_SETTINGS = re.compile(
    r"(?:(?:prefill|decode)_)?(?:tp|pp|ep|dcp_size|pcp_size|num_workers)|num_(?:prefill|decode)_gpu"
    r"|conc|isl|osl|n_success|total|config_id|power_metric_schema_version|power_valid|allocated_cpu_dram_gb"
)
"""Numbers of an aggregate that were asked for, or are no figure of a load."""


def text(row: Mapping[str, Any], key: str) -> str:
    """The words under `key`; raises Broken where there are none."""
    value = _given(row, key)
    if not isinstance(value, str) or not value:
        raise Broken(f"`{key}` is {_shown(value)}, no text")
    return value


def integer(row: Mapping[str, Any], key: str, least: int) -> int:
    """The whole number under `key`, `least` or more; raises Broken where there is none."""
    value = _given(row, key)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise Broken(f"`{key}` is {_shown(value)}, no whole number of {least} or more")
    return value


def figures(row: Mapping[str, Any]) -> dict[str, Any]:
    """Every figure as given, nested names joined by dots; raises Broken for one that is no number."""
    if "metrics" in row:
        metrics = row["metrics"]
        if not isinstance(metrics, Mapping):
            raise Broken(f"`metrics` is {_shown(metrics)}, no object")
        found = dict(_leaves(metrics, ""))
        for name, value in found.items():
            if value is not None and not _number(value):
                raise Broken(f"`metrics.{name}` is {_shown(value)}, no number")
        return found
    return {name: value for name, value in _leaves(row, "") if _number(value) and not _SETTINGS.fullmatch(name)}


def attributes(row: Mapping[str, Any], figures: Mapping[str, Any]) -> dict[str, Scalar]:
    """All that the row says but its figures, as given, nested names joined by dots."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in _leaves({key: value for key, value in row.items() if key != "metrics"}, "")
        if name not in figures
    }


def _leaves(value: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Name and value of all that is no object and no list, an item of a list under its number from 0."""
    for key, item in value.items():
        inner = {str(index): one for index, one in enumerate(item)} if isinstance(item, list) else item
        if isinstance(inner, Mapping):
            yield from _leaves(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", item


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _given(row: Mapping[str, Any], key: str) -> Any:
    if key not in row:
        raise Broken(f"has no `{key}`")
    return row[key]


def _shown(value: Any) -> str:
    words = json.dumps(value)
    return words if len(words) <= 40 else words[:37] + "..."
