"""Start an engine's server, wait until it is ready, keep its log, and leave nothing of it running."""

from enginebench.server.failures import classify
from enginebench.server.process import Server, ServerCommand, free_port

__all__ = ["Server", "ServerCommand", "classify", "free_port"]
