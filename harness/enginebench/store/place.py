"""Where a store lies: a local folder or a prefix of an object store, through fsspec.

Two promises carry the store: a file is there whole or not at all, and of several writers who create one file, one wins.
A local file is written beside its name, brought to disk and then linked (create) or renamed (write); an object store's
PUT is whole by itself, and creates with a condition that the store checks (`If-None-Match: *`, generation 0).
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import fsspec

from enginebench.errors import Mistake, UserError, mistake
from enginebench.records import record

T = TypeVar("T")

ASIDE = ".tmp-"
"""Begins the name of a local file that is still being written, or whose writer died."""
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "az": "az", "abfs": "az", "abfss": "az"}
"""Protocol to the extra of enginebench that brings its file system."""
_RETRIES = {"retries": {"max_attempts": 8, "mode": "standard"}, "read_timeout": 30, "connect_timeout": 10}
_OPTIONS: Mapping[str, Mapping[str, Any]] = {"s3": {"config_kwargs": _RETRIES}}
"""Protocol to what its file system is opened with beyond the environment's own settings (`AWS_…`, `FSSPEC_…`)."""


class Unusable(UserError):
    """The place cannot be used now: no rights, no space, no network. What was to be written is not wrong."""

    exit_code = 1


@record
class Found:
    """A file of a place."""

    name: str
    """Path below the place, with `/`."""
    bytes: int
    """Its size."""
    changed_s: float
    """When it was written, s since the epoch."""


class Place:
    """A folder of files by name. Raises UserError where it cannot be had or reached, one sentence each."""

    def __init__(self, url: str | Path) -> None:
        if not str(url):
            raise mistake("results store", "its place is empty", "name a folder, or a URL as s3://bucket/results")
        self.url = str(url).rstrip("/") or "/"
        protocol, divider, _ = self.url.partition("://")
        self.local = Path(self.url) if not divider or protocol in ("file", "local") else None
        if self.local is not None:
            self.local = Path.cwd() / os.path.expanduser(self.url.partition("://")[2] if divider else self.url)
            if self.local.exists() and not self.local.is_dir():
                raise mistake(self.url, "is no folder", "name the folder of the results store")
        self.fs, self._root = self._open(protocol if divider else "file")

    def _open(self, protocol: str) -> tuple[Any, str]:
        try:
            fs = fsspec.filesystem(
                protocol, use_listings_cache=False, **_configured(protocol, _OPTIONS.get(protocol, {}))
            )
        except ImportError:
            extra = _EXTRAS.get(protocol)
            remedy = f"pip install 'enginebench[{extra}]'" if extra else "install the package that fsspec names for it"
            raise mistake(self.url, f"no package for `{protocol}://` is installed", remedy) from None
        except ValueError as error:
            raise mistake(self.url, str(error), "name a folder, or a URL as s3://bucket/results") from None
        # fsspec has ways of its own with `~` and `file:`, by which it would list another folder than we write.
        return fs, fs._strip_protocol(self.url) if self.local is None else str(self.local)

    def path(self, name: str = "") -> str:
        """The full path of a name for `fs`, without protocol."""
        return f"{self._root}/{name}" if name else self._root

    def arrow(self) -> Any:
        """What pyarrow reads the place with: null for a local one, its own reader is the fastest."""
        return None if self.local is not None else self.fs

    def exists(self) -> bool:
        """Whether there is anything at the place."""
        return bool(self._asked(lambda: self.fs.exists(self.path())))

    def read(self, name: str) -> bytes:
        """The content of a file; raises FileNotFoundError."""
        if self.local is not None:
            home = self.local / name
            return self._asked(home.read_bytes)
        return bytes(self._asked(lambda: self.fs.cat_file(self.path(name))))

    def read_all(self, names: Sequence[str]) -> list[bytes]:
        """The contents of files, many at a time; raises FileNotFoundError where one is missing."""
        if self.local is not None or not names:
            return [self.read(name) for name in names]
        paths = [self.path(name) for name in names]
        found = self._asked(lambda: self.fs.cat(paths))
        return [bytes(found[path]) for path in paths]

    def fetch(self, names: Sequence[str], folder: Path) -> None:
        """Copy files into a local folder under their names, many at a time."""
        homes = [str(folder / name) for name in names]
        for home in dict.fromkeys(map(os.path.dirname, homes)):
            os.makedirs(home, exist_ok=True)
        if names:
            self._asked(lambda: self.fs.get([self.path(name) for name in names], homes))

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return bool(self._asked(lambda: self.fs.exists(self.path(name))))

    def create(self, name: str, content: bytes) -> bool:
        """Make a file that is not there yet; of several writers one gets True, and a file that is there stays."""
        if self.local is not None:
            home = self.local / name
            return self._asked(lambda: self._linked(home, content))
        try:
            self._put(lambda: self.fs.pipe_file(self.path(name), content, mode="create"))
        except FileExistsError:
            # Perhaps made by ourselves, in an attempt whose answer was lost: the caller knows its own content.
            return False
        return True

    def write(self, name: str, content: bytes | Path) -> None:
        """Make or replace a file, from bytes or from a local file."""
        if self.local is not None:
            home = self.local / name
            self._asked(lambda: self._replaced(home, content))
        elif isinstance(content, Path):
            self._put(lambda: self.fs.put_file(str(content), self.path(name)))
        else:
            self._put(lambda: self.fs.pipe_file(self.path(name), content))

    def write_all(self, files: Mapping[str, Path]) -> None:
        """Make or replace files from local ones, many at a time; each is there whole or as it was before."""
        if self.local is not None:
            for name, content in files.items():
                self.write(name, content)
        elif files:
            self._put(lambda: self.fs.put([str(one) for one in files.values()], [self.path(name) for name in files]))

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is as good. Local folders that become empty go with it."""
        try:
            self._asked(lambda: self.fs.rm_file(self.path(name)))
        except FileNotFoundError:
            return
        if self.local is None:
            return
        for folder in (self.local / name).parents:
            try:
                if folder == self.local:
                    return
                folder.rmdir()
            except OSError:
                return  # it holds more

    def remove_all(self, names: Sequence[str]) -> None:
        """Remove files, many at a time; those that are not there are as good."""
        if self.local is not None:
            for name in names:
                self.remove(name)
        elif names:
            with suppress(FileNotFoundError):
                self._asked(lambda: self.fs.rm([self.path(name) for name in names]))

    def folders(self, folder: str = "") -> list[str]:
        """Names of the folders directly in a folder, sorted."""
        if self.local is not None:
            return sorted(one.name for one in self._entries(folder) if one.is_dir())
        return sorted(_last(one) for one in self._listed(folder) if one["type"] == "directory")

    def find(self, folder: str) -> Iterator[Found]:
        """Every file below a folder, by name; none where there is no such folder."""
        if self.local is not None:
            yield from self._asked(lambda: sorted(self._below(folder), key=lambda one: one.name))
            return
        found = self._asked(lambda: self.fs.find(self.path(folder), detail=True))
        start = len(self.path()) + 1
        for path, one in sorted(found.items()):
            yield Found(name=path[start:], bytes=int(one["size"]), changed_s=_changed(one))

    def names(self, folder: str) -> list[str]:
        """Names of the whole files directly in a folder, without the folder, sorted."""
        if self.local is not None:
            found = [one.name for one in self._entries(folder) if one.is_file()]
        else:
            found = [_last(one) for one in self._listed(folder) if one["type"] == "file"]
        return sorted(name for name in found if not name.startswith(ASIDE))

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        """What lies in a local folder, none where there is none; links are what they lead to."""
        assert self.local is not None
        home = self.local / folder
        try:
            return self._asked(lambda: list(os.scandir(home)))
        except FileNotFoundError:
            return []

    def _below(self, folder: str) -> Iterator[Found]:
        """As find(), in a local folder. A folder that cannot be listed is an error: fsspec would leave it out."""

        def failed(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                raise error

        assert self.local is not None
        for home, _, names in os.walk(self.local / folder, onerror=failed):
            for name in names:
                path = Path(home, name)
                with suppress(FileNotFoundError):
                    told = path.stat()
                    found = path.relative_to(self.local).as_posix()
                    yield Found(name=found, bytes=told.st_size, changed_s=told.st_mtime)

    def _listed(self, folder: str) -> list[dict[str, Any]]:
        try:
            return list(self._asked(lambda: self.fs.ls(self.path(folder), detail=True)))
        except FileNotFoundError:
            return []

    def _linked(self, home: Path, content: bytes) -> bool:
        aside = self._aside(home, content)
        try:
            os.link(aside, home)
        except FileExistsError:
            return False
        finally:
            aside.unlink()
        _sync(aside.parent)
        return True

    def _replaced(self, home: Path, content: bytes | Path) -> None:
        aside = self._aside(home, content)
        aside.replace(home)
        _sync(aside.parent)

    def _put(self, ask: Callable[[], object]) -> None:
        """Write to a remote place, where only a bucket can be missing."""
        try:
            self._asked(ask)
        except FileNotFoundError as error:
            raise self._unusable(f"there is no such bucket: {error}", "make it, or name another") from error

    def _unusable(self, problem: str, remedy: str) -> Unusable:
        return Unusable(Mistake(place=self.url, problem=problem, remedy=remedy))

    def _aside(self, home: Path, content: bytes | Path) -> Path:
        """A file beside `home` with the content, brought to disk."""
        aside = home.with_name(f"{ASIDE}{home.name}-{secrets.token_hex(4)}")
        for left in reversed(range(5)):
            home.parent.mkdir(parents=True, exist_ok=True)
            try:
                if isinstance(content, Path):
                    shutil.copyfile(content, aside)
                else:
                    aside.write_bytes(content)
            except FileNotFoundError:
                # A collector has just removed the folder, empty as it was.
                if not left or not home.parent.parent.exists():
                    raise
            except OSError:
                # Half a file would make a full disk no emptier.
                aside.unlink(missing_ok=True)
                raise
            else:
                break
        _sync(aside)
        return aside

    def _asked(self, ask: Callable[[], T]) -> T:
        """What an operation gives; every failure of the place but a missing or present file is Unusable."""
        try:
            return ask()
        except (FileNotFoundError, FileExistsError, UserError):
            raise
        except Exception as error:
            if self.local is not None:
                if not isinstance(error, OSError):
                    raise
                words = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
                raise self._unusable(
                    f"the folder cannot be used: {words}", "check its rights, its disk and the space on it"
                ) from error
            # The libraries of object stores raise classes of their own, which are not to be imported here.
            words = str(error).strip() or type(error).__name__
            raise self._unusable(
                f"the object store cannot be used: {words}", "check address, credentials and network"
            ) from error


def _configured(protocol: str, ours: Mapping[str, Any]) -> dict[str, Any]:
    """Options of ours that the environment (`FSSPEC_S3_CONFIG_KWARGS` …) does not set."""
    theirs = fsspec.config.conf.get(protocol, {})
    return {name: value for name, value in ours.items() if name not in theirs}


def _last(one: Mapping[str, Any]) -> str:
    return str(one["name"]).rstrip("/").rpartition("/")[2]


def _changed(one: Mapping[str, Any]) -> float:
    for key in ("mtime", "LastModified", "last_modified", "updated", "created"):
        value = one.get(key)
        if isinstance(value, (int, float)):
            return float(value)
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return 0.0


def _sync(path: Path) -> None:
    """Bring a file or folder to disk: content before the rename that shows it, the folder after it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
