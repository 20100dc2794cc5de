"""The rows of a label file, be it CSV, TSV, JSON lines or Parquet.

Every cell comes as text, as it stands in the file: a speaker called 007 must not become the number 7.
"""

import csv
import io
import json
import math
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from emovae.errors import CorpusError
from emovae.files import require_parquet


class Row(NamedTuple):
    """One row.

    Attributes:
        where: `line 3` of a text (the header is line 1), `row 3` of a Parquet file (the first is row 1).
        cells: column -> text, blanks at its ends cut; "" where there is nothing.
    """

    where: str
    cells: Mapping[str, str]


class Rows(NamedTuple):
    """A label file as read.

    Attributes:
        path: the file.
        columns: names in the file's order; a name that stands there twice is here twice.
        rows: blank lines left out.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read(path: Path, wanted: Callable[[str], bool]) -> Rows:
    """Reads a label file as its ending says: .parquet, .jsonl, .tsv, or else with commas or semicolons.

    Raises:
        CorpusError: as the three below.
    """
    match path.suffix.lower():
        case ".parquet":
            return read_parquet(path, wanted)
        case ".jsonl":
            return read_json_lines(path, wanted)
        case suffix:
            return read_text(path, "\t" if suffix == ".tsv" else ",;")


def read_text(path: Path, separators: str, needed: Iterable[str] = ()) -> Rows:
    """Reads a table in UTF-8, with or without a byte order mark.

    Args:
        path: the file; its first line names the columns.
        separators: characters that may part the cells; the one that cuts the header most often does.
        needed: columns that must be there.

    Raises:
        CorpusError: when it cannot be read, is not UTF-8, a needed column is missing or twice there, a quote
            is never closed, or a line has more or fewer cells than the header.
    """
    text = _decoded(path)
    header = next(iter(text.lstrip().splitlines()), "")
    try:
        separator = max(separators, key=lambda mark: len(next(csv.reader([header], delimiter=mark), [])))
    except csv.Error as error:
        raise CorpusError(f"{path}, line 1: {error}; write the names of the columns there") from error
    lines = _cut(path, text, separator)
    columns = next(lines, ("", ()))[1]
    for column in needed:
        if columns.count(column) != 1:
            raise CorpusError(
                f"{path} has {columns.count(column)} columns {column} and needs one; "
                f"it has {', '.join(columns) or 'none'}; fetch the file anew"
            )
    rows = []
    for where, cells in lines:
        if len(cells) != len(columns):
            raise CorpusError(
                f"{path}, {where}, has {len(cells)} cells and the header {len(columns)}; "
                f"put a cell that holds {separator!r} in double quotes"
            )
        rows.append(Row(where, dict(zip(columns, cells, strict=True))))
    return Rows(path, columns, tuple(rows))


def read_json_lines(path: Path, wanted: Callable[[str], bool]) -> Rows:
    """Reads one JSON object per line; keys that a line lacks are empty cells.

    Args:
        path: the file, in UTF-8.
        wanted: whether a column's cells are kept; the others may hold anything.

    Raises:
        CorpusError: when it cannot be read, a line is no JSON object, or a wanted cell is no text or number.
    """
    columns: dict[str, None] = {}
    rows = []
    # Not splitlines: JSON allows other line separators, such as U+2028, inside its strings.
    for count, line in enumerate(_decoded(path).split("\n"), start=1):
        if not line.strip():
            continue
        where = f"line {count}"
        try:
            content = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CorpusError(f"{path}, {where}, is no JSON ({error}); write one object a line") from error
        if not isinstance(content, dict):
            raise CorpusError(f"{path}, {where}, is no JSON object; write one object a line, column to value")
        columns.update(dict.fromkeys(content))
        rows.append(_row(path, where, {name: cell for name, cell in content.items() if wanted(name)}))
    return Rows(path, tuple(columns), tuple(rows))


def read_parquet(path: Path, wanted: Callable[[str], bool]) -> Rows:
    """Reads a Parquet file; integers become text, and lengths of time too, to the microsecond.

    Args:
        path: the file.
        wanted: whether a column is read; the others, which may hold whole recordings, are not.

    Raises:
        CorpusError: when it cannot be read, or a wanted column holds other things than text and numbers.
    """
    # Here and not above, so that start-up stays light for people whose labels are text.
    require_parquet("save the table as CSV")
    from pyarrow import ArrowException, duration, types  # noqa: PLC0415
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415

    try:
        with ParquetFile(path) as file:
            schema = file.schema_arrow
            for field in schema:
                if wanted(field.name) and types.is_nested(field.type):
                    raise CorpusError(f"{path}: column {field.name} holds {field.type}; write text there")
            found = file.read(columns=[name for name in schema.names if wanted(name)])
            for place, field in enumerate(found.schema):
                if types.is_duration(field.type):  # nanoseconds would need pandas
                    found = found.set_column(place, field.name, found.column(place).cast(duration("us"), safe=False))
            records = found.to_pylist()
    except (ArrowException, OSError, ValueError, OverflowError) as error:
        raise CorpusError(f"{path} cannot be read as Parquet: {error}; write it anew") from error
    rows = tuple(_row(path, f"row {count}", record) for count, record in enumerate(records, start=1))
    return Rows(path, tuple(schema.names), rows)


def number(path: Path, row: Row, column: str | None) -> float | None:
    """The number in a cell; None where the cell is empty or there is no such column.

    Raises:
        CorpusError: when the cell holds anything else, infinities and `nan` included.
    """
    text = row.cells.get(column, "") if column else ""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise CorpusError(
            f"{path}, {row.where}: {column} is {text!r}, no number; write it with a point, or leave the cell empty"
        )
    return value


def has_half_a_character(text: str) -> bool:
    r"""Whether half of a surrogate pair is in it, which JSON can write and UTF-8 cannot.

    >>> has_half_a_character("anger\ud800"), has_half_a_character("\U0001f600")
    (True, False)
    """
    return any(unicodedata.category(mark) == "Cs" for mark in text)


def _row(path: Path, where: str, content: Mapping[str, object]) -> Row:
    for column, cell in content.items():
        if cell is not None and not isinstance(cell, str | int | float | timedelta):
            raise CorpusError(f"{path}, {where}: {column} is a {type(cell).__name__}; write text or a number there")
        if isinstance(cell, str) and has_half_a_character(cell):
            raise CorpusError(f"{path}, {where}: {column} is {cell!r}, which has half a character; write it anew")
    return Row(where, {column: _text(cell) for column, cell in content.items()})


def _text(cell: object) -> str:
    """A cell as text; a length of time in seconds, as `2.5 s`."""
    if isinstance(cell, timedelta):
        return f"{cell.total_seconds()!r} s"
    return "" if cell is None else str(cell).strip()


def _decoded(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}; check the path and rights") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CorpusError(f"{path}, line {line}, is not UTF-8; save the file as UTF-8") from error


def _cut(path: Path, text: str, separator: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Where and which cells, line by line."""
    # Strict: a quote that is never closed would swallow the rest of the table as one cell.
    source = io.StringIO(text, newline="")
    reader = csv.reader(source, delimiter=separator, skipinitialspace=True, strict=True)
    try:
        for cells in reader:
            if cells:
                yield f"line {reader.line_num}", tuple(cell.strip() for cell in cells)
    except csv.Error as error:
        raise CorpusError(f"{path}, line {reader.line_num}: {error}; mend the quotes") from error
