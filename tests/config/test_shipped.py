"""What ships is sound: figures that agree with each other, adapters and generators that exist, pins, sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders import REPOSITORY
from enginebench import config, engines, workloads
from enginebench.records import PackageSource, VenvProvision

FOLDERS = (
    *("configs/engines", "configs/grids", "configs/hardware", "configs/models", "configs/slos", "configs/workloads"),
    "runners",
)


def test_every_file_lies_where_a_reader_looks_for_it() -> None:
    found = {*(REPOSITORY / "configs").rglob("*.y*ml"), *(REPOSITORY / "runners").rglob("*.y*ml")}
    alone = REPOSITORY / "configs" / "retention.yaml"
    assert {path.parent for path in found - {alone}} == {REPOSITORY / folder for folder in FOLDERS}
    assert {path.suffix for path in found} == {".yaml"}


def test_shipped_lists_names_to_files() -> None:
    files = sorted((REPOSITORY / "configs" / "engines").glob("*.yaml"))
    assert config.shipped("engines") == {path.stem: path for path in files}


@pytest.mark.parametrize("path", config.shipped("engines").values(), ids=lambda path: path.stem)
def test_an_engine_has_an_adapter_and_pins_for_each_environment(path: Path) -> None:
    for version in config.engine_versions(path):
        engine = config.read_engine(path, version)
        assert (engine.name, engine.version) == (path.stem, version)
        assert engine.kind in engines.known()
        for vendor, build in engine.builds.items():
            if isinstance(build.provision, VenvProvision):
                assert any(pin.endswith(f"=={version}") for pin in build.provision.pins), vendor
                assert all("==" in pin and "{" not in pin for pin in build.provision.pins)


@pytest.mark.parametrize("path", config.shipped("workloads").values(), ids=lambda path: path.stem)
def test_a_workload_has_a_generator_and_the_lengths_of_its_name(path: Path) -> None:
    workload = config.read_workload(path)
    assert workload.kind in workloads.known()
    assert path.stem.endswith(f"-{workload.isl_tokens}-{workload.osl_tokens}")


@pytest.mark.parametrize("path", config.shipped("models").values(), ids=lambda path: path.stem)
def test_the_facts_of_a_model_agree_with_each_other(path: Path) -> None:
    model = config.read_model(path)
    facts = model.architecture
    assert facts.heads * facts.head_dim == facts.hidden
    assert facts.heads % facts.kv_heads == 0
    # bf16 takes two bytes a weight, and a file's header a little.
    assert model.precisions["bf16"].weights_bytes == pytest.approx(2 * facts.parameters, rel=1e-3)
    if isinstance(model.source, PackageSource):
        assert model.source.converter_requirements


@pytest.mark.parametrize("path", config.shipped("hardware").values(), ids=lambda path: path.stem)
def test_every_figure_of_the_outside_world_has_source_and_date(path: Path) -> None:
    part = config.read_hardware(path)
    for fact in (part.memory_bytes, part.memory_bandwidth_bytes_per_s):
        assert fact is None or (fact.source and len(fact.date) == len("2026-11-24"))


@pytest.mark.parametrize(
    ("vendor", "product"), [("nvidia", "NVIDIA H100 PCIe"), ("amd", "NVIDIA H200"), ("tpu", "TPU v99")]
)
def test_a_name_that_is_only_alike_is_no_part(vendor: str, product: str) -> None:
    assert config.hardware(vendor, product) is None
