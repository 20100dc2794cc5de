"""What a model says, as the table of an audformat database; see `databases`."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click
import numpy as np

from emovae.files import written_whole
from emovae.predict import Row
from emovae.shells.databases import Database, Once, write_header
from emovae.shells.told import as_record, columns

INDEX = ("file", "start", "end")
UNTOLD = (*INDEX, "channel", "error")
"""Parts of a record that are no columns."""


def write_predictions(made: Database, rows: Iterable[Row], classes: Sequence[str]) -> None:
    """Writes predictions as a database; what could not be used is told on standard error, and has no row.

    Raises:
        ConfigError: when two rows are about the same part of a file.
        OutputError: when a file cannot be written.
    """
    with written_whole(made.file) as stream:
        for text in _csv(made, rows, classes):
            stream.write(text.encode())
    shares = {f"p_{name}": "share" for name in classes}
    named = {"label": "label", "confidence": "share", "entropy": "number", "strangeness": "number", **shares}
    schemes: dict[str, Any] = {
        "label": {"dtype": "str", "labels": list(classes)},
        "share": {"dtype": "float", "minimum": 0, "maximum": 1},
        "number": {"dtype": "float"},
        "flags": {"dtype": "str"},
    }
    write_header(made, "What a model of emovae says", schemes, {**named, "flags": "flags"})


def _csv(made: Database, rows: Iterable[Row], classes: Sequence[str]) -> Iterator[str]:
    sources, once = iter(made.wanted), Once()
    line = io.StringIO()
    names = [name for name in columns(classes) if name not in UNTOLD]
    writer = csv.DictWriter(line, [*INDEX, *names], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        source = next(sources, None)
        piece = row.piece
        if piece.error:
            click.echo(f"{piece.file} {piece.error}", err=True)
            continue
        start, end = (piece.start, piece.end) if source is None else (source.start or 0.0, source.end)
        once.see(piece.file, *(np.array([np.nan if time is None else time]) for time in (start, end)))
        index = {"file": made.place(piece.file), "start": _time(start), "end": _time(end)}
        writer.writerow({**as_record(row, classes), **index})
        yield line.getvalue()
        line.seek(0)
        line.truncate()
    yield line.getvalue()  # the names of the columns, where there is no row
    once.require()


def _time(seconds: float | None) -> str:
    """As pandas writes a length of time: `0 days 00:00:01.500000`, with nine digits where six are too few.

    >>> _time(90_061.5), _time(1e-9), _time(None)
    ('1 days 01:01:01.500000', '0 days 00:00:00.000000001', '')
    """
    if seconds is None:
        return ""
    rest, nanos = divmod(round(seconds * 1_000_000_000), 1_000_000_000)
    minutes, second = divmod(rest, 60)
    hours, minute = divmod(minutes, 60)
    part = f"{nanos:09}".removesuffix("000")
    return f"{hours // 24} days {hours % 24:02}:{minute:02}:{second:02}.{part}"
