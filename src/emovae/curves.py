"""What `curves.parquet` holds: every learning curve, epoch by epoch."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from emovae.cells import finished
from emovae.files import damaged
from emovae.grid import Cell, Context
from emovae.keys import autoencoder_key, cell_key

STAGES = ("autoencoder", "classifier")
COLUMNS: list[tuple[str, pa.DataType]] = [
    ("model", pa.string()),
    ("target", pa.string()),
    ("subset", pa.string()),
    ("test_condition", pa.string()),
    ("latent", pa.int64()),
    ("seed", pa.int64()),
    ("fold", pa.string()),
    ("stage", pa.string()),
    ("training", pa.string()),
    ("epoch", pa.int64()),
    ("reconstruction", pa.float64()),
    ("divergence", pa.float64()),
    ("loss", pa.float64()),
    ("validation", pa.float64()),
    ("accuracy", pa.float64()),
]
"""Cells share autoencoders: the same `training` is one training, and is counted once."""
SCHEMA = pa.schema(COLUMNS)
FIGURES = tuple(SCHEMA.names[SCHEMA.names.index("epoch") + 1 :])
"""What a stage may tell of an epoch, see `training`."""


class Curve(NamedTuple):
    """One training, as one cell had it.

    Attributes:
        facts: the columns of `curves.parquet` that name it, `model` to `training`.
        epochs: what it told of each epoch, one value for each epoch: those of `FIGURES` that it told.
    """

    facts: dict[str, Any]
    epochs: dict[str, list[float]]


def curves(context: Context, cells: Sequence[Cell]) -> bytes:
    """The content of `curves.parquet`: one row for each epoch of each training of each finished cell."""
    lines = [line for cell in cells for line in _lines(context, cell)]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(lines, SCHEMA), sink, compression="zstd")
    return sink.getvalue()


def _lines(context: Context, cell: Cell) -> Iterator[dict[str, Any]]:
    task, result = context.tasks[cell.task], finished(context, cell)
    for stage, curve in zip(STAGES, (result.autoencoder_curve, result.classifier_curve), strict=True):
        if not curve:
            continue
        facts = {
            "model": cell.model,
            "target": task.target,
            "subset": task.subset,
            "test_condition": cell.test_condition,
            "latent": cell.latent,
            "seed": cell.seed,
            "fold": task.plan.folds[cell.fold].name,
            "stage": stage,
            "training": (autoencoder_key if stage == "autoencoder" else cell_key)(context, cell),
        }
        for epoch, told in enumerate(curve):
            yield {**facts, "epoch": epoch, **{name: told[name] for name in FIGURES if name in told}}


def read_curves(path: Path) -> list[Curve]:
    """Reads `curves.parquet`, in its own order.

    Raises:
        OutputError: when it is damaged.
    """
    try:
        lines = pq.read_table(path, schema=SCHEMA).to_pylist()
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise damaged(path, error) from error
    names = SCHEMA.names[: SCHEMA.names.index("epoch")]
    together: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for line in lines:
        together.setdefault(tuple(line[name] for name in names), []).append(line)
    return [
        Curve(
            dict(zip(names, facts, strict=True)),
            {name: [line[name] for line in among] for name in FIGURES if among[0][name] is not None},
        )
        for facts, among in together.items()
    ]
