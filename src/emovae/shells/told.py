"""Rows of predictions as a table for people, CSV, JSON, JSON lines or Parquet, each row as soon as it is known."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from emovae.errors import ConfigError
from emovae.files import written_whole
from emovae.pieces import Piece
from emovae.predict import Row

Format = Literal["table", "csv", "json", "jsonl", "parquet", "audformat"]

BATCH = 4096


def as_record(row: Row, classes: Sequence[str]) -> dict[str, Any]:
    """A row as a flat record; the probability of a class is under `p_` and its name."""
    piece, found = row.piece, row.prediction
    return {
        "file": piece.file.encode(errors="backslashreplace").decode(),  # no Unicode, it is told another way
        "start": piece.start,
        "end": piece.end,
        "channel": piece.channel,
        "label": row.label,
        "confidence": None if found is None else round(found.confidence, 6),
        "entropy": None if found is None else round(found.entropy, 6),
        "strangeness": None if found is None else round(found.strangeness, 6),
        **{f"p_{name}": None if found is None else round(found.probabilities[name], 6) for name in classes},
        "flags": " ".join(row.flags),
        "error": piece.error,
    }


def columns(classes: Sequence[str]) -> list[str]:
    """The names in a record."""
    return list(as_record(Row(Piece("", None, None, "")), classes))


def text_of(rows: Iterable[Row], classes: Sequence[str], how: Format) -> Iterator[str]:
    """Pieces of text, to be written one after the other."""
    records = (as_record(row, classes) for row in rows)
    match how:
        case "table":
            yield from _table(rows)
        case "csv":
            yield from _csv(records, classes)
        case "json":
            before = "[\n "
            for record in records:
                yield before + json.dumps(record, ensure_ascii=False)
                before = ",\n "
            yield "[]\n" if before == "[\n " else "\n]\n"
        case "jsonl":
            yield from (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        case "parquet" | "audformat":
            raise ConfigError(f"{how} is no text for a screen; give --out")


def _table(rows: Iterable[Row]) -> Iterator[str]:
    yield f"{'start':>8} {'end':>8}  {'label':12} {'sure':>5} {'nats':>5}  file\n"
    for row in rows:
        piece, found = row.piece, row.prediction
        times = " ".join(f"{'' if time is None else format(time, '.2f'):>8}" for time in (piece.start, piece.end))
        sure = f"{'':11}" if found is None else f"{found.confidence:5.0%} {found.entropy:5.2f}"
        what = row.label or ("-" if found is None else f"({found.label}?)")
        beside = "".join(f"  [{word}]" for word in row.flags) + (f"  {piece.error}" if piece.error else "")
        side = "" if piece.channel == "mix" else f" ({piece.channel})"
        file = piece.file.encode(errors="backslashreplace").decode()
        yield f"{times}  {what:12} {sure}  {file}{side}{beside}\n"


def _csv(records: Iterable[dict[str, Any]], classes: Sequence[str]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.DictWriter(line, columns(classes), lineterminator="\n")
    writer.writeheader()
    yield line.getvalue()
    for record in records:
        line.seek(0)
        line.truncate()
        writer.writerow(record)
        yield line.getvalue()


def write_parquet(path: Path, rows: Iterable[Row], classes: Sequence[str]) -> None:
    """Writes rows as Parquet, some thousand at a time.

    Raises:
        OutputError: when the file cannot be written.
    """
    import pyarrow as pa  # noqa: PLC0415 - a second that other formats need not wait for
    import pyarrow.parquet as pq  # noqa: PLC0415

    texts = ("file", "channel", "label", "flags", "error")
    schema = pa.schema([(name, pa.string() if name in texts else pa.float64()) for name in columns(classes)])
    with written_whole(path) as stream, pq.ParquetWriter(stream, schema) as writer:
        batch = list[dict[str, Any]]()
        for row in rows:
            batch.append(as_record(row, classes))
            if len(batch) == BATCH:
                writer.write_table(pa.Table.from_pylist(batch, schema))
                batch = []
        writer.write_table(pa.Table.from_pylist(batch, schema))
