"""Which recordings a model has heard: marks of their content in its folder, by which nothing can be heard or named.

A mark is of the file, whatever its name; the same sound in another container has another.
"""

import hashlib
from collections.abc import Iterable

from emovae.corpora import Corpus
from emovae.utterance import Utterance

DIGITS = 12
"""Hexadecimal ones: two corpora of 40,000 recordings each share one by chance in one of 170,000 pairs."""
MOST = 40_000
"""Of more recordings no marks are kept, since the file of a model's facts may have a MiB."""


def mark(corpus: Corpus, utterance: Utterance) -> str:
    """The mark of a recording.

    Raises:
        AudioError: when its file is not there or cannot be read.
    """
    return hashlib.sha256(corpus.digest(utterance).encode()).hexdigest()[:DIGITS]


def joined(each: Iterable[str]) -> str | None:
    """Marks as one text, in no order that tells anything; None for too many.

    >>> joined(["b" * 12, "a" * 12])
    'aaaaaaaaaaaabbbbbbbbbbbb'
    """
    marks = sorted(set(each))
    return "".join(marks) if len(marks) <= MOST else None


def parted(text: str) -> frozenset[str]:
    """The marks of such a text.

    >>> sorted(parted("aaaaaaaaaaaabbbbbbbbbbbb"))
    ['aaaaaaaaaaaa', 'bbbbbbbbbbbb']
    """
    return frozenset(text[start : start + DIGITS] for start in range(0, len(text), DIGITS))
