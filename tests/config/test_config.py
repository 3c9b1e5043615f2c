"""Files that people write: what ships reads, and whatever is wrong is told with file, line, value and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from enginebench import assets, config
from enginebench.config.documents import load
from enginebench.errors import UserError
from enginebench.records import VenvProvision

GRID = """description: a grid
models: [smollm2-135m-instruct]
engines: [vllm]
workloads: [synthetic-128-64]
precisions: [bf16]
loads: {concurrency: [1, 2]}
"""
READERS = {
    "models": config.read_model,
    "engines": config.read_engine,
    "workloads": config.read_workload,
    "hardware": config.read_hardware,
    "grids": config.read_grid,
}
SHIPPED = [(kind, path) for kind in READERS for path in sorted((assets.root() / "configs" / kind).glob("*.yaml"))]


def mistakes(read, path: Path, text: str) -> list[str]:
    """The lines of the error that reading `text` gives, the file's name left out."""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read(path)
    assert caught.value.exit_code == 2
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(("kind", "path"), SHIPPED, ids=lambda value: value.stem if isinstance(value, Path) else value)
def test_everything_that_ships_reads_and_is_named_after_its_file(kind, path):
    found = READERS[kind](path)
    assert (found.grid if kind == "grids" else found).name == path.stem


@pytest.mark.parametrize("path", sorted((assets.root() / "runners").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_site_that_ships_reads(path):
    assert config.read_site(path).name == path.stem


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("repeats", "repeets: 3", "7: unknown key `repeets`; did you mean `repeats`?"),
        ("repeats", "repeats: three", '7: `repeats` is "three"; input should be a valid integer'),
        ("repeats", "repeats: 0", "7: `repeats` is 0; input should be greater than 0"),
        ("repeats", "repeats: 2.5", "7: `repeats` is 2.5; input should be a valid integer"),
        ("repeats", "repeats: yes", "7: `repeats` is true; input should be a valid integer"),
        ("repeats", "description: again", "7: key `description` stands twice; keep one of them"),
        ("repeats", "name: other", "7: key `name` is not for writing; the file's name is its key"),
        ("repeats", "slo: {ttft_ms: -1}", "7: `slo.ttft_ms` is -1; input should be greater than 0"),
        ("repeats", "slo: {tftt_ms: 1}", "7: unknown key `slo.tftt_ms`; did you mean `ttft_ms`?"),
        ("repeats", "arguments: {vlm: {}}", "7: no engine `vlm`; did you mean `vllm`?"),
        (
            "repeats",
            "exclude:\n  - when: {modle: x}\n    reason: r",
            "8: unknown key `exclude.0.when.modle`; did you mean `model`?",
        ),
        ("repeats", "exclude:\n  - when: {model: gpt}\n    reason: r", "8: no model `gpt`; known: "),
        ("repeats", "exclude: [{when: {}}]", "7: key `exclude.0.reason` is missing; add `reason:`"),
        ("engines: [vllm]", "engines: []", "3: `engines` is []; tuple should have at least 1 item"),
        ("engines: [vllm]", "engines: [vllm, vllm]", "3: `engines` names `vllm` twice; keep one of them"),
        ("engines: [vllm]", "engines: vllm", '3: `engines` is "vllm"; input should be a valid'),
        ("models: [smollm2-135m-instruct]", "models: [smollm2]", "2: no model `smollm2`; did you mean `smollm2-135m"),
        ("models: [smollm2-135m-instruct]\n", "", "1: key `models` is missing; add `models:`"),
        ("loads: {concurrency: [1, 2]}", "loads: {}", "6: `loads` is empty; list `concurrency`, `rate_rps` or `rates`"),
        ("loads: {concurrency: [1, 2]}", "loads: {rate_rps: [0]}", "6: `loads.rate_rps.0` is 0; input should be"),
        (
            "repeats",
            "include: [{model: smollm2-135m-instruct, engine: vllm, workload: synthetic-128-64, precision: bf16}]",
            "7: `include.0` has no loads; give one of `concurrency` and `rate_rps`",
        ),
        ("description: a grid", "description: [", "3: not YAML: "),
        (GRID, "- a\n- b\n", "1: the file holds no mapping; write `key: value` lines"),
        (GRID, "", "1: the file holds no mapping; write `key: value` lines"),
    ],
)
def test_a_mistake_names_line_value_and_remedy(tmp_path, old, new, wanted):
    text = GRID.replace(old, new) if old in GRID else GRID + new + "\n"
    lines = mistakes(config.read_grid, tmp_path / "grid.yaml", text)
    assert len(lines) == 1
    assert lines[0].startswith(wanted)


def test_all_mistakes_of_a_file_are_told_at_once_in_the_order_of_lines(tmp_path):
    text = GRID.replace("[vllm]", "[vlm]").replace("[1, 2]", "[1, 0]") + "repeets: 3\nseed: x\n"
    lines = mistakes(config.read_grid, tmp_path / "grid.yaml", text)
    assert [line.split(":")[0] for line in lines] == ["3", "6", "7", "8"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"gone\.yaml: cannot be read \(.*\); name an existing YAML file"):
        config.read_grid(tmp_path / "gone.yaml")


def test_files_beside_a_grid_come_before_those_that_ship(tmp_path):
    (tmp_path / "grids").mkdir()
    (tmp_path / "workloads").mkdir()
    own = "kind: synthetic\napi: completions\nisl_tokens: 10\nosl_tokens: 4\n"
    (tmp_path / "workloads" / "synthetic-128-64.yaml").write_text(own)
    (tmp_path / "grids" / "mine.yaml").write_text(GRID)
    assert config.read_grid(tmp_path / "grids" / "mine.yaml").workloads["synthetic-128-64"].isl_tokens == 10


def test_a_mistake_in_a_file_that_a_grid_names_is_told_of_that_file(tmp_path):
    (tmp_path / "workloads").mkdir()
    workload = tmp_path / "workloads" / "mine.yaml"
    workload.write_text("kind: synthetic\napi: completions\nisl_tokens: 10\nosl_tokens: 1\n")
    (tmp_path / "grid.yaml").write_text(GRID.replace("[synthetic-128-64]", "[mine]"))
    with pytest.raises(UserError) as caught:
        config.read_grid(tmp_path / "grid.yaml")
    assert str(caught.value) == f"{workload}:4: `osl_tokens` is 1; input should be greater than or equal to 2"


def test_a_prefix_that_leaves_nothing_to_tell_prompts_apart_is_refused(tmp_path):
    text = "kind: synthetic\napi: completions\nisl_tokens: 10\nosl_tokens: 4\nshared_prefix_tokens: 10\n"
    (line,) = mistakes(config.read_workload, tmp_path / "w.yaml", text)
    assert line.startswith("5: `shared_prefix_tokens` is 10, the whole input is 10; ")


def test_an_engines_pins_are_read_in_and_must_be_exact(tmp_path):
    engine = (
        "kind: vllm\nversions: [1.0.0]\nbuilds:\n  cpu:\n    precisions: [bf16]\n"
        "    provision: {kind: venv, requirements: pins.txt, executable: vllm}\n"
    )
    (tmp_path / "pins.txt").write_text("# comment\nvllm==1.0.0  # why\n\ntorch==2.0\n")
    (tmp_path / "e.yaml").write_text(engine)
    provision = config.read_engine(tmp_path / "e.yaml").builds["cpu"].provision
    assert isinstance(provision, VenvProvision)
    assert provision.pins == ("vllm==1.0.0", "torch==2.0")
    (tmp_path / "pins.txt").write_text("vllm>=1.0\n")
    with pytest.raises(UserError, match=r"pins\.txt:1: `vllm>=1\.0` is not pinned; write name==version"):
        config.read_engine(tmp_path / "e.yaml")
    (tmp_path / "pins.txt").unlink()
    (line,) = mistakes(config.read_engine, tmp_path / "e.yaml", engine)
    assert line == f"6: no file {tmp_path / 'pins.txt'}; name a requirements file beside this one"


def test_a_wrong_key_deep_in_a_choice_of_records_is_told_with_that_records_keys(tmp_path):
    engine = (
        "kind: vllm\nversions: [1.0.0]\nbuilds:\n  cpu:\n    precisions: [bf16]\n"
        "    provision: {kind: executable, exe: vllm}\n"
    )
    lines = mistakes(config.read_engine, tmp_path / "e.yaml", engine)
    assert any(line.startswith("6: unknown key `builds.cpu.provision.exe`") for line in lines)
    assert any(line.startswith("6: key `builds.cpu.provision.executable` is missing") for line in lines)


def test_dates_stay_the_text_they_are(tmp_path):
    (tmp_path / "a.yaml").write_text("date: 2026-08-01\nversion: 1.10\non: yes\n")
    assert load(tmp_path / "a.yaml").data == {"date": "2026-08-01", "version": 1.1, "on": True}


@pytest.mark.parametrize(
    ("vendor", "product", "name"),
    [
        ("nvidia", "NVIDIA H100 80GB HBM3", "h100-sxm"),
        ("nvidia", "NVIDIA H200", "h200-sxm"),
        ("nvidia", "NVIDIA B200", "b200"),
        ("nvidia", "NVIDIA B300 SXM6 AC", "b300"),
        ("nvidia", "NVIDIA GB200", "gb200"),
        ("nvidia", "NVIDIA GB300", "gb300"),
        ("nvidia", "NVIDIA RTX PRO 6000 Blackwell Server Edition", "rtx6000pro"),
        ("amd", "AMD Instinct MI325X", "mi325x"),
        ("amd", "AMD Instinct MI300X", "mi300x"),
        ("amd", "AMD Instinct MI355X", "mi355x"),
        ("tpu", "TPU v6e", "tpu-v6e"),
        ("cpu", "Some CPU", "cpu"),
        ("nvidia", "Unheard Of 9000", None),
    ],
)
def test_a_device_is_known_by_its_librarys_name(vendor, product, name):
    part = config.hardware(vendor, product)
    assert (part.name if part else None) == name


def test_flops_of_a_precision_that_the_part_lacks_are_refused(tmp_path):
    fact = '{value: 1.0e+12, source: "made up", date: "2026-11-24"}'
    part = (
        f"vendor: nvidia\nproduct: Test GPU\nmatch: [test]\nmemory_bandwidth_bytes_per_s: {fact}\n"
        f"precisions: [bf16, fp8]\ndense_flops_per_s:\n  bf16: {fact}\n  fp9: {fact}\n"
    )
    (line,) = mistakes(config.read_hardware, tmp_path / "p.yaml", part)
    assert line == "8: `dense_flops_per_s.fp9`: the part has no fp9; did you mean `fp8`? known: bf16, fp8"


def test_a_site_of_unknown_hardware_is_refused(tmp_path):
    (line,) = mistakes(config.read_site, tmp_path / "s.yaml", "launcher: local\nhardware: {name: h1000, count: 8}\n")
    assert line.startswith("2: no hardware `h1000`; did you mean `h100-sxm`?")
