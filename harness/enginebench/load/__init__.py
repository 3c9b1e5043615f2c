"""The load generator: sends prompts as the load says, stamps what comes back, reads it after the run."""

from enginebench.load.client import LoadOutcome, Target, measure
from enginebench.load.seen import SEEN, STATUSES
from enginebench.records import Load

__all__ = ["SEEN", "STATUSES", "Load", "LoadOutcome", "Target", "measure"]
