"""`enginebench bisect` in a process of its own, on a machine where other tests run too."""

RUN = """
import sys
from enginebench import attempts
from enginebench.analysis import starts
from enginebench.cli import main
# Neither another test on this machine nor the client's calibration is what is tested here.
starts.SPOILT = frozenset()
attempts.calibrated = lambda left, *_: tuple(left)
sys.exit(main(sys.argv[1:]))
"""
"""What Python runs, with the command's words as arguments."""
