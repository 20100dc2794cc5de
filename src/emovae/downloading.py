"""A file comes over HTTP, and goes on where the last attempt ended; it takes its name once it is whole and right.

pooch holds a download against its checksum and knows the research repositories, but it throws away what it has when a
connection ends. So it is given a downloader that keeps it, in `NAME.part`, beside what tells whether the server still
has the same file.
"""

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from emovae.errors import ConfigError, OutputError
from emovae.files import read_json, write_json

if TYPE_CHECKING:
    from requests import Response

Tell = Callable[[int, int | None], None]
"""Is told how many bytes of a file have come, and of how many, where the server says so."""

ATTEMPTS = 3
PAUSE_S = 1.0
TIMEOUT_S = 30.0
"""So long without a byte is a connection that has ended."""
CHUNK_BYTES = 2**18
PARTIAL, NOT_SATISFIABLE, SERVER_ERRORS = 206, 416, 500


def at(mirror: str | None, address: str) -> str:
    """An address, or the same path on another server.

    >>> at("http://127.0.0.1:8000/kept/", "https://zenodo.org/api/records/1?download=1")
    'http://127.0.0.1:8000/kept/api/records/1?download=1'
    """
    if mirror is None:
        return address
    parts = urlsplit(address)
    return mirror.rstrip("/") + parts.path + (f"?{parts.query}" if parts.query else "")


def pooch() -> Any:
    """The library that downloads.

    Raises:
        ConfigError: where it is not installed.
    """
    try:
        import pooch as library  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigError("what downloads corpora is not installed; pip install 'emovae[fetch]'") from error
    library.get_logger().setLevel("WARNING")  # it tells what the shell tells
    return library


def download(address: str, place: Path, checksum: str | None, tell: Tell) -> None:
    """Downloads a file, or goes on with it; one that is there and right is left as it is.

    Args:
        address: `http://...` or `https://...`.
        place: its name in a folder that is there. `place.part` is there until it is whole.
        checksum: such as `md5:0123...`; None where nobody states one.
        tell: see `Tell`.

    Raises:
        OutputError: when the server refuses, cannot be reached, or gives another file than the checksum's, which is
            removed; or when the disk has no room.
        ConfigError: where pooch is not installed.
    """
    library = pooch()
    from requests import RequestException  # noqa: PLC0415 - comes with it
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    continued = Continued(place, tell)
    try:
        library.retrieve(address, checksum, place.name, place.parent, downloader=continued)
    except (RequestException, HTTPError) as error:
        kept = continued.kept(address).size
        raise OutputError(
            f"{address}: {str(error).partition(chr(10))[0]}; check the network. "
            + (f"{kept:,} bytes are kept, and the same command goes on from there" if kept else "Then try it again")
        ) from error
    except ValueError as error:  # so pooch tells a wrong checksum, with both
        raise OutputError(
            f"{address}: {error} It is removed; fetch it again, and where it is the same then, ask the publisher"
        ) from error
    except OSError as error:
        raise OutputError(f"cannot write {place}: {error.strerror or error}; give another folder") from error


class Kept(NamedTuple):
    """What is there of a file: how many bytes, the server's mark of exactly that file, and its size where known."""

    size: int = 0
    mark: str = ""
    total: int | None = None


class Continued:
    """A downloader for pooch that goes on with a part, see `download`."""

    def __init__(self, place: Path, tell: Tell) -> None:
        self.part, self.note = (place.with_name(f"{place.name}{ending}") for ending in (".part", ".part.json"))
        self.tell = tell

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        """As pooch calls it: brings the file, or raises what requests and urllib3 raise."""
        from requests import RequestException  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        for attempt in range(ATTEMPTS):
            try:
                self._bring(url)
                break
            except (RequestException, HTTPError) as error:
                if attempt == ATTEMPTS - 1 or _refused(error):
                    raise
                time.sleep(PAUSE_S)
        self.part.replace(output_file)
        self.note.unlink(missing_ok=True)

    def _bring(self, url: str) -> None:
        """One attempt: what is there is kept where the server still has the same file, else it begins anew."""
        kept = self.kept(url)
        if kept.size and kept.size == kept.total:
            return
        with self._asked(url, kept) as response:
            if not (kept.size and _is_other(response, kept)):
                response.raise_for_status()
                # A server that knows no ranges, or has another file by now, sends all of it.
                self._take(url, response, kept.size if response.status_code == PARTIAL else 0)
                return
        self._forget()
        self._bring(url)

    def _asked(self, url: str, kept: Kept) -> "Response":
        import requests  # noqa: PLC0415

        # What is compressed on the way has no bytes to count from.
        headers = {"Accept-Encoding": "identity"}
        rest = {"Range": f"bytes={kept.size}-", "If-Range": kept.mark} if kept.size else {}
        return requests.get(url, headers={**headers, **rest}, stream=True, timeout=TIMEOUT_S)

    def _take(self, url: str, response: "Response", begin: int) -> None:
        from requests import ConnectionError as Ended  # noqa: PLC0415

        length = response.headers.get("Content-Length", "")
        total = begin + int(length) if length.isdigit() else None
        self._require_room(begin, total)
        with self.part.open("ab" if begin else "wb") as stream:
            write_json(self.note, {"address": url, "mark": _mark(response), "total": total})
            come = begin
            self.tell(come, total)
            for chunk in response.raw.stream(CHUNK_BYTES, decode_content=False):
                stream.write(chunk)
                come += len(chunk)
                self.tell(come, total)
        if total is not None and come != total:  # urllib3 before 2 does not tell
            raise Ended(f"the connection ended after {come:,} of {total:,} bytes")

    def _require_room(self, begin: int, total: int | None) -> None:
        """Room for the rest, and for what it unpacks to, which of sound is as much as the archive at least."""
        free = shutil.disk_usage(self.part.parent).free
        if total is not None and 2 * total - begin > free:
            raise OutputError(
                f"{self.part.parent} has {free:,} bytes free, and this takes {2 * total - begin:,} or more, the archive"
                " and what it holds; free some, or give a folder on another disk"
            )

    def kept(self, url: str) -> Kept:
        """What is there of the file at an address; nothing, where it cannot be told of which file it is a part."""
        with suppress(OSError, OutputError, KeyError, TypeError):
            noted = read_json(self.note)
            if noted["address"] == url and noted["mark"]:
                return Kept(self.part.stat().st_size, noted["mark"], noted["total"])
        return Kept()

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def _mark(response: "Response") -> str:
    """What a server calls exactly these bytes; a weak tag does not, and so is none."""
    tag = str(response.headers.get("ETag", ""))
    return tag if tag and not tag.startswith("W/") else str(response.headers.get("Last-Modified", ""))


def _is_other(response: "Response", kept: Kept) -> bool:
    """Whether an answer to what is missing is of another file, or of another place in it."""
    if response.status_code == PARTIAL:
        begins = str(response.headers.get("Content-Range", "")).startswith(f"bytes {kept.size}-")
        return not begins or _mark(response) not in {"", kept.mark}
    return response.status_code == NOT_SATISFIABLE


def _refused(error: Exception) -> bool:
    """Whether to ask again would bring the same answer."""
    response = getattr(error, "response", None)
    return response is not None and response.status_code < SERVER_ERRORS
