"""The runs of a trial on a server that is ready: first token, warm-up, then every run in its order."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from enginebench import accelerators, load, metrics, scrape, stopping, telemetry, usage, workloads
from enginebench.engines import MetricsPage
from enginebench.errors import TrialError
from enginebench.load import LoadOutcome, Target
from enginebench.records import Accelerator, ClosedLoop, EngineSample, Point, PointStop, Prompt, Run, RunKey
from enginebench.server import Server
from enginebench.stopping import SPOILT
from enginebench.trial import pacing
from enginebench.trial.workdir import Workdir

_CLOSED_ONE = ClosedLoop(kind="closed", concurrency=1)


class Bench:
    """A ready server and what is to be asked of it."""

    def __init__(
        self,
        *,
        workdir: Workdir,
        target: Target,
        pin_output: Callable[[int], Mapping[str, object]],
        tokenizer: Path | None,
        server: Server | None,
        server_pids: Callable[[], Sequence[int]],
        page: MetricsPage | None,
        devices: tuple[Accelerator, ...],
        listen: Callable[[Mapping[str, object]], None],
    ) -> None:
        self.workdir = workdir
        self.attempt = workdir.state.attempt
        self.target = target
        self.pin_output = pin_output
        self.tokenizer = tokenizer
        self.server = server
        self.server_pids = server_pids
        self.page = page
        self.devices = devices
        self.listen = listen
        self._chat_overhead = 0
        self._expected_ns: dict[int, int] = {}

    def first_token(self) -> None:
        """Ask for one answer: neither an exit code nor `/health` proves that a server can write a token.

        For chat it also shows how many tokens the template adds. Raises TrialError if no token comes.
        """
        for index in sorted({key.point for key in self.attempt.runs}):
            point = self._point(index)
            workload = replace(point.workload, osl_tokens=2)
            (prompt,) = self._prompts(replace(point, workload=workload, requests=1), "first", 0, 1)
            outcome = self._send(point, [prompt], _CLOSED_ONE, "first", 0)
            (request,) = outcome.requests
            if request.status != "ok":
                self._check_server()
                raise TrialError("client", f"the first request ended as {request.status}: {request.error}")
            if point.workload.api == "chat" and not self._chat_overhead and request.usage_input_tokens is not None:
                self._chat_overhead = request.usage_input_tokens - request.input_tokens

    def warm_up(self) -> None:
        """Send every point's warm-up requests, with prompts of their own."""
        for index in sorted({key.point for key in self.attempt.runs}):
            point = self._point(index)
            if point.warmup_requests:
                prompts = self._prompts(point, "warmup", 0, point.warmup_requests)
                outcome = self._send(point, prompts, _warm_load(point), "warmup", 0)
                self._check_server()
                took_ns = pacing.request_ns(outcome.requests)
                if took_ns is not None:
                    self._expected_ns[index] = took_ns

    def measure(self) -> None:
        """Measure the runs that are due and needed, each kept on disk before the next begins."""
        measured: dict[int, list[Run]] = {}
        for position, key in enumerate(self.attempt.runs):
            if any(one.point == key.point for one in self.workdir.state.stops):
                self.listen({"event": "unneeded", "position": position})
                continue
            measured.setdefault(key.point, []).append(self._run(position, key))
            left = any(later.point == key.point for later in self.attempt.runs[position + 1 :])
            self._judge(key.point, measured[key.point], more=left)

    def _judge(self, point: int, runs: Sequence[Run], *, more: bool) -> None:
        """End a point whose figure is known or whose budget is spent."""
        until = self.attempt.until
        if until is None:
            return
        # Runs that no figure is made of tell nothing here either.
        values = [None if SPOILT & set(run.marks) else run.metrics[until.figure] for run in runs]
        stop = stopping.judge(values, sum(run.duration_ns for run in runs) / 1e9, until, more=more)
        if stop is not None:
            self.workdir.update(stops=(*self.workdir.state.stops, PointStop(point=point, stop=stop)))
            self.listen({"event": "stopped", "point": self._point(point).label(), "why": stop.why, "runs": len(runs)})

    def _run(self, position: int, key: RunKey) -> Run:
        point = self._point(key.point)
        expected_ns = self._expected_ns.get(key.point)
        spread_ns = pacing.spread_ns(point.load, expected_ns)
        prompts = self._prompts(point, "run", key.repeat, pacing.requests(point, expected_ns))
        name = f"{self.workdir.state.trial}.{key.point}.{key.repeat}"
        self.listen({"event": "run", "position": position, "point": point.label(), "repeat": key.repeat})
        meter = usage.Meter(self.server_pids)
        started = datetime.now(UTC)
        before = self._ask_engine()
        meter.start()
        begun_ns = time.time_ns()
        outcome = self._send(point, prompts, point.load, name, key.repeat, watched=True, spread_ns=spread_ns)
        ended_ns = time.time_ns()
        used = meter.stop()
        self._check_server()
        told = self._told(before, begun_ns, ended_ns)
        energy_j, no_energy = self._energy(begun_ns, ended_ns)
        summary = metrics.summarise(
            outcome.requests,
            load=point.load,
            devices=self.attempt.job.deployment.devices,
            slo=point.slo,
            energy_j=energy_j,
            cache_asked=self._shares_prefix(point),
            engine=told,
        )
        absent = dict(summary.absent)
        if no_energy and "energy_j_per_output_token" in absent:
            absent["energy_j_per_output_token"] = no_energy
        run = Run(
            id=name,
            point=key.point,
            repeat=key.repeat,
            position=position,
            started_utc=started.isoformat(timespec="milliseconds"),
            duration_ns=outcome.duration_ns,
            window_ns=summary.window_ns,
            metrics=summary.metrics,
            absent=absent,
            usage=used,
            marks=(
                *summary.marks,
                *self._marks(point, outcome),
                *pacing.marks(point, spread_ns, outcome.duration_ns),
                *usage.marks(used),
            ),
            intervals=summary.intervals,
            spread_ns=spread_ns,
            client=outcome.proof,
        )
        self.workdir.add(run, outcome.requests)
        self.listen({"event": "measured", "position": position, "run": name})
        return run

    def _ask_engine(self) -> EngineSample | None:
        """What the engine tells of itself now: asked between runs, when nobody is disturbed."""
        sample = scrape.take(self.target.url, self.page) if self.page else None
        scrape.append(self.workdir.path / "engine.jsonl", sample)
        return sample

    def _told(self, before: EngineSample | None, begun_ns: int, ended_ns: int) -> Mapping[str, metrics.Figure]:
        if self.page is None:
            return metrics.unread(f"no metrics page is known of {self.attempt.job.deployment.engine_kind}")
        after = self._ask_engine()
        rows = scrape.read(self.workdir.path / "engine.jsonl")
        return metrics.engine_figures(before, [row for row in rows if begun_ns <= row.t_ns < ended_ns], after)

    def _shares_prefix(self, point: Point) -> bool:
        """Whether requests of this point can be served from the prefix cache as asked."""
        shared = point.workload.shared_prefix_tokens > 0 or point.workload.api == "chat"
        return self.attempt.job.deployment.prefix_cache and shared

    def _marks(self, point: Point, outcome: LoadOutcome) -> tuple[str, ...]:
        """What a reader must know of how a point is asked."""
        told = {
            "unpinned_output": not self.pin_output(point.workload.osl_tokens),
            "client_bound": outcome.proof.client_bound(),
        }
        return tuple(mark for mark, there in told.items() if there)

    def _point(self, index: int) -> Point:
        return self.attempt.job.points[index]

    def _prompts(self, point: Point, purpose: str, repeat: int, count: int) -> list[Prompt]:
        job = self.attempt.job
        overhead = self._chat_overhead if purpose != "first" else 0
        return list(
            workloads.get(point.workload.kind).prompts(
                point.workload,
                job.deployment.model,
                count=count,
                seed=_seed(job.seed, point.label(), job.start, purpose, repeat),
                tokenizer=self.tokenizer,
                chat_overhead_tokens=overhead,
            )
        )

    def _send(
        self,
        point: Point,
        prompts: list[Prompt],
        how: load.Load,
        run: str,
        repeat: int,
        *,
        watched: bool = False,
        spread_ns: int | None = None,
    ) -> LoadOutcome:
        job = self.attempt.job
        shown_ns = 0

        def done(count: int) -> None:
            nonlocal shown_ns
            now = time.monotonic_ns()
            if watched and (now - shown_ns > 200_000_000 or count == len(prompts)):
                shown_ns = now
                self.listen({"event": "request", "done": count, "of": len(prompts)})

        return load.measure(
            replace(self.target, api=point.workload.api),
            prompts,
            how,
            run=run,
            seed=_seed(job.seed, point.label(), job.start, "arrivals", repeat),
            request_timeout_s=job.request_timeout_s,
            extra=self.pin_output(prompts[0].output_tokens),
            on_done=done,
            slot_offsets_ns=pacing.slot_offsets_ns(how, spread_ns),
        )

    def _check_server(self) -> None:
        if self.server is not None:
            self.server.check()

    def _energy(self, begun_ns: int, ended_ns: int) -> tuple[float | None, str | None]:
        if not self.devices:
            return None, "the server runs on another machine, whose accelerators are not sampled"
        rows = telemetry.read(self.workdir.path / "telemetry.jsonl")
        energy_j, reason = telemetry.energy_j(rows, begun_ns, ended_ns, [item.index for item in self.devices])
        if energy_j is None:
            reason = accelerators.get(self.devices[0].vendor).power_note() or reason
        return energy_j, reason


def _warm_load(point: Point) -> load.Load:
    """Warm-up of an open loop needs no arrival process: its requests go one after the other."""
    return point.load if isinstance(point.load, ClosedLoop) else _CLOSED_ONE


def _seed(*of: str | int) -> int:
    """A seed that depends on nothing of the engine: every engine gets the same prompts at the same times."""
    return int.from_bytes(hashlib.sha256("\x1f".join(map(str, of)).encode()).digest()[:7])
