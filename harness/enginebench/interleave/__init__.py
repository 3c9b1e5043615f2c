"""Several arms measured in turn, each chosen by a slice of what a grid plans: what drifts falls on all alike."""

from enginebench.interleave.arms import Chosen, Lane, choose
from enginebench.interleave.turns import Arm, Interleaved, carry_out, none_settled, standing, turns

__all__ = ["Arm", "Chosen", "Interleaved", "Lane", "carry_out", "choose", "none_settled", "standing", "turns"]
