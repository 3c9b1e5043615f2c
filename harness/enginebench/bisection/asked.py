"""What a bisection is of: a curve of a grid, versions in their order, what one server start of each measures."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from enginebench import config, runners
from enginebench.errors import TrialError, UserError, mistake
from enginebench.plan import Plan, due, job_seconds, make_plan
from enginebench.provision import channels, index
from enginebench.records import Attempt, Channels, Engine, Inventory, Job, RunKey, Vendor, record

KEYS = ("model", "engine", "precision", "parallelism", "workload", "load")
"""What a curve of a grid is chosen by."""
_DIGEST = re.compile(r"(\S+@)?sha256:[0-9a-f]{64}")
"""An image, with or without its name."""


@record
class Candidate:
    """One version of the list."""

    version: str
    uploaded: str | None = None
    """Day of its upload; null: not known."""


class Unusable(Exception):
    """A version that can't be measured, and why."""


class Asked:
    """What is to be searched, checked; `attempt` makes a version's server start, resolving its pins if need be."""

    def __init__(
        self,
        resolved: config.ResolvedGrid,
        engine: str,
        file: Path,
        site: tuple[Inventory, config.Hardware | None],
        where: Mapping[str, str],
        candidates: Sequence[Candidate],
        cache: Path,
    ) -> None:
        grid = resolved.grid
        include = tuple(replace(one, engine=engine) for one in grid.include if _name(one.engine) == engine)
        self._resolved = replace(resolved, grid=replace(grid, engines=(engine,), include=include), channels={})
        self._file, self._where, self._cache = file, where, cache
        self._inventory, self._part = site
        self._attempts: dict[int, Attempt] = {}
        self.engine = engine
        """Name of the engine whose versions these are."""
        self.candidates = tuple(candidates)
        """The versions, from the one known good on."""
        self.curve = _curve(self._plan(config.read_engine(file)), where, grid.name)
        """What is measured, in words."""

    @property
    def vendor(self) -> Vendor:
        """Whose accelerators."""
        return self._inventory.accelerators[0].vendor

    def attempt(self, version: int, say: Callable[[str], None]) -> Attempt:
        """What one server start of a version measures; raises Unusable for one that can't be had or run here."""
        if version not in self._attempts:
            self._attempts[version] = self._made(self.candidates[version].version, say)
        return self._attempts[version]

    def seconds(self, version: int, say: Callable[[str], None]) -> float:
        """How long one server start of a version takes, s, roughly; raises Unusable."""
        return job_seconds(self.attempt(version, say), self._part, {})

    def _made(self, version: str, say: Callable[[str], None]) -> Attempt:
        try:
            engine = channels.exact(version, self._file, self.vendor, self._cache, say, f"version {version}")
        except UserError as error:
            raise Unusable(str(error)) from None
        plan = self._plan(engine)
        chosen = _chosen(plan, self._where)
        if not chosen:
            skipped = [one.reason for one in plan.skips] or ["the grid has no such curve for it"]
            raise Unusable(skipped[0])
        ((job, runs),) = chosen
        (attempt,) = due(replace(plan, jobs=(job,)), f"{datetime.now(UTC):%Y-%m-%d}", {}).attempts
        return replace(attempt, runs=runs)

    def _plan(self, engine: Engine) -> Plan:
        return make_plan(replace(self._resolved, engines={self.engine: engine}), self._inventory, self._part)


def asked(
    grid: Path, site: Path, *, versions: Sequence[str], span: str | None, pre: bool, where: Sequence[str], cache: Path
) -> Asked:
    """What is to be searched, of a list of `versions` or of those in `span` (`LOW..HIGH`) on the package index.

    Raises UserError with nothing started.
    """
    resolved = config.read_grid(grid)
    inventory, part = runners.inventory(config.read_site(site))
    wanted = _where(where)
    engine = _engine(resolved, wanted)
    file = config.engine_files(grid)[engine]
    vendor = inventory.accelerators[0].vendor
    newest = config.read_engine(file)
    if vendor not in newest.builds:
        raise mistake(str(file), f"no build for {vendor}", "name another engine with --where engine=NAME")
    images = [one for one in versions if _DIGEST.fullmatch(one)]
    if images:
        how = newest.builds[vendor].provision.kind
        raise mistake(
            f"--versions {images[0]}",
            f"an image, and the build of `{engine}` for {vendor} is got as {how}, not from containers",
            "name versions",
        )
    found = _listed(versions) if span is None else _spanned(span, channels.distribution(newest, vendor, "--range"), pre)
    return Asked(resolved, engine, file, (inventory, part), wanted, found, cache)


def listed(words: str) -> Sequence[str]:
    """The versions or images of a list with commas, or of a file with one a line, `#` begins a comment."""
    if not Path(words).is_file():
        return [one.strip() for one in words.split(",") if one.strip()]
    lines = Path(words).read_text(encoding="utf-8").splitlines()
    return [line for line in (line.split("#")[0].strip() for line in lines) if line]


def _listed(versions: Sequence[str]) -> Sequence[Candidate]:
    twice = [one for place, one in enumerate(versions) if one in versions[:place]]
    if twice:
        raise mistake(f"--versions {','.join(versions)}", f"`{twice[0]}` stands twice", "name each once, in order")
    if len(versions) < 2:
        raise mistake(f"--versions {','.join(versions)}", "there is nothing between fewer than two", "name two or more")
    return [Candidate(version=one) for one in versions]


def _spanned(span: str, rule: Channels, pre: bool) -> Sequence[Candidate]:
    low, dots, high = span.partition("..")
    if not dots or not index.is_version(low) or not index.is_version(high):
        raise mistake(f"--range {span}", "is no range of versions", "write it as 0.27.0..0.32.0")
    try:
        known = index.releases(rule.distribution, pre=pre, extra_index=rule.nightly_index if pre else None)
    except TrialError as error:
        raise mistake(f"--range {span}", str(error), "name the versions with --versions") from None
    found = index.between(known, low, high)
    if len(found) < 2:
        have = f"{known[0].version} to {known[-1].version}"
        more = "" if pre else ", or add --pre for nightly builds"
        problem = f"{rule.distribution} has {len(found)} versions there for this machine, of {have}"
        raise mistake(f"--range {span}", problem, f"name a wider range{more}")
    return [Candidate(version=one.version, uploaded=one.uploaded) for one in found]


def _where(pairs: Sequence[str]) -> Mapping[str, str]:
    wanted = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or key not in KEYS:
            raise mistake(
                f"--where {pair}", "does not choose a curve", f"write KEY=VALUE, KEY one of {', '.join(KEYS)}"
            )
        wanted[key] = value
    return wanted


def _engine(resolved: config.ResolvedGrid, where: Mapping[str, str]) -> str:
    named = [*resolved.grid.engines, *(one.engine for one in resolved.grid.include)]
    names = list(dict.fromkeys(map(_name, named)))
    wanted = _name(where["engine"]) if "engine" in where else None
    found = [name for name in names if wanted in (None, name)]
    if len(found) == 1:
        return found[0]
    if wanted is not None:
        raise mistake(f"--where engine={wanted}", "the grid has no such engine", f"take one of {', '.join(names)}")
    problem = f"the grid has {len(found)} engines, {', '.join(found)}"
    raise mistake(resolved.grid.name, problem, f"choose one, as --where engine={found[0]}")


def _name(words: str) -> str:
    return words.partition("@")[0]


def _values(job: Job, point: int) -> Mapping[str, str]:
    d, one = job.deployment, job.points[point]
    return {
        "model": d.model.name,
        "engine": d.engine,
        "precision": d.precision,
        "parallelism": d.parallelism.label(),
        "workload": one.workload.name,
        "load": one.load.label(),
    }


def _chosen(plan: Plan, where: Mapping[str, str]) -> list[tuple[Job, tuple[RunKey, ...]]]:
    """The first server start of each deployment with its runs that are asked for."""
    found = []
    for job in (one for one in plan.jobs if one.start == 0):
        wanted = {
            place
            for place in range(len(job.points))
            if all(key == "engine" or _values(job, place)[key] == value for key, value in where.items())
        }
        runs = tuple(key for key in job.run_keys() if key.point in wanted)
        if runs:
            found.append((job, runs))
    return found


def _curve(plan: Plan, where: Mapping[str, str], grid: str) -> str:
    """The one curve that is chosen, in words; raises UserError for none or several."""
    curves: dict[str, list[str]] = {}
    for job, runs in _chosen(plan, where):
        for place in sorted({key.point for key in runs}):
            values, point = _values(job, place), job.points[place]
            of = f"{values['model']} {values['precision']} {values['parallelism']}, {values['workload']}"
            kind = "closed loop" if point.load.kind == "closed" else "open loop"
            curves.setdefault(f"{of}, {kind}", []).append(values["load"])
    if len(curves) == 1:
        ((words, loads),) = curves.items()
        return f"{words} {', '.join(loads)}"
    if not curves:
        reasons = [one.reason for one in plan.skips]
        problem = f"nothing is left to measure: {reasons[0]}" if reasons and not where else "no point is of --where"
        raise mistake(grid, problem, "see `enginebench plan`")
    several = "; ".join(f"{words} {', '.join(loads)}" for words, loads in curves.items())
    raise mistake(grid, f"{len(curves)} curves: {several}", "choose one with --where, as --where workload=NAME")
