"""`ENGINE@latest`, `ENGINE@nightly`: which version that is now, and the pins of its environment, both from uv."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

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


def _engine(
    words: str, channel: Channel, newest: Engine, vendor: Vendor, cache: Path, say: Callable[[str], None]
) -> Engine:
    build = newest.builds.get(vendor)
    if build is None:
        # The plan skips it with that reason.
        return newest
    provision, rule = build.provision, build.channels
    if not isinstance(provision, VenvProvision) or rule is None:
        raise mistake(channel.place, f"`{words}` has no channels on {vendor}", "name an exact version")
    if channel.kind == "nightly":
        if rule.nightly_index is None:
            raise mistake(channel.place, f"`{words}` has no nightly index on {vendor}", "name an exact version")
        indexes = " ".join(filter(None, (rule.nightly_index, provision.extra_index)))
        provision = replace(provision, extra_index=indexes)
    work = cache / "channels"
    try:
        # Two nights at once would write to the same files, and keep what only one of them had asked for.
        with only_builder(work / rule.distribution, say):
            version = _newest(rule, channel, work)
            if version in config.engine_versions(channel.file):
                return config.read_engine(channel.file, version)
            pins = _pins(rule, version, provision, work)
    except TrialError as error:
        remedy = f"name a version that {channel.file.name} lists, or list this one there with pins"
        raise mistake(channel.place, f"`{words}` can't be resolved: {error}", remedy) from None
    engine = config.read_engine(channel.file, version, {vendor: pins})
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
