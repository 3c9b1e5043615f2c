"""A trial from provision to result: every way it can end leaves a result that says how."""

from __future__ import annotations

import contextlib
import functools
import json
import secrets
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from enginebench import accelerators, engines, environment, provision
from enginebench.errors import TrialError, UserError
from enginebench.load import Target
from enginebench.provision import endpoint, models
from enginebench.quality import lm_eval_tasks
from enginebench.records import (
    Accelerator,
    Attempt,
    Deployment,
    DummySource,
    EndpointProvision,
    Failure,
    Result,
)
from enginebench.server import Server, ServerCommand, free_port
from enginebench.telemetry import Recorder
from enginebench.trial import provenance
from enginebench.trial.gate import Gate
from enginebench.trial.measure import Bench
from enginebench.trial.workdir import State, Workdir

Listener = Callable[[Mapping[str, object]], None]
"""Takes the events of a trial: `event` (`stage`, `say`, `run`, `request`, `measured`) and what goes with each."""

_HOST = "127.0.0.1"


class Terminated(Exception):
    """TERM or Ctrl-C: the trial ends with what it has measured."""


def run_trial(attempt: Attempt, out: Path, *, cache: Path, listen: Listener) -> Result:
    """Measure the runs of `attempt` on this machine into the new folder `out`; gives the result that stands there.

    Raises UserError, with nothing started, if `out` exists. Everything later becomes a result with a status.
    """
    job = attempt.job
    adapter = engines.get(job.deployment.engine_kind)
    devices = accelerators.detect()[: job.deployment.devices]
    now = datetime.now(UTC)
    state = State(
        trial=f"{job.id[:8]}-{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}",
        attempt=attempt,
        environment=environment.describe(devices),
        started_utc=now.isoformat(timespec="seconds"),
    )
    workdir = Workdir(out, state)
    with _terminating() as told:

        def listen_unless_told(event: Mapping[str, object]) -> None:
            listen(event)
            if told.is_set():
                # Raised before, in a destructor, where Python drops what is raised.
                raise Terminated

        trial = _Trial(workdir, adapter, devices, cache, listen_unless_told)
        try:
            trial.run()
        except TrialError as error:
            failure = Failure(failure_class=error.failure_class, message=str(error), log_tail=error.log_tail)
            return workdir.finish("failed", failure)
        except UserError as error:
            # A workload that this model or server can't be asked: known only once both are there.
            return workdir.finish("failed", Failure(failure_class="client", message=str(error), log_tail=""))
        except (Terminated, KeyboardInterrupt):
            failure = Failure(failure_class="interrupted", message="ended by a signal", log_tail="")
            return workdir.finish("interrupted", failure)
    return workdir.finish("complete", None)


@contextlib.contextmanager
def _terminating() -> Iterator[threading.Event]:
    """TERM raises Terminated in the main thread, so that everything is put away on the way out; the event tells too."""
    told = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield told
        return

    def end(number: int, frame: FrameType | None) -> None:
        # One is enough: a second must not break the putting away.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        told.set()
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield told
    finally:
        signal.signal(signal.SIGTERM, before)


class _Trial:
    def __init__(
        self,
        workdir: Workdir,
        adapter: engines.Adapter,
        devices: tuple[Accelerator, ...],
        cache: Path,
        listen: Listener,
    ) -> None:
        self.workdir = workdir
        self.attempt = workdir.state.attempt
        self.deployment: Deployment = self.attempt.job.deployment
        self.adapter = adapter
        self.devices = devices
        self.cache = cache
        self.listen = listen
        self._lm_eval: lm_eval_tasks.Ready | None = None
        self._stage_begun_ns = time.monotonic_ns()

    def run(self) -> None:
        """Go through all stages; raises TrialError at the first that can't be done."""
        self._check_devices()
        prepared = provision.prepare(self.deployment.provision, self.cache, self._say)
        asked = self.attempt.quality.lm_eval if self.attempt.quality else ()
        if asked and not isinstance(self.deployment.model.source, DummySource):
            self._lm_eval = lm_eval_tasks.prepare(asked, self.cache, self._say)
        if isinstance(self.deployment.provision, EndpointProvision):
            self._measure_endpoint(prepared)
            return
        self._stage("model")
        ready = models.fetch(self.deployment.model, self.cache, self._say)
        self._stage("start")
        port = free_port()
        assert prepared.executable is not None
        launch = self.adapter.launch(
            self.deployment, executable=prepared.executable, model_path=ready.path, host=_HOST, port=port
        )
        visible = accelerators.get(self.deployment.vendor).visible_devices([item.index for item in self.devices])
        variables = {**prepared.environment, **visible, **launch.environment}
        info = provenance.of_started(prepared, ready, launch, variables)
        self.workdir.update(engine=info)
        command = ServerCommand(
            argv=launch.argv,
            environment=variables,
            url=f"http://{_HOST}:{port}",
            health_path=launch.health_path,
        )
        with Server(
            command, self.workdir.path / "server.log", ready_deadline_s=self.attempt.job.ready_deadline_s
        ) as server:
            version = _version(command.url, launch.version_path)
            self.workdir.update(engine=provenance.with_version(info, launch.version_path, version))
            target = Target(url=command.url, model=self.deployment.model.name, api="completions")
            self._measure(target, ready.path, server, server.pids, self.devices)

    def _measure_endpoint(self, prepared: provision.Prepared) -> None:
        assert isinstance(self.deployment.provision, EndpointProvision)
        assert prepared.url is not None
        version = _version(prepared.url, "/version")
        info = provenance.with_version(provenance.of_running(prepared), "/version", version)
        self.workdir.update(engine=info)
        model = self.deployment.provision.served_model or _first_model(prepared.url)
        # A server on this machine is measured as if started here; one elsewhere has neither processes nor devices here.
        pids = functools.partial(endpoint.serving_pids, prepared.url)
        devices = self.devices if pids() else ()
        if not devices:
            self.workdir.update(environment=provenance.elsewhere(self.workdir.state.environment, prepared.url))
        self._measure(Target(url=prepared.url, model=model, api="completions"), None, None, pids, devices)

    def _measure(
        self,
        target: Target,
        model_path: Path | None,
        server: Server | None,
        server_pids: Callable[[], Sequence[int]],
        devices: tuple[Accelerator, ...],
    ) -> None:
        watched = (self.deployment.engine_kind, target.url, self.workdir.path / "engine.jsonl")
        with Recorder(self.devices, self.workdir.path / "telemetry.jsonl", watched=watched):
            bench = Bench(
                workdir=self.workdir,
                target=target,
                pin_output=functools.partial(self.adapter.pin_output, self.deployment),
                tokenizer=model_path,
                server=server,
                server_pids=server_pids,
                page=self.adapter.metrics_page,
                devices=devices,
                listen=self.listen,
            )
            gate = Gate(
                workdir=self.workdir,
                target=target,
                adapter=self.adapter,
                server=server,
                lm_eval=self._lm_eval,
                tokenizer=model_path,
                say=self._say,
            )
            self._stage("warmup")
            bench.first_token()
            # Before the warm-up, so that what is measured follows it at once.
            self._stage("quality")
            gate.check("before")
            self._stage("warmup")
            bench.warm_up()
            self._stage("measure")
            bench.measure()
            self._stage("quality")
            gate.check("after")
        self._stage("done")

    def _check_devices(self) -> None:
        d = self.deployment
        found = [item for item in self.devices if item.vendor == d.vendor]
        if isinstance(d.provision, EndpointProvision) or len(found) >= d.devices:
            return
        have = f"{len(self.devices)} × {self.devices[0].product}" if self.devices else "none"
        raise TrialError(
            "provision", f"the job takes {d.devices} × {d.product} ({d.vendor}); this machine has {have}; plan it anew"
        )

    def _stage(self, name: str) -> None:
        now = time.monotonic_ns()
        state = self.workdir.state
        so_far_ns = state.stage_ns.get(state.stage, 0)
        spent = {**state.stage_ns, state.stage: so_far_ns + now - self._stage_begun_ns}
        self._stage_begun_ns = now
        self.workdir.update(stage=name, stage_ns=spent)
        self.listen({"event": "stage", "stage": name})

    def _say(self, text: str) -> None:
        self.listen({"event": "say", "text": text})


def _get_json(url: str) -> Mapping[str, object] | None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as answer:
            value = json.load(answer)
    except (OSError, ValueError, urllib.error.URLError):
        return None
    return value if isinstance(value, dict) else None


def _version(url: str, path: str | None) -> str | None:
    answer = _get_json(url + path) if path else None
    version = answer.get("version") if answer else None
    return version if isinstance(version, str) else None


def _first_model(url: str) -> str:
    answer = _get_json(url + "/v1/models")
    try:
        return str(answer["data"][0]["id"])  # type: ignore[index]
    except (KeyError, IndexError, TypeError):
        raise TrialError("provision", f"{url}/v1/models names no model; state `served_model`") from None
