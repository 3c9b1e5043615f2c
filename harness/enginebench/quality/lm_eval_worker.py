"""Run by the Python of lm-eval's own environment, never imported: ask a server one task, or tell which tasks there are.

`python -I lm_eval_worker.py ORDER ANSWER`: two files of JSON; `quality/lm_eval_tasks.py` writes the first and reads the
other.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import lm_eval
from lm_eval.models.openai_completions import LocalCompletionsAPI
from lm_eval.tasks import TaskManager


class _NoAnswer(Exception):
    """A request to the server that failed, also when put again."""


class _Server(LocalCompletionsAPI):  # type: ignore[misc]
    """The measured server, as lm-eval asks it; counts prompts that lm-eval cuts to the context without a word."""

    asked = 0
    cut = 0

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        for request in requests:
            context, how = request.args[:2]
            self._count(len(self.tok_encode(context)) + how.get("max_gen_toks", self._max_gen_toks))
        with _answering():
            return super().generate_until(requests, disable_tqdm=disable_tqdm)  # type: ignore[no-any-return]

    def _loglikelihood_tokens(self, requests: list[Any], **more: Any) -> list[tuple[float, bool]]:
        for _, context, continuation in requests:
            self._count(len(context) + len(continuation))
        with _answering():
            return super()._loglikelihood_tokens(requests, **more)  # type: ignore[no-any-return]

    def _count(self, tokens: int) -> None:
        self.asked += 1
        self.cut += tokens > self.max_length


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    # Errors of requests and of the sockets are OSErrors. Whatever else lm-eval stumbles over, as an answer without the
    # log-probabilities it asked for, is an answer.
    except (OSError, aiohttp.ClientError) as error:
        raise _NoAnswer from error


def main() -> int:
    """Do what the order says."""
    order = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    answer = _task(order) if "task" in order else {"names": TaskManager().all_tasks}
    Path(sys.argv[2]).write_text(json.dumps({"version": lm_eval.__version__, **answer}), encoding="utf-8")
    return 0


def _task(order: dict[str, Any]) -> dict[str, Any]:
    name, folder = order["task"], order["folder"]
    try:
        known = TaskManager(include_path=folder, include_defaults=folder is None)
        loaded = known.load([name])
    except Exception as error:  # noqa: BLE001  whatever keeps a data set away says nothing of the server
        return {"status": "no_data", "error": _words(error)}
    group = loaded.get("groups", {}).get(name)
    server = _Server(**order["server"])
    try:
        found = lm_eval.simple_evaluate(
            model=server,
            tasks=[group] if group else list(loaded["tasks"].values()),
            task_manager=known,
            num_fewshot=order["fewshot"],
            limit=order["limit"],
            log_samples=True,
        )
    except _NoAnswer as error:
        cause = error.__cause__
        response = getattr(cause, "response", None)
        status = getattr(cause, "status", getattr(response, "status_code", None))
        words = f"{_words(cause)} {' '.join(response.text.split())}" if response is not None else _words(cause)
        return {"status": "no_answer", "http_status": status, "error": words[:300]}
    except Exception as error:  # noqa: BLE001  a task that can't read an answer is no proof of a wrong one
        return {"status": "broken", "error": _words(error)}
    return {"status": "asked", "asked": server.asked, "cut": server.cut, **_scores(found)}


def _scores(found: dict[str, Any]) -> dict[str, Any]:
    """Every metric of every task, and each document's outcome where the metric is a share of right ones."""
    scores, items = [], []
    for task, figures in found["results"].items():
        for metric, value in figures.items():
            name, comma, filtered = metric.partition(",")
            if not comma or name.endswith("_stderr"):
                continue
            samples = [one for one in found["samples"].get(task, []) if one["filter"] == filtered and name in one]
            values = [one[name] for one in samples]
            share = bool(values) and all(one in (0, 1) for one in values)
            share = share and math.isclose(sum(values) / len(values), value, abs_tol=1e-9)
            counts = found["n-samples"].get(task)
            scores.append(
                {
                    "task": task,
                    "task_version": str(found["versions"].get(task)),
                    "metric": metric,
                    "fewshot": found["n-shot"].get(task),
                    "asked": counts["effective"] if counts else None,
                    "value": _finite(value),
                    "stderr": _finite(figures.get(f"{name}_stderr,{filtered}")),
                    "right": int(sum(values)) if share else None,
                    "higher_is_better": found["higher_is_better"].get(task, {}).get(name),
                }
            )
            if share:
                items += [[task, metric, one["doc_id"], bool(one[name]), _answer(one)] for one in samples]
    return {"scores": scores, "items": items}


def _answer(sample: dict[str, Any]) -> str:
    given = sample["filtered_resps"]
    return str(given[0] if len(given) == 1 else given)[:200]


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _words(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


if __name__ == "__main__":
    sys.exit(main())
