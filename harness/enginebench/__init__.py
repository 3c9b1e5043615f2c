"""enginebench: nightly benchmarks of open-source LLM inference engines, with error bars."""

__version__ = "0.1.0"
