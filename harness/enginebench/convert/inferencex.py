"""InferenceX's configuration files into grids, workloads, engines and sites of this project. Nothing is made up: what
rests on a fact that neither the files nor configs/ hold is left out, with the reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from enginebench import config, engines
from enginebench.config.documents import Document, load
from enginebench.convert.account import Conversion, Outcome, Reason
from enginebench.convert.grids import engine_name, engine_version, grid, workload_name
from enginebench.convert.master import MEANINGS, Configuration, Entry, configurations, fields_of
from enginebench.convert.sites import Place, is_runners, part_of, sites, undescribed
from enginebench.errors import mistake
from enginebench.records import ExecutableProvision, Model

_BEYOND = (
    "Server flags and environment: they stand in a script a model, precision and part. Every grid here starts its "
    "engine with the harness's own flags, and is not their recipe.",
    "Prompts: their workflows draw lengths from 0.8 to 1.0 of `isl` and `osl`; here they are exact.",
    "How much is measured: their scripts send 10 requests a slot, once. The grids have this project's defaults.",
    "`max_sequences` is each grid's highest concurrency, so that no request waits for a slot of the server.",
    "Images: a tag names the engine's version at most, and a provision here is an environment or a command; run each "
    "engine inside the image that its file's first line names.",
)


def convert_inferencex(paths: Sequence[Path], out: Path) -> Conversion:
    """Write what can be carried over of these files into `out`, with `out/report.md`; gives the account.

    Files of the same name there are replaced. Models are those of configs/models and `out/models`. Raises UserError for
    a file that is none of InferenceX's, and for a key that stands in two of them.
    """
    documents = [load(path) for path in paths]
    places: dict[str, Place] = {}
    outcomes: list[Outcome] = []
    for document in filter(is_runners, documents):
        found, told = sites(document)
        places |= found
        outcomes += told
    files: dict[str, Any] = {f"runners/{place.name}.yaml": _site(place) for place in places.values()}
    counted: Counter[tuple[str, bool]] = Counter()
    judge = _Judge(out)
    for document in documents:
        if is_runners(document):
            continue
        for one in _configurations(document, (outcome.key for outcome in outcomes)):
            reasons = judge.reasons(one)
            carried = frozenset(place for place, entry in enumerate(one.entries) if not (reasons or entry.reasons))
            counted.update(fields_of(one, carried))
            written = _written(one, carried, judge, places, files) if carried else ()
            lost = (
                (f"`runner` {one.runner}: it has no site",) if carried and places and one.runner not in places else ()
            )
            outcomes.append(_outcome(document, one, reasons, carried, written, lost))
    order = [path.name for path in paths]
    conversion = Conversion(
        outcomes=tuple(sorted(outcomes, key=lambda outcome: order.index(outcome.file))),
        fields={name: (counted[name, True] + counted[name, False], counted[name, True]) for name, _ in counted},
        meanings=MEANINGS,
        beyond=_BEYOND,
    )
    _write(out, files, conversion.document())
    return conversion


def _configurations(document: Document, before: Iterable[str]) -> Iterator[Configuration]:
    taken = set(before)
    found = list(configurations(document))
    if not any("image" in one.keys and "scenarios" in document.data[one.key] for one in found):
        remedy = "name one of InferenceX's *-master.yaml, or its runners.yaml"
        raise mistake(str(document.path), "holds no configuration with `image` and `scenarios`", remedy)
    for one in found:
        if one.key in taken:
            raise mistake(one.place, f"`{one.key}` stands in another of the files too", "convert them apart")
        yield one


class _Judge:
    """What this project knows of models, parts and engines."""

    def __init__(self, out: Path) -> None:
        paths = [*config.shipped("models").values(), *sorted((out / "models").glob("*.yaml"))]
        self._models = {model.repository: model for model in map(config.read_model, paths)}
        self._executables = dict(_executables())

    def model(self, one: Configuration) -> Model:
        """The model of a configuration without reasons."""
        return self._models[one.model]

    def executable(self, one: Configuration) -> str:
        """The command that starts its engine."""
        return self._executables[one.framework]

    def reasons(self, one: Configuration) -> tuple[Reason, ...]:
        """Why nothing of a configuration can be carried over; empty if something may be."""
        reasons = list(one.reasons)
        if one.framework and one.framework not in self._executables:
            reasons.append(Reason(kind="an engine without an adapter", detail=one.framework))
        if one.runner and part_of(one.runner) is None:
            reasons.append(undescribed(one.runner))
        model = self._models.get(one.model)
        if one.model and model is None:
            reasons.append(Reason(kind="a model whose facts are in no file", detail=one.model))
        if one.precision and model and one.precision not in model.precisions:
            reasons.append(
                Reason(kind="a precision that the model's file lacks", detail=f"{one.precision} {one.model}")
            )
        if one.image and engine_version(one.image) is None:
            reasons.append(Reason(kind="an image without a tag", detail=one.image))
        return tuple(reasons)


def _executables() -> Iterator[tuple[str, str]]:
    """Engine kind to the command that starts it where it is installed, as the shipped engines' files have it."""
    for path in config.shipped("engines").values():
        engine = config.read_engine(path)
        for build in engine.builds.values():
            if isinstance(build.provision, ExecutableProvision) and engine.kind in engines.known():
                yield engine.kind, build.provision.executable


def _written(
    one: Configuration, carried: frozenset[int], judge: _Judge, places: Mapping[str, Place], files: dict[str, Any]
) -> tuple[str, ...]:
    """Add the files of a configuration to `files`; gives their names."""
    entries = [one.entries[place] for place in sorted(carried)]
    part = part_of(one.runner)
    assert part is not None
    engine = f"engines/{engine_name(one.image)}.yaml"
    builds = files.setdefault(engine, _engine(one))["builds"]
    provision = {"kind": "executable", "executable": judge.executable(one)}
    build = builds.setdefault(part.vendor, {"provision": provision, "precisions": []})
    build["precisions"] = sorted({*build["precisions"], one.precision})
    name = f"grids/{re.sub(r'[^A-Za-z0-9._-]', '-', one.key)}.yaml"
    files[name] = {
        "": f"`{one.key}` of {one.place.rpartition(':')[0].rpartition('/')[2]}",
        **_grid(one, entries, judge),
    }
    lengths = dict.fromkeys((entry.isl_tokens, entry.osl_tokens) for entry in entries)
    workloads = {f"workloads/{workload_name(*pair)}.yaml": pair for pair in lengths}
    new = {file: pair for file, pair in workloads.items() if Path(file).stem not in config.shipped("workloads")}
    for file, (isl, osl) in new.items():
        files[file] = {"": "exact lengths", "kind": "synthetic", "api": "completions"}
        files[file] |= {"isl_tokens": isl, "osl_tokens": osl}
    site = places.get(one.runner)
    return (name, engine, *new, *([f"runners/{site.name}.yaml"] if site else []))


def _grid(one: Configuration, entries: Sequence[Entry], judge: _Judge) -> dict[str, Any]:
    return grid(
        description=f"{one.key} of InferenceX",
        model=judge.model(one).name,
        engine=engine_name(one.image),
        precision=one.precision,
        entries=entries,
    )


def _engine(one: Configuration) -> dict[str, Any]:
    return {
        "": f"image {one.image}: run where its command is on the PATH",
        "kind": one.framework,
        "versions": [engine_version(one.image)],
        "builds": {},
    }


def _site(place: Place) -> dict[str, Any]:
    return {
        "": f"one machine of {place.name}, for planning",
        "launcher": "local",
        "hardware": {"name": place.part, "count": place.count},
    }


def _outcome(
    document: Document,
    one: Configuration,
    reasons: tuple[Reason, ...],
    carried: frozenset[int],
    files: tuple[str, ...],
    lost: tuple[str, ...],
) -> Outcome:
    held = [(*reasons, *entry.reasons) for place, entry in enumerate(one.entries) if place not in carried]
    return Outcome(
        file=document.path.name,
        key=one.key,
        place=one.place,
        entries=len(one.entries),
        carried=len(carried),
        files=files,
        held=tuple(held) if one.entries else (reasons,),
        lost=lost,
    )


def _write(out: Path, files: Mapping[str, Mapping[str, Any]], report: str) -> None:
    texts = {"report.md": report}
    for name, data in files.items():
        body = {key: value for key, value in data.items() if key}
        words = yaml.safe_dump(body, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)
        texts[name] = f"# From InferenceX: {data['']}.\n{words}"
    try:
        for name, text in texts.items():
            path = out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise mistake(str(out), f"cannot be written: {error.strerror}", "name a folder that can be") from None
