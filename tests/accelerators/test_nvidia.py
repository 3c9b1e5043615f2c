"""The NVIDIA probe against a stand-in for pynvml that returns what NVML returns, in its types and units.

The values are those of an H200; the stand-in's functions are compared with those of the real module, where installed.
Whether a real driver answers the same is for a machine that has one to tell.
"""

from __future__ import annotations

import inspect
import sys
import types

import psutil
import pytest

from enginebench.accelerators import nvidia
from enginebench.records import Accelerator


class NVMLError(Exception):
    """As pynvml.NVMLError."""


class FakeNvml(types.ModuleType):
    """Two GPUs; `refused` names functions that answer with an error, `lost` devices that are off the bus."""

    NVMLError = NVMLError
    NVML_TEMPERATURE_GPU = 0

    def __init__(self):
        super().__init__("pynvml")
        self.refused, self.lost = set(), set()
        self.name = "NVIDIA H200"

    def _answer(self, value):
        if sys._getframe(1).f_code.co_name in self.refused:
            raise NVMLError(3)
        return value

    def nvmlInit(self):
        return self._answer(None)

    def nvmlDeviceGetCount(self):
        return self._answer(2)

    def nvmlSystemGetDriverVersion(self):
        return self._answer("580.95.05")

    def nvmlDeviceGetHandleByIndex(self, index):
        if index in self.lost:
            raise NVMLError(15)
        return f"handle {index}"

    def nvmlDeviceGetUUID(self, handle):
        return f"GPU-{handle[-1] * 8}-aaaa"

    def nvmlDeviceGetName(self, handle):
        return self._answer(self.name)

    def nvmlDeviceGetMemoryInfo(self, handle, version=None):
        return self._answer(types.SimpleNamespace(total=150_754_820_096, free=150_000_000_000, used=754_820_096))

    def nvmlDeviceGetPowerUsage(self, handle):
        return self._answer(76_230)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        return self._answer(3_213_444_890)

    def nvmlDeviceGetUtilizationRates(self, handle):
        return self._answer(types.SimpleNamespace(gpu=42, memory=7))

    def nvmlDeviceGetTemperature(self, handle, sensor):
        assert sensor == self.NVML_TEMPERATURE_GPU
        return self._answer(31)


@pytest.fixture
def nvml(monkeypatch):
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    nvidia._library.cache_clear()
    yield fake
    nvidia._library.cache_clear()


def test_the_stand_in_has_the_functions_of_the_real_module():
    pynvml = pytest.importorskip("pynvml")
    for name, function in vars(FakeNvml).items():
        if name.startswith("nvml"):
            real = list(inspect.signature(getattr(pynvml, name)).parameters)
            fake = list(inspect.signature(function).parameters)[1:]
            assert len(real) == len(fake), name
    assert pynvml.NVML_TEMPERATURE_GPU == FakeNvml.NVML_TEMPERATURE_GPU


@pytest.mark.parametrize("name", ["NVIDIA H200", b"NVIDIA H200"])
def test_devices_are_told_with_product_memory_and_driver(nvml, name):
    nvml.name = name
    first, second = nvidia.PROBE.discover()
    assert first == Accelerator(
        vendor="nvidia", index=0, product="NVIDIA H200", memory_bytes=150_754_820_096, driver="580.95.05"
    )
    assert second.index == 1


@pytest.mark.parametrize(("value", "indices"), [("1", [1]), ("GPU-00000000", [0]), ("", []), ("MIG-1", [])])
def test_only_devices_granted_by_the_scheduler_are_found(nvml, monkeypatch, value, indices):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert [device.index for device in nvidia.PROBE.discover()] == indices


def test_a_lost_device_is_left_out_and_the_others_keep_their_numbers(nvml):
    nvml.lost = {0}
    assert [device.index for device in nvidia.PROBE.discover()] == [1]


def test_a_part_without_memory_of_its_own_has_the_machines(nvml):
    nvml.refused = {"nvmlDeviceGetMemoryInfo"}
    assert nvidia.PROBE.discover()[0].memory_bytes == psutil.virtual_memory().total


def test_readings_are_in_watts_joules_and_shares(nvml):
    (reading,) = nvidia.PROBE.sample([1])
    assert reading.index == 1
    assert reading.power_w == 76.230
    assert reading.energy_j == 3_213_444.890
    assert reading.utilisation == 0.42
    assert reading.memory_bytes == 754_820_096
    assert reading.temperature_c == 31


@pytest.mark.parametrize(
    ("refused", "field"),
    [
        ("nvmlDeviceGetPowerUsage", "power_w"),
        ("nvmlDeviceGetTotalEnergyConsumption", "energy_j"),
        ("nvmlDeviceGetUtilizationRates", "utilisation"),
        ("nvmlDeviceGetMemoryInfo", "memory_bytes"),
        ("nvmlDeviceGetTemperature", "temperature_c"),
    ],
)
def test_what_a_part_does_not_tell_is_null_and_the_rest_is_told(nvml, refused, field):
    nvml.refused = {refused}
    (reading,) = nvidia.PROBE.sample([0])
    told = {name: getattr(reading, name) for name in type(reading).__slots__}
    assert [name for name, value in told.items() if value is None] == [field]


def test_without_a_driver_there_is_no_device(nvml):
    nvml.refused = {"nvmlInit"}
    assert nvidia.PROBE.discover() == ()
    assert nvidia.PROBE.sample([0]) == ()
    assert "NVML" in nvidia.PROBE.power_note()


def test_without_the_package_there_is_no_device(nvml, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert nvidia.PROBE.discover() == ()
    assert "NVML" in nvidia.PROBE.power_note()


def test_an_engine_sees_the_devices_under_their_numbers_here(nvml):
    assert nvidia.PROBE.visible_devices([2, 3]) == {"CUDA_VISIBLE_DEVICES": "2,3", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert nvidia.PROBE.power_note() is None
