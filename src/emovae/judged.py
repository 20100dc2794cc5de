"""Finished cells, read again: who was tested and what was said of them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae.cells import result_of
from emovae.grid import Cell, Context
from emovae.stages import Averaged
from emovae.training import Epoch


class Judged(NamedTuple):
    """One fold of one seed: who was tested and what was said of them.

    Attributes:
        cell: which cell.
        members: the tested utterances.
        true: the class of each.
        predicted: the class of highest probability.
        probabilities: float32 [utterance, class].
        autoencoder_curve: the learning curve of the autoencoder; empty where there is none.
        validation: probabilities of those who stopped the learning, [utterance, class], or None.
        averaged: what draws say, see `stages.CellResult`; and so are the next two.
        reconstruction: of the tested utterances, [utterance], or None.
        use: of the latent space, or None.
    """

    cell: Cell
    members: tuple[int, ...]
    true: list[str]
    predicted: list[str]
    probabilities: NDArray[np.float32]
    autoencoder_curve: list[Epoch]
    validation: NDArray[np.float32] | None = None
    averaged: Mapping[str, Averaged] = {}
    reconstruction: NDArray[np.float32] | None = None
    use: Mapping[str, float | None] | None = None


class Line(NamedTuple):
    """What a line of the table is about: fields as in `grid.Cell`."""

    model: str
    task: int
    test_condition: str | None
    latent: int | None


def lines_of(cells: Sequence[Cell]) -> dict[Line, list[Cell]]:
    """The lines of the table, in the order of the grid, each with its cells."""
    lines: dict[Line, list[Cell]] = {}
    for cell in cells:
        lines.setdefault(Line(cell.model, cell.task, cell.test_condition, cell.latent), []).append(cell)
    return lines


def judge(context: Context, cell: Cell) -> Judged:
    """Reads what a finished cell said.

    Raises:
        ValueError: when it is not finished.
    """
    task, members = context.tasks[cell.task], context.fold(cell).test
    result = result_of(context, cell)
    if result is None:
        raise ValueError(f"cell {cell} is not finished")
    predicted = [task.classes[place] for place in result.probabilities.argmax(axis=1)]
    true = [str(task.labels[member]) for member in members]
    return Judged(
        cell,
        members,
        true,
        predicted,
        result.probabilities,
        result.autoencoder_curve,
        result.validation,
        result.averaged,
        result.reconstruction,
        result.use,
    )
