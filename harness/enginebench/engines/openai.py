"""Any server that speaks OpenAI's API and runs already: read-only, measured where it is, never started or stopped.

It is asked what OpenAI's own API knows and nothing else, unless the engine's file allows more. Only a vendor's fields
can pin the output length; without them every run is marked `unpinned_output`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from enginebench.engines import Launch
from enginebench.records import Deployment, EndpointProvision, Parallelism

FIELDS = ("ignore_eos", "min_tokens")
"""Fields beyond OpenAI's that the engine's file may allow, `true` under `arguments`: go on past stop tokens; write at
least as many tokens as asked (vLLM and SGLang know both, llama.cpp the first)."""


class OpenAi:
    """Adapter for a URL."""

    metrics_page = None

    def devices(self, parallelism: Parallelism) -> int:
        """tp × pp × dp, as stated: a URL does not tell."""
        return parallelism.tp * parallelism.pp * parallelism.dp

    def unsupported(self, deployment: Deployment) -> str | None:
        """Needs a URL, and sends no fields but FIELDS."""
        if not isinstance(deployment.provision, EndpointProvision):
            return "an engine of kind openai is a server that runs already: its provision is of kind endpoint"
        for name, value in deployment.arguments.items():
            if name not in FIELDS or not isinstance(value, bool):
                return f"to a URL only {' and '.join(FIELDS)} can be sent, each true or false; not `{name}: {value}`"
        return None

    def launch(self, deployment: Deployment, *, executable: Path, model_path: Path, host: str, port: int) -> Launch:
        """Never called: nothing is started at a URL."""
        raise AssertionError("a server at a URL is not started")

    def pin_output(self, deployment: Deployment, output_tokens: int) -> Mapping[str, object]:
        """The fields that the engine's file allows; none by default."""
        values: Mapping[str, object] = {"ignore_eos": True, "min_tokens": output_tokens}
        return {name: values[name] for name in FIELDS if deployment.arguments.get(name) is True}


ADAPTER = OpenAi()
