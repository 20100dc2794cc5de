"""What a person means by files, folders, globs and tables of recordings."""

import csv
import glob
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from emovae.errors import ConfigError

SOUNDS = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3"})
TABLES = {".csv": ",", ".tsv": "\t"}
STDIN = "-"
MOST_S = 1e6
"""A greater time is none of a recording."""


class Source(NamedTuple):
    """A recording, or a part of it in seconds."""

    file: str
    start: float | None = None
    end: float | None = None


def sources(inputs: Sequence[str]) -> Iterator[Source]:
    """What is meant by files, folders, globs, `-`, and tables with a column `file`, and `start` and `end` in seconds.

    A folder stands for all sound files in it, by name; paths in a table are seen from the table's folder.

    Raises:
        ConfigError: for a table that cannot be read as one, or a folder or glob without a sound file.
    """
    for given in inputs:
        place = Path(given)
        if given == STDIN:
            yield Source(given)
        elif os.path.isdir(given):  # noqa: PTH112 - unlike Path's, these never raise
            sounds = (each for each in place.rglob("*") if each.suffix.lower() in SOUNDS)
            # Some systems leave hidden files of a sound's name beside it.
            yield from _several(sorted(str(each) for each in sounds if not each.name.startswith(".")), given)
        elif place.suffix.lower() in TABLES and os.path.isfile(given):  # noqa: PTH113
            yield from _listed(place)
        elif glob.has_magic(given) and not os.path.exists(given):  # noqa: PTH110
            found = glob.glob(given, recursive=True)  # noqa: PTH207 - absolute ones, too
            yield from _several(sorted(each for each in found if Path(each).suffix.lower() in SOUNDS), given)
        else:
            yield Source(given)


def _several(found: Sequence[str], given: str) -> Iterator[Source]:
    if not found:
        raise ConfigError(f"{given}: no sound file there; emovae reads {', '.join(sorted(SOUNDS))}")
    yield from map(Source, found)


def _listed(table: Path) -> Iterator[Source]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter=TABLES[table.suffix.lower()], strict=True)
            if "file" not in (reader.fieldnames or ()):
                raise ConfigError(f"{table}: no column is called file; there are {', '.join(reader.fieldnames or ())}")
            for line in reader:
                where = f"{table}, line {reader.line_num}"
                start, end = (_seconds(line.get(name), f"{where}, {name}") for name in ("start", "end"))
                yield Source(str(table.parent / (line["file"] or "")), start, end)
    except (OSError, UnicodeError, csv.Error) as error:
        raise ConfigError(f"{table} is no table that can be read: {error}; save it as CSV in UTF-8") from error


def _seconds(text: str | None, where: str) -> float | None:
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MOST_S:
        raise ConfigError(f"{where}: {text!r} is no time in seconds; write it as 1.5, or leave it empty")
    return seconds
