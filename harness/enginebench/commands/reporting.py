"""What each `enginebench report ACTION` does; `_` behind the names, as for those of results."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from enginebench.errors import mistake
from enginebench.store import Store


def night_(options: argparse.Namespace) -> int:
    """A night as Markdown or as a page."""
    _writable(options.out)
    from enginebench.report.nightly import markdown, night_report

    found = night_report(Store(options.store), options.night)

    def drawn(path: Path) -> None:
        from enginebench.report.page import night_page

        night_page(found, path)

    _written(options.out, lambda: markdown(found), drawn)
    return 0


def compare_(options: argparse.Namespace) -> int:
    """A comparison as Markdown or as a page; its verdict is no error here."""
    _writable(options.out)
    from enginebench.commands.comparing import compared
    from enginebench.report.comparison import markdown

    found = compared(options)

    def drawn(path: Path) -> None:
        from enginebench.report.page import comparison_page

        comparison_page(found, path)

    _written(options.out, lambda: markdown(found), drawn)
    return 0


def _writable(out: Path | None) -> None:
    if out is None:
        return
    if out.suffix.lower() not in (".md", ".pdf", ".png", ".svg"):
        raise mistake(str(out), f"no format `{out.suffix.lstrip('.')}`", "end the name with one of .md .pdf .png .svg")
    if not out.absolute().parent.is_dir():
        raise mistake(str(out), f"no folder {out.parent}", "make it, or name another file")


def _written(out: Path | None, words: Callable[[], str], drawn: Callable[[Path], None]) -> None:
    if out is None:
        print(words(), end="")
        return
    if out.suffix.lower() == ".md":
        out.write_text(words(), encoding="utf-8")
    else:
        drawn(out)
    print(f"written to {out}")
