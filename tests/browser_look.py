"""What is wrong with a page in a browser."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def violations(page: Page) -> list[str]:
    """What axe-core has against a page, a line each."""
    # It would ask for the sheets, and a page from disk may fetch nothing.
    found = Axe().run(page, options={"preload": False}).response["violations"]
    return [f"{one['id']}: {one['help']}: {node['html'][:120]}" for one in found for node in one["nodes"]]
