"""A headless Chromium, and a look at pages opened from disk: what they do wrong fails the test that opened them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
Opened = Callable[..., Page]
expect.set_options(timeout=20_000)  # the machine may be busy


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium here: `make browser` installs it"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        words = ["--no-sandbox", "--disable-quic", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=words)
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opened]:
    """Opens `#/page?view` of the dashboard in a folder, or at a URL, once drawn. Errors of scripts, breaches of its
    Content-Security-Policy and requests for anything but its own files fail the test when it ends."""
    contexts, wrong = [], []

    def go(site: Path | str, address: str = "", *, dark: bool = False, width: int = 1280, height: int = 900) -> Page:
        context = browser.new_context(
            color_scheme="dark" if dark else "light",
            viewport={"width": width, "height": height},
            accept_downloads=True,
        )
        contexts.append(context)
        base = site.resolve().as_uri() if isinstance(site, Path) else site
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on(
            "request", lambda asked: None if asked.url.startswith((base, "data:", "blob:")) else wrong.append(asked.url)
        )
        page.goto(f"{base}/index.html{address}")
        page.wait_for_selector("main[data-page]")
        return page

    yield go
    for context in contexts:
        context.close()
    assert wrong == []
