"""Where jobs run: what a site has, and how one of its jobs is started and watched."""

from enginebench.runners.inventory import inventory
from enginebench.runners.local import RunningTrial, start

__all__ = ["RunningTrial", "inventory", "start"]
