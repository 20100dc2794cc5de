"""The machine of a cell, a support vector machine or a discriminant: it reads a row of statistics for each utterance.

Baselines and models ask the same machine, whether their rows are made of frames, of components or of latents, and the
same setting scales the rows of all (`normalise_statistics`):

`none`: as they are; the machine itself scales by those it learns from.
`speaker`: over all utterances of the same speaker, tested ones too: transductive, and printed as such.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from emovae.baselines import functionals_lda, functionals_svm
from emovae.functionals import per_speaker
from emovae.grid import Cell, Context, said_by_its_speakers

Vectors = Callable[[Sequence[int]], NDArray[np.float32]]
"""Utterances -> their statistics, [utterance, value]."""


def said_by_machine(context: Context, cell: Cell, vectors: Vectors) -> NDArray[np.float32]:
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
    ask = functionals_lda.probabilities if cell.model.endswith("-LDA") else functionals_svm.probabilities
    return ask(train, task.numbers(learned_from), test, len(task.classes))


def _scaled(
    context: Context, cell: Cell, vectors: Vectors, sides: Sequence[Sequence[int]]
) -> list[NDArray[np.float32]]:
    """What is read of each side, [utterance, value], on the scale that the experiment asks for."""
    if context.experiment.normalise_statistics == "none":
        return [vectors(side) for side in sides]
    members = said_by_its_speakers(context, cell)
    speakers = [context.frames.utterances[member].speaker for member in members]
    rows = per_speaker(vectors(members), speakers)
    return [rows[np.searchsorted(members, side)] for side in sides]
