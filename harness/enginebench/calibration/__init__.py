"""Is the load generator exact on this machine? Held against a server of known timings, at each concurrency."""

from enginebench.calibration.calibrate import BRIEF, LONG, calibrate

__all__ = ["BRIEF", "LONG", "calibrate"]
