"""The CPU probe: this machine as it is, and file trees like those of the kernel for what it lacks (RAPL, cgroups)."""

from __future__ import annotations

import os

import psutil
import pytest

from enginebench.accelerators import cpu


@pytest.fixture
def powercap(tmp_path, monkeypatch):
    """A function that writes a RAPL zone."""
    monkeypatch.setattr(cpu, "_POWERCAP", tmp_path)

    def zone(name, kind, energy_uj, wrap_uj=1000):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "name").write_text(f"{kind}\n")
        (folder / "energy_uj").write_text(f"{energy_uj}\n")
        (folder / "max_energy_range_uj").write_text(f"{wrap_uj}\n")

    return zone


def energy_j(probe):
    return probe.sample([0])[0].energy_j


def test_this_machine_is_one_device_of_the_cores_we_may_use():
    (device,) = cpu.PROBE.discover()
    assert device.vendor == "cpu"
    assert device.index == 0
    assert device.product
    assert device.cores == len(os.sched_getaffinity(0))
    assert 0 < device.memory_bytes <= psutil.virtual_memory().total


def test_cores_are_those_of_the_affinity():
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert cpu.PROBE.discover()[0].cores == 1
    finally:
        os.sched_setaffinity(0, before)


def test_the_product_is_the_kernels_name_for_the_model(tmp_path, monkeypatch):
    monkeypatch.setattr(cpu, "_PROC", tmp_path)
    (tmp_path / "cpuinfo").write_text(
        "processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC 9654 \n\nmodel name\t: b\n"
    )
    assert cpu.model() == "AMD EPYC 9654"
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nCPU implementer\t: 0x41\n")
    assert cpu.model()


@pytest.mark.parametrize(
    ("line", "file", "limit", "expected"),
    [
        ("0::/a/b", "a/b/memory.max", "1000", 1000),
        ("0::/a/b", "a/memory.max", "2000", 2000),
        ("0::/", "memory.max", "3000", 3000),
        ("4:memory:/a/b", "memory/a/memory.limit_in_bytes", "4000", 4000),
        ("0::/a/b", "a/b/memory.max", "max", None),
        ("7:cpu:/a", "cpu/a/memory.max", "5", None),
        ("4:memory:/a", "memory/a/memory.limit_in_bytes", str(2**63 - 4096), None),
    ],
)
def test_memory_stays_within_the_cgroups_limit(tmp_path, monkeypatch, line, file, limit, expected):
    monkeypatch.setattr(cpu, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(cpu, "_CGROUP", tmp_path / "cgroup")
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text(f"9:name=systemd:/x\n{line}\n")
    (tmp_path / "cgroup" / file).parent.mkdir(parents=True)
    (tmp_path / "cgroup" / file).write_text(f"{limit}\n")
    assert cpu.memory_bytes() == (expected or psutil.virtual_memory().total)


def test_a_sample_tells_use_and_memory_of_the_machine():
    (reading,) = cpu.PROBE.sample([0])
    assert 0 <= reading.utilisation <= 1
    assert 0 < reading.memory_bytes < psutil.virtual_memory().total
    assert reading.power_w is None
    assert cpu.PROBE.sample([]) == ()


def test_energy_is_the_sum_of_the_packages_alone(powercap):
    powercap("intel-rapl:0", "package-0", 2_000_000, 10**9)
    powercap("intel-rapl:1", "package-1", 3_000_000, 10**9)
    powercap("intel-rapl:0:0", "core", 1_000_000, 10**9)
    powercap("intel-rapl:2", "psys", 9_000_000, 10**9)
    powercap("intel-rapl-mmio:0", "package-0", 2_000_000, 10**9)
    probe = cpu.Cpu()
    assert energy_j(probe) == 5.0
    assert probe.power_note() is None


def test_energy_goes_on_over_a_wrap_of_the_counter(powercap):
    probe = cpu.Cpu()
    powercap("intel-rapl:0", "package-0", 900)
    first = energy_j(probe)
    powercap("intel-rapl:0", "package-0", 100)
    assert energy_j(probe) - first == pytest.approx(200e-6)
    powercap("intel-rapl:0", "package-0", 50)
    assert energy_j(probe) - first == pytest.approx(1150e-6)


def test_without_a_readable_counter_energy_is_null_with_a_reason(powercap, tmp_path):
    probe = cpu.Cpu()
    assert energy_j(probe) is None
    assert "RAPL" in probe.power_note()
    powercap("intel-rapl:0", "package-0", 1)
    (tmp_path / "intel-rapl:0" / "energy_uj").unlink()
    assert energy_j(probe) is None
    assert "RAPL" in probe.power_note()


def test_an_engine_needs_no_variable_to_see_the_cpu():
    assert cpu.PROBE.visible_devices([0]) == {}
