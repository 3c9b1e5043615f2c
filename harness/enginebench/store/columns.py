"""The columns of the table of runs."""

from __future__ import annotations

COLUMNS: dict[str, str] = {
    "night": "sweep it was measured in",
    "grid": "grid it was planned from",
    "trial": "trial (server start) it belongs to",
    "run": "id of the run",
    "job_id": "hash of the job's canonical content",
    "series": "hash of all that stays over nights",
    "curve": "hash of the same without the load: all loads of a curve share it",
    "lineage": "hash of the series without its recipe: series before and after a change of the recipe share it",
    "recipe": "hash of the recipe: arguments, environment, batch, context and prefix cache",
    "asked": "hash of the point alone: workload, load, number of requests, warm-up, shortest time, SLO",
    "version": "hash of what changes: engine, its version, what is installed, drivers, weights",
    "version_label": "the version in words",
    "status": "how its trial ended: complete, failed, interrupted",
    "engine": "engine configuration",
    "engine_kind": "engine adapter",
    "engine_version": "engine version",
    "lock_hash": "hash of the installed distributions; null: enginebench did not install the engine",
    "model": "model configuration",
    "model_revision": "what the model's revision resolved to; null: not known",
    "precision": "precision of the weights",
    "vendor": "vendor of the accelerators",
    "product": "product of the accelerators",
    "driver": "driver of the accelerators, several joined by `, `; null: they have none, or not known",
    "devices": "accelerators of the deployment",
    "parallelism": "split over devices",
    "start": "which server start of the deployment, from 0",
    "workload": "workload configuration",
    "api": "endpoint asked",
    "isl_tokens": "input length, tokens",
    "osl_tokens": "output length asked, tokens",
    "load_kind": "closed, open, steps or replay",
    "load": "load in short",
    "concurrency": "requests in flight; null: open loop",
    "rate_rps": "mean arrival rate, requests a second; null: closed loop",
    "repeat": "repeat on its server start, from 0",
    "position": "place in the measuring order, from 0",
    "started_utc": "when the run began",
    "duration_ns": "first send to last end, ns",
    "marks": "what a reader must know",
    "server_cores": "CPU cores the engine used; null: not told",
    "client_cores": "CPU cores the load generator used; null: not told",
    "neighbour_cores": "CPU cores other programs used; null: not told",
    "stolen_cores": "CPU cores taken by the hypervisor; null: not told",
    "harness_commit": "commit of enginebench; null: not a checkout",
    "host": "host name",
    "dummy_weights": "weights were made up",
    "reproduces": "trial or run that was measured again to be compared with; null: measured for its night",
    "comparison": "comparison that measures its arms in turn; null: measured in none",
    "arm": "which of its arms; null: measured in none",
    "block": "in which of its blocks, from 0; null: measured in none",
    "quality_passed": "whether the trial's server answers right; null: not judged",
    "quality_score": "share of questions answered right, the worse of before and after the load; null: none asked",
    "quality_kl_nats": "KL divergence from the reference, nats a token, the worse pass; null: not had",
    "quality_top1_share": "share of tokens with the reference's likeliest token, the worse pass; null: not had",
    "quality_nll_difference_nats": "negative log-probability of fixed texts less the reference's, nats a token, the "
    "pass farther off; null: not had",
    "quality_reasons": "why the gate failed or did not judge; empty: it passed, or was not there",
    "quality_lm_eval": "scores of lm-eval's tasks, in words; empty: none was asked",
}
"""Column of the table of runs to its meaning; `OVERLAID` and a column for each metric follow them."""

OVERLAID: dict[str, str] = {
    "invalid": "why the run counts no more, and who says so; empty: it counts",
}
"""Column to its meaning, of those that are not in results or parts but come over them where the table is read."""

FAILURE_COLUMNS: dict[str, str] = {
    **{name: COLUMNS[name] for name in ("night", "trial", "job_id", "engine", "engine_version", "model", "status")},
    **{name: COLUMNS[name] for name in ("grid", "precision", "vendor", "product", "devices", "parallelism", "recipe")},
    **{name: COLUMNS[name] for name in ("host", "reproduces")},
    "started_utc": "when the trial began",
    "stage": "how far the trial came",
    "failure_class": "class of the failure",
    "message": "what went wrong, in one sentence",
}
"""Column of the table of failed and interrupted trials to its meaning."""
