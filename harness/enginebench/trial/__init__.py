"""One job on one machine: `job.json` in, a directory of records out, complete or marked as failed."""

from enginebench.trial.orchestrate import run_trial
from enginebench.trial.workdir import partial, salvage

__all__ = ["partial", "run_trial", "salvage"]
