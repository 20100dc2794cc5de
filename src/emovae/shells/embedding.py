"""What `emovae embed` does once its arguments are read; this brings torch."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from emovae.assembly import load
from emovae.embed import Embedded, Level, embedded, names_of
from emovae.files import written_whole
from emovae.machine import one_thread
from emovae.shells.asking import Asked, Tally
from emovae.shells.options import bar
from emovae.sources import sources

INDEX = {"file": "object", "start": "timedelta64[ns]", "end": "timedelta64[ns]"}
_INDEX_TOLD = json.dumps(
    {
        "index_columns": list(INDEX),
        "column_indexes": [],
        "columns": [
            {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": kind, "metadata": None}
            for name, kind in INDEX.items()
        ],
        "pandas_version": "2.0.0",
    }
)
"""What pandas looks for in a Parquet file."""
ROWS_AT_ONCE = 50_000


def write(folder: Path, asked: Asked, level: Level, out: Path) -> int:
    """Writes the features that a model folder has of recordings as Parquet; how many could not be used.

    Raises:
        EmovaeError: for a model or an input that cannot be used, or a file that cannot be written.
    """
    model = load(folder)
    with bar("recordings") as progress, one_thread():
        wanted = list(sources(asked.inputs))
        tally = Tally(len(wanted), progress)
        found = embedded(model, wanted, asked.cut, level, asked.threads)
        _write(out, _useful(found, tally), names_of(model, level), beside=asked.channel == "each")
    return tally.failed


def _useful(each: Iterable[Embedded], tally: Tally) -> Iterator[Embedded]:
    for one in each:
        tally.see(one.piece)
        if one.piece.error:
            click.echo(f"{one.piece.file} {one.piece.error}", err=True)
        else:
            yield one


def _write(out: Path, each: Iterable[Embedded], names: Sequence[str], *, beside: bool) -> None:
    """Rows with the index of audformat, (file, start, end), which pandas finds by itself."""
    kinds: dict[str, pa.DataType] = {"file": pa.string(), "start": pa.duration("ns"), "end": pa.duration("ns")}
    kinds |= {"channel": pa.string()} if beside else {}
    kinds |= dict.fromkeys(names, pa.float32())
    schema = pa.schema(kinds).with_metadata({"pandas": _INDEX_TOLD})
    with written_whole(out) as stream, pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        some, rows = list[Embedded](), 0
        for one in each:
            some.append(one)
            rows += len(one.values)
            if rows > ROWS_AT_ONCE:
                writer.write_table(_table(some, schema, beside=beside))
                some, rows = [], 0
        writer.write_table(_table(some, schema, beside=beside))


def _table(some: Sequence[Embedded], schema: pa.Schema, *, beside: bool) -> pa.Table:
    counts = [len(one.values) for one in some]

    def repeated(words: Sequence[str]) -> NDArray[np.object_]:
        return np.repeat(np.array(words, object), counts)

    def times(seconds: Sequence[NDArray[np.float64]]) -> NDArray[np.timedelta64]:
        return np.rint(np.concatenate([np.empty(0), *seconds]) * 1e9).astype("timedelta64[ns]")

    width = len(schema) - len(INDEX) - beside
    values = np.concatenate([np.empty((0, width), np.float32), *(one.values for one in some)])
    columns: list[NDArray[Any]] = [repeated([one.piece.file for one in some])]
    columns += [times([one.starts for one in some]), times([one.ends for one in some])]
    columns += [repeated([one.piece.channel for one in some])] if beside else []
    columns.extend(values.T)
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )
