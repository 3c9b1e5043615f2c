"""Mistakes in models and engines: told at the very key, also inside a choice of records; and pins that are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders import REPOSITORY
from enginebench import config
from enginebench.errors import UserError

MODEL = (REPOSITORY / "configs" / "models" / "smollm2-135m-instruct.yaml").read_text(encoding="utf-8")
ENGINE = """\
kind: vllm
versions: [1.0.0]
builds:
  nvidia:
    precisions: [bf16]
    provision:
      kind: executable
      executable: vllm
"""


def told(read: Callable[[Path], Any], path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read(path)
    return str(caught.value).replace(f"{path}:", "f:").splitlines()


def line_of(text: str, piece: str) -> int:
    return text[: text.index(piece)].count("\n") + 1


@pytest.mark.parametrize("key", ["sha256", "file", "package", "converter"])
def test_a_wrong_value_in_a_source_is_told_at_its_own_line(tmp_path: Path, key: str) -> None:
    # `package` is also the kind of the source: the name of the kind is not taken for the key.
    text = "".join(
        f"  {key}: 7\n" if line.startswith(f"  {key}:") else line for line in MODEL.splitlines(keepends=True)
    )
    (line,) = told(config.read_model, tmp_path / "m.yaml", text)
    assert line == f"f:{line_of(text, f'  {key}: 7')}: `source.{key}` is 7; input should be a valid string"


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ("experts: 8", "`architecture.experts` stands without `active_parameters`, `experts_per_token`"),
        (
            "active_parameters: 9\n  experts: 8",
            "`architecture.active_parameters` stands without `experts_per_token`",
        ),
        (
            "active_parameters: 9\n  experts: 8\n  experts_per_token: 9",
            "`architecture.experts_per_token` is 9 of 8 experts",
        ),
    ],
)
def test_half_of_the_facts_of_experts_is_a_mistake(tmp_path: Path, facts: str, problem: str) -> None:
    text = MODEL.replace("  layers: 30\n", f"  layers: 30\n  {facts}\n")
    (line,) = told(config.read_model, tmp_path / "m.yaml", text)
    assert problem in line
    key = problem.split("`")[1].removeprefix("architecture.")
    assert line.startswith(f"f:{line_of(text, f'  {key}:')}: ")


def test_a_misspelt_key_in_a_source_is_told_by_its_own_name(tmp_path: Path) -> None:
    text = MODEL.replace("  converter:", "  convertor:")
    missing, unknown = told(config.read_model, tmp_path / "m.yaml", text)
    assert missing == f"f:{line_of(text, 'source:')}: key `source.converter` is missing; add `converter:`"
    where = line_of(text, "  convertor:")
    assert unknown.startswith(f"f:{where}: unknown key `source.convertor`; did you mean `converter`? known: ")
    assert "repository" not in unknown, "keys of other kinds of source are of no use"


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("executable: vllm", "executable: 3", "f:8: `{0}.executable` is 3; input should be a valid string"),
        ("      executable: vllm\n", "", "f:6: key `{0}.executable` is missing; add `executable:`"),
        (
            "executable: vllm",
            "executable: vllm\n      pins: [a]",
            "f:9: unknown key `{0}.pins`; known: executable, kind",
        ),
        (
            "precisions: [bf16]",
            "precisions: [bf16]\n    argument: {}",
            "f:6: unknown key `builds.nvidia.argument`; did you mean `arguments`? known: arguments, channels, "
            "environment, precisions, provision",
        ),
    ],
)
def test_a_mistake_in_a_build_is_one_line(tmp_path: Path, before: str, after: str, line: str) -> None:
    assert told(config.read_engine, tmp_path / "e.yaml", ENGINE.replace(before, after)) == [
        line.format("builds.nvidia.provision")
    ]


def test_an_unknown_vendor_lists_the_known_ones(tmp_path: Path) -> None:
    (line,) = told(config.read_engine, tmp_path / "e.yaml", ENGINE.replace("nvidia:", "nvidea:"))
    assert line.startswith("f:4: `builds.nvidea` is ")
    assert line.endswith("; input should be 'cpu', 'nvidia', 'amd' or 'tpu'")


def test_an_unknown_kind_of_provision_lists_the_known_ones(tmp_path: Path) -> None:
    (line,) = told(config.read_engine, tmp_path / "e.yaml", ENGINE.replace("kind: executable", "kind: image"))
    assert line.startswith("f:6: `builds.nvidia.provision` is ")
    assert all(f"'{kind}'" in line for kind in ("venv", "executable", "endpoint"))


@pytest.mark.parametrize(
    "pin",
    ["vllm", "vllm>=1.0", "vllm==1.*", "vllm>=1.0; python_version == '3.12'", "-r other.txt", "torch @ file:///x"],
)
def test_a_requirement_that_is_not_pinned_is_told_by_line(tmp_path: Path, pin: str) -> None:
    (tmp_path / "pins.txt").write_text(f"# pins\nnumpy==2.0\n{pin}\ntorch==2.0\n", encoding="utf-8")
    engine = ENGINE.replace("kind: executable", "kind: venv\n      requirements: pins.txt")
    (line,) = told(config.read_engine, tmp_path / "e.yaml", engine)
    assert line == f"{tmp_path / 'pins.txt'}:3: `{pin}` is not pinned; write name==version"


def test_extras_and_markers_are_pins(tmp_path: Path) -> None:
    pins = ("vllm[audio,video]==1.0", "torch==2.0+cpu ; sys_platform == 'linux'", "a-b_c.d == 1")
    (tmp_path / "pins.txt").write_text("\n".join(pins), encoding="utf-8")
    path = tmp_path / "e.yaml"
    path.write_text(ENGINE.replace("kind: executable", "kind: venv\n      requirements: pins.txt"), encoding="utf-8")
    assert config.read_engine(path).builds["nvidia"].provision.pins == pins  # type: ignore[union-attr]


def test_a_models_converter_is_pinned_too(tmp_path: Path) -> None:
    (tmp_path / "gguf-converter.txt").write_text("torch\n", encoding="utf-8")
    (line,) = told(config.read_model, tmp_path / "m.yaml", MODEL)
    assert line.endswith("gguf-converter.txt:1: `torch` is not pinned; write name==version")
    (tmp_path / "gguf-converter.txt").unlink()
    (line,) = told(config.read_model, tmp_path / "m.yaml", MODEL)
    assert line.startswith(f"f:{line_of(MODEL, '  converter:')}: no file {tmp_path / 'gguf-converter.txt'}; ")
