"""The id of a folder's content is held against git's own."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from emovae.errors import OutputError
from emovae.git_tree import tree_id

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not here")

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""What git calls a tree without an entry, on every machine."""


def gits_tree(folder: Path, beside: Path) -> str:
    """`git write-tree` of a folder, by a repository that lies elsewhere."""
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_DIR": str(beside / "repository"),
        "GIT_WORK_TREE": str(folder),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "HOME": str(beside),
    }

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=folder, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "--quiet")
    git("add", "--all", "--force", ".")
    return git("write-tree")


def odd_folder(folder: Path) -> Path:
    """Names that sort in unlike ways, programs, links, what is empty."""
    for name in (
        "a/inner",
        "a-b",
        "a.b",
        "a0",
        "b/c/d/e",
        "b.c/x",
        "b0/x",
        "Grüße ü.wav",
        "with blank",
        " x",
        "-y",
        "A",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode() * 1000)
    (folder / "line\nbreak").write_bytes(b"")
    (folder / os.fsdecode(b"latin-\xe9")).write_bytes(b"\r\n\0")
    (folder / "run").write_bytes(b"#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    (folder / "groups-only").write_bytes(b"x")
    (folder / "groups-only").chmod(0o654)
    (folder / "link").symlink_to("a/inner")
    (folder / "link-to-folder").symlink_to("b")
    (folder / "broken").symlink_to("nowhere/ü")
    (folder / "empty" / "within").mkdir(parents=True)
    (folder / ".hidden").write_bytes(b"1")
    return folder


def test_a_folder_of_odd_names_has_gits_own_tree(tmp_path: Path) -> None:
    folder = odd_folder(tmp_path / "folder")
    assert tree_id(folder) == gits_tree(folder, tmp_path)


def test_a_folder_without_files_is_gits_empty_tree(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert tree_id(tmp_path) == EMPTY_TREE


@pytest.mark.parametrize("change", ["content", "name", "mode", "added", "removed", "moved"])
def test_every_change_changes_the_tree(change: str, tmp_path: Path) -> None:
    folder = odd_folder(tmp_path / "folder")
    before = tree_id(folder)
    match change:
        case "content":
            (folder / "b" / "c" / "d" / "e").write_bytes(b"other")
        case "name":
            (folder / "a0").rename(folder / "a1")
        case "mode":
            (folder / "a0").chmod(0o755)
        case "added":
            (folder / "b" / "new").write_bytes(b"")
        case "removed":
            (folder / "a0").unlink()
        case "moved":
            (folder / "a0").rename(folder / "b" / "a0")
    assert tree_id(folder) != before


def test_what_is_left_out_is_left_out_at_the_top_only(tmp_path: Path) -> None:
    folder = odd_folder(tmp_path / "folder")
    before = tree_id(folder)
    (folder / "record.json").write_bytes(b"{}")
    assert tree_id(folder, {"record.json"}) == before
    (folder / "b" / "record.json").write_bytes(b"{}")
    assert tree_id(folder, {"record.json"}) != before


def test_what_git_cannot_hold_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's whole path must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("here.sock")
        with pytest.raises(OutputError, match=r"here\.sock is neither a file nor a folder nor a link"):
            tree_id(tmp_path)
