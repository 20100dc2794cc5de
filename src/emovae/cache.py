"""Arrays on disk, named by what they were computed from, and read row by row.

An array is two files: the values as raw little-endian float32, and a JSON beside them, written last, so that an array
without its JSON was never finished. The JSON holds the checksum of both.

They are read and not memory-mapped: where a disk or a network share goes away, a read fails with an error that names
the file, while the system ends a process that touches a map of it.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae.errors import DamagedError, OutputError
from emovae.files import clear_begun, damaged, digest_of_file, written_whole
from emovae.locks import Tell
from emovae.sealed import read_sealed, set_aside, write_sealed

Rows = NDArray[np.float32]

SYNCED_BYTES = 2**23
"""So much goes to the disk at a time, while other threads compute what follows."""


class Cached(NamedTuple):
    """An array and what was written beside it.

    Attributes:
        path: the file of its values.
        shape: rows and columns.
        facts: the JSON beside it.
    """

    path: Path
    shape: tuple[int, int]
    facts: dict[str, Any]

    @property
    def values(self) -> Rows:
        """All of it, float32 [row, column], read anew."""
        return self.read(0, self.shape[0])

    def read(self, start: int, stop: int) -> Rows:
        """Some rows, float32 [row, column].

        Raises:
            OutputError: when the file is gone or shorter than it was, or its disk does not answer.
        """
        rows = np.empty((stop - start, self.shape[1]), np.dtype("<f4"))
        wanted = rows.reshape(-1).view(np.uint8).data
        try:
            with self.path.open("rb", buffering=0) as stream:
                stream.seek(start * self.shape[1] * rows.itemsize)
                while wanted and (got := stream.readinto(wanted)):
                    wanted = wanted[got:]
        except OSError as error:
            raise OutputError(_gone(self.path, error.strerror or str(error))) from error
        if wanted:
            raise OutputError(_gone(self.path, f"{len(wanted)} bytes of rows {start} to {stop} are missing"))
        return rows


def intact(folder: Path, key: str, tell: Tell) -> Cached | None:
    """As `find`, with every value read and compared with the checksum.

    Args:
        folder: the cache.
        key: the name.
        tell: is told of a damaged array, which is set aside.
    """
    values, beside = _places(folder, key)
    try:
        found = find(folder, key)
        if found is not None and digest_of_file(values) != found.facts["values"]:
            tell(set_aside(values, damaged(values, "its checksum is not its content's")))
            return None
    except DamagedError as error:
        tell(set_aside(beside, error))
        return None
    return found


def find(folder: Path, key: str) -> Cached | None:
    """The array of that name, or None when it is not there or not whole.

    Raises:
        DamagedError: when the JSON is not as it was written.
    """
    values, beside = _places(folder, key)
    if not (beside.exists() and values.exists()):
        return None
    facts = read_sealed(beside)
    rows, columns = _shape(beside, facts.get("shape"))
    if not isinstance(facts.get("values"), str):
        raise damaged(beside, "it holds no checksum of the values")
    if values.stat().st_size != rows * columns * np.dtype(np.float32).itemsize:
        return None
    return Cached(values, (rows, columns), facts)


def keep(folder: Path, key: str, columns: int, blocks: Iterable[Rows], facts: dict[str, Any]) -> None:
    """Writes an array block by block, so that it never stands in memory whole.

    Args:
        folder: the cache.
        key: a name derived from everything that the values depend on.
        columns: how many values a row has.
        blocks: float32 [row, column], one after the other.
        facts: what to write beside the array; may be filled while the blocks are drawn.

    Raises:
        OutputError: when the folder cannot be written.
    """
    values, beside = _places(folder, key)
    rows, fresh, digest = 0, 0, hashlib.sha256()
    with written_whole(values) as stream:
        for block in blocks:
            rows += len(block)
            content = np.ascontiguousarray(block, np.dtype("<f4")).data
            digest.update(content)
            fresh += stream.write(content)
            if fresh > SYNCED_BYTES:
                stream.flush()
                os.fsync(stream.fileno())
                fresh = 0
    write_sealed(beside, {**facts, "shape": [rows, columns], "values": digest.hexdigest()})


def clear(folder: Path, key: str) -> None:
    """Removes what a killed process has begun of an array; for who holds its lock."""
    clear_begun(folder, f"{key}.*")


def _gone(values: Path, why: str) -> str:
    return (
        f"{values} cannot be read any more: {why}; bring its disk or network share back, or name another folder with"
        " --cache, and give the same command again: what is finished is kept"
    )


def _shape(beside: Path, told: Any) -> tuple[int, int]:
    """Rows and columns, where they are some."""
    if isinstance(told, list) and [type(one) for one in told] == [int, int] and told[0] >= 0 and told[1] > 0:
        return told[0], told[1]
    raise damaged(beside, f"{told!r:.80} is no shape of rows and columns")


def _places(folder: Path, key: str) -> tuple[Path, Path]:
    return folder / f"{key}.f32", folder / f"{key}.json"
