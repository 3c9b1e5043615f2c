"""Copy a built dashboard to where others read it: a folder, or a URL that fsspec knows, as s3://bucket/pages."""

from __future__ import annotations

import json
from pathlib import Path

from enginebench.errors import mistake
from enginebench.records import record
from enginebench.site.build import STAMP
from enginebench.store.place import Place

LISTING = "data/published.json"
"""What the last two publications were of: `files` and `before`."""
LAST = ("data/index.js", STAMP, "index.html")
"""What names the other files, in the order in which it is written."""


@record
class Published:
    """What became of it."""

    files: int
    """Files written."""
    bytes: int
    """Their size together."""
    removed: int
    """Files removed that neither this publication nor the one before is of."""


def publish(site: Path, url: str) -> Published:
    """Copy the dashboard in the folder `site` to `url`; raises UserError where that cannot be written.

    Data first and what names it last, so that a reader never meets a name without its data. What only the publication
    before had stays until the next, for pages that are open. Only files that were published are ever removed.
    """
    place = Place(url)
    if place.local is not None and place.local.resolve() == site.resolve():
        raise mistake(url, "is where the dashboard was built", "name another folder")
    files = {path.relative_to(site).as_posix(): path for path in sorted(site.rglob("*")) if path.is_file()}
    old = _listing(place)
    place.write_all({name: path for name, path in files.items() if name not in LAST})
    for name in LAST:
        place.write(name, files[name])
    listing = {"files": sorted(files), "before": old["files"]}
    place.write(LISTING, json.dumps(listing).encode())
    stale = sorted({*old["before"]} - {*old["files"]} - {*files})
    place.remove_all(stale)
    size = sum(path.stat().st_size for path in files.values())
    return Published(files=len(files), bytes=size, removed=len(stale))


def _listing(place: Place) -> dict[str, list[str]]:
    """Files of the last publication and of the one before; names that lead elsewhere are none of ours."""
    try:
        found = json.loads(place.read(LISTING))
    except FileNotFoundError:
        found = {"files": [], "before": []}
    return {key: [one for one in found[key] if ".." not in one.split("/")] for key in ("files", "before")}
