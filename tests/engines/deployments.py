"""What the shipped files come to for an engine: its deployment at a shipped site, and on a CPU in the quickstart."""

from __future__ import annotations

from pathlib import Path

from builders import REPOSITORY
from enginebench import assets, config, engines
from enginebench.engines import Launch
from enginebench.plan import make_plan
from enginebench.records import Accelerator, Deployment, Inventory
from enginebench.runners import inventory

GRID = """\
description: one deployment
models: [llama-3.1-8b-instruct]
engines: [ENGINE]
workloads: [synthetic-1024-1024]
precisions: [bf16]
parallelism: [{tp: 4}]
loads: {concurrency: [1]}
"""


def planned(folder: Path, engine: str, site: str, more: str = "") -> Deployment:
    """The one deployment of an 8B model at a shipped site; `more` goes into the grid, which is written to `folder`."""
    path = folder / "g.yaml"
    path.write_text(GRID.replace("ENGINE", engine) + more, encoding="utf-8")
    what = inventory(config.read_site(REPOSITORY / "runners" / f"{site}.yaml"))
    (job,) = make_plan(config.read_grid(path), *what).jobs
    return job.deployment


def on_a_cpu(engine: str) -> Deployment:
    """The quickstart's deployment of the engine."""
    cpu = Accelerator(vendor="cpu", index=0, product="Some CPU", memory_bytes=8 * 10**9, cores=2)
    site = Inventory(site="here", launcher="local", accelerators=(cpu,))
    grid = config.read_grid(assets.root() / "configs" / "grids" / "quickstart.yaml")
    jobs = make_plan(grid, site, config.hardware("cpu", "Some CPU")).jobs
    return next(job.deployment for job in jobs if job.deployment.engine == engine)


def launch(engine: str, deployment: Deployment, command: str) -> Launch:
    """The engine started by `/env/bin/<command>` on the model in `/models/it`."""
    return engines.get(engine).launch(
        deployment, executable=Path("/env/bin") / command, model_path=Path("/models/it"), host="127.0.0.1", port=8123
    )
