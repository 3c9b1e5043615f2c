"""What commands print of a store, whole."""

from __future__ import annotations

from dataclasses import replace

from enginebench.cli import main
from stored import CLOSED, OPEN, a_job, a_run, a_store, a_trial

OF = "tiny, scripted on 1 × Test GPU"


def test_points_come_with_what_a_reader_of_several_nights_must_know(tmp_path, capsys):
    both = a_job(loads=(CLOSED, OPEN))
    wide = replace(both, deployment=replace(both.deployment, max_sequences=32))
    newer = a_job(loads=(CLOSED, OPEN), version="1.1")
    store = a_store(
        tmp_path,
        a_trial("a", [a_run(0, day=20), a_run(0, point=1, day=20)], night="2026-11-20", job=both),
        a_trial("b", [a_run(0, day=21)], night="2026-11-21", job=newer),
        a_trial("c", [a_run(0, day=22)], night="2026-11-22", job=wide),
    )
    assert main(["results", "points", "--store", str(store.local)]) == 0
    *_, changed, missing = capsys.readouterr().out.splitlines()
    assert changed == (
        f"{OF}: 1 series begins on 2026-11-22 with another recipe than before: most sequences in a batch 16 → 32"
    )
    assert missing == f"{OF}, short: vllm 1.1 has not measured r0.5 by vllm 1.0 on 2026-11-20"


def test_of_one_recipe_and_version_nothing_is_said(tmp_path, capsys):
    store = a_store(tmp_path, a_trial("a", [a_run(0)]))
    assert main(["results", "points", "--store", str(store.local)]) == 0
    assert "recipe" not in capsys.readouterr().out
