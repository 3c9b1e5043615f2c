"""Stand-ins for what cannot be had: copied in, told in every result, and never over the real thing."""

from __future__ import annotations

import subprocess

import pytest

from enginebench.errors import TrialError
from enginebench.provision import prepare, venv
from enginebench.records import Overlay
from provision.wheels import write_wheel


def overlay(**files):
    """Stand-ins of these modules: `overlay(kernels="A = 1")`."""
    named = {f"{name}.py": text for name, text in files.items()}
    return Overlay(name="Reference kernels", folder="parts", reason="no others are built for it", files=named)


def inside(prepared, program):
    done = subprocess.run([prepared.python, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def refusal(provision, cache):
    with pytest.raises(TrialError) as caught:
        prepare(provision, cache, print)
    assert caught.value.failure_class == "provision"
    assert not venv.built(provision, cache)
    return str(caught.value)


def test_stand_ins_are_importable_and_every_result_says_so(shelf, cache, pinned):
    write_wheel(shelf, "one")
    prepared = prepare(pinned("one==1.0", overlays=(overlay(kernels="A = 41"),)), cache, print)
    assert inside(prepared, "import kernels, one; print(kernels.A)") == "41"
    assert prepared.notes == ("Reference kernels: no others are built for it",)


def test_stand_ins_with_metadata_are_listed_and_their_entry_points_found(shelf, cache, pinned):
    write_wheel(shelf, "one")
    about = "stand_ins-1.dist-info"
    files = {
        "schemas.py": "def declare(): return 'declared'\n",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: stand-ins\nVersion: 1\n",
        f"{about}/entry_points.txt": "[some.group]\nschemas = schemas:declare\n",
    }
    plain = prepare(pinned("one==1.0"), cache, print)
    prepared = prepare(
        pinned("one==1.0", overlays=(Overlay(name="n", folder="f", reason="r", files=files),)), cache, print
    )
    assert prepared.installed == ("one==1.0", "stand-ins==1")
    assert prepared.lock_hash != plain.lock_hash
    program = "from importlib.metadata import entry_points as e; print([p.load()() for p in e(group='some.group')])"
    assert inside(prepared, program) == "['declared']"


@pytest.mark.parametrize(
    ("distribution", "module"),
    [("kernels", "kernels.py"), ("real-kernels", "kernels.py"), ("real-kernels", "kernels/__init__.py"),
     ("Kernels", "other.py")],
)  # fmt: skip
def test_the_real_thing_is_never_shadowed(shelf, cache, pinned, distribution, module):
    write_wheel(shelf, distribution, files={module: "REAL = True\n"})
    words = refusal(pinned(f"{distribution}==1.0", overlays=(overlay(kernels="REAL = False"),)), cache)
    assert words == ("Reference kernels: the environment has a real kernels; take the overlay out of the engine's file")
    for found in cache.glob("environments/*/lib/python*/site-packages/kernels*"):
        assert "False" not in (found.read_text() if found.is_file() else "")


def test_a_part_of_python_itself_is_not_shadowed_either(shelf, cache, pinned):
    write_wheel(shelf, "one")
    assert "a real json;" in refusal(pinned("one==1.0", overlays=(overlay(json="A = 1"),)), cache)


def test_two_overlays_do_not_hide_each_other(shelf, cache, pinned):
    write_wheel(shelf, "one")
    twice = (overlay(kernels="A = 1"), overlay(kernels="A = 2"))
    assert "a real kernels;" in refusal(pinned("one==1.0", overlays=twice), cache)


def test_a_file_of_that_name_in_the_working_folder_is_nothing_real(shelf, cache, pinned, tmp_path, monkeypatch):
    write_wheel(shelf, "one")
    (tmp_path / "kernels.py").write_text("A = 0\n")
    monkeypatch.chdir(tmp_path)
    prepare(pinned("one==1.0", overlays=(overlay(kernels="A = 1"),)), cache, print)


def test_the_environment_is_another_one_when_the_stand_ins_are(cache, pinned):
    places = {
        venv.location(pinned("one==1.0", overlays=overlays), cache)
        for overlays in ((), (overlay(kernels="A = 1"),), (overlay(kernels="A = 2"),), (overlay(others="A = 1"),))
    }
    assert len(places) == 4
