"""Does the server still answer right? Questions with one right answer, and agreement with a stored reference."""

from enginebench.quality.check import CONTEXT_TOKENS, Outcome, check, conclude
from enginebench.quality.reference import Reference, load

__all__ = ["CONTEXT_TOKENS", "Outcome", "Reference", "check", "conclude", "load"]
