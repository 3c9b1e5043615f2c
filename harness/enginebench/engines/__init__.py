"""Engine knowledge: what each supports, how its server is started, what it answers. One file an engine.

Adding `engines/foo.py` with an `ADAPTER` is the whole change; a distribution of someone else's registers its adapter
under the entry point group `enginebench.engines`. No adapter imports the engine that it describes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

from enginebench import extensions
from enginebench.errors import mistake
from enginebench.records import Deployment, Parallelism, record

DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
"""Precision to PyTorch's name, of those that are made from any checkpoint."""
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
"""The model is on this machine before the server starts, and a benchmark calls nobody."""


@record
class Launch:
    """How one server is started."""

    argv: tuple[str, ...]
    """Command and arguments."""
    environment: Mapping[str, str]
    """Variables set beyond the inherited ones."""
    health_path: str
    """Path that answers 200 once the server takes requests."""
    version_path: str | None
    """Path that answers JSON with a `version`; null where the engine has none."""


@record
class MetricsPage:
    """Where an engine tells of itself, and under which names."""

    path: str
    """Path of its Prometheus page, as `/metrics`."""
    samples: Mapping[str, tuple[str, ...]]
    """Field of records.EngineSample to the page's samples that make it up, as they stand there (`…_total`): summed,
    or for a share averaged, over all labels. A field that the engine does not tell is left out."""


@record
class LogprobQuestion:
    """How a server is asked what it makes of a given text, one token at a time."""

    path: str
    """Path under the server's URL."""
    body: Mapping[str, object]
    """What is posted there, as JSON."""
    read: Callable[[Any], Sequence[Mapping[int, float]]]
    """From the answer's JSON: for each token but the first, the log-probability in nats of the likeliest tokens and of
    the token itself, by id. May raise LookupError, TypeError, ValueError or AttributeError."""


class Adapter(Protocol):
    """What the harness must know of an engine."""

    metrics_page: MetricsPage | None
    """Its Prometheus page; null if it has none."""

    def devices(self, parallelism: Parallelism) -> int:
        """Accelerators a deployment with this split takes."""

    def unsupported(self, deployment: Deployment) -> str | None:
        """Why this engine cannot serve the deployment, in one phrase; null if it can as far as is known."""

    def launch(self, deployment: Deployment, *, executable: Path, model_path: Path, host: str, port: int) -> Launch:
        """The command that serves `deployment` on `host:port` under the model name `deployment.model.name`."""

    def pin_output(self, deployment: Deployment, output_tokens: int) -> Mapping[str, object]:
        """Fields of a request's JSON, beyond `max_tokens`, that make the answer exactly `output_tokens` long.

        Empty where nothing pins it: every run is then marked `unpinned_output`.
        """


@runtime_checkable
class ScoresPrompts(Protocol):
    """An adapter whose engine tells the log-probabilities of a prompt; without it quality is judged by tasks alone."""

    def prompt_logprobs(self, model: str, token_ids: Sequence[int], top: int) -> LogprobQuestion:
        """The question for the `top` likeliest tokens in place of each of `token_ids`."""


def known() -> tuple[str, ...]:
    """Names of all engines that there is an adapter for."""
    return extensions.known(__name__)


def get(kind: str) -> Adapter:
    """The adapter of that name; raises UserError for an unknown one."""
    found = extensions.find(__name__, kind, "ADAPTER")
    if found is None:
        raise mistake(f"engine kind `{kind}`", "no adapter has that name", f"known: {', '.join(known())}")
    return cast(Adapter, found)


def flags(arguments: Mapping[str, bool | int | float | str | None]) -> tuple[str, ...]:
    """Server arguments as argv: `true` a bare `--flag`, `false` `--no-flag`, null nothing, else `--flag value`."""
    result: list[str] = []
    for name, value in arguments.items():
        if value is True:
            result.append(f"--{name}")
        elif value is False:
            result.append(f"--no-{name}")
        elif value is not None:
            result += [f"--{name}", str(value)]
    return tuple(result)
