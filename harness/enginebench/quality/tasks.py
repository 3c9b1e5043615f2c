"""Questions with one right answer, made by a generator and a seed: the same on any machine and Python.

Five families a small base model can do from a few examples. The families take turns, so that the first N questions
are as mixed as all, and a question never depends on how many are asked.
"""

from __future__ import annotations

from collections.abc import Callable

from enginebench.records import record
from enginebench.workloads._draw import Draw

VERSION = 1
"""Goes up with any change to the questions: outcomes are compared only within a version."""
POOL = 500
"""Questions there are."""

# Drawn by place: a change here is another version of the task set.
_WORDS = (
    "apple bread chair cloud dance eagle field grape horse island juice knife lemon mouse north ocean piano queen "
    "river stone table uncle voice water yellow zebra bridge candle doctor engine flower garden hammer jacket kitchen "
    "ladder market number orange pencil rabbit silver summer ticket window winter"
)
_NAMES = "Anna Ben Clara David Emma Frank Grace Henry Iris Jack Kate Liam Maria Noah Olivia Peter Rosa Sam Tina Victor"


@record
class Item:
    """One question."""

    index: int
    """Place in the pool, from 0."""
    family: str
    """arithmetic, comparison, copying, counting or format."""
    prompt: str
    """The text to be continued: examples, then the question."""
    answer: str
    """The one right continuation up to the end of the line, without spaces around it."""


def items(count: int) -> tuple[Item, ...]:
    """The first `count` questions of the pool; `count` is at most POOL."""
    assert 0 <= count <= POOL
    return tuple(_item(index) for index in range(count))


def right(item: Item, answer: str) -> bool:
    """Whether `answer`, as written, is right: its first line, without spaces around it, is `item.answer`."""
    return answer.partition("\n")[0].strip() == item.answer


def _item(index: int) -> Item:
    family = tuple(FAMILIES)[index % len(FAMILIES)]
    make, shots = FAMILIES[family]
    draw = Draw("enginebench.quality", VERSION, family, index // len(FAMILIES))
    question, answer = make(draw)
    examples = "".join(
        f"{asked} {given}\n" for asked, given in (make(Draw("example", family, n)) for n in range(shots))
    )
    return Item(index=index, family=family, prompt=f"{examples}{question}", answer=answer)


def _number(draw: Draw, low: int, high: int) -> int:
    return low + int(draw.below(high - low, 1)[0])


def _words(draw: Draw, count: int) -> list[str]:
    known = _WORDS.split()
    return [known[index] for index in draw.distinct_below(len(known), count)]


def _arithmetic(draw: Draw) -> tuple[str, str]:
    """A one-digit number added to another, or to a multiple of ten."""
    one, other = _number(draw, 1, 10), _number(draw, 1, 10)
    one *= 10 if _number(draw, 0, 2) else 1
    return f"{one} + {other} =", str(one + other)


def _comparison(draw: Draw) -> tuple[str, str]:
    """The larger of two numbers below a hundred."""
    one, other = (1 + int(value) for value in draw.distinct_below(99, 2))
    return f"max({one}, {other}) =", str(max(one, other))


def _copying(draw: Draw) -> tuple[str, str]:
    """Four words and a number, once more."""
    words = " ".join([*_words(draw, 4), str(_number(draw, 100, 1000))])
    return f"Input: {words}\nOutput:", words


def _counting(draw: Draw) -> tuple[str, str]:
    """How many words are listed."""
    words = _words(draw, _number(draw, 2, 9))
    listed = " ".join(f"{place}. {word}" for place, word in enumerate(words, 1))
    return f"{listed} Items:", str(len(words))


def _format(draw: Draw) -> tuple[str, str]:
    """A sentence as JSON with its three values."""
    names = _NAMES.split()
    name, age, thing = names[_number(draw, 0, len(names))], _number(draw, 18, 90), _words(draw, 1)[0]
    return (
        f"{name} is {age} years old and likes the {thing}.\nJSON:",
        f'{{"name": "{name}", "age": {age}, "likes": "{thing}"}}',
    )


FAMILIES: dict[str, tuple[Callable[[Draw], tuple[str, str]], int]] = {
    "arithmetic": (_arithmetic, 8),
    "comparison": (_comparison, 8),
    "copying": (_copying, 2),
    "counting": (_counting, 4),
    "format": (_format, 2),
}
"""Family to its maker and the number of examples before a question."""
