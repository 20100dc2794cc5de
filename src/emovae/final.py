"""The final model of a corpus: it learns from everyone, or from one fold's training side, and says what to expect.

Everyone but the speakers who stop the learning; these also set its temperature, and tell how sure it is as a rule. What
to expect of a model that learned from everyone is estimated by the same training on the folds of the protocol.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from emovae.answers import are_known
from emovae.autoencoders import CVAE
from emovae.calibration import fit_temperature
from emovae.config import Experiment
from emovae.corpora import Corpus
from emovae.ensembles import with_autoencoder
from emovae.everyone import World, place_of, world_of
from emovae.experiment import Run, frames_of, run
from emovae.facts import facts_of, of_fold, of_validation
from emovae.familiarity import Familiarity, fit
from emovae.files import fingerprint
from emovae.given_folds import GivenFolds
from emovae.grid import Cell, Context
from emovae.kinds import ENSEMBLES
from emovae.latents import conditions
from emovae.learned_ensemble import LearnedEnsemble, learn_ensemble
from emovae.locks import held
from emovae.machine import one_thread, resolve_precision
from emovae.material import class_shares
from emovae.mel import HOP_MS
from emovae.recognition import Learned, learn
from emovae.seats import chosen
from emovae.takeable import require_takeable
from emovae.tasks import tasks_of
from emovae.trained import TrainedModel, needs_weights
from emovae.trained_ensemble import BY_SPEAKER, FEW, WHY_ALONE, Trained, TrainedEnsemble
from emovae.unfinished import unfinished
from emovae.watcher import Watcher

PLAIN = "functionals-SVM"
MOST_PLAIN = 5000
"""Of more utterances that baseline takes longer than the model."""


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
    require_takeable(experiment)
    if experiment.normalise_statistics == "none":
        return _estimated(experiment, corpus, means)
    alone = experiment.model_copy(update={"normalise_statistics": "none"})
    told, few = _estimated(alone, corpus, means), _few(experiment, corpus, means)
    if few == told["n"]:  # whom the model that is taken along would judge by themselves, all of them
        return told
    means.watcher.notice("the same, where it is known who speaks:")
    return {**told, BY_SPEAKER: {**_estimated(experiment, corpus, means), FEW: few}}


def _few(experiment: Experiment, corpus: Corpus, means: Means) -> int:
    """How many of the tested utterances are of people who say too little to be set on a scale of their own."""
    frames = frames_of(experiment, corpus, means.cache, means.watcher, means.jobs)
    plan = tasks_of(experiment, corpus, frames.utterances, means.given)[0].plan
    known = are_known([utterance.speaker for utterance in frames.utterances])
    tested = sorted({member for fold in plan.folds for member in fold.test})
    return int((~known[tested]).sum())


def _estimated(experiment: Experiment, corpus: Corpus, means: Means) -> dict[str, Any]:
    """The same, of recordings by themselves or on the scale of their speakers."""
    beside = (PLAIN,) if len(corpus.utterances) <= MOST_PLAIN else ()
    folder = _folder(experiment, corpus, means.cache)
    done = run(
        experiment.model_copy(update={"baselines": beside}),
        corpus,
        folder if experiment.normalise_statistics == "none" else folder / BY_SPEAKER,
        means.cache,
        means.watcher,
        jobs=means.jobs,
        device=means.device,
        given=means.given,
        cells_in=folder / "cells",
        elsewhere=means.elsewhere,
    )
    rows = done.results["rows"]
    (row,) = [one for one in rows if one["model"] == chosen(experiment)]
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
) -> Trained:
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
    require_takeable(experiment)
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
    with held(folder, watcher.notice), one_thread(), threadpool_limits(1):
        unfinished(world.context, [world.cell], watcher.notice)
        if (learn_together := means.learn) is not None:
            for there, one in with_autoencoder(*world):
                learn_together(there, one, watcher)
        model = _model(world, corpus, watcher)
        told = _told(model, expected) if fold is None else of_fold(*world, model)
    watcher.done((world.cell,))
    return replace(model, facts={**model.facts, "estimate": told})


def _told(model: Trained, expected: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """What to expect of a model, without what it has not learned."""
    if expected is None or not isinstance(model, TrainedEnsemble) or model.by_speaker is not None:
        return expected
    return {name: told for name, told in expected.items() if name != BY_SPEAKER}


def _folder(experiment: Experiment, corpus: Corpus, cache: Path) -> Path:
    """Where the cells of an estimate and the autoencoder lie."""
    beside = {"name", "title", "precision", "normalise_statistics", "ensemble", "statistics", "voices"}
    stated = experiment.model_dump(mode="json", exclude=beside)
    if stated["segments"]["stride_ms"] == HOP_MS:  # as if there were no other
        del stated["segments"]["stride_ms"]
    return cache / "models" / fingerprint([corpus.name, stated])


def _model(world: World, corpus: Corpus, watcher: Watcher) -> Trained:
    if world.cell.model in ENSEMBLES:
        learned = learn_ensemble(*world, watcher.step)
        if learned.why:
            watcher.notice(f"{learned.why}; so the model judges each recording by itself, whoever speaks")
        return _ensemble(world, learned, corpus)
    return _network(world, learn(*world, watcher.step), corpus)


def _ensemble(world: World, learned: LearnedEnsemble, corpus: Corpus) -> TrainedEnsemble:
    context, cell = world
    (readings, alone, by_speaker, why), task = learned, context.tasks[cell.task]
    told = facts_of(context, cell, corpus, alone.asked, alone.validation, alone.machines.temperature)
    if by_speaker is not None:
        told[BY_SPEAKER] = of_validation(task, by_speaker.asked, by_speaker.validation, by_speaker.machines.temperature)
    if why:
        told[WHY_ALONE] = why
    for encoder in readings.encoders:
        encoder.cpu().eval()
    return TrainedEnsemble(
        readings=readings,
        classes=task.classes,
        alone=alone.machines,
        by_speaker=None if by_speaker is None else by_speaker.machines,
        usual=_usual(world),
        facts=told,
    )


def _usual(world: World) -> Familiarity:
    context, cell = world
    fold, bands = context.fold(cell), context.experiment.front_end.bands
    train, others = ((context.frames.of(one)[:, :bands] for one in side) for side in (fold.train, fold.validation))
    return fit(train, others)


def _network(world: World, learned: Learned, corpus: Corpus) -> TrainedModel:
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
        usual=_usual(world),
        scale=learned.normaliser.scales[0] if experiment.normalise == "train" else None,
        weights=weights,
        temperature=temperature,
        facts=facts_of(context, cell, corpus, fold.validation, learned.validation, temperature),
    )
