"""What the chosen columns of a database say of a row, wherever they stand."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from emovae.corpora.audformat.choice import Chosen
from emovae.corpora.audformat.header import Scheme
from emovae.corpora.audformat.tables import Key, Line, Lines, read_misc, read_table
from emovae.corpora.rows import Row, number
from emovae.corpora.table import DIMENSIONS
from emovae.errors import CorpusError
from emovae.labels import HIGHEST_RATING, LOWEST_RATING

FACTS = ("gender", "language")
"""What a scheme may tell of each speaker."""


class Cell(NamedTuple):
    """What is told, in which file and row of it, in which column, and its scheme; "" where nothing is told."""

    text: str = ""
    path: Path = Path()
    where: str = ""
    column: str = ""
    scheme: Scheme = Scheme()

    @property
    def is_odd(self) -> bool:
        """Whether it is told, and its scheme does not know it."""
        return bool(self.text) and self.scheme.names is not None and self.text not in self.scheme.names


@dataclass(frozen=True)
class Content:
    """The tables of a database that are asked.

    Attributes:
        chosen: what of it is read.
        tables: by their names.
        lines: of each table that does not list the utterances, by what they are about.
        speakers: what the scheme of the speakers tells of each.
    """

    chosen: Chosen
    tables: Mapping[str, Lines]
    lines: Mapping[str, Mapping[Key, Line]]
    speakers: Mapping[str, Mapping[str, str]]

    def cell(self, field: str, table: str, line: Line) -> Cell:
        """What a field is in a row: told in its own table, or where another one tells of the same segment or file."""
        for name, column in self.chosen.told[field]:
            if name in self.chosen.tables and name != table:
                continue
            known = self.lines.get(name, {})
            found = line if name == table else known.get(line.key) or known.get((line.key[0], None))
            if found is not None:
                scheme = self.chosen.header.scheme(name, column)
                return Cell(found.cells[column], self.tables[name].path, found.where, column, scheme)
        return Cell()

    @property
    def scales(self) -> tuple[str, ...]:
        """A notice for each dimension whose ratings are brought to another scale."""
        header, told = self.chosen.header, self.chosen.told
        limits = {field: {_limits(header.scheme(*place)) for place in told.get(field, ())} for field in DIMENSIONS}
        return tuple(
            f"{field} from {limit[0]:g} to {limit[1]:g} is brought to 1 to 5"
            for field, found in limits.items()
            for limit in sorted(one for one in found if one is not None)
        )


def content_of(chosen: Chosen) -> Content:
    """Reads the tables that are asked.

    Raises:
        CorpusError: when one is not there, or cannot be read.
    """
    places = [place for several in chosen.told.values() for place in several]
    names = dict.fromkeys([*chosen.tables, *(table for table, _ in places)])
    wanted = {name: sorted({column for table, column in places if table == name}) for name in names}
    tables = {name: read_table(chosen.path, name, columns) for name, columns in wanted.items()}
    lines = {
        name: {line.key: line for line in reversed(table.lines)}
        for name, table in tables.items()
        if name not in chosen.tables
    }
    return Content(chosen, tables, lines, _speakers(chosen))


def _speakers(chosen: Chosen) -> dict[str, Mapping[str, str]]:
    """What is told of each speaker: in the scheme itself, or in the misc table that it names."""
    found = dict[str, Mapping[str, str]]()
    for place in chosen.told["speaker"]:
        labels = chosen.header.scheme(*place).labels
        if isinstance(labels, dict):
            each = {str(name): facts for name, facts in labels.items() if isinstance(facts, dict)}
            found |= {name: {fact: str(facts[fact]) for fact in FACTS if fact in facts} for name, facts in each.items()}
        elif isinstance(labels, str) and labels in chosen.header.misc_tables:
            columns = [fact for fact in FACTS if fact in chosen.header.misc_tables[labels].columns]
            found |= read_misc(chosen.path, labels, columns)
    return found


def rating(cell: Cell) -> float | None:
    """A rating on the scale from 1 to 5; None where none is told.

    Raises:
        CorpusError: for what is no number, or lies outside the limits of its scheme.
    """
    text = "" if cell.text.lower() == "nan" else cell.text
    value = number(cell.path, Row(cell.where, {cell.column: text}), cell.column)
    limits = _limits(cell.scheme)
    if value is None or limits is None:
        return value
    least, most = limits
    if not least <= value <= most:
        raise CorpusError(
            f"{cell.path}, {cell.where}: {cell.column} is {value:g}, not from {least:g} to {most:g} as its scheme says;"
            " mend one of them"
        )
    return LOWEST_RATING + (value - least) / (most - least) * (HIGHEST_RATING - LOWEST_RATING)


def meaning(cell: Cell) -> str | None:
    """What a label stands for, where its scheme says so in words; the label itself elsewhere."""
    labels = cell.scheme.labels
    stands_for = labels.get(cell.text) if isinstance(labels, dict) else None
    return stands_for if isinstance(stands_for, str) and stands_for else cell.text or None


def _limits(scheme: Scheme) -> tuple[float, float] | None:
    """The least and the greatest value, where they are told and are another scale than 1 to 5."""
    least, most = scheme.minimum, scheme.maximum
    if not isinstance(least, int | float) or not isinstance(most, int | float) or not least < most:
        return None
    return None if (least, most) == (LOWEST_RATING, HIGHEST_RATING) else (float(least), float(most))
