"""Which figures of InferenceX are metrics of ours, and how those that only sound so differ.

Read in its client `utils/bench_serving` and in `utils/process_result.py`, `utils/aggregate_power.py`, August 2026.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from enginebench.importers._source import INTERPOLATED

_LATENCY = re.compile(r"(?:.*\.)?(mean|median|std|p\d+(?:\.\d+)?)_(ttft|tpot|itl|e2el|intvty)")
_UNKNOWN = "the row does not say whether a chat was asked"
_CLOCK = {
    "ttft": f"until the first event with a choice, in a chat a role without a token; {_UNKNOWN}",
    "tpot": f"between the first and the last event with a choice, which need hold no token; {_UNKNOWN}",
    "e2el": f"until the last event with a choice, of a chat until the event with the usage; {_UNKNOWN}",
    "itl": (
        "gaps between events with a choice, each of however many tokens (some of its recipes send one event every 10 "
        "to 100 tokens) or of none; the row does not say how many"
    ),
}
_TENS = "its runs have 10 requests a slot"
_RATES = {
    "tput_per_gpu": "total_tps_per_accelerator_whole_run",
    "input_tput_per_gpu": "input_tps_per_accelerator_whole_run",
    "output_tput_per_gpu": "output_tps_per_accelerator_whole_run",
}
_REPLAYED = (
    "of a replayed agentic trace, by another client than that of fixed lengths; how it is made is not known here"
)

Same = dict[str, tuple[str, float]]


def latencies(found: Mapping[str, Any]) -> dict[str, str]:
    """Each latency and interactivity to how it differs. None is ours: the row does not say what its clock saw."""
    matches = {name: match for name in found if (match := _LATENCY.fullmatch(name))}
    return {name: _latency(match[1], match[2]) for name, match in matches.items()}


def replayed(found: Mapping[str, Any]) -> dict[str, str]:
    """The same for a row of an agentic trace."""
    return dict.fromkeys((name for name in found if re.search("ttft|tpot|itl|e2el|intvty|tput", name)), _REPLAYED)


def _latency(statistic: str, quantity: str) -> str:
    tail = f"; {INTERPOLATED}; {_TENS}" if statistic == "median" or statistic[0] == "p" else ""
    if quantity != "intvty":
        return _CLOCK[quantity] + tail
    if statistic == "std":
        return "1 / standard deviation of TPOT, which is no measure of how interactivity spreads"
    if statistic == "mean":
        return "1 / mean TPOT; here the mean of 1 / TPOT over requests"
    return f"1 / {statistic} of TPOT, so that a high percentile is the slow end; here a percentile of 1 / TPOT{tail}"


def throughputs(row: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[Same, dict[str, str], tuple[str, ...]]:
    """Throughputs that are ours, those that are not, and what a reader must know of them.

    Ours are over all accelerators. Of which GPUs its figures are, the row does not say, but that they add up does.
    """
    total, taken, given = (found.get(name) for name in _RATES)
    prefill, decode = (row.get(f"num_{role}_gpu") for role in ("prefill", "decode"))
    if total is None or taken is None or given is None:
        return {}, dict.fromkeys(_RATES, "whether it is over all accelerators can't be told from the row"), ()
    if math.isclose(taken + given, total, rel_tol=1e-6):
        return {name: (metric, 1.0) for name, metric in _RATES.items()}, {}, _miscounted(row)
    if prefill and decode and math.isclose(taken * prefill + given * decode, total * (prefill + decode), rel_tol=1e-6):
        unlike = {
            "input_tput_per_gpu": "over the accelerators of prefill alone; here over all of the deployment",
            "output_tput_per_gpu": "over the accelerators of decode alone; here over all of the deployment",
        }
        return {"tput_per_gpu": (_RATES["tput_per_gpu"], 1.0)}, unlike, ()
    wrong = "input, output and total throughput fit together by no count of accelerators in the row"
    return {}, dict.fromkeys(_RATES, wrong), ()


def _miscounted(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Older rows give tp × ep as the GPUs of one server, where experts lie on the tp devices."""
    tp, ep, count = (row.get(name) for name in ("prefill_tp", "prefill_ep", "num_prefill_gpu"))
    if not (isinstance(tp, int) and isinstance(ep, int) and ep > 1 and count == tp * ep):
        return ()
    return (f"`num_prefill_gpu` and `num_decode_gpu` are tp × ep, {count}; the throughputs are over tp, {tp}",)


def energies(found: Mapping[str, Any]) -> tuple[Same, dict[str, str]]:
    """Energy a token, ours where the row states the version of its definition from which it is of all accelerators."""
    name = "joules_per_output_token"
    if found.get("power_metric_schema_version", 0) >= 2 and found.get("power_valid") == 1:
        return {name: ("energy_j_per_output_token", 1.0)}, {}
    words = "of all accelerators or of one role's: its definition changed, and the row does not say which it is"
    return {}, {name: words}
