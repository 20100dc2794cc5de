"""Corpora: one small reader each, all giving the same table of utterances.

>>> from emovae import corpora
>>> corpora.open_corpus("synthetic:8").utterances[0].emotion
'anger'
"""

import os
from pathlib import Path

from emovae.corpora import (
    audformat,
    cremad,
    emodb,
    emotale,
    esd,
    iemocap,
    msp_podcast,
    nemo,
    ravdess,
    savee,
    shortcuts,
    synthetic,
    table,
    tess,
    urdu,
    way_out,
)
from emovae.corpora.corpus import Corpus, Reader
from emovae.errors import CorpusError

__all__ = ["READERS", "Corpus", "Reader", "guess", "open_corpus", "recorded"]

READERS: tuple[Reader, ...] = (
    urdu.READER,
    emotale.READER,
    nemo.READER,
    iemocap.READER,
    emodb.READER,
    ravdess.READER,
    cremad.READER,
    tess.READER,
    savee.READER,
    msp_podcast.READER,
    esd.READER,
    audformat.READER,
    table.READER,
)
"""Every reader of a folder, in the order in which a folder is held against them; `table` is the most general."""


def open_corpus(where: str, reader: str | None = None) -> Corpus:
    """Reads a corpus.

    Args:
        where: a folder, a label table, or `synthetic` or `synthetic:N` for N made-up utterances; see `shortcuts` for
            those with a shortcut planted in them.
        reader: a reader's name; None guesses it from the folder.

    Raises:
        CorpusError: when the folder or the reader is not there, or one does not fit the other.
    """
    if _is_synthetic(where):
        if reader not in (None, synthetic.NAME):
            raise CorpusError(f"--reader {reader} is for folders, and {where} is none; leave --reader out")
        return shortcuts.read(where) if where.count(":") > 1 else synthetic.read(where)
    if reader == synthetic.NAME:
        raise CorpusError(f"reader synthetic reads no folder; give --corpus {synthetic.NAME}:N in place of {where}")
    root = Path(where)
    return _reader(root, reader).read(root)


def recorded(where: str, reader: str | None = None) -> Reader:
    """The reader of a corpus that has recordings: the one that is named, or the first that knows the folder.

    Raises:
        CorpusError: when the folder or the reader is not there, one does not fit the other, or the corpus is
            made up.
    """
    if _is_synthetic(where) or reader == synthetic.NAME:
        raise CorpusError(
            "made-up voices have no recordings, so nothing can be wrong with them; give a folder or table"
        )
    return _reader(Path(where), reader)


def _is_synthetic(where: str) -> bool:
    return where == synthetic.NAME or where.startswith(f"{synthetic.NAME}:")


def _reader(root: Path, name: str | None) -> Reader:
    if not os.path.exists(root):  # noqa: PTH110 - unlike Path.exists, it takes a name that is too long for an answer
        raise CorpusError(way_out.of_nothing_there(str(root), {reader.name: reader for reader in READERS}))
    return guess(root) if name is None else _named(name, root)


def guess(root: Path) -> Reader:
    """The first reader that knows the folder.

    Raises:
        CorpusError: when none does; the message says what to give in its place, or lists what each expects.
    """
    for reader in READERS:
        if reader.fits(root):
            return reader
    if root.is_dir() and (other := way_out.of_folder(root, _surely_knowing)):
        raise CorpusError(other)
    expected = "\n".join(f"  {reader.name}: {reader.expects}" for reader in READERS)
    own = "Of recordings of your own write a table; see docs/own-corpus.md"
    raise CorpusError(f"no reader knows {root}. What each expects:\n{expected}\n{own}")


def _surely_knowing(folder: Path) -> list[Reader]:
    """Some table lies in many a folder; one of a corpus has a name of its own."""
    is_named = any((folder / name).is_file() for name in table.METADATA)
    return [reader for reader in READERS if (is_named or reader is not table.READER) and reader.fits(folder)]


def _named(name: str, root: Path) -> Reader:
    known = {reader.name: reader for reader in READERS}
    if name not in known:
        raise CorpusError(f"there is no reader {name!r}; the readers are {', '.join(known)} and {synthetic.NAME}")
    reader = known[name]
    if not reader.fits(root):
        fitting = [other.name for other in READERS if other.fits(root)]
        hint = f"--reader {fitting[0]} would fit" if fitting else "`emovae corpora` lists what each reader expects"
        raise CorpusError(f"reader {name} does not fit {root}: it expects {reader.expects}; {hint}")
    return reader
