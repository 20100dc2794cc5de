"""What a final model tells of itself: from what it learned, and how it fares with those whom it did not learn from."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emovae import marks
from emovae.answers import are_known
from emovae.calibration import Floats, tempered
from emovae.corpora import Corpus
from emovae.files import fingerprint
from emovae.grid import Cell, Context, autoencoder_members
from emovae.logmel import HOP_MS
from emovae.metrics import confusion_matrix, recalls, scores
from emovae.tasks import Task
from emovae.trained import TrainedModel
from emovae.trained_ensemble import BY_SPEAKER, FEW, Trained, joined

QUANTILES = 101
"""Of the confidence on validation utterances, for the share that is to be turned away."""


def facts_of(
    context: Context, cell: Cell, corpus: Corpus, asked: Sequence[int], said: Floats, temperature: float
) -> dict[str, Any]:
    """The facts of a model, see `TrainedModel`, without what to expect of it.

    Args:
        context: what it was trained in.
        cell: its cell there.
        corpus: what it learned from.
        asked: the utterances that stopped its learning, as places in the corpus.
        said: what it says of these, [utterance, class].
        temperature: the one that was set on them.

    Raises:
        AudioError: when a recording is no longer there.
    """
    task = context.tasks[cell.task]
    return {"training": _training(context, cell, corpus), **of_validation(task, asked, said, temperature)}


def of_validation(task: Task, asked: Sequence[int], said: Floats, temperature: float) -> dict[str, Any]:
    """How a model fares with those who stopped its learning, and how sure it is; arguments as for `facts_of`."""
    return {"itself": _itself(task, asked, said), "confidences": _quantiles(tempered(said, temperature))}


def of_fold(context: Context, cell: Cell, model: Trained) -> dict[str, Any]:
    """How a model fares with the speakers whom its fold held out.

    Returns:
        `by`, the fold; `n`, how many utterances; `wa` and `ua`, see `metrics.scores`; `by_speaker`, the same where all
        that they say sets the scale, if the model has learned that and somebody says enough, and how many do not
        (`few`).
    """
    fold = context.fold(cell)
    if isinstance(model, TrainedModel):
        parts = [model.judge(some).said for some in _frames(context, fold.test)]
        return _of_test(context, cell, model, fold.test, np.concatenate(parts))
    # Unlabelled speech sets a scale, too.
    utterances, tested = context.frames.utterances, set(fold.test)
    people = {utterances[member].speaker for member in tested}
    members = [member for member, one in enumerate(utterances) if one.speaker in people]
    heard = joined([model.heard(some) for some in _frames(context, members)])
    asked = [place for place, member in enumerate(members) if member in tested]
    test = [members[place] for place in asked]
    told = _of_test(context, cell, model, test, model.said_of(heard).said[asked])
    speakers = [utterances[member].speaker for member in members]
    known = are_known(speakers)[asked]
    if model.by_speaker is not None and known.any():
        said = model.said_of(heard, speakers).said[asked]
        told[BY_SPEAKER] = {**_of_test(context, cell, model, test, said), FEW: int((~known).sum())}
    return told


def _of_test(
    context: Context, cell: Cell, model: Trained, members: Sequence[int], said: NDArray[np.float32]
) -> dict[str, Any]:
    task = context.tasks[cell.task]
    true = [str(task.labels[member]) for member in members]
    named = [model.classes[place] for place in said.argmax(axis=1)]
    found = scores(confusion_matrix(true, named, model.classes))
    return {"by": context.fold(cell).name, "n": len(true), "wa": found.wa, "ua": found.ua}


def _frames(context: Context, members: Sequence[int], at_once: int = 64) -> Iterator[list[NDArray[np.float32]]]:
    """The frames of utterances, a handful at once."""
    for start in range(0, len(members), at_once):
        yield [context.frames.of(one) for one in members[start : start + at_once]]


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
