"""The first of two passes: which class an utterance seems to show, as the condition of the second (`predicted`).

A tested utterance's class comes from a classifier that learned from all training speakers. Training utterances must not
get theirs from a classifier that knew them, or the second pass would learn to trust a condition that is nearly always
right: groups of training speakers are left out in turn, and named by what learned from the others. The encoder itself
is the same for all, as training it again for each group would multiply the cost; it reads every class alike here.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from emovae.classifiers import LSTMClassifier
from emovae.errors import ProtocolError
from emovae.examples import Labelled
from emovae.grid import Cell, Context, seed_of
from emovae.groups import speaker_groups
from emovae.latents import Sequences
from emovae.outputs import predict
from emovae.seeds import seed_for

GROUPS = 3

Learn = Callable[[Labelled, Labelled, str, int], LSTMClassifier]
"""Trains a classifier of the condition on the first, stopped by the second; its number for a person; its seed."""


def first_pass(
    context: Context, cell: Cell, sides: Sequence[Sequences], learn: Learn
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The condition class of each utterance, as a place in `condition_classes`, for training, validation and test.

    Args:
        context: what all cells share.
        cell: the cell.
        sides: what the classifier reads of the three.
        learn: trains.

    Raises:
        ProtocolError: where fewer than two speakers are learned from.
    """
    task, fold, machine = context.tasks[cell.task], context.fold(cell), context.machine
    known = [_known(task.condition_numbers(members)) for members in (fold.train, fold.validation)]
    if not all(len(one) for one in known):
        raise ProtocolError(f"{cell.model}, {fold.name}: nobody has an emotion to condition on; use condition=target")
    train, validation = (
        Labelled(side.of(places), np.array([task.condition_numbers(members)[place] for place in places]))
        for side, places, members in zip(sides, known, (fold.train, fold.validation), strict=False)
    )
    seed = seed_of(context, cell, "first pass")
    speakers = np.array([context.frames.utterances[member].speaker for member in fold.train])
    groups = _groups(speakers[known[0]].tolist(), train.labels.astype(np.int64))
    if len(groups) < 2:
        raise ProtocolError(
            f"{cell.model}, {fold.name}: test_condition=predicted names training utterances by what learned from other"
            " speakers, and there is one speaker to learn from; use other conditions, or fewer folds"
        )
    count = len(groups) + 1
    everyone = learn(train, validation, f"1 of {count}", seed)
    named = [predict(everyone, side, machine).argmax(axis=1) for side in sides]
    for number, group in enumerate(groups, start=2):
        others = np.flatnonzero(~np.isin(speakers[known[0]], group))
        left_out = learn(
            Labelled(train.sequences.of(others), train.labels[others]),
            validation,
            f"{number} of {count}",
            seed_for(seed, number),
        )
        theirs = np.flatnonzero(np.isin(speakers, group))  # those without a class, too
        named[0][theirs] = predict(left_out, sides[0].of(theirs), machine).argmax(axis=1)
    return named[0], named[1], named[2]


def _known(numbers: Sequence[int | None]) -> NDArray[np.int64]:
    return np.array([place for place, number in enumerate(numbers) if number is not None], np.int64)


def _groups(speakers: Sequence[str], labels: NDArray[np.int64]) -> list[list[str]]:
    """Groups of whole speakers; none is empty."""
    return speaker_groups(speakers, [str(label) for label in labels], min(GROUPS, len(set(speakers))))
