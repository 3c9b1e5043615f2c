"""Grid × inventory → jobs, and skips with reasons. Pure: same grid, same inventory, same plan."""

from enginebench.plan.due import Due, due
from enginebench.plan.estimate import job_seconds, run_seconds
from enginebench.plan.expand import Plan, Skip, make_plan

__all__ = ["Due", "Plan", "Skip", "due", "job_seconds", "make_plan", "run_seconds"]
