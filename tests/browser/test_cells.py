"""A thousand figures on the screen, reckoned anew from the stored documents by code that shares nothing with a page."""

from __future__ import annotations

import json
import math
import random
import re
import statistics
from collections import defaultdict

import pytest
from scipy.stats import t as student

import builders
from enginebench.site import build
from stored import a_job, a_run, a_store, a_trial

LOADS = (1, 4, 16)
NIGHTS = tuple(f"2026-11-{day}" for day in (21, 22, 23, 24))
VERSIONS = ("1.0", "1.1")
AXES = {
    "output_tps_per_accelerator": ("output_tps_per_accelerator", 1.0),
    "total_tps_per_accelerator": ("total_tps_per_accelerator", 1.0),
    "requests_rps": ("requests_rps", 1.0),
    "goodput_rps": ("goodput_rps", 1.0),
    "ttft_p50_ns": ("ttft_p50_ns", 1e-6),
    "ttft_p99_ns": ("ttft_p99_ns", 1e-6),
    "tpot_mean_ns": ("tpot_mean_ns", 1e-6),
    "e2el_p90_ns": ("e2el_p90_ns", 1e-6),
    "interactivity_mean_tps": ("interactivity_mean_tps", 1.0),
    "interactivity_p1_tps": ("interactivity_p1_tps", 1.0),
}
"""An axis as an address names it to the stored figure and the factor to the unit that the page shows."""


def figures(draw: random.Random, load: int, version: str) -> dict[str, float | None]:
    """One run's figures, some without a value, goodput sometimes 0."""
    speed = 50 / (1 + load / 10) * (1.03 if version == "1.1" else 1.0)
    found: dict[str, float | None] = {
        name: speed * load * math.exp(draw.gauss(0, 0.02)) * (1e6 if name.endswith("_ns") else 1.0)
        for name, _ in AXES.values()
    }
    found["goodput_rps"] = draw.choice([0.0, 0.0, 1.5, None])
    return {name: value for name, value in found.items() if value is not None}


def trials(draw: random.Random):
    for night in NIGHTS:
        for version in VERSIONS:
            job = a_job(loads=map(builders.closed, LOADS), version=version)
            for start in range(draw.randint(1, 3)):
                runs = [
                    a_run(
                        repeat,
                        point=point,
                        day=int(night[-2:]),
                        marks=draw.choice([(), (), (), ("neighbour",)]),
                        **figures(draw, load, version),
                    )
                    for point, load in enumerate(LOADS)
                    for repeat in range(2)
                ]
                yield a_trial(f"{night}-{version}-{start}", runs, night=night, job=job)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A store and its dashboard."""
    place = tmp_path_factory.mktemp("cells")
    build(a_store(place, *trials(random.Random(7))), place / "site")
    return place


def stored_runs(store):
    """(night, version, concurrency) to its runs, each (trial, marks, metrics), from the JSON alone."""
    found = defaultdict(list)
    for path in sorted(store.glob("night=*/trial=*/result.json")):
        document = json.loads(path.read_text())
        job = document["attempt"]["job"]
        for run in document["runs"]:
            load = job["points"][run["point"]]["load"]["concurrency"]
            key = (document["attempt"]["night"], job["deployment"]["engine_version"], load)
            found[key].append((document["trial"], run["marks"], run["metrics"]))
    return found


def reckoned(runs, metric, scale):
    """Centre, low, high of a point's figure: t interval over logs of server starts, over repeats where there is one."""
    clean = [run for run in runs if "neighbour" not in run[1]] or runs
    values = [(trial, metrics.get(metric)) for trial, _, metrics in clean]
    values = [(trial, value) for trial, value in values if value is not None]
    if not values:
        return None
    log = all(value > 0 for _, value in values)
    by_start = defaultdict(list)
    for trial, value in values:
        by_start[trial].append(math.log(value) if log else value)
    lists = list(by_start.values())
    sample = [statistics.fmean(one) for one in lists] if len(lists) > 1 else lists[0]
    centre, back = statistics.fmean(sample), (math.exp if log else lambda value: value)
    if len(sample) == 1:
        return [back(centre) * scale, None, None]
    half = student.ppf(0.975, len(sample) - 1) * statistics.stdev(sample) / math.sqrt(len(sample))
    return [back(end) * scale for end in (centre, centre - half, centre + half)]


def read(cell):
    """The numbers of a cell: centre, low, high."""
    numbers = [float(word.replace(",", "")) for word in re.findall(r"[-−]?[\d,]*\.?\d+(?:e[+-]?\d+)?", cell)]
    return [numbers[0], None, None] if "no interval" in cell else numbers


def as_shown(value):
    """Four digits, or whole from 1,000 on, of the six that a page is given."""
    value = float(f"{value:.6g}")
    return value if value == 0 else round(value) if abs(value) >= 1000 else float(f"{value:.4g}")


def same(wanted, shown):
    """Equal but for a last digit that stands halfway."""
    if wanted is None or shown is None:
        return wanted is shown
    last = 10 ** (math.floor(math.log10(abs(wanted))) - 3) if 0 < abs(wanted) < 1000 else 1.0
    return abs(shown - as_shown(wanted)) <= 1.001 * last


def test_a_thousand_cells_are_what_the_stored_documents_say(opened, folder):
    runs, cells = stored_runs(folder / "store"), []
    draw = random.Random(11)
    names = list(AXES)
    for x, y in zip(names, names[3:] + names[:3], strict=True):
        page = opened(folder / "site", f"#/frontier?when=all&x={x}&y={y}")
        page.locator("figure > details > summary").click()
        page.locator("figure tbody tr").first.wait_for()
        heads = [text.strip() for text in page.locator("figure thead th").all_inner_texts()]
        for row in page.locator("figure tbody tr").all():
            texts = row.locator("th, td").all_inner_texts()
            told = dict(zip(heads, texts, strict=True))
            key = (told["night"], told["engine"].split()[-1], int(told["load"].removeprefix("c")))
            at = heads.index("details")
            cells += [(key, y, texts[at + 1]), (key, x, texts[at + 2])]
    wrong = []
    numbers = 0
    for key, axis, text in draw.sample(cells, len(cells)):
        wanted, shown = reckoned(runs[key], *AXES[axis]), read(text)
        numbers += sum(value is not None for value in shown)
        if wanted is None or not all(map(same, wanted, shown)):
            wrong.append((key, axis, text, wanted))
    assert wrong == []
    assert numbers >= 1000
