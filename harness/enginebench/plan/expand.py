"""The cross product, its includes, excludes and constraints, grouped into jobs of one server start each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from enginebench import arrivals, engines
from enginebench.config import Grid, Hardware, ResolvedGrid
from enginebench.config.schema import Constraint, Match, Requests
from enginebench.plan.fit import missing_support, too_large, too_long
from enginebench.records import (
    ClosedLoop,
    Deployment,
    Inventory,
    Job,
    Load,
    OpenLoop,
    Parallelism,
    Point,
    QualityRequest,
    Until,
    content_hash,
    identify,
    record,
)


@record
class Combination:
    """One cell of the cross product, as names."""

    model: str
    engine: str
    precision: str
    parallelism: Parallelism
    workload: str
    load: Load

    def label(self) -> str:
        """`model engine precision tp1 workload c8`."""
        return (
            f"{self.model} {self.engine} {self.precision} {self.parallelism.label()} {self.workload} "
            f"{self.load.label()}"
        )


@record
class Skip:
    """A combination that is not measured, and why."""

    combination: Combination
    reason: str


@record
class Plan:
    """What a grid comes to on a site."""

    grid: str
    site: str
    jobs: tuple[Job, ...]
    skips: tuple[Skip, ...]
    quality: QualityRequest | None = None
    """What the quality gate asks of every server; null: nothing."""
    until: Until | None = None
    """When a point needs no more runs than it has; null: all are measured."""
    chunk_times: bool = False
    """Whether the arrival of every token-bearing event is kept."""
    detect: float | None = None
    """Difference that is to be found between two versions, as a share; null: the grid names none."""


def combinations(resolved: ResolvedGrid) -> Iterator[Combination]:
    """Every cell of the cross product in the order in which the grid lists its axes, then the includes."""
    grid = resolved.grid
    for model in grid.models:
        for engine in grid.engines:
            for precision in grid.precisions:
                for parallelism in grid.parallelism:
                    for workload in grid.workloads:
                        for load in resolved.loads:
                            yield Combination(
                                model=model,
                                engine=engine,
                                precision=precision,
                                parallelism=parallelism,
                                workload=workload,
                                load=load,
                            )
    for item in grid.include:
        yield Combination(
            model=item.model,
            engine=item.engine,
            precision=item.precision,
            parallelism=item.parallelism,
            workload=item.workload,
            load=ClosedLoop(
                kind="closed", concurrency=item.concurrency, start=grid.loads.start, ramp_s=grid.loads.ramp_s
            )
            if item.concurrency is not None
            else OpenLoop(kind="open", rate_rps=item.rate_rps or 0.0),
        )


def _names(resolved: ResolvedGrid, one: Combination) -> tuple[str, ...]:
    """What a grid may call the combination's engine: by name, by version, by the words it was asked for with."""
    engine = resolved.engines[one.engine]
    return tuple(dict.fromkeys((engine.name, f"{engine.name}@{engine.version}", one.engine)))


def _matches(match: Match, one: Combination, names: tuple[str, ...], vendor: str) -> bool:
    concurrency = one.load.concurrency if isinstance(one.load, ClosedLoop) else None
    rate_rps = None if isinstance(one.load, ClosedLoop) else one.load.rate_rps
    pairs = (
        (match.model, one.model),
        (match.precision, one.precision),
        (match.workload, one.workload),
        (match.vendor, vendor),
        (match.tp, one.parallelism.tp),
        (match.concurrency, concurrency),
        (match.rate_rps, rate_rps),
    )
    return match.engine in (None, *names) and all(wanted in (None, value) for wanted, value in pairs)


def _breaks(constraint: Constraint, one: Combination, devices: int) -> bool:
    pairs = (
        (constraint.concurrency_at_most, one.load.concurrency if isinstance(one.load, ClosedLoop) else None),
        (constraint.rate_rps_at_most, None if isinstance(one.load, ClosedLoop) else one.load.rate_rps),
        (constraint.devices_at_most, devices),
    )
    return any(limit is not None and value is not None and value > limit for limit, value in pairs)


def _ruled_out(resolved: ResolvedGrid, one: Combination, vendor: str, devices: int) -> str | None:
    names = _names(resolved, one)
    for exclude in resolved.grid.exclude:
        if _matches(exclude.when, one, names, vendor):
            return f"excluded by the grid: {exclude.reason}"
    for constraint in resolved.grid.constraints:
        if _matches(constraint.when, one, names, vendor) and _breaks(constraint, one, devices):
            return f"constraint of the grid: {constraint.reason}"
    return None


def _context(resolved: ResolvedGrid) -> int:
    """The grid's context, or the longest request of its workloads up to the next multiple of 256."""
    longest = max(item.isl_tokens + item.osl_tokens for item in resolved.workloads.values())
    return resolved.grid.context_tokens or -(-longest // 256) * 256


def _deployment(resolved: ResolvedGrid, one: Combination, inventory: Inventory) -> Deployment:
    grid, engine, device = resolved.grid, resolved.engines[one.engine], inventory.accelerators[0]
    build = engine.builds[device.vendor]
    arguments = dict(build.arguments)
    for name in _names(resolved, one):
        arguments |= grid.arguments.get(name, {})
    return Deployment(
        engine=engine.name,
        engine_kind=engine.kind,
        engine_version=engine.version,
        provision=build.provision,
        model=resolved.models[one.model],
        precision=one.precision,
        vendor=device.vendor,
        product=device.product,
        devices=engines.get(engine.kind).devices(one.parallelism),
        parallelism=one.parallelism,
        context_tokens=min(_context(resolved), resolved.models[one.model].architecture.context_tokens),
        max_sequences=grid.max_sequences,
        prefix_cache=grid.prefix_cache,
        arguments=arguments,
        environment=build.environment,
    )


def _point(resolved: ResolvedGrid, one: Combination) -> Point:
    rule = resolved.grid.requests
    slots = one.load.concurrency if isinstance(one.load, ClosedLoop) else 1
    return Point(
        workload=resolved.workloads[one.workload],
        load=one.load,
        requests=_requests(rule, one.load),
        warmup_requests=rule.warmup_per_slot * slots,
        at_least_s=rule.at_least_s if isinstance(one.load, ClosedLoop) else 0.0,
        slo=resolved.grid.slo.slo() if resolved.grid.slo else None,
    )


def _requests(rule: Requests, load: Load) -> int:
    """Requests of one run. How many `at_least_s` takes of an open loop its rate tells; of a closed one the warm-up."""
    if isinstance(load, ClosedLoop):
        return max(rule.per_slot * load.concurrency, rule.at_least)
    own = arrivals.most_requests(load)
    return own or max(rule.open_loop, math.ceil(rule.at_least_s * load.rate_rps))


def _checked(
    resolved: ResolvedGrid, one: Combination, inventory: Inventory, part: Hardware | None
) -> tuple[Deployment, None] | tuple[None, str]:
    """The deployment of a combination, or the reason why it can't be."""
    model, engine, device = resolved.models[one.model], resolved.engines[one.engine], inventory.accelerators[0]
    adapter = engines.get(engine.kind)
    devices = adapter.devices(one.parallelism)
    reason = (
        _ruled_out(resolved, one, device.vendor, devices)
        or missing_support(engine, model, one.precision, device.vendor, part)
        or too_long(resolved.workloads[one.workload], model, _context(resolved))
    )
    if reason is None and devices > len(inventory.accelerators):
        reason = f"{one.parallelism.label()} takes {devices} devices; site {inventory.site} has " + str(
            len(inventory.accelerators)
        )
    if reason is not None:
        return None, reason
    deployment = _deployment(resolved, one, inventory)
    reason = adapter.unsupported(deployment) or too_large(deployment, device)
    return (None, reason) if reason is not None else (deployment, None)


def make_plan(
    resolved: ResolvedGrid,
    inventory: Inventory,
    part: Hardware | None,
    needed: Mapping[str, int] = MappingProxyType({}),
) -> Plan:
    """Jobs and skips of a grid on a site; `part` is what is known of the site's hardware, null if nothing.

    `needed` (series to server starts) counts where the grid says `most_starts`.

    A deployment's points share one server start; with `starts` of 2 or more the deployments, engines and versions
    alike, take turns (A B B A). What two names of an engine come to alike (`vllm`, `vllm@latest`) is measured once.
    """
    skips: list[Skip] = []
    points: dict[str, tuple[Deployment, list[Point]]] = {}
    for one in combinations(resolved):
        deployment, reason = _checked(resolved, one, inventory, part)
        if deployment is None:
            skips.append(Skip(combination=one, reason=reason or ""))
            continue
        group = points.setdefault(content_hash(deployment), (deployment, []))[1]
        point = _point(resolved, one)
        if point not in group:
            group.append(point)
    return Plan(
        grid=resolved.grid.name,
        site=inventory.site,
        jobs=tuple(_jobs(resolved.grid, points, needed)),
        skips=tuple(skips),
        quality=resolved.grid.quality,
        until=resolved.grid.until,
        chunk_times=resolved.grid.chunk_times,
        detect=resolved.grid.detect,
    )


def _jobs(grid: Grid, points: Mapping[str, tuple[Deployment, list[Point]]], needed: Mapping[str, int]) -> Iterator[Job]:
    groups = [(deployment, group, _starts(grid, deployment, group, needed)) for deployment, group in points.values()]
    for start in range(max((starts for *_, starts in groups), default=0)):
        for deployment, group, starts in groups if start % 2 == 0 else reversed(groups):
            if start < starts:
                yield Job(
                    deployment=deployment,
                    points=tuple(group),
                    repeats=grid.until.at_most if grid.until else grid.repeats,
                    start=start,
                    seed=grid.seed,
                    ready_deadline_s=grid.ready_deadline_s,
                    request_timeout_s=grid.request_timeout_s,
                )


def _starts(grid: Grid, deployment: Deployment, points: Sequence[Point], needed: Mapping[str, int]) -> int:
    """Server starts of a deployment: what its noisiest point needs, within what the grid allows."""
    if grid.most_starts is None:
        return grid.starts
    asked = [needed.get(one.series, 0) for one in identify(deployment, points)]
    return max(grid.starts, min(grid.most_starts, max(asked)))
