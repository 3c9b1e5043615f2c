"""Texts whose log-probabilities are compared with the reference's: own writing, of the kinds a model meets."""

from __future__ import annotations

TEXTS = (
    "The night shift at the harbour begins quietly. Two cranes stand over the last ship, and a man with a lamp walks "
    "along the quay to count the ropes. When the wind turns, he writes the hour in a small book and goes back inside.",
    "Water boils at a lower temperature on a high mountain because the air presses less on its surface. A cook who "
    "knows this leaves the beans on the fire for longer, and does not trust the clock of a kitchen by the sea.",
    "def mean(values):\n    total = 0\n    for value in values:\n        total += value\n    return total / "
    "len(values)\n\n\ndef spread(values):\n    centre = mean(values)\n    return mean([(value - centre) ** 2 for "
    "value in values])\n",
    "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday. January, February, March, April, May, June. One, "
    "two, three, four, five, six, seven, eight, nine, ten. Red, orange, yellow, green, blue, violet.",
    "Question: How many legs do three dogs and one spider have together?\nAnswer: Three dogs have twelve legs, and the "
    "spider has eight, so together they have twenty legs.\nQuestion: How many wheels do two cars have?\nAnswer: Eight.",
    "name,city,age\nAnna,Oslo,31\nBen,Lima,45\nClara,Cairo,28\nDavid,Oslo,52\n\nThe table has four rows. Two of the "
    "people live in Oslo, and the oldest of them is David, who is 52 years old.",
    "Der Zug nach Hamburg steht auf Gleis sieben. Le train pour Paris part de la voie trois. El tren a Madrid sale de "
    "la vía cuatro. The train to London leaves from platform nine.",
    "Dear Ms Brown,\n\nthank you for your letter of the third of May. The two chairs you ordered left our workshop "
    "this morning and should reach you within five days. Please keep the box until you have looked at the legs.\n\n"
    "Kind regards,\nPeter Wood",
)
"""A few hundred tokens in eight prompts: prose, explanation, code, lists, questions, a table, languages, a letter."""
