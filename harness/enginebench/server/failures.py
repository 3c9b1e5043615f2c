"""What an engine died of, read from its exit code and its log."""

from __future__ import annotations

import re

_CAUSES: tuple[tuple[str, str], ...] = (
    (
        "bad_argument",
        r"error: unrecognized arguments|error: argument |error: the following arguments are required"
        r"|User-specified max_model_len .* is greater than",
    ),
    ("port_taken", r"Address already in use|error while attempting to bind on address"),
    (
        "missing_weights",
        r"is not a local folder and is not a valid model identifier|does not appear to have a file named"
        r"|Cannot find any model weights|Repo id must be in the form|Invalid repository ID or local directory"
        r"|Error while deserializing header|header too small|incomplete metadata, file not fully covered"
        r"|FileNotFoundError: .*(config\.json|safetensors)|RepositoryNotFoundError|LocalEntryNotFoundError",
    ),
    (
        "out_of_memory",
        r"(CUDA|HIP|XPU) (error: )?out of memory|OutOfMemoryError|RESOURCE_EXHAUSTED|Cannot allocate memory"
        r"|^\s*MemoryError|which is larger than the available KV cache|No available memory for the cache blocks"
        r"|is less than (requested memory for kv|desired .*memory utilization)|Not enough memory"
        r"|can't allocate memory|std::bad_alloc",
    ),
)
"""Failure class to what its log says, most telling first; the texts are those of vLLM 0.31-0.32 (seen, November 2026),
SGLang 0.5, PyTorch 2.13 and argparse. A bad argument comes before all else since nothing else was tried then."""

_PREFIX = re.compile(
    r"^(\((\w+ ?)+pid=\d+\)\s*)?"
    r"((ERROR|CRITICAL)\s+(\d\d-\d\d \d\d:\d\d:\d\d )?\[[^\]]*\]\s?|\[\d{4}-\d\d-\d\d [^\]]*\]\s)?"
)
_HARMLESS = re.compile(r"^(\((\w+ ?)+pid=\d+\)\s*)?(WARNING|INFO|DEBUG)\b|\bwarnings\.warn\(")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ERROR_LINE = re.compile(r"^\s*([\w.]*(Error|Exception)\b: \S|(\w+: )?error: \S|Fatal |FATAL|Segmentation fault)")
_CONSEQUENCE = re.compile(r"See root cause above|see the stack trace above|Engine core proc .* died|EngineDeadError")
_LINE_CHARS = 400
_KILLED = (-9, 137)


def classify(exit_code: int | None, log: str) -> tuple[str, str]:
    """Failure class (one of FAILURE_CLASSES) and one sentence, of a server that ended by itself.

    `exit_code` is as the operating system gives it, -S for a death by signal S, None if nobody saw it; `log` is the
    server's output or its end. The exit code alone says little: vLLM ends with 0 after a worker was killed.
    """
    written = [_COLOUR.sub("", line).rstrip() for line in log.splitlines()]
    # Warnings quote errors that did not happen ("this can cause ... OSError"), and INFO lines quote arguments.
    lines = [_PREFIX.sub("", line) for line in written if not _HARMLESS.search(line)]
    for failure_class, pattern in _CAUSES:
        found = re.compile(pattern)
        for line in lines:
            if found.search(line):
                return failure_class, line.strip()[:_LINE_CHARS]
    if exit_code in _KILLED:
        return (
            "out_of_memory",
            "the server was killed by signal 9 and its log names no cause: most likely the kernel's or the "
            "container's memory limit (see dmesg)",
        )
    last = _last_error(lines)
    if exit_code == 2:
        return "bad_argument", f"the server refused its command line (exit code 2): {last}"
    return "crashed", f"the server {_ended(exit_code)}: {last}"


def _last_error(lines: list[str]) -> str:
    causes = [line for line in lines if _ERROR_LINE.search(line)]
    first_hand = [line for line in causes if not _CONSEQUENCE.search(line)]
    anything = [line for line in lines if line.strip()]
    for candidates in (first_hand, causes, anything):
        if candidates:
            return candidates[-1].strip()[:_LINE_CHARS]
    return "its log is empty"


def _ended(exit_code: int | None) -> str:
    if exit_code is None:
        return "ended unseen"
    return f"was ended by signal {-exit_code}" if exit_code < 0 else f"ended with exit code {exit_code}"
