"""What `predictions.parquet` holds: what every model said once, so that anybody can compute the figures of it again."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emovae.grid import Cell, Context, is_told
from emovae.judged import Judged, judge, lines_of
from emovae.tasks import Task


def predictions(context: Context, cells: Sequence[Cell]) -> bytes:
    """The content of `predictions.parquet`: one row for each utterance, model, condition, seed and fold.

    The columns of probabilities carry the names of the classes; they are empty where a task lacks the class.
    `reconstruction` is the squared distance of a segment, mean over the utterance; empty without an autoencoder.
    """
    classes = list(dict.fromkeys(name for task in context.tasks for name in task.classes))
    tables = [_table(context, judge(context, cell), classes) for among in lines_of(cells).values() for cell in among]
    sink = io.BytesIO()
    pq.write_table(pa.concat_tables(tables), sink, compression="zstd")
    return sink.getvalue()


def _table(context: Context, judged: Judged, classes: Sequence[str]) -> pa.Table:
    cell, task = judged.cell, context.tasks[judged.cell.task]
    utterances = [context.frames.utterances[member] for member in judged.members]
    count, errors = len(utterances), judged.result.reconstruction
    columns: Mapping[str, Any] = {
        "utterance": [utterance.id for utterance in utterances],
        "speaker": [utterance.speaker for utterance in utterances],
        "fold": [task.plan.folds[cell.fold].name] * count,
        "seed": pa.array([cell.seed] * count, pa.int64()),
        "model": [cell.model] * count,
        "subset": [task.subset] * count,
        "target": [task.target] * count,
        "protocol": [task.plan.protocol] * count,
        "test_condition": pa.array([cell.test_condition] * count, pa.string()),
        "latent": pa.array([cell.latent] * count, pa.int64()),
        "uses_true_label": [is_told(cell)] * count,
        "label": judged.true,
        "predicted": judged.predicted,
        "reconstruction": pa.nulls(count, pa.float32()) if errors is None else pa.array(errors, pa.float32()),
    }
    return pa.table({**columns, **dict(_probabilities(judged, task, classes))})


def _probabilities(judged: Judged, task: Task, classes: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for name in classes:
        if name in task.classes:
            yield name, pa.array(judged.result.probabilities[:, task.classes.index(name)], pa.float32())
        else:
            yield name, pa.nulls(len(judged.members), pa.float32())
