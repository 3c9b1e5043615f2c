"""What a person sees of a night while it runs: one bar over all that is due, with the time that is left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from enginebench.plan import Due, Plan
from enginebench.records import Attempt

STAGES = {
    "provision": "getting the engine",
    "model": "getting the model",
    "start": "starting the server",
    "quality": "asking for right answers",
    "warmup": "warming up",
    "measure": "measuring",
    "done": "stopping the server",
}
"""Stage of a trial to its plain words."""


class Progress:
    """Shows a night's progress on `console`.

    The bar counts estimated seconds of measuring. The time left scales what remains by how true the estimate was so
    far, so that it corrects itself after the first run, and adds what server starts to come take around their runs.
    A log (no terminal) gets a line a run instead.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[left]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._runs: tuple[float, ...] = ()
        self._estimates: Mapping[str, tuple[float, ...]] = {}
        self._total_s = 0.0
        self._around_s: dict[str, float] = {}
        self._past_s = 0.0
        self._run_s = 0.0
        self._run_begun = 0.0
        self._spent_s = 0.0
        self._said = ""
        self._job = ""

    def say(self, words: str) -> None:
        """A line that is not of the bar."""
        self.console.print(words, markup=False)

    def begin(
        self,
        plan: Plan,
        due: Due,
        seconds: Mapping[str, float],
        run_seconds: Mapping[str, tuple[float, ...]],
        salvaged: int,
    ) -> None:
        """Say what the night comes to and show the bar."""
        if salvaged:
            self.console.print(f"Took in {salvaged} runs that an interrupted night had measured.")
        self.console.print(
            f"{plan.grid} on {plan.site}: {due.runs_due} runs due in {len(due.attempts)} server starts, "
            f"{due.runs_fresh} fresh enough to keep, {len(plan.skips)} combinations skipped."
        )
        for skip in plan.skips:
            self.console.print(f"  skipped {skip.combination.label()}: {skip.reason}", highlight=False)
        if not due.attempts:
            self.console.print("Nothing is due.")
            return
        self._estimates = run_seconds
        self._around_s = {job: seconds[job] - sum(runs) for job, runs in run_seconds.items()}
        self._total_s = sum(sum(runs) for runs in run_seconds.values())
        self._task = self._bar.add_task("starting", total=self._total_s, left="")
        self._bar.start()

    def job(self, attempt: Attempt) -> None:
        """A new server start begins."""
        d = attempt.job.deployment
        self._runs = self._estimates[attempt.job.id]
        self._job = attempt.job.id
        self.console.print(
            f"{d.model.name} on {d.engine} {d.engine_version}, {d.precision}, {d.parallelism.label()}, "
            f"start {attempt.job.start + 1}: {len(attempt.runs)} runs",
            highlight=False,
        )

    def event(self, event: Mapping[str, Any]) -> None:
        """Take one event of the running trial."""
        kind = event["event"]
        if kind == "stage":
            self._show(STAGES[event["stage"]], 0.0)
        elif kind == "say":
            self.console.print(f"  {event['text']}", highlight=False)
        elif kind == "run":
            self._around_s.pop(self._job, None)
            self._run_s = self._runs[event["position"]]
            self._run_begun = time.monotonic()
            self._said = f"run {event['position'] + 1}/{len(self._runs)} {event['point']}"
            self._show(self._said, 0.0)
            if not self.console.is_terminal:
                self.console.print(f"  {self._said}, {self._left(0.0)}", highlight=False)
        elif kind == "request":
            self._show(self._said, event["done"] / event["of"])
        elif kind == "unneeded":
            self._total_s -= self._runs[event["position"]]
            if self._task is not None:
                self._bar.update(self._task, total=self._total_s)
        elif kind == "stopped":
            words = "is known" if event["why"] == "known" else "is not known, its budget is spent"
            self.console.print(f"  {event['point']} {words} after {event['runs']} runs", highlight=False)
        elif kind == "measured":
            self._past_s += self._run_s
            self._spent_s += time.monotonic() - self._run_begun
            self._run_s = 0.0
            self._show(self._said, 0.0)

    def _show(self, text: str, share: float) -> None:
        if self._task is not None:
            done_s = self._past_s + share * self._run_s
            self._bar.update(self._task, completed=done_s, description=text, left=self._left(share))

    def _left(self, share: float) -> str:
        """Time left with `share` of the current run done."""
        pace = self._spent_s / self._past_s if self._past_s else 1.0
        left_s = max(0.0, self._total_s - self._past_s - share * self._run_s) * pace + sum(self._around_s.values())
        return f"about {_minutes(left_s)} left"

    def end(self) -> None:
        """Take the bar away."""
        self._bar.stop()


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
