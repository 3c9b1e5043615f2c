"""The dashboard of 50,000 points: how long a build takes, what a first view loads, and how long that takes.

    python benchmarks/dashboard.py [--rounds 5]

A store of 10,000 trials of five points over 100 nights (`results_store_made.py`), made once and kept in the cache. The
browser is Chromium without a screen; each round is a context of its own, so nothing is cached. A first view ends when
the page's own content stands in the document.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import results_store_made as made
from playwright.sync_api import Browser, sync_playwright
from results_store import machine

from enginebench.site import build

NIGHTS, TRIALS = 100, 100
SEEN = """
new MutationObserver(() => {
  if (window.shown === undefined && document.querySelector("main[data-page]")) window.shown = performance.now();
}).observe(document, { subtree: true, attributes: true, childList: true });
"""
"""Notes when the page stands."""
PAGES = (
    "tonight",
    "frontier",
    "trends",
    "compare",
    "size",
    "chips",
    "context",
    "peak",
    "reliability",
    "quality",
    "nights",
)


def first_view(browser: Browser, site: Path, page: str) -> Mapping[str, float]:
    """Milliseconds until a page stands, and bytes of scripts, data and sheets that it loaded for it."""
    context = browser.new_context()
    context.add_init_script(SEEN)
    tab = context.new_page()
    loaded: list[Path] = []
    tab.on("request", lambda asked: loaded.append(Path(asked.url.removeprefix("file://").split("#")[0])))
    tab.goto(f"{site.as_uri()}/index.html#/{page}")
    tab.wait_for_selector("main[data-page]", timeout=60_000)
    ms = float(tab.evaluate("window.shown"))
    sizes = [(path.relative_to(site).parts[0], path.stat().st_size) for path in loaded if site in path.parents]
    context.close()
    return {
        "ms": ms,
        "data": sum(size for top, size in sizes if top == "data"),
        "code": sum(size for top, size in sizes if top != "data"),
    }


def rows(browser: Browser, site: Path, rounds: int) -> Iterator[str]:
    """A line a page."""
    yield "| page | first view, ms (least to most) | data, kB | scripts and sheets, kB |\n|---|---|---|---|"
    for page in PAGES:
        if not (site / "pages" / f"{page}.js").exists():
            continue
        done = [first_view(browser, site, page) for _ in range(rounds)]
        ms = sorted(one["ms"] for one in done)
        kb = [f"{done[0][what] / 1e3:,.0f}" for what in ("data", "code")]
        yield f"| {page} | {statistics.median(ms):,.0f} ({ms[0]:,.0f} to {ms[-1]:,.0f}) | {' | '.join(kb)} |"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="folder to build in, and to leave")
    asked = parser.parse_args(argv)
    store = made.store(made.Size(nights=NIGHTS, trials=TRIALS))
    aside: Any = tempfile.mkdtemp(prefix="enginebench-dashboard-")
    site = (asked.keep or Path(aside) / "site").resolve()
    seconds = []
    for _ in range(2):
        before = time.perf_counter()
        build(store, site)
        seconds.append(time.perf_counter() - before)
        print(f"built in {seconds[-1]:.1f} s", file=sys.stderr)
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    print(f"{machine()}; {NIGHTS * TRIALS * made.POINTS:,} points of {NIGHTS * TRIALS:,} trials in {NIGHTS} nights\n")
    print(f"Build: {seconds[0]:.1f} s the first time, {seconds[1]:.1f} s again; {size / 1e6:,.0f} MB.\n")
    with sync_playwright() as playwright:
        found = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-quic"])
        for line in rows(browser, site, asked.rounds):
            print(line, flush=True)
        browser.close()
    shutil.rmtree(aside, ignore_errors=True)


if __name__ == "__main__":
    main()
