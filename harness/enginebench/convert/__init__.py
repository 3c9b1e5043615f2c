"""Other projects' configuration files into grids of this one, with an account of what could not be carried over."""

from enginebench.convert.account import Conversion, Outcome, Reason
from enginebench.convert.inferencex import convert_inferencex

__all__ = ["Conversion", "Outcome", "Reason", "convert_inferencex"]
