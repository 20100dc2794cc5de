"""The support vector machine of a cell: it reads one row of statistics over time for each utterance.

Baselines and models ask the same machine, whether their rows are made of frames, of components or of latents.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from emovae.baselines import functionals_svm
from emovae.grid import Cell, Context

Vectors = Callable[[Sequence[int]], NDArray[np.float32]]
"""Utterances -> their statistics, [utterance, value]."""


def said_by_machine(context: Context, cell: Cell, vectors: Vectors) -> NDArray[np.float32]:
    """What the machine says of who is tested, [utterance, class].

    It stops at nothing, so it learns from the validation speakers too.

    Args:
        context: what all cells share.
        cell: one of `grid.MACHINES`.
        vectors: what it reads.
    """
    task, fold = context.tasks[cell.task], context.fold(cell)
    learned_from = (*fold.train, *fold.validation)
    train, test = (vectors(members) for members in (learned_from, fold.test))
    return functionals_svm.probabilities(train, task.numbers(learned_from), test, len(task.classes))
