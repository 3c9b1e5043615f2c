"""Tasks of lm-eval, put to the measured server by lm-eval itself, in an environment and a process of its own."""

from __future__ import annotations

import difflib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from enginebench import assets, config
from enginebench.errors import TrialError, mistake
from enginebench.intervals import wilson
from enginebench.provision import Prepared, venv
from enginebench.quality import tasks
from enginebench.records import ItemOutcome, LmEvalScore, LmEvalTask, VenvProvision, plain, record

PINS = "configs/quality/lm-eval.txt"
"""Requirements of lm-eval's environment; a file of this name below the working folder comes first."""
OWN = "enginebench"
"""Name of the gate's own questions as a task."""
_WORKER = Path(__file__).with_name("lm_eval_worker.py")
_OWN_YAML = """\
task: enginebench
dataset_path: json
dataset_kwargs: {data_files: {test: questions.jsonl}}
test_split: test
output_type: generate_until
num_fewshot: 0
doc_to_text: "{{prompt}}"
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 32, do_sample: false, temperature: 0}
filter_list:
  - name: first-line
    filter:
      - {function: regex, regex_pattern: '^[^\\S\\n]*([^\\n]*?)[^\\S\\n]*(?:\\n|$)'}
      - {function: take_first}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
metadata: {version: VERSION}
"""


@record
class Ready:
    """lm-eval on this machine, or why not."""

    prepared: Prepared | None
    """Its environment; null: it could not be built."""
    folders: Mapping[str, Path]
    """Task of one's own, as the grid has it, to the folder it lies in."""
    reason: str | None
    """Why it can't be asked; null: it can."""


@record
class Asked:
    """What one task gave."""

    scores: tuple[LmEvalScore, ...] = ()
    """A score a task and metric."""
    items: tuple[ItemOutcome, ...] = ()
    """A document's outcome each, of metrics that are a share of right ones."""
    failures: tuple[str, ...] = ()
    """Why the server fails the gate; empty if it does not."""
    notes: tuple[str, ...] = ()
    """What was not asked or not judged, and why."""
    version: str | None = None
    """Version of lm-eval; null: it told none."""


def prepare(wanted: Sequence[LmEvalTask], cache: Path, say: Callable[[str], None]) -> Ready:
    """Build lm-eval's environment if it is not there and look up every task; raises UserError for one that it lacks.

    An environment that can't be built is a reason not to ask, no error: the engine can be measured without.
    """
    folders = {one.task: _folder(one.task, cache) for one in wanted if one.task == OWN or "/" in one.task}
    pins = tuple(config.read_requirements(assets.find(PINS)))
    provision = VenvProvision(kind="venv", requirements=PINS, pins=pins, executable="python")
    try:
        prepared = venv.prepare(provision, cache, say)
        names = _names(prepared, venv.location(provision, cache)) if len(folders) < len(wanted) else []
    except TrialError as error:
        return Ready(prepared=None, folders=folders, reason=f"lm-eval was not asked: {error}")
    for one in wanted:
        if one.task not in folders and one.task not in names:
            close = difflib.get_close_matches(one.task, names, n=3)
            remedy = f"did you mean {' or '.join(close)}?" if close else "name one that it knows"
            raise mistake("the grid's `quality.lm_eval`", f"lm-eval knows no task `{one.task}`", remedy)
    return Ready(prepared=prepared, folders=folders, reason=None)


def ask(
    task: LmEvalTask,
    ready: Ready,
    *,
    url: str,
    model: str,
    tokenizer: Path,
    context_tokens: int,
    concurrency: int,
    timeout_s: float,
    log: Path,
) -> Asked:
    """Have lm-eval put `task` to the server at `url`, `concurrency` at a time; its words go to `log`. Raises nothing.

    Prompts are sent as token ids, so that every engine is asked the same.
    """
    folder = ready.folders.get(task.task)
    order = {
        "task": task_name(folder) if folder else task.task,
        "folder": str(folder) if folder else None,
        "limit": task.limit,
        "fewshot": task.fewshot,
        "server": {
            "base_url": f"{url}/v1/completions",
            "model": model,
            "tokenizer": str(tokenizer),
            "tokenizer_backend": "huggingface",
            "max_length": context_tokens,
            "num_concurrent": concurrency,
            "timeout": timeout_s,
        },
    }
    assert ready.prepared is not None
    try:
        found = _work(ready.prepared, order, log, deadline_s=task.deadline_s, cwd=folder)
    except subprocess.TimeoutExpired:
        return Asked(notes=(f"lm-eval {task.task} was stopped after {task.deadline_s} s, its `deadline_s`",))
    except TrialError as error:
        return Asked(notes=(f"lm-eval {task.task} was not asked: {error}",))
    return read(task, found)


def read(task: LmEvalTask, found: Mapping[str, Any]) -> Asked:
    """What the worker found, judged by the task's floor. Pure."""
    version, error = found["version"], found.get("error")
    name = f"lm-eval {task.task}"
    if found["status"] == "no_answer":
        status = found["http_status"]
        if status is not None and 400 <= status < 500:
            return Asked(version=version, notes=(f"{name} was not asked: the server refuses its questions: {error}",))
        return Asked(version=version, failures=(f"{name}: a question got no answer: {error}",))
    if found["status"] == "no_data":
        return Asked(version=version, notes=(f"{name} was not asked: its data can't be had: {error}",))
    if found["status"] == "broken":
        return Asked(version=version, notes=(f"{name} was not scored: {error}",))
    notes = []
    if found["cut"]:
        cut = f"{found['cut']} of {found['asked']} prompts were cut to the server's context"
        notes.append(f"{name} is not judged: {cut}")
    judged, reason = _judged(task, found["scores"])
    if reason:
        notes.append(f"{name} is not judged: {reason}")
    scores, failures = [], []
    for one in found["scores"]:
        score = _score(one, task.floor if one is judged and not found["cut"] else None)
        scores.append(score)
        if score.passed is False:
            shown = "no finite number" if score.value is None else f"{score.value:.3f}"
            high = "" if score.high is None else f" (at most {score.high:.3f} with 95 % confidence)"
            failures.append(f"lm-eval {score.task} {score.metric} is {shown}{high}, its floor {score.floor:g}")
    items = tuple(
        ItemOutcome(when="after", item=doc, family=f"lm-eval {name} {metric}", right=right, answer=answer, error=None)
        for name, metric, doc, right, answer in found["items"]
    )
    return Asked(scores=tuple(scores), items=items, failures=tuple(failures), notes=tuple(notes), version=version)


def task_name(folder: Path) -> str:
    """The name of the one task in `folder`; raises UserError if there is none, or more."""
    files = [*sorted(folder.glob("*.yaml")), *sorted(folder.glob("*.yml"))]
    found = [match[1] for file in files for match in re.finditer(r"(?m)^task:[ \t]*(\S+)", file.read_text("utf-8"))]
    if len(found) != 1:
        shown = ", ".join(found) or "none"
        remedy = "put the YAML of one task there, with a line `task: NAME`"
        raise mistake(str(folder), f"it holds not one task of lm-eval but {shown}", remedy)
    return found[0].strip("'\"")


def write_own(folder: Path) -> Path:
    """Write the gate's questions as a task of lm-eval into `folder`: the YAML and a line of JSON a question."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "questions.jsonl", "".join(f"{json.dumps(plain(one))}\n" for one in tasks.items(tasks.POOL)))
    _write(folder / "enginebench.yaml", _OWN_YAML.replace("VERSION", str(tasks.VERSION)))
    return folder


def _folder(task: str, cache: Path) -> Path:
    folder = write_own(cache / "lm-eval" / f"{OWN}-{tasks.VERSION}") if task == OWN else assets.find(task)
    task_name(folder)
    return folder.resolve()


def _write(path: Path, text: str) -> None:
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def _names(prepared: Prepared, environment: Path) -> Sequence[str]:
    """All tasks that this lm-eval knows, asked once and kept beside it: it reads 14,000 files for that."""
    kept = environment / "lm-eval-tasks.json"
    if not kept.exists():
        found = _work(prepared, {}, environment / "lm-eval-tasks.log", deadline_s=600, cwd=None)
        _write(kept, json.dumps(found["names"]))
    names: list[str] = json.loads(kept.read_text(encoding="utf-8"))
    return names


def _work(prepared: Prepared, order: object, log: Path, *, deadline_s: float, cwd: Path | None) -> Mapping[str, Any]:
    """What the worker answers; raises TrialError if it ends without an answer, TimeoutExpired after `deadline_s`."""
    here = ",".join(filter(None, ("127.0.0.1,localhost", os.environ.get("NO_PROXY") or os.environ.get("no_proxy"))))
    variables = {**os.environ, **prepared.environment, "NO_PROXY": here, "no_proxy": here}
    with tempfile.TemporaryDirectory() as folder, log.open("ab") as sink:
        asked, answer = Path(folder) / "order.json", Path(folder) / "answer.json"
        asked.write_text(json.dumps(order), encoding="utf-8")
        done = subprocess.run(
            [str(prepared.python), "-I", str(_WORKER), str(asked), str(answer)],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=variables,
            cwd=cwd,
            timeout=deadline_s,
            check=False,
        )
        if done.returncode == 0 and answer.exists():
            result: Mapping[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
            return result
    last = (log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no output"])[-1]
    raise TrialError("provision", f"lm-eval ended with {done.returncode}: {last[:300]}")


def _judged(task: LmEvalTask, scores: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any] | None, str | None]:
    """The score that the floor is for, and why there is none although it was asked for."""
    if task.floor is None:
        return None, None
    # A group's own figure stands under its name; a folder's one task has another name than the folder.
    named = [one for one in scores if one["task"] == task.task] or scores
    known = [one for one in named if task.metric in (None, one["metric"])]
    if not known:
        listed = ", ".join(dict.fromkeys(str(one["metric"]) for one in named)) or "none"
        return None, f"it has no metric `{task.metric}`; it has {listed}"
    if known[0]["higher_is_better"] is False:
        return None, f"of {known[0]['metric']} less is better, which a floor can't judge"
    return known[0], None


def _score(one: Mapping[str, Any], floor: float | None) -> LmEvalScore:
    value, stderr = one["value"], one["stderr"]
    low = high = None
    if one["right"] is not None:
        low, high = wilson(one["right"], one["asked"])
    elif value is not None and stderr is not None:
        low, high = value - 1.96 * stderr, value + 1.96 * stderr
    reached = high if high is not None else value
    return LmEvalScore(
        task=one["task"],
        task_version=one["task_version"],
        metric=one["metric"],
        fewshot=one["fewshot"],
        asked=one["asked"],
        value=value,
        stderr=stderr,
        low=low,
        high=high,
        floor=floor,
        passed=None if floor is None else reached is not None and reached >= floor,
    )
