"""`make test` runs every test: what it runs side by side and what it runs alone are all that there is."""

from __future__ import annotations

import re

from builders import REPOSITORY

MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")


def test_the_two_calls_of_make_test_leave_nothing_out():
    (recipe,) = re.findall(r"^test: .*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert re.findall(r'pytest (?:-m (?:"([^"]+)"|(\w+)))', recipe) == [("not alone", ""), ("", "alone")]
