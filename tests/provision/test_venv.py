"""Environments built for real by uv, from wheels that the tests make."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from enginebench.errors import TrialError
from enginebench.provision import prepare, venv
from enginebench.records import MetadataAlias
from provision.wheels import write_wheel

ALIAS = MetadataAlias(name="engine", version="1.0+cpu", reason="it looks itself up as engine")


def inside(prepared, program):
    """What `program` prints in the environment."""
    done = subprocess.run([prepared.python, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_an_environment_holds_the_pins_and_nothing_else(shelf, cache, pinned):
    for version in ("1.0", "2.0"):
        write_wheel(shelf, "one", version)
    write_wheel(shelf, "other_one")
    prepared = prepare(pinned("other-one==1.0", "one==1.0"), cache, print)
    assert prepared.installed == ("one==1.0", "other-one==1.0")
    assert prepared.lock_hash == hashlib.sha256(b"one==1.0\nother-one==1.0").hexdigest()[:16]
    assert prepared.notes == ()
    assert (prepared.digest, prepared.absent) == (None, {"digest": "an environment is named by its lock hash"})
    assert prepared.url is None
    assert inside(prepared, "import one; print(one.VERSION)") == "1.0"
    assert inside(prepared, "import sys; print(sys.prefix)") == prepared.environment["VIRTUAL_ENV"]
    with pytest.raises(subprocess.CalledProcessError):
        inside(prepared, "import numpy")


def test_what_the_pins_leave_out_is_left_out(shelf, cache, pinned):
    write_wheel(shelf, "one", requires="two")
    write_wheel(shelf, "two")
    assert prepare(pinned("one==1.0"), cache, print).installed == ("one==1.0",)


def test_the_command_is_the_environments_own(shelf, cache, pinned):
    files = {
        "serve.py": "def main(): print('served')\n",
        "engine-1.0.dist-info/entry_points.txt": "[console_scripts]\nengine-serve = serve:main\n",
    }
    write_wheel(shelf, "engine", files=files)
    prepared = prepare(pinned("engine==1.0", executable="engine-serve"), cache, print)
    assert subprocess.run([prepared.executable], capture_output=True, text=True, check=True).stdout == "served\n"
    assert prepared.environment["PATH"].split(":")[0] == str(prepared.executable.parent)


def test_byte_code_is_compiled_before_the_engine_starts(shelf, cache, pinned):
    write_wheel(shelf, "one")
    prepared = prepare(pinned("one==1.0"), cache, print)
    code = inside(prepared, "import importlib.util as i; print(i.cache_from_source(i.find_spec('one').origin))")
    assert Path(code).exists()


def test_equal_pins_share_a_place_and_a_difference_makes_another(cache, pinned):
    same = venv.location(pinned("one==1.0"), cache)
    assert venv.location(pinned("one==1.0", extra_index="http://elsewhere/simple"), cache) == same
    assert same.is_relative_to(cache)
    others = [
        pinned("one==2.0"),
        pinned("one==1.0", "two==1.0"),
        pinned("one==1.0", alias=ALIAS),
        pinned("one==1.0", alias=MetadataAlias(name="engine", version="1.0+gpu", reason=ALIAS.reason)),
    ]
    assert len({same, *(venv.location(other, cache) for other in others)}) == 5


def test_a_second_request_builds_nothing(shelf, cache, pinned):
    wheel = write_wheel(shelf, "one")
    said = []
    assert not venv.built(pinned("one==1.0"), cache)
    first = prepare(pinned("one==1.0"), cache, said.append)
    assert venv.built(pinned("one==1.0"), cache)
    assert said == ["building an environment of 1 distributions, once for these pins"]
    wheel.unlink()
    assert prepare(pinned("one==1.0"), cache, said.append) == first
    assert len(said) == 1


def test_what_a_build_left_without_its_marker_is_made_anew(shelf, cache, pinned):
    write_wheel(shelf, "one")
    prepared = prepare(pinned("one==1.0"), cache, print)
    module = Path(inside(prepared, "import one; print(one.__file__)"))
    module.unlink()  # not written over: it is a hard link to the file in uv's cache
    (module.parent / "stray.py").touch()
    (venv.location(pinned("one==1.0"), cache) / "enginebench.json").unlink()
    assert not venv.built(pinned("one==1.0"), cache)
    assert prepare(pinned("one==1.0"), cache, print) == prepared
    assert inside(prepared, "import one; print(one.VERSION)") == "1.0"
    assert not (module.parent / "stray.py").exists()


def test_an_environment_whose_base_python_was_removed_is_made_anew(shelf, cache, pinned, tmp_path):
    write_wheel(shelf, "one")
    prepared = prepare(pinned("one==1.0"), cache, print)
    assert prepared.python.is_symlink()
    prepared.python.unlink()
    prepared.python.symlink_to(tmp_path / "removed" / "python")
    assert not venv.built(pinned("one==1.0"), cache)
    said = []
    assert prepare(pinned("one==1.0"), cache, said.append) == prepared
    assert said == ["building an environment of 1 distributions, once for these pins"]
    assert inside(prepared, "import one; print(one.VERSION)") == "1.0"


@pytest.mark.parametrize("pin", ["nowhere==1.0", "one==9.9"])
def test_a_pin_that_is_nowhere_is_named_and_no_environment_is_left_to_use(shelf, cache, pinned, pin):
    write_wheel(shelf, "one")
    for _ in range(2):
        with pytest.raises(TrialError) as caught:
            prepare(pinned("one==1.0", pin), cache, print)
        assert caught.value.failure_class == "provision"
        assert pin in str(caught.value)
        assert not venv.built(pinned("one==1.0", pin), cache)
    log = str(caught.value).rpartition("whole log: ")[2].rstrip(")")
    assert pin in Path(log).read_text()


@pytest.mark.parametrize("name", ["engine", "my-engine"])
def test_an_alias_is_found_as_if_it_were_installed(shelf, cache, pinned, name):
    write_wheel(shelf, "engine_cpu")
    alias = MetadataAlias(name=name, version="1.0+cpu", reason="it looks itself up so")
    prepared = prepare(pinned("engine-cpu==1.0", alias=alias), cache, print)
    assert inside(prepared, f"import importlib.metadata as m; print(m.version('{name}'))") == "1.0+cpu"
    assert prepared.installed == tuple(sorted((f"{name}==1.0+cpu", "engine-cpu==1.0")))
    assert prepared.notes == (f"metadata {name} 1.0+cpu added: it looks itself up so",)
