"""What ships is sound: figures that agree with each other, adapters and generators that exist, pins, sources."""

from __future__ import annotations

from dataclasses import replace
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
    alone = {REPOSITORY / "configs" / name for name in ("rates.yaml", "retention.yaml")}
    assert {path.parent for path in found - alone} == {REPOSITORY / folder for folder in FOLDERS}
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
    assert facts.heads % facts.kv_heads == 0
    if not facts.kv_cache:
        assert facts.heads * facts.head_dim == facts.hidden
    if "bf16" in model.precisions:
        # Two bytes a weight, and a file's header a little.
        assert model.precisions["bf16"].weights_bytes == pytest.approx(2 * facts.parameters, rel=1e-3)
    for name, bits in (("fp8", 8), ("fp4", 4)):
        if name in model.precisions and model.precisions.keys() != {"fp4", "fp8"}:
            # What is kept in more bits, and the blocks' scales.
            assert 1 <= model.precisions[name].weights_bytes * 8 / (facts.parameters * bits) < 1.3
    if isinstance(model.source, PackageSource):
        assert model.source.converter_requirements


@pytest.mark.parametrize("path", config.shipped("models").values(), ids=lambda path: path.stem)
def test_what_a_model_says_of_its_experts_and_its_cache_can_be(path: Path) -> None:
    model = config.read_model(path)
    facts = model.architecture
    routed = (facts.active_parameters, facts.experts, facts.experts_per_token)
    assert len({fact is None for fact in routed}) == 1, "all three or none"
    if facts.active_parameters and facts.experts and facts.experts_per_token:
        assert facts.experts_per_token < facts.experts
        # The active share is what of the experts is taken, and all the rest.
        assert facts.experts_per_token / facts.experts < facts.active_parameters / facts.parameters < 0.1
        assert 0.95 < facts.expert_share() < 1
    for kept in facts.kv_cache:
        assert kept.layers <= facts.layers
    for precision in model.precisions:
        most = 2 * facts.layers * facts.heads * facts.head_dim * model.precisions[precision].kv_bytes
        length = facts.context_tokens
        assert 0 < model.kv_bytes(precision, length) < most * length, "more than every head's K and V in every layer"


def test_the_page_on_models_shows_one_that_can_be_read_and_says_what_the_shipped_one_does(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "models.md").read_text(encoding="utf-8")
    path = tmp_path / "deepseek-r1-0528.yaml"
    path.write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    shipped = config.read_model(config.shipped("models")["deepseek-r1-0528"])
    assert replace(config.read_model(path), facts_from=shipped.facts_from) == shipped


def test_a_checkpoint_is_described_once_under_each_name_of_its_repository() -> None:
    repositories = [config.read_model(path).repository for path in config.shipped("models").values()]
    assert len(set(repositories)) == len(repositories)


@pytest.mark.parametrize("path", config.shipped("hardware").values(), ids=lambda path: path.stem)
def test_every_figure_of_the_outside_world_has_source_and_date(path: Path) -> None:
    part = config.read_hardware(path)
    for fact in (part.memory_bytes, part.memory_bandwidth_bytes_per_s, part.tdp_w, *part.dense_flops_per_s.values()):
        assert fact is None or (fact.source and len(fact.date) == len("2026-11-24"))
    peaks = {name: fact.value for name, fact in part.dense_flops_per_s.items()}
    assert all(peaks["bf16"] <= peaks[name] <= 8 * peaks["bf16"] for name in peaks)


@pytest.mark.parametrize("path", config.shipped("hardware").values(), ids=lambda path: path.stem)
def test_a_part_is_known_by_the_name_of_its_product(path: Path) -> None:
    part = config.read_hardware(path)
    known = config.hardware(part.vendor, part.product)
    assert known == part


@pytest.mark.parametrize(
    ("vendor", "product"),
    [("nvidia", "NVIDIA H100 PCIe"), ("nvidia", "NVIDIA GH200 480GB"), ("amd", "NVIDIA H200"), ("tpu", "TPU v99")],
)
def test_a_name_that_is_only_alike_is_no_part(vendor: str, product: str) -> None:
    assert config.hardware(vendor, product) is None
