"""Whom a final model learns from: everyone but the speakers who stop the learning, or one fold's training side."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from emovae.config import Experiment
from emovae.errors import ProtocolError
from emovae.frames import CorpusFrames
from emovae.grid import Cell, Context
from emovae.heldout import Row, Speech
from emovae.machine import Machine
from emovae.plan import Fold, plan_of, stopping_speakers
from emovae.room import shared_room
from emovae.seats import chosen
from emovae.tasks import Task

EVERYONE = "everyone"


class World(NamedTuple):
    """What a final model is trained in."""

    context: Context
    cell: Cell


def world_of(
    experiment: Experiment,
    frames: CorpusFrames,
    task: Task,
    folder: Path,
    device: str,
    fold: str | None,
    learners: int = 1,
) -> World:
    """The cell of a final model, in the fold of this name or number (from 1); None for everyone.

    So many `learners` will learn its autoencoder together.

    Raises:
        ProtocolError: for a fold that is not there, or too few speakers.
    """
    place = 0
    if fold is None:
        task = replace(
            task, plan=plan_of(EVERYONE, (_everyone(frames, task, experiment),), frames.utterances, task.labels)
        )
    else:
        place = place_of(task, fold)
    model = chosen(experiment)
    condition = "marginal" if model == "CVAE-LSTM" else None
    cell = Cell(model, 0, place, experiment.seed, condition, experiment.autoencoder.latent)
    machine = Machine(device, experiment.precision, shared_room(None, 1, folder / "arrays"), learners)
    return World(Context(experiment, frames, (task,), folder, machine), cell)


def place_of(task: Task, fold: str) -> int:
    """Which of a task's folds is meant: by its name, a published one's without the word before it, or by its number.

    Raises:
        ProtocolError: where there is none.
    """
    names = [one.name for one in task.plan.folds]
    for name in (fold, f"fold {fold}"):
        if name in names:
            return names.index(name)
    if fold.isdecimal() and 1 <= int(fold) <= len(names):
        return int(fold) - 1
    raise ProtocolError(f"there is no fold {fold}; there are {', '.join(names)} (1 to {len(names)})")


def _everyone(frames: CorpusFrames, task: Task, experiment: Experiment) -> Fold:
    """A fold that tests nobody."""
    utterances = frames.utterances
    rows = [
        Row(place, utterance.speaker, label)
        for place, (utterance, label) in enumerate(zip(utterances, task.labels, strict=True))
        if label is not None
    ]
    speech = Speech(utterances, [[] if label is None else [label] for label in task.labels])
    protocol = experiment.protocol if task.target == "emotion" else experiment.dimensional_protocol
    remedy = "record more speakers of each class, or use fewer classes"
    stopping = stopping_speakers(rows, speech, range(len(utterances)), protocol.validation, "nobody", remedy)
    inside = {row.place for row in rows}
    beside = [place for place in range(len(utterances)) if place not in inside]
    return Fold(
        name=EVERYONE,
        train=tuple(row.place for row in rows if row.speaker not in stopping),
        validation=tuple(row.place for row in rows if row.speaker in stopping),
        test=(),
        extra=tuple(place for place in beside if utterances[place].speaker not in stopping),
        aside=tuple(place for place in beside if utterances[place].speaker in stopping),
    )
