"""One run's figures from what the engine told of itself. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from enginebench.records import EngineSample

Figure = tuple[float | None, str]
"""A value, or null and the reason."""


def engine_figures(
    before: EngineSample | None, during: Sequence[EngineSample], after: EngineSample | None
) -> dict[str, Figure]:
    """Figures by metric name. Gauges: over the samples `during` the run; counters: from `before` to `after` it."""
    found: dict[str, Figure] = {}
    for name, field in (
        ("running_requests_{}", "requests_running"),
        ("waiting_requests_{}", "requests_waiting"),
        ("kv_cache_{}_share", "kv_cache_share"),
    ):
        found |= _gauge(name, field, before, during)
    found["preempted_requests"] = _difference("preemptions", before, after)
    found["prefix_hit_share"] = _ratio("prefix_hit_tokens", "prefix_queried_tokens", before, after)
    accepted = _ratio("accepted_tokens", "drafted_tokens", before, after)
    rates = [one.acceptance_share for one in during if one.acceptance_share is not None]
    found["acceptance_share"] = (sum(rates) / len(rates), "") if rates and accepted[0] is None else accepted
    return found


def unread(reason: str) -> dict[str, Figure]:
    """The same figures, none of them known."""
    return dict.fromkeys(engine_figures(None, (), None), (None, reason))


_UNREAD = "the engine's metrics page could not be read"


def _gauge(name: str, field: str, before: EngineSample | None, during: Sequence[EngineSample]) -> dict[str, Figure]:
    values = [value for one in during if (value := getattr(one, field)) is not None]
    names = (name.format("mean"), name.format("max"))
    if not values:
        reason = _UNREAD if before is None else "no sample was taken while the run lasted"
        told = any(getattr(one, field) is not None for one in (*during, *([before] if before else [])))
        return dict.fromkeys(names, (None, reason if told or before is None else f"the engine does not tell {field}"))
    return dict(zip(names, ((sum(values) / len(values), ""), (max(values), "")), strict=True))


def _difference(field: str, before: EngineSample | None, after: EngineSample | None) -> Figure:
    if before is None or after is None:
        return None, _UNREAD
    begin, end = getattr(before, field), getattr(after, field)
    if begin is None or end is None:
        return None, f"the engine does not tell {field}"
    if end < begin:
        return None, f"the engine's counter of {field} ran backwards"
    return float(end - begin), ""


def _ratio(part: str, whole: str, before: EngineSample | None, after: EngineSample | None) -> Figure:
    top, reason = _difference(part, before, after)
    bottom, other = _difference(whole, before, after)
    if top is None or bottom is None:
        return None, reason or other
    return (top / bottom, "") if bottom else (None, f"{whole}: none in this run")
