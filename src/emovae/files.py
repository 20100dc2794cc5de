"""Files appear whole or not at all: written beside, synced, renamed. And JSON, whose content names it."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from emovae.errors import ConfigError, DamagedError, NoSpaceError, OutputError

FULL = (errno.ENOSPC, errno.EDQUOT)
"""The disk, or the share of it that a person has."""


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Opens a file for writing that takes its name only once it is complete and on the disk.

    Args:
        path: the final name; its folder is made when it is not there.

    Yields:
        A binary file. When the block raises, the unfinished file is removed and `path` stays as it was.

    Raises:
        NoSpaceError: when the disk is full.
        OutputError: when the place cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
        _sync(path.parent)
    except OSError as error:
        if error.errno in FULL:
            raise full(path, _size(beside), error) from error
        raise OutputError(f"cannot write {path}: {error.strerror or error}; give a folder you can write to") from error
    finally:
        # Where the name itself is the trouble, even this fails; the message above has told it already.
        with suppress(OSError):
            beside.unlink()


def require_parquet(instead: str = "") -> None:
    """Requires pyarrow, which an environment that only answers does without.

    Args:
        instead: what would do without it, too.

    Raises:
        ConfigError: when it is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415 - a second that others need not wait for
    except ImportError as error:
        remedy = "pip install pyarrow" + (f"; or {instead}" if instead else "")
        raise ConfigError(f"Parquet needs pyarrow, which is not installed: {remedy}") from error


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a whole file, see `written_whole`."""
    try:
        with written_whole(path) as stream:
            stream.write(content)
    except NoSpaceError as error:
        raise full(path, len(content), error) from error


def full(path: Path, needed: int, why: BaseException) -> NoSpaceError:
    """The error to raise where a disk has no room for a file of so many bytes, or of more."""
    reason = why.strerror if isinstance(why, OSError) else "No space left on device"
    return NoSpaceError(
        f"cannot write {path}: {reason}; it needs {_megabytes(needed)} or more, and"
        f" {_megabytes(shutil.disk_usage(path.parent).free)} are free there. Free some, or give another folder; what is"
        " finished is kept, and the same command goes on from it"
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _sync(folder: Path) -> None:
    """Brings a new name to the disk: after a power cut it would be the old one otherwise."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems cannot, and keep order by themselves
            os.fsync(handle)
    finally:
        os.close(handle)


def canonical_json(value: object) -> str:
    """The one spelling of a JSON value: keys sorted, no blanks; what keys and fingerprints hash.

    >>> canonical_json({"b": 1, "a": [2.5, None]})
    '{"a":[2.5,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def write_json(path: Path, value: object) -> None:
    """Writes a JSON file for people: indented, keys in the order given."""
    write_bytes(path, json_for_people(value))


def json_for_people(value: object) -> bytes:
    """A JSON value as people read it: indented, keys in the order given."""
    return (json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode(errors="backslashreplace")


def read_json(path: Path) -> Any:
    """Reads a JSON file that emovae wrote.

    Raises:
        OutputError: when it is damaged, or cannot be read.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, why: object) -> DamagedError:
    """The error to raise for a file of emovae's own that is not as it was written."""
    return DamagedError(f"{path} is damaged ({why}); the `emovae run` command that wrote it computes it again")


def unreadable(path: Path, error: OSError) -> OutputError:
    """The error to raise for a file of emovae's own that the system does not give."""
    return OutputError(f"{path} cannot be read: {error.strerror or error}; check its rights")


def fingerprint(value: object, length: int = 16) -> str:
    """Names a JSON value by its content: the first hexadecimal digits of a SHA-256.

    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(canonical_json(value).encode(errors="backslashreplace")).hexdigest()[:length]


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def clear_begun(folder: Path, names: str = "*") -> None:
    """Removes files that a killed process has begun, see `written_whole`; for who knows that nobody else writes.

    Args:
        folder: where they lie.
        names: of the finished files, a pattern.
    """
    for begun in folder.glob(f".{names}.part"):
        begun.unlink(missing_ok=True)


def is_free(folder: Path) -> bool:
    """Whether nothing is there, or an empty folder."""
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def require_writable(folder: Path) -> None:
    """Makes the folder and tries it with a file, so that a run fails before its first hour and not after.

    Raises:
        OutputError: when it cannot be made or written.
    """
    write_bytes(folder / ".writable", b"")
    (folder / ".writable").unlink(missing_ok=True)  # another run may try the same folder
