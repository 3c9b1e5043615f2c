"""`enginebench doctor` as a user runs it: on this machine, and on one that stand-ins make look like another."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from enginebench import config
from enginebench.provision import venv
from enginebench.records import EndpointProvision, VenvProvision

HARNESS = Path(__file__).resolve().parents[1] / "harness"

FPGA = """
from enginebench.records import Accelerator

class Probe:
    def discover(self):
        return (Accelerator(vendor="a-lab", index=0, product="Our FPGA", memory_bytes=8_000_000_000, driver="0.1"),)
    def power_note(self):
        return None

PROBE = Probe()
"""
TPU_INFO = """
from types import SimpleNamespace

class Chip:
    value = SimpleNamespace(hbm_gib=32, devices_per_chip=1)
    def __str__(self):
        return "TPU v6e chip"

def get_local_chips():
    return Chip(), 2
"""


@pytest.fixture
def outside(tmp_path):
    """A folder of packages that the doctor can import, put before others."""
    path = tmp_path / "outside"
    path.mkdir()
    return path


@pytest.fixture
def doctor(tmp_path, outside):
    """Runs it without this machine's accelerators; gives exit code and words, without the table's lines."""

    def run(cache=tmp_path / "cache", **variables):
        hidden = {"CUDA_VISIBLE_DEVICES": "", "ROCR_VISIBLE_DEVICES": "", "TPU_VISIBLE_CHIPS": ""}
        done = subprocess.run(
            [sys.executable, "-m", "enginebench", "doctor", "--cache", str(cache)],
            env={
                **os.environ,
                **hidden,
                "PYTHONPATH": f"{outside}{os.pathsep}{HARNESS}",
                "COLUMNS": "500",
                **variables,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        return done.returncode, " ".join(done.stdout.replace("│", " ").split())

    return run


@pytest.fixture
def lab(outside):
    """A machine with a device that someone else's distribution knows, and no engine does."""
    (outside / "lab_probe.py").write_text(FPGA)
    metadata = outside / "lab_probe-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-probe\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[enginebench.accelerators]\na-lab = lab_probe:PROBE\n")


@pytest.fixture
def tpus(outside):
    """A machine with two TPU chips."""
    (outside / "tpu_info").mkdir()
    (outside / "tpu_info" / "__init__.py").touch()
    (outside / "tpu_info" / "device.py").write_text(TPU_INFO)


def engines():
    """Every version of every engine that ships."""
    files = config.shipped("engines").values()
    return [config.read_engine(path, version) for path in files for version in config.engine_versions(path)]


def test_the_machine_is_named(doctor):
    code, words = doctor()
    assert code == 0
    assert f"Machine {platform.node()}, {platform.system()}" in words
    assert f"Python {platform.python_version()}" in words
    assert f"{len(os.sched_getaffinity(0))} cores, {psutil.virtual_memory().total / 1e9:.1f} GB" in words
    assert "cpu 0: " in words
    assert "(configs/hardware/cpu.yaml)" in words
    assert "energy " in words


def test_every_engine_is_told_with_what_it_lacks_and_the_command_that_mends_it(doctor):
    _, words = doctor()
    assert "Engines on cpu" in words
    for engine in engines():
        build = engine.builds.get("cpu")
        state = "no no build for cpu add one to the engine's file"
        if build and isinstance(build.provision, VenvProvision):
            state = "yes its environment, made when first needed enginebench night configs/grids/quickstart.yaml"
        elif build and isinstance(build.provision, EndpointProvision):
            state = f"no a server at {build.provision.url} start it, or name another URL in a copy of the engine's file"
        assert f"{engine.name} {engine.version} {state}" in words


def test_an_engine_whose_environment_stands_lacks_nothing(doctor, tmp_path):
    engine = next(engine for engine in engines() if engine.name == "vllm")
    place = venv.location(engine.builds["cpu"].provision, tmp_path / "cache")
    place.mkdir(parents=True)
    assert f"{engine.name} {engine.version} yes its environment" in doctor()[1]
    (place / "enginebench.json").touch()
    (place / "bin").mkdir()
    (place / "bin" / "python").touch()
    assert f"{engine.name} {engine.version} yes nothing" in doctor()[1]


def test_the_cache_is_named_with_its_room_and_not_made(doctor, tmp_path):
    cache = tmp_path / "not" / "there" / "yet"
    _, words = doctor(cache)
    assert f"cache {cache}: " in words
    assert "GB free, " in words
    assert not (tmp_path / "not").exists()


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="/proc is a file system without room")
def test_a_cache_without_room_is_told_with_the_remedy(doctor):
    _, words = doctor(Path("/proc/enginebench"))
    assert "0 GB free, too little: name a larger folder with ENGINEBENCH_CACHE" in words


def test_a_machine_that_no_engine_runs_on_ends_with_an_error(doctor, lab):
    code, words = doctor()
    assert code == 1
    assert "a-lab 0: Our FPGA, 8.0 GB, driver 0.1 (not described: add it to configs/hardware)" in words
    assert "energy can be read" in words
    for engine in engines():
        assert f"{engine.name} {engine.version} no no build for a-lab add one to the engine's file" in words


def test_a_missing_command_is_told_with_the_remedy_and_a_found_one_mends_it(doctor, tpus, tmp_path):
    code, words = doctor(PATH=str(tmp_path), TPU_VISIBLE_CHIPS="0,1")
    assert code == 1
    assert "tpu 0: TPU v6e, 34.4 GB, driver none (configs/hardware/tpu-v6e.yaml)" in words
    assert "tpu 1: TPU v6e" in words
    assert "no command `vllm` run inside the engine's image, or install it on the PATH" in words
    command = tmp_path / "vllm"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    code, words = doctor(PATH=str(tmp_path), TPU_VISIBLE_CHIPS="0,1")
    assert code == 0
    assert "Engines on tpu" in words
    assert "yes nothing" in words
