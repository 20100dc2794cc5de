"""Finished cells, read again: who was tested and what was said of them."""

from collections.abc import Sequence
from typing import NamedTuple

from emovae.cells import result_of
from emovae.grid import Cell, Context
from emovae.stages import CellResult


class Judged(NamedTuple):
    """One fold of one seed: who was tested and what was said of them.

    Attributes:
        cell: which cell.
        members: the tested utterances.
        true: the class of each.
        predicted: the class of highest probability.
        result: all that the cell left.
    """

    cell: Cell
    members: tuple[int, ...]
    true: list[str]
    predicted: list[str]
    result: CellResult


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
    return Judged(cell, members, true, predicted, result)
