"""Which versions of a distribution the package indexes have, from pip, which knows those of this place; their days."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from enginebench.errors import TrialError
from enginebench.records import record

_JSON = "application/vnd.pypi.simple.v1+json"
_PATIENCE_S = 30


@record
class Release:
    """A version that can be installed here."""

    version: str
    """As the index writes it."""
    uploaded: str | None
    """Day of its first file, `2026-11-24`; null: no index says."""


def releases(distribution: str, *, pre: bool = False, extra_index: str | None = None) -> tuple[Release, ...]:
    """All versions of `distribution` that this Python and platform can install, oldest first.

    With `pre`, pre-releases and nightly builds too; `extra_index` is asked beside those that pip is set up for. Raises
    TrialError (`provision`) where nobody has one.
    """
    words = [sys.executable, "-m", "pip", "index", "versions", distribution, "-vv", "--no-color"]
    words += ["--pre"] * pre
    for index in (extra_index or "").split():
        words += ["--extra-index-url", index]
    asked = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        check=False,
    )
    told = re.search(r"^Available versions: (.+)$", asked.stdout, re.MULTILINE)
    if asked.returncode != 0 or told is None:
        last = [line for line in asked.stderr.splitlines() if line.startswith("ERROR")] or asked.stderr.splitlines()
        raise TrialError("provision", f"pip index versions {distribution}: {' '.join(last[-1:]) or 'no answer'}")
    days = _days(_pages(asked.stdout, distribution))
    found = {version.strip(): Version(version.strip()) for version in told.group(1).split(",")}
    return tuple(
        Release(version=words, uploaded=days.get(version))
        for words, version in sorted(found.items(), key=lambda one: one[1])
    )


def between(found: Sequence[Release], low: str, high: str) -> tuple[Release, ...]:
    """Those from `low` to `high`, both ends with; `2.0` is also `2.0.0`, and not `2.0+cpu`."""
    return tuple(one for one in found if Version(low) <= Version(one.version) <= Version(high))


def is_version(words: str) -> bool:
    """Whether this is how a version is written."""
    try:
        Version(words)
    except InvalidVersion:
        return False
    return True


def _pages(output: str, distribution: str) -> Sequence[str]:
    """The distribution's page on each index that pip has asked over the network."""
    name = re.sub(r"[-_.]+", "-", distribution).lower()
    return tuple(dict.fromkeys(re.findall(rf"^\s*\* (https?://\S+/{re.escape(name)}/?)$", output, re.MULTILINE)))


def _days(pages: Sequence[str]) -> Mapping[Version, str]:
    """Version to the day of its first file, of the pages that say so; a page that can't be had says nothing."""
    days: dict[Version, str] = {}
    for page in pages:
        try:
            with urllib.request.urlopen(
                urllib.request.Request(page, headers={"Accept": _JSON}), timeout=_PATIENCE_S
            ) as answer:
                files = json.load(answer)["files"] if _JSON in answer.headers.get("Content-Type", "") else []
        except (OSError, ValueError, KeyError):
            continue
        for file in files:
            version, day = _version(file), str(file.get("upload-time") or "")[:10]
            if version is not None and day:
                days[version] = min(day, days.get(version, day))
    return days


def _version(file: Mapping[str, Any]) -> Version | None:
    name = str(file.get("filename", ""))
    try:
        return parse_wheel_filename(name)[1] if name.endswith(".whl") else parse_sdist_filename(name)[1]
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return None
