"""What a person means by files, folders, globs and tables of recordings."""

import csv
import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from emovae.errors import ConfigError
from emovae.files import require_parquet

SOUNDS = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3"})
TABLES, PARQUET = {".csv": ",", ".tsv": "\t"}, ".parquet"
INDEX = ("file", "start", "end")
FILE_COLUMNS = ("path", "file", "file_name", "filename", "audio")
"""What the column of recordings may be called, in small or capital letters, here and in a corpus's table."""
STDIN = "-"
MOST_S = 1e6
"""A greater time is none of a recording."""
_CLOCK = re.compile(r"(?:(?P<days>\d+) days?)?\s*\+?(?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d(?:\.\d+)?)")


class Source(NamedTuple):
    """A recording, or a part of it in seconds, and who speaks; "" for nobody knows."""

    file: str
    start: float | None = None
    end: float | None = None
    speaker: str = ""


def sources(inputs: Sequence[str], speakers_in: str | None = None) -> Iterator[Source]:
    """What is meant by files, folders, globs, `-`, and tables with a column `file` or the like, and `start` and `end`.

    A folder stands for all sound files in it, by name; paths in a table are seen from the table's folder, and its times
    are in seconds or as audformat writes them, so that a table of such a database is one, too.

    Args:
        inputs: as a person gives them.
        speakers_in: the column of each table that says who speaks.

    Raises:
        ConfigError: for a table that cannot be read as one or has no such column, a folder or glob without a sound
            file, or what is no table where a column is named.
    """
    for given in inputs:
        place = Path(given)
        is_table = place.suffix.lower() in (*TABLES, PARQUET) and os.path.isfile(given)  # noqa: PTH113
        if speakers_in is not None and not is_table:
            what = "is no table" if os.path.exists(given) else "is not there"  # noqa: PTH110
            raise ConfigError(f"{given} {what}, and who speaks stands in a column {speakers_in} of a table; give that")
        if given == STDIN:
            yield Source(given)
        elif os.path.isdir(given):  # noqa: PTH112 - unlike Path's, these never raise
            sounds = (each for each in place.rglob("*") if each.suffix.lower() in SOUNDS)
            # Some systems leave hidden files of a sound's name beside it.
            yield from _several(sorted(str(each) for each in sounds if not each.name.startswith(".")), given)
        elif is_table:
            yield from (_in_parquet if place.suffix.lower() == PARQUET else _listed)(place, speakers_in)
        elif glob.has_magic(given) and not os.path.exists(given):  # noqa: PTH110
            found = glob.glob(given, recursive=True)  # noqa: PTH207 - absolute ones, too
            yield from _several(sorted(each for each in found if Path(each).suffix.lower() in SOUNDS), given)
        else:
            yield Source(given)


def _several(found: Sequence[str], given: str) -> Iterator[Source]:
    if not found:
        raise ConfigError(f"{given}: no sound file there; emovae reads {', '.join(sorted(SOUNDS))}")
    yield from map(Source, found)


def _listed(table: Path, speakers_in: str | None) -> Iterator[Source]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter=TABLES[table.suffix.lower()], strict=True)
            column = _column(table, reader.fieldnames or ())
            _require_speakers(table, reader.fieldnames or (), speakers_in)
            for line in reader:
                where = f"{table}, line {reader.line_num}"
                start, end = (_seconds(line.get(name), f"{where}, {name}") for name in ("start", "end"))
                yield _source(table, line[column], start, end, line.get(speakers_in or ""))
    except (OSError, UnicodeError, csv.Error) as error:
        raise ConfigError(f"{table} is no table that can be read: {error}; save it as CSV in UTF-8") from error


def _in_parquet(table: Path, speakers_in: str | None) -> Iterator[Source]:
    """As audformat saves a table: times are lengths of time in any unit, or numbers of seconds."""
    require_parquet("save the table as CSV")
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    def texts(column: "pa.ChunkedArray[Any]") -> list[str | None]:
        if pa.types.is_duration(column.type):
            nanos = column.cast(pa.duration("ns")).cast(pa.int64()).to_pylist()
            return [None if one is None else str(one / 1e9) for one in nanos]
        # pandas keeps what is missing in a column of numbers as NaN, the one value that is not itself.
        return [None if one is None or one != one else str(one) for one in column.to_pylist()]  # noqa: PLR0124

    try:
        with pq.ParquetFile(table) as file:
            names = file.schema_arrow.names
            column = _column(table, names)
            _require_speakers(table, names, speakers_in)
            read = [name for name in dict.fromkeys((column, *INDEX[1:], speakers_in)) if name in names]
            if twice := [name for name in read if names.count(name) > 1]:
                raise ConfigError(f"{table} has {names.count(twice[0])} columns {twice[0]}; keep one")
            found = file.read(read)
        cells = {name: texts(found.column(name)) for name in found.schema.names}
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ConfigError(f"{table} is no table that can be read: {error}; save it anew") from error
    nothing = [None] * len(found)
    rows = zip(*(cells.get(name or "", nothing) for name in (column, speakers_in, *INDEX[1:])), strict=True)
    for count, (recording, speaker, *times) in enumerate(rows, start=1):
        start, end = (
            _seconds(time, f"{table}, row {count}, {name}") for time, name in zip(times, INDEX[1:], strict=True)
        )
        yield _source(table, recording, start, end, speaker)


def _column(table: Path, columns: Sequence[str]) -> str:
    """The column of recordings; where there are several, the one that is called as `predict` calls it."""
    found = [column for column in columns if column.strip().lower() in FILE_COLUMNS]
    if "file" not in found and len(found) != 1:
        there = f"there are {', '.join(columns)}" if columns else "it has no columns"
        wrong = "several columns are" if found else "no column is"
        raise ConfigError(f"{table}: {wrong} called {' or '.join(FILE_COLUMNS)}; {there}; name one of them file")
    return "file" if "file" in found else found[0]


def _require_speakers(table: Path, columns: Sequence[str], wanted: str | None) -> None:
    if wanted is not None and columns.count(wanted) != 1:
        many = "several columns" if wanted in columns else "no column"
        raise ConfigError(f"{table} has {many} {wanted} to say who speaks; there are {', '.join(columns)}")


def _source(table: Path, written: str | None, start: float | None, end: float | None, speaker: str | None) -> Source:
    """A row; like the corpus's table it may have been written on Windows."""
    return Source(str(table.parent / (written or "").replace("\\", "/")), start, end, (speaker or "").strip())


def clock(text: str) -> float | None:
    """The seconds of a time as audformat writes it; None where the text is no such time.

    >>> clock("0 days 00:01:30.500000"), clock("1.5")
    (90.5, None)
    """
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    days, hours, minutes = (int(found[name] or 0) for name in ("days", "hours", "minutes"))
    return 86_400 * days + 3_600 * hours + 60 * minutes + float(found["seconds"])


def _seconds(text: str | None, where: str) -> float | None:
    if not text or text == "NaT":
        return None
    try:
        seconds = clock(text) if ":" in text else float(text)
    except ValueError:
        seconds = None
    if seconds is None or not 0 <= seconds <= MOST_S:  # as NaN is not
        raise ConfigError(f"{where}: {text!r} is no time in seconds; write it as 1.5, or leave it empty")
    return seconds
