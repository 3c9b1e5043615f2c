"""The TPU probe against a stand-in for tpu_info (as of 0.14), and by device files where that is not installed.

The stand-in's names and units were read in tpu_info 0.14.2. Whether a real TPU answers the same is for a machine that
has one to tell.
"""

from __future__ import annotations

import sys
import types

import pytest

from enginebench.accelerators import tpu
from enginebench.records import Accelerator


class RpcError(Exception):
    """As grpc.RpcError."""


class Chip:
    """As tpu_info.device.TpuChip."""

    def __init__(self, text, hbm_gib, devices_per_chip):
        self.value = types.SimpleNamespace(hbm_gib=hbm_gib, devices_per_chip=devices_per_chip)
        self._text = text

    def __str__(self):
        return self._text


V6E = Chip("TPU v6e chip", 32, 1)
V7X = Chip("TPU7x chip", 192, 2)


@pytest.fixture
def tpu_info(monkeypatch):
    """A function that puts a machine with such chips in place; `usage` is what the engine's libtpu tells."""
    monkeypatch.delenv("TPU_VISIBLE_CHIPS", raising=False)

    def install(chip, count, usage=None):
        def get_chip_usage(asked):
            assert asked is chip
            if usage is None:
                raise RpcError("nobody listens at localhost:8431")
            return [types.SimpleNamespace(duty_cycle_pct=duty, memory_usage=memory) for duty, memory in usage]

        package = types.ModuleType("tpu_info")
        package.device = types.SimpleNamespace(get_local_chips=lambda: (chip, count))
        package.metrics = types.SimpleNamespace(
            get_chip_usage=get_chip_usage, grpc=types.SimpleNamespace(RpcError=RpcError)
        )
        monkeypatch.setitem(sys.modules, "tpu_info", package)
        monkeypatch.setitem(sys.modules, "tpu_info.device", package.device)
        monkeypatch.setitem(sys.modules, "tpu_info.metrics", package.metrics)

    return install


@pytest.fixture
def files(monkeypatch, tmp_path):
    """A function that makes these device files; tpu_info is not installed."""
    monkeypatch.setitem(sys.modules, "tpu_info", None)
    monkeypatch.setattr(tpu, "_DEV", tmp_path)
    monkeypatch.delenv("TPU_VISIBLE_CHIPS", raising=False)
    monkeypatch.delenv("TPU_ACCELERATOR_TYPE", raising=False)

    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()

    return make


def test_chips_are_told_by_tpu_info(tpu_info):
    tpu_info(V6E, 4)
    found = tpu.PROBE.discover()
    assert [device.index for device in found] == [0, 1, 2, 3]
    assert found[0] == Accelerator(vendor="tpu", index=0, product="TPU v6e", memory_bytes=32 * 2**30)
    tpu_info(V7X, 4)
    assert tpu.PROBE.discover()[0].product == "TPU7x"


def test_only_chips_granted_by_the_scheduler_are_found(tpu_info, monkeypatch):
    tpu_info(V6E, 8)
    monkeypatch.setenv("TPU_VISIBLE_CHIPS", "2,3")
    assert [device.index for device in tpu.PROBE.discover()] == [2, 3]


@pytest.mark.parametrize("names", [("vfio/0", "vfio/1", "vfio/vfio"), ("accel0", "accel1", "accelerometer")])
def test_without_tpu_info_chips_are_told_by_files_and_type(files, monkeypatch, names):
    files(*names)
    assert tpu.PROBE.discover() == (), "such files alone are no TPU"
    monkeypatch.setenv("TPU_ACCELERATOR_TYPE", "v6e-8")
    found = tpu.PROBE.discover()
    assert [device.index for device in found] == [0, 1]
    assert found[0].product == "TPU v6e"
    assert found[0].memory_bytes == 32_000_000_000


def test_a_type_that_is_not_described_is_no_device(files, monkeypatch):
    files("vfio/0")
    monkeypatch.setenv("TPU_ACCELERATOR_TYPE", "v99-4")
    assert tpu.PROBE.discover() == ()


def test_duty_cycle_and_memory_are_told_by_the_engines_libtpu(tpu_info):
    tpu_info(V6E, 2, usage=[(25.0, 100), (50.0, 200)])
    (reading,) = tpu.PROBE.sample([1])
    assert (reading.index, reading.utilisation, reading.memory_bytes) == (1, 0.5, 200)
    assert (reading.power_w, reading.energy_j, reading.temperature_c) == (None, None, None)


def test_a_chip_of_two_devices_holds_the_memory_of_both(tpu_info):
    tpu_info(V7X, 2, usage=[(25.0, 1), (25.0, 2), (50.0, 4), (50.0, 8)])
    readings = tpu.PROBE.sample([0, 1])
    assert [(reading.utilisation, reading.memory_bytes) for reading in readings] == [(0.25, 3), (0.5, 12)]


def test_before_an_engine_runs_readings_are_null(tpu_info):
    tpu_info(V6E, 1)
    (reading,) = tpu.PROBE.sample([0])
    assert (reading.utilisation, reading.memory_bytes) == (None, None)


def test_there_is_a_reason_for_no_energy():
    assert tpu.PROBE.power_note()


@pytest.mark.parametrize(
    ("indices", "bounds"), [([3], "1,1,1"), ([0, 1], "1,2,1"), ([0, 1, 2, 3], "2,2,1"), (range(8), "2,4,1")]
)
def test_an_engine_sees_chips_in_their_layout(indices, bounds):
    assert tpu.PROBE.visible_devices(indices) == {
        "TPU_VISIBLE_CHIPS": ",".join(map(str, indices)),
        "TPU_CHIPS_PER_PROCESS_BOUNDS": bounds,
        "TPU_PROCESS_BOUNDS": "1,1,1",
    }


def test_a_number_of_chips_without_a_layout_is_left_to_libtpu():
    assert tpu.PROBE.visible_devices([0, 1, 2]) == {"TPU_VISIBLE_CHIPS": "0,1,2"}
