"""One at a time: what several processes may want to make at once has a lock, which ends with the process that holds it.

The lock is the system's own (flock), so that a killed process leaves nothing to clear away; beside it stands who
holds it, for those who wait. The empty file of a lock stays: whoever removed it could take it from under another.
"""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from emovae.errors import OutputError

ASKED_S = 0.05
"""How often a waiting process asks again."""

Tell = Callable[[str], None]


def nobody(_text: str) -> None:
    """Tells nobody."""


@contextmanager
def held(place: Path, tell: Tell = nobody, *, refused: str | None = None) -> Iterator[None]:
    """Holds the lock of a place for the block, and waits for it where another process holds it; may be nested.

    Args:
        place: what is locked; its lock is a hidden file beside it, whose folder is made where it is not there.
        tell: is told, once, for whom this waits.
        refused: what the error says where another process holds it and this is not to wait; None to wait.

    Raises:
        OutputError: where no lock can be made, or with `refused`.
    """
    beside = place.with_name(f".{place.name}.lock")
    lock = _acquired(place, beside, tell, refused)
    try:
        with suppress(OSError):  # who waits is told less then
            _told(beside).write_text(json.dumps({"process": os.getpid(), "host": socket.gethostname()}))
        yield
    finally:
        if lock.lock_counter == 1:  # the outermost of nested blocks
            with suppress(OSError):
                _told(beside).unlink(missing_ok=True)
        lock.release()


def _acquired(place: Path, beside: Path, tell: Tell, refused: str | None) -> FileLock:
    lock = FileLock(beside, is_singleton=True)
    try:
        beside.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            if refused is not None:
                raise OutputError(refused) from error
            tell(f"{place} is in use by {_holder(beside)}; this waits until that is done")
            lock.acquire(poll_interval=ASKED_S)
    except (OSError, NotImplementedError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise OutputError(
            f"cannot lock {place}: {why}; give a folder you can write to, on a disk with locks"
        ) from error
    return lock


def _holder(beside: Path) -> str:
    try:
        told = json.loads(_told(beside).read_bytes())
        return f"process {told['process']} on {told['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _told(beside: Path) -> Path:
    return beside.with_suffix(".holder")
