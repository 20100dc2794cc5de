"""The machine of a cell, a support vector machine or a discriminant: it reads a row of statistics for each utterance.

Baselines and models ask the same machine, whether their rows are made of frames, of components or of latents, and the
same setting scales the rows of all (`normalise_statistics`):

`none`: as they are; the machine itself scales by those it learns from.
`speaker`: over all utterances of the same speaker, tested ones too: transductive, and printed as such.

Discriminants learn from other `voices` of the speakers besides, where the experiment asks for that; who is tested is
read as recorded.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from emovae.baselines import functionals_lda, functionals_svm
from emovae.functionals import per_speaker
from emovae.grid import Cell, Context, said_by_its_speakers

Rows = NDArray[np.float32]
Vectors = Callable[[Sequence[int], int], Rows]
"""Utterances, and in which voice (0 as recorded, see `voices`) -> their statistics, [utterance, value]."""
Several = Callable[[Sequence[int], int], Sequence[Rows]]
"""The same -> several kinds of statistics of them."""


def said_by_each(contexts: Sequence[Context], cell: Cell, read: Several) -> list[Rows]:
    """What a machine for each kind of statistics says; what these are of is made once for all.

    Args:
        contexts: what all cells share, one for each kind; they differ in `statistics` alone.
        cell: as of `said_by_machine`.
        read: what they read, in this order.
    """
    made = dict[tuple[tuple[int, ...], int], Sequence[Rows]]()

    def one_of(place: int, members: Sequence[int], voice: int) -> Rows:
        asked = (tuple(members), voice)
        found = made.pop(asked, None) or read(members, voice)
        if place + 1 < len(contexts):  # each asks for the same, once, in this order
            made[asked] = found
        return found[place]

    return [said_by_machine(context, cell, partial(one_of, place)) for place, context in enumerate(contexts)]


def said_by_machine(context: Context, cell: Cell, vectors: Vectors) -> Rows:
    """What the machine says of who is tested, [utterance, class].

    It stops at nothing, so it learns from the validation speakers too.

    Args:
        context: what all cells share.
        cell: one of `kinds.MACHINES`.
        vectors: what it reads.
    """
    task, fold = context.tasks[cell.task], context.fold(cell)
    learned_from = (*fold.train, *fold.validation)
    train, test = _scaled(context, cell, vectors, (learned_from, fold.test))
    labels = task.numbers(learned_from)
    if not cell.model.endswith("-LDA"):
        return functionals_svm.probabilities(train, labels, test, len(task.classes))
    voices = range(1, context.experiment.voices + 1)
    copies = [_scaled(context, cell, vectors, (learned_from,), voice)[0] for voice in voices]
    shown = np.concatenate([train, *copies])
    return functionals_lda.probabilities(shown, np.tile(labels, 1 + len(copies)), test, len(task.classes))


def _scaled(
    context: Context, cell: Cell, vectors: Vectors, sides: Sequence[Sequence[int]], voice: int = 0
) -> list[Rows]:
    """What is read of each side, [utterance, value], on the scale that the experiment asks for."""
    if context.experiment.normalise_statistics == "none":
        return [vectors(side, voice) for side in sides]
    utterances = context.frames.utterances
    people = {utterances[member].speaker for side in sides for member in side}
    members = [member for member in said_by_its_speakers(context, cell) if utterances[member].speaker in people]
    rows = per_speaker(vectors(members, voice), [utterances[member].speaker for member in members])
    return [rows[np.searchsorted(members, side)] for side in sides]
