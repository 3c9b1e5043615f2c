"""One night of all real engines on this machine's CPU, whose results several tests read."""

from __future__ import annotations

import pytest

from real_night import THREE, RealNight

REFUSED = """
description: flags that there are not
models: [smollm2-135m-instruct]
engines: [vllm, sglang, llama-cpp]
workloads: [synthetic-128-64]
precisions: [bf16]
loads: {concurrency: [2]}
repeats: 1
arguments:
  vllm: {no-such-flag: 1}
  sglang: {no-such-flag: 1}
  llama-cpp: {no_such_option: 1}
"""


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> RealNight:
    """Every engine measured, in turns."""
    return RealNight(tmp_path_factory.mktemp("measured"), THREE)


@pytest.fixture(scope="session")
def refused(tmp_path_factory: pytest.TempPathFactory) -> RealNight:
    """Every engine started with a flag that it does not know."""
    return RealNight(tmp_path_factory.mktemp("refused"), REFUSED)
