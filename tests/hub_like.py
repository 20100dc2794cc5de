"""A stand-in for the Hub on 127.0.0.1: repositories in memory, files by LFS or in the commit, as its client asks."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_standin"


class HubLike(ThreadingHTTPServer):
    """Repositories by name, each a tree of files with a commit; every request is noted."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.trees: dict[str, dict[str, bytes]] = {}
        self.objects: dict[str, bytes] = {}
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def commit(self, repository: str) -> str:
        tree = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(self.trees[repository].items())}
        return hashlib.sha1(json.dumps(tree).encode(), usedforsecurity=False).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    server: HubLike
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_POST(self) -> None:
        path, body = urlsplit(self.path).path, self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(f"POST {path}")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer({"error": "Invalid username or password."}, 401)
        elif path == "/api/repos/create":
            told = json.loads(body)
            name = f"{told.get('organization') or 'anna'}/{told['name']}"
            new = name not in self.server.trees
            self.server.trees.setdefault(name, {})
            self.answer({"url": f"{self.server.address}/{name}", "name": name}, 200 if new else 409)
        elif path == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            files = json.loads(body)["files"]
            modes = [
                {
                    "path": one["path"],
                    "uploadMode": "lfs" if one["path"].endswith(".safetensors") else "regular",
                    "shouldIgnore": False,
                }
                for one in files
            ]
            self.answer({"files": modes})
        elif path.endswith("/info/lfs/objects/batch"):
            objects = [
                {**one, "actions": {"upload": {"href": f"{self.server.address}/lfs/{one['oid']}"}}}
                for one in json.loads(body)["objects"]
            ]
            self.answer({"transfer": "basic", "objects": objects})
        elif found := re.fullmatch(r"/api/models/(.+)/commit/main", path):
            self.take(found[1], body)
        else:
            self.answer({"error": f"nothing at {path}"}, 404)

    def take(self, repository: str, body: bytes) -> None:
        tree = self.server.trees[repository]
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                tree[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                tree[value["path"]] = self.server.objects[value["oid"]]
        oid = self.server.commit(repository)
        url = f"{self.server.address}/{repository}/commit/{oid}"
        self.answer({"success": True, "commitOid": oid, "commitUrl": url})

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        oid = self.path.rpartition("/")[2]
        assert hashlib.sha256(content).hexdigest() == oid
        self.server.objects[oid] = content
        self.answer({})

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(f"{self.command} {path}")
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/(\w+)", path):
            self.info(found[1], found[2])
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/(\w+)/(.+)", path):
            self.file(*found.groups())
        else:
            self.missing()

    def do_HEAD(self) -> None:
        self.do_GET()

    def info(self, repository: str, revision: str) -> None:
        if repository not in self.server.trees:
            self.missing()
            return
        if revision not in ("main", self.server.commit(repository)):
            self.answer({"error": "Invalid rev id"}, 404, {"X-Error-Code": "RevisionNotFound"})
            return
        siblings = [
            {"rfilename": name, "size": len(content)} for name, content in self.server.trees[repository].items()
        ]
        self.answer({"id": repository, "sha": self.server.commit(repository), "siblings": siblings, "private": False})

    def file(self, repository: str, revision: str, name: str) -> None:
        content = self.server.trees[repository][name]
        headers = {"X-Repo-Commit": revision, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        self.send(content, 200, headers, "application/octet-stream")

    def missing(self) -> None:
        self.answer({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})

    def answer(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send(json.dumps(content).encode(), status, headers or {}, "application/json")

    def send(self, content: bytes, status: int, headers: dict[str, str], kind: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": kind, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def hub_like() -> Iterator[HubLike]:
    """A stand-in that ends with the block."""
    with HubLike() as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
