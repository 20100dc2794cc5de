"""The final model of a corpus: it learns from everyone, or from one fold's training side, and says what to expect.

Everyone but the speakers who stop the learning; these also set its temperature, and tell how sure it is as a rule. What
to expect of a model that learned from everyone is estimated by the same training on the folds of the protocol.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae import marks
from emovae.autoencoders import CVAE
from emovae.calibration import Floats, fit_temperature, tempered
from emovae.config import Experiment
from emovae.corpora import Corpus
from emovae.errors import ConfigError
from emovae.everyone import World, place_of, world_of
from emovae.experiment import Run, frames_of, run
from emovae.familiarity import fit
from emovae.files import fingerprint
from emovae.given_folds import GivenFolds
from emovae.grid import Cell, Context, autoencoder_members
from emovae.latents import conditions
from emovae.locks import held
from emovae.logmel import HOP_MS
from emovae.machine import one_thread, resolve_precision
from emovae.material import class_shares
from emovae.metrics import confusion_matrix, recalls, scores
from emovae.recognition import Learned, learn
from emovae.tasks import Task, tasks_of
from emovae.trained import TrainedModel, needs_weights
from emovae.unfinished import unfinished
from emovae.watcher import Watcher

PLAIN = "functionals-SVM"
MOST_PLAIN = 5000
"""Of more utterances that baseline takes longer than the model."""
QUANTILES = 101
"""Of the confidence on validation utterances, for the share that is to be turned away."""


class Means(NamedTuple):
    """With what a model is trained.

    Attributes:
        cache: where frames, finished cells and trained autoencoders are kept.
        watcher: is told how it goes on.
        jobs: how many processes, or recordings that are read at once.
        device: `cpu` or `cuda`.
        given: the folds that others have made, where the protocol is `given`.
        elsewhere: computes the cells of an estimate in other places; None for processes of this machine.
        learn: trains the final model's autoencoder in other places, and keeps it where its cell looks for it; None for
            this process.
        learners: how many processes learn in `learn`.
    """

    cache: Path
    watcher: Watcher
    jobs: int = 1
    device: str = "cpu"
    given: GivenFolds | None = None
    elsewhere: Run | None = None
    learn: Callable[[Context, Cell, Watcher], None] | None = None
    learners: int = 1


def estimate(experiment: Experiment, corpus: Corpus, means: Means) -> dict[str, Any]:
    """What to expect of a model that learns from everyone: the same training on each fold of the protocol.

    Beside it stands what a machine without learned features reaches there, where the corpus is not too large for that.
    Arguments and errors as for `train_final`. Finished cells are kept in the cache.
    """
    _require_portable(experiment)
    beside = (PLAIN,) if len(corpus.utterances) <= MOST_PLAIN else ()
    done = run(
        experiment.model_copy(update={"baselines": beside}),
        corpus,
        _folder(experiment, corpus, means.cache),
        means.cache,
        means.watcher,
        jobs=means.jobs,
        device=means.device,
        given=means.given,
        elsewhere=means.elsewhere,
    )
    rows = done.results["rows"]
    (row,) = [one for one in rows if one["model"] == experiment.models[0]]
    return {
        "beside": {one["model"]: {"wa": one["wa"], "ua": one["ua"]} for one in rows if one["model"] in beside},
        "by": row["protocol"],
        "n": row["n"],
        "wa": row["wa"],
        "ua": row["ua"],
        "intervals": {name: row["intervals"][name] for name in ("wa", "ua")},
        "recall": row["recall"],
        "groups": row["groups"],
    }


def train_final(
    experiment: Experiment,
    corpus: Corpus,
    means: Means,
    *,
    fold: str | None = None,
    expected: Mapping[str, Any] | None = None,
) -> TrainedModel:
    """Trains a model to take along.

    Args:
        experiment: of one model and one target.
        corpus: what to learn from.
        means: with what.
        fold: the name or number (from 1) of the fold whose training side alone is learned from; None for everyone.
        expected: what `estimate` told; for a fold those whom it holds out tell.

    Raises:
        ConfigError: for an experiment of several models, or one that asks at prediction what nobody can answer.
        EmovaeError: what a person can mend, as in `experiment.run`.
    """
    _require_portable(experiment)
    cache, watcher, jobs, device, given = means[:5]
    experiment = experiment.model_copy(update={"precision": resolve_precision(experiment.precision, device)})
    planned = tasks_of(experiment, corpus, corpus.utterances, given)[0]  # what cannot be divided is told at once
    if fold is not None:
        place_of(planned, fold)
    frames = frames_of(experiment, corpus, cache, watcher, jobs)
    task = tasks_of(experiment, corpus, frames.utterances, given)[0]
    folder = _folder(experiment, corpus, cache) / "cells"
    world = world_of(experiment, frames, task, folder, device, fold, means.learners)
    watcher.planned(world.context, [(world.cell,)], 0)
    with held(folder, watcher.notice), one_thread():
        unfinished(world.context, [world.cell], watcher.notice)
        if means.learn is not None:
            means.learn(*world, watcher)
        model = _model(world, learn(*world, watcher.step), corpus)
        told = expected if fold is None else _of_fold(world, model)
    watcher.done((world.cell,))
    return replace(model, facts={**model.facts, "estimate": told})


def _folder(experiment: Experiment, corpus: Corpus, cache: Path) -> Path:
    """Where the cells of an estimate and the autoencoder lie."""
    stated = experiment.model_dump(mode="json", exclude={"name", "title", "precision"})
    return cache / "models" / fingerprint([corpus.name, stated])


def _require_portable(experiment: Experiment) -> None:
    if len(experiment.models) != 1 or experiment.baselines or experiment.rivals or len(experiment.targets) != 1:
        raise ConfigError("a model to take along is one autoencoder with its classifier, and names one target")
    if experiment.latent_sizes or len(experiment.subsets) != 1:
        raise ConfigError("a model to take along has one size and learns from one subset; set autoencoder.latent")
    if experiment.normalise == "speaker":
        raise ConfigError(
            "normalise=speaker needs to know who speaks, and all that they say: a model to take along cannot;"
            " use --set normalise=train or normalise=utterance"
        )
    if experiment.features == "sample":
        raise ConfigError("features=sample draws anew at each prediction; use --set features=mean+log_variance")
    if experiment.models[0] == "CVAE-LSTM" and experiment.test_condition != ("marginal",):
        raise ConfigError(
            f"test_condition={','.join(experiment.test_condition)} is not for a model to take along, which knows no"
            " label: use --set 'test_condition=[\"marginal\"]'"
        )


def _model(world: World, learned: Learned, corpus: Corpus) -> TrainedModel:
    context, cell = world
    task, fold, experiment = context.tasks[cell.task], context.fold(cell), context.experiment
    temperature = fit_temperature(learned.validation, task.numbers(fold.validation))
    weights = None
    if needs_weights(learned.encoder.network):
        prior = class_shares(context, cell) if experiment.marginal_weights == "prior" else None
        if not isinstance(learned.encoder.network, CVAE):
            prior = None
        weights = conditions([None], len(task.condition_classes), oracle=False, prior=prior)[0]
    return TrainedModel(
        settings=experiment,
        classes=task.classes,
        encoder=learned.encoder.network.cpu().eval(),
        reader=learned.reader.cpu().eval(),
        usual=fit(context.frames.each(fold.train), context.frames.each(fold.validation)),
        scale=learned.normaliser.scales[0] if experiment.normalise == "train" else None,
        weights=weights,
        temperature=temperature,
        facts={
            "training": _training(context, cell, corpus),
            "itself": _itself(task, fold.validation, learned.validation),
            "confidences": _quantiles(tempered(learned.validation, temperature)),
        },
    )


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


def _of_fold(world: World, model: TrainedModel) -> dict[str, Any]:
    """What the model says of the speakers whom its fold held out."""
    context, cell = world
    task, fold = context.tasks[cell.task], context.fold(cell)
    true = [str(task.labels[member]) for member in fold.test]
    said = [task.classes[place] for place in _said(context, model, fold.test).argmax(axis=1)]
    found = scores(confusion_matrix(true, said, task.classes))
    return {"by": fold.name, "n": len(fold.test), "wa": found.wa, "ua": found.ua}


def _said(context: Context, model: TrainedModel, members: Sequence[int], at_once: int = 64) -> NDArray[np.float32]:
    parts = [members[start : start + at_once] for start in range(0, len(members), at_once)]
    return np.concatenate([model.judge([context.frames.of(one) for one in part]).said for part in parts])
