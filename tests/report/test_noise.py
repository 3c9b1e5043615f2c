"""What is shown of noise: each level's deviation above its share, and what halves the interval."""

from __future__ import annotations

import io

from rich.console import Console

from enginebench.analysis.noise import diagnose
from enginebench.report.noise import show_noise
from simulated_runs import RATE, simulated


def shown(found):
    screen = Console(width=180, record=True, file=io.StringIO())
    show_noise(found, screen)
    return screen.export_text().splitlines()


def test_a_point_has_its_levels_and_its_advice():
    runs = simulated(starts=(4, 4), repeats=2)
    (one,) = diagnose(runs, RATE, {}, {runs["series"][0]: "some point"})
    lines = shown([one])
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    starts = one.levels[2]
    assert rows[0][:6] == [
        "some point",
        "4×2",
        f"{one.half_width * 100:.2g} %",
        "–",
        "–",
        f"{starts.deviation * 100:.2g} %",
    ]
    assert rows[1][5] == f"{starts.share * 100:.0f} %"
    assert [row[-1] for row in rows] == list(one.advice)
    assert lines[0].rstrip() == "Output throughput: where its noise comes from"


def test_nothing_known_is_said():
    assert [line.rstrip() for line in shown([])] == ["no point has two usable runs of one version"]
