"""What the quality gate found, as the page loads it: a piece a model, and other tools' evaluations apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from enginebench.analysis.told import SCORES, scores_told
from enginebench.records import DummySource, ForeignPoint, LmEvalScore, QualityCheck, Result
from enginebench.site.chunks import Chunks, slug, table

_ROW = (
    *("trial", "night", "started_utc", "status", "engine", "engine_version", "precision", "product", "devices"),
    *("parallelism", "host", "dummy_weights", "reproduces", "invalid", "passed", "reasons", "task_version"),
    *("reference", "checks", "lm_eval", "lm_eval_version"),
)


def write_quality(
    results: Iterable[Result], invalid: Mapping[str, str], foreign: Sequence[ForeignPoint], chunks: Chunks
) -> None:
    """Make `quality/<model>`, a row a trial whose server was asked; `quality`, how many of each verdict; and
    `evaluations`. `invalid`: id of a trial that counts no more to why."""
    by_model: dict[str, list[Result]] = {}
    for result in results:
        by_model.setdefault(result.attempt.job.deployment.model.name, []).append(result)
    models = []
    for name in sorted(by_model):
        asked = [one for one in by_model[name] if one.quality is not None]
        verdicts = [one.quality.passed for one in asked if one.quality is not None]
        counts = {"passed": verdicts.count(True), "failed": verdicts.count(False), "unjudged": verdicts.count(None)}
        models.append({"name": name, "key": slug(name), "unasked": len(by_model[name]) - len(asked), **counts})
        if asked:
            frame = pd.DataFrame([_row(one, invalid) for one in asked], columns=list(_ROW), dtype=object)
            chunks.write(f"quality/{slug(name)}", table(frame, _ROW))
    scores = scores_told(foreign)
    chunks.write("evaluations", table(scores, SCORES))
    chunks.write("quality", {"models": models, "evaluations": len(scores)})


def _row(result: Result, invalid: Mapping[str, str]) -> dict[str, Any]:
    d, quality = result.attempt.job.deployment, result.quality
    assert quality is not None
    return {
        **{name: getattr(d, name) for name in ("engine", "engine_version", "precision", "product", "devices")},
        **{name: getattr(result, name) for name in ("trial", "started_utc", "status")},
        "night": result.attempt.night,
        "parallelism": d.parallelism.label(),
        "host": result.environment.host,
        "dummy_weights": isinstance(d.model.source, DummySource),
        "reproduces": result.attempt.reproduces,
        "invalid": invalid.get(result.trial, ""),
        "passed": quality.passed,
        "reasons": list(quality.reasons),
        "task_version": quality.task_version,
        "reference": quality.reference,
        "checks": [_check(one) for one in quality.checks],
        "lm_eval": [_score(one) for one in quality.lm_eval],
        "lm_eval_version": quality.lm_eval_version,
    }


def _check(one: QualityCheck) -> dict[str, Any]:
    """A pass of the gate; nulls where nothing was asked or nothing could be had."""
    every = one.scores[0] if one.scores else None
    kept = one.agreement
    return {
        "when": one.when,
        "asked": every and every.asked,
        "right": None if every is None else every.right,
        "low": every and every.low,
        "high": every and every.high,
        "unanswered": one.unanswered,
        "lost": one.lost,
        "gained": one.gained,
        "kl_nats": kept and kept.kl_nats,
        "top1_share": kept and kept.top1_share,
        "nll_difference_nats": kept and kept.nll_difference_nats,
        "families": [[each.family, each.right, each.asked] for each in one.scores[1:]],
    }


def _score(one: LmEvalScore) -> dict[str, Any]:
    names = ("task", "metric", "fewshot", "asked", "value", "low", "high", "floor", "passed")
    return {name: getattr(one, name) for name in names}
