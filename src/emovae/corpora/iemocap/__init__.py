"""The reader of IEMOCAP: where it lies (`tree`), what its files say (`files`), how much there is (`facts`)."""

from emovae.corpora.iemocap.reader import READER

__all__ = ["READER"]
