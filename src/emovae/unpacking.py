"""An archive from the net becomes a folder, and nothing outside that folder."""

import shutil
import stat
import tarfile
import zipfile
import zlib
from lzma import LZMAError
from pathlib import Path, PurePosixPath

from emovae.errors import OutputError

MOST_TIMES = 100
"""Sound never shrinks so far: what unpacks to more than this many times its archive is made to fill a disk."""
FLOOR_BYTES = 2**26
"""A small archive may all the same unpack to so much."""
ENTRY_BYTES = 512
"""What a file counts for beside its content, so that empty ones have an end, too."""


class BadArchiveError(OutputError):
    """An archive that is damaged, or made to do harm: of no use, however often it is tried."""


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks a zip, or a tar however compressed, into a folder.

    Args:
        archive: the file; its content tells its kind.
        folder: is there.

    Raises:
        BadArchiveError: for one that is damaged, or would write outside the folder or fill any disk. What has been
            unpacked until then stays.
        OutputError: when the folder cannot be written, or its disk is too small.
    """
    try:
        if zipfile.is_zipfile(archive):
            _unzip(archive, folder)
        else:
            _untar(archive, folder)
    except tarfile.FilterError as error:
        raise _unsafe(archive, str(error)) from error
    # Of names that no system can hold, and of compressions that are none, both say so in several ways.
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, LZMAError, EOFError, RuntimeError, ValueError) as error:
        raise BadArchiveError(
            f"{archive.name} is no archive, or is damaged ({error}); it is removed, fetch it again"
        ) from error
    except OSError as error:
        raise OutputError(f"cannot unpack into {folder}: {error.strerror or error}; give another folder") from error


def _untar(archive: Path, folder: Path) -> None:
    if not hasattr(tarfile, "data_filter"):
        raise OutputError("this Python cannot unpack a tar safely (3.11.4 and later can); install a newer one")
    limit = _Limit(archive, folder)
    with tarfile.open(archive, "r:*") as tar:
        for member in tar:
            _require_inside(archive, member.name)
            if not (member.isfile() or member.isdir() or member.issym()):
                raise _unsafe(archive, f"{member.name} is neither a file nor a folder nor a link")
            limit.add(member.size)
            tar.extract(member, folder, filter="data")  # refuses links that leave, and keeps who may run a file


def _unzip(archive: Path, folder: Path) -> None:
    limit = _Limit(archive, folder)
    with zipfile.ZipFile(archive) as zipped:
        for member in zipped.infolist():
            _require_inside(archive, member.filename)
            if stat.S_ISLNK(member.external_attr >> 16):
                raise _unsafe(archive, f"{member.filename} is a link")
            limit.add(member.file_size)
        zipped.extractall(folder)  # reads no more of a member than its stated size


class _Limit:
    """Counts what an archive unpacks to, and ends it before the disk is full."""

    def __init__(self, archive: Path, folder: Path) -> None:
        self.archive, self.total = archive, 0
        self.most = max(FLOOR_BYTES, MOST_TIMES * archive.stat().st_size)
        self.free = shutil.disk_usage(folder).free

    def add(self, size: int) -> None:
        """The next member, of so many bytes."""
        self.total += size + ENTRY_BYTES
        if self.total > self.most:
            raise _unsafe(self.archive, f"it unpacks to more than {self.most:,} bytes")
        if self.total > self.free:
            raise OutputError(
                f"{self.archive.name} unpacks to {self.total:,} bytes or more, and {self.free:,} are free;"
                " free some, or give a folder on another disk"
            )


def _require_inside(archive: Path, name: str) -> None:
    place = PurePosixPath(name.replace("\\", "/"))
    if not name.strip("/"):
        raise _unsafe(archive, f"{name!r} is the name of no file")
    if place.is_absolute() or ".." in place.parts or (place.parts[:1] and place.parts[0].endswith(":")):
        raise _unsafe(archive, f"{name!r} would be written outside of the folder")


def _unsafe(archive: Path, why: str) -> BadArchiveError:
    return BadArchiveError(
        f"{archive.name} is not unpacked: {why}. No publisher of a corpus means that; it is removed, and where it is"
        " the same when fetched again, tell them"
    )
