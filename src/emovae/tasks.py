"""What is to be told apart, on which utterances, and who is held out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emovae.config import Experiment
from emovae.confounds import INSTEAD, require_labels_within_speakers
from emovae.corpora import Corpus
from emovae.errors import ConfigError
from emovae.folds import Plan, plan_folds
from emovae.given_folds import GivenFolds
from emovae.kinds import Target
from emovae.labels import DIMENSIONS, LEVELS, mapped
from emovae.targets import Labels, labels_of, mapping_of, strata_by_emotion, strata_by_levels
from emovae.utterance import Utterance

WHOLE = "complete"
"""The name of a corpus's subset that is all of it."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is to be told apart, on which utterances, and who is held out.

    Attributes:
        target: `emotion`, or a dimension in three levels.
        subset: which part of the corpus.
        classes: the classes, in the order of all probabilities.
        labels: the class of each utterance of the corpus; None where it is not of the task.
        condition_classes: the classes that a CVAE is told.
        condition_labels: and the one of each utterance, or None.
        plan: the folds.
        values: the rating of each utterance, or None; empty for emotion.
    """

    target: str
    subset: str
    classes: tuple[str, ...]
    labels: tuple[str | None, ...]
    condition_classes: tuple[str, ...]
    condition_labels: tuple[str | None, ...]
    plan: Plan
    values: tuple[float | None, ...] = ()

    def numbers(self, members: Sequence[int]) -> NDArray[np.int64]:
        """The classes of these utterances as places in `classes`."""
        return np.array([self.classes.index(str(self.labels[member])) for member in members], np.int64)

    def values_of(self, members: Sequence[int]) -> NDArray[np.float32]:
        """The ratings of these utterances."""
        return np.array([self.values[member] for member in members], np.float32)

    def condition_numbers(self, members: Sequence[int]) -> list[int | None]:
        """What a CVAE is told of these utterances, as places in `condition_classes`."""
        told = (self.condition_labels[member] for member in members)
        return [None if label is None else self.condition_classes.index(label) for label in told]


def subsets_of(experiment: Experiment, corpus: Corpus) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The subsets to run, and what to say of them: a corpus that is not divided is taken whole.

    Raises:
        ConfigError: for a subset that a divided corpus does not have.
    """
    known = sorted({utterance.subset for utterance in corpus.utterances if utterance.subset is not None})
    if not known:
        if experiment.subsets == (WHOLE,):
            return (WHOLE,), ()
        return (WHOLE,), (
            f"{corpus.name} has no subsets, so the whole of it stands for {', '.join(experiment.subsets)}",
        )
    if unknown := [name for name in experiment.subsets if name not in (*known, WHOLE)]:
        stated = tuple(name for name in experiment.subsets if name not in unknown)
        if not stated:
            have = ", ".join([*known, WHOLE])
            raise ConfigError(
                f"{corpus.name} has no subset {unknown[0]}; it has {have}: use --set 'subsets=[\"{WHOLE}\"]' or others"
            )
        # A study made for another corpus's subsets: what stands for them here is what this corpus has.
        taken = stated if set(stated) - {WHOLE} else (*known, WHOLE)
        return taken, (f"{corpus.name} has no subset {', '.join(unknown)}; its own were taken: {', '.join(taken)}",)
    return experiment.subsets, ()


def notices_of(tasks: Sequence[Task]) -> tuple[str, ...]:
    """What their plans say, each once; with the name of the task where it is not true of all of them."""
    told: dict[str, list[Task]] = {}
    for task in tasks:
        for notice in task.plan.notices:
            told.setdefault(notice, []).append(task)
    return tuple(
        notice if prefix is None else f"{prefix.target}, {prefix.subset}: {notice}"
        for notice, among in told.items()
        for prefix in ([None] if len(among) == len(tasks) else among)
    )


def tasks_of(
    experiment: Experiment, corpus: Corpus, utterances: Sequence[Utterance], given: GivenFolds | None = None
) -> tuple[Task, ...]:
    """Labels, conditions and folds of every target on every subset.

    All subsets of emotion share their folds, and so do all dimensions, as far as they can be divided alike.

    Args:
        experiment: the configuration.
        corpus: whence the subsets and the usual label mapping come.
        utterances: those of the corpus that can be used.
        given: the folds that others have made, where the protocol is `given`.

    Raises:
        ConfigError: for a class or a subset that the corpus does not have.
        CorpusError: where it has no such label at all.
        ProtocolError: when it cannot be divided as asked.
    """
    mapping = mapping_of(experiment, corpus)
    emotions = [mapped(utterance.emotion, mapping) for utterance in utterances]
    names, _ = subsets_of(experiment, corpus)
    labels = {target: labels_of(experiment, utterances, emotions, target) for target in experiment.targets}
    inside = {
        (target, subset): _inside(experiment, utterances, labels[target], target, subset)
        for target in experiment.targets
        for subset in names
    }
    by_emotion = strata_by_emotion(experiment, utterances, emotions)
    by_levels = strata_by_levels(experiment, utterances)
    strata = {target: by_emotion if target == "emotion" else by_levels for target in experiment.targets}
    tasks = tuple(
        _task(experiment, utterances, (target, subset), within, labels[target], emotions, strata[target], given)
        for (target, subset), within in inside.items()
    )
    for setting in () if experiment.insist_on_speaker_normalisation else INSTEAD:
        for task in tasks if getattr(experiment, setting) == "speaker" else ():
            require_labels_within_speakers(utterances, task.labels, setting=setting)
    return tasks


def _inside(
    experiment: Experiment, utterances: Sequence[Utterance], labels: Labels, target: Target, subset: str
) -> Labels:
    """The labels of those who are of the task; None for all others."""
    found = {label for label in labels if label is not None}
    wanted = set(experiment.classes) if experiment.classes and target == "emotion" else found
    if lacking := wanted - found:
        raise ConfigError(f"classes: no utterance is labelled {min(lacking)}; there are {', '.join(sorted(found))}")
    return tuple(
        label if label in wanted and subset in (WHOLE, utterance.subset) else None
        for label, utterance in zip(labels, utterances, strict=True)
    )


def _task(
    experiment: Experiment,
    utterances: Sequence[Utterance],
    name: tuple[Target, str],
    inside: Labels,
    labels: Labels,
    emotions: Sequence[str | None],
    strata: Sequence[Sequence[str]],
    given: GivenFolds | None,
) -> Task:
    target, subset = name
    emotional = target == "emotion"
    told = _known(labels if experiment.condition == "target" or emotional else emotions, inside)
    protocol, setting = (
        (experiment.protocol, "protocol") if emotional else (experiment.dimensional_protocol, "dimensional_protocol")
    )
    return Task(
        target=target,
        subset=subset,
        classes=_ordered({label for label in inside if label is not None}, target),
        labels=inside,
        condition_classes=_ordered({label for label in told if label is not None}, target),
        condition_labels=told,
        plan=plan_folds(utterances, inside, protocol, strata, setting, given),
        values=() if emotional else tuple(getattr(utterance, DIMENSIONS[target]) for utterance in utterances),
    )


def _known(names: Sequence[str | None], inside: Sequence[str | None]) -> tuple[str | None, ...]:
    """The conditions of all utterances, of other subsets too, as far as the task's own utterances show them."""
    shown = {name for name, label in zip(names, inside, strict=True) if label is not None}
    return tuple(name if name in shown else None for name in names)


def _ordered(classes: set[str], target: Target) -> tuple[str, ...]:
    """Levels from low to high, names by the alphabet."""
    if target != "emotion" and classes <= set(LEVELS):
        return tuple(name for name in LEVELS if name in classes)
    return tuple(sorted(classes))
