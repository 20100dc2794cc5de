"""Whether a report is still what this very emovae would make of its run: then nothing needs to be drawn again.

The last line of the page is a comment with a digest of all that the report was made of and of all that was made: the
files of the run folder, the figures, the page, and emovae's own code.
"""

import re
from functools import cache
from hashlib import sha256
from pathlib import Path

from emovae.files import digest_of_file, fingerprint

PAGE = "report.html"
NO_PART = {PAGE, "run.json"}  # the one is looked at by itself, the other tells when a run was
_SIGNED = re.compile(rb"(.*\n)<!-- made of ([0-9a-f]{32}) -->\n", re.DOTALL)


def signed(folder: Path, page: bytes) -> bytes:
    """A page with its last line; everything else must have been written."""
    whole = page.rstrip(b"\n") + b"\n"
    return whole + f"<!-- made of {_of(folder, whole)} -->\n".encode()


def is_fresh(folder: Path) -> bool:
    """Whether the report that lies there needs not be made again."""
    try:
        found = _SIGNED.fullmatch((folder / PAGE).read_bytes())
        return found is not None and found[2].decode() == _of(folder, found[1])
    except OSError:
        return False


def _of(folder: Path, page: bytes) -> str:
    files = [path for path in _files(folder) if path.name not in NO_PART]
    drawn = _files(folder / "figures")
    digests = sorted((path.name, digest_of_file(path)) for path in (*files, *drawn))
    return fingerprint([_code(), sha256(page).hexdigest(), digests], 32)


def _files(folder: Path) -> list[Path]:
    """Those of a folder; what a process has begun, or holds a lock by, is hidden."""
    return [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]


@cache
def _code() -> str:
    """A digest of emovae itself."""
    own = Path(__file__).parent
    files = sorted(path for path in own.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return fingerprint([(path.relative_to(own).as_posix(), digest_of_file(path)) for path in files])
