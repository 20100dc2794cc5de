"""The tables of an audformat database, from Parquet or CSV; the pickles that may lie beside them are never opened."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from emovae.corpora.rows import Row, Rows, read
from emovae.errors import CorpusError
from emovae.sources import clock
from emovae.utterance import Part

INDEX = ("file", "start", "end")
FORMS = (".parquet", ".csv")
"""In this order, which is audformat's own."""
_FROM_PARQUET = re.compile(r"(\d+(?:\.\d+)?(?:e-?\d+)?) s")
"""How `rows` writes a time that Parquet holds; in CSV it is `0 days 00:00:01.500000`."""

Key = tuple[str, Part | None]


class Line(NamedTuple):
    """A row of a table: what it is about, where it stands, and its cells."""

    key: Key
    where: str
    cells: Mapping[str, str]


class Lines(NamedTuple):
    """A table as read.

    Attributes:
        path: its file.
        lines: its rows, in its order.
    """

    path: Path
    lines: tuple[Line, ...]


def place_of(header: Path, table: str) -> Path:
    """The file of a table.

    Raises:
        CorpusError: when there is none, or only a pickle.
    """
    stem = f"{header.stem}.{table}"
    for form in FORMS:
        if (place := header.parent / f"{stem}{form}").is_file():
            return place
    pickle = header.parent / f"{stem}.pkl"
    only = f"only {pickle}, a pickle, which could run code and is not read" if pickle.is_file() else "no file of it"
    raise CorpusError(
        f"table {table} of {header} is to lie beside it as {stem}.parquet or {stem}.csv, and there is {only}; save the"
        ' database anew with storage_format="csv"'
    )


def read_table(header: Path, table: str, columns: Sequence[str]) -> Lines:
    """Reads some columns of a table of files or segments.

    Raises:
        CorpusError: when it is not there, cannot be read, lacks a column, or a time is none.
    """
    rows = _rows(place_of(header, table), [INDEX[0], *columns], [*INDEX, *columns])
    return Lines(rows.path, tuple(Line(_key(rows.path, row), row.where, row.cells) for row in rows.rows))


def read_misc(header: Path, table: str, columns: Sequence[str]) -> dict[str, Mapping[str, str]]:
    """Reads some columns of a misc table: the first of its index -> cells.

    Raises:
        CorpusError: when it is not there, cannot be read, or lacks a column.
    """
    place = place_of(header, table)
    index = read(place, lambda _: False).columns[:1] if place.suffix == FORMS[0] else ()
    rows = _rows(place, columns, [*index, *columns])
    return {row.cells[rows.columns[0]]: row.cells for row in rows.rows}


def _rows(place: Path, needed: Sequence[str], wanted: Sequence[str]) -> Rows:
    rows = read(place, lambda column: column in wanted)
    if missing := [column for column in needed if column not in rows.columns]:
        raise CorpusError(
            f"{place} lacks the column {missing[0]} that the header tells of, and has {', '.join(rows.columns)};"
            " save the database anew"
        )
    return rows


def _key(place: Path, row: Row) -> Key:
    """A file, and the part of it; a segment from its beginning to its end is the file."""
    start, end = (_seconds(place, row, name) for name in INDEX[1:])
    file = row.cells[INDEX[0]]
    if not file:
        raise CorpusError(f"{place}, {row.where}, names no file; write one there, or take the row out")
    return (file, None) if not start and end is None else (file, Part(start or 0.0, end))


def _seconds(place: Path, row: Row, column: str) -> float | None:
    """A time of the index in seconds; None where none is told."""
    text = row.cells.get(column, "")
    if text in ("", "NaT"):
        return None
    found = _FROM_PARQUET.fullmatch(text)
    seconds = clock(text) if found is None else float(found[1])
    if seconds is None:
        raise CorpusError(
            f"{place}, {row.where}: {column} is {text!r}, no time; write it as audformat does, 0 days 00:00:01.500000"
        )
    return seconds
