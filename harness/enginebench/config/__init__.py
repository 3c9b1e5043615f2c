"""YAML to records. A file's name is its key; an unknown or wrong key is an error with file, line, value and remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from enginebench import assets
from enginebench.config.check import build, in_order, named, nearest
from enginebench.config.documents import Document, load
from enginebench.config.engine import engine_versions, read_engine, read_pins, read_requirements
from enginebench.config.loads import doubles, load_mistakes, loads_of
from enginebench.config.rates import PRICE_CLASSES, InForce, PriceClass, RateRow, Rates, rate_on
from enginebench.config.rates import read_rates as _read_rates
from enginebench.config.retention import read_retention
from enginebench.config.schema import Channel, Fact, Grid, Hardware, ResolvedGrid, Site
from enginebench.config.slos import NamedSlo, read_slos
from enginebench.errors import Mistake, UserError, mistake
from enginebench.records import Engine, Model, PackageSource, Parallelism, Workload

__all__ = [
    "PRICE_CLASSES",
    "Channel",
    "Fact",
    "Grid",
    "Hardware",
    "InForce",
    "NamedSlo",
    "PriceClass",
    "RateRow",
    "Rates",
    "ResolvedGrid",
    "Site",
    "engine_files",
    "engine_versions",
    "hardware",
    "models",
    "parts",
    "rate_on",
    "rates",
    "read_engine",
    "read_grid",
    "read_hardware",
    "read_model",
    "read_rates",
    "read_requirements",
    "read_retention",
    "read_site",
    "read_slos",
    "read_workload",
    "shipped",
    "slos",
]

CHANNELS = ("latest", "nightly")
"""What may stand for a version in a grid: the newest release, the newest build."""


def shipped(folder: str, suffix: str = ".yaml") -> Mapping[str, Path]:
    """Name to file of everything in `configs/<folder>` that ends so."""
    return {path.stem: path for path in sorted((assets.root() / "configs" / folder).glob(f"*{suffix}"))}


def read_model(path: Path) -> Model:
    """The model in `path`, its converter's pins read in; raises UserError."""
    model, document = named(Model, path)
    _check_experts(model, document)
    if isinstance(model.source, PackageSource):
        data = {"name": path.stem, **document.data}
        pins = read_pins(document, ("source", "converter"), model.source.converter)
        data["source"] = {**data["source"], "converter_requirements": pins}
        model = build(Model, document, data)
    return model


def _check_experts(model: Model, document: Document) -> None:
    """Raises UserError where facts of a mixture of experts are missing, or can't be."""
    facts = {name: getattr(model.architecture, name) for name in ("active_parameters", "experts", "experts_per_token")}
    given = [name for name, fact in facts.items() if fact is not None]
    missing = ", ".join(f"`{name}`" for name in facts if name not in given)
    if given and missing:
        place = document.place(("architecture", given[0]))
        raise mistake(place, f"`architecture.{given[0]}` stands without {missing}", "give all three, or none of them")
    if given and facts["experts_per_token"] > facts["experts"]:
        raise mistake(
            document.place(("architecture", "experts_per_token")),
            f"`architecture.experts_per_token` is {facts['experts_per_token']} of {facts['experts']} experts",
            "correct one of them",
        )


def read_workload(path: Path) -> Workload:
    """The workload in `path`; raises UserError."""
    workload, document = named(Workload, path)
    if workload.shared_prefix_tokens >= workload.isl_tokens:
        raise mistake(
            document.place(("shared_prefix_tokens",)),
            f"`shared_prefix_tokens` is {workload.shared_prefix_tokens}, the whole input is {workload.isl_tokens}",
            "leave at least one token to tell prompts apart",
        )
    return workload


def read_hardware(path: Path) -> Hardware:
    """The part in `path`; raises UserError, also for FLOP/s of a precision that it does not have."""
    part, document = named(Hardware, path)
    for name in part.dense_flops_per_s:
        if name not in part.precisions:
            raise mistake(
                document.place(("dense_flops_per_s", name)),
                f"`dense_flops_per_s.{name}`: the part has no {name}",
                nearest(name, part.precisions),
            )
    return part


def parts() -> Mapping[str, Hardware]:
    """Every shipped part by name."""
    return {name: read_hardware(path) for name, path in shipped("hardware").items()}


def models() -> Mapping[str, Model]:
    """Every shipped model by name."""
    return {name: read_model(path) for name, path in shipped("models").items()}


def hardware(vendor: str, product: str, known: Iterable[Hardware] | None = None) -> Hardware | None:
    """The part that a device of this vendor and product name is, of `known` or else of the shipped ones; null: none."""
    lower = product.lower()
    for part in sorted(parts().values() if known is None else known, key=lambda part: "*" in part.match):
        if part.vendor == vendor and any(piece == "*" or piece in lower for piece in part.match):
            return part
    return None


def rates() -> Rates:
    """The shipped prices and powers."""
    return read_rates(assets.root() / "configs" / "rates.yaml")


def read_rates(path: Path) -> Rates:
    """Prices and powers in a file like `configs/rates.yaml`; raises UserError with every mistake."""
    return _read_rates(path, shipped("hardware"))


def slos() -> Mapping[str, NamedSlo]:
    """Every shipped objective by name."""
    return {name: one for path in shipped("slos").values() for name, one in read_slos(path).items()}


def read_site(path: Path) -> Site:
    """The site in `path`; raises UserError, also when its hardware is not described."""
    site, document = named(Site, path)
    if site.hardware and site.hardware.name not in shipped("hardware"):
        raise mistake(
            document.place(("hardware", "name")),
            f"no hardware `{site.hardware.name}`",
            nearest(site.hardware.name, shipped("hardware")),
        )
    return site


def _folder(grid: Path, kind: str) -> Mapping[str, Path]:
    """Files a grid may name: beside it (`…/grids/x.yaml` sees `…/models`), then those that ship."""
    own = grid.resolve().parent.parent / kind if grid.resolve().parent.name == "grids" else grid.parent / kind
    return {**shipped(kind), **{path.stem: path for path in sorted(own.glob("*.yaml"))}}


def engine_files(grid: Path) -> Mapping[str, Path]:
    """Name to file of every engine that a grid at this place may name."""
    return _folder(grid, "engines")


def read_grid(path: Path) -> ResolvedGrid:
    """The grid in `path` with all that it names; raises one UserError holding every mistake of the grid's own file."""
    files = {kind: _folder(path, kind) for kind in ("models", "engines", "workloads")}
    document = load(path)
    mistakes = list(_unknown_names(document, files))
    try:
        grid = _grid(document)
    except UserError as error:
        raise UserError(in_order([*mistakes, *error.mistakes])) from None
    mistakes += _impossible(grid, document)
    if mistakes:
        raise UserError(in_order(mistakes))
    loads = loads_of(grid.loads, path.parent)
    if twice := list(doubles(loads, grid.loads, document)):
        raise UserError(in_order(twice))
    wanted = {
        "models": [*grid.models, *(item.model for item in grid.include)],
        "workloads": [*grid.workloads, *(item.workload for item in grid.include)],
    }
    return ResolvedGrid(
        grid=grid,
        models={name: read_model(files["models"][name]) for name in wanted["models"]},
        workloads={name: read_workload(files["workloads"][name]) for name in wanted["workloads"]},
        loads=loads,
        **_engines(grid, document, files["engines"]),
    )


def _grid(document: Document) -> Grid:
    """The grid alone; where its `slo` is the name of a published one, with the limits that stand for it."""
    if "name" in document.data:
        raise mistake(document.place(("name",)), "key `name` is not for writing", "the file's name is its key")
    data = {"name": document.path.stem, **document.data}
    words = data.get("slo")
    if isinstance(words, str):
        files = _folder(document.path, "slos").values()
        known = {name: one for path in files for name, one in read_slos(path).items()}
        if words not in known:
            raise mistake(document.place(("slo",)), f"no slo `{words}`", nearest(words, known))
        limits = known[words].limits
        data["slo"] = {"ttft_ms": limits.ttft_ms, "tpot_ms": limits.tpot_ms, "e2el_ms": limits.e2el_ms}
    return build(Grid, document, data)


def _engines(grid: Grid, document: Document, files: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """The grid's engines under its own words for them, and those of them that are channels."""
    places = {item.engine: document.place(("include", index, "engine")) for index, item in enumerate(grid.include)}
    places |= {words: document.place(("engines", index)) for index, words in enumerate(grid.engines)}
    engines: dict[str, Engine] = {}
    channels: dict[str, Channel] = {}
    for words, place in places.items():
        name, _, version = words.partition("@")
        if version in CHANNELS:
            channels[words] = Channel(kind=version, file=files[name], place=place)
            version = ""
        engines[words] = read_engine(files[name], version or None)
    return {"engines": engines, "channels": channels}


def _unknown_names(document: Document, files: Mapping[str, Mapping[str, Path]]) -> Iterable[Mistake]:
    """Looks at the raw data, so that a misspelt name is told together with a misspelt key."""
    for location in document.lines:
        kind = _names_a(location)
        if kind is None:
            continue
        words = location[-1] if location[0] == "arguments" else document.value(location)
        known = list(files[kind])
        name, at, _ = words.partition("@") if isinstance(words, str) else ("", "", "")
        if at and kind == "engines" and name in known:
            known = [f"{name}@{version}" for version in (*engine_versions(files[kind][name]), *CHANNELS)]
        if isinstance(words, str) and words not in known:
            yield Mistake(
                place=document.place(location), problem=f"no {kind[:-1]} `{words}`", remedy=nearest(words, known)
            )


def _names_a(location: tuple[str | int, ...]) -> str | None:
    """Which folder the string at this place of a grid is a name in; null where it is no name."""
    match location:
        case ("models" | "engines" | "workloads" as kind, int()):
            return kind
        case ("arguments", str()):
            return "engines"
        case ("include", int(), "model" | "engine" | "workload" as key):
            return f"{key}s"
        case ("exclude" | "constraints", int(), "when", "model" | "engine" | "workload" as key):
            return f"{key}s"
    return None


def _until_mistakes(grid: Grid, document: Document) -> Iterable[Mistake]:
    if grid.until is None:
        return
    if "repeats" in document.data:
        yield Mistake(
            place=document.place(("repeats",)),
            problem="`repeats` and `until` both say how many runs",
            remedy="keep one of them",
        )
    if grid.until.at_least > grid.until.at_most:
        yield Mistake(
            place=document.place(("until",)),
            problem=f"`until` asks for at least {grid.until.at_least} runs and at most {grid.until.at_most}",
            remedy="lower `at_least` or raise `at_most`",
        )
    if grid.until.figure == "goodput_rps" and grid.slo is None:
        yield Mistake(
            place=document.place(("until", "figure")),
            problem="`until.figure` is goodput_rps and the grid states no limits for it",
            remedy="add `slo:`",
        )


def _starts_mistakes(grid: Grid, document: Document) -> Iterable[Mistake]:
    if grid.most_starts is None:
        return
    if grid.detect is None:
        yield Mistake(
            place=document.place(("most_starts",)),
            problem="`most_starts` without `detect`: nothing says what the server starts are to find",
            remedy="add `detect: 0.03`, or give `starts` alone",
        )
    if grid.most_starts < grid.starts:
        yield Mistake(
            place=document.place(("most_starts",)),
            problem=f"`most_starts` is {grid.most_starts}, fewer than the {grid.starts} `starts`",
            remedy="raise it, or lower `starts`",
        )


def _impossible(grid: Grid, document: Document) -> Iterable[Mistake]:
    yield from load_mistakes(grid.loads, document)
    yield from _until_mistakes(grid, document)
    yield from _starts_mistakes(grid, document)
    for index, item in enumerate(grid.include):
        if (item.concurrency is None) == (item.rate_rps is None):
            yield Mistake(
                place=document.place(("include", index)),
                problem=f"`include.{index}` has {'no' if item.concurrency is None else 'two'} loads",
                remedy="give one of `concurrency` and `rate_rps`",
            )
    axes = [(axis, getattr(grid, axis)) for axis in ("models", "engines", "workloads", "precisions", "parallelism")]
    axes += [(f"loads.{axis}", getattr(grid.loads, axis)) for axis in ("concurrency", "rate_rps")]
    for axis, values in axes:
        for index, value in enumerate(values):
            if value in values[:index]:
                shown = value.label() if isinstance(value, Parallelism) else value
                yield Mistake(
                    place=document.place((*axis.split("."), index)),
                    problem=f"`{axis}` names `{shown}` twice",
                    remedy="keep one of them",
                )
