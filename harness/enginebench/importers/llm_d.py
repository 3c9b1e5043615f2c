"""llm-d-benchmark's benchmark report, YAML or JSON, one a run: of schema 0.1, 0.2 or 0.2.1.

Read against llm-d-benchmark at 8bc9f1d, August 2026 (llmdbenchmark/analysis/benchmark_report/schema_v0_*.py). It is
made of another tool's file; what that tool means by its figures, `_llm_d.py` tells. Series over time are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from enginebench.importers._llm_d import judged, report_01, report_02
from enginebench.importers._source import Source, flat
from enginebench.records import ForeignPoint

_VERSIONS = ("0.1", "0.2", "0.2.1")


class LlmD:
    """See the module."""

    def read(self, path: Path) -> Iterator[ForeignPoint]:
        """The run in the file."""
        source = Source("llm_d", path, "llm-d-benchmark (a benchmark report)")
        one = _document(source)
        source.expect(one, "version")
        if one["version"] not in _VERSIONS:
            raise source.wrong(f"is no report of version {', '.join(_VERSIONS)}, but of {one['version']}")
        old = one["version"] == "0.1"
        source.expect(one, *(("metrics", "scenario") if old else ("results", "run")))
        told, load, said = (report_01 if old else report_02)(one)
        everything = flat(_by_place(told))
        units = {name.removesuffix(".units"): unit for name, unit in everything.items() if name.endswith(".units")}
        tool = load.get("tool") or ""
        same, unlike = judged(tool, load.get("native") or {}, everything, units)
        notes = [f"measured by {tool or 'a tool not named'} {load.get('tool_version') or ''}".strip()]
        said["said"] = flat(_by_place(load["served"])) | {f"{name}.units": unit for name, unit in units.items()}
        yield source.point(0, _counted(tool, everything, said), everything, same, unlike, notes)


class _Loader(yaml.SafeLoader):
    """Dates as the file writes them."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
    for letter, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _document(source: Source) -> Mapping[str, Any]:
    text = source.text()
    try:
        # JSON first: YAML reads 1e-05 as text.
        found = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, _Loader)
    except (ValueError, yaml.YAMLError) as error:
        raise source.wrong(f"is neither JSON nor YAML ({' '.join(str(error).split())})") from None
    if not isinstance(found, Mapping):
        raise source.wrong("holds YAML, but no mapping")
    return found


def _by_place(value: Any) -> Any:
    """`value` with lists as mappings from the place in it, and without series over time."""
    if isinstance(value, list):
        value = {str(place): item for place, item in enumerate(value)}
    if isinstance(value, Mapping):
        return {str(key): _by_place(item) for key, item in value.items() if key != "time_series"}
    return value


def _counted(tool: str, figures: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """`said` with the requests, and their lengths where none was asked for."""
    total, failed = figures.get("requests.total"), figures.get("requests.failures")
    # Of AIPerf, and in 0.1 of vLLM's client, the total is of the good ones.
    good = total if tool == "aiperf" or failed is None else total - failed - figures.get("requests.incomplete", 0)
    lengths = {
        f"{kind}_tokens": said.get(f"{kind}_tokens") or figures.get(f"requests.{kind}_length.mean")
        for kind in ("input", "output")
    }
    return {**said, **lengths, "completed_requests": good, "failed_requests": None if tool == "aiperf" else failed}


IMPORTER = LlmD()
