"""Corpora that anybody may download: pinned, checked, and in their place whole or not at all.

A repository on GitHub is pinned to its commit, and its files are held against that commit's tree. Files of a research
repository are held against the checksums that it states. Of a bare archive nobody states any: what came is recorded,
and said to be no more than that. Downloads lie in `.FOLDER.fetching` until all is right, and go on from there.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from emovae.corpora import READERS, Reader
from emovae.corpora.release import Archive, ByHand, Commit, Deposit
from emovae.deposits import listed
from emovae.downloading import at, download, pooch
from emovae.errors import CorpusError, OutputError
from emovae.fetched import RECORD, Download, Fetched, already, expected, record_of
from emovae.files import require_writable, write_json
from emovae.git_tree import tree_id
from emovae.locks import held
from emovae.unpacking import BadArchiveError, unpack

GITHUB_ARCHIVES = "https://codeload.github.com"
DOWNLOADS = "downloads"
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

Tell = Callable[[str, int, int | None], None]
"""Is told which file comes, how many bytes of it have, and of how many, where the server says so."""


def fetchable(name: str) -> Reader:
    """The reader of a corpus that emovae can download.

    Raises:
        CorpusError: for a name that is none, or a corpus that is not openly downloadable; the message says how else.
    """
    known = {reader.name: reader for reader in READERS if reader.release is not None}
    if name not in known:
        raise CorpusError(f"there is no corpus {name!r} to fetch; there are {', '.join(known)}")
    reader = known[name]
    _release(reader)
    return reader


def _release(reader: Reader) -> Commit | Deposit | Archive:
    """Where a corpus can be downloaded from; raises as `fetchable` does where it cannot."""
    release = reader.release
    if release is None:
        raise CorpusError(f"{reader.name} is {reader.title}, which nobody publishes; give the name of a corpus")
    if isinstance(release, ByHand):
        raise CorpusError(
            f"emovae cannot download {reader.title}.\n  source:  {reader.source}\n  licence: {reader.licence}\n"
            f"How to get it: {release.how}. Then `emovae check FOLDER` says whether all is there"
        )
    return release


def fetch(reader: Reader, out: Path, tell: Tell, *, mirror: str | None = None, like: Path | None = None) -> Fetched:
    """Downloads a corpus into a new or empty folder, or goes on with that; to agree to its licence is the caller's.

    Args:
        reader: of the corpus, see `fetchable`.
        out: the folder.
        tell: see `Tell`.
        mirror: another server, `http://...`, with the same paths.
        like: the `fetched.json` of somebody else's copy, whose files must be the same.

    Raises:
        OutputError: when a server refuses or cannot be reached, what comes is not what it should be, or the folder
            cannot be written. Nothing is in the folder then.
        CorpusError: for a corpus that emovae cannot download.
        ConfigError: where pooch is not installed, or `like` is a record of another corpus.
    """
    real = out.resolve()  # `.` gets a name, and what a link leads to is filled
    pooch()
    release, wanted = _release(reader), expected(reader, like)
    if (found := already(reader, out, like)) is not None:
        return found
    if real == Path.cwd():
        raise OutputError(f"--out {out} is the folder you are in, which is replaced; give the name of another")
    require_writable(real.parent)
    with _workshop(real) as beside:
        downloads = _downloads(reader, release, mirror)
        places = [_brought(each, beside, tell, len(downloads) - n) for n, each in enumerate(downloads)]
        folder = _unpacked(reader, places, beside / "unpacked")
        tree = tree_id(folder)
        for one in wanted:
            if tree != one.tree:
                shutil.rmtree(beside)
                raise OutputError(
                    f"{reader.name}: the files that came give the tree {tree}, and {one.by} states {one.tree}; they"
                    " are removed. Fetch it again; where it is the same then, the server has not what was published"
                )
        record = record_of(reader, downloads, places, folder, tree)
        write_json(folder / RECORD, record)
        try:
            folder.replace(real)
        except OSError as error:
            raise OutputError(f"cannot write {out}: {error.strerror or error}; give another folder") from error
        shutil.rmtree(beside, ignore_errors=True)
    return Fetched(out, record, new=True)


@contextmanager
def _workshop(out: Path) -> Iterator[Path]:
    """The folder of downloads and of what is unpacked, for one process at a time; left where something failed."""
    beside = out.with_name(f".{out.name}.fetching")
    rival = f"another `emovae fetch` is at work on {out}; wait for it, or give another folder"
    with held(beside / DOWNLOADS, refused=rival):
        (beside / DOWNLOADS).mkdir(exist_ok=True)
        yield beside


def _downloads(reader: Reader, release: Commit | Deposit | Archive, mirror: str | None) -> list[Download]:
    match release:
        case Commit(commit):
            repository = urlsplit(reader.source).path
            address = at(mirror, f"{GITHUB_ARCHIVES}{repository}/tar.gz/{commit}")
            return [Download(f"{reader.name}-{commit}.tar.gz", address)]
        case Archive(address):
            return [Download(f"{reader.name}-{address.rpartition('/')[2]}", at(mirror, address))]
        case Deposit():
            return [Download(*each) for each in listed(release, mirror)]


def _brought(one: Download, beside: Path, tell: Tell, left: int) -> Path:
    label = one.name if left == 1 else f"{one.name} ({left} left)"
    place = beside / DOWNLOADS / one.name
    download(one.address, place, one.checksum, partial(tell, label))
    return place


def _unpacked(reader: Reader, places: list[Path], folder: Path) -> Path:
    """The corpus's folder: archives are unpacked, other files stand there by their names."""
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)  # of a fetch that was ended in the middle
    folder.mkdir()
    for place in places:
        if not place.name.lower().endswith(ARCHIVES):
            shutil.copyfile(place, folder / place.name)
            continue
        try:
            unpack(place, folder)
        except BadArchiveError:
            place.unlink()
            raise
    inside = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    alone = len(inside) == len(list(folder.iterdir())) == 1
    # GitHub puts all into one folder, NAME-COMMIT; some publishers do so, too.
    return inside[0] if alone and (isinstance(reader.release, Commit) or not reader.fits(folder)) else folder
