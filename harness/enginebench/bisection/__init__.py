"""Between which two of an engine's versions a figure changed: measured in turns, step by step, until a pair is named."""

from enginebench.bisection.asked import Asked, Candidate, asked
from enginebench.bisection.carried_out import Outcome, PairSeen, carry_out

__all__ = ["Asked", "Candidate", "Outcome", "PairSeen", "asked", "carry_out"]
