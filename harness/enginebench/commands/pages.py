"""What each `enginebench site ACTION` does; `_` behind the names, as for those of results."""

from __future__ import annotations

import argparse
from pathlib import Path

from enginebench import assets
from enginebench.errors import mistake
from enginebench.store import Store


def build_(options: argparse.Namespace) -> int:
    """The dashboard's folder."""
    _known(options)
    print(f"Dashboard: {build_pages(options).resolve().as_uri()}")
    return 0


def serve_(options: argparse.Namespace) -> int:
    """The dashboard on this machine, as results arrive."""
    from enginebench.attempts import workplace
    from enginebench.site.serve import Dashboard, serve

    store = _known(options)
    work = workplace(store, assets.cache()).parent
    serve(Dashboard(store, _folder(options, store), work), options.port)
    return 0


def publish_(options: argparse.Namespace) -> int:
    """The dashboard built and copied to where others read it."""
    from enginebench.site import publish

    _known(options)
    done = publish(build_pages(options).parent, options.place)
    removed = f", {done.removed} old ones removed" if done.removed else ""
    print(f"{done.files} files, {done.bytes / 1e6:.1f} MB, in {options.place}{removed}")
    return 0


def build_pages(options: argparse.Namespace) -> Path:
    """Build the dashboard where the options say; gives its `index.html`."""
    from enginebench.site import build

    store = Store(options.store)
    return build(store, _folder(options, store))


def _folder(options: argparse.Namespace, store: Store) -> Path:
    return options.pages or (store.local or assets.cache()) / "site"


def _known(options: argparse.Namespace) -> Store:
    store = Store(options.store)
    if not store.place.exists():
        raise mistake(str(options.store), "no such results store", "name the folder that a night wrote to")
    return store
