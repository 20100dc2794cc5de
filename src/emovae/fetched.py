"""What stands in `fetched.json`, in a fetched corpus's folder: what came from where, and who stated what it must be."""

import re
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from emovae.corpora import Reader
from emovae.corpora.release import Commit, Deposit
from emovae.errors import ConfigError, OutputError
from emovae.files import digest_of_file, is_free, read_json
from emovae.git_tree import tree_id

RECORD = "fetched.json"
BY_COMMIT, BY_PUBLISHER, BY_NOBODY = "the commit's tree", "the publisher's checksums", "recorded at first download"
LICENCE = re.compile(r"(?i)(licen[cs]e|copying)\b.*")


class Fetched(NamedTuple):
    """A corpus in its folder.

    Attributes:
        folder: where.
        record: what `fetched.json` says.
        new: whether it has come now; else it was there, and is as it came.
    """

    folder: Path
    record: dict[str, Any]
    new: bool


class Download(NamedTuple):
    """A file to be had, and the publisher's checksum of it; None where the publisher states none."""

    name: str
    address: str
    checksum: str | None = None


class Expected(NamedTuple):
    """The tree that the files must give, and who says so."""

    tree: str
    by: str


def expected(reader: Reader, like: Path | None) -> list[Expected]:
    """What the files are held against beside checksums: the commit, and the record of somebody else's copy.

    Raises:
        ConfigError: for a record of another corpus.
        OutputError: for one that cannot be read.
    """
    release = reader.release
    pinned = [Expected(release.tree, f"commit {release.id}")] if isinstance(release, Commit) else []
    if like is None:
        return pinned
    record = _read(like)
    if record["corpus"] != reader.name:
        raise ConfigError(f"{like} is a record of {record['corpus']}; give the {RECORD} of a fetched {reader.name}")
    return [*pinned, Expected(record["tree"], str(like))]


def already(reader: Reader, out: Path, like: Path | None = None) -> Fetched | None:
    """The corpus, where the folder holds it and nothing else; None where the folder is new or empty.

    All files are read and held against what they were.

    Args:
        reader: of the corpus.
        out: the folder.
        like: the record of somebody else's copy, whose files must be the same.

    Raises:
        OutputError: for a folder that holds something else, or the corpus not as it came, or not as it must be.
        ConfigError: for a record of another corpus.
    """
    if is_free(out):
        return None
    if not (out / RECORD).is_file():
        raise OutputError(f"{out} holds something that `emovae fetch` has not put there; give a new or empty folder")
    record = _read(out / RECORD)
    pinned = reader.release.id if isinstance(reader.release, Commit) else None
    if (record["corpus"], record["commit"]) != (reader.name, pinned):
        held, wanted = _called(record["corpus"], record["commit"]), _called(reader.name, pinned)
        raise OutputError(f"{out} holds {held}, and not {wanted}; give a new or empty folder")
    found = tree_id(out, {RECORD})
    for one in (Expected(record["tree"], RECORD), *expected(reader, like)):
        if found != one.tree:
            raise OutputError(
                f"{out} is not as it must be: its files give the tree {found}, and {one.by} states {one.tree}; some"
                " were changed, added or taken away. Move it away and fetch the corpus anew"
            )
    return Fetched(out, record, new=False)


def record_of(reader: Reader, downloads: list[Download], places: list[Path], folder: Path, tree: str) -> dict[str, Any]:
    """What `fetched.json` says of files that have just come.

    Args:
        reader: of the corpus.
        downloads: what has come.
        places: where each of them lies.
        folder: what was in them.
        tree: that folder's.
    """
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    release = reader.release
    return {
        "corpus": reader.name,
        "source": reader.source,
        "commit": release.id if isinstance(release, Commit) else None,
        "tree": tree,
        "checked_by": _checked_by(reader),
        "files": len(files),
        "bytes": sum(path.stat().st_size for path in files),
        "licence": reader.licence,
        "licence_files": sorted(each.name for each in folder.iterdir() if LICENCE.fullmatch(each.name)),
        "fetched": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "emovae": version("emovae"),
        "downloads": [
            {
                "address": each.address,
                "bytes": place.stat().st_size,
                "sha256": digest_of_file(place),
                "publishers_checksum": each.checksum,
            }
            for each, place in zip(downloads, places, strict=True)
        ],
    }


def _checked_by(reader: Reader) -> str:
    if isinstance(reader.release, Commit):
        return BY_COMMIT
    return BY_PUBLISHER if isinstance(reader.release, Deposit) else BY_NOBODY


def _called(corpus: str, commit: str | None) -> str:
    return f"{corpus} at commit {commit}" if commit else corpus


def _read(path: Path) -> dict[str, Any]:
    try:
        record = read_json(path)
        held = {"corpus", "commit", "tree", "files", "bytes", "checked_by", "licence_files"} <= set(record)
    except (OutputError, TypeError):
        held = False
    if not held:
        raise OutputError(f"{path} is no record of `emovae fetch`, or is damaged; fetch the corpus into a new folder")
    return dict(record)
