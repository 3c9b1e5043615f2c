"""What commands print of a store, whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from enginebench.cli import main
from enginebench.commands.nights import in_turn
from enginebench.records import Attempt
from enginebench.records.files import from_json
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


def nightly_store(folder, step):
    """A store of 24 nights of two starts each, slower by `step` from the 20th on."""
    random = np.random.default_rng(1)
    trials = []
    for night in range(24):
        for start in range(2):
            value = 100 * np.exp(random.normal(0, 0.005) - step * (night >= 20))
            run = a_run(output_tps_per_accelerator=float(value))
            trials.append(a_trial(f"n{night}s{start}", [run], night=f"2026-01-{night + 1:02}", job=a_job(start=start)))
    return a_store(folder, *trials)


def test_changes_are_a_line_each_and_a_confirmed_worsening_is_exit_code_1(tmp_path, capsys):
    store = nightly_store(tmp_path, 0.1)
    asked = ["changes", "--store", str(store.local), "--plan", str(tmp_path / "jobs.jsonl")]
    assert main(asked) == 1
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("2026-01-21 tiny bf16, scripted on 1 × Test GPU (")
    assert " worse, confirmed: nothing recorded differs" in first
    assert (tmp_path / "jobs.jsonl").read_text() == ""
    assert main([*asked, "--since", "2026-01-24"]) == 0
    assert main([*asked, "--where", "engine=other"]) == 0


def test_what_waits_for_a_rerun_is_planned_as_jobs_that_run_takes(tmp_path, capsys):
    random = np.random.default_rng(1)
    values = 100 * np.exp(random.normal(0, 0.005, 24) - 0.1 * (np.arange(24) == 23))
    store = a_store(
        tmp_path,
        *(
            a_trial(f"n{night}", [a_run(output_tps_per_accelerator=float(value))], night=f"2026-01-{night + 1:02}")
            for night, value in enumerate(values)
        ),
    )
    path = tmp_path / "jobs.jsonl"
    assert main(["changes", "--store", str(store.local), "--plan", str(path)]) == 0
    out = capsys.readouterr().out
    assert "waiting for a confirming rerun" in out
    assert f"1 jobs to confirm what waits in {path}" in out
    (line,) = path.read_text().splitlines()
    assert from_json(Attempt, line.encode(), "jobs") == store.result("n23").attempt


def test_what_waits_is_planned_in_turn_with_the_version_before(tmp_path, capsys):
    random = np.random.default_rng(1)
    values = 100 * np.exp(random.normal(0, 0.005, 24) - 0.1 * (np.arange(24) == 23))
    store = a_store(
        tmp_path,
        *(
            a_trial(
                f"n{night}",
                [a_run(output_tps_per_accelerator=float(value))],
                night=f"2026-01-{night + 1:02}",
                job=a_job(version="1.1" if night == 23 else "1.0"),
            )
            for night, value in enumerate(values)
        ),
    )
    path = tmp_path / "jobs.jsonl"
    assert main(["changes", "--store", str(store.local), "--plan", str(path)]) == 0
    assert f"2 jobs to confirm what waits in {path}" in capsys.readouterr().out
    older, newer = (from_json(Attempt, line.encode(), "jobs") for line in path.read_text().splitlines())
    assert newer == store.result("n23").attempt
    assert older == replace(store.result("n20").attempt, night="2026-01-24")
    assert in_turn(older, newer, 2) == (older, newer, newer, older)
