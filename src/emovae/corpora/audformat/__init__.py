"""The reader of audformat databases: the header (`header`), the tables (`tables`), which of them count (`choice`)."""

from emovae.corpora.audformat.reader import READER

__all__ = ["READER"]
