"""Results worked by hand: a few people, and what was said of them, without any model."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emovae.frames import CorpusFrames
from emovae.grid import Cell, Context
from emovae.judged import Judged
from emovae.machine import Machine
from emovae.plan import Fold, Plan
from emovae.presets import resolve
from emovae.stages import Averaged, CellResult
from emovae.tasks import Task
from emovae.utterance import Utterance, Vote

Shares = NDArray[np.float32]


def utterance(
    place: int, speaker: str, emotion: str, gender: str | None = None, votes: Sequence[Vote] = ()
) -> Utterance:
    return Utterance(id=str(place), audio=None, speaker=speaker, emotion=emotion, gender=gender, votes=tuple(votes))


def world(utterances: Sequence[Utterance], folds: Sequence[tuple[Sequence[int], Sequence[int]]]) -> Context:
    """A context of one task, emotion, whose folds are given as who stops the learning and who is tested."""
    labels = tuple(one.emotion for one in utterances)
    classes = tuple(sorted({label for label in labels if label is not None}))
    plan = Plan("by hand", tuple(_fold(place, *fold) for place, fold in enumerate(folds)), "0" * 16)
    task = Task(
        target="emotion",
        subset="complete",
        classes=classes,
        labels=labels,
        condition_classes=classes,
        condition_labels=labels,
        plan=plan,
    )
    frames = CorpusFrames(
        folder=Path("nowhere"),
        key="none",
        utterances=tuple(utterances),
        spans=np.zeros((len(utterances), 2), np.int64),
        left_out=(),
        digest="",
    )
    return Context(resolve({"name": "by-hand"}), frames, (task,), Path("nowhere"), Machine())


def _fold(place: int, validation: Sequence[int], test: Sequence[int]) -> Fold:
    return Fold(name=f"fold {place}", train=(), validation=tuple(validation), test=tuple(test), extra=())


def relabelled(context: Context, labels: Mapping[int, str]) -> Context:
    """The same world, in which these utterances show something else."""
    (task,) = context.tasks
    others = tuple(labels.get(place, label) for place, label in enumerate(task.labels))
    return context._replace(tasks=(replace(task, labels=others, condition_labels=others),))


def judged(
    context: Context,
    fold: int,
    said: Shares | Sequence[str],
    *,
    seed: int = 0,
    validation: Shares | None = None,
    averaged: Mapping[str, Averaged] | None = None,
    reconstruction: Shares | None = None,
    **cell: Any,
) -> Judged:
    """What was said of who is tested in a fold: probabilities [utterance, class], or the class that is certain."""
    (task,) = context.tasks
    members = task.plan.folds[fold].test
    shares = (
        said
        if isinstance(said, np.ndarray)
        else np.eye(len(task.classes), dtype=np.float32)[[task.classes.index(name) for name in said]]
    )
    assert shares.shape == (len(members), len(task.classes))
    return Judged(
        cell=Cell(**{"model": "VAE-LSTM", "task": 0, "fold": fold, "seed": seed, **cell}),
        members=members,
        true=[str(task.labels[member]) for member in members],
        predicted=[task.classes[place] for place in shares.argmax(axis=1)],
        result=CellResult(shares, [], [], validation, averaged or {}, reconstruction),
    )


def some_counts(seed: int, seeds: int = 2, speakers: int = 3, classes: int = 3) -> NDArray[np.int64]:
    """Counts [seed, speaker, true class, predicted class]; who shows how many of which class is alike for all seeds."""
    generator = np.random.default_rng(seed)
    shown = generator.integers(0, 9, (speakers, classes))
    shown[:, 0] += 1
    return generator.multinomial(shown, np.full(classes, 1 / classes), size=(seeds, *shown.shape))
