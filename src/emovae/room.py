"""Room for large arrays: memory up to a limit, and beyond it files without a name.

A file is mapped into memory and has lost its name before it holds a value, so that the system takes its place back
however the process ends. What of a map has been read or written counts as memory of the process until it is let go;
the values stay in the file, and in the system's own cache as long as nobody needs that place.
"""

import ctypes
import mmap
import os
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from emovae.errors import OutputError

AT_ONCE_BYTES = 2**27
"""What is read or written of a map before it is let go."""
ARRAYS = 5
"""Segments or latents of training, validation and test that a cell has at once."""
LINUX = sys.platform == "linux"
"""Elsewhere arrays lie in memory, whatever their size."""


class Room(NamedTuple):
    """How large an array in memory may be, in bytes, and the folder for those that are larger; None: of any size."""

    most_bytes: int | None = None
    folder: Path = Path()

    def holds(self, size_bytes: int) -> bool:
        """Whether an array of that size lies in memory."""
        return not LINUX or self.most_bytes is None or size_bytes <= self.most_bytes

    def empty(self, rows: int, columns: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """An array [row, column] whose values are still to be written.

        Raises:
            OutputError: when the folder has no place for it.
        """
        size = rows * columns * dtype.itemsize
        if self.holds(size):
            return torch.empty(rows, columns, dtype=dtype)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".array.", suffix=".part", dir=self.folder)
            Path(name).unlink()
            try:
                # All of it is claimed at once: a disk that is full later would end the process without a word.
                os.posix_fallocate(handle, 0, size)
                return torch.from_file(f"/proc/self/fd/{handle}", True, rows * columns, dtype=dtype).view(rows, columns)
            finally:
                os.close(handle)
        except (OSError, RuntimeError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise OutputError(
                f"{self.folder} has no place for {size / 2**30:.1f} GiB of segments or latents that memory does not"
                f" hold: {why}; free some, name another with --cache, or raise --memory"
            ) from error


IN_MEMORY = Room()


def shared_room(memory_gib: float | None, processes: int, folder: Path) -> Room:
    """The room of each of several processes.

    Args:
        memory_gib: what all of them may hold in segments and latents; None for half of what the machine has.
        processes: how many there are. Each has up to `ARRAYS` at once.
        folder: for arrays that are larger.
    """
    if memory_gib is None:
        memory_gib = machine_bytes() / 2**31
    return Room(int(memory_gib * 2**30 / processes / ARRAYS), folder)


def machine_bytes() -> int:
    """The memory of the machine, or of the container that this runs in."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if LINUX else sys.maxsize
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:  # no container, or one of an older kind
        return whole
    return min(whole, int(limit)) if limit.isdigit() else whole


def let_go(*arrays: Tensor) -> None:
    """Gives the memory of arrays back that lie in files; the values stay there. Others are left alone."""
    for storage in (array.untyped_storage() for array in arrays):
        if storage.device.type == "cpu" and storage.filename is not None and LINUX:
            place, size = ctypes.c_void_p(storage.data_ptr()), ctypes.c_size_t(storage.nbytes())
            ctypes.CDLL(None).madvise(place, size, mmap.MADV_DONTNEED)
