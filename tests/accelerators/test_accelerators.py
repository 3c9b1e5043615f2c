"""Which probes there are, which one answers, and what an inherited variable grants. No vendor's library is needed."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from enginebench import accelerators, extensions
from enginebench.accelerators import Reading
from enginebench.errors import UserError
from enginebench.records import Accelerator

PACKAGE = Path(accelerators.__file__).parent


class Elsewhere:
    """A probe that another distribution brings."""

    def discover(self):
        return (Accelerator(vendor="tpu", index=0, product="Foo 9000", memory_bytes=1),)

    def sample(self, indices):
        return tuple(
            Reading(index=i, power_w=1.0, energy_j=None, utilisation=None, memory_bytes=None, temperature_c=None)
            for i in indices
        )

    def visible_devices(self, indices):
        return {}

    def power_note(self):
        return None


PROBE = Elsewhere()


@pytest.fixture
def foo(monkeypatch):
    """An entry point `foo` that leads to PROBE."""

    class Point(EntryPoint):
        def load(self):
            return PROBE

    def points(*, group, name="foo"):
        return [Point(name="foo", group=group, value="foo:PROBE")] if name == "foo" else []

    monkeypatch.setattr(extensions, "entry_points", points)


def test_every_file_is_a_vendor_and_holds_under_100_lines():
    files = {path.stem: path for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
    assert set(accelerators.known()) >= set(files)
    for vendor, path in files.items():
        assert len(path.read_text().splitlines()) < 100, path
        probe = accelerators.get(vendor)
        for function in ("discover", "sample", "visible_devices", "power_note"):
            assert callable(getattr(probe, function))


def test_the_cpu_is_asked_last_and_nvidia_first():
    assert accelerators.known()[0] == "nvidia"
    assert accelerators.known()[-1] == "cpu"


def test_a_probe_of_another_distribution_is_found_by_its_entry_point(foo):
    assert "foo" in accelerators.known()
    assert accelerators.get("foo").discover()[0].product == "Foo 9000"


def test_the_first_vendor_with_devices_is_detected(foo, monkeypatch):
    monkeypatch.setattr(accelerators, "known", lambda: ("foo", "cpu"))
    assert accelerators.detect()[0].product == "Foo 9000"
    monkeypatch.setattr(PROBE, "discover", lambda: (), raising=False)
    assert accelerators.detect()[0].vendor == "cpu"


def test_an_unknown_vendor_is_the_users_mistake():
    with pytest.raises(UserError, match="`abacus`: no probe has that name; known: nvidia"):
        accelerators.get("abacus")


@pytest.mark.parametrize(
    ("value", "granted"),
    [
        (None, (0, 1, 2)),
        ("", ()),
        ("2,0", (0, 2)),
        ("1", (1,)),
        ("GPU-b", (1,)),
        (" GPU-a1 , 2 ", (0, 2)),
        ("7", ()),
        ("MIG-a1", ()),
    ],
)
def test_a_variable_grants_devices_by_position_or_by_id(monkeypatch, value, granted):
    if value is None:
        monkeypatch.delenv("SOME_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("SOME_VISIBLE_DEVICES", value)
    assert accelerators.granted("SOME_VISIBLE_DEVICES", ["GPU-a1", "GPU-b2", "GPU-c3"]) == granted


def test_a_position_is_never_taken_for_the_beginning_of_an_id(monkeypatch):
    monkeypatch.setenv("TPU_VISIBLE_CHIPS", "1")
    assert accelerators.granted("TPU_VISIBLE_CHIPS", [str(index) for index in range(12)]) == (1,)
