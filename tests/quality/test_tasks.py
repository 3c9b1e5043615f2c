"""The task set: the same on any machine, every question with one right answer."""

from __future__ import annotations

import hashlib
import json
import re

import pytest

from enginebench.quality import tasks


def test_the_questions_of_this_version_never_change():
    text = repr([(item.index, item.family, item.prompt, item.answer) for item in tasks.items(tasks.POOL)])
    assert (tasks.VERSION, hashlib.sha256(text.encode()).hexdigest()[:16]) == (1, "fbfb2448fa14ce35")


def test_fewer_questions_are_the_first_of_more():
    assert tasks.items(30) == tasks.items(tasks.POOL)[:30]
    assert tasks.items(0) == ()


def test_families_take_turns():
    families = [item.family for item in tasks.items(tasks.POOL)]
    assert families == [*tasks.FAMILIES] * (tasks.POOL // len(tasks.FAMILIES))


@pytest.mark.parametrize("item", tasks.items(100), ids=lambda item: f"{item.index}-{item.family}")
def test_an_answer_is_right_by_its_own_question(item):
    question = (
        item.prompt.splitlines()[-1] if item.family not in ("copying", "format") else item.prompt.splitlines()[-2]
    )
    if item.family == "arithmetic":
        one, other = map(int, re.findall(r"\d+", question))
        assert int(item.answer) == one + other
    elif item.family == "comparison":
        assert int(item.answer) == max(map(int, re.findall(r"\d+", question)))
    elif item.family == "copying":
        assert question == f"Input: {item.answer}"
    elif item.family == "counting":
        assert int(item.answer) == int(re.findall(r"(\d+)\.", question)[-1])
    else:
        said = json.loads(item.answer)
        assert question == f"{said['name']} is {said['age']} years old and likes the {said['likes']}."


@pytest.mark.parametrize(
    ("answer", "is_right"),
    [
        (" 12", True),
        ("12", True),
        (" 12 \nand more", True),
        (" 12.", False),
        ("", False),
        ("\n12", False),
        (" 13", False),
    ],
)
def test_right_is_the_first_line_and_nothing_else(answer, is_right):
    assert tasks.right(tasks.Item(index=0, family="arithmetic", prompt="5 + 7 =", answer="12"), answer) is is_right
