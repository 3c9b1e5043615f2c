"""The declarations: units in names, and the page that is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from enginebench.metrics import METRICS, document, needed_samples

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
STORED = {
    "_ns": {"ms": 1e-6},
    "_tps": {"tok/s/user": 1.0},
    "_rps": {"1/s": 1.0},
    "_share": {"%": 100.0},
    "_tokens_mean": {"tokens": 1.0},
    "_requests": {"requests": 1.0},
    "_requests_mean": {"requests": 1.0},
    "_requests_max": {"requests": 1.0},
    "_tps_per_accelerator": {"tok/s/accelerator": 1.0},
    "_j_per_output_token": {"J/token": 1.0},
}
"""How a name ends, to the units that people read it in and the factor to each."""


@pytest.mark.parametrize("name", METRICS)
def test_a_name_ends_with_its_stored_unit(name):
    metric = METRICS[name]
    assert metric.name == name
    ending = max((end for end in STORED if name.removesuffix("_whole_run").endswith(end)), key=len)
    assert STORED[ending] == {metric.unit: metric.scale}


@pytest.mark.parametrize("name", METRICS)
def test_less_is_better_for_times_joules_and_what_is_short_alone(name):
    short = name.startswith(("waiting_", "kv_cache_", "preempted_"))
    expected = "lower" if name.endswith("_ns") or "_j_" in name or short else "higher"
    assert METRICS[name].better == expected


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_words_of_its_own(name):
    metric = METRICS[name]
    assert all((metric.title, metric.unit, metric.formula, metric.source))
    assert [other.name for other in METRICS.values() if other.title == metric.title] == [name]


def test_the_page_has_a_row_for_every_metric():
    rows = [line.split(" | ") for line in document().splitlines() if "` | " in line]
    assert [row[1].strip("`") for row in rows] == list(METRICS)
    assert all(len(row) == 6 for row in rows), "a `|` in a declaration would break the table"


def test_the_page_tells_how_many_samples_a_percentile_needs():
    told = f"(median {needed_samples(0.5)}, p90 {needed_samples(0.9)}, p99 {needed_samples(0.99)})"
    assert told in document()


def test_the_page_in_docs_is_what_the_declarations_give():
    assert PAGE.read_text(encoding="utf-8") == document(), "`make docs` writes it anew"
