"""Arrays on disk, named by what they were computed from, and memory-mapped when read.

An array is two files: the values as raw little-endian float32, and a JSON beside them, written last, so that an array
without its JSON was never finished.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae.files import damaged, read_json, write_json, written_whole

Rows = NDArray[np.float32]

SYNCED_BYTES = 2**23
"""So much goes to the disk at a time, while other threads compute what follows."""


class Cached(NamedTuple):
    """An array and what was written beside it.

    Attributes:
        values: float32 [row, column], memory-mapped, read-only.
        facts: the JSON beside it.
    """

    values: Rows
    facts: dict[str, Any]


def find(folder: Path, key: str) -> Cached | None:
    """The array of that name, or None when it is not there or not whole."""
    values, beside = _places(folder, key)
    if not (beside.exists() and values.exists()):
        return None
    facts = read_json(beside)
    if "shape" not in facts:
        raise damaged(beside, "no shape")
    rows, columns = facts["shape"]
    if values.stat().st_size != rows * columns * np.dtype(np.float32).itemsize:
        return None
    if rows == 0:  # the system maps no empty file
        return Cached(np.empty((0, columns), np.float32), facts)
    return Cached(np.memmap(values, np.dtype("<f4"), "r", shape=(rows, columns)), facts)


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
    rows = fresh = 0
    with written_whole(values) as stream:
        for block in blocks:
            rows += len(block)
            fresh += stream.write(np.ascontiguousarray(block, np.dtype("<f4")).data)
            if fresh > SYNCED_BYTES:
                stream.flush()
                os.fsync(stream.fileno())
                fresh = 0
    write_json(beside, {**facts, "shape": [rows, columns]})


def _places(folder: Path, key: str) -> tuple[Path, Path]:
    return folder / f"{key}.f32", folder / f"{key}.json"
