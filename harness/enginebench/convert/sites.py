"""InferenceX's `runners.yaml` into sites: which part a label stands for, and how many of it a machine has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from enginebench import config
from enginebench.config.documents import Document
from enginebench.convert.account import Outcome, Reason
from enginebench.records import record


@record
class Place:
    """A site to write."""

    name: str
    """The file's name, without its ending."""
    part: str
    """The part, a file in configs/hardware."""
    count: int
    """Devices of one machine."""


def part_of(label: str) -> config.Hardware | None:
    """The part that a label stands for, `cluster:h200-dgxc` for `h200`: a file of that name, or the only one of it with
    more to it, as `h200-sxm`; null where there is none."""
    word = product_of(label)
    shipped = config.shipped("hardware")
    found = [path for name, path in shipped.items() if name == word] or [
        path for name, path in shipped.items() if name.startswith(f"{word}-")
    ]
    return config.read_hardware(found[0]) if len(found) == 1 else None


def product_of(label: str) -> str:
    """The product's word in a label."""
    return label.rpartition(":")[2].partition("-")[0]


def undescribed(label: str) -> Reason:
    """The reason where part_of() finds none."""
    return Reason(kind="hardware that configs/hardware does not describe", detail=product_of(label))


def is_runners(document: Document) -> bool:
    """Whether a file is one of runners: labels, each a list."""
    labels = document.data.get("labels")
    return isinstance(labels, dict) and all(isinstance(value, list) for value in labels.values())


def sites(document: Document) -> tuple[Mapping[str, Place], tuple[Outcome, ...]]:
    """Label to its site, and what became of each label and each hardware fact."""
    labels = document.data["labels"]
    facts = document.data.get("hardware") if isinstance(document.data.get("hardware"), dict) else {}
    places = {label: place for label in {**labels, **facts} if (place := _place(label, labels, facts))}
    outcomes = [_outcome(document, ("labels", label), places.get(label), _names(labels[label])) for label in labels]
    outcomes += [_outcome(document, ("hardware", label), places.get(label), _dropped(facts[label])) for label in facts]
    others = [key for key in document.data if key not in ("labels", "hardware")]
    unknown = Reason(kind="a key that is not known here", detail="runners")
    outcomes += [_kept(document, (key,), None, (unknown,), ()) for key in others]
    return places, tuple(outcomes)


def _place(label: str, labels: Mapping[str, Any], facts: Mapping[str, Any]) -> Place | None:
    part = part_of(label)
    counts = set(_counts_of(label, labels, facts))
    if part is None or len(counts) != 1:
        return None
    return Place(name=label.replace(":", "-").replace("/", "-"), part=part.name, count=counts.pop())


def _counts_of(label: str, labels: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[int]:
    """Devices a machine of the label has: by its own facts, else by those of the clusters that its machines are in."""
    runners = set(map(str, labels.get(label, ())))
    inside = [name for name in facts if runners & set(map(str, labels.get(name, ())))]
    for name in [label] if label in facts else inside:
        count = facts[name].get("gpus-per-node") if isinstance(facts[name], dict) else None
        if isinstance(count, int) and not isinstance(count, bool) and count > 0:
            yield count


def _names(runners: list[Any]) -> tuple[str, ...]:
    return (f"the names of its {len(runners)} runners: a site here is one machine",)


def _dropped(facts: Any) -> tuple[str, ...]:
    names = [name for name in facts if name != "gpus-per-node"] if isinstance(facts, dict) else []
    return tuple(f"`{name}`: a site has no key for it" for name in names)


def _outcome(document: Document, location: tuple[str, str], place: Place | None, lost: tuple[str, ...]) -> Outcome:
    reasons: tuple[Reason, ...] = ()
    if place is None:
        unknown = Reason(kind="the number of devices is not in the file, or not one", detail=location[1])
        reasons = (undescribed(location[1]) if part_of(location[1]) is None else unknown,)
    return _kept(document, location, place, reasons, lost)


def _kept(
    document: Document,
    location: tuple[str, ...],
    place: Place | None,
    reasons: tuple[Reason, ...],
    lost: tuple[str, ...],
) -> Outcome:
    return Outcome(
        file=document.path.name,
        key=".".join(location),
        place=document.place(location),
        entries=1,
        carried=0 if place is None else 1,
        files=() if place is None else (f"runners/{place.name}.yaml",),
        held=() if place is not None else (reasons,),
        lost=() if place is None else lost,
    )
