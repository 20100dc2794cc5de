"""What a final model tells of itself: from what it learned, and how it fares with those whom it did not learn from."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emovae import marks
from emovae.calibration import Floats, tempered
from emovae.corpora import Corpus
from emovae.files import fingerprint
from emovae.grid import Cell, Context, autoencoder_members
from emovae.logmel import HOP_MS
from emovae.metrics import confusion_matrix, recalls, scores
from emovae.tasks import Task
from emovae.trained import TrainedModel

QUANTILES = 101
"""Of the confidence on validation utterances, for the share that is to be turned away."""


def facts_of(context: Context, cell: Cell, corpus: Corpus, said: Floats, temperature: float) -> dict[str, Any]:
    """The facts of a model, see `TrainedModel`, without what to expect of it.

    Args:
        context: what it was trained in.
        cell: its cell there.
        corpus: what it learned from.
        said: what it says of those who stopped its learning, [utterance, class].
        temperature: the one that was set on them.

    Raises:
        AudioError: when a recording is no longer there.
    """
    task = context.tasks[cell.task]
    return {
        "training": _training(context, cell, corpus),
        "itself": _itself(task, context.fold(cell).validation, said),
        "confidences": _quantiles(tempered(said, temperature)),
    }


def of_fold(context: Context, cell: Cell, model: TrainedModel) -> dict[str, Any]:
    """How a model fares with the speakers whom its fold held out.

    Returns:
        `by`, the fold; `n`, how many utterances; `wa` and `ua`, see `metrics.scores`.
    """
    task, fold = context.tasks[cell.task], context.fold(cell)
    true = [str(task.labels[member]) for member in fold.test]
    said = [task.classes[place] for place in _said(context, model, fold.test).argmax(axis=1)]
    found = scores(confusion_matrix(true, said, task.classes))
    return {"by": fold.name, "n": len(fold.test), "wa": found.wa, "ua": found.ua}


def _training(context: Context, cell: Cell, corpus: Corpus) -> dict[str, Any]:
    """What was learned from, and a fingerprint of exactly that."""
    task, fold, frames = context.tasks[cell.task], context.fold(cell), context.frames
    learned_from, stopped_by = autoencoder_members(context, cell)
    everyone = sorted({*learned_from, *stopped_by, *fold.train, *fold.validation})
    spans = frames.spans[everyone]
    shown = Counter(str(task.labels[member]) for member in (*fold.train, *fold.validation))
    return {
        "corpus": corpus.name,
        "fold": fold.name,
        "utterances": len(fold.train),
        "validation_utterances": len(fold.validation),
        "speakers": len({frames.utterances[member].speaker for member in everyone}),
        "hours": round(float((spans[:, 1] - spans[:, 0]).sum()) * HOP_MS / 3_600_000, 3),
        "classes": {name: shown[name] for name in task.classes},
        "target": task.target,
        "notices": list(task.plan.notices),
        "fingerprint": fingerprint([frames.digest, task.plan.fingerprint, fold.name, cell.seed]),
        "recordings": marks.joined(marks.mark(corpus, frames.utterances[member]) for member in everyone),
    }


def _itself(task: Task, members: Sequence[int], probabilities: Floats) -> dict[str, Any]:
    """How much of each class this very model finds among those who stopped its learning."""
    true = [str(task.labels[member]) for member in members]
    said = [task.classes[place] for place in probabilities.argmax(axis=1)]
    confusion = confusion_matrix(true, said, task.classes)
    found = scores(confusion)
    return {
        "n": len(true),
        "wa": found.wa,
        "ua": found.ua,
        "recall": {
            name: None if np.isnan(share) else float(share)
            for name, share in zip(task.classes, recalls(confusion), strict=True)
        },
    }


def _quantiles(probabilities: Floats) -> list[float]:
    """Of the confidence on validation utterances, from the least to the greatest."""
    found: NDArray[np.float64] = np.quantile(probabilities.max(axis=1), np.linspace(0, 1, QUANTILES))
    return [float(value) for value in found]


def _said(context: Context, model: TrainedModel, members: Sequence[int], at_once: int = 64) -> NDArray[np.float32]:
    parts = [members[start : start + at_once] for start in range(0, len(members), at_once)]
    return np.concatenate([model.judge([context.frames.of(one) for one in part]).said for part in parts])
