"""Latent features as Parquet or CSV: a row for each segment or piece, with audformat's index (file, start, end)."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from emovae.embed import Embedded

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


def write_rows(
    stream: BinaryIO,
    each: Iterable[Embedded],
    names: Sequence[str],
    *,
    beside: bool = False,
    pandas_finds_it: bool = True,
    as_csv: bool = False,
) -> None:
    """Writes features with the index of audformat, (file, start, end).

    Args:
        stream: where to.
        each: the features; few are in memory at once.
        names: of the features.
        beside: whether a column says which channel.
        pandas_finds_it: the index by itself; audformat sets it itself.
        as_csv: in place of Parquet, with times in seconds as `predict` writes them.
    """
    time = pa.float64() if as_csv else pa.duration("ns")
    kinds: dict[str, pa.DataType] = {"file": pa.string(), "start": time, "end": time}
    kinds |= {"channel": pa.string()} if beside else {}
    kinds |= dict.fromkeys(names, pa.float32())
    schema = pa.schema(kinds).with_metadata({"pandas": _INDEX_TOLD} if pandas_finds_it else {})
    with pa.csv.CSVWriter(stream, schema) if as_csv else pq.ParquetWriter(stream, schema, compression="zstd") as writer:
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

    def times(seconds: Sequence[NDArray[np.float64]]) -> NDArray[np.timedelta64] | NDArray[np.float64]:
        every = np.concatenate([np.empty(0), *seconds])
        if not pa.types.is_duration(schema.field("start").type):
            return every.round(6)
        known = np.rint(np.nan_to_num(every) * 1e9).astype("timedelta64[ns]")
        return np.where(np.isnan(every), np.timedelta64("NaT", "ns"), known)

    width = len(schema) - len(INDEX) - beside
    values = np.concatenate([np.empty((0, width), np.float32), *(one.values for one in some)])
    columns: list[NDArray[Any]] = [repeated([one.piece.file for one in some])]
    columns += [times([one.starts for one in some]), times([one.ends for one in some])]
    columns += [repeated([one.piece.channel for one in some])] if beside else []
    columns.extend(values.T)
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )
