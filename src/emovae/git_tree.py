"""The id that git gives to a folder's content: the checksum that a publisher states with every commit.

It is the SHA-1 of the names, kinds and contents of all files, and so is the same whatever archive brought them.
Packages that compute it (dulwich, pygit2) bring a whole git along for what are thirty lines over hashlib.
An archive that leaves out files (`export-ignore`), changes their ends of lines or holds submodules has another tree
than its commit; such a corpus cannot be checked this way.
"""

import hashlib
import os
import stat
from collections.abc import Collection
from pathlib import Path

from emovae.errors import OutputError

FILE, PROGRAM, LINK, FOLDER = b"100644", b"100755", b"120000", b"40000"
CHUNK_BYTES = 2**20


def tree_id(folder: Path, leave_out: Collection[str] = ()) -> str:
    """The tree that `git write-tree` would name, had all of the folder been added.

    Folders without files are nothing to git, and of a file's mode only whether its owner may run it counts.

    Args:
        folder: with files, links and folders.
        leave_out: names in the topmost folder that do not belong to it.

    Returns:
        40 hexadecimal digits.

    Raises:
        OutputError: for what git cannot hold, such as a socket, or what cannot be read.
    """
    try:
        return _tree(os.fsencode(folder), frozenset(map(os.fsencode, leave_out)))[1].hex()
    except OSError as error:
        raise OutputError(f"{error.filename}: {error.strerror or error}; check the rights of {folder}") from error


def _tree(folder: bytes, leave_out: frozenset[bytes] = frozenset()) -> tuple[int, bytes]:
    """How many entries a folder has, and its id."""
    entries: list[tuple[bytes, bytes]] = []
    with os.scandir(folder) as found:
        for each in found:
            if each.name in leave_out:
                continue
            mode = each.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                inside, name = _tree(each.path)
                # Git sorts a folder as if its name ended with a slash: a.b, a/, a0.
                entries += [(each.name + b"/", FOLDER + b" " + each.name + b"\0" + name)] if inside else []
            else:
                kind, name = _leaf(each.path, mode)
                entries.append((each.name, kind + b" " + each.name + b"\0" + name))
    return len(entries), _named(b"tree", b"".join(entry for _, entry in sorted(entries)))


def _leaf(path: bytes, mode: int) -> tuple[bytes, bytes]:
    """The kind and the id of a file or link."""
    if stat.S_ISLNK(mode):
        return LINK, _named(b"blob", os.readlink(path))  # noqa: PTH115 - Path has no names in bytes
    if not stat.S_ISREG(mode):
        raise OutputError(f"{os.fsdecode(path)} is neither a file nor a folder nor a link; remove it")
    with open(path, "rb") as stream:  # noqa: PTH123 - as above
        digest = hashlib.sha1(b"blob %d\0" % os.fstat(stream.fileno()).st_size, usedforsecurity=False)
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return (PROGRAM if mode & stat.S_IXUSR else FILE), digest.digest()


def _named(kind: bytes, content: bytes) -> bytes:
    return hashlib.sha1(kind + b" %d\0" % len(content) + content, usedforsecurity=False).digest()
