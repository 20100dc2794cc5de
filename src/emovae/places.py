"""Where whole files go: a folder of this machine, or any location that fsspec knows, such as a bucket of S3.

A file takes its name only once it is whole. A store of objects sees to that itself; where a location does not, a seal
that is written last tells (`shards`). Credentials come from the configuration of each machine, and none is passed on.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from typing import Any, BinaryIO

from emovae.errors import ConfigError, OutputError
from emovae.files import FULL, digest_of_file, full, unreadable, write_bytes, written_whole

FILE = "file://"
LOCATION = "://"
SENT_BYTES = 2**22
"""So much goes to a location at a time."""


class Folder:
    """A folder of this machine. What lies in it is compared with its checksum."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def read(self, name: str) -> bytes | None:
        """A file's content, or None where there is none."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unreadable(self.path / name, error) from error

    def names(self) -> frozenset[str]:
        """The files that are there."""
        try:
            return frozenset(each.name for each in self.path.iterdir())
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            raise unreadable(self.path, error) from error

    def write(self, name: str, content: bytes) -> None:
        """Writes a whole file."""
        write_bytes(self.path / name, content)

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """See `files.written_whole`."""
        with written_whole(self.path / name) as stream:
            yield stream

    def holds(self, name: str, size: int, sha256: str) -> bool:
        """Whether the content has that checksum."""
        path = self.path / name
        try:
            return path.stat().st_size == size and digest_of_file(path) == sha256
        except FileNotFoundError:
            return False
        except OSError as error:
            raise unreadable(path, error) from error

    def remove(self, name: str) -> None:
        """Removes a file."""
        (self.path / name).unlink(missing_ok=True)


class Location:
    """A location that fsspec knows, by its URL. Its connection is made anew in every process that it is sent to.

    Raises:
        ConfigError: where fsspec or what it needs for such a URL is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        _ = self._files

    def __str__(self) -> str:
        return self.url

    def __getstate__(self) -> dict[str, str]:
        return {"url": self.url}

    @cached_property
    def _files(self) -> tuple[Any, str]:
        """The file system of fsspec, and the folder in it."""
        try:
            import fsspec  # noqa: PLC0415 - an extra

            system, folder = fsspec.core.url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise ConfigError(
                f"{self.url} cannot be reached: {error}; pip install 'emovae[cluster]' for S3, or what fsspec names"
            ) from error
        return system, folder

    def read(self, name: str) -> bytes | None:
        """A file's content, or None where there is none."""
        system, folder = self._files
        with self._told("read", name):
            try:
                return bytes(system.cat_file(f"{folder}/{name}"))
            except FileNotFoundError:
                return None

    def names(self) -> frozenset[str]:
        """The files that are there."""
        system, folder = self._files
        with self._told("read", ""):
            system.invalidate_cache()
            try:
                return frozenset(path.rpartition("/")[2] for path in system.ls(folder, detail=False))
            except FileNotFoundError:
                return frozenset()

    def write(self, name: str, content: bytes) -> None:
        """Writes a whole file."""
        system, folder = self._files
        with self._told("write", name):
            system.pipe_file(f"{folder}/{name}", content)

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """A file of this machine without a name, which is sent at the end of the block and leaves nothing behind."""
        system, folder = self._files
        with TemporaryFile() as beside:
            try:
                yield beside
            except OSError as error:
                if error.errno in FULL:
                    raise full(Path(gettempdir()) / name, beside.tell(), error) from error
                raise
            with self._told("write", name), system.open(f"{folder}/{name}", "wb") as there:
                beside.seek(0)
                shutil.copyfileobj(beside, there, SENT_BYTES)

    def remove(self, name: str) -> None:
        """Removes a file."""
        system, folder = self._files
        with self._told("remove", name):
            system.rm_file(f"{folder}/{name}")

    def holds(self, name: str, size: int, sha256: str) -> bool:  # noqa: ARG002 - it would have to be fetched for that
        """Whether the file has that size."""
        system, folder = self._files
        with self._told("read", name):
            try:
                return bool(system.size(f"{folder}/{name}") == size)
            except FileNotFoundError:
                return False

    @contextmanager
    def _told(self, what: str, name: str) -> Iterator[None]:
        """Says where something went wrong; every file system has errors of its own."""
        try:
            yield
        except Exception as error:
            where = f"{self.url}/{name}".rstrip("/")
            raise OutputError(
                f"cannot {what} {where}: {error or type(error).__name__}; check that the bucket or folder exists, and"
                " the rights and the address that this machine is configured with"
            ) from error


Place = Folder | Location


def place_of(where: str) -> Place:
    """The place that a person names: a folder, or the URL of a location.

    >>> str(place_of("runs/frames")), str(place_of("file:///data/frames")), str(place_of("memory://frames/"))
    ('runs/frames', '/data/frames', 'memory://frames')
    """
    if where.startswith(FILE):
        where = where.removeprefix(FILE)
    return Location(where) if LOCATION in where else Folder(Path(where).expanduser())
