"""Between which two of an engine's versions a figure changed: measured in turns until a pair is named."""

from enginebench.bisection.asked import Asked, Candidate, Unusable, asked, listed
from enginebench.bisection.carried_out import Outcome, carry_out
from enginebench.bisection.seen import PairSeen

__all__ = ["Asked", "Candidate", "Outcome", "PairSeen", "Unusable", "asked", "carry_out", "listed"]
