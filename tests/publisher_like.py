"""Stand-ins for publishers on 127.0.0.1: files with or without ranges, cut, slow or refused; Zenodo; a Dataverse."""

import hashlib
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import NamedTuple


class Sent(NamedTuple):
    """One answer to a GET: which bytes were asked for, and how many went out."""

    path: str
    asked: str
    status: int
    bytes: int


class PublisherLike(ThreadingHTTPServer):
    """Files by path, and what is wrong with the server."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.sent: list[Sent] = []
        self.ranges, self.marks, self.matching = True, True, True
        """Whether it knows ranges, marks files, and holds a mark it is given against the file."""
        self.cuts: list[int] = []
        """How many bytes of the next answers go out before the connection ends."""
        self.statuses: list[int] = []
        """What the next answers are in place of 200."""
        self.length: int | None = None
        """What the server says of its files' size; None is the truth."""
        self.stall_after: int | None = None
        """How many bytes go out before the server falls silent."""
        self.stalled = Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def deposit_at_zenodo(self, record: str, files: Mapping[str, bytes]) -> None:
        """Answers as Zenodo's interface does."""
        listed = []
        for name, content in files.items():
            link = f"/api/records/{record}/files/{name}/content"
            self.files[link] = content
            checksum = f"md5:{hashlib.md5(content, usedforsecurity=False).hexdigest()}"
            listed.append({"key": name, "checksum": checksum, "links": {"self": f"https://zenodo.org{link}"}})
        self.files[f"/api/records/{record}"] = json.dumps({"id": int(record), "files": listed}).encode()

    def deposit_at_dataverse(self, doi: str, files: Mapping[str, bytes]) -> None:
        """Answers as a Dataverse's interface does."""
        listed = []
        for number, (name, content) in enumerate(files.items()):
            self.files[f"/api/access/datafile/{number}"] = content
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
            listed.append({"dataFile": {"id": number, "filename": name, "md5": digest}})
        answer = {"data": {"latestVersion": {"files": listed}}}
        self.files[f"/api/datasets/:persistentId?persistentId=doi:{doi}"] = json.dumps(answer).encode()


class _Handler(BaseHTTPRequestHandler):
    server: PublisherLike

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        content = self.server.files.get(self.path)
        status = self.server.statuses.pop(0) if self.server.statuses else 200 if content is not None else 404
        asked = self.headers.get("Range", "")
        if status != 200 or content is None:
            self.sent(asked, status, b"", {})
            return
        mark = f'"{hashlib.sha256(content).hexdigest()}"' if self.server.marks else ""
        headers = {"ETag": mark} if mark else {}
        found = re.fullmatch(r"bytes=(\d+)-", asked)
        same = not self.server.matching or self.headers.get("If-Range", mark) == mark
        if found and self.server.ranges and same:
            begin = int(found[1])
            if begin >= len(content):
                self.sent(asked, 416, b"", {"Content-Range": f"bytes */{len(content)}"})
                return
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            self.sent(asked, 206, content[begin:], headers)
        else:
            self.sent(asked, 200, content, headers)

    def sent(self, asked: str, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        length = len(body) if self.server.length is None else self.server.length
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()
        out = body[: self.server.cuts.pop(0)] if body and self.server.cuts else body
        out = out[: self.server.stall_after]
        self.server.sent.append(Sent(self.path, asked, status, len(out)))
        try:
            self.wfile.write(out)
            if self.server.stall_after is not None:
                self.wfile.flush()
                self.server.stalled.wait()
        except OSError:  # the client went away
            pass


@contextmanager
def publisher_like() -> Iterator[PublisherLike]:
    """A stand-in that ends with the block."""
    with PublisherLike() as server:
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.stalled.set()
            server.shutdown()
            thread.join()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of these files, stored as they are."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    """A compressed tar of these files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()
