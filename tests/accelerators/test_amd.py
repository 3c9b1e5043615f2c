"""The AMD probe against a stand-in for amdsmi that returns what version 7.0 returns, in its types and units.

The names, fields and units were read in AMD SMI's Python interface (7.0.2) and its documentation. Whether a real
driver answers the same is for a machine that has one to tell.
"""

from __future__ import annotations

import sys
import types

import psutil
import pytest

from enginebench.accelerators import amd
from enginebench.records import Accelerator


class AmdSmiException(Exception):
    """As amdsmi.AmdSmiException."""


class FakeAmdSmi(types.ModuleType):
    """Two GPUs that AMD SMI lists in the order opposite to HIP's; `refused` names functions that answer an error."""

    AmdSmiException = AmdSmiException
    AmdSmiTemperatureType = types.SimpleNamespace(EDGE=0, HOTSPOT=1)
    AmdSmiTemperatureMetric = types.SimpleNamespace(CURRENT=0)

    def __init__(self):
        super().__init__("amdsmi")
        self.refused, self.ready = set(), False
        self.power = {"socket_power": 742, "current_socket_power": "N/A", "average_socket_power": "N/A"}
        self.activity = {"gfx_activity": 93, "umc_activity": 40, "mm_activity": "N/A"}
        self.energy = {"energy_accumulator": 2_000_000_000, "counter_resolution": 15.5, "timestamp": 1}

    def _answer(self, value):
        name = sys._getframe(1).f_code.co_name
        if name in self.refused or not (self.ready or name == "amdsmi_init"):
            raise AmdSmiException(32)
        return value

    def amdsmi_init(self):
        self._answer(None)
        self.ready = True

    def amdsmi_get_processor_handles(self):
        return self._answer(["later", "first"])

    def amdsmi_get_gpu_enumeration_info(self, handle):
        number = ["first", "later"].index(handle)
        return self._answer({"hip_id": number, "hip_uuid": f"GPU-{number:016x}", "drm_card": 7})

    def amdsmi_get_gpu_asic_info(self, handle):
        return self._answer({"market_name": "AMD Instinct MI300X" if handle == "first" else "N/A"})

    def amdsmi_get_gpu_vram_info(self, handle):
        return self._answer({"vram_type": 3, "vram_vendor": "hynix", "vram_size": 196_592, "vram_bit_width": 8192})

    def amdsmi_get_gpu_driver_info(self, handle):
        return self._answer({"driver_name": "amdgpu", "driver_version": "6.12.12", "driver_date": "N/A"})

    def amdsmi_get_power_info(self, handle):
        return self._answer(self.power)

    def amdsmi_get_energy_count(self, handle):
        return self._answer(self.energy)

    def amdsmi_get_gpu_activity(self, handle):
        return self._answer(self.activity)

    def amdsmi_get_gpu_vram_usage(self, handle):
        return self._answer({"vram_total": 196_592, "vram_used": 283})

    def amdsmi_get_temp_metric(self, handle, sensor, metric):
        assert (sensor, metric) == (1, 0)
        return self._answer(44)


@pytest.fixture
def smi(monkeypatch):
    fake = FakeAmdSmi()
    monkeypatch.setitem(sys.modules, "amdsmi", fake)
    monkeypatch.delenv("ROCR_VISIBLE_DEVICES", raising=False)
    amd._library.cache_clear()
    yield fake
    amd._library.cache_clear()


def test_devices_are_told_in_hips_order(smi):
    first, second = amd.PROBE.discover()
    assert first == Accelerator(
        vendor="amd", index=0, product="AMD Instinct MI300X", memory_bytes=196_592 * 2**20, driver="6.12.12"
    )
    assert second.index == 1
    assert second.product == "AMD GPU"


def test_without_hips_numbers_the_librarys_order_stands(smi):
    smi.refused = {"amdsmi_get_gpu_enumeration_info"}
    assert [device.product for device in amd.PROBE.discover()] == ["AMD GPU", "AMD Instinct MI300X"]


@pytest.mark.parametrize(("value", "indices"), [("1", [1]), ("GPU-0000000000000000", [0]), ("", [])])
def test_only_devices_granted_by_the_scheduler_are_found(smi, monkeypatch, value, indices):
    monkeypatch.setenv("ROCR_VISIBLE_DEVICES", value)
    assert [device.index for device in amd.PROBE.discover()] == indices


def test_a_part_without_memory_of_its_own_has_the_machines(smi):
    smi.refused = {"amdsmi_get_gpu_vram_info"}
    assert amd.PROBE.discover()[0].memory_bytes == psutil.virtual_memory().total


def test_readings_are_in_watts_joules_shares_and_bytes(smi):
    (reading,) = amd.PROBE.sample([1])
    assert reading.index == 1
    assert reading.power_w == 742
    assert reading.energy_j == 2_000_000_000 * 15.5e-6
    assert reading.utilisation == 0.93
    assert reading.memory_bytes == 283 * 2**20
    assert reading.temperature_c == 44


def test_power_is_read_under_the_name_that_holds_it(smi):
    smi.power = {"current_socket_power": 610, "average_socket_power": "N/A"}
    assert amd.PROBE.sample([0])[0].power_w == 610
    smi.power = {"current_socket_power": "N/A", "average_socket_power": 210}
    assert amd.PROBE.sample([0])[0].power_w == 210


def test_what_is_not_available_is_null_and_an_idle_part_is_not(smi):
    smi.power = dict.fromkeys(smi.power, "N/A")
    smi.activity = {"gfx_activity": 0}
    smi.energy = {"energy_accumulator": 0, "counter_resolution": 0.0, "timestamp": 0}
    smi.refused = {"amdsmi_get_temp_metric", "amdsmi_get_gpu_vram_usage"}
    (reading,) = amd.PROBE.sample([0])
    assert reading.utilisation == 0
    assert (reading.power_w, reading.energy_j, reading.memory_bytes, reading.temperature_c) == (None,) * 4


def test_without_a_driver_there_is_no_device(smi):
    smi.refused = {"amdsmi_init"}
    assert amd.PROBE.discover() == ()
    assert amd.PROBE.sample([0]) == ()
    assert "AMD SMI" in amd.PROBE.power_note()


@pytest.mark.parametrize("raised", ["KeyError('libamd_smi.so')", "ImportError('amdsmi')", "OSError('libdrm.so.2')"])
def test_a_package_that_fails_to_import_is_no_device(smi, monkeypatch, tmp_path, raised, capsys):
    monkeypatch.delitem(sys.modules, "amdsmi")
    (tmp_path / "amdsmi.py").write_text(f"print('Unable to find libamd_smi.so')\nraise {raised}\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert amd.PROBE.discover() == ()
    assert "AMD SMI" in amd.PROBE.power_note()
    assert capsys.readouterr().out == ""


def test_an_engine_sees_the_devices_under_their_numbers_here(smi):
    assert amd.PROBE.visible_devices([4, 5]) == {"ROCR_VISIBLE_DEVICES": "4,5"}
    assert amd.PROBE.power_note() is None
