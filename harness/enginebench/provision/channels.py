"""Versions that an engine's file does not list: which one `ENGINE@latest` is now, and the pins of its environment.

Both from uv, the installer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from packaging.version import Version

from enginebench import config
from enginebench.config import Channel, ResolvedGrid
from enginebench.errors import TrialError, mistake
from enginebench.provision import uv
from enginebench.provision.prepared import only_builder
from enginebench.records import Channels, Engine, Vendor, VenvProvision, content_hash


def follow(resolved: ResolvedGrid, vendor: Vendor, cache: Path, say: Callable[[str], None]) -> ResolvedGrid:
    """The grid with every channel replaced by the exact version that it stands for now; raises UserError."""
    found = {
        words: _engine(words, channel, resolved.engines[words], vendor, cache, say)
        for words, channel in resolved.channels.items()
    }
    return replace(resolved, engines={**resolved.engines, **found}, channels={})


def exact(version: str, file: Path, vendor: Vendor, cache: Path, say: Callable[[str], None], place: str) -> Engine:
    """That version of the engine in `file`: as listed there, else with pins as like the newest listed one's as can be.

    Raises UserError, which names `place`, for a version that is to be had in neither way.
    """
    if version in config.engine_versions(file):
        return config.read_engine(file, version)
    newest = config.read_engine(file)
    words = f"{newest.name}@{version}"
    if vendor not in newest.builds:
        raise mistake(place, f"`{newest.name}` has no build for {vendor}", "name another engine")
    rule, provision = _ways(words, newest, vendor, place)
    if rule.nightly_index is not None and Version(version).is_prerelease:
        provision = _with_index(provision, rule.nightly_index)
    with _told(words, file, place), only_builder(cache / "channels" / rule.distribution, say):
        return _resolved(rule, version, file, vendor, provision, cache / "channels")


def distribution(engine: Engine, vendor: Vendor, place: str) -> Channels:
    """How the engine's distribution is asked for; raises UserError where it is got in another way."""
    return _ways(engine.name, engine, vendor, place)[0]


def _engine(
    words: str, channel: Channel, newest: Engine, vendor: Vendor, cache: Path, say: Callable[[str], None]
) -> Engine:
    if vendor not in newest.builds:
        # The plan skips it with that reason.
        return newest
    rule, provision = _ways(words, newest, vendor, channel.place)
    if channel.kind == "nightly":
        if rule.nightly_index is None:
            raise mistake(channel.place, f"`{words}` has no nightly index on {vendor}", "name an exact version")
        provision = _with_index(provision, rule.nightly_index)
    work = cache / "channels"
    # Two nights at once would write to the same files, and keep what only one of them had asked for.
    with _told(words, channel.file, channel.place), only_builder(work / rule.distribution, say):
        version = _newest(rule, channel, work)
        if version in config.engine_versions(channel.file):
            return config.read_engine(channel.file, version)
        return _resolved(rule, version, channel.file, vendor, provision, work)


def _ways(words: str, engine: Engine, vendor: Vendor, place: str) -> tuple[Channels, VenvProvision]:
    build = engine.builds[vendor]
    if not isinstance(build.provision, VenvProvision) or build.channels is None:
        raise mistake(place, f"`{words}` has no channels on {vendor}", "name an exact version")
    return build.channels, build.provision


def _with_index(provision: VenvProvision, index: str) -> VenvProvision:
    return replace(provision, extra_index=" ".join(filter(None, (index, provision.extra_index))))


@contextmanager
def _told(words: str, file: Path, place: str) -> Iterator[None]:
    """Make a mistake of what uv could not do."""
    try:
        yield
    except TrialError as error:
        remedy = f"name a version that {file.name} lists, or list this one there with pins"
        raise mistake(place, f"`{words}` can't be resolved: {error}", remedy) from None


def _resolved(rule: Channels, version: str, file: Path, vendor: Vendor, provision: VenvProvision, work: Path) -> Engine:
    """A version that the engine's file does not list, with this vendor's build alone."""
    work.mkdir(parents=True, exist_ok=True)
    engine = config.read_engine(file, version, {vendor: _pins(rule, version, provision, work)})
    build = engine.builds[vendor]
    assert isinstance(build.provision, VenvProvision)
    build = replace(build, provision=replace(build.provision, extra_index=provision.extra_index))
    return replace(engine, builds={vendor: build})


def _newest(rule: Channels, channel: Channel, work: Path) -> str:
    """The newest version of the engine's distribution: released, or on the nightly index alone."""
    work.mkdir(parents=True, exist_ok=True)
    asked = work / f"{rule.distribution}.in"
    found = asked.with_suffix(".newest")
    asked.write_text(rule.distribution + "\n", encoding="utf-8")
    log = asked.with_suffix(".log")
    out = ["--no-deps", "--upgrade", *_plain(rule), "--output-file", str(found), str(asked)]
    if channel.kind == "nightly":
        assert rule.nightly_index is not None
        uv.call(["pip", "compile", "--default-index", rule.nightly_index, "--prerelease", "allow", *out], log)
    else:
        uv.compile(out, log, None)
    return found.read_text(encoding="utf-8").strip().rpartition("==")[2]


def _pins(rule: Channels, version: str, base: VenvProvision, work: Path) -> Sequence[str]:
    """All pins of `version`: as few as possible other than the base's, found once and kept.

    A build of its own (`torch==2.13.0+cpu`) stays what it is: the index that has no such builds would else give
    another kind. Whoever needs a newer one adds the version to the engine's file with pins.
    """
    name = f"{rule.distribution}-{version}-{content_hash([base.pins, rule, sys.version, sys.platform])}"
    kept = work / f"{name}.txt"
    if not kept.exists():
        others = [pin for pin in base.pins if pin.partition("==")[0].lower() != rule.distribution]
        asked, fixed, without, aside = (kept.with_suffix(f".{end}") for end in ("in", "fixed", "without", "new"))
        asked.write_text(f"{rule.distribution}=={version}\n", encoding="utf-8")
        fixed.write_text("\n".join(pin for pin in others if "+" in pin), encoding="utf-8")
        without.write_text("\n".join(rule.leave_out), encoding="utf-8")
        # What stands in the file that uv writes to is what it prefers.
        aside.write_text("\n".join(others), encoding="utf-8")
        out = ["--constraints", str(fixed), "--excludes", str(without), "--output-file", str(aside), str(asked)]
        uv.compile([*_plain(rule), *out], kept.with_suffix(".log"), base.extra_index)
        aside.replace(kept)
    return kept.read_text(encoding="utf-8").split()


def _plain(rule: Channels) -> Sequence[str]:
    return ("--python", sys.executable, "--only-binary", rule.distribution, "--no-header", "--no-annotate")
